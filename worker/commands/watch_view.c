/* The picture. Three blocks stand beside each other where there is room for them, the jobs, the
 * pace, and what it comes to; the workers stand below, a line each. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "commands/watch.h"
#include "commands/watch_block.h"
#include "formats/plain_text.h"

#define JOBS_WIDTH   36 /* the least */
#define PACE_WIDTH   41
#define RESULT_WIDTH 60 /* the least where it stands beside the others */
#define GAP          3
#define NUMBER_WIDTH 10
#define COLUMN_WIDTH 9
#define LABEL_WIDTH  14
#define CODES_SHOWN  7 /* where not every line is welcome */

struct picture {
    const struct bs_watch_facts *facts;
    const struct bs_watch_sums *sums;
    const struct bs_watch_style *style;
    struct bs_buffer *out;
};

static struct bs_block new_block(const struct picture *picture, int width)
{
    return (struct bs_block){
        .width = width, .color = picture->style->color, .ascii = picture->style->ascii};
}

static void flush(const struct picture *picture, struct bs_block *block)
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

static void draw_title(const struct picture *picture, struct bs_block *block)
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

static void draw_head(const struct picture *picture)
{
    const struct bs_watch_sums *sums = picture->sums;
    struct bs_block block = new_block(picture, picture->style->columns);
    char text[200], words[BS_WATCH_WORDS_SIZE], all[BS_WATCH_WORDS_SIZE];
    draw_title(picture, &block);
    bs_block_line(&block);
    if (sums->known) {
        double part = sums->jobs > 0 ? (double)sums->answered / (double)sums->jobs : 1;
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
                      "Kafka has not answered yet: how many jobs there are is not known");
    }
    if (picture->facts->kafka_problem[0] != '\0') {
        bs_block_line(&block);
        bs_block_wrap(&block, BS_INK_BAD, 0, picture->facts->kafka_problem);
    }
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

static void draw_codes(const struct picture *picture, struct bs_block *block)
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

static void draw_jobs(const struct picture *picture, struct bs_block *block)
{
    const struct bs_watch_sums *sums = picture->sums;
    const struct bs_watch_failures *failures = &picture->facts->failures;
    char label[96] = "failed";
    double unknown = NAN;
    bool exact = sums->exact;
    draw_count(block, BS_INK_PLAIN, sums->known ? (double)sums->backlog : unknown,
               "backlog, to be submitted");
    draw_count(block, BS_INK_PLAIN, sums->known ? (double)sums->in_flight : unknown,
               exact ? "in flight, paid for" : "in flight at the most");
    if (sums->done >= 0) {
        draw_count(block, BS_INK_PLAIN, (double)sums->done, exact ? "done" : "done at the least");
    } else {
        draw_count(block, BS_INK_PLAIN, sums->known ? (double)sums->answered : unknown,
                   "done, failed ones included");
    }
    if (failures->problem[0] != '\0') {
        (void)snprintf(label, sizeof label, "failed, as far as known");
    } else if (!failures->complete) {
        (void)snprintf(label, sizeof label, "failed, %.0f %% of them read", failures->part * 100);
    } else if (sums->known && sums->answered > 0 && sums->failed > 0) {
        (void)snprintf(label, sizeof label, "failed, %.1f %%",
                       fmin((double)sums->failed / (double)sums->answered, 1) * 100);
    }
    draw_count(block, sums->failed > 0 ? BS_INK_BAD : BS_INK_PLAIN, (double)sums->failed, label);
    draw_codes(picture, block);
}

/* ---- the pace ---------------------------------------------------------------------------------
 */

static void draw_row(struct bs_block *block, enum bs_ink ink, const char *label, const char *first,
                     const char *second, const char *third)
{
    bs_block_line(block);
    bs_block_left(block, ink, LABEL_WIDTH, label);
    bs_block_right(block, ink, COLUMN_WIDTH, first);
    bs_block_right(block, ink, COLUMN_WIDTH, second);
    bs_block_right(block, ink, COLUMN_WIDTH, third);
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
        bs_block_right(block, BS_INK_PLAIN, COLUMN_WIDTH, text);
    }
    if (!isnan(sums->delay_mean_seconds)) {
        bs_block_line(block);
        bs_block_left(block, BS_INK_PLAIN, LABEL_WIDTH, "found after");
        bs_block_right(block, BS_INK_PLAIN, COLUMN_WIDTH,
                       bs_watch_duration(sums->delay_mean_seconds, true, mean));
        (void)snprintf(text, sizeof text, "99 %% in %s",
                       bs_watch_duration(sums->delay_p99_seconds, true, most));
        bs_block_right(block, BS_INK_PLAIN, 2 * COLUMN_WIDTH, text);
    }
}

