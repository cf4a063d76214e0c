/* Patterns for names. Any thread. */
#ifndef BS_FORMATS_GLOB_H
#define BS_FORMATS_GLOB_H

#include <stdbool.h>

#include "base/check.h"

/* Whether the whole text is such a one: * is any characters, ? one character, [a-z] and [!a-z] one
 * of them or none of them, \ takes the next character as it is; all of them stand for / too. Upper
 * and lower case differ. Time is at most the product of both lengths. */
BS_MUST_CHECK bool bs_glob_match(const char *pattern, const char *text);

/* Of an object's key: the pattern fits the whole key, or, where it has no slash, the part behind
 * the key's last one. */
BS_MUST_CHECK bool bs_glob_match_key(const char *pattern, const char *key);

/* Whether it is well-formed: a [ has its ], a \ something behind it. */
BS_MUST_CHECK bool bs_glob_valid(const char *pattern);

#endif
