/* Membership of the group and the jobs, on the loop's thread.
 *
 * Cooperative rebalancing by events. An assignment is accepted at once, with no partition in it
 * (librdkafka allows a subset), and each partition is added by itself when core has restored it:
 * so a long restore holds up no other member's rebalance, and its end needs no second look at
 * what happened meanwhile. A revocation is held until core has answered for each partition.
 *
 * Each partition's messages stay in a queue of their own, which is read only while jobs are wanted:
 * nothing is paused, for pausing throws the prefetch away. Forwarding to the consumer's queue is
 * cut before the partition is added (librdkafka keeps that), so no message goes astray at the
 * start.
 *
 * Who we are is looked at wherever librdkafka waits for us, because a session that ends while it
 * waits is reported as nothing at all: a changed or empty member id means that others may have
 * owned our partitions meanwhile, so all of them are lost, and those that the next generation still
 * gives us are taken as new. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "edges/kafka_consumer.h"

/* At most so many events of the consumer's queue at a time, so that the loop goes on. */
#define EVENTS_AT_A_TIME   1000
#define MEMBERSHIP_MS      500
#define FIRST_REBALANCE_MS 8000 /* a join takes 3 to 7 s where others must answer first */

/* ---- the table of partitions ---- */

static struct bs_owned_partition *partition_at(struct bs_consumer *consumer, int32_t number)
{
    if (number >= consumer->partition_count) {
        size_t count = (size_t)number + 16;
        consumer->partitions = realloc(consumer->partitions, count * sizeof(*consumer->partitions));
        BS_ASSERT(consumer->partitions != NULL);
        memset(consumer->partitions + consumer->partition_count, 0,
               (count - (size_t)consumer->partition_count) * sizeof(*consumer->partitions));
        consumer->partition_count = (int32_t)count;
    }
    return &consumer->partitions[number];
}

/* Core's part of it ends; librdkafka's may go on. */
static void forget(struct bs_owned_partition *partition)
{
    partition->announced = false;
    partition->restoring = false;
    partition->quiet = true;
    partition->revoking = false;
    partition->stateless = false;
}

/* ---- who we are ---- */

/* True when we are the member that the partitions were given to, or none were given yet. */
static bool same_member(struct bs_consumer *consumer, bool accept_new)
{
    rd_kafka_consumer_group_metadata_t *metadata =
        rd_kafka_consumer_group_metadata(consumer->handle);
    char member_id[BS_MEMBER_ID_SIZE] = "";
    bool member = bs_kafka_membership(metadata, member_id);
    if (metadata != NULL) {
        rd_kafka_consumer_group_metadata_destroy(metadata);
    }
    bool same = member && strcmp(member_id, consumer->member_id) == 0;
    if (member && accept_new) {
        memcpy(consumer->member_id, member_id, sizeof(consumer->member_id));
    }
    return same;
}

static void set_joined(struct bs_consumer *consumer, bool joined)
{
    if (consumer->joined != joined) {
        consumer->joined = joined;
        consumer->kafka->callbacks.group(consumer->kafka->context, joined);
    }
}

/* Takes what librdkafka still fetches out of its assignment: of `list`, or (NULL) all. */
static void stop_fetching(struct bs_consumer *consumer, const rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_topic_partition_list_t *fetched = rd_kafka_topic_partition_list_new(8);
    const char *topic = consumer->kafka->config->topics.jobs;
    for (int32_t number = 0; number < consumer->partition_count; number++) {
        struct bs_owned_partition *partition = &consumer->partitions[number];
        bool named =
            list == NULL || rd_kafka_topic_partition_list_find(list, topic, number) != NULL;
        if (!named || !partition->fetched) {
            continue;
        }
        rd_kafka_topic_partition_list_add(fetched, topic, number);
        partition->fetched = false;
        rd_kafka_queue_destroy(partition->queue);
        partition->queue = NULL;
    }
    /* Also when it is empty: this is what librdkafka waits for. */
    rd_kafka_error_t *failed = NULL;
    /* NULL: we were expelled while we took our leave, and the group's end of librdkafka is gone. */
    const char *protocol = rd_kafka_rebalance_protocol(consumer->handle);
    if (protocol != NULL && strcmp(protocol, "COOPERATIVE") == 0) {
        failed = rd_kafka_incremental_unassign(consumer->handle, fetched);
    } else {
        rd_kafka_assign(consumer->handle, NULL);
    }
    if (failed != NULL) {
        bs_report_trouble(consumer->kafka, &consumer->gate, "giving partitions up: %s",
                          rd_kafka_error_string(failed));
        rd_kafka_error_destroy(failed);
    }
    rd_kafka_topic_partition_list_destroy(fetched);
}

