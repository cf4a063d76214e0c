#include "formats/transcript.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/gzip.h"
#include "formats/json.h"

/* Far above what a recording of 4 hours comes to; it only keeps a crafted message from filling the
 * memory. */
#define PLAIN_SIZE_MAX 268435456

bool bs_transcript_format_parse(const char *name, enum bs_transcript_format *format)
{
    if (strcmp(name, "text") == 0) {
        *format = BS_TRANSCRIPT_TEXT;
        return true;
    }
    *format = BS_TRANSCRIPT_JSONL;
    return strcmp(name, "jsonl") == 0;
}

static bool is_gzipped(const struct bs_message *message)
{
    for (size_t i = 0; i < message->header_count; i++) {
        const struct bs_header *header = &message->headers[i];
        if (strcmp(header->name, "content-encoding") == 0 && header->value.size == 4 &&
            memcmp(header->value.data, "gzip", 4) == 0) {
            return true;
        }
    }
    return false;
}

/* One line of a person's terminal: what would break or command it becomes a space. */
static void append_line_text(struct bs_buffer *out, const char *text)
{
    size_t room = strlen(text) + 1;
    char *place = (char *)bs_buffer_extend(out, room);
    bs_utf8_copy_cut(text, room - 1, place, room);
    out->size -= room - strlen(place);
}

static void append_time(struct bs_buffer *out, double seconds)
{
    char text[32];
    long whole = (long)(seconds < 1e9 ? seconds : 1e9);
    if (whole >= 3600) {
        (void)snprintf(text, sizeof text, "[%ld:%02ld:%02ld] ", whole / 3600, whole / 60 % 60,
                       whole % 60);
    } else {
        (void)snprintf(text, sizeof text, "[%ld:%02ld] ", whole / 60, whole % 60);
    }
    bs_buffer_append_text(out, text);
}

static void append_utterance(struct bs_buffer *out, const cJSON *utterance, bool with_channel)
{
    const cJSON *start = bs_json_member(utterance, "startSeconds");
    const char *tag = bs_json_text(utterance, "channelTag");
    const char *text = bs_json_text(utterance, "text");
    if (cJSON_IsNumber(start) && start->valuedouble >= 0) {
        append_time(out, start->valuedouble);
    }
    if (with_channel && tag != NULL) {
        bs_buffer_append_text(out, "channel ");
        append_line_text(out, tag);
        bs_buffer_append_text(out, ": ");
    }
    append_line_text(out, text == NULL ? "" : text);
    bs_buffer_append_text(out, "\n");
}

static void append_text(struct bs_buffer *out, const cJSON *result)
{
    const cJSON *utterances = bs_json_member(result, "utterances"), *utterance;
    const char *uri = bs_json_text(bs_json_member(result, "audio"), "uri");
    bool several = cJSON_GetArraySize(bs_json_member(result, "channels")) > 1;
    bs_buffer_append_text(out, "# ");
    append_line_text(out, bs_json_text(result, "id"));
    bs_buffer_append_text(out, " ");
    append_line_text(out, uri == NULL ? "" : uri);
    bs_buffer_append_text(out, "\n");
    cJSON_ArrayForEach(utterance, utterances)
    {
        append_utterance(out, utterance, several);
    }
    const char *text = bs_json_text(result, "text");
    if (utterances == NULL && text != NULL && text[0] != '\0') {
        append_line_text(out, text); /* a large one, whose utterances are in the object store */
        bs_buffer_append_text(out, "\n");
    }
    bs_buffer_append_text(out, "\n");
}

/* The bytes themselves: in JSON a line's end can only stand between tokens. */
static void append_json_line(struct bs_buffer *out, struct bs_bytes json)
{
    uint8_t *place = bs_buffer_extend(out, json.size);
    for (size_t i = 0; i < json.size; i++) {
        place[i] = json.data[i] == '\n' || json.data[i] == '\r' ? ' ' : json.data[i];
    }
    bs_buffer_append_text(out, "\n");
}

