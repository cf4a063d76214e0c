#include <math.h>
#include <stdio.h>
#include <string.h>

#include "edges/admin_pages.h"

/* ---- a small JSON writer -------------------------------------------------------------- */

/* Commas are the only state: one is due before a value unless it is the first of its container. */
struct json {
    struct bs_buffer *page;
    bool comma;
};

static void put(struct json *json, const char *text)
{
    bs_buffer_append(json->page, text, strlen(text));
}

/* The length of the UTF-8 sequence at `text`, 0 where there is none (RFC 3629). */
static size_t utf8_length(const unsigned char *text)
{
    if (text[0] < 0x80) {
        return 1;
    }
    size_t length = text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : 2;
    if (text[0] < 0xc2 || text[0] > 0xf4) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0; /* the NUL of a text that was cut ends up here, too */
        }
    }
    bool overlong = (text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xf0 && text[1] < 0x90);
    bool surrogate = text[0] == 0xed && text[1] > 0x9f;
    bool beyond = text[0] == 0xf4 && text[1] > 0x8f;
    return overlong || surrogate || beyond ? 0 : length;
}

static void put_string(struct json *json, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    put(json, "\"");
    while (*at != '\0') {
        size_t length = utf8_length(at);
        if (length == 0) {
            put(json, "\\ufffd"); /* a message may have been cut inside of a character */
            length = 1;
        } else if (*at == '"' || *at == '\\') {
            bs_admin_print(json->page, "\\%c", *at);
        } else if (*at < ' ' || *at == 0x7f) {
            bs_admin_print(json->page, "\\u%04x", *at);
        } else {
            bs_buffer_append(json->page, at, length);
        }
        at += length;
    }
    put(json, "\"");
}

/* What stands before a value: its comma, and in an object its name. */
static void begin_value(struct json *json, const char *name)
{
    if (json->comma) {
        put(json, ",");
    }
    json->comma = true;
    if (name != NULL) {
        put_string(json, name);
        put(json, ":");
    }
}

static void open_container(struct json *json, const char *name, const char *bracket)
{
    begin_value(json, name);
    put(json, bracket);
    json->comma = false;
}

static void close_container(struct json *json, const char *bracket)
{
    put(json, bracket);
    json->comma = true;
}

static void string(struct json *json, const char *name, const char *text)
{
    begin_value(json, name);
    if (text == NULL) {
        put(json, "null");
    } else {
        put_string(json, text);
    }
}

static void integer(struct json *json, const char *name, int64_t value)
{
    begin_value(json, name);
    bs_admin_print(json->page, "%lld", (long long)value);
}

static void number(struct json *json, const char *name, double value)
{
    begin_value(json, name);
    if (isfinite(value)) {
        bs_admin_print(json->page, "%.15g", value);
    } else {
        put(json, "null");
    }
}

static void boolean(struct json *json, const char *name, bool value)
{
    begin_value(json, name);
    put(json, value ? "true" : "false");
}

static void moment(struct json *json, const char *name, bs_wall_ms value)
{
    char text[BS_RFC3339_SIZE];
    if (value != 0) {
        bs_rfc3339_format(value, text);
    }
    string(json, name, value == 0 ? NULL : text);
}

/* ---- the page ------------------------------------------------------------------------- */

static void write_readiness(struct json *json, const struct bs_view *view)
{
    bool ready = true;
    for (int i = 0; i < BS_NOT_READY_REASONS; i++) {
        ready = ready && !view->not_ready[i];
    }
    boolean(json, "ready", ready);
    open_container(json, "notReady", "[");
    for (int i = 0; i < BS_NOT_READY_REASONS; i++) {
        if (view->not_ready[i]) {
            open_container(json, NULL, "{");
            string(json, "reason", bs_not_ready_name((enum bs_not_ready)i));
            string(json, "text", view->not_ready_text[i]);
            close_container(json, "}");
        }
    }
    close_container(json, "]");
}

static void write_operations(struct json *json, const struct bs_view *view)
{
    open_container(json, "operations", "{");
    integer(json, "preparing", view->preparing);
    integer(json, "waiting", view->waiting);
    integer(json, "submitting", view->submitting);
    integer(json, "running", view->running);
    integer(json, "checking", view->checking);
    integer(json, "finishing", view->finishing);
    integer(json, "ended", view->ended);
    integer(json, "done", view->done);
    close_container(json, "}");
    number(json, "oldestOperationSeconds", view->oldest_operation_seconds);
    integer(json, "resultsExpiring", view->results_expiring);
    integer(json, "rememberedIds", view->remembered_ids);
    integer(json, "memoryBytes", (int64_t)view->memory_bytes);
}