static void draw_pace(const struct picture *picture, struct bs_block *block)
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
            static const char *const names[] = {"submissions", "checks", "hours a day"};
            double unit = kind == BS_QUOTA_BILLED_SECONDS ? 3600 : 1;
            draw_figures(block, names[kind], quotas[kind].used / unit, quotas[kind].left / unit,
                         quotas[kind].limit / unit);
        }
    }
}

/* ---- what it comes to -------------------------------------------------------------------------
 */

#define RESULT_LABEL 10

static void draw_result(struct bs_block *block, enum bs_ink ink, const char *label,
                        const char *text)
{
    bs_block_line(block);
    bs_block_left(block, BS_INK_BOLD, RESULT_LABEL, label);
    bs_block_wrap(block, ink, RESULT_LABEL, text);
}

static void draw_left(const struct bs_watch_sums *sums, struct bs_block *block)
{
    char words[200], text[500];
    bs_watch_left_words(&sums->left, words, sizeof words);
    bool because = sums->left.reason[0] != '\0';
    (void)snprintf(text, sizeof text, "%s%s%s", words, because ? "; " : "", sums->left.reason);
    draw_result(block, BS_INK_PLAIN, "Time left", text);
}

static void draw_money(const struct bs_watch_facts *facts, const struct bs_watch_sums *sums,
                       struct bs_block *block)
{
    char text[400], now[BS_WATCH_WORDS_SIZE], end[BS_WATCH_WORDS_SIZE];
    const struct bs_config *config = facts->config;
    bool ascii = block->ascii, more = sums->billed_expected > sums->billed_seconds;
    if (isnan(sums->billed_seconds)) {
        draw_result(block, BS_INK_PLAIN, "Billed", "not known");
    } else {
        int size = snprintf(text, sizeof text, "%s h %s",
                            bs_watch_number(sums->billed_seconds / 3600, 1, ascii, now),
                            sums->billed_of_kafka ? "so far" : "since the workers started");
        if (more) {
            (void)snprintf(text + size, sizeof text - (size_t)size, ", about %s h in the end",
                           bs_watch_number(sums->billed_expected / 3600, 1, ascii, end));
        }
        draw_result(block, BS_INK_PLAIN, "Billed", text);
    }
    if (!isnan(sums->cost)) {
        char each[BS_WATCH_WORDS_SIZE];
        const char *currency = config->price.currency;
        int size = snprintf(text, sizeof text, "%s %.20s",
                            bs_watch_number(sums->cost, 2, ascii, now), currency);
        if (more) {
            size += snprintf(text + size, sizeof text - (size_t)size,
                             " so far, about %s %.20s in the end",
                             bs_watch_number(sums->cost_expected, 2, ascii, end), currency);
        }
        (void)snprintf(text + size, sizeof text - (size_t)size, ", at %s an hour",
                       bs_watch_number(config->price.billed_hour, 2, ascii, each));
        draw_result(block, BS_INK_PLAIN, "Cost", text);
    }
    if (config->limits.billed_hours > 0) {
        bool known = !isnan(sums->budget_left_seconds);
        (void)snprintf(
            text, sizeof text, "%s h%s%s%s%s",
            bs_watch_number(config->limits.billed_hours, 1, ascii, now), known ? ", " : "",
            known ? bs_watch_number(sums->budget_left_seconds / 3600, 1, ascii, end) : "",
            known ? " h left" : "",
            sums->budget_too_small ? ": it ends before the backlog does" : "");
        draw_result(block, sums->budget_too_small ? BS_INK_BAD : BS_INK_PLAIN, "Budget", text);
    }
}

static void draw_oldest(const struct bs_watch_sums *sums, struct bs_block *block)
{
    char text[600], age[BS_WATCH_WORDS_SIZE];
    if (sums->oldest == NULL) {
        return;
    }
    const struct bs_worker_status *status = &sums->oldest->status;
    int size = snprintf(text, sizeof text, "%s, %s for %s", status->oldest.id, status->oldest.state,
                        bs_watch_duration(status->oldest.age_seconds, false, age));
    if (status->oldest.operation_id[0] != '\0') {
        (void)snprintf(text + size, sizeof text - (size_t)size,
                       ", %" PRId64 " check%s, operation %s", status->oldest.checks,
                       status->oldest.checks == 1 ? "" : "s", status->oldest.operation_id);
    }
    draw_result(block, BS_INK_PLAIN, "Oldest", text);
}

