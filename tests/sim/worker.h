/* One worker process around a core of its own: hands it events, performs its actions, dies, pauses,
 * stops and starts again. */
#ifndef SIM_WORKER_H
#define SIM_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/core.h"
#include "options.h"

struct sim;

/* A partition as the worker's consumer knows it. */
struct sim_flow {
    bool assigned, consuming;
    uint32_t epoch;
    int64_t position;
    int64_t end_told; /* the end of partition last told, -1 = none */
};

/* A result's bytes: core's until it gives them back. */
struct sim_payload {
    struct sim_worker *worker;
    struct sim_payload *previous, *next;
    size_t size;
};

struct sim_worker {
    int32_t index;
    uint32_t life; /* counts its processes */
    bool alive, paused, stopping;
    int64_t resumes_ms;
    struct bs_core *core;
    int64_t mono_base;
    int64_t tick_ms;      /* when a tick is on its way, BS_NEVER = none is */
    bool polling;         /* a look at the consumer's queue is on its way */
    uint64_t transaction; /* under way, 0 = none */
    struct sim_flow flows[SIM_PARTITIONS];
    struct sim_payload *payloads;

    /* its membership; the coordinator's view is `in_group` and `member` */
    int64_t member, generation;
    bool in_group, joined, silent;
    int64_t told_ms; /* when the newest of the coordinator's words arrives */
    int64_t silence; /* counts them */
    int64_t ghost;   /* the membership of its dead predecessor, 0 = none */

    /* the observer's: requests sent, and how many of them stand in committed ledgers */
    int64_t spent[BS_QUOTA_KINDS], ledgered[BS_QUOTA_KINDS];
};

void sim_worker_start(struct sim *sim, struct sim_worker *worker);
/* SIGKILL, and a new process some time later. */
void sim_worker_kill(struct sim *sim, struct sim_worker *worker);
void sim_worker_pause(struct sim *sim, struct sim_worker *worker);
/* SIGTERM, and a new process some time later. */
void sim_worker_stop(struct sim *sim, struct sim_worker *worker);
/* Hands `event` (its time is filled in) to core and performs what it answers. The worker may be
 * dead afterwards. */
void sim_worker_event(struct sim *sim, struct sim_worker *worker, struct bs_event *event);
/* Looks at the consumer's queue soon. */
void sim_worker_poll(struct sim *sim, struct sim_worker *worker);
/* The partition is not the worker's any more; a job of it may still be on its way to core. */
void sim_worker_forget_flow(struct sim *sim, struct sim_worker *worker, int32_t partition);
void *sim_worker_payload(struct sim_worker *worker, size_t size);
/* Ends it without a trace, when the run is over. */
void sim_worker_destroy(struct sim_worker *worker);
/* Frees what core was handed and did not give back: after a failed run, in the middle of a step. */
void sim_worker_forget_payloads(struct sim_worker *worker);

#endif
