/* The fake recognition service: what arrives is logged and counted here, whatever becomes of the
 * answer. It keeps results for three days. */
#ifndef SIM_API_H
#define SIM_API_H

#include <stdbool.h>
#include <stdint.h>

#include "core/core.h"
#include "jobs.h"

struct sim;
struct sim_worker;

/* One accepted submission. */
struct sim_operation {
    struct sim_job *job;
    int64_t accepted_ms, ends_ms;
    bool failed;       /* ends with an error */
    int32_t grpc_code; /* that error's */
};

/* A request as it left the worker; what core is told again in the answer. */
struct sim_request {
    bool check;
    int32_t worker;
    uint32_t life;
    struct bs_operation_ref operation;
    int32_t partition;
    uint32_t epoch;
    int64_t offset;
    uint32_t number;
    bs_wall_ms sent;
    int64_t sent_ms;
    struct sim_job *job;
    int32_t service_operation; /* a check's, or -1: not one of ours */
    int64_t sending;           /* the observer's */
};

/* Core's SUBMIT and CHECK. */
void sim_api_send(struct sim *sim, struct sim_worker *worker, const struct bs_action *action);
/* Whether it was accepted, has not failed, and is not forgotten: submitting its job again pays
 * twice. False for a name that was never given out. */
bool sim_api_lives(const struct sim *sim, const char *operation_id);
void sim_api_destroy(struct sim *sim);

#endif
