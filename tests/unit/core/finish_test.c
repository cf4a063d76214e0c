/* Finish: what the object store must do before a job's end is published. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scene.h"

static struct scene scene;

static int begin(void **state)
{
    (void)state;
    struct bs_core_options options = scene_options();
    options.object_tasks = 8;
    options.staging = options.transcripts = true;
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

/* Up to the check whose answer is the result. */
static void run_to_the_check(bool staged)
{
    struct bs_event event = scene_job_event(&scene, 0, 0);
    event.job.probe_wanted = staged;
    scene_event(&scene, event);
    if (staged) {
        scene_object(&scene, 0, 0,
                     (struct bs_object_answer){.outcome = BS_OBJECT_DONE, .stage_wanted = true});
        scene_object(&scene, 0, 0, (struct bs_object_answer){.outcome = BS_OBJECT_DONE});
    }
    scene_accepted(&scene, 0, 0, "a");
    scene_commit(&scene);
    while (strstr(scene.actions.text, "check 0:0") == NULL) {
        assert_true(scene_run(&scene, 10000000));
        if (scene.committing) {
            scene_transaction(&scene, BS_TRANSACTION_COMMITTED);
        }
    }
    scene_forget(&scene);
}

static void done(bool too_large)
{
    void *payload = malloc(1);
    assert_non_null(payload);
    scene_checked(&scene, 0, 0,
                  (struct bs_answer){.kind = BS_ANSWER_DONE,
                                     .payload = payload,
                                     .payload_size = 100,
                                     .payload_too_large = too_large});
}

static struct bs_object_answer stored(void)
{
    void *payload = malloc(1);
    assert_non_null(payload);
    return (struct bs_object_answer){
        .outcome = BS_OBJECT_DONE, .payload = payload, .payload_size = 10};
}

static struct bs_object_answer failed(enum bs_object_outcome outcome)
{
    return (struct bs_object_answer){.outcome = outcome, .message = "as the store said"};
}

/* Whether the job's end goes out within `ms`. */
static bool published(int64_t ms)
{
    bs_mono_ms from = scene.mono;
    do {
        if (strstr(scene.actions.text, "result 0:0") != NULL ||
            strstr(scene.actions.text, "dead-letter 0:0") != NULL) {
            return true;
        }
        if (scene.committing) {
            scene_transaction(&scene, BS_TRANSACTION_COMMITTED);
        }
    } while (scene.mono - from < ms && scene_run(&scene, ms));
    return false;
}

static void run_until_asked(const char *work)
{
    scene_forget(&scene);
    while (strstr(scene.actions.text, work) == NULL) {
        assert_true(scene_run(&scene, 10000000));
        if (scene.committing) {
            scene_transaction(&scene, BS_TRANSACTION_COMMITTED);
        }
    }
}

static void the_staged_copy_is_deleted_before_the_result_is_published(void **state)
{
    (void)state;
    run_to_the_check(true);
    done(false);
    assert_non_null(strstr(scene.actions.text, "unstage 0:0"));
    assert_false(published(60000));
    scene_object(&scene, 0, 0, (struct bs_object_answer){.outcome = BS_OBJECT_DONE});
    assert_true(published(1000));
}

static void a_deletion_that_is_refused_holds_no_result_back(void **state)
{
    (void)state;
    run_to_the_check(true);
    done(false);
    scene_forget(&scene);
    scene_object(&scene, 0, 0, failed(BS_OBJECT_DENIED));
    assert_non_null(strstr(scene.actions.text, "notice warn 0:0"));
    assert_true(published(1000));
}

static void a_deletion_that_fails_is_tried_a_few_times(void **state)
{
    (void)state;
    run_to_the_check(true);
    done(false);
    for (int attempt = 1; attempt < 6; attempt++) {
        scene_object(&scene, 0, 0, failed(BS_OBJECT_TEMPORARY));
        run_until_asked("unstage 0:0");
    }
    scene_object(&scene, 0, 0, failed(BS_OBJECT_TEMPORARY));
    assert_true(published(1000));
}

