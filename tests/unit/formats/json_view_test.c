/* Answers read where they stand: the same values as a tree would hold, and bytes that are copied.
 */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

#include "formats/json_view.h"

/* What is written of a text; NULL where it is not read. */
static char *written(const char *text, const char *without)
{
    struct bs_json_view view;
    struct bs_json_problem problem;
    struct bs_buffer out = {0};
    if (bs_json_view_read(&view, (const uint8_t *)text, strlen(text), &problem)) {
        bs_json_view_append(&view, bs_json_view_root(&view), without, &out);
        bs_buffer_append(&out, "", 1);
    }
    bs_json_view_free(&view);
    return (char *)out.data;
}

static void assert_written(const char *text, const char *without, const char *expected)
{
    char *out = written(text, without);
    assert_non_null(out);
    assert_string_equal(out, expected);
    free(out);
}

static void what_is_copied_is_the_same_json_without_white_space(void **state)
{
    (void)state;
    assert_written("[1.50,{\"a\":[]},true,null,\"x\"]", NULL, "[1.50,{\"a\":[]},true,null,\"x\"]");
    assert_written(" { \"a\" : [ 1 , { } ] ,\n\t\"b c\" : \" \\n \" } ", NULL,
                   "{\"a\":[1,{}],\"b c\":\" \\u000a \"}");
    assert_written("[\"\\u0434\\u0430 \\ud83d\\ude00 \\\"\\/\\\\\"]", NULL,
                   "[\"да \xf0\x9f\x98\x80 \\\"/\\\\\"]");
}

static void a_member_can_be_left_out_at_any_depth(void **state)
{
    (void)state;
    assert_written("[{\"w\":1,\"a\":{\"b\":2,\"w\":[{}]}},{\"w\":0}]", "w",
                   "[{\"a\":{\"b\":2}},{}]");
    assert_written("{\"\\u0077\":1,\"x\":\"w\"}", "w", "{\"x\":\"w\"}");
}

static void flaws_are_mended_as_a_tree_s_are(void **state)
{
    (void)state;
    assert_written("\xef\xbb\xbf[1]", NULL, "[1]");
    assert_written("[\"a\\ud800b\",\"\\u0000\"]", NULL,
                   "[\"a\xef\xbf\xbd"
                   "b\",\"\xef\xbf\xbd\"]");
    assert_written("[\"\xff\xc3\",\"a\nb\"]", NULL, "[\"\xef\xbf\xbd\xef\xbf\xbd\",\"a b\"]");
    assert_written("{\"a\":1,\"b\":2,\"a\":3,\"\\u0061\":4}", NULL, "{\"a\":1,\"b\":2}");
    assert_null(written("{\"cut\":", NULL));
    assert_null(written("", NULL));
    assert_null(written("[1]]", NULL));
}

static void members_are_found_by_name_and_values_by_kind(void **state)
{
    (void)state;
    static const char text[] = "{\"id\":\"e\\u0030\",\"n\":8000,\"s\":\"-3\",\"f\":0.5,\"l\":[1,2],"
                               "\"\\u0064one\":true,\"o\":{\"id\":null}}";
    struct bs_json_view view;
    struct bs_json_problem problem;
    struct bs_buffer scratch = {0};
    int64_t number = 0;
    assert_true(bs_json_view_read(&view, (const uint8_t *)text, strlen(text), &problem));
    const struct bs_json_node *root = bs_json_view_root(&view);
    struct bs_bytes id =
        bs_json_view_string(&view, bs_json_view_member(&view, root, "id"), &scratch);
    assert_int_equal(id.size, 2);
    assert_memory_equal(id.data, "e0", 2);
    assert_true(bs_json_view_int64(&view, bs_json_view_member(&view, root, "n"), &number));
    assert_int_equal(number, 8000);
    assert_true(bs_json_view_int64(&view, bs_json_view_member(&view, root, "s"), &number));
    assert_int_equal(number, -3);
    assert_false(bs_json_view_int64(&view, bs_json_view_member(&view, root, "f"), &number));
    assert_true(bs_json_view_is_true(&view, bs_json_view_member(&view, root, "done")));
    const struct bs_json_node *list = bs_json_view_member(&view, root, "l");
    const struct bs_json_node *first = bs_json_view_first(&view, list);
    assert_true(bs_json_view_is_array(&view, list));
    assert_null(bs_json_view_next(&view, list, bs_json_view_next(&view, list, first)));
    const struct bs_json_node *inner = bs_json_view_member(&view, root, "o");
    assert_true(bs_json_view_is_null(&view, bs_json_view_member(&view, inner, "id")));
    assert_null(bs_json_view_member(&view, list, "id"));
    assert_null(bs_json_view_member(&view, NULL, "id"));
    bs_buffer_free(&scratch);
    bs_json_view_free(&view);
}

static void a_number_is_written_so_that_the_same_double_is_read(void **state)
{
    (void)state;
    static const struct {
        double number;
        const char *text;
    } cases[] = {
        {0, "0"},
        {4, "4"},
        {0.879999999, "0.879999999"},
        {0.1, "0.1"},
        {15.5, "15.5"},
        {14399.999, "14399.999"},
        {999999.999999999, "999999.999999999"},
        {1.0 / 3, "0.33333333333333331"},
        {-2.5, "-2.5"},
        {1e21, "1e+21"},
        {1e-12, "1e-12"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bs_buffer out = {0};
        bs_json_append_number(&out, cases[i].number);
        bs_buffer_append(&out, "", 1);
        assert_string_equal((const char *)out.data, cases[i].text);
        bs_buffer_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_copied_is_the_same_json_without_white_space),
        cmocka_unit_test(a_member_can_be_left_out_at_any_depth),
        cmocka_unit_test(flaws_are_mended_as_a_tree_s_are),
        cmocka_unit_test(members_are_found_by_name_and_values_by_kind),
        cmocka_unit_test(a_number_is_written_so_that_the_same_double_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
