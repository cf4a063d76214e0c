/* What the facts come to: jobs, money, and how long it takes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "watch_scene.h"

static struct watch_scene scene;

static int begin(void **state)
{
    (void)state;
    watch_scene_begin(&scene);
    return 0;
}

static int end(void **state)
{
    (void)state;
    watch_scene_end(&scene);
    return 0;
}

static const struct bs_watch_sums *sum(void)
{
    bs_watch_sum(&scene.facts, &scene.sums);
    return &scene.sums;
}

static bool is_near(double value, double expected)
{
    return fabs(value - expected) < 1e-6 * fmax(fabs(expected), 1);
}

/* ---- jobs -------------------------------------------------------------------------------------
 */

static void every_job_is_in_the_backlog_in_flight_or_answered(void **state)
{
    (void)state;
    const struct bs_watch_sums *sums = sum();
    assert_true(sums->known && sums->exact);
    assert_int_equal(sums->jobs, 200000);
    assert_int_equal(sums->backlog, 2 * (100000 - 50225 + 25));
    assert_int_equal(sums->in_flight, 400);
    assert_int_equal(sums->answered, 200000 - 99600 - 400);
    assert_int_equal(sums->failed, 2000);
    assert_int_equal(sums->done, 98000);
}

static void of_a_partition_that_nobody_tells_of_the_offsets_are_bounds(void **state)
{
    (void)state;
    scene.facts.workers[1].answered = false;
    const struct bs_watch_sums *sums = sum();
    assert_false(sums->exact);
    assert_int_equal(sums->backlog, 100000 - 50225 + 25 + 100000 - 50200);
    assert_int_equal(sums->in_flight, 200 + 50200 - 49990);
    watch_scene_without_workers(&scene);
    sums = sum();
    assert_int_equal(sums->backlog, 2 * (100000 - 50200));
    assert_int_equal(sums->in_flight, 2 * (50200 - 49990));
}

static void a_partition_that_is_being_restored_counts_by_its_offsets(void **state)
{
    (void)state;
    struct bs_worker_status *status = watch_scene_worker(&scene, 1);
    status->partitions[0].restored = false;
    status->in_flight = status->unsubmitted = 0;
    const struct bs_watch_sums *sums = sum();
    assert_false(sums->exact);
    assert_int_equal(sums->in_flight, 200 + 50200 - 49990);
}

static void what_was_never_worked_on_is_all_backlog(void **state)
{
    (void)state;
    watch_scene_without_workers(&scene);
    for (int i = 0; i < 2; i++) {
        scene.facts.progress.partitions[i] =
            (struct bs_partition_progress){-1, 1000, 100000, -1, -1};
    }
    const struct bs_watch_sums *sums = sum();
    assert_int_equal(sums->backlog, 2 * 99000);
    assert_int_equal(sums->in_flight, 0);
    /* What was deleted before there was the group is none of its jobs. */
    assert_int_equal(sums->jobs, 2 * 99000);
    assert_true(sums->answered == 0 && sums->lost == 0);
    assert_true(isnan(sums->billed_seconds));
}

static void what_retention_deletes_before_it_is_taken_up_is_lost_and_not_done(void **state)
{
    (void)state;
    watch_scene_without_workers(&scene);
    scene.facts.progress.partitions[0].log_start = 60000;
    const struct bs_watch_sums *sums = sum();
    assert_int_equal(sums->lost, 60000 - 50200);
    assert_int_equal(sums->backlog, 100000 - 60000 + 100000 - 50200);
    assert_int_equal(sums->in_flight, 2 * (50200 - 49990));
    assert_int_equal(sums->answered, 2 * 49990);
    assert_int_equal(sums->done, 2 * 49990 - 2000);
    scene.facts.progress.partitions[0].log_start = 100000;
    scene.facts.progress.partitions[1] = scene.facts.progress.partitions[0];
    for (int i = 0; i < 2; i++) {
        scene.facts.progress.partitions[i].published = 50200;
    }
    sums = sum();
    assert_int_equal(sums->left.kind, BS_WATCH_LEFT_NOTHING);
    assert_string_equal(sums->left.reason, "but 99600 jobs are lost: the topic's retention deleted "
                                           "what nobody had read");
}

