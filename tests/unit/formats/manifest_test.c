/* A manifest's line becomes a job message, keyed by its id. */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

#include "formats/manifest.h"

static void assert_job(const char *line, const char *key, const char *value)
{
    struct bs_buffer key_bytes = {0}, value_bytes = {0};
    struct bs_error error;
    bool blank;
    assert_true(bs_manifest_line(fixture_bytes(line), &key_bytes, &value_bytes, &blank, &error));
    assert_false(blank);
    bs_buffer_append(&key_bytes, "", 1);
    bs_buffer_append(&value_bytes, "", 1);
    assert_string_equal((const char *)key_bytes.data, key);
    assert_string_equal((const char *)value_bytes.data, value);
    bs_buffer_free(&key_bytes);
    bs_buffer_free(&value_bytes);
}

static void a_uri_is_a_job_whose_id_is_the_uri(void **state)
{
    (void)state;
    assert_job("s3://recordings/a \"b\".ogg\r", "s3://recordings/a \"b\".ogg",
               "{\"id\":\"s3://recordings/a \\\"b\\\".ogg\",\"audio\":{\"uri\":\"s3://recordings/a "
               "\\\"b\\\".ogg\"}}");
    assert_job("  https://h/b/k.ogg?X-Amz-Signature=secret ", "https://h/b/k.ogg",
               "{\"id\":\"https://h/b/k.ogg\",\"audio\":{\"uri\":"
               "\"https://h/b/k.ogg?X-Amz-Signature=secret\"}}");
}

static void an_id_that_would_be_too_long_is_a_hash(void **state)
{
    (void)state;
    char line[400] = "s3://recordings/";
    memset(line + strlen(line), 'k', 300);
    struct bs_buffer key = {0}, value = {0};
    struct bs_error error;
    bool blank;
    assert_true(bs_manifest_line(fixture_bytes(line), &key, &value, &blank, &error));
    assert_int_equal(key.size, 7 + 64);
    assert_memory_equal(key.data, "sha256:", 7);
    bs_buffer_free(&key);
    bs_buffer_free(&value);
}

static void a_job_keeps_its_text_and_gets_an_id_where_it_has_none(void **state)
{
    (void)state;
    assert_job("{\"id\":\"a\", \"audio\":{\"uri\":\"s3://bb/k\"}}", "a",
               "{\"id\":\"a\", \"audio\":{\"uri\":\"s3://bb/k\"}}");
    assert_job("{ \"audio\":{\"uri\":\"s3://bb/k\"},\"x\":1.50}", "s3://bb/k",
               "{\"id\":\"s3://bb/k\", \"audio\":{\"uri\":\"s3://bb/k\"},\"x\":1.50}");
}

static void blank_lines_and_remarks_are_passed_over(void **state)
{
    (void)state;
    static const char *const lines[] = {"", "  \t\r", "# s3://bb/k"};
    for (size_t i = 0; i < 3; i++) {
        struct bs_buffer key = {0}, value = {0};
        struct bs_error error;
        bool blank;
        assert_true(bs_manifest_line(fixture_bytes(lines[i]), &key, &value, &blank, &error));
        assert_true(blank);
        assert_int_equal(key.size + value.size, 0);
    }
}

static void what_is_no_job_is_refused_with_a_reason(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"call.ogg", "expected s3://bucket/key, an https link to an object, or a JSON object"},
        {"s3://bb/\xff", "expected s3://bucket/key, an https link to an object, or a JSON object"},
        {"{\"audio\":", "not JSON: at byte 9: the text ends too early"},
        {"{\"audio\":{\"uri\":1}}", "audio.uri: expected a string of 1 to 4096 characters"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bs_buffer key = {0}, value = {0};
        struct bs_error error;
        bool blank;
        assert_false(bs_manifest_line(fixture_bytes(cases[i][0]), &key, &value, &blank, &error));
        assert_string_equal(error.message, cases[i][1]);
        assert_int_equal(key.size + value.size, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_uri_is_a_job_whose_id_is_the_uri),
        cmocka_unit_test(an_id_that_would_be_too_long_is_a_hash),
        cmocka_unit_test(a_job_keeps_its_text_and_gets_an_id_where_it_has_none),
        cmocka_unit_test(blank_lines_and_remarks_are_passed_over),
        cmocka_unit_test(what_is_no_job_is_refused_with_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
