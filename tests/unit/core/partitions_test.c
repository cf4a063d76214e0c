/* Partitions: restore, giving up in order, loss, and what comes too late. */
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
    options.state_partitions = 4;
    scene_begin(&scene, &options);
    return 0;
}

static int end(void **state)
{
    (void)state;
    scene_end(&scene);
    return 0;
}

static void restored_done(int32_t partition, int64_t offset)
{
    struct bs_event event = {.kind = BS_EVENT_RESTORED_DONE};
    event.restored.partition = partition;
    event.restored.epoch = scene.epochs[partition];
    event.restored.offset = offset;
    scene_event(&scene, event);
}

static void restored_control(int32_t partition, int64_t watermark)
{
    static struct bs_control control;
    control = (struct bs_control){.watermark = watermark};
    struct bs_event event = {.kind = BS_EVENT_RESTORED_CONTROL};
    event.control.partition = partition;
    event.control.epoch = scene.epochs[partition];
    event.control.control = &control;
    scene_event(&scene, event);
}

static void nothing_is_consumed_before_the_state_is_restored(void **state)
{
    (void)state;
    scene_assigned(&scene, 0);
    scene_expect(&scene, "restore 0 e1\n");
    assert_false(bs_core_serves(scene.core, 0));
    scene_job(&scene, 0, 0);
    scene_expect(&scene, "");
    scene_restored(&scene, 0, 5);
    scene_expect(&scene, "consume 0 e1 from 5\n");
    assert_true(bs_core_serves(scene.core, 0));
}

static void a_new_group_starts_at_the_earliest_job(void **state)
{
    (void)state;
    scene_assigned(&scene, 0);
    struct bs_event event = {.kind = BS_EVENT_RESTORED};
    event.restore_ended.epoch = scene.epochs[0];
    event.restore_ended.committed = -1;
    event.restore_ended.log_start = 17;
    scene_event(&scene, event);
    scene_expect(&scene, "restore 0 e1\nconsume 0 e1 from 17\n");
}

static void the_state_wins_over_an_offset_that_expired_or_is_behind(void **state)
{
    (void)state;
    scene_assigned(&scene, 0);
    restored_control(0, 40);
    scene_restored(&scene, 0, -1);
    scene_expect(&scene, "restore 0 e1\nconsume 0 e1 from 40\n");
    scene_assigned(&scene, 1);
    restored_control(1, 40);
    scene_restored(&scene, 1, 30);
    scene_expect(&scene, "restore 1 e2\nnotice warn\nconsume 1 e2 from 40\n");
}

static void restored_operations_are_asked_about_and_not_submitted(void **state)
{
    (void)state;
    scene_assigned(&scene, 0);
    scene_event(&scene, scene_record(&scene, 0, 1, "b"));
    scene_event(&scene, scene_record(&scene, 0, 0, "a"));
    scene_pass(&scene, HOUR_MS);
    scene_restored(&scene, 0, 2);
    assert_non_null(strstr(scene.actions.text, "check 0:0 e1 #1 op=a\n"));
    assert_non_null(strstr(scene.actions.text, "check 0:1 e1 #1 op=b\n"));
    assert_null(strstr(scene.actions.text, "submit"));
}

static struct bs_view look(void)
{
    struct bs_view view;
    bs_core_view(scene.core, (struct bs_now){.mono = scene.mono, .wall = scene.wall}, &view);
    return view;
}

static int64_t held(void)
{
    struct bs_view view = look();
    return view.running + view.checking;
}

/* Three portions, and one operation more. */
#define MANY 3001

static void restore_many(int32_t partition)
{
    scene_assigned(&scene, partition);
    for (int64_t offset = MANY; offset-- > 0;) {
        scene_event(&scene, scene_record(&scene, partition, offset, "a"));
    }
    scene_restored(&scene, partition, MANY);
}

