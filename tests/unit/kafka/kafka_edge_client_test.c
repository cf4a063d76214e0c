/* Kafka for the commands that are not the worker. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kafka_edge_tests.h"
#include "others.h"

void topics_are_made_described_and_grown(void **state)
{
    (void)state;
    struct place place;
    place_create(&place, 2, 1);
    struct bs_error error = BS_NO_ERROR;
    char name[100];
    snprintf(name, sizeof(name), "%s-made", place.name);
    struct bs_topic_facts facts;
    assert_int_equal(bs_kafka_describe_topic(place.client, name, JOIN_MS, &facts, &error), BS_OK);
    assert_false(facts.exists);
    const char *settings[] = {"cleanup.policy", "compact", "retention.ms", "-1"};
    for (int i = 0; i < 2; i++) { /* made already is made */
        assert_int_equal(
            bs_kafka_create_topic(place.client, name, 2, 1, settings, 2, JOIN_MS, &error), BS_OK);
    }
    assert_int_equal(bs_kafka_add_partitions(place.client, name, 3, JOIN_MS, &error), BS_OK);
    assert_int_equal(bs_kafka_describe_topic(place.client, name, JOIN_MS, &facts, &error), BS_OK);
    assert_true(facts.exists);
    assert_int_equal(facts.partitions, 3);
    assert_true(facts.settings_known);
    assert_true(facts.compacted);
    assert_false(facts.deletes);
    assert_int_equal(facts.retention_ms, -1);
    assert_int_equal(bs_kafka_broker_count(place.client, JOIN_MS, &error), 1);
    place_destroy(&place);
}

void trying_the_rights_leaves_no_trace(void **state)
{
    (void)state;
    struct place place;
    place_create(&place, 1, 1);
    struct bs_error error = BS_NO_ERROR;
    if (bs_kafka_try_group(place.client, JOIN_MS, &error) != BS_OK ||
        bs_kafka_try_transaction(place.client, JOIN_MS, &error) != BS_OK) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(place_count(&place, place.config->topics.results), 0);
    assert_int_equal(place_count(&place, place.config->topics.state), 0);
    place_destroy(&place);
}

static bool check_message(void *context, int32_t partition, int64_t offset, int64_t timestamp,
                          const struct bs_message *message)
{
    (void)partition;
    (void)offset;
    (void)timestamp;
    int64_t *count = context;
    assert_int_equal(message->header_count, 1);
    assert_string_equal(message->headers[0].name, "h");
    assert_null(message->headers[0].value.data);
    assert_null(message->value.data);
    assert_int_equal(message->key.size, 1);
    return ++*count < 4;
}

void messages_are_written_and_read_as_they_are(void **state)
{
    (void)state;
    struct place place;
    place_create(&place, 3, 1);
    struct bs_error error = BS_NO_ERROR;
    const struct bs_header header = {"h", {NULL, 0}};
    for (uint8_t i = 0; i < 5; i++) {
        const struct bs_message message = {
            .key = {&i, 1}, .value = {NULL, 0}, .headers = &header, .header_count = 1};
        assert_int_equal(
            bs_kafka_client_send(place.client, place.config->topics.jobs, &message, &error), BS_OK);
    }
    assert_int_equal(bs_kafka_client_flush(place.client, JOIN_MS, &error), BS_OK);
    assert_int_equal(place_count(&place, place.config->topics.jobs), 5);
    int64_t count = 0;
    struct bs_kafka_reading reading = {
        .topic = place.config->topics.jobs, .message = check_message, .context = &count};
    assert_int_equal(bs_kafka_client_read(place.client, &reading, &error), BS_OK);
    assert_int_equal(count, 4); /* the callback wanted no more */
    reading.topic = "no-such-topic";
    assert_int_equal(bs_kafka_client_read(place.client, &reading, &error), BS_ERROR_NOT_FOUND);
    place_destroy(&place);
}