static void write_outcomes(struct json *json, const struct bs_counters *counters)
{
    open_container(json, "jobsSkipped", "{");
    for (int i = 0; i < BS_SKIP_REASONS; i++) {
        integer(json, bs_skip_reason_name((enum bs_skip_reason)i),
                (int64_t)counters->jobs_skipped[i]);
    }
    close_container(json, "}");
    open_container(json, "submissions", "{");
    for (int i = 0; i < BS_SUBMISSION_OUTCOMES; i++) {
        integer(json, bs_submission_outcome_name((enum bs_submission_outcome)i),
                (int64_t)counters->submissions[i]);
    }
    close_container(json, "}");
    open_container(json, "checks", "{");
    for (int i = 0; i < BS_CHECK_OUTCOMES; i++) {
        integer(json, bs_check_outcome_name((enum bs_check_outcome)i),
                (int64_t)counters->checks[i]);
    }
    close_container(json, "}");
}

static void write_object_tasks(struct json *json, const struct bs_counters *counters)
{
    open_container(json, "objectTasks", "{");
    for (int work = 0; work < BS_OBJECT_WORKS; work++) {
        open_container(json, bs_object_work_name((enum bs_object_work)work), "{");
        for (int i = 0; i < BS_OBJECT_OUTCOMES; i++) {
            integer(json, bs_object_outcome_name((enum bs_object_outcome)i),
                    (int64_t)counters->objects[work][i]);
        }
        close_container(json, "}");
    }
    close_container(json, "}");
}

static void write_counters(struct json *json, const struct bs_counters *counters)
{
    open_container(json, "counters", "{");
    integer(json, "jobsReceived", (int64_t)counters->jobs_received);
    integer(json, "jobsLost", (int64_t)counters->jobs_lost);
    write_outcomes(json, counters);
    write_object_tasks(json, counters);
    integer(json, "results", (int64_t)counters->results);
    uint64_t total = 0;
    open_container(json, "deadLetters", "{");
    for (int code = 0; code < BS_DEAD_CODES; code++) {
        uint64_t count = 0;
        for (int stage = 0; stage <= BS_STAGE_PUBLISH; stage++) {
            count += counters->dead_letters[stage][code];
        }
        if (count > 0) {
            integer(json, bs_dead_letter_code_name((enum bs_dead_letter_code)code), (int64_t)count);
        }
        total += count;
    }
    close_container(json, "}");
    integer(json, "deadLettersTotal", (int64_t)total);
    integer(json, "restored", (int64_t)counters->restored);
    integer(json, "idsForgotten", (int64_t)counters->ids_forgotten);
    number(json, "audioSeconds", counters->audio_seconds);
    number(json, "billedSeconds", counters->billed_seconds);
    close_container(json, "}");
}

static void write_oldest(struct json *json, const struct bs_admin_facts *facts)
{
    const struct bs_operation *oldest = facts->oldest;
    if (oldest == NULL) {
        string(json, "oldestOperation", NULL);
        return;
    }
    open_container(json, "oldestOperation", "{");
    string(json, "id", facts->oldest_id);
    integer(json, "partition", oldest->partition);
    integer(json, "offset", oldest->offset);
    string(json, "state", bs_operation_state_name((enum bs_operation_state)oldest->state));
    number(json, "ageSeconds", facts->core.oldest_operation_seconds);
    string(json, "operationId", oldest->operation_id);
    moment(json, "submittedAt", oldest->submitted);
    integer(json, "checks", oldest->checks);
    close_container(json, "}");
}

static void write_rates(struct json *json, const struct bs_admin_facts *facts, bs_mono_ms now)
{
    open_container(json, "rates", "[");
    for (int i = 0; i < BS_RATE_WINDOWS && facts->rates != NULL; i++) {
        struct bs_rate rate;
        bs_rates_over(facts->rates, now, facts->core.counters, bs_rate_windows_seconds[i], &rate);
        open_container(json, NULL, "{");
        integer(json, "windowSeconds", bs_rate_windows_seconds[i]);
        number(json, "seconds", rate.seconds);
        integer(json, "results", (int64_t)rate.results);
        integer(json, "deadLetters", (int64_t)rate.dead_letters);
        integer(json, "submissions", (int64_t)rate.submissions);
        integer(json, "checks", (int64_t)rate.checks);
        number(json, "billedSeconds", rate.billed_seconds);
        close_container(json, "}");
    }
    close_container(json, "]");
}

/* What so many (0 to 1) of the values do not exceed, as Prometheus' histogram_quantile has it. */
static double quantile(const struct bs_histogram *histogram, double part)
{
    double wanted = part * (double)histogram->total, below = 0, from = 0;
    for (int32_t i = 0; i < histogram->bound_count; i++) {
        double here = (double)histogram->counts[i];
        if (here > 0 && below + here >= wanted) {
            return from + (histogram->bounds[i] - from) * (wanted - below) / here;
        }
        below += here;
        from = histogram->bounds[i];
    }
    return from;
}

