/* What Kafka tells, as core's events. */
#include "commands/worker.h"
#include "formats/job.h"

static void partition_event(void *context, enum bs_event_kind kind, int32_t partition)
{
    struct bs_event event = bs_worker_new_event(kind);
    event.partition = partition;
    bs_worker_event(context, &event);
}

static void on_assigned(void *context, int32_t partition)
{
    partition_event(context, BS_EVENT_ASSIGNED, partition);
}

static void on_revoked(void *context, int32_t partition)
{
    partition_event(context, BS_EVENT_REVOKED, partition);
}

static void on_lost(void *context, int32_t partition)
{
    bs_log(BS_LOG_WARN, NULL, "partition %d: lost", partition);
    partition_event(context, BS_EVENT_LOST, partition);
}

static void on_group(void *context, bool joined)
{
    struct bs_event event = bs_worker_new_event(BS_EVENT_GROUP);
    event.group_joined = joined;
    bs_worker_event(context, &event);
}

static void on_job(void *context, int32_t partition, uint32_t epoch, int64_t offset,
                   int64_t timestamp, const struct bs_message *message)
{
    struct bs_worker *worker = context;
    struct bs_source source = {.topic = worker->config->topics.jobs,
                               .partition = partition,
                               .offset = offset,
                               .timestamp = timestamp};
    struct bs_event event = bs_worker_new_event(BS_EVENT_JOB);
    struct bs_buffer packed = {0};
    bs_job_decode(worker->config, &source, message, &event.job, &packed);
    event.job.epoch = epoch;
    bs_worker_event(worker, &event);
    bs_buffer_free(&packed);
}

static void on_end(void *context, int32_t partition, uint32_t epoch, int64_t offset)
{
    struct bs_event event = bs_worker_new_event(BS_EVENT_END_OF_PARTITION);
    event.end.partition = partition;
    event.end.epoch = epoch;
    event.end.offset = offset;
    bs_worker_event(context, &event);
}

static void on_stopped(void *context, int32_t partition, const char *reason, int64_t lost)
{
    struct bs_worker *worker = context;
    bool restoring = !bs_core_serves(worker->core, partition);
    struct bs_event event = bs_worker_new_event(BS_EVENT_PARTITION_STOPPED);
    event.stopped.partition = partition;
    event.stopped.reason = reason;
    event.stopped.lost = lost;
    bs_worker_event(worker, &event);
    if (restoring) {
        bs_kafka_reject(worker->kafka, partition);
    }
    if (worker->options.until_drained && partition < worker->jobs_partitions) {
        worker->failed = true;
        bs_worker_stop(worker, "a partition needs a person");
    }
}

static void on_restored_record(void *context, int32_t partition, uint32_t epoch,
                               const struct bs_state_record *record)
{
    struct bs_event event;
    switch (record->kind) {
    case BS_STATE_OPERATION:
    case BS_STATE_DONE:
        event = bs_worker_new_event(record->kind == BS_STATE_DONE ? BS_EVENT_RESTORED_DONE
                                                                  : BS_EVENT_RESTORED_OPERATION);
        event.restored = record->operation;
        event.restored.partition = partition;
        event.restored.epoch = epoch;
        break;
    case BS_STATE_ID:
        event = bs_worker_new_event(BS_EVENT_RESTORED_ID);
        event.id = record->id;
        event.id.partition = partition;
        event.id.epoch = epoch;
        break;
    case BS_STATE_CONTROL:
    default:
        event = bs_worker_new_event(BS_EVENT_RESTORED_CONTROL);
        event.control.partition = partition;
        event.control.epoch = epoch;
        event.control.control = &record->control;
        break;
    }
    bs_worker_event(context, &event);
}

static void on_restored(void *context, int32_t partition, uint32_t epoch,
                        const struct bs_restore_end *end)
{
    struct bs_worker *worker = context;
    worker->restore_seconds = end->seconds;
    struct bs_event event = bs_worker_new_event(BS_EVENT_RESTORED);
    event.restore_ended.partition = partition;
    event.restore_ended.epoch = epoch;
    event.restore_ended.committed = end->committed;
    event.restore_ended.log_start = end->log_start;
    event.restore_ended.divided_by = end->divided_by;
    event.restore_ended.billed = end->billed;
    event.restore_ended.billed_count = end->billed_count;
    bs_worker_event(worker, &event);
}

static void on_transaction(void *context, enum bs_transaction_outcome outcome, const char *message)
{
    struct bs_event event = bs_worker_new_event(BS_EVENT_TRANSACTION);
    event.transaction.outcome = outcome;
    event.transaction.message = message;
    bs_worker_event(context, &event);
}

static void on_published(void *context, int32_t partition, int64_t published, int64_t end)
{
    struct bs_worker *worker = context;
    if (partition < worker->jobs_partitions) {
        worker->ends[partition] = end;
        worker->published[partition] = published;
    }
}

/* Jobs has grown, or state has followed it. New partitions are worked on as soon as the quota can
 * be divided by them too. */
static void on_topics(void *context, int32_t jobs_partitions, int32_t state_partitions)
{
    struct bs_worker *worker = context;
    const struct bs_config *config = worker->config;
    if (jobs_partitions > state_partitions) {
        bs_log(BS_LOG_WARN, NULL,
               "topic %s has %d partitions, but %s has %d: jobs in partition %d and above stay "
               "untouched; run `backscribe check --create-topics`",
               config->topics.state, state_partitions, config->topics.jobs, jobs_partitions,
               state_partitions);
    }
    if (state_partitions <= worker->state_partitions) {
        return;
    }
    struct bs_error error = BS_NO_ERROR;
    if (!bs_config_check_quotas(config, state_partitions, &error)) {
        bs_log(BS_LOG_ERROR, NULL,
               "topic %s has grown to %d partitions, and the new ones stay untouched: %s",
               config->topics.state, state_partitions, error.message);
        return;
    }
    bs_log(BS_LOG_INFO, NULL, "the quotas are divided by %d partitions now, not %d",
           state_partitions, worker->state_partitions);
    worker->state_partitions = state_partitions;
    struct bs_event event = bs_worker_new_event(BS_EVENT_DIVIDED);
    event.state_partitions = state_partitions;
    bs_worker_event(worker, &event);
    bs_kafka_divide(worker->kafka, state_partitions);
}

static void on_billed(void *context, const int64_t *billed, int32_t count)
{
    struct bs_event event = bs_worker_new_event(BS_EVENT_BILLED);
    event.billed.by_partition = billed;
    event.billed.count = count;
    bs_worker_event(context, &event);
}

static void on_fatal(void *context, const char *message)
{
    bs_worker_fail(context, message);
}

static void on_trouble(void *context, const char *message)
{
    (void)context;
    bs_log(BS_LOG_WARN, NULL, "%s", message);
}

static void on_closed(void *context)
{
    struct bs_worker *worker = context;
    worker->stop_loop = true;
}

const struct bs_kafka_callbacks bs_worker_kafka_callbacks = {
    .assigned = on_assigned,
    .revoked = on_revoked,
    .lost = on_lost,
    .group = on_group,
    .job = on_job,
    .end_of_partition = on_end,
    .stopped = on_stopped,
    .restored_record = on_restored_record,
    .restored = on_restored,
    .transaction = on_transaction,
    .published = on_published,
    .topics = on_topics,
    .billed = on_billed,
    .fatal = on_fatal,
    .trouble = on_trouble,
    .closed = on_closed,
};
