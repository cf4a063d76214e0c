/* Probe: nothing is paid for before it was looked into, where a look is wanted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "scene.h"

static struct scene scene;

static const struct bs_object_answer good = {
    .outcome = BS_OBJECT_DONE, .job = (const uint8_t *)"found", .job_size = 5, .channels = 1};

static int begin(void **state)
{
    (void)state;
    struct bs_core_options options = scene_options();
    options.object_tasks = 8;
    options.staging = true;
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

static void job_to_look_into(int64_t offset)
{
    struct bs_event event = scene_job_event(&scene, 0, offset);
    event.job.probe_wanted = true;
    scene_event(&scene, event);
}

static struct bs_object_answer failed(enum bs_object_outcome outcome)
{
    return (struct bs_object_answer){.outcome = outcome, .message = "as the store said"};
}

/* Runs until the store is asked for that job once more; false when it is not within `ms`. */
static bool asked_again(int64_t offset, int64_t ms)
{
    bs_mono_ms from = scene.mono;
    size_t before = scene.object_count;
    while (scene.mono - from < ms) {
        if (!scene_run(&scene, ms)) {
            return false;
        }
        if (scene.committing) {
            scene_transaction(&scene, BS_TRANSACTION_COMMITTED);
        }
        for (size_t i = before; i < scene.object_count; i++) {
            if (scene.objects[i].offset == offset) {
                return true;
            }
        }
        before = scene.object_count;
    }
    return false;
}

static void a_recording_is_looked_into_before_it_is_submitted(void **state)
{
    (void)state;
    job_to_look_into(0);
    scene_expect(&scene, "probe 0:0\n");
    scene_object(&scene, 0, 0, good);
    scene_expect(&scene, "submit 0:0 e1 #1\n");
}

static void what_was_found_replaces_the_job(void **state)
{
    (void)state;
    job_to_look_into(0);
    struct bs_object_answer answer = good;
    answer.audio_seconds = 61;
    answer.channels = 2;
    scene_object(&scene, 0, 0, answer);
    const struct bs_operation *operation =
        bs_core_operation(scene.core, scene.requests[0].operation);
    assert_int_equal(operation->job_size, 5);
    assert_memory_equal(operation->job, "found", 5);
    assert_int_equal(operation->audio_seconds, 61);
    assert_int_equal(operation->channels, 2);
}

static void what_the_api_would_refuse_is_a_dead_letter_that_cost_nothing(void **state)
{
    (void)state;
    job_to_look_into(0);
    scene_object(&scene, 0, 0,
                 (struct bs_object_answer){.outcome = BS_OBJECT_REFUSED,
                                           .refusal = BS_DEAD_AUDIO_TOO_LONG,
                                           .message = "5 hours"});
    scene_forget(&scene);
    scene_tick(&scene);
    scene_expect(&scene, "commit dead-letter 0:0 probe audio_too_long; control 0 e1 w=1 p=1;\n");
}

static void a_wav_is_staged_and_then_submitted(void **state)
{
    (void)state;
    job_to_look_into(0);
    struct bs_object_answer answer = good;
    answer.stage_wanted = true;
    scene_forget(&scene);
    scene_object(&scene, 0, 0, answer);
    scene_expect(&scene, "stage 0:0\n");
    scene_object(&scene, 0, 0, (struct bs_object_answer){.outcome = BS_OBJECT_DONE});
    scene_expect(&scene, "submit 0:0 e1 #1\n");
}

static void only_a_few_are_prepared_ahead_in_the_order_of_jobs(void **state)
{
    (void)state;
    struct bs_core_options options = scene_options();
    options.object_tasks = 8;
    options.connections = 1;
    scene_end(&scene);
    scene_begin(&scene, &options);
    scene_serve(&scene, 0);
    for (int64_t offset = 0; offset < 90; offset++) {
        job_to_look_into(offset);
    }
    int64_t looked = 0;
    while ((size_t)looked < scene.object_count) {
        assert_int_equal(scene.objects[looked].offset, looked);
        scene_object(&scene, 0, looked++, good);
    }
    assert_in_range(looked, 16, 18);
}

