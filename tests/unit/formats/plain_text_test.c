/* What is shown on a terminal: nothing that it would obey, and no wider than it may be. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "formats/plain_text.h"

static void assert_shown(const char *text, int columns, bool ascii, const char *expected, int taken)
{
    struct bs_buffer out = {0};
    int used = bs_plain_text_append(&out, text, columns, ascii);
    bs_buffer_append(&out, "", 1);
    assert_string_equal((const char *)out.data, expected);
    assert_int_equal(used, taken);
    bs_buffer_free(&out);
}

static void what_fits_is_shown_whole(void **state)
{
    (void)state;
    assert_shown("call-1.ogg", 10, false, "call-1.ogg", 10);
    assert_shown("звонок", 6, false, "звонок", 6);
    assert_shown("", 10, false, "", 0);
    assert_shown("日本", 4, false, "日本", 4);
    assert_shown("e\xcc\x81t\xc3\xa9", 3, false, "e\xcc\x81t\xc3\xa9", 3); /* a mark takes none */
    assert_int_equal(bs_plain_text_columns("日本 é", false), 6);
}

static void what_does_not_fit_ends_in_an_ellipsis(void **state)
{
    (void)state;
    assert_shown("call-1.ogg", 9, false, "call-1.o…", 9);
    assert_shown("call-1.ogg", 9, true, "call-1...", 9);
    assert_shown("日本語", 5, false, "日本…", 5);
    assert_shown("日本語", 4, false, "日…", 3); /* half a character is none */
    assert_shown("call", 1, false, "…", 1);
    assert_shown("call", 2, true, "..", 2);
    assert_shown("call", 0, false, "", 0);
    assert_shown("cafe\xcc\x81 noir", 5, false, "cafe\xcc\x81…", 5);
}

static void without_utf_8_every_other_character_is_a_question_mark(void **state)
{
    (void)state;
    assert_shown("звонок-1 日本", 20, true, "\?\?\?\?\?\?-1 \?\?", 11);
}

static void what_a_terminal_would_obey_is_taken_out(void **state)
{
    (void)state;
    assert_shown("a\x1b[2Jb\rc\n\x7f\x07", 20, true,
                 "a?[2Jb?c?"
                 "??",
                 11);
    assert_shown("a\x1b]0;t\x07", 20, false, "a�]0;t�", 7);
    assert_shown("a\xc2\x9b"
                 "2J",
                 20, false, "a�2J", 4); /* C1: the same as ESC [ */
    assert_shown("a\xe2\x80\xae"
                 "gpj.exe",
                 20, false, "a�gpj.exe", 9); /* from right to left */
    assert_shown("a\xe2\x80\x8b"
                 "b\xef\xbb\xbf",
                 20, false, "a�b�", 4);                               /* hidden ones */
    assert_shown("\xff\xc0\xaf\xed\xa0\x80", 20, false, "������", 6); /* no UTF-8 */
    char marks[64] = "a";
    for (int i = 0; i < 20; i++) {
        strcat(marks, "\xcc\x81");
    }
    assert_shown(marks, 20, false, "a\xcc\x81\xcc\x81\xcc\x81\xcc\x81", 1); /* a tower of marks */
}

static void a_copy_is_clean_and_cut_between_characters(void **state)
{
    (void)state;
    char copy[8];
    bs_plain_text_copy("\x1bзвон", copy, sizeof copy);
    assert_string_equal(copy, "�зв");
    bs_plain_text_copy("звон", copy, sizeof copy);
    assert_string_equal(copy, "зво");
    bs_plain_text_copy("", copy, sizeof copy);
    assert_string_equal(copy, "");
}

int main(void)
{
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL) {
        return 1; /* every Debian has it */
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_fits_is_shown_whole),
        cmocka_unit_test(what_does_not_fit_ends_in_an_ellipsis),
        cmocka_unit_test(without_utf_8_every_other_character_is_a_question_mark),
        cmocka_unit_test(what_a_terminal_would_obey_is_taken_out),
        cmocka_unit_test(a_copy_is_clean_and_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
