#include "trace.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

void trace_clear(struct trace *trace)
{
    trace->used = 0;
    trace->text[0] = '\0';
}

void trace_add(struct trace *trace, const char *format, ...)
{
    size_t room = sizeof trace->text - trace->used;
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(trace->text + trace->used, room, format, arguments);
    va_end(arguments);
    if (size > 0) {
        trace->used += (size_t)size < room ? (size_t)size : room - 1;
    }
}

static const char *answer_name(enum bs_answer_kind kind)
{
    static const char *const names[] = {
        [BS_ANSWER_RUNNING] = "running",
        [BS_ANSWER_DONE] = "done",
        [BS_ANSWER_FAILED] = "failed",
        [BS_ANSWER_ERROR] = "error",
        [BS_ANSWER_UNREADABLE] = "unreadable",
        [BS_ANSWER_NOT_SENT] = "not-sent",
        [BS_ANSWER_LOST] = "lost",
        [BS_ANSWER_NO_CREDENTIALS] = "no-credentials",
    };
    return names[kind];
}

static const char *outcome_name(enum bs_transaction_outcome outcome)
{
    static const char *const names[] = {
        [BS_TRANSACTION_COMMITTED] = "committed",
        [BS_TRANSACTION_ABORTED] = "aborted",
        [BS_TRANSACTION_TOO_LARGE] = "too-large",
        [BS_TRANSACTION_FATAL] = "fatal",
    };
    return names[outcome];
}

static void add_job(struct trace *trace, const struct bs_job_event *job)
{
    trace_add(trace, "job %" PRId32 ":%" PRId64 " e%" PRIu32, job->partition, job->offset,
              job->epoch);
    if (job->id_given) {
        trace_add(trace, " id=%02x%02x", job->id_hash[0], job->id_hash[1]);
    }
    trace_add(trace, " fp=%" PRIx64 "%s%s", job->fingerprint, job->force ? " force" : "",
              job->deferred ? " deferred" : "");
    if (job->refusal != BS_DEAD_NONE) {
        trace_add(trace, " refused %s", bs_dead_letter_code_name(job->refusal));
    }
}

static void add_answer(struct trace *trace, const char *what, const struct bs_event *event)
{
    const struct bs_answer *answer = &event->request.answer;
    trace_add(trace, "%s %" PRId32 ":%" PRId64 " e%" PRIu32 " #%" PRIu32 " %s", what,
              event->request.partition, event->request.offset, event->request.epoch,
              event->request.number, answer_name(answer->kind));
    if (answer->kind == BS_ANSWER_ERROR || answer->kind == BS_ANSWER_FAILED) {
        trace_add(trace, " grpc=%" PRId32 " http=%" PRId32, answer->grpc_code, answer->http_status);
    }
    if (answer->operation_id != NULL) {
        trace_add(trace, " op=%s", answer->operation_id);
    }
    if (answer->payload != NULL) {
        trace_add(trace, " payload=%zu", answer->payload_size);
    }
}

static void add_restored(struct trace *trace, const struct bs_restored_operation *restored)
{
    trace_add(trace, "restored-operation %" PRId32 ":%" PRId64 " e%" PRIu32 " subs=%" PRId32,
              restored->partition, restored->offset, restored->epoch, restored->submissions);
    if (restored->accepted) {
        trace_add(trace, " op=%s", restored->operation_id);
    }
}

