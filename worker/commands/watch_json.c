/* Everything that is known, as one JSON object: schemas/watch.schema.json. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "commands/watch.h"
#include "formats/json_writer.h"

static const char *or_null(const char *text)
{
    return text[0] == '\0' ? NULL : text;
}

/* -1 is null. */
static void count(struct bs_json_writer *json, const char *of, int64_t value)
{
    bs_json_number(json, of, value < 0 ? NAN : (double)value);
}

/* ---- the parts --------------------------------------------------------------------------------
 */

static void write_jobs(struct bs_json_writer *json, const struct bs_watch_facts *facts,
                       const struct bs_watch_sums *sums)
{
    bs_json_open(json, "kafka", "{");
    bs_json_boolean(json, "answers", facts->kafka_problem[0] == '\0' && sums->known);
    bs_json_string(json, "problem", or_null(facts->kafka_problem));
    bs_json_moment(json, "askedAt", facts->progress_at);
    count(json, "partitions", sums->known ? facts->progress.count : -1);
    count(json, "members", facts->members);
    bs_json_close(json, "}");
    bs_json_open(json, "jobs", "{");
    count(json, "total", sums->known ? sums->jobs : -1);
    count(json, "backlog", sums->known ? sums->backlog : -1);
    count(json, "inFlight", sums->known ? sums->in_flight : -1);
    count(json, "lost", sums->known ? sums->lost : -1);
    count(json, "answered", sums->known ? sums->answered : -1);
    count(json, "done", sums->done);
    bs_json_boolean(json, "exact", sums->known && sums->exact);
    bs_json_close(json, "}");
    bs_json_open(json, "failed", "{");
    count(json, "total", sums->failed);
    bs_json_open(json, "byCode", "{");
    for (int code = 0; code <= BS_WATCH_OTHER_CODE; code++) {
        if (facts->failures.by_code[code] > 0) {
            count(json,
                  code == BS_WATCH_OTHER_CODE
                      ? "other"
                      : bs_dead_letter_code_name((enum bs_dead_letter_code)code),
                  facts->failures.by_code[code]);
        }
    }
    bs_json_close(json, "}");
    bs_json_boolean(json, "complete", facts->failures.complete);
    bs_json_number(json, "read", facts->failures.part);
    bs_json_string(json, "problem", or_null(facts->failures.problem));
    bs_json_close(json, "}");
}

static void write_pace(struct bs_json_writer *json, const struct bs_watch_sums *sums)
{
    bs_json_open(json, "rates", "[");
    for (int i = 0; i < BS_RATE_WINDOWS; i++) {
        const struct bs_watch_rate *rate = &sums->rates[i];
        bool known = rate->seconds > 0;
        bs_json_open(json, NULL, "{");
        count(json, "windowSeconds", bs_rate_windows_seconds[i]);
        bs_json_number(json, "seconds", rate->seconds);
        bs_json_number(json, "results", known ? rate->results : NAN);
        bs_json_number(json, "deadLetters",
                       known && sums->rates_of_workers ? rate->dead_letters : NAN);
        bs_json_number(json, "submissions",
                       known && sums->rates_of_workers ? rate->submissions : NAN);
        bs_json_number(json, "checks", known && sums->rates_of_workers ? rate->checks : NAN);
        bs_json_number(json, "answersAnHour", rate->answers_an_hour);
        bs_json_close(json, "}");
    }
    bs_json_close(json, "]");
    bs_json_string(json, "ratesFrom", sums->rates_of_workers ? "workers" : "kafka");
    bs_json_number(json, "checksPerResult", sums->checks_per_result);
    bs_json_open(json, "detectionDelay", "{");
    bs_json_number(json, "meanSeconds", sums->delay_mean_seconds);
    bs_json_number(json, "worstP99Seconds", sums->delay_p99_seconds);
    bs_json_close(json, "}");
}

static void write_quotas(struct bs_json_writer *json, const struct bs_watch_sums *sums)
{
    bs_json_open(json, "quotas", "{");
    for (int kind = 0; kind < BS_QUOTA_KINDS; kind++) {
        const struct bs_watch_quota *quota = &sums->quotas[kind];
        bs_json_open(json, bs_quota_kind_name((enum bs_quota_kind)kind), "{");
        bs_json_number(json, "limit", quota->limit);
        bs_json_number(json, "windowSeconds", quota->seconds);
        bs_json_number(json, "used", quota->used);
        bs_json_number(json, "left", quota->left);
        bs_json_number(json, "leastSecondsLeft", sums->known ? quota->seconds_at_most : NAN);
        bs_json_close(json, "}");
    }
    bs_json_close(json, "}");
}

