/* A line a worker, and what is to be said of those that do not answer. */
#include <math.h>
#include <stdio.h>

#include "commands/watch_picture.h"

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
    [COLUMN_WAITING] = {"waiting", 9, 78},     [COLUMN_FLIGHT] = {"in flight", 10, 29},
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
    double answers = rate->seconds >= BS_WATCH_RATE_SECONDS
                         ? (rate->results + rate->dead_letters) / rate->seconds * 3600
                         : NAN;
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
        bs_block_wrap(block, BS_INK_BAD, 2, reason);
    }
}

static void draw_notes(const struct bs_watch_picture *picture, struct bs_block *block)
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

void bs_watch_draw_workers(const struct bs_watch_picture *picture, struct bs_block *block)
{
    const struct bs_watch_facts *facts = picture->facts;
    if (picture->sums->answering > 0) {
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
    draw_notes(picture, block);
}
