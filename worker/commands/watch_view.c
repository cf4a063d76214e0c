/* The picture. Three blocks stand beside each other where there is room for them, the jobs, the
 * pace, and what it comes to; the workers stand below, a line each. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "commands/watch_picture.h"
#include "formats/plain_text.h"

#define JOBS_WIDTH   36 /* the least */
#define PACE_WIDTH   41
#define RESULT_WIDTH 60 /* the least where it stands beside the others */
#define GAP          3
#define NUMBER_WIDTH 10
#define LABEL_WIDTH  14
#define COLUMN_LEAST 8 /* a number of seven, and a space before it */
#define CODES_SHOWN  7 /* where not every line is welcome */

static struct bs_block new_block(const struct bs_watch_picture *picture, int width)
{
    return (struct bs_block){
        .width = width, .color = picture->style->color, .ascii = picture->style->ascii};
}

static void flush(const struct bs_watch_picture *picture, struct bs_block *block)
{
    const struct bs_block *one = block;
    bs_block_join(&one, 1, 0, picture->out);
    bs_block_free(block);
}

static const char *number(const struct bs_block *block, double value,
                          char text[BS_WATCH_WORDS_SIZE])
{
    return bs_watch_number(value, 0, block->ascii, text);
}

/* ---- the head ---------------------------------------------------------------------------------
 */

static void draw_bar(struct bs_block *block, double part, int columns)
{
    static const char *const eighths[] = {"",
                                          "\xe2\x96\x8f", /* U+258F … U+2589 */
                                          "\xe2\x96\x8e",
                                          "\xe2\x96\x8d",
                                          "\xe2\x96\x8c",
                                          "\xe2\x96\x8b",
                                          "\xe2\x96\x8a",
                                          "\xe2\x96\x89"};
    struct bs_buffer full = {0}, rest = {0};
    double cells = part * columns;
    int whole = (int)cells, eighth = (int)((cells - whole) * 8);
    for (int i = 0; i < whole; i++) {
        bs_buffer_append(&full, block->ascii ? "#" : "\xe2\x96\x88", block->ascii ? 1 : 3);
    }
    if (!block->ascii && whole < columns && eighth > 0) {
        bs_buffer_append(&full, eighths[eighth], 3);
        whole++;
    }
    for (int i = whole; i < columns; i++) {
        bs_buffer_append(&rest, block->ascii ? "." : "\xe2\x96\x91", block->ascii ? 1 : 3);
    }
    bs_buffer_append(&full, "", 1);
    bs_buffer_append(&rest, "", 1);
    bs_block_put(block, BS_INK_GOOD, columns, (const char *)full.data);
    bs_block_put(block, BS_INK_DIM, columns, (const char *)rest.data);
    bs_buffer_free(&full);
    bs_buffer_free(&rest);
}

/* Rounded down: 100 % is only what is done. */
static void percent(double part, char text[BS_WATCH_WORDS_SIZE])
{
    (void)snprintf(text, BS_WATCH_WORDS_SIZE, "%.1f %%", floor(part * 1000) / 10);
}

static void draw_title(const struct bs_watch_picture *picture, struct bs_block *block)
{
    char at[BS_RFC3339_SIZE + 8], group[400];
    bs_rfc3339_format(picture->facts->at, at);
    at[10] = ' ';
    (void)snprintf(at + 19, sizeof at - 19, " UTC");
    int for_time = (int)strlen(at) + 2;
    (void)snprintf(group, sizeof group, "  group %.300s", picture->facts->config->group);
    bs_block_put(block, BS_INK_BOLD, 0, "backscribe");
    if (bs_block_room(block) > for_time + 16) {
        bs_block_put(block, BS_INK_PLAIN, bs_block_room(block) - for_time, group);
        bs_block_right(block, BS_INK_DIM, bs_block_room(block), at);
    } else {
        bs_block_put(block, BS_INK_PLAIN, 0, group);
    }
}

/* What is shown of Kafka is of the last time that it answered. */
static void draw_kafka_problem(const struct bs_watch_facts *facts, struct bs_block *block)
{
    char text[400], age[BS_WATCH_WORDS_SIZE];
    if (facts->kafka_problem[0] == '\0') {
        return;
    }
    int size = 0;
    if (facts->progress_at != 0) {
        double seconds = (double)(facts->at - facts->progress_at) / 1000;
        size = snprintf(text, sizeof text, "Kafka's figures are %s old: ",
                        bs_watch_duration(fmax(seconds, 0), false, age));
    }
    (void)snprintf(text + size, sizeof text - (size_t)size, "%s", facts->kafka_problem);
    bs_block_line(block);
    bs_block_wrap(block, BS_INK_BAD, 0, text);
}

