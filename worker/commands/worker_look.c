/* What the admin endpoint and the log show of the worker. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/version.h"
#include "commands/worker.h"
#include "edges/kafka_client.h"
#include "formats/job.h"

#define PARTITIONS_SHOWN 4096

static void look_before_core(const struct bs_worker *worker, struct bs_view *view)
{
    static const struct bs_counters nothing;
    memset(view, 0, sizeof *view);
    view->counters = &nothing;
    view->not_ready[BS_NOT_READY_KAFKA] = true;
    (void)snprintf(view->not_ready_text[BS_NOT_READY_KAFKA], BS_MESSAGE_MAX, "%s",
                   worker->waiting_for);
}

static void look_at_core(struct bs_worker *worker, struct bs_view *view)
{
    bs_core_view(worker->core, bs_clock_now(), view);
    const char *problem = bs_tokens_problem(worker->tokens);
    if (problem[0] != '\0' && !view->not_ready[BS_NOT_READY_CREDENTIALS]) {
        view->not_ready[BS_NOT_READY_CREDENTIALS] = true;
        (void)snprintf(view->not_ready_text[BS_NOT_READY_CREDENTIALS], BS_MESSAGE_MAX, "%s",
                       problem);
    }
}

static void look_at_waiting(struct bs_worker *worker, struct bs_admin_facts *facts)
{
    static int32_t partitions[PARTITIONS_SHOWN];
    static int64_t waiting[PARTITIONS_SHOWN];
    int32_t count = facts->core.partition_count;
    count = count < PARTITIONS_SHOWN ? count : PARTITIONS_SHOWN;
    for (int32_t i = 0; i < count; i++) {
        struct bs_partition_view view;
        bs_core_view_partition(worker->core, i, &view);
        partitions[i] = view.partition;
        waiting[i] = bs_kafka_waiting(worker->kafka, view.partition, view.position);
    }
    facts->jobs_waiting_count = count;
    facts->jobs_waiting_partition = partitions;
    facts->jobs_waiting = waiting;
}

/* The job's id, as the log has it; "" where its record cannot be read. */
static void id_of(const struct bs_operation *operation, char *id, size_t size)
{
    struct bs_job job;
    id[0] = '\0';
    if (operation->job_size > 0 && bs_job_unpack(operation->job, operation->job_size, &job)) {
        (void)snprintf(id, size, "%s", job.id);
        bs_job_free(&job);
    }
}

static void look_at_oldest(const struct bs_worker *worker, struct bs_admin_facts *facts)
{
    facts->oldest = bs_core_operation(worker->core, facts->core.oldest_operation);
    if (facts->oldest != NULL) {
        id_of(facts->oldest, facts->oldest_id, sizeof facts->oldest_id);
    }
}

void bs_worker_note_rates(struct bs_worker *worker, bs_mono_ms now)
{
    static struct bs_view view; /* large */
    if (worker->core != NULL) {
        bs_core_view(worker->core, bs_clock_now(), &view);
        bs_rates_note(worker->rates, now, view.counters);
    }
}

static void look_at_credentials(struct bs_tokens *tokens, struct bs_admin_facts *facts)
{
    if (tokens == NULL) {
        return;
    }
    bs_wall_ms expiry = bs_tokens_expiry(tokens);
    bool first = facts->credentials_expiry == 0 || expiry < facts->credentials_expiry;
    if (expiry != 0 && first) {
        facts->credentials_expiry = expiry;
    }
    uint64_t obtained, failed;
    bs_tokens_attempts(tokens, &obtained, &failed);
    facts->credentials_obtained += obtained;
    facts->credentials_failed += failed;
}

void bs_worker_look(void *context, struct bs_admin_facts *facts)
{
    struct bs_worker *worker = context;
    memset(facts, 0, sizeof *facts);
    if (worker->core == NULL) {
        look_before_core(worker, &facts->core);
    } else {
        look_at_core(worker, &facts->core);
        look_at_waiting(worker, facts);
        look_at_oldest(worker, facts);
    }
    facts->rates = worker->rates;
    facts->core_handle = worker->core;
    facts->worker = worker->name;
    facts->group = worker->config->group;
    facts->until_drained = worker->options.until_drained;
    facts->version = BS_VERSION;
    facts->librdkafka = bs_librdkafka_version();
    facts->libcurl = bs_curl_version();
    facts->started = worker->started;
    facts->http_connections = bs_http_open_connections(worker->http);
    facts->restore_duration_seconds = worker->restore_seconds;
    look_at_credentials(worker->tokens, facts);
    look_at_credentials(bs_worker_object_tokens(worker), facts);
    facts->loop_longest_turn_ms = bs_loop_longest_turn_ms(worker->loop);
    facts->loop_longest_turn_cpu_us = bs_loop_longest_turn_cpu_us(worker->loop);
}

bool bs_worker_ready(struct bs_worker *worker, char *reason, size_t size)
{
    static struct bs_view view;
    if (worker->core == NULL) {
        look_before_core(worker, &view);
    } else {
        look_at_core(worker, &view);
    }
    for (int i = 0; i < BS_NOT_READY_REASONS; i++) {
        if (view.not_ready[i] && i != BS_NOT_READY_STOPPING) {
            (void)snprintf(reason, size, "%s: %s", bs_not_ready_name((enum bs_not_ready)i),
                           view.not_ready_text[i]);
            return false;
        }
    }
    reason[0] = '\0';
    return true;
}

static const char *or_null(const char *text)
{
    return text[0] == '\0' ? NULL : text;
}

void bs_worker_log(struct bs_worker *worker, const struct bs_notice *notice)
{
    if (!bs_log_enabled((enum bs_log_level)notice->level)) {
        return;
    }
    char source[400] = "", id[1024] = "";
    if (notice->partition >= 0 && notice->offset >= 0) {
        (void)snprintf(source, sizeof source, "%.249s/%d/%lld", worker->config->topics.jobs,
                       notice->partition, (long long)notice->offset);
    }
    const struct bs_operation *operation = bs_core_operation(worker->core, notice->operation);
    if (operation != NULL) {
        id_of(operation, id, sizeof id);
    }
    const struct bs_log_field fields[] = {
        {"job", or_null(id)},
        {"source", or_null(source)},
        {"op", or_null(notice->operation_id)},
        {"client_request_id", or_null(notice->client_request_id)},
        {"request_id", or_null(notice->request_id)},
        {"trace_id", or_null(notice->trace_id)},
        {NULL, NULL},
    };
    bs_log((enum bs_log_level)notice->level, fields, "%s", notice->text);
}
