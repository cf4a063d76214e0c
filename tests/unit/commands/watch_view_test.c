/* The picture: the same facts in several widths, locales and inks, held against those that somebody
 * has looked at (the folder pictures; BACKSCRIBE_DRAW=1 draws them anew). */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "formats/plain_text.h"
#include "watch_scene.h"

static struct watch_scene scene;

static int begin(void **state)
{
    (void)state;
    watch_scene_begin(&scene);
    scene.config.price.billed_hour = 60.5;
    scene.config.limits.billed_hours = 3000;
    return 0;
}

static int end(void **state)
{
    (void)state;
    watch_scene_end(&scene);
    return 0;
}

/* The caller frees it. */
static struct bs_buffer draw(int columns, int rows, bool color, bool ascii)
{
    const struct bs_watch_style style = {columns, rows, color, ascii};
    struct bs_buffer picture = {0};
    bs_watch_sum(&scene.facts, &scene.sums);
    bs_watch_view(&scene.facts, &scene.sums, &style, &picture);
    return picture;
}

static void assert_fits(const struct bs_buffer *picture, int columns, int rows, bool ascii)
{
    int lines = 0;
    for (size_t at = 0; at < picture->size; lines++) {
        const uint8_t *newline = memchr(picture->data + at, '\n', picture->size - at);
        assert_non_null(newline);
        size_t size = (size_t)(newline - picture->data) - at;
        char line[8192];
        assert_true(size < sizeof line);
        memcpy(line, picture->data + at, size);
        line[size] = '\0';
        assert_true(bs_plain_text_columns(line, false) <= columns);
        for (size_t i = 0; i < size; i++) {
            assert_true(!ascii || (line[i] >= ' ' && line[i] <= '~'));
        }
        assert_true(size == 0 || line[size - 1] != ' ');
        at += size + 1;
    }
    assert_true(lines <= rows);
}

static void assert_picture(const char *name, int columns, int rows, bool color, bool ascii)
{
    char path[1024];
    struct bs_buffer picture = draw(columns, rows, color, ascii);
    (void)snprintf(path, sizeof path, PICTURES "/%s.txt", name);
    if (getenv("BACKSCRIBE_DRAW") != NULL) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_int_equal(fwrite(picture.data, 1, picture.size, file), picture.size);
        assert_int_equal(fclose(file), 0);
    }
    if (!color) {
        assert_fits(&picture, columns, rows, ascii);
    }
    char *expected = calloc(1, 65536);
    assert_non_null(expected);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_true(fread(expected, 1, 65535, file) > 0);
    assert_int_equal(fclose(file), 0);
    bs_buffer_append(&picture, "", 1);
    assert_string_equal((const char *)picture.data, expected);
    free(expected);
    bs_buffer_free(&picture);
}

/* ---- pictures ---------------------------------------------------------------------------------
 */

static void it_looks_right_in_every_width_and_locale(void **state)
{
    (void)state;
    assert_picture("80", 80, 1000, false, false);
    assert_picture("80-ascii", 80, 1000, false, true);
    assert_picture("80-color", 80, 1000, true, false);
    assert_picture("200", 200, 1000, false, false);
    assert_picture("200-ascii", 200, 1000, false, true);
    assert_picture("40", 40, 1000, false, false);
    assert_picture("24", 24, 1000, false, false);
}

static void on_a_small_terminal_empty_lines_go_first(void **state)
{
    (void)state;
    assert_picture("80-23-rows", 80, 23, false, false);
    assert_picture("80-12-rows", 80, 12, false, false);
}

static void trouble_is_told_where_it_is(void **state)
{
    (void)state;
    struct bs_watch_facts *facts = &scene.facts;
    strcpy(facts->kafka_problem, "looking at topic transcription-jobs: no broker answers");
    struct bs_worker_status *status = watch_scene_worker(&scene, 0);
    status->ready = false;
    strcpy(status->reason, "credentials_rejected");
    strcpy(status->reason_text, "the API answers 401 also after the credential was got again: "
                                "put a valid key into the file");
    facts->workers[1].answered = false;
    strcpy(facts->workers[1].problem, "does not answer: Couldn't connect to server");
    facts->members = 3;
    facts->progress_at -= 95000;
    scene.config.limits.billed_hours = 2000;
    facts->failures.complete = false;
    facts->failures.part = 0.431;
    assert_picture("trouble-80", 80, 1000, false, false);
}

static void where_many_failed_for_free_the_bill_is_a_range(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        watch_scene_worker(&scene, i)->results = 25000;
        watch_scene_worker(&scene, i)->dead_letters = 25000;
    }
    assert_picture("free-failures-80", 80, 1000, false, false);
}

static void without_workers_it_says_what_it_cannot_know(void **state)
{
    (void)state;
    watch_scene_without_workers(&scene);
    assert_picture("no-worker-80", 80, 1000, false, false);
    scene.facts.progress.partitions[0].log_start = 60000;
    assert_picture("lost-80", 80, 1000, false, false);
    for (int i = 0; i < 2; i++) {
        scene.facts.progress.partitions[i] = (struct bs_partition_progress){-1, 0, 0, -1, -1};
    }
    memset(&scene.facts.failures.by_code, 0, sizeof scene.facts.failures.by_code);
    assert_picture("no-jobs-80", 80, 1000, false, false);
    scene.facts.progress_at = 0;
    scene.facts.failures.complete = false;
    scene.facts.failures.part = 0;
    strcpy(scene.facts.kafka_problem, "looking at topic transcription-jobs: no broker answers");
    assert_picture("nothing-80", 80, 1000, false, false);
}