static void draw_head(const struct bs_watch_picture *picture)
{
    const struct bs_watch_sums *sums = picture->sums;
    struct bs_block block = new_block(picture, picture->style->columns);
    char text[200], words[BS_WATCH_WORDS_SIZE], all[BS_WATCH_WORDS_SIZE];
    draw_title(picture, &block);
    bs_block_line(&block);
    if (sums->known && sums->jobs == 0) {
        bs_block_put(&block, BS_INK_BOLD, 0, "no jobs yet");
    } else if (sums->known) {
        double part = (double)sums->answered / (double)sums->jobs;
        percent(part, words);
        (void)snprintf(text, sizeof text, " %s of %s jobs", words,
                       number(&block, (double)sums->jobs, all));
        int for_bar = block.width - bs_plain_text_columns(text, block.ascii);
        if (for_bar >= 10) {
            draw_bar(&block, part, for_bar);
        }
        bs_block_put(&block, BS_INK_BOLD, 0, text);
    } else {
        bs_block_wrap(&block, BS_INK_BAD, 0,
                      picture->facts->kafka_problem[0] != '\0'
                          ? "How many jobs there are is not known"
                          : "Kafka has not answered yet: how many jobs there are is not known");
    }
    draw_kafka_problem(picture->facts, &block);
    bs_block_line(&block);
    flush(picture, &block);
}

/* ---- the jobs ---------------------------------------------------------------------------------
 */

static void draw_count(struct bs_block *block, enum bs_ink ink, double value, const char *label)
{
    char text[BS_WATCH_WORDS_SIZE];
    bs_block_line(block);
    bs_block_right(block, ink, NUMBER_WIDTH, number(block, value, text));
    bs_block_put(block, BS_INK_PLAIN, 0, "  ");
    bs_block_put(block, ink, 0, label);
}

static void draw_codes(const struct bs_watch_picture *picture, struct bs_block *block)
{
    const int64_t *by_code = picture->facts->failures.by_code;
    bool shown[BS_WATCH_OTHER_CODE + 1] = {false};
    int64_t rest = 0;
    int codes = 0, most = picture->style->rows > 60 ? BS_WATCH_OTHER_CODE + 1 : CODES_SHOWN;
    for (int code = 0; code <= BS_WATCH_OTHER_CODE; code++) {
        codes += by_code[code] > 0;
        rest += by_code[code];
    }
    for (int drawn = 0; drawn < (codes > most ? most - 1 : codes); drawn++) {
        int greatest = -1;
        for (int code = 0; code <= BS_WATCH_OTHER_CODE; code++) {
            bool greater = greatest < 0 || by_code[code] > by_code[greatest];
            greatest = !shown[code] && by_code[code] > 0 && greater ? code : greatest;
        }
        char label[64];
        (void)snprintf(label, sizeof label, "  %s",
                       greatest == BS_WATCH_OTHER_CODE
                           ? "of another code"
                           : bs_dead_letter_code_name((enum bs_dead_letter_code)greatest));
        draw_count(block, BS_INK_PLAIN, (double)by_code[greatest], label);
        shown[greatest] = true;
        rest -= by_code[greatest];
    }
    if (codes > most) {
        char label[64];
        (void)snprintf(label, sizeof label, "  of %d more codes", codes - most + 1);
        draw_count(block, BS_INK_PLAIN, (double)rest, label);
    }
}

