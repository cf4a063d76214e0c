#include "formats/result.h"

#include <inttypes.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/gzip.h"
#include "formats/result_transcript.h"

struct bs_bytes bs_result_key(const struct bs_job *job)
{
    if (job->message.key.data != NULL) {
        return job->message.key;
    }
    return (struct bs_bytes){.data = (const uint8_t *)job->id, .size = strlen(job->id)};
}

/* ---- the result's members, each with what stands before it -------------------------------------
 */

static void append_int(struct bs_buffer *out, const char *before, int64_t number)
{
    char text[32];
    int size = snprintf(text, sizeof text, "%" PRId64, number);
    bs_buffer_append_text(out, before);
    bs_buffer_append(out, text, (size_t)size);
}

static void append_string(struct bs_buffer *out, const char *before, const char *text)
{
    bs_buffer_append_text(out, before);
    bs_json_append_string(out, text);
}

/* A moment that is not known is left out. */
static void append_moment(struct bs_buffer *out, const char *before, bs_wall_ms moment)
{
    char text[BS_RFC3339_SIZE];
    if (moment > 0) {
        bs_rfc3339_format(moment, text);
        append_string(out, before, text);
    }
}

/* What the specification says of the recording. */
struct told {
    struct bs_json_view view;
    const struct bs_json_node *encoding, *rate, *channels;
};

static void read_specification(const struct bs_job *job, struct told *told)
{
    struct bs_json_problem problem;
    const char *text = job->specification_json;
    bool written_by_us =
        bs_json_view_read(&told->view, (const uint8_t *)text, strlen(text), &problem);
    BS_ASSERT(written_by_us);
    const struct bs_json_node *root = bs_json_view_root(&told->view);
    told->encoding = bs_json_view_member(&told->view, root, "audioEncoding");
    told->rate = bs_json_view_member(&told->view, root, "sampleRateHertz");
    told->channels = bs_json_view_member(&told->view, root, "audioChannelCount");
}

/* Of a recording that was not looked into, by what was sent for it. Rate and channels are told by
 * the specification for raw samples only; other formats carry their own, and then the channels that
 * were heard are what we know. */
static int32_t append_told(struct bs_buffer *out, const struct bs_job *job, int32_t channels_heard)
{
    static const char raw_samples[] = "\"LINEAR16_PCM\"";
    struct told told;
    int64_t rate, count;
    int32_t channels = channels_heard;
    read_specification(job, &told);
    if (bs_json_view_is_string(&told.view, told.encoding)) {
        size_t start = out->size + strlen(",\"encoding\":");
        bs_buffer_append_text(out, ",\"encoding\":");
        bs_json_view_append(&told.view, told.encoding, NULL, out);
        if (out->size - start == sizeof raw_samples - 1 &&
            memcmp(out->data + start, raw_samples, sizeof raw_samples - 1) == 0) {
            bool counted = bs_json_view_int64(&told.view, told.channels, &count);
            channels = counted ? (int32_t)count : 1;
            if (bs_json_view_int64(&told.view, told.rate, &rate)) {
                append_int(out, ",\"sampleRateHertz\":", rate);
            }
        }
    }
    bs_json_view_free(&told.view);
    return channels;
}

static int32_t append_found(struct bs_buffer *out, const struct bs_job *job, int32_t channels_heard)
{
    append_string(out, ",\"encoding\":", job->encoding);
    if (job->sample_rate_hertz > 0) {
        append_int(out, ",\"sampleRateHertz\":", job->sample_rate_hertz);
    }
    return job->channels > 0 ? (int32_t)job->channels : channels_heard;
}

/* What is known of the recording; how many channels that is. */
static int32_t append_audio(struct bs_buffer *out, const struct bs_job *job, int32_t channels_heard)
{
    append_string(out, ",\"audio\":{\"uri\":", job->uri);
    int32_t channels = job->encoding != NULL ? append_found(out, job, channels_heard)
                                             : append_told(out, job, channels_heard);
    if (channels > 0) {
        append_int(out, ",\"channels\":", channels);
    }
    if (job->duration_seconds > 0) {
        bs_buffer_append_text(out, ",\"durationSeconds\":");
        bs_json_append_number(out, job->duration_seconds);
    }
    if (job->size_bytes >= 0) {
        append_int(out, ",\"sizeBytes\":", job->size_bytes);
    }
    bs_buffer_append_text(out, "}");
    return channels;
}

