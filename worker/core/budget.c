/* The budget: what the fleet may spend, in billed seconds, in the whole life of its state topic.
 *
 * It is spent like a quota whose window never ends (quota.c: each partition owns a part, and what
 * is spent is charged to its control record before), with three differences.
 *
 * A part is fixed when the partition is first worked on under a budget: one that comes later by
 * growth has none, or it would have what others have spent already. Parts may be overdrawn, by a
 * number that was lowered or by recordings that turned out longer than anybody knew; that is made
 * up for by all other parts, those of other workers by what the group's offsets tell of theirs. And
 * what surely was not accepted is given back. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/internal.h"

/* A part where there is no budget: more than will ever be spent, and the sum of many is a number.
 */
#define WITHOUT_LIMIT ((int64_t)1 << 40)

static int64_t part_of(const struct bs_core *core, int32_t id, int64_t parts)
{
    int64_t all = core->options.budget_seconds;
    return id < parts ? (id + 1) * all / parts - id * all / parts : 0;
}

int64_t bs_budget_share(const struct bs_core *core, const struct bs_partition *partition)
{
    return core->options.budget_seconds == 0
               ? WITHOUT_LIMIT
               : part_of(core, partition->id, partition->control.budget_parts);
}

static int64_t unspent(const struct bs_partition *partition)
{
    const struct bs_grant *grant = &partition->grants[BS_QUOTA_BUDGET];
    return grant->usable + grant->pending;
}

static bool is_served(const struct bs_partition *partition)
{
    return partition != NULL && partition->state == BS_PARTITION_SERVING;
}

/* By how much those that are not served here are over their parts, as far as we know. */
static int64_t overdrawn_elsewhere(const struct bs_core *core)
{
    const struct bs_budget *budget = &core->budget;
    int64_t sum = 0;
    for (int32_t i = 0; i < budget->billed_count; i++) {
        int64_t over = budget->billed[i] - part_of(core, i, budget->parts);
        sum += !is_served(bs_partition_find(core, i)) && over > 0 ? over : 0;
    }
    return sum;
}

int64_t bs_budget_left(const struct bs_core *core)
{
    int64_t left = -overdrawn_elsewhere(core);
    for (int32_t i = 0; i < core->partition_count; i++) {
        const struct bs_partition *partition = core->partitions[i];
        if (is_served(partition)) {
            left += bs_budget_share(core, partition) - partition->control.billed_total +
                    unspent(partition);
        }
    }
    return left > 0 ? left : 0;
}

/* ---- what others have spent ---- */

static void note(struct bs_core *core, int32_t id, int64_t billed)
{
    struct bs_budget *budget = &core->budget;
    if (id >= budget->billed_count) {
        budget->billed = bs_arena_grow(&core->arena, budget->billed, (size_t)budget->billed_count,
                                       (size_t)id + 1, sizeof *budget->billed);
        for (int32_t i = budget->billed_count; i <= id; i++) {
            budget->billed[i] = -1;
        }
        budget->billed_count = id + 1;
    }
    budget->billed[id] = billed;
}

static void note_all(struct bs_core *core, const int64_t *billed, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        if (billed[i] >= 0) {
            note(core, i, billed[i]);
        }
    }
}

void bs_budget_told(struct bs_core *core, const struct bs_event *event)
{
    if (core->options.budget_seconds > 0) {
        note_all(core, event->billed.by_partition, event->billed.count);
        bs_quota_count_anew(core);
    }
}

void bs_budget_restored(struct bs_core *core, struct bs_partition *partition,
                        const struct bs_event *event, bool grown)
{
    struct bs_control *control = &partition->control;
    if (core->options.budget_seconds == 0) {
        if (control->budget_parts > 0) { /* an older worker may read it again */
            control->budget_parts = 0;
            bs_partition_want_commit(core, partition);
        }
        return;
    }
    note_all(core, event->restore_ended.billed, event->restore_ended.billed_count);
    if (control->budget_parts == 0) {
        control->budget_parts =
            grown ? event->restore_ended.divided_by : core->options.state_partitions;
        bs_partition_want_commit(core, partition);
    }
    bool has_part = partition->id < control->budget_parts;
    if (has_part || core->budget.parts == 0) { /* what grew tells the least that ever was */
        core->budget.parts = control->budget_parts;
    }
}