static void draw_jobs(const struct bs_watch_picture *picture, struct bs_block *block)
{
    const struct bs_watch_sums *sums = picture->sums;
    const struct bs_watch_failures *failures = &picture->facts->failures;
    char label[96] = "failed";
    double unknown = NAN;
    bool exact = sums->exact || !sums->known;
    draw_count(block, BS_INK_PLAIN, sums->known ? (double)sums->backlog : unknown,
               exact ? "backlog, to be submitted" : "backlog at the most");
    draw_count(block, BS_INK_PLAIN, sums->known ? (double)sums->in_flight : unknown,
               exact ? "in flight, paid for" : "in flight");
    if (sums->done >= 0) {
        draw_count(block, BS_INK_PLAIN, (double)sums->done, exact ? "done" : "done at the least");
    } else {
        draw_count(block, BS_INK_PLAIN, sums->known ? (double)sums->answered : unknown,
                   "done and failed");
    }
    if (sums->lost > 0) {
        draw_count(block, BS_INK_BAD, (double)sums->lost, "lost to retention");
    }
    if (failures->problem[0] != '\0') {
        (void)snprintf(label, sizeof label, "failed, as far as known");
    } else if (!failures->complete) {
        (void)snprintf(label, sizeof label, "failed, %.0f %% read", failures->part * 100);
    } else if (sums->known && sums->answered > 0 && sums->failed > 0) {
        (void)snprintf(label, sizeof label, "failed, %.1f %%",
                       fmin((double)sums->failed / (double)sums->answered, 1) * 100);
    }
    draw_count(block, sums->failed > 0 ? BS_INK_BAD : BS_INK_PLAIN,
               sums->failed >= 0 ? (double)sums->failed : unknown, label);
    draw_codes(picture, block);
}

/* ---- the pace ---------------------------------------------------------------------------------
 */

/* Of the three columns those for which there is room. */
static int columns_shown(const struct bs_block *block)
{
    int count = (block->width - LABEL_WIDTH) / COLUMN_LEAST;
    return count < 1 ? 1 : count > 3 ? 3 : count;
}

static int column_width(const struct bs_block *block)
{
    int width = (block->width - LABEL_WIDTH) / columns_shown(block);
    return width < 1 ? 1 : width > 9 ? 9 : width;
}

static void draw_row(struct bs_block *block, enum bs_ink ink, const char *label, const char *first,
                     const char *second, const char *third)
{
    const char *const figures[] = {first, second, third};
    bs_block_line(block);
    bs_block_left(block, ink, LABEL_WIDTH, label);
    for (int i = 0; i < columns_shown(block); i++) {
        bs_block_right(block, ink, column_width(block), figures[i]);
    }
}

static void draw_figures(struct bs_block *block, const char *label, double first, double second,
                         double third)
{
    char one[BS_WATCH_WORDS_SIZE], two[BS_WATCH_WORDS_SIZE], three[BS_WATCH_WORDS_SIZE];
    draw_row(block, BS_INK_PLAIN, label, bs_watch_short(first, block->ascii, one),
             bs_watch_short(second, block->ascii, two), bs_watch_short(third, block->ascii, three));
}

static void draw_quality(const struct bs_watch_sums *sums, struct bs_block *block)
{
    char text[160], mean[BS_WATCH_WORDS_SIZE], most[BS_WATCH_WORDS_SIZE];
    if (!isnan(sums->checks_per_result)) {
        bs_block_line(block);
        bs_block_left(block, BS_INK_PLAIN, LABEL_WIDTH, "checks each");
        (void)snprintf(text, sizeof text, "%.2f", sums->checks_per_result);
        bs_block_right(block, BS_INK_PLAIN, column_width(block), text);
    }
    if (!isnan(sums->delay_mean_seconds)) {
        bs_block_line(block);
        bs_block_left(block, BS_INK_PLAIN, LABEL_WIDTH, "found after");
        bs_block_right(block, BS_INK_PLAIN, column_width(block),
                       bs_watch_duration(sums->delay_mean_seconds, true, mean));
        (void)snprintf(text, sizeof text, "p99 %s",
                       bs_watch_duration(sums->delay_p99_seconds, true, most));
        if (columns_shown(block) == 3) {
            bs_block_right(block, BS_INK_PLAIN, 2 * column_width(block), text);
        }
    }
}

