/* What the files behind kafka_client.h share; nothing else includes it. */
#ifndef BS_EDGES_KAFKA_CLIENT_INTERNAL_H
#define BS_EDGES_KAFKA_CLIENT_INTERNAL_H

#include "edges/kafka_client.h"
#include "edges/kafka_internal.h"

/* Of a topic's name. */
#define BS_KAFKA_NO_TOPIC "topic %s does not exist: make it with `backscribe check --create-topics`"

struct bs_kafka_client {
    const struct bs_config *config;
    rd_kafka_t *reader;                 /* metadata, administration, offsets: no membership */
    rd_kafka_t *committed_reader;       /* read_committed; NULL until it is needed */
    rd_kafka_t *producer;               /* NULL until the first message */
    rd_kafka_resp_err_t delivery_error; /* the first one */
    char delivery_topic[256];
};

/* Fills `error` for a code of librdkafka's about `what`, which names the right that an
 * authorization error misses ("Describe on topic jobs"). */
enum bs_error_code bs_kafka_client_error(struct bs_error *error, rd_kafka_resp_err_t code,
                                         const char *doing, const char *right);

#endif
