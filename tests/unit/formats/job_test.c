/* A job message becomes an event, or a dead letter with its place and reason. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#define URI "\"audio\":{\"uri\":\"s3://recordings/call.ogg\"}"

static void assert_refused(const char *text, enum bs_dead_letter_code code, const char *message)
{
    struct bs_config *config = fixture_config(NULL);
    struct fixture_job fixture;
    fixture_job_make(&fixture, config, text);
    assert_int_equal(fixture.event.refusal, code);
    assert_string_equal(fixture.event.refusal_message, message);
    assert_string_equal(fixture.job.uri, "");
    assert_string_equal(fixture.job.specification_json, "{}");
    assert_int_equal(fixture.job.message.value.size, strlen(text));
    assert_memory_equal(fixture.job.message.value.data, text, strlen(text));
    fixture_job_free(&fixture);
    bs_config_free(config);
}

static void the_smallest_job_is_a_link(void **state)
{
    (void)state;
    struct bs_config *config = fixture_config(NULL);
    struct fixture_job fixture;
    fixture_job_make(&fixture, config, "{" URI "}");
    assert_int_equal(fixture.event.refusal, BS_DEAD_NONE);
    assert_null(fixture.event.refusal_message);
    assert_false(fixture.event.id_given);
    assert_int_equal(fixture.event.channels, 1);
    assert_string_equal(fixture.job.id, "jobs-3-41");
    assert_string_equal(fixture.job.uri, "https://storage.yandexcloud.net/recordings/call.ogg");
    assert_string_equal(
        fixture.job.specification_json,
        "{\"languageCode\":\"ru-RU\",\"model\":\"general\",\"audioEncoding\":\"OGG_OPUS\"}");
    assert_int_equal(fixture.job.size_bytes, -1);
    assert_null(fixture.job.labels_json);
    fixture_job_free(&fixture);
    bs_config_free(config);
}

static void a_job_s_own_fields_win_over_the_defaults(void **state)
{
    (void)state;
    static const char *const settings[] = {"speechkit.defaults.model=deferred-general",
                                           "speechkit.defaults.rawResults=true",
                                           "speechkit.folder_id=ours", NULL};
    struct bs_config *config = fixture_config(settings);
    struct fixture_job fixture;
    fixture_job_make(
        &fixture, config,
        "{\"id\":\"a\",\"force\":true,\"deadline\":\"1970-01-01T00:00:01.5Z\","
        "\"labels\":{\"k\":\"v\"},\"audio\":{\"uri\":\"s3://recordings/a.raw\","
        "\"sizeBytes\":3200000},\"config\":{\"specification\":{\"rawResults\":false,"
        "\"literatureText\":true,\"sampleRateHertz\":\"8000\",\"audioChannelCount\":2}}}");
    assert_int_equal(fixture.event.refusal, BS_DEAD_NONE);
    assert_true(fixture.event.id_given && fixture.event.force && fixture.event.deferred);
    assert_int_equal(fixture.event.deadline, 1500);
    assert_int_equal(fixture.event.channels, 2);
    assert_true(fixture.event.audio_seconds > 99.99 && fixture.event.audio_seconds < 100.01);
    assert_string_equal(fixture.job.labels_json, "{\"k\":\"v\"}");
    assert_string_equal(fixture.job.folder_id, "ours");
    assert_string_equal(fixture.job.specification_json,
                        "{\"languageCode\":\"ru-RU\",\"model\":\"deferred-general\","
                        "\"literature_text\":true,\"audioEncoding\":\"LINEAR16_PCM\","
                        "\"sampleRateHertz\":8000,\"audioChannelCount\":2,\"rawResults\":false}");
    fixture_job_free(&fixture);
    bs_config_free(config);
}

static void the_extension_tells_the_encoding_until_the_recording_is_looked_into(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"a.ogg", "OGG_OPUS"},     {"a.OPUS", "OGG_OPUS"},    {"a.mp3", "MP3"},
        {"a.raw", "LINEAR16_PCM"}, {"a.pcm", "LINEAR16_PCM"}, {"a.lpcm", "LINEAR16_PCM"},
        {"a", "OGG_OPUS"},         {"a.mp3/b", "OGG_OPUS"},
    };
    struct bs_config *config = fixture_config(NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[128];
        struct fixture_job fixture;
        (void)snprintf(text, sizeof text, "{\"audio\":{\"uri\":\"s3://recordings/%s\"}}",
                       cases[i][0]);
        fixture_job_make(&fixture, config, text);
        assert_true(fixture_contains(fixture_bytes(fixture.job.specification_json), cases[i][1]));
        fixture_job_free(&fixture);
    }
    bs_config_free(config);
}

static void what_is_no_job_is_invalid_with_its_place(void **state)
{
    (void)state;
    assert_refused("{", BS_DEAD_INVALID_JOB, "not JSON: at byte 1: expected a name in quotes");
    assert_refused("", BS_DEAD_INVALID_JOB, "not JSON: at byte 0: the text ends too early");
    assert_refused("[]", BS_DEAD_INVALID_JOB, "expected a JSON object");
    assert_refused("{}", BS_DEAD_INVALID_JOB, "audio: missing");
    assert_refused("{\"audio\":{}}", BS_DEAD_INVALID_JOB, "audio.uri: missing");
    assert_refused("{\"audio\":{\"uri\":\"ftp://h/k\"}}", BS_DEAD_INVALID_JOB,
                   "audio.uri: expected s3://bucket/key or an https link to an object");
    assert_refused("{" URI ",\"id\":\"\"}", BS_DEAD_INVALID_JOB,
                   "id: expected a string of 1 to 200 characters");
    assert_refused("{" URI ",\"deadline\":\"tomorrow\"}", BS_DEAD_INVALID_JOB,
                   "deadline: expected an RFC 3339 time such as 2027-01-31T18:00:00Z");
    assert_refused("{" URI ",\"labels\":{\"a\":1}}", BS_DEAD_INVALID_JOB,
                   "labels.a: expected a string");
    assert_refused("{" URI ",\"config\":{\"specification\":{\"modell\":\"x\"}}}",
                   BS_DEAD_INVALID_JOB, "config.specification.modell: the API has no such field");
    assert_refused("{" URI ",\"config\":{\"specification\":{\"literatureText\":true,"
                   "\"literature_text\":true}}}",
                   BS_DEAD_INVALID_JOB,
                   "config.specification.literatureText: the same field as literature_text, which "
                   "is given too");
    assert_refused("{" URI ",\"id\":\"a\\u0000b\"}", BS_DEAD_INVALID_JOB,
                   "not JSON: at byte 57: a string contains NUL");
}

static void what_the_api_would_refuse_costs_nothing(void **state)
{
    (void)state;
    assert_refused("{\"audio\":{\"uri\":\"s3://recordings/a.wav\"}}", BS_DEAD_UNSUPPORTED_AUDIO,
                   "audio.uri: WAV is not taken by the API; configure objects.auth and "
                   "objects.staging, and it is handed over as LINEAR16_PCM without its header");
    assert_refused("{\"audio\":{\"uri\":\"s3://recordings/a.raw\"},\"config\":{\"specification\":"
                   "{\"sampleRateHertz\":44100}}}",
                   BS_DEAD_UNSUPPORTED_AUDIO,
                   "sampleRateHertz: LINEAR16_PCM is taken at 8000, 16000 or 48000, not at 44100");
    assert_refused("{\"audio\":{\"uri\":\"s3://recordings/a.ogg\",\"durationSeconds\":14400.5}}",
                   BS_DEAD_AUDIO_TOO_LONG,
                   "the recording lasts 14400.5 s: the API takes at most 4 hours");
    assert_refused("{\"audio\":{\"uri\":\"s3://recordings/a.ogg\",\"sizeBytes\":1073741825}}",
                   BS_DEAD_AUDIO_TOO_LARGE,
                   "the recording has 1073741825 bytes: the API takes at most 1 GB");
}

static void null_and_empty_are_kept_apart(void **state)
{
    (void)state;
    struct bs_config *config = fixture_config(NULL);
    struct bs_source source = {.topic = "jobs", .partition = 0, .offset = 0, .timestamp = -1};
    const struct bs_header headers[] = {
        {.name = "empty", .value = {.data = (const uint8_t *)"", .size = 0}},
        {.name = "null"},
        {.name = "binary", .value = {.data = (const uint8_t *)"\0\xff", .size = 2}},
    };
    struct bs_message message = {
        .key = {.data = (const uint8_t *)"", .size = 0}, .headers = headers, .header_count = 3};
    struct bs_job_event event;
    struct bs_buffer scratch = {0};
    bs_job_decode(config, &source, &message, &event, &scratch);
    assert_int_equal(event.refusal, BS_DEAD_INVALID_JOB);
    assert_string_equal(event.refusal_message, "the message has no value");
    struct bs_job job;
    assert_true(bs_job_unpack(event.job, event.job_size, &job));
    assert_string_equal(job.id, "jobs-0-0");
    assert_int_equal(job.timestamp, -1);
    assert_non_null(job.message.key.data);
    assert_int_equal(job.message.key.size, 0);
    assert_null(job.message.value.data);
    assert_int_equal(job.message.header_count, 3);
    assert_non_null(job.message.headers[0].value.data);
    assert_null(job.message.headers[1].value.data);
    assert_memory_equal(job.message.headers[2].value.data, "\0\xff", 2);
    bs_job_free(&job);
    bs_buffer_free(&scratch);
    bs_config_free(config);
}

static void the_fingerprint_is_of_the_recording_and_the_job_s_own_specification(void **state)
{
    (void)state;
    static const char *const same[] = {
        "{" URI ",\"config\":{\"specification\":{\"model\":\"general\",\"sampleRateHertz\":8000}}}",
        "{\"x\":1,\"config\":{\"specification\":{\"sampleRateHertz\":\"8000\",\"model\":"
        "\"general\"}},"
        "\"audio\":{\"uri\":\"https://recordings.storage.yandexcloud.net/call.ogg?X-Sig=1\"}}",
    };
    static const char *const other[] = {
        "{" URI "}",
        "{" URI ",\"config\":{\"specification\":{\"model\":\"general\"}}}",
        "{\"audio\":{\"uri\":\"s3://recordings/call2.ogg\"}}",
    };
    struct bs_config *config = fixture_config(NULL);
    struct fixture_job first, second;
    fixture_job_make(&first, config, same[0]);
    fixture_job_make(&second, config, same[1]);
    assert_true(first.event.fingerprint == second.event.fingerprint);
    assert_memory_equal(first.event.id_hash, second.event.id_hash, BS_ID_HASH_SIZE);
    fixture_job_free(&second);
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++) {
        fixture_job_make(&second, config, other[i]);
        assert_true(first.event.fingerprint != second.event.fingerprint);
        fixture_job_free(&second);
    }
    fixture_job_free(&first);
    bs_config_free(config);
}

static void a_packed_job_that_is_cut_is_not_unpacked(void **state)
{
    (void)state;
    struct bs_config *config = fixture_config(NULL);
    struct fixture_job fixture;
    fixture_job_make(&fixture, config, "{" URI ",\"id\":\"a\",\"labels\":{}}");
    int unpacked = 0;
    for (size_t size = 0; size < fixture.event.job_size; size++) {
        struct bs_job job;
        if (bs_job_unpack(fixture.event.job, size, &job)) {
            unpacked++; /* cut between two fields: shorter, but whole */
            bs_job_free(&job);
        }
    }
    assert_in_range(unpacked, 0, 12);
    fixture_job_free(&fixture);
    bs_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_smallest_job_is_a_link),
        cmocka_unit_test(a_job_s_own_fields_win_over_the_defaults),
        cmocka_unit_test(the_extension_tells_the_encoding_until_the_recording_is_looked_into),
        cmocka_unit_test(what_is_no_job_is_invalid_with_its_place),
        cmocka_unit_test(what_the_api_would_refuse_costs_nothing),
        cmocka_unit_test(null_and_empty_are_kept_apart),
        cmocka_unit_test(the_fingerprint_is_of_the_recording_and_the_job_s_own_specification),
        cmocka_unit_test(a_packed_job_that_is_cut_is_not_unpacked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
