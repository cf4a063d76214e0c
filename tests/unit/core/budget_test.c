/* The budget (limits.billed_hours): what the fleet may spend in its whole life. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scene.h"

#define HOUR 3600 /* seconds */

static struct scene scene;

static void begin(int64_t budget, int32_t partitions)
{
    struct bs_core_options options = scene_options();
    options.state_partitions = partitions;
    options.budget_seconds = budget;
    options.connections = 64;
    scene_begin(&scene, &options);
}

/* A job of so many seconds; 0 = nobody knows. */
static void offer(int32_t partition, int64_t offset, double seconds)
{
    struct bs_event job = scene_job_event(&scene, partition, offset);
    job.job.audio_seconds = seconds;
    scene_event(&scene, job);
}

static struct bs_event restore_end(int32_t partition)
{
    struct bs_event event = {.kind = BS_EVENT_RESTORED};
    event.restore_ended.partition = partition;
    event.restore_ended.epoch = scene.epochs[partition];
    event.restore_ended.committed = 0;
    return event;
}

/* Served with what a former owner's control record says. */
static void serve_from(int32_t partition, int64_t billed_total, int32_t budget_parts)
{
    struct bs_control control = {.billed_total = billed_total, .budget_parts = budget_parts};
    scene_assigned(&scene, partition);
    struct bs_event event = {.kind = BS_EVENT_RESTORED_CONTROL};
    event.control.partition = partition;
    event.control.epoch = scene.epochs[partition];
    event.control.control = &control;
    scene_event(&scene, event);
    scene_event(&scene, restore_end(partition));
    scene_forget(&scene);
}

static struct bs_view look(void)
{
    struct bs_view view;
    bs_core_view(scene.core, (struct bs_now){.mono = scene.mono, .wall = scene.wall}, &view);
    return view;
}

static bool told(void)
{
    return scene_not_ready(&scene, BS_NOT_READY_BUDGET);
}

static void live(int64_t ms)
{
    scene_live(&scene, scene.mono + ms);
}

static int submitted(void)
{
    return scene_count(&scene, "submit 0:") + scene_count(&scene, "submit 1:") +
           scene_count(&scene, "submit 5:");
}

static void done(int32_t partition, int64_t offset, int64_t billed_at_least)
{
    void *payload = malloc(1);
    assert_non_null(payload);
    scene_checked(&scene, partition, offset,
                  (struct bs_answer){.kind = BS_ANSWER_DONE,
                                     .payload = payload,
                                     .payload_size = 100,
                                     .billed_at_least = billed_at_least});
}

/* ---- spending ---- */

static void nothing_is_submitted_beyond_it_and_what_runs_goes_on(void **state)
{
    (void)state;
    begin(2 * HOUR + 100, 1);
    scene_serve(&scene, 0);
    for (int64_t offset = 0; offset < 4; offset++) {
        offer(0, offset, HOUR);
    }
    live(100);
    assert_int_equal(submitted(), 2);
    assert_true(told());
    struct bs_view view = look();
    assert_string_equal(view.not_ready_text[BS_NOT_READY_BUDGET],
                        "the budget of 2.027777778 billed hours (limits.billed_hours) is spent: "
                        "2 h are gone, and what is left (0.02778 h) is too little for any of 2 "
                        "waiting jobs; raise it to go on");
    assert_int_equal(view.budget, 2 * HOUR + 100);
    assert_int_equal(view.budget_share, 2 * HOUR + 100);
    assert_int_equal(view.budget_spent, 2 * HOUR);
    assert_int_equal(view.budget_available, 100);
    scene_accepted(&scene, 0, 0, "a");
    scene_accepted(&scene, 0, 1, "b");
    live(3 * (int64_t)HOUR * 1000);
    assert_int_equal(scene_count(&scene, "check"), 2);
    done(0, 0, HOUR);
    live(1000);
    assert_int_equal(scene_count(&scene, "result"), 1);
    assert_int_equal(submitted(), 2);
    scene_end(&scene);
}

static void with_nothing_waiting_it_is_not_told(void **state)
{
    (void)state;
    begin(HOUR, 1);
    scene_serve(&scene, 0);
    offer(0, 0, HOUR);
    live(100);
    assert_int_equal(submitted(), 1);
    assert_false(told());
    assert_int_equal(look().budget_available, 0);
    scene_end(&scene);
}

