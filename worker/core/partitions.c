/* Per partition: ownership epoch, restore, watermarks, and giving up in order. */
#include <stdlib.h>
#include <string.h>

#include "core/internal.h"

/* A watermark or ledger that moved, and nothing else to commit, may wait for company so long. */
#define CONTROL_LINGER_MS 1000
/* Restored operations are scheduled in portions of less than a millisecond. */
#define TAKEN_UP_AT_A_TIME 1000

bool bs_partition_held(const struct bs_partition *partition)
{
    return partition != NULL && partition->state != BS_PARTITION_UNOWNED &&
           partition->state != BS_PARTITION_STOPPED;
}

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
    if (partition->take_up_cursor == &operation->unpublished) {
        partition->take_up_cursor = operation->unpublished.next;
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
    if (bs_partition_held(partition)) {
        bs_operations_leave(core, partition);
        bs_ids_leave(core, partition);
        bool more = bs_operations_sweep(core);
        more = bs_ids_sweep(core) || more;
        core->more_to_do = core->more_to_do || more;
    }
    bs_budget_leave(core, partition);
    partition->state = state;
    bs_quota_drop(core, partition);
    partition->commit_wanted = partition->unsorted = false;
    partition->window_cursor = partition->unpublished_cursor = partition->take_up_cursor = NULL;
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

/* A new operation of a record, at the end of its list: most come in the order of their offsets. */
static struct bs_operation *restored(struct bs_core *core,
                                     const struct bs_restored_operation *record, bool done)
{
    struct bs_partition *partition = restoring(core, record->partition, record->epoch);
    if (partition == NULL ||
        bs_operation_by_offset(core, record->partition, record->offset) != NULL) {
        return NULL;
    }
    struct bs_operation *operation = bs_operation_create(core, record->partition, record->offset,
                                                         record->id_hash, record->id_given);
    struct bs_list *list = done ? &partition->window : &partition->unpublished;
    struct bs_link *last = list->head.previous;
    if (last != &list->head &&
        (done ? window_offset(last) : unpublished_offset(last)) > record->offset) {
        partition->unsorted = true;
    }
    bs_list_append(list, done ? &operation->window : &operation->unpublished);
    operation->recorded = true;
    core->counters.restored++;
    return operation;
}

static void restored_operation(struct bs_core *core, const struct bs_restored_operation *record)
{
    struct bs_operation *operation = restored(core, record, false);
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
    operation->staged = record->staged;
    operation->stage_wanted = record->staged && !record->accepted; /* it may be gone by now */
    bs_operation_set_operation_id(core, operation, record->accepted ? record->operation_id : NULL);
    bs_operation_move(core, operation,
                      operation->accepted       ? BS_OPERATION_RUNNING
                      : operation->stage_wanted ? BS_OPERATION_NEW
                                                : BS_OPERATION_WAITING,
                      BS_NEVER);
}

static int compare_offsets(const void *a, const void *b)
{
    const struct bs_operation *const *left = a, *const *right = b;
    return (*left)->offset < (*right)->offset ? -1 : (*left)->offset > (*right)->offset;
}

static struct bs_link *link_of(struct bs_operation *operation, bool done)
{
    return done ? &operation->window : &operation->unpublished;
}

static void sort(struct bs_core *core, struct bs_list *list, bool done, int64_t at_most)
{
    struct bs_operation **sorted =
        bs_arena_take(&core->arena, (size_t)at_most * sizeof(struct bs_operation *));
    size_t count = 0;
    struct bs_link *link;
    while ((link = bs_list_take_first(list)) != NULL) {
        sorted[count++] = done ? BS_CONTAINER_OF(link, struct bs_operation, window)
                               : BS_CONTAINER_OF(link, struct bs_operation, unpublished);
    }
    qsort(sorted, count, sizeof(struct bs_operation *), compare_offsets);
    for (size_t i = 0; i < count; i++) {
        bs_list_append(list, link_of(sorted[i], done));
    }
    bs_arena_give_back(&core->arena, sorted, (size_t)at_most * sizeof(struct bs_operation *));
}

/* What was restored at or above the position will be read again: it joins the done markers in the
 * window, and jobs that are read from now on come before it. */
static void place_cursors(struct bs_core *core, struct bs_partition *partition)
{
    if (partition->unsorted) {
        sort(core, &partition->window, true, partition->operations);
        sort(core, &partition->unpublished, false, partition->operations);
        partition->unsorted = false;
    }
    struct bs_link *last = partition->unpublished.head.previous;
    struct bs_link *place = partition->window.head.previous;
    while (last != &partition->unpublished.head &&
           unpublished_offset(last) >= partition->position) {
        struct bs_operation *operation = BS_CONTAINER_OF(last, struct bs_operation, unpublished);
        while (place != &partition->window.head && window_offset(place) > operation->offset) {
            place = place->previous;
        }
        bs_list_insert_after(place, &operation->window);
        last = last->previous;
    }
    partition->unpublished_cursor = last;
    place = partition->window.head.previous;
    while (place != &partition->window.head && window_offset(place) >= partition->position) {
        place = place->previous;
    }
    partition->window_cursor = place;
    if (place != &partition->window.head) {
        bs_partition_want_commit(core, partition); /* a marker to be forgotten */
    }
}

/* Schedules some of what was restored; true: there is more. */
static bool take_up(struct bs_core *core, struct bs_partition *partition)
{
    const struct bs_link *end = &partition->unpublished.head;
    for (int i = 0; i < TAKEN_UP_AT_A_TIME && partition->take_up_cursor != end; i++) {
        struct bs_operation *operation =
            BS_CONTAINER_OF(partition->take_up_cursor, struct bs_operation, unpublished);
        partition->take_up_cursor = operation->unpublished.next;
        enum bs_operation_state state = (enum bs_operation_state)operation->state;
        bool to_schedule = state == BS_OPERATION_RUNNING || state == BS_OPERATION_WAITING ||
                           state == BS_OPERATION_NEW;
        if (to_schedule && operation->schedule_place == 0) {
            bs_operation_move(core, operation, state,
                              state == BS_OPERATION_RUNNING
                                  ? bs_check_due(core, operation, partition->control.asked_until)
                                  : core->now.mono);
        }
    }
    if (partition->take_up_cursor == end) {
        partition->take_up_cursor = NULL;
    }
    return partition->take_up_cursor != NULL;
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
    partition->state = BS_PARTITION_SERVING;
    place_cursors(core, partition);
    partition->take_up_cursor = partition->unpublished.head.next;
    core->more_to_do = take_up(core, partition) || core->more_to_do;
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
    bool grown = begin < 0 && divided_by > 0 && partition->id >= divided_by;
    bs_budget_restored(core, partition, event, grown);
    if (grown) {
        bs_quota_fill(core, partition); /* others had its part until now */
    }
    bs_quota_count_anew(core);
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
    bs_check_note_asked(core, partition); /* nothing is asked from here on */
    bs_quota_give_back(core, partition);
    partition->take_up_cursor = NULL;
    core->publish.control_at = core->now.mono; /* its last commit need not wait */
}

static void orphan(struct bs_core *core, const struct bs_list *list,
                   const struct bs_partition *partition)
{
    for (struct bs_link *link = bs_list_first(list); link != NULL;
         link = bs_list_next(list, link)) {
        const struct bs_operation *operation = BS_CONTAINER_OF(link, struct bs_operation, dirty);
        if (operation->partition == partition->id) {
            bs_adoption_orphan(core, operation);
        }
    }
}

static void lost(struct bs_core *core, struct bs_partition *partition)
{
    /* What is accepted and not recorded waits for a transaction, or is in one. */
    orphan(core, &core->publish.in_batch, partition);
    orphan(core, &core->publish.dirty, partition);
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
        struct bs_operation *operation = restored(core, &event->restored, true);
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
            partition->control.asked_until = event->control.control->asked_until;
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

void bs_partitions_tick(struct bs_core *core)
{
    core->more_to_do = bs_operations_sweep(core);
    core->more_to_do = bs_ids_sweep(core) || core->more_to_do;
    for (int32_t i = 0; i < core->partition_count; i++) {
        struct bs_partition *partition = core->partitions[i];
        if (partition != NULL && partition->take_up_cursor != NULL) {
            core->more_to_do = take_up(core, partition) || core->more_to_do;
        }
    }
}

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
            bs_arena_give_back(&core->arena, partition, sizeof *partition);
        }
    }
    bs_arena_give_back(&core->arena, core->partitions,
                       (size_t)core->partition_count * sizeof *core->partitions);
}