static void draw_results(const struct picture *picture, struct bs_block *block)
{
    draw_left(picture->sums, block);
    draw_money(picture->facts, picture->sums, block);
    draw_oldest(picture->sums, block);
}

/* ---- the workers ------------------------------------------------------------------------------
 */

struct column {
    const char *name;
    int width;
    int from; /* the least columns of the whole picture where it is shown */
};

enum {
    COLUMN_STATE,
    COLUMN_PARTS,
    COLUMN_WAITING,
    COLUMN_FLIGHT,
    COLUMN_RATE,
    COLUMN_OLDEST,
    COLUMN_UPTIME,
    COLUMN_VERSION,
    COLUMN_ADDRESS,
    WORKER_COLUMNS
};

static const struct column columns[WORKER_COLUMNS] = {
    [COLUMN_STATE] = {"state", 11, 0},         [COLUMN_PARTS] = {"parts", 6, 70},
    [COLUMN_WAITING] = {"waiting", 9, 78},     [COLUMN_FLIGHT] = {"in flight", 10, 0},
    [COLUMN_RATE] = {"an hour", 9, 60},        [COLUMN_OLDEST] = {"oldest", 11, 50},
    [COLUMN_UPTIME] = {"up", 11, 110},         [COLUMN_VERSION] = {"version", 12, 125},
    [COLUMN_ADDRESS] = {"  address", 26, 140},
};

static int name_width(int width)
{
    int others = 0;
    for (int i = 0; i < WORKER_COLUMNS; i++) {
        others += width >= columns[i].from ? columns[i].width : 0;
    }
    int left = width - others;
    return left < 8 ? 8 : left > 40 ? 40 : left;
}

static void draw_cell(struct bs_block *block, int column, enum bs_ink ink, const char *text)
{
    if (block->width < columns[column].from) {
        return;
    }
    if (column == COLUMN_ADDRESS) {
        bs_block_put(block, ink, 0, "  ");
        bs_block_left(block, ink, columns[column].width - 2, text);
    } else if (column == COLUMN_STATE) {
        bs_block_left(block, ink, columns[column].width, text);
    } else {
        bs_block_right(block, ink, columns[column].width, text);
    }
}

static void draw_worker(struct bs_block *block, const struct bs_watch_worker *worker)
{
    const struct bs_worker_status *status = &worker->status;
    const struct bs_status_rate *rate = &status->rates[0];
    char text[BS_WATCH_WORDS_SIZE];
    bool ascii = block->ascii;
    bs_block_line(block);
    bs_block_left(block, BS_INK_PLAIN, name_width(block->width) - 1, status->worker);
    bs_block_put(block, BS_INK_PLAIN, 0, " ");
    draw_cell(block, COLUMN_STATE, status->ready ? BS_INK_GOOD : BS_INK_BAD,
              status->ready ? "ready" : "not ready");
    draw_cell(block, COLUMN_PARTS, BS_INK_PLAIN,
              bs_watch_short(status->partition_count, ascii, text));
    draw_cell(block, COLUMN_WAITING, BS_INK_PLAIN,
              bs_watch_short((double)status->unsubmitted, ascii, text));
    draw_cell(block, COLUMN_FLIGHT, BS_INK_PLAIN,
              bs_watch_short((double)status->in_flight, ascii, text));
    double answers =
        rate->seconds > 0 ? (rate->results + rate->dead_letters) / rate->seconds * 3600 : NAN;
    draw_cell(block, COLUMN_RATE, BS_INK_PLAIN, bs_watch_short(answers, ascii, text));
    draw_cell(block, COLUMN_OLDEST, BS_INK_PLAIN,
              status->oldest.known ? bs_watch_duration(status->oldest.age_seconds, false, text)
                                   : bs_watch_short(NAN, ascii, text));
    draw_cell(block, COLUMN_UPTIME, BS_INK_PLAIN,
              bs_watch_duration(status->uptime_seconds, false, text));
    draw_cell(block, COLUMN_VERSION, BS_INK_PLAIN, status->version);
    draw_cell(block, COLUMN_ADDRESS, BS_INK_PLAIN, worker->address);
    if (!status->ready) {
        char reason[700];
        (void)snprintf(reason, sizeof reason, "%s: %s", status->reason, status->reason_text);
        bs_block_line(block);
        bs_block_indent(block, 2);
        bs_block_put(block, BS_INK_BAD, 0, reason);
    }
}

