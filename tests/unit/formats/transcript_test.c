/* Result messages as people read them, and as programs do. */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

#include "formats/gzip.h"
#include "formats/transcript.h"

static const char dialogue[] =
    "{\"id\":\"a\",\"audio\":{\"uri\":\"https://h/b/k\"},\"text\":\"hello\\nyes\",\n"
    "\"channels\":[{\"channelTag\":\"1\",\"text\":\"hello\"},{\"channelTag\":\"2\",\"text\":"
    "\"yes\"}],"
    "\"utterances\":[{\"channelTag\":\"1\",\"startSeconds\":0.9,\"endSeconds\":1,\"text\":"
    "\"hello\"},"
    "{\"channelTag\":\"2\",\"startSeconds\":3671.5,\"endSeconds\":3672,\"text\":\"\\u001b[31myes\"}"
    ","
    "{\"channelTag\":\"1\",\"text\":\"so\"}]}";

static char *render(struct bs_transcript_writing *writing, const struct bs_message *message)
{
    struct bs_buffer out = {0};
    struct bs_error error = BS_NO_ERROR;
    struct bs_transcript *transcript = bs_transcript_read(message, &error);
    assert_non_null(transcript);
    bs_transcript_begin(writing, &out);
    bs_transcript_write(writing, transcript, &out);
    bs_buffer_append(&out, "", 1);
    bs_transcript_free(transcript);
    return (char *)out.data;
}

static void assert_written(struct bs_transcript_writing *writing, const char *result,
                           const char *expected)
{
    struct bs_message message = {.value = fixture_bytes(result)};
    char *out = render(writing, &message);
    assert_string_equal(out, expected);
    free(out);
}

static void assert_rendered(enum bs_transcript_format format, const struct bs_message *message,
                            const char *expected)
{
    struct bs_transcript_writing writing = {.format = format};
    char *out = render(&writing, message);
    assert_string_equal(out, expected);
    free(out);
}

static void text_is_the_dialogue_with_its_times(void **state)
{
    (void)state;
    struct bs_message message = {.value = fixture_bytes(dialogue)};
    assert_rendered(BS_TRANSCRIPT_TEXT, &message,
                    "# a https://h/b/k\n[0:00] channel 1: hello\n[1:01:11] channel 2:  [31myes\n"
                    "channel 1: so\n\n");
    message.value = fixture_bytes(
        "{\"id\":\"a\",\"audio\":{\"uri\":\"u\"},\"text\":\"x\",\"channels\":[{}],\"utterances\":"
        "[{\"channelTag\":\"1\",\"startSeconds\":61,\"endSeconds\":62,\"text\":\"x\"}]}");
    assert_rendered(BS_TRANSCRIPT_TEXT, &message, "# a u\n[1:01] x\n\n");
    message.value = fixture_bytes("{\"id\":\"a\",\"audio\":{\"uri\":\"u\"},\"text\":\"x\\ny\"}");
    assert_rendered(BS_TRANSCRIPT_TEXT, &message, "# a u\nx y\n\n");
}

static void a_gzipped_result_is_unpacked_to_one_line(void **state)
{
    (void)state;
    struct bs_buffer packed = {0};
    bs_gzip(fixture_bytes("{\"id\":\"a\",\n\"text\":\"b\"}"), &packed);
    const struct bs_header header = {.name = "content-encoding", .value = fixture_bytes("gzip")};
    struct bs_message message = {
        .value = {.data = packed.data, .size = packed.size},
        .headers = &header,
        .header_count = 1,
    };
    assert_rendered(BS_TRANSCRIPT_JSONL, &message, "{\"id\":\"a\", \"text\":\"b\"}\n");
    bs_buffer_free(&packed);
}

static void what_is_no_result_is_refused(void **state)
{
    (void)state;
    static const char *const values[] = {NULL, "",        "{}", "{\"id\":1,\"text\":\"\"}",
                                         "[]", "\x1f\x8b"};
    const struct bs_header header = {.name = "content-encoding", .value = fixture_bytes("gzip")};
    for (size_t i = 0; i < 6; i++) {
        struct bs_error error;
        struct bs_message message = {
            .value = values[i] == NULL ? (struct bs_bytes){0} : fixture_bytes(values[i]),
            .headers = &header,
            .header_count = i == 5,
        };
        assert_null(bs_transcript_read(&message, &error));
        assert_int_equal(error.code, BS_ERROR_INVALID);
    }
}

static void formats_have_names(void **state)
{
    (void)state;
    static const char *const names[] = {"text", "jsonl", "srt", "vtt", "csv", "tsv"};
    enum bs_transcript_format format;
    for (int i = 0; i < BS_TRANSCRIPT_FORMATS; i++) {
        assert_true(bs_transcript_format_parse(names[i], &format));
        assert_int_equal(format, i);
    }
    assert_false(bs_transcript_format_parse("srt2", &format));
}

