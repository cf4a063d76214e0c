/* One worker process: the worker's own wiring (commands/worker_*.c) around a core of its own, on
 * fake edges. Hands it events, performs its actions, dies, pauses, stops and starts again. */
#ifndef SIM_WORKER_H
#define SIM_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "commands/worker.h"
#include "edges/objects.h"
#include "options.h"
#include "store.h"

struct sim;
struct sim_worker;

/* The edges, as much as there is of them: opaque in their headers. */
struct bs_kafka {
    struct sim *sim;
    struct sim_worker *worker;
    int32_t divided_by; /* what the quota is divided by */
};
struct bs_http {
    struct sim *sim;
    struct sim_worker *worker;
};
struct bs_tokens {
    struct sim *sim;
    struct sim_worker *worker;
    bool gone; /* the secret's file is */
};
struct bs_bell {
    struct sim *sim;
    struct sim_worker *worker;
};

struct bs_objects {
    struct sim *sim;
    struct sim_worker *worker;
};
struct bs_pool {
    struct sim *sim;
    struct sim_worker *worker;
    int32_t threads, queue_limit;
    int32_t count, busy; /* tasks, and those on a thread */
    uint64_t numbers;
    struct sim_task *tasks; /* the oldest first */
};

/* A partition as the worker's consumer knows it. */
struct sim_flow {
    bool assigned, consuming, quiet;
    uint32_t epoch;
    int64_t position;
    int64_t end_told; /* the end of partition last told, -1 = none */
};

struct sim_worker {
    int32_t index;
    uint32_t life; /* counts its processes */
    bool alive, paused, stopping;
    bool dying; /* killed in the middle of a step: buried after it */
    int64_t resumes_ms, isolated_until_ms;
    struct bs_worker process;
    char name[8];
    struct bs_kafka kafka;
    struct bs_http http;
    struct bs_tokens tokens;
    struct bs_bell bell;
    struct bs_objects objects;
    struct bs_pool pool;
    struct sim_asked asked;                     /* of the object store, at this moment */
    int32_t objects_under_way[BS_OBJECT_WORKS]; /* as core has asked for them */
    int32_t deletions_failed;                   /* in a row */
    bool bell_rung;
    int64_t mono_base;
    int64_t clock_ms;     /* its wall clock is ahead of the service's by so much */
    int64_t skew_ms;      /* what remains of that when nothing is wrong */
    int64_t tick_ms;      /* when a tick is on its way, BS_NEVER = none is */
    bool polling;         /* a look at the consumer's queue is on its way */
    uint64_t transaction; /* under way, 0 = none */
    struct sim_flow flows[SIM_PARTITIONS];
    int64_t payloads; /* handed to core and not given back */

    /* its membership; the coordinator's view is `in_group` and `member` */
    int64_t member, generation;
    bool in_group, joined, silent;
    int64_t told_ms; /* when the newest of the coordinator's words arrives */
    int64_t silence; /* counts them */
    int64_t ghost;   /* the membership of its dead predecessor, 0 = none */

    bool began;                    /* core has had its first event */
    bool began_wrong;              /* its wall clock was wrong then */
    int32_t dates_told;            /* by answers of the service */
    int32_t requests, submissions; /* under way; the latter are among the former */
};

void sim_worker_start(struct sim *sim, struct sim_worker *worker);
/* SIGKILL, and a new process some time later. */
void sim_worker_kill(struct sim *sim, struct sim_worker *worker);
/* Ends the processes that were killed or have stopped in the course of the last entry. */
void sim_workers_bury(struct sim *sim);
void sim_worker_pause(struct sim *sim, struct sim_worker *worker);
/* Nothing passes between it and Kafka for a while; the service it reaches. */
void sim_worker_isolate(struct sim *sim, struct sim_worker *worker);
/* SIGTERM, and a new process some time later. */
void sim_worker_stop(struct sim *sim, struct sim_worker *worker);
/* Its credentials' file is gone for a while. */
void sim_worker_lose_credentials(struct sim *sim, struct sim_worker *worker);
void sim_worker_read_credentials(struct sim *sim, struct sim_worker *worker);
void sim_worker_jump_clock(struct sim *sim, struct sim_worker *worker);
/* Looks at the consumer's queue soon. */
void sim_worker_poll(struct sim *sim, struct sim_worker *worker);
/* The partition is not the worker's any more; a job of it may still be on its way to core. */
void sim_worker_forget_flow(struct sim *sim, struct sim_worker *worker, int32_t partition);
/* Further from the service's than docs/operating.md allows. */
bool sim_worker_clock_wrong(const struct sim *sim, const struct sim_worker *worker);
/* Whose process runs at the moment. */
struct sim_worker *sim_worker_running(void);
/* From here on bs_clock_now shows this worker's clocks. */
void sim_worker_enter(struct sim *sim, int32_t worker);
/* What its clocks show now. */
struct bs_now sim_worker_now(const struct sim *sim, const struct sim_worker *worker);
/* Ends it without a trace, when the run is over. */
void sim_worker_destroy(struct sim *sim, struct sim_worker *worker);

#endif
