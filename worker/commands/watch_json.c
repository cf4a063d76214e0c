/* Everything that is known, as one JSON object: schemas/watch.schema.json. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "commands/watch.h"
#include "formats/json.h"

/* Commas are the only state: one is due before a value unless it is the first of its container. */
struct json {
    struct bs_buffer *out;
    bool comma;
};

static void put(struct json *json, const char *text)
{
    bs_buffer_append_text(json->out, text);
}

static void name(struct json *json, const char *of)
{
    if (json->comma) {
        put(json, ",");
    }
    json->comma = true;
    if (of != NULL) {
        bs_json_append_string(json->out, of);
        put(json, ":");
    }
}

static void open_container(struct json *json, const char *of, const char *bracket)
{
    name(json, of);
    put(json, bracket);
    json->comma = false;
}

static void close_container(struct json *json, const char *bracket)
{
    put(json, bracket);
    json->comma = true;
}

static void string(struct json *json, const char *of, const char *text)
{
    name(json, of);
    if (text == NULL) {
        put(json, "null");
    } else {
        bs_json_append_string(json->out, text);
    }
}

static const char *or_null(const char *text)
{
    return text[0] == '\0' ? NULL : text;
}

/* NAN is null. */
static void number(struct json *json, const char *of, double value)
{
    name(json, of);
    if (isfinite(value)) {
        bs_json_append_number(json->out, value);
    } else {
        put(json, "null");
    }
}

/* -1 is null. */
static void count(struct json *json, const char *of, int64_t value)
{
    number(json, of, value < 0 ? NAN : (double)value);
}

static void boolean(struct json *json, const char *of, bool value)
{
    name(json, of);
    put(json, value ? "true" : "false");
}

static void moment(struct json *json, const char *of, bs_wall_ms at)
{
    char text[BS_RFC3339_SIZE];
    if (at != 0) {
        bs_rfc3339_format(at, text);
    }
    string(json, of, at == 0 ? NULL : text);
}

/* ---- the parts --------------------------------------------------------------------------------
 */

static void write_jobs(struct json *json, const struct bs_watch_facts *facts,
                       const struct bs_watch_sums *sums)
{
    open_container(json, "kafka", "{");
    boolean(json, "answers", facts->kafka_problem[0] == '\0' && sums->known);
    string(json, "problem", or_null(facts->kafka_problem));
    moment(json, "askedAt", facts->progress_at);
    count(json, "partitions", sums->known ? facts->progress.count : -1);
    count(json, "members", facts->members);
    close_container(json, "}");
    open_container(json, "jobs", "{");
    count(json, "total", sums->known ? sums->jobs : -1);
    count(json, "backlog", sums->known ? sums->backlog : -1);
    count(json, "inFlight", sums->known ? sums->in_flight : -1);
    count(json, "answered", sums->known ? sums->answered : -1);
    count(json, "done", sums->done);
    boolean(json, "exact", sums->known && sums->exact);
    close_container(json, "}");
    open_container(json, "failed", "{");
    count(json, "total", sums->failed);
    open_container(json, "byCode", "{");
    for (int code = 0; code <= BS_WATCH_OTHER_CODE; code++) {
        if (facts->failures.by_code[code] > 0) {
            count(json,
                  code == BS_WATCH_OTHER_CODE
                      ? "other"
                      : bs_dead_letter_code_name((enum bs_dead_letter_code)code),
                  facts->failures.by_code[code]);
        }
    }
    close_container(json, "}");
    boolean(json, "complete", facts->failures.complete);
    number(json, "read", facts->failures.part);
    string(json, "problem", or_null(facts->failures.problem));
    close_container(json, "}");
}

static void write_pace(struct json *json, const struct bs_watch_sums *sums)
{
    open_container(json, "rates", "[");
    for (int i = 0; i < BS_RATE_WINDOWS; i++) {
        const struct bs_watch_rate *rate = &sums->rates[i];
        bool known = rate->seconds > 0;
        open_container(json, NULL, "{");
        count(json, "windowSeconds", bs_rate_windows_seconds[i]);
        number(json, "seconds", rate->seconds);
        number(json, "results", known ? rate->results : NAN);
        number(json, "deadLetters", known && sums->rates_of_workers ? rate->dead_letters : NAN);
        number(json, "submissions", known && sums->rates_of_workers ? rate->submissions : NAN);
        number(json, "checks", known && sums->rates_of_workers ? rate->checks : NAN);
        number(json, "answersAnHour", rate->answers_an_hour);
        close_container(json, "}");
    }
    close_container(json, "]");
    string(json, "ratesFrom", sums->rates_of_workers ? "workers" : "kafka");
    number(json, "checksPerResult", sums->checks_per_result);
    open_container(json, "detectionDelay", "{");
    number(json, "meanSeconds", sums->delay_mean_seconds);
    number(json, "worstP99Seconds", sums->delay_p99_seconds);
    close_container(json, "}");
}

static void write_quotas(struct json *json, const struct bs_watch_sums *sums)
{
    open_container(json, "quotas", "{");
    for (int kind = 0; kind < BS_QUOTA_KINDS; kind++) {
        const struct bs_watch_quota *quota = &sums->quotas[kind];
        open_container(json, bs_quota_kind_name((enum bs_quota_kind)kind), "{");
        number(json, "limit", quota->limit);
        number(json, "windowSeconds", quota->seconds);
        number(json, "used", quota->used);
        number(json, "left", quota->left);
        number(json, "leastSecondsLeft", sums->known ? quota->seconds_at_most : NAN);
        close_container(json, "}");
    }
    close_container(json, "}");
}

