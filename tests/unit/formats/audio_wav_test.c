/* A WAV's header is read whatever stands in it, and its sound is never read. */
#include "audio_fixture.h"

#include <string.h>

static const uint8_t pcm_guid_end[14] = {0x00, 0x00, 0x00, 0x00, 0x10, 0x00, 0x80,
                                         0x00, 0x00, 0xaa, 0x00, 0x38, 0x9b, 0x71};

static void put(struct recording *recording, uint64_t value, size_t size)
{
    uint8_t place[8];
    recording_append(recording, le(place, value, size).data, size);
}

static void put_riff(struct recording *recording, const char *sign)
{
    recording_append(recording, sign, 4);
    put(recording, 0xffffffff, 4);
    recording_append(recording, "WAVE", 4);
}

static void put_chunk(struct recording *recording, const char *name, uint32_t size)
{
    recording_append(recording, name, 4);
    put(recording, size, 4);
}

static void put_format(struct recording *recording, uint32_t codec, uint32_t channels,
                       uint32_t rate, uint32_t bits)
{
    put_chunk(recording, "fmt ", 16);
    put(recording, codec, 2);
    put(recording, channels, 2);
    put(recording, rate, 4);
    put(recording, rate * channels * bits / 8, 4);
    put(recording, channels * bits / 8, 2);
    put(recording, bits, 2);
}

/* Of `seconds`, with a header of 44 bytes. */
static void put_simple(struct recording *recording, uint32_t codec, uint32_t bits, uint32_t seconds)
{
    put_riff(recording, "RIFF");
    put_format(recording, codec, 1, 8000, bits);
    put_chunk(recording, "data", seconds * 8000 * bits / 8);
    recording_extend(recording, (int64_t)seconds * 8000 * bits / 8);
}

static void assert_kind(uint32_t codec, uint32_t bits, enum bs_samples samples, const char *name)
{
    struct recording recording = {0};
    put_simple(&recording, codec, bits, 3);
    struct bs_audio audio = recording_probe(&recording);
    assert_int_equal(audio.format, BS_AUDIO_WAV);
    assert_int_equal(audio.samples, samples);
    assert_string_equal(audio.name, name);
    assert_int_equal(audio.sample_rate_hertz, 8000);
    assert_int_equal(audio.channels, 1);
    assert_seconds(audio.seconds, 3.0, 0.0001);
    recording_free(&recording);
}

static void the_kinds_of_samples_are_told_apart(void **state)
{
    (void)state;
    assert_kind(1, 8, BS_SAMPLES_U8, "WAV, 8-bit PCM");
    assert_kind(1, 16, BS_SAMPLES_S16, "WAV, 16-bit PCM");
    assert_kind(1, 24, BS_SAMPLES_S24, "WAV, 24-bit PCM");
    assert_kind(1, 32, BS_SAMPLES_S32, "WAV, 32-bit PCM");
    assert_kind(3, 32, BS_SAMPLES_FLOAT, "WAV, 32-bit float");
    assert_kind(3, 64, BS_SAMPLES_FLOAT, "WAV, 64-bit float");
    assert_kind(6, 8, BS_SAMPLES_ALAW, "WAV, A-law");
    assert_kind(7, 8, BS_SAMPLES_MULAW, "WAV, \xc2\xb5-law");
    assert_kind(0x31, 8, BS_SAMPLES_OTHER, "WAV, GSM 6.10");
    assert_kind(0x11, 8, BS_SAMPLES_OTHER, "WAV, IMA ADPCM");
    assert_kind(0x1234, 8, BS_SAMPLES_OTHER, "WAV, codec 0x1234");
}

