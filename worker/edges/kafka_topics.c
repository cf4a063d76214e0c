/* Looking at topics and making them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "edges/kafka_client_internal.h"

#define POLL_MS       50
#define CONTROLLER_MS 1000

/* Waits for one administrative answer; NULL when none comes in time. */
static rd_kafka_event_t *await_answer(rd_kafka_queue_t *queue, int32_t limit_ms)
{
    bs_mono_ms until = bs_clock_now().mono + limit_ms;
    rd_kafka_event_t *event = NULL;
    while (event == NULL && bs_clock_now().mono < until) {
        event = rd_kafka_queue_poll(queue, POLL_MS);
    }
    return event;
}

static rd_kafka_AdminOptions_t *options_for(struct bs_kafka_client *client, rd_kafka_admin_op_t op,
                                            int32_t limit_ms)
{
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client->reader, op);
    rd_kafka_resp_err_t code =
        rd_kafka_AdminOptions_set_request_timeout(options, limit_ms, NULL, 0);
    BS_ASSERT(code == RD_KAFKA_RESP_ERR_NO_ERROR); /* a limit of 0 to 1 h is the caller's part */
    return options;
}

static enum bs_error_code count_partitions(struct bs_kafka_client *client, const char *topic,
                                           int32_t limit_ms, struct bs_topic_facts *facts,
                                           struct bs_error *error)
{
    char doing[300];
    char right[300];
    snprintf(doing, sizeof(doing), "looking at topic %s", topic);
    snprintf(right, sizeof(right), "Describe on topic %s", topic);
    rd_kafka_resp_err_t code =
        bs_kafka_count_partitions(client->reader, topic, limit_ms, &facts->partitions);
    facts->exists = facts->partitions > 0;
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? BS_OK
                                              : bs_kafka_client_error(error, code, doing, right);
}

static void take_settings(const rd_kafka_ConfigResource_t *resource, struct bs_topic_facts *facts)
{
    size_t count = 0;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);
    for (size_t i = 0; i < count; i++) {
        const char *name = rd_kafka_ConfigEntry_name(entries[i]);
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);
        if (value == NULL) {
            continue;
        }
        if (strcmp(name, "cleanup.policy") == 0) {
            facts->settings_known = true;
            facts->compacted = strcmp(value, "compact") == 0;
            facts->deletes = strstr(value, "delete") != NULL;
        } else if (strcmp(name, "retention.ms") == 0) {
            facts->retention_ms = strtoll(value, NULL, 10);
        }
    }
}

/* The embedded broker of librdkafka names a controller that is none of its brokers: a question for
 * it would only time out. */
static bool has_controller(struct bs_kafka_client *client)
{
    int32_t controller = rd_kafka_controllerid(client->reader, CONTROLLER_MS);
    const struct rd_kafka_metadata *metadata = NULL;
    if (controller < 0 || rd_kafka_metadata(client->reader, 0, NULL, &metadata, CONTROLLER_MS) !=
                              RD_KAFKA_RESP_ERR_NO_ERROR) {
        return controller >= 0; /* unknown: the question itself will tell */
    }
    bool found = false;
    for (int i = 0; i < metadata->broker_cnt; i++) {
        found = found || metadata->brokers[i].id == controller;
    }
    rd_kafka_metadata_destroy(metadata);
    return found;
}

/* Settings that are not to be had are no failure: `facts` says why. */
static void describe_settings(struct bs_kafka_client *client, const char *topic, int32_t limit_ms,
                              struct bs_topic_facts *facts)
{
    if (!has_controller(client)) {
        snprintf(facts->settings_problem, sizeof(facts->settings_problem),
                 "the cluster names no controller that could tell them");
        return;
    }
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client->reader);
    rd_kafka_ConfigResource_t *resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    rd_kafka_AdminOptions_t *options =
        options_for(client, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, limit_ms);
    rd_kafka_DescribeConfigs(client->reader, &resource, 1, options, queue);
    rd_kafka_event_t *event = await_answer(queue, limit_ms + 1000);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    if (event != NULL) {
        code = rd_kafka_event_error(event);
        size_t count = 0;
        const rd_kafka_ConfigResource_t **answers = NULL;
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            answers = rd_kafka_DescribeConfigs_result_resources(
                rd_kafka_event_DescribeConfigs_result(event), &count);
        }
        if (count == 1) {
            code = rd_kafka_ConfigResource_error(answers[0]);
            take_settings(answers[0], facts);
        }
    }
    if (!facts->settings_known) {
        if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) {
            snprintf(facts->settings_problem, sizeof(facts->settings_problem),
                     "the right DescribeConfigs on topic %.120s is missing", topic);
        } else {
            snprintf(facts->settings_problem, sizeof(facts->settings_problem),
                     "the broker does not tell them: %s",
                     code == RD_KAFKA_RESP_ERR_NO_ERROR ? "no settings" : rd_kafka_err2str(code));
        }
    }
    if (event != NULL) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy(resource);
    rd_kafka_queue_destroy(queue);
}

enum bs_error_code bs_kafka_describe_topic(struct bs_kafka_client *client, const char *topic,
                                           int32_t limit_ms, struct bs_topic_facts *facts,
                                           struct bs_error *error)
{
    *facts = (struct bs_topic_facts){0};
    enum bs_error_code failed = count_partitions(client, topic, limit_ms, facts, error);
    if (failed == BS_OK && facts->exists) {
        describe_settings(client, topic, limit_ms, facts);
    }
    return failed;
}

/* What the controller has done, the brokers tell a little later: whoever looks next is to see it.
 */
