/* Every operation's record, in a slab that is found by slot, by offset and by id. The only place
 * that moves an operation between states, so that counts, schedules and lists always agree. */
#include <string.h>

#include "core/internal.h"

#define CHUNK_OPERATIONS 256u

struct bs_operation *bs_operation_at(const struct bs_core *core, uint32_t slot)
{
    return &core->operations.chunks[slot / CHUNK_OPERATIONS][slot % CHUNK_OPERATIONS];
}

static uint32_t bucket_of_offset(const struct bs_core *core, int32_t partition, int64_t offset)
{
    uint64_t hash = bs_mix64(((uint64_t)(uint32_t)partition << 48) ^ (uint64_t)offset);
    return (uint32_t)hash & (core->operations.buckets - 1);
}

/* Ids are hashes already: any of their bytes will do, mixed with the partition. */
static uint32_t bucket_of_id(const struct bs_core *core, int32_t partition,
                             const uint8_t id_hash[BS_ID_HASH_SIZE])
{
    uint64_t first;
    memcpy(&first, id_hash, sizeof first);
    return (uint32_t)bs_mix64(first ^ (uint64_t)(uint32_t)partition) &
           (core->operations.buckets - 1);
}

static void link_hashes(struct bs_core *core, struct bs_operation *operation)
{
    struct bs_operations *operations = &core->operations;
    uint32_t *head =
        &operations->by_offset[bucket_of_offset(core, operation->partition, operation->offset)];
    operation->next_by_offset = *head;
    *head = operation->self.slot + 1;
    if (operation->id_given) {
        head = &operations->by_id[bucket_of_id(core, operation->partition, operation->id_hash)];
        operation->next_by_id = *head;
        *head = operation->self.slot + 1;
    }
}

static void grow_buckets(struct bs_core *core)
{
    struct bs_operations *operations = &core->operations;
    uint32_t old = operations->buckets, buckets = old * 2;
    bs_arena_give_back(&core->arena, operations->by_offset, old * sizeof(uint32_t));
    bs_arena_give_back(&core->arena, operations->by_id, old * sizeof(uint32_t));
    operations->by_offset = bs_arena_take(&core->arena, buckets * sizeof(uint32_t));
    operations->by_id = bs_arena_take(&core->arena, buckets * sizeof(uint32_t));
    operations->buckets = buckets;
    for (uint32_t slot = 0; slot < operations->chunk_count * CHUNK_OPERATIONS; slot++) {
        struct bs_operation *operation = bs_operation_at(core, slot);
        if (operation->state != BS_OPERATION_FREE) {
            link_hashes(core, operation);
        }
    }
}

static void add_chunk(struct bs_core *core)
{
    struct bs_operations *operations = &core->operations;
    operations->chunks = bs_arena_grow(&core->arena, operations->chunks, operations->chunk_count,
                                       operations->chunk_count + 1, sizeof *operations->chunks);
    struct bs_operation *chunk =
        bs_arena_take(&core->arena, CHUNK_OPERATIONS * sizeof(struct bs_operation));
    operations->chunks[operations->chunk_count] = chunk;
    uint32_t first = operations->chunk_count++ * CHUNK_OPERATIONS;
    for (uint32_t i = CHUNK_OPERATIONS; i-- > 0;) {
        chunk[i].self = (struct bs_operation_ref){.slot = first + i, .generation = 0};
        chunk[i].next_by_offset = operations->free_slot;
        operations->free_slot = first + i + 1;
    }
}

void bs_operations_init(struct bs_core *core)
{
    struct bs_operations *operations = &core->operations;
    operations->buckets = 1024;
    operations->by_offset = bs_arena_take(&core->arena, operations->buckets * sizeof(uint32_t));
    operations->by_id = bs_arena_take(&core->arena, operations->buckets * sizeof(uint32_t));
}

static void destroy_schedule(struct bs_core *core, struct bs_schedule *schedule)
{
    bs_arena_give_back(&core->arena, schedule->entries,
                       schedule->capacity * sizeof *schedule->entries);
}

void bs_operations_destroy(struct bs_core *core, void (*release)(void *payload))
{
    struct bs_operations *operations = &core->operations;
    for (uint32_t slot = 0; slot < operations->chunk_count * CHUNK_OPERATIONS; slot++) {
        struct bs_operation *operation = bs_operation_at(core, slot);
        if (operation->state != BS_OPERATION_FREE) {
            if (operation->payload != NULL && release != NULL) {
                release(operation->payload);
            }
            bs_operation_strip(core, operation);
        }
    }
    for (uint32_t i = 0; i < operations->chunk_count; i++) {
        bs_arena_give_back(&core->arena, operations->chunks[i],
                           CHUNK_OPERATIONS * sizeof(struct bs_operation));
    }
    bs_arena_give_back(&core->arena, operations->chunks,
                       operations->chunk_count * sizeof *operations->chunks);
    bs_arena_give_back(&core->arena, operations->by_offset, operations->buckets * sizeof(uint32_t));
    bs_arena_give_back(&core->arena, operations->by_id, operations->buckets * sizeof(uint32_t));
    destroy_schedule(core, &operations->waiting);
    destroy_schedule(core, &operations->checks);
    destroy_schedule(core, &operations->urgent);
}

