/* Submit: when the next recording may be submitted, and what its answer means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "scene.h"

static struct scene scene;

static void begin(const struct bs_core_options *options)
{
    scene_begin(&scene, options);
    scene_serve(&scene, 0);
}

static int begin_usual(void **state)
{
    (void)state;
    struct bs_core_options options = scene_options();
    begin(&options);
    return 0;
}

static int end(void **state)
{
    (void)state;
    scene_end(&scene);
    return 0;
}

/* Runs on until something is sent, and tells how long that took. */
static int64_t waited(int64_t most_ms)
{
    bs_mono_ms from = scene.mono;
    scene_forget(&scene);
    while (strstr(scene.actions.text, "submit 0:") == NULL && scene.mono - from < most_ms) {
        scene_forget(&scene);
        if (!scene_run(&scene, most_ms)) {
            break;
        }
        if (strstr(scene.actions.text, "commit") != NULL) {
            scene_transaction(&scene, BS_TRANSACTION_COMMITTED);
        }
    }
    return scene.mono - from;
}

/* Of the job that was submitted last. */
static int64_t newest_offset(void)
{
    return scene.requests[scene.request_count - 1].offset;
}

static void an_accepted_submission_is_recorded_within_milliseconds(void **state)
{
    (void)state;
    scene_job(&scene, 0, 0);
    scene_accepted(&scene, 0, 0, "a");
    scene_expect(&scene, "submit 0:0 e1 #1\nnotice debug 0:0\n");
    assert_in_range(scene.deadline - scene.mono, 0, 10);
    scene_tick(&scene);
    scene_expect(&scene, "commit record 0:0 subs=1 op=a; control 0 e1 w=1 p=0;\n");
}

static void no_more_than_the_connections_are_used(void **state)
{
    (void)state;
    struct bs_core_options options = scene_options();
    options.connections = 2;
    scene_end(&scene);
    begin(&options);
    for (int64_t offset = 0; offset < 4; offset++) {
        scene_job(&scene, 0, offset);
    }
    scene_expect(&scene, "submit 0:0 e1 #1\nsubmit 0:1 e1 #1\n");
    scene_submitted(&scene, 0, 0, scene_error(3, 400));
    scene_expect(&scene, "notice warn 0:0\nsubmit 0:2 e1 #1\n");
}

static void temporary_errors_are_repeated_with_growing_waits(void **state)
{
    (void)state;
    static const int32_t codes[][2] = {{14, 503}, {13, 500}, {4, 504}, {2, 502}, {10, 409}};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        scene_job(&scene, 0, (int64_t)i);
        scene_submitted(&scene, 0, (int64_t)i, scene_error(codes[i][0], codes[i][1]));
        assert_null(strstr(scene.actions.text, "dead letter"));
        assert_in_range(waited(120000), 0, 120000);
        scene_accepted(&scene, 0, (int64_t)i, "a");
        scene_forget(&scene);
        scene_commit(&scene);
    }
}

static void each_repetition_has_a_number_of_its_own(void **state)
{
    (void)state;
    scene_job(&scene, 0, 0);
    scene_submitted(&scene, 0, 0, (struct bs_answer){.kind = BS_ANSWER_NOT_SENT});
    scene_expect(&scene, "submit 0:0 e1 #1\nnotice debug 0:0\n");
    (void)waited(10000);
    scene_expect(&scene, "submit 0:0 e1 #2\n");
}

static void retry_after_is_honoured(void **state)
{
    (void)state;
    struct bs_answer answer = scene_error(8, 429);
    answer.retry_after_ms = 45000;
    scene_job(&scene, 0, 0);
    scene_submitted(&scene, 0, 0, answer);
    assert_in_range(waited(120000), 45000, 46000);
}

static void a_429_holds_all_submissions_back(void **state)
{
    (void)state;
    scene_job(&scene, 0, 0);
    scene_submitted(&scene, 0, 0, scene_error(8, 429));
    scene_forget(&scene);
    scene_job(&scene, 0, 1);
    scene_expect(&scene, "");
    assert_true(waited(60000) < 60000);
    scene_forget(&scene);
    scene_job(&scene, 0, 2);
    scene_expect(&scene, ""); /* one request tries alone */
}

