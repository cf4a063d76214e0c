/* Reading a whole topic, or a part of it, for the commands that are not the worker. */
#include <stdio.h>
#include <stdlib.h>

#include "edges/kafka_client_internal.h"

#define POLL_MS     100
#define QUESTION_MS 10000
#define SILENCE_MS  30000 /* a read that gets nothing from the brokers for so long has failed */

struct reading {
    const struct bs_kafka_reading *wanted;
    rd_kafka_t *handle;
    rd_kafka_t *ends_handle; /* who is asked for the ends */
    int64_t *ends;           /* of each partition, at the start */
    bool *done;
    int32_t partition_count;
    int32_t open; /* partitions not done */
    bool refused; /* by the callback that was told of the bounds */
};

/* The list's offsets become those of the first message of the time or later; END where none is. */
static rd_kafka_resp_err_t find_time(struct reading *reading, rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        list->elems[i].offset = reading->wanted->since_ms;
    }
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(reading->handle, list, QUESTION_MS);
    for (int i = 0; i < list->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        code = list->elems[i].err;
    }
    return code;
}

/* Where a partition's reading begins: what `first` says, unless it is gone or not wanted. */
static int64_t beginning(const struct reading *reading, int32_t partition, int64_t start,
                         int64_t first)
{
    const struct bs_kafka_reading *wanted = reading->wanted;
    int64_t from = first >= 0 ? first : first == RD_KAFKA_OFFSET_END ? INT64_MAX : start;
    if (partition < wanted->from_count && wanted->from[partition] > from) {
        from = wanted->from[partition];
    }
    from = from < start ? start : from;
    int64_t end = reading->ends[partition];
    return from > end ? end : from;
}

static rd_kafka_resp_err_t note_bounds(struct reading *reading,
                                       rd_kafka_topic_partition_list_t *list)
{
    const char *topic = reading->wanted->topic;
    rd_kafka_topic_partition_list_t *times =
        rd_kafka_topic_partition_list_new(reading->partition_count);
    for (int32_t i = 0; i < reading->partition_count; i++) {
        rd_kafka_topic_partition_list_add(times, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (reading->wanted->since_ms > 0) {
        code = find_time(reading, times);
    }
    for (int32_t i = 0; i < reading->partition_count && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        int64_t start = 0;
        code = rd_kafka_query_watermark_offsets(reading->ends_handle, topic, i, &start,
                                                &reading->ends[i], QUESTION_MS);
        if (reading->wanted->bounds != NULL && code == RD_KAFKA_RESP_ERR_NO_ERROR &&
            !reading->wanted->bounds(reading->wanted->context, i, start, reading->ends[i])) {
            reading->refused = true;
            break;
        }
        int64_t from = beginning(reading, i, start, times->elems[i].offset);
        reading->done[i] = !reading->wanted->follow && from >= reading->ends[i];
        if (!reading->done[i]) {
            reading->open++;
            rd_kafka_topic_partition_list_add(list, topic, i)->offset = from;
        }
    }
    rd_kafka_topic_partition_list_destroy(times);
    return code;
}

static void pass(struct reading *reading, int32_t partition, int64_t offset)
{
    if (!reading->wanted->follow && !reading->done[partition] &&
        offset >= reading->ends[partition]) {
        reading->done[partition] = true;
        reading->open--;
    }
}

/* False when the callback wants no more. */
static bool take(struct reading *reading, const rd_kafka_message_t *received,
                 struct bs_header_scratch *scratch)
{
    int32_t partition = received->partition;
    if (!reading->wanted->follow && received->offset >= reading->ends[partition]) {
        pass(reading, partition, received->offset);
        return true;
    }
    struct bs_message message = bs_kafka_message(received, scratch);
    bool more = reading->wanted->message(reading->wanted->context, partition, received->offset,
                                         rd_kafka_message_timestamp(received, NULL), &message);
    pass(reading, partition, received->offset + 1);
    return more;
}

static bool wanted_on(const struct bs_kafka_reading *wanted)
{
    return wanted->go_on == NULL || wanted->go_on(wanted->context);
}

static rd_kafka_resp_err_t read_on(struct reading *reading, struct bs_header_scratch *scratch)
{
    bs_mono_ms heard = bs_clock_now().mono;
    while ((reading->wanted->follow || reading->open > 0) && wanted_on(reading->wanted)) {
        rd_kafka_message_t *received = rd_kafka_consumer_poll(reading->handle, POLL_MS);
        rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
        bool more = true;
        if (received == NULL) {
            if (!reading->wanted->follow && bs_clock_now().mono - heard > SILENCE_MS) {
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
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && !reading->refused) {
        code = rd_kafka_assign(reading->handle, list);
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && !reading->refused) {
        code = read_on(reading, &scratch);
    }
    bs_header_scratch_free(&scratch);
    rd_kafka_topic_partition_list_destroy(list);
    free(reading->done);
    free(reading->ends);
    return code;
}

enum bs_error_code bs_kafka_client_read(struct bs_kafka_client *client,
                                        const struct bs_kafka_reading *wanted,
                                        struct bs_error *error)
{
    struct bs_topic_facts facts = {0};
    enum bs_error_code failed =
        bs_kafka_describe_topic(client, wanted->topic, QUESTION_MS, &facts, error);
    if (failed != BS_OK) {
        return failed;
    }
    if (!facts.exists) {
        return bs_error_set(error, BS_ERROR_NOT_FOUND, BS_KAFKA_NO_TOPIC, wanted->topic);
    }
    rd_kafka_t *handle = bs_kafka_handle_for(client->config, BS_KAFKA_COMMITTED_READER, error);
    if (handle == NULL) {
        return BS_ERROR_INVALID;
    }
    struct reading reading = {.wanted = wanted,
                              .handle = handle,
                              .ends_handle = wanted->whole_end ? client->reader : handle,
                              .partition_count = facts.partitions};
    rd_kafka_resp_err_t code = read_topic(&reading);
    rd_kafka_destroy_flags(handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return BS_OK;
    }
    char doing[300];
    char right[300];
    snprintf(doing, sizeof(doing), "reading topic %s", wanted->topic);
    snprintf(right, sizeof(right), "Read on topic %s", wanted->topic);
    return bs_kafka_client_error(error, code, doing, right);
}