void trace_event(struct trace *trace, const struct bs_event *event)
{
    switch (event->kind) {
    case BS_EVENT_TICK:
        trace_add(trace, "tick");
        break;
    case BS_EVENT_DATE:
        trace_add(trace, "date %" PRId64, event->date.date);
        break;
    case BS_EVENT_DIVIDED:
        trace_add(trace, "divided %" PRId32, event->state_partitions);
        break;
    case BS_EVENT_BILLED:
        trace_add(trace, "billed of %" PRId32, event->billed.count);
        break;
    case BS_EVENT_ASSIGNED:
        trace_add(trace, "assigned %" PRId32, event->partition);
        break;
    case BS_EVENT_RESTORED_OPERATION:
        add_restored(trace, &event->restored);
        break;
    case BS_EVENT_RESTORED_DONE:
        trace_add(trace, "restored-done %" PRId32 ":%" PRId64 " e%" PRIu32,
                  event->restored.partition, event->restored.offset, event->restored.epoch);
        break;
    case BS_EVENT_RESTORED_ID:
        trace_add(trace, "restored-id %" PRId32 ":%" PRId64 " e%" PRIu32 " id=%02x%02x",
                  event->id.partition, event->id.offset, event->id.epoch, event->id.id_hash[0],
                  event->id.id_hash[1]);
        break;
    case BS_EVENT_RESTORED_CONTROL:
        trace_add(trace, "restored-control %" PRId32 " e%" PRIu32 " w=%" PRId64 " p=%" PRId64,
                  event->control.partition, event->control.epoch, event->control.control->watermark,
                  event->control.control->published);
        break;
    case BS_EVENT_RESTORED:
        trace_add(trace, "restored %" PRId32 " e%" PRIu32 " committed=%" PRId64 " start=%" PRId64,
                  event->restore_ended.partition, event->restore_ended.epoch,
                  event->restore_ended.committed, event->restore_ended.log_start);
        break;
    case BS_EVENT_PARTITION_STOPPED:
        trace_add(trace, "partition-stopped %" PRId32 " lost=%" PRId64, event->stopped.partition,
                  event->stopped.lost);
        break;
    case BS_EVENT_REVOKED:
        trace_add(trace, "revoked %" PRId32, event->partition);
        break;
    case BS_EVENT_LOST:
        trace_add(trace, "lost %" PRId32, event->partition);
        break;
    case BS_EVENT_JOB:
        add_job(trace, &event->job);
        break;
    case BS_EVENT_END_OF_PARTITION:
        trace_add(trace, "end-of-partition %" PRId32 ":%" PRId64 " e%" PRIu32, event->end.partition,
                  event->end.offset, event->end.epoch);
        break;
    case BS_EVENT_SUBMITTED:
        add_answer(trace, "submitted", event);
        break;
    case BS_EVENT_CHECKED:
        add_answer(trace, "checked", event);
        break;
    case BS_EVENT_OBJECT:
        trace_add(trace, "object %s %s", bs_object_work_name(event->object.work),
                  bs_object_outcome_name(event->object.answer.outcome));
        break;
    case BS_EVENT_TRANSACTION:
        trace_add(trace, "transaction %s", outcome_name(event->transaction.outcome));
        break;
    case BS_EVENT_CREDENTIALS:
        trace_add(trace, "credentials %s", event->credentials ? "read" : "none");
        break;
    case BS_EVENT_GROUP:
        trace_add(trace, "group %s", event->group_joined ? "joined" : "left");
        break;
    case BS_EVENT_STOP:
        trace_add(trace, "stop");
        break;
    }
}

static void add_operation(struct trace *trace, const struct bs_operation *operation)
{
    trace_add(trace, " %" PRId32 ":%" PRId64, operation->partition, operation->offset);
}