struct bs_operation *bs_operation_by_ref(const struct bs_core *core, struct bs_operation_ref ref)
{
    if (ref.slot >= core->operations.chunk_count * CHUNK_OPERATIONS) {
        return NULL;
    }
    struct bs_operation *operation = bs_operation_at(core, ref.slot);
    bool same =
        operation->state != BS_OPERATION_FREE && operation->self.generation == ref.generation;
    return same ? operation : NULL;
}

struct bs_operation *bs_operation_by_offset(const struct bs_core *core, int32_t partition,
                                            int64_t offset)
{
    uint32_t next = core->operations.by_offset[bucket_of_offset(core, partition, offset)];
    while (next != 0) {
        struct bs_operation *operation = bs_operation_at(core, next - 1);
        if (operation->offset == offset && operation->partition == partition) {
            return operation;
        }
        next = operation->next_by_offset;
    }
    return NULL;
}

static struct bs_operation *next_by_id(const struct bs_core *core, uint32_t next, int32_t partition,
                                       const uint8_t id_hash[BS_ID_HASH_SIZE])
{
    while (next != 0) {
        struct bs_operation *operation = bs_operation_at(core, next - 1);
        if (operation->partition == partition &&
            memcmp(operation->id_hash, id_hash, BS_ID_HASH_SIZE) == 0) {
            return operation;
        }
        next = operation->next_by_id;
    }
    return NULL;
}

struct bs_operation *bs_operation_by_id(const struct bs_core *core, int32_t partition,
                                        const uint8_t id_hash[BS_ID_HASH_SIZE])
{
    uint32_t head = core->operations.by_id[bucket_of_id(core, partition, id_hash)];
    struct bs_operation *first = next_by_id(core, head, partition, id_hash);
    struct bs_operation *operation = first;
    while (operation != NULL && operation->state == BS_OPERATION_ENDED) {
        operation = next_by_id(core, operation->next_by_id, partition, id_hash);
    }
    return operation != NULL ? operation : first;
}

bool bs_operation_id_ending(const struct bs_core *core, const struct bs_operation *operation)
{
    uint32_t next =
        core->operations.by_id[bucket_of_id(core, operation->partition, operation->id_hash)];
    const struct bs_operation *other;
    while ((other = next_by_id(core, next, operation->partition, operation->id_hash)) != NULL) {
        if (other != operation && other->state == BS_OPERATION_ENDED) {
            return true;
        }
        next = other->next_by_id;
    }
    return false;
}

struct bs_operation *bs_operation_create(struct bs_core *core, int32_t partition, int64_t offset,
                                         const uint8_t id_hash[BS_ID_HASH_SIZE], bool id_given)
{
    struct bs_operations *operations = &core->operations;
    if (operations->free_slot == 0) {
        add_chunk(core);
    }
    if (operations->count >= operations->buckets) {
        grow_buckets(core);
    }
    struct bs_operation *operation = bs_operation_at(core, operations->free_slot - 1);
    operations->free_slot = operation->next_by_offset;
    struct bs_operation_ref self = operation->self;
    self.generation++;
    memset(operation, 0, sizeof *operation);
    operation->self = self;
    operation->partition = partition;
    operation->offset = offset;
    operation->id_given = id_given;
    operation->channels = 1;
    memcpy(operation->id_hash, id_hash, BS_ID_HASH_SIZE);
    operation->state = BS_OPERATION_ENDED; /* until the creator moves it */
    operations->count++;
    operations->by_state[BS_OPERATION_ENDED]++;
    bs_partition_find(core, partition)->operations++;
    link_hashes(core, operation);
    return operation;
}

void bs_operation_set_job(struct bs_core *core, struct bs_operation *operation, const uint8_t *job,
                          size_t size)
{
    bs_arena_give_back(&core->arena, operation->job, operation->job_size);
    operation->job = NULL;
    operation->job_size = (uint32_t)size;
    if (size > 0) {
        operation->job = bs_arena_take(&core->arena, size);
        memcpy(operation->job, job, size);
    }
}

