#include "report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "simulation.h"
#include "trace.h"

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
    struct sim_report *report = &sim->report;
    report->hash = bs_hash64(report->hash, line, strlen(line));
    report->hash = bs_hash64(report->hash, &sim->now_ms, sizeof sim->now_ms);
    if (report->print && concerns(sim, line)) {
        printf("%10" PRId64 ".%03d %s\n", sim->now_ms / 1000, (int)(sim->now_ms % 1000), line);
    }
}

void sim_trace(struct sim *sim, const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    put(sim, line);
}

void sim_trace_job(struct sim *sim, const struct sim_job *job, const char *format, ...)
{
    char line[512];
    int size = snprintf(line, sizeof line, "job %" PRId32 " at %" PRId32 ":%" PRId64 " ",
                        job->index, job->partition, job->offset);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line + size, sizeof line - (size_t)size, format, arguments);
    va_end(arguments);
    put(sim, line);
}

void sim_trace_event(struct sim *sim, const struct sim_worker *worker, const struct bs_event *event)
{
    static struct trace trace; /* large, and this program has one thread */
    trace_clear(&trace);
    trace_add(&trace, "w%" PRId32 " <- ", worker->index);
    trace_event(&trace, event);
    sim->report.steps++;
    put(sim, trace.text);
}

void sim_trace_action(struct sim *sim, const struct sim_worker *worker,
                      const struct bs_action *action)
{
    static struct trace trace;
    trace_clear(&trace);
    trace_add(&trace, "w%" PRId32 " -> ", worker->index);
    trace_action(&trace, action, true);
    put(sim, trace.text);
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
