/* Publish: what goes into the next transaction, and what follows from its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "scene.h"

#define HOUR_MS 3600000

static struct scene scene;

static int begin(void **state)
{
    (void)state;
    struct bs_core_options options = scene_options();
    options.state_partitions = 2;
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

/* Runs on to the next batch; other actions on the way are forgotten. */
static void until_commit(void)
{
    while (strncmp(scene.actions.text, "commit", 6) != 0) {
        scene_forget(&scene);
        assert_true(scene_run(&scene, HOUR_MS));
    }
}

static void until_check(void)
{
    while (strncmp(scene.actions.text, "check", 5) != 0) {
        scene_forget(&scene);
        assert_true(scene_run(&scene, HOUR_MS));
        if (strncmp(scene.actions.text, "commit", 6) == 0) {
            scene_transaction(&scene, BS_TRANSACTION_COMMITTED);
        }
    }
    scene_forget(&scene);
}

static void accept_jobs(int64_t first, int64_t count)
{
    for (int64_t offset = first; offset < first + count; offset++) {
        scene_job(&scene, 0, offset);
    }
    for (int64_t offset = first; offset < first + count; offset++) {
        scene_accepted(&scene, 0, offset, "a");
    }
    scene_forget(&scene);
}

static void many_operations_share_one_transaction(void **state)
{
    (void)state;
    accept_jobs(0, 3);
    until_commit();
    scene_expect(&scene, "commit record 0:0 subs=1 op=a; record 0:1 subs=1 op=a; "
                         "record 0:2 subs=1 op=a; control 0 e1 w=3 p=0;\n");
}

static void one_transaction_is_under_way_at_a_time(void **state)
{
    (void)state;
    scene_job(&scene, 0, 0);
    scene_job(&scene, 0, 1);
    scene_accepted(&scene, 0, 0, "a");
    scene_forget(&scene);
    until_commit();
    scene_accepted(&scene, 0, 1, "a");
    scene_forget(&scene);
    assert_false(scene_run(&scene, 100));
    scene_transaction(&scene, BS_TRANSACTION_COMMITTED);
    until_commit();
    scene_expect(&scene, "commit record 0:1 subs=1 op=a; control 0 e1 w=2 p=0;\n");
}

static void the_offset_stays_below_a_job_that_is_not_recorded(void **state)
{
    (void)state;
    scene_job(&scene, 0, 0);
    accept_jobs(1, 1);
    until_commit();
    scene_expect(&scene, "commit record 0:1 subs=1 op=a; control 0 e1 w=0 p=0;\n");
}

static void an_end_above_the_watermark_stays_as_a_marker_until_it_is_passed(void **state)
{
    (void)state;
    scene_job(&scene, 0, 0);
    scene_job(&scene, 0, 1);
    scene_submitted(&scene, 0, 1, scene_error(3, 400));
    scene_forget(&scene);
    until_commit();
    scene_expect(&scene, "commit dead-letter 0:1 submit invalid_argument; done 0:1; "
                         "control 0 e1 w=0 p=0;\n");
    scene_transaction(&scene, BS_TRANSACTION_COMMITTED);
    scene_accepted(&scene, 0, 0, "a");
    scene_forget(&scene);
    until_commit();
    scene_expect(&scene, "commit forget 0:1; record 0:0 subs=1 op=a; control 0 e1 w=2 p=0;\n");
}

static void the_offset_bridges_gaps_and_reaches_the_end_of_the_partition(void **state)
{
    (void)state;
    accept_jobs(5, 1);
    until_commit();
    scene_expect(&scene, "commit record 0:5 subs=1 op=a; control 0 e1 w=6 p=5;\n");
    scene_transaction(&scene, BS_TRANSACTION_COMMITTED);
    struct bs_event event = {.kind = BS_EVENT_END_OF_PARTITION};
    event.end.epoch = scene.epochs[0];
    event.end.offset = 9;
    scene_event(&scene, event);
    until_commit();
    scene_expect(&scene, "commit control 0 e1 w=9 p=5;\n");
}

static void after_an_abort_the_batch_is_built_anew(void **state)
{
    (void)state;
    scene_job(&scene, 0, 0);
    scene_job(&scene, 0, 1);
    scene_accepted(&scene, 0, 0, "a");
    scene_forget(&scene);
    until_commit();
    scene_accepted(&scene, 0, 1, "a");
    scene_forget(&scene);
    scene_transaction(&scene, BS_TRANSACTION_ABORTED);
    until_commit();
    scene_expect(&scene, "commit record 0:0 subs=1 op=a; record 0:1 subs=1 op=a; "
                         "control 0 e1 w=2 p=0;\n");
}

static void aborts_in_a_row_are_told_and_waited_out(void **state)
{
    (void)state;
    accept_jobs(0, 1);
    for (int aborts = 0; aborts < 6; aborts++) {
        until_commit();
        scene_forget(&scene);
        scene_transaction(&scene, BS_TRANSACTION_ABORTED);
        assert_int_equal(strncmp(scene.actions.text, "commit", 6) == 0, false);
    }
    struct bs_view view;
    bs_core_view(scene.core, (struct bs_now){.mono = scene.mono, .wall = scene.wall}, &view);
    assert_true(view.not_ready[BS_NOT_READY_KAFKA]);
    until_commit();
    scene_transaction(&scene, BS_TRANSACTION_COMMITTED);
    bs_core_view(scene.core, (struct bs_now){.mono = scene.mono, .wall = scene.wall}, &view);
    assert_false(view.not_ready[BS_NOT_READY_KAFKA]);
}

