/* The result: the transcript whole, as text, as channels and as a dialogue. */
#include "fixture.h"

#include <string.h>

#include "formats/gzip.h"
#include "formats/json_view.h"
#include "formats/result.h"

#define JOB              "{\"id\":\"a\",\"audio\":{\"uri\":\"s3://recordings/a.ogg\",\"durationSeconds\":15.5}}"
#define WORD(start, end) "{\"startTime\":\"" start "\",\"endTime\":\"" end "\",\"word\":\"x\"}"
#define CHUNK(tag, text, words)                                                                    \
    "{\"channelTag\":" tag ",\"alternatives\":[{\"text\":\"" text "\",\"words\":[" words "]},"     \
    "{\"text\":\"another\"}],\"extra\":1}"

/* The payload of a response's JSON; NULL where it is none. */
static struct bs_payload *build(const char *const *settings, const char *job, const char *response)
{
    struct bs_config *config = fixture_config(settings);
    struct fixture_job fixture;
    struct bs_answer answer = {.created = 1700000000000, .modified = 1700000060000};
    fixture_job_make(&fixture, config, job);
    struct bs_json_view view;
    struct bs_json_problem problem;
    assert_true(bs_json_view_read(&view, (const uint8_t *)response, strlen(response), &problem));
    struct bs_payload *payload =
        bs_result_build(config, &fixture.operation, &fixture.job, "worker-0", &answer,
                        1700000070000, &view, bs_json_view_root(&view));
    bs_json_view_free(&view);
    fixture_job_free(&fixture);
    bs_config_free(config);
    return payload;
}

static void assert_has(const struct bs_payload *payload, const char *part)
{
    struct bs_bytes value = {.data = payload->value, .size = payload->size};
    if (!fixture_contains(value, part)) {
        print_message("%.*s\n", (int)value.size, (const char *)value.data);
        fail_msg("not in the result: %s", part);
    }
}

static void a_result_tells_all_that_is_known(void **state)
{
    (void)state;
    struct bs_payload *payload = build(NULL, JOB, "{\"chunks\":[" CHUNK("\"1\"", "да", "") "]}");
    assert_has(payload,
               "{\"id\":\"a\",\"source\":{\"topic\":\"jobs\",\"partition\":3,\"offset\":41},"
               "\"audio\":{\"uri\":\"https://storage.yandexcloud.net/recordings/a.ogg\","
               "\"encoding\":\"OGG_OPUS\",\"channels\":1,\"durationSeconds\":15.5},");
    assert_has(payload,
               "\"operation\":{\"id\":\"e03abc\",\"createdAt\":\"2023-11-14T22:13:20.000Z\","
               "\"modifiedAt\":\"2023-11-14T22:14:20.000Z\"},\"billedSeconds\":16,");
    assert_has(payload, "\"timing\":{\"receivedAt\":\"2023-11-14T22:13:20.000Z\",\"submittedAt\":"
                        "\"2023-11-14T22:13:21.000Z\",\"detectedAt\":\"2023-11-14T22:14:30.000Z\","
                        "\"checks\":3,\"submissions\":1},\"worker\":\"worker-0\"");
    assert_false(payload->gzipped || payload->too_large);
    assert_int_equal(payload->billed_seconds, 16);
    bs_payload_free(payload);
}

static void the_dialogue_is_in_order_of_time_and_the_text_in_order_of_channels(void **state)
{
    (void)state;
    struct bs_payload *payload = build(
        NULL, JOB,
        "{\"chunks\":[" CHUNK("\"2\"", "answer", WORD("3.5s", "4s")) "," CHUNK(
            "\"10\"", "ten",
            WORD("9s", "9.5s")) "," CHUNK("1", "hel lo",
                                          WORD("0.879999999s", "1s") "," WORD(
                                              "1.5s", "2.25s")) "," CHUNK("\"2\"", "more",
                                                                          "") "," CHUNK("\"1\"", "",
                                                                                        "") "]}");
    assert_has(payload, "\"text\":\"hel lo\\nanswer more\\nten\"");
    assert_has(payload,
               "\"channels\":[{\"channelTag\":\"1\",\"text\":\"hel lo\"},{\"channelTag\":\"2\","
               "\"text\":\"answer more\"},{\"channelTag\":\"10\",\"text\":\"ten\"}]");
    assert_has(payload, "\"utterances\":[{\"channelTag\":\"1\",\"startSeconds\":0.879999999,"
                        "\"endSeconds\":2.25,\"text\":\"hel lo\"},{\"channelTag\":\"2\","
                        "\"text\":\"more\"},{\"channelTag\":\"2\","
                        "\"startSeconds\":3.5,\"endSeconds\":4,\"text\":\"answer\"},"
                        "{\"channelTag\":\"10\",\"startSeconds\":9,\"endSeconds\":9.5,"
                        "\"text\":\"ten\"}");
    bs_payload_free(payload);
}

