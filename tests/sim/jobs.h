/* The jobs topic: what is in it is drawn before the run, as the bytes that producers wrote;
 * messages appear as time passes. Beside each message stands what the run knows of it. */
#ifndef SIM_JOBS_H
#define SIM_JOBS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/core.h"
#include "formats/message.h"
#include "options.h"
#include "recordings.h"
#include "store.h"

#define SIM_JOBS_TOPIC "transcription-jobs"

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

/* What a state record says of a job, as the bytes in the topic have it. */
enum sim_record_kind { SIM_RECORD_NONE, SIM_RECORD_OPERATION, SIM_RECORD_DONE };

struct sim_record {
    enum sim_record_kind kind;
    bool accepted;
    int32_t operation; /* the service's, -1 = none */
    int32_t submissions;
    bool staged; /* a copy may stand in the object store */
};

struct sim_job {
    int32_t index;
    int32_t partition;
    int64_t offset;
    int64_t appears_ms;
    bs_wall_ms deadline; /* 0 = none */
    int32_t id;          /* -1 = not given */
    int32_t recording;   /* which one its link names */
    struct sim_recording audio;
    bool force, deferred;
    double audio_seconds; /* as the worker knows it before it submits; 0 = not at all */
    enum sim_nature nature;
    char id_text[64]; /* as a result has it */
    char uri[96];     /* its recording's link */
    struct sim_message *message;

    /* committed */
    struct sim_record record;
    int32_t results, dead_letters;
    struct sim_owner ended_by;
    char transcript[65]; /* the hash of the one that its result names; "" = none */
    bool staged_at_end;  /* its record told of a copy, when its end was published */
    int64_t result_ms;   /* when its result was committed */
    enum bs_dead_letter_code code;
    /* told by a worker's counters, and lasting once the watermark passes it */
    bool skipped;
    int32_t operations;  /* that the service has accepted */
    int64_t accepted_ms; /* the last of them */
    int64_t recorded_ms; /* when the last one that was recorded was accepted */
    /* looked into, and staged where it must be, by this owner, who has not submitted it yet */
    struct sim_owner prepared_by;
};

struct sim;

void sim_jobs_draw(struct sim *sim);
struct sim_job *sim_job_at(struct sim *sim, int32_t partition, int64_t offset);
/* The first job at or after `offset` that has appeared, or NULL. */
struct sim_job *sim_jobs_next(struct sim *sim, int32_t partition, int64_t offset);
/* The offset after everything that has appeared. */
int64_t sim_jobs_end(struct sim *sim, int32_t partition);
/* The service's rule for what a recording is billed. */
int64_t sim_billed_seconds(const struct sim_job *job);
/* How many words its recording has in each channel; each takes a second. */
int32_t sim_job_words(const struct sim *sim, const struct sim_job *job);
void sim_jobs_destroy(struct sim *sim);

#endif
