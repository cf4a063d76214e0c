/* What the API would refuse is refused before it is paid for, with its reason and what to do. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "formats/audio.h"

static const struct bs_audio_stated nothing = {.size_bytes = -1};

static struct bs_audio sound(enum bs_audio_format format, const char *name, double seconds)
{
    struct bs_audio audio = {.format = format,
                             .sample_rate_hertz = 48000,
                             .channels = 1,
                             .seconds = seconds,
                             .size_bytes = 1000000};
    (void)snprintf(audio.name, sizeof audio.name, "%s", name);
    return audio;
}

static struct bs_audio opus(void)
{
    return sound(BS_AUDIO_OGG_OPUS, "Ogg Opus", 60.0);
}

static struct bs_audio wav(enum bs_samples samples, uint32_t rate, const char *name)
{
    struct bs_audio audio = sound(BS_AUDIO_WAV, name, 60.0);
    audio.samples = samples;
    audio.sample_rate_hertz = rate;
    audio.data_offset = 44;
    audio.data_size = 480000;
    return audio;
}

static void assert_refused(const struct bs_audio *audio, const struct bs_audio_stated *stated,
                           bool staging, enum bs_dead_letter_code code, const char *message)
{
    struct bs_audio_plan plan;
    char text[BS_MESSAGE_MAX];
    assert_int_equal(bs_audio_judge(audio, stated, staging, &plan, text), code);
    assert_string_equal(text, message);
}

static struct bs_audio_plan assert_taken(const struct bs_audio *audio,
                                         const struct bs_audio_stated *stated)
{
    struct bs_audio_plan plan;
    char text[BS_MESSAGE_MAX];
    enum bs_dead_letter_code code = bs_audio_judge(audio, stated, true, &plan, text);
    assert_string_equal(text, "");
    assert_int_equal(code, BS_DEAD_NONE);
    return plan;
}

static void opus_and_mp3_are_taken_as_they_are_at_any_rate(void **state)
{
    (void)state;
    struct bs_audio audio = opus();
    struct bs_audio_plan plan = assert_taken(&audio, &nothing);
    assert_int_equal(plan.encoding, BS_ENCODING_OGG_OPUS);
    assert_false(plan.stage);
    assert_float_equal(plan.seconds, 60.0, 0);
    audio = sound(BS_AUDIO_MP3, "MP3", 60.0);
    audio.sample_rate_hertz = 11025;
    assert_int_equal(assert_taken(&audio, &nothing).encoding, BS_ENCODING_MP3);
}

static void headerless_samples_are_taken_at_three_rates(void **state)
{
    (void)state;
    static const uint32_t rates[] = {8000, 16000, 48000};
    struct bs_audio audio = sound(BS_AUDIO_RAW, "LPCM without a header", 60.0);
    for (size_t i = 0; i < 3; i++) {
        audio.sample_rate_hertz = rates[i];
        struct bs_audio_plan plan = assert_taken(&audio, &nothing);
        assert_int_equal(plan.encoding, BS_ENCODING_LINEAR16_PCM);
        assert_int_equal(plan.sample_rate_hertz, rates[i]);
        assert_int_equal(plan.channels, 1);
        assert_false(plan.stage);
    }
    audio.sample_rate_hertz = 44100;
    audio.channels = 2;
    assert_refused(&audio, &nothing, true, BS_DEAD_UNSUPPORTED_AUDIO,
                   "the recording is LPCM at 44100 Hz; the API takes it at 8000, 16000 and 48000 "
                   "Hz, and nothing is resampled here: ffmpeg -f s16le -ar 44100 -ac 2 -i IN -c:a "
                   "libopus -b:a 32k OUT.ogg");
}

static void a_wav_that_loses_nothing_is_staged(void **state)
{
    (void)state;
    static const enum bs_samples all[] = {BS_SAMPLES_S16, BS_SAMPLES_U8, BS_SAMPLES_ALAW,
                                          BS_SAMPLES_MULAW};
    for (size_t i = 0; i < 4; i++) {
        struct bs_audio audio = wav(all[i], 8000, "WAV");
        struct bs_audio_plan plan = assert_taken(&audio, &nothing);
        assert_true(plan.stage);
        assert_int_equal(plan.encoding, BS_ENCODING_LINEAR16_PCM);
        assert_int_equal(plan.staged_bytes, all[i] == BS_SAMPLES_S16 ? 480000 : 960000);
        assert_int_equal(plan.sample_rate_hertz, 8000);
    }
}

static void a_wav_whose_job_says_what_it_becomes_is_staged(void **state)
{
    (void)state;
    struct bs_audio audio = wav(BS_SAMPLES_S16, 16000, "WAV, 16-bit PCM");
    struct bs_audio_stated stated = {.encoding = BS_ENCODING_LINEAR16_PCM,
                                     .sample_rate_hertz = 16000,
                                     .channels = 1,
                                     .seconds = 60.9,
                                     .size_bytes = 1000000};
    assert_true(assert_taken(&audio, &stated).stage);
    stated.channels = 2;
    assert_refused(&audio, &stated, true, BS_DEAD_INVALID_JOB,
                   "config.specification.audioChannelCount says 2, the recording has 1 channel");
}

static void a_wav_without_a_place_to_stage_it_says_what_to_set(void **state)
{
    (void)state;
    struct bs_audio audio = wav(BS_SAMPLES_ALAW, 8000, "WAV, A-law");
    assert_refused(
        &audio, &nothing, false, BS_DEAD_UNSUPPORTED_AUDIO,
        "the recording is a WAV, A-law; API v2 takes LPCM without a header only: set "
        "objects.staging (with objects.auth, so that it may be written) and it is copied "
        "without it, or convert it: ffmpeg -i IN -c:a libopus -b:a 32k OUT.ogg");
}

static void a_wav_that_would_lose_says_why_and_what_to_do(void **state)
{
    (void)state;
    struct bs_audio audio = wav(BS_SAMPLES_S24, 48000, "WAV, 24-bit PCM");
    assert_refused(&audio, &nothing, true, BS_DEAD_UNSUPPORTED_AUDIO,
                   "the recording is a WAV, 24-bit PCM; API v2 takes 16-bit LPCM, and this is not "
                   "converted here since that would lose precision: ffmpeg -i IN -c:a libopus -b:a "
                   "32k OUT.ogg");
    audio = wav(BS_SAMPLES_S16, 44100, "WAV, 16-bit PCM");
    assert_refused(&audio, &nothing, true, BS_DEAD_UNSUPPORTED_AUDIO,
                   "the recording is a WAV, 16-bit PCM at 44100 Hz; API v2 takes LPCM at 8000, "
                   "16000 and 48000 Hz, and nothing is resampled here: ffmpeg -i IN -c:a libopus "
                   "-b:a 32k OUT.ogg");
    audio = wav(BS_SAMPLES_OTHER, 8000, "WAV, GSM 6.10");
    assert_refused(&audio, &nothing, true, BS_DEAD_UNSUPPORTED_AUDIO,
                   "the recording is a WAV, GSM 6.10; API v2 takes 16-bit LPCM, and this is not "
                   "converted here since that would take its decoder: ffmpeg -i IN -c:a libopus "
                   "-b:a 32k OUT.ogg");
    audio = wav(BS_SAMPLES_OTHER, 8000, "WAV, MP3");
    assert_refused(&audio, &nothing, true, BS_DEAD_UNSUPPORTED_AUDIO,
                   "the recording is an MP3 within a WAV, which API v2 does not take: unpack it "
                   "(nothing is lost): ffmpeg -i IN -c:a copy OUT.mp3");
}

static void what_the_api_does_not_take_is_named(void **state)
{
    (void)state;
    struct bs_audio audio = sound(BS_AUDIO_FLAC, "FLAC", 60.0);
    assert_refused(&audio, &nothing, true, BS_DEAD_UNSUPPORTED_AUDIO,
                   "the recording is FLAC, which API v2 does not take (Ogg Opus, MP3, LPCM): "
                   "convert it: ffmpeg -i IN -c:a libopus -b:a 32k OUT.ogg");
    const struct bs_audio_stated mp3 = {.encoding = BS_ENCODING_MP3, .size_bytes = -1};
    assert_refused(&audio, &mp3, true, BS_DEAD_UNSUPPORTED_AUDIO,
                   "config.specification.audioEncoding says MP3, but the recording is FLAC, which "
                   "API v2 does not take (Ogg Opus, MP3, LPCM): convert it: ffmpeg -i IN -c:a "
                   "libopus -b:a 32k OUT.ogg");
    audio = sound(BS_AUDIO_UNKNOWN, "not a known audio format", 0);
    assert_refused(
        &audio, &nothing, true, BS_DEAD_UNSUPPORTED_AUDIO,
        "the recording is of no audio format that is known here; headerless samples need "
        "audioEncoding LINEAR16_PCM with sampleRateHertz in the job, all else is to be "
        "converted: ffmpeg -i IN -c:a libopus -b:a 32k OUT.ogg");
    audio = sound(BS_AUDIO_BROKEN, "WAV", 0);
    (void)strcpy(audio.problem, "it was cut");
    assert_refused(&audio, &nothing, true, BS_DEAD_UNSUPPORTED_AUDIO,
                   "the recording is a broken WAV: it was cut; upload it again, or let a player "
                   "that forgives more save it anew: ffmpeg -i IN -c:a libopus -b:a 32k OUT.ogg");
    audio = sound(BS_AUDIO_EMPTY, "an empty object", 0);
    audio.size_bytes = 0;
    (void)strcpy(audio.problem, "it has no bytes");
    assert_refused(&audio, &nothing, true, BS_DEAD_UNSUPPORTED_AUDIO,
                   "the recording is empty (an empty object, 0 bytes): it has no bytes");
}

static void an_encoding_that_the_job_states_must_be_the_recordings(void **state)
{
    (void)state;
    struct bs_audio audio = opus();
    struct bs_audio_stated stated = {.encoding = BS_ENCODING_OGG_OPUS, .size_bytes = -1};
    assert_taken(&audio, &stated);
    stated.encoding = BS_ENCODING_MP3;
    assert_refused(
        &audio, &stated, true, BS_DEAD_INVALID_JOB,
        "config.specification.audioEncoding says MP3, the recording is Ogg Opus: correct "
        "the job, or leave the field out");
    audio = wav(BS_SAMPLES_S16, 8000, "WAV, 16-bit PCM");
    stated.encoding = BS_ENCODING_OGG_OPUS;
    assert_refused(&audio, &stated, true, BS_DEAD_INVALID_JOB,
                   "config.specification.audioEncoding says OGG_OPUS, the recording is WAV, 16-bit "
                   "PCM: correct the job, or leave the field out");
}

static void stated_rate_and_channels_must_be_the_recordings(void **state)
{
    (void)state;
    struct bs_audio audio = sound(BS_AUDIO_MP3, "MP3", 60.0);
    struct bs_audio_stated stated = {.sample_rate_hertz = 8000, .size_bytes = -1};
    assert_refused(&audio, &stated, true, BS_DEAD_INVALID_JOB,
                   "config.specification.sampleRateHertz says 8000, the recording has 48000 Hz");
    stated = (struct bs_audio_stated){.channels = 2, .size_bytes = -1};
    assert_refused(&audio, &stated, true, BS_DEAD_INVALID_JOB,
                   "config.specification.audioChannelCount says 2, the recording has 1 channel");
}

static void what_an_opus_was_made_from_may_be_stated_as_its_rate(void **state)
{
    (void)state;
    struct bs_audio audio = opus();
    audio.original_rate_hertz = 8000;
    struct bs_audio_stated stated = {.sample_rate_hertz = 8000, .size_bytes = -1};
    assert_taken(&audio, &stated);
    stated.sample_rate_hertz = 48000;
    assert_taken(&audio, &stated);
    stated.sample_rate_hertz = 16000;
    assert_refused(&audio, &stated, true, BS_DEAD_INVALID_JOB,
                   "config.specification.sampleRateHertz says 16000, the recording has 48000 Hz");
}

static void a_stated_length_may_be_rounded_and_no_more(void **state)
{
    (void)state;
    struct bs_audio audio = opus();
    static const double taken[] = {59.0, 60.0, 61.0};
    for (size_t i = 0; i < 3; i++) {
        struct bs_audio_stated stated = {.seconds = taken[i], .size_bytes = -1};
        assert_taken(&audio, &stated);
    }
    struct bs_audio_stated stated = {.seconds = 61.5, .size_bytes = -1};
    assert_refused(&audio, &stated, true, BS_DEAD_INVALID_JOB,
                   "audio.durationSeconds says 61.5, the recording lasts 60.0 s");
    audio.seconds = 10000;
    stated.seconds = 10100;
    assert_taken(&audio, &stated);
    stated.seconds = 10101;
    assert_refused(&audio, &stated, true, BS_DEAD_INVALID_JOB,
                   "audio.durationSeconds says 10101, the recording lasts 10000.0 s");
}

static void of_an_estimated_length_what_is_stated_counts_unless_it_is_far_off(void **state)
{
    (void)state;
    struct bs_audio audio = sound(BS_AUDIO_MP3, "MP3", 10000.0);
    struct bs_audio_stated stated = {.seconds = 10050, .size_bytes = -1};
    assert_float_equal(assert_taken(&audio, &stated).seconds, 10000.0, 0);
    audio.estimated = true;
    assert_float_equal(assert_taken(&audio, &nothing).seconds, 10000.0, 0);
    stated.seconds = 10500;
    assert_float_equal(assert_taken(&audio, &stated).seconds, 10500.0, 0);
    stated.seconds = 9499;
    assert_refused(&audio, &stated, true, BS_DEAD_INVALID_JOB,
                   "audio.durationSeconds says 9499, the recording lasts about 10000.0 s");
    audio.seconds = 14500.0; /* of four hours */
    stated.seconds = 14400;
    assert_taken(&audio, &stated);
}

