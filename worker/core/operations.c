/* Every operation's record, in a slab that is found by slot, by offset and by id. The only place
 * that moves an operation between states, so that counts, schedules and lists always agree. */
#include <string.h>

#include "core/internal.h"

#define CHUNK_OPERATIONS 256u
#define SWEPT_AT_A_TIME  1000 /* in less than a millisecond */

struct bs_operation *bs_operation_at(const struct bs_core *core, uint32_t slot)
{
    return &core->operations.chunks[slot / CHUNK_OPERATIONS][slot % CHUNK_OPERATIONS];
}

static uint32_t hash_of_offset(uint32_t epoch, int64_t offset)
{
    return (uint32_t)bs_mix64(((uint64_t)epoch << 48) ^ (uint64_t)offset);
}

/* Ids are hashes already: any of their bytes will do, mixed with the assignment. */
static uint32_t hash_of_id(uint32_t epoch, const uint8_t id_hash[BS_ID_HASH_SIZE])
{
    uint64_t first;
    memcpy(&first, id_hash, sizeof first);
    return (uint32_t)bs_mix64(first ^ epoch);
}

static uint32_t offset_hash(const struct bs_core *core, uint32_t slot)
{
    const struct bs_operation *operation = bs_operation_at(core, slot);
    return hash_of_offset(operation->epoch, operation->offset);
}

static uint32_t id_hash(const struct bs_core *core, uint32_t slot)
{
    const struct bs_operation *operation = bs_operation_at(core, slot);
    return hash_of_id(operation->epoch, operation->id_hash);
}

static uint32_t *offset_link(const struct bs_core *core, uint32_t slot)
{
    return &bs_operation_at(core, slot)->next_by_offset;
}

static uint32_t *id_link(const struct bs_core *core, uint32_t slot)
{
    return &bs_operation_at(core, slot)->next_by_id;
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
    operations->by_offset = (struct bs_index){.hash = offset_hash, .link = offset_link};
    operations->by_id = (struct bs_index){.hash = id_hash, .link = id_link};
    bs_list_init(&operations->left_behind);
    bs_list_init(&operations->left_behind_done);
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
    bs_index_destroy(core, &operations->by_offset);
    bs_index_destroy(core, &operations->by_id);
    destroy_schedule(core, &operations->probes);
    destroy_schedule(core, &operations->stages);
    destroy_schedule(core, &operations->stores);
    destroy_schedule(core, &operations->unstages);
    destroy_schedule(core, &operations->waiting);
    destroy_schedule(core, &operations->checks);
    destroy_schedule(core, &operations->urgent);
}

bool bs_operation_current(const struct bs_core *core, const struct bs_operation *operation)
{
    const struct bs_partition *partition = bs_partition_find(core, operation->partition);
    return bs_partition_held(partition) && partition->epoch == operation->epoch;
}

struct bs_operation *bs_operation_by_ref(const struct bs_core *core, struct bs_operation_ref ref)
{
    if (ref.slot >= core->operations.chunk_count * CHUNK_OPERATIONS) {
        return NULL;
    }
    struct bs_operation *operation = bs_operation_at(core, ref.slot);
    bool same = operation->state != BS_OPERATION_FREE &&
                operation->self.generation == ref.generation &&
                bs_operation_current(core, operation);
    return same ? operation : NULL;
}

struct bs_operation *bs_operation_by_offset(const struct bs_core *core, int32_t id, int64_t offset)
{
    const struct bs_partition *partition = bs_partition_find(core, id);
    if (!bs_partition_held(partition)) {
        return NULL;
    }
    uint32_t next =
        bs_index_first(&core->operations.by_offset, hash_of_offset(partition->epoch, offset));
    while (next != 0) {
        struct bs_operation *operation = bs_operation_at(core, next - 1);
        if (operation->offset == offset && operation->epoch == partition->epoch) {
            return operation;
        }
        next = operation->next_by_offset;
    }
    return NULL;
}

static struct bs_operation *next_by_id(const struct bs_core *core, uint32_t next, uint32_t epoch,
                                       const uint8_t hash[BS_ID_HASH_SIZE])
{
    while (next != 0) {
        struct bs_operation *operation = bs_operation_at(core, next - 1);
        if (operation->epoch == epoch && memcmp(operation->id_hash, hash, BS_ID_HASH_SIZE) == 0) {
            return operation;
        }
        next = operation->next_by_id;
    }
    return NULL;
}

