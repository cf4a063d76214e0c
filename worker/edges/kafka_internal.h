/* What the files of the Kafka edge share; nothing else includes it.
 *
 * Three threads beside the loop's: restore, transactions, published (each with handles of its own).
 * They speak to the loop only through reports, which the loop takes from the inbox and turns into
 * the callbacks of kafka.h. */
#ifndef BS_EDGES_KAFKA_INTERNAL_H
#define BS_EDGES_KAFKA_INTERNAL_H

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>

#include "edges/kafka.h"

/* ---- kafka_config.c: any thread ---- */

/* What a handle is for; it decides the properties that are not the user's to set. */
enum bs_kafka_role {
    BS_KAFKA_MEMBER,           /* subscribes to the jobs topic as a member of the group */
    BS_KAFKA_COMMITTED_READER, /* the group's offsets and read_committed, without membership */
    BS_KAFKA_PLAIN_READER,     /* the same, read_uncommitted: true ends of partitions */
    BS_KAFKA_TRANSACTIONS,     /* the transactional producer */
    BS_KAFKA_WRITER,           /* an idempotent producer */
};

/* The caller owns the conf until bs_kafka_handle takes it. NULL with an error when a property is
 * refused by librdkafka or a secret's file cannot be read. */
BS_MUST_CHECK rd_kafka_conf_t *bs_kafka_conf(const struct bs_config *config,
                                             enum bs_kafka_role role, struct bs_error *error);
/* Sets one more property; false with an error when librdkafka refuses it. */
BS_MUST_CHECK bool bs_kafka_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value,
                                     struct bs_error *error);
/* Takes the conf in any case. A consumer's main queue is forwarded to its consumer queue. */
BS_MUST_CHECK rd_kafka_t *bs_kafka_handle(rd_kafka_conf_t *conf, enum bs_kafka_role role,
                                          struct bs_error *error);
/* Both of the above. */
BS_MUST_CHECK rd_kafka_t *bs_kafka_handle_for(const struct bs_config *config,
                                              enum bs_kafka_role role, struct bs_error *error);
/* A whole number from `kafka`, or `fallback` where it is not set. */
int64_t bs_kafka_property_number(const struct bs_config *config, const char *name,
                                 int64_t fallback);
/* kafka_files that name sasl.username or sasl.password are read again; changed credentials serve
 * the next connection. Cheap; call it now and then. */
struct bs_kafka_secrets {
    bs_mono_ms next_look;
    char *user_name; /* as it was given to librdkafka last; NULL before the first look */
    char *password;
};
void bs_kafka_secrets_refresh(struct bs_kafka_secrets *secrets, const struct bs_config *config,
                              rd_kafka_t *handle);
void bs_kafka_secrets_free(struct bs_kafka_secrets *secrets);

/* 32 random hex digits. */
void bs_kafka_random_name(char name[33]);

/* ---- kafka_text.c: any thread ---- */

/* Builds librdkafka's headers; NULL for none. The caller owns them. */
rd_kafka_headers_t *bs_kafka_headers(const struct bs_message *message);
/* A received message as plain bytes, borrowed from it. `headers` is the caller's growing scratch.
 */
struct bs_header_scratch {
    struct bs_header *headers;
    size_t capacity;
};
struct bs_message bs_kafka_message(const rd_kafka_message_t *received,
                                   struct bs_header_scratch *scratch);
void bs_header_scratch_free(struct bs_header_scratch *scratch);

/* The text of a committed offset, "published=12;partitions=4;billed=7200". */
struct bs_offset_text {
    int64_t published;  /* the published watermark; -1 = not told */
    int64_t billed;     /* seconds that were ever charged to the partition; -1 = not told */
    int32_t partitions; /* of the state topic when this one was first worked on; 0 = not told */
};
#define BS_OFFSET_TEXT_SIZE 96
void bs_offset_text_format(const struct bs_offset_text *told, char text[BS_OFFSET_TEXT_SIZE]);
/* The beginning of a key: a record that is not ours may have any bytes there. */
#define BS_KEY_SHOWN_SIZE 49
void bs_kafka_show_key(struct bs_bytes key, char shown[BS_KEY_SHOWN_SIZE]);
/* Fields that are missing or unreadable are not told; unknown ones are passed over. */
struct bs_offset_text bs_offset_text_parse(const char *text, size_t size);

/* Who we are in the group, out of the metadata's serialized form (librdkafka 2.0.2 has no
 * accessor). False when we are no member at this moment: generation -1 or an empty member id. */