static void while_the_store_is_down_jobs_wait_and_the_worker_says_so(void **state)
{
    (void)state;
    job_to_look_into(0);
    for (int i = 0; i < 30; i++) {
        scene_object(&scene, 0, 0, failed(BS_OBJECT_TEMPORARY));
        assert_true(asked_again(0, 1000000));
    }
    assert_true(scene_not_ready(&scene, BS_NOT_READY_RECORDINGS));
    scene_forget(&scene);
    scene_object(&scene, 0, 0, good);
    assert_false(scene_not_ready(&scene, BS_NOT_READY_RECORDINGS));
    assert_non_null(strstr(scene.actions.text, "submit 0:0"));
}

static void a_missing_role_dead_letters_nothing(void **state)
{
    (void)state;
    job_to_look_into(0);
    for (int i = 0; i < 30; i++) {
        scene_object(&scene, 0, 0, failed(BS_OBJECT_DENIED));
        assert_true(scene_not_ready(&scene, BS_NOT_READY_RECORDINGS));
        assert_true(asked_again(0, 1000000));
    }
    assert_null(strstr(scene.actions.text, "dead-letter"));
}

static void one_recording_that_alone_is_denied_is_forbidden(void **state)
{
    (void)state;
    struct bs_object_answer denied = failed(BS_OBJECT_DENIED);
    denied.alone = true;
    job_to_look_into(0);
    for (int attempt = 1; attempt < 8; attempt++) {
        scene_object(&scene, 0, 0, denied);
        assert_false(scene_not_ready(&scene, BS_NOT_READY_RECORDINGS));
        assert_true(asked_again(0, 64000));
    }
    scene_forget(&scene);
    scene_object(&scene, 0, 0, denied);
    scene_tick(&scene);
    assert_non_null(strstr(scene.actions.text, "probe audio_forbidden"));
}

static void a_recording_that_alone_cannot_be_read_does_not_wait_for_ever(void **state)
{
    (void)state;
    job_to_look_into(0);
    int64_t next = 1;
    while (scene_count(&scene, "commit dead-letter 0:0") == 0) {
        assert_true(next < 40);
        scene_object(&scene, 0, 0, failed(BS_OBJECT_TEMPORARY));
        job_to_look_into(next); /* the store answers for another one */
        assert_true(asked_again(next, 1) || scene.objects[scene.object_count - 1].offset == next);
        scene_object(&scene, 0, next++, good);
        if (!asked_again(0, 1000000)) {
            break;
        }
    }
    assert_non_null(strstr(scene.actions.text, "probe unexpected_response"));
}

static void an_outage_does_not_count_against_a_recording(void **state)
{
    (void)state;
    job_to_look_into(0);
    for (int i = 0; i < 60; i++) {
        scene_object(&scene, 0, 0, failed(i % 2 == 0 ? BS_OBJECT_TEMPORARY : BS_OBJECT_DENIED));
        assert_true(asked_again(0, 1000000));
    }
    scene_object(&scene, 0, 0, failed(BS_OBJECT_TEMPORARY));
    job_to_look_into(1);
    assert_true(asked_again(1, 1000000)); /* the store answers again */
    scene_object(&scene, 0, 1, good);
    if (scene.objects[scene.object_count - 1].offset != 0) {
        assert_true(asked_again(0, 1000000));
    }
    struct bs_object_answer denied = failed(BS_OBJECT_DENIED);
    denied.alone = true;
    scene_object(&scene, 0, 0, failed(BS_OBJECT_TEMPORARY));
    assert_true(asked_again(0, 1000000));
    scene_object(&scene, 0, 0, denied);
    assert_true(asked_again(0, 1000000));
    assert_null(strstr(scene.actions.text, "dead letter"));
}

