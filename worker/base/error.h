/* One type for everything that can fail: what to do about it, and a message built where the
 * fact is known. It is passed up and logged once, at the place that decides. */
#ifndef BS_BASE_ERROR_H
#define BS_BASE_ERROR_H

#include <stdarg.h>

#include "base/check.h"

enum bs_error_code {
    BS_OK = 0,
    BS_ERROR_INVALID,   /* the input is wrong: another try gives the same */
    BS_ERROR_TEMPORARY, /* another try may succeed */
    BS_ERROR_DENIED,    /* credentials or rights: an operator must act */
    BS_ERROR_NOT_FOUND, /* a file, topic or object that should be there is not */
    BS_ERROR_LIMIT,     /* a configured limit is reached */
    BS_ERROR_FATAL,     /* this process cannot go on */
};

struct bs_error {
    enum bs_error_code code;
    char message[512]; /* NUL-terminated, no secret, no newline */
};

#define BS_NO_ERROR ((struct bs_error){.code = BS_OK, .message = ""})

/* Fills `error` (which may be NULL) and returns `code`. A message that is too long is cut. */
enum bs_error_code bs_error_set(struct bs_error *error, enum bs_error_code code, const char *format,
                                ...) BS_PRINTF(3, 4);

#endif
