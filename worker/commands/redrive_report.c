/* What redrive tells: its progress, and the table at its end. */
#include <inttypes.h>
#include <stdio.h>

#include "commands/redrive.h"
#include "edges/loop.h"

#define TERMINAL_MS       200
#define PLAIN_MS          5000
#define QUIET_AT_FIRST_MS 1000

static const char *name_of(int code)
{
    return code == BS_DEAD_NONE ? "(unknown code)"
                                : bs_dead_letter_code_name((enum bs_dead_letter_code)code);
}

struct bs_redrive_counts bs_redrive_total(const struct bs_redrive *redrive)
{
    struct bs_redrive_counts total = {0};
    for (int code = 0; code < BS_DEAD_CODES; code++) {
        const struct bs_redrive_counts *counts = &redrive->counts[code];
        total.matched += counts->matched;
        total.redriven += counts->redriven;
        total.before += counts->before;
        total.gone += counts->gone;
        total.elsewhere += counts->elsewhere;
        total.unreadable += counts->unreadable;
        total.too_large += counts->too_large;
        for (int why = 0; why < BS_DEAD_CODES; why++) {
            total.fail_again[why] += counts->fail_again[why];
        }
    }
    return total;
}

int64_t bs_redrive_skipped(const struct bs_redrive_counts *counts)
{
    return counts->gone + counts->elsewhere + counts->unreadable + counts->too_large;
}

/* ---- progress ---- */

void bs_redrive_progress(struct bs_redrive *redrive)
{
    bs_mono_ms now = bs_clock_now().mono;
    if (redrive->shown == 0) { /* what is done at once needs no progress */
        redrive->shown = now - PLAIN_MS + QUIET_AT_FIRST_MS;
    }
    if (redrive->quiet || now - redrive->shown < (redrive->terminal ? TERMINAL_MS : PLAIN_MS)) {
        return;
    }
    redrive->shown = now;
    redrive->drawn = redrive->terminal;
    const struct bs_redrive_counts total = bs_redrive_total(redrive);
    char text[120] = "waiting for what was redriven before";
    if (redrive->reading_letters) {
        (void)snprintf(text, sizeof text,
                       "%" PRId64 " dead letters looked at, %" PRId64 " matched, %" PRId64 " %s",
                       redrive->scanned, total.matched, total.redriven,
                       redrive->dry_run ? "to redrive" : "redriven");
    }
    fprintf(stderr, redrive->terminal ? "\r%-79.79s" : "%s\n", text);
}

void bs_redrive_progress_clear(struct bs_redrive *redrive)
{
    if (redrive->drawn) {
        fprintf(stderr, "\r%79s\r", "");
        redrive->drawn = false;
    }
}

/* ---- the table ---- */

static void print_row(const char *name, const struct bs_redrive_counts *counts)
{
    printf("%-20s  %9" PRId64 "  %10" PRId64 "  %9" PRId64 "  %9" PRId64 "\n", name,
           counts->matched, counts->redriven, counts->before, bs_redrive_skipped(counts));
}

static void print_examples(const struct bs_redrive_counts *counts)
{
    for (int i = 0; i < counts->example_count; i++) {
        printf("  %s: %s\n", counts->examples[i].id, counts->examples[i].reason);
    }
}

static void print_skipped(const struct bs_redrive *redrive, const struct bs_redrive_counts *total)
{
    if (total->gone > 0) {
        printf("Skipped, %" PRId64
               ": the value was too large for a dead letter, and the jobs topic "
               "does not have it any more.\n",
               total->gone);
    }
    if (total->elsewhere > 0) {
        printf("Skipped, %" PRId64 ": the value was too large for a dead letter, and its source "
               "is not topic %s.\n",
               total->elsewhere, redrive->config->topics.jobs);
    }
    if (total->unreadable > 0) {
        printf("Skipped, %" PRId64 ": the value was too large for a dead letter, and its source "
               "cannot be read: %s.\n",
               total->unreadable, redrive->unreadable_why);
    }
    if (total->too_large > 0) {
        printf("Skipped, %" PRId64 ": too large for the jobs topic (its max.message.bytes).\n",
               total->too_large);
    }
}

static void print_notes(const struct bs_redrive *redrive, const struct bs_redrive_counts *total)
{
    int64_t again = 0;
    for (int why = BS_DEAD_NONE + 1; why < BS_DEAD_CODES; why++) {
        again += total->fail_again[why];
    }
    print_skipped(redrive, total);
    if (again > 0) {
        printf("Sure to fail again, as the jobs and the configuration are, %" PRId64 ":", again);
        const char *separator = " ";
        for (int why = BS_DEAD_NONE + 1; why < BS_DEAD_CODES; why++) {
            if (total->fail_again[why] > 0) {
                printf("%s%s %" PRId64, separator, name_of(why), total->fail_again[why]);
                separator = ", ";
            }
        }
        printf(".\n");
    }
    if (redrive->chosen >= redrive->limit) {
        printf("No further than --limit; there may be more.\n");
    }
}

bool bs_redrive_print(const struct bs_redrive *redrive)
{
    const struct bs_redrive_counts total = bs_redrive_total(redrive);
    printf("%-20s  %9s  %10s  %9s  %9s\n", "code", "matched",
           redrive->dry_run ? "to redrive" : "redriven", "before", "skipped");
    for (int code = BS_DEAD_NONE + 1; code <= BS_DEAD_CODES; code++) {
        const struct bs_redrive_counts *counts = &redrive->counts[code % BS_DEAD_CODES];
        if (counts->matched > 0) {
            print_row(name_of(code % BS_DEAD_CODES), counts);
            print_examples(counts);
        }
    }
    print_row("total", &total);
    print_notes(redrive, &total);
    return fflush(stdout) == 0 && ferror(stdout) == 0;
}