struct bs_operation *bs_operation_by_id(const struct bs_core *core, int32_t id,
                                        const uint8_t hash[BS_ID_HASH_SIZE])
{
    const struct bs_partition *partition = bs_partition_find(core, id);
    if (!bs_partition_held(partition)) {
        return NULL;
    }
    uint32_t epoch = partition->epoch;
    uint32_t head = bs_index_first(&core->operations.by_id, hash_of_id(epoch, hash));
    struct bs_operation *first = next_by_id(core, head, epoch, hash);
    struct bs_operation *operation = first;
    while (operation != NULL && operation->state == BS_OPERATION_ENDED) {
        operation = next_by_id(core, operation->next_by_id, epoch, hash);
    }
    return operation != NULL ? operation : first;
}

bool bs_operation_id_ending(const struct bs_core *core, const struct bs_operation *operation)
{
    uint32_t epoch = operation->epoch;
    uint32_t next = bs_index_first(&core->operations.by_id, hash_of_id(epoch, operation->id_hash));
    const struct bs_operation *other;
    while ((other = next_by_id(core, next, epoch, operation->id_hash)) != NULL) {
        if (other != operation && other->state == BS_OPERATION_ENDED) {
            return true;
        }
        next = other->next_by_id;
    }
    return false;
}

static bool is_scheduled(enum bs_operation_state state)
{
    return state == BS_OPERATION_NEW || state == BS_OPERATION_WAITING ||
           state == BS_OPERATION_RUNNING || state == BS_OPERATION_UNFINISHED;
}

/* Adds the operation to what is counted by its state, or (-1) takes it out. */
static void count(struct bs_core *core, struct bs_partition *partition,
                  const struct bs_operation *operation, int64_t one)
{
    bool ahead = operation->state == BS_OPERATION_WAITING && operation->prepared;
    core->operations.by_state[operation->state] += one;
    partition->by_state[operation->state] += one;
    partition->submitting += operation->state == BS_OPERATION_SUBMITTING ? one : 0;
    core->operations.prepared += ahead ? one : 0;
    partition->prepared += ahead ? one : 0;
}

struct bs_operation *bs_operation_create(struct bs_core *core, int32_t id, int64_t offset,
                                         const uint8_t hash[BS_ID_HASH_SIZE], bool id_given)
{
    struct bs_operations *operations = &core->operations;
    struct bs_partition *partition = bs_partition_find(core, id);
    if (operations->free_slot == 0) {
        add_chunk(core);
    }
    struct bs_operation *operation = bs_operation_at(core, operations->free_slot - 1);
    operations->free_slot = operation->next_by_offset;
    struct bs_operation_ref self = operation->self;
    self.generation++;
    memset(operation, 0, sizeof *operation);
    operation->self = self;
    operation->partition = id;
    operation->epoch = partition->epoch;
    operation->offset = offset;
    operation->id_given = id_given;
    operation->channels = 1;
    memcpy(operation->id_hash, hash, BS_ID_HASH_SIZE);
    operation->state = BS_OPERATION_ENDED; /* until the creator moves it */
    operations->count++;
    count(core, partition, operation, 1);
    partition->operations++;
    bs_index_add(core, &operations->by_offset, self.slot);
    if (id_given) {
        bs_index_add(core, &operations->by_id, self.slot);
    }
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
    if (operation->state == BS_OPERATION_NEW) {
        return operation->probe_wanted ? &core->operations.probes : &core->operations.stages;
    }
    if (operation->state == BS_OPERATION_WAITING) {
        return &core->operations.waiting;
    }
    if (operation->state == BS_OPERATION_UNFINISHED) {
        return operation->store_wanted ? &core->operations.stores : &core->operations.unstages;
    }
    return operation->urgent ? &core->operations.urgent : &core->operations.checks;
}

static void unschedule(struct bs_core *core, struct bs_operation *operation)
{
    if (operation->schedule_place != 0) {
        bs_schedule_remove(core, schedule_of(core, operation), operation);
    }
}

void bs_operation_move(struct bs_core *core, struct bs_operation *operation,
                       enum bs_operation_state state, bs_mono_ms due)
{
    unschedule(core, operation);
    struct bs_partition *partition = bs_partition_find(core, operation->partition);
    count(core, partition, operation, -1);
    operation->prepared = operation->state == BS_OPERATION_PREPARING;
    operation->state = (uint8_t)state;
    count(core, partition, operation, 1);
    if (is_scheduled(state)) {
        operation->due = due;
        /* What is being given up is the next owner's to submit and to ask about. */
        if (partition->state == BS_PARTITION_SERVING) {
            bs_schedule_add(core, schedule_of(core, operation), operation);
        }
    }
}

void bs_operation_wait(struct bs_core *core, struct bs_operation *operation, bs_mono_ms due)
{
    BS_ASSERT(operation->state == BS_OPERATION_WAITING);
    unschedule(core, operation);
    operation->due = due;
    bs_schedule_add(core, &core->operations.waiting, operation);
}