static void
restored_operations_are_taken_up_in_portions_between_which_others_have_their_turn(void **state)
{
    (void)state;
    restore_many(0);
    assert_true(bs_core_serves(scene.core, 0));
    for (int ticks = 0; ticks < 3; ticks++) {
        assert_int_equal(scene.deadline, scene.mono);
        scene_tick(&scene);
    }
    assert_true(scene.deadline > scene.mono);
    assert_int_equal(held(), MANY);
    scene_forget(&scene);
    scene_pass(&scene, HOUR_MS);
    scene_tick(&scene);
    assert_non_null(strstr(scene.actions.text, "check 0:"));
}

static void
the_operations_of_a_lost_partition_are_nobody_s_at_once_and_freed_in_portions(void **state)
{
    (void)state;
    restore_many(0);
    size_t full = look().memory_bytes;
    scene_lost(&scene, 0);
    assert_int_equal(held(), 0);
    restore_many(0); /* ours again before the old ones are gone */
    assert_int_equal(held(), MANY);
    for (int ticks = 0; ticks < 4; ticks++) {
        scene_tick(&scene);
    }
    assert_int_equal(held(), MANY);
    scene_lost(&scene, 0);
    size_t before = look().memory_bytes;
    for (int ticks = 0; ticks < 3; ticks++) {
        assert_int_equal(scene.deadline, scene.mono);
        scene_tick(&scene);
    }
    assert_true(look().memory_bytes < before - MANY * 20);
    assert_true(look().memory_bytes < full * 2);
    assert_int_equal(held(), 0);
}

static void what_is_restored_above_the_position_is_known_when_it_is_read_again(void **state)
{
    (void)state;
    scene_assigned(&scene, 0);
    scene_event(&scene, scene_record(&scene, 0, 1, "a"));
    restored_done(0, 2);
    scene_restored(&scene, 0, 0);
    scene_forget(&scene);
    scene_job(&scene, 0, 1);
    scene_job(&scene, 0, 2);
    scene_expect(&scene, "");
    scene_job(&scene, 0, 3);
    scene_expect(&scene, "commit forget 0:2; control 0 e1 w=3 p=1;\n");
    scene_transaction(&scene, BS_TRANSACTION_COMMITTED);
    scene_expect(&scene, "submit 0:3 e1 #1\n");
}

static void markers_below_the_watermark_are_forgotten(void **state)
{
    (void)state;
    scene_assigned(&scene, 0);
    restored_done(0, 1);
    scene_restored(&scene, 0, 2);
    scene_forget(&scene);
    assert_true(scene_run(&scene, HOUR_MS));
    scene_expect(&scene, "commit forget 0:1; control 0 e1 w=2 p=2;\n");
}

static void records_of_an_older_restore_are_left_alone(void **state)
{
    (void)state;
    scene_assigned(&scene, 0);
    struct bs_event stale = scene_record(&scene, 0, 0, "a");
    scene_lost(&scene, 0);
    scene_assigned(&scene, 0);
    scene_event(&scene, stale);
    scene_restored(&scene, 0, 1);
    scene_expect(&scene, "restore 0 e1\nrestore 0 e2\nconsume 0 e2 from 1\n");
    assert_false(scene_run(&scene, HOUR_MS));
}

static void a_partition_is_given_up_when_nothing_of_it_is_under_way(void **state)
{
    (void)state;
    scene_serve(&scene, 0);
    scene_job(&scene, 0, 0);
    scene_forget(&scene);
    scene_revoked(&scene, 0);
    scene_expect(&scene, ""); /* the submission is under way */
    scene_job(&scene, 0, 1);
    scene_expect(&scene, ""); /* nothing more is taken */
    scene_accepted(&scene, 0, 0, "a");
    scene_expect(&scene, "notice debug 0:0\n");
    scene_tick(&scene);
    scene_expect(&scene, "commit record 0:0 subs=1 op=a; control 0 e1 w=1 p=0;\n");
    scene_transaction(&scene, BS_TRANSACTION_COMMITTED);
    scene_expect(&scene, "unassign 0\n");
}

static void an_idle_partition_is_given_up_at_once(void **state)
{
    (void)state;
    scene_serve(&scene, 0);
    scene_revoked(&scene, 0);
    scene_expect(&scene, "unassign 0\n");
    scene_assigned(&scene, 1);
    scene_forget(&scene);
    scene_revoked(&scene, 1);
    scene_expect(&scene, "unassign 1\n"); /* also in the middle of its restore */
}

