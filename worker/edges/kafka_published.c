/* --until-drained: the published watermark of every jobs partition, also of those that others own.
 * It stands with the group's committed offsets. A thread of its own: its questions block. */
#include <stdlib.h>

#include "edges/kafka_internal.h"

#define QUESTION_MS 5000
#define ROUND_MS    1000
#define LOOK_MS     50

struct bs_published {
    struct bs_kafka *kafka;
    pthread_t thread;
    rd_kafka_t *ends_reader;   /* read_committed: the end that a reader of jobs comes to */
    rd_kafka_t *offset_reader; /* read_uncommitted: the last offset committed, without waiting */
    int64_t *ends;
    int32_t partition_count;
    struct bs_trouble_gate gate;
};

static void rest(const struct bs_published *published, int64_t ms)
{
    bs_mono_ms until = bs_clock_now().mono + ms;
    while (!atomic_load(&published->kafka->ending) && bs_clock_now().mono < until) {
        const struct timespec moment = {.tv_nsec = LOOK_MS * 1000000L};
        nanosleep(&moment, NULL);
    }
}

static rd_kafka_resp_err_t note_ends(struct bs_published *published)
{
    int32_t count = 0;
    rd_kafka_resp_err_t code = bs_kafka_count_partitions(
        published->ends_reader, published->kafka->config->topics.jobs, QUESTION_MS, &count);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR || count == 0) {
        return count == 0 ? RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART : code;
    }
    int64_t *ends = calloc((size_t)count + 1, sizeof(*ends));
    BS_ASSERT(ends != NULL);
    for (int32_t i = 0; i < count && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        int64_t start = 0;
        code = rd_kafka_query_watermark_offsets(published->ends_reader,
                                                published->kafka->config->topics.jobs, i, &start,
                                                &ends[i], QUESTION_MS);
        if (start == ends[i]) {
            ends[i] = 0; /* nothing stands in it: nothing to wait for */
        }
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        free(ends);
        return code;
    }
    published->ends = ends;
    published->partition_count = count;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t look(struct bs_published *published)
{
    struct bs_kafka *kafka = published->kafka;
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new(published->partition_count);
    for (int32_t i = 0; i < published->partition_count; i++) {
        rd_kafka_topic_partition_list_add(list, kafka->config->topics.jobs, i);
    }
    rd_kafka_resp_err_t code = rd_kafka_committed(published->offset_reader, list, QUESTION_MS);
    for (int i = 0; i < list->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        const rd_kafka_topic_partition_t *place = &list->elems[i];
        struct bs_report *report = bs_report_create(BS_REPORT_PUBLISHED, NULL);
        report->partition = place->partition;
        report->published =
            place->err != RD_KAFKA_RESP_ERR_NO_ERROR
                ? -1
                : bs_offset_text_parse(place->metadata, place->metadata_size).published;
        report->end = published->ends[place->partition];
        atomic_fetch_add(&kafka->published_waiting, 1);
        bs_report_send(kafka, report);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

static void *run(void *argument)
{
    struct bs_published *published = argument;
    struct bs_kafka *kafka = published->kafka;
    while (!atomic_load(&kafka->ending)) {
        rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
        if (published->ends == NULL) {
            code = note_ends(published);
        }
        if (published->ends != NULL && atomic_load(&kafka->published_waiting) == 0) {
            code = look(published);
        }
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            const char *right = bs_kafka_missing_right(code);
            bs_report_trouble(kafka, &published->gate, "looking at what is published: %s",
                              right != NULL ? right : rd_kafka_err2str(code));
        }
        rest(published, ROUND_MS);
    }
    atomic_fetch_sub(&kafka->threads_running, 1);
    return NULL;
}

struct bs_published *bs_published_create(struct bs_kafka *kafka)
{
    struct bs_published *published = calloc(1, sizeof(*published));
    BS_ASSERT(published != NULL);
    published->kafka = kafka;
    struct bs_error error = BS_NO_ERROR;
    published->ends_reader = bs_kafka_handle_for(kafka->config, BS_KAFKA_COMMITTED_READER, &error);
    published->offset_reader = bs_kafka_handle_for(kafka->config, BS_KAFKA_PLAIN_READER, &error);
    if (published->ends_reader == NULL || published->offset_reader == NULL) {
        /* The same properties made the other handles: only a secret's file can be gone since. */
        bs_report_send(kafka, bs_report_create(BS_REPORT_FATAL, "%s", error.message));
        bs_published_destroy(published);
        return NULL;
    }
    atomic_fetch_add(&kafka->threads_running, 1);
    int failed = pthread_create(&published->thread, NULL, run, published);
    BS_ASSERT(failed == 0);
    return published;
}

void bs_published_destroy(struct bs_published *published)
{
    if (published == NULL) {
        return;
    }
    if (published->offset_reader != NULL && published->ends_reader != NULL) {
        pthread_join(published->thread, NULL);
    }
    if (published->ends_reader != NULL) {
        rd_kafka_destroy_flags(published->ends_reader, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    }
    if (published->offset_reader != NULL) {
        rd_kafka_destroy_flags(published->offset_reader, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    }
    free(published->ends);
    free(published);
}
