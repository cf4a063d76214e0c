/* Which recordings are looked into, and what a job says when one was. */
#include "fixture.h"

#include <string.h>

#include "formats/job_probe.h"
#include "formats/speechkit.h"

static const char *const with_store[] = {"objects.auth.static_key_file=/storage",
                                         "objects.staging=s3://recordings/staging", NULL};

#define AUDIO(facts) "{\"audio\":{\"uri\":\"s3://recordings/" facts "}"
#define ALL_OF_OPUS                                                                                \
    "a.ogg\",\"durationSeconds\":3},\"config\":{\"specification\":{\"audioEncoding\":\"OGG_"       \
    "OPUS\"}}"
#define LPCM "\"config\":{\"specification\":{\"audioEncoding\":\"LINEAR16_PCM\","
#define ALL_OF_LPCM                                                                                \
    "\"durationSeconds\":3,\"sizeBytes\":48000}," LPCM                                             \
    "\"sampleRateHertz\":8000,\"audioChannelCount\":1}}"

static bool wants_probe(const char *const *settings, const char *text)
{
    struct bs_config *config = fixture_config(settings);
    struct fixture_job fixture;
    fixture_job_make(&fixture, config, text);
    assert_int_equal(fixture.event.refusal, BS_DEAD_NONE);
    bool wanted = fixture.event.probe_wanted;
    fixture_job_free(&fixture);
    bs_config_free(config);
    return wanted;
}

static void a_recording_is_looked_into_unless_its_job_states_all_or_there_is_no_store(void **state)
{
    (void)state;
    assert_true(wants_probe(with_store, AUDIO("a.ogg\"}")));
    assert_true(wants_probe(with_store, AUDIO("a.wav\"}")));
    assert_true(wants_probe(with_store, AUDIO("a.ogg\",\"durationSeconds\":3}")));
    assert_false(wants_probe(with_store, AUDIO(ALL_OF_OPUS)));
    assert_true(wants_probe(
        with_store, AUDIO("a.raw\",\"durationSeconds\":3}," LPCM "\"sampleRateHertz\":8000}}")));
    assert_false(wants_probe(with_store, AUDIO("a.raw\"," ALL_OF_LPCM)));
    assert_true(wants_probe(with_store, AUDIO("a.wav\"," ALL_OF_LPCM))); /* it has a header */

    assert_false(wants_probe(NULL, AUDIO("a.ogg\"}")));
    static const char *const defaults[] = {"objects.auth.static_key_file=/storage",
                                           "speechkit.defaults.audioEncoding=LINEAR16_PCM",
                                           "speechkit.defaults.sampleRateHertz=44100", NULL};
    /* What is configured is stated by no job, and says nothing of a recording that tells. */
    assert_true(wants_probe(defaults, AUDIO("a.mp3\",\"durationSeconds\":3}")));
}

static void look(const char *const *settings, const char *text, struct bs_job_look *look)
{
    struct bs_config *config = fixture_config(settings);
    struct fixture_job fixture;
    fixture_job_make(&fixture, config, text);
    bs_job_look(config, &fixture.job, look);
    fixture_job_free(&fixture);
    bs_config_free(config);
}

static void defaults_are_hints_and_the_jobs_own_facts_are_stated(void **state)
{
    (void)state;
    static const char *const defaults[] = {"objects.auth.static_key_file=/storage",
                                           "speechkit.defaults.audioEncoding=LINEAR16_PCM",
                                           "speechkit.defaults.sampleRateHertz=8000", NULL};
    struct bs_job_look seen;
    look(defaults, AUDIO("a\",\"sizeBytes\":7}"), &seen);
    assert_true(seen.hint.raw);
    assert_int_equal(seen.hint.sample_rate_hertz, 8000);
    assert_int_equal(seen.stated.encoding, BS_ENCODING_ABSENT);
    assert_int_equal(seen.stated.sample_rate_hertz, 0);
    assert_int_equal(seen.stated.size_bytes, 7);
    look(defaults, AUDIO("a.mp3\"}"), &seen);
    assert_false(seen.hint.raw); /* its name says otherwise */
    assert_int_equal(seen.stated.size_bytes, -1);
    look(with_store, AUDIO("a.PCM\"}"), &seen);
    assert_true(seen.hint.raw);
    look(with_store, AUDIO("a.ogg\",\"durationSeconds\":3}," LPCM "\"audioChannelCount\":2}}"),
         &seen);
    assert_true(seen.hint.raw);
    assert_int_equal(seen.hint.channels, 2);
    assert_int_equal(seen.stated.encoding, BS_ENCODING_LINEAR16_PCM);
    assert_int_equal(seen.stated.channels, 2);
    assert_true(seen.stated.seconds > 2.99 && seen.stated.seconds < 3.01);
}

static void complete(const struct bs_config *config, const struct fixture_job *fixture,
                     const struct bs_audio *audio, const struct bs_audio_plan *plan,
                     struct bs_buffer *packed, struct bs_job *job)
{
    packed->size = 0;
    bs_job_complete(config, "cluster", fixture->event.job, fixture->event.job_size, audio, plan,
                    packed);
    assert_true(bs_job_unpack(packed->data, packed->size, job));
}

