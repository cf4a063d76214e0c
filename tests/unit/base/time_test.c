/* RFC 3339: what is written is read again, and both agree with the system's calendar. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/time.h"

static bool parse(const char *text, bs_wall_ms *moment)
{
    return bs_rfc3339_parse(text, strlen(text), moment);
}

static void any_moment_reads_back_as_it_was_written(void **state)
{
    (void)state;
    struct bs_random random = {.state = 1};
    const int64_t first = -62135596800000, last = 253402300799999; /* years 1 to 9999 */
    for (int i = 0; i < 100000; i++) {
        bs_wall_ms moment = first + bs_random_below(&random, last - first + 1), back;
        char text[BS_RFC3339_SIZE];
        bs_rfc3339_format(moment, text);
        assert_true(parse(text, &back));
        assert_int_equal(back, moment);
    }
}

static void the_calendar_is_that_of_timegm(void **state)
{
    (void)state;
    struct bs_random random = {.state = 2};
    for (int i = 0; i < 100000; i++) {
        struct tm date = {.tm_year = (int)bs_random_below(&random, 9999) - 1899,
                          .tm_mon = (int)bs_random_below(&random, 12),
                          .tm_mday = 1 + (int)bs_random_below(&random, 28),
                          .tm_hour = (int)bs_random_below(&random, 24),
                          .tm_min = (int)bs_random_below(&random, 60),
                          .tm_sec = (int)bs_random_below(&random, 60)};
        char text[64];
        (void)snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02dZ", date.tm_year + 1900,
                       date.tm_mon + 1, date.tm_mday, date.tm_hour, date.tm_min, date.tm_sec);
        bs_wall_ms moment;
        assert_true(parse(text, &moment));
        assert_int_equal(moment, (int64_t)timegm(&date) * 1000);
    }
}

static void each_spelling_of_the_standard_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bs_wall_ms moment;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01t00:00:00z", 0},
        {"1970-01-01 00:00:01+00:00", 1000},
        {"1970-01-01T01:00:00+01:00", 0},
        {"1969-12-31T23:30:00-00:30", 0},
        {"1970-01-01T00:00:00.5Z", 500},
        {"1970-01-01T00:00:00.123456789Z", 123},
        {"1970-01-01T00:00:00.0009Z", 0},
        {"2016-12-31T23:59:60Z", 1483228800000},
        {"2024-02-29T12:00:00Z", 1709208000000},
        {"2000-02-29T00:00:00Z", 951782400000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bs_wall_ms moment;
        assert_true(parse(cases[i].text, &moment));
        assert_int_equal(moment, cases[i].moment);
    }
}

static void anything_else_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "1970",
        "1970-01-01",
        "1970-01-01T00:00:00",
        "1970-01-01T00:00Z",
        "1970-13-01T00:00:00Z",
        "1970-00-01T00:00:00Z",
        "1970-02-30T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "1970-01-01T24:00:00Z",
        "1970-01-01T00:60:00Z",
        "1970-01-01T00:00:61Z",
        "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00+0100",
        "1970-01-01T00:00:00+24:00",
        "1970-01-01T00:00:00+01:60",
        "1970-01-01T00:00:00Z ",
        " 1970-01-01T00:00:00Z",
        "1970-1-01T00:00:00Z",
        "+970-01-01T00:00:00Z",
        "1970-01-01T00:00:00ZZ",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        bs_wall_ms moment;
        if (parse(texts[i], &moment)) {
            fail_msg("read as a moment: \"%s\"", texts[i]);
        }
    }
}

static void no_byte_after_the_length_is_read(void **state)
{
    (void)state;
    bs_wall_ms moment;
    assert_true(bs_rfc3339_parse("1970-01-01T00:00:00Zjunk", 20, &moment));
    assert_false(bs_rfc3339_parse("1970-01-01T00:00:00Z", 19, &moment));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_moment_reads_back_as_it_was_written),
        cmocka_unit_test(the_calendar_is_that_of_timegm),
        cmocka_unit_test(each_spelling_of_the_standard_is_read),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(no_byte_after_the_length_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
