/* The fake Kafka: what stands in its topics, whose bytes are committed, and for whom they may be.
 *
 * A transaction ends in two steps, as in the real one: its coordinator decides, and then a marker
 * reaches each partition that it touched, the group's offsets among them, in its own time. It is
 * judged by member and generation when it sends its offsets, never by partition. */
#ifndef SIM_BROKER_H
#define SIM_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/core.h"
#include "jobs.h"
#include "topic.h"

struct sim;
struct sim_worker;
struct bs_transaction;

enum sim_ownership { SIM_FREE, SIM_OWNED, SIM_REVOKING };

struct sim_partition {
    /* of the jobs topic */
    int32_t jobs[SIM_JOBS]; /* indexes, by offset */
    int32_t job_count;
    int64_t first_offset, log_start, log_end;
    int64_t lost_from; /* the first offset that was deleted unread, -1 = none */
    /* of the state topic */
    struct sim_log state;
    bool unreadable; /* a record that no worker of this version can read stands in it */
    char unreadable_key[64];
    /* the group's offset, -1 = none, with its metadata; as read_committed has it */
    int64_t committed, told_published, told_billed;
    /* the coordinator's */
    enum sim_ownership ownership;
    int64_t member; /* the owner */
    int64_t revoked_ms;
    /* the observer's: what the committed control record says */
    bool controlled;
    int64_t watermark, published, billed_total;
};

enum sim_transaction_state {
    SIM_TRANSACTION_CUT,  /* its offsets are not sent yet: the broker knows nothing of it */
    SIM_TRANSACTION_OPEN, /* readers of its partitions wait for its end */
    SIM_TRANSACTION_COMMITTED,
    SIM_TRANSACTION_ABORTED,
};

struct sim_offset {
    int32_t partition;
    int64_t offset, published, billed;
};

/* As edges/kafka.h has it: made by worker_batch.c. */
struct bs_transaction {
    struct sim *sim;
    struct bs_transaction *next;
    uint64_t number;
    enum sim_transaction_state state;
    int32_t worker;
    uint32_t life;
    int64_t member, generation; /* as they were when it was cut */
    int64_t cut_ms;
    struct sim_message *first, *last;
    struct sim_offset offsets[SIM_PARTITIONS];
    int32_t offset_count;
    bool written; /* its messages are in the topics */
    bool too_large, shrinkable;
    int32_t markers_left; /* once it is decided */
    bool told;            /* nobody waits for its outcome any more */
};

/* Hands it to the fake transaction thread of its worker. */
void sim_broker_begin(struct sim *sim, struct bs_transaction *transaction);
/* Its process is gone: what was sent may still commit, the rest is aborted in time. */
void sim_broker_abandon(struct sim *sim, struct sim_worker *worker);
/* A static member's new producer: the broker aborts what the old one left open. */
void sim_broker_fence(struct sim *sim, const struct sim_worker *worker);
/* Whether a transaction holds back the group's offset of this partition. */
bool sim_broker_holds_offset(const struct sim *sim, int32_t partition);
/* The group's and the transactions' coordinators answer nobody for a while. */
void sim_broker_move_coordinator(struct sim *sim);
bool sim_broker_coordinator_away(const struct sim *sim);
void sim_broker_compact(struct sim *sim);
/* A record of a newer version, or of nobody's, appears in the partition's state. */
void sim_broker_write_unreadable(struct sim *sim, int32_t partition);
/* A person takes it away; false where there is none. */
bool sim_broker_mend_unreadable(struct sim *sim, int32_t partition);
/* Kafka deletes jobs that nobody has read. */
void sim_broker_delete_jobs(struct sim *sim, int32_t partition);
void sim_transaction_free(struct bs_transaction *transaction);
void sim_broker_destroy(struct sim *sim);

#endif
