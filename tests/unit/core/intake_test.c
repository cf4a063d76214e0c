/* Intake: a job message becomes an operation, a dead letter, or a counted skip. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scene.h"

static int begin(void **state)
{
    static struct scene scene;
    struct bs_core_options options = scene_options();
    scene_begin(&scene, &options);
    scene_serve(&scene, 0);
    *state = &scene;
    return 0;
}

static int end(void **state)
{
    scene_end(*state);
    return 0;
}

static uint64_t skipped(const struct scene *scene, enum bs_skip_reason reason)
{
    struct bs_view view;
    bs_core_view(scene->core, (struct bs_now){.mono = scene->mono, .wall = scene->wall}, &view);
    return view.counters->jobs_skipped[reason];
}

static void a_job_is_submitted_at_once(void **state)
{
    struct scene *scene = *state;
    scene_job(scene, 0, 0);
    scene_expect(scene, "submit 0:0 e1 #1\n");
}

static void the_same_message_read_again_is_no_second_job(void **state)
{
    struct scene *scene = *state;
    scene_job(scene, 0, 0);
    scene_forget(scene);
    scene_job(scene, 0, 0);
    scene_expect(scene, "");
}

static void a_job_of_an_earlier_assignment_is_left_alone(void **state)
{
    struct scene *scene = *state;
    struct bs_event stale = scene_job_event(scene, 0, 0);
    stale.job.epoch--;
    scene_event(scene, stale);
    scene_expect(scene, "");
}

static void a_refused_message_is_a_dead_letter_and_costs_nothing(void **state)
{
    struct scene *scene = *state;
    struct bs_event job = scene_job_event(scene, 0, 0);
    job.job.refusal = BS_DEAD_INVALID_JOB;
    job.job.refusal_message = "no audio.uri";
    scene_event(scene, job);
    scene_expect(scene, "notice warn 0:0\n");
    scene_tick(scene);
    scene_expect(scene, "commit dead-letter 0:0 intake invalid_job; control 0 e1 w=1 p=1;\n");
}

static void an_id_in_flight_is_skipped_and_counted(void **state)
{
    struct scene *scene = *state;
    scene_named_job(scene, 0, 0, 7, 100);
    scene_forget(scene);
    scene_named_job(scene, 0, 1, 7, 100);
    scene_expect(scene, "notice debug 0:1\n");
    assert_int_equal(skipped(scene, BS_SKIP_IN_FLIGHT), 1);
    scene_accepted(scene, 0, 0, "a");
    scene_forget(scene);
    scene_tick(scene);
    scene_expect(scene, "commit record 0:0 subs=1 op=a; control 0 e1 w=2 p=0;\n");
}

static void an_id_in_flight_for_another_recording_is_a_conflict(void **state)
{
    struct scene *scene = *state;
    scene_named_job(scene, 0, 0, 7, 100);
    scene_forget(scene);
    scene_named_job(scene, 0, 1, 7, 200);
    scene_expect(scene, "notice warn 0:1\n");
    scene_tick(scene);
    scene_expect(scene, "commit dead-letter 0:1 intake id_conflict; done 0:1; "
                        "control 0 e1 w=0 p=0;\n");
}

/* Takes the job of offset 0 with id 7 to its published result. */
static void publish_id(struct scene *scene)
{
    scene_named_job(scene, 0, 0, 7, 100);
    scene_accepted(scene, 0, 0, "a");
    scene_commit(scene);
    assert_true(scene_run(scene, 3600000));
    scene_done(scene, 0, 0);
    scene_forget(scene);
    scene_commit(scene);
}

static void an_id_done_before_is_skipped_and_counted(void **state)
{
    struct scene *scene = *state;
    publish_id(scene);
    scene_named_job(scene, 0, 1, 7, 100);
    scene_expect(scene, "notice debug 0:1\n");
    assert_int_equal(skipped(scene, BS_SKIP_DONE), 1);
}

static void force_submits_though_the_id_was_done_before(void **state)
{
    struct scene *scene = *state;
    publish_id(scene);
    struct bs_event job = scene_job_event(scene, 0, 1);
    job.job.id_given = true;
    job.job.force = true;
    job.job.fingerprint = 100;
    scene_id(7, job.job.id_hash);
    scene_event(scene, job);
    scene_expect(scene, "submit 0:1 e1 #1\n");
}

static void an_id_is_forgotten_when_its_time_is_over(void **state)
{
    struct scene *scene = *state;
    publish_id(scene);
    scene_pass(scene, 259200000);
    scene_named_job(scene, 0, 1, 7, 100);
    scene_expect(scene, "commit forget-id 0:0 0707; control 0 e1 w=1 p=1;\n");
    scene_transaction(scene, BS_TRANSACTION_COMMITTED);
    scene_expect(scene, "submit 0:1 e1 #1\n");
}

static void a_dead_letter_leaves_its_id_free(void **state)
{
    struct scene *scene = *state;
    scene_named_job(scene, 0, 0, 7, 100);
    scene_submitted(scene, 0, 0, scene_error(3, 400));
    scene_forget(scene);
    scene_commit(scene);
    scene_named_job(scene, 0, 1, 7, 100);
    scene_expect(scene, "submit 0:1 e1 #1\n");
}

static void what_does_not_fit_in_flight_stays_in_kafka(void **state)
{
    struct scene *scene = *state;
    for (int64_t offset = 0; offset < 100; offset++) {
        assert_true(bs_core_wants_jobs(scene->core));
        scene_job(scene, 0, offset);
    }
    assert_false(bs_core_wants_jobs(scene->core));
}

static void what_does_not_fit_the_memory_stays_in_kafka(void **state)
{
    struct scene *scene = *state;
    static const uint8_t large[65536];
    int jobs = 0;
    for (; jobs < 100 && bs_core_wants_jobs(scene->core); jobs++) {
        struct bs_event job = scene_job_event(scene, 0, jobs);
        job.job.job = large;
        job.job.job_size = sizeof large;
        scene_event(scene, job);
    }
    assert_in_range(jobs, 8, 16);
    struct bs_view view;
    bs_core_view(scene->core, (struct bs_now){.mono = scene->mono, .wall = scene->wall}, &view);
    assert_in_range(view.memory_bytes, 1 << 20, (1 << 20) + sizeof large + 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_job_is_submitted_at_once, begin, end),
        cmocka_unit_test_setup_teardown(the_same_message_read_again_is_no_second_job, begin, end),
        cmocka_unit_test_setup_teardown(a_job_of_an_earlier_assignment_is_left_alone, begin, end),
        cmocka_unit_test_setup_teardown(a_refused_message_is_a_dead_letter_and_costs_nothing, begin,
                                        end),
        cmocka_unit_test_setup_teardown(an_id_in_flight_is_skipped_and_counted, begin, end),
        cmocka_unit_test_setup_teardown(an_id_in_flight_for_another_recording_is_a_conflict, begin,
                                        end),
        cmocka_unit_test_setup_teardown(an_id_done_before_is_skipped_and_counted, begin, end),
        cmocka_unit_test_setup_teardown(force_submits_though_the_id_was_done_before, begin, end),
        cmocka_unit_test_setup_teardown(an_id_is_forgotten_when_its_time_is_over, begin, end),
        cmocka_unit_test_setup_teardown(a_dead_letter_leaves_its_id_free, begin, end),
        cmocka_unit_test_setup_teardown(what_does_not_fit_in_flight_stays_in_kafka, begin, end),
        cmocka_unit_test_setup_teardown(what_does_not_fit_the_memory_stays_in_kafka, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