static void a_shorter_job_passes_one_that_is_too_long(void **state)
{
    (void)state;
    begin(HOUR, 1);
    scene_serve(&scene, 0);
    offer(0, 0, 2 * HOUR);
    assert_true(told());
    offer(0, 1, 60);
    assert_int_equal(scene_count(&scene, "submit 0:1"), 1);
    live(100);
    assert_int_equal(submitted(), 1);
    assert_true(told());
    scene_end(&scene);
}

static void what_does_not_fit_writes_nothing_and_is_looked_at_seldom(void **state)
{
    (void)state;
    begin(HOUR, 1);
    scene_serve(&scene, 0);
    live(2000); /* its first offset */
    for (int64_t offset = 0; offset < 20; offset++) {
        offer(0, offset, 2 * HOUR);
    }
    scene_forget(&scene);
    scene.grants_at_once = false;
    bs_mono_ms until = scene.mono + 600000;
    int ticks = 0;
    for (; scene.deadline <= until; ticks++) {
        scene_tick(&scene);
    }
    assert_true(ticks <= 310);
    assert_int_equal(scene_count(&scene, "commit"), 0);
    scene_end(&scene);
}

static void a_deadline_ends_a_job_that_waits_for_it(void **state)
{
    (void)state;
    begin(HOUR, 1);
    scene_serve(&scene, 0);
    struct bs_event job = scene_job_event(&scene, 0, 0);
    job.job.audio_seconds = 2 * HOUR;
    job.job.deadline = scene.wall + 5000;
    scene_event(&scene, job);
    live(8000);
    assert_int_equal(scene_count(&scene, "dead-letter 0:0"), 1);
    assert_false(told());
    scene_end(&scene);
}

static void one_worker_spends_the_parts_of_all_partitions(void **state)
{
    (void)state;
    begin(8 * HOUR, 8);
    for (int32_t partition = 0; partition < 8; partition++) {
        scene_serve(&scene, partition);
    }
    for (int64_t offset = 0; offset < 4; offset++) {
        offer(5, offset, 3 * HOUR); /* more than any partition's part */
    }
    live(3000);
    assert_int_equal(submitted(), 2);
    assert_int_equal(look().budget_available, 2 * HOUR);
    assert_true(told());
    scene_end(&scene);
}

static void while_a_partition_is_restored_nothing_is_told(void **state)
{
    (void)state;
    begin(2 * HOUR, 2);
    scene_serve(&scene, 0);
    scene_assigned(&scene, 1);
    offer(0, 0, 2 * HOUR);
    assert_false(told());
    scene_restored(&scene, 1, 0);
    live(2500);
    assert_int_equal(submitted(), 1);
    scene_end(&scene);
}

/* ---- what a kill may lose ---- */

static void few_submissions_are_reserved_for_at_a_time(void **state)
{
    (void)state;
    begin(1000 * HOUR, 1);
    scene_serve(&scene, 0);
    live(2000);
    scene.grants_at_once = false;
    for (int64_t offset = 0; offset < 40; offset++) {
        offer(0, offset, HOUR);
    }
    int batches = 0;
    for (; submitted() < 40; batches++) {
        while (!scene.committing) {
            scene_tick(&scene);
        }
        assert_true(scene.billed[0] - (int64_t)submitted() * HOUR <= 8 * HOUR);
        scene_transaction(&scene, BS_TRANSACTION_COMMITTED);
    }
    assert_in_range(batches, 5, 10);
    scene_end(&scene);
}

static void what_is_reserved_and_not_spent_goes_back(void **state)
{
    (void)state;
    begin(100 * HOUR, 1);
    scene_serve(&scene, 0);
    scene.grants_at_once = false;
    for (int64_t offset = 0; offset < 3; offset++) {
        offer(0, offset, HOUR);
    }
    scene_transaction(&scene, BS_TRANSACTION_COMMITTED); /* one, and reserves for two */
    scene_tick(&scene);
    assert_int_equal(scene.billed[0], 3 * HOUR);
    scene_revoked(&scene, 0);
    scene_transaction(&scene, BS_TRANSACTION_COMMITTED);
    assert_int_equal(submitted(), 1);
    assert_int_equal(scene.billed[0], HOUR);
    scene_end(&scene);
}

/* ---- what was spent otherwise than was thought ---- */

static void what_was_refused_is_given_back(void **state)
{
    (void)state;
    begin(HOUR, 1);
    scene_serve(&scene, 0);
    offer(0, 0, HOUR);
    offer(0, 1, HOUR);
    live(100);
    assert_int_equal(submitted(), 1);
    scene_submitted(&scene, 0, 0, scene_error(3, 400));
    live(3000);
    assert_int_equal(submitted(), 2);
    scene_accepted(&scene, 0, 1, "a");
    live(1000);
    assert_int_equal(scene.billed[0], HOUR);
    scene_end(&scene);
}

