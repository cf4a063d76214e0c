#include <math.h>
#include <stdio.h>
#include <string.h>

#include "edges/admin_pages.h"
#include "formats/json_writer.h"

/* ---- the page ------------------------------------------------------------------------- */

static void write_readiness(struct bs_json_writer *json, const struct bs_view *view)
{
    bool ready = true;
    for (int i = 0; i < BS_NOT_READY_REASONS; i++) {
        ready = ready && !view->not_ready[i];
    }
    bs_json_boolean(json, "ready", ready);
    bs_json_open(json, "notReady", "[");
    for (int i = 0; i < BS_NOT_READY_REASONS; i++) {
        if (view->not_ready[i]) {
            bs_json_open(json, NULL, "{");
            bs_json_string(json, "reason", bs_not_ready_name((enum bs_not_ready)i));
            bs_json_string(json, "text", view->not_ready_text[i]);
            bs_json_close(json, "}");
        }
    }
    bs_json_close(json, "]");
}

static void write_operations(struct bs_json_writer *json, const struct bs_view *view)
{
    bs_json_open(json, "operations", "{");
    bs_json_integer(json, "preparing", view->preparing);
    bs_json_integer(json, "waiting", view->waiting);
    bs_json_integer(json, "submitting", view->submitting);
    bs_json_integer(json, "running", view->running);
    bs_json_integer(json, "checking", view->checking);
    bs_json_integer(json, "finishing", view->finishing);
    bs_json_integer(json, "ended", view->ended);
    bs_json_integer(json, "done", view->done);
    bs_json_close(json, "}");
    bs_json_number(json, "oldestOperationSeconds", view->oldest_operation_seconds);
    bs_json_integer(json, "resultsExpiring", view->results_expiring);
    bs_json_integer(json, "rememberedIds", view->remembered_ids);
    bs_json_integer(json, "memoryBytes", (int64_t)view->memory_bytes);
}

static void write_outcomes(struct bs_json_writer *json, const struct bs_counters *counters)
{
    bs_json_open(json, "jobsSkipped", "{");
    for (int i = 0; i < BS_SKIP_REASONS; i++) {
        bs_json_integer(json, bs_skip_reason_name((enum bs_skip_reason)i),
                        (int64_t)counters->jobs_skipped[i]);
    }
    bs_json_close(json, "}");
    bs_json_open(json, "submissions", "{");
    for (int i = 0; i < BS_SUBMISSION_OUTCOMES; i++) {
        bs_json_integer(json, bs_submission_outcome_name((enum bs_submission_outcome)i),
                        (int64_t)counters->submissions[i]);
    }
    bs_json_close(json, "}");
    bs_json_open(json, "checks", "{");
    for (int i = 0; i < BS_CHECK_OUTCOMES; i++) {
        bs_json_integer(json, bs_check_outcome_name((enum bs_check_outcome)i),
                        (int64_t)counters->checks[i]);
    }
    bs_json_close(json, "}");
}

static void write_object_tasks(struct bs_json_writer *json, const struct bs_counters *counters)
{
    bs_json_open(json, "objectTasks", "{");
    for (int work = 0; work < BS_OBJECT_WORKS; work++) {
        bs_json_open(json, bs_object_work_name((enum bs_object_work)work), "{");
        for (int i = 0; i < BS_OBJECT_OUTCOMES; i++) {
            bs_json_integer(json, bs_object_outcome_name((enum bs_object_outcome)i),
                            (int64_t)counters->objects[work][i]);
        }
        bs_json_close(json, "}");
    }
    bs_json_close(json, "}");
}

