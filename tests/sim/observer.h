/* Watches a run from outside: the bytes in the committed topics, the requests that leave and
 * arrive, time. It knows the truths of docs/architecture.md and nothing of how core keeps them. */
#ifndef SIM_OBSERVER_H
#define SIM_OBSERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/core.h"
#include "options.h"

struct bs_transaction;
struct cJSON;
struct sim;
struct sim_job;
struct sim_message;
struct sim_request;
struct sim_worker;

/* What arrived at the service, in order: a window's sum slides over it. */
struct sim_arrivals {
    struct sim_arrival {
        int64_t at_ms, amount;
    } * list;
    size_t count, capacity, first; /* the first one that is still in the window */
    int64_t sum;
};

struct sim_observer {
    struct sim_arrivals arrivals[BS_QUOTA_KINDS];
    uint64_t skips_before; /* the worker's counters before the present job */
    int64_t finished_ms;   /* when everything had ended, -1 = not yet */

    /* Of each job and worker: in which life it told that it skipped the job, and in which it
     * learned that the service had accepted it. */
    struct sim_told {
        uint32_t skip_life;
        uint32_t accepted_life, accepted_epoch;
        int32_t operation;
        bool exposed; /* accepted, and no record of it is committed */
    } told[SIM_JOBS][SIM_WORKERS];
};

/* ---- observer.c: truths 1, 2, 5 and 6 ---- */

/* The worker has cut this transaction: its bytes are judged. */
void sim_observe_cut(struct sim *sim, const struct sim_worker *worker,
                     struct bs_transaction *transaction);
/* The broker has accepted its offsets. */
void sim_observe_accepted_offsets(struct sim *sim, const struct bs_transaction *transaction);
/* The transaction is committed: its effects stand in the topics. */
void sim_observe_commit(struct sim *sim, const struct bs_transaction *transaction);
/* What the worker is told of it. */
void sim_observe_outcome(struct sim *sim, const struct bs_transaction *transaction,
                         enum bs_transaction_outcome outcome);
/* Core says that it wants one more job. */
void sim_observe_wanted(struct sim *sim, const struct sim_worker *worker);
void sim_observe_before_job(struct sim *sim, const struct sim_worker *worker);
void sim_observe_after_job(struct sim *sim, const struct sim_worker *worker,
                           const struct sim_job *job);
/* Whatever happens to the object store, no more is held than the limit and a little. */
void sim_observe_memory(struct sim *sim, const struct sim_worker *worker);
/* What /readyz would say. */
bool sim_observe_not_ready(struct sim *sim, const struct sim_worker *worker,
                           enum bs_not_ready reason);
/* All of its stopped partitions are stopped for jobs that were deleted. */
bool sim_observe_jobs_lost(struct sim *sim, const struct sim_worker *worker);
/* Everything has ended and has stayed so for a while. */
bool sim_observe_quiet(const struct sim *sim);
/* The time is over: what has not ended is a failure. */
void sim_observe_overdue(struct sim *sim);
/* After the end: nothing is left over anywhere. */
void sim_observe_end(struct sim *sim);
void sim_observer_destroy(struct sim *sim);
/* Answered or skipped, as the committed topics have it. */
bool sim_job_ended(const struct sim_job *job);
/* Both name the same id, and meet in one partition. */
bool sim_same_id(const struct sim_job *a, const struct sim_job *b);
/* And the same recording and specification. */
bool sim_same_request(const struct sim_job *a, const struct sim_job *b);

/* ---- messages.c: the bytes of results and dead letters ---- */

/* Finds out which job it answers for, and judges what it says. */
void sim_judge_result(struct sim *sim, struct sim_message *message);
void sim_judge_dead_letter(struct sim *sim, const struct sim_worker *worker,
                           struct sim_message *message);

/* ---- copies.c: what workers put into the object store ---- */

/* Core asks for a task. */
void sim_observe_object(struct sim *sim, struct sim_worker *worker, const struct bs_action *action);
/* The task has ended. */
void sim_observe_object_answer(struct sim *sim, struct sim_worker *worker,
                               const struct bs_event *event);
/* It says something in its log. */
void sim_observe_notice(struct sim *sim, const struct sim_worker *worker,
                        const struct bs_notice *notice);
/* A submission of this link goes out. */
void sim_judge_link(struct sim *sim, const struct sim_request *request, const char *link);
/* What is wrong with the `transcript` of the job's result; NULL = nothing. */
const char *sim_transcript_problem(struct sim *sim, const struct sim_job *job,
                                   const struct cJSON *transcript);
/* It is submitted as a copy. */
bool sim_needs_copy(const struct sim *sim, const struct sim_job *job);
/* After the end: no copy is left. */
void sim_observe_copies(struct sim *sim);

/* ---- payments.c: truth 3 ---- */

/* Core asks for a request. */
void sim_observe_sending(struct sim *sim, const struct sim_worker *worker,
                         const struct sim_request *request);
/* It goes out onto the wire. */
void sim_observe_request(struct sim *sim, const struct sim_worker *worker,
                         const struct sim_request *request);
/* The worker gets its answer. */
void sim_observe_answer(struct sim *sim, const struct sim_worker *worker,
                        const struct sim_request *request);
/* The service has accepted a submission. */
void sim_observe_accepted(struct sim *sim, const struct sim_request *request, int32_t operation);

/* ---- budget_watch.c ---- */

struct bs_view;

struct sim_budget {
    int64_t first;    /* as it was configured at the beginning */
    int64_t most;     /* what may be accepted by now, all in all */
    int64_t accepted; /* seconds, as the worker could know them */
    int32_t raised;   /* so often */
};

void sim_budget_draw(struct sim *sim);
void sim_budget_person_looks(struct sim *sim);
void sim_budget_accepted(struct sim *sim, const struct sim_job *job);
void sim_budget_judge_view(struct sim *sim, const struct sim_worker *worker,
                           const struct bs_view *view);
void sim_budget_judge_account(struct sim *sim);
void sim_budget_judge_raises(struct sim *sim);

/* ---- quota_watch.c: truth 4 ---- */

/* A request arrives at the service. */
void sim_observe_arrival(struct sim *sim, const struct sim_request *request);

#endif
