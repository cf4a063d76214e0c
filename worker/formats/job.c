/* A job message becomes an event for core. */
#include "formats/job.h"

#include <openssl/sha.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "formats/job_fields.h"
#include "formats/job_pack.h"
#include "formats/job_probe.h"
#include "formats/json_arena.h"
#include "formats/object_name.h"
#include "formats/url.h"

/* A state record carries the packed job and must fit into a message of 1,000,000 bytes,
 * librdkafka's default and a little less than the broker's. */
#define PACKED_JOB_MAX 950000

/* A job while it is read. */
struct draft {
    const struct bs_config *config;
    cJSON *json, *defaults_json;
    struct bs_job_fields fields;
    struct bs_specification specification; /* as it is sent */
    struct bs_buffer link;                 /* with its NUL */
    char *labels_json;
    bool probe_wanted;
    enum bs_dead_letter_code refusal;
    char message[BS_MESSAGE_MAX];
};

static enum bs_dead_letter_code refuse(struct draft *draft, enum bs_dead_letter_code code,
                                       const char *format, ...) BS_PRINTF(3, 4);

static enum bs_dead_letter_code refuse(struct draft *draft, enum bs_dead_letter_code code,
                                       const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(draft->message, sizeof draft->message, format, arguments);
    va_end(arguments);
    return code;
}

static const char *link_of(const struct draft *draft)
{
    return (const char *)draft->link.data;
}

/* What the recording's name tells, for want of a look into it. */
static enum bs_dead_letter_code guess_encoding(struct draft *draft)
{
    if (bs_link_is_wav(link_of(draft))) {
        return refuse(draft, BS_DEAD_UNSUPPORTED_AUDIO,
                      "audio.uri: WAV is not taken by the API; configure objects.auth and "
                      "objects.staging, and it is handed over as LINEAR16_PCM without its header");
    }
    enum bs_encoding encoding = bs_encoding_of_link(link_of(draft));
    draft->specification.encoding =
        encoding == BS_ENCODING_ABSENT ? BS_ENCODING_OGG_OPUS : encoding;
    return BS_DEAD_NONE;
}

/* The specification as it is sent: the job's own, then the configured defaults, then what the
 * recording itself tells. */
static enum bs_dead_letter_code complete_specification(struct draft *draft)
{
    struct bs_specification *specification = &draft->specification;
    struct bs_specification defaults = {0};
    draft->defaults_json = cJSON_Parse(draft->config->speechkit.defaults_json);
    /* the configuration's own writing */
    BS_ASSERT(bs_specification_read(draft->defaults_json, &defaults, NULL, NULL));
    *specification = draft->fields.specification;
    bs_specification_fill(specification, &defaults);
    if (draft->probe_wanted) {
        return BS_DEAD_NONE; /* completed, and judged, by what is found */
    }
    if (specification->encoding == BS_ENCODING_ABSENT) {
        enum bs_dead_letter_code refusal = guess_encoding(draft);
        if (refusal != BS_DEAD_NONE) {
            return refusal;
        }
    }
    uint32_t rate = specification->sample_rate_hertz;
    if (specification->encoding == BS_ENCODING_LINEAR16_PCM && rate != 0 && rate != 8000 &&
        rate != 16000 && rate != 48000) {
        return refuse(draft, BS_DEAD_UNSUPPORTED_AUDIO,
                      "sampleRateHertz: LINEAR16_PCM is taken at 8000, 16000 or 48000, not at %u",
                      rate);
    }
    return BS_DEAD_NONE;
}

/* Raw samples tell their length by their size. */
static double audio_seconds(const struct draft *draft)
{
    const struct bs_specification *specification = &draft->specification;
    const struct bs_job_fields *fields = &draft->fields;
    if (draft->probe_wanted || fields->duration_seconds > 0 || fields->size_bytes < 0 ||
        specification->encoding != BS_ENCODING_LINEAR16_PCM ||
        specification->sample_rate_hertz == 0) {
        return fields->duration_seconds;
    }
    double channels = specification->channel_count == 0 ? 1 : specification->channel_count;
    return (double)fields->size_bytes / (2 * channels * specification->sample_rate_hertz);
}

static enum bs_dead_letter_code judge_audio(struct draft *draft)
{
    draft->fields.duration_seconds = audio_seconds(draft);
    if (draft->fields.duration_seconds > BS_AUDIO_SECONDS_MAX) {
        return refuse(draft, BS_DEAD_AUDIO_TOO_LONG,
                      "the recording lasts %.10g s: the API takes at most 4 hours",
                      draft->fields.duration_seconds);
    }
    if (draft->fields.size_bytes > BS_AUDIO_BYTES_MAX) {
        return refuse(draft, BS_DEAD_AUDIO_TOO_LARGE,
                      "the recording has %lld bytes: the API takes at most 1 GB",
                      (long long)draft->fields.size_bytes);
    }
    return BS_DEAD_NONE;
}