#define BS_MEMBER_ID_SIZE 256
BS_MUST_CHECK bool bs_kafka_membership(const rd_kafka_consumer_group_metadata_t *metadata,
                                       char member_id[BS_MEMBER_ID_SIZE]);

/* The right that an authorization error is about ("Describe on topic jobs"), or NULL where the
 * error is of another kind. */
const char *bs_kafka_missing_right(rd_kafka_resp_err_t code);

/* ---- kafka_metadata.c: any thread ---- */

/* How many partitions a topic has now; 0 where it does not exist. Asks a broker, for at most
 * `limit_ms`. */
BS_MUST_CHECK rd_kafka_resp_err_t bs_kafka_count_partitions(rd_kafka_t *handle, const char *topic,
                                                            int32_t limit_ms, int32_t *count);

/* What the group's offsets of the first `count` partitions of the jobs topic tell: by partition
 * what was billed, -1 = nothing (allocated in any case, the caller's to free), and by how many the
 * quota was divided when they were first worked on (the least; 0 = none tells). With a handle that
 * waits for no transaction: what is in flight tells no less. */
BS_MUST_CHECK rd_kafka_resp_err_t bs_kafka_ask_told(rd_kafka_t *handle, const char *jobs,
                                                    int32_t count, int32_t limit_ms,
                                                    int64_t **billed, int32_t *divided_by);
/* The lesser of two numbers, of which 0 tells nothing. */
int32_t bs_least_known(int32_t one, int32_t other);

/* ---- kafka.c: reports to the loop ---- */

enum bs_report_kind {
    BS_REPORT_RECORDS,
    BS_REPORT_RESTORED,
    BS_REPORT_STOPPED,
    BS_REPORT_TRANSACTION,
    BS_REPORT_PUBLISHED,
    BS_REPORT_TOPICS,
    BS_REPORT_TROUBLE,
    BS_REPORT_FATAL,
};

struct bs_report {
    struct bs_report *next;
    enum bs_report_kind kind;
    int32_t partition;
    uint32_t epoch;
    struct bs_state_record *records; /* RECORDS: owned */
    size_t record_count;
    struct bs_restore_end end_of_restore; /* RESTORED */
    int64_t *billed;         /* RESTORED: its array, TOPICS: by partition as there; owned */
    int32_t billed_count;    /* TOPICS: 0 = nothing is told of it */
    int32_t partitions;      /* RESTORED: what its offset or control record tells, 0 = nothing */
    int64_t lost;            /* STOPPED */
    bool of_restore;         /* STOPPED: only if the epoch is still the partition's */
    bool stateless;          /* STOPPED: the state topic has no such partition (yet) */
    int32_t jobs_partitions; /* TOPICS */
    int32_t state_partitions;
    int64_t published; /* PUBLISHED */
    int64_t end;
    enum bs_transaction_outcome outcome; /* TRANSACTION */
    char text[512];
};

/* Zeroed; the text is set by the format (NULL = none). Any thread. */
struct bs_report *bs_report_create(enum bs_report_kind kind, const char *format, ...)
    BS_PRINTF(2, 3);
/* Hands it to the loop. Any thread. */
void bs_report_send(struct bs_kafka *kafka, struct bs_report *report);

/* Says so at most every few seconds: one gate for each source of trouble, of one thread. */
struct bs_trouble_gate {
    bs_mono_ms next;
};
void bs_report_trouble(struct bs_kafka *kafka, struct bs_trouble_gate *gate, const char *format,
                       ...) BS_PRINTF(3, 4);

/* Restored records travel in portions; no more than this many wait for the loop at a time. */
#define BS_PORTION_RECORDS  128
#define BS_PORTIONS_WAITING 8

struct bs_kafka {
    struct bs_loop *loop;
    const struct bs_config *config;
    int32_t state_partitions;     /* what the quota is divided by: the loop's */
    int32_t jobs_partitions_told; /* by the callback `topics` */
    int32_t state_partitions_told;
    atomic_bool stateless; /* a partition of ours waits for the state topic to grow */
    struct bs_kafka_callbacks callbacks;
    void *context;

    pthread_mutex_t mutex; /* guards the inbox */
    pthread_cond_t portion_taken;
    struct bs_report *inbox_first;
    struct bs_report *inbox_last;
    int32_t portions_waiting;
    struct bs_bell *bell;
    atomic_bool ending; /* every thread leaves at its next look */
    atomic_bool fenced; /* the consumer knows that another process took our place */
    atomic_int threads_running;
    atomic_int published_waiting; /* reports not yet taken by the loop */

