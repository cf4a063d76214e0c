/* Result messages as people read them, and as programs do. */
#include "fixture.h"

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

static void assert_rendered(enum bs_transcript_format format, const struct bs_message *message,
                            const char *expected)
{
    struct bs_buffer out = {0};
    struct bs_error error;
    assert_true(bs_transcript_render(format, message, &out, &error));
    bs_buffer_append(&out, "", 1);
    assert_string_equal((const char *)out.data, expected);
    bs_buffer_free(&out);
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
        struct bs_buffer out = {0};
        struct bs_error error;
        struct bs_message message = {
            .value = values[i] == NULL ? (struct bs_bytes){0} : fixture_bytes(values[i]),
            .headers = &header,
            .header_count = i == 5,
        };
        assert_false(bs_transcript_render(BS_TRANSCRIPT_TEXT, &message, &out, &error));
        assert_int_equal(error.code, BS_ERROR_INVALID);
        assert_int_equal(out.size, 0);
    }
}

static void formats_have_names(void **state)
{
    (void)state;
    enum bs_transcript_format format;
    assert_true(bs_transcript_format_parse("text", &format));
    assert_int_equal(format, BS_TRANSCRIPT_TEXT);
    assert_true(bs_transcript_format_parse("jsonl", &format));
    assert_int_equal(format, BS_TRANSCRIPT_JSONL);
    assert_false(bs_transcript_format_parse("srt2", &format));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_the_dialogue_with_its_times),
        cmocka_unit_test(a_gzipped_result_is_unpacked_to_one_line),
        cmocka_unit_test(what_is_no_result_is_refused),
        cmocka_unit_test(formats_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
