/* The fleet's quota: each partition owns its part, and its ledger travels with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "scene.h"

#define HOUR_MS  3600000
#define SLICE_MS 60000
/* When a slice has surely left the window at the service too: one slice for its own length, one
 * for the lease, the request's time limit of 30 s and 3 s more, rounded up. */
#define SAFE_MS (HOUR_MS + 3 * SLICE_MS)

static struct scene scene;

static void begin(int64_t submissions, int64_t checks, int32_t partitions)
{
    struct bs_core_options options = scene_options();
    options.state_partitions = partitions;
    options.submissions = submissions;
    options.checks = checks;
    options.connections = 64;
    scene_begin(&scene, &options);
}

static void a_worker_spends_the_parts_of_its_partitions_only(void **state)
{
    (void)state;
    begin(10, 100, 3); /* parts of 3, 3 and 4 */
    scene_serve(&scene, 1);
    scene_offer(&scene, 1, 0, 8);
    assert_int_equal(scene_count(&scene, "submit"), 3);
    scene_forget(&scene);
    scene_assigned(&scene, 2);
    scene_restored(&scene, 2, 0);
    scene_offer(&scene, 2, 0, 1);
    scene_live(&scene, scene.mono + 100);
    assert_int_equal(scene_count(&scene, "submit"),
                     4); /* what 2 leaves over goes to the most urgent */
    scene_end(&scene);
}

static void no_window_holds_more_than_the_quota(void **state)
{
    (void)state;
    begin(5, 100, 1);
    scene_serve(&scene, 0);
    scene_offer(&scene, 0, 0, 12);
    assert_int_equal(scene_count(&scene, "submit"), 5);
    bs_mono_ms from = scene.mono;
    scene_forget(&scene);
    scene_live(&scene, from + HOUR_MS + 32000);
    assert_int_equal(scene_count(&scene, "submit"), 0);
    scene_live(&scene, from + SAFE_MS + SLICE_MS);
    assert_int_equal(scene_count(&scene, "submit"), 5);
    scene_end(&scene);
}

static void an_idle_fleet_may_use_a_whole_window_at_once(void **state)
{
    (void)state;
    begin(50, 100, 1);
    scene_serve(&scene, 0);
    scene_pass(&scene, 10 * HOUR_MS);
    scene_offer(&scene, 0, 0, 60);
    assert_int_equal(scene_count(&scene, "submit"), 50);
    scene_end(&scene);
}

static void a_new_owner_goes_on_from_the_ledger(void **state)
{
    (void)state;
    begin(5, 100, 1);
    struct bs_control control = {.watermark = 0};
    struct bs_ledger *ledger = &control.ledgers[BS_QUOTA_SUBMISSIONS];
    ledger->slice_ms = SLICE_MS;
    ledger->count = 2;
    ledger->slice[0] = SCENE_WALL / SLICE_MS - 70; /* left the window */
    ledger->spent[0] = 5;
    ledger->slice[1] = SCENE_WALL / SLICE_MS - 30;
    ledger->spent[1] = 3;
    scene_assigned(&scene, 0);
    struct bs_event event = {.kind = BS_EVENT_RESTORED_CONTROL};
    event.control.epoch = scene.epochs[0];
    event.control.control = &control;
    scene_event(&scene, event);
    scene_restored(&scene, 0, 0);
    scene_offer(&scene, 0, 0, 5);
    assert_int_equal(scene_count(&scene, "submit"), 2);
    scene_end(&scene);
}

static void a_ledger_of_another_window_length_forgets_nothing_early(void **state)
{
    (void)state;
    begin(5, 100, 1);
    struct bs_control control = {.watermark = 0};
    struct bs_ledger *ledger = &control.ledgers[BS_QUOTA_SUBMISSIONS];
    ledger->slice_ms = 1000;
    ledger->count = 3;
    for (int32_t i = 0; i < 3; i++) {
        ledger->slice[i] = SCENE_WALL / 1000 - 60 + 10 * i;
        ledger->spent[i] = 1;
    }
    scene_assigned(&scene, 0);
    struct bs_event event = {.kind = BS_EVENT_RESTORED_CONTROL};
    event.control.epoch = scene.epochs[0];
    event.control.control = &control;
    scene_event(&scene, event);
    scene_restored(&scene, 0, 0);
    scene_offer(&scene, 0, 0, 5);
    assert_int_equal(scene_count(&scene, "submit"), 2);
    scene_end(&scene);
}

