/* Adoption: submissions that were accepted, but whose partition was lost before they were recorded.
 *
 * We alone know that they are paid for. If the partition comes back to us and its state shows no
 * other submission of the job, the operation is taken up where it was, instead of being paid for
 * again. If somebody else has answered for the job meanwhile, all that is left is to tell. */
#include <stdio.h>
#include <string.h>

#include "core/internal.h"

/* More than may be under way or at risk at a time; a bound, should partitions be lost over and
 * over. */
#define ORPHANS_AT_MOST 4096

static struct bs_orphan *find(struct bs_core *core, int32_t partition, int64_t offset)
{
    for (size_t i = 0; i < core->orphan_count; i++) {
        if (core->orphans[i].partition == partition && core->orphans[i].offset == offset) {
            return &core->orphans[i];
        }
    }
    return NULL;
}

static void remove_orphan(struct bs_core *core, struct bs_orphan *orphan)
{
    size_t after = core->orphan_count - (size_t)(orphan - core->orphans) - 1;
    memmove(orphan, orphan + 1, after * sizeof *orphan);
    core->orphan_count--;
}

static void tell_unknown(struct bs_core *core, const struct bs_orphan *orphan, const char *why)
{
    core->counters.submissions[BS_SUBMISSION_UNKNOWN]++;
    struct bs_notice *notice = bs_core_notice(
        core, BS_LOG_WARN, NULL, NULL,
        "submission unknown: accepted, but its partition was lost before it was recorded; %s", why);
    notice->partition = orphan->partition;
    notice->offset = orphan->offset;
    (void)snprintf(notice->operation_id, sizeof notice->operation_id, "%s", orphan->operation_id);
}

void bs_adoption_offer(struct bs_core *core, const struct bs_orphan *orphan)
{
    struct bs_orphan *known = find(core, orphan->partition, orphan->offset);
    if (known != NULL) {
        tell_unknown(core, known->number < orphan->number ? known : orphan,
                     "it was submitted again");
        *known = known->number < orphan->number ? *orphan : *known;
        return;
    }
    if (core->orphan_count == ORPHANS_AT_MOST) {
        tell_unknown(core, &core->orphans[0], "too many of them");
        remove_orphan(core, &core->orphans[0]);
    }
    BS_ROOM_FOR_ONE_MORE(core, core->orphans, core->orphan_count, core->orphan_capacity);
    core->orphans[core->orphan_count++] = *orphan;
}

void bs_adoption_orphan(struct bs_core *core, const struct bs_operation *operation)
{
    if (!operation->at_risk || operation->operation_id == NULL) {
        return;
    }
    struct bs_orphan orphan = {.partition = operation->partition,
                               .offset = operation->offset,
                               .number = operation->number,
                               .submitted = operation->submitted,
                               .created = operation->created,
                               .modified = operation->modified};
    if (strlen(operation->operation_id) >= sizeof orphan.operation_id) {
        return; /* no service has such ids; it is then submitted again, as after a kill */
    }
    (void)snprintf(orphan.operation_id, sizeof orphan.operation_id, "%s", operation->operation_id);
    bs_adoption_offer(core, &orphan);
}

bool bs_adoption_take(struct bs_core *core, int32_t partition, int64_t offset,
                      struct bs_orphan *orphan)
{
    struct bs_orphan *known = core->orphan_count == 0 ? NULL : find(core, partition, offset);
    if (known == NULL) {
        return false;
    }
    *orphan = *known;
    remove_orphan(core, known);
    return true;
}

/* The job is answered for: by our own submission, whose record was committed after all, or else by
 * somebody else's. */
static void settle(struct bs_core *core, struct bs_orphan *orphan)
{
    const struct bs_operation *operation =
        bs_operation_by_offset(core, orphan->partition, orphan->offset);
    bool ours = operation != NULL && operation->operation_id != NULL &&
                strcmp(operation->operation_id, orphan->operation_id) == 0;
    if (!ours) {
        tell_unknown(core, orphan, "somebody else has answered for the job");
    }
    remove_orphan(core, orphan);
}

void bs_adoption_answered(struct bs_core *core, int32_t partition, int64_t offset)
{
    struct bs_orphan *orphan = core->orphan_count == 0 ? NULL : find(core, partition, offset);
    if (orphan != NULL) {
        settle(core, orphan);
    }
}

void bs_adoption_restored(struct bs_core *core, const struct bs_partition *partition)
{
    for (size_t i = core->orphan_count; i-- > 0;) {
        struct bs_orphan *orphan = &core->orphans[i];
        if (orphan->partition == partition->id && orphan->offset < partition->position) {
            settle(core, orphan);
        }
    }
}

void bs_adoption_end(struct bs_core *core)
{
    while (core->orphan_count > 0) {
        tell_unknown(core, &core->orphans[0], "this worker ends");
        remove_orphan(core, &core->orphans[0]);
    }
}
