/* Remembered ids: what was paid for within results.remember_seconds is not paid for again. Each
 * partition's are a queue, oldest first; all are found by hash. */
#include <stdlib.h>
#include <string.h>

#include "core/internal.h"

/* Chunks stay where they are, so that a million ids are never copied, and at most one chunk is held
 * that is not needed. */
#define CHUNK_IDS       1024u
#define SWEPT_AT_A_TIME 4000 /* in less than a millisecond */

static struct bs_remembered *entry_at(const struct bs_core *core, uint32_t slot)
{
    return &core->ids.chunks[slot / CHUNK_IDS][slot % CHUNK_IDS];
}

/* Ids are hashes already; an assignment's epoch is as good as its partition, and no other's. */
static uint32_t hash_of(uint32_t epoch, const uint8_t id_hash[BS_ID_HASH_SIZE])
{
    uint64_t first;
    memcpy(&first, id_hash, sizeof first);
    return (uint32_t)bs_mix64(first ^ epoch);
}

static uint32_t hash_at(const struct bs_core *core, uint32_t slot)
{
    const struct bs_remembered *entry = entry_at(core, slot);
    return hash_of(entry->epoch, entry->id_hash);
}

static uint32_t *link_at(const struct bs_core *core, uint32_t slot)
{
    return &entry_at(core, slot)->next;
}

void bs_ids_init(struct bs_core *core)
{
    core->ids.by_id = (struct bs_index){.hash = hash_at, .link = link_at};
}

/* Its slot + 1, or 0. */
static uint32_t find(const struct bs_core *core, const struct bs_partition *partition,
                     const uint8_t id_hash[BS_ID_HASH_SIZE])
{
    uint32_t next = bs_index_first(&core->ids.by_id, hash_of(partition->epoch, id_hash));
    while (next != 0) {
        const struct bs_remembered *entry = entry_at(core, next - 1);
        if (entry->epoch == partition->epoch &&
            memcmp(entry->id_hash, id_hash, BS_ID_HASH_SIZE) == 0) {
            return next;
        }
        next = entry->next;
    }
    return 0;
}

const struct bs_remembered *bs_ids_find(const struct bs_core *core, int32_t id,
                                        const uint8_t id_hash[BS_ID_HASH_SIZE])
{
    const struct bs_partition *partition = bs_partition_find(core, id);
    uint32_t found = partition == NULL ? 0 : find(core, partition, id_hash);
    return found == 0 ? NULL : entry_at(core, found - 1);
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
        ids->chunks = bs_arena_grow(&core->arena, ids->chunks, ids->chunk_count,
                                    (size_t)ids->chunk_count + 1, sizeof *ids->chunks);
        ids->chunks[ids->chunk_count++] =
            bs_arena_take(&core->arena, CHUNK_IDS * sizeof(struct bs_remembered));
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
    if (!sorted && older != 0 && entry_at(core, older - 1)->ended > entry->ended) {
        partition->ids_unsorted = true;
    }
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

static void give_back(struct bs_core *core, uint32_t slot)
{
    bs_index_remove(core, &core->ids.by_id, slot);
    entry_at(core, slot)->next = core->ids.free_slot;
    core->ids.free_slot = slot + 1;
}

static void forget(struct bs_core *core, struct bs_partition *partition, uint32_t slot)
{
    leave_queue(core, partition, slot);
    give_back(core, slot);
    partition->id_count--;
    core->ids.count--;
}

void bs_ids_remember(struct bs_core *core, struct bs_partition *partition,
                     const uint8_t id_hash[BS_ID_HASH_SIZE], uint64_t fingerprint, int64_t offset,
                     bs_wall_ms ended)
{
    uint32_t known = find(core, partition, id_hash);
    if (known != 0) {
        forget(core, partition, known - 1);
    }
    uint32_t slot = take_slot(core);
    struct bs_remembered *entry = entry_at(core, slot);
    *entry = (struct bs_remembered){
        .fingerprint = fingerprint, .offset = offset, .ended = ended, .epoch = partition->epoch};
    memcpy(entry->id_hash, id_hash, BS_ID_HASH_SIZE);
    bs_index_add(core, &core->ids.by_id, slot);
    join_queue(core, partition, slot);
    partition->id_count++;
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
    size_t count = partition->id_count;
    if (!partition->ids_unsorted) {
        return;
    }
    partition->ids_unsorted = false;
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

void bs_ids_leave(struct bs_core *core, struct bs_partition *partition)
{
    if (partition->oldest_id != 0) {
        entry_at(core, partition->newest_id - 1)->newer = core->ids.left_behind;
        core->ids.left_behind = partition->oldest_id;
    }
    core->ids.count -= partition->id_count;
    partition->oldest_id = partition->newest_id = partition->id_count = 0;
    partition->ids_unsorted = false;
}

bool bs_ids_sweep(struct bs_core *core)
{
    for (int freed = 0; freed < SWEPT_AT_A_TIME && core->ids.left_behind != 0; freed++) {
        uint32_t slot = core->ids.left_behind - 1;
        core->ids.left_behind = entry_at(core, slot)->newer;
        give_back(core, slot);
    }
    return core->ids.left_behind != 0;
}

void bs_ids_destroy(struct bs_core *core)
{
    struct bs_ids *ids = &core->ids;
    for (uint32_t i = 0; i < ids->chunk_count; i++) {
        bs_arena_give_back(&core->arena, ids->chunks[i], CHUNK_IDS * sizeof(struct bs_remembered));
    }
    bs_arena_give_back(&core->arena, ids->chunks, ids->chunk_count * sizeof *ids->chunks);
    bs_index_destroy(core, &ids->by_id);
}
