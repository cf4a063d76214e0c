/* A job message: the value, and behind separators the key and headers (name, value, name, …). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "formats/dead_letter.h"
#include "formats/json.h"
#include "formats/speechkit.h"
#include "fuzz.h"

#define HEADERS_MAX    16
#define PACKED_JOB_MAX 950000

static const struct bs_source source = {
    .topic = "jobs",
    .partition = 3,
    .offset = 41,
    .timestamp = 1700000000000,
};

struct parts {
    struct bs_message message;
    struct bs_header headers[HEADERS_MAX];
};

static void cut(struct bs_bytes rest, struct parts *parts)
{
    *parts = (struct parts){.message.headers = parts->headers};
    parts->message.value = fuzz_part(&rest, FUZZ_SEPARATOR);
    parts->message.key = fuzz_part(&rest, FUZZ_SEPARATOR);
    while (rest.data != NULL && parts->message.header_count < HEADERS_MAX) {
        struct bs_bytes name = fuzz_part(&rest, FUZZ_SEPARATOR);
        struct bs_header *header = &parts->headers[parts->message.header_count++];
        header->name = fuzz_text(name);
        header->value = fuzz_part(&rest, FUZZ_SEPARATOR);
        fuzz_free(name);
    }
}

static void release(struct parts *parts)
{
    for (size_t i = 0; i < parts->message.header_count; i++) {
        free((char *)(uintptr_t)parts->headers[i].name);
        fuzz_free(parts->headers[i].value);
    }
    fuzz_free(parts->message.value);
    fuzz_free(parts->message.key);
}

/* What travels is what came, byte for byte. */
static void check_message_kept(const struct bs_message *came, const struct bs_message *kept)
{
    BS_ASSERT(fuzz_same(came->value, kept->value) && fuzz_same(came->key, kept->key));
    BS_ASSERT(came->header_count == kept->header_count);
    for (size_t i = 0; i < came->header_count; i++) {
        BS_ASSERT(strcmp(came->headers[i].name, kept->headers[i].name) == 0);
        BS_ASSERT(fuzz_same(came->headers[i].value, kept->headers[i].value));
    }
}

static void check_accepted(const struct bs_config *config, const struct bs_job_event *event,
                           const struct bs_job *job)
{
    const char *endpoint = config->objects.endpoint;
    BS_ASSERT(event->refusal_message == NULL && event->job_size <= PACKED_JOB_MAX);
    BS_ASSERT(strncmp(job->uri, endpoint, strlen(endpoint)) == 0);
    BS_ASSERT(job->uri[strlen(endpoint)] == '/');
    for (const char *at = job->uri; *at != '\0'; at++) {
        BS_ASSERT(*at > ' ' && *at <= '~' && strchr("?#\"\\<>", *at) == NULL);
    }
    BS_ASSERT(bs_utf8_length(job->id) >= 1 && bs_utf8_length(job->id) <= 200);
    BS_ASSERT(event->audio_seconds >= 0 && event->audio_seconds <= 14400);
    BS_ASSERT(job->size_bytes <= 1073741824 && event->deadline >= 0);
    BS_ASSERT(event->channels >= 1 && event->channels <= 999);

    struct bs_buffer request = {0};
    char key[BS_UUID_SIZE];
    bs_speechkit_encode_submission(job, &request);
    bs_speechkit_idempotency_key("cluster", job, 1, key);
    BS_ASSERT(fuzz_is_json(request.data, request.size) && strlen(key) == BS_UUID_SIZE - 1);
    bs_buffer_free(&request);
}

/* The query of a link may be a signature: a refusal of the link shows nothing of it. */
static void check_refusal_keeps_query(const struct bs_message *message, const char *text)
{
    struct bs_json_problem problem;
    cJSON *json = bs_json_parse(message->value.data, message->value.size, &problem);
    const char *uri = bs_json_text(bs_json_member(json, "audio"), "uri");
    const char *query = uri == NULL ? NULL : strchr(uri, '?');
    if (query != NULL && strlen(query) > 8 && strncmp(uri, "s3:", 3) != 0) {
        BS_ASSERT(strstr(text, query) == NULL);
    }
    cJSON_Delete(json);
}