/* Our place in the group was another's, or nobody's, for a time: nothing that core knows holds. */
static void lose_all(struct bs_consumer *consumer)
{
    for (int32_t number = 0; number < consumer->partition_count; number++) {
        struct bs_owned_partition *partition = &consumer->partitions[number];
        if (partition->announced) {
            forget(partition);
            consumer->kafka->callbacks.lost(consumer->kafka->context, number);
            bs_restore_cancel(consumer->kafka->restore, number);
        }
    }
    set_joined(consumer, false);
}

/* ---- rebalances ---- */

/* Every partition of the held revocation is answered, or lost. */
static void finish_revocation(struct bs_consumer *consumer)
{
    rd_kafka_topic_partition_list_t *revoked = consumer->revoked;
    consumer->revoked = NULL;
    consumer->revocations_open = 0;
    bool all = consumer->revoked_lost || !same_member(consumer, false);
    if (all) { /* the session ended while we held the rebalance: also what was not revoked */
        lose_all(consumer);
    }
    for (int i = 0; i < revoked->cnt; i++) {
        partition_at(consumer, revoked->elems[i].partition)->given = false;
    }
    stop_fetching(consumer, all ? NULL : revoked);
    rd_kafka_topic_partition_list_destroy(revoked);
}

static void on_revoke(struct bs_consumer *consumer, const rd_kafka_topic_partition_list_t *list)
{
    struct bs_kafka *kafka = consumer->kafka;
    bool lost = rd_kafka_assignment_lost(consumer->handle) != 0 || !same_member(consumer, false);
    consumer->revoked = rd_kafka_topic_partition_list_copy(list);
    consumer->revoked_lost = lost;
    if (lost) {
        lose_all(consumer);
    }
    consumer->revocations_open = 1; /* ours: callbacks may answer while we are still asking */
    for (int i = 0; i < list->cnt; i++) {
        struct bs_owned_partition *partition = partition_at(consumer, list->elems[i].partition);
        if (partition->announced) {
            partition->revoking = true;
            partition->quiet = true;
            consumer->revocations_open++;
        }
    }
    for (int i = 0; i < list->cnt; i++) {
        if (partition_at(consumer, list->elems[i].partition)->revoking) {
            kafka->callbacks.revoked(kafka->context, list->elems[i].partition);
        }
    }
    consumer->revocations_open--;
}

void bs_consumer_unassign(struct bs_consumer *consumer, int32_t number)
{
    struct bs_owned_partition *partition = bs_consumer_partition(consumer, number);
    if (partition == NULL || !partition->revoking) {
        return; /* lost meanwhile */
    }
    forget(partition);
    if (--consumer->revocations_open == 0) {
        bs_bell_ring(consumer->kafka->bell); /* not from here: finishing may call back */
    }
}