static void a_401_refreshes_the_credentials_once_then_waits_for_a_person(void **state)
{
    (void)state;
    scene_job(&scene, 0, 0);
    scene_forget(&scene);
    scene_submitted(&scene, 0, 0, scene_error(16, 401));
    scene_expect(&scene, "refresh-credentials\nnotice debug 0:0\n");
    scene_event(&scene, (struct bs_event){.kind = BS_EVENT_CREDENTIALS, .credentials = true});
    (void)waited(60000);
    assert_false(scene_not_ready(&scene, BS_NOT_READY_CREDENTIALS));
    scene_forget(&scene);
    scene_submitted(&scene, 0, 0, scene_error(16, 401));
    scene_expect(&scene, "notice error\nnotice error\nnotice debug 0:0\n");
    assert_true(scene_not_ready(&scene, BS_NOT_READY_CREDENTIALS));
    (void)waited(120000);
    scene_event(&scene, (struct bs_event){.kind = BS_EVENT_CREDENTIALS, .credentials = true});
    scene_accepted(&scene, 0, 0, "a");
    assert_false(scene_not_ready(&scene, BS_NOT_READY_CREDENTIALS) &&
                 scene_not_ready(&scene, BS_NOT_READY_PERMISSION));
}

static void what_a_person_can_mend_dead_letters_nothing(void **state)
{
    (void)state;
    static const int32_t codes[][2] = {{7, 403}, {5, 404}, {12, 501}, {2, 307}};
    static const enum bs_not_ready reasons[] = {BS_NOT_READY_PERMISSION, BS_NOT_READY_ENDPOINT,
                                                BS_NOT_READY_ENDPOINT, BS_NOT_READY_ENDPOINT};
    scene_job(&scene, 0, 0);
    for (size_t i = 0; i < 4; i++) {
        scene_forget(&scene);
        scene_submitted(&scene, 0, 0, scene_error(codes[i][0], codes[i][1]));
        assert_true(scene_not_ready(&scene, reasons[i]));
        assert_null(strstr(scene.actions.text, "dead"));
        (void)waited(120000);
    }
    scene_forget(&scene);
    scene_accepted(&scene, 0, 0, "a");
    assert_false(scene_not_ready(&scene, BS_NOT_READY_PERMISSION) ||
                 scene_not_ready(&scene, BS_NOT_READY_ENDPOINT));
}

static void an_invalid_argument_is_a_dead_letter_at_once(void **state)
{
    (void)state;
    scene_job(&scene, 0, 0);
    scene_submitted(&scene, 0, 0, scene_error(3, 400));
    scene_expect(&scene, "submit 0:0 e1 #1\nnotice warn 0:0\n");
    scene_tick(&scene);
    scene_expect(&scene, "commit dead-letter 0:0 submit invalid_argument; control 0 e1 w=1 p=1;\n");
}

static void refusals_in_a_row_stop_the_submissions(void **state)
{
    (void)state;
    struct bs_core_options options = scene_options();
    options.refusals_in_a_row = 2;
    options.connections = 1;
    scene_end(&scene);
    begin(&options);
    for (int64_t offset = 0; offset < 4; offset++) {
        scene_job(&scene, 0, offset);
    }
    for (int refusals = 0; refusals < 2; refusals++) {
        scene_submitted(&scene, 0, newest_offset(), scene_error(3, 400));
    }
    assert_true(scene_not_ready(&scene, BS_NOT_READY_REFUSALS));
    struct bs_view view;
    bs_core_view(scene.core, (struct bs_now){.mono = scene.mono, .wall = scene.wall}, &view);
    assert_int_equal(view.waiting, 2);

    (void)waited(120000); /* one of them tries, and is no dead letter though it is refused too */
    scene_submitted(&scene, 0, newest_offset(), scene_error(3, 400));
    assert_true(scene_not_ready(&scene, BS_NOT_READY_REFUSALS));
    bs_core_view(scene.core, (struct bs_now){.mono = scene.mono, .wall = scene.wall}, &view);
    assert_int_equal(view.waiting, 2);

    (void)waited(120000);
    scene_accepted(&scene, 0, newest_offset(), "a");
    assert_false(scene_not_ready(&scene, BS_NOT_READY_REFUSALS));
}

