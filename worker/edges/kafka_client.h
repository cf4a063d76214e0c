/* Kafka for the commands that are not the worker: looking at topics, making them, writing jobs,
 * reading results. Blocking calls, any one thread. */
#ifndef BS_EDGES_KAFKA_CLIENT_H
#define BS_EDGES_KAFKA_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "formats/config.h"
#include "formats/message.h"

const char *bs_librdkafka_version(void);

struct bs_kafka_client;
BS_MUST_CHECK struct bs_kafka_client *bs_kafka_client_create(const struct bs_config *config,
                                                             struct bs_error *error);
void bs_kafka_client_destroy(struct bs_kafka_client *client);

struct bs_topic_facts {
    bool exists;
    int32_t partitions;
    bool settings_known;  /* false: no right to describe, or a broker without settings (embedded) */
    bool compacted;       /* cleanup.policy is exactly "compact" */
    bool deletes;         /* cleanup.policy has "delete" */
    int64_t retention_ms; /* -1 = without limit */
    char settings_problem[200]; /* why they are not known */
};
/* DENIED names the missing right; TEMPORARY when no broker answers within `limit_ms`. */
BS_MUST_CHECK enum bs_error_code bs_kafka_describe_topic(struct bs_kafka_client *client,
                                                         const char *topic, int32_t limit_ms,
                                                         struct bs_topic_facts *facts,
                                                         struct bs_error *error);
/* The sum of the partitions' end offsets: it only grows, unless the topic is made anew. */
BS_MUST_CHECK enum bs_error_code bs_kafka_topic_end(struct bs_kafka_client *client,
                                                    const char *topic, int32_t limit_ms,
                                                    int64_t *end, struct bs_error *error);
BS_MUST_CHECK int32_t bs_kafka_broker_count(struct bs_kafka_client *client, int32_t limit_ms,
                                            struct bs_error *error); /* -1 = failed */
/* `settings` are name, value pairs. Succeeds when the topic exists already. */
BS_MUST_CHECK enum bs_error_code
bs_kafka_create_topic(struct bs_kafka_client *client, const char *topic, int32_t partitions,
                      int32_t replication, const char *const *settings, size_t setting_count,
                      int32_t limit_ms, struct bs_error *error);
BS_MUST_CHECK enum bs_error_code bs_kafka_add_partitions(struct bs_kafka_client *client,
                                                         const char *topic, int32_t partitions,
                                                         int32_t limit_ms, struct bs_error *error);
/* Tries the group (coordinator, read right) and the transactional id (an empty transaction):
 * each missing right by its name in `error`. */
BS_MUST_CHECK enum bs_error_code bs_kafka_try_group(struct bs_kafka_client *client,
                                                    int32_t limit_ms, struct bs_error *error);
BS_MUST_CHECK enum bs_error_code bs_kafka_try_transaction(struct bs_kafka_client *client,
                                                          int32_t limit_ms, struct bs_error *error);

/* A partition of the jobs topic, as the group's committed offset and the brokers tell. */
struct bs_partition_progress {
    int64_t committed; /* the low watermark: every job below it is submitted or answered; -1 = the
                        * group has no offset (nobody has worked on it, or it has expired) */
    int64_t log_start;
    int64_t log_end;        /* where a read_committed reader's reading ends */
    int64_t published;      /* every job below it is answered; -1 = not told */
    int64_t billed_seconds; /* all that was ever submitted, what is reserved included; -1 = not
                             * told: an older worker wrote the offset, or nobody has */
};

struct bs_group_progress {
    struct bs_partition_progress *partitions; /* by their numbers */
    int32_t count;
    bool forgotten; /* a partition has no offset though its state tells that somebody has worked on
                     * it (or cannot be asked): the group's offsets have expired, or were deleted */
};

/* Reads nothing of the topics and joins no group. DENIED names the missing right. The caller frees
 * what BS_OK has filled; nothing is to be freed else. */
BS_MUST_CHECK enum bs_error_code bs_kafka_group_progress(struct bs_kafka_client *client,
                                                         int32_t limit_ms,
                                                         struct bs_group_progress *progress,
                                                         struct bs_error *error);
/* Hours that are billed so far, as far as it is told; *silent: partitions that were worked on and
 * do not tell. */
double bs_group_progress_billed_hours(const struct bs_group_progress *progress, int32_t *silent);
void bs_group_progress_free(struct bs_group_progress *progress);

/* A member of the group, as its coordinator tells. */
struct bs_group_member {
    char client_id[256];
    char host[256]; /* the address that it talks to the coordinator from */
};
struct bs_group_members {
    struct bs_group_member *list;
    int32_t count;
};
/* As bs_kafka_group_progress; no member is no failure. Needs Describe on the group. */
BS_MUST_CHECK enum bs_error_code bs_kafka_group_members(struct bs_kafka_client *client,
                                                        int32_t limit_ms,
                                                        struct bs_group_members *members,
                                                        struct bs_error *error);
void bs_group_members_free(struct bs_group_members *members);

/* Writing: idempotent producer, murmur2_random. `send` blocks while the queue is full; `flush`
 * returns the first delivery error. */
BS_MUST_CHECK enum bs_error_code bs_kafka_client_send(struct bs_kafka_client *client,
                                                      const char *topic,
                                                      const struct bs_message *message,
                                                      struct bs_error *error);
BS_MUST_CHECK enum bs_error_code bs_kafka_client_flush(struct bs_kafka_client *client,
                                                       int32_t limit_ms, struct bs_error *error);

/* False ends the reading. `timestamp` is Kafka's, in milliseconds since 1970; -1 where there is
 * none. The message is lent for the call. */
typedef bool bs_kafka_read_callback(void *context, int32_t partition, int64_t offset,
                                    int64_t timestamp, const struct bs_message *message);
struct bs_kafka_reading {
    const char *topic;
    bool follow;         /* for ever; else to the end that stood at the start */
    bool whole_end;      /* that end counts what open transactions have written too, and their ends
                          * are waited for; else it stands before the first of them */
    int64_t since_ms;    /* from the first message in each partition that is dated then or later
                          * (milliseconds since 1970); 0 = from the beginning */
    const int64_t *from; /* by partition, the first offset that is wanted; a later one of since_ms,
                          * and what is there at all, come first */
    int32_t from_count;  /* of `from`; partitions above it are read whole */
    /* Told of each partition before the first message, where it is not NULL: the offsets of its
     * first message and behind its last one. False ends the reading. */
    bool (*bounds)(void *context, int32_t partition, int64_t start, int64_t end);
    bs_kafka_read_callback *message;
    bool (*go_on)(void *context); /* asked between messages, every 100 ms at the least; false ends
                                   * the reading. NULL: yes */
    void *context;
};
/* Reads with read_committed and without a group: what committed transactions wrote, each message
 * once, in the order of each partition. BS_OK also where a callback ended it. */
BS_MUST_CHECK enum bs_error_code bs_kafka_client_read(struct bs_kafka_client *client,
                                                      const struct bs_kafka_reading *reading,
                                                      struct bs_error *error);

#endif
