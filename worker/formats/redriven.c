#include "formats/redriven.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "formats/state.h"
#include "state.pb-c.h"

#define BLOCK_LETTERS 1024
#define PARTITIONS    1000000 /* more than any topic has */
#define VERSION       3       /* of these records */

/* The marks of BLOCK_LETTERS offsets. */
struct block {
    int64_t number; /* offset / BLOCK_LETTERS */
    bool changed;
    bool marked[BLOCK_LETTERS];
    uint32_t fingerprints[BLOCK_LETTERS];
};

struct partition_marks {
    struct block **blocks; /* by number, ascending */
    size_t count, capacity;
};

struct bs_redriven {
    char topic[250];
    struct partition_marks *partitions;
    int32_t partition_count;
};

uint32_t bs_redriven_fingerprint(struct bs_bytes source, struct bs_bytes failed_at)
{
    uint64_t hash = bs_hash64(0, source.data, source.size);
    return (uint32_t)bs_hash64(hash, failed_at.data, failed_at.size);
}

struct bs_redriven *bs_redriven_create(const char *topic)
{
    struct bs_redriven *redriven = calloc(1, sizeof *redriven);
    BS_ASSERT(redriven != NULL);
    (void)snprintf(redriven->topic, sizeof redriven->topic, "%s", topic);
    return redriven;
}

void bs_redriven_destroy(struct bs_redriven *redriven)
{
    if (redriven == NULL) {
        return;
    }
    for (int32_t i = 0; i < redriven->partition_count; i++) {
        for (size_t j = 0; j < redriven->partitions[i].count; j++) {
            free(redriven->partitions[i].blocks[j]);
        }
        free(redriven->partitions[i].blocks);
    }
    free(redriven->partitions);
    free(redriven);
}

/* ---- the set ---- */

