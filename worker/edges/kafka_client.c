/* Kafka for the commands that are not the worker: writing messages. kafka_reading.c reads topics,
 * kafka_progress.c tells how far the group is, kafka_topics.c looks at them and makes them,
 * kafka_rights.c tries what a worker will need. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edges/kafka_client_internal.h"

#define POLL_MS 100

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
    if (client->committed_reader != NULL) {
        rd_kafka_destroy_flags(client->committed_reader, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
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