static void append_operation(struct bs_buffer *out, const struct bs_operation *operation,
                             const struct bs_answer *answer)
{
    bs_wall_ms created = answer->created > 0 ? answer->created : operation->created;
    bs_wall_ms modified = answer->modified > 0 ? answer->modified : operation->modified;
    append_string(out, ",\"operation\":{\"id\":",
                  operation->operation_id == NULL ? "" : operation->operation_id);
    append_moment(out, ",\"createdAt\":", created);
    append_moment(out, ",\"modifiedAt\":", modified);
    bs_buffer_append_text(out, "}");
}

/* The check whose answer this is is not yet counted in the operation. */
static void append_timing(struct bs_buffer *out, const struct bs_operation *operation,
                          bs_wall_ms now)
{
    size_t start = out->size + strlen(",\"timing\":");
    bs_buffer_append_text(out, ",\"timing\":");
    append_moment(out, ",\"receivedAt\":", operation->received);
    append_moment(out, ",\"submittedAt\":", operation->submitted);
    append_moment(out, ",\"detectedAt\":", now);
    append_int(out, ",\"checks\":", operation->checks + 1);
    append_int(out, ",\"submissions\":", operation->submissions);
    bs_buffer_append_text(out, "}");
    out->data[start] = '{'; /* in place of the first member's comma, whichever that is */
}

static void append_source(struct bs_buffer *out, const struct bs_job *job)
{
    append_string(out, ",\"source\":{\"topic\":", job->topic);
    append_int(out, ",\"partition\":", job->partition);
    append_int(out, ",\"offset\":", job->offset);
    bs_buffer_append_text(out, "}");
}

static void append_chunks(struct bs_buffer *out, const struct bs_config *config,
                          const struct bs_json_view *view, const struct bs_json_node *chunks)
{
    bs_buffer_append_text(out, ",\"chunks\":");
    if (bs_json_view_is_array(view, chunks)) {
        bs_json_view_append(view, chunks, config->results.words ? NULL : "words", out);
    } else {
        bs_buffer_append_text(out, "[]");
    }
}

/* ---- the message -------------------------------------------------------------------------------
 */

static struct bs_payload *new_payload(void)
{
    struct bs_payload *payload = calloc(1, sizeof *payload);
    BS_ASSERT(payload != NULL);
    payload->references = 1;
    return payload;
}

/* Takes the plain value. */
static void finish_payload(struct bs_payload *payload, struct bs_buffer *plain, bool gzipped,
                           int64_t inline_bytes)
{
    struct bs_buffer value = *plain;
    payload->gzipped = gzipped;
    if (gzipped) {
        value = (struct bs_buffer){0};
        bs_gzip((struct bs_bytes){.data = plain->data, .size = plain->size}, &value);
        bs_buffer_free(plain);
    }
    uint8_t *fitted = realloc(value.data, value.size); /* it waits for its transaction */
    payload->value = fitted == NULL ? value.data : fitted;
    payload->size = value.size;
    payload->too_large = (int64_t)value.size > inline_bytes;
}

/* The texts stand in the result four times: by channel, joined, as the dialogue, in the chunks. */
static size_t likely_size(const struct bs_operation *operation, const struct bs_json_node *response,
                          const struct bs_utterances *utterances)
{
    return (size_t)(response->end - response->start) + 3 * utterances->text_bytes +
           100 * utterances->count + 2 * operation->job_size + 2048;
}

