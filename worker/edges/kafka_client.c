/* Kafka for the commands that are not the worker: writing messages and reading a whole topic.
 * kafka_topics.c looks at topics and makes them, kafka_rights.c tries what a worker will need. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edges/kafka_client_internal.h"

#define POLL_MS     100
#define QUESTION_MS 10000
#define SILENCE_MS  30000 /* a read that gets nothing from the brokers for so long has failed */

const char *bs_librdkafka_version(void)
{
    return rd_kafka_version_str();
}

struct bs_kafka_client *bs_kafka_client_create(const struct bs_config *config,
                                               struct bs_error *error)
{
    rd_kafka_t *reader = bs_kafka_handle_for(config, BS_KAFKA_PLAIN_READER, error);
    if (reader == NULL) {
        return NULL;
    }
    struct bs_kafka_client *client = calloc(1, sizeof(*client));
    BS_ASSERT(client != NULL);
    client->config = config;
    client->reader = reader;
    return client;
}

void bs_kafka_client_destroy(struct bs_kafka_client *client)
{
    if (client == NULL) {
        return;
    }
    if (client->producer != NULL) {
        rd_kafka_purge(client->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_destroy(client->producer);
    }
    rd_kafka_destroy_flags(client->reader, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    free(client);
}

enum bs_error_code bs_kafka_client_error(struct bs_error *error, rd_kafka_resp_err_t code,
                                         const char *doing, const char *right)
{
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        return bs_error_set(error, BS_ERROR_DENIED, "%s: the right %s is missing", doing, right);
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
        return bs_error_set(error, BS_ERROR_DENIED, "%s: the brokers refuse the credentials",
                            doing);
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        return bs_error_set(error, BS_ERROR_NOT_FOUND, "%s: %s", doing, rd_kafka_err2str(code));
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        return bs_error_set(error, BS_ERROR_LIMIT, "%s: %s", doing, rd_kafka_err2str(code));
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
        return bs_error_set(error, BS_ERROR_INVALID, "%s: %s", doing, rd_kafka_err2str(code));
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
        return bs_error_set(error, BS_ERROR_TEMPORARY, "%s: no broker answers", doing);
    default:
        return bs_error_set(error, BS_ERROR_TEMPORARY, "%s: %s", doing, rd_kafka_err2str(code));
    }
}

int32_t bs_kafka_broker_count(struct bs_kafka_client *client, int32_t limit_ms,
                              struct bs_error *error)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t code = rd_kafka_metadata(client->reader, 0, NULL, &metadata, limit_ms);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        bs_kafka_client_error(error, code, "looking for the brokers", "Describe on the cluster");
        return -1;
    }
    int32_t count = metadata->broker_cnt;
    rd_kafka_metadata_destroy(metadata);
    return count;
}

/* ---- writing ---- */

static void on_delivery(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque)
{
    (void)producer;
    struct bs_kafka_client *client = opaque;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR &&
        client->delivery_error == RD_KAFKA_RESP_ERR_NO_ERROR) {
        client->delivery_error = message->err;
        snprintf(client->delivery_topic, sizeof(client->delivery_topic), "%s",
                 rd_kafka_topic_name(message->rkt));
    }
}

static bool make_producer(struct bs_kafka_client *client, struct bs_error *error)
{
    if (client->producer != NULL) {
        return true;
    }
    rd_kafka_conf_t *conf = bs_kafka_conf(client->config, BS_KAFKA_WRITER, error);
    if (conf == NULL) {
        return false;
    }
    rd_kafka_conf_set_opaque(conf, client);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    client->producer = bs_kafka_handle(conf, BS_KAFKA_WRITER, error);
    return client->producer != NULL;
}

static enum bs_error_code writing_error(struct bs_error *error, rd_kafka_resp_err_t code,
                                        const char *topic)
{
    char doing[300];
    char right[300];
    snprintf(doing, sizeof(doing), "writing to topic %s", topic);
    snprintf(right, sizeof(right), "Write on topic %s", topic);
    return bs_kafka_client_error(error, code, doing, right);
}

enum bs_error_code bs_kafka_client_send(struct bs_kafka_client *client, const char *topic,
                                        const struct bs_message *message, struct bs_error *error)
{
    if (!make_producer(client, error)) {
        return BS_ERROR_INVALID;
    }
    for (;;) {
        rd_kafka_poll(client->producer, 0);
        if (client->delivery_error != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return writing_error(error, client->delivery_error, client->delivery_topic);
        }
        rd_kafka_headers_t *headers = rd_kafka_headers_new(message->header_count);
        for (size_t i = 0; i < message->header_count; i++) {
            const struct bs_header *header = &message->headers[i];
            rd_kafka_header_add(headers, header->name, -1, header->value.data,
                                (ssize_t)header->value.size);
        }
        rd_kafka_resp_err_t code = rd_kafka_producev(
            client->producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(RD_KAFKA_PARTITION_UA),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_KEY(message->key.data, message->key.size),
            RD_KAFKA_V_VALUE((void *)(uintptr_t)message->value.data, message->value.size),
            RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            return BS_OK;
        }
        rd_kafka_headers_destroy(headers);
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            return writing_error(error, code, topic);
        }
        rd_kafka_poll(client->producer, POLL_MS);
    }
}