static void on_assign(struct bs_consumer *consumer, const rd_kafka_topic_partition_list_t *list)
{
    struct bs_kafka *kafka = consumer->kafka;
    for (int i = 0; i < list->cnt; i++) {
        partition_at(consumer, list->elems[i].partition)->given = true;
    }
    /* Looked at before librdkafka may go on, so that nothing is missed in between. */
    bool first = consumer->member_id[0] == '\0';
    bool same = same_member(consumer, true);
    bool member = same || same_member(consumer, false);
    rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(1);
    if (!same && !first) {
        lose_all(consumer);
        stop_fetching(consumer, NULL);
    }
    rd_kafka_error_t *failed = rd_kafka_incremental_assign(consumer->handle, none);
    rd_kafka_topic_partition_list_destroy(none);
    if (failed != NULL) {
        kafka->callbacks.fatal(kafka->context, rd_kafka_error_string(failed));
        rd_kafka_error_destroy(failed);
        return;
    }
    if (!member || consumer->closing) { /* expelled meanwhile: the next generation tells */
        return;
    }
    set_joined(consumer, true);
    for (int32_t number = 0; number < consumer->partition_count; number++) {
        struct bs_owned_partition *partition = &consumer->partitions[number];
        if (partition->given && !partition->announced) {
            partition->announced = true;
            kafka->callbacks.assigned(kafka->context, number);
        }
    }
}

static void on_rebalance(struct bs_consumer *consumer, rd_kafka_event_t *event)
{
    const rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(event);
    consumer->seen_rebalance = true;
    if (rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        on_assign(consumer, list);
    } else {
        on_revoke(consumer, list);
    }
}

/* The held revocation, if any: is it answered, or is there nothing left to answer? */
static void look_at_revocation(struct bs_consumer *consumer)
{
    if (consumer->revoked == NULL) {
        return;
    }
    bs_mono_ms now = bs_clock_now().mono;
    if (consumer->revocations_open > 0 && now >= consumer->next_membership) {
        consumer->next_membership = now + MEMBERSHIP_MS;
        consumer->revoked_lost = !same_member(consumer, false);
    }
    if (consumer->revocations_open == 0 || consumer->revoked_lost) {
        finish_revocation(consumer);
    }
}

/* Begins to leave the group. Not while we join it for the first time: librdkafka before 2.3.0 then
 * crashes or hangs (its issue 4381), so the first rebalance is awaited for a while; after that we
 * leave without a word, and our session times out. */
static void look_after_closing(struct bs_consumer *consumer)
{
    if (!consumer->closing || consumer->close_begun || consumer->left) {
        return;
    }
    if (consumer->seen_rebalance) {
        consumer->close_begun = true;
        rd_kafka_error_t *failed = rd_kafka_consumer_close_queue(consumer->handle, consumer->queue);
        if (failed != NULL) { /* after a fatal error: nobody to take leave of */
            rd_kafka_error_destroy(failed);
            consumer->left = true;
        }
    } else if (bs_clock_now().mono >= consumer->close_until) {
        consumer->left = true;
    }
}

void bs_consumer_serve(struct bs_consumer *consumer)
{
    if (consumer->left) {
        return;
    }
    for (int i = 0; i < EVENTS_AT_A_TIME; i++) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(consumer->queue, 0);
        if (event == NULL) {
            break;
        }
        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE) {
            on_rebalance(consumer, event);
            rd_kafka_event_destroy(event);
        } else {
            bs_consumer_take(consumer, event);
        }
        look_at_revocation(consumer);
    }
    look_at_revocation(consumer);
    look_after_closing(consumer);
    bs_kafka_secrets_refresh(&consumer->secrets, consumer->kafka->config, consumer->handle);
}

/* ---- what core decides about a partition ---- */

void bs_consumer_restore(struct bs_consumer *consumer, int32_t number, uint32_t epoch)
{
    struct bs_owned_partition *partition = bs_consumer_partition(consumer, number);
    if (partition != NULL && partition->announced) {
        partition->restoring = true;
        partition->stateless = false;
        partition->epoch = epoch;
    }
}

bool bs_consumer_restoring(const struct bs_consumer *consumer, int32_t number, uint32_t epoch)
{
    const struct bs_owned_partition *partition = bs_consumer_partition(consumer, number);
    return partition != NULL && partition->announced && partition->restoring &&
           partition->epoch == epoch;
}