static bool count_any(void *context, int32_t partition, int64_t offset, int64_t timestamp,
                      const struct bs_message *message)
{
    (void)partition;
    (void)offset;
    (void)timestamp;
    (void)message;
    ++*(int64_t *)context;
    return true;
}

static int64_t count_from(struct place *place, int64_t since_ms, const int64_t *from, int32_t many)
{
    struct bs_error error;
    int64_t count = 0;
    const struct bs_kafka_reading reading = {.topic = place->config->topics.jobs,
                                             .since_ms = since_ms,
                                             .from = from,
                                             .from_count = many,
                                             .message = count_any,
                                             .context = &count};
    assert_int_equal(bs_kafka_client_read(place->client, &reading, &error), BS_OK);
    return count;
}

void a_topic_is_read_from_a_time_and_from_offsets(void **state)
{
    (void)state;
    struct place place;
    place_create(&place, 2, 1);
    struct bs_error error = BS_NO_ERROR;
    const struct bs_message message = {.key = {(const uint8_t *)"k", 1}};
    for (int i = 0; i < 5; i++) { /* one key: one partition */
        assert_int_equal(
            bs_kafka_client_send(place.client, place.config->topics.jobs, &message, &error), BS_OK);
    }
    assert_int_equal(bs_kafka_client_flush(place.client, JOIN_MS, &error), BS_OK);
    const int64_t from[] = {3, 3};
    const int64_t beyond[] = {100, 100};
    const int64_t hour = 3600 * (int64_t)1000;
    bs_wall_ms now = bs_clock_now().wall;
    assert_int_equal(count_from(&place, 0, NULL, 0), 5);
    assert_int_equal(count_from(&place, 0, from, 2), 2);
    assert_int_equal(count_from(&place, 0, beyond, 2), 0);
    assert_int_equal(count_from(&place, now - hour, NULL, 0), 5);
    assert_int_equal(count_from(&place, now - hour, from, 2), 2);
    assert_int_equal(count_from(&place, now + hour, NULL, 0), 0);
    place_destroy(&place);
}

static void assert_partition(const struct bs_partition_progress *told,
                             struct bs_partition_progress expected)
{
    assert_int_equal(told->committed, expected.committed);
    assert_int_equal(told->log_start, expected.log_start);
    assert_int_equal(told->log_end, expected.log_end);
    assert_int_equal(told->published, expected.published);
    assert_int_equal(told->billed_seconds, expected.billed_seconds);
}

void the_group_s_progress_is_told_without_joining_it(void **state)
{
    (void)state;
    struct place place;
    struct member member;
    place_create(&place, 3, 3);
    others_add_jobs(&place, 0, 0, 20);
    others_add_jobs(&place, 1, 0, 5);
    others_delete_jobs(&place, 0, 4);
    member_create(&member, place.config);
    await(&member, owns_first, JOIN_MS);
    struct bs_transaction *transaction = bs_transaction_create(member.kafka);
    assert_non_null(transaction);
    bs_transaction_add_offset(transaction, 0, 9, 7, 7200);
    bs_transaction_add_offset(transaction, 1, 5, 5, -1); /* as an older worker writes it */
    assert_int_equal(member_commit(&member, transaction), BS_TRANSACTION_COMMITTED);
    member_close(&member);

    struct bs_error error = BS_NO_ERROR;
    struct bs_group_progress progress;
    if (bs_kafka_group_progress(place.client, JOIN_MS, &progress, &error) != BS_OK) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(progress.count, 3);
    assert_partition(&progress.partitions[0], (struct bs_partition_progress){9, 4, 20, 7, 7200});
    assert_partition(&progress.partitions[1], (struct bs_partition_progress){5, 0, 5, 5, -1});
    assert_partition(&progress.partitions[2], (struct bs_partition_progress){-1, 0, 0, -1, -1});
    assert_false(progress.forgotten);
    bs_group_progress_free(&progress);
    place_destroy(&place);
}