static void add_write(struct trace *trace, const struct bs_write *write)
{
    static const char *const names[] = {
        [BS_WRITE_OPERATION] = "record",        [BS_WRITE_DONE] = "done",
        [BS_WRITE_FORGET] = "forget",           [BS_WRITE_ID] = "id",
        [BS_WRITE_FORGET_ID] = "forget-id",     [BS_WRITE_RESULT] = "result",
        [BS_WRITE_DEAD_LETTER] = "dead-letter",
    };
    trace_add(trace, " %s %" PRId32 ":%" PRId64, names[write->kind], write->partition,
              write->offset);
    if (write->kind == BS_WRITE_ID || write->kind == BS_WRITE_FORGET_ID) {
        trace_add(trace, " %02x%02x", write->id_hash[0], write->id_hash[1]);
    }
    if (write->kind == BS_WRITE_OPERATION) {
        trace_add(trace, " subs=%u", write->operation->submissions);
        if (write->operation->accepted) {
            trace_add(trace, " op=%s", write->operation->operation_id);
        }
    }
    if (write->kind == BS_WRITE_DEAD_LETTER) {
        const struct bs_operation *operation = write->operation;
        trace_add(trace, " %s %s%s", bs_stage_name((enum bs_stage)operation->dead_letter_stage),
                  bs_dead_letter_code_name((enum bs_dead_letter_code)operation->dead_letter_code),
                  operation->omit_value ? " omit-value" : "");
    }
    trace_add(trace, ";");
}

static void add_batch(struct trace *trace, const struct bs_batch *batch)
{
    trace_add(trace, "commit");
    for (size_t i = 0; i < batch->write_count; i++) {
        add_write(trace, &batch->writes[i]);
    }
    for (size_t i = 0; i < batch->partition_count; i++) {
        const struct bs_batch_partition *partition = &batch->partitions[i];
        trace_add(trace, " control %" PRId32 " e%" PRIu32 " w=%" PRId64 " p=%" PRId64 ";",
                  partition->partition, partition->epoch, partition->control->watermark,
                  partition->control->published);
    }
}

static void add_notice(struct trace *trace, const struct bs_notice *notice, bool with_texts)
{
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    trace_add(trace, " %s", levels[notice->level]);
    if (notice->partition >= 0) {
        trace_add(trace, " %" PRId32, notice->partition);
        if (notice->offset >= 0) {
            trace_add(trace, ":%" PRId64, notice->offset);
        }
    }
    if (with_texts) {
        trace_add(trace, " \"%s\"", notice->text);
    }
}

void trace_action(struct trace *trace, const struct bs_action *action, bool with_texts)
{
    switch (action->kind) {
    case BS_ACTION_RESTORE:
        trace_add(trace, "restore %" PRId32 " e%" PRIu32, action->partition, action->epoch);
        break;
    case BS_ACTION_CONSUME:
        trace_add(trace, "consume %" PRId32 " e%" PRIu32 " from %" PRId64, action->partition,
                  action->epoch, action->offset);
        break;
    case BS_ACTION_UNASSIGN:
        trace_add(trace, "unassign %" PRId32, action->partition);
        break;
    case BS_ACTION_SUBMIT:
    case BS_ACTION_CHECK:
        trace_add(trace, "%s", action->kind == BS_ACTION_SUBMIT ? "submit" : "check");
        add_operation(trace, action->operation);
        trace_add(trace, " e%" PRIu32 " #%" PRIu32, action->operation_epoch,
                  action->operation->number);
        if (action->kind == BS_ACTION_CHECK) {
            trace_add(trace, " op=%s", action->operation->operation_id);
        }
        break;
    case BS_ACTION_OBJECT:
        trace_add(trace, "%s", bs_object_work_name(action->work));
        add_operation(trace, action->operation);
        break;
    case BS_ACTION_COMMIT:
        add_batch(trace, &action->batch);
        break;
    case BS_ACTION_RELEASE_PAYLOAD:
        trace_add(trace, "release-payload");
        break;
    case BS_ACTION_REFRESH_CREDENTIALS:
        trace_add(trace, "refresh-credentials");
        break;
    case BS_ACTION_NOTICE:
        trace_add(trace, "notice");
        add_notice(trace, action->notice, with_texts);
        break;
    case BS_ACTION_STOPPED:
        trace_add(trace, "stopped");
        break;
    case BS_ACTION_FAILED:
        trace_add(trace, "failed");
        add_notice(trace, action->notice, with_texts);
        break;
    }
}
