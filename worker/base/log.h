/* The log line: logfmt or JSON, one event a line, on standard error.
 *
 * Levels: error = an operator must act; warn = something was retried or refused; info = a change
 * of state of the process; debug = an operation's steps. */
#ifndef BS_BASE_LOG_H
#define BS_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"

enum bs_log_level { BS_LOG_ERROR, BS_LOG_WARN, BS_LOG_INFO, BS_LOG_DEBUG };
enum bs_log_format { BS_LOG_LOGFMT, BS_LOG_JSON };

/* Once, before threads start. */
void bs_log_configure(enum bs_log_level level, enum bs_log_format format);
bool bs_log_enabled(enum bs_log_level level);

/* One key and its value; a line ends with {NULL, NULL}. A NULL value leaves the key out. */
struct bs_log_field {
    const char *key;
    const char *value;
};

/* Writes one line: time, level, the fields (the operation's identity first), then msg. Quotes and
 * escapes as the format needs; a line over 16 KiB is cut. One write(2), so lines of threads do not
 * mix. Any thread. */
void bs_log(enum bs_log_level level, const struct bs_log_field *fields, const char *format, ...)
    BS_PRINTF(3, 4);

/* "debug", "info", "warn", "error"; false for any other name. */
BS_MUST_CHECK bool bs_log_level_parse(const char *name, enum bs_log_level *level);

#endif
