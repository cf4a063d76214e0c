/* An entry becomes a job message: its id, and what the command line gives all of them. */
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/job_fields.h"
#include "formats/json_arena.h"
#include "formats/manifest.h"
#include "formats/url.h"

/* An ETag as HTTP writes it has quotes. */
static struct bs_bytes without_quotes(const char *version)
{
    size_t size = strlen(version);
    bool quoted = size >= 2 && version[0] == '"' && version[size - 1] == '"';
    return (struct bs_bytes){(const uint8_t *)version + quoted, size - (quoted ? 2 : 0)};
}

/* The id that a link gives: itself without query and fragment (of an http link: they may carry a
 * signature, which changes and is secret), and its version; where that is too long, its hash. */
static void make_id(const char *uri, const char *version, struct bs_buffer *id)
{
    size_t length = strncmp(uri, "s3:", 3) == 0 ? strlen(uri) : strcspn(uri, "?#");
    struct bs_bytes known = without_quotes(version);
    struct bs_buffer text = {0};
    bs_buffer_append(&text, uri, length);
    if (known.size > 0) {
        bs_buffer_append_text(&text, "#");
        bs_buffer_append(&text, known.data, known.size);
    }
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
    bs_buffer_append_text(value, "\"id\":\"");
    bs_json_append_characters(value, key->data + start, key->size - start);
    bs_buffer_append_text(value, "\"");
}

static bool is_utf8(struct bs_bytes text)
{
    for (size_t at = 0, length; at < text.size; at += length) {
        length = bs_utf8_sequence(text.data + at, text.size - at);
        if (length == 0) {
            return false;
        }
    }
    return true;
}

static bool is_text(const char *text)
{
    return text == NULL || is_utf8((struct bs_bytes){(const uint8_t *)text, strlen(text)});
}

const char *bs_job_defaults_problem(const struct bs_job_defaults *defaults)
{
    bool good = is_text(defaults->language) && is_text(defaults->model);
    for (size_t i = 0; i < defaults->label_count; i++) {
        good = good && is_text(defaults->labels[i].name) && is_text(defaults->labels[i].value);
    }
    if (!good) {
        return "--language, --model and --label must be UTF-8";
    }
    if ((defaults->language != NULL && defaults->language[0] == '\0') ||
        (defaults->model != NULL && defaults->model[0] == '\0')) {
        return "--language and --model must not be empty";
    }
    return NULL;
}

/* ---- a link ----------------------------------------------------------------------------- */

/* `"name":"text"`, with a comma where members stand before it. */
static void append_member(struct bs_buffer *out, const char *name, const char *text)
{
    if (text != NULL) {
        bs_buffer_append_text(out, out->data[out->size - 1] == '{' ? "" : ",");
        bs_json_append_string(out, name);
        bs_buffer_append_text(out, ":");
        bs_json_append_string(out, text);
    }
}

static void append_defaults(const struct bs_job_defaults *defaults, struct bs_buffer *value)
{
    if (defaults->language != NULL || defaults->model != NULL) {
        bs_buffer_append_text(value, ",\"config\":{\"specification\":{");
        append_member(value, "languageCode", defaults->language);
        append_member(value, "model", defaults->model);
        bs_buffer_append_text(value, "}}");
    }
    if (defaults->label_count > 0) {
        bs_buffer_append_text(value, ",\"labels\":{");
        for (size_t i = 0; i < defaults->label_count; i++) {
            append_member(value, defaults->labels[i].name, defaults->labels[i].value);
        }
        bs_buffer_append_text(value, "}");
    }
}

static bool take_link(const struct bs_manifest_entry *entry, const struct bs_job_defaults *defaults,
                      struct bs_manifest_job *job, struct bs_error *error)
{
    size_t start = job->key.size, before = job->uri.size;
    bs_buffer_append(&job->uri, entry->text.data, entry->text.size);
    bs_buffer_append(&job->uri, "", 1);
    const char *uri = (const char *)job->uri.data + before;
    if (strlen(uri) != entry->text.size || !bs_link_well_formed(uri) || !is_utf8(entry->text) ||
        bs_utf8_length(uri) > BS_JOB_URI_LENGTH_MAX || !is_utf8(without_quotes(entry->version))) {
        job->uri.size = before;
        (void)bs_error_set(
            error, BS_ERROR_INVALID,
            "expected s3://bucket/key, an https link to an object, or a JSON object");
        return false;
    }
    make_id(uri, entry->version, &job->key);
    bs_buffer_append_text(&job->value, "{");
    append_id_member(&job->key, start, &job->value);
    bs_buffer_append_text(&job->value, ",\"audio\":{\"uri\":");
    bs_json_append_string(&job->value, uri);
    if (entry->size_bytes >= 0) {
        char size[40];
        (void)snprintf(size, sizeof size, ",\"sizeBytes\":%lld", (long long)entry->size_bytes);
        bs_buffer_append_text(&job->value, size);
    }
    bs_buffer_append_text(&job->value, "}");
    append_defaults(defaults, &job->value);
    bs_buffer_append_text(&job->value, "}");
    return true;
}