static void write_money(struct json *json, const struct bs_watch_facts *facts,
                        const struct bs_watch_sums *sums)
{
    const struct bs_config *config = facts->config;
    open_container(json, "billed", "{");
    number(json, "seconds", sums->billed_seconds);
    string(json, "from",
           isnan(sums->billed_seconds) ? NULL
           : sums->billed_of_kafka     ? "kafka"
                                       : "workers");
    number(json, "secondsEach", sums->billed_each);
    number(json, "expectedSeconds", sums->billed_expected);
    close_container(json, "}");
    if (config->price.billed_hour > 0) {
        open_container(json, "cost", "{");
        number(json, "soFar", sums->cost);
        number(json, "expected", sums->cost_expected);
        string(json, "currency", config->price.currency);
        number(json, "billedHour", config->price.billed_hour);
        close_container(json, "}");
    } else {
        string(json, "cost", NULL);
    }
    if (config->limits.billed_hours > 0) {
        open_container(json, "budget", "{");
        number(json, "billedHours", config->limits.billed_hours);
        number(json, "leftHours", sums->budget_left_seconds / 3600);
        boolean(json, "tooSmall", sums->budget_too_small);
        close_container(json, "}");
    } else {
        string(json, "budget", NULL);
    }
}

static void write_left(struct json *json, const struct bs_watch_sums *sums)
{
    static const char *const kinds[] = {"unknown", "nothing", "range", "at_least"};
    const struct bs_watch_left *left = &sums->left;
    char words[200];
    bs_watch_left_words(left, words, sizeof words);
    bool low = left->kind == BS_WATCH_LEFT_RANGE || left->kind == BS_WATCH_LEFT_AT_LEAST;
    bool nothing = left->kind == BS_WATCH_LEFT_NOTHING;
    open_container(json, "timeLeft", "{");
    string(json, "kind", kinds[left->kind]);
    number(json, "lowSeconds", low ? left->low : nothing ? 0 : NAN);
    number(json, "highSeconds", left->kind == BS_WATCH_LEFT_RANGE ? left->high : nothing ? 0 : NAN);
    string(json, "words", words);
    string(json, "reason", or_null(left->reason));
    close_container(json, "}");
}

static void write_oldest(struct json *json, const struct bs_watch_worker *worker)
{
    if (worker == NULL) {
        string(json, "oldestOperation", NULL);
        return;
    }
    const struct bs_worker_status *status = &worker->status;
    open_container(json, "oldestOperation", "{");
    string(json, "id", status->oldest.id);
    string(json, "worker", status->worker);
    count(json, "partition", status->oldest.partition);
    count(json, "offset", status->oldest.offset);
    string(json, "state", status->oldest.state);
    number(json, "ageSeconds", status->oldest.age_seconds);
    string(json, "operationId", or_null(status->oldest.operation_id));
    count(json, "checks", status->oldest.checks);
    close_container(json, "}");
}

static void write_worker(struct json *json, const struct bs_watch_worker *worker)
{
    const struct bs_worker_status *status = &worker->status;
    open_container(json, NULL, "{");
    string(json, "address", worker->address);
    boolean(json, "answers", worker->answered);
    string(json, "problem", or_null(worker->problem));
    if (worker->answered) {
        const struct bs_status_rate *rate = &status->rates[0];
        string(json, "worker", status->worker);
        string(json, "version", status->version);
        number(json, "uptimeSeconds", status->uptime_seconds);
        boolean(json, "ready", status->ready);
        string(json, "reason", or_null(status->reason));
        string(json, "reasonText", or_null(status->reason_text));
        count(json, "partitions", status->partition_count);
        count(json, "unsubmitted", status->unsubmitted);
        count(json, "inFlight", status->in_flight);
        count(json, "results", status->results);
        count(json, "deadLetters", status->dead_letters);
        count(json, "skipped", status->skipped);
        number(json, "answersAnHour",
               rate->seconds >= BS_WATCH_RATE_SECONDS
                   ? (rate->results + rate->dead_letters) / rate->seconds * 3600
                   : NAN);
        number(json, "oldestSeconds", status->oldest.known ? status->oldest.age_seconds : NAN);
    }
    close_container(json, "}");
}

void bs_watch_json(const struct bs_watch_facts *facts, const struct bs_watch_sums *sums,
                   struct bs_buffer *out)
{
    struct json json = {.out = out};
    open_container(&json, NULL, "{");
    moment(&json, "at", facts->at);
    string(&json, "group", facts->config->group);
    write_jobs(&json, facts, sums);
    write_pace(&json, sums);
    write_quotas(&json, sums);
    write_money(&json, facts, sums);
    write_left(&json, sums);
    write_oldest(&json, sums->oldest);
    open_container(&json, "workers", "[");
    for (size_t i = 0; i < facts->worker_count; i++) {
        write_worker(&json, &facts->workers[i]);
    }
    close_container(&json, "]");
    count(&json, "workersLeftOut", (int64_t)facts->workers_left_out);
    close_container(&json, "}");
    bs_buffer_append_text(out, "\n");
}
