/* Result messages for `results`: as text, JSON lines, a table, subtitles. */
#ifndef BS_FORMATS_TRANSCRIPT_H
#define BS_FORMATS_TRANSCRIPT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/error.h"
#include "base/time.h"
#include "formats/message.h"

/* ---- one result ---- */

struct bs_transcript;

/* Reads a result message; a value whose header content-encoding is gzip is unpacked. The message
 * outlives what is returned, which the caller frees. NULL with a reason when it is no result. */
BS_MUST_CHECK struct bs_transcript *bs_transcript_read(const struct bs_message *message,
                                                       struct bs_error *error);
void bs_transcript_free(struct bs_transcript *transcript);

/* Valid as long as the transcript; "" where it has none. */
const char *bs_transcript_id(const struct bs_transcript *transcript);
const char *bs_transcript_uri(const struct bs_transcript *transcript);
/* When its end was seen; 0 = not told. */
bs_wall_ms bs_transcript_moment(const struct bs_transcript *transcript);
/* Whether it has a label of that name and value. */
BS_MUST_CHECK bool bs_transcript_has_label(const struct bs_transcript *transcript, const char *name,
                                           const char *value);

/* Where the whole of a result stands that was too large for its message. */
struct bs_transcript_reference {
    char *uri; /* s3://…, owned */
    int64_t size_bytes;
    char sha256[65];
};

/* False when it names no such place: then it is whole. Freed by bs_transcript_reference_free. */
BS_MUST_CHECK bool bs_transcript_reference_of(const struct bs_transcript *transcript,
                                              struct bs_transcript_reference *reference);
void bs_transcript_reference_free(struct bs_transcript_reference *reference);
/* Whether these bytes are what was stored: gzip, as the value of a message whose header
 * content-encoding says so. */
BS_MUST_CHECK bool bs_transcript_is_stored(const struct bs_transcript_reference *reference,
                                           struct bs_bytes stored, struct bs_error *error);

/* ---- formats ---- */

enum bs_transcript_format {
    BS_TRANSCRIPT_TEXT,
    BS_TRANSCRIPT_JSONL,
    BS_TRANSCRIPT_SRT,
    BS_TRANSCRIPT_VTT,
    BS_TRANSCRIPT_CSV,
    BS_TRANSCRIPT_TSV
};
#define BS_TRANSCRIPT_FORMATS 6

/* "text", "jsonl", "srt", "vtt", "csv", "tsv"; false for another name. */
BS_MUST_CHECK bool bs_transcript_format_parse(const char *name, enum bs_transcript_format *format);
/* The ending of a file's name: ".txt", ".jsonl", ".srt", … */
const char *bs_transcript_extension(enum bs_transcript_format format);
bool bs_transcript_is_subtitle(enum bs_transcript_format format);
/* Whether what a message alone has of a result that is stored elsewhere can be written so:
 * subtitles and tables need the times that it has not. */
bool bs_transcript_shows_parts(enum bs_transcript_format format);

#define BS_TRANSCRIPT_COLUMNS_MAX 16

/* How results are written, and how far a stream of them is. */
struct bs_transcript_writing {
    enum bs_transcript_format format;
    uint8_t
        columns[BS_TRANSCRIPT_COLUMNS_MAX]; /* of CSV and TSV; see bs_transcript_columns_parse */
    size_t column_count;
    bool spreadsheet; /* CSV and TSV: what a spreadsheet takes for a formula gets a ' before it */
    bool several;     /* VTT: recordings stand in one stream, each behind a NOTE that names it */
    int64_t cues;     /* subtitles written so far: they are numbered on */
};

/* "id,uri,text": names of columns, each once, or NULL for all of them. False with a reason. */
BS_MUST_CHECK bool bs_transcript_columns_parse(const char *names,
                                               struct bs_transcript_writing *writing,
                                               struct bs_error *error);

/* Appends what stands before the first result: a header line, "WEBVTT", or nothing. */
void bs_transcript_begin(const struct bs_transcript_writing *writing, struct bs_buffer *out);

/* Appends one result; always whole lines of valid UTF-8.
 * TEXT: a line `# <id> <uri>`, then the dialogue: one utterance a line, `[m:ss] text`, with the
 * channel where there are several; then an empty line.
 * JSONL: the result as it is, on one line.
 * CSV, TSV: a row an utterance.
 * SRT, VTT: subtitles (subtitle.h); each channel by itself, all in the order of time. */
void bs_transcript_write(struct bs_transcript_writing *writing,
                         const struct bs_transcript *transcript, struct bs_buffer *out);

#endif
