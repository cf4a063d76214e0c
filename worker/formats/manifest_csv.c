/* CSV with a header: each record becomes a job as JSON, which then is read as any other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/manifest_parts.h"

enum value { VALUE_TEXT, VALUE_NUMBER, VALUE_FLAG };
enum object { OBJECT_JOB, OBJECT_AUDIO, OBJECT_CONFIG, OBJECT_SPECIFICATION };

/* The job's fields that a column may give, in the order in which they are written. */
static const struct {
    const char *field;
    enum object object;
    enum value value;
    const char *names[4]; /* of columns; lower case, letters and digits */
} fields[] = {
    {"id", OBJECT_JOB, VALUE_TEXT, {"id", "jobid"}},
    {"deadline", OBJECT_JOB, VALUE_TEXT, {"deadline"}},
    {"force", OBJECT_JOB, VALUE_FLAG, {"force"}},
    {"durationSeconds", OBJECT_AUDIO, VALUE_NUMBER, {"durationseconds", "duration", "seconds"}},
    {"sizeBytes", OBJECT_AUDIO, VALUE_NUMBER, {"sizebytes", "size", "bytes"}},
    {"folderId", OBJECT_CONFIG, VALUE_TEXT, {"folderid", "folder"}},
    {"languageCode", OBJECT_SPECIFICATION, VALUE_TEXT, {"languagecode", "language", "lang"}},
    {"model", OBJECT_SPECIFICATION, VALUE_TEXT, {"model"}},
    {"audioEncoding", OBJECT_SPECIFICATION, VALUE_TEXT, {"audioencoding", "encoding"}},
    {"sampleRateHertz", OBJECT_SPECIFICATION, VALUE_NUMBER, {"sampleratehertz", "samplerate"}},
    {"audioChannelCount",
     OBJECT_SPECIFICATION,
     VALUE_NUMBER,
     {"audiochannelcount", "channelcount", "channels"}},
    {"profanityFilter", OBJECT_SPECIFICATION, VALUE_FLAG, {"profanityfilter"}},
    {"literatureText", OBJECT_SPECIFICATION, VALUE_FLAG, {"literaturetext"}},
    {"rawResults", OBJECT_SPECIFICATION, VALUE_FLAG, {"rawresults"}},
};
#define FIELD_COUNT (sizeof fields / sizeof *fields)

static const struct {
    enum bs_column_kind kind;
    const char *name;
} others[] = {
    {BS_COLUMN_URI, "uri"},
    {BS_COLUMN_URI, "url"},
    {BS_COLUMN_URI, "link"},
    {BS_COLUMN_BUCKET, "bucket"},
    {BS_COLUMN_KEY, "key"},
    {BS_COLUMN_KEY, "objectkey"},
    {BS_COLUMN_VERSION, "etag"},
    {BS_COLUMN_VERSION, "version"},
    {BS_COLUMN_VERSION, "versionid"},
    {BS_COLUMN_MODIFIED, "lastmodified"},
    {BS_COLUMN_MODIFIED, "lastmodifieddate"},
    {BS_COLUMN_MODIFIED, "modified"},
};

/* ---- the header ------------------------------------------------------------------------- */

static bool has_kind(const struct bs_columns *columns, enum bs_column_kind kind)
{
    for (size_t i = 0; i < columns->count; i++) {
        if (columns->list[i].kind == kind) {
            return true;
        }
    }
    return false;
}

static bool has_field(const struct bs_columns *columns, int field)
{
    for (size_t i = 0; i < columns->count; i++) {
        if (columns->list[i].kind == BS_COLUMN_FIELD && columns->list[i].field == field) {
            return true;
        }
    }
    return false;
}

/* Names as in the job itself are known too: audio.uri, config.specification.languageCode. */
static const char *without_path(const char *name)
{
    static const char *const paths[] = {"audio.", "config.", "specification."};
    for (size_t i = 0; i < 3; i++) {
        if (strncmp(name, paths[i], strlen(paths[i])) == 0) {
            name += strlen(paths[i]);
        }
    }
    return name;
}

static const char *label_of(const char *name)
{
    if (strncmp(name, "label.", 6) == 0 && name[6] != '\0') {
        return name + 6;
    }
    return strncmp(name, "labels.", 7) == 0 && name[7] != '\0' ? name + 7 : NULL;
}

static bool same_label(const struct bs_columns *columns, const char *label)
{
    for (size_t i = 0; i < columns->count; i++) {
        if (columns->list[i].label != NULL && strcmp(columns->list[i].label, label) == 0) {
            return true;
        }
    }
    return false;
}

/* What a column is; of two for the same thing the first counts. */
static struct bs_column column_of(const struct bs_columns *columns, const char *name)
{
    const char *label = label_of(name);
    struct bs_column column = {.kind = BS_COLUMN_IGNORED};
    if (label != NULL) {
        if (!same_label(columns, label)) {
            column.kind = BS_COLUMN_LABEL;
            column.label = strdup(label);
            BS_ASSERT(column.label != NULL);
        }
        return column;
    }
    name = without_path(name);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (bs_name_is(name, others[i].name) && !has_kind(columns, others[i].kind)) {
            column.kind = others[i].kind;
        }
    }
    for (int i = 0; i < (int)FIELD_COUNT; i++) {
        for (int j = 0; j < 4 && fields[i].names[j] != NULL; j++) {
            if (bs_name_is(name, fields[i].names[j]) && !has_field(columns, i)) {
                column = (struct bs_column){.kind = BS_COLUMN_FIELD, .field = i};
            }
        }
    }
    return column;
}