static void write_counters(struct bs_json_writer *json, const struct bs_counters *counters)
{
    bs_json_open(json, "counters", "{");
    bs_json_integer(json, "jobsReceived", (int64_t)counters->jobs_received);
    bs_json_integer(json, "jobsLost", (int64_t)counters->jobs_lost);
    write_outcomes(json, counters);
    write_object_tasks(json, counters);
    bs_json_integer(json, "results", (int64_t)counters->results);
    uint64_t total = 0;
    bs_json_open(json, "deadLetters", "{");
    for (int code = 0; code < BS_DEAD_CODES; code++) {
        uint64_t count = 0;
        for (int stage = 0; stage <= BS_STAGE_PUBLISH; stage++) {
            count += counters->dead_letters[stage][code];
        }
        if (count > 0) {
            bs_json_integer(json, bs_dead_letter_code_name((enum bs_dead_letter_code)code),
                            (int64_t)count);
        }
        total += count;
    }
    bs_json_close(json, "}");
    bs_json_integer(json, "deadLettersTotal", (int64_t)total);
    bs_json_integer(json, "restored", (int64_t)counters->restored);
    bs_json_integer(json, "idsForgotten", (int64_t)counters->ids_forgotten);
    bs_json_number(json, "audioSeconds", counters->audio_seconds);
    bs_json_number(json, "billedSeconds", counters->billed_seconds);
    bs_json_close(json, "}");
}

static void write_oldest(struct bs_json_writer *json, const struct bs_admin_facts *facts)
{
    const struct bs_operation *oldest = facts->oldest;
    if (oldest == NULL) {
        bs_json_string(json, "oldestOperation", NULL);
        return;
    }
    bs_json_open(json, "oldestOperation", "{");
    bs_json_string(json, "id", facts->oldest_id);
    bs_json_integer(json, "partition", oldest->partition);
    bs_json_integer(json, "offset", oldest->offset);
    bs_json_string(json, "state", bs_operation_state_name((enum bs_operation_state)oldest->state));
    bs_json_number(json, "ageSeconds", facts->core.oldest_operation_seconds);
    bs_json_string(json, "operationId", oldest->operation_id);
    bs_json_moment(json, "submittedAt", oldest->submitted);
    bs_json_integer(json, "checks", oldest->checks);
    bs_json_close(json, "}");
}

