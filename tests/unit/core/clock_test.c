/* The service's time: what the windows of the quota are counted in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "scene.h"

#define HOUR_MS  3600000
#define SLICE_MS 60000

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

/* No answer has told the service's time yet. */
static void begin_without_date(int64_t submissions)
{
    begin(submissions, 100, 1);
    scene_end(&scene);
    struct bs_core_options options = scene_options();
    options.submissions = submissions;
    scene.core = bs_core_create(&options);
}

static void until_the_services_time_is_known_requests_go_one_at_a_time(void **state)
{
    (void)state;
    begin_without_date(500);
    scene_serve(&scene, 0);
    scene_offer(&scene, 0, 0, 5);
    assert_int_equal(scene_count(&scene, "submit"), 1);
    scene_date(&scene, scene.wall);
    scene_accepted(&scene, 0, 0, "a");
    scene_live(&scene, scene.mono + 100);
    assert_int_equal(scene_count(&scene, "submit"), 5);
    scene_end(&scene);
}

static bool ready(void)
{
    struct bs_view view;
    bs_core_view(scene.core, (struct bs_now){.mono = scene.mono, .wall = scene.wall}, &view);
    return !view.not_ready[BS_NOT_READY_CLOCK];
}

static void a_wall_clock_that_jumps_brings_no_quota_back(void **state)
{
    (void)state;
    begin(5, 100, 1);
    scene_serve(&scene, 0);
    scene_offer(&scene, 0, 0, 8);
    scene_forget(&scene);
    scene.wall += 10 * (int64_t)HOUR_MS;
    scene_live(&scene, scene.mono + 10 * (int64_t)SLICE_MS);
    scene.wall -= 20 * (int64_t)HOUR_MS;
    scene_live(&scene, scene.mono + 10 * (int64_t)SLICE_MS);
    assert_int_equal(scene_count(&scene, "submit"), 0);
    scene_end(&scene);
}

static void a_clock_off_by_more_than_a_sixtieth_holds_everything_until_it_is_set(void **state)
{
    (void)state;
    begin(500, 100, 1);
    scene_serve(&scene, 0);
    bs_wall_ms service = scene.wall;
    scene.wall -= SLICE_MS - 3000;
    scene_date(&scene, service);
    assert_true(ready());
    scene.wall -= 6000;
    scene_date(&scene, service);
    assert_false(ready());
    scene_offer(&scene, 0, 0, 5);
    assert_int_equal(scene_count(&scene, "submit"), 0);
    scene_live(&scene, scene.mono + SLICE_MS + 1000); /* one asks what the time is */
    assert_int_equal(scene_count(&scene, "submit"), 1);
    scene.wall += SLICE_MS;
    scene_date(&scene, service + SLICE_MS + 1000);
    assert_true(ready());
    scene_end(&scene);
}

static void one_odd_date_moves_no_window(void **state)
{
    (void)state;
    begin(5, 100, 1);
    scene_serve(&scene, 0);
    scene_offer(&scene, 0, 0, 8);
    scene_forget(&scene);
    scene_date(&scene, scene.wall + 2 * (int64_t)HOUR_MS);
    assert_false(ready());
    scene_date(&scene, scene.wall);
    assert_true(ready());
    scene_live(&scene, scene.mono + 10 * (int64_t)SLICE_MS);
    assert_int_equal(scene_count(&scene, "submit"), 0);
    scene_end(&scene);
}

static void what_was_spent_by_a_slow_clock_counts_from_when_it_was_spent(void **state)
{
    (void)state;
    begin_without_date(1);
    bs_wall_ms service = scene.wall;
    scene.wall -= 50 * (int64_t)SLICE_MS;
    scene_serve(&scene, 0);
    scene_offer(&scene, 0, 0, 1);
    assert_int_equal(scene_count(&scene, "submit"), 1);
    scene_date(&scene, service);
    scene_date(&scene, service); /* believed */
    scene_accepted(&scene, 0, 0, "a");
    scene.wall = service;
    scene_date(&scene, service);
    assert_true(ready());
    scene_offer(&scene, 0, 1, 3);
    scene_live(&scene, scene.mono + HOUR_MS / 2);
    assert_int_equal(scene_count(&scene, "submit"), 1);
    scene_end(&scene);
}

