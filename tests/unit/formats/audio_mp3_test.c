/* An MP3's length comes from what its first frame tells, or from the frames themselves. */
#include "audio_fixture.h"

#include <string.h>

/* MPEG-1 layer III, 48000 Hz, mono: frames of 1152 samples, 24 ms. */
#define FRAME_MS 24

/* 128 kbit/s: 384 bytes; 64 kbit/s: 192. */
static const uint8_t frame_128[] = {0xff, 0xfb, 0x94, 0xc0}, frame_64[] = {0xff, 0xfb, 0x54, 0xc0};

static void put_frames(struct recording *recording, const uint8_t *header, size_t length, int count)
{
    uint8_t frame[384] = {0};
    memcpy(frame, header, 4);
    for (int i = 0; i < count; i++) {
        recording_append(recording, frame, length);
    }
}

/* A first frame that tells of `frames` others. */
static void put_summary(struct recording *recording, size_t place, const char *sign,
                        uint32_t frames, uint32_t bytes)
{
    uint8_t frame[384] = {0};
    memcpy(frame, frame_128, 4);
    memcpy(frame + place, sign, 4);
    bool vbri = strcmp(sign, "VBRI") == 0;
    const uint32_t words[] = {vbri ? 0 : 3, vbri ? bytes : frames, vbri ? frames : bytes};
    for (size_t i = vbri ? 1 : 0; i < 3; i++) {
        size_t at = place + 4 + 4 * i + (vbri ? 2 : 0);
        for (size_t byte = 0; byte < 4; byte++) {
            frame[at + byte] = (uint8_t)(words[i] >> (24 - 8 * byte));
        }
    }
    recording_append(recording, frame, sizeof frame);
}

static void put_id3(struct recording *recording, int64_t size, bool footer)
{
    const uint8_t head[10] = {'I',
                              'D',
                              '3',
                              4,
                              0,
                              footer ? 0x10 : 0,
                              (uint8_t)(size >> 21 & 127),
                              (uint8_t)(size >> 14 & 127),
                              (uint8_t)(size >> 7 & 127),
                              (uint8_t)(size & 127)};
    recording_append(recording, head, sizeof head);
    recording_extend(recording, size);
    if (footer) {
        recording_append(recording, "3DI", 3);
        recording_append(recording, head + 3, sizeof head - 3);
    }
}

static void assert_mp3(struct recording *recording, double seconds, int reads_most)
{
    struct bs_audio audio = recording_probe(recording);
    assert_int_equal(audio.format, BS_AUDIO_MP3);
    assert_string_equal(audio.name, "MP3");
    assert_int_equal(audio.sample_rate_hertz, 48000);
    assert_int_equal(audio.channels, 1);
    assert_seconds(audio.seconds, seconds, 0.03);
    assert_true(recording->reads <= reads_most);
    recording_free(recording);
}

static double seconds_of(int frames)
{
    return frames * FRAME_MS / 1000.0;
}

static void one_read_is_enough_where_the_first_frame_tells(void **state)
{
    (void)state;
    static const struct {
        const char *sign;
        size_t place;
    } cases[] = {{"Xing", 21}, {"Info", 21}, {"Xing", 23}, {"VBRI", 36}};
    for (size_t i = 0; i < 4; i++) {
        struct recording recording = {0};
        put_summary(&recording, cases[i].place, cases[i].sign, 10000, 10001 * 384);
        put_frames(&recording, frame_128, 384, 30);
        recording_extend(&recording, 10000 * 384 - 30 * 384);
        assert_mp3(&recording, seconds_of(10000), 1);
    }
}

static void a_header_that_cannot_be_true_is_not_believed(void **state)
{
    (void)state;
    static const uint32_t told[] = {0, 1, 400000000};
    for (size_t i = 0; i < 3; i++) {
        struct recording recording = {0};
        put_summary(&recording, 21, "Xing", told[i], 0);
        put_frames(&recording, frame_128, 384, 5000);
        assert_mp3(&recording, seconds_of(5000), 5);
    }
}

static void of_a_recording_that_was_cut_what_is_there_counts(void **state)
{
    (void)state;
    struct recording recording = {0};
    put_summary(&recording, 21, "Info", 10000, 10001 * 384);
    put_frames(&recording, frame_128, 384, 4999);
    assert_mp3(&recording, seconds_of(5000), 1);
}

static void recordings_put_one_after_the_other_add_up(void **state)
{
    (void)state;
    struct recording recording = {0};
    put_summary(&recording, 21, "Xing", 300, 301 * 384);
    put_frames(&recording, frame_128, 384, 300);
    put_id3(&recording, 500000, false);
    put_summary(&recording, 21, "Xing", 50, 51 * 384);
    put_frames(&recording, frame_128, 384, 50);
    assert_mp3(&recording, seconds_of(350), 3);
}

