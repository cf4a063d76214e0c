/* What it comes to: time left, what is billed and costs, the oldest operation. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "commands/watch_picture.h"

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

/* What is expected has no more figures than it is known by. */
static const char *roughly(double value, int digits, bool ascii, char text[BS_WATCH_WORDS_SIZE])
{
    return bs_watch_number(value, value < 100 ? digits : 0, ascii, text);
}

/* "about 2 500", "about 48 to 75" */
static const char *expected(double low, double high, int digits, bool ascii, char text[160])
{
    char one[BS_WATCH_WORDS_SIZE], other[BS_WATCH_WORDS_SIZE];
    bool range = high > low;
    (void)snprintf(text, 160, "about %s%s%s", roughly(low, digits, ascii, one), range ? " to " : "",
                   range ? roughly(high, digits, ascii, other) : "");
    return text;
}

static void draw_billed(const struct bs_watch_sums *sums, struct bs_block *block)
{
    char text[300], now[BS_WATCH_WORDS_SIZE], end[160];
    if (isnan(sums->billed_seconds)) {
        draw_result(block, BS_INK_PLAIN, "Billed", "not known");
        return;
    }
    int size = snprintf(text, sizeof text, "%s h %s",
                        bs_watch_number(sums->billed_seconds / 3600, 1, block->ascii, now),
                        sums->billed_of_kafka ? "so far" : "since the workers started");
    if (sums->billed_expected > sums->billed_seconds) {
        (void)snprintf(
            text + size, sizeof text - (size_t)size, ", %s h in the end",
            expected(sums->billed_expected / 3600, sums->billed_high / 3600, 1, block->ascii, end));
    }
    draw_result(block, BS_INK_PLAIN, "Billed", text);
}

static void draw_cost(const struct bs_config *config, const struct bs_watch_sums *sums,
                      struct bs_block *block)
{
    char text[300], now[BS_WATCH_WORDS_SIZE], end[160], each[BS_WATCH_WORDS_SIZE];
    const char *currency = config->price.currency;
    if (isnan(sums->cost)) {
        return;
    }
    int size = snprintf(text, sizeof text, "%s %.20s",
                        bs_watch_number(sums->cost, 2, block->ascii, now), currency);
    if (sums->billed_expected > sums->billed_seconds) {
        size += snprintf(text + size, sizeof text - (size_t)size, " so far, %s in the end",
                         expected(sums->cost_expected, sums->cost_high, 2, block->ascii, end));
    }
    (void)snprintf(text + size, sizeof text - (size_t)size, ", at %s an hour",
                   bs_watch_number(config->price.billed_hour, 2, block->ascii, each));
    draw_result(block, BS_INK_PLAIN, "Cost", text);
}

static void draw_budget(const struct bs_config *config, const struct bs_watch_sums *sums,
                        struct bs_block *block)
{
    char text[300], all[BS_WATCH_WORDS_SIZE], left[BS_WATCH_WORDS_SIZE];
    if (!(config->limits.billed_hours > 0)) {
        return;
    }
    int size = snprintf(text, sizeof text, "%s h, ",
                        bs_watch_number(config->limits.billed_hours, 1, block->ascii, all));
    if (isnan(sums->budget_left_seconds)) {
        (void)snprintf(text + size, sizeof text - (size_t)size, "what is left is not known");
    } else {
        (void)snprintf(text + size, sizeof text - (size_t)size, "%s h left%s",
                       bs_watch_number(sums->budget_left_seconds / 3600, 1, block->ascii, left),
                       sums->budget_too_small ? ": it ends before the backlog does" : "");
    }
    draw_result(block, sums->budget_too_small ? BS_INK_BAD : BS_INK_PLAIN, "Budget", text);
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
        (void)snprintf(text + size, sizeof text - (size_t)size, ", %" PRId64 " check%s, op %s",
                       status->oldest.checks, status->oldest.checks == 1 ? "" : "s",
                       status->oldest.operation_id);
    }
    draw_result(block, BS_INK_PLAIN, "Oldest", text);
}

void bs_watch_draw_results(const struct bs_watch_picture *picture, struct bs_block *block)
{
    draw_left(picture->sums, block);
    draw_billed(picture->sums, block);
    draw_cost(picture->facts->config, picture->sums, block);
    draw_budget(picture->facts->config, picture->sums, block);
    draw_oldest(picture->sums, block);
}
