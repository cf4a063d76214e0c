/* One run: a fleet of workers, the Kafka and the service that they talk to, and what watches them.
 * Everything follows from the options, and those from the seed. */
#ifndef SIM_SIMULATION_H
#define SIM_SIMULATION_H

#include <stdbool.h>
#include <stdint.h>

#include "api.h"
#include "broker.h"
#include "formats/config.h"
#include "group.h"
#include "jobs.h"
#include "observer.h"
#include "options.h"
#include "report.h"
#include "restore.h"
#include "store.h"
#include "timeline.h"
#include "worker.h"

struct sim {
    struct sim_options options;
    struct bs_config config; /* what the workers were configured with; its texts are borrowed */
    struct bs_random random;
    struct sim_timeline timeline;
    int64_t now_ms;             /* since the beginning */
    bs_wall_ms wall_base;       /* the service's clock at the beginning */
    bool faulty;                /* the phase of faults is not over */
    enum sim_kind trouble_kind; /* the service's, while there is any */
    int64_t trouble_until_ms;
    enum sim_kind store_trouble; /* the object store's, likewise */
    int64_t store_trouble_until_ms;
    int32_t store_denies;   /* 1 reading, 2 writing, 3 both */
    bool recordings_mended; /* a person has deleted those that cannot be read */
    int64_t coordinator_away_until_ms;
    int64_t nobody_until_ms; /* no worker is started before */

    struct sim_job jobs[SIM_JOBS];
    struct sim_put put[SIM_JOBS];
    struct sim_partition partitions[SIM_PARTITIONS];
    struct bs_transaction *transactions;
    uint64_t transaction_count;
    struct sim_group group;
    struct sim_operation *operations;
    int32_t operation_count, operation_capacity;
    struct sim_worker workers[SIM_WORKERS];
    struct sim_observer observer;
    struct sim_budget budget;
    struct sim_report report;
    bool failed;
};

/* Runs to the end, or to the first truth that is broken. Free it with sim_destroy. */
struct sim *sim_run_options(const struct sim_options *options, const struct sim_report *report);
void sim_destroy(struct sim *sim);

/* Adds `entry` to the timeline `delay_ms` from now. */
void sim_later(struct sim *sim, int64_t delay_ms, struct sim_entry entry);
/* The time that a message needs through the network or Kafka. */
int64_t sim_latency(struct sim *sim);
/* Whether this fault happens now, by its likelihood: never after the phase of faults. */
bool sim_fault(struct sim *sim, enum sim_kind kind);
/* It did. */
void sim_seen(struct sim *sim, enum sim_kind kind);
/* A person gives the worker new credentials, which it notices as its file changes. */
void sim_renew_credentials(struct sim *sim, int64_t delay_ms, int32_t worker);

#endif
