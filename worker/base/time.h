/* Time types. Two clocks, never mixed: a duration or deadline is counted on the monotonic clock
 * (which counts suspended time too), a moment that others read is wall time. */
#ifndef BS_BASE_TIME_H
#define BS_BASE_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

typedef int64_t bs_mono_ms; /* milliseconds of CLOCK_BOOTTIME */
typedef int64_t bs_wall_ms; /* milliseconds since 1970-01-01T00:00:00Z; 0 means unknown */

#define BS_NEVER INT64_MAX

struct bs_now {
    bs_mono_ms mono;
    bs_wall_ms wall;
};

/* Length of "2026-01-02T03:04:05.678Z" and its NUL. */
#define BS_RFC3339_SIZE 25

/* Writes UTC with milliseconds; years 1 to 9999. */
void bs_rfc3339_format(bs_wall_ms moment, char text[BS_RFC3339_SIZE]);

/* Reads RFC 3339 (any offset, any number of fractional digits, 'T', 't' or a space; a leap second
 * counts as the second after). False when the text is anything else. */
BS_MUST_CHECK bool bs_rfc3339_parse(const char *text, size_t length, bs_wall_ms *moment);

#endif
