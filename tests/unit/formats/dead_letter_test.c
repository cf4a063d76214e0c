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

static struct bs_header header_of(const char *name, const char *value)
{
    return (struct bs_header){.name = name,
                              .value = {(const uint8_t *)value, value == NULL ? 0 : strlen(value)}};
}

static void assert_bytes(struct bs_bytes bytes, const char *text)
{
    assert_int_equal(bytes.size, strlen(text));
    assert_memory_equal(bytes.data, text, strlen(text));
}

static void what_was_written_is_read_and_the_jobs_own_headers_are_left(void **state)
{
    (void)state;
    const struct bs_header own[] = {header_of("traceparent", "00-1"), header_of("twice", "1"),
                                    header_of("twice", NULL), header_of("backscribe-mine", "")};
    char topic[] = "a/b", message[] = "it failed";
    struct bs_job job = {.topic = topic, .partition = 3, .offset = 9007199254740993};
    job.message.headers = own;
    job.message.header_count = 4;
    job.message.value.size = 2000000;
    struct bs_operation operation = {.dead_letter_code = BS_DEAD_AUDIO_NOT_FOUND,
                                     .dead_letter_stage = BS_STAGE_PROBE,
                                     .message = message,
                                     .omit_value = true};
    struct bs_dead_letter_headers headers;
    bs_dead_letter_headers(&operation, &job, 1700000000123, &headers);
    const struct bs_message written = {.headers = headers.headers, .header_count = headers.count};
    struct bs_dead_letter letter;
    struct bs_header left[16];
    assert_true(bs_dead_letter_read(&written, &letter));
    assert_int_equal(letter.code, BS_DEAD_AUDIO_NOT_FOUND);
    assert_bytes(letter.reason, "it failed");
    assert_bytes(letter.source, "a/b/3/9007199254740993");
    assert_string_equal(letter.topic, "a/b");
    assert_int_equal(letter.partition, 3);
    assert_true(letter.offset == 9007199254740993);
    assert_true(letter.failed == 1700000000123);
    assert_true(letter.value_omitted);
    assert_int_equal(letter.value_size, 2000000);
    assert_int_equal(bs_dead_letter_own_headers(&written, left), 4);
    assert_memory_equal(left, own, sizeof own);
    bs_dead_letter_headers_free(&headers);
}

static void a_dead_letter_that_came_back_with_its_headers_tells_of_its_last_error(void **state)
{
    (void)state;
    const struct bs_header headers[] = {
        header_of("backscribe-error-code", "audio_not_found"),
        header_of("backscribe-source", "jobs/0/1"),
        header_of("backscribe-value-omitted", "5"),
        header_of("own", "1"),
        header_of("backscribe-error-code", "a_later_code"),
        header_of("backscribe-source", "jobs/0/2"),
        header_of("backscribe-failed-at", "2026-01-02T03:04:05.678Z"),
    };
    const struct bs_message message = {.headers = headers, .header_count = 7};
    struct bs_dead_letter letter;
    struct bs_header left[7];
    assert_true(bs_dead_letter_read(&message, &letter));
    assert_int_equal(letter.code, BS_DEAD_NONE);
    assert_bytes(letter.code_name, "a_later_code");
    assert_int_equal(letter.offset, 2);
    assert_false(letter.value_omitted);
    assert_int_equal(bs_dead_letter_own_headers(&message, left), 1);
    assert_string_equal(left[0].name, "own");
}

static void what_no_worker_has_written_is_no_dead_letter(void **state)
{
    (void)state;
    const struct bs_header code = header_of("backscribe-error-code", "invalid_job");
    const struct bs_header time = header_of("backscribe-failed-at", "2026-01-02T03:04:05.678Z");
    const char *const sources[] = {"",
                                   "jobs",
                                   "jobs/1",
                                   "/1/2",
                                   "jobs/1/",
                                   "jobs/a/1",
                                   "jobs/1/-2",
                                   "jobs//1",
                                   "jobs/1/99999999999999999999",
                                   "jobs/2147483648/1"};
    struct bs_dead_letter letter;
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        const struct bs_header headers[] = {code, header_of("backscribe-source", sources[i]), time};
        const struct bs_message message = {.headers = headers, .header_count = 3};
        assert_false(bs_dead_letter_read(&message, &letter));
    }
    const struct bs_header source = header_of("backscribe-source", "jobs/0/1");
    const struct bs_header cases[][4] = {
        {source, time},
        {code, time},
        {code, source},
        {code, source, time, header_of("later", "1")},
        {code, source, source, time},
        {code, source, header_of("backscribe-failed-at", "yesterday")},
        {code, source, header_of("backscribe-failed-at", NULL)},
    };
    const size_t counts[] = {2, 2, 2, 4, 4, 3, 3};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        const struct bs_message message = {.headers = cases[i], .header_count = counts[i]};
        assert_false(bs_dead_letter_read(&message, &letter));
    }
    assert_false(bs_dead_letter_read(&(struct bs_message){0}, &letter));
}

static void codes_are_found_by_their_names(void **state)
{
    (void)state;
    enum bs_dead_letter_code code;
    assert_true(bs_dead_letter_code_parse("recognition_failed", &code));
    assert_int_equal(code, BS_DEAD_RECOGNITION_FAILED);
    assert_false(bs_dead_letter_code_parse("none", &code));
    assert_false(bs_dead_letter_code_parse("", &code));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_tell_code_message_stage_source_and_operation),
        cmocka_unit_test(what_was_never_submitted_has_no_operation_id),
        cmocka_unit_test(what_was_written_is_read_and_the_jobs_own_headers_are_left),
        cmocka_unit_test(a_dead_letter_that_came_back_with_its_headers_tells_of_its_last_error),
        cmocka_unit_test(what_no_worker_has_written_is_no_dead_letter),
        cmocka_unit_test(codes_are_found_by_their_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