static struct bs_schedule *schedule_of(struct bs_core *core, const struct bs_operation *operation)
{
    if (operation->state == BS_OPERATION_WAITING) {
        return &core->operations.waiting;
    }
    return operation->urgent ? &core->operations.urgent : &core->operations.checks;
}

void bs_operation_unschedule(struct bs_core *core, struct bs_operation *operation)
{
    if (operation->schedule_place != 0) {
        bs_schedule_remove(core, schedule_of(core, operation), operation);
    }
}

void bs_operation_move(struct bs_core *core, struct bs_operation *operation,
                       enum bs_operation_state state, bs_mono_ms due)
{
    bs_operation_unschedule(core, operation);
    struct bs_partition *partition = bs_partition_find(core, operation->partition);
    core->operations.by_state[operation->state]--;
    partition->submitting -= operation->state == BS_OPERATION_SUBMITTING;
    operation->state = (uint8_t)state;
    core->operations.by_state[state]++;
    partition->submitting += state == BS_OPERATION_SUBMITTING;
    if ((state == BS_OPERATION_WAITING || state == BS_OPERATION_RUNNING)) {
        operation->due = due;
        /* What is being given up is the next owner's to submit and to ask about. */
        if (partition->state == BS_PARTITION_SERVING) {
            bs_schedule_add(core, schedule_of(core, operation), operation);
        }
    }
}

static void set_text(struct bs_core *core, char **place, const char *text)
{
    if (*place != NULL) {
        bs_arena_give_back(&core->arena, *place, strlen(*place) + 1);
        *place = NULL;
    }
    if (text != NULL) {
        size_t size = strlen(text) + 1;
        *place = bs_arena_take(&core->arena, size);
        memcpy(*place, text, size);
    }
}

void bs_operation_set_operation_id(struct bs_core *core, struct bs_operation *operation,
                                   const char *id)
{
    set_text(core, &operation->operation_id, id);
    operation->accepted = id != NULL;
}

void bs_operation_set_message(struct bs_core *core, struct bs_operation *operation,
                              const char *text)
{
    set_text(core, &operation->message, text);
}

void bs_operation_set_at_risk(struct bs_core *core, struct bs_operation *operation, bool at_risk)
{
    core->at_risk += (at_risk ? 1 : 0) - (operation->at_risk ? 1 : 0);
    operation->at_risk = at_risk;
}

void bs_operation_release_payload(struct bs_core *core, struct bs_operation *operation)
{
    if (operation->payload == NULL) {
        return;
    }
    bs_core_act(core, BS_ACTION_RELEASE_PAYLOAD)->payload = operation->payload;
    bs_arena_discharge(&core->arena, operation->payload_size);
    operation->payload = NULL;
    operation->payload_size = 0;
}

static void unlink_from(uint32_t *head, const struct bs_core *core,
                        const struct bs_operation *operation, bool by_id)
{
    while (*head != operation->self.slot + 1) {
        BS_ASSERT(*head != 0);
        struct bs_operation *other = bs_operation_at(core, *head - 1);
        head = by_id ? &other->next_by_id : &other->next_by_offset;
    }
    *head = by_id ? operation->next_by_id : operation->next_by_offset;
}

static void unlink_id(struct bs_core *core, struct bs_operation *operation)
{
    if (operation->id_given) {
        unlink_from(
            &core->operations.by_id[bucket_of_id(core, operation->partition, operation->id_hash)],
            core, operation, true);
        operation->id_given = false;
    }
}

void bs_operation_strip(struct bs_core *core, struct bs_operation *operation)
{
    unlink_id(core, operation);
    bs_operation_set_job(core, operation, NULL, 0);
    set_text(core, &operation->operation_id, NULL);
    set_text(core, &operation->message, NULL);
}

void bs_operation_free(struct bs_core *core, struct bs_operation *operation)
{
    BS_ASSERT(operation->state != BS_OPERATION_FREE);
    bs_operation_unschedule(core, operation);
    bs_publish_drop(core, operation);
    bs_operation_set_at_risk(core, operation, false);
    bs_operation_release_payload(core, operation);
    bs_operation_strip(core, operation);
    struct bs_partition *partition = bs_partition_find(core, operation->partition);
    partition->submitting -= operation->state == BS_OPERATION_SUBMITTING;
    partition->operations--;
    bs_partition_remove_from_window(partition, operation);
    bs_partition_remove_from_unpublished(partition, operation);
    unlink_from(&core->operations
                     .by_offset[bucket_of_offset(core, operation->partition, operation->offset)],
                core, operation, false);
    core->operations.by_state[operation->state]--;
    core->operations.count--;
    operation->state = BS_OPERATION_FREE;
    operation->next_by_offset = core->operations.free_slot;
    core->operations.free_slot = operation->self.slot + 1;
}