void bs_consumer_stop_partition(struct bs_consumer *consumer, int32_t number, bool stateless)
{
    struct bs_owned_partition *partition = bs_consumer_partition(consumer, number);
    if (partition != NULL) {
        partition->quiet = true;
        partition->restoring = false;
        if (stateless && partition->announced) {
            partition->stateless = true;
            atomic_store(&consumer->kafka->stateless, true);
        }
    }
}

void bs_consumer_take_up(struct bs_consumer *consumer, int32_t state_partitions)
{
    bool left = false;
    for (int32_t number = 0; number < consumer->partition_count; number++) {
        struct bs_owned_partition *partition = &consumer->partitions[number];
        if (partition->stateless && !partition->revoking && number < state_partitions) {
            consumer->kafka->callbacks.assigned(consumer->kafka->context, number);
        }
        left = left || consumer->partitions[number].stateless;
    }
    atomic_store(&consumer->kafka->stateless, left);
}

void bs_consumer_set_divided(struct bs_consumer *consumer, int32_t number, int32_t told)
{
    struct bs_owned_partition *partition = bs_consumer_partition(consumer, number);
    if (partition != NULL) {
        partition->divided = told > 0 ? told : consumer->kafka->state_partitions;
    }
}

int32_t bs_consumer_divided(const struct bs_consumer *consumer, int32_t number)
{
    const struct bs_owned_partition *partition = bs_consumer_partition(consumer, number);
    return partition == NULL || partition->divided == 0 ? consumer->kafka->state_partitions
                                                        : partition->divided;
}

void bs_kafka_consume(struct bs_kafka *kafka, int32_t number, uint32_t epoch, int64_t offset)
{
    struct bs_consumer *consumer = kafka->consumer;
    struct bs_owned_partition *partition = bs_consumer_partition(consumer, number);
    if (partition == NULL || !partition->announced || partition->revoking || partition->fetched ||
        rd_kafka_assignment_lost(consumer->handle) != 0) {
        return; /* gone, or about to be told so; adding a partition would clear that mark */
    }
    const char *topic = kafka->config->topics.jobs;
    rd_kafka_queue_t *queue = rd_kafka_queue_get_partition(consumer->handle, topic, number);
    if (queue == NULL) {
        return; /* the consumer is being closed */
    }
    rd_kafka_queue_forward(queue, NULL);
    static const uint64_t one = 1;
    rd_kafka_queue_io_event_enable(queue, bs_bell_fd(kafka->bell), &one, sizeof(one));
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, number)->offset = offset;
    rd_kafka_error_t *failed = rd_kafka_incremental_assign(consumer->handle, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (failed != NULL) {
        bs_report_trouble(kafka, &consumer->gate, "partition %" PRId32 " cannot be consumed: %s",
                          number, rd_kafka_error_string(failed));
        rd_kafka_error_destroy(failed);
        rd_kafka_queue_destroy(queue);
        return;
    }
    partition->queue = queue;
    partition->fetched = true;
    partition->quiet = false;
    partition->restoring = false;
    partition->epoch = epoch;
    partition->position = offset;
}

void bs_kafka_reject(struct bs_kafka *kafka, int32_t number)
{
    bs_consumer_stop_partition(kafka->consumer, number, false);
}

rd_kafka_consumer_group_metadata_t *bs_consumer_membership(struct bs_consumer *consumer)
{
    char member_id[BS_MEMBER_ID_SIZE];
    if (!consumer->joined || rd_kafka_assignment_lost(consumer->handle) != 0) {
        return NULL;
    }
    rd_kafka_consumer_group_metadata_t *metadata =
        rd_kafka_consumer_group_metadata(consumer->handle);
    if (bs_kafka_membership(metadata, member_id) && strcmp(member_id, consumer->member_id) == 0) {
        return metadata;
    }
    if (metadata != NULL) {
        rd_kafka_consumer_group_metadata_destroy(metadata);
    }
    return NULL;
}

