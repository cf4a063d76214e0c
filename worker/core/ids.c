/* Remembered ids: what was paid for within results.remember_seconds is not paid for again. Each
 * partition's are a queue, oldest first; all are found by hash. */
#include <stdlib.h>
#include <string.h>

#include "core/internal.h"

/* Chunks stay where they are, so that a million ids are never copied, and at most one chunk is held
 * that is not needed. */
#define CHUNK_IDS 1024u

static struct bs_remembered *entry_at(const struct bs_core *core, uint32_t slot)
{
    return &core->ids.chunks[slot / CHUNK_IDS][slot % CHUNK_IDS];
}

static uint32_t bucket_of(const struct bs_core *core, int32_t partition,
                          const uint8_t id_hash[BS_ID_HASH_SIZE])
{
    uint64_t first;
    memcpy(&first, id_hash, sizeof first);
    return (uint32_t)bs_mix64(first ^ (uint64_t)(uint32_t)partition) & (core->ids.buckets - 1);
}

/* Its slot + 1; 0 = not remembered. */
static uint32_t find(const struct bs_core *core, int32_t partition,
                     const uint8_t id_hash[BS_ID_HASH_SIZE])
{
    if (core->ids.buckets == 0) {
        return 0;
    }
    uint32_t next = core->ids.heads[bucket_of(core, partition, id_hash)];
    while (next != 0) {
        const struct bs_remembered *entry = entry_at(core, next - 1);
        if (entry->partition == partition &&
            memcmp(entry->id_hash, id_hash, BS_ID_HASH_SIZE) == 0) {
            break;
        }
        next = entry->next;
    }
    return next;
}

const struct bs_remembered *bs_ids_find(const struct bs_core *core, int32_t partition,
                                        const uint8_t id_hash[BS_ID_HASH_SIZE])
{
    uint32_t found = find(core, partition, id_hash);
    return found == 0 ? NULL : entry_at(core, found - 1);
}

static void link_hash(struct bs_core *core, uint32_t slot)
{
    struct bs_remembered *entry = entry_at(core, slot);
    uint32_t *head = &core->ids.heads[bucket_of(core, entry->partition, entry->id_hash)];
    entry->next = *head;
    *head = slot + 1;
}

static void unlink_hash(struct bs_core *core, uint32_t slot)
{
    struct bs_remembered *entry = entry_at(core, slot);
    uint32_t *head = &core->ids.heads[bucket_of(core, entry->partition, entry->id_hash)];
    while (*head != slot + 1) {
        BS_ASSERT(*head != 0);
        head = &entry_at(core, *head - 1)->next;
    }
    *head = entry->next;
}

/* Every slot below `used` is taken then. */
static void add_chunk(struct bs_core *core)
{
    struct bs_ids *ids = &core->ids;
    ids->chunks = bs_arena_grow(&core->arena, ids->chunks, ids->chunk_count, ids->chunk_count + 1,
                                sizeof *ids->chunks);
    ids->chunks[ids->chunk_count++] =
        bs_arena_take(&core->arena, CHUNK_IDS * sizeof(struct bs_remembered));
    if (ids->used < ids->buckets * 2) {
        return;
    }
    bs_arena_give_back(&core->arena, ids->heads, ids->buckets * sizeof *ids->heads);
    ids->buckets = ids->buckets == 0 ? CHUNK_IDS : ids->buckets * 2;
    ids->heads = bs_arena_take(&core->arena, ids->buckets * sizeof *ids->heads);
    for (uint32_t slot = 0; slot < ids->used; slot++) {
        link_hash(core, slot);
    }
}

static uint32_t take_slot(struct bs_core *core)
{
    struct bs_ids *ids = &core->ids;
    if (ids->free_slot != 0) {
        uint32_t slot = ids->free_slot - 1;
        ids->free_slot = entry_at(core, slot)->next;
        return slot;
    }
    if (ids->used == ids->chunk_count * CHUNK_IDS) {
        add_chunk(core);
    }
    return ids->used++;
}

static void leave_queue(struct bs_core *core, struct bs_partition *partition, uint32_t slot)
{
    struct bs_remembered *entry = entry_at(core, slot);
    uint32_t *from_older =
        entry->older == 0 ? &partition->oldest_id : &entry_at(core, entry->older - 1)->newer;
    uint32_t *from_newer =
        entry->newer == 0 ? &partition->newest_id : &entry_at(core, entry->newer - 1)->older;
    *from_older = entry->newer;
    *from_newer = entry->older;
}

/* A wall clock that was set back must not put a younger id behind an older one's end: it finds its
 * place from the newest end. Restored ids come in any order and are sorted when all are here. */
static void join_queue(struct bs_core *core, struct bs_partition *partition, uint32_t slot)
{
    struct bs_remembered *entry = entry_at(core, slot);
    uint32_t older = partition->newest_id;
    bool sorted = partition->state != BS_PARTITION_RESTORING;
    while (sorted && older != 0 && entry_at(core, older - 1)->ended > entry->ended) {
        older = entry_at(core, older - 1)->older;
    }
    entry->older = older;
    entry->newer = older == 0 ? partition->oldest_id : entry_at(core, older - 1)->newer;
    uint32_t *from_older = older == 0 ? &partition->oldest_id : &entry_at(core, older - 1)->newer;
    uint32_t *from_newer =
        entry->newer == 0 ? &partition->newest_id : &entry_at(core, entry->newer - 1)->older;
    *from_older = slot + 1;
    *from_newer = slot + 1;
}