static void what_a_worker_read_before_it_was_deleted_is_not_lost(void **state)
{
    (void)state;
    scene.facts.progress.partitions[0].log_start = 50225;
    scene.facts.progress.partitions[1].log_start = 50100; /* submitted jobs are in the state */
    const struct bs_watch_sums *sums = sum();
    assert_int_equal(sums->backlog, 99600);
    assert_int_equal(sums->in_flight, 400);
    assert_true(sums->answered == 100000 && sums->lost == 0);
    scene.facts.progress.partitions[0].log_start = 50300; /* it stops before those */
    sums = sum();
    assert_true(sums->lost == 75 && sums->backlog == 99600 - 75 && sums->answered == 100000);
}

static void workers_that_tell_the_same_twice_make_no_more_of_it_than_there_is(void **state)
{
    (void)state;
    watch_scene_worker(&scene, 0)->in_flight = 1000000;
    watch_scene_worker(&scene, 1)->unsubmitted = 1000000;
    const struct bs_watch_sums *sums = sum();
    assert_int_equal(sums->in_flight + sums->backlog, 2 * (100000 - 49990));
    assert_int_equal(sums->answered, 2 * 49990);
}

static void done_is_not_known_before_the_dead_letters_are_read(void **state)
{
    (void)state;
    scene.facts.failures.complete = false;
    const struct bs_watch_sums *sums = sum();
    assert_true(sums->done == -1 && sums->failed == 2000);
    memset(scene.facts.failures.by_code, 0, sizeof scene.facts.failures.by_code);
    assert_int_equal(sum()->failed, -1);
    scene.facts.failures.complete = true;
    assert_int_equal(sum()->failed, 0);
}

/* ---- rates, quotas ----------------------------------------------------------------------------
 */

static void rates_are_of_all_workers_and_an_hour(void **state)
{
    (void)state;
    const struct bs_watch_sums *sums = sum();
    assert_true(is_near(sums->rates[0].answers_an_hour, 480));
    assert_true(is_near(sums->rates[1].answers_an_hour, 492));
    assert_true(is_near(sums->rates[2].answers_an_hour, 510));
    assert_true(is_near(sums->checks_per_result, 1.25));
    assert_true(is_near(sums->delay_mean_seconds, 10) && sums->delay_p99_seconds == 76);
}

static void a_window_that_tells_no_more_than_a_shorter_one_tells_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct bs_worker_status *status = watch_scene_worker(&scene, i);
        for (int j = 0; j < BS_STATUS_RATES; j++) {
            status->rates[j] = (struct bs_status_rate){.seconds = 50, .results = 3};
        }
    }
    const struct bs_watch_sums *sums = sum();
    assert_true(is_near(sums->rates[0].answers_an_hour, 432));
    assert_true(isnan(sums->rates[1].answers_an_hour) && isnan(sums->rates[2].answers_an_hour));
    watch_scene_worker(&scene, 0)->rates[0].seconds = 5;
    watch_scene_worker(&scene, 1)->rates[0].seconds = 5;
    assert_true(isnan(sum()->rates[0].answers_an_hour));
}

static void a_window_that_is_less_than_half_full_is_not_shown(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct bs_worker_status *status = watch_scene_worker(&scene, i);
        status->rates[1].seconds = status->rates[2].seconds = 299;
        status->rates[2].results = status->rates[1].results;
    }
    const struct bs_watch_sums *sums = sum();
    assert_true(isnan(sums->rates[1].answers_an_hour) && isnan(sums->rates[2].answers_an_hour));
    assert_true(sums->rates[1].pace > 0); /* it tells of the time left all the same */
    assert_int_equal(sums->left.kind, BS_WATCH_LEFT_RANGE);
    for (size_t i = 0; i < 2; i++) {
        struct bs_worker_status *status = watch_scene_worker(&scene, i);
        status->rates[1].seconds = 300;
        status->rates[2].seconds = 1799;
    }
    sums = sum();
    assert_true(sums->rates[1].answers_an_hour > 0 && isnan(sums->rates[2].answers_an_hour));
}

