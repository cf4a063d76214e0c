/* Per partition: ownership epoch, restore, watermarks, and giving up in order. */
#include <stdlib.h>
#include <string.h>

#include "core/internal.h"

/* A watermark or ledger that moved, and nothing else to commit, may wait for company so long. */
#define CONTROL_LINGER_MS 1000

struct bs_partition *bs_partition_find(const struct bs_core *core, int32_t id)
{
    return id >= 0 && id < core->partition_count ? core->partitions[id] : NULL;
}

static struct bs_partition *find_or_create(struct bs_core *core, int32_t id)
{
    if (id >= core->partition_count) {
        core->partitions =
            bs_arena_grow(&core->arena, core->partitions, (size_t)core->partition_count,
                          (size_t)id + 1, sizeof *core->partitions);
        core->partition_count = id + 1;
    }
    if (core->partitions[id] == NULL) {
        struct bs_partition *partition = bs_arena_take(&core->arena, sizeof *partition);
        partition->id = id;
        bs_list_init(&partition->window);
        bs_list_init(&partition->unpublished);
        core->partitions[id] = partition;
    }
    return core->partitions[id];
}

/* ---- lists by offset ---- */

static int64_t window_offset(const struct bs_link *link)
{
    return BS_CONTAINER_OF(link, const struct bs_operation, window)->offset;
}

static int64_t unpublished_offset(const struct bs_link *link)
{
    return BS_CONTAINER_OF(link, const struct bs_operation, unpublished)->offset;
}

static void insert_at_cursor(struct bs_list *list, struct bs_link **cursor, struct bs_link *link,
                             int64_t offset, int64_t (*offset_of)(const struct bs_link *))
{
    while ((*cursor)->next != &list->head && offset_of((*cursor)->next) < offset) {
        *cursor = (*cursor)->next;
    }
    bs_list_insert_after(*cursor, link);
    *cursor = link;
}

void bs_partition_insert(struct bs_partition *partition, struct bs_operation *operation)
{
    insert_at_cursor(&partition->window, &partition->window_cursor, &operation->window,
                     operation->offset, window_offset);
    insert_at_cursor(&partition->unpublished, &partition->unpublished_cursor,
                     &operation->unpublished, operation->offset, unpublished_offset);
}

void bs_partition_remove_from_window(struct bs_partition *partition, struct bs_operation *operation)
{
    if (partition->window_cursor == &operation->window) {
        partition->window_cursor = operation->window.previous;
    }
    bs_list_remove(&operation->window);
}

void bs_partition_remove_from_unpublished(struct bs_partition *partition,
                                          struct bs_operation *operation)
{
    if (partition->unpublished_cursor == &operation->unpublished) {
        partition->unpublished_cursor = operation->unpublished.previous;
    }
    bs_list_remove(&operation->unpublished);
}

void bs_partition_want_commit(struct bs_core *core, struct bs_partition *partition)
{
    partition->commit_wanted = true;
    bs_mono_ms latest = core->now.mono + CONTROL_LINGER_MS;
    if (core->publish.control_at > latest) {
        core->publish.control_at = latest;
    }
}

/* ---- dropping ---- */

static void free_all(struct bs_core *core, struct bs_partition *partition)
{
    for (uint32_t i = 0; i < partition->restored_count; i++) {
        bs_operation_free(core, bs_operation_at(core, partition->restored[i]));
    }
    bs_arena_give_back(&core->arena, partition->restored,
                       partition->restored_capacity * sizeof *partition->restored);
    partition->restored = NULL;
    partition->restored_count = partition->restored_capacity = 0;
    struct bs_link *link;
    while ((link = bs_list_first(&partition->unpublished)) != NULL) {
        bs_operation_free(core, BS_CONTAINER_OF(link, struct bs_operation, unpublished));
    }
    while ((link = bs_list_first(&partition->window)) != NULL) {
        bs_operation_free(core, BS_CONTAINER_OF(link, struct bs_operation, window));
    }
    bs_ids_drop_partition(core, partition);
}

static void set_reason(struct bs_core *core, struct bs_partition *partition, const char *reason)
{
    if (partition->reason != NULL) {
        bs_arena_give_back(&core->arena, partition->reason, strlen(partition->reason) + 1);
        partition->reason = NULL;
    }
    if (reason != NULL) {
        size_t size = strlen(reason) + 1;
        partition->reason = bs_arena_take(&core->arena, size);
        memcpy(partition->reason, reason, size);
    }
}

