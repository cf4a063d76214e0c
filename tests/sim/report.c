#include "report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "simulation.h"
#include "trace.h"

/* ---- the hash: cheap, for it is made whether the trace is printed or not
 * -------------------------
 */

static void mix(struct sim *sim, uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t *hash = &sim->report.hash;
    *hash = bs_mix64(*hash ^ a);
    *hash = bs_mix64(*hash ^ b ^ (uint64_t)sim->now_ms);
    *hash = bs_mix64(*hash ^ c);
}

static void hash_event(struct sim *sim, uint64_t worker, const struct bs_event *event)
{
    uint64_t kind = worker << 8 | (uint64_t)event->kind;
    switch (event->kind) {
    case BS_EVENT_SUBMITTED:
    case BS_EVENT_CHECKED:
        mix(sim, kind, (uint64_t)event->request.offset, (uint64_t)event->request.answer.kind);
        break;
    case BS_EVENT_OBJECT:
        mix(sim, kind, (uint64_t)event->object.work, (uint64_t)event->object.answer.outcome);
        break;
    case BS_EVENT_JOB:
        mix(sim, kind, (uint64_t)event->job.offset, event->job.fingerprint);
        break;
    case BS_EVENT_TRANSACTION:
        mix(sim, kind, (uint64_t)event->transaction.outcome, 0);
        break;
    case BS_EVENT_RESTORED:
        mix(sim, kind, (uint64_t)event->restore_ended.committed, event->restore_ended.epoch);
        break;
    case BS_EVENT_ASSIGNED:
    case BS_EVENT_REVOKED:
    case BS_EVENT_LOST:
        mix(sim, kind, (uint64_t)event->partition, 1);
        break;
    default:
        mix(sim, kind, 0, 0);
    }
}

static void hash_action(struct sim *sim, uint64_t worker, const struct bs_action *action)
{
    uint64_t kind = worker << 8 | (uint64_t)action->kind;
    switch (action->kind) {
    case BS_ACTION_SUBMIT:
    case BS_ACTION_CHECK:
        mix(sim, kind, (uint64_t)action->operation->offset, action->operation->number);
        break;
    case BS_ACTION_OBJECT:
        mix(sim, kind, (uint64_t)action->operation->offset, (uint64_t)action->work);
        break;
    case BS_ACTION_RESTORE:
    case BS_ACTION_CONSUME:
    case BS_ACTION_UNASSIGN:
        mix(sim, kind, (uint64_t)action->partition, (uint64_t)action->offset);
        break;
    default:
        mix(sim, kind, 0, 0);
    }
}

void sim_hash_message(struct sim *sim, const struct sim_message *message)
{
    const struct bs_message *bytes = &message->message;
    uint64_t key = bs_hash64(0, bytes->key.data, bytes->key.size);
    uint64_t value = bs_hash64(0, bytes->value.data, bytes->value.size);
    mix(sim, (uint64_t)message->topic, key, value);
}

/* ---- the trace ----------------------------------------------------------------------------------
 */

/* Whether a line names the job as "partition:offset". */
static bool names(const char *line, const struct sim_job *job)
{
    char name[40];
    size_t size =
        (size_t)snprintf(name, sizeof name, " %" PRId32 ":%" PRId64, job->partition, job->offset);
    for (const char *at = strstr(line, name); at != NULL; at = strstr(at + 1, name)) {
        if (at[size] < '0' || at[size] > '9') {
            return true;
        }
    }
    return false;
}

/* Lines that name no job at all concern every job; ticks are left out. */
static bool concerns(const struct sim *sim, const char *line)
{
    const struct sim_report *report = &sim->report;
    if (report->focus < 0 || names(line, &sim->jobs[report->focus])) {
        return true;
    }
    return strchr(line, ':') == NULL && strstr(line, "tick") == NULL;
}

static void put(struct sim *sim, const char *line)
{
    if (concerns(sim, line)) {
        printf("%10" PRId64 ".%03d %s\n", sim->now_ms / 1000, (int)(sim->now_ms % 1000), line);
    }
}

void sim_trace(struct sim *sim, const char *format, ...)
{
    if (!sim->report.print) {
        return;
    }
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    put(sim, line);
}

void sim_trace_job(struct sim *sim, const struct sim_job *job, const char *format, ...)
{
    if (!sim->report.print) {
        return;
    }
    char line[512];
    int size = snprintf(line, sizeof line, "job %" PRId32 " at %" PRId32 ":%" PRId64 " ",
                        job->index, job->partition, job->offset);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line + size, sizeof line - (size_t)size, format, arguments);
    va_end(arguments);
    put(sim, line);
}

static struct trace *begin_line(const struct sim_worker *worker, const char *arrow)
{
    static struct trace trace; /* large, and this program has one thread */
    trace_clear(&trace);
    trace_add(&trace, "w%" PRId32 " %s ", worker->index, arrow);
    return &trace;
}

void sim_trace_event(struct sim *sim, const struct sim_worker *worker, const struct bs_event *event)
{
    sim->report.steps++;
    hash_event(sim, (uint64_t)worker->index, event);
    if (sim->report.print) {
        struct trace *trace = begin_line(worker, "<-");
        trace_event(trace, event);
        put(sim, trace->text);
    }
}

void sim_trace_action(struct sim *sim, const struct sim_worker *worker,
                      const struct bs_action *action)
{
    hash_action(sim, (uint64_t)worker->index, action);
    if (sim->report.print) {
        struct trace *trace = begin_line(worker, "->");
        trace_action(trace, action, true);
        put(sim, trace->text);
    }
}

void sim_fail(struct sim *sim, const struct sim_job *job, const char *format, ...)
{
    if (sim->failed) {
        return;
    }
    sim->failed = true;
    struct sim_report *report = &sim->report;
    report->failed_job = job == NULL ? -1 : job->index;
    int size = job == NULL
                   ? 0
                   : snprintf(report->failure, sizeof report->failure,
                              "job at %" PRId32 ":%" PRId64 ": ", job->partition, job->offset);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(report->failure + size, sizeof report->failure - (size_t)size, format,
                    arguments);
    va_end(arguments);
    sim_trace(sim, "FAILED %s", report->failure);
}