static bool render(enum bs_transcript_format format, struct bs_bytes value, struct bs_buffer *out,
                   struct bs_error *error)
{
    struct bs_json_problem problem;
    cJSON *result = bs_json_parse_tolerant(value.data, value.size, &problem);
    if (result == NULL) {
        (void)bs_error_set(error, BS_ERROR_INVALID, "not a result: at byte %zu: %s", problem.offset,
                           problem.reason);
        return false;
    }
    bool good = bs_json_text(result, "id") != NULL && bs_json_member(result, "text") != NULL;
    if (!good) {
        (void)bs_error_set(error, BS_ERROR_INVALID, "not a result: it has no id or no text");
    } else if (format == BS_TRANSCRIPT_TEXT) {
        append_text(out, result);
    } else {
        append_json_line(out, value);
    }
    cJSON_Delete(result);
    return good;
}

/* The message's value, unpacked into `plain` where its header says so. */
static bool unpack(const struct bs_message *message, struct bs_buffer *plain,
                   struct bs_bytes *value, struct bs_error *error)
{
    *value = message->value;
    if (value->data == NULL) {
        (void)bs_error_set(error, BS_ERROR_INVALID, "not a result: the message has no value");
        return false;
    }
    if (is_gzipped(message)) {
        if (!bs_gunzip(*value, PLAIN_SIZE_MAX, plain)) {
            (void)bs_error_set(error, BS_ERROR_INVALID, "not a result: the gzip is damaged");
            return false;
        }
        *value = (struct bs_bytes){.data = plain->data, .size = plain->size};
    }
    return true;
}

bool bs_transcript_render(enum bs_transcript_format format, const struct bs_message *message,
                          struct bs_buffer *out, struct bs_error *error)
{
    struct bs_bytes value;
    struct bs_buffer plain = {0};
    bool good = unpack(message, &plain, &value, error) && render(format, value, out, error);
    bs_buffer_free(&plain);
    return good;
}

/* ---- results that stand elsewhere ---- */

static bool read_reference(const cJSON *result, struct bs_transcript_reference *reference)
{
    const cJSON *transcript = bs_json_member(result, "transcript");
    const char *uri = bs_json_text(transcript, "uri");
    const char *sha256 = bs_json_text(transcript, "sha256");
    const char *encoding = bs_json_text(transcript, "contentEncoding");
    bool good = uri != NULL && sha256 != NULL && strlen(sha256) == 64 && encoding != NULL &&
                strcmp(encoding, "gzip") == 0 &&
                bs_json_int64(bs_json_member(transcript, "sizeBytes"), &reference->size_bytes) &&
                reference->size_bytes > 0;
    if (good) {
        reference->uri = strdup(uri);
        BS_ASSERT(reference->uri != NULL);
        memcpy(reference->sha256, sha256, sizeof reference->sha256);
    }
    return good;
}

bool bs_transcript_reference_read(const struct bs_message *message,
                                  struct bs_transcript_reference *reference)
{
    struct bs_json_problem problem;
    struct bs_error error;
    struct bs_buffer plain = {0};
    struct bs_bytes value;
    *reference = (struct bs_transcript_reference){0};
    bool good = false;
    if (unpack(message, &plain, &value, &error)) {
        cJSON *result = bs_json_parse_tolerant(value.data, value.size, &problem);
        good = result != NULL && read_reference(result, reference);
        cJSON_Delete(result);
    }
    bs_buffer_free(&plain);
    return good;
}

void bs_transcript_reference_free(struct bs_transcript_reference *reference)
{
    free(reference->uri);
    *reference = (struct bs_transcript_reference){0};
}

bool bs_transcript_is_stored(const struct bs_transcript_reference *reference,
                             struct bs_bytes stored, struct bs_error *error)
{
    if (stored.size != (uint64_t)reference->size_bytes) {
        (void)bs_error_set(error, BS_ERROR_INVALID, "%.300s: it has %zu bytes, not %lld",
                           reference->uri, stored.size, (long long)reference->size_bytes);
        return false;
    }
    uint8_t digest[SHA256_DIGEST_LENGTH];
    char hex[65];
    (void)SHA256(stored.data, stored.size, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    }
    if (strcmp(hex, reference->sha256) != 0) {
        (void)bs_error_set(error, BS_ERROR_INVALID, "%.300s: its SHA-256 is another one",
                           reference->uri);
        return false;
    }
    return true;
}