static void drop(struct bs_core *core, struct bs_partition *partition,
                 enum bs_partition_state state)
{
    free_all(core, partition);
    partition->state = state;
    partition->commit_wanted = false;
    bs_quota_drop(core, partition);
    BS_ASSERT(partition->operations == 0 && partition->submitting == 0 && partition->dirty == 0);
}

/* ---- events ---- */

static void assigned(struct bs_core *core, int32_t id)
{
    struct bs_partition *partition = find_or_create(core, id);
    drop(core, partition, BS_PARTITION_RESTORING);
    set_reason(core, partition, NULL);
    partition->epoch = ++core->epoch;
    partition->intake_stopped = false;
    partition->control_restored = false;
    partition->lost = 0;
    partition->position = partition->watermark = partition->published = -1;
    memset(&partition->control, 0, sizeof partition->control);
    bs_quota_restore(core, partition, NULL);
    struct bs_action *action = bs_core_act(core, BS_ACTION_RESTORE);
    action->partition = id;
    action->epoch = partition->epoch;
}

static struct bs_partition *restoring(const struct bs_core *core, int32_t id, uint32_t epoch)
{
    struct bs_partition *partition = bs_partition_find(core, id);
    bool right = partition != NULL && partition->state == BS_PARTITION_RESTORING &&
                 partition->epoch == epoch;
    return right ? partition : NULL;
}

static struct bs_operation *restored(struct bs_core *core,
                                     const struct bs_restored_operation *record)
{
    struct bs_partition *partition = restoring(core, record->partition, record->epoch);
    if (partition == NULL ||
        bs_operation_by_offset(core, record->partition, record->offset) != NULL) {
        return NULL;
    }
    struct bs_operation *operation = bs_operation_create(core, record->partition, record->offset,
                                                         record->id_hash, record->id_given);
    BS_ROOM_FOR_ONE_MORE(core, partition->restored, partition->restored_count,
                         partition->restored_capacity);
    partition->restored[partition->restored_count++] = operation->self.slot;
    operation->recorded = true;
    core->counters.restored++;
    return operation;
}

static void restored_operation(struct bs_core *core, const struct bs_restored_operation *record)
{
    struct bs_operation *operation = restored(core, record);
    if (operation == NULL) {
        return;
    }
    bs_operation_set_job(core, operation, record->job, record->job_size);
    operation->fingerprint = record->fingerprint;
    operation->force = record->force;
    operation->deferred = record->deferred;
    operation->audio_seconds = (float)record->audio_seconds;
    operation->channels = (uint16_t)(record->channels < 1 ? 1 : record->channels);
    operation->submissions = (uint16_t)record->submissions;
    operation->submissions_unknown = (uint16_t)record->submissions_unknown;
    operation->checks = (uint16_t)record->checks;
    operation->number = record->number;
    operation->deadline = record->deadline;
    operation->received = record->received;
    operation->submitted = record->submitted;
    operation->created = record->created;
    operation->modified = record->modified;
    bs_operation_set_operation_id(core, operation, record->accepted ? record->operation_id : NULL);
    bs_operation_move(core, operation,
                      operation->accepted ? BS_OPERATION_RUNNING : BS_OPERATION_WAITING, BS_NEVER);
}

static int compare_offsets(const void *a, const void *b)
{
    const struct bs_operation *const *left = a, *const *right = b;
    return (*left)->offset < (*right)->offset ? -1 : (*left)->offset > (*right)->offset;
}

/* In order of offset into the lists; what runs is scheduled. */
static void take_up(struct bs_core *core, struct bs_partition *partition)
{
    size_t count = partition->restored_count;
    struct bs_operation **sorted =
        bs_arena_take(&core->arena, count * sizeof(struct bs_operation *));
    for (size_t i = 0; i < count; i++) {
        sorted[i] = bs_operation_at(core, partition->restored[i]);
    }
    qsort(sorted, count, sizeof(struct bs_operation *), compare_offsets);
    for (size_t i = 0; i < count; i++) {
        struct bs_operation *operation = sorted[i];
        bool done = operation->state == BS_OPERATION_DONE;
        if (done || operation->offset >= partition->position) {
            bs_list_append(&partition->window, &operation->window);
            if (operation->offset < partition->position) {
                partition->window_cursor = &operation->window;
                bs_partition_want_commit(core, partition); /* a marker to be forgotten */
            }
        }
        if (done) {
            continue;
        }
        bs_list_append(&partition->unpublished, &operation->unpublished);
        if (operation->offset < partition->position) {
            partition->unpublished_cursor = &operation->unpublished;
        }
        bs_operation_move(core, operation, (enum bs_operation_state)operation->state,
                          operation->state == BS_OPERATION_RUNNING ? bs_check_due(core, operation)
                                                                   : core->now.mono);
    }
    bs_arena_give_back(&core->arena, sorted, count * sizeof(struct bs_operation *));
    bs_arena_give_back(&core->arena, partition->restored,
                       partition->restored_capacity * sizeof *partition->restored);
    partition->restored = NULL;
    partition->restored_count = partition->restored_capacity = 0;
}