static void nothing_of_a_lost_partition_is_committed_again(void **state)
{
    (void)state;
    scene_serve(&scene, 1);
    scene_job(&scene, 0, 0);
    scene_job(&scene, 1, 0);
    scene_accepted(&scene, 0, 0, "a");
    scene_accepted(&scene, 1, 0, "b");
    scene_forget(&scene);
    until_commit();
    scene_forget(&scene);
    scene_lost(&scene, 0);
    scene_transaction(&scene, BS_TRANSACTION_ABORTED);
    until_commit();
    scene_expect(&scene, "commit record 1:0 subs=1 op=b; control 1 e2 w=1 p=0;\n");
}

static void a_batch_that_is_too_large_is_halved_until_the_culprit_stands_alone(void **state)
{
    (void)state;
    for (int64_t offset = 0; offset < 4; offset++) {
        struct bs_event job = scene_job_event(&scene, 0, offset);
        job.job.refusal = BS_DEAD_INVALID_JOB;
        scene_event(&scene, job);
    }
    scene_forget(&scene);
    until_commit();
    scene_forget(&scene);
    scene_transaction(&scene, BS_TRANSACTION_TOO_LARGE);
    scene_expect(&scene, "commit dead-letter 0:0 intake invalid_job; "
                         "dead-letter 0:1 intake invalid_job; control 0 e1 w=2 p=2;\n");
    scene_transaction(&scene, BS_TRANSACTION_TOO_LARGE);
    scene_expect(&scene, "commit dead-letter 0:0 intake invalid_job; control 0 e1 w=1 p=1;\n");
    scene_transaction(&scene, BS_TRANSACTION_TOO_LARGE);
    scene_expect(&scene,
                 "commit dead-letter 0:0 intake invalid_job omit-value; control 0 e1 w=1 p=1;\n");
    scene_transaction(&scene, BS_TRANSACTION_COMMITTED);
    scene_expect(&scene, "commit dead-letter 0:1 intake invalid_job; "
                         "dead-letter 0:2 intake invalid_job; control 0 e1 w=3 p=3;\n");
}

static void a_result_too_large_waits_at_the_service(void **state)
{
    (void)state;
    accept_jobs(0, 1);
    until_check();
    scene_done(&scene, 0, 0);
    until_commit();
    scene_forget(&scene);
    scene_transaction(&scene, BS_TRANSACTION_TOO_LARGE);
    assert_non_null(strstr(scene.actions.text, "release-payload\n"));
    struct bs_view view;
    bs_core_view(scene.core, (struct bs_now){.mono = scene.mono, .wall = scene.wall}, &view);
    assert_true(view.not_ready[BS_NOT_READY_TRANSCRIPT_STORE]);
    assert_int_equal(view.running, 1);
    if (strstr(scene.actions.text, "commit") != NULL) {
        scene_transaction(&scene, BS_TRANSACTION_COMMITTED);
    }
    until_check();
}

static void a_partition_whose_result_is_too_large_can_still_be_given_up(void **state)
{
    (void)state;
    accept_jobs(0, 1);
    until_check();
    scene_done(&scene, 0, 0);
    scene_forget(&scene);
    scene_revoked(&scene, 0);
    until_commit();
    scene_forget(&scene);
    scene_transaction(&scene, BS_TRANSACTION_TOO_LARGE);
    scene_expect(&scene, "release-payload\nnotice error 0:0\ncommit control 0 e1 w=1 p=0;\n");
    scene_transaction(&scene, BS_TRANSACTION_COMMITTED);
    scene_expect(&scene, "unassign 0\n");
}

static void a_fatal_transaction_ends_the_process(void **state)
{
    (void)state;
    accept_jobs(0, 1);
    until_commit();
    scene_forget(&scene);
    scene_transaction(&scene, BS_TRANSACTION_FATAL);
    assert_non_null(strstr(scene.actions.text, "failed error\n"));
}

static void done_markers_keep_no_job_away(void **state)
{
    (void)state;
    struct bs_core_options options = scene_options();
    options.in_flight = 2;
    scene_end(&scene);
    scene_begin(&scene, &options);
    scene_assigned(&scene, 0);
    for (int64_t offset = 1; offset < 4; offset++) {
        struct bs_event event = {.kind = BS_EVENT_RESTORED_DONE};
        event.restored.epoch = scene.epochs[0];
        event.restored.offset = offset;
        scene_event(&scene, event);
    }
    scene_restored(&scene, 0, 0);
    assert_true(bs_core_wants_jobs(scene.core));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(many_operations_share_one_transaction),
        TEST(one_transaction_is_under_way_at_a_time),
        TEST(the_offset_stays_below_a_job_that_is_not_recorded),
        TEST(an_end_above_the_watermark_stays_as_a_marker_until_it_is_passed),
        TEST(the_offset_bridges_gaps_and_reaches_the_end_of_the_partition),
        TEST(after_an_abort_the_batch_is_built_anew),
        TEST(aborts_in_a_row_are_told_and_waited_out),
        TEST(nothing_of_a_lost_partition_is_committed_again),
        TEST(a_batch_that_is_too_large_is_halved_until_the_culprit_stands_alone),
        TEST(a_result_too_large_waits_at_the_service),
        TEST(a_partition_whose_result_is_too_large_can_still_be_given_up),
        TEST(a_fatal_transaction_ends_the_process),
        TEST(done_markers_keep_no_job_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
