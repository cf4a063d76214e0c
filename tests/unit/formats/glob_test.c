/* Patterns for names of objects. */
#include "fixture.h"

#include <string.h>

#include "formats/glob.h"

static void a_pattern_fits_the_whole_text(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool fits;
    } cases[] = {
        {"", "", true},
        {"", "a", false},
        {"*", "", true},
        {"*.ogg", "a/b.ogg", true},
        {"*.ogg", "a/b.oggs", false},
        {"a*b*c", "a-b-b-c", true},
        {"a*b*c", "a-c-b", false},
        {"call-?.wav", "call-1.wav", true},
        {"call-?.wav", "call-12.wav", false},
        {"звонок-?", "звонок-я", true},
        {"[а-я][!0-9]", "жx", true},
        {"[а-я][!0-9]", "ж7", false},
        {"[]a]", "]", true},
        {"[a-]", "-", true},
        {"\\*", "*", true},
        {"\\*", "a", false},
        {"[\\]]x", "]x", true},
        {"A", "a", false},
        {"\xff?", "\xff\xfe", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(bs_glob_match(cases[i].pattern, cases[i].text) == cases[i].fits);
    }
}

static void a_pattern_without_a_slash_fits_the_last_part_of_a_key(void **state)
{
    (void)state;
    assert_true(bs_glob_match_key("call-*.wav", "2024/05/call-1.wav"));
    assert_true(bs_glob_match_key("2024/*", "2024/05/call-1.wav"));
    assert_true(bs_glob_match_key("*call*", "calls/x"));
    assert_false(bs_glob_match_key("05/*", "2024/05/call-1.wav"));
    assert_false(bs_glob_match_key("call-2*", "2024/05/call-1.wav"));
}

static void a_hostile_pattern_takes_no_longer_than_both_lengths_multiplied(void **state)
{
    (void)state;
    char pattern[2001] = "", text[2001] = "";
    for (size_t i = 0; i < 2000; i++) {
        pattern[i] = i % 2 == 0 ? '*' : 'a';
        text[i] = 'a';
    }
    pattern[1999] = 'b';
    assert_false(bs_glob_match(pattern, text));
}

static void a_pattern_that_is_not_closed_is_not_valid(void **state)
{
    (void)state;
    static const char *const good[] = {"", "*", "[a-z]*", "[]]", "\\[", "[!a]"};
    static const char *const bad[] = {"[", "[a", "[]", "a\\", "[a\\"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(bs_glob_valid(good[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(bs_glob_valid(bad[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_fits_the_whole_text),
        cmocka_unit_test(a_pattern_without_a_slash_fits_the_last_part_of_a_key),
        cmocka_unit_test(a_hostile_pattern_takes_no_longer_than_both_lengths_multiplied),
        cmocka_unit_test(a_pattern_that_is_not_closed_is_not_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
