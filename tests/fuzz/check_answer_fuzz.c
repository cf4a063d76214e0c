/* The API's answer to a check: the HTTP status, a newline, the body. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "formats/gzip.h"
#include "formats/json.h"
#include "formats/result.h"
#include "formats/speechkit.h"
#include "formats/transcript.h"
#include "fuzz.h"

#define PLAIN_MAX ((size_t)64 * 1024 * 1024)

static const char job_text[] =
    "{\"id\":\"call-1\",\"audio\":{\"uri\":\"s3://recordings/call "
    "1.pcm\",\"durationSeconds\":61.5},"
    "\"config\":{\"specification\":{\"audioEncoding\":\"LINEAR16_PCM\",\"sampleRateHertz\":8000,"
    "\"audioChannelCount\":2}},\"labels\":{\"a\":\"b\"}}";

/* One configuration keeps results plain and whole, the other packs them and drops words. */
struct scene {
    struct bs_config *config;
    struct bs_buffer packed;
    struct bs_operation operation;
};

static void make_scene(struct scene *scene, const char *const *settings)
{
    const struct bs_source source = {.topic = "jobs", .partition = 3, .offset = 41};
    const struct bs_message message = {
        .value = {.data = (const uint8_t *)job_text, .size = sizeof job_text - 1}};
    struct bs_job_event event;
    scene->config = fuzz_config(settings);
    bs_job_decode(scene->config, &source, &message, &event, &scene->packed);
    BS_ASSERT(event.refusal == BS_DEAD_NONE);
    scene->operation = fuzz_operation(event.job, event.job_size);
}

static void check_rendering(enum bs_transcript_format format, const struct bs_message *message)
{
    struct bs_buffer out = {0};
    struct bs_error error = BS_NO_ERROR;
    struct bs_transcript_writing writing = {.format = format};
    struct bs_transcript *transcript = bs_transcript_read(message, &error);
    BS_ASSERT(transcript != NULL);
    bs_transcript_write(&writing, transcript, &out);
    bs_transcript_free(transcript);
    BS_ASSERT(out.size > 0 && out.data[out.size - 1] == '\n');
    BS_ASSERT(fuzz_is_utf8(out.data, out.size));
    bs_buffer_free(&out);
}

/* Whatever the API said, what is published is a result by its schema's outline. */
static void check_result(const uint8_t *text, size_t size)
{
    struct bs_json_problem problem;
    cJSON *result = bs_json_parse(text, size, &problem);
    BS_ASSERT(result != NULL);
    const char *id = bs_json_text(result, "id");
    const cJSON *utterance, *labels = bs_json_member(result, "labels");
    double last = 0;
    BS_ASSERT(id != NULL && strcmp(id, "call-1") == 0 && cJSON_IsObject(labels));
    BS_ASSERT(bs_json_text(result, "text") != NULL);
    BS_ASSERT(cJSON_IsArray(bs_json_member(result, "chunks")));
    BS_ASSERT(cJSON_IsArray(bs_json_member(result, "channels")));
    cJSON_ArrayForEach(utterance, bs_json_member(result, "utterances"))
    {
        const cJSON *start = bs_json_member(utterance, "startSeconds");
        const char *said = bs_json_text(utterance, "text");
        BS_ASSERT(said != NULL && said[0] != '\0');
        BS_ASSERT(bs_json_text(utterance, "channelTag") != NULL);
        BS_ASSERT(start == NULL || (cJSON_IsNumber(start) && start->valuedouble >= last));
        last = start == NULL ? last : start->valuedouble;
    }
    cJSON_Delete(result);
}

static void check_payload(const struct bs_config *config, const struct bs_payload *payload,
                          size_t body_size)
{
    static const struct bs_header packed = {
        .name = "content-encoding",
        .value = {.data = (const uint8_t *)"gzip", .size = 4},
    };
    struct bs_message message = {
        .value = {.data = payload->value, .size = payload->size},
        .headers = &packed,
        .header_count = payload->gzipped ? 1 : 0,
    };
    struct bs_buffer plain = {0};
    if (payload->gzipped) {
        BS_ASSERT(bs_gunzip(message.value, PLAIN_MAX, &plain));
    } else {
        bs_buffer_append(&plain, payload->value, payload->size);
    }
    bool over = (int64_t)plain.size > config->results.compress_over_bytes;
    BS_ASSERT(payload->gzipped == over);
    BS_ASSERT(payload->too_large == ((int64_t)payload->size > config->results.inline_bytes));
    /* Each text stands in chunks, utterances, channels and the whole; a tag or time in two. */
    BS_ASSERT(plain.size <= body_size * 24 + 4096);
    check_result(plain.data, plain.size);
    check_rendering(BS_TRANSCRIPT_TEXT, &message);
    check_rendering(BS_TRANSCRIPT_JSONL, &message);
    BS_ASSERT(payload->billed_seconds == 62);
    bs_buffer_free(&plain);
}

static void check_answer(const struct bs_config *config, int32_t status,
                         const struct bs_answer *answer, size_t body_size)
{
    bool success = status >= 200 && status < 300;
    BS_ASSERT(answer->http_status == status && answer->operation_id == NULL);
    BS_ASSERT(answer->created >= 0 && answer->modified >= 0);
    BS_ASSERT(answer->message == NULL || fuzz_is_message(answer->message, BS_MESSAGE_MAX));
    BS_ASSERT((answer->payload != NULL) == (answer->kind == BS_ANSWER_DONE));
    switch (answer->kind) {
    case BS_ANSWER_RUNNING:
        BS_ASSERT(success);
        break;
    case BS_ANSWER_DONE:
        BS_ASSERT(success);
        check_payload(config, answer->payload, body_size);
        break;
    case BS_ANSWER_FAILED:
        BS_ASSERT(success && answer->grpc_code >= 1 && answer->message != NULL);
        break;
    case BS_ANSWER_ERROR:
        BS_ASSERT(!success && answer->grpc_code >= 1 && answer->message != NULL);
        break;
    case BS_ANSWER_UNREADABLE:
        BS_ASSERT(success && answer->message != NULL && answer->message[0] != '\0');
        break;
    default:
        BS_ASSERT(false);
    }
}

static void run(const struct scene *scene, int32_t status, struct bs_bytes body)
{
    struct bs_answer answer;
    void *storage;
    fuzz_memory_begin();
    bs_speechkit_decode_check(scene->config, &scene->operation, "worker-0", 1700000300000, status,
                              body, &answer, &storage);
    fuzz_memory_end(body.size, 400, 524288);
    check_answer(scene->config, status, &answer, body.size);
    bs_payload_free(answer.payload);
    bs_speechkit_free(storage);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct scene plain, packed;
    if (plain.config == NULL) {
        const char *whole[] = {"results.compress_over_bytes=1073741824", NULL};
        const char *small[] = {"results.compress_over_bytes=512", "results.inline_bytes=1024",
                               "results.words=false", NULL};
        make_scene(&plain, whole);
        make_scene(&packed, small);
    }
    struct bs_bytes rest = {.data = data, .size = size};
    struct bs_bytes line = fuzz_part(&rest, '\n');
    struct bs_bytes body = fuzz_copy(rest.data, rest.size);
    char *status = fuzz_text(line);
    int32_t number = (int32_t)strtol(strlen(status) > 3 ? "200" : status, NULL, 10);
    run(&plain, number, body);
    run(&packed, number, body);
    free(status);
    fuzz_free(line);
    fuzz_free(body);
    return 0;
}