static void what_is_left_of_the_quotas_is_the_workers_sum(void **state)
{
    (void)state;
    const struct bs_watch_quota *quotas = sum()->quotas;
    assert_true(quotas[BS_QUOTA_SUBMISSIONS].used == 490);
    assert_true(quotas[BS_QUOTA_SUBMISSIONS].left == 10);
    assert_true(quotas[BS_QUOTA_SUBMISSIONS].limit == 500);
    assert_true(quotas[BS_QUOTA_CHECKS].used == 1000);
    assert_true(quotas[BS_QUOTA_BILLED_SECONDS].used == 540000);
    watch_scene_without_workers(&scene);
    assert_true(isnan(sum()->quotas[BS_QUOTA_CHECKS].left));
}

/* ---- money ------------------------------------------------------------------------------------
 */

static void the_end_is_billed_at_the_mean_of_a_job_so_far(void **state)
{
    (void)state;
    scene.config.price.billed_hour = 60;
    scene.config.limits.billed_hours = 2000;
    const struct bs_watch_sums *sums = sum();
    assert_true(sums->billed_of_kafka && sums->billed_seconds == 2 * 2259000);
    assert_true(is_near(sums->billed_each, 45));
    assert_true(is_near(sums->billed_expected, 2 * 2259000 + 45 * 99600));
    assert_true(is_near(sums->cost, 1255 * 60));
    assert_true(is_near(sums->cost_expected, 2500 * 60));
    assert_true(is_near(sums->budget_left_seconds, 745 * 3600) && sums->budget_too_small);
    scene.config.limits.billed_hours = 2500;
    assert_false(sum()->budget_too_small);
}

static void where_many_failed_for_free_the_end_is_a_range(void **state)
{
    (void)state;
    const struct bs_watch_sums *sums = sum();
    assert_true(sums->billed_high == sums->billed_expected); /* 2 % failed: as good as one */
    scene.config.price.billed_hour = 60;
    for (size_t i = 0; i < 2; i++) {
        watch_scene_worker(&scene, i)->results = 25000;
        watch_scene_worker(&scene, i)->dead_letters = 25000;
    }
    sums = sum();
    assert_true(is_near(sums->billed_expected, 2 * 2259000 + 45 * 99600));
    assert_true(is_near(sums->billed_high, 2 * 2259000 + 90 * 99600));
    assert_true(is_near(sums->cost_high, sums->billed_high / 60));
    /* Those that the service took and failed at are in the bill. */
    memset(scene.facts.failures.by_code, 0, sizeof scene.facts.failures.by_code);
    scene.facts.failures.by_code[BS_DEAD_RECOGNITION_FAILED] = 50000;
    sums = sum();
    assert_true(sums->billed_high == sums->billed_expected);
    /* From Kafka alone: of 100,400 jobs 50,200 were never submitted. */
    watch_scene_without_workers(&scene);
    memset(scene.facts.failures.by_code, 0, sizeof scene.facts.failures.by_code);
    scene.facts.failures.by_code[BS_DEAD_AUDIO_NOT_FOUND] = 50200;
    sums = sum();
    assert_true(is_near(sums->billed_expected, 2 * 2259000 + 45 * 99600));
    assert_true(is_near(sums->billed_high, 2 * 2259000 + 90 * 99600));
}

static void without_a_price_nothing_costs_anything(void **state)
{
    (void)state;
    const struct bs_watch_sums *sums = sum();
    assert_true(isnan(sums->cost) && isnan(sums->cost_expected));
    assert_true(isnan(sums->budget_left_seconds) && !sums->budget_too_small);
}

static void where_offsets_tell_no_bill_the_workers_do(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        scene.facts.progress.partitions[i].billed_seconds = -1;
    }
    const struct bs_watch_sums *sums = sum();
    assert_true(!sums->billed_of_kafka && sums->billed_seconds == 4500000);
    assert_true(is_near(sums->billed_expected, 4500000 + 45.0 * (99600 + 400)));
}

static void where_offsets_have_expired_nobody_knows_what_is_left(void **state)
{
    (void)state;
    scene.config.limits.billed_hours = 2000;
    scene.facts.progress.forgotten = true;
    const struct bs_watch_sums *sums = sum();
    assert_true(!sums->billed_of_kafka && isnan(sums->budget_left_seconds));
    assert_false(sums->budget_too_small);
    scene.facts.progress.forgotten = false;
}

