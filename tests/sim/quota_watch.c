/* Truth 4, counted where the requests arrive. Workers start from the ledgers in the control
 * records, so what was spent but not committed when a worker died or was expelled, and what an
 * expelled one spends before it knows, can be spent once more by the next owner. Exactly these
 * requests are excused; all others must keep within the quota in any window. */
#include <inttypes.h>
#include <stdlib.h>

#include "simulation.h"

void sim_observe_start(struct sim_worker *worker)
{
    for (int kind = 0; kind < BS_QUOTA_KINDS; kind++) {
        worker->spent[kind] = 0;
        worker->ledgered[kind] = 0;
    }
}

int64_t sim_observe_sending(struct sim *sim, struct sim_worker *worker,
                            const struct sim_request *request)
{
    struct sim_observer *observer = &sim->observer;
    if (observer->sending_count == observer->sending_capacity) {
        observer->sending_capacity =
            observer->sending_capacity == 0 ? 256 : observer->sending_capacity * 2;
        observer->sendings = realloc(observer->sendings, (size_t)observer->sending_capacity *
                                                             sizeof *observer->sendings);
        BS_ASSERT(observer->sendings != NULL);
    }
    enum bs_quota_kind kind = request->check ? BS_QUOTA_CHECKS : BS_QUOTA_SUBMISSIONS;
    bool expelled = !worker->in_group;
    observer->sendings[observer->sending_count] = (struct sim_sending){
        .kind = kind,
        .worker = worker->index,
        .life = worker->life,
        .arrived_ms = -1,
        .excused = expelled,
    };
    worker->spent[kind]++;
    worker->ledgered[kind] += expelled;
    return observer->sending_count++;
}

static int64_t quota(const struct sim *sim, enum bs_quota_kind kind)
{
    return kind == BS_QUOTA_CHECKS ? sim->options.core.checks : sim->options.core.submissions;
}

static void count_window(struct sim *sim, enum bs_quota_kind kind, const struct sim_job *job)
{
    const struct sim_observer *observer = &sim->observer;
    int64_t count = 0, from_ms = sim->now_ms - sim->options.core.window_ms;
    for (int64_t i = observer->arrival_count[kind] - 1; i >= 0; i--) {
        const struct sim_sending *sending = &observer->sendings[observer->arrivals[kind][i]];
        if (sending->arrived_ms <= from_ms) {
            break;
        }
        count += !sending->excused;
    }
    if (count > quota(sim, kind)) {
        sim_fail(sim, job, "truth 4: %" PRId64 " %s in a window, the quota is %" PRId64, count,
                 bs_quota_kind_name(kind), quota(sim, kind));
    }
}

void sim_observe_arrival(struct sim *sim, const struct sim_request *request)
{
    struct sim_observer *observer = &sim->observer;
    struct sim_sending *sending = &observer->sendings[request->sending];
    enum bs_quota_kind kind = sending->kind;
    sending->arrived_ms = sim->now_ms;
    if (observer->arrival_count[kind] == observer->arrival_capacity[kind]) {
        int64_t grown =
            observer->arrival_capacity[kind] == 0 ? 256 : observer->arrival_capacity[kind] * 2;
        observer->arrivals[kind] =
            realloc(observer->arrivals[kind], (size_t)grown * sizeof **observer->arrivals);
        BS_ASSERT(observer->arrivals[kind] != NULL);
        observer->arrival_capacity[kind] = grown;
    }
    observer->arrivals[kind][observer->arrival_count[kind]++] = request->sending;
    count_window(sim, kind, request->job);
}

/* What the ledger has more than the former one; slices that have left the window don't matter. */
static int64_t growth(const struct bs_ledger *former, const struct bs_ledger *ledger)
{
    int64_t sum = 0;
    for (int32_t i = 0; i < ledger->count; i++) {
        sum += ledger->spent[i];
        for (int32_t k = 0; former != NULL && k < former->count; k++) {
            if (former->slice[k] == ledger->slice[i]) {
                sum -= former->spent[k];
            }
        }
    }
    return sum;
}

void sim_observe_ledger(struct sim *sim, const struct sim_transaction *transaction,
                        const struct bs_control *former, const struct bs_control *control)
{
    struct sim_worker *worker = &sim->workers[transaction->worker];
    if (worker->life != transaction->life || worker->member != transaction->member ||
        !worker->in_group) {
        return;
    }
    for (int kind = 0; kind < BS_QUOTA_KINDS; kind++) {
        worker->ledgered[kind] +=
            growth(former == NULL ? NULL : &former->ledgers[kind], &control->ledgers[kind]);
    }
}

/* Its newest requests, as many as no committed ledger has. */
static void excuse(struct sim *sim, struct sim_worker *worker, enum bs_quota_kind kind)
{
    struct sim_observer *observer = &sim->observer;
    int64_t left = worker->spent[kind] - worker->ledgered[kind];
    for (int64_t i = observer->sending_count - 1; i >= 0 && left > 0; i--) {
        struct sim_sending *sending = &observer->sendings[i];
        if (sending->worker == worker->index && sending->life == worker->life &&
            sending->kind == kind && !sending->excused) {
            sending->excused = true;
            left--;
        }
    }
    worker->ledgered[kind] = worker->spent[kind];
}

void sim_observe_gone(struct sim *sim, struct sim_worker *worker)
{
    excuse(sim, worker, BS_QUOTA_SUBMISSIONS);
    excuse(sim, worker, BS_QUOTA_CHECKS);
}
