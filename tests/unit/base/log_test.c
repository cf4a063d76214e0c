/* The log line: one line an event, whatever is in its values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

static char line[65536];

/* Logs one line at level info with standard error in a pipe, and leaves it in `line` without its
 * time. */
static void capture(enum bs_log_format format, const struct bs_log_field *fields,
                    const char *message)
{
    int ends[2], kept = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    assert_true(kept >= 0 && dup2(ends[1], STDERR_FILENO) >= 0);
    (void)close(ends[1]);
    bs_log_configure(BS_LOG_INFO, format);
    bs_log(BS_LOG_INFO, fields, "%s", message);
    assert_true(dup2(kept, STDERR_FILENO) >= 0);
    (void)close(kept);
    size_t size = 0;
    ssize_t got;
    while ((got = read(ends[0], line + size, sizeof line - 1 - size)) > 0) {
        size += (size_t)got;
    }
    (void)close(ends[0]);
    line[size] = '\0';
    char *level = strstr(line, format == BS_LOG_JSON ? "\"level\"" : "level=");
    assert_non_null(level);
    memmove(line, level, strlen(level) + 1);
}

static void the_identity_comes_before_the_message(void **state)
{
    (void)state;
    const struct bs_log_field fields[] = {{"job", "call-1"}, {"op", NULL}, {NULL, NULL}};
    capture(BS_LOG_LOGFMT, fields, "accepted");
    assert_string_equal(line, "level=info job=call-1 msg=accepted\n");
    capture(BS_LOG_JSON, fields, "accepted");
    assert_string_equal(line, "\"level\":\"info\",\"job\":\"call-1\",\"msg\":\"accepted\"}\n");
}

static void no_value_breaks_out_of_its_field(void **state)
{
    (void)state;
    const struct bs_log_field fields[] = {
        {"job", "a b\"c\\d\ne\x01"}, {"empty", ""}, {"sum", "1=1"}, {NULL, NULL}};
    capture(BS_LOG_LOGFMT, fields, "x");
    assert_string_equal(
        line, "level=info job=\"a b\\\"c\\\\d\\ne\\u0001\" empty=\"\" sum=\"1=1\" msg=x\n");
    capture(BS_LOG_JSON, fields, "x");
    assert_string_equal(line, "\"level\":\"info\",\"job\":\"a b\\\"c\\\\d\\ne\\u0001\","
                              "\"empty\":\"\",\"sum\":\"1=1\",\"msg\":\"x\"}\n");
}

static void a_line_that_is_too_long_is_cut_and_still_one_line(void **state)
{
    (void)state;
    static char value[40000];
    memset(value, 'v', sizeof value - 1);
    const struct bs_log_field fields[] = {{"job", value}, {NULL, NULL}};
    capture(BS_LOG_LOGFMT, fields, "x");
    assert_in_range(strlen(line), 14000, 16384);
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
    assert_string_equal(line + strlen(line) - 8, "v msg=x\n");
    capture(BS_LOG_JSON, fields, "x");
    assert_string_equal(line + strlen(line) - 14, "v\",\"msg\":\"x\"}\n");
}

static void what_is_below_the_level_is_not_written(void **state)
{
    (void)state;
    bs_log_configure(BS_LOG_WARN, BS_LOG_LOGFMT);
    assert_true(bs_log_enabled(BS_LOG_ERROR));
    assert_true(bs_log_enabled(BS_LOG_WARN));
    assert_false(bs_log_enabled(BS_LOG_INFO));
    enum bs_log_level level;
    assert_true(bs_log_level_parse("debug", &level));
    assert_int_equal(level, BS_LOG_DEBUG);
    assert_false(bs_log_level_parse("loud", &level));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_identity_comes_before_the_message),
        cmocka_unit_test(no_value_breaks_out_of_its_field),
        cmocka_unit_test(a_line_that_is_too_long_is_cut_and_still_one_line),
        cmocka_unit_test(what_is_below_the_level_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