/* ---- time left --------------------------------------------------------------------------------
 */

static void the_quota_bounds_what_the_rates_say(void **state)
{
    (void)state;
    const struct bs_watch_left *left = &sum()->left;
    assert_int_equal(left->kind, BS_WATCH_LEFT_RANGE);
    /* 99,600 submissions less 10 that are left now, 500 an hour */
    double quota = (99600 - 10) / 500.0 * 3600;
    assert_true(is_near(left->low, quota));
    /* 492 and 510 an hour, of 82 and 510 answers: the first one's error is the greater */
    double slow = 100000 / 492.0 * 3600 / (1 - 1.96 / sqrt(82));
    assert_true(is_near(left->high, slow));
    assert_string_equal(left->reason, "the submission quota is the slowest");
}

static void a_slow_service_shows_in_the_rates(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct bs_status_rate *rates = watch_scene_worker(&scene, i)->rates;
        rates[1].results = 20;
        rates[2].results = 120;
    }
    const struct bs_watch_left *left = &sum()->left;
    double hours = 100000 / 250.0, error = 1.96 / sqrt(250);
    assert_true(is_near(left->low,
                        fmin(hours / (1 + error), 100000 / 240.0 / (1 + 1.96 / sqrt(40))) * 3600));
    assert_string_equal(left->reason, "at the rate of the last 10 and 60 minutes");
}

static void too_few_answers_are_no_rate(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        memset(watch_scene_worker(&scene, i)->rates, 0,
               sizeof watch_scene_worker(&scene, i)->rates);
        watch_scene_worker(&scene, i)->rates[0] =
            (struct bs_status_rate){.seconds = 60, .results = 4};
    }
    const struct bs_watch_left *left = &sum()->left;
    assert_int_equal(left->kind, BS_WATCH_LEFT_AT_LEAST);
    assert_true(is_near(left->low, (99600 - 10) / 500.0 * 3600));
    scene.config.quotas.submissions = scene.config.quotas.checks = 100000000;
    watch_scene_worker(&scene, 0)->quotas[BS_QUOTA_SUBMISSIONS].available = 1e8;
    watch_scene_worker(&scene, 0)->quotas[BS_QUOTA_CHECKS].available = 1e8;
    left = &sum()->left;
    assert_int_equal(left->kind, BS_WATCH_LEFT_UNKNOWN);
    assert_string_equal(left->reason, "too little was answered so far to tell");
}

static void the_slowest_quota_is_named(void **state)
{
    (void)state;
    scene.config.quotas.billed_hours_per_day = 100;
    const struct bs_watch_left *left = &sum()->left;
    assert_string_equal(left->reason, "the quota of billed hours a day is the slowest");
    /* 1245 hours less the 100 that are left now */
    assert_true(is_near(left->low, (1245 - 100) / 100.0 * 86400));
    scene.config.quotas.checks = 500;
    left = &sum()->left;
    assert_string_equal(left->reason, "the quota of billed hours a day is the slowest");
    scene.config.quotas.checks = 50;
    assert_string_equal(sum()->left.reason, "the quota of checks is the slowest");
}

static void a_budget_that_ends_before_is_the_reason(void **state)
{
    (void)state;
    scene.config.limits.billed_hours = 2000;
    const struct bs_watch_left *left = &sum()->left;
    assert_int_equal(left->kind, BS_WATCH_LEFT_RANGE);
    assert_string_equal(left->reason, "but the budget ends before: raise limits.billed_hours");
    scene.config.limits.billed_hours = 1255; /* what was billed so far */
    left = &sum()->left;
    assert_int_equal(left->kind, BS_WATCH_LEFT_UNKNOWN);
    assert_string_equal(left->reason, "the budget is spent: raise limits.billed_hours to go on");
}

