/* The worker's side of Kafka: group membership, jobs, restore, transactions.
 *
 * kafka_consumer.c (group and jobs, on the loop), kafka_restore.c, kafka_transactions.c and
 * kafka_published.c (each a thread with handles of its own), kafka_config.c (the configuration as
 * librdkafka's), kafka.c (the whole). Everything declared here is called on the loop's thread, and
 * all callbacks come on it, from bs_kafka_deliver or a bell of the loop: never from inside another
 * function of this header. Decides nothing: which partition works, from where, and what goes into a
 * transaction is core's. */
#ifndef BS_EDGES_KAFKA_H
#define BS_EDGES_KAFKA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "core/core.h"
#include "edges/loop.h"
#include "formats/config.h"
#include "formats/message.h"
#include "formats/state.h"

struct bs_kafka;

/* The end of a partition's restore. */
struct bs_restore_end {
    int64_t committed; /* the group's offset, -1 = none */
    int64_t log_start; /* of the jobs partition */
    /* By how many partitions the quota was divided when the others were first worked on, the least
     * that any committed offset tells, under a budget also the first partition's control record; 0
     * = none tells. Asked for where the partition has neither an offset nor a control record, or
     * there is a budget. */
    int32_t divided_by;
    const int64_t *billed; /* by partition, what committed offsets tell, -1 = nothing; only where
                            * there is a budget, else billed_count is 0 */
    int32_t billed_count;
    double seconds; /* how long the restore took */
};

struct bs_kafka_callbacks {
    /* A rebalance gave us this partition: restore it, then answer with bs_kafka_consume, or with
     * bs_kafka_reject. However long that takes it holds no rebalance up, and the partition may be
     * revoked or lost before. */
    void (*assigned)(void *context, int32_t partition);
    /* It is to be given up: answer with bs_kafka_unassign when nothing of it is under way. The
     * rebalance is held until then. */
    void (*revoked)(void *context, int32_t partition);
    /* It is gone already (expelled, session timed out); nothing to answer. Also for one that is
     * being given up. It may be assigned again right after, by the next generation. */
    void (*lost)(void *context, int32_t partition);
    /* The group is joined (an assignment was received, maybe an empty one), or left or lost. */
    void (*group)(void *context, bool joined);

    void (*job)(void *context, int32_t partition, uint32_t epoch, int64_t offset, int64_t timestamp,
                const struct bs_message *message);
    void (*end_of_partition)(void *context, int32_t partition, uint32_t epoch, int64_t offset);
    /* Jobs were deleted before they were read (`lost` of them), or the partition's state cannot be
     * read. Nothing more of it is delivered. */
    void (*stopped)(void *context, int32_t partition, const char *reason, int64_t lost);

    /* Restore: the newest record of each key, then the end. Called in portions, so that the loop
     * does not stall. */
    void (*restored_record)(void *context, int32_t partition, uint32_t epoch,
                            const struct bs_state_record *record);
    void (*restored)(void *context, int32_t partition, uint32_t epoch,
                     const struct bs_restore_end *end);

    void (*transaction)(void *context, enum bs_transaction_outcome outcome, const char *message);

    /* --until-drained, for each partition of the jobs topic: `published` is the watermark in its
     * committed offset's metadata (-1 = none), `end` what bs_kafka_note_ends found (0 where nothing
     * stood in it: nothing to wait for). */
    void (*published)(void *context, int32_t partition, int64_t published, int64_t end);

    /* The topics have so many partitions now: told when it changes, some seconds late. Partitions
     * that were stopped because the state topic lacked them are assigned again, once it has them
     * and bs_kafka_divide has taken them in. */
    void (*topics)(void *context, int32_t jobs_partitions, int32_t state_partitions);
    /* Under a budget, every ten seconds or so: by partition, what committed offsets tell, -1 =
     * nothing. */
    void (*billed)(void *context, const int64_t *billed, int32_t count);

    /* This process cannot go on (fenced by a second instance, fatal librdkafka error). */
    void (*fatal)(void *context, const char *message);
    /* Something worth a log line that stops nothing (brokers down, authentication failing). */
    void (*trouble)(void *context, const char *message);
    void (*closed)(void *context);
};

