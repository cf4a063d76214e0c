/* The fake recognition service and the network before it: takes requests as bytes, answers in
 * bytes. What arrives is logged and counted here, whatever becomes of the answer. It keeps results
 * for three days. */
#ifndef SIM_API_H
#define SIM_API_H

#include <stdbool.h>
#include <stdint.h>

#include "edges/http.h"
#include "formats/message.h"
#include "jobs.h"

struct sim;
struct sim_worker;

/* One accepted submission. */
struct sim_operation {
    struct sim_job *job;
    int64_t accepted_ms, ends_ms;
    bool failed;       /* ends with an error */
    int32_t grpc_code; /* that error's */
    bool forgotten;    /* the service lost it */
};

/* A request as it left the worker. */
struct sim_request {
    bool check;
    int32_t worker;
    uint32_t life;
    int64_t sent_ms;
    bs_mono_ms send_before; /* by the worker's clock; 0 = no such limit */
    struct sim_job *job;
    int32_t operation; /* a check's, or -1: not one of ours */
    uint32_t number, epoch;
    bool blind; /* its process has a wrong clock, and no answer has told it so yet */
    char *body; /* a submission's, owned */
    bs_http_callback *callback;
    void *context;
    /* the answer */
    struct bs_http_answer answer;
    struct bs_buffer text;
    int32_t accepted; /* the operation that a submission's answer names, -1 = none */
};

/* The service's operation of that name, -1 = none. */
int32_t sim_api_operation(const struct sim *sim, const char *name, size_t size);
/* Whether it still answers for it. */
bool sim_api_knows(const struct sim *sim, int32_t operation);
/* Whether it was accepted, has not failed, and is not forgotten: submitting its job again pays
 * twice. */
bool sim_api_lives(const struct sim *sim, int32_t operation);
/* For a while the service is away, refuses everybody's credentials, or something else stands at its
 * address. */
void sim_api_trouble(struct sim *sim, enum sim_kind kind);
void sim_api_destroy(struct sim *sim);

/* ---- http.c ---- */

/* The worker gets the answer after a while, or gives up at its own time limit. */
void sim_http_reply(struct sim *sim, struct sim_request *request, int64_t delay_ms);
void sim_http_lose(struct sim *sim, struct sim_request *request);
void sim_request_free(void *request);
/* The request has arrived at the service; called by the network. */
void sim_api_take(struct sim *sim, struct sim_request *request);

#endif