struct bs_payload *bs_result_build(const struct bs_config *config,
                                   const struct bs_operation *operation, const struct bs_job *job,
                                   const char *worker, const struct bs_answer *answer,
                                   bs_wall_ms now, const struct bs_json_view *view,
                                   const struct bs_json_node *response)
{
    struct bs_utterances utterances = {0};
    const struct bs_json_node *chunks = bs_json_view_member(view, response, "chunks");
    if (!bs_json_view_is_object(view, response) || !bs_utterances_read(view, chunks, &utterances)) {
        bs_utterances_free(&utterances);
        return NULL;
    }
    struct bs_payload *payload = new_payload();
    struct bs_buffer out = {0};
    bs_buffer_reserve(&out, likely_size(operation, response, &utterances));

    append_string(&out, "{\"id\":", job->id);
    append_source(&out, job);
    int32_t channels = append_audio(&out, job, utterances.channel_count);
    bs_buffer_append_text(&out, ",\"specification\":");
    bs_buffer_append_text(&out, job->specification_json);
    append_operation(&out, operation, answer);
    payload->audio_seconds = job->duration_seconds;
    payload->billed_seconds = bs_billed_seconds(job->duration_seconds, channels);
    payload->billed_at_least = bs_billed_seconds(
        job->duration_seconds > utterances.last_end ? job->duration_seconds : utterances.last_end,
        channels);
    if (payload->billed_seconds > 0) {
        append_int(&out, ",\"billedSeconds\":", payload->billed_seconds);
    }
    append_timing(&out, operation, now);
    if (job->labels_json != NULL) {
        bs_buffer_append_text(&out, ",\"labels\":");
        bs_buffer_append_text(&out, job->labels_json);
    }
    append_string(&out, ",\"worker\":", worker);
    bs_buffer_append_text(&out, ",");
    bs_utterances_write_channels(&utterances, view, &out);
    payload->head_size = out.size;
    bs_buffer_append_text(&out, ",");
    bs_utterances_write_dialogue(&utterances, view, &out);
    append_chunks(&out, config, view, chunks);
    bs_buffer_append_text(&out, "}");

    bs_utterances_free(&utterances);
    finish_payload(payload, &out, (int64_t)out.size > config->results.compress_over_bytes,
                   config->results.inline_bytes);
    return payload;
}

struct bs_payload *bs_payload_hold(struct bs_payload *payload)
{
    payload->references++;
    return payload;
}

void bs_payload_free(void *opaque)
{
    struct bs_payload *payload = opaque;
    if (payload != NULL && --payload->references == 0) {
        free(payload->value);
        free(payload);
    }
}

/* ---- one that is too large for a message --------------------------------------------------------
 */

struct bs_bytes bs_result_pack(const struct bs_payload *payload, struct bs_buffer *scratch,
                               char sha256[65])
{
    struct bs_bytes packed = {.data = payload->value, .size = payload->size};
    if (!payload->gzipped) {
        bs_gzip(packed, scratch);
        packed = (struct bs_bytes){.data = scratch->data, .size = scratch->size};
    }
    uint8_t digest[SHA256_DIGEST_LENGTH];
    (void)SHA256(packed.data, packed.size, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        (void)snprintf(sha256 + 2 * i, 3, "%02x", digest[i]);
    }
    return packed;
}

struct bs_payload *bs_result_refer(const struct bs_config *config, const struct bs_payload *payload,
                                   const char *uri, struct bs_bytes packed, const char *sha256)
{
    struct bs_buffer out = {0};
    if (payload->gzipped) {
        bool whole =
            bs_gunzip_head((struct bs_bytes){.data = payload->value, .size = payload->size},
                           payload->head_size, &out);
        BS_ASSERT(whole); /* our own writing */
    } else {
        bs_buffer_append(&out, payload->value, payload->head_size);
    }
    append_string(&out, ",\"transcript\":{\"uri\":", uri);
    append_int(&out, ",\"sizeBytes\":", (int64_t)packed.size);
    append_string(&out, ",\"sha256\":", sha256);
    append_string(&out, ",\"contentEncoding\":", "gzip");
    bs_buffer_append_text(&out, "}}");

    struct bs_payload *reference = new_payload();
    reference->head_size = out.size;
    reference->audio_seconds = payload->audio_seconds;
    reference->billed_seconds = payload->billed_seconds;
    reference->billed_at_least = payload->billed_at_least;
    int64_t size = (int64_t)out.size;
    bool gzipped =
        size > config->results.compress_over_bytes || size > config->results.inline_bytes;
    finish_payload(reference, &out, gzipped, config->results.inline_bytes);
    return reference;
}