static void forget(struct bs_core *core, struct bs_partition *partition, uint32_t slot)
{
    leave_queue(core, partition, slot);
    unlink_hash(core, slot);
    entry_at(core, slot)->next = core->ids.free_slot;
    core->ids.free_slot = slot + 1;
    core->ids.count--;
}

void bs_ids_remember(struct bs_core *core, struct bs_partition *partition,
                     const uint8_t id_hash[BS_ID_HASH_SIZE], uint64_t fingerprint, int64_t offset,
                     bs_wall_ms ended)
{
    uint32_t known = find(core, partition->id, id_hash);
    if (known != 0) {
        forget(core, partition, known - 1);
    }
    uint32_t slot = take_slot(core);
    struct bs_remembered *entry = entry_at(core, slot);
    *entry = (struct bs_remembered){
        .fingerprint = fingerprint, .offset = offset, .ended = ended, .partition = partition->id};
    memcpy(entry->id_hash, id_hash, BS_ID_HASH_SIZE);
    link_hash(core, slot);
    join_queue(core, partition, slot);
    core->ids.count++;
}

bool bs_ids_oldest_is_over(const struct bs_core *core, const struct bs_partition *partition)
{
    return partition->oldest_id != 0 &&
           entry_at(core, partition->oldest_id - 1)->ended + core->options.remember_ms <=
               core->now.wall;
}

struct bs_partition *bs_ids_over_limit(const struct bs_core *core)
{
    if ((int64_t)core->ids.count <= core->options.remembered_ids) {
        return NULL;
    }
    struct bs_partition *found = NULL;
    bs_wall_ms oldest = 0;
    for (int32_t i = 0; i < core->partition_count; i++) {
        struct bs_partition *partition = core->partitions[i];
        if (partition == NULL || partition->oldest_id == 0 ||
            (partition->state != BS_PARTITION_SERVING &&
             partition->state != BS_PARTITION_DRAINING)) {
            continue;
        }
        bs_wall_ms ended = entry_at(core, partition->oldest_id - 1)->ended;
        if (found == NULL || ended < oldest) {
            found = partition;
            oldest = ended;
        }
    }
    return found;
}

void bs_ids_forget_oldest(struct bs_core *core, struct bs_partition *partition,
                          uint8_t id_hash[BS_ID_HASH_SIZE])
{
    BS_ASSERT(partition->oldest_id != 0);
    core->counters.ids_forgotten += !bs_ids_oldest_is_over(core, partition);
    memcpy(id_hash, entry_at(core, partition->oldest_id - 1)->id_hash, BS_ID_HASH_SIZE);
    forget(core, partition, partition->oldest_id - 1);
}

struct aged {
    bs_wall_ms ended;
    uint32_t slot;
};

static int compare_aged(const void *a, const void *b)
{
    const struct aged *left = a, *right = b;
    if (left->ended != right->ended) {
        return left->ended < right->ended ? -1 : 1;
    }
    return left->slot < right->slot ? -1 : left->slot > right->slot;
}

void bs_ids_restored(struct bs_core *core, struct bs_partition *partition)
{
    size_t count = 0;
    for (uint32_t at = partition->oldest_id; at != 0; at = entry_at(core, at - 1)->newer) {
        count++;
    }
    if (count < 2) {
        return;
    }
    struct aged *aged = bs_arena_take(&core->arena, count * sizeof *aged);
    size_t index = 0;
    for (uint32_t at = partition->oldest_id; at != 0; at = entry_at(core, at - 1)->newer) {
        aged[index++] = (struct aged){.ended = entry_at(core, at - 1)->ended, .slot = at};
    }
    qsort(aged, count, sizeof *aged, compare_aged);
    for (size_t i = 0; i < count; i++) {
        struct bs_remembered *entry = entry_at(core, aged[i].slot - 1);
        entry->older = i == 0 ? 0 : aged[i - 1].slot;
        entry->newer = i + 1 == count ? 0 : aged[i + 1].slot;
    }
    partition->oldest_id = aged[0].slot;
    partition->newest_id = aged[count - 1].slot;
    bs_arena_give_back(&core->arena, aged, count * sizeof *aged);
}

void bs_ids_drop_partition(struct bs_core *core, struct bs_partition *partition)
{
    while (partition->oldest_id != 0) {
        forget(core, partition, partition->oldest_id - 1);
    }
}

void bs_ids_destroy(struct bs_core *core)
{
    struct bs_ids *ids = &core->ids;
    for (uint32_t i = 0; i < ids->chunk_count; i++) {
        bs_arena_give_back(&core->arena, ids->chunks[i], CHUNK_IDS * sizeof(struct bs_remembered));
    }
    bs_arena_give_back(&core->arena, ids->chunks, ids->chunk_count * sizeof *ids->chunks);
    bs_arena_give_back(&core->arena, ids->heads, ids->buckets * sizeof *ids->heads);
}