static void write_rates(struct bs_json_writer *json, const struct bs_admin_facts *facts,
                        bs_mono_ms now)
{
    bs_json_open(json, "rates", "[");
    for (int i = 0; i < BS_RATE_WINDOWS && facts->rates != NULL; i++) {
        struct bs_rate rate;
        bs_rates_over(facts->rates, now, facts->core.counters, bs_rate_windows_seconds[i], &rate);
        bs_json_open(json, NULL, "{");
        bs_json_integer(json, "windowSeconds", bs_rate_windows_seconds[i]);
        bs_json_number(json, "seconds", rate.seconds);
        bs_json_integer(json, "results", (int64_t)rate.results);
        bs_json_integer(json, "deadLetters", (int64_t)rate.dead_letters);
        bs_json_integer(json, "submissions", (int64_t)rate.submissions);
        bs_json_integer(json, "checks", (int64_t)rate.checks);
        bs_json_number(json, "billedSeconds", rate.billed_seconds);
        bs_json_close(json, "}");
    }
    bs_json_close(json, "]");
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

static void write_detection_delay(struct bs_json_writer *json, const struct bs_histogram *histogram)
{
    bool some = histogram->total > 0;
    bs_json_open(json, "detectionDelay", "{");
    bs_json_integer(json, "count", (int64_t)histogram->total);
    bs_json_number(json, "mean", some ? histogram->sum / (double)histogram->total : NAN);
    bs_json_number(json, "median", some ? quantile(histogram, 0.5) : NAN);
    bs_json_number(json, "p99", some ? quantile(histogram, 0.99) : NAN);
    bs_json_close(json, "}");
}

static void write_checks_per_result(struct bs_json_writer *json,
                                    const struct bs_histogram *histogram)
{
    bs_json_open(json, "checksPerResult", "{");
    bs_json_integer(json, "count", (int64_t)histogram->total);
    bs_json_number(json, "sum", histogram->sum);
    bs_json_close(json, "}");
}

static void write_quotas(struct bs_json_writer *json, const struct bs_view *view)
{
    bs_json_open(json, "quotas", "{");
    for (int i = 0; i < BS_QUOTA_KINDS; i++) {
        bs_json_open(json, bs_quota_kind_name((enum bs_quota_kind)i), "{");
        bs_json_number(json, "share", view->quota_share[i]);
        bs_json_number(json, "available", view->quota_available[i]);
        bs_json_close(json, "}");
    }
    bs_json_close(json, "}");
}

static void write_budget(struct bs_json_writer *json, const struct bs_view *view)
{
    if (view->budget == 0) {
        bs_json_string(json, "budget", NULL);
        return;
    }
    bs_json_open(json, "budget", "{");
    bs_json_integer(json, "billedSeconds", view->budget);
    bs_json_integer(json, "share", view->budget_share);
    bs_json_integer(json, "spent", view->budget_spent);
    bs_json_integer(json, "available", view->budget_available);
    bs_json_close(json, "}");
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

static void write_partitions(struct bs_json_writer *json, const struct bs_admin_facts *facts)
{
    bs_json_open(json, "partitions", "[");
    for (int32_t i = 0; i < facts->core.partition_count; i++) {
        struct bs_partition_view partition;
        bs_core_view_partition(facts->core_handle, i, &partition);
        bs_json_open(json, NULL, "{");
        bs_json_integer(json, "partition", partition.partition);
        bs_json_string(json, "state", partition.state);
        bs_json_integer(json, "watermark", partition.watermark);
        bs_json_integer(json, "published", partition.published);
        bs_json_integer(json, "position", partition.position);
        bs_json_integer(json, "held", partition.held);
        int64_t unread = jobs_waiting(facts, i, partition.partition);
        if (unread >= 0) {
            bs_json_integer(json, "jobsWaiting", unread);
        } else {
            bs_json_string(json, "jobsWaiting", NULL);
        }
        bs_json_string(json, "reason", partition.reason);
        bs_json_close(json, "}");
    }
    bs_json_close(json, "]");
}

void bs_admin_write_status(const struct bs_admin_facts *facts, struct bs_now now,
                           struct bs_buffer *page)
{
    struct bs_json_writer json = {.out = page};
    bs_json_open(&json, NULL, "{");
    bs_json_string(&json, "worker", facts->worker);
    bs_json_string(&json, "group", facts->group);
    bs_json_string(&json, "version", facts->version);
    bs_json_open(&json, "libraries", "{");
    bs_json_string(&json, "librdkafka", facts->librdkafka);
    bs_json_string(&json, "libcurl", facts->libcurl);
    bs_json_close(&json, "}");
    bs_json_moment(&json, "startedAt", facts->started);
    bs_json_number(&json, "uptimeSeconds", (double)(now.wall - facts->started) / 1000);
    write_readiness(&json, &facts->core);
    write_operations(&json, &facts->core);
    write_oldest(&json, facts);
    write_counters(&json, facts->core.counters);
    write_rates(&json, facts, now.mono);
    write_detection_delay(&json, &facts->core.counters->detection_delay_seconds);
    write_checks_per_result(&json, &facts->core.counters->checks_per_result);
    write_quotas(&json, &facts->core);
    write_budget(&json, &facts->core);
    bs_json_integer(&json, "httpConnections", facts->http_connections);
    bs_json_number(&json, "restoreDurationSeconds", facts->restore_duration_seconds);
    bs_json_moment(&json, "credentialsExpireAt", facts->credentials_expiry);
    bs_json_integer(&json, "loopLongestTurnMs", facts->loop_longest_turn_ms);
    write_partitions(&json, facts);
    bs_json_close(&json, "}");
    bs_buffer_append(page, "\n", 1);
}
