/* What kafka_consumer.c (membership, rebalances) and kafka_jobs.c (messages, errors) share; nothing
 * else includes it. */
#ifndef BS_EDGES_KAFKA_CONSUMER_H
#define BS_EDGES_KAFKA_CONSUMER_H

#include "edges/kafka_internal.h"

struct bs_owned_partition {
    bool given;     /* the group's assignment has it, as librdkafka sees it */
    bool announced; /* core knows it as ours */
    bool restoring;
    bool fetched;   /* it is in librdkafka's assignment: messages come */
    bool quiet;     /* nothing of it is delivered any more */
    bool revoking;  /* core was asked to give it up */
    bool stateless; /* stopped: the state topic has no such partition (yet) */
    uint32_t epoch;
    int64_t position; /* what is below was delivered */
    int32_t divided;  /* the state topic's partitions when it was first worked on; 0 = not known */
    rd_kafka_queue_t *queue;
};

struct bs_consumer {
    struct bs_kafka *kafka;
    rd_kafka_t *handle;
    rd_kafka_queue_t *queue;
    struct bs_owned_partition *partitions;
    int32_t partition_count;
    int32_t next_delivered; /* round robin */
    char member_id[BS_MEMBER_ID_SIZE];
    bool subscribed;
    bool joined;
    bool seen_rebalance;
    bool closing;
    bool close_begun;
    bool left; /* without a word to the group */
    bs_mono_ms close_until;
    bool fatal_told;
    rd_kafka_topic_partition_list_t *revoked; /* held; NULL = none */
    int32_t revocations_open; /* it is finished by the next look when none is left */
    bool revoked_lost;
    bs_mono_ms next_membership;
    struct bs_trouble_gate gate;
    struct bs_header_scratch headers;
    struct bs_kafka_secrets secrets;
    char *cluster_id;
};

/* NULL where we have never seen it. Valid until the next rebalance. */
struct bs_owned_partition *bs_consumer_partition(const struct bs_consumer *consumer,
                                                 int32_t number);
/* Takes an event that is no rebalance, and frees it; true when it carried a job. */
bool bs_consumer_take(struct bs_consumer *consumer, rd_kafka_event_t *event);

#endif