static void put_extensible(struct recording *recording, uint32_t codec, uint32_t bits)
{
    put_riff(recording, "RIFF");
    put_chunk(recording, "fmt ", 40);
    put(recording, 0xfffe, 2);
    put(recording, 2, 2);
    put(recording, 16000, 4);
    put(recording, 16000 * 2 * bits / 8, 4);
    put(recording, 2 * bits / 8, 2);
    put(recording, bits, 2);
    put(recording, 22, 2);
    put(recording, bits, 2);
    put(recording, 3, 4);
    put(recording, codec, 2);
    recording_append(recording, pcm_guid_end, sizeof pcm_guid_end);
    put_chunk(recording, "data", 64000);
    recording_extend(recording, 64000);
}

static void an_extensible_header_names_its_codec_in_a_guid(void **state)
{
    (void)state;
    struct recording recording = {0};
    put_extensible(&recording, 1, 16);
    struct bs_audio audio = recording_probe(&recording);
    assert_int_equal(audio.samples, BS_SAMPLES_S16);
    assert_int_equal(audio.channels, 2);
    assert_int_equal(audio.data_offset, 68);
    assert_seconds(audio.seconds, 1.0, 0.0001);
    recording_free(&recording);
    put_extensible(&recording, 6, 8);
    assert_int_equal(recording_probe(&recording).samples, BS_SAMPLES_ALAW);
    recording_free(&recording);
}

static void what_stands_before_the_sound_is_jumped_over(void **state)
{
    (void)state;
    struct recording recording = {0};
    put_riff(&recording, "RIFF");
    put_chunk(&recording, "bext", 603);
    recording_extend(&recording, 604); /* padded to an even size */
    put_format(&recording, 1, 1, 16000, 16);
    put_chunk(&recording, "LIST", 400 * 1024 * 1024);
    recording_extend(&recording, 400 * 1024 * 1024);
    put_chunk(&recording, "data", 32000);
    recording_extend(&recording, 32000);
    put_chunk(&recording, "id3 ", 10);
    recording_extend(&recording, 10);
    struct bs_audio audio = recording_probe(&recording);
    assert_int_equal(audio.format, BS_AUDIO_WAV);
    assert_int_equal(audio.data_size, 32000);
    assert_seconds(audio.seconds, 1.0, 0.0001);
    assert_int_equal(recording.reads, 2);
    recording_free(&recording);
}

static void a_length_that_was_never_written_means_to_the_end(void **state)
{
    (void)state;
    static const uint32_t told[] = {0, 0xffffffff, 0x7ffff000, 64001};
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        struct recording recording = {0};
        put_riff(&recording, "RIFF");
        put_format(&recording, 1, 2, 8000, 16);
        put_chunk(&recording, "data", told[i]);
        recording_extend(&recording, 64000 + 3); /* and a frame that was cut */
        struct bs_audio audio = recording_probe(&recording);
        assert_int_equal(audio.format, BS_AUDIO_WAV);
        assert_int_equal(audio.data_size, 64000);
        assert_seconds(audio.seconds, 2.0, 0.0001);
        recording_free(&recording);
    }
}

static void sizes_of_64_bits_are_taken_from_ds64(void **state)
{
    (void)state;
    static const char *const signs[] = {"RF64", "BW64"};
    for (size_t i = 0; i < 2; i++) {
        struct recording recording = {0};
        put_riff(&recording, signs[i]);
        put_chunk(&recording, "ds64", 28);
        put(&recording, UINT64_C(6000000000) + 80, 8);
        put(&recording, UINT64_C(6000000000), 8);
        put(&recording, UINT64_C(3000000000), 8);
        put(&recording, 0, 4);
        put_format(&recording, 1, 1, 48000, 16);
        put_chunk(&recording, "data", 0xffffffff);
        recording_extend(&recording, INT64_C(6000000000));
        put_chunk(&recording, "LIST", 4);
        recording_extend(&recording, 4);
        struct bs_audio audio = recording_probe(&recording);
        assert_int_equal(audio.data_size, INT64_C(6000000000));
        assert_seconds(audio.seconds, 62500.0, 0.0001);
        recording_free(&recording);
    }
}