static void chunks_are_whole_and_words_can_be_left_out(void **state)
{
    (void)state;
    static const char response[] = "{\"chunks\":[" CHUNK("\"1\"", "a", WORD("0s", "1s")) "]}";
    static const char *const without[] = {"results.words=false", NULL};
    struct bs_payload *payload = build(NULL, JOB, response);
    assert_has(payload, "\"chunks\":[" CHUNK("\"1\"", "a", WORD("0s", "1s")) "]}");
    bs_payload_free(payload);
    payload = build(without, JOB, response);
    assert_has(payload, "\"chunks\":[{\"channelTag\":\"1\",\"alternatives\":[{\"text\":\"a\"},"
                        "{\"text\":\"another\"}],\"extra\":1}]}");
    assert_has(payload, "\"startSeconds\":0,\"endSeconds\":1");
    bs_payload_free(payload);
}

static void silence_is_a_result_too(void **state)
{
    (void)state;
    static const char *const responses[] = {"{}", "{\"chunks\":[]}", "{\"chunks\":null}"};
    for (size_t i = 0; i < 3; i++) {
        struct bs_payload *payload = build(NULL, JOB, responses[i]);
        assert_has(payload, "\"text\":\"\",\"channels\":[],\"utterances\":[],\"chunks\":[]}");
        bs_payload_free(payload);
    }
}

static void a_response_of_another_shape_is_none(void **state)
{
    (void)state;
    static const char *const responses[] = {
        "[]",
        "{\"chunks\":1}",
        "{\"chunks\":[1]}",
        "{\"chunks\":[{\"alternatives\":{}}]}",
        "{\"chunks\":[{\"alternatives\":[1]}]}",
        "{\"chunks\":[{\"alternatives\":[{\"text\":1}]}]}",
    };
    for (size_t i = 0; i < sizeof responses / sizeof responses[0]; i++) {
        assert_null(build(NULL, JOB, responses[i]));
    }
}

static void a_large_result_is_gzipped_and_one_too_large_says_so(void **state)
{
    (void)state;
    static const char *const settings[] = {"results.compress_over_bytes=1024",
                                           "results.inline_bytes=1024", NULL};
    struct bs_buffer response = {0}, plain = {0};
    bs_buffer_append_text(&response, "{\"chunks\":[");
    for (int i = 0; i < 100; i++) {
        bs_buffer_append_text(&response, i == 0 ? "" : ",");
        bs_buffer_append_text(&response, CHUNK("\"1\"", "again and again", WORD("0s", "1s")));
    }
    bs_buffer_append(&response, "]}", 3);
    struct bs_payload *payload = build(settings, JOB, (const char *)response.data);
    assert_true(payload->gzipped);
    assert_false(payload->too_large);
    assert_true(bs_gunzip((struct bs_bytes){.data = payload->value, .size = payload->size}, 1000000,
                          &plain));
    struct bs_json_problem problem;
    assert_true(bs_json_check(plain.data, plain.size, &problem));
    assert_false(bs_gunzip((struct bs_bytes){.data = payload->value, .size = payload->size - 1},
                           1000000, &plain));
    plain.size = 0;
    assert_false(
        bs_gunzip((struct bs_bytes){.data = payload->value, .size = payload->size}, 1000, &plain));
    bs_payload_free(payload);
    bs_buffer_free(&plain);

    char noise[4096];
    uint32_t seed = 1;
    for (size_t i = 0; i < sizeof noise - 1; i++) {
        seed = seed * 1664525 + 1013904223;
        noise[i] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"[seed >> 26];
    }
    noise[sizeof noise - 1] = '\0';
    response.size = 0;
    bs_buffer_append_text(&response, "{\"chunks\":[{\"alternatives\":[{\"text\":\"");
    bs_buffer_append_text(&response, noise);
    bs_buffer_append(&response, "\"}]}]}", 7);
    payload = build(settings, JOB, (const char *)response.data);
    assert_true(payload->gzipped && payload->too_large);
    bs_payload_free(payload);
    bs_buffer_free(&response);
}

static void billing_follows_the_service_s_rule(void **state)
{
    (void)state;
    assert_int_equal(bs_billed_seconds(1, 1), 15);
    assert_int_equal(bs_billed_seconds(1, 3), 30);
    assert_int_equal(bs_billed_seconds(15.5, 2), 16);
    assert_int_equal(bs_billed_seconds(15.5, 4), 32);
    assert_int_equal(bs_billed_seconds(14400, 1), 14400);
    assert_int_equal(bs_billed_seconds(0, 1), 0);
    assert_int_equal(bs_billed_seconds(60, 0), 60);
}

static void the_result_s_key_is_the_message_s_or_the_id(void **state)
{
    (void)state;
    char id[] = "jobs-3-41";
    struct bs_job job = {.id = id};
    assert_memory_equal(bs_result_key(&job).data, "jobs-3-41", 9);
    job.message.key = (struct bs_bytes){.data = (const uint8_t *)"", .size = 0};
    assert_int_equal(bs_result_key(&job).size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_result_tells_all_that_is_known),
        cmocka_unit_test(the_dialogue_is_in_order_of_time_and_the_text_in_order_of_channels),
        cmocka_unit_test(chunks_are_whole_and_words_can_be_left_out),
        cmocka_unit_test(silence_is_a_result_too),
        cmocka_unit_test(a_response_of_another_shape_is_none),
        cmocka_unit_test(a_large_result_is_gzipped_and_one_too_large_says_so),
        cmocka_unit_test(billing_follows_the_service_s_rule),
        cmocka_unit_test(the_result_s_key_is_the_message_s_or_the_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