static void draw_workers(const struct picture *picture, struct bs_block *block)
{
    const struct bs_watch_facts *facts = picture->facts;
    if (facts->worker_count > 0) {
        bs_block_line(block);
        bs_block_left(block, BS_INK_BOLD, name_width(block->width), "Worker");
        for (int i = 0; i < WORKER_COLUMNS; i++) {
            draw_cell(block, i, BS_INK_BOLD, i == COLUMN_ADDRESS ? "address" : columns[i].name);
        }
    }
    for (size_t i = 0; i < facts->worker_count; i++) {
        const struct bs_watch_worker *worker = &facts->workers[i];
        if (worker->answered) {
            draw_worker(block, worker);
            continue;
        }
        bs_block_line(block);
        bs_block_put(block, BS_INK_PLAIN, 0, worker->address);
        bs_block_put(block, BS_INK_PLAIN, 0, "  ");
        bs_block_put(block, BS_INK_WARN, 0, worker->problem);
    }
}

static void draw_notes(const struct picture *picture, struct bs_block *block)
{
    const struct bs_watch_facts *facts = picture->facts;
    const struct bs_watch_sums *sums = picture->sums;
    char text[500];
    if (sums->answering == 0) {
        bs_block_line(block);
        bs_block_wrap(block, BS_INK_WARN, 0,
                      facts->worker_count == 0 && facts->members == 0
                          ? "No worker runs: nobody is a member of the group."
                          : "No worker answers, so checks, quotas and the oldest operation are "
                            "not known: name them with --worker HOST:PORT.");
    } else if (facts->members > 0 && (size_t)facts->members > sums->answering) {
        (void)snprintf(text, sizeof text,
                       "%zu of the group's %d members answer%s: name the others with --worker "
                       "HOST:PORT.",
                       sums->answering, facts->members, sums->answering == 1 ? "s" : "");
        bs_block_line(block);
        bs_block_wrap(block, BS_INK_WARN, 0, text);
    }
    if (facts->workers_left_out > 0) {
        (void)snprintf(text, sizeof text, "%zu more addresses are not asked.",
                       facts->workers_left_out);
        bs_block_line(block);
        bs_block_put(block, BS_INK_WARN, 0, text);
    }
    if (facts->failures.problem[0] != '\0') {
        (void)snprintf(text, sizeof text, "Failures: %s", facts->failures.problem);
        bs_block_line(block);
        bs_block_wrap(block, BS_INK_WARN, 0, text);
    }
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static void draw_body(const struct picture *picture)
{
    int width = picture->style->columns;
    bool two = width >= JOBS_WIDTH + GAP + PACE_WIDTH;
    bool three = width >= JOBS_WIDTH + PACE_WIDTH + RESULT_WIDTH + 2 * GAP;
    int spare = width - JOBS_WIDTH - PACE_WIDTH - GAP;
    int jobs_width = three ? JOBS_WIDTH + 4 : two ? JOBS_WIDTH + spare : width;
    struct bs_block jobs = new_block(picture, jobs_width);
    struct bs_block pace = new_block(picture, two ? PACE_WIDTH : width);
    struct bs_block results =
        new_block(picture, three ? width - jobs_width - PACE_WIDTH - 2 * GAP : width);
    draw_jobs(picture, &jobs);
    draw_pace(picture, &pace);
    draw_results(picture, &results);
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

/* Of too many lines the last ones go, and a line says so. */
static void cut_rows(const struct picture *picture, size_t from)
{
    struct bs_buffer *out = picture->out;
    int lines = 0;
    size_t keep = from;
    for (size_t at = from; at < out->size; at++) {
        if (out->data[at] == '\n') {
            lines++;
            keep = lines == picture->style->rows - 1 ? at + 1 : keep;
        }
    }
    if (lines > picture->style->rows) {
        char text[64];
        struct bs_block block = new_block(picture, picture->style->columns);
        (void)snprintf(text, sizeof text, "and %d more lines", lines - picture->style->rows + 1);
        out->size = keep;
        bs_block_put(&block, BS_INK_DIM, 0, text);
        flush(picture, &block);
    }
}

void bs_watch_view(const struct bs_watch_facts *facts, const struct bs_watch_sums *sums,
                   const struct bs_watch_style *style, struct bs_buffer *out)
{
    const struct picture picture = {.facts = facts, .sums = sums, .style = style, .out = out};
    size_t from = out->size;
    struct bs_block below = new_block(&picture, style->columns);
    draw_head(&picture);
    draw_body(&picture);
    bs_block_line(&below);
    draw_workers(&picture, &below);
    draw_notes(&picture, &below);
    flush(&picture, &below);
    cut_rows(&picture, from);
}