static void a_worker_that_is_not_ready_is_the_reason(void **state)
{
    (void)state;
    watch_scene_worker(&scene, 1)->ready = false;
    strcpy(watch_scene_worker(&scene, 1)->reason, "credentials_rejected");
    assert_string_equal(sum()->left.reason, "backscribe-1 is not ready: credentials_rejected");
    assert_int_equal(scene.sums.left.kind, BS_WATCH_LEFT_RANGE);
    watch_scene_worker(&scene, 0)->ready = false;
    strcpy(watch_scene_worker(&scene, 0)->reason, "api_unreachable");
    assert_string_equal(sum()->left.reason, "backscribe-0 is not ready: api_unreachable");
    assert_int_equal(scene.sums.left.kind, BS_WATCH_LEFT_UNKNOWN);
}

static void a_budget_that_no_waiting_job_fits_gives_no_time(void **state)
{
    (void)state;
    scene.config.limits.billed_hours = 2600; /* what is expected would fit */
    assert_false(sum()->budget_too_small);
    watch_scene_worker(&scene, 1)->ready = false;
    strcpy(watch_scene_worker(&scene, 1)->reason, "budget_spent");
    const struct bs_watch_sums *sums = sum();
    assert_int_equal(sums->left.kind, BS_WATCH_LEFT_UNKNOWN);
    assert_string_equal(sums->left.reason,
                        "the budget is too small for what waits: raise limits.billed_hours");
    assert_true(sums->budget_too_small);
}

static void nothing_is_left_only_when_everything_is_answered(void **state)
{
    (void)state;
    watch_scene_without_workers(&scene);
    for (int i = 0; i < 2; i++) {
        struct bs_partition_progress *partition = &scene.facts.progress.partitions[i];
        partition->committed = partition->published = partition->log_end;
    }
    const struct bs_watch_sums *sums = sum();
    assert_int_equal(sums->left.kind, BS_WATCH_LEFT_NOTHING);
    assert_true(sums->exact && sums->billed_expected == sums->billed_seconds);
    scene.facts.progress.partitions[1].published--;
    assert_int_not_equal(sum()->left.kind, BS_WATCH_LEFT_NOTHING);
}

static void without_workers_the_watermarks_pace_is_taken(void **state)
{
    (void)state;
    watch_scene_without_workers(&scene);
    scene.facts.published[0] = (struct bs_rate){.seconds = 60, .results = 10};
    scene.facts.published[1] = (struct bs_rate){.seconds = 600, .results = 80};
    scene.facts.published[2] = (struct bs_rate){.seconds = 600, .results = 80};
    const struct bs_watch_sums *sums = sum();
    assert_true(!sums->rates_of_workers && is_near(sums->rates[1].answers_an_hour, 480));
    assert_true(isnan(sums->rates[2].answers_an_hour));
    assert_int_equal(sums->left.kind, BS_WATCH_LEFT_RANGE);
}

static void before_kafka_answers_nothing_is_known(void **state)
{
    (void)state;
    scene.facts.progress_at = 0;
    const struct bs_watch_sums *sums = sum();
    assert_true(!sums->known && sums->done == -1);
    assert_int_equal(sums->left.kind, BS_WATCH_LEFT_UNKNOWN);
    assert_string_equal(sums->left.reason, "Kafka has not answered yet");
    strcpy(scene.facts.kafka_problem, "topic transcription-jobs does not exist: make it");
    assert_string_equal(sum()->left.reason, "topic transcription-jobs does not exist: make it");
}

/* ---- words ------------------------------------------------------------------------------------
 */

static void assert_left(enum bs_watch_left_kind kind, double low, double high, const char *words)
{
    struct bs_watch_left left = {.kind = kind, .low = low, .high = high};
    char text[200];
    bs_watch_left_words(&left, text, sizeof text);
    assert_string_equal(text, words);
}

static void durations_are_told_no_more_precisely_than_they_are_known(void **state)
{
    (void)state;
    assert_left(BS_WATCH_LEFT_RANGE, 22200, 27000, "6 h 10 min to 7 h 30 min");
    assert_left(BS_WATCH_LEFT_RANGE, 22230, 27030, "6 h 10 min to 7 h 31 min");
    assert_left(BS_WATCH_LEFT_RANGE, 700000, 702000, "8 d 2 h to 8 d 3 h");
    assert_left(BS_WATCH_LEFT_RANGE, 86400, 86400, "about 1 d");
    assert_left(BS_WATCH_LEFT_RANGE, 5, 50, "less than a minute");
    assert_left(BS_WATCH_LEFT_RANGE, 59, 3599, "59 s to 1 h");
    assert_left(BS_WATCH_LEFT_AT_LEAST, 5400, 0, "at least 1 h 30 min");
    assert_left(BS_WATCH_LEFT_UNKNOWN, 0, 0, "not known");
    assert_left(BS_WATCH_LEFT_NOTHING, 0, 0, "none: everything is answered");
    assert_left(BS_WATCH_LEFT_RANGE, 1e7, 1e10, "115 d to 115741 d");
}

