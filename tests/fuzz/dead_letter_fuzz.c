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
