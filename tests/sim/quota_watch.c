/* Truth 4, counted where the requests arrive and by the service's clock. Workers that crash, are
 * expelled or were suspended are not excused. Only the requests by which a new process with a wrong
 * clock learns the service's time (two answers must agree) are left out: before them the process
 * cannot know what has left the window. */
#include <inttypes.h>
#include <stdlib.h>

#include "simulation.h"

#define DAY_MS (24 * 3600 * (int64_t)1000)

static void count(struct sim *sim, const struct sim_job *job, enum bs_quota_kind kind,
                  int64_t amount, int64_t window_ms, int64_t quota)
{
    struct sim_arrivals *arrivals = &sim->observer.arrivals[kind];
    if (arrivals->count == arrivals->capacity) {
        arrivals->capacity = arrivals->capacity == 0 ? 256 : arrivals->capacity * 2;
        arrivals->list = realloc(arrivals->list, arrivals->capacity * sizeof *arrivals->list);
        BS_ASSERT(arrivals->list != NULL);
    }
    arrivals->list[arrivals->count++] =
        (struct sim_arrival){.at_ms = sim->now_ms, .amount = amount};
    arrivals->sum += amount;
    while (arrivals->list[arrivals->first].at_ms <= sim->now_ms - window_ms) {
        arrivals->sum -= arrivals->list[arrivals->first++].amount;
    }
    if (arrivals->sum > quota) {
        sim_fail(sim, job, "truth 4: %" PRId64 " %s in a window, the quota is %" PRId64,
                 arrivals->sum, bs_quota_kind_name(kind), quota);
    }
    int64_t permille = arrivals->sum * 1000 / quota;
    if (permille > sim->report.quota_peak[kind]) {
        sim->report.quota_peak[kind] = permille;
    }
}

void sim_observe_arrival(struct sim *sim, const struct sim_request *request)
{
    const struct bs_core_options *core = &sim->options.core;
    if (request->blind) {
        sim_seen(sim, SIM_BLIND);
        return;
    }
    if (request->check) {
        count(sim, request->job, BS_QUOTA_CHECKS, 1, core->window_ms, core->checks);
        return;
    }
    count(sim, request->job, BS_QUOTA_SUBMISSIONS, 1, core->window_ms, core->submissions);
    count(sim, request->job, BS_QUOTA_BILLED_SECONDS, sim_billed_seconds(request->job), DAY_MS,
          core->billed_seconds_per_day);
}
