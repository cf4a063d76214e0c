/* SpeechKit API v2: what is sent, and what each answer means. */
#include "fixture.h"

#include <string.h>

#include "formats/result.h"
#include "formats/speechkit.h"

#define URI "\"audio\":{\"uri\":\"s3://recordings/call.ogg\"}"

struct expectation {
    int32_t status;
    const char *body;
    enum bs_answer_kind kind;
    int32_t code;
    const char *text; /* the operation's id, or the message */
};

static void assert_answer(const struct expectation *expected, const struct bs_answer *answer)
{
    print_message("  %d %s\n", expected->status, expected->body);
    assert_int_equal(answer->kind, expected->kind);
    assert_int_equal(answer->http_status, expected->status);
    if (expected->kind == BS_ANSWER_FAILED || expected->kind == BS_ANSWER_ERROR) {
        assert_int_equal(answer->grpc_code, expected->code);
    }
    if (expected->text != NULL && expected->kind != BS_ANSWER_RUNNING &&
        expected->kind != BS_ANSWER_DONE) {
        assert_string_equal(answer->message, expected->text);
    }
}

static void a_submission_is_the_job_with_its_specification(void **state)
{
    (void)state;
    static const char *const settings[] = {"speechkit.folder_id=b\"1", NULL};
    struct bs_config *config = fixture_config(settings);
    struct fixture_job fixture;
    struct bs_buffer body = {0};
    fixture_job_make(&fixture, config, "{" URI "}");
    bs_speechkit_encode_submission(&fixture.job, &body);
    bs_buffer_append(&body, "", 1);
    assert_string_equal(
        (const char *)body.data,
        "{\"config\":{\"specification\":{\"languageCode\":\"ru-RU\",\"model\":"
        "\"general\",\"audioEncoding\":\"OGG_OPUS\"},\"folderId\":\"b\\\"1\"},"
        "\"audio\":{\"uri\":\"https://storage.yandexcloud.net/recordings/call.ogg\"}}");
    bs_buffer_free(&body);
    fixture_job_free(&fixture);
    bs_config_free(config);
}

static void an_idempotency_key_is_of_the_job_and_the_attempt(void **state)
{
    (void)state;
    struct bs_config *config = fixture_config(NULL);
    struct fixture_job fixture;
    char first[BS_UUID_SIZE], again[BS_UUID_SIZE], other[BS_UUID_SIZE];
    fixture_job_make(&fixture, config, "{" URI "}");
    bs_speechkit_idempotency_key("cluster", &fixture.job, 1, first);
    bs_speechkit_idempotency_key("cluster", &fixture.job, 1, again);
    bs_speechkit_idempotency_key("cluster", &fixture.job, 2, other);
    assert_string_equal(first, again);
    assert_string_not_equal(first, other);
    assert_int_equal(strlen(first), 36);
    assert_int_equal(first[14], '5');
    bs_speechkit_idempotency_key("another", &fixture.job, 1, other);
    assert_string_not_equal(first, other);
    bs_speechkit_request_id(first);
    bs_speechkit_request_id(other);
    assert_string_not_equal(first, other);
    assert_int_equal(first[14], '4');
    fixture_job_free(&fixture);
    bs_config_free(config);
}