static void a_partition_being_given_up_submits_nothing_more(void **state)
{
    (void)state;
    scene_serve(&scene, 0);
    scene_serve(&scene, 1);
    scene_job(&scene, 0, 0);
    scene_forget(&scene);
    scene_revoked(&scene, 0);
    scene_expect(&scene, "");
    scene_submitted(&scene, 0, 0, (struct bs_answer){.kind = BS_ANSWER_NOT_SENT});
    scene_expect(&scene, "notice debug 0:0\n");
    scene_tick(&scene); /* what was given back is committed first, for the next owner */
    scene_expect(&scene, "unassign 0\n");
}

static void a_late_acceptance_is_adopted_where_the_job_is_ours_again(void **state)
{
    (void)state;
    scene_serve(&scene, 0);
    scene_job(&scene, 0, 0);
    scene_lost(&scene, 0);
    scene_event(&scene, (struct bs_event){.kind = BS_EVENT_CREDENTIALS, .credentials = false});
    scene_serve(&scene, 0);
    scene_job(&scene, 0, 0); /* waits: there are no credentials */
    scene_expect(&scene, "");
    scene_accepted(&scene, 0, 0, "a");
    scene_expect(&scene, "notice info 0:0\n");
    scene_tick(&scene);
    scene_expect(&scene, "commit record 0:0 subs=1 op=a; control 0 e2 w=1 p=0;\n");
}

static void a_late_acceptance_is_adopted_when_the_job_is_read_again(void **state)
{
    (void)state;
    scene_serve(&scene, 0);
    scene_job(&scene, 0, 0);
    scene_lost(&scene, 0);
    scene_forget(&scene);
    scene_accepted(&scene, 0, 0, "a");
    scene_expect(&scene, "");
    scene_serve(&scene, 0);
    scene_job(&scene, 0, 0);
    scene_expect(&scene, "notice info 0:0\n"); /* and no submission */
}

static void what_was_accepted_and_not_recorded_when_its_partition_was_lost_is_adopted(void **state)
{
    (void)state;
    scene_serve(&scene, 0);
    scene_job(&scene, 0, 0);
    scene_accepted(&scene, 0, 0, "a");
    scene_lost(&scene, 0);
    scene_serve(&scene, 0);
    scene_job(&scene, 0, 0);
    scene_expect(&scene, "notice info 0:0\n"); /* and no submission */
    scene_tick(&scene);
    scene_expect(&scene, "commit record 0:0 subs=1 op=a; control 0 e2 w=1 p=0;\n");
}

static void an_acceptance_that_another_owner_has_overtaken_is_told(void **state)
{
    (void)state;
    scene_serve(&scene, 0);
    scene_job(&scene, 0, 0);
    scene_lost(&scene, 0);
    scene_accepted(&scene, 0, 0, "a");
    scene_assigned(&scene, 0);
    scene_forget(&scene);
    scene_restored(&scene, 0, 1); /* somebody else has got past it */
    scene_expect(&scene, "notice warn 0:0\nconsume 0 e2 from 1\n");
    struct bs_view view;
    bs_core_view(scene.core, (struct bs_now){.mono = scene.mono, .wall = scene.wall}, &view);
    assert_int_equal(view.counters->submissions[BS_SUBMISSION_UNKNOWN], 1);
}

static void an_acceptance_that_was_recorded_after_all_is_nothing_to_tell(void **state)
{
    (void)state;
    scene_serve(&scene, 0);
    scene_job(&scene, 0, 0);
    scene_accepted(&scene, 0, 0, "a");
    scene_lost(&scene, 0);
    scene_assigned(&scene, 0);
    scene_event(&scene, scene_record(&scene, 0, 0, "a"));
    scene_forget(&scene);
    scene_restored(&scene, 0, 1);
    scene_expect(&scene, "consume 0 e2 from 1\n");
}