/* ---- subtitles ---- */

/* Two channels that speak at once, and text that SRT and WebVTT would take for their own. */
static const char two_channels[] =
    "{\"id\":\"a --> b\",\"audio\":{\"uri\":\"https://h/b/k\"},\"text\":\"\",\"channels\":[{},{}],"
    "\"chunks\":[{\"channelTag\":\"2\",\"alternatives\":[{\"text\":\"Yes, <b>&amp --> 2\","
    "\"words\":[{\"startTime\":\"1.5s\",\"endTime\":\"1.750s\",\"word\":\"yes\"},"
    "{\"startTime\":\"1.750s\",\"endTime\":\"2s\",\"word\":\"b\"},"
    "{\"startTime\":\"2s\",\"endTime\":\"2.1s\",\"word\":\"to\"},"
    "{\"startTime\":\"2.1s\",\"endTime\":\"2.9999999s\",\"word\":\"two\"}]}]},"
    "{\"channelTag\":1,\"alternatives\":[{\"text\":\"hello\\n\\n1\",\"words\":["
    "{\"startTime\":\"0.8799999s\",\"endTime\":\"1.2s\",\"word\":\"hello\"},"
    "{\"startTime\":\"1.2s\",\"endTime\":\"1.6s\",\"word\":\"one\"}]}]}],"
    "\"utterances\":[{\"channelTag\":\"1\",\"text\":\"not these\"}]}";

static void subtitles_tell_channels_apart_and_hold_no_markup_of_what_was_said(void **state)
{
    (void)state;
    struct bs_transcript_writing srt = {.format = BS_TRANSCRIPT_SRT};
    assert_written(&srt, two_channels,
                   "1\n00:00:00,880 --> 00:00:01,880\n1: hello 1\n\n"
                   "2\n00:00:01,500 --> 00:00:03,000\n2: Yes, <b>&amp → 2\n\n");
    struct bs_transcript_writing vtt = {.format = BS_TRANSCRIPT_VTT, .several = true, .cues = 7};
    assert_written(&vtt, two_channels,
                   "WEBVTT\n\nNOTE a --&gt; b https://h/b/k\n"
                   "\n8\n00:00:00.880 --> 00:00:01.880\n<v Channel 1>hello 1\n"
                   "\n9\n00:00:01.500 --> 00:00:03.000\n"
                   "<v Channel 2>Yes, &lt;b&gt;&amp;amp --&gt; 2\n");
    assert_int_equal(vtt.cues, 9);
}

static void without_words_subtitles_take_the_times_of_utterances(void **state)
{
    (void)state;
    struct bs_transcript_writing srt = {.format = BS_TRANSCRIPT_SRT};
    assert_written(
        &srt,
        "{\"id\":\"a\",\"text\":\"x\",\"channels\":[{}],\"chunks\":[{\"channelTag\":\"1\","
        "\"alternatives\":[{\"text\":\"one two\"}]}],\"utterances\":[{\"channelTag\":"
        "\"1\",\"startSeconds\":3661.5,\"endSeconds\":3663,\"text\":\"one two\"}]}",
        "1\n01:01:01,500 --> 01:01:03,000\none two\n\n");
}

static void texts_of_chunks_that_tell_no_dialogue_are_lost_in_no_format(void **state)
{
    (void)state;
    static const char result[] =
        "{\"id\":\"a\",\"audio\":{\"uri\":\"u\"},\"text\":\"one\\ntwo\",\"channels\":[{},{}],"
        "\"chunks\":[{\"channelTag\":\"1\",\"alternatives\":[{\"text\":\"one\"}]},"
        "{\"channelTag\":\"1\",\"alternatives\":[{\"text\":\"\"}]},{\"channelTag\":\"1\"},"
        "{\"channelTag\":\"2\",\"alternatives\":[{\"text\":\"two\"}]}],\"utterances\":[]}";
    struct bs_transcript_writing writing = {.format = BS_TRANSCRIPT_TEXT};
    assert_written(&writing, result, "# a u\nchannel 1: one\nchannel 2: two\n\n");
    struct bs_error error;
    writing.format = BS_TRANSCRIPT_CSV;
    assert_true(
        bs_transcript_columns_parse("utterance,channelTag,startSeconds,text", &writing, &error));
    assert_written(&writing, result,
                   "utterance,channelTag,startSeconds,text\r\n1,1,,one\r\n2,2,,two\r\n");
    for (int format = BS_TRANSCRIPT_SRT; format <= BS_TRANSCRIPT_VTT; format++) {
        writing = (struct bs_transcript_writing){.format = (enum bs_transcript_format)format};
        struct bs_message message = {.value = fixture_bytes(result)};
        char *out = render(&writing, &message);
        assert_non_null(strstr(out, "one\n"));
        assert_non_null(strstr(out, "two\n"));
        free(out);
    }
}

