/* Check: when which operation is asked about, and what its answer means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "scene.h"

#define MINUTE_MS 60000
#define HOUR_MS   3600000
#define DAY_MS    (24 * (int64_t)HOUR_MS)

static struct scene scene;

static int begin(void **state)
{
    (void)state;
    struct bs_core_options options = scene_options();
    scene_begin(&scene, &options);
    scene_serve(&scene, 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    scene_end(&scene);
    return 0;
}

/* Runs on, committing what is to be committed, until something else is done; tells how long. */
static int64_t until_check(int64_t most_ms)
{
    bs_mono_ms from = scene.mono;
    scene_forget(&scene);
    while (scene_run(&scene, most_ms)) {
        if (strncmp(scene.actions.text, "commit", 6) != 0) {
            return scene.mono - from;
        }
        scene_transaction(&scene, BS_TRANSACTION_COMMITTED);
        scene_forget(&scene);
    }
    return INT64_MAX;
}

static struct bs_answer running(void)
{
    return (struct bs_answer){.kind = BS_ANSWER_RUNNING};
}

static struct bs_answer failed(int32_t grpc_code)
{
    return (struct bs_answer){
        .kind = BS_ANSWER_FAILED, .grpc_code = grpc_code, .message = "failed"};
}

/* The recording's length and the channels say when the first check is worth its quota. */
static void the_first_check_comes_when_the_operation_is_likely_done(void **state)
{
    (void)state;
    struct bs_event job = scene_job_event(&scene, 0, 0);
    job.job.audio_seconds = 600;
    job.job.channels = 2;
    scene_event(&scene, job);
    scene_accepted(&scene, 0, 0, "a");
    int64_t first_ms = until_check(HOUR_MS);
    assert_in_range(first_ms, 200000, 220000);
    scene_expect(&scene, "check 0:0 e1 #1 op=a\n");
}

static void without_a_length_the_first_check_comes_at_the_first_guess(void **state)
{
    (void)state;
    scene_run_job(&scene, 0, 0, "a");
    assert_in_range(until_check(HOUR_MS), 59000, 66000);
}

static void a_check_a_millisecond_before_its_moment_is_not_asked_again(void **state)
{
    (void)state;
    scene_run_job(&scene, 0, 0, "a");
    for (int times = 0; times < 5; times++) {
        (void)until_check(HOUR_MS);
        scene.wall--;
        scene_checked(&scene, 0, 0, (struct bs_answer){.kind = BS_ANSWER_RUNNING});
        scene_forget(&scene);
        scene_pass(&scene, 1000);
        scene_event(&scene, (struct bs_event){.kind = BS_EVENT_TICK});
        assert_null(strstr(scene.actions.text, "check"));
    }
}

static void a_deferred_job_is_not_asked_about_before_an_hour(void **state)
{
    (void)state;
    struct bs_event job = scene_job_event(&scene, 0, 0);
    job.job.deferred = true;
    scene_event(&scene, job);
    scene_accepted(&scene, 0, 0, "a");
    assert_in_range(until_check(DAY_MS), HOUR_MS, DAY_MS);
}

static void intervals_grow_with_the_age_of_the_operation(void **state)
{
    (void)state;
    scene_run_job(&scene, 0, 0, "a");
    int64_t total_ms = 0;
    int checks = 0;
    for (; total_ms < 4 * HOUR_MS; checks++) {
        int64_t interval_ms = until_check(HOUR_MS);
        assert_in_range(interval_ms, 1000, 20 * MINUTE_MS);
        if (checks > 0 && total_ms < HOUR_MS) {
            assert_in_range(interval_ms, total_ms / 5, total_ms / 3 + 20000);
        }
        total_ms += interval_ms;
        scene_checked(&scene, 0, 0, running());
    }
    assert_in_range(checks, 15, 40); /* at a fixed minute it would have been 240 */
}