static void write_detection_delay(struct json *json, const struct bs_histogram *histogram)
{
    bool some = histogram->total > 0;
    open_container(json, "detectionDelay", "{");
    integer(json, "count", (int64_t)histogram->total);
    number(json, "mean", some ? histogram->sum / (double)histogram->total : NAN);
    number(json, "median", some ? quantile(histogram, 0.5) : NAN);
    number(json, "p99", some ? quantile(histogram, 0.99) : NAN);
    close_container(json, "}");
}

static void write_checks_per_result(struct json *json, const struct bs_histogram *histogram)
{
    open_container(json, "checksPerResult", "{");
    integer(json, "count", (int64_t)histogram->total);
    number(json, "sum", histogram->sum);
    close_container(json, "}");
}

static void write_quotas(struct json *json, const struct bs_view *view)
{
    open_container(json, "quotas", "{");
    for (int i = 0; i < BS_QUOTA_KINDS; i++) {
        open_container(json, bs_quota_kind_name((enum bs_quota_kind)i), "{");
        number(json, "share", view->quota_share[i]);
        number(json, "available", view->quota_available[i]);
        close_container(json, "}");
    }
    close_container(json, "}");
}

static void write_budget(struct json *json, const struct bs_view *view)
{
    if (view->budget == 0) {
        string(json, "budget", NULL);
        return;
    }
    open_container(json, "budget", "{");
    integer(json, "billedSeconds", view->budget);
    integer(json, "share", view->budget_share);
    integer(json, "spent", view->budget_spent);
    integer(json, "available", view->budget_available);
    close_container(json, "}");
}

/* Both lists are usually in the same order, so the partition is looked for at its own place first.
 */
static int64_t jobs_waiting(const struct bs_admin_facts *facts, int32_t index, int32_t partition)
{
    if (index < facts->jobs_waiting_count && facts->jobs_waiting_partition[index] == partition) {
        return facts->jobs_waiting[index];
    }
    for (int64_t i = 0; i < facts->jobs_waiting_count; i++) {
        if (facts->jobs_waiting_partition[i] == partition) {
            return facts->jobs_waiting[i];
        }
    }
    return -1;
}

static void write_partitions(struct json *json, const struct bs_admin_facts *facts)
{
    open_container(json, "partitions", "[");
    for (int32_t i = 0; i < facts->core.partition_count; i++) {
        struct bs_partition_view partition;
        bs_core_view_partition(facts->core_handle, i, &partition);
        open_container(json, NULL, "{");
        integer(json, "partition", partition.partition);
        string(json, "state", partition.state);
        integer(json, "watermark", partition.watermark);
        integer(json, "published", partition.published);
        integer(json, "position", partition.position);
        integer(json, "held", partition.held);
        int64_t unread = jobs_waiting(facts, i, partition.partition);
        if (unread >= 0) {
            integer(json, "jobsWaiting", unread);
        } else {
            string(json, "jobsWaiting", NULL);
        }
        string(json, "reason", partition.reason);
        close_container(json, "}");
    }
    close_container(json, "]");
}

void bs_admin_write_status(const struct bs_admin_facts *facts, struct bs_now now,
                           struct bs_buffer *page)
{
    struct json json = {.page = page, .comma = false};
    open_container(&json, NULL, "{");
    string(&json, "worker", facts->worker);
    string(&json, "group", facts->group);
    string(&json, "version", facts->version);
    open_container(&json, "libraries", "{");
    string(&json, "librdkafka", facts->librdkafka);
    string(&json, "libcurl", facts->libcurl);
    close_container(&json, "}");
    moment(&json, "startedAt", facts->started);
    number(&json, "uptimeSeconds", (double)(now.wall - facts->started) / 1000);
    write_readiness(&json, &facts->core);
    write_operations(&json, &facts->core);
    write_oldest(&json, facts);
    write_counters(&json, facts->core.counters);
    write_rates(&json, facts, now.mono);
    write_detection_delay(&json, &facts->core.counters->detection_delay_seconds);
    write_checks_per_result(&json, &facts->core.counters->checks_per_result);
    write_quotas(&json, &facts->core);
    write_budget(&json, &facts->core);
    integer(&json, "httpConnections", facts->http_connections);
    number(&json, "restoreDurationSeconds", facts->restore_duration_seconds);
    moment(&json, "credentialsExpireAt", facts->credentials_expiry);
    integer(&json, "loopLongestTurnMs", facts->loop_longest_turn_ms);
    write_partitions(&json, facts);
    close_container(&json, "}");
    put(&json, "\n");
}
