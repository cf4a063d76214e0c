/* Remembered ids: what was paid for within results.remember_seconds is not paid for again. Each
 * partition's are a queue, oldest first; all are found by hash. */
#include <stdlib.h>
#include <string.h>

#include "core/internal.h"

static struct bs_remembered *entry_at(const struct bs_core *core, uint32_t slot)
{
    return &core->ids.entries[slot];
}

static uint32_t bucket_of(const struct bs_core *core, int32_t partition,
                          const uint8_t id_hash[BS_ID_HASH_SIZE])
{
    uint64_t first;
    memcpy(&first, id_hash, sizeof first);
    return (uint32_t)bs_mix64(first ^ (uint64_t)(uint32_t)partition) & (core->ids.buckets - 1);
}

static struct bs_remembered *find(const struct bs_core *core, int32_t partition,
                                  const uint8_t id_hash[BS_ID_HASH_SIZE])
{
    if (core->ids.buckets == 0) {
        return NULL;
    }
    uint32_t next = core->ids.heads[bucket_of(core, partition, id_hash)];
    while (next != 0) {
        struct bs_remembered *entry = entry_at(core, next - 1);
        if (entry->partition == partition &&
            memcmp(entry->id_hash, id_hash, BS_ID_HASH_SIZE) == 0) {
            return entry;
        }
        next = entry->next;
    }
    return NULL;
}

const struct bs_remembered *bs_ids_find(const struct bs_core *core, int32_t partition,
                                        const uint8_t id_hash[BS_ID_HASH_SIZE])
{
    return find(core, partition, id_hash);
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

/* Doubles the slab and its hash together. */
static void grow(struct bs_core *core)
{
    struct bs_ids *ids = &core->ids;
    uint32_t old = ids->capacity, capacity = old == 0 ? 256 : old * 2;
    ids->entries = bs_arena_grow(&core->arena, ids->entries, old, capacity, sizeof *ids->entries);
    bs_arena_give_back(&core->arena, ids->heads, ids->buckets * sizeof *ids->heads);
    ids->buckets = capacity;
    ids->heads = bs_arena_take(&core->arena, ids->buckets * sizeof *ids->heads);
    ids->capacity = capacity;
    for (uint32_t slot = 0; slot < old; slot++) {
        link_hash(core, slot); /* all are taken, else we would not grow */
    }
    for (uint32_t slot = capacity; slot-- > old;) {
        entry_at(core, slot)->next = ids->free_slot;
        ids->free_slot = slot + 1;
    }
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
    struct bs_remembered *known = find(core, partition->id, id_hash);
    if (known != NULL) {
        forget(core, partition, (uint32_t)(known - core->ids.entries));
    }
    if (core->ids.free_slot == 0) {
        grow(core);
    }
    uint32_t slot = core->ids.free_slot - 1;
    struct bs_remembered *entry = entry_at(core, slot);
    core->ids.free_slot = entry->next;
    *entry = (struct bs_remembered){
        .fingerprint = fingerprint, .offset = offset, .ended = ended, .partition = partition->id};
    memcpy(entry->id_hash, id_hash, BS_ID_HASH_SIZE);
    link_hash(core, slot);
    join_queue(core, partition, slot);
    core->ids.count++;
}

bool bs_ids_forget_one(struct bs_core *core, struct bs_partition *partition,
                       uint8_t id_hash[BS_ID_HASH_SIZE])
{
    if (partition->oldest_id == 0) {
        return false;
    }
    struct bs_remembered *oldest = entry_at(core, partition->oldest_id - 1);
    bool over = oldest->ended + core->options.remember_ms <= core->now.wall;
    bool too_many = (int64_t)core->ids.count > core->options.remembered_ids;
    if (!over && !too_many) {
        return false;
    }
    core->counters.ids_forgotten += !over;
    memcpy(id_hash, oldest->id_hash, BS_ID_HASH_SIZE);
    forget(core, partition, partition->oldest_id - 1);
    return true;
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
    bs_arena_give_back(&core->arena, ids->entries, ids->capacity * sizeof *ids->entries);
    bs_arena_give_back(&core->arena, ids->heads, ids->buckets * sizeof *ids->heads);
}
