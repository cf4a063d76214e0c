#include "formats/transcript.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/gzip.h"
#include "formats/transcript_parts.h"

/* Far above what a recording of 4 hours comes to; it only keeps a crafted message from filling the
 * memory. */
#define PLAIN_SIZE_MAX 268435456

static const struct {
    const char *name, *extension;
} formats[BS_TRANSCRIPT_FORMATS] = {
    [BS_TRANSCRIPT_TEXT] = {"text", ".txt"}, [BS_TRANSCRIPT_JSONL] = {"jsonl", ".jsonl"},
    [BS_TRANSCRIPT_SRT] = {"srt", ".srt"},   [BS_TRANSCRIPT_VTT] = {"vtt", ".vtt"},
    [BS_TRANSCRIPT_CSV] = {"csv", ".csv"},   [BS_TRANSCRIPT_TSV] = {"tsv", ".tsv"},
};

bool bs_transcript_format_parse(const char *name, enum bs_transcript_format *format)
{
    for (int i = 0; i < BS_TRANSCRIPT_FORMATS; i++) {
        if (strcmp(name, formats[i].name) == 0) {
            *format = (enum bs_transcript_format)i;
            return true;
        }
    }
    return false;
}

const char *bs_transcript_extension(enum bs_transcript_format format)
{
    return formats[format].extension;
}

bool bs_transcript_is_subtitle(enum bs_transcript_format format)
{
    return format == BS_TRANSCRIPT_SRT || format == BS_TRANSCRIPT_VTT;
}

bool bs_transcript_shows_parts(enum bs_transcript_format format)
{
    return format == BS_TRANSCRIPT_TEXT || format == BS_TRANSCRIPT_JSONL;
}

/* ---- reading ---- */

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

static bool unpack(const struct bs_message *message, struct bs_buffer *plain,
                   struct bs_bytes *value, struct bs_error *error)
{
    *value = message->value;
    if (value->data == NULL) {
        (void)bs_error_set(error, BS_ERROR_INVALID, "not a result: no value");
        return false;
    }
    if (is_gzipped(message)) {
        if (!bs_gunzip(message->value, PLAIN_SIZE_MAX, plain)) {
            (void)bs_error_set(error, BS_ERROR_INVALID, "not a result: %s",
                               plain->size > PLAIN_SIZE_MAX
                                   ? "unpacked it is larger than 256 MiB"
                                   : "not the gzip that its header content-encoding tells");
            return false;
        }
        *value = (struct bs_bytes){.data = plain->data, .size = plain->size};
    }
    return true;
}

/* NUL-terminated; no JSON text that was read holds a NUL. */
static char *copy_text(struct bs_bytes text)
{
    char *copy = text.data == NULL ? strdup("") : strndup((const char *)text.data, text.size);
    BS_ASSERT(copy != NULL);
    return copy;
}

static size_t count_channels(const struct bs_json_view *view)
{
    const struct bs_json_node *channels =
        bs_json_view_member(view, bs_json_view_root(view), "channels");
    size_t count = 0;
    if (!bs_json_view_is_array(view, channels)) {
        return 0;
    }
    for (const struct bs_json_node *each = bs_json_view_first(view, channels); each != NULL;
         each = bs_json_view_next(view, channels, each)) {
        count++;
    }
    return count;
}

static bool read_result(struct bs_transcript *transcript, struct bs_bytes value,
                        struct bs_error *error)
{
    struct bs_json_problem problem;
    if (!bs_json_view_read(&transcript->view, value.data, value.size, &problem)) {
        (void)bs_error_set(error, BS_ERROR_INVALID, "not a result: at byte %zu: %s", problem.offset,
                           problem.reason);
        return false;
    }
    struct bs_buffer scratch = {0}, other = {0};
    const struct bs_json_node *root = bs_json_view_root(&transcript->view);
    struct bs_bytes id = bs_transcript_string(transcript, root, "id", &scratch);
    struct bs_bytes uri =
        bs_transcript_string(transcript, bs_transcript_member(transcript, "audio"), "uri", &other);
    bool good = id.data != NULL && bs_transcript_member(transcript, "text") != NULL;
    if (good) {
        transcript->id = copy_text(id);
        transcript->uri = copy_text(uri);
        transcript->channel_count = count_channels(&transcript->view);
    } else {
        (void)bs_error_set(error, BS_ERROR_INVALID, "not a result: it has no id or no text");
    }
    bs_buffer_free(&scratch);
    bs_buffer_free(&other);
    return good;
}