static void checks_have_a_quota_of_their_own(void **state)
{
    (void)state;
    begin(100, 2, 1);
    scene_assigned(&scene, 0);
    for (int64_t offset = 0; offset < 4; offset++) {
        scene_event(&scene, scene_record(&scene, 0, offset, "a"));
    }
    scene_pass(&scene, HOUR_MS);
    scene_restored(&scene, 0, 4);
    scene_live(&scene, scene.mono + 100);
    assert_int_equal(scene_count(&scene, "check"), 2);
    scene_job(&scene, 0, 4);
    assert_int_equal(scene_count(&scene, "submit"), 1);
    scene_end(&scene);
}

static void billed_hours_have_a_window_of_a_day(void **state)
{
    (void)state;
    struct bs_core_options options = scene_options();
    options.billed_seconds_per_day = 7300;
    scene_begin(&scene, &options);
    scene_serve(&scene, 0);
    for (int64_t offset = 0; offset < 3; offset++) {
        struct bs_event job = scene_job_event(&scene, 0, offset);
        job.job.audio_seconds = 3600;
        scene_event(&scene, job);
    }
    assert_int_equal(scene_count(&scene, "submit"), 2);
    scene_forget(&scene);
    scene_live(&scene, scene.mono + 23 * (int64_t)HOUR_MS);
    assert_int_equal(scene_count(&scene, "submit"), 0);
    scene_live(&scene, scene.mono + 3 * (int64_t)HOUR_MS);
    assert_int_equal(scene_count(&scene, "submit"), 1);
    scene_end(&scene);
}

/* ---- reserving ---- */

static int64_t ledger(int32_t partition)
{
    return scene.ledgers[partition][BS_QUOTA_SUBMISSIONS];
}

static void nothing_is_sent_before_its_reservation_is_committed(void **state)
{
    (void)state;
    begin(5, 100, 1);
    scene_serve(&scene, 0);
    scene.grants_at_once = false;
    scene_offer(&scene, 0, 0, 1);
    scene_expect(&scene, "commit control 0 e1 w=0 p=0;\n");
    assert_int_equal(ledger(0), 1); /* charged before it is spent */
    scene_transaction(&scene, BS_TRANSACTION_COMMITTED);
    scene_expect(&scene, "submit 0:0 e1 #1\n");
    scene_end(&scene);
}

static void an_aborted_reservation_is_worth_nothing(void **state)
{
    (void)state;
    begin(5, 100, 1);
    scene_serve(&scene, 0);
    scene.grants_at_once = false;
    scene_offer(&scene, 0, 0, 1);
    scene_forget(&scene);
    scene_transaction(&scene, BS_TRANSACTION_ABORTED);
    assert_int_equal(scene_count(&scene, "submit"), 0);
    assert_true(scene_run(&scene, 10000));
    scene_expect(&scene, "commit control 0 e1 w=0 p=0;\n");
    assert_int_equal(ledger(0), 1); /* not 2: what was aborted is not charged */
    scene_end(&scene);
}

static void the_right_to_spend_ends_with_the_lease(void **state)
{
    (void)state;
    begin(5, 100, 1);
    scene_serve(&scene, 0);
    scene.grants_at_once = false;
    scene_offer(&scene, 0, 0, 1);
    scene_pass(&scene, 5000); /* suspended: the transaction may be older than our expulsion */
    scene_forget(&scene);
    scene_transaction(&scene, BS_TRANSACTION_COMMITTED);
    scene_expect(&scene, "commit control 0 e1 w=0 p=0;\n");
    assert_int_equal(ledger(0), 1); /* the same token, dated anew */
    struct bs_view view;
    bs_core_view(scene.core, (struct bs_now){.mono = scene.mono, .wall = scene.wall}, &view);
    assert_true(view.not_ready[BS_NOT_READY_KAFKA]);
    scene_pass(&scene, 4999);
    scene_transaction(&scene, BS_TRANSACTION_COMMITTED);
    scene_expect(&scene, "submit 0:0 e1 #1\n");
    scene_end(&scene);
}