/* ---- whatever it is told ----------------------------------------------------------------------
 */

static void make_hostile(void)
{
    for (size_t i = 0; i < 2; i++) {
        struct bs_worker_status *status = watch_scene_worker(&scene, i);
        for (size_t j = 0; j + 4 < sizeof status->worker; j += 3) {
            memcpy(status->worker + j, "\xe6\x97\xa5", 4);
        }
        memset(status->oldest.id, 'x', sizeof status->oldest.id - 1);
        memcpy(status->oldest.id + 5, "\x1b[31m", 5);
        memset(status->oldest.operation_id, 'o', sizeof status->oldest.operation_id - 1);
        status->ready = false;
        memset(status->reason_text, 'r', sizeof status->reason_text - 1);
        status->in_flight = INT64_C(9000000000000000);
        status->uptime_seconds = 9e15;
        status->oldest.age_seconds = 9e15;
    }
    for (int code = 0; code <= BS_WATCH_OTHER_CODE; code++) {
        scene.facts.failures.by_code[code] = 1000000000 + code;
    }
    scene.facts.progress.partitions[0].log_end = INT64_C(9000000000000000);
}

static void no_line_is_ever_wider_than_the_terminal(void **state)
{
    (void)state;
    for (int hostile = 0; hostile < 2; hostile++) {
        for (int columns = 1; columns < 260; columns++) {
            struct bs_buffer picture = draw(columns, 1000, false, columns % 2 == 0);
            assert_fits(&picture, columns, 1000, columns % 2 == 0);
            bs_buffer_free(&picture);
        }
        make_hostile();
    }
}

static void nothing_of_what_it_is_told_reaches_the_terminal_as_a_command(void **state)
{
    (void)state;
    make_hostile();
    struct bs_buffer picture = draw(120, 1000, false, false);
    assert_null(memchr(picture.data, '\x1b', picture.size));
    bs_buffer_free(&picture);
}

/* The caller frees it; it ends with a NUL. */
static struct bs_buffer write(void (*writer)(const struct bs_watch_facts *facts,
                                             const struct bs_watch_sums *sums,
                                             struct bs_buffer *out))
{
    struct bs_buffer text = {0};
    bs_watch_sum(&scene.facts, &scene.sums);
    writer(&scene.facts, &scene.sums, &text);
    bs_buffer_append(&text, "", 1);
    return text;
}

static void what_is_lost_and_what_is_unread_stands_in_the_line_and_the_object(void **state)
{
    (void)state;
    watch_scene_without_workers(&scene);
    scene.facts.progress.partitions[0].log_start = 60000;
    memset(&scene.facts.failures, 0, sizeof scene.facts.failures);
    struct bs_buffer line = write(bs_watch_line), object = write(bs_watch_json);
    assert_non_null(strstr((const char *)line.data, " lost=9800 exact=false failed_read=0%"));
    assert_non_null(strstr((const char *)object.data, "\"lost\":9800,"));
    assert_non_null(strstr((const char *)object.data, "\"failed\":{\"total\":null,"));
    bs_buffer_free(&line);
    bs_buffer_free(&object);
}

static void a_line_is_one_line(void **state)
{
    (void)state;
    struct bs_buffer line = {0};
    bs_watch_sum(&scene.facts, &scene.sums);
    bs_watch_line(&scene.facts, &scene.sums, &line);
    bs_buffer_append(&line, "", 1);
    assert_string_equal(
        (const char *)line.data,
        "time=2026-07-06T10:00:00.000Z jobs=200000 backlog=99600 in_flight=400 done=98000 "
        "failed=2000 failed_invalid_job=34 failed_unsupported_audio=466 "
        "failed_audio_not_found=1500 per_hour_1m=480 per_hour_10m=492 per_hour_60m=510 "
        "checks_a_result=1.25 detection_seconds=10.0 submissions_left=10 checks_left=1500 "
        "billed_hours_left_today=9850 billed_hours=1255.0 billed_hours_expected=2500.0 "
        "cost=75927.50 cost_expected=151250.00 budget_hours_left=1745.0 "
        "left=\"8 d 7 h to 10 d 20 h\" because=\"the submission quota is the slowest\" "
        "oldest_seconds=7980 workers=2/2\n");
    bs_buffer_free(&line);
}

#define OF(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL) {
        return 1; /* every Debian has it */
    }
    const struct CMUnitTest tests[] = {
        OF(it_looks_right_in_every_width_and_locale),
        OF(on_a_small_terminal_empty_lines_go_first),
        OF(trouble_is_told_where_it_is),
        OF(where_many_failed_for_free_the_bill_is_a_range),
        OF(without_workers_it_says_what_it_cannot_know),
        OF(no_line_is_ever_wider_than_the_terminal),
        OF(nothing_of_what_it_is_told_reaches_the_terminal_as_a_command),
        OF(what_is_lost_and_what_is_unread_stands_in_the_line_and_the_object),
        OF(a_line_is_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