static void a_clock_that_was_ahead_once_leaves_the_share_usable(void **state)
{
    (void)state;
    begin_without_date(2);
    bs_wall_ms service = scene.wall;
    scene.wall += 365 * 24 * (int64_t)HOUR_MS;
    scene_serve(&scene, 0);
    scene_offer(&scene, 0, 0, 1);
    assert_int_equal(scene_count(&scene, "submit"), 1);
    scene_date(&scene, service);
    scene_pass(&scene, 1000);
    scene_date(&scene, service + 1000);
    scene_accepted(&scene, 0, 0, "a");
    scene.wall = service + 1000; /* set right */
    scene_date(&scene, service + 1000);
    scene_offer(&scene, 0, 1, 3);
    scene_live(&scene, scene.mono + 100);
    assert_true(scene_count(&scene, "submit") <= 2);
    scene_live(&scene, scene.mono + 3 * (int64_t)HOUR_MS);
    assert_int_equal(scene_count(&scene, "submit"), 4);
    scene_end(&scene);
}

static void wrong_dates_that_agree_bring_no_quota_back(void **state)
{
    (void)state;
    begin(5, 100, 1);
    scene_serve(&scene, 0);
    scene_offer(&scene, 0, 0, 12);
    scene_live(&scene, scene.mono + 100);
    scene_forget(&scene);
    for (int64_t wrong_ms = 2 * (int64_t)HOUR_MS; wrong_ms >= 0; wrong_ms -= 2 * HOUR_MS) {
        scene_date(&scene, scene.wall + wrong_ms);
        scene_pass(&scene, 1000);
        scene_date(&scene, scene.wall + wrong_ms);
        scene_pass(&scene, 1000);
        scene_event(&scene, (struct bs_event){.kind = BS_EVENT_TICK});
    }
    scene_live(&scene, scene.mono + 10 * (int64_t)SLICE_MS);
    assert_true(ready());
    assert_int_equal(scene_count(&scene, "submit"), 0);
    scene_end(&scene);
}

static void a_slow_clock_set_right_while_tokens_are_unspent_is_survived(void **state)
{
    (void)state;
    begin_without_date(100);
    bs_wall_ms ahead_ms = 3 * (int64_t)HOUR_MS;
    scene.wall -= ahead_ms;
    scene_assigned(&scene, 0);
    for (int64_t offset = 0; offset < 4; offset++) {
        scene_event(&scene, scene_record(&scene, 0, offset, "a"));
    }
    scene_pass(&scene, HOUR_MS);
    scene_restored(&scene, 0, 4);
    scene_live(&scene, scene.mono + 2000); /* the first check is under way */
    struct bs_event end = {.kind = BS_EVENT_END_OF_PARTITION};
    end.end.epoch = scene.epochs[0];
    end.end.offset = 9;
    scene_event(&scene, end);
    scene_live(&scene, scene.mono + 1100); /* a token for the next is reserved */
    assert_int_equal(scene_count(&scene, "check"), 1);
    scene.wall += ahead_ms;
    scene_date(&scene, scene.wall);
    scene_pass(&scene, 1000);
    scene_date(&scene, scene.wall);
    scene_done(&scene, 0, 0);
    scene_live(&scene, scene.mono + 1000);
    assert_int_equal(scene_count(&scene, "check"), 4);
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(until_the_services_time_is_known_requests_go_one_at_a_time),
        cmocka_unit_test(a_wall_clock_that_jumps_brings_no_quota_back),
        cmocka_unit_test(a_clock_off_by_more_than_a_sixtieth_holds_everything_until_it_is_set),
        cmocka_unit_test(one_odd_date_moves_no_window),
        cmocka_unit_test(what_was_spent_by_a_slow_clock_counts_from_when_it_was_spent),
        cmocka_unit_test(a_clock_that_was_ahead_once_leaves_the_share_usable),
        cmocka_unit_test(wrong_dates_that_agree_bring_no_quota_back),
        cmocka_unit_test(a_slow_clock_set_right_while_tokens_are_unspent_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
