/* A dead letter: the message's own headers untouched, then what went wrong. */
#include "fixture.h"

#include <string.h>

#include "formats/dead_letter.h"

static void assert_header(const struct bs_header *header, const char *name, const char *value)
{
    assert_string_equal(header->name, name);
    assert_int_equal(header->value.size, strlen(value));
    assert_memory_equal(header->value.data, value, strlen(value));
}

static void headers_tell_code_message_stage_source_and_operation(void **state)
{
    (void)state;
    const struct bs_header own[] = {
        {.name = "traceparent", .value = {.data = (const uint8_t *)"00-1", .size = 4}},
        {.name = "null"},
    };
    char topic[] = "jobs", id[] = "e03abc", message[] = "it failed";
    struct bs_job job = {.topic = topic, .partition = 3, .offset = 41};
    job.message.headers = own;
    job.message.header_count = 2;
    job.message.value.size = 2000000;
    struct bs_operation operation = {
        .dead_letter_code = BS_DEAD_RECOGNITION_FAILED,
        .dead_letter_stage = BS_STAGE_CHECK,
        .operation_id = id,
        .message = message,
        .submissions = 3,
        .omit_value = true,
    };
    struct bs_dead_letter_headers headers;
    bs_dead_letter_headers(&operation, &job, 1700000000000, &headers);
    assert_int_equal(headers.count, 10);
    assert_header(&headers.headers[0], "traceparent", "00-1");
    assert_string_equal(headers.headers[1].name, "null");
    assert_null(headers.headers[1].value.data);
    assert_header(&headers.headers[2], "backscribe-error-code", "recognition_failed");
    assert_header(&headers.headers[3], "backscribe-error-message", "it failed");
    assert_header(&headers.headers[4], "backscribe-error-stage", "check");
    assert_header(&headers.headers[5], "backscribe-source", "jobs/3/41");
    assert_header(&headers.headers[6], "backscribe-operation-id", "e03abc");
    assert_header(&headers.headers[7], "backscribe-submissions", "3");
    assert_header(&headers.headers[8], "backscribe-failed-at", "2023-11-14T22:13:20.000Z");
    assert_header(&headers.headers[9], "backscribe-value-omitted", "2000000");
    bs_dead_letter_headers_free(&headers);
}

static void what_was_never_submitted_has_no_operation_id(void **state)
{
    (void)state;
    char topic[] = "jobs";
    struct bs_job job = {.topic = topic};
    struct bs_operation operation = {
        .dead_letter_code = BS_DEAD_INVALID_JOB,
        .dead_letter_stage = BS_STAGE_INTAKE,
    };
    struct bs_dead_letter_headers headers;
    bs_dead_letter_headers(&operation, &job, 1700000000000, &headers);
    assert_int_equal(headers.count, 6);
    assert_header(&headers.headers[1], "backscribe-error-message", "");
    assert_header(&headers.headers[4], "backscribe-submissions", "0");
    bs_dead_letter_headers_free(&headers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_tell_code_message_stage_source_and_operation),
        cmocka_unit_test(what_was_never_submitted_has_no_operation_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
