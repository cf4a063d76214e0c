/* What the files of manifest*.c share. Internal to them. */
#ifndef BS_FORMATS_MANIFEST_PARTS_H
#define BS_FORMATS_MANIFEST_PARTS_H

#include "formats/csv.h"
#include "formats/gunzip.h"
#include "formats/json.h"
#include "formats/manifest.h"

/* Within so many bytes the form must be told. */
#define BS_MANIFEST_HEAD_MAX 65536
/* Of a listing: what is held back until its bucket is named. */
#define BS_MANIFEST_HELD_MAX (8 << 20)

enum bs_manifest_form {
    BS_FORM_UNKNOWN,
    BS_FORM_LINES,
    BS_FORM_CSV,
    BS_FORM_LISTING,
    BS_FORM_INVENTORY,
    BS_FORM_NONE, /* it cannot be read: with a problem */
};

/* What a column of a CSV is. */
enum bs_column_kind {
    BS_COLUMN_IGNORED,
    BS_COLUMN_URI,
    BS_COLUMN_BUCKET,
    BS_COLUMN_KEY,
    BS_COLUMN_VERSION,
    BS_COLUMN_MODIFIED,
    BS_COLUMN_LABEL,
    BS_COLUMN_FIELD, /* of the job */
};

struct bs_column {
    enum bs_column_kind kind;
    int field;   /* which, of FIELD */
    char *label; /* of LABEL; owned */
};

struct bs_columns {
    struct bs_column list[BS_CSV_FIELDS_MAX];
    size_t count;
};

struct bs_manifest_listing {
    struct bs_buffer word;    /* the string read last, or the scalar: its text */
    struct bs_buffer name;    /* the member's, at depth 1 */
    struct bs_buffer object;  /* the object's text while it is read */
    struct bs_buffer held;    /* objects' texts, until the page's end */
    struct bs_buffer held_at; /* struct held_object */
    int64_t object_line;
    char *bucket; /* as the page names it; owned */
    int depth;
    int list_depth;                   /* of the array of objects; 0 = we are not in it */
    char open[BS_JSON_DEPTH_MAX + 1]; /* the brackets: '{' or '[' by depth, from 1 */
    bool in_string, escaped;
    bool expects_value; /* a ':' was read behind the name */
    bool object_too_long;
    bool holds; /* false: too many, from now on each goes at once */
    bool url_encoded;
    bool closed; /* a page has ended, or none has begun */
};

struct bs_manifest {
    struct bs_manifest_options options;
    enum bs_manifest_form form;
    bool stopped;
    int64_t number; /* entries so far */
    int64_t line;   /* where the next byte stands */

    uint8_t magic[2]; /* the file's first bytes, until it is known whether they are gzip's */
    size_t magic_size;
    bool unpacked; /* known: `gunzip`, or plain */
    struct bs_gunzip *gunzip;

    struct bs_buffer head;       /* the plain text while the form is not known */
    struct bs_buffer unfinished; /* lines: one that is not whole */
    bool too_long;
    struct bs_csv csv; /* CSV, inventory */
    struct bs_columns columns;
    bool header_read;
    struct bs_manifest_listing listing;
    struct bs_buffer text; /* of an entry that is made of several pieces */
    struct bs_buffer key;
};

/* ---- manifest.c ---- */

/* Numbers the entry and hands it on; what it does not say is not known. False: no more. */
bool bs_manifest_emit(struct bs_manifest *manifest, struct bs_manifest_entry entry);
/* An entry that is wrong. */
bool bs_manifest_emit_problem(struct bs_manifest *manifest, int64_t line, const char *problem);
/* "s3://bucket/key" without a NUL in `text`; false when bucket or key cannot be one. */
BS_MUST_CHECK bool bs_manifest_uri(const char *bucket, const char *key, struct bs_buffer *text);
/* Decodes %XX, and + as a space, as listings are encoded; with a NUL. False when the text is not
 * so encoded or has a NUL. */
BS_MUST_CHECK bool bs_manifest_decode_key(const char *encoded, struct bs_buffer *key);

/* ---- manifest_form.c ---- */

/* Of a text's beginning; `whole`: there is no more of it. `begin`: where the content begins, behind
 * what is passed over. UNKNOWN: more is needed. NONE: `*problem` says why. */
enum bs_manifest_form bs_manifest_tell(struct bs_bytes head, bool whole, size_t *begin,
                                       char *delimiter, const char **problem);
/* Whether the bucket could be one's name. */
bool bs_manifest_is_bucket(const char *text);

/* ---- manifest_csv.c ---- */

/* False when the record is no header: neither uri nor bucket and key is among its fields. */
BS_MUST_CHECK bool bs_columns_read(const struct bs_csv *header, struct bs_columns *columns);
void bs_columns_free(struct bs_columns *columns);
bool bs_manifest_feed_csv(struct bs_manifest *manifest, struct bs_bytes bytes);
void bs_manifest_end_csv(struct bs_manifest *manifest);

/* ---- manifest_inventory.c ---- */

/* Whether the first record of a text can be an inventory's. */
bool bs_inventory_is(const struct bs_csv *record);
/* One record; false: no more. */
bool bs_inventory_take(struct bs_manifest *manifest, const struct bs_csv *record);

/* ---- manifest_listing.c ---- */

bool bs_manifest_feed_listing(struct bs_manifest *manifest, struct bs_bytes bytes);
void bs_manifest_end_listing(struct bs_manifest *manifest);
void bs_manifest_listing_free(struct bs_manifest_listing *listing);
/* Whether the name is `wanted` (lower case), whatever the case, and without what is not a letter
 * or a digit: LastModified, last_modified. */
bool bs_name_is(const char *name, const char *wanted);

#endif
