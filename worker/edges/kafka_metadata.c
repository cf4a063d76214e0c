/* How many partitions a topic has. */
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