void bs_budget_leave(struct bs_core *core, const struct bs_partition *partition)
{
    bool known =
        partition->state == BS_PARTITION_SERVING || partition->state == BS_PARTITION_DRAINING;
    if (known && core->options.budget_seconds > 0) {
        note(core, partition->id, partition->control.billed_total);
    }
}

/* ---- what was spent otherwise than was thought ---- */

/* Committed also where nothing else of the partition is: it may be handed over at once. */
static int64_t give_back(struct bs_core *core, struct bs_partition *partition, int64_t amount)
{
    if (partition == NULL ||
        (partition->state != BS_PARTITION_SERVING && partition->state != BS_PARTITION_DRAINING)) {
        return 0;
    }
    int64_t spent = partition->control.billed_total - unspent(partition);
    int64_t back = amount < spent ? amount : spent;
    if (back <= 0) {
        return 0;
    }
    partition->control.billed_total -= back;
    bs_partition_want_commit(core, partition);
    return back;
}

void bs_budget_give_back(struct bs_core *core, const struct bs_operation *operation)
{
    int64_t amount = bs_submit_billed(operation);
    amount -= give_back(core, bs_partition_find(core, operation->partition), amount);
    for (int32_t i = 0; i < core->partition_count && amount > 0; i++) {
        amount -= give_back(core, core->partitions[i], amount);
    }
    bs_quota_count_anew(core);
}

void bs_budget_true_up(const struct bs_core *core, const struct bs_operation *operation,
                       int64_t one)
{
    struct bs_partition *partition = bs_partition_find(core, operation->partition);
    partition->control.billed_total += one * (int64_t)operation->billed_more;
}

/* ---- what can be seen of it ---- */

void bs_budget_view(const struct bs_core *core, struct bs_view *view)
{
    view->budget = core->options.budget_seconds;
    view->budget_available = view->budget > 0 ? bs_quota_available(core, BS_QUOTA_BUDGET) : 0;
    for (int32_t i = 0; i < core->partition_count; i++) {
        const struct bs_partition *partition = core->partitions[i];
        if (is_served(partition)) {
            view->budget_share += view->budget > 0 ? bs_budget_share(core, partition) : 0;
            view->budget_spent += partition->control.billed_total - unspent(partition);
        }
    }
}

bool bs_budget_allows(const struct bs_core *core, const struct bs_operation *operation)
{
    return bs_quota_available(core, BS_QUOTA_BUDGET) >= bs_submit_billed(operation);
}

/* A partition that is being restored brings its part, so that nothing can be said before. */
static bool all_are_known(const struct bs_core *core)
{
    for (int32_t i = 0; i < core->partition_count; i++) {
        const struct bs_partition *partition = core->partitions[i];
        if (partition != NULL &&
            (partition->state == BS_PARTITION_RESTORING || partition->take_up_cursor != NULL)) {
            return false;
        }
    }
    return true;
}

static bool allows_any(const struct bs_core *core)
{
    const struct bs_schedule *waiting = &core->operations.waiting;
    for (uint32_t i = 0; i < waiting->count; i++) {
        if (bs_budget_allows(core, bs_operation_at(core, waiting->entries[i].slot))) {
            return true;
        }
    }
    return false;
}

bool bs_budget_tells(const struct bs_core *core, char text[BS_MESSAGE_MAX])
{
    uint32_t waiting = core->operations.waiting.count;
    if (core->options.budget_seconds == 0 || waiting == 0 || !all_are_known(core) ||
        allows_any(core)) {
        return false;
    }
    struct bs_view view = {0};
    bs_budget_view(core, &view);
    bool whole = view.budget_share == view.budget;
    char part[100] = "";
    if (!whole) {
        (void)snprintf(part, sizeof part, "this worker's part, %.4g h, of ",
                       (double)view.budget_share / 3600.0);
    }
    (void)snprintf(text, BS_MESSAGE_MAX,
                   "%sthe budget of %.10g billed hours (limits.billed_hours) is spent: %.4g h are "
                   "gone, and what is left (%.4g h) is too little for any of %" PRIu32
                   " waiting jobs; raise it%s to go on",
                   part, (double)view.budget / 3600.0, (double)view.budget_spent / 3600.0,
                   (double)view.budget_available / 3600.0, waiting,
                   whole ? "" : ", or run fewer workers,");
    return true;
}

void bs_budget_destroy(struct bs_core *core)
{
    bs_arena_give_back(&core->arena, core->budget.billed,
                       (size_t)core->budget.billed_count * sizeof *core->budget.billed);
}
