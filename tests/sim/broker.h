/* The fake Kafka's topics and transactions: what is committed, and for whom it may be. Consumers
 * see committed records only; a transaction is judged by member and generation when it sends its
 * offsets, never by partition, as the real broker does. */
#ifndef SIM_BROKER_H
#define SIM_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/core.h"
#include "jobs.h"

struct sim;
struct sim_worker;

struct sim_remembered {
    uint8_t id_hash[BS_ID_HASH_SIZE];
    uint64_t fingerprint;
    int64_t offset;
    bs_wall_ms ended;
};

enum sim_ownership { SIM_FREE, SIM_OWNED, SIM_REVOKING };

struct sim_partition {
    int64_t log_start, log_end;
    /* committed */
    int64_t committed; /* the group's offset, -1 = none */
    int64_t published; /* in its metadata */
    bool controlled;
    struct bs_control control;
    struct sim_remembered remembered[SIM_JOBS];
    int32_t remembered_count;
    /* the coordinator's */
    enum sim_ownership ownership;
    int64_t member; /* the owner */
    int64_t revoked_ms;
};

/* One message of a transaction, as plain copies. */
struct sim_write {
    enum bs_write_kind kind;
    int32_t partition;
    int64_t offset;
    struct sim_record record;
    struct sim_remembered id;
    struct sim_job *job; /* RESULT and DEAD_LETTER */
    enum bs_dead_letter_code code;
    bool shrinkable; /* the worker has another way with it, should it be too large */
    bool too_large;  /* the broker will not take it */
};

enum sim_transaction_state {
    SIM_TRANSACTION_CUT,  /* its offsets are not sent yet: the broker knows nothing of it */
    SIM_TRANSACTION_OPEN, /* readers of its partitions' offsets wait for its end */
    SIM_TRANSACTION_COMMITTED,
    SIM_TRANSACTION_ABORTED,
};

struct sim_transaction {
    struct sim_transaction *next;
    uint64_t number;
    enum sim_transaction_state state;
    int32_t worker;
    uint32_t life;
    int64_t member, generation; /* as they were when it was cut */
    struct sim_write *writes;
    size_t write_count;
    int32_t partitions[SIM_PARTITIONS];
    struct bs_control controls[SIM_PARTITIONS];
    int32_t partition_count;
};

/* Core's COMMIT: copies the batch; its end comes as an event. */
void sim_broker_begin(struct sim *sim, struct sim_worker *worker, const struct bs_batch *batch);
/* Its process is gone: what was sent may still commit, the rest is aborted in time. */
void sim_broker_abandon(struct sim *sim, struct sim_worker *worker);
/* Whether a transaction holds back the offsets of this partition. */
bool sim_broker_holds(const struct sim *sim, int32_t partition);
void sim_broker_destroy(struct sim *sim);

#endif
