/* Watches a run from outside: the committed topics, the requests that arrive at the service, time.
 * It knows the truths of docs/architecture.md and nothing of how core keeps them. */
#ifndef SIM_OBSERVER_H
#define SIM_OBSERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/core.h"
#include "options.h"

struct sim;
struct sim_partition;
struct sim_request;
struct sim_transaction;
struct sim_worker;

/* One request of a worker, sent or (NOT_SENT) not even that: core spends quota on either. */
struct sim_sending {
    enum bs_quota_kind kind;
    int32_t worker;
    uint32_t life;
    int64_t arrived_ms; /* -1 = not, or not yet */
    bool excused;       /* its spending could not reach the ledger: see quota_watch.c */
};

struct sim_observer {
    struct sim_sending *sendings;
    int64_t sending_count, sending_capacity;
    int64_t *arrivals[BS_QUOTA_KINDS]; /* indexes of sendings, in order of arrival */
    int64_t arrival_count[BS_QUOTA_KINDS], arrival_capacity[BS_QUOTA_KINDS];

    uint64_t skips_before; /* the worker's counters before the present step */
    int64_t finished_ms;   /* when everything had ended, -1 = not yet */

    /* Of each job and worker: in which life it told that it skipped the job, and in which it
     * learned that the service had accepted it. */
    struct sim_told {
        uint32_t skip_life;
        uint32_t accepted_life, accepted_epoch;
        char operation_id[32];
    } told[SIM_JOBS][SIM_WORKERS];

    /* For the summary: what is known to happen until workers bind their right to spend to their
     * membership. */
    int64_t submissions_by_expelled;
};

/* ---- observer.c: truths 1, 2, 3, 5 and 6 ---- */

/* The batch of core's COMMIT, and the copy of it that travels. */
void sim_observe_cut(struct sim *sim, const struct sim_worker *worker, const struct bs_batch *batch,
                     const struct sim_transaction *transaction);
/* The broker has accepted its offsets. */
void sim_observe_accepted_offsets(struct sim *sim, const struct sim_transaction *transaction);
/* The transaction is committed: its effects stand in the topics. */
void sim_observe_commit(struct sim *sim, const struct sim_transaction *transaction);
void sim_observe_answer(struct sim *sim, const struct sim_worker *worker,
                        const struct sim_request *request, const struct bs_answer *answer);
/* Core says that it wants one more job. */
void sim_observe_wanted(struct sim *sim, const struct sim_worker *worker);
void sim_observe_before(struct sim *sim, const struct sim_worker *worker,
                        const struct bs_event *event);
void sim_observe_after(struct sim *sim, const struct sim_worker *worker,
                       const struct bs_event *event);
/* A submission leaves core. */
void sim_observe_submission(struct sim *sim, const struct sim_worker *worker,
                            const struct sim_request *request);
/* What /readyz would say. */
bool sim_observe_not_ready(struct sim *sim, const struct sim_worker *worker,
                           enum bs_not_ready reason);
/* Everything has ended and has stayed so for a while. */
bool sim_observe_quiet(const struct sim *sim);
/* The time is over: what has not ended is a failure. */
void sim_observe_overdue(struct sim *sim);
/* After the end: nothing is left over anywhere. */
void sim_observe_end(struct sim *sim);
void sim_observer_destroy(struct sim *sim);

/* ---- quota_watch.c: truth 4 ---- */

void sim_observe_start(struct sim_worker *worker);
/* A request leaves core. Returns what the request carries to sim_observe_arrival. */
int64_t sim_observe_sending(struct sim *sim, struct sim_worker *worker,
                            const struct sim_request *request);
void sim_observe_arrival(struct sim *sim, const struct sim_request *request);
/* A partition's ledger is committed in place of the former one (NULL = there was none). */
void sim_observe_ledger(struct sim *sim, const struct sim_transaction *transaction,
                        const struct bs_control *former, const struct bs_control *control);
/* The worker is dead or expelled: what it spent since its last commit is known to nobody. */
void sim_observe_gone(struct sim *sim, struct sim_worker *worker);

#endif