static void where_nothing_was_said_a_file_is_empty_but_valid(void **state)
{
    (void)state;
    static const char silent[] = "{\"id\":\"a\",\"audio\":{\"uri\":\"u\"},\"text\":\"\","
                                 "\"channels\":[],\"chunks\":[],\"utterances\":[]}";
    struct bs_transcript_writing writing = {.format = BS_TRANSCRIPT_SRT};
    assert_written(&writing, silent, "");
    writing.format = BS_TRANSCRIPT_VTT;
    assert_written(&writing, silent, "WEBVTT\n");
    writing.format = BS_TRANSCRIPT_CSV;
    assert_true(bs_transcript_columns_parse("id,text", &writing, NULL));
    assert_written(&writing, silent, "id,text\r\n");
}

/* ---- tables ---- */

static const char odd[] =
    "{\"id\":\"a,b\",\"audio\":{\"uri\":\"https://h/b/k\",\"durationSeconds\":12.5},\"text\":\"\","
    "\"labels\":{\"a\":\"b\"},\"specification\":{\"languageCode\":\"ru-RU\"},\"utterances\":["
    "{\"channelTag\":\"1\",\"startSeconds\":0.5,\"endSeconds\":1,\"text\":\"say "
    "\\\"so\\\"\\n\\t\\\\\"},"
    "{\"channelTag\":\"2\",\"text\":\"=1+1\"}]}";

static void a_table_has_a_row_an_utterance(void **state)
{
    (void)state;
    struct bs_transcript_writing writing = {.format = BS_TRANSCRIPT_CSV};
    assert_true(bs_transcript_columns_parse(NULL, &writing, NULL));
    assert_written(&writing, odd,
                   "id,uri,utterance,channelTag,startSeconds,endSeconds,text,languageCode,model,"
                   "durationSeconds,billedSeconds,detectedAt,labels\r\n"
                   "\"a,b\",https://h/b/k,1,1,0.5,1,\"say \"\"so\"\"\n\t\\\",ru-RU,,12.5,,,"
                   "\"{\"\"a\"\":\"\"b\"\"}\"\r\n"
                   "\"a,b\",https://h/b/k,2,2,,,=1+1,ru-RU,,12.5,,,\"{\"\"a\"\":\"\"b\"\"}\"\r\n");
    writing.format = BS_TRANSCRIPT_TSV;
    writing.spreadsheet = true;
    assert_true(bs_transcript_columns_parse("text,id", &writing, NULL));
    assert_written(&writing, odd, "text\tid\nsay \"so\"\\n\\t\\\\\ta,b\n'=1+1\ta,b\n");
}

static void columns_that_there_are_not_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"", "id,", "id,id", "texts", "id,,text"};
    for (size_t i = 0; i < 5; i++) {
        struct bs_transcript_writing writing = {.format = BS_TRANSCRIPT_CSV};
        struct bs_error error;
        assert_false(bs_transcript_columns_parse(names[i], &writing, &error));
        assert_non_null(strstr(error.message, "channelTag"));
    }
}

/* ---- what is asked of a result ---- */

static void labels_and_moments_are_found(void **state)
{
    (void)state;
    struct bs_error error;
    struct bs_message message = {
        .value = fixture_bytes("{\"id\":\"\\u0041\",\"text\":\"\",\"labels\":{\"k\":\"v=\\u0031\"},"
                               "\"timing\":{\"detectedAt\":\"1970-01-01T00:00:01.500Z\"}}")};
    struct bs_transcript *transcript = bs_transcript_read(&message, &error);
    assert_string_equal(bs_transcript_id(transcript), "A");
    assert_string_equal(bs_transcript_uri(transcript), "");
    assert_int_equal(bs_transcript_moment(transcript), 1500);
    assert_true(bs_transcript_has_label(transcript, "k", "v=1"));
    assert_false(bs_transcript_has_label(transcript, "k", "v"));
    assert_false(bs_transcript_has_label(transcript, "j", "v=1"));
    bs_transcript_free(transcript);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_the_dialogue_with_its_times),
        cmocka_unit_test(a_gzipped_result_is_unpacked_to_one_line),
        cmocka_unit_test(what_is_no_result_is_refused),
        cmocka_unit_test(formats_have_names),
        cmocka_unit_test(subtitles_tell_channels_apart_and_hold_no_markup_of_what_was_said),
        cmocka_unit_test(without_words_subtitles_take_the_times_of_utterances),
        cmocka_unit_test(texts_of_chunks_that_tell_no_dialogue_are_lost_in_no_format),
        cmocka_unit_test(where_nothing_was_said_a_file_is_empty_but_valid),
        cmocka_unit_test(a_table_has_a_row_an_utterance),
        cmocka_unit_test(columns_that_there_are_not_are_refused),
        cmocka_unit_test(labels_and_moments_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