static void the_last_recording_of_an_archive_that_alone_cannot_be_read_is_answered(void **state)
{
    (void)state;
    struct bs_object_answer alone = failed(BS_OBJECT_TEMPORARY);
    alone.alone = true;
    job_to_look_into(0);
    scene_forget(&scene);
    for (int i = 0; i < 19; i++) {
        scene_object(&scene, 0, 0, alone);
        assert_false(scene_not_ready(&scene, BS_NOT_READY_RECORDINGS));
        assert_true(asked_again(0, 1000000));
    }
    scene_forget(&scene);
    scene_object(&scene, 0, 0, alone);
    scene_tick(&scene);
    assert_non_null(strstr(scene.actions.text, "probe unexpected_response"));
}

static void failures_of_another_kind_make_no_recording_forbidden(void **state)
{
    (void)state;
    struct bs_object_answer denied = failed(BS_OBJECT_DENIED);
    denied.alone = true;
    job_to_look_into(0);
    for (int64_t next = 1; next <= 10; next++) {
        scene_object(&scene, 0, 0, failed(BS_OBJECT_TEMPORARY));
        job_to_look_into(next); /* the store answers for another one */
        assert_true(asked_again(next, 1) || scene.objects[scene.object_count - 1].offset == next);
        scene_object(&scene, 0, next, good);
        assert_true(scene.objects[scene.object_count - 1].offset == 0 || asked_again(0, 1000000));
    }
    scene_object(&scene, 0, 0, denied);
    assert_true(asked_again(0, 1000000));
}

static void a_deadline_that_passes_before_the_look_is_told(void **state)
{
    (void)state;
    struct bs_event event = scene_job_event(&scene, 0, 0);
    event.job.probe_wanted = true;
    event.job.deadline = scene.wall - 1;
    scene_event(&scene, event);
    scene_tick(&scene);
    assert_non_null(strstr(scene.actions.text, "probe job_deadline_passed"));
    assert_int_equal(scene.object_count, 0);
}

static void a_staged_recording_that_failed_is_staged_anew_by_whoever_restores_it(void **state)
{
    (void)state;
    struct bs_event record = scene_record(&scene, 1, 0, NULL);
    (void)record;
    scene_assigned(&scene, 0);
    scene_forget(&scene);
    record = scene_record(&scene, 0, 0, "");
    record.restored.accepted = false;
    record.restored.operation_id = NULL;
    record.restored.staged = true;
    scene_event(&scene, record);
    scene_restored(&scene, 0, 1);
    assert_non_null(strstr(scene.actions.text, "stage 0:0"));
}

static void answers_for_a_partition_that_is_lost_are_dropped(void **state)
{
    (void)state;
    job_to_look_into(0);
    scene_lost(&scene, 0);
    scene_forget(&scene);
    scene_object(&scene, 0, 0, good);
    scene_expect(&scene, "");
}

int main(void)
{
#define PROMISE(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        PROMISE(a_recording_is_looked_into_before_it_is_submitted),
        PROMISE(what_was_found_replaces_the_job),
        PROMISE(what_the_api_would_refuse_is_a_dead_letter_that_cost_nothing),
        PROMISE(a_wav_is_staged_and_then_submitted),
        PROMISE(only_a_few_are_prepared_ahead_in_the_order_of_jobs),
        PROMISE(while_the_store_is_down_jobs_wait_and_the_worker_says_so),
        PROMISE(a_missing_role_dead_letters_nothing),
        PROMISE(one_recording_that_alone_is_denied_is_forbidden),
        PROMISE(a_recording_that_alone_cannot_be_read_does_not_wait_for_ever),
        PROMISE(an_outage_does_not_count_against_a_recording),
        PROMISE(the_last_recording_of_an_archive_that_alone_cannot_be_read_is_answered),
        PROMISE(failures_of_another_kind_make_no_recording_forbidden),
        PROMISE(a_deadline_that_passes_before_the_look_is_told),
        PROMISE(a_staged_recording_that_failed_is_staged_anew_by_whoever_restores_it),
        PROMISE(answers_for_a_partition_that_is_lost_are_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
