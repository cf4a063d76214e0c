/* An Ogg's length comes from its first pages and its last, over all streams that follow each other.
 */
#include "audio_fixture.h"

#include <string.h>

#define PRE_SKIP     312
#define TWENTY_MS    960
#define PACKET_BYTES 1000

struct stream {
    struct recording *recording;
    uint32_t serial, sequence;
    int64_t granule;
};

static uint32_t checksum(const uint8_t *bytes, size_t size)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < size; i++) {
        sum ^= (uint32_t)bytes[i] << 24;
        for (int bit = 0; bit < 8; bit++) {
            sum = (sum & 0x80000000) != 0 ? sum << 1 ^ 0x04c11db7 : sum << 1;
        }
    }
    return sum;
}

/* A page of `count` packets like this one. */
static void put_page(struct stream *stream, uint8_t flags, int64_t granule, const void *packet,
                     size_t size, int count)
{
    uint8_t page[65536] = "OggS";
    size_t at = 27;
    page[5] = flags;
    le(page + 6, (uint64_t)granule, 8);
    le(page + 14, stream->serial, 4);
    le(page + 18, stream->sequence++, 4);
    for (int i = 0; i < count; i++) {
        size_t rest = size;
        for (; rest >= 255; rest -= 255) {
            page[at++] = 255;
        }
        page[at++] = (uint8_t)rest;
    }
    page[26] = (uint8_t)(at - 27);
    for (int i = 0; i < count; i++, at += size) {
        memcpy(page + at, packet, size);
    }
    le(page + 22, checksum(page, at), 4);
    recording_append(stream->recording, page, at);
}

static void put_heads(struct stream *stream, uint8_t channels)
{
    uint8_t head[19] = "OpusHead\x01";
    head[9] = channels;
    le(head + 10, PRE_SKIP, 2);
    le(head + 12, 16000, 4);
    put_page(stream, 2, 0, head, sizeof head, 1);
    put_page(stream, 0, 0, "OpusTags\0\0\0\0\0\0\0\0", 16, 1);
}

/* Pages of ten packets of 20 ms each. */
static void put_sound(struct stream *stream, int pages)
{
    uint8_t packet[PACKET_BYTES] = {0xf8};
    for (int i = 0; i < pages; i++) {
        stream->granule += INT64_C(10) * TWENTY_MS;
        put_page(stream, 0, stream->granule, packet, sizeof packet, 10);
    }
}

static double seconds_of(int pages)
{
    return pages * 0.2 - PRE_SKIP / 48000.0;
}

static void put_link(struct recording *recording, uint32_t serial, uint8_t channels, int pages)
{
    struct stream stream = {.recording = recording, .serial = serial};
    put_heads(&stream, channels);
    put_sound(&stream, pages);
}

static void assert_opus(struct recording *recording, double seconds, int reads_most)
{
    struct bs_audio audio = recording_probe(recording);
    assert_int_equal(audio.format, BS_AUDIO_OGG_OPUS);
    assert_string_equal(audio.name, "Ogg Opus");
    assert_int_equal(audio.sample_rate_hertz, 48000);
    assert_int_equal(audio.original_rate_hertz, 16000);
    assert_seconds(audio.seconds, seconds, 0.0001);
    assert_true(recording->reads <= reads_most);
}

static void two_reads_tell_a_recordings_length(void **state)
{
    (void)state;
    struct recording recording = {0};
    put_link(&recording, 7, 2, 500);
    assert_opus(&recording, seconds_of(500), 2);
    assert_int_equal(recording_probe(&recording).channels, 2);
    recording_free(&recording);
}

static void a_recording_that_begins_late_in_a_stream_is_as_long_as_what_is_there(void **state)
{
    (void)state;
    struct recording recording = {0};
    struct stream stream = {.recording = &recording, .serial = 7};
    put_heads(&stream, 1);
    stream.granule = INT64_C(48000) * 86400 * 300;
    put_sound(&stream, 50);
    assert_opus(&recording, seconds_of(50), 2);
    recording_free(&recording);
}

static void packets_that_end_on_no_timed_page_count_for_the_next(void **state)
{
    (void)state;
    struct recording recording = {0};
    struct stream stream = {.recording = &recording, .serial = 7};
    uint8_t packet[PACKET_BYTES] = {0xf8};
    put_heads(&stream, 1);
    put_page(&stream, 0, -1, packet, sizeof packet, 10);
    stream.granule = 1000000 + INT64_C(10) * TWENTY_MS;
    put_sound(&stream, 1); /* from 1000000 on, with those before */
    assert_opus(&recording, seconds_of(2), 1);
    recording_free(&recording);
}

static void links_of_a_chain_add_up(void **state)
{
    (void)state;
    struct recording recording = {0};
    put_link(&recording, 1, 1, 300);
    put_link(&recording, 2, 1, 1);
    put_link(&recording, 3, 2, 90);
    put_link(&recording, 4, 1, 200);
    assert_opus(&recording, seconds_of(300) + seconds_of(1) + seconds_of(90) + seconds_of(200), 24);
    assert_int_equal(recording_probe(&recording).channels, 2);
    recording_free(&recording);
}

static void links_without_sound_add_nothing(void **state)
{
    (void)state;
    struct recording recording = {0};
    put_link(&recording, 1, 1, 0);
    put_link(&recording, 2, 1, 30);
    put_link(&recording, 3, 1, 0);
    put_link(&recording, 4, 1, 10);
    put_link(&recording, 5, 1, 0);
    assert_opus(&recording, seconds_of(30) + seconds_of(10), 24);
    recording_free(&recording);
}