static void a_constant_rate_and_the_size_tell_the_length(void **state)
{
    (void)state;
    struct recording recording = {0};
    put_frames(&recording, frame_64, 192, 50000);
    assert_mp3(&recording, seconds_of(50000), 5);
}

static void a_rate_that_varies_is_counted_where_nothing_tells(void **state)
{
    (void)state;
    struct recording recording = {0};
    for (int i = 0; i < 300; i++) {
        put_frames(&recording, frame_128, 384, i % 7);
        put_frames(&recording, frame_64, 192, i % 5);
    }
    assert_mp3(&recording, seconds_of(42 * 21 + 0 + 1 + 2 + 3 + 4 + 5 + 60 * 10), 12);
}

static void a_long_one_whose_rate_varies_is_estimated(void **state)
{
    (void)state;
    struct recording recording = {0};
    for (int i = 0; i < 9000; i++) {
        put_frames(&recording, frame_128, 384, 1 + i % 3);
        put_frames(&recording, frame_64, 192, 1 + i % 2);
    }
    struct bs_audio audio = recording_probe(&recording);
    assert_seconds(audio.seconds, seconds_of(9000 * 7 / 2), seconds_of(9000 * 7 / 2) * 0.02);
    assert_true(audio.estimated);
    assert_true(recording.reads <= BS_PROBE_READS_MAX / 2 + 5);
    recording_free(&recording);
}

static void a_free_rate_is_measured_by_its_frames(void **state)
{
    (void)state;
    static const uint8_t frame_free[] = {0xff, 0xfb, 0x04, 0xc0};
    struct recording recording = {0};
    put_frames(&recording, frame_free, 300, 3000);
    assert_mp3(&recording, seconds_of(3000), 5);
    /* Frames of another length at the end: found while fuzzing, as a loop without an end. */
    put_frames(&recording, frame_free, 300, 3000);
    put_frames(&recording, frame_free, 100, 20);
    assert_mp3(&recording, seconds_of(3000 + 2000 / 300), 5);
}

static void tags_before_the_sound_are_jumped_over(void **state)
{
    (void)state;
    struct recording recording = {0};
    put_id3(&recording, 200 * 1024 * 1024, true);
    put_id3(&recording, 70, false);
    put_summary(&recording, 21, "Xing", 300, 301 * 384);
    put_frames(&recording, frame_128, 384, 300);
    assert_mp3(&recording, seconds_of(300), 2);
}

static void tags_behind_the_sound_do_not_count(void **state)
{
    (void)state;
    struct recording recording = {0};
    uint8_t ape[32] = "APETAGEX";
    put_frames(&recording, frame_64, 192, 2000);
    le(ape + 8, 2000, 4);
    le(ape + 12, 100000 + 32, 4);
    le(ape + 20, 0xa0000000, 4);
    recording_append(&recording, ape, sizeof ape);
    recording_extend(&recording, 100000);
    recording_append(&recording, ape, sizeof ape);
    recording_append(&recording, "LYRICSBEGIN000011LYRICS200", 26);
    recording_append(&recording, "TAG", 3);
    recording_extend(&recording, 125);
    assert_mp3(&recording, seconds_of(2000), 7);
}

static void junk_before_and_behind_does_not_count(void **state)
{
    (void)state;
    struct recording recording = {0};
    recording_append(&recording, "\xff\xfb\x94 junk \xff\xfb\x94\xc0", 13);
    recording_extend(&recording, 70000);
    put_frames(&recording, frame_64, 192, 2000);
    recording_extend(&recording, 150000);
    assert_mp3(&recording, seconds_of(2000), 16);
}

static void a_lone_sign_of_a_frame_is_nothing(void **state)
{
    (void)state;
    struct recording recording = {0};
    recording_append(&recording, frame_128, 4);
    recording_extend(&recording, 50000);
    put_frames(&recording, frame_128, 384, 2);
    recording_extend(&recording, 50000);
    assert_int_equal(recording_probe(&recording).format, BS_AUDIO_UNKNOWN);
    recording_free(&recording);
}

static void weak_signs_are_not_looked_for_in_what_is_said_to_be_raw(void **state)
{
    (void)state;
    struct recording recording = {.hint = {.raw = true, .sample_rate_hertz = 8000, .channels = 2}};
    recording_append(&recording, "\x1f\x8b\x08\1", 4);
    put_frames(&recording, frame_128, 384, 1000);
    struct bs_audio audio = recording_probe(&recording);
    assert_int_equal(audio.format, BS_AUDIO_RAW);
    assert_int_equal(audio.sample_rate_hertz, 8000);
    assert_int_equal(audio.channels, 2);
    assert_seconds(audio.seconds, (4 + 1000 * 384) / 4 / 8000.0, 0.0001);
    recording_free(&recording);
}

