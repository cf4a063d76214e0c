/* How far the group is: what stands with its committed offsets, and the bounds of the jobs topic.
 * One question for the offsets and two for the bounds, whatever the number of partitions; where
 * offsets are missing some more, whether the state topic tells that there were any. */
#include <stdio.h>
#include <stdlib.h>

#include "edges/kafka_client_internal.h"
#include "formats/redriven.h"

/* What the protocol calls the first and the last offset, where a time is asked for. */
#define EARLIEST (-2)
#define LATEST   (-1)

static rd_kafka_topic_partition_list_t *places(const char *topic, int32_t count, int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
    for (int32_t i = 0; i < count; i++) {
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = offset;
    }
    return list;
}

static rd_kafka_resp_err_t first_error(rd_kafka_resp_err_t code,
                                       const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        code = list->elems[i].err;
    }
    return code;
}

static rd_kafka_resp_err_t ask_bounds(struct bs_kafka_client *client, rd_kafka_t *handle,
                                      int64_t which, int32_t limit_ms,
                                      struct bs_group_progress *progress)
{
    rd_kafka_topic_partition_list_t *list =
        places(client->config->topics.jobs, progress->count, which);
    rd_kafka_resp_err_t code =
        first_error(rd_kafka_offsets_for_times(handle, list, limit_ms), list);
    for (int i = 0; i < list->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        struct bs_partition_progress *partition = &progress->partitions[list->elems[i].partition];
        *(which == EARLIEST ? &partition->log_start : &partition->log_end) = list->elems[i].offset;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

static rd_kafka_resp_err_t ask_offsets(struct bs_kafka_client *client, int32_t limit_ms,
                                       struct bs_group_progress *progress)
{
    rd_kafka_topic_partition_list_t *list =
        places(client->config->topics.jobs, progress->count, RD_KAFKA_OFFSET_INVALID);
    rd_kafka_resp_err_t code =
        first_error(rd_kafka_committed(client->reader, list, limit_ms), list);
    for (int i = 0; i < list->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        const rd_kafka_topic_partition_t *place = &list->elems[i];
        struct bs_partition_progress *partition = &progress->partitions[place->partition];
        struct bs_offset_text told = bs_offset_text_parse(place->metadata, place->metadata_size);
        partition->committed = place->offset >= 0 ? place->offset : -1;
        partition->published = partition->committed >= 0 ? told.published : -1;
        partition->billed_seconds = partition->committed >= 0 ? told.billed : -1;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

/* By partition, the first or the last offsets of the state topic. */
static rd_kafka_resp_err_t ask_state(struct bs_kafka_client *client, int64_t which,
                                     int32_t limit_ms, int32_t count, int64_t *offsets)
{
    rd_kafka_topic_partition_list_t *list = places(client->config->topics.state, count, which);
    rd_kafka_resp_err_t code =
        first_error(rd_kafka_offsets_for_times(client->reader, list, limit_ms), list);
    for (int i = 0; i < list->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        offsets[list->elems[i].partition] = list->elems[i].offset;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

/* Whether anything was committed to a partition of the state topic. Where it is not known in time
 * it counts as so. */
static bool has_state(struct bs_kafka_client *client, int32_t partition, bs_mono_ms until)
{
    rd_kafka_t *handle = client->committed_reader;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, client->config->topics.state, partition)->offset =
        RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_resp_err_t code = rd_kafka_assign(handle, list);
    rd_kafka_topic_partition_list_destroy(list);
    bool ended = false;
    bool found = code != RD_KAFKA_RESP_ERR_NO_ERROR;
    while (!ended && !found) {
        bs_mono_ms left = until - bs_clock_now().mono;
        rd_kafka_message_t *message = rd_kafka_consumer_poll(handle, left > 0 ? (int)left : 0);
        if (message == NULL) {
            found = true; /* not in time */
            continue;
        }
        bool of_it = message->rkt != NULL && message->partition == partition;
        ended = of_it && message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        found = of_it && message->err == RD_KAFKA_RESP_ERR_NO_ERROR &&
                !bs_redriven_is_key((struct bs_bytes){message->key, message->key_len});
        rd_kafka_message_destroy(message);
    }
    rd_kafka_assign(handle, NULL);
    return found;
}

/* Where there is no offset, but state: it has expired, or was deleted. Bounds alone do not tell:
 * who tries the rights leaves an aborted transaction. What cannot be asked counts as there. */
static bool is_forgotten(struct bs_kafka_client *client, int32_t limit_ms,
                         const struct bs_group_progress *progress)
{
    int32_t missing = 0, count = 0;
    while (missing < progress->count && progress->partitions[missing].committed >= 0) {
        missing++;
    }
    if (missing == progress->count) {
        return false;
    }
    bs_mono_ms until = bs_clock_now().mono + limit_ms;
    rd_kafka_resp_err_t code =
        bs_kafka_count_partitions(client->reader, client->config->topics.state, limit_ms, &count);
    int64_t *starts = calloc((size_t)count + 1, sizeof(*starts));
    int64_t *ends = calloc((size_t)count + 1, sizeof(*ends));
    BS_ASSERT(starts != NULL && ends != NULL);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && count > 0) {
        code = ask_state(client, EARLIEST, limit_ms, count, starts);
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && count > 0) {
        code = ask_state(client, LATEST, limit_ms, count, ends);
    }
    bool forgotten = code != RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int32_t i = missing; i < progress->count && i < count && !forgotten; i++) {
        forgotten = progress->partitions[i].committed < 0 && ends[i] > starts[i] &&
                    has_state(client, i, until);
    }
    free(starts);
    free(ends);
    return forgotten;
}

/* What committed transactions wrote ends before what an open one writes: a handle of its own. */
static bool make_committed_reader(struct bs_kafka_client *client, struct bs_error *error)
{
    if (client->committed_reader == NULL) {
        client->committed_reader =
            bs_kafka_handle_for(client->config, BS_KAFKA_COMMITTED_READER, error);
    }
    return client->committed_reader != NULL;
}

enum bs_error_code bs_kafka_group_progress(struct bs_kafka_client *client, int32_t limit_ms,
                                           struct bs_group_progress *progress,
                                           struct bs_error *error)
{
    const char *jobs = client->config->topics.jobs;
    char doing[600];
    char right[300];
    *progress = (struct bs_group_progress){0};
    if (!make_committed_reader(client, error)) {
        return BS_ERROR_INVALID;
    }
    snprintf(doing, sizeof(doing), "looking at topic %s", jobs);
    snprintf(right, sizeof(right), "Describe on topic %s", jobs);
    rd_kafka_resp_err_t code =
        bs_kafka_count_partitions(client->reader, jobs, limit_ms, &progress->count);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && progress->count == 0) {
        return bs_error_set(error, BS_ERROR_NOT_FOUND, BS_KAFKA_NO_TOPIC, jobs);
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        progress->partitions = calloc((size_t)progress->count, sizeof(*progress->partitions));
        BS_ASSERT(progress->partitions != NULL);
        code = ask_bounds(client, client->reader, EARLIEST, limit_ms, progress);
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = ask_bounds(client, client->committed_reader, LATEST, limit_ms, progress);
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        snprintf(doing, sizeof(doing), "asking for the offsets of group %s", client->config->group);
        snprintf(right, sizeof(right), "Describe or Read on group %s", client->config->group);
        code = ask_offsets(client, limit_ms, progress);
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        bs_group_progress_free(progress);
        return bs_kafka_client_error(error, code, doing, right);
    }
    progress->forgotten = is_forgotten(client, limit_ms, progress);
    return BS_OK;
}

double bs_group_progress_billed_hours(const struct bs_group_progress *progress, int32_t *silent)
{
    double hours = 0;
    *silent = 0;
    for (int32_t i = 0; i < progress->count; i++) {
        const struct bs_partition_progress *partition = &progress->partitions[i];
        hours += partition->billed_seconds > 0 ? (double)partition->billed_seconds / 3600 : 0;
        *silent += partition->committed >= 0 && partition->billed_seconds < 0;
    }
    return hours;
}

void bs_group_progress_free(struct bs_group_progress *progress)
{
    free(progress->partitions);
    *progress = (struct bs_group_progress){0};
}
