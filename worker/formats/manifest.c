#include "formats/manifest.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/job_fields.h"
#include "formats/url.h"

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct bs_bytes trim(struct bs_bytes line)
{
    while (line.size > 0 && is_blank(line.data[line.size - 1])) {
        line.size--;
    }
    while (line.size > 0 && is_blank(line.data[0])) {
        line.data++;
        line.size--;
    }
    return line;
}

/* The id that a URI gives: itself without query and fragment (of an http link: they may carry a
 * signature, which changes and is secret), or where that is too long, its hash. */
static void make_id(const char *uri, struct bs_buffer *id)
{
    size_t length = strncmp(uri, "s3:", 3) == 0 ? strlen(uri) : strcspn(uri, "?#");
    struct bs_buffer text = {0};
    bs_buffer_append(&text, uri, length);
    bs_buffer_append(&text, "", 1);
    if (bs_utf8_length((const char *)text.data) > BS_JOB_ID_LENGTH_MAX) {
        uint8_t digest[SHA256_DIGEST_LENGTH];
        char hex[3];
        (void)SHA256(text.data, text.size - 1, digest);
        bs_buffer_append_text(id, "sha256:");
        for (size_t i = 0; i < sizeof digest; i++) {
            (void)snprintf(hex, sizeof hex, "%02x", digest[i]);
            bs_buffer_append_text(id, hex);
        }
    } else {
        bs_buffer_append(id, text.data, text.size - 1);
    }
    bs_buffer_free(&text);
}

/* `"id":"…"` of what `key` has from `start` on. */
static void append_id_member(const struct bs_buffer *key, size_t start, struct bs_buffer *value)
{
    struct bs_buffer id = {0};
    bs_buffer_append(&id, key->data + start, key->size - start);
    bs_buffer_append(&id, "", 1);
    bs_buffer_append_text(value, "\"id\":");
    bs_json_append_string(value, (const char *)id.data);
    bs_buffer_free(&id);
}

static bool take_uri(struct bs_bytes line, struct bs_buffer *key, struct bs_buffer *value,
                     struct bs_error *error)
{
    size_t start = key->size;
    char *uri = strndup((const char *)line.data, line.size);
    BS_ASSERT(uri != NULL);
    bool good = strlen(uri) == line.size && bs_link_well_formed(uri) &&
                bs_utf8_length(uri) <= BS_JOB_URI_LENGTH_MAX;
    for (size_t at = 0, length; good && at < line.size; at += length) {
        length = bs_utf8_sequence(line.data + at, line.size - at);
        good = length > 0;
    }
    if (good) {
        make_id(uri, key);
        bs_buffer_append_text(value, "{");
        append_id_member(key, start, value);
        bs_buffer_append_text(value, ",\"audio\":{\"uri\":");
        bs_json_append_string(value, uri);
        bs_buffer_append_text(value, "}}");
    } else {
        (void)bs_error_set(
            error, BS_ERROR_INVALID,
            "expected s3://bucket/key, an https link to an object, or a JSON object");
    }
    free(uri);
    return good;
}

/* The job's text stays as it is; an id is put in front of its members where it has none. */
static bool take_json(struct bs_bytes line, struct bs_buffer *key, struct bs_buffer *value,
                      struct bs_error *error)
{
    struct bs_json_problem json_problem;
    struct bs_job_fields fields;
    char problem[256];
    cJSON *json = bs_json_parse(line.data, line.size, &json_problem);
    if (json == NULL) {
        (void)bs_error_set(error, BS_ERROR_INVALID, "not JSON: at byte %zu: %s",
                           json_problem.offset, json_problem.reason);
        return false;
    }
    bool good = bs_job_fields_read(json, &fields, problem, sizeof problem);
    if (!good) {
        (void)bs_error_set(error, BS_ERROR_INVALID, "%s", problem);
    } else if (fields.id != NULL) {
        bs_buffer_append_text(key, fields.id);
        bs_buffer_append(value, line.data, line.size);
    } else {
        size_t start = key->size;
        make_id(fields.uri, key);
        bs_buffer_append_text(value, "{");
        append_id_member(key, start, value);
        bs_buffer_append_text(value, ",");
        bs_buffer_append(value, line.data + 1, line.size - 1);
    }
    cJSON_Delete(json);
    return good;
}

bool bs_manifest_line(struct bs_bytes line, struct bs_buffer *key, struct bs_buffer *value,
                      bool *blank, struct bs_error *error)
{
    line = trim(line);
    *blank = line.size == 0 || line.data[0] == '#';
    if (*blank) {
        return true;
    }
    return line.data[0] == '{' ? take_json(line, key, value, error)
                               : take_uri(line, key, value, error);
}