static void an_unknown_submission_is_told_and_repeated(void **state)
{
    (void)state;
    static const enum bs_answer_kind kinds[] = {BS_ANSWER_LOST, BS_ANSWER_UNREADABLE};
    for (int64_t i = 0; i < 2; i++) {
        scene_job(&scene, 0, i);
        scene_forget(&scene);
        scene_submitted(&scene, 0, i, (struct bs_answer){.kind = kinds[i]});
        scene_expect(&scene, i == 0 ? "notice warn 0:0\n" : "notice warn 0:1\n");
        (void)waited(60000);
        scene_expect(&scene, i == 0 ? "submit 0:0 e1 #2\n" : "submit 0:1 e1 #2\n");
        scene_accepted(&scene, 0, i, "a");
        scene_forget(&scene);
        scene_commit(&scene);
    }
}

static void an_unknown_submission_is_given_to_a_person_where_that_is_configured(void **state)
{
    (void)state;
    struct bs_core_options options = scene_options();
    options.dead_letter_unknown_submissions = true;
    scene_end(&scene);
    begin(&options);
    scene_job(&scene, 0, 0);
    scene_submitted(&scene, 0, 0, (struct bs_answer){.kind = BS_ANSWER_LOST});
    scene_expect(&scene, "submit 0:0 e1 #1\nnotice warn 0:0\nnotice warn 0:0\n");
    scene_tick(&scene);
    scene_expect(&scene,
                 "commit dead-letter 0:0 submit submission_unknown; control 0 e1 w=1 p=1;\n");
}

static void a_job_past_its_deadline_is_not_submitted(void **state)
{
    (void)state;
    struct bs_event job = scene_job_event(&scene, 0, 0);
    job.job.deadline = scene.wall - 1;
    scene_event(&scene, job);
    scene_expect(&scene, "notice warn 0:0\n");
    scene_tick(&scene);
    scene_expect(&scene,
                 "commit dead-letter 0:0 submit job_deadline_passed; control 0 e1 w=1 p=1;\n");
}

static void three_failures_in_a_row_hold_everybody_back(void **state)
{
    (void)state;
    for (int64_t offset = 0; offset < 3; offset++) {
        scene_job(&scene, 0, offset);
    }
    for (int64_t offset = 0; offset < 3; offset++) {
        scene_submitted(&scene, 0, offset, scene_error(14, 503));
    }
    scene_forget(&scene);
    scene_job(&scene, 0, 3);
    scene_expect(&scene, "");
}

static void a_stopping_worker_submits_nothing_more(void **state)
{
    (void)state;
    scene_job(&scene, 0, 0);
    scene_stop(&scene);
    scene_expect(&scene, "submit 0:0 e1 #1\n"); /* it waits for the answer */
    assert_false(bs_core_wants_jobs(scene.core));
    scene_submitted(&scene, 0, 0, (struct bs_answer){.kind = BS_ANSWER_NOT_SENT});
    scene_expect(&scene, "notice debug 0:0\nstopped\n");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin_usual, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_accepted_submission_is_recorded_within_milliseconds),
        TEST(no_more_than_the_connections_are_used),
        TEST(temporary_errors_are_repeated_with_growing_waits),
        TEST(each_repetition_has_a_number_of_its_own),
        TEST(retry_after_is_honoured),
        TEST(a_429_holds_all_submissions_back),
        TEST(a_401_refreshes_the_credentials_once_then_waits_for_a_person),
        TEST(what_a_person_can_mend_dead_letters_nothing),
        TEST(an_invalid_argument_is_a_dead_letter_at_once),
        TEST(refusals_in_a_row_stop_the_submissions),
        TEST(an_unknown_submission_is_told_and_repeated),
        TEST(an_unknown_submission_is_given_to_a_person_where_that_is_configured),
        TEST(a_job_past_its_deadline_is_not_submitted),
        TEST(three_failures_in_a_row_hold_everybody_back),
        TEST(a_stopping_worker_submits_nothing_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
