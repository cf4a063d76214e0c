/* Trying what a worker will need, without leaving a trace: `check` names each missing right. */
#include <stdio.h>
#include <string.h>

#include "edges/kafka_client_internal.h"

#define POLL_MS       50
#define REGISTERED_MS 1000 /* librdkafka adds a partition to the transaction after 20 ms */

/* ---- the group, and reading ---- */

/* A question that got no answer: the handle's queue may say why. */
static rd_kafka_resp_err_t reason_on_queue(rd_kafka_t *handle, rd_kafka_resp_err_t code)
{
    rd_kafka_message_t *message;
    while ((message = rd_kafka_consumer_poll(handle, POLL_MS)) != NULL) {
        if (bs_kafka_missing_right(message->err) != NULL ||
            message->err == RD_KAFKA_RESP_ERR__AUTHENTICATION) {
            code = message->err;
        }
        rd_kafka_message_destroy(message);
    }
    return code;
}

/* Describe on the group. */
static enum bs_error_code try_offsets(struct bs_kafka_client *client, rd_kafka_t *handle,
                                      int32_t limit_ms, struct bs_error *error)
{
    const struct bs_config *config = client->config;
    char right[300];
    snprintf(right, sizeof(right), "Read on group %s", config->group);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, config->topics.jobs, 0);
    rd_kafka_resp_err_t code = rd_kafka_committed(handle, list, limit_ms);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = list->elems[0].err;
    }
    rd_kafka_topic_partition_list_destroy(list);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return BS_OK;
    }
    code = reason_on_queue(handle, code);
    return bs_kafka_client_error(error, code, "asking for the group's offsets", right);
}

/* Read on the group: the broker looks at it before it finds that the topic does not exist, so the
 * commit changes nothing. Any other refusal than that of the right is as good as an acceptance. */
static enum bs_error_code try_commit(struct bs_kafka_client *client, rd_kafka_t *handle,
                                     struct bs_error *error)
{
    const struct bs_config *config = client->config;
    char topic[300];
    char random[33];
    bs_kafka_random_name(random);
    snprintf(topic, sizeof(topic), "%.200s-check-%s", config->topics.jobs, random);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = 0;
    rd_kafka_resp_err_t code = rd_kafka_commit(handle, list, 0);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = list->elems[0].err;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code != RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED
               ? BS_OK
               : bs_error_set(error, BS_ERROR_DENIED,
                              "working in the group: the right Read on group %s is missing",
                              config->group);
}

/* Read on a topic: one fetch at its end. */
static enum bs_error_code try_reading(rd_kafka_t *handle, const char *topic, int32_t limit_ms,
                                      struct bs_error *error)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = RD_KAFKA_OFFSET_END;
    rd_kafka_resp_err_t code = rd_kafka_assign(handle, list);
    rd_kafka_topic_partition_list_destroy(list);
    bs_mono_ms until = bs_clock_now().mono + limit_ms;
    bool answered = false;
    while (code == RD_KAFKA_RESP_ERR_NO_ERROR && !answered && bs_clock_now().mono < until) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(handle, POLL_MS);
        if (message == NULL) {
            continue;
        }
        answered = message->err == RD_KAFKA_RESP_ERR_NO_ERROR ||
                   message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        if (message->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
            code = message->err;
        }
        rd_kafka_message_destroy(message);
    }
    rd_kafka_assign(handle, NULL);
    if (answered) {
        return BS_OK;
    }
    char doing[300];
    char right[300];
    snprintf(doing, sizeof(doing), "reading topic %s", topic);
    snprintf(right, sizeof(right), "Read on topic %s", topic);
    return bs_kafka_client_error(
        error, code == RD_KAFKA_RESP_ERR_NO_ERROR ? RD_KAFKA_RESP_ERR__TIMED_OUT : code, doing,
        right);
}