/* ---- looking ---- */

int64_t bs_kafka_waiting(struct bs_kafka *kafka, int32_t number, int64_t position)
{
    int64_t low = -1;
    int64_t high = -1;
    rd_kafka_resp_err_t code = rd_kafka_get_watermark_offsets(
        kafka->consumer->handle, kafka->config->topics.jobs, number, &low, &high);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR || high < 0 || position < 0) {
        return -1;
    }
    return high > position ? high - position : 0;
}

const char *bs_kafka_cluster_id(struct bs_kafka *kafka)
{
    struct bs_consumer *consumer = kafka->consumer;
    if (consumer->cluster_id == NULL) {
        consumer->cluster_id = rd_kafka_clusterid(consumer->handle, 0);
    }
    return consumer->cluster_id == NULL ? "" : consumer->cluster_id;
}

const char *bs_kafka_member_id(struct bs_kafka *kafka)
{
    return kafka->consumer->member_id;
}

/* ---- making and ending ---- */

struct bs_consumer *bs_consumer_create(struct bs_kafka *kafka, struct bs_error *error)
{
    rd_kafka_conf_t *conf = bs_kafka_conf(kafka->config, BS_KAFKA_MEMBER, error);
    if (conf == NULL) {
        return NULL;
    }
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_FETCH |
                                       RD_KAFKA_EVENT_ERROR);
    rd_kafka_t *handle = bs_kafka_handle(conf, BS_KAFKA_MEMBER, error);
    if (handle == NULL) {
        return NULL;
    }
    struct bs_consumer *consumer = calloc(1, sizeof(*consumer));
    BS_ASSERT(consumer != NULL);
    consumer->kafka = kafka;
    consumer->handle = handle;
    consumer->queue = rd_kafka_queue_get_consumer(handle);
    static const uint64_t one = 1;
    rd_kafka_queue_io_event_enable(consumer->queue, bs_bell_fd(kafka->bell), &one, sizeof(one));
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, kafka->config->topics.jobs, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(handle, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        bs_error_set(error, BS_ERROR_INVALID, "subscribing to topic %s: %s",
                     kafka->config->topics.jobs, rd_kafka_err2str(code));
        bs_consumer_destroy(consumer);
        return NULL;
    }
    consumer->subscribed = true;
    return consumer;
}

bool bs_consumer_busy(const struct bs_consumer *consumer)
{
    return consumer->revoked != NULL;
}

void bs_consumer_close(struct bs_consumer *consumer)
{
    consumer->closing = true;
    consumer->close_until = bs_clock_now().mono + FIRST_REBALANCE_MS;
}

bool bs_consumer_closed(struct bs_consumer *consumer)
{
    return consumer->left || rd_kafka_consumer_closed(consumer->handle) != 0;
}

void bs_consumer_destroy(struct bs_consumer *consumer)
{
    if (consumer == NULL) {
        return;
    }
    for (int32_t number = 0; number < consumer->partition_count; number++) {
        if (consumer->partitions[number].queue != NULL) {
            rd_kafka_queue_destroy(consumer->partitions[number].queue);
        }
    }
    if (consumer->revoked != NULL) {
        rd_kafka_topic_partition_list_destroy(consumer->revoked);
    }
    rd_kafka_queue_io_event_enable(consumer->queue, -1, NULL, 0);
    rd_kafka_queue_destroy(consumer->queue);
    if (!consumer->subscribed || rd_kafka_consumer_closed(consumer->handle)) {
        rd_kafka_destroy_flags(consumer->handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    } /* else it could hang for ever: what is left of it ends with the process */
    if (consumer->cluster_id != NULL) {
        rd_kafka_mem_free(NULL, consumer->cluster_id);
    }
    bs_header_scratch_free(&consumer->headers);
    bs_kafka_secrets_free(&consumer->secrets);
    free(consumer->partitions);
    free(consumer);
}
