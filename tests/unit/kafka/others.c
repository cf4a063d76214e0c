#include "others.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>

#include "formats/job.h"

#define LIMIT_MS 15000

struct former_owner {
    const struct place *place;
    rd_kafka_t *producer;
};

static rd_kafka_t *producer_with(const char *const *settings, size_t count)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char text[300];
    for (size_t i = 0; i < count; i += 2) {
        assert_int_equal(rd_kafka_conf_set(conf, settings[i], settings[i + 1], text, sizeof(text)),
                         RD_KAFKA_CONF_OK);
    }
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    assert_non_null(producer);
    return producer;
}

void others_add_jobs(const struct place *place, int32_t partition, int64_t first, int64_t count)
{
    const char *settings[] = {"bootstrap.servers",  getenv("BACKSCRIBE_TEST_KAFKA"),
                              "linger.ms",          "5",
                              "enable.idempotence", "true"};
    rd_kafka_t *producer = producer_with(settings, 6);
    for (int64_t i = first; i < first + count; i++) {
        char value[64];
        snprintf(value, sizeof(value), "job-%" PRId64, i);
        rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__QUEUE_FULL;
        while (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            code = rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(place->config->topics.jobs),
                                     RD_KAFKA_V_PARTITION(partition),
                                     RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                     RD_KAFKA_V_VALUE(value, strlen(value)), RD_KAFKA_V_END);
            rd_kafka_poll(producer, code == RD_KAFKA_RESP_ERR__QUEUE_FULL ? 100 : 0);
        }
        assert_int_equal(code, RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    assert_int_equal(rd_kafka_flush(producer, LIMIT_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_destroy(producer);
}

void others_delete_jobs(const struct place *place, int32_t partition, int64_t offset)
{
    const char *settings[] = {"bootstrap.servers", getenv("BACKSCRIBE_TEST_KAFKA")};
    rd_kafka_t *producer = producer_with(settings, 2);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, place->config->topics.jobs, partition)->offset = offset;
    rd_kafka_DeleteRecords_t *request = rd_kafka_DeleteRecords_new(list);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(producer);
    rd_kafka_DeleteRecords(producer, &request, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, LIMIT_MS);
    assert_non_null(event);
    assert_int_equal(rd_kafka_event_error(event), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_DeleteRecords_destroy(request);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(producer);
}

static void expect_no_error(rd_kafka_error_t *error)
{
    if (error != NULL) {
        fail_msg("%s", rd_kafka_error_string(error));
    }
}

struct former_owner *former_owner_create(const struct place *place, int32_t transaction_ms)
{
    char timeout[16];
    char id[100];
    snprintf(timeout, sizeof(timeout), "%" PRId32, transaction_ms);
    snprintf(id, sizeof(id), "%s-former", place->name);
    const char *settings[] = {"bootstrap.servers",
                              getenv("BACKSCRIBE_TEST_KAFKA"),
                              "transactional.id",
                              id,
                              "transaction.timeout.ms",
                              timeout,
                              "linger.ms",
                              "5"};
    struct former_owner *owner = calloc(1, sizeof(*owner));
    assert_non_null(owner);
    owner->place = place;
    owner->producer = producer_with(settings, 8);
    expect_no_error(rd_kafka_init_transactions(owner->producer, LIMIT_MS));
    return owner;
}

void former_owner_begin(struct former_owner *owner)
{
    expect_no_error(rd_kafka_begin_transaction(owner->producer));
}

static void produce(struct former_owner *owner, int32_t partition, const char *key,
                    const void *value, size_t size)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__QUEUE_FULL;
    while (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        code = rd_kafka_producev(
            owner->producer, RD_KAFKA_V_TOPIC(owner->place->config->topics.state),
            RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_KEY(key, strlen(key)), RD_KAFKA_V_VALUE((void *)(uintptr_t)value, size),
            RD_KAFKA_V_END);
        rd_kafka_poll(owner->producer, code == RD_KAFKA_RESP_ERR__QUEUE_FULL ? 100 : 0);
    }
    assert_int_equal(code, RD_KAFKA_RESP_ERR_NO_ERROR);
}

void former_owner_record(struct former_owner *owner, int32_t partition, int64_t offset,
                         int32_t submissions)
{
    static const char body[] = "{\"audio\":{\"uri\":\"s3://recordings/2026/11/call-17.ogg\"}}";
    const struct bs_source source = {.topic = owner->place->config->topics.jobs,
                                     .partition = partition,
                                     .offset = offset,
                                     .timestamp = -1};
    const struct bs_message message = {.value = {(const uint8_t *)body, strlen(body)}};
    struct bs_job_event event = {0};
    struct bs_buffer packed = {0};
    bs_job_decode(owner->place->config, &source, &message, &event, &packed);
    char operation_id[] = "e03operation00000000";
    const struct bs_operation operation = {.offset = offset,
                                           .partition = partition,
                                           .job = (uint8_t *)(uintptr_t)event.job,
                                           .job_size = (uint32_t)event.job_size,
                                           .accepted = true,
                                           .submissions = (uint16_t)submissions,
                                           .number = (uint32_t)submissions,
                                           .received = 1,
                                           .submitted = 2,
                                           .created = 3,
                                           .operation_id = operation_id};
    char key[BS_STATE_KEY_SIZE];
    bs_state_key_operation(offset, key);
    struct bs_buffer value = {0};
    if (submissions > 0) {
        bs_state_encode_operation(&operation, &value);
    }
    produce(owner, partition, key, value.data, value.size);
    bs_buffer_free(&value);
    bs_buffer_free(&packed);
}

void former_owner_raw_record(struct former_owner *owner, int32_t partition, const char *key,
                             const char *value)
{
    produce(owner, partition, key, value, strlen(value));
}

void former_owner_offset(struct former_owner *owner, int32_t partition, int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, owner->place->config->topics.jobs, partition)->offset =
        offset;
    rd_kafka_consumer_group_metadata_t *group =
        rd_kafka_consumer_group_metadata_new(owner->place->config->group);
    expect_no_error(rd_kafka_send_offsets_to_transaction(owner->producer, list, group, LIMIT_MS));
    rd_kafka_consumer_group_metadata_destroy(group);
    rd_kafka_topic_partition_list_destroy(list);
}

void former_owner_flush(struct former_owner *owner)
{
    assert_int_equal(rd_kafka_flush(owner->producer, LIMIT_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
}

void former_owner_commit(struct former_owner *owner)
{
    expect_no_error(rd_kafka_commit_transaction(owner->producer, LIMIT_MS));
}

void former_owner_destroy(struct former_owner *owner)
{
    rd_kafka_destroy(owner->producer);
    free(owner);
}
