/* Jobs out of the partitions' queues, and what else comes on them: ends, errors, lost jobs. */
#include "edges/kafka_consumer.h"

struct bs_owned_partition *bs_consumer_partition(const struct bs_consumer *consumer, int32_t number)
{
    return number >= 0 && number < consumer->partition_count ? &consumer->partitions[number] : NULL;
}

/* ---- errors ---- */

static void on_fatal(struct bs_consumer *consumer)
{
    char text[300];
    rd_kafka_resp_err_t code = rd_kafka_fatal_error(consumer->handle, text, sizeof(text));
    struct bs_kafka *kafka = consumer->kafka;
    if (consumer->fatal_told) {
        return;
    }
    consumer->fatal_told = true;
    bool fenced = code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
    atomic_store(&kafka->fenced, fenced);
    struct bs_report *report =
        fenced
            ? bs_report_create(
                  BS_REPORT_FATAL, "another process uses the instance id %s",
                  kafka->config->group_instance_id == NULL ? "" : kafka->config->group_instance_id)
            : bs_report_create(BS_REPORT_FATAL, "Kafka consumer: %s", text);
    bs_report_send(kafka, report);
}

static void on_error(struct bs_consumer *consumer, rd_kafka_event_t *event)
{
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    if (rd_kafka_event_error_is_fatal(event) || rd_kafka_fatal_error(consumer->handle, NULL, 0)) {
        on_fatal(consumer);
        return;
    }
    rd_kafka_topic_partition_t *place = rd_kafka_event_topic_partition(event);
    struct bs_owned_partition *partition =
        place == NULL ? NULL : bs_consumer_partition(consumer, place->partition);
    if (partition != NULL && !partition->quiet && code == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        consumer->kafka->callbacks.end_of_partition(consumer->kafka->context, place->partition,
                                                    partition->epoch, place->offset);
    } else if (partition != NULL && !partition->quiet &&
               (code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
                code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE)) {
        partition->quiet = true;
        bs_restore_count_lost(consumer->kafka->restore, place->partition, partition->epoch,
                              partition->position);
    } else if (code != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        const char *right = bs_kafka_missing_right(code);
        bs_report_trouble(consumer->kafka, &consumer->gate, "%s%s%s",
                          rd_kafka_event_error_string(event), right == NULL ? "" : ": ",
                          right == NULL ? "" : right);
    }
    if (place != NULL) {
        rd_kafka_topic_partition_destroy(place);
    }
}

/* ---- jobs ---- */

static void on_message(struct bs_consumer *consumer, const rd_kafka_message_t *received)
{
    struct bs_owned_partition *partition = bs_consumer_partition(consumer, received->partition);
    if (received->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        bs_report_trouble(consumer->kafka, &consumer->gate, "reading jobs: %s",
                          rd_kafka_message_errstr(received));
        return;
    }
    /* After a rebalance librdkafka may fetch again what was delivered just before it. */
    if (partition == NULL || partition->quiet || received->offset < partition->position) {
        return;
    }
    partition->position = received->offset + 1;
    struct bs_message message = bs_kafka_message(received, &consumer->headers);
    consumer->kafka->callbacks.job(consumer->kafka->context, received->partition, partition->epoch,
                                   received->offset, rd_kafka_message_timestamp(received, NULL),
                                   &message);
}

bool bs_consumer_take(struct bs_consumer *consumer, rd_kafka_event_t *event)
{
    const rd_kafka_message_t *received = NULL;
    switch (rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_ERROR:
        on_error(consumer, event);
        break;
    case RD_KAFKA_EVENT_FETCH:
        received = rd_kafka_event_message_next(event);
        if (received != NULL) {
            on_message(consumer, received);
        }
        break;
    default:
        break;
    }
    rd_kafka_event_destroy(event);
    return received != NULL;
}

/* Serves one partition's queue up to its next job; true when there was one. */
static bool deliver_one(struct bs_consumer *consumer, int32_t number)
{
    for (;;) {
        struct bs_owned_partition *partition = &consumer->partitions[number];
        if (!partition->fetched || partition->quiet) {
            return false;
        }
        rd_kafka_event_t *event = rd_kafka_queue_poll(partition->queue, 0);
        if (event == NULL) {
            return false;
        }
        if (bs_consumer_take(consumer, event)) {
            return true;
        }
    }
}

bool bs_kafka_deliver(struct bs_kafka *kafka, int32_t limit, bool (*wanted)(void *context))
{
    struct bs_consumer *consumer = kafka->consumer;
    bs_consumer_serve(consumer);
    int32_t idle = 0; /* partitions in a row that had nothing */
    int32_t delivered = 0;
    while (consumer->partition_count > 0 && idle < consumer->partition_count &&
           wanted(kafka->context)) {
        if (delivered == limit) {
            return true;
        }
        int32_t number = consumer->next_delivered % consumer->partition_count;
        consumer->next_delivered = (number + 1) % consumer->partition_count;
        if (deliver_one(consumer, number)) {
            delivered++;
            idle = 0;
        } else {
            idle++;
        }
    }
    return false;
}