enum bs_error_code bs_kafka_client_flush(struct bs_kafka_client *client, int32_t limit_ms,
                                         struct bs_error *error)
{
    if (client->producer == NULL) {
        return BS_OK;
    }
    rd_kafka_resp_err_t code = rd_kafka_flush(client->producer, limit_ms);
    if (client->delivery_error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return writing_error(error, client->delivery_error, client->delivery_topic);
    }
    return code == RD_KAFKA_RESP_ERR_NO_ERROR
               ? BS_OK
               : bs_kafka_client_error(error, code, "writing messages", "Write on the topic");
}

/* ---- reading ---- */

struct reading {
    rd_kafka_t *handle;
    const char *topic;
    bool follow;
    int64_t *ends; /* of each partition, at the start */
    bool *done;
    int32_t partition_count;
    int32_t open; /* partitions not done */
    bs_kafka_read_callback *callback;
    void *context;
};

static rd_kafka_resp_err_t note_bounds(struct reading *reading,
                                       rd_kafka_topic_partition_list_t *list)
{
    for (int32_t i = 0; i < reading->partition_count; i++) {
        int64_t start = 0;
        rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
            reading->handle, reading->topic, i, &start, &reading->ends[i], QUESTION_MS);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            return code;
        }
        reading->done[i] = !reading->follow && start >= reading->ends[i];
        if (!reading->done[i]) {
            reading->open++;
            rd_kafka_topic_partition_list_add(list, reading->topic, i)->offset = start;
        }
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void pass(struct reading *reading, int32_t partition, int64_t offset)
{
    if (!reading->follow && !reading->done[partition] && offset >= reading->ends[partition]) {
        reading->done[partition] = true;
        reading->open--;
    }
}

/* False when the callback wants no more. */
static bool take(struct reading *reading, const rd_kafka_message_t *received,
                 struct bs_header_scratch *scratch)
{
    int32_t partition = received->partition;
    if (!reading->follow && received->offset >= reading->ends[partition]) {
        pass(reading, partition, received->offset);
        return true;
    }
    struct bs_message message = bs_kafka_message(received, scratch);
    bool more = reading->callback(reading->context, partition, received->offset,
                                  rd_kafka_message_timestamp(received, NULL), &message);
    pass(reading, partition, received->offset + 1);
    return more;
}

static rd_kafka_resp_err_t read_on(struct reading *reading, struct bs_header_scratch *scratch)
{
    bs_mono_ms heard = bs_clock_now().mono;
    while (reading->follow || reading->open > 0) {
        rd_kafka_message_t *received = rd_kafka_consumer_poll(reading->handle, POLL_MS);
        rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
        bool more = true;
        if (received == NULL) {
            if (!reading->follow && bs_clock_now().mono - heard > SILENCE_MS) {
                return RD_KAFKA_RESP_ERR__TIMED_OUT;
            }
        } else if (received->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            heard = bs_clock_now().mono;
            more = take(reading, received, scratch);
        } else if (received->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            pass(reading, received->partition, received->offset);
        } else if (received->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
            code = received->err;
        }
        if (received != NULL) {
            rd_kafka_message_destroy(received);
        }
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR || !more) {
            return code;
        }
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t read_topic(struct reading *reading)
{
    reading->ends = calloc((size_t)reading->partition_count + 1, sizeof(*reading->ends));
    reading->done = calloc((size_t)reading->partition_count + 1, sizeof(*reading->done));
    BS_ASSERT(reading->ends != NULL && reading->done != NULL);
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(reading->partition_count);
    struct bs_header_scratch scratch = {0};
    rd_kafka_resp_err_t code = note_bounds(reading, list);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = rd_kafka_assign(reading->handle, list);
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = read_on(reading, &scratch);
    }
    bs_header_scratch_free(&scratch);
    rd_kafka_topic_partition_list_destroy(list);
    free(reading->done);
    free(reading->ends);
    return code;
}

enum bs_error_code bs_kafka_client_read(struct bs_kafka_client *client, const char *topic,
                                        bool follow, bs_kafka_read_callback *callback,
                                        void *context, struct bs_error *error)
{
    struct bs_topic_facts facts = {0};
    enum bs_error_code failed = bs_kafka_describe_topic(client, topic, QUESTION_MS, &facts, error);
    if (failed != BS_OK) {
        return failed;
    }
    if (!facts.exists) {
        return bs_error_set(error, BS_ERROR_NOT_FOUND, "topic %s does not exist", topic);
    }
    rd_kafka_t *handle = bs_kafka_handle_for(client->config, BS_KAFKA_COMMITTED_READER, error);
    if (handle == NULL) {
        return BS_ERROR_INVALID;
    }
    struct reading reading = {.handle = handle,
                              .topic = topic,
                              .follow = follow,
                              .partition_count = facts.partitions,
                              .callback = callback,
                              .context = context};
    rd_kafka_resp_err_t code = read_topic(&reading);
    rd_kafka_destroy_flags(handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return BS_OK;
    }
    char doing[300];
    char right[300];
    snprintf(doing, sizeof(doing), "reading topic %s", topic);
    snprintf(right, sizeof(right), "Read on topic %s", topic);
    return bs_kafka_client_error(error, code, doing, right);
}