static void a_submission_whose_answer_was_lost_counts(void **state)
{
    (void)state;
    begin(HOUR + 100, 1);
    scene_serve(&scene, 0);
    offer(0, 0, HOUR);
    scene_submitted(&scene, 0, 0, (struct bs_answer){.kind = BS_ANSWER_LOST});
    live(600000);
    assert_int_equal(submitted(), 1);
    assert_int_equal(look().budget_available, 100);
    assert_true(told());
    scene_end(&scene);
}

static void a_failed_operation_counts_as_often_as_it_was_accepted(void **state)
{
    (void)state;
    begin(10 * HOUR, 1);
    scene_serve(&scene, 0);
    offer(0, 0, HOUR);
    scene_accepted(&scene, 0, 0, "a");
    live(2 * (int64_t)HOUR * 1000);
    scene_checked(&scene, 0, 0, (struct bs_answer){.kind = BS_ANSWER_FAILED, .grpc_code = 13});
    live(600000);
    scene_accepted(&scene, 0, 0, "b");
    live(1000);
    assert_int_equal(scene.billed[0], 2 * HOUR);
    scene_end(&scene);
}

static void an_unknown_length_is_charged_when_the_result_tells_it(void **state)
{
    (void)state;
    begin(HOUR, 1);
    scene_serve(&scene, 0);
    offer(0, 0, 0);
    scene_accepted(&scene, 0, 0, "a");
    live(1000);
    assert_int_equal(scene.billed[0], 15); /* the least that anything is billed */
    live(600000);
    scene.grants_at_once = false;
    done(0, 0, 1800);
    while (!scene.committing) {
        scene_tick(&scene);
    }
    assert_int_equal(scene.billed[0], 1800);
    scene_transaction(&scene, BS_TRANSACTION_ABORTED);
    scene_tick(&scene);
    assert_true(scene.committing);
    assert_int_equal(scene.billed[0], 1800); /* not twice */
    scene_transaction(&scene, BS_TRANSACTION_COMMITTED);
    assert_int_equal(look().budget_available, HOUR - 1800);
    scene_end(&scene);
}

/* ---- owners that follow, other numbers, growth ---- */

static void a_new_owner_goes_on_from_what_was_spent(void **state)
{
    (void)state;
    begin(3 * HOUR, 1);
    serve_from(0, HOUR, 1);
    for (int64_t offset = 0; offset < 4; offset++) {
        offer(0, offset, HOUR);
    }
    live(100);
    assert_int_equal(submitted(), 2);
    assert_true(told());
    scene_end(&scene);
}

static void what_was_spent_before_there_was_a_budget_counts(void **state)
{
    (void)state;
    begin(0, 1);
    scene_serve(&scene, 0);
    offer(0, 0, HOUR);
    live(100);
    assert_int_equal(submitted(), 1);
    int64_t billed = scene.billed[0];
    assert_int_equal(billed, HOUR);
    scene_end(&scene);
    begin(2 * HOUR, 1);
    serve_from(0, billed, 0);
    offer(0, 1, HOUR);
    offer(0, 2, HOUR);
    live(100);
    assert_int_equal(submitted(), 1);
    scene_end(&scene);
}

static void without_a_budget_the_records_of_one_are_written_anew(void **state)
{
    (void)state;
    begin(0, 1);
    serve_from(0, 3 * HOUR, 1);
    scene.grants_at_once = false;
    live(2000);
    assert_int_equal(scene_count(&scene, "commit"), 1);
    assert_int_equal(scene.billed[0], 3 * HOUR);
    scene_end(&scene);
}

static void a_lowered_number_is_kept_whichever_partition_has_spent_it(void **state)
{
    (void)state;
    begin(12 * HOUR, 2); /* it was 24, and one has spent its half */
    serve_from(0, 11 * HOUR, 2);
    serve_from(1, 0, 2);
    offer(1, 0, HOUR);
    offer(1, 1, 1);
    live(3000);
    assert_int_equal(scene_count(&scene, "submit 1:0"), 1);
    assert_int_equal(submitted(), 1);
    assert_true(told());
    scene_end(&scene);
}

