#include "formats/result.h"

#include <stdlib.h>
#include <string.h>

#include "formats/gzip.h"
#include "formats/json.h"
#include "formats/result_transcript.h"

struct bs_bytes bs_result_key(const struct bs_job *job)
{
    if (job->message.key.data != NULL) {
        return job->message.key;
    }
    return (struct bs_bytes){.data = (const uint8_t *)job->id, .size = strlen(job->id)};
}

/* ---- small pieces: out of memory aborts, as everywhere ------------------------------------------
 */

static void add(cJSON *object, const char *name, cJSON *item)
{
    BS_ASSERT(item != NULL && cJSON_AddItemToObject(object, name, item));
}

static void add_text(cJSON *object, const char *name, const char *text)
{
    add(object, name, cJSON_CreateStringReference(text));
}

static void add_number(cJSON *object, const char *name, double number)
{
    add(object, name, cJSON_CreateNumber(number));
}

static cJSON *add_object(cJSON *object, const char *name)
{
    cJSON *item = cJSON_CreateObject();
    add(object, name, item);
    return item;
}

/* A moment that is not known is left out. */
static void add_moment(cJSON *object, const char *name, bs_wall_ms moment)
{
    char text[BS_RFC3339_SIZE];
    if (moment > 0) {
        bs_rfc3339_format(moment, text);
        add(object, name, cJSON_CreateString(text));
    }
}

/* ---- the result's members -----------------------------------------------------------------------
 */

static void add_source(cJSON *result, const struct bs_job *job)
{
    cJSON *source = add_object(result, "source");
    add_text(source, "topic", job->topic);
    add_number(source, "partition", job->partition);
    add_number(source, "offset", (double)job->offset);
}

/* What is known of the recording. Rate and channels are told by the specification for raw samples
 * only; other formats carry their own, and then the channels that were heard are what we know. */
static int32_t add_audio(cJSON *result, const struct bs_job *job, const cJSON *specification,
                         int32_t channels_heard)
{
    cJSON *audio = add_object(result, "audio");
    const char *encoding = bs_json_text(specification, "audioEncoding");
    int64_t rate, count;
    int32_t channels = channels_heard;
    add_text(audio, "uri", job->uri);
    if (encoding != NULL) {
        add(audio, "encoding", cJSON_CreateString(encoding));
    }
    if (encoding != NULL && strcmp(encoding, "LINEAR16_PCM") == 0) {
        channels = 1;
        if (bs_json_int64(bs_json_member(specification, "audioChannelCount"), &count)) {
            channels = (int32_t)count;
        }
        if (bs_json_int64(bs_json_member(specification, "sampleRateHertz"), &rate)) {
            add_number(audio, "sampleRateHertz", (double)rate);
        }
    }
    if (channels > 0) {
        add_number(audio, "channels", channels);
    }
    if (job->duration_seconds > 0) {
        add_number(audio, "durationSeconds", job->duration_seconds);
    }
    if (job->size_bytes >= 0) {
        add_number(audio, "sizeBytes", (double)job->size_bytes);
    }
    return channels;
}

static void add_operation(cJSON *result, const struct bs_operation *operation,
                          const struct bs_answer *answer)
{
    cJSON *item = add_object(result, "operation");
    bs_wall_ms created = answer->created > 0 ? answer->created : operation->created;
    bs_wall_ms modified = answer->modified > 0 ? answer->modified : operation->modified;
    add_text(item, "id", operation->operation_id == NULL ? "" : operation->operation_id);
    add_moment(item, "createdAt", created);
    add_moment(item, "modifiedAt", modified);
}

/* The check whose answer this is is not yet counted in the operation. */
static void add_timing(cJSON *result, const struct bs_operation *operation, bs_wall_ms now)
{
    cJSON *timing = add_object(result, "timing");
    add_moment(timing, "receivedAt", operation->received);
    add_moment(timing, "submittedAt", operation->submitted);
    add_moment(timing, "detectedAt", now);
    add_number(timing, "checks", operation->checks + 1);
    add_number(timing, "submissions", operation->submissions);
}

/* Moves chunks and what was made of them into the result. */
static void add_transcript(cJSON *result, struct bs_transcript_parts *parts, cJSON *chunks)
{
    add_text(result, "text", parts->text);
    add(result, "channels", parts->channels);
    add(result, "utterances", parts->utterances);
    parts->channels = parts->utterances = NULL;
    add(result, "chunks", cJSON_IsArray(chunks) ? chunks : cJSON_CreateArray());
}

/* ---- the message -------------------------------------------------------------------------------
 */

static void finish_payload(const struct bs_config *config, const cJSON *result,
                           struct bs_payload *payload)
{
    char *text = cJSON_PrintUnformatted(result);
    BS_ASSERT(text != NULL);
    struct bs_bytes plain = {.data = (const uint8_t *)text, .size = strlen(text)};
    struct bs_buffer value = {0};
    payload->gzipped = (int64_t)plain.size > config->results.compress_over_bytes;
    if (payload->gzipped) {
        bs_gzip(plain, &value);
    } else {
        bs_buffer_append(&value, plain.data, plain.size);
    }
    cJSON_free(text);
    uint8_t *fitted = realloc(value.data, value.size); /* it waits for its transaction */
    value.data = fitted == NULL ? value.data : fitted;
    payload->value = value.data;
    payload->size = value.size;
    payload->too_large = (int64_t)value.size > config->results.inline_bytes;
}

struct bs_payload *bs_result_build(const struct bs_config *config,
                                   const struct bs_operation *operation, const struct bs_job *job,
                                   const char *worker, const struct bs_answer *answer,
                                   bs_wall_ms now, void *response)
{
    struct bs_transcript_parts parts;
    const cJSON *given = bs_json_member(response, "chunks");
    if (!cJSON_IsObject(response) || !bs_transcript_parts_make(given, &parts)) {
        return NULL;
    }
    cJSON *chunks = cJSON_DetachItemFromObjectCaseSensitive(response, "chunks");
    if (!config->results.words) {
        bs_transcript_drop_words(chunks);
    }
    struct bs_payload *payload = calloc(1, sizeof *payload);
    cJSON *specification = cJSON_Parse(job->specification_json);
    cJSON *result = cJSON_CreateObject();
    BS_ASSERT(payload != NULL && specification != NULL && result != NULL);

    add_text(result, "id", job->id);
    add_source(result, job);
    int32_t channels = add_audio(result, job, specification, parts.channel_count);
    add(result, "specification", specification);
    add_operation(result, operation, answer);
    payload->audio_seconds = job->duration_seconds;
    payload->billed_seconds = bs_billed_seconds(job->duration_seconds, channels);
    if (payload->billed_seconds > 0) {
        add_number(result, "billedSeconds", (double)payload->billed_seconds);
    }
    add_timing(result, operation, now);
    if (job->labels_json != NULL) {
        add(result, "labels", cJSON_CreateRaw(job->labels_json));
    }
    add_text(result, "worker", worker);
    add_transcript(result, &parts, chunks);
    if (!cJSON_IsArray(chunks)) {
        cJSON_Delete(chunks); /* a null: not in the result */
    }

    finish_payload(config, result, payload);
    cJSON_Delete(result);
    bs_transcript_parts_free(&parts);
    return payload;
}

void bs_payload_free(void *opaque)
{
    struct bs_payload *payload = opaque;
    if (payload != NULL) {
        free(payload->value);
        free(payload);
    }
}
