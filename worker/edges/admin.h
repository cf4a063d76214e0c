/* The admin endpoint (libmicrohttpd on the loop): /metrics, /healthz, /readyz, /status. */
#ifndef BS_EDGES_ADMIN_H
#define BS_EDGES_ADMIN_H

#include <stdint.h>

#include "base/error.h"
#include "core/core.h"
#include "edges/admin_rates.h"
#include "edges/loop.h"

struct bs_admin;

#define BS_ADMIN_JOB_ID_SIZE 1024

/* What core's view does not know. */
struct bs_admin_facts {
    struct bs_view core;
    const struct bs_core *core_handle; /* for bs_core_view_partition */
    const char *worker;                /* this worker's name */
    const char *group;
    bool until_drained;               /* it ends when every job is answered */
    const char *version;              /* of backscribe */
    const char *librdkafka, *libcurl; /* versions */
    bs_wall_ms started;
    int32_t http_connections;
    double restore_duration_seconds; /* of the last restore */
    bs_wall_ms credentials_expiry;   /* of the one that ends first; 0 = not known */
    uint64_t credentials_obtained;   /* how often one was got */
    uint64_t credentials_failed;     /* and how often none could be */
    int64_t jobs_waiting_count;      /* entries below */
    const int32_t *jobs_waiting_partition;
    const int64_t *jobs_waiting;          /* messages not yet read, by partition; -1 = not known */
    const struct bs_rates *rates;         /* NULL: not counted */
    const struct bs_operation *oldest;    /* not yet answered; NULL: there is none */
    char oldest_id[BS_ADMIN_JOB_ID_SIZE]; /* its job's; "" where it is not known */
    int64_t loop_longest_turn_ms;
    int64_t loop_longest_turn_cpu_us;
};

/* Fills `facts` for one request; on the loop's thread. */
typedef void bs_admin_look(void *context, struct bs_admin_facts *facts);

/* Fails with the reason when the address cannot be bound. Port 0 takes any; bs_admin_port tells. */
BS_MUST_CHECK struct bs_admin *bs_admin_create(struct bs_loop *loop, const char *host,
                                               uint16_t port, bs_admin_look *look, void *context,
                                               struct bs_error *error);
void bs_admin_destroy(struct bs_admin *admin);
uint16_t bs_admin_port(const struct bs_admin *admin);

#endif