static void await_partitions(struct bs_kafka_client *client, const char *topic, int32_t partitions,
                             int32_t limit_ms)
{
    bs_mono_ms until = bs_clock_now().mono + limit_ms;
    for (;;) {
        struct bs_topic_facts facts = {0};
        struct bs_error unknown_yet = BS_NO_ERROR;
        enum bs_error_code code = count_partitions(client, topic, limit_ms, &facts, &unknown_yet);
        if ((code == BS_OK && facts.partitions >= partitions) || bs_clock_now().mono >= until) {
            return;
        }
        const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
        nanosleep(&pause, NULL);
    }
}

/* The outcome of one created or grown topic. `already` is the code that counts as success. */
static enum bs_error_code topic_outcome(rd_kafka_event_t *event,
                                        const rd_kafka_topic_result_t **results, size_t count,
                                        rd_kafka_resp_err_t already, const char *doing,
                                        const char *right, struct bs_error *error)
{
    rd_kafka_resp_err_t code =
        event == NULL ? RD_KAFKA_RESP_ERR__TIMED_OUT : rd_kafka_event_error(event);
    const char *text = NULL;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && count == 1) {
        code = rd_kafka_topic_result_error(results[0]);
        text = rd_kafka_topic_result_error_string(results[0]);
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == already) {
        return BS_OK;
    }
    enum bs_error_code kind = bs_kafka_client_error(error, code, doing, right);
    if (text != NULL && kind == BS_ERROR_INVALID) { /* the broker says more than the code */
        bs_error_set(error, kind, "%s: %s", doing, text);
    }
    return kind;
}

enum bs_error_code bs_kafka_create_topic(struct bs_kafka_client *client, const char *topic,
                                         int32_t partitions, int32_t replication,
                                         const char *const *settings, size_t setting_count,
                                         int32_t limit_ms, struct bs_error *error)
{
    char doing[300];
    char right[300];
    snprintf(doing, sizeof(doing), "making topic %s", topic);
    snprintf(right, sizeof(right), "Create on topic %s (or on the cluster)", topic);
    char refused[200] = "";
    rd_kafka_NewTopic_t *made =
        rd_kafka_NewTopic_new(topic, partitions, replication, refused, sizeof(refused));
    if (made == NULL) {
        return bs_error_set(error, BS_ERROR_INVALID, "%s: %s", doing, refused);
    }
    for (size_t i = 0; i + 1 < 2 * setting_count; i += 2) {
        rd_kafka_resp_err_t set = rd_kafka_NewTopic_set_config(made, settings[i], settings[i + 1]);
        BS_ASSERT(set == RD_KAFKA_RESP_ERR_NO_ERROR); /* refuses only a missing name */
    }
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client->reader);
    rd_kafka_AdminOptions_t *options =
        options_for(client, RD_KAFKA_ADMIN_OP_CREATETOPICS, limit_ms);
    rd_kafka_CreateTopics(client->reader, &made, 1, options, queue);
    rd_kafka_event_t *event = await_answer(queue, limit_ms + 1000);
    size_t count = 0;
    const rd_kafka_topic_result_t **results =
        event == NULL || rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR
            ? NULL
            : rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event),
                                                  &count);
    enum bs_error_code code = topic_outcome(
        event, results, count, RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS, doing, right, error);
    if (event != NULL) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewTopic_destroy(made);
    if (code == BS_OK) {
        await_partitions(client, topic, 1, limit_ms);
    }
    return code;
}

enum bs_error_code bs_kafka_add_partitions(struct bs_kafka_client *client, const char *topic,
                                           int32_t partitions, int32_t limit_ms,
                                           struct bs_error *error)
{
    char doing[300];
    char right[300];
    snprintf(doing, sizeof(doing), "adding partitions to topic %s", topic);
    snprintf(right, sizeof(right), "Alter on topic %s", topic);
    char refused[200] = "";
    rd_kafka_NewPartitions_t *grown =
        rd_kafka_NewPartitions_new(topic, (size_t)partitions, refused, sizeof(refused));
    if (grown == NULL) {
        return bs_error_set(error, BS_ERROR_INVALID, "%s: %s", doing, refused);
    }
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client->reader);
    rd_kafka_AdminOptions_t *options =
        options_for(client, RD_KAFKA_ADMIN_OP_CREATEPARTITIONS, limit_ms);
    rd_kafka_CreatePartitions(client->reader, &grown, 1, options, queue);
    rd_kafka_event_t *event = await_answer(queue, limit_ms + 1000);
    size_t count = 0;
    const rd_kafka_topic_result_t **results =
        event == NULL || rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR
            ? NULL
            : rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(event),
                                                      &count);
    enum bs_error_code code =
        topic_outcome(event, results, count, RD_KAFKA_RESP_ERR_NO_ERROR, doing, right, error);
    if (event != NULL) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    rd_kafka_NewPartitions_destroy(grown);
    if (code == BS_OK) {
        await_partitions(client, topic, partitions, limit_ms);
    }
    return code;
}

enum bs_error_code bs_kafka_topic_end(struct bs_kafka_client *client, const char *topic,
                                      int32_t limit_ms, int64_t *end, struct bs_error *error)
{
    char doing[300];
    char right[300];
    int32_t partitions = 0;
    snprintf(doing, sizeof(doing), "looking at the end of topic %s", topic);
    snprintf(right, sizeof(right), "Describe on topic %s", topic);
    rd_kafka_resp_err_t code =
        bs_kafka_count_partitions(client->reader, topic, limit_ms, &partitions);
    *end = 0;
    for (int32_t i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && i < partitions; i++) {
        int64_t low = 0, high = 0;
        code = rd_kafka_query_watermark_offsets(client->reader, topic, i, &low, &high, limit_ms);
        *end += high;
    }
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? BS_OK
                                              : bs_kafka_client_error(error, code, doing, right);
}
