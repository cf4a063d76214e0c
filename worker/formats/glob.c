#include "formats/glob.h"

#include <stdint.h>
#include <string.h>

#include "formats/json.h"

/* The character at `text` and its length; what is no UTF-8 is a byte. */
static uint32_t character(const char *text, size_t *length)
{
    const uint8_t *bytes = (const uint8_t *)text;
    size_t size = bs_utf8_sequence(bytes, strnlen(text, 4));
    *length = size == 0 ? 1 : size;
    uint32_t value = bytes[0];
    for (size_t i = 1; i < size; i++) {
        value = value << 8 | bytes[i]; /* in UTF-8 the order of bytes is that of characters */
    }
    return value;
}

/* Of the set that begins behind its '[': where it ends (behind the ']'), or NULL where it does not;
 * `found`: whether `wanted` is of it. */
static const char *read_set(const char *at, uint32_t wanted, bool *found)
{
    size_t length;
    bool negated = *at == '!' || *at == '^';
    bool in = false;
    at += negated;
    for (bool first = true; first || *at != ']'; first = false) {
        if (*at == '\0' || (*at == '\\' && *++at == '\0')) {
            return NULL;
        }
        uint32_t low = character(at, &length), high = low;
        at += length;
        if (*at == '-' && at[1] != ']' && at[1] != '\0') {
            at += 1 + (at[1] == '\\');
            if (*at == '\0') {
                return NULL;
            }
            high = character(at, &length);
            at += length;
        }
        in = in || (low <= wanted && wanted <= high);
    }
    *found = in != negated;
    return at + 1;
}

/* One element of the pattern that is no '*' against one character; NULL when it does not fit, else
 * what stands behind the element. */
static const char *match_one(const char *pattern, uint32_t wanted)
{
    size_t length;
    bool found = false;
    if (*pattern == '?') {
        return pattern + 1;
    }
    if (*pattern == '[') {
        const char *end = read_set(pattern + 1, wanted, &found);
        return found ? end : NULL;
    }
    pattern += *pattern == '\\' && pattern[1] != '\0';
    return character(pattern, &length) == wanted && *pattern != '\0' ? pattern + length : NULL;
}

bool bs_glob_match(const char *pattern, const char *text)
{
    const char *star = NULL, *from = NULL; /* the last '*', and where it ends for now */
    while (*text != '\0') {
        size_t length;
        uint32_t wanted = character(text, &length);
        if (*pattern == '*') {
            star = ++pattern;
            from = text;
            continue;
        }
        const char *next = match_one(pattern, wanted);
        if (next != NULL) {
            pattern = next;
            text += length;
        } else if (star != NULL) {
            (void)character(from, &length);
            from += length;
            text = from;
            pattern = star;
        } else {
            return false;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return *pattern == '\0';
}

bool bs_glob_match_key(const char *pattern, const char *key)
{
    const char *slash = strrchr(key, '/');
    return bs_glob_match(pattern, key) ||
           (slash != NULL && strchr(pattern, '/') == NULL && bs_glob_match(pattern, slash + 1));
}

bool bs_glob_valid(const char *pattern)
{
    bool found;
    while (pattern != NULL && *pattern != '\0') {
        if (*pattern == '[') {
            pattern = read_set(pattern + 1, 0, &found);
        } else if (*pattern == '\\' && pattern[1] == '\0') {
            return false;
        } else {
            pattern += 1 + (*pattern == '\\');
        }
    }
    return pattern != NULL;
}