static void a_finished_operation_becomes_a_result_and_its_record_goes(void **state)
{
    (void)state;
    scene_run_job(&scene, 0, 0, "a");
    (void)until_check(HOUR_MS);
    scene_done(&scene, 0, 0);
    scene_expect(&scene, "check 0:0 e1 #1 op=a\nnotice debug 0:0\n");
    scene_tick(&scene);
    scene_expect(&scene, "commit result 0:0; forget 0:0; control 0 e1 w=1 p=1;\n");
    scene_transaction(&scene, BS_TRANSACTION_COMMITTED);
    scene_expect(&scene, "release-payload\n");
}

static void a_failure_that_another_try_may_cure_is_submitted_again(void **state)
{
    (void)state;
    scene_run_job(&scene, 0, 0, "a");
    (void)until_check(HOUR_MS);
    scene_forget(&scene);
    scene_checked(&scene, 0, 0, failed(13));
    scene_expect(&scene, "notice warn 0:0\n");
    scene_tick(&scene);
    scene_expect(&scene, "commit record 0:0 subs=1; control 0 e1 w=1 p=0;\n");
    scene_transaction(&scene, BS_TRANSACTION_COMMITTED);
    assert_in_range(until_check(HOUR_MS), 0, 5 * MINUTE_MS);
    scene_expect(&scene, "submit 0:0 e1 #2\n");
}

static void the_last_of_the_submissions_per_job_ends_it(void **state)
{
    (void)state;
    scene_run_job(&scene, 0, 0, "a");
    for (int submissions = 1; submissions < 3; submissions++) {
        (void)until_check(HOUR_MS);
        scene_checked(&scene, 0, 0, failed(13));
        (void)until_check(HOUR_MS);
        scene_accepted(&scene, 0, 0, "b");
    }
    (void)until_check(HOUR_MS);
    scene_forget(&scene);
    scene_checked(&scene, 0, 0, failed(13));
    scene_expect(&scene, "notice warn 0:0\n");
    (void)scene_run(&scene, HOUR_MS);
    scene_expect(&scene, "commit dead-letter 0:0 check recognition_failed; forget 0:0; "
                         "control 0 e1 w=1 p=1;\n");
}

static void a_failure_that_no_try_cures_is_a_dead_letter_at_once(void **state)
{
    (void)state;
    scene_run_job(&scene, 0, 0, "a");
    (void)until_check(HOUR_MS);
    scene_forget(&scene);
    scene_checked(&scene, 0, 0, failed(3));
    scene_expect(&scene, "notice warn 0:0\n");
    scene_tick(&scene);
    scene_expect(&scene, "commit dead-letter 0:0 check recognition_failed; forget 0:0; "
                         "control 0 e1 w=1 p=1;\n");
}

static void a_failure_for_missing_rights_waits_for_a_person(void **state)
{
    (void)state;
    scene_run_job(&scene, 0, 0, "a");
    (void)until_check(HOUR_MS);
    scene_checked(&scene, 0, 0, failed(7));
    assert_null(strstr(scene.actions.text, "dead"));
    struct bs_view view;
    bs_core_view(scene.core, (struct bs_now){.mono = scene.mono, .wall = scene.wall}, &view);
    assert_true(view.not_ready[BS_NOT_READY_PERMISSION]);
}

static void a_young_operation_that_is_not_found_is_asked_for_again(void **state)
{
    (void)state;
    scene_run_job(&scene, 0, 0, "a");
    int64_t age_ms = until_check(HOUR_MS);
    while (age_ms < 10 * MINUTE_MS) {
        scene_forget(&scene);
        scene_checked(&scene, 0, 0, scene_error(5, 404));
        scene_expect(&scene, "");
        age_ms += until_check(HOUR_MS);
    }
}

