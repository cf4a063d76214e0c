#include "topic.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"

#define TOMBSTONE_MS (24 * 3600 * (int64_t)1000)

static struct bs_bytes put(uint8_t **at, struct bs_bytes bytes)
{
    if (bytes.data == NULL) {
        return bytes;
    }
    struct bs_bytes copy = {.data = *at, .size = bytes.size};
    if (bytes.size > 0) {
        memcpy(*at, bytes.data, bytes.size);
    }
    *at += bytes.size + 1; /* so that an empty one has an address of its own */
    return copy;
}

struct sim_message *sim_message_copy(const struct bs_message *message)
{
    size_t count = message->header_count;
    size_t size = count * sizeof(struct bs_header) + message->key.size + message->value.size + 2;
    for (size_t i = 0; i < count; i++) {
        size += strlen(message->headers[i].name) + 1 + message->headers[i].value.size + 1;
    }
    struct sim_message *copy = malloc(sizeof *copy + size);
    BS_ASSERT(copy != NULL);
    struct bs_header *headers = (struct bs_header *)(void *)copy->bytes;
    uint8_t *at = copy->bytes + count * sizeof *headers;
    for (size_t i = 0; i < count; i++) {
        const struct bs_header *header = &message->headers[i];
        size_t length = strlen(header->name) + 1;
        headers[i].name = memcpy(at, header->name, length);
        at += length;
        headers[i].value = put(&at, header->value);
    }
    memset(copy, 0, offsetof(struct sim_message, bytes));
    copy->message.headers = headers;
    copy->message.header_count = count;
    copy->message.key = put(&at, message->key);
    copy->message.value = put(&at, message->value);
    return copy;
}

void sim_log_append(struct sim_log *log, const struct bs_message *message, uint64_t transaction,
                    int64_t now_ms)
{
    if (log->count == log->capacity) {
        log->capacity = log->capacity == 0 ? 32 : log->capacity * 2;
        log->entries = realloc(log->entries, log->capacity * sizeof *log->entries);
        BS_ASSERT(log->entries != NULL);
    }
    uint8_t *at = malloc(message->key.size + message->value.size + 2);
    BS_ASSERT(at != NULL && message->key.data != NULL);
    struct sim_log_entry *entry = &log->entries[log->count++];
    *entry = (struct sim_log_entry){.offset = log->end++,
                                    .transaction = transaction,
                                    .appended_ms = now_ms,
                                    .visibility =
                                        transaction == 0 ? SIM_RECORD_COMMITTED : SIM_RECORD_OPEN};
    entry->key = put(&at, message->key);
    entry->value = put(&at, message->value);
}

void sim_log_mark(struct sim_log *log, uint64_t transaction, bool committed)
{
    for (size_t i = log->count; i-- > 0;) {
        if (log->entries[i].transaction == transaction) {
            log->entries[i].visibility = committed ? SIM_RECORD_COMMITTED : SIM_RECORD_ABORTED;
        }
    }
    log->end++;
}

int64_t sim_log_last_stable(const struct sim_log *log)
{
    for (size_t i = 0; i < log->count; i++) {
        if (log->entries[i].visibility == SIM_RECORD_OPEN) {
            return log->entries[i].offset;
        }
    }
    return log->end;
}

static bool same_key(const struct sim_log_entry *a, const struct sim_log_entry *b)
{
    return a->key.size == b->key.size && memcmp(a->key.data, b->key.data, a->key.size) == 0;
}

size_t *sim_log_newest(const struct sim_log *log, size_t *count)
{
    size_t slots = 16;
    while (slots < 2 * log->count) {
        slots *= 2;
    }
    size_t *table = calloc(slots, sizeof *table); /* index + 1 of a key's newest entry */
    size_t *found = calloc(log->count + 1, sizeof *found);
    BS_ASSERT(table != NULL && found != NULL);
    int64_t stable = sim_log_last_stable(log);
    *count = 0;
    for (size_t i = log->count; i-- > 0;) {
        const struct sim_log_entry *entry = &log->entries[i];
        if (entry->offset >= stable || entry->visibility != SIM_RECORD_COMMITTED) {
            continue;
        }
        size_t at = (size_t)bs_hash64(0, entry->key.data, entry->key.size) & (slots - 1);
        while (table[at] != 0 && !same_key(&log->entries[table[at] - 1], entry)) {
            at = (at + 1) & (slots - 1);
        }
        if (table[at] == 0) {
            table[at] = i + 1;
            found[(*count)++] = i;
        }
    }
    free(table);
    return found;
}

static void destroy_entry(struct sim_log_entry *entry)
{
    free((void *)(uintptr_t)entry->key.data);
}

void sim_log_compact(struct sim_log *log, int64_t now_ms)
{
    int64_t stable = sim_log_last_stable(log);
    size_t newest_count, left = 0;
    size_t *newest = sim_log_newest(log, &newest_count);
    for (size_t i = 0; i < log->count; i++) {
        struct sim_log_entry *entry = &log->entries[i];
        bool is_newest = newest_count > 0 && newest[newest_count - 1] == i; /* descending */
        newest_count -= is_newest;
        bool old_tombstone =
            entry->value.data == NULL && now_ms - entry->appended_ms > TOMBSTONE_MS;
        if (entry->offset >= stable || (is_newest && !old_tombstone)) {
            log->entries[left++] = *entry;
        } else {
            destroy_entry(entry);
        }
    }
    log->count = left;
    free(newest);
}

void sim_log_destroy(struct sim_log *log)
{
    for (size_t i = 0; i < log->count; i++) {
        destroy_entry(&log->entries[i]);
    }
    free(log->entries);
    *log = (struct sim_log){0};
}
