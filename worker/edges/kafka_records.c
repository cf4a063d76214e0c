/* The newest record of each key of a compacted partition: an open-addressed table of pointers, so
 * that a million keys cost 16 bytes each beside their own bytes. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "edges/kafka_internal.h"

#define FIRST_CAPACITY 1024 /* a power of two, as every capacity */

struct bs_records {
    struct bs_record **slots;
    size_t capacity;
    size_t count;
    size_t next_taken;
};

struct bs_records *bs_records_create(void)
{
    struct bs_records *records = calloc(1, sizeof(*records));
    BS_ASSERT(records != NULL);
    records->capacity = FIRST_CAPACITY;
    records->slots = calloc(records->capacity, sizeof(struct bs_record *));
    BS_ASSERT(records->slots != NULL);
    return records;
}

void bs_records_destroy(struct bs_records *records)
{
    if (records == NULL) {
        return;
    }
    for (size_t i = 0; i < records->capacity; i++) {
        free(records->slots[i]);
    }
    free(records->slots);
    free(records);
}

size_t bs_records_count(const struct bs_records *records)
{
    return records->count;
}

/* The key's slot, or the empty one where it would stand. */
static size_t find(const struct bs_records *records, uint64_t hash, struct bs_bytes key)
{
    size_t mask = records->capacity - 1;
    size_t at = (size_t)hash & mask;
    for (;;) {
        const struct bs_record *record = records->slots[at];
        if (record == NULL || (record->hash == hash && record->key_size == key.size &&
                               memcmp(record->bytes, key.data, key.size) == 0)) {
            return at;
        }
        at = (at + 1) & mask;
    }
}

bool bs_records_has(const struct bs_records *records, struct bs_bytes key)
{
    return records->slots[find(records, bs_hash64(0, key.data, key.size), key)] != NULL;
}

static void grow(struct bs_records *records)
{
    size_t old_capacity = records->capacity;
    struct bs_record **old = records->slots;
    records->capacity *= 2;
    records->slots = calloc(records->capacity, sizeof(struct bs_record *));
    BS_ASSERT(records->slots != NULL);
    for (size_t i = 0; i < old_capacity; i++) {
        if (old[i] != NULL) {
            struct bs_bytes key = {old[i]->bytes, old[i]->key_size};
            records->slots[find(records, old[i]->hash, key)] = old[i];
        }
    }
    free(old);
}

/* Closes the gap at `hole`: what was pushed past it by its collisions moves back. */
static void close_gap(struct bs_records *records, size_t hole)
{
    size_t mask = records->capacity - 1;
    size_t at = hole;
    for (;;) {
        at = (at + 1) & mask;
        struct bs_record *record = records->slots[at];
        if (record == NULL) {
            return;
        }
        size_t home = (size_t)record->hash & mask;
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            records->slots[hole] = record;
            records->slots[at] = NULL;
            hole = at;
        }
    }
}

void bs_records_put(struct bs_records *records, struct bs_bytes key, struct bs_bytes value,
                    int64_t offset)
{
    uint64_t hash = bs_hash64(0, key.data, key.size);
    size_t at = find(records, hash, key);
    struct bs_record *old = records->slots[at];
    if (value.data == NULL) {
        if (old != NULL) {
            free(old);
            records->slots[at] = NULL;
            records->count--;
            close_gap(records, at);
        }
        return;
    }
    struct bs_record *record = malloc(sizeof(*record) + key.size + value.size);
    BS_ASSERT(record != NULL);
    record->offset = offset;
    record->hash = hash;
    record->key_size = (uint32_t)key.size;
    record->value_size = (uint32_t)value.size;
    memcpy(record->bytes, key.data, key.size);
    memcpy(record->bytes + key.size, value.data, value.size);
    records->slots[at] = record;
    free(old);
    records->count += old == NULL ? 1 : 0;
    if (records->count * 4 > records->capacity * 3) {
        grow(records);
    }
}

/* Where the record comes among those that are given: its `hash` is not needed any more. */
static uint64_t place_of(const struct bs_record *record)
{
    uint64_t offset = 0;
    if (record->key_size < 3 || record->bytes[1] != ':') {
        return 0;
    }
    if (record->bytes[0] != 'o') {
        return (uint64_t)1 << 63 | (uint64_t)record->offset;
    }
    for (uint32_t i = 2; i < record->key_size; i++) {
        offset = offset * 10 + (uint64_t)(record->bytes[i] - '0');
    }
    return offset & ~((uint64_t)1 << 63);
}

static int by_place(const void *left, const void *right)
{
    const struct bs_record *const *a = left, *const *b = right;
    return ((*a)->hash > (*b)->hash) - ((*a)->hash < (*b)->hash);
}

void bs_records_sort(struct bs_records *records)
{
    size_t count = 0;
    for (size_t i = 0; i < records->capacity; i++) {
        struct bs_record *record = records->slots[i];
        if (record != NULL) {
            record->hash = place_of(record);
            records->slots[i] = NULL;
            records->slots[count++] = record;
        }
    }
    qsort(records->slots, count, sizeof(struct bs_record *), by_place);
}

bool bs_records_take(struct bs_records *records, struct bs_record **record)
{
    while (records->next_taken < records->capacity) {
        struct bs_record **slot = &records->slots[records->next_taken++];
        if (*slot != NULL) {
            *record = *slot;
            *slot = NULL;
            records->count--;
            return true;
        }
    }
    return false;
}
