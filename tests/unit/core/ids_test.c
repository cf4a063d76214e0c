/* Remembered ids: one id is paid for once within its time, in its partition. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "scene.h"

#define HOUR_MS 3600000
#define DAY_MS  (24 * (int64_t)HOUR_MS)

static struct scene scene;

static int begin(void **state)
{
    (void)state;
    struct bs_core_options options = scene_options();
    options.state_partitions = 2;
    options.remembered_ids = 3;
    scene_begin(&scene, &options);
    scene_assigned(&scene, 0);
    scene_forget(&scene);
    return 0;
}

static int end(void **state)
{
    (void)state;
    scene_end(&scene);
    return 0;
}

static void restored_id(uint8_t id, uint64_t fingerprint, int64_t offset, int64_t age_ms)
{
    struct bs_event event = {.kind = BS_EVENT_RESTORED_ID};
    event.id = (struct bs_restored_id){.epoch = scene.epochs[0],
                                       .fingerprint = fingerprint,
                                       .offset = offset,
                                       .ended = scene.wall - age_ms};
    scene_id(id, event.id.id_hash);
    scene_event(&scene, event);
}

static int64_t remembered(void)
{
    struct bs_view view;
    bs_core_view(scene.core, (struct bs_now){.mono = scene.mono, .wall = scene.wall}, &view);
    return view.remembered_ids;
}

static void a_restored_id_is_not_paid_for_again(void **state)
{
    (void)state;
    restored_id(7, 100, 3, HOUR_MS);
    scene_restored(&scene, 0, 4);
    scene_forget(&scene);
    scene_named_job(&scene, 0, 4, 7, 100);
    scene_expect(&scene, "notice debug 0:4\n");
}

static void the_message_that_an_id_was_paid_for_is_no_duplicate_of_itself(void **state)
{
    (void)state;
    restored_id(7, 100, 4, HOUR_MS);
    scene_restored(&scene, 0, 4);
    scene_forget(&scene);
    scene_named_job(&scene, 0, 4, 7, 100);
    scene_expect(&scene, ""); /* it was answered; nothing is counted */
    struct bs_view view;
    bs_core_view(scene.core, (struct bs_now){.mono = scene.mono, .wall = scene.wall}, &view);
    assert_int_equal(view.counters->jobs_skipped[BS_SKIP_DONE], 0);
}

static void an_id_is_remembered_in_its_partition_only(void **state)
{
    (void)state;
    restored_id(7, 100, 3, HOUR_MS);
    scene_restored(&scene, 0, 4);
    scene_serve(&scene, 1);
    scene_named_job(&scene, 1, 0, 7, 100);
    scene_expect(&scene, "submit 1:0 e2 #1\n");
}

static void over_the_limit_the_oldest_id_is_forgotten_in_any_order_of_restore(void **state)
{
    (void)state;
    restored_id(1, 100, 0, 2 * HOUR_MS);
    restored_id(2, 100, 1, 4 * HOUR_MS); /* the oldest */
    restored_id(3, 100, 2, HOUR_MS);
    restored_id(4, 100, 3, 3 * HOUR_MS);
    scene_restored(&scene, 0, 4);
    scene_forget(&scene);
    scene_job(&scene, 0, 4);
    scene_expect(&scene, "commit forget-id 0:0 0202; control 0 e1 w=4 p=4;\n");
    scene_transaction(&scene, BS_TRANSACTION_COMMITTED);
    assert_int_equal(remembered(), 3);
    struct bs_view view;
    bs_core_view(scene.core, (struct bs_now){.mono = scene.mono, .wall = scene.wall}, &view);
    assert_int_equal(view.counters->ids_forgotten, 1);
}

static void an_id_whose_time_is_over_is_forgotten_in_the_state_too(void **state)
{
    (void)state;
    restored_id(1, 100, 0, 4 * DAY_MS);
    scene_restored(&scene, 0, 4);
    scene_forget(&scene);
    scene_job(&scene, 0, 4);
    scene_expect(&scene, "commit forget-id 0:0 0101; control 0 e1 w=4 p=4;\n");
    assert_int_equal(remembered(), 0);
}