    struct bs_timer *timer; /* polls the consumer also when nothing else wakes the loop */
    bool closing;
    bool closed_told;

    struct bs_consumer *consumer;
    struct bs_restore *restore;
    struct bs_transactions *transactions;
    struct bs_published *published; /* NULL until bs_kafka_note_ends */
};

/* ---- kafka_consumer.c: the loop's thread ---- */

BS_MUST_CHECK struct bs_consumer *bs_consumer_create(struct bs_kafka *kafka,
                                                     struct bs_error *error);
void bs_consumer_destroy(struct bs_consumer *consumer);
/* Serves rebalances and errors. */
void bs_consumer_serve(struct bs_consumer *consumer);
void bs_consumer_close(struct bs_consumer *consumer);
bool bs_consumer_closed(struct bs_consumer *consumer);
/* True while the rebalance waits for an answer or for librdkafka: look again soon. */
bool bs_consumer_busy(const struct bs_consumer *consumer);
/* The partition is being restored in this epoch; its reports are wanted from here on. */
void bs_consumer_restore(struct bs_consumer *consumer, int32_t partition, uint32_t epoch);
void bs_consumer_unassign(struct bs_consumer *consumer, int32_t partition);
/* Whether a report of the restore of this epoch is still wanted. */
bool bs_consumer_restoring(const struct bs_consumer *consumer, int32_t partition, uint32_t epoch);
/* NULL when we are no member, or not the one that the partitions were given to. */
rd_kafka_consumer_group_metadata_t *bs_consumer_membership(struct bs_consumer *consumer);
/* Nothing of it is delivered any more; `stateless`: until the state topic has grown. */
void bs_consumer_stop_partition(struct bs_consumer *consumer, int32_t partition, bool stateless);
/* Partitions that were stopped for want of a state partition, and have one among the first
 * `state_partitions` now, are told as assigned again. */
void bs_consumer_take_up(struct bs_consumer *consumer, int32_t state_partitions);
/* What the partition's committed offsets tell as `partitions`, now that `told` was found with its
 * last one (0 = nothing). */
void bs_consumer_set_divided(struct bs_consumer *consumer, int32_t partition, int32_t told);
int32_t bs_consumer_divided(const struct bs_consumer *consumer, int32_t partition);

/* ---- kafka_restore.c ---- */

BS_MUST_CHECK struct bs_restore *bs_restore_create(struct bs_kafka *kafka, struct bs_error *error);
void bs_restore_destroy(struct bs_restore *restore); /* kafka->ending is set; joins */
void bs_restore_start(struct bs_restore *restore, int32_t partition, uint32_t epoch);
void bs_restore_cancel(struct bs_restore *restore, int32_t partition);
/* Asks how many jobs below the partition's first offset are gone; answered by STOPPED. */
void bs_restore_count_lost(struct bs_restore *restore, int32_t partition, uint32_t epoch,
                           int64_t position);

/* ---- kafka_records.c: the newest record of each key, one thread ---- */

struct bs_records;
struct bs_records *bs_records_create(void);
void bs_records_destroy(struct bs_records *records);
/* A tombstone (value.data NULL) removes the key. Copies. */
void bs_records_put(struct bs_records *records, struct bs_bytes key, struct bs_bytes value,
                    int64_t offset);
size_t bs_records_count(const struct bs_records *records);
bool bs_records_has(const struct bs_records *records, struct bs_bytes key);
struct bs_record {
    int64_t offset;
    uint64_t hash;
    uint32_t key_size;
    uint32_t value_size;
    uint8_t bytes[]; /* key, then value */
};
/* No put after this: what is taken comes in the order in which core takes it up at least cost, the
 * control record first, operations by offset, then ids as they were written. */
void bs_records_sort(struct bs_records *records);
/* Takes the next one out, to be freed by the caller; false when none is left. No put after this. */
BS_MUST_CHECK bool bs_records_take(struct bs_records *records, struct bs_record **record);

/* ---- kafka_transactions.c ---- */

BS_MUST_CHECK struct bs_transactions *bs_transactions_create(struct bs_kafka *kafka,
                                                             struct bs_error *error);
void bs_transactions_destroy(struct bs_transactions *transactions); /* as restore's */
/* It looks at kafka->ending now. */
void bs_transactions_wake(struct bs_transactions *transactions);

/* ---- kafka_published.c ---- */

struct bs_published *bs_published_create(struct bs_kafka *kafka);
void bs_published_destroy(struct bs_published *published); /* as restore's */

#endif