/* Six jobs have ended while the store answers nobody: one deletion tries for all, and none of them
 * is held for much longer than five minutes. */
static void an_outage_of_the_store_holds_no_result_back_for_long(void **state)
{
    (void)state;
    scene_assigned(&scene, 1);
    for (int64_t offset = 0; offset < 6; offset++) {
        struct bs_event record = scene_record(&scene, 1, offset, "a");
        record.restored.staged = true;
        scene_event(&scene, record);
    }
    scene_restored(&scene, 1, 6);
    int64_t results = 0, answered = 0, checked = 0;
    size_t asked = scene.object_count;
    bs_mono_ms from = scene.mono;
    bool told = false;
    while (results < 6 && scene.mono - from < 2000000) {
        scene_forget(&scene);
        assert_true(scene_run(&scene, 1000000));
        for (; (size_t)checked < scene.request_count; checked++) {
            scene_done(&scene, 1, scene.requests[checked].offset);
        }
        for (; asked < scene.object_count; asked++) {
            scene_object(&scene, 1, scene.objects[asked].offset, failed(BS_OBJECT_TEMPORARY));
            answered++;
        }
        told = told || scene_not_ready(&scene, BS_NOT_READY_STORE);
        results += scene_count(&scene, "commit result") > 0 ? 1 : 0;
        for (const char *at = scene.actions.text; (at = strstr(at, "; result ")) != NULL; at++) {
            results++;
        }
        if (scene.committing) {
            scene_transaction(&scene, BS_TRANSACTION_COMMITTED);
        }
    }
    assert_int_equal(results, 6);
    assert_in_range(answered, 3, 40);
    assert_true(told);
    assert_false(scene_not_ready(&scene, BS_NOT_READY_STORE)); /* nothing waits for it any more */
}

static void a_restored_operation_that_was_staged_has_its_copy_deleted(void **state)
{
    (void)state;
    scene_assigned(&scene, 1);
    struct bs_event record = scene_record(&scene, 1, 0, "a");
    record.restored.staged = true;
    scene_event(&scene, record);
    scene_restored(&scene, 1, 1);
    run_until_asked("check 1:0");
    scene_done(&scene, 1, 0);
    assert_non_null(strstr(scene.actions.text, "unstage 1:0"));
}

static void a_refused_submission_deletes_its_copy_too(void **state)
{
    (void)state;
    struct bs_event event = scene_job_event(&scene, 0, 0);
    event.job.probe_wanted = true;
    scene_event(&scene, event);
    scene_object(&scene, 0, 0,
                 (struct bs_object_answer){.outcome = BS_OBJECT_DONE, .stage_wanted = true});
    scene_object(&scene, 0, 0, (struct bs_object_answer){.outcome = BS_OBJECT_DONE});
    scene_forget(&scene);
    scene_submitted(&scene, 0, 0, scene_error(3, 400));
    assert_non_null(strstr(scene.actions.text, "unstage 0:0"));
}

/* The job came back while its submission was answered, and was being looked into again. */
static void a_look_that_ends_late_is_not_taken_for_the_deletion(void **state)
{
    (void)state;
    struct bs_object_answer looked = {.outcome = BS_OBJECT_DONE};
    struct bs_event job = scene_job_event(&scene, 0, 0);
    job.job.probe_wanted = true;
    scene_event(&scene, job);
    scene_object(&scene, 0, 0, looked);
    scene_lost(&scene, 0);
    scene_serve(&scene, 0);
    job = scene_job_event(&scene, 0, 0);
    job.job.probe_wanted = true;
    scene_event(&scene, job);
    scene_accepted(&scene, 0, 0, "a");
    scene_commit(&scene);
    run_until_asked("check 0:0");
    done(false);
    assert_non_null(strstr(scene.actions.text, "unstage 0:0"));
    struct bs_event late = {.kind = BS_EVENT_OBJECT};
    late.object.operation = scene.objects[1].operation;
    late.object.work = scene.works[1];
    late.object.answer = looked;
    assert_int_equal(late.object.work, BS_OBJECT_PROBE);
    scene_event(&scene, late);
    assert_false(published(60000));
    scene_object(&scene, 0, 0, looked);
    assert_true(published(1000));
}

