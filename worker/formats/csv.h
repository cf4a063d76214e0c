/* CSV (RFC 4180, and what spreadsheets make of it), a record at a time. Internal to formats. Any
 * one thread. */
#ifndef BS_FORMATS_CSV_H
#define BS_FORMATS_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "formats/message.h"

#define BS_CSV_FIELDS_MAX 200

struct bs_csv_field {
    size_t at, size; /* in the record's text */
    bool quoted;
};

/* A record while it is read, and when it is whole. All zero but the first three is a new one. */
struct bs_csv {
    char delimiter;
    size_t limit; /* bytes of a record; a longer one is read to its end and has a problem */
    int64_t line; /* the one that is read next, from 1 */

    int64_t record_line;   /* where this record begins */
    const char *problem;   /* NULL, or what is wrong with the record; static */
    struct bs_buffer text; /* the fields, each with a NUL behind it */
    struct bs_csv_field fields[BS_CSV_FIELDS_MAX];
    size_t count;

    int state; /* private */
    bool open;
    size_t record_bytes;
};

/* Reads on: as many bytes as it returns, which is all of them, or up to the end of a record: then
 * `*whole`, and the record stands until the next call. */
BS_MUST_CHECK size_t bs_csv_read(struct bs_csv *csv, const uint8_t *bytes, size_t size,
                                 bool *whole);
/* There are no more bytes: whether a last record, without a line's end, is whole now. */
BS_MUST_CHECK bool bs_csv_end(struct bs_csv *csv);
/* A field's text: without the white space around it unless it was quoted; NUL-terminated. */
const char *bs_csv_text(const struct bs_csv *csv, size_t field);
/* A line without anything on it. */
bool bs_csv_blank(const struct bs_csv *csv);
void bs_csv_free(struct bs_csv *csv);

#endif