static void restore_ended(struct bs_core *core, const struct bs_event *event)
{
    struct bs_partition *partition =
        restoring(core, event->restore_ended.partition, event->restore_ended.epoch);
    if (partition == NULL) {
        return;
    }
    int64_t committed = event->restore_ended.committed;
    int64_t recorded = partition->control_restored ? partition->control.watermark : -1;
    int64_t begin = committed > recorded ? committed : recorded;
    partition->position = begin >= 0 ? begin : event->restore_ended.log_start;
    partition->watermark = partition->position;
    partition->control.watermark = partition->watermark;
    partition->window_cursor = &partition->window.head;
    partition->unpublished_cursor = &partition->unpublished.head;
    partition->state = BS_PARTITION_SERVING;
    take_up(core, partition);
    bs_ids_restored(core, partition);
    bs_adoption_restored(core, partition);
    struct bs_link *lowest = bs_list_first(&partition->unpublished);
    partition->published = lowest != NULL && unpublished_offset(lowest) < partition->position
                               ? unpublished_offset(lowest)
                               : partition->position;
    partition->control.published = partition->published;
    if (committed < partition->position) {
        bs_partition_want_commit(core, partition); /* others read the group's offset */
    }
    if (committed >= 0 && committed < recorded) {
        bs_core_notice(
            core, BS_LOG_WARN, NULL, NULL,
            "partition %d: the group's offset %lld is behind the state's %lld; the state "
            "wins",
            partition->id, (long long)committed, (long long)recorded);
    }
    int32_t divided_by = event->restore_ended.divided_by;
    if (begin < 0 && divided_by > 0 && partition->id >= divided_by) {
        bs_quota_fill(core, partition); /* others had its part until now */
    }
    struct bs_action *action = bs_core_act(core, BS_ACTION_CONSUME);
    action->partition = partition->id;
    action->epoch = partition->epoch;
    action->offset = partition->position;
}

static void stopped(struct bs_core *core, const struct bs_event *event)
{
    struct bs_partition *partition = find_or_create(core, event->stopped.partition);
    bool serving =
        partition->state == BS_PARTITION_SERVING || partition->state == BS_PARTITION_DRAINING;
    if (serving) {
        partition->intake_stopped = true; /* what is paid for still ends */
    } else {
        drop(core, partition, BS_PARTITION_STOPPED);
    }
    partition->lost = event->stopped.lost;
    core->counters.jobs_lost += (uint64_t)(event->stopped.lost > 0 ? event->stopped.lost : 0);
    set_reason(core, partition, event->stopped.reason);
    bs_core_notice(core, BS_LOG_ERROR, NULL, NULL, "partition %d stopped: %.300s", partition->id,
                   event->stopped.reason);
}

static void unassign(struct bs_core *core, struct bs_partition *partition)
{
    drop(core, partition, BS_PARTITION_UNOWNED);
    bs_core_act(core, BS_ACTION_UNASSIGN)->partition = partition->id;
}

static void revoked(struct bs_core *core, int32_t id)
{
    struct bs_partition *partition = find_or_create(core, id);
    if (partition->state != BS_PARTITION_SERVING) {
        if (partition->state != BS_PARTITION_DRAINING) {
            unassign(core, partition);
        }
        return;
    }
    partition->state = BS_PARTITION_DRAINING;
    bs_quota_give_back(core, partition);
    core->publish.control_at = core->now.mono; /* its last commit need not wait */
    for (struct bs_link *link = bs_list_first(&partition->unpublished); link != NULL;
         link = bs_list_next(&partition->unpublished, link)) {
        bs_operation_unschedule(core, BS_CONTAINER_OF(link, struct bs_operation, unpublished));
    }
}