static void a_clock_that_is_set_ahead_makes_no_operation_old(void **state)
{
    (void)state;
    scene_job(&scene, 0, 0);
    scene_submitted(
        &scene, 0, 0,
        (struct bs_answer){.kind = BS_ANSWER_RUNNING, .operation_id = "a", .created = scene.wall});
    scene_commit(&scene);
    (void)until_check(HOUR_MS);
    scene.wall += 3 * HOUR_MS;
    for (int times = 0; times < 5; times++) {
        scene_checked(&scene, 0, 0, scene_error(5, 404));
        (void)until_check(HOUR_MS);
    }
    assert_null(strstr(scene.actions.text, "dead"));
}

static void an_old_operation_is_expired_when_it_is_not_found_three_times(void **state)
{
    (void)state;
    scene_run_job(&scene, 0, 0, "a");
    scene_pass(&scene, DAY_MS);
    for (int times = 0; times < 3; times++) {
        (void)until_check(HOUR_MS);
        scene_forget(&scene);
        scene_checked(&scene, 0, 0, scene_error(5, 404));
    }
    scene_expect(&scene, "notice warn 0:0\n");
    scene_tick(&scene);
    scene_expect(&scene, "commit dead-letter 0:0 check result_expired; forget 0:0; "
                         "control 0 e1 w=1 p=1;\n");
}

static void garbled_answers_are_asked_for_again_before_they_are_believed(void **state)
{
    (void)state;
    scene_run_job(&scene, 0, 0, "a");
    int times = 0;
    do {
        (void)until_check(HOUR_MS);
        scene_forget(&scene);
        scene_checked(&scene, 0, 0, (struct bs_answer){.kind = BS_ANSWER_UNREADABLE});
        times++;
        (void)scene_run(&scene, 500);
    } while (strstr(scene.actions.text, "unexpected_response") == NULL && times < 50);
    assert_in_range(times, 4, 20);
}

static void one_good_answer_makes_up_for_garbled_ones(void **state)
{
    (void)state;
    scene_run_job(&scene, 0, 0, "a");
    for (int times = 0; times < 50; times++) {
        (void)until_check(HOUR_MS);
        scene_forget(&scene);
        struct bs_answer unreadable = {.kind = BS_ANSWER_UNREADABLE};
        scene_checked(&scene, 0, 0, times % 2 == 0 ? unreadable : running());
        assert_null(strstr(scene.actions.text, "dead"));
    }
}

static void lost_and_refused_checks_end_nothing(void **state)
{
    (void)state;
    static const int32_t codes[][2] = {{14, 503}, {8, 429}, {7, 403}, {12, 501}, {2, 502}};
    scene_run_job(&scene, 0, 0, "a");
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        assert_true(until_check(HOUR_MS) < HOUR_MS);
        scene_checked(&scene, 0, 0, scene_error(codes[i][0], codes[i][1]));
        assert_true(until_check(HOUR_MS) < HOUR_MS);
        scene_checked(&scene, 0, 0, (struct bs_answer){.kind = BS_ANSWER_LOST});
    }
    (void)until_check(HOUR_MS);
    scene_expect(&scene, "check 0:0 e1 #1 op=a\n");
}

/* What a former owner has written; its checks that were due until then are answered. */
static void restored_control(bs_wall_ms asked_until)
{
    const struct bs_control control = {.watermark = 5, .published = 0, .asked_until = asked_until};
    struct bs_event event = {.kind = BS_EVENT_RESTORED_CONTROL};
    event.control.epoch = scene.epochs[0];
    event.control.control = &control;
    scene_event(&scene, event);
}

