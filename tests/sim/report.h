/* What a run tells: its hash (which proves that a seed repeats), its trace, and how it failed. */
#ifndef SIM_REPORT_H
#define SIM_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/core.h"
#include "kinds.h"

struct sim;
struct sim_job;
struct sim_message;
struct sim_worker;

struct sim_report {
    bool print;    /* the trace, to standard output */
    int32_t focus; /* only what concerns the job of this index, -1 = everything */
    uint64_t hash; /* of all events and actions so far, and of every byte that was written */
    uint64_t steps;
    uint64_t seen[SIM_KIND_COUNT];
    int64_t quota_peak[BS_QUOTA_KINDS]; /* thousandths of the quota, in the fullest window */
    int32_t failed_job;                 /* -1 = none in particular */
    char failure[512];
};

void sim_trace(struct sim *sim, const char *format, ...) BS_PRINTF(2, 3);
void sim_trace_job(struct sim *sim, const struct sim_job *job, const char *format, ...)
    BS_PRINTF(3, 4);
void sim_trace_event(struct sim *sim, const struct sim_worker *worker,
                     const struct bs_event *event);
void sim_trace_action(struct sim *sim, const struct sim_worker *worker,
                      const struct bs_action *action);
void sim_hash_message(struct sim *sim, const struct sim_message *message);

/* A promise is broken: ends the run. The first failure counts. `job` may be NULL. */
void sim_fail(struct sim *sim, const struct sim_job *job, const char *format, ...) BS_PRINTF(3, 4);

#endif