struct bs_transcript *bs_transcript_read(const struct bs_message *message, struct bs_error *error)
{
    struct bs_transcript *transcript = calloc(1, sizeof *transcript);
    struct bs_bytes value;
    BS_ASSERT(transcript != NULL);
    if (!unpack(message, &transcript->plain, &value, error) ||
        !read_result(transcript, value, error)) {
        bs_transcript_free(transcript);
        return NULL;
    }
    return transcript;
}

void bs_transcript_free(struct bs_transcript *transcript)
{
    if (transcript == NULL) {
        return;
    }
    free(transcript->id);
    free(transcript->uri);
    bs_json_view_free(&transcript->view);
    bs_buffer_free(&transcript->plain);
    free(transcript);
}

/* ---- what it says ---- */

const struct bs_json_node *bs_transcript_member(const struct bs_transcript *transcript,
                                                const char *name)
{
    return bs_json_view_member(&transcript->view, bs_json_view_root(&transcript->view), name);
}

const struct bs_json_node *bs_transcript_dialogue(const struct bs_transcript *transcript,
                                                  bool *chunks)
{
    const struct bs_json_view *view = &transcript->view;
    const struct bs_json_node *dialogue = bs_transcript_member(transcript, "utterances");
    *chunks = !bs_json_view_is_array(view, dialogue) || bs_json_view_first(view, dialogue) == NULL;
    if (*chunks) {
        dialogue = bs_transcript_member(transcript, "chunks");
    }
    return bs_json_view_is_array(view, dialogue) ? dialogue : NULL;
}

const struct bs_json_node *bs_transcript_said(const struct bs_transcript *transcript,
                                              const struct bs_json_node *each, bool chunks)
{
    const struct bs_json_view *view = &transcript->view;
    if (!chunks) {
        return bs_json_view_member(view, each, "text");
    }
    const struct bs_json_node *first =
        bs_json_view_first(view, bs_json_view_member(view, each, "alternatives"));
    const struct bs_json_node *text = bs_json_view_member(view, first, "text");
    bool said = bs_json_view_is_string(view, text) && text->end - text->start > 2; /* the quotes */
    return said ? text : NULL;
}

struct bs_bytes bs_transcript_string(const struct bs_transcript *transcript,
                                     const struct bs_json_node *object, const char *name,
                                     struct bs_buffer *scratch)
{
    return bs_json_view_string(&transcript->view,
                               bs_json_view_member(&transcript->view, object, name), scratch);
}

double bs_transcript_number(const struct bs_transcript *transcript,
                            const struct bs_json_node *object, const char *name)
{
    const struct bs_json_node *value = bs_json_view_member(&transcript->view, object, name);
    char text[64];
    size_t size = value == NULL ? sizeof text : value->end - value->start;
    if (size >= sizeof text) {
        return -1;
    }
    memcpy(text, transcript->view.text + value->start, size);
    text[size] = '\0';
    return text[0] >= '0' && text[0] <= '9' ? strtod(text, NULL) : -1;
}

const char *bs_transcript_id(const struct bs_transcript *transcript)
{
    return transcript->id;
}

const char *bs_transcript_uri(const struct bs_transcript *transcript)
{
    return transcript->uri;
}

bs_wall_ms bs_transcript_moment(const struct bs_transcript *transcript)
{
    struct bs_buffer scratch = {0};
    struct bs_bytes text = bs_transcript_string(
        transcript, bs_transcript_member(transcript, "timing"), "detectedAt", &scratch);
    bs_wall_ms moment;
    if (text.data == NULL || !bs_rfc3339_parse((const char *)text.data, text.size, &moment)) {
        moment = 0;
    }
    bs_buffer_free(&scratch);
    return moment;
}