/* Else a wrong word in the job would have its noise transcribed, and paid for. */
static void an_mp3_that_is_said_to_be_raw_is_an_mp3(void **state)
{
    (void)state;
    struct recording recording = {.hint = {.raw = true, .sample_rate_hertz = 8000}};
    put_summary(&recording, 21, "Info", 1000, 1001 * 384);
    put_frames(&recording, frame_128, 384, 1000);
    assert_mp3(&recording, seconds_of(1000), 1);
}

static void assert_named(const void *bytes, size_t size, enum bs_audio_format format,
                         const char *name)
{
    struct recording recording = {0};
    recording_append(&recording, bytes, size);
    recording_extend(&recording, 1000000);
    struct bs_audio audio = recording_probe(&recording);
    assert_int_equal(audio.format, format);
    assert_string_equal(audio.name, name);
    recording_free(&recording);
}

static void other_formats_are_named(void **state)
{
    (void)state;
    assert_named("fLaC\0\0\0\x22", 8, BS_AUDIO_FLAC, "FLAC");
    assert_named("ID3\4\0\0\0\0\0\0fLaC", 14, BS_AUDIO_FLAC, "FLAC");
    assert_named("\0\0\0\x1c"
                 "ftypM4A ",
                 12, BS_AUDIO_MP4, "M4A (MP4 audio)");
    assert_named("\0\0\0\x1c"
                 "ftyp3gp5",
                 12, BS_AUDIO_MP4, "3GP");
    assert_named("#!AMR\n", 6, BS_AUDIO_OTHER_KNOWN, "AMR");
    assert_named("#!AMR-WB\n", 9, BS_AUDIO_OTHER_KNOWN, "AMR-WB");
    assert_named("FORM\0\0\1\0AIFF", 12, BS_AUDIO_OTHER_KNOWN, "AIFF");
    assert_named("\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\x1f\x42\x82\x84webm", 19, BS_AUDIO_OTHER_KNOWN,
                 "WebM");
    assert_named("\x1f\x8b\x08", 3, BS_AUDIO_OTHER_KNOWN, "gzipped");
    assert_named("{\"error\":1}", 11, BS_AUDIO_OTHER_KNOWN, "JSON, or a text");
    assert_named("what?", 5, BS_AUDIO_UNKNOWN, "not a known audio format");
    struct recording recording = {0};
    static const uint8_t layer_2[] = {0xff, 0xfd, 0x84, 0xc0}; /* 128 kbit/s, 48000 Hz */
    put_frames(&recording, layer_2, 384, 10);
    struct bs_audio audio = recording_probe(&recording);
    assert_int_equal(audio.format, BS_AUDIO_OTHER_KNOWN);
    assert_string_equal(audio.name, "MPEG audio layer II");
    recording_free(&recording);
}

static void an_empty_object_takes_no_read(void **state)
{
    (void)state;
    struct recording recording = {0};
    struct bs_audio audio = recording_probe(&recording);
    assert_int_equal(audio.format, BS_AUDIO_EMPTY);
    assert_string_equal(audio.problem, "it has no bytes");
    assert_int_equal(recording.reads, 0);
    put_id3(&recording, 5000, false);
    audio = recording_probe(&recording);
    assert_int_equal(audio.format, BS_AUDIO_EMPTY);
    assert_string_equal(audio.problem, "nothing follows its ID3 tag");
    recording_extend(&recording, 5000);
    audio = recording_probe(&recording);
    assert_int_equal(audio.format, BS_AUDIO_BROKEN);
    assert_string_equal(audio.problem, "no MPEG frame follows its ID3 tag");
    recording_free(&recording);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_read_is_enough_where_the_first_frame_tells),
        cmocka_unit_test(a_header_that_cannot_be_true_is_not_believed),
        cmocka_unit_test(of_a_recording_that_was_cut_what_is_there_counts),
        cmocka_unit_test(recordings_put_one_after_the_other_add_up),
        cmocka_unit_test(a_constant_rate_and_the_size_tell_the_length),
        cmocka_unit_test(a_rate_that_varies_is_counted_where_nothing_tells),
        cmocka_unit_test(a_long_one_whose_rate_varies_is_estimated),
        cmocka_unit_test(a_free_rate_is_measured_by_its_frames),
        cmocka_unit_test(tags_before_the_sound_are_jumped_over),
        cmocka_unit_test(tags_behind_the_sound_do_not_count),
        cmocka_unit_test(junk_before_and_behind_does_not_count),
        cmocka_unit_test(a_lone_sign_of_a_frame_is_nothing),
        cmocka_unit_test(weak_signs_are_not_looked_for_in_what_is_said_to_be_raw),
        cmocka_unit_test(an_mp3_that_is_said_to_be_raw_is_an_mp3),
        cmocka_unit_test(other_formats_are_named),
        cmocka_unit_test(an_empty_object_takes_no_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