static void a_stated_size_is_exact(void **state)
{
    (void)state;
    struct bs_audio audio = opus();
    struct bs_audio_stated stated = {.size_bytes = 999999};
    assert_refused(&audio, &stated, true, BS_DEAD_INVALID_JOB,
                   "audio.sizeBytes says 999999, the recording has 1000000 bytes");
    stated.size_bytes = 1000000;
    assert_taken(&audio, &stated);
}

static void four_hours_are_taken_and_no_more(void **state)
{
    (void)state;
    struct bs_audio audio = opus();
    audio.seconds = 14400.0;
    assert_taken(&audio, &nothing);
    audio.seconds = 14520.1;
    assert_refused(&audio, &nothing, true, BS_DEAD_AUDIO_TOO_LONG,
                   "the recording lasts 4 h 2 min 1 s, the service takes 4 hours: split it: ffmpeg "
                   "-i IN -c copy -f segment -segment_time 14000 OUT%d.ogg");
    audio.format = BS_AUDIO_RAW;
    audio.sample_rate_hertz = 16000;
    assert_refused(&audio, &nothing, true, BS_DEAD_AUDIO_TOO_LONG,
                   "the recording lasts 4 h 2 min 1 s, the service takes 4 hours: split it: split "
                   "-b 448000000 IN OUT");
}