bool bs_transcript_has_label(const struct bs_transcript *transcript, const char *name,
                             const char *value)
{
    struct bs_buffer scratch = {0};
    struct bs_bytes text = bs_transcript_string(
        transcript, bs_transcript_member(transcript, "labels"), name, &scratch);
    bool has =
        text.data != NULL && text.size == strlen(value) && memcmp(text.data, value, text.size) == 0;
    bs_buffer_free(&scratch);
    return has;
}

/* ---- results that stand elsewhere ---- */

bool bs_transcript_reference_of(const struct bs_transcript *transcript,
                                struct bs_transcript_reference *reference)
{
    const struct bs_json_node *node = bs_transcript_member(transcript, "transcript");
    struct bs_buffer places[3] = {{0}, {0}, {0}};
    struct bs_bytes uri = bs_transcript_string(transcript, node, "uri", &places[0]);
    struct bs_bytes sha256 = bs_transcript_string(transcript, node, "sha256", &places[1]);
    struct bs_bytes encoding =
        bs_transcript_string(transcript, node, "contentEncoding", &places[2]);
    *reference = (struct bs_transcript_reference){0};
    bool good = uri.data != NULL && sha256.size == 64 && encoding.size == 4 &&
                memcmp(encoding.data, "gzip", 4) == 0 &&
                bs_json_view_int64(&transcript->view,
                                   bs_json_view_member(&transcript->view, node, "sizeBytes"),
                                   &reference->size_bytes) &&
                reference->size_bytes > 0;
    if (good) {
        reference->uri = copy_text(uri);
        memcpy(reference->sha256, sha256.data, 64);
    }
    for (size_t i = 0; i < 3; i++) {
        bs_buffer_free(&places[i]);
    }
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

/* ---- writing ---- */

void bs_transcript_append_shown(struct bs_buffer *out, struct bs_bytes text)
{
    if (text.size == 0) {
        return;
    }
    char *place = (char *)bs_buffer_extend(out, text.size + 1);
    bs_utf8_copy_cut((const char *)text.data, text.size, place, text.size + 1);
    out->size -= text.size + 1 - strlen(place);
}

/* The bytes themselves: in JSON a line's end can only stand between tokens. */
static void write_json_line(const struct bs_transcript *transcript, struct bs_buffer *out)
{
    const struct bs_json_node *root = bs_json_view_root(&transcript->view);
    size_t size = root->end - root->start;
    uint8_t *place = bs_buffer_extend(out, size);
    memcpy(place, transcript->view.text + root->start, size);
    for (uint8_t *end = place + size; place < end; place++) {
        if (*place == '\n' || *place == '\r') {
            *place = ' ';
        }
    }
    bs_buffer_append_text(out, "\n");
}

void bs_transcript_begin(const struct bs_transcript_writing *writing, struct bs_buffer *out)
{
    if (writing->format == BS_TRANSCRIPT_VTT) {
        bs_buffer_append_text(out, "WEBVTT\n");
    } else if (writing->format == BS_TRANSCRIPT_CSV || writing->format == BS_TRANSCRIPT_TSV) {
        bs_transcript_begin_table(writing, out);
    }
}

void bs_transcript_write(struct bs_transcript_writing *writing,
                         const struct bs_transcript *transcript, struct bs_buffer *out)
{
    switch (writing->format) {
    case BS_TRANSCRIPT_TEXT:
        bs_transcript_write_text(transcript, out);
        break;
    case BS_TRANSCRIPT_JSONL:
        write_json_line(transcript, out);
        break;
    case BS_TRANSCRIPT_SRT:
    case BS_TRANSCRIPT_VTT:
        bs_transcript_write_subtitles(writing, transcript, out);
        break;
    case BS_TRANSCRIPT_CSV:
    case BS_TRANSCRIPT_TSV:
        bs_transcript_write_table(writing, transcript, out);
        break;
    }
}
