/* The jobs topic: what is in it is drawn before the run; messages appear as time passes. */
#ifndef SIM_JOBS_H
#define SIM_JOBS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/core.h"
#include "options.h"

#define SIM_JOB_BYTES 300

/* What the service makes of a recording, whoever asks and however often. */
enum sim_nature {
    SIM_GOOD,
    SIM_INVALID,     /* not a job: refused at intake */
    SIM_REFUSED,     /* INVALID_ARGUMENT at each submission */
    SIM_FAILS,       /* the operation fails, each time, in a way that no other try cures */
    SIM_FAILS_AGAIN, /* the operation fails, each time, in a way that another try might cure */
    SIM_HUGE,        /* refused, and its dead letter is too large with its value */
    SIM_NATURES
};

/* A record of the state topic as it would be read back. */
enum sim_record_kind { SIM_RECORD_NONE, SIM_RECORD_OPERATION, SIM_RECORD_DONE };

struct sim_record {
    enum sim_record_kind kind;
    struct bs_restored_operation operation;
    char operation_id[32];
};

struct sim_job {
    int32_t index;
    int32_t partition;
    int64_t offset;
    int64_t appears_ms;
    bs_wall_ms deadline; /* 0 = none */
    int32_t id;          /* -1 = not given */
    uint64_t fingerprint;
    bool force, deferred;
    double audio_seconds; /* 0 = unknown */
    int32_t channels;
    enum sim_nature nature;
    uint32_t job_size;
    uint8_t job[SIM_JOB_BYTES]; /* packed, opaque to core: begins with the index */
    uint8_t id_hash[BS_ID_HASH_SIZE];

    /* committed */
    struct sim_record record;
    int32_t results, dead_letters;
    int64_t result_ms; /* when its result was committed */
    enum bs_dead_letter_code code;
    /* told by a worker's counters, and lasting once the watermark passes it */
    bool skipped;
};

struct sim;

void sim_jobs_draw(struct sim *sim);
/* The job whose packed bytes these are. */
struct sim_job *sim_job_of(struct sim *sim, const uint8_t *packed, size_t size);
struct sim_job *sim_job_at(struct sim *sim, int32_t partition, int64_t offset);
/* The first job at or after `offset` that has appeared, or NULL. */
struct sim_job *sim_jobs_next(struct sim *sim, int32_t partition, int64_t offset);
/* The offset after everything that has appeared. */
int64_t sim_jobs_end(struct sim *sim, int32_t partition);

#endif