static void a_gigabyte_is_taken_and_no_more(void **state)
{
    (void)state;
    struct bs_audio audio = sound(BS_AUDIO_MP3, "MP3", 60.0);
    audio.size_bytes = INT64_C(1) << 30;
    assert_taken(&audio, &nothing);
    audio.size_bytes++;
    assert_refused(&audio, &nothing, true, BS_DEAD_AUDIO_TOO_LARGE,
                   "the recording has 1073741825 bytes, the service takes 1 GB (1073741824): "
                   "convert it: ffmpeg -i IN -c:a libopus -b:a 32k OUT.ogg");
}

/* The service sees the copy alone: its header does not count, its expanded samples do. */
static void of_what_is_staged_the_copys_size_counts(void **state)
{
    (void)state;
    struct bs_audio audio = wav(BS_SAMPLES_S16, 48000, "WAV, 16-bit PCM");
    audio.data_size = INT64_C(1) << 30;
    audio.size_bytes = audio.data_size + 44;
    assert_int_equal(assert_taken(&audio, &nothing).staged_bytes, INT64_C(1) << 30);
    audio = wav(BS_SAMPLES_U8, 48000, "WAV, 8-bit PCM");
    audio.data_size = (INT64_C(1) << 29) + 1;
    audio.size_bytes = audio.data_size + 44;
    assert_refused(&audio, &nothing, true, BS_DEAD_AUDIO_TOO_LARGE,
                   "the recording has 1073741826 bytes as LPCM, the service takes 1 GB "
                   "(1073741824): convert it: ffmpeg -i IN -c:a libopus -b:a 32k OUT.ogg");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opus_and_mp3_are_taken_as_they_are_at_any_rate),
        cmocka_unit_test(headerless_samples_are_taken_at_three_rates),
        cmocka_unit_test(a_wav_that_loses_nothing_is_staged),
        cmocka_unit_test(a_wav_whose_job_says_what_it_becomes_is_staged),
        cmocka_unit_test(a_wav_without_a_place_to_stage_it_says_what_to_set),
        cmocka_unit_test(a_wav_that_would_lose_says_why_and_what_to_do),
        cmocka_unit_test(what_the_api_does_not_take_is_named),
        cmocka_unit_test(an_encoding_that_the_job_states_must_be_the_recordings),
        cmocka_unit_test(stated_rate_and_channels_must_be_the_recordings),
        cmocka_unit_test(what_an_opus_was_made_from_may_be_stated_as_its_rate),
        cmocka_unit_test(a_stated_length_may_be_rounded_and_no_more),
        cmocka_unit_test(of_an_estimated_length_what_is_stated_counts_unless_it_is_far_off),
        cmocka_unit_test(a_stated_size_is_exact),
        cmocka_unit_test(four_hours_are_taken_and_no_more),
        cmocka_unit_test(a_gigabyte_is_taken_and_no_more),
        cmocka_unit_test(of_what_is_staged_the_copys_size_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