static void each_answer_to_a_submission_is_understood(void **state)
{
    (void)state;
    static const struct expectation cases[] = {
        {200, "{\"done\":false,\"id\":\"e03x\"}", BS_ANSWER_RUNNING, 0, "e03x"},
        {200, "{\"id\":\"e03x\",\"new\":[{}]}", BS_ANSWER_RUNNING, 0, "e03x"},
        {200, "{\"id\":\"e03x\",\"done\":true,\"response\":{}}", BS_ANSWER_DONE, 0, "e03x"},
        {200, "{\"id\":\"e03x\",\"error\":{\"code\":\"13\",\"message\":\"bad\"}}", BS_ANSWER_FAILED,
         13, "bad"},
        {200, "{\"done\":false}", BS_ANSWER_UNREADABLE, 0, "the answer has no operation's id"},
        {200, "{\"id\":\"a/../b\"}", BS_ANSWER_UNREADABLE, 0, "the answer has no operation's id"},
        {200, "{\"id\":\"e03", BS_ANSWER_UNREADABLE, 0, "a string does not end"},
        {200, "", BS_ANSWER_UNREADABLE, 0, "the text ends too early"},
        {200, "[]", BS_ANSWER_UNREADABLE, 0, "the answer is no object"},
        {400, "{\"code\":3,\"message\":\"no\",\"details\":[]}", BS_ANSWER_ERROR, 3, "no"},
        {400, "{\"code\":\"INVALID_ARGUMENT\",\"message\":\"no\"}", BS_ANSWER_ERROR, 3, "no"},
        {400, "{\"error\":{\"grpcCode\":3,\"httpCode\":400,\"message\":\"a\\nb\"}}",
         BS_ANSWER_ERROR, 3, "a b"},
        {429, "{\"code\":\"8\"}", BS_ANSWER_ERROR, 8, NULL},
        {401, "", BS_ANSWER_ERROR, 16, "HTTP 401 with 0 bytes that tell no reason"},
        {403, "<html>secret</html>", BS_ANSWER_ERROR, 7,
         "HTTP 403 with 19 bytes that tell no reason"},
        {404, "{}", BS_ANSWER_ERROR, 5, NULL},
        {418, "", BS_ANSWER_ERROR, 2, NULL},
        {302, "", BS_ANSWER_ERROR, 2, NULL},
        {500, "", BS_ANSWER_ERROR, 13, NULL},
        {501, "", BS_ANSWER_ERROR, 12, NULL},
        {503, "<html>", BS_ANSWER_ERROR, 14, NULL},
        {599, "", BS_ANSWER_ERROR, 14, NULL},
        {502, "<html>", BS_ANSWER_LOST, 0, NULL},
        {504, "", BS_ANSWER_LOST, 0, NULL},
        {504, "{\"code\":4,\"message\":\"late\"}", BS_ANSWER_ERROR, 4, "late"},
        {502, "{\"error\":{\"grpcCode\":14,\"message\":\"away\"}}", BS_ANSWER_ERROR, 14, "away"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bs_answer answer;
        void *storage;
        bs_speechkit_decode_submission(cases[i].status, fixture_bytes(cases[i].body), &answer,
                                       &storage);
        assert_answer(&cases[i], &answer);
        bool accepted = cases[i].kind == BS_ANSWER_RUNNING || cases[i].kind == BS_ANSWER_DONE ||
                        cases[i].kind == BS_ANSWER_FAILED;
        assert_true(accepted == (answer.operation_id != NULL));
        if (accepted) {
            assert_string_equal(answer.operation_id, "e03x");
        }
        assert_null(answer.payload);
        bs_speechkit_free(storage);
    }
}

static void each_answer_to_a_check_is_understood(void **state)
{
    (void)state;
    static const struct expectation cases[] = {
        {200, "{\"id\":\"e03abc\",\"done\":false}", BS_ANSWER_RUNNING, 0, NULL},
        {200, "{\"id\":\"e03abc\",\"error\":null}", BS_ANSWER_RUNNING, 0, NULL},
        {200, "{\"id\":\"e03abc\",\"done\":true,\"response\":{}}", BS_ANSWER_DONE, 0, NULL},
        {200, "{\"done\":true,\"response\":{\"chunks\":null}}", BS_ANSWER_DONE, 0, NULL},
        {200, "{\"id\":\"e03abc\",\"done\":false,\"error\":{\"code\":3,\"message\":\"early\"}}",
         BS_ANSWER_FAILED, 3, "early"},
        {200, "{\"id\":\"e03abc\",\"done\":true,\"error\":{\"code\":\"INTERNAL\"}}",
         BS_ANSWER_FAILED, 13, ""},
        {200, "{\"id\":\"e03abc\",\"done\":true,\"error\":{}}", BS_ANSWER_FAILED, 2, ""},
        {200, "{\"id\":\"other\",\"done\":true,\"response\":{}}", BS_ANSWER_UNREADABLE, 0,
         "the answer is about another operation"},
        {200, "{\"id\":\"e03abc\",\"done\":true}", BS_ANSWER_UNREADABLE, 0,
         "the operation is done, with neither response nor error"},
        {200, "{\"id\":\"e03abc\",\"done\":true,\"response\":{\"chunks\":{}}}",
         BS_ANSWER_UNREADABLE, 0, "the response is no LongRunningRecognitionResponse"},
        {200, "{}", BS_ANSWER_UNREADABLE, 0, "the answer is no operation"},
        {200, "<html>", BS_ANSWER_UNREADABLE, 0, "no value begins like this"},
        {404, "{\"code\":5,\"message\":\"gone\"}", BS_ANSWER_ERROR, 5, "gone"},
        {502, "<html>", BS_ANSWER_ERROR, 14, NULL},
    };
    struct bs_config *config = fixture_config(NULL);
    struct fixture_job fixture;
    fixture_job_make(&fixture, config, "{" URI "}");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bs_answer answer;
        void *storage;
        bs_speechkit_decode_check(config, &fixture.operation, "w", 1700000009000, cases[i].status,
                                  fixture_bytes(cases[i].body), &answer, &storage);
        assert_answer(&cases[i], &answer);
        assert_true((cases[i].kind == BS_ANSWER_DONE) == (answer.payload != NULL));
        bs_payload_free(answer.payload);
        bs_speechkit_free(storage);
    }
    fixture_job_free(&fixture);
    bs_config_free(config);
}

static void the_service_s_times_are_read_where_they_are_told(void **state)
{
    (void)state;
    struct bs_answer answer;
    void *storage;
    bs_speechkit_decode_submission(
        200,
        fixture_bytes(
            "{\"id\":\"e\",\"createdAt\":\"2023-11-14T22:13:20Z\",\"modifiedAt\":\"soon\"}"),
        &answer, &storage);
    assert_int_equal(answer.created, 1700000000000);
    assert_int_equal(answer.modified, 0);
    bs_speechkit_free(storage);
}

static void a_long_message_is_cut(void **state)
{
    (void)state;
    char body[2048] = "{\"code\":3,\"message\":\"";
    size_t start = strlen(body);
    for (size_t i = 0; i < 500; i++) {
        memcpy(body + start + 2 * i, "ж", 2);
    }
    memcpy(body + start + 1000, "\"}", 3);
    struct bs_answer answer;
    void *storage;
    bs_speechkit_decode_submission(400, fixture_bytes(body), &answer, &storage);
    assert_int_equal(strlen(answer.message), BS_MESSAGE_MAX - 2); /* 199 whole characters */
    bs_speechkit_free(storage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_submission_is_the_job_with_its_specification),
        cmocka_unit_test(an_idempotency_key_is_of_the_job_and_the_attempt),
        cmocka_unit_test(each_answer_to_a_submission_is_understood),
        cmocka_unit_test(each_answer_to_a_check_is_understood),
        cmocka_unit_test(the_service_s_times_are_read_where_they_are_told),
        cmocka_unit_test(a_long_message_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