static void what_another_worker_s_partition_is_over_its_part_is_made_up_for(void **state)
{
    (void)state;
    static const int64_t billed[] = {11 * HOUR, 0};
    begin(12 * HOUR, 2);
    scene_assigned(&scene, 1);
    struct bs_event event = restore_end(1);
    event.restore_ended.billed = billed;
    event.restore_ended.billed_count = 2;
    scene_event(&scene, event);
    assert_int_equal(look().budget_available, HOUR); /* of its part of 6 h */
    offer(1, 0, 2 * HOUR);
    assert_true(told());
    assert_non_null(strstr(look().not_ready_text[BS_NOT_READY_BUDGET],
                           "this worker's part, 6 h, of the budget of 12 billed hours"));
    scene_end(&scene);
}

static void what_others_spend_later_is_made_up_for_as_soon_as_it_is_told(void **state)
{
    (void)state;
    begin(12 * HOUR, 2);
    serve_from(1, 0, 2);
    assert_int_equal(look().budget_available, 6 * HOUR);
    const int64_t billed[] = {11 * HOUR, 77 * HOUR}; /* its own control record is newer */
    struct bs_event event = {.kind = BS_EVENT_BILLED};
    event.billed.by_partition = billed;
    event.billed.count = 2;
    scene_event(&scene, event);
    assert_int_equal(look().budget_available, HOUR);
    offer(1, 0, 2 * HOUR);
    live(3000);
    assert_int_equal(submitted(), 0);
    assert_true(told());
    scene_event(&scene, (struct bs_event){.kind = BS_EVENT_BILLED}); /* forgotten: known yet */
    assert_int_equal(look().budget_available, HOUR);
    scene_end(&scene);
}

static void what_comes_by_growth_does_not_change_how_others_are_judged(void **state)
{
    (void)state;
    begin(12 * HOUR, 2);
    serve_from(1, 0, 2); /* the budget was set when there were two */
    serve_from(2, 0, 1); /* and once there was one */
    const int64_t billed[] = {11 * HOUR};
    struct bs_event event = {.kind = BS_EVENT_BILLED};
    event.billed.by_partition = billed;
    event.billed.count = 1;
    scene_event(&scene, event);
    assert_int_equal(look().budget_available, HOUR);
    scene_end(&scene);
}

static void what_comes_by_growth_has_no_part_of_its_own(void **state)
{
    (void)state;
    begin(4 * HOUR, 2);
    scene_assigned(&scene, 1);
    struct bs_event event = restore_end(1);
    event.restore_ended.committed = -1;
    event.restore_ended.divided_by = 1;
    scene_event(&scene, event);
    live((int64_t)2 * HOUR * 1000); /* its first window is over */
    offer(1, 0, HOUR);
    live(3000);
    assert_int_equal(submitted(), 0);
    assert_true(told());
    serve_from(0, HOUR, 1); /* has all of it */
    live(3000);
    assert_int_equal(submitted(), 1);
    assert_int_equal(look().budget_available, 2 * HOUR);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_submitted_beyond_it_and_what_runs_goes_on),
        cmocka_unit_test(with_nothing_waiting_it_is_not_told),
        cmocka_unit_test(a_shorter_job_passes_one_that_is_too_long),
        cmocka_unit_test(what_does_not_fit_writes_nothing_and_is_looked_at_seldom),
        cmocka_unit_test(a_deadline_ends_a_job_that_waits_for_it),
        cmocka_unit_test(one_worker_spends_the_parts_of_all_partitions),
        cmocka_unit_test(while_a_partition_is_restored_nothing_is_told),
        cmocka_unit_test(few_submissions_are_reserved_for_at_a_time),
        cmocka_unit_test(what_is_reserved_and_not_spent_goes_back),
        cmocka_unit_test(what_was_refused_is_given_back),
        cmocka_unit_test(a_submission_whose_answer_was_lost_counts),
        cmocka_unit_test(a_failed_operation_counts_as_often_as_it_was_accepted),
        cmocka_unit_test(an_unknown_length_is_charged_when_the_result_tells_it),
        cmocka_unit_test(a_new_owner_goes_on_from_what_was_spent),
        cmocka_unit_test(what_was_spent_before_there_was_a_budget_counts),
        cmocka_unit_test(without_a_budget_the_records_of_one_are_written_anew),
        cmocka_unit_test(a_lowered_number_is_kept_whichever_partition_has_spent_it),
        cmocka_unit_test(what_another_worker_s_partition_is_over_its_part_is_made_up_for),
        cmocka_unit_test(what_others_spend_later_is_made_up_for_as_soon_as_it_is_told),
        cmocka_unit_test(what_comes_by_growth_does_not_change_how_others_are_judged),
        cmocka_unit_test(what_comes_by_growth_has_no_part_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