static void an_idle_worker_proves_its_membership_before_it_sends_again(void **state)
{
    (void)state;
    begin(5, 100, 1);
    scene_serve(&scene, 0);
    scene_offer(&scene, 0, 0, 1);
    scene.grants_at_once = false;
    scene_pass(&scene, 60000);
    scene_forget(&scene);
    scene_offer(&scene, 0, 1, 1);
    assert_int_equal(scene_count(&scene, "submit"), 0);
    scene_transaction(&scene, BS_TRANSACTION_COMMITTED);
    assert_int_equal(scene_count(&scene, "submit"), 1);
    scene_end(&scene);
}

static void what_is_reserved_and_not_spent_goes_back_with_the_partition(void **state)
{
    (void)state;
    begin(100, 100, 1);
    scene_serve(&scene, 0);
    scene.grants_at_once = false;
    scene_offer(&scene, 0, 0, 3); /* one is reserved for, two come too late for that batch */
    scene_transaction(&scene, BS_TRANSACTION_COMMITTED);
    assert_int_equal(scene_count(&scene, "submit"), 1);
    scene_tick(&scene);
    assert_int_equal(ledger(0), 3); /* the next batch reserves for the two others */
    scene_revoked(&scene, 0);
    scene_forget(&scene);
    scene_transaction(&scene, BS_TRANSACTION_COMMITTED);
    assert_int_equal(scene_count(&scene, "submit"), 0);
    assert_int_equal(ledger(0), 1); /* the last batch before it is given up */
    scene_end(&scene);
}

static void a_partition_without_jobs_does_not_hold_its_part_back(void **state)
{
    (void)state;
    begin(12, 100, 3);
    for (int32_t partition = 0; partition < 3; partition++) {
        scene_serve(&scene, partition);
    }
    scene_offer(&scene, 1, 0, 20);
    scene_live(&scene, scene.mono + 1000);
    assert_int_equal(scene_count(&scene, "submit"), 12);
    scene_end(&scene);
}

static void a_shrunken_share_is_kept_to_at_once(void **state)
{
    (void)state;
    begin(8, 100, 1);
    scene_serve(&scene, 0);
    scene_offer(&scene, 0, 0, 3);
    assert_int_equal(scene_count(&scene, "submit"), 3);
    scene_event(&scene, (struct bs_event){.kind = BS_EVENT_DIVIDED, .state_partitions = 2});
    scene_offer(&scene, 0, 3, 5);
    assert_int_equal(scene_count(&scene, "submit"), 4);
    scene_end(&scene);
}

static void restored_as_new(int32_t divided_by)
{
    scene_assigned(&scene, 1);
    struct bs_event event = {.kind = BS_EVENT_RESTORED};
    event.restore_ended.partition = 1;
    event.restore_ended.epoch = scene.epochs[1];
    event.restore_ended.committed = -1;
    event.restore_ended.divided_by = divided_by;
    scene_event(&scene, event);
}

static void a_partition_that_is_new_by_growth_spends_nothing_in_its_first_window(void **state)
{
    (void)state;
    begin(8, 100, 2);
    restored_as_new(1);
    scene_offer(&scene, 1, 0, 8);
    scene_live(&scene, scene.mono + HOUR_MS);
    assert_int_equal(scene_count(&scene, "submit"), 0);
    scene_live(&scene, scene.mono + 4 * (int64_t)SLICE_MS);
    assert_int_equal(scene_count(&scene, "submit"), 4);
    scene_end(&scene);
}

static void
a_partition_that_is_new_before_the_division_has_followed_spends_nothing_either(void **state)
{
    (void)state;
    begin(8, 100, 1);
    restored_as_new(1);
    scene_event(&scene, (struct bs_event){.kind = BS_EVENT_DIVIDED, .state_partitions = 2});
    scene_offer(&scene, 1, 0, 8);
    scene_live(&scene, scene.mono + HOUR_MS);
    assert_int_equal(scene_count(&scene, "submit"), 0);
    scene_live(&scene, scene.mono + 4 * (int64_t)SLICE_MS);
    assert_int_equal(scene_count(&scene, "submit"), 4);
    scene_end(&scene);
}

static void a_partition_that_is_new_with_its_group_may_spend_at_once(void **state)
{
    (void)state;
    begin(8, 100, 2);
    restored_as_new(2);
    scene_live(&scene, scene.mono + 2000); /* its first offset is committed */
    scene_offer(&scene, 1, 0, 8);
    assert_int_equal(scene_count(&scene, "submit"), 4);
    scene_end(&scene);
}