enum bs_error_code bs_kafka_try_group(struct bs_kafka_client *client, int32_t limit_ms,
                                      struct bs_error *error)
{
    rd_kafka_t *handle = bs_kafka_handle_for(client->config, BS_KAFKA_PLAIN_READER, error);
    if (handle == NULL) {
        return BS_ERROR_INVALID;
    }
    enum bs_error_code code = try_offsets(client, handle, limit_ms, error);
    code = code == BS_OK ? try_commit(client, handle, error) : code;
    code = code == BS_OK ? try_reading(handle, client->config->topics.jobs, limit_ms, error) : code;
    code =
        code == BS_OK ? try_reading(handle, client->config->topics.state, limit_ms, error) : code;
    rd_kafka_destroy_flags(handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    return code;
}

/* ---- transactions, and writing ---- */

/* Frees `failed`. */
static enum bs_error_code judge(rd_kafka_error_t *failed, const char *doing, const char *right,
                                struct bs_error *error)
{
    if (failed == NULL) {
        return BS_OK;
    }
    rd_kafka_resp_err_t code = rd_kafka_error_code(failed);
    rd_kafka_error_destroy(failed);
    return bs_kafka_client_error(error, code, doing, right);
}

/* Write on a topic: the broker looks at it when the partition is added to the transaction, which
 * librdkafka does while the message still lingers here. The transaction is then aborted and the
 * message thrown away, so nothing is ever sent. */
static enum bs_error_code try_writing(rd_kafka_t *handle, const char *topic, int32_t limit_ms,
                                      struct bs_error *error)
{
    char doing[300];
    char right[300];
    snprintf(doing, sizeof(doing), "writing to topic %s", topic);
    snprintf(right, sizeof(right), "Write on topic %s", topic);
    enum bs_error_code code =
        judge(rd_kafka_begin_transaction(handle), "beginning a transaction", right, error);
    if (code != BS_OK) {
        return code;
    }
    bs_mono_ms until = bs_clock_now().mono + REGISTERED_MS;
    rd_kafka_resp_err_t refused = RD_KAFKA_RESP_ERR_NO_ERROR;
    while (refused == RD_KAFKA_RESP_ERR_NO_ERROR && bs_clock_now().mono < until) {
        refused = rd_kafka_producev(handle, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0),
                                    RD_KAFKA_V_VALUE(NULL, 0), RD_KAFKA_V_END);
        rd_kafka_poll(handle, POLL_MS);
    }
    if (refused == RD_KAFKA_RESP_ERR__STATE) { /* the transaction has failed: the commit says why */
        code = judge(rd_kafka_commit_transaction(handle, limit_ms), doing, right, error);
    } else if (refused != RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = bs_kafka_client_error(error, refused, doing, right);
    }
    struct bs_error ignored;
    enum bs_error_code aborted = judge(rd_kafka_abort_transaction(handle, limit_ms), doing, right,
                                       code == BS_OK ? error : &ignored);
    return code == BS_OK ? aborted : code;
}

static rd_kafka_t *trial_producer(struct bs_kafka_client *client, struct bs_error *error)
{
    char random[33];
    char transactional_id[400];
    bs_kafka_random_name(random);
    snprintf(transactional_id, sizeof(transactional_id), "%.300s-check-%s", client->config->group,
             random);
    rd_kafka_conf_t *conf = bs_kafka_conf(client->config, BS_KAFKA_TRANSACTIONS, error);
    if (conf == NULL) {
        return NULL;
    }
    if (!bs_kafka_conf_set(conf, "transactional.id", transactional_id, error) ||
        !bs_kafka_conf_set(conf, "transaction.timeout.ms", "10000", error) ||
        !bs_kafka_conf_set(conf, "message.timeout.ms", "10000", error) ||
        !bs_kafka_conf_set(conf, "linger.ms", "9000", error)) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    return bs_kafka_handle(conf, BS_KAFKA_TRANSACTIONS, error);
}

enum bs_error_code bs_kafka_try_transaction(struct bs_kafka_client *client, int32_t limit_ms,
                                            struct bs_error *error)
{
    rd_kafka_t *handle = trial_producer(client, error);
    if (handle == NULL) {
        return BS_ERROR_INVALID;
    }
    const struct bs_config *config = client->config;
    char right[300];
    snprintf(right, sizeof(right), "Write and Describe on transactional ids with the prefix %s",
             config->group);
    enum bs_error_code code = judge(rd_kafka_init_transactions(handle, limit_ms),
                                    "beginning to work with transactions", right, error);
    const char *topics[] = {config->topics.state, config->topics.results,
                            config->topics.dead_letters};
    for (size_t i = 0; i < 3 && code == BS_OK; i++) {
        code = try_writing(handle, topics[i], limit_ms, error);
    }
    rd_kafka_purge(handle, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_destroy(handle);
    return code;
}