static void check_refused(const struct bs_message *message, const struct bs_job_event *event,
                          const struct bs_job *job)
{
    BS_ASSERT(event->refusal < BS_DEAD_CODES);
    BS_ASSERT(fuzz_is_message(event->refusal_message, BS_MESSAGE_MAX));
    BS_ASSERT(event->refusal_message[0] != '\0' && job->uri[0] == '\0');
    if (event->refusal == BS_DEAD_AUDIO_FORBIDDEN) {
        check_refusal_keeps_query(message, event->refusal_message);
    }
    struct bs_operation operation = {
        .job = (uint8_t *)(uintptr_t)event->job,
        .job_size = (uint32_t)event->job_size,
        .dead_letter_code = (uint8_t)event->refusal,
        .message = (char *)(uintptr_t)event->refusal_message,
        .omit_value = true,
    };
    struct bs_dead_letter_headers headers;
    bs_dead_letter_headers(&operation, job, 1700000000000, &headers);
    BS_ASSERT(headers.count == message->header_count + 7);
    for (size_t i = 0; i < message->header_count; i++) {
        BS_ASSERT(strcmp(headers.headers[i].name, message->headers[i].name) == 0);
        BS_ASSERT(fuzz_same(headers.headers[i].value, message->headers[i].value));
    }
    for (size_t i = message->header_count; i < headers.count; i++) {
        BS_ASSERT(fuzz_is_utf8(headers.headers[i].value.data, headers.headers[i].value.size));
    }
    bs_dead_letter_headers_free(&headers);
}

/* The same bytes come to the same job, whoever reads them. */
static void check_repeatable(const struct bs_config *config, const struct bs_message *message,
                             const struct bs_job_event *first, const struct bs_buffer *packed)
{
    struct bs_job_event again;
    struct bs_buffer scratch = {0};
    bs_job_decode(config, &source, message, &again, &scratch);
    BS_ASSERT(again.refusal == first->refusal && again.job_size == first->job_size);
    BS_ASSERT(scratch.size == packed->size &&
              memcmp(scratch.data, packed->data, packed->size) == 0);
    BS_ASSERT(again.fingerprint == first->fingerprint);
    BS_ASSERT(memcmp(again.id_hash, first->id_hash, BS_ID_HASH_SIZE) == 0);
    bs_buffer_free(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct bs_config *config;
    if (config == NULL) {
        const char *settings[] = {"limits.job_bytes=16384",
                                  "objects.buckets=[\"recordings\",\"b.2\"]",
                                  "speechkit.folder_id=b1g", NULL};
        config = fuzz_config(settings);
    }
    struct parts parts;
    cut((struct bs_bytes){.data = data, .size = size}, &parts);
    struct bs_job_event event;
    struct bs_buffer scratch = {0};
    fuzz_memory_begin();
    bs_job_decode(config, &source, &parts.message, &event, &scratch);
    fuzz_memory_end(size, 200, 131072);

    struct bs_job job;
    BS_ASSERT(bs_job_unpack(event.job, event.job_size, &job));
    fuzz_check_job(&job);
    BS_ASSERT(strcmp(job.topic, source.topic) == 0 && job.partition == source.partition);
    BS_ASSERT(job.offset == source.offset && job.timestamp == source.timestamp);
    check_message_kept(&parts.message, &job.message);
    if (event.refusal == BS_DEAD_NONE) {
        check_accepted(config, &event, &job);
    } else {
        check_refused(&parts.message, &event, &job);
    }
    check_repeatable(config, &parts.message, &event, &scratch);
    bs_job_free(&job);
    bs_buffer_free(&scratch);
    release(&parts);
    return 0;
}
