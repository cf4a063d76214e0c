/* How many partitions a topic has, and what the group's offsets of it tell. */
#include <stdlib.h>

#include "edges/kafka_internal.h"

rd_kafka_resp_err_t bs_kafka_count_partitions(rd_kafka_t *handle, const char *topic,
                                              int32_t limit_ms, int32_t *count)
{
    rd_kafka_topic_t *of = rd_kafka_topic_new(handle, topic, NULL);
    if (of == NULL) {
        return rd_kafka_last_error();
    }
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t code = rd_kafka_metadata(handle, 0, of, &metadata, limit_ms);
    rd_kafka_topic_destroy(of);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return code;
    }
    BS_ASSERT(metadata->topic_cnt == 1); /* we asked for one */
    code = metadata->topics[0].err;
    *count = code == RD_KAFKA_RESP_ERR_NO_ERROR ? metadata->topics[0].partition_cnt : 0;
    rd_kafka_metadata_destroy(metadata);
    return code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ? RD_KAFKA_RESP_ERR_NO_ERROR : code;
}

int32_t bs_least_known(int32_t one, int32_t other)
{
    return one == 0 || (other > 0 && other < one) ? other : one;
}

rd_kafka_resp_err_t bs_kafka_ask_told(rd_kafka_t *handle, const char *jobs, int32_t count,
                                      int32_t limit_ms, int64_t **billed, int32_t *divided_by)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
    for (int32_t i = 0; i < count; i++) {
        rd_kafka_topic_partition_list_add(list, jobs, i);
    }
    rd_kafka_resp_err_t code = rd_kafka_committed(handle, list, limit_ms);
    *divided_by = 0;
    *billed = calloc((size_t)count + 1, sizeof(**billed));
    BS_ASSERT(*billed != NULL);
    for (int i = 0; i < list->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        const rd_kafka_topic_partition_t *place = &list->elems[i];
        struct bs_offset_text told = bs_offset_text_parse(place->metadata, place->metadata_size);
        code = place->err;
        (*billed)[i] = place->offset >= 0 ? told.billed : -1;
        *divided_by = bs_least_known(*divided_by, told.partitions);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}