static void an_hours_quota_is_there_again_soon_after_the_hour(void **state)
{
    (void)state;
    begin(5, 100, 1);
    scene_serve(&scene, 0);
    scene_pass(&scene, SLICE_MS - scene.wall % SLICE_MS);
    bs_mono_ms from = scene.mono;
    scene_offer(&scene, 0, 0, 12);
    scene_live(&scene, scene.mono + 100);
    scene_forget(&scene);
    scene_live(&scene, from + HOUR_MS * 100 / 96);
    assert_int_equal(scene_count(&scene, "submit"), 5);
    scene_end(&scene);
}

static void what_expired_unspent_does_not_pile_up_in_partition_after_partition(void **state)
{
    (void)state;
    struct bs_core_options options = scene_options();
    options.state_partitions = 8;
    options.submissions = 160;
    options.connections = 16;
    scene_begin(&scene, &options);
    for (int32_t partition = 0; partition < 8; partition++) {
        scene_serve(&scene, partition);
    }
    scene_offer(&scene, 7, 0, 60); /* no connection is free: none is answered */
    scene_live(&scene, scene.mono + 100);
    scene.grants_at_once = false;
    for (int32_t partition = 0; partition < 8; partition++) {
        scene_pass(&scene, 5000);
        struct bs_event end = {.kind = BS_EVENT_END_OF_PARTITION};
        end.end.partition = partition;
        end.end.epoch = scene.epochs[partition];
        end.end.offset = 100;
        scene_event(&scene, end);
        scene_live(&scene, scene.mono + 1100);
    }
    int64_t charged = 0;
    for (int32_t partition = 0; partition < 8; partition++) {
        charged += ledger(partition);
    }
    assert_true(charged - scene_count(&scene, "submit") <= 160 / 16);
    scene_end(&scene);
}

static void after_a_fatal_transaction_nothing_more_is_sent(void **state)
{
    (void)state;
    struct bs_core_options options = scene_options();
    options.connections = 4;
    scene_begin(&scene, &options);
    scene_serve(&scene, 0);
    scene_offer(&scene, 0, 0, 20); /* four are under way */
    scene_pass(&scene, 5000);
    scene_event(&scene, (struct bs_event){.kind = BS_EVENT_TICK}); /* reserves for the next */
    scene_accepted(&scene, 0, 0, "a");
    scene.grants_at_once = false;
    while (!scene.committing) {
        scene_tick(&scene);
    }
    scene_forget(&scene);
    scene_transaction(&scene, BS_TRANSACTION_FATAL);
    scene_submitted(&scene, 0, 1, scene_error(3, 400));
    scene_submitted(&scene, 0, 2, scene_error(3, 400));
    assert_int_equal(scene_count(&scene, "submit"), 0);
    assert_int_equal(scene_count(&scene, "commit"), 0);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_spends_the_parts_of_its_partitions_only),
        cmocka_unit_test(no_window_holds_more_than_the_quota),
        cmocka_unit_test(an_idle_fleet_may_use_a_whole_window_at_once),
        cmocka_unit_test(a_new_owner_goes_on_from_the_ledger),
        cmocka_unit_test(a_ledger_of_another_window_length_forgets_nothing_early),
        cmocka_unit_test(checks_have_a_quota_of_their_own),
        cmocka_unit_test(billed_hours_have_a_window_of_a_day),
        cmocka_unit_test(nothing_is_sent_before_its_reservation_is_committed),
        cmocka_unit_test(an_aborted_reservation_is_worth_nothing),
        cmocka_unit_test(the_right_to_spend_ends_with_the_lease),
        cmocka_unit_test(an_idle_worker_proves_its_membership_before_it_sends_again),
        cmocka_unit_test(what_is_reserved_and_not_spent_goes_back_with_the_partition),
        cmocka_unit_test(a_partition_without_jobs_does_not_hold_its_part_back),
        cmocka_unit_test(a_shrunken_share_is_kept_to_at_once),
        cmocka_unit_test(a_partition_that_is_new_by_growth_spends_nothing_in_its_first_window),
        cmocka_unit_test(
            a_partition_that_is_new_before_the_division_has_followed_spends_nothing_either),
        cmocka_unit_test(a_partition_that_is_new_with_its_group_may_spend_at_once),
        cmocka_unit_test(an_hours_quota_is_there_again_soon_after_the_hour),
        cmocka_unit_test(what_expired_unspent_does_not_pile_up_in_partition_after_partition),
        cmocka_unit_test(after_a_fatal_transaction_nothing_more_is_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