static void ids_go_with_their_partition(void **state)
{
    (void)state;
    restored_id(1, 100, 0, HOUR_MS);
    scene_restored(&scene, 0, 4);
    assert_int_equal(remembered(), 1);
    scene_lost(&scene, 0);
    assert_int_equal(remembered(), 0);
}

/* Another partition's, restored with the ids 0x10 to 0x12, all older than what is in partition 0.
 */
static void over_the_limit_the_oldest_id_of_all_partitions_is_forgotten(void **state)
{
    (void)state;
    restored_id(1, 100, 0, HOUR_MS);
    scene_restored(&scene, 0, 4);
    scene_assigned(&scene, 1);
    for (uint8_t number = 0; number < 3; number++) {
        struct bs_event event = {.kind = BS_EVENT_RESTORED_ID};
        event.id = (struct bs_restored_id){.partition = 1,
                                           .epoch = scene.epochs[1],
                                           .offset = number,
                                           .ended = scene.wall - (10 - number) * HOUR_MS};
        scene_id((uint8_t)(0x10 + number), event.id.id_hash);
        scene_event(&scene, event);
    }
    scene_restored(&scene, 1, 3);
    scene_forget(&scene);
    scene_job(&scene, 0, 4);
    scene_expect(&scene, "commit forget-id 1:0 1010; control 1 e2 w=3 p=3;\n");
    assert_int_equal(remembered(), 3);
}

static void a_dead_letter_s_id_is_free_before_its_commit_is_known_and_is_paid_after_it(void **state)
{
    (void)state;
    scene_restored(&scene, 0, 0);
    scene_named_job(&scene, 0, 0, 7, 100);
    scene_submitted(&scene, 0, 0, scene_error(3, 400));
    scene_tick(&scene); /* the dead letter is being committed */
    scene_forget(&scene);
    /* Somebody has seen it already, and sends the job again; twice. */
    scene_named_job(&scene, 0, 1, 7, 100);
    scene_named_job(&scene, 0, 2, 7, 100);
    scene_tick(&scene);
    scene_tick(&scene);
    scene_expect(&scene, "notice debug 0:2\n");
    scene_transaction(&scene, BS_TRANSACTION_COMMITTED);
    scene_forget(&scene);
    scene_tick(&scene);
    scene_expect(&scene, "submit 0:1 e1 #1\n");
}

static void a_forced_job_is_paid_after_the_result_that_is_being_committed(void **state)
{
    (void)state;
    scene_restored(&scene, 0, 0);
    scene_named_job(&scene, 0, 0, 7, 100);
    scene_accepted(&scene, 0, 0, "a");
    scene_commit(&scene);
    scene_forget(&scene);
    assert_true(scene_run(&scene, HOUR_MS)); /* it is asked about */
    scene_done(&scene, 0, 0);
    scene_tick(&scene); /* its result is being committed */
    struct bs_event forced = scene_job_event(&scene, 0, 1);
    scene_id(7, forced.job.id_hash);
    forced.job.id_given = forced.job.force = true;
    scene_forget(&scene);
    scene_event(&scene, forced);
    scene_expect(&scene, "");
    scene_transaction(&scene, BS_TRANSACTION_COMMITTED);
    scene_forget(&scene);
    scene_tick(&scene);
    scene_expect(&scene, "submit 0:1 e1 #1\n");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_restored_id_is_not_paid_for_again),
        TEST(the_message_that_an_id_was_paid_for_is_no_duplicate_of_itself),
        TEST(an_id_is_remembered_in_its_partition_only),
        TEST(over_the_limit_the_oldest_id_is_forgotten_in_any_order_of_restore),
        TEST(an_id_whose_time_is_over_is_forgotten_in_the_state_too),
        TEST(ids_go_with_their_partition),
        TEST(over_the_limit_the_oldest_id_of_all_partitions_is_forgotten),
        TEST(a_dead_letter_s_id_is_free_before_its_commit_is_known_and_is_paid_after_it),
        TEST(a_forced_job_is_paid_after_the_result_that_is_being_committed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
