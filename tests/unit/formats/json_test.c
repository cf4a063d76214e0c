/* JSON is what RFC 8259 says, and nothing that two readers could understand differently. (The whole
 * corpus is in tests/schemas.) */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "formats/json.h"

static bool accepts(const char *text, size_t size)
{
    struct bs_json_problem problem;
    return bs_json_check((const uint8_t *)text, size, &problem);
}

static void a_text_that_stops_being_json_is_refused_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t offset;
        const char *reason;
    } cases[] = {
        {"", 0, "the text ends too early"},
        {"{\"a\":1,}", 7, "expected a name in quotes"},
        {"[1 2]", 3, "expected a comma or ]"},
        {"01", 1, "something follows the value"},
        {"\"a\nb\"", 2, "a control character in a string"},
        {"{\"a\":1,\"\\u0061\":2}", 17, "an object has the same name twice"},
        {"\"\\ud800\"", 7, "a lone surrogate"},
        {"[\"\\u0000\"]", 8, "a string contains NUL"},
        {"\"\xc0\x80\"", 1, "not UTF-8"},
        {"1e999", 5, "a number that no double holds"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bs_json_problem problem;
        assert_false(
            bs_json_check((const uint8_t *)cases[i].text, strlen(cases[i].text), &problem));
        assert_string_equal(problem.reason, cases[i].reason);
        assert_int_equal(problem.offset, cases[i].offset);
    }
}

static void sixty_four_levels_are_read_and_one_more_is_not(void **state)
{
    (void)state;
    char text[131];
    memset(text, '[', 65);
    memset(text + 65, ']', 65);
    assert_false(accepts(text, 130));
    assert_true(accepts(text + 1, 128));
}

/* A megabyte of names, and of names that share long beginnings, takes well under a second. */
static void no_input_is_slow(void **state)
{
    (void)state;
    struct bs_buffer text = {0};
    char name[1024];
    memset(name, 'x', sizeof name);
    bs_buffer_append(&text, "{", 1);
    for (int i = 0; i < 1000; i++) {
        bs_buffer_append(&text, "\"", 1);
        bs_buffer_append(&text, name, 1000);
        int size = snprintf(name, sizeof name, "%d\":0,", i);
        bs_buffer_append(&text, name, (size_t)size);
        memset(name, 'x', sizeof name);
    }
    for (int i = 0; i < 100000; i++) {
        int size = snprintf(name, sizeof name, "\"%d\":0%c", i, i == 99999 ? '}' : ',');
        bs_buffer_append(&text, name, (size_t)size);
    }
    clock_t start = clock();
    assert_true(accepts((const char *)text.data, text.size));
    assert_true(clock() - start < 2 * CLOCKS_PER_SEC);
    bs_buffer_free(&text);
}

static char *tolerated(const char *text, size_t size)
{
    struct bs_json_problem problem;
    cJSON *tree = bs_json_parse_tolerant((const uint8_t *)text, size, &problem);
    if (tree == NULL) {
        return NULL;
    }
    char *printed = cJSON_PrintUnformatted(tree);
    cJSON_Delete(tree);
    return printed;
}

static void flaws_of_an_answer_are_mended(void **state)
{
    (void)state;
    static const struct {
        const char *text, *mended;
    } cases[] = {
        {"\xef\xbb\xbf[1]", "[1]"},
        {"[\"a\\ud800b\"]", "[\"a\xef\xbf\xbd"
                            "b\"]"},
        {"[\"\\u0000after\"]", "[\"\xef\xbf\xbd"
                               "after\"]"},
        {"[\"\xff\xc3\"]", "[\"\xef\xbf\xbd\xef\xbf\xbd\"]"},
        {"[\"a\nb\"]", "[\"a b\"]"},
        {"[1e999,2]", "[null,2]"},
        {"{\"a\":1,\"b\":2,\"a\":3,\"\\u0061\":4}", "{\"a\":1,\"b\":2}"},
        {"[0.1000000000000000055511151231257827021181583404541015625000000000000]", "[0.1]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *printed = tolerated(cases[i].text, strlen(cases[i].text));
        assert_non_null(printed);
        assert_string_equal(printed, cases[i].mended);
        free(printed);
    }
    assert_null(tolerated("{\"cut\":", 7));
    assert_null(tolerated("", 0));
    assert_null(tolerated("<html>", 6));
}

static void a_message_is_cut_between_characters_and_has_no_control_characters(void **state)
{
    (void)state;
    char out[8];
    bs_utf8_copy_cut("a\nb\x1b[0m", 7, out, sizeof out);
    assert_string_equal(out, "a b [0m");
    bs_utf8_copy_cut("приве", strlen("приве"), out, sizeof out);
    assert_string_equal(out, "при");
    bs_utf8_copy_cut("\xff", 1, out, sizeof out);
    assert_string_equal(out, "\xef\xbf\xbd");
}

static void an_int64_is_a_number_or_a_string_of_digits(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
        int64_t value;
    } cases[] = {
        {"8000", true, 8000}, {"\"8000\"", true, 8000}, {"8000.0", true, 8000},
        {"\"-3\"", true, -3}, {"8000.5", false, 0},     {"\"8e3\"", false, 0},
        {"\"\"", false, 0},   {"\" 1\"", false, 0},     {"1e30", false, 0},
        {"true", false, 0},   {"null", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cJSON *item = cJSON_Parse(cases[i].text);
        int64_t value = 0;
        assert_int_equal(bs_json_int64(item, &value), cases[i].good);
        assert_int_equal(value, cases[i].value);
        cJSON_Delete(item);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_that_stops_being_json_is_refused_with_its_place),
        cmocka_unit_test(sixty_four_levels_are_read_and_one_more_is_not),
        cmocka_unit_test(no_input_is_slow),
        cmocka_unit_test(flaws_of_an_answer_are_mended),
        cmocka_unit_test(a_message_is_cut_between_characters_and_has_no_control_characters),
        cmocka_unit_test(an_int64_is_a_number_or_a_string_of_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