static void assert_problem(struct recording *recording, enum bs_audio_format format,
                           const char *problem)
{
    struct bs_audio audio = recording_probe(recording);
    assert_int_equal(audio.format, format);
    assert_string_equal(audio.problem, problem);
    recording_free(recording);
}

static void what_is_broken_says_what_is(void **state)
{
    (void)state;
    struct recording recording = {0};
    put_riff(&recording, "RIFF");
    put_format(&recording, 1, 1, 8000, 16);
    put_chunk(&recording, "LIST", 5000000);
    recording_extend(&recording, 1000);
    assert_problem(&recording, BS_AUDIO_BROKEN, "it ends before its sound begins: it was cut");

    put_riff(&recording, "RIFF");
    put_chunk(&recording, "fmt ", 16);
    recording_extend(&recording, 7);
    assert_problem(&recording, BS_AUDIO_BROKEN, "it ends within its header: it was cut");

    put_riff(&recording, "RIFF");
    put_chunk(&recording, "data", 100);
    recording_extend(&recording, 100);
    assert_problem(&recording, BS_AUDIO_BROKEN, "its sound stands before any format chunk");

    put_riff(&recording, "RIFF");
    put_format(&recording, 1, 0, 8000, 16);
    put_chunk(&recording, "data", 100);
    assert_problem(&recording, BS_AUDIO_BROKEN, "its header says 0 channels and 8000 Hz");

    put_riff(&recording, "RIFF");
    put_chunk(&recording, "fmt ", 16);
    put(&recording, 1 | 2 << 16, 4);
    put(&recording, 8000, 4);
    put(&recording, 32000, 4);
    put(&recording, 3 | 16 << 16, 4);
    put_chunk(&recording, "data", 100);
    assert_problem(&recording, BS_AUDIO_BROKEN,
                   "its header says 2 channels of 16 bits in blocks of 3 bytes");
}

static void a_header_without_sound_is_empty(void **state)
{
    (void)state;
    struct recording recording = {0};
    put_simple(&recording, 1, 16, 0);
    assert_problem(&recording, BS_AUDIO_EMPTY, "no sound follows its header");
    put_simple(&recording, 1, 16, 0);
    put_chunk(&recording, "LIST", 4);
    recording_extend(&recording, 4);
    assert_problem(&recording, BS_AUDIO_EMPTY, "no sound follows its header");
}

static void a_big_endian_one_is_named(void **state)
{
    (void)state;
    struct recording recording = {0};
    put_riff(&recording, "RIFX");
    recording_extend(&recording, 100);
    struct bs_audio audio = recording_probe(&recording);
    assert_int_equal(audio.format, BS_AUDIO_WAV);
    assert_int_equal(audio.samples, BS_SAMPLES_OTHER);
    assert_string_equal(audio.name, "WAV, big-endian (RIFX)");
    recording_free(&recording);
}

static void a_hint_of_raw_does_not_hide_a_wav(void **state)
{
    (void)state;
    struct recording recording = {.hint = {.raw = true, .sample_rate_hertz = 8000}};
    put_simple(&recording, 1, 16, 3);
    assert_int_equal(recording_probe(&recording).format, BS_AUDIO_WAV);
    recording_free(&recording);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_kinds_of_samples_are_told_apart),
        cmocka_unit_test(an_extensible_header_names_its_codec_in_a_guid),
        cmocka_unit_test(what_stands_before_the_sound_is_jumped_over),
        cmocka_unit_test(a_length_that_was_never_written_means_to_the_end),
        cmocka_unit_test(sizes_of_64_bits_are_taken_from_ds64),
        cmocka_unit_test(what_is_broken_says_what_is),
        cmocka_unit_test(a_header_without_sound_is_empty),
        cmocka_unit_test(a_big_endian_one_is_named),
        cmocka_unit_test(a_hint_of_raw_does_not_hide_a_wav),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