bool bs_columns_read(const struct bs_csv *header, struct bs_columns *columns)
{
    columns->count = 0;
    for (size_t i = 0; header->problem == NULL && i < header->count; i++) {
        columns->list[i] = column_of(columns, bs_csv_text(header, i));
        columns->count = i + 1;
    }
    bool good = has_kind(columns, BS_COLUMN_URI) ||
                (has_kind(columns, BS_COLUMN_BUCKET) && has_kind(columns, BS_COLUMN_KEY));
    if (!good) {
        bs_columns_free(columns);
    }
    return good;
}

void bs_columns_free(struct bs_columns *columns)
{
    for (size_t i = 0; i < columns->count; i++) {
        free(columns->list[i].label);
    }
    columns->count = 0;
}

static void tell_ignored(struct bs_manifest *manifest, const struct bs_csv *header)
{
    struct bs_buffer names = {0};
    char name[64];
    for (size_t i = 0; i < header->count; i++) {
        const char *text = bs_csv_text(header, i);
        if (manifest->columns.list[i].kind == BS_COLUMN_IGNORED && text[0] != '\0') {
            bs_utf8_copy_cut(text, strlen(text), name, sizeof name);
            bs_buffer_append_text(&names, names.size == 0 ? "" : ", ");
            bs_buffer_append_text(&names, name);
        }
    }
    if (names.size > 0 && manifest->options.ignored != NULL) {
        bs_buffer_append(&names, "", 1);
        manifest->options.ignored(manifest->options.context, (const char *)names.data);
    }
    bs_buffer_free(&names);
}

/* ---- a record --------------------------------------------------------------------------- */

/* A number in JSON's form; with a decimal comma where commas are not the delimiter. */
static bool number_of(const char *text, char delimiter, char number[64])
{
    struct bs_json_problem problem;
    size_t length = strlen(text);
    if (length == 0 || length >= 64 || strspn(text, "0123456789.,eE+-") != length) {
        return false;
    }
    memcpy(number, text, length + 1);
    char *comma = strchr(number, ',');
    if (comma != NULL && delimiter != ',') {
        *comma = '.';
    }
    return bs_json_check((const uint8_t *)number, length, &problem);
}

static void append_value(struct bs_buffer *text, enum value value, const char *given,
                         char delimiter)
{
    char number[64];
    if (value == VALUE_NUMBER && number_of(given, delimiter, number)) {
        bs_buffer_append_text(text, number);
    } else if (value == VALUE_FLAG && (bs_name_is(given, "true") || strcmp(given, "1") == 0)) {
        bs_buffer_append_text(text, "true");
    } else if (value == VALUE_FLAG && (bs_name_is(given, "false") || strcmp(given, "0") == 0)) {
        bs_buffer_append_text(text, "false");
    } else {
        bs_json_append_string(text, given); /* of a wrong type: it is refused by its name */
    }
}

/* Appends `,"name":` or, of an object's first member, without the comma. */
static void append_name(struct bs_buffer *text, const char *name)
{
    if (text->data[text->size - 1] != '{') {
        bs_buffer_append_text(text, ",");
    }
    bs_json_append_string(text, name);
    bs_buffer_append_text(text, ":");
}

static void append_fields(const struct bs_manifest *manifest, const struct bs_csv *record,
                          enum object object, struct bs_buffer *text)
{
    for (size_t i = 0; i < record->count && i < manifest->columns.count; i++) {
        const struct bs_column *column = &manifest->columns.list[i];
        const char *given = bs_csv_text(record, i);
        if (column->kind == BS_COLUMN_FIELD && fields[column->field].object == object &&
            given[0] != '\0') {
            append_name(text, fields[column->field].field);
            append_value(text, fields[column->field].value, given, record->delimiter);
        }
    }
}

static void append_labels(const struct bs_manifest *manifest, const struct bs_csv *record,
                          struct bs_buffer *text)
{
    for (size_t i = 0; i < record->count && i < manifest->columns.count; i++) {
        const char *given = bs_csv_text(record, i);
        if (manifest->columns.list[i].kind == BS_COLUMN_LABEL && given[0] != '\0') {
            append_name(text, manifest->columns.list[i].label);
            bs_json_append_string(text, given);
        }
    }
}

/* The field of the first column of this kind; "" where there is none. */
static const char *given(const struct bs_manifest *manifest, const struct bs_csv *record,
                         enum bs_column_kind kind)
{
    for (size_t i = 0; i < record->count && i < manifest->columns.count; i++) {
        if (manifest->columns.list[i].kind == kind) {
            return bs_csv_text(record, i);
        }
    }
    return "";
}