static void unreadable_state_leaves_its_partition_untouched(void **state)
{
    (void)state;
    scene_assigned(&scene, 0);
    scene_forget(&scene);
    struct bs_event event = {.kind = BS_EVENT_PARTITION_STOPPED};
    event.stopped.partition = 0;
    event.stopped.reason = "a record of version 9";
    scene_event(&scene, event);
    scene_expect(&scene, "notice error\n");
    scene_restored(&scene, 0, 0);
    scene_job(&scene, 0, 0);
    scene_expect(&scene, "");
    struct bs_view view;
    bs_core_view(scene.core, (struct bs_now){.mono = scene.mono, .wall = scene.wall}, &view);
    assert_true(view.not_ready[BS_NOT_READY_PARTITION_STOPPED]);
    assert_int_equal((int64_t)view.quota_available[BS_QUOTA_SUBMISSIONS], 0);
}

static void lost_jobs_stop_intake_but_what_is_paid_for_ends(void **state)
{
    (void)state;
    scene_serve(&scene, 0);
    scene_run_job(&scene, 0, 0, "a");
    struct bs_event event = {.kind = BS_EVENT_PARTITION_STOPPED};
    event.stopped.partition = 0;
    event.stopped.reason = "3 jobs were deleted before they were read";
    event.stopped.lost = 3;
    scene_event(&scene, event);
    scene_job(&scene, 0, 4);
    scene_expect(&scene, "notice error\n");
    while (strstr(scene.actions.text, "check") == NULL) {
        scene_forget(&scene);
        assert_true(scene_run(&scene, HOUR_MS));
    }
    scene_expect(&scene, "check 0:0 e1 #1 op=a\n");
    scene_done(&scene, 0, 0);
    scene_forget(&scene);
    scene_tick(&scene);
    scene_expect(&scene, "commit result 0:0; forget 0:0; control 0 e1 w=1 p=1;\n");
    struct bs_view view;
    bs_core_view(scene.core, (struct bs_now){.mono = scene.mono, .wall = scene.wall}, &view);
    assert_int_equal(view.counters->jobs_lost, 3);
}

static void a_graceful_stop_commits_and_then_tells(void **state)
{
    (void)state;
    scene_serve(&scene, 0);
    scene_job(&scene, 0, 0);
    scene_accepted(&scene, 0, 0, "a");
    scene_forget(&scene);
    scene_stop(&scene);
    scene_expect(&scene, "commit record 0:0 subs=1 op=a; control 0 e1 w=1 p=0;\n");
    scene_transaction(&scene, BS_TRANSACTION_COMMITTED);
    scene_expect(&scene, "stopped\n"); /* the operation is the next owner's */
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_consumed_before_the_state_is_restored),
        TEST(a_new_group_starts_at_the_earliest_job),
        TEST(the_state_wins_over_an_offset_that_expired_or_is_behind),
        TEST(restored_operations_are_asked_about_and_not_submitted),
        TEST(restored_operations_are_taken_up_in_portions_between_which_others_have_their_turn),
        TEST(the_operations_of_a_lost_partition_are_nobody_s_at_once_and_freed_in_portions),
        TEST(what_is_restored_above_the_position_is_known_when_it_is_read_again),
        TEST(markers_below_the_watermark_are_forgotten),
        TEST(records_of_an_older_restore_are_left_alone),
        TEST(a_partition_is_given_up_when_nothing_of_it_is_under_way),
        TEST(an_idle_partition_is_given_up_at_once),
        TEST(a_partition_being_given_up_submits_nothing_more),
        TEST(a_late_acceptance_is_adopted_where_the_job_is_ours_again),
        TEST(a_late_acceptance_is_adopted_when_the_job_is_read_again),
        TEST(what_was_accepted_and_not_recorded_when_its_partition_was_lost_is_adopted),
        TEST(an_acceptance_that_another_owner_has_overtaken_is_told),
        TEST(an_acceptance_that_was_recorded_after_all_is_nothing_to_tell),
        TEST(unreadable_state_leaves_its_partition_untouched),
        TEST(lost_jobs_stop_intake_but_what_is_paid_for_ends),
        TEST(a_graceful_stop_commits_and_then_tells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