/* Connects lazily; fails only on what the configuration itself makes impossible. `config` must
 * outlive it. Subscribes at once. `state_partitions`: what the quota is divided by. */
BS_MUST_CHECK struct bs_kafka *bs_kafka_create(struct bs_loop *loop, const struct bs_config *config,
                                               int32_t state_partitions,
                                               const struct bs_kafka_callbacks *callbacks,
                                               void *context, struct bs_error *error);
void bs_kafka_destroy(struct bs_kafka *kafka);

/* The quota is divided by so many state partitions from now on. */
void bs_kafka_divide(struct bs_kafka *kafka, int32_t state_partitions);

/* Reads the partition's state from the beginning, as docs/architecture.md's "Restore" has it. A
 * partition that the state topic does not have is answered with `stopped`. Retries what is
 * temporary for ever (with `trouble`). A restore of an older epoch is given up. */
void bs_kafka_restore(struct bs_kafka *kafka, int32_t partition, uint32_t epoch);
/* Delivers jobs from `offset` on (as far as wanted: bs_kafka_deliver). */
void bs_kafka_consume(struct bs_kafka *kafka, int32_t partition, uint32_t epoch, int64_t offset);
/* Owned, but nothing of it is to be delivered. */
void bs_kafka_reject(struct bs_kafka *kafka, int32_t partition);
/* Answers `revoked`. */
void bs_kafka_unassign(struct bs_kafka *kafka, int32_t partition);

/* Serves rebalance and error events, then hands out messages that have arrived: up to `limit`,
 * round robin over the partitions, each only while `wanted(context)` says so. What is not wanted
 * stays in Kafka and, up to librdkafka's small prefetch, in its partition's queue; nothing is
 * paused.
 * Returns true when `limit` ended it: more may be there, so call it again without waiting. What was
 * not wanted does not count: it comes when jobs are wanted again. Call it on every turn. */
bool bs_kafka_deliver(struct bs_kafka *kafka, int32_t limit, bool (*wanted)(void *context));

/* ---- transactions: one at a time ---- */

enum bs_topic { BS_TOPIC_STATE, BS_TOPIC_RESULTS, BS_TOPIC_DEAD_LETTERS };

struct bs_transaction;

/* An empty one, with the group's metadata of this moment. NULL when we are no member now (no
 * generation, or an empty member id): such a transaction would be unfenced, so it must not be. */
struct bs_transaction *bs_transaction_create(struct bs_kafka *kafka);
/* Copies the message. `partition` -1: by the key as the Java client does (murmur2). */
void bs_transaction_add(struct bs_transaction *transaction, enum bs_topic topic, int32_t partition,
                        const struct bs_message *message);
/* `published` and `billed` (seconds, all that was ever charged; -1 = not to be told) stand in the
 * offset's text. */
void bs_transaction_add_offset(struct bs_transaction *transaction, int32_t partition,
                               int64_t offset, int64_t published, int64_t billed);
/* Hands it to the transaction thread, which owns it from here; `transaction` is called at its end.
 * Temporary trouble is retried there without end (with `trouble`); an outcome is definite. */
void bs_transaction_submit(struct bs_transaction *transaction);
void bs_transaction_discard(struct bs_transaction *transaction);

/* ---- looking ---- */

/* Messages of the partition not yet delivered, where `position` comes next (negative: not known
 * before its state is restored): -1 = not known. */
int64_t bs_kafka_waiting(struct bs_kafka *kafka, int32_t partition, int64_t position);
/* The cluster's id, "" while it is not known. Valid as long as the handle. */
const char *bs_kafka_cluster_id(struct bs_kafka *kafka);
const char *bs_kafka_member_id(struct bs_kafka *kafka);
/* --until-drained: notes the jobs partitions' ends now (retrying until it succeeds), then calls
 * `published` for every partition about once a second until the handle is closed. */
void bs_kafka_note_ends(struct bs_kafka *kafka);

/* Leaves the group (a static member stays in it), stops the threads; `closed` is called at the end.
 * Bound it: librdkafka 2.0.2 is known to hang here now and then. */
void bs_kafka_close(struct bs_kafka *kafka);

#endif
