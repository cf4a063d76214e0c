/* A core in a test: events in by short calls, the text of all actions out.
 *
 * Every call that hands in an event appends the actions that follow to the scene's text, one a
 * line; scene_expect compares it and begins anew. Answers need no reference: the newest request for
 * the job of that partition and offset is answered. */
#ifndef BS_TESTS_SCENE_H
#define BS_TESTS_SCENE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/core.h"
#include "trace.h"

#define SCENE_REQUESTS   256
#define SCENE_PARTITIONS 8
#define SCENE_ANY        (-2)

/* 2026-01-01T00:00:00Z: a moment that all slices of the quotas begin with. */
#define SCENE_WALL 1767225600000

struct scene_request {
    struct bs_operation_ref operation;
    int32_t partition;
    uint32_t epoch;
    int64_t offset;
    uint32_t number;
    bs_wall_ms sent;
};

struct scene {
    struct bs_core *core;
    bs_mono_ms mono;
    bs_wall_ms wall;
    struct trace actions;
    bs_mono_ms deadline;               /* of the last step */
    uint32_t epochs[SCENE_PARTITIONS]; /* of its newest restore or consume */
    bool committing;                   /* a transaction is under way */
    bool grants_at_once; /* batches that only reserve are committed at once, and not told */
    int64_t watermarks[SCENE_PARTITIONS], published[SCENE_PARTITIONS]; /* of the last batch */
    int64_t ledgers[SCENE_PARTITIONS][BS_QUOTA_KINDS]; /* sums, as the last batch has them */
    int64_t billed[SCENE_PARTITIONS];                  /* billed_total, likewise */
    struct scene_request requests[SCENE_REQUESTS];
    size_t request_count;
    struct scene_request objects[SCENE_REQUESTS]; /* what the object store was asked for */
    enum bs_object_work works[SCENE_REQUESTS];
    size_t object_count;
};

/* What the tests start from: one partition, wide quotas, no jitter that matters. */
struct bs_core_options scene_options(void);
void scene_begin(struct scene *scene, const struct bs_core_options *options);
/* Payloads that core still holds are freed; the sanitizer sees those that it lost. */
void scene_end(struct scene *scene);
void scene_expect(struct scene *scene, const char *actions);
/* Forgets the actions so far: they are another test's. */
void scene_forget(struct scene *scene);
/* The service tells its time; scene_begin begins with it. */
void scene_date(struct scene *scene, bs_wall_ms date);

/* Fills in the time and performs the step. */
void scene_event(struct scene *scene, struct bs_event event);
/* Time passes, without a step. */
void scene_pass(struct scene *scene, int64_t ms);
/* Time passes to the deadline of the last step, and the tick is handed in. */
void scene_tick(struct scene *scene);
/* Ticks until something was done or `ms` have passed since the call; false in the latter case. */
bool scene_run(struct scene *scene, int64_t ms);

/* Assigned, restored with nothing known, and consuming from 0: the actions are forgotten. */
void scene_serve(struct scene *scene, int32_t partition);
void scene_assigned(struct scene *scene, int32_t partition);
void scene_restored(struct scene *scene, int32_t partition, int64_t committed);
void scene_revoked(struct scene *scene, int32_t partition);
void scene_lost(struct scene *scene, int32_t partition);
void scene_stop(struct scene *scene);

/* A job of 10 bytes with a made-up id; change the event as needed and hand it in. */
struct bs_event scene_job_event(const struct scene *scene, int32_t partition, int64_t offset);
void scene_job(struct scene *scene, int32_t partition, int64_t offset);
/* One that names its id (by a number) and its recording (by another). */
void scene_named_job(struct scene *scene, int32_t partition, int64_t offset, uint8_t id,
                     uint64_t fingerprint);
void scene_id(uint8_t id, uint8_t id_hash[BS_ID_HASH_SIZE]);

/* An accepted operation as its record is read back. */
struct bs_event scene_record(const struct scene *scene, int32_t partition, int64_t offset,
                             const char *operation_id);

/* Answers to the newest request of that job. */
void scene_accepted(struct scene *scene, int32_t partition, int64_t offset,
                    const char *operation_id);
void scene_submitted(struct scene *scene, int32_t partition, int64_t offset,
                     struct bs_answer answer);
void scene_checked(struct scene *scene, int32_t partition, int64_t offset, struct bs_answer answer);
/* A check's DONE with a payload of 100 bytes. */
void scene_done(struct scene *scene, int32_t partition, int64_t offset);
/* The answer to the newest work of the object store on that job. */
void scene_object(struct scene *scene, int32_t partition, int64_t offset,
                  struct bs_object_answer answer);
struct bs_answer scene_error(int32_t grpc_code, int32_t http_status);

void scene_transaction(struct scene *scene, enum bs_transaction_outcome outcome);
/* Ticks until a batch is cut and commits it; its actions are forgotten. */
void scene_commit(struct scene *scene);

/* `count` jobs, one after the other. */
void scene_offer(struct scene *scene, int32_t partition, int64_t first, int64_t count);
/* Steps and commits until `until`. */
void scene_live(struct scene *scene, bs_mono_ms until);
/* Whether the worker tells that reason for not being ready. */
bool scene_not_ready(const struct scene *scene, enum bs_not_ready reason);
/* How many actions begin so. */
int scene_count(const struct scene *scene, const char *start);

/* Takes the job from intake to a recorded, running operation; the actions are forgotten. */
void scene_run_job(struct scene *scene, int32_t partition, int64_t offset,
                   const char *operation_id);

#endif
