/* A packed job as it stands in a state record, and what is made of it: the dead letter's headers,
 * the request, the result. */
#include <stdlib.h>
#include <string.h>

#include "formats/dead_letter.h"
#include "formats/result.h"
#include "formats/speechkit.h"
#include "fuzz.h"

static const char *header_text(const struct bs_dead_letter_headers *headers, size_t own,
                               const char *name, char text[1024])
{
    for (size_t i = own; i < headers->count; i++) {
        if (strcmp(headers->headers[i].name, name) == 0) {
            BS_ASSERT(headers->headers[i].value.size < 1024);
            memcpy(text, headers->headers[i].value.data, headers->headers[i].value.size);
            text[headers->headers[i].value.size] = '\0';
            return text;
        }
    }
    return NULL;
}

/* Who reads the dead letter finds the job again, whatever headers it had. */
static void check_reading(const struct bs_dead_letter_headers *headers, const struct bs_job *job)
{
    const struct bs_message message = {.headers = headers->headers, .header_count = headers->count};
    struct bs_dead_letter letter;
    size_t topic_size = strlen(job->topic);
    bool possible = topic_size > 0 && topic_size < sizeof letter.topic && job->partition >= 0 &&
                    job->offset >= 0;
    BS_ASSERT(bs_dead_letter_read(&message, &letter) == possible);
    if (possible) {
        BS_ASSERT(letter.code == BS_DEAD_RECOGNITION_FAILED && letter.failed == 1700000000000);
        BS_ASSERT(strcmp(letter.topic, job->topic) == 0 && letter.partition == job->partition &&
                  letter.offset == job->offset);
        BS_ASSERT(letter.value_omitted && (size_t)letter.value_size == job->message.value.size);
    }
    struct bs_header *own = calloc(headers->count, sizeof *own);
    BS_ASSERT(own != NULL);
    size_t count = bs_dead_letter_own_headers(&message, own);
    BS_ASSERT(count <= job->message.header_count);
    for (size_t i = 0, at = 0; i < count; i++, at++) {
        while (job->message.headers[at].name != own[i].name) {
            BS_ASSERT(strncmp(job->message.headers[at].name, BS_ERROR_HEADER_PREFIX,
                              sizeof BS_ERROR_HEADER_PREFIX - 1) == 0);
            at++;
        }
        BS_ASSERT(fuzz_same(own[i].value, job->message.headers[at].value));
    }
    free(own);
    /* What no worker has written is read without harm. */
    const struct bs_message job_message = {.headers = job->message.headers,
                                           .header_count = job->message.header_count};
    if (bs_dead_letter_read(&job_message, &letter)) {
        BS_ASSERT(letter.partition >= 0 && letter.offset >= 0 && letter.topic[0] != '\0');
    }
}

static void check_headers(const struct bs_operation *operation, const struct bs_job *job)
{
    struct bs_dead_letter_headers headers;
    size_t own = job->message.header_count;
    char text[1024];
    bs_dead_letter_headers(operation, job, 1700000000000, &headers);
    BS_ASSERT(headers.count >= own + 6 && headers.count <= own + 8);
    for (size_t i = 0; i < own; i++) {
        BS_ASSERT(headers.headers[i].name == job->message.headers[i].name);
        BS_ASSERT(fuzz_same(headers.headers[i].value, job->message.headers[i].value));
    }
    for (size_t i = own; i < headers.count; i++) {
        BS_ASSERT(strncmp(headers.headers[i].name, BS_ERROR_HEADER_PREFIX,
                          sizeof BS_ERROR_HEADER_PREFIX - 1) == 0);
        BS_ASSERT(fuzz_is_utf8(headers.headers[i].value.data, headers.headers[i].value.size));
    }
    BS_ASSERT(strcmp(header_text(&headers, own, "backscribe-error-code", text),
                     "recognition_failed") == 0);
    BS_ASSERT((uint64_t)strtoull(header_text(&headers, own, "backscribe-value-omitted", text), NULL,
                                 10) == job->message.value.size);
    check_reading(&headers, job);
    bs_dead_letter_headers_free(&headers);
}

static void check_request(const struct bs_job *job)
{
    struct bs_buffer request = {0};
    bs_speechkit_encode_submission(job, &request);
    BS_ASSERT(fuzz_is_json(request.data, request.size));
    bs_buffer_free(&request);
}

static void check_result(const struct bs_config *config, const struct bs_operation *operation)
{
    static const char body[] = "{\"done\":true,\"response\":{\"chunks\":[]}}";
    struct bs_answer answer;
    void *storage;
    bs_speechkit_decode_check(config, operation, "worker-0", 1700000300000, 200,
                              (struct bs_bytes){(const uint8_t *)body, sizeof body - 1}, &answer,
                              &storage);
    BS_ASSERT(answer.kind == BS_ANSWER_DONE);
    const struct bs_payload *payload = answer.payload;
    BS_ASSERT(fuzz_is_json(payload->value, payload->size) && payload->billed_seconds >= 0);
    bs_payload_free(answer.payload);
    bs_speechkit_free(storage);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct bs_config *config;
    if (config == NULL) {
        const char *settings[] = {"results.compress_over_bytes=1073741824", NULL};
        config = fuzz_config(settings);
    }
    struct bs_bytes packed = fuzz_copy(data, size);
    struct bs_job job;
    fuzz_memory_begin();
    bool good = bs_job_unpack(packed.data, packed.size, &job);
    fuzz_memory_end(size, 200, 65536);
    if (good) {
        char message[] = "no speech";
        struct bs_operation operation = fuzz_operation(packed.data, packed.size);
        operation.dead_letter_code = BS_DEAD_RECOGNITION_FAILED;
        operation.message = message;
        operation.omit_value = true;
        fuzz_check_job(&job);
        check_headers(&operation, &job);
        check_request(&job);
        check_result(config, &operation);
        bs_job_free(&job);
    }
    fuzz_free(packed);
    return 0;
}