static void assert_submits(const struct bs_job *job, const char *body_begins,
                           const char *uri_begins)
{
    struct bs_buffer body = {0};
    bs_speechkit_encode_submission(job, &body);
    struct bs_bytes bytes = {.data = body.data, .size = body.size};
    if (!fixture_contains(bytes, body_begins) || !fixture_contains(bytes, uri_begins)) {
        fail_msg("%.*s", (int)body.size, (const char *)body.data);
    }
    bs_buffer_free(&body);
}

static void a_staged_recording_is_submitted_as_its_copy_and_keeps_its_own_facts(void **state)
{
    (void)state;
    struct bs_config *config = fixture_config(with_store);
    struct fixture_job fixture;
    struct bs_buffer packed = {0};
    struct bs_job job;
    fixture_job_make(&fixture, config, AUDIO("a.wav\"},\"labels\":{\"a\":\"b\"}"));
    struct bs_audio audio = {.format = BS_AUDIO_WAV,
                             .samples = BS_SAMPLES_ALAW,
                             .sample_rate_hertz = 8000,
                             .channels = 2,
                             .seconds = 2.5,
                             .size_bytes = 40058};
    struct bs_audio_plan plan = {.encoding = BS_ENCODING_LINEAR16_PCM,
                                 .sample_rate_hertz = 8000,
                                 .channels = 2,
                                 .seconds = 2.5,
                                 .stage = true,
                                 .staged_bytes = 80000};
    complete(config, &fixture, &audio, &plan, &packed, &job);
    assert_string_equal(job.uri, "https://storage.yandexcloud.net/recordings/a.wav");
    assert_string_equal(job.encoding, "LINEAR16_PCM");
    assert_int_equal(job.sample_rate_hertz, 8000);
    assert_int_equal(job.channels, 2);
    assert_int_equal(job.size_bytes, 40058);
    assert_string_equal(job.labels_json, "{\"a\":\"b\"}");
    assert_int_equal(job.message.value.size, fixture.job.message.value.size);
    assert_submits(&job,
                   "\"audioEncoding\":\"LINEAR16_PCM\",\"sampleRateHertz\":8000,"
                   "\"audioChannelCount\":2}",
                   "\"audio\":{\"uri\":\"https://storage.yandexcloud.net/recordings/staging/"
                   "jobs-3-41-");
    bs_job_free(&job);

    /* The object was replaced by one that needs no copy: nothing of the first look is left. */
    struct bs_audio opus = {.format = BS_AUDIO_OGG_OPUS,
                            .sample_rate_hertz = 48000,
                            .channels = 1,
                            .seconds = 7,
                            .size_bytes = 900};
    struct bs_audio_plan as_it_is = {.encoding = BS_ENCODING_OGG_OPUS, .seconds = 7};
    struct bs_buffer again = {0};
    bs_job_complete(config, "cluster", packed.data, packed.size, &opus, &as_it_is, &again);
    assert_true(bs_job_unpack(again.data, again.size, &job));
    assert_string_equal(job.staged_uri, "");
    assert_string_equal(job.encoding, "OGG_OPUS");
    assert_int_equal(job.channels, 1);
    assert_submits(&job, "\"audioEncoding\":\"OGG_OPUS\"}}",
                   "{\"uri\":\"https://storage.yandexcloud.net/recordings/a.wav\"}");
    bs_job_free(&job);
    bs_buffer_free(&again);
    bs_buffer_free(&packed);
    fixture_job_free(&fixture);
    bs_config_free(config);
}

/* Rates and channels of Ogg Opus and MP3 are their own: what a job or a default says is not sent.
 */
static void only_raw_samples_have_rate_and_channels_in_the_request(void **state)
{
    (void)state;
    static const char *const defaults[] = {"objects.auth.static_key_file=/storage",
                                           "speechkit.defaults.audioEncoding=LINEAR16_PCM",
                                           "speechkit.defaults.sampleRateHertz=8000", NULL};
    struct bs_config *config = fixture_config(defaults);
    struct fixture_job fixture;
    struct bs_buffer packed = {0};
    struct bs_job job;
    fixture_job_make(&fixture, config, AUDIO("a.mp3\"}"));
    struct bs_audio audio = {.format = BS_AUDIO_MP3,
                             .sample_rate_hertz = 44100,
                             .channels = 2,
                             .seconds = 2.5,
                             .size_bytes = 40058};
    struct bs_audio_plan plan = {.encoding = BS_ENCODING_MP3, .seconds = 2.5};
    complete(config, &fixture, &audio, &plan, &packed, &job);
    assert_submits(&job, "\"audioEncoding\":\"MP3\"}}", "/recordings/a.mp3\"");
    assert_int_equal(job.sample_rate_hertz, 44100);
    assert_int_equal(job.channels, 2);
    bs_job_free(&job);
    bs_buffer_free(&packed);
    fixture_job_free(&fixture);
    bs_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recording_is_looked_into_unless_its_job_states_all_or_there_is_no_store),
        cmocka_unit_test(defaults_are_hints_and_the_jobs_own_facts_are_stated),
        cmocka_unit_test(a_staged_recording_is_submitted_as_its_copy_and_keeps_its_own_facts),
        cmocka_unit_test(only_raw_samples_have_rate_and_channels_in_the_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