static void numbers_are_grouped_and_short_where_they_must_be(void **state)
{
    (void)state;
    char text[BS_WATCH_WORDS_SIZE];
    assert_string_equal(bs_watch_number(1234567.25, 1, true, text), "1,234,567.2");
    assert_string_equal(bs_watch_number(-1234, 0, true, text), "-1,234");
    assert_string_equal(bs_watch_number(999, 0, false, text), "999");
    assert_string_equal(bs_watch_number(12345, 0, false, text), "12\xe2\x80\xaf"
                                                                "345");
    assert_string_equal(bs_watch_number(NAN, 0, true, text), "-");
    assert_string_equal(bs_watch_number(1e300, 0, true, text), "-");
    assert_string_equal(bs_watch_short(1.25, true, text), "1.2");
    assert_string_equal(bs_watch_short(999499, true, text), "999,499");
    assert_string_equal(bs_watch_short(999500, true, text), "1.00 M");
    assert_string_equal(bs_watch_short(12345678, true, text), "12.3 M");
    assert_string_equal(bs_watch_short(9e14, true, text), "900 T");
    assert_string_equal(bs_watch_short(NAN, true, text), "-");
    assert_string_equal(bs_watch_duration(0.31, true, text), "0.3 s");
    assert_string_equal(bs_watch_duration(59.9, true, text), "1 min");
    assert_string_equal(bs_watch_duration(61, true, text), "1 min 1 s");
    assert_string_equal(bs_watch_duration(754, false, text), "12 min");
    assert_string_equal(bs_watch_duration(NAN, false, text), "?");
}

#define OF(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OF(every_job_is_in_the_backlog_in_flight_or_answered),
        OF(of_a_partition_that_nobody_tells_of_the_offsets_are_bounds),
        OF(a_partition_that_is_being_restored_counts_by_its_offsets),
        OF(what_was_never_worked_on_is_all_backlog),
        OF(what_retention_deletes_before_it_is_taken_up_is_lost_and_not_done),
        OF(what_a_worker_read_before_it_was_deleted_is_not_lost),
        OF(workers_that_tell_the_same_twice_make_no_more_of_it_than_there_is),
        OF(done_is_not_known_before_the_dead_letters_are_read),
        OF(rates_are_of_all_workers_and_an_hour),
        OF(a_window_that_tells_no_more_than_a_shorter_one_tells_nothing),
        OF(a_window_that_is_less_than_half_full_is_not_shown),
        OF(what_is_left_of_the_quotas_is_the_workers_sum),
        OF(the_end_is_billed_at_the_mean_of_a_job_so_far),
        OF(where_many_failed_for_free_the_end_is_a_range),
        OF(where_offsets_have_expired_nobody_knows_what_is_left),
        OF(without_a_price_nothing_costs_anything),
        OF(where_offsets_tell_no_bill_the_workers_do),
        OF(the_quota_bounds_what_the_rates_say),
        OF(a_slow_service_shows_in_the_rates),
        OF(too_few_answers_are_no_rate),
        OF(the_slowest_quota_is_named),
        OF(a_budget_that_ends_before_is_the_reason),
        OF(a_worker_that_is_not_ready_is_the_reason),
        OF(a_budget_that_no_waiting_job_fits_gives_no_time),
        OF(nothing_is_left_only_when_everything_is_answered),
        OF(without_workers_the_watermarks_pace_is_taken),
        OF(before_kafka_answers_nothing_is_known),
        OF(durations_are_told_no_more_precisely_than_they_are_known),
        OF(numbers_are_grouped_and_short_where_they_must_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