static void a_new_owner_asks_for_what_fell_due_since_the_last_one_and_repeats_nothing(void **state)
{
    (void)state;
    /* The schedule that the operation has, as one owner follows it: moments since submission. */
    int64_t due[8];
    scene_run_job(&scene, 0, 0, "a");
    bs_mono_ms submitted = scene.mono;
    for (size_t i = 0; i < 8; i++) {
        (void)until_check(HOUR_MS);
        due[i] = scene.mono - submitted;
        scene_checked(&scene, 0, 0, running());
    }
    /* Another owner takes over shortly after the fifth moment; the former one has asked until
     * before it, or until after it. */
    for (int asked = 0; asked < 2; asked++) {
        scene_lost(&scene, 0);
        scene_assigned(&scene, 0);
        struct bs_event record = scene_record(&scene, 0, 0, "a");
        record.restored.number = 1;
        record.restored.submitted = scene.wall - due[4] - 3000;
        scene_event(&scene, record);
        restored_control(record.restored.submitted + due[4] + (asked ? 1000 : -1000));
        bs_mono_ms restored = scene.mono;
        scene_forget(&scene);
        scene_restored(&scene, 0, 5);
        if (asked) {
            (void)until_check(HOUR_MS);
            assert_in_range(scene.mono - restored, due[5] - due[4] - 4000, due[5] - due[4] - 2000);
        } else {
            assert_non_null(strstr(scene.actions.text, "check 0:0"));
        }
        scene_checked(&scene, 0, 0, running());
    }
}

static void a_clock_that_was_set_back_holds_no_check_up(void **state)
{
    (void)state;
    scene_run_job(&scene, 0, 0, "a");
    (void)until_check(HOUR_MS);
    scene.wall -= 24 * HOUR_MS;
    scene_checked(&scene, 0, 0, running());
    assert_in_range(until_check(HOUR_MS), 0, 10 * MINUTE_MS);
}

static void results_about_to_expire_are_asked_for_first(void **state)
{
    (void)state;
    struct bs_core_options options = scene_options();
    options.connections = 1;
    scene_end(&scene);
    scene_begin(&scene, &options);
    scene_assigned(&scene, 0);
    for (int64_t offset = 0; offset < 5; offset++) {
        struct bs_event record = scene_record(&scene, 0, offset, "a");
        record.restored.checks = 1;
        record.restored.submitted = scene.wall - (offset == 3 ? 60 * HOUR_MS : HOUR_MS);
        scene_event(&scene, record);
    }
    restored_control(scene.wall);
    scene_restored(&scene, 0, 5);
    scene_pass(&scene, HOUR_MS);
    scene_forget(&scene);
    (void)until_check(HOUR_MS);
    scene_expect(&scene, "check 0:3 e1 #1 op=a\n");
}

static void an_answer_to_nobody_gives_its_payload_back(void **state)
{
    (void)state;
    scene_run_job(&scene, 0, 0, "a");
    (void)until_check(HOUR_MS);
    scene_lost(&scene, 0);
    scene_forget(&scene);
    scene_done(&scene, 0, 0);
    scene_expect(&scene, "release-payload\n");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_check_comes_when_the_operation_is_likely_done),
        TEST(without_a_length_the_first_check_comes_at_the_first_guess),
        TEST(a_check_a_millisecond_before_its_moment_is_not_asked_again),
        TEST(a_deferred_job_is_not_asked_about_before_an_hour),
        TEST(intervals_grow_with_the_age_of_the_operation),
        TEST(a_finished_operation_becomes_a_result_and_its_record_goes),
        TEST(a_failure_that_another_try_may_cure_is_submitted_again),
        TEST(the_last_of_the_submissions_per_job_ends_it),
        TEST(a_failure_that_no_try_cures_is_a_dead_letter_at_once),
        TEST(a_failure_for_missing_rights_waits_for_a_person),
        TEST(a_young_operation_that_is_not_found_is_asked_for_again),
        TEST(a_clock_that_is_set_ahead_makes_no_operation_old),
        TEST(an_old_operation_is_expired_when_it_is_not_found_three_times),
        TEST(garbled_answers_are_asked_for_again_before_they_are_believed),
        TEST(one_good_answer_makes_up_for_garbled_ones),
        TEST(lost_and_refused_checks_end_nothing),
        TEST(a_new_owner_asks_for_what_fell_due_since_the_last_one_and_repeats_nothing),
        TEST(a_clock_that_was_set_back_holds_no_check_up),
        TEST(results_about_to_expire_are_asked_for_first),
        TEST(an_answer_to_nobody_gives_its_payload_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