/* Where the block stands, or would stand. */
static size_t find_place(const struct partition_marks *marks, int64_t number)
{
    size_t low = 0, high = marks->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (marks->blocks[middle]->number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct block *find_block(const struct bs_redriven *redriven, int32_t partition,
                                int64_t number)
{
    if (partition >= redriven->partition_count) {
        return NULL;
    }
    const struct partition_marks *marks = &redriven->partitions[partition];
    size_t place = find_place(marks, number);
    return place < marks->count && marks->blocks[place]->number == number ? marks->blocks[place]
                                                                          : NULL;
}

static void grow_partitions(struct bs_redriven *redriven, int32_t count)
{
    size_t size = sizeof *redriven->partitions;
    redriven->partitions = realloc(redriven->partitions, (size_t)count * size);
    BS_ASSERT(redriven->partitions != NULL);
    memset(redriven->partitions + redriven->partition_count, 0,
           (size_t)(count - redriven->partition_count) * size);
    redriven->partition_count = count;
}

static struct block *need_block(struct bs_redriven *redriven, int32_t partition, int64_t number)
{
    struct block *known = find_block(redriven, partition, number);
    if (known != NULL) {
        return known;
    }
    if (partition >= redriven->partition_count) {
        grow_partitions(redriven, partition + 1);
    }
    struct partition_marks *marks = &redriven->partitions[partition];
    if (marks->count == marks->capacity) {
        marks->capacity = marks->capacity == 0 ? 16 : 2 * marks->capacity;
        marks->blocks = realloc(marks->blocks, marks->capacity * sizeof *marks->blocks);
        BS_ASSERT(marks->blocks != NULL);
    }
    size_t place = find_place(marks, number);
    memmove(marks->blocks + place + 1, marks->blocks + place,
            (marks->count - place) * sizeof *marks->blocks);
    struct block *block = calloc(1, sizeof *block);
    BS_ASSERT(block != NULL);
    block->number = number;
    marks->blocks[place] = block;
    marks->count++;
    return block;
}

bool bs_redriven_has(const struct bs_redriven *redriven, const struct bs_redriven_letter *letter)
{
    const struct block *block =
        find_block(redriven, letter->partition, letter->offset / BLOCK_LETTERS);
    int64_t place = letter->offset % BLOCK_LETTERS;
    return block != NULL && block->marked[place] &&
           block->fingerprints[place] == letter->fingerprint;
}

void bs_redriven_add(struct bs_redriven *redriven, const struct bs_redriven_letter *letter)
{
    struct block *block = need_block(redriven, letter->partition, letter->offset / BLOCK_LETTERS);
    int64_t place = letter->offset % BLOCK_LETTERS;
    block->marked[place] = true;
    block->fingerprints[place] = letter->fingerprint;
    block->changed = true;
}

void bs_redriven_remove(struct bs_redriven *redriven, const struct bs_redriven_letter *letter)
{
    struct block *block = find_block(redriven, letter->partition, letter->offset / BLOCK_LETTERS);
    if (block != NULL) {
        block->marked[letter->offset % BLOCK_LETTERS] = false;
    }
}

/* ---- the records ---- */

bool bs_redriven_is_key(struct bs_bytes key)
{
    size_t size = strlen(BS_REDRIVEN_KEY_PREFIX);
    return key.data != NULL && key.size >= size &&
           memcmp(key.data, BS_REDRIVEN_KEY_PREFIX, size) == 0;
}

/* Of this topic's; false for any other key. */
static bool parse_key(const struct bs_redriven *redriven, struct bs_bytes key, int32_t *partition,
                      int64_t *number)
{
    char text[BS_REDRIVEN_KEY_SIZE];
    char written[BS_REDRIVEN_KEY_SIZE];
    size_t before = strlen(BS_REDRIVEN_KEY_PREFIX) + strlen(redriven->topic);
    if (!bs_redriven_is_key(key) || key.size >= sizeof text || key.size <= before) {
        return false;
    }
    memcpy(text, key.data, key.size);
    text[key.size] = '\0';
    char *end = NULL;
    long long first = strtoll(text + before + 1, &end, 10);
    long long second = *end == '/' ? strtoll(end + 1, NULL, 10) : -1;
    if (first < 0 || first >= PARTITIONS || second < 0 || second > INT64_MAX / BLOCK_LETTERS) {
        return false;
    }
    *partition = (int32_t)first;
    *number = second;
    int size = snprintf(written, sizeof written, BS_REDRIVEN_KEY_PREFIX "%s/%lld/%lld",
                        redriven->topic, first, second);
    return (size_t)size == key.size && memcmp(written, text, key.size) == 0;
}

static bool fill_block(struct block *block, const Backscribe__State__V1__Redriven *packed)
{
    if (packed->n_place != packed->n_fingerprint) {
        return false;
    }
    for (size_t i = 0; i < packed->n_place; i++) {
        if (packed->place[i] >= BLOCK_LETTERS) {
            return false;
        }
        block->marked[packed->place[i]] = true;
        block->fingerprints[packed->place[i]] = packed->fingerprint[i];
    }
    return true;
}

bool bs_redriven_take(struct bs_redriven *redriven, struct bs_bytes key, struct bs_bytes value,
                      struct bs_error *error)
{
    int32_t partition;
    int64_t number;
    if (!parse_key(redriven, key, &partition, &number)) {
        return true;
    }
    struct block *block = need_block(redriven, partition, number);
    *block = (struct block){.number = number};
    if (value.data == NULL) {
        return true;
    }
    Backscribe__State__V1__Record *packed =
        backscribe__state__v1__record__unpack(NULL, value.size, value.data);
    bool good = packed != NULL && packed->version <= BS_STATE_VERSION &&
                packed->kind_case == BACKSCRIBE__STATE__V1__RECORD__KIND_REDRIVEN &&
                fill_block(block, packed->redriven);
    if (packed != NULL) {
        backscribe__state__v1__record__free_unpacked(packed, NULL);
    }
    if (!good) {
        (void)bs_error_set(error, BS_ERROR_INVALID,
                           "the state record that marks what was redriven of partition %" PRId32
                           " of %s cannot be read: it is damaged, or a newer backscribe wrote it",
                           partition, redriven->topic);
    }
    return good;
}

static void encode(const struct block *block, struct bs_buffer *value)
{
    uint32_t places[BLOCK_LETTERS];
    uint32_t fingerprints[BLOCK_LETTERS];
    size_t count = 0;
    for (uint32_t i = 0; i < BLOCK_LETTERS; i++) {
        if (block->marked[i]) {
            places[count] = i;
            fingerprints[count++] = block->fingerprints[i];
        }
    }
    Backscribe__State__V1__Redriven packed = BACKSCRIBE__STATE__V1__REDRIVEN__INIT;
    packed.place = places;
    packed.fingerprint = fingerprints;
    packed.n_place = packed.n_fingerprint = count;
    Backscribe__State__V1__Record record = BACKSCRIBE__STATE__V1__RECORD__INIT;
    record.version = VERSION;
    record.kind_case = BACKSCRIBE__STATE__V1__RECORD__KIND_REDRIVEN;
    record.redriven = &packed;
    size_t size = backscribe__state__v1__record__get_packed_size(&record);
    (void)backscribe__state__v1__record__pack(&record, bs_buffer_extend(value, size));
}

bool bs_redriven_next_change(struct bs_redriven *redriven, char key[BS_REDRIVEN_KEY_SIZE],
                             struct bs_buffer *value)
{
    for (int32_t i = 0; i < redriven->partition_count; i++) {
        const struct partition_marks *marks = &redriven->partitions[i];
        for (size_t j = marks->count; j > 0; j--) { /* what was added last is near the end */
            struct block *block = marks->blocks[j - 1];
            if (block->changed) {
                block->changed = false;
                encode(block, value);
                (void)snprintf(key, BS_REDRIVEN_KEY_SIZE,
                               BS_REDRIVEN_KEY_PREFIX "%s/%" PRId32 "/%" PRId64, redriven->topic, i,
                               block->number);
                return true;
            }
        }
    }
    return false;
}
