/* One line for a pipe or a log: logfmt, the figures that somebody would look for. */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "commands/watch.h"

#define PROBLEMS_SHOWN 5

static void add(struct bs_buffer *out, const char *format, ...) BS_PRINTF(2, 3);

static void add(struct bs_buffer *out, const char *format, ...)
{
    char text[1200];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    BS_ASSERT(size >= 0);
    bs_buffer_append(out, text, strlen(text));
}

/* Nothing where it is not known. */
static void add_number(struct bs_buffer *out, const char *name, double value, int digits)
{
    if (isfinite(value)) {
        add(out, " %s=%.*f", name, digits, value);
    }
}

/* A value with its quotes; the texts here are clean but for these. */
static void add_text(struct bs_buffer *out, const char *name, const char *text)
{
    add(out, " %s=\"", name);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            bs_buffer_append(out, "\\", 1);
        }
        bs_buffer_append(out, text, 1);
    }
    bs_buffer_append(out, "\"", 1);
}

static void add_jobs(struct bs_buffer *out, const struct bs_watch_facts *facts,
                     const struct bs_watch_sums *sums)
{
    if (sums->known) {
        add(out, " jobs=%" PRId64 " backlog=%" PRId64 " in_flight=%" PRId64, sums->jobs,
            sums->backlog, sums->in_flight);
        if (sums->done >= 0) {
            add(out, " done=%" PRId64, sums->done);
        } else {
            add(out, " answered=%" PRId64, sums->answered);
        }
        if (sums->lost > 0) {
            add(out, " lost=%" PRId64, sums->lost);
        }
        if (!sums->exact) {
            add(out, " exact=false");
        }
    }
    if (sums->failed >= 0) {
        add(out, " failed=%" PRId64, sums->failed);
    }
    for (int code = 0; code <= BS_WATCH_OTHER_CODE; code++) {
        if (facts->failures.by_code[code] > 0) {
            add(out, " failed_%s=%" PRId64,
                code == BS_WATCH_OTHER_CODE
                    ? "other"
                    : bs_dead_letter_code_name((enum bs_dead_letter_code)code),
                facts->failures.by_code[code]);
        }
    }
    if (!facts->failures.complete) {
        add(out, " failed_read=%.0f%%", facts->failures.part * 100);
    }
}

static void add_problems(struct bs_buffer *out, const struct bs_watch_facts *facts)
{
    int shown = 0;
    char text[700];
    for (size_t i = 0; i < facts->worker_count && shown < PROBLEMS_SHOWN; i++) {
        const struct bs_watch_worker *worker = &facts->workers[i];
        if (worker->answered && !worker->status.ready) {
            (void)snprintf(text, sizeof text, "%s: %s", worker->status.worker,
                           worker->status.reason);
            add_text(out, "not_ready", text);
            shown++;
        } else if (!worker->answered) {
            (void)snprintf(text, sizeof text, "%s: %s", worker->address, worker->problem);
            add_text(out, "silent", text);
            shown++;
        }
    }
    if (facts->kafka_problem[0] != '\0') {
        add_text(out, "kafka", facts->kafka_problem);
    }
    if (facts->failures.problem[0] != '\0') {
        add_text(out, "dead_letters", facts->failures.problem);
    }
}

void bs_watch_line(const struct bs_watch_facts *facts, const struct bs_watch_sums *sums,
                   struct bs_buffer *out)
{
    static const char *const rates[BS_RATE_WINDOWS] = {"per_hour_1m", "per_hour_10m",
                                                       "per_hour_60m"};
    static const char *const quotas[BS_QUOTA_KINDS] = {"submissions_left", "checks_left",
                                                       "billed_hours_left_today"};
    char at[BS_RFC3339_SIZE], words[200];
    bs_rfc3339_format(facts->at, at);
    add(out, "time=%s", at);
    add_jobs(out, facts, sums);
    for (int i = 0; i < BS_RATE_WINDOWS; i++) {
        add_number(out, rates[i], sums->rates[i].answers_an_hour, 0);
    }
    add_number(out, "checks_a_result", sums->checks_per_result, 2);
    add_number(out, "detection_seconds", sums->delay_mean_seconds, 1);
    for (int kind = 0; kind < BS_QUOTA_KINDS; kind++) {
        double unit = kind == BS_QUOTA_BILLED_SECONDS ? 3600 : 1;
        add_number(out, quotas[kind], sums->quotas[kind].left / unit, 0);
    }
    add_number(out, "billed_hours", sums->billed_seconds / 3600, 1);
    add_number(out, "billed_hours_expected", sums->billed_expected / 3600, 1);
    bool range = sums->billed_high > sums->billed_expected;
    add_number(out, "billed_hours_high", range ? sums->billed_high / 3600 : NAN, 1);
    add_number(out, "cost", sums->cost, 2);
    add_number(out, "cost_expected", sums->cost_expected, 2);
    add_number(out, "cost_high", range ? sums->cost_high : NAN, 2);
    add_number(out, "budget_hours_left", sums->budget_left_seconds / 3600, 1);
    bs_watch_left_words(&sums->left, words, sizeof words);
    add_text(out, "left", words);
    if (sums->left.reason[0] != '\0') {
        add_text(out, "because", sums->left.reason);
    }
    if (sums->oldest != NULL) {
        add_number(out, "oldest_seconds", sums->oldest->status.oldest.age_seconds, 0);
    }
    add(out, " workers=%zu/%zu", sums->ready, facts->worker_count);
    add_problems(out, facts);
    add(out, "\n");
}
