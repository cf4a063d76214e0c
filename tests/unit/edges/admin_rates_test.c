/* What was done over the last minute, ten minutes, hour. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "edges/admin_rates.h"

/* A result a second, a check every half second and a dead letter a minute, for so long. */
static void work(struct bs_rates *rates, struct bs_counters *counters, int32_t seconds)
{
    for (int32_t second = 1; second <= seconds; second++) {
        counters->results++;
        counters->submissions[BS_SUBMISSION_ACCEPTED]++;
        counters->submissions[BS_SUBMISSION_REFUSED]++;
        counters->checks[BS_CHECK_RUNNING]++;
        counters->checks[BS_CHECK_DONE]++;
        counters->billed_seconds += 15;
        counters->dead_letters[BS_STAGE_CHECK][BS_DEAD_RESULT_EXPIRED] += second % 60 == 0;
        bs_rates_note(rates, (bs_mono_ms)second * 1000, counters);
    }
}

static struct bs_rate over(int32_t seconds_of_work, int32_t window)
{
    struct bs_counters counters;
    memset(&counters, 0, sizeof counters);
    struct bs_rates *rates = bs_rates_create(0);
    work(rates, &counters, seconds_of_work);
    struct bs_rate rate;
    bs_rates_over(rates, (bs_mono_ms)seconds_of_work * 1000, &counters, window, &rate);
    bs_rates_destroy(rates);
    return rate;
}

static void a_young_process_tells_of_its_whole_life(void **state)
{
    (void)state;
    struct bs_rate rate = over(42, 3600);
    assert_true(rate.seconds == 42 && rate.results == 42 && rate.checks == 84);
    assert_true(rate.submissions == 42 && rate.billed_seconds == 42 * 15);
    rate = over(0, 60);
    assert_true(rate.seconds == 0 && rate.results == 0);
}

static void an_old_one_tells_of_the_window_and_never_of_more(void **state)
{
    (void)state;
    for (int i = 0; i < BS_RATE_WINDOWS; i++) {
        int32_t window = bs_rate_windows_seconds[i];
        for (int32_t life = 20000; life < 20007; life++) {
            struct bs_rate rate = over(life, window);
            assert_true(rate.seconds <= window && rate.seconds > window - 6);
            assert_true((double)rate.results == rate.seconds);
            assert_true(rate.billed_seconds == rate.seconds * 15);
        }
        struct bs_rate rate = over(18000, window);
        assert_int_equal(rate.dead_letters, window / 60);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_young_process_tells_of_its_whole_life),
        cmocka_unit_test(an_old_one_tells_of_the_window_and_never_of_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
