/* The fake object store, as edges/objects.h has it, and the pool of threads that calls it. What
 * jobs' links name is there from the beginning; what workers put is kept by the job that it is of,
 * with who put it. */
#ifndef SIM_STORE_H
#define SIM_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/core.h"
#include "edges/objects.h"
#include "kinds.h"

struct sim;
struct sim_job;
struct sim_worker;

/* One owner of a job: a worker's process, and the assignment of its partition there. */
struct sim_owner {
    int32_t worker;
    uint32_t life, epoch;
};

static inline bool sim_same_owner(struct sim_owner a, struct sim_owner b)
{
    return a.worker == b.worker && a.life == b.life && a.epoch == b.epoch;
}

/* An object of ours, and what became of it: a job's staged copy, or one of its transcripts. */
struct sim_stored {
    struct sim_stored *next; /* transcript */
    char name[160];          /* bucket/key; "" = nobody has ever named it */
    bool stands;
    struct bs_buffer bytes;
    struct sim_owner put_by, deleted_by; /* the last ones; life 0 = nobody */
    int64_t put_ms;
    struct sim_deletions { /* that an owner has tried */
        struct sim_owner owner;
        int32_t done, refused, failed;
        bool given_up; /* the store has answered nobody for a while */
    } * deletions;
    int32_t deletion_count;
};

/* What that owner has tried; the entry is made where there is none. */
struct sim_deletions *sim_deletions_of(struct sim_stored *stored, struct sim_owner owner);

/* All that workers have put for a job. */
struct sim_put {
    struct sim_stored copy;
    struct sim_stored *transcripts; /* owned, the newest first */
};

/* What a worker asks of it at the moment. */
struct sim_asked {
    struct sim_job *job;
    struct sim_owner owner;
    enum bs_object_work work;
};

/* A task in the hands of a worker's pool. */
struct sim_task {
    struct sim_task *next;
    uint64_t number;
    int64_t given_ms;
    struct bs_task task;
    struct sim_asked asked;
    bool begun;
};

#define SIM_BELOW ".backscribe/" /* what workers put stands below this */

/* From now on it is down, or a role is missing, for a while. */
void sim_store_trouble(struct sim *sim, enum sim_kind kind);
/* A lifecycle rule deletes staged copies. */
void sim_store_sweep(struct sim *sim);
void sim_store_destroy(struct sim *sim);

#endif
