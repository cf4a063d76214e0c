/* What the service manager is told of the worker: its readiness with the reason, or its figures. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "commands/worker.h"
#include "formats/json.h"

#define FIGURES_EVERY_MS 10000 /* a change of readiness is told at once */

static uint64_t dead_letters(const struct bs_counters *counters)
{
    uint64_t sum = 0;
    for (int stage = 0; stage <= BS_STAGE_PUBLISH; stage++) {
        for (int code = 0; code < BS_DEAD_CODES; code++) {
            sum += counters->dead_letters[stage][code];
        }
    }
    return sum;
}

static void write_figures(const struct bs_worker *worker, char *text, size_t size)
{
    struct bs_view view;
    bs_core_view(worker->core, bs_clock_now(), &view);
    int64_t queued = view.preparing + view.waiting;
    int64_t in_flight = view.submitting + view.running + view.checking + view.finishing;
    (void)snprintf(text, size,
                   "Ready: %" PRId64 " in flight, %" PRId64 " to be submitted, %" PRIu64
                   " results, %" PRIu64 " dead letters",
                   in_flight, queued, view.counters->results, dead_letters(view.counters));
}

void bs_worker_tell_service(struct bs_worker *worker, bs_mono_ms now, const char *not_ready)
{
    char text[BS_NOTIFY_STATUS_MAX], line[BS_NOTIFY_STATUS_MAX];
    if (not_ready == NULL && now < worker->figures_due) {
        return;
    }
    if (not_ready != NULL) {
        (void)snprintf(text, sizeof text, "Not ready: %s", not_ready);
        worker->figures_due = 0;
    } else {
        write_figures(worker, text, sizeof text);
        worker->figures_due = now + FIGURES_EVERY_MS;
    }
    bs_utf8_copy_cut(text, strlen(text), line, sizeof line);
    bs_notify_status(worker->notify, line);
}