static void a_large_result_is_stored_before_it_is_published(void **state)
{
    (void)state;
    run_to_the_check(false);
    done(true);
    scene_expect(&scene, "notice debug 0:0\nstore 0:0\n");
    assert_false(published(60000));
    scene_object(&scene, 0, 0, stored());
    assert_non_null(strstr(scene.actions.text, "release-payload"));
    assert_true(published(1000));
}

static void while_the_store_is_down_a_large_result_is_held_back(void **state)
{
    (void)state;
    run_to_the_check(false);
    done(true);
    for (int attempt = 0; attempt < 30; attempt++) {
        scene_object(&scene, 0, 0, failed(BS_OBJECT_TEMPORARY));
        assert_null(strstr(scene.actions.text, "release-payload"));
        run_until_asked("store 0:0");
    }
    assert_true(scene_not_ready(&scene, BS_NOT_READY_STORE));
    scene_object(&scene, 0, 0, stored());
    assert_false(scene_not_ready(&scene, BS_NOT_READY_STORE));
    assert_true(published(1000));
}

static void a_result_that_no_message_can_hold_waits_at_the_service(void **state)
{
    (void)state;
    run_to_the_check(false);
    done(true);
    scene_object(&scene, 0, 0, failed(BS_OBJECT_REFUSED));
    assert_non_null(strstr(scene.actions.text, "release-payload"));
    assert_true(scene_not_ready(&scene, BS_NOT_READY_TRANSCRIPT_STORE));
    run_until_asked("check 0:0");
    done(true);
    scene_object(&scene, 0, 0, stored());
    assert_true(published(1000));
    assert_false(scene_not_ready(&scene, BS_NOT_READY_TRANSCRIPT_STORE));
}

static void a_result_that_the_broker_refuses_is_stored_instead(void **state)
{
    (void)state;
    run_to_the_check(false);
    done(false);
    assert_true(published(1000));
    scene_forget(&scene);
    scene_transaction(&scene, BS_TRANSACTION_TOO_LARGE);
    assert_non_null(strstr(scene.actions.text, "store 0:0"));
    scene_object(&scene, 0, 0, stored());
    assert_true(published(10000));
    scene_forget(&scene);
    scene_transaction(&scene, BS_TRANSACTION_TOO_LARGE);
    assert_non_null(strstr(scene.actions.text, "release-payload"));
    assert_true(scene_not_ready(&scene, BS_NOT_READY_TRANSCRIPT_STORE));
}

static void a_stop_does_not_wait_for_the_store(void **state)
{
    (void)state;
    run_to_the_check(true);
    done(false);
    scene_stop(&scene);
    for (int i = 0; i < 10 && strstr(scene.actions.text, "stopped") == NULL; i++) {
        if (scene.committing) {
            scene_transaction(&scene, BS_TRANSACTION_COMMITTED);
        } else {
            scene_tick(&scene);
        }
    }
    assert_non_null(strstr(scene.actions.text, "stopped"));
    assert_null(strstr(scene.actions.text, "result 0:0"));
}

int main(void)
{
#define PROMISE(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        PROMISE(the_staged_copy_is_deleted_before_the_result_is_published),
        PROMISE(a_deletion_that_is_refused_holds_no_result_back),
        PROMISE(a_deletion_that_fails_is_tried_a_few_times),
        PROMISE(an_outage_of_the_store_holds_no_result_back_for_long),
        PROMISE(a_restored_operation_that_was_staged_has_its_copy_deleted),
        PROMISE(a_refused_submission_deletes_its_copy_too),
        PROMISE(a_look_that_ends_late_is_not_taken_for_the_deletion),
        PROMISE(a_large_result_is_stored_before_it_is_published),
        PROMISE(while_the_store_is_down_a_large_result_is_held_back),
        PROMISE(a_result_that_no_message_can_hold_waits_at_the_service),
        PROMISE(a_result_that_the_broker_refuses_is_stored_instead),
        PROMISE(a_stop_does_not_wait_for_the_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