/* ---- a job ------------------------------------------------------------------------------ */

/* The member, which is made where there is none. Every object has been checked to be one. */
static cJSON *object_in(cJSON *object, const char *name)
{
    cJSON *found = cJSON_GetObjectItemCaseSensitive(object, name);
    return found != NULL ? found : cJSON_AddObjectToObject(object, name);
}

/* Whether anything was added. */
static bool add_text(cJSON *object, const char *name, const char *text)
{
    return text != NULL && cJSON_GetObjectItemCaseSensitive(object, name) == NULL &&
           cJSON_AddStringToObject(object, name, text) != NULL;
}

static bool add_defaults(cJSON *json, const struct bs_job_defaults *defaults)
{
    bool added = false;
    if (defaults->language != NULL || defaults->model != NULL) {
        cJSON *specification = object_in(object_in(json, "config"), "specification");
        added = add_text(specification, "languageCode", defaults->language);
        added = add_text(specification, "model", defaults->model) || added;
    }
    if (defaults->label_count > 0) {
        cJSON *labels = object_in(json, "labels");
        for (size_t i = 0; i < defaults->label_count; i++) {
            added = add_text(labels, defaults->labels[i].name, defaults->labels[i].value) || added;
        }
    }
    return added;
}

/* The job's text stays as it is where nothing is added; an id is put in front of its members where
 * it has none. */
static void write_job(const struct bs_manifest_entry *entry, const struct bs_job_defaults *defaults,
                      cJSON *json, bool id_given, size_t start, struct bs_manifest_job *job)
{
    struct bs_buffer text = {0};
    struct bs_bytes body = entry->text;
    if (add_defaults(json, defaults)) {
        bs_json_append_item(&text, json);
        body = (struct bs_bytes){text.data, text.size};
    }
    if (!id_given) {
        bs_buffer_append_text(&job->value, "{");
        append_id_member(&job->key, start, &job->value);
        bs_buffer_append_text(&job->value, ",");
        body.data++; /* its bracket; an object with `audio` is not empty */
        body.size--;
    }
    bs_buffer_append(&job->value, body.data, body.size);
    bs_buffer_free(&text);
}

static bool take_job(const struct bs_manifest_entry *entry, const struct bs_job_defaults *defaults,
                     struct bs_manifest_job *job, struct bs_error *error)
{
    struct bs_json_problem json_problem;
    struct bs_job_fields fields;
    char problem[256];
    size_t start = job->key.size;
    cJSON *json = bs_json_parse(entry->text.data, entry->text.size, &json_problem);
    if (json == NULL) {
        (void)bs_error_set(error, BS_ERROR_INVALID, "not JSON: at byte %zu: %s",
                           json_problem.offset, json_problem.reason);
        return false;
    }
    bool good = bs_job_fields_read(json, &fields, problem, sizeof problem);
    if (!good) {
        (void)bs_error_set(error, BS_ERROR_INVALID, "%s", problem);
    } else {
        bs_buffer_append(&job->uri, fields.uri, strlen(fields.uri) + 1);
        if (fields.id != NULL) {
            bs_buffer_append_text(&job->key, fields.id);
        } else {
            make_id(fields.uri, entry->version, &job->key);
        }
        write_job(entry, defaults, json, fields.id != NULL, start, job);
    }
    cJSON_Delete(json);
    return good;
}

bool bs_manifest_job(const struct bs_manifest_entry *entry, const struct bs_job_defaults *defaults,
                     struct bs_manifest_job *job, struct bs_error *error)
{
    bs_json_arena_begin();
    bool good = entry->text.size > 0 && entry->text.data[0] == '{'
                    ? take_job(entry, defaults, job, error)
                    : take_link(entry, defaults, job, error);
    bs_json_arena_end();
    return good;
}

void bs_manifest_job_clear(struct bs_manifest_job *job)
{
    job->key.size = 0;
    job->value.size = 0;
    job->uri.size = 0;
}

void bs_manifest_job_free(struct bs_manifest_job *job)
{
    bs_buffer_free(&job->key);
    bs_buffer_free(&job->value);
    bs_buffer_free(&job->uri);
}
