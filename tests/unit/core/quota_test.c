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
 * for the request's time limit of 30 s and 2 s more, rounded up. */
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

static int count_lines(const char *start)
{
    int count = 0;
    for (const char *at = strstr(scene.actions.text, start); at != NULL;
         at = strstr(at + 1, start)) {
        count++;
    }
    return count;
}

static void offer_jobs(int32_t partition, int64_t first, int64_t count)
{
    for (int64_t offset = first; offset < first + count; offset++) {
        scene_job(&scene, partition, offset);
    }
}

/* Steps and commits until `until`. */
static void live(bs_mono_ms until)
{
    size_t seen = scene.actions.used;
    while (scene.deadline <= until) {
        scene_tick(&scene);
        if (strstr(scene.actions.text + seen, "commit") != NULL) {
            seen = scene.actions.used;
            scene_transaction(&scene, BS_TRANSACTION_COMMITTED);
        }
    }
    scene_pass(&scene, until - scene.mono);
}

static void a_worker_spends_the_parts_of_its_partitions_only(void **state)
{
    (void)state;
    begin(10, 100, 3); /* parts of 3, 3 and 4 */
    scene_serve(&scene, 1);
    offer_jobs(1, 0, 8);
    assert_int_equal(count_lines("submit"), 3);
    scene_forget(&scene);
    scene_assigned(&scene, 2);
    scene_restored(&scene, 2, 0);
    offer_jobs(2, 0, 1);
    assert_int_equal(count_lines("submit"), 4); /* what 2 leaves over goes to the most urgent */
    scene_end(&scene);
}

static void no_window_holds_more_than_the_quota(void **state)
{
    (void)state;
    begin(5, 100, 1);
    scene_serve(&scene, 0);
    offer_jobs(0, 0, 12);
    assert_int_equal(count_lines("submit"), 5);
    bs_mono_ms from = scene.mono;
    scene_forget(&scene);
    live(from + HOUR_MS + 32000);
    assert_int_equal(count_lines("submit"), 0);
    live(from + SAFE_MS + SLICE_MS);
    assert_int_equal(count_lines("submit"), 5);
    scene_end(&scene);
}

static void an_idle_fleet_may_use_a_whole_window_at_once(void **state)
{
    (void)state;
    begin(50, 100, 1);
    scene_serve(&scene, 0);
    scene_pass(&scene, 10 * HOUR_MS);
    offer_jobs(0, 0, 60);
    assert_int_equal(count_lines("submit"), 50);
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
    offer_jobs(0, 0, 5);
    assert_int_equal(count_lines("submit"), 2);
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
    offer_jobs(0, 0, 5);
    assert_int_equal(count_lines("submit"), 2);
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
    assert_int_equal(count_lines("check"), 2);
    scene_job(&scene, 0, 4);
    assert_int_equal(count_lines("submit"), 1);
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
    assert_int_equal(count_lines("submit"), 2);
    scene_forget(&scene);
    live(scene.mono + 23 * (int64_t)HOUR_MS);
    assert_int_equal(count_lines("submit"), 0);
    live(scene.mono + 3 * (int64_t)HOUR_MS);
    assert_int_equal(count_lines("submit"), 1);
    scene_end(&scene);
}

static void what_is_spent_is_committed_within_a_second_or_two(void **state)
{
    (void)state;
    begin(5, 100, 1);
    scene_serve(&scene, 0);
    offer_jobs(0, 0, 1);
    scene_forget(&scene);
    bs_mono_ms from = scene.mono;
    assert_true(scene_run(&scene, 2000));
    assert_in_range(scene.mono - from, 0, 2000);
    scene_expect(&scene, "commit control 0 e1 w=0 p=0;\n");
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
        cmocka_unit_test(what_is_spent_is_committed_within_a_second_or_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