static void write_money(struct bs_json_writer *json, const struct bs_watch_facts *facts,
                        const struct bs_watch_sums *sums)
{
    const struct bs_config *config = facts->config;
    bs_json_open(json, "billed", "{");
    bs_json_number(json, "seconds", sums->billed_seconds);
    bs_json_string(json, "from",
                   isnan(sums->billed_seconds) ? NULL
                   : sums->billed_of_kafka     ? "kafka"
                                               : "workers");
    bs_json_number(json, "secondsEach", sums->billed_each);
    bs_json_number(json, "expectedSeconds", sums->billed_expected);
    bs_json_number(json, "highSeconds", sums->billed_high);
    bs_json_close(json, "}");
    if (config->price.billed_hour > 0) {
        bs_json_open(json, "cost", "{");
        bs_json_number(json, "soFar", sums->cost);
        bs_json_number(json, "expected", sums->cost_expected);
        bs_json_number(json, "high", sums->cost_high);
        bs_json_string(json, "currency", config->price.currency);
        bs_json_number(json, "billedHour", config->price.billed_hour);
        bs_json_close(json, "}");
    } else {
        bs_json_string(json, "cost", NULL);
    }
    if (config->limits.billed_hours > 0) {
        bs_json_open(json, "budget", "{");
        bs_json_number(json, "billedHours", config->limits.billed_hours);
        bs_json_number(json, "leftHours", sums->budget_left_seconds / 3600);
        bs_json_boolean(json, "tooSmall", sums->budget_too_small);
        bs_json_close(json, "}");
    } else {
        bs_json_string(json, "budget", NULL);
    }
}

static void write_left(struct bs_json_writer *json, const struct bs_watch_sums *sums)
{
    static const char *const kinds[] = {"unknown", "nothing", "range", "at_least"};
    const struct bs_watch_left *left = &sums->left;
    char words[200];
    bs_watch_left_words(left, words, sizeof words);
    bool low = left->kind == BS_WATCH_LEFT_RANGE || left->kind == BS_WATCH_LEFT_AT_LEAST;
    bool nothing = left->kind == BS_WATCH_LEFT_NOTHING;
    bs_json_open(json, "timeLeft", "{");
    bs_json_string(json, "kind", kinds[left->kind]);
    bs_json_number(json, "lowSeconds", low ? left->low : nothing ? 0 : NAN);
    bs_json_number(json, "highSeconds",
                   left->kind == BS_WATCH_LEFT_RANGE ? left->high
                   : nothing                         ? 0
                                                     : NAN);
    bs_json_string(json, "words", words);
    bs_json_string(json, "reason", or_null(left->reason));
    bs_json_close(json, "}");
}

static void write_oldest(struct bs_json_writer *json, const struct bs_watch_worker *worker)
{
    if (worker == NULL) {
        bs_json_string(json, "oldestOperation", NULL);
        return;
    }
    const struct bs_worker_status *status = &worker->status;
    bs_json_open(json, "oldestOperation", "{");
    bs_json_string(json, "id", status->oldest.id);
    bs_json_string(json, "worker", status->worker);
    count(json, "partition", status->oldest.partition);
    count(json, "offset", status->oldest.offset);
    bs_json_string(json, "state", status->oldest.state);
    bs_json_number(json, "ageSeconds", status->oldest.age_seconds);
    bs_json_string(json, "operationId", or_null(status->oldest.operation_id));
    count(json, "checks", status->oldest.checks);
    bs_json_close(json, "}");
}

static void write_worker(struct bs_json_writer *json, const struct bs_watch_worker *worker)
{
    const struct bs_worker_status *status = &worker->status;
    bs_json_open(json, NULL, "{");
    bs_json_string(json, "address", worker->address);
    bs_json_boolean(json, "answers", worker->answered);
    bs_json_string(json, "problem", or_null(worker->problem));
    if (worker->answered) {
        const struct bs_status_rate *rate = &status->rates[0];
        bs_json_string(json, "worker", status->worker);
        bs_json_string(json, "version", status->version);
        bs_json_number(json, "uptimeSeconds", status->uptime_seconds);
        bs_json_boolean(json, "ready", status->ready);
        bs_json_string(json, "reason", or_null(status->reason));
        bs_json_string(json, "reasonText", or_null(status->reason_text));
        count(json, "partitions", status->partition_count);
        count(json, "unsubmitted", status->unsubmitted);
        count(json, "inFlight", status->in_flight);
        count(json, "results", status->results);
        count(json, "deadLetters", status->dead_letters);
        count(json, "skipped", status->skipped);
        bs_json_number(json, "answersAnHour",
                       rate->seconds >= BS_WATCH_RATE_SECONDS
                           ? (rate->results + rate->dead_letters) / rate->seconds * 3600
                           : NAN);
        bs_json_number(json, "oldestSeconds",
                       status->oldest.known ? status->oldest.age_seconds : NAN);
    }
    bs_json_close(json, "}");
}

void bs_watch_json(const struct bs_watch_facts *facts, const struct bs_watch_sums *sums,
                   struct bs_buffer *out)
{
    struct bs_json_writer json = {.out = out};
    bs_json_open(&json, NULL, "{");
    bs_json_moment(&json, "at", facts->at);
    bs_json_string(&json, "group", facts->config->group);
    write_jobs(&json, facts, sums);
    write_pace(&json, sums);
    write_quotas(&json, sums);
    write_money(&json, facts, sums);
    write_left(&json, sums);
    write_oldest(&json, sums->oldest);
    bs_json_open(&json, "workers", "[");
    for (size_t i = 0; i < facts->worker_count; i++) {
        write_worker(&json, &facts->workers[i]);
    }
    bs_json_close(&json, "]");
    count(&json, "workersLeftOut", (int64_t)facts->workers_left_out);
    bs_json_close(&json, "}");
    bs_buffer_append(out, "\n", 1);
}