static void draw_pace(const struct bs_watch_picture *picture, struct bs_block *block)
{
    const struct bs_watch_sums *sums = picture->sums;
    const struct bs_watch_rate *rates = sums->rates;
    draw_row(block, BS_INK_BOLD, "An hour, over", "1 min", "10 min", "60 min");
    draw_figures(block, sums->rates_of_workers ? "answered" : "published", rates[0].answers_an_hour,
                 rates[1].answers_an_hour, rates[2].answers_an_hour);
    if (sums->answering > 0) {
        char window[BS_WATCH_WORDS_SIZE], label[96];
        draw_figures(block, "submitted", rates[0].submissions_an_hour, rates[1].submissions_an_hour,
                     rates[2].submissions_an_hour);
        draw_figures(block, "checked", rates[0].checks_an_hour, rates[1].checks_an_hour,
                     rates[2].checks_an_hour);
        draw_quality(sums, block);
        const struct bs_watch_quota *quotas = sums->quotas;
        (void)snprintf(label, sizeof label, "Quota, %s",
                       bs_watch_duration(quotas[BS_QUOTA_SUBMISSIONS].seconds, false, window));
        bs_block_line(block);
        draw_row(block, BS_INK_BOLD, label, "used", "left", "of");
        for (int kind = 0; kind < BS_QUOTA_KINDS; kind++) {
            static const char *const names[] = {"submissions", "checks", "billed h a day"};
            double unit = kind == BS_QUOTA_BILLED_SECONDS ? 3600 : 1;
            draw_figures(block, names[kind], quotas[kind].used / unit, quotas[kind].left / unit,
                         quotas[kind].limit / unit);
        }
    }
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static void draw_body(const struct bs_watch_picture *picture)
{
    int width = picture->style->columns;
    bool two = width >= JOBS_WIDTH + GAP + PACE_WIDTH;
    bool three = width >= JOBS_WIDTH + 4 + PACE_WIDTH + RESULT_WIDTH + 2 * GAP;
    int spare = width - JOBS_WIDTH - PACE_WIDTH - GAP;
    int jobs_width = two ? JOBS_WIDTH + (spare < 4 ? spare : 4) : width;
    struct bs_block jobs = new_block(picture, jobs_width);
    struct bs_block pace = new_block(picture, two ? PACE_WIDTH : width);
    struct bs_block results =
        new_block(picture, three ? width - jobs_width - PACE_WIDTH - 2 * GAP : width);
    draw_jobs(picture, &jobs);
    draw_pace(picture, &pace);
    bs_watch_draw_results(picture, &results);
    const struct bs_block *beside[] = {&jobs, &pace, &results};
    bs_block_join(beside, three ? 3 : two ? 2 : 1, GAP, picture->out);
    for (int i = three ? 3 : two ? 2 : 1; i < 3; i++) {
        bs_buffer_append(picture->out, "\n", 1);
        bs_block_join(&beside[i], 1, 0, picture->out);
    }
    bs_block_free(&jobs);
    bs_block_free(&pace);
    bs_block_free(&results);
}

static int count_lines(const struct bs_buffer *out, size_t from)
{
    int lines = 0;
    for (size_t at = from; at < out->size; at++) {
        lines += out->data[at] == '\n';
    }
    return lines;
}

/* Of too many lines the empty ones go first, the lowest before the others. */
static void squeeze(struct bs_buffer *out, size_t from, int rows)
{
    int lines = count_lines(out, from);
    for (size_t at = out->size; at > from + 1 && lines > rows; at--) {
        if (out->data[at - 1] == '\n' && out->data[at - 2] == '\n') {
            memmove(out->data + at - 1, out->data + at, out->size - at);
            out->size--;
            lines--;
        }
    }
}

/* Then the last ones, and a line says so. */
static void cut_rows(const struct bs_watch_picture *picture, size_t from)
{
    struct bs_buffer *out = picture->out;
    int rows = picture->style->rows, lines, kept = 0;
    squeeze(out, from, rows);
    lines = count_lines(out, from);
    if (lines <= rows) {
        return;
    }
    size_t keep = from;
    while (kept < rows - 1) {
        kept += out->data[keep++] == '\n';
    }
    char text[64];
    struct bs_block block = new_block(picture, picture->style->columns);
    (void)snprintf(text, sizeof text, "and %d more lines", lines - kept);
    out->size = keep;
    bs_block_put(&block, BS_INK_DIM, 0, text);
    flush(picture, &block);
}

void bs_watch_view(const struct bs_watch_facts *facts, const struct bs_watch_sums *sums,
                   const struct bs_watch_style *style, struct bs_buffer *out)
{
    const struct bs_watch_picture picture = {
        .facts = facts, .sums = sums, .style = style, .out = out};
    size_t from = out->size;
    struct bs_block below = new_block(&picture, style->columns);
    draw_head(&picture);
    draw_body(&picture);
    bs_block_line(&below);
    bs_watch_draw_workers(&picture, &below);
    flush(&picture, &below);
    cut_rows(&picture, from);
}