static void more_links_than_there_are_reads_are_estimated(void **state)
{
    (void)state;
    struct recording recording = {0};
    for (uint32_t link = 0; link < 400; link++) {
        put_link(&recording, 1000 + link, 1, 10);
    }
    struct bs_audio audio = recording_probe(&recording);
    assert_int_equal(audio.format, BS_AUDIO_OGG_OPUS);
    assert_seconds(audio.seconds, 400 * seconds_of(10), 400 * seconds_of(10) * 0.02);
    recording_free(&recording);
}

static void a_page_that_was_cut_does_not_count(void **state)
{
    (void)state;
    struct recording recording = {0};
    put_link(&recording, 7, 1, 100);
    recording.size -= 3000;
    assert_opus(&recording, seconds_of(99), 2);
    recording_free(&recording);
}

static void what_follows_the_last_page_does_not_count(void **state)
{
    (void)state;
    struct recording recording = {0};
    put_link(&recording, 7, 1, 100);
    recording_append(&recording, "OggS and no page", 16);
    recording_extend(&recording, 200000);
    assert_opus(&recording, seconds_of(100), 6);
    recording_free(&recording);
}

static void a_stream_beside_the_sound_is_passed_over(void **state)
{
    (void)state;
    struct recording recording = {0};
    struct stream sound = {.recording = &recording, .serial = 1};
    struct stream beside = {.recording = &recording, .serial = 2};
    uint8_t head[19] = "OpusHead\x01\x01";
    le(head + 10, PRE_SKIP, 2);
    le(head + 12, 16000, 4);
    put_page(&beside, 2, 0, "fishead\0\4\0\0\0", 12, 1);
    put_page(&sound, 2, 0, head, sizeof head, 1);
    put_page(&sound, 0, 0, "OpusTags\0\0\0\0\0\0\0\0", 16, 1);
    for (int i = 0; i < 60; i++) {
        put_sound(&sound, 1);
        put_page(&beside, 0, i * 999999, "beside", 6, 1);
    }
    assert_opus(&recording, seconds_of(60), 3);
    recording_free(&recording);
}

static void assert_named(const char *head, size_t size, enum bs_audio_format format,
                         const char *name)
{
    struct recording recording = {0};
    struct stream stream = {.recording = &recording, .serial = 7};
    put_page(&stream, 2, 0, head, size, 1);
    put_page(&stream, 0, 0, "tags", 4, 1);
    recording_extend(&recording, 1000000);
    struct bs_audio audio = recording_probe(&recording);
    assert_int_equal(audio.format, format);
    assert_string_equal(audio.name, name);
    assert_int_equal(recording.reads, 1);
    recording_free(&recording);
}

static void other_codecs_are_named(void **state)
{
    (void)state;
    assert_named("\x01vorbis\0\0\0\0\1\x80\x3e\0\0", 16, BS_AUDIO_OGG_VORBIS, "Ogg Vorbis");
    assert_named("\x7f"
                 "FLAC\x01\0\0\1fLaC",
                 13, BS_AUDIO_OGG_OTHER, "Ogg FLAC");
    assert_named("Speex   1.2", 11, BS_AUDIO_OGG_OTHER, "Ogg Speex");
    assert_named("\x80theora\3", 8, BS_AUDIO_OGG_OTHER, "Ogg Theora");
    assert_named("what?", 5, BS_AUDIO_OGG_OTHER, "Ogg of no known codec");
}

static void a_chain_that_goes_on_in_another_codec_is_not_opus(void **state)
{
    (void)state;
    struct recording recording = {0};
    put_link(&recording, 1, 1, 100);
    struct stream other = {.recording = &recording, .serial = 2};
    put_page(&other, 2, 0, "\x01vorbis\0\0\0\0\1\x80\x3e\0\0", 16, 1);
    put_page(&other, 0, 100000, "sound", 5, 1);
    struct bs_audio audio = recording_probe(&recording);
    assert_int_equal(audio.format, BS_AUDIO_OGG_OTHER);
    assert_string_equal(audio.name, "Ogg Opus chained with Ogg Vorbis");
    recording_free(&recording);
}

static void headers_alone_are_empty_and_half_of_them_broken(void **state)
{
    (void)state;
    struct recording recording = {0};
    put_link(&recording, 7, 1, 0);
    struct bs_audio audio = recording_probe(&recording);
    assert_int_equal(audio.format, BS_AUDIO_EMPTY);
    assert_string_equal(audio.problem, "no sound follows its headers");
    recording.size = 40;
    audio = recording_probe(&recording);
    assert_int_equal(audio.format, BS_AUDIO_BROKEN);
    assert_string_equal(audio.problem, "it ends within its first page: it was cut");
    recording_free(&recording);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_reads_tell_a_recordings_length),
        cmocka_unit_test(a_recording_that_begins_late_in_a_stream_is_as_long_as_what_is_there),
        cmocka_unit_test(packets_that_end_on_no_timed_page_count_for_the_next),
        cmocka_unit_test(links_of_a_chain_add_up),
        cmocka_unit_test(links_without_sound_add_nothing),
        cmocka_unit_test(more_links_than_there_are_reads_are_estimated),
        cmocka_unit_test(a_page_that_was_cut_does_not_count),
        cmocka_unit_test(what_follows_the_last_page_does_not_count),
        cmocka_unit_test(a_stream_beside_the_sound_is_passed_over),
        cmocka_unit_test(other_codecs_are_named),
        cmocka_unit_test(a_chain_that_goes_on_in_another_codec_is_not_opus),
        cmocka_unit_test(headers_alone_are_empty_and_half_of_them_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