struct bs_operation *bs_operation_first_due(struct bs_core *core, struct bs_schedule *schedule)
{
    struct bs_operation *first;
    int passed = 0;
    while ((first = bs_schedule_first(core, schedule)) != NULL && first->due <= core->now.mono) {
        if (bs_operation_current(core, first) &&
            bs_partition_find(core, first->partition)->state == BS_PARTITION_SERVING) {
            return first;
        }
        if (passed++ == SWEPT_AT_A_TIME) {
            core->more_to_do = true;
            return NULL;
        }
        unschedule(core, first); /* the next owner's to submit and to ask about */
    }
    return NULL;
}

void bs_operations_step(struct bs_core *core)
{
    (void)bs_operation_first_due(core, &core->operations.stores);
    (void)bs_operation_first_due(core, &core->operations.unstages);
    (void)bs_operation_first_due(core, &core->operations.probes);
    (void)bs_operation_first_due(core, &core->operations.stages);
    (void)bs_operation_first_due(core, &core->operations.waiting);
    (void)bs_operation_first_due(core, &core->operations.checks);
    (void)bs_operation_first_due(core, &core->operations.urgent);
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

static void unlink_id(struct bs_core *core, struct bs_operation *operation)
{
    if (operation->id_given) {
        bs_index_remove(core, &core->operations.by_id, operation->self.slot);
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

/* What every operation holds, whether its partition is ours or not. */
static void give_back(struct bs_core *core, struct bs_operation *operation)
{
    unschedule(core, operation);
    bs_operation_set_at_risk(core, operation, false);
    bs_operation_release_payload(core, operation);
    bs_operation_strip(core, operation);
    bs_index_remove(core, &core->operations.by_offset, operation->self.slot);
    operation->state = BS_OPERATION_FREE;
    operation->next_by_offset = core->operations.free_slot;
    core->operations.free_slot = operation->self.slot + 1;
}

void bs_operation_free(struct bs_core *core, struct bs_operation *operation)
{
    BS_ASSERT(operation->state != BS_OPERATION_FREE && bs_operation_current(core, operation));
    bs_publish_drop(core, operation);
    struct bs_partition *partition = bs_partition_find(core, operation->partition);
    count(core, partition, operation, -1);
    partition->operations--;
    bs_partition_remove_from_window(partition, operation);
    bs_partition_remove_from_unpublished(partition, operation);
    core->operations.count--;
    give_back(core, operation);
}

/* ---- partitions that are gone ---- */

/* What waits for a transaction is little, and may hold more than memory: that is freed at once. */
static void free_dirty(struct bs_core *core, struct bs_list *list,
                       const struct bs_partition *partition)
{
    struct bs_link *link = bs_list_first(list);
    while (link != NULL) {
        struct bs_operation *operation = BS_CONTAINER_OF(link, struct bs_operation, dirty);
        link = bs_list_next(list, link);
        if (operation->partition == partition->id) {
            bs_operation_free(core, operation);
        }
    }
}

void bs_operations_leave(struct bs_core *core, struct bs_partition *partition)
{
    free_dirty(core, &core->publish.dirty, partition);
    free_dirty(core, &core->publish.in_batch, partition);
    for (int state = 0; state <= BS_OPERATION_DONE; state++) {
        core->operations.by_state[state] -= partition->by_state[state];
        partition->by_state[state] = 0;
    }
    core->operations.count -= partition->operations;
    core->operations.prepared -= partition->prepared;
    partition->operations = partition->submitting = partition->prepared = 0;
    bs_list_move_all(&partition->unpublished, &core->operations.left_behind);
    bs_list_move_all(&partition->window, &core->operations.left_behind_done);
}

bool bs_operations_sweep(struct bs_core *core)
{
    struct bs_operations *operations = &core->operations;
    struct bs_link *link;
    int freed = 0;
    for (; freed < SWEPT_AT_A_TIME && (link = bs_list_take_first(&operations->left_behind)) != NULL;
         freed++) {
        struct bs_operation *operation = BS_CONTAINER_OF(link, struct bs_operation, unpublished);
        bs_list_remove(&operation->window);
        give_back(core, operation);
    }
    for (; freed < SWEPT_AT_A_TIME &&
           (link = bs_list_take_first(&operations->left_behind_done)) != NULL;
         freed++) {
        struct bs_operation *operation = BS_CONTAINER_OF(link, struct bs_operation, window);
        bs_list_remove(&operation->unpublished);
        give_back(core, operation);
    }
    return !bs_list_empty(&operations->left_behind) ||
           !bs_list_empty(&operations->left_behind_done);
}