/* Everything up to the first reason why it cannot be submitted. */
static enum bs_dead_letter_code read_job(struct draft *draft, struct bs_bytes value)
{
    char problem[BS_MESSAGE_MAX - 64];
    struct bs_json_problem json_problem;
    if (value.data == NULL) {
        return refuse(draft, BS_DEAD_INVALID_JOB, "the message has no value");
    }
    if (value.size > (size_t)draft->config->limits.job_bytes) {
        return refuse(draft, BS_DEAD_INVALID_JOB,
                      "the value has %zu bytes: expected at most %lld (limits.job_bytes)",
                      value.size, (long long)draft->config->limits.job_bytes);
    }
    draft->json = bs_json_parse(value.data, value.size, &json_problem);
    if (draft->json == NULL) {
        return refuse(draft, BS_DEAD_INVALID_JOB, "not JSON: at byte %zu: %s", json_problem.offset,
                      json_problem.reason);
    }
    if (!bs_job_fields_read(draft->json, &draft->fields, problem, sizeof problem)) {
        draft->fields = (struct bs_job_fields){.size_bytes = -1};
        return refuse(draft, BS_DEAD_INVALID_JOB, "%s", problem);
    }
    if (draft->fields.labels != NULL) {
        draft->labels_json = cJSON_PrintUnformatted(draft->fields.labels);
        BS_ASSERT(draft->labels_json != NULL);
    }
    enum bs_dead_letter_code refusal =
        bs_link_normalise(draft->config, draft->fields.uri, &draft->link, draft->message);
    if (refusal != BS_DEAD_NONE) {
        return refusal;
    }
    bs_buffer_append(&draft->link, "", 1);
    draft->probe_wanted =
        bs_config_has_store(draft->config) &&
        !(bs_job_fields_tell_all(&draft->fields) && !bs_link_is_wav(link_of(draft)));
    refusal = complete_specification(draft);
    return refusal != BS_DEAD_NONE ? refusal : judge_audio(draft);
}

/* The id's hash, and the fingerprint by which the same id with another recording is found out. */
static void hash_identity(const struct draft *draft, const char *id, struct bs_job_event *event)
{
    BS_ASSERT(id != NULL);
    uint8_t digest[SHA256_DIGEST_LENGTH];
    (void)SHA256((const uint8_t *)id, strlen(id), digest);
    memcpy(event->id_hash, digest, sizeof event->id_hash);

    struct bs_buffer identity = {0};
    bs_buffer_append(&identity, draft->link.data, draft->link.size);
    bs_specification_write(&draft->fields.specification, &identity);
    (void)SHA256(identity.data, identity.size, digest);
    bs_buffer_free(&identity);
    for (size_t i = 0; i < 8; i++) {
        event->fingerprint = event->fingerprint << 8 | digest[i];
    }
}

static void pack(const struct draft *draft, const struct bs_source *source,
                 const struct bs_message *message, struct bs_buffer *scratch)
{
    bool good = draft->refusal == BS_DEAD_NONE;
    const char *own_folder = draft->fields.folder_id;
    scratch->size = 0;
    bs_job_pack(
        &(struct bs_job_facts){
            .source = source,
            .message = message,
            .id = draft->fields.id,
            .uri = good ? link_of(draft) : NULL,
            .specification = good ? &draft->specification : NULL,
            .folder_id = own_folder != NULL ? own_folder : draft->config->speechkit.folder_id,
            .labels_json = draft->labels_json,
            .duration_seconds = good ? draft->fields.duration_seconds : 0,
            .size_bytes = draft->fields.size_bytes,
        },
        scratch);
}

void bs_job_decode(const struct bs_config *config, const struct bs_source *source,
                   const struct bs_message *message, struct bs_job_event *event,
                   struct bs_buffer *scratch)
{
    bs_json_arena_begin();
    struct draft draft = {.config = config, .fields = {.size_bytes = -1}};
    draft.refusal = read_job(&draft, message->value);
    pack(&draft, source, message, scratch);
    if (draft.refusal == BS_DEAD_NONE && scratch->size > PACKED_JOB_MAX) {
        draft.refusal =
            refuse(&draft, BS_DEAD_INVALID_JOB,
                   "key, value, headers and labels come to over %d bytes", PACKED_JOB_MAX);
        pack(&draft, source, message, scratch);
    }

    const struct bs_specification *specification = &draft.specification;
    bool lpcm = specification->encoding == BS_ENCODING_LINEAR16_PCM;
    *event = (struct bs_job_event){
        .partition = source->partition,
        .offset = source->offset,
        .job_size = scratch->size,
        .id_given = draft.fields.id != NULL,
        .force = draft.fields.force,
        .deferred =
            specification->model != NULL && strncmp(specification->model, "deferred-", 9) == 0,
        .audio_seconds = draft.refusal == BS_DEAD_NONE ? draft.fields.duration_seconds : 0,
        .channels =
            lpcm && specification->channel_count > 0 ? (int32_t)specification->channel_count : 1,
        .probe_wanted = draft.probe_wanted && draft.refusal == BS_DEAD_NONE,
        .deadline = draft.fields.deadline,
        .refusal = draft.refusal,
    };
    struct bs_buffer default_id = {0};
    bs_job_default_id(source->topic, source->partition, source->offset, &default_id);
    hash_identity(&draft, event->id_given ? draft.fields.id : (const char *)default_id.data, event);
    bs_buffer_free(&default_id);
    if (draft.refusal != BS_DEAD_NONE) {
        bs_buffer_append(scratch, draft.message, strlen(draft.message) + 1);
        event->refusal_message = (const char *)scratch->data + event->job_size;
    }
    event->job = scratch->data;

    cJSON_Delete(draft.json);
    cJSON_Delete(draft.defaults_json);
    cJSON_free(draft.labels_json);
    bs_json_arena_end();
    bs_buffer_free(&draft.link);
}