static void lost(struct bs_core *core, struct bs_partition *partition)
{
    for (struct bs_link *link = bs_list_first(&partition->unpublished); link != NULL;
         link = bs_list_next(&partition->unpublished, link)) {
        bs_adoption_orphan(core, BS_CONTAINER_OF(link, struct bs_operation, unpublished));
    }
    drop(core, partition, BS_PARTITION_UNOWNED);
}

static void end_of_partition(struct bs_core *core, const struct bs_event *event)
{
    struct bs_partition *partition = bs_partition_find(core, event->end.partition);
    if (partition == NULL || partition->state != BS_PARTITION_SERVING ||
        partition->epoch != event->end.epoch || partition->intake_stopped) {
        return;
    }
    if (event->end.offset > partition->position) {
        partition->position = event->end.offset;
        bs_partition_want_commit(core, partition);
    }
}

void bs_partitions_event(struct bs_core *core, const struct bs_event *event)
{
    struct bs_partition *partition;
    switch (event->kind) {
    case BS_EVENT_ASSIGNED:
        assigned(core, event->partition);
        break;
    case BS_EVENT_REVOKED:
        revoked(core, event->partition);
        break;
    case BS_EVENT_LOST:
        lost(core, find_or_create(core, event->partition));
        break;
    case BS_EVENT_RESTORED_OPERATION:
        restored_operation(core, &event->restored);
        break;
    case BS_EVENT_RESTORED_DONE: {
        struct bs_operation *operation = restored(core, &event->restored);
        if (operation != NULL) {
            bs_operation_move(core, operation, BS_OPERATION_DONE, BS_NEVER);
        }
        break;
    }
    case BS_EVENT_RESTORED_ID:
        partition = restoring(core, event->id.partition, event->id.epoch);
        if (partition != NULL) {
            bs_ids_remember(core, partition, event->id.id_hash, event->id.fingerprint,
                            event->id.offset, event->id.ended);
        }
        break;
    case BS_EVENT_RESTORED_CONTROL:
        partition = restoring(core, event->control.partition, event->control.epoch);
        if (partition != NULL) {
            partition->control_restored = true;
            partition->control.watermark = event->control.control->watermark;
            partition->control.published = event->control.control->published;
            bs_quota_restore(core, partition, event->control.control);
        }
        break;
    case BS_EVENT_RESTORED:
        restore_ended(core, event);
        break;
    case BS_EVENT_PARTITION_STOPPED:
        stopped(core, event);
        break;
    case BS_EVENT_END_OF_PARTITION:
        end_of_partition(core, event);
        break;
    default:
        BS_ASSERT(false && "an event of partitions");
    }
}

/* ---- step ---- */

/* Nothing of it is under way that must end here. Checks under way may be answered to nobody. */
static bool settled(const struct bs_partition *partition)
{
    return partition->submitting == 0 && partition->dirty == 0 && !partition->in_batch &&
           !partition->commit_wanted;
}

void bs_partitions_step(struct bs_core *core)
{
    bool all_settled = !core->publish.under_way;
    for (int32_t i = 0; i < core->partition_count; i++) {
        struct bs_partition *partition = core->partitions[i];
        if (partition == NULL) {
            continue;
        }
        if (partition->state == BS_PARTITION_DRAINING && settled(partition)) {
            unassign(core, partition);
        }
        all_settled = all_settled && settled(partition);
    }
    if (core->stopping && !core->stopped && all_settled) {
        core->stopped = true;
        bs_adoption_end(core);
        bs_core_act(core, BS_ACTION_STOPPED);
    }
}

void bs_partitions_give_back_quota(struct bs_core *core)
{
    for (int32_t i = 0; i < core->partition_count; i++) {
        if (core->partitions[i] != NULL) {
            bs_quota_give_back(core, core->partitions[i]);
        }
    }
}

void bs_partitions_destroy(struct bs_core *core)
{
    for (int32_t i = 0; i < core->partition_count; i++) {
        struct bs_partition *partition = core->partitions[i];
        if (partition != NULL) {
            set_reason(core, partition, NULL);
            bs_arena_give_back(&core->arena, partition->restored,
                               partition->restored_capacity * sizeof *partition->restored);
            bs_arena_give_back(&core->arena, partition, sizeof *partition);
        }
    }
    bs_arena_give_back(&core->arena, core->partitions,
                       (size_t)core->partition_count * sizeof *core->partitions);
}
