/* A partition of a topic as the broker keeps it: bytes at offsets, of which a transaction's count
 * when its marker stands behind them. */
#ifndef SIM_TOPIC_H
#define SIM_TOPIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/message.h"

struct sim_job;

/* A message with everything that it points at, in one block. */
struct sim_message {
    struct sim_message *next; /* in its transaction */
    int32_t topic;            /* enum bs_topic */
    int32_t partition;
    struct bs_message message;
    /* the observer's, of a result or dead letter */
    struct sim_job *job;
    int32_t code;        /* enum bs_dead_letter_code */
    uint32_t epoch;      /* of the assignment that answers */
    char transcript[65]; /* the hash of the one that it names, in hex; "" = none */
    _Alignas(16) uint8_t bytes[];
};

struct sim_message *sim_message_copy(const struct bs_message *message);

enum sim_visibility { SIM_RECORD_OPEN, SIM_RECORD_COMMITTED, SIM_RECORD_ABORTED };

struct sim_log_entry {
    int64_t offset;
    uint64_t transaction; /* 0 = none */
    int64_t appended_ms;
    enum sim_visibility visibility;
    struct bs_bytes key, value; /* owned: the key's block holds both */
};

struct sim_log {
    struct sim_log_entry *entries; /* ascending offsets */
    size_t count, capacity;
    int64_t end; /* the next offset */
};

void sim_log_append(struct sim_log *log, const struct bs_message *message, uint64_t transaction,
                    int64_t now_ms);
/* The marker that ends a transaction in this partition: takes an offset of its own. */
void sim_log_mark(struct sim_log *log, uint64_t transaction, bool committed);
/* Up to where a read_committed reader comes. */
int64_t sim_log_last_stable(const struct sim_log *log);
/* Drops what a newer committed record of the same key hides, and tombstones that are a day old. */
void sim_log_compact(struct sim_log *log, int64_t now_ms);
/* What a read_committed reader finds: of each key the newest entry (tombstones too). Their indexes,
 * in no order; the caller frees them. */
size_t *sim_log_newest(const struct sim_log *log, size_t *count);
void sim_log_destroy(struct sim_log *log);

#endif
