/* The log of what arrived: one JSON object a line, so that tests can count. */
#ifndef STANDIN_JOURNAL_H
#define STANDIN_JOURNAL_H

#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "base/time.h"
#include "buffer.h"

struct journal {
    int fd; /* -1 = nothing is written */
    struct buffer pending;
};

/* A field of a line; the value is `text`, or `number` where `text` is NULL. */
struct journal_field {
    const char *name;
    const char *text;
    int64_t number;
};

/* Appends to `path`; NULL: a journal that writes nothing. */
BS_MUST_CHECK enum bs_error_code journal_open(struct journal *journal, const char *path,
                                              struct bs_error *error);
/* {"event":…,"at":…, the fields}; a field with an empty text is left out. Kept until the flush. */
void journal_line(struct journal *journal, const char *event, bs_wall_ms at,
                  const struct journal_field *fields, size_t count);
void journal_flush(struct journal *journal);
void journal_close(struct journal *journal);

#endif