/* An object that is as long as an empty one goes again. */
static void end_object(struct bs_buffer *text, size_t before, size_t empty)
{
    if (text->size == empty) {
        text->size = before;
    } else {
        bs_buffer_append_text(text, "}");
    }
}

static void write_job(const struct bs_manifest *manifest, const struct bs_csv *record,
                      const char *uri, struct bs_buffer *text)
{
    bs_buffer_append_text(text, "{\"audio\":{");
    append_name(text, "uri");
    bs_json_append_string(text, uri);
    append_fields(manifest, record, OBJECT_AUDIO, text);
    bs_buffer_append_text(text, "}");

    size_t before = text->size;
    bs_buffer_append_text(text, ",\"config\":{\"specification\":{");
    size_t empty = text->size;
    append_fields(manifest, record, OBJECT_SPECIFICATION, text);
    empty += text->size == empty;
    bs_buffer_append_text(text, "}");
    append_fields(manifest, record, OBJECT_CONFIG, text);
    end_object(text, before, empty);

    before = text->size;
    bs_buffer_append_text(text, ",\"labels\":{");
    empty = text->size;
    append_labels(manifest, record, text);
    end_object(text, before, empty);

    append_fields(manifest, record, OBJECT_JOB, text);
    bs_buffer_append_text(text, "}");
}

/* NULL, or why the record does not fit the header. */
static const char *misfit(const struct bs_manifest *manifest, const struct bs_csv *record,
                          char problem[128])
{
    size_t count = record->count;
    if (record->problem != NULL) {
        return record->problem;
    }
    while (count > manifest->columns.count && record->fields[count - 1].size == 0) {
        count--;
    }
    if (count != manifest->columns.count) {
        (void)snprintf(problem, 128, "expected %zu fields as in the header, found %zu",
                       manifest->columns.count, count);
        return problem;
    }
    for (size_t at = 0, length; at < record->text.size; at += length) {
        length = bs_utf8_sequence(record->text.data + at, record->text.size - at);
        length = record->text.data[at] == 0 ? 1 : length;
        if (length == 0) {
            return "not UTF-8";
        }
    }
    return NULL;
}

/* The ETag as a listing has it. */
static bool read_modified(const char *text, bs_wall_ms *modified)
{
    *modified = 0;
    return text[0] == '\0' || bs_rfc3339_parse(text, strlen(text), modified);
}

static bool take_record(struct bs_manifest *manifest, const struct bs_csv *record)
{
    char text[128];
    const char *problem = misfit(manifest, record, text);
    const char *uri = "";
    struct bs_manifest_entry entry = {.line = record->record_line, .size_bytes = -1};
    if (problem == NULL) {
        uri = given(manifest, record, BS_COLUMN_URI);
        entry.version = given(manifest, record, BS_COLUMN_VERSION);
        const char *bucket = given(manifest, record, BS_COLUMN_BUCKET);
        manifest->key.size = 0;
        if (uri[0] == '\0' && bucket[0] == '\0') {
            problem = "no uri";
        } else if (uri[0] == '\0') {
            uri = bs_manifest_uri(bucket, given(manifest, record, BS_COLUMN_KEY), &manifest->key)
                      ? (const char *)manifest->key.data
                      : "";
            problem = uri[0] == '\0' ? "bucket and key are no object's" : NULL;
        }
    }
    if (problem == NULL &&
        !read_modified(given(manifest, record, BS_COLUMN_MODIFIED), &entry.modified)) {
        problem = "modified: expected an RFC 3339 time such as 2027-01-31T18:00:00Z";
    }
    if (problem != NULL) {
        return bs_manifest_emit_problem(manifest, record->record_line, problem);
    }
    manifest->text.size = 0;
    write_job(manifest, record, uri, &manifest->text);
    entry.text = (struct bs_bytes){manifest->text.data, manifest->text.size};
    return bs_manifest_emit(manifest, entry);
}

static bool take(struct bs_manifest *manifest)
{
    struct bs_csv *csv = &manifest->csv;
    if (bs_csv_blank(csv)) {
        return true;
    }
    if (manifest->form == BS_FORM_INVENTORY) {
        return bs_inventory_take(manifest, csv);
    }
    if (manifest->header_read) {
        return take_record(manifest, csv);
    }
    manifest->header_read = true;
    BS_ASSERT(bs_columns_read(csv, &manifest->columns)); /* by it the form was told */
    tell_ignored(manifest, csv);
    return true;
}

bool bs_manifest_feed_csv(struct bs_manifest *manifest, struct bs_bytes bytes)
{
    while (bytes.size > 0) {
        bool whole;
        size_t read = bs_csv_read(&manifest->csv, bytes.data, bytes.size, &whole);
        bytes = (struct bs_bytes){bytes.data + read, bytes.size - read};
        manifest->line = manifest->csv.line;
        if (whole && !take(manifest)) {
            return false;
        }
    }
    return true;
}

void bs_manifest_end_csv(struct bs_manifest *manifest)
{
    if (bs_csv_end(&manifest->csv)) {
        (void)take(manifest);
    }
}
