/* Names of files, made of whatever stands in a key. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "formats/file_name.h"
#include "formats/json.h"

static const char endpoint[] = "https://storage.yandexcloud.net/";

static char *name_for(const char *root, const char *uri, bool portable)
{
    struct bs_buffer out = {0};
    struct bs_config *config = fixture_config((const char *const[]){NULL});
    bs_file_name_append(config, root, uri, "job-1", ".srt", portable, &out);
    bs_config_free(config);
    return (char *)out.data;
}

/* What the header promises of every path. */
static void assert_safe(const char *path)
{
    size_t length = strlen(path);
    assert_in_range(length, 5, BS_FILE_PATH_MAX);
    assert_string_equal(path + length - 4, ".srt");
    assert_int_not_equal(path[0], '/');
    for (const char *part = path;;) {
        size_t size = strcspn(part, "/");
        assert_in_range(size, 1, BS_FILE_NAME_MAX);
        assert_int_not_equal(part[size - 1], '.'); /* nor is it "." or ".." */
        assert_int_not_equal(part[size - 1], ' ');
        assert_true(size < 11 || memcmp(part, ".backscribe", 11) != 0);
        if (part[size] == '\0') {
            break;
        }
        assert_true(size < 4 || memcmp(part + size - 4, ".srt", 4) != 0);
        part += size + 1;
    }
    for (const uint8_t *at = (const uint8_t *)path; *at != '\0';) {
        size_t size = bs_utf8_sequence(at, strlen((const char *)at));
        assert_true(size > 0);
        assert_true(size > 1 || (*at >= 0x20 && *at != 0x7f && *at != '\\'));
        at += size;
    }
}

static void assert_name(const char *root, const char *uri, const char *expected)
{
    char *name = name_for(root, uri, false);
    assert_safe(name);
    assert_string_equal(name, expected);
    free(name);
}

static void a_usual_key_is_its_name_with_the_extension(void **state)
{
    (void)state;
    static const char uri[] = "https://storage.yandexcloud.net/calls/2024/Card%201.ogg";
    assert_name("calls", uri, "2024/Card 1.ogg.srt");
    assert_name(NULL, uri, "calls/2024/Card 1.ogg.srt");
    assert_name("calls",
                "https://storage.yandexcloud.net/calls/%D0%B7%D0%B2%D0%BE%D0%BD%D0%BE%D0%BA.mp3",
                "звонок.mp3.srt");
}

/* Keys that are no safe path, and pairs of which one could take the other's. */
static const char *const hostile[] = {"calls/../../etc/passwd",
                                      "calls//etc/passwd",
                                      "..%2F..%2Fetc/passwd",
                                      "%2Fetc/passwd",
                                      "%2E%2E/passwd",
                                      "a.%2Fb/c",
                                      "calls/a/../../b",
                                      "calls/a//b",
                                      "calls/a/b",
                                      "calls/a/./b",
                                      "calls/..",
                                      "calls/.",
                                      "calls/...",
                                      "calls/a.",
                                      "calls/a%20",
                                      "calls/a%00b",
                                      "calls/a%0Ab",
                                      "calls/a%1Bb",
                                      "calls/a%5Cb",
                                      "calls/a_b",
                                      "calls/%E2%80%AEgpj.exe",
                                      "calls/%FF%FE",
                                      "calls/.backscribe-results",
                                      "calls/.backscribe-new/a",
                                      "calls/a.srt/b",
                                      "calls/a",
                                      "calls/A.SRT/b",
                                      "calls/a%2Fb%2F",
                                      "calls/a/",
                                      "calls/",
                                      "calls",
                                      "",
                                      "other/a",
                                      "other/a%3Fb",
                                      "calls/other/a",
                                      "calls/a~0123456789abcdef",
                                      "calls/%F0%9F%93%9E.ogg"};
#define HOSTILE (sizeof hostile / sizeof *hostile)

static void no_key_leads_out_and_no_two_have_one_name(void **state)
{
    (void)state;
    for (int portable = 0; portable < 2; portable++) {
        char *names[2 * HOSTILE];
        for (size_t i = 0; i < 2 * HOSTILE; i++) {
            char uri[256];
            (void)snprintf(uri, sizeof uri, "%s%s", i % 2 == 0 ? endpoint : "s3://",
                           hostile[i / 2]);
            names[i] = name_for("calls", uri, portable == 1);
            assert_safe(names[i]);
        }
        for (size_t i = 0; i < 2 * HOSTILE; i++) {
            for (size_t j = 0; j < i; j += 1) {
                bool same_object = i / 2 == j / 2;
                bool same_text = strcmp(hostile[i / 2], "calls/a/b") == 0 ||
                                 strcmp(hostile[j / 2], "calls/a/b") == 0;
                bool nothing = strlen(hostile[i / 2]) < 7 && strlen(hostile[j / 2]) < 7;
                if (!same_object && !same_text && !nothing) {
                    assert_string_not_equal(names[i], names[j]);
                }
            }
        }
        for (size_t i = 0; i < 2 * HOSTILE; i++) {
            free(names[i]);
        }
    }
}

static void a_long_key_is_cut_with_a_hash_behind_it(void **state)
{
    (void)state;
    char uri[1200];
    char *names[4];
    for (size_t i = 0; i < 4; i++) {
        size_t at = (size_t)snprintf(uri, sizeof uri, "%scalls/", endpoint);
        for (size_t j = 0; j < 1020; j++) {
            uri[at + j] = i == 2 && j % 2 == 1 ? '/' : i == 3 && j % 300 == 250 ? '/' : 'a';
        }
        uri[at + 1019] = i == 1 ? 'b' : 'a';
        uri[at + 1020] = '\0';
        names[i] = name_for("calls", uri, false);
        assert_safe(names[i]);
    }
    assert_string_not_equal(names[0], names[1]);
    for (size_t i = 0; i < 4; i++) {
        free(names[i]);
    }
}

static void without_upper_and_lower_case_names_that_have_them_differ_otherwise(void **state)
{
    (void)state;
    char *upper = name_for("calls", "https://storage.yandexcloud.net/calls/A.ogg", true);
    char *lower = name_for("calls", "https://storage.yandexcloud.net/calls/a.ogg", true);
    assert_string_equal(lower, "a.ogg.srt");
    assert_int_not_equal(strcasecmp(upper, lower), 0);
    free(upper);
    free(lower);
    upper = name_for("calls", "https://storage.yandexcloud.net/calls/a%3A%3Fb", true);
    assert_null(strpbrk(upper, ":?"));
    free(upper);
}

static void what_has_no_object_is_named_after_its_id(void **state)
{
    (void)state;
    struct bs_config *config = fixture_config((const char *const[]){NULL});
    struct bs_buffer out = {0};
    bs_file_name_append(config, NULL, "", "../a/b", ".csv", false, &out);
    assert_memory_equal(out.data, "._/a/b~", 7);
    bs_buffer_free(&out);
    bs_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_usual_key_is_its_name_with_the_extension),
        cmocka_unit_test(no_key_leads_out_and_no_two_have_one_name),
        cmocka_unit_test(a_long_key_is_cut_with_a_hash_behind_it),
        cmocka_unit_test(without_upper_and_lower_case_names_that_have_them_differ_otherwise),
        cmocka_unit_test(what_has_no_object_is_named_after_its_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
