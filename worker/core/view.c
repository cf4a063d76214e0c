/* What can be seen of core: counters, histograms, reasons for not being ready. */
#include <stdio.h>
#include <string.h>

#include "core/internal.h"

#define SLOW_TRANSACTION_MS 15000

static const double seconds_bounds[] = {0.5, 1,   2.5,  5,    10,   30,    60,    120,
                                        300, 600, 1800, 3600, 7200, 21600, 43200, 86400};
static const double moment_bounds[] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};
static const double checks_bounds[] = {1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 50};

static void init_histogram(struct bs_histogram *histogram, const double *bounds, size_t count)
{
    BS_ASSERT(count <= BS_HISTOGRAM_BUCKETS);
    histogram->bounds = bounds;
    histogram->bound_count = (int32_t)count;
}

void bs_counters_init(struct bs_counters *counters)
{
    size_t seconds = sizeof seconds_bounds / sizeof *seconds_bounds;
    init_histogram(&counters->detection_delay_seconds, seconds_bounds, seconds);
    init_histogram(&counters->check_lateness_seconds, moment_bounds,
                   sizeof moment_bounds / sizeof *moment_bounds);
    init_histogram(&counters->job_duration_seconds, seconds_bounds, seconds);
    init_histogram(&counters->unrecorded_seconds, moment_bounds,
                   sizeof moment_bounds / sizeof *moment_bounds);
    init_histogram(&counters->checks_per_result, checks_bounds,
                   sizeof checks_bounds / sizeof *checks_bounds);
}

void bs_histogram_add(struct bs_histogram *histogram, double value)
{
    int32_t bucket = 0;
    while (bucket < histogram->bound_count && value > histogram->bounds[bucket]) {
        bucket++;
    }
    histogram->counts[bucket]++;
    histogram->sum += value;
    histogram->total++;
}

static void not_ready(struct bs_view *view, enum bs_not_ready reason, const char *text)
{
    if (view->not_ready[reason]) {
        return; /* the first one told stands for all */
    }
    view->not_ready[reason] = true;
    (void)snprintf(view->not_ready_text[reason], BS_MESSAGE_MAX, "%s", text);
}

static void look_at_oldest(const struct bs_core *core, const struct bs_partition *partition,
                           struct bs_view *view)
{
    const struct bs_link *first = bs_list_first(&partition->unpublished);
    if (first == NULL) {
        return;
    }
    const struct bs_operation *operation =
        BS_CONTAINER_OF(first, const struct bs_operation, unpublished);
    double age = (double)(core->now.wall - operation->received) / 1000.0;
    if (view->oldest_operation.generation == 0 || age > view->oldest_operation_seconds) {
        view->oldest_operation = operation->self;
        view->oldest_operation_seconds = age > 0 ? age : 0;
    }
}

/* Of the lowest offset that was submitted: what stands still is left behind there. Before it are
 * only jobs that wait for their turn, of which there are few thousands. */
static void look_at_submitted(const struct bs_core *core, const struct bs_partition *partition,
                              struct bs_view *view)
{
    const struct bs_link *link = bs_list_first(&partition->unpublished);
    for (; link != NULL; link = bs_list_next(&partition->unpublished, link)) {
        const struct bs_operation *operation =
            BS_CONTAINER_OF(link, const struct bs_operation, unpublished);
        if (operation->accepted) {
            double age = (double)(core->now.wall - operation->submitted) / 1000.0;
            view->oldest_submitted_seconds =
                age > view->oldest_submitted_seconds ? age : view->oldest_submitted_seconds;
            return;
        }
    }
}

static void look_at_partitions(const struct bs_core *core, struct bs_view *view)
{
    char text[BS_MESSAGE_MAX];
    for (int32_t i = 0; i < core->partition_count; i++) {
        const struct bs_partition *partition = core->partitions[i];
        if (partition == NULL) {
            continue;
        }
        if (partition->state == BS_PARTITION_RESTORING) {
            (void)snprintf(text, sizeof text, "partition %d is being restored", partition->id);
            not_ready(view, BS_NOT_READY_RESTORING, text);
        }
        bool stopped = partition->state == BS_PARTITION_STOPPED ||
                       (partition->state == BS_PARTITION_SERVING && partition->intake_stopped);
        if (stopped) {
            (void)snprintf(text, sizeof text, "partition %d: %.300s", partition->id,
                           partition->reason == NULL ? "" : partition->reason);
            not_ready(view, BS_NOT_READY_PARTITION_STOPPED, text);
        }
        look_at_oldest(core, partition, view);
        look_at_submitted(core, partition, view);
        if (partition->state == BS_PARTITION_SERVING) {
            for (int kind = 0; kind < BS_QUOTA_KINDS; kind++) {
                view->quota_share[kind] +=
                    (double)bs_quota_share(core, (enum bs_quota_kind)kind, partition->id);
            }
        }
        view->partition_count += partition->state != BS_PARTITION_UNOWNED;
    }
}

/* What waited at a gate of the object store may be another worker's by now. */
static bool is_wanted(const struct bs_core *core, enum bs_gate_kind kind)
{
    const int64_t *by_state = core->operations.by_state;
    int64_t preparing = by_state[BS_OPERATION_NEW] + by_state[BS_OPERATION_PREPARING];
    int64_t finishing = by_state[BS_OPERATION_UNFINISHED] + by_state[BS_OPERATION_FINISHING];
    switch (kind) {
    case BS_GATE_READ:
        return preparing > 0;
    case BS_GATE_WRITE:
        return preparing + finishing > 0;
    case BS_GATE_DELETE:
        return finishing > 0;
    default:
        return true;
    }
}

static void look_at_reasons(const struct bs_core *core, struct bs_now now, struct bs_view *view)
{
    if (!core->group_joined) {
        not_ready(view, BS_NOT_READY_GROUP, "the consumer group is not joined yet");
    }
    if (core->stopping) {
        not_ready(view, BS_NOT_READY_STOPPING, "asked to stop");
    }
    for (int kind = 0; kind < BS_GATES; kind++) {
        if (bs_gate_tells(&core->gates[kind]) && is_wanted(core, (enum bs_gate_kind)kind)) {
            not_ready(view, core->gates[kind].reason, core->gates[kind].text);
        }
    }
    if (core->clock.off) {
        char text[BS_MESSAGE_MAX];
        (void)snprintf(text, sizeof text,
                       "this machine's clock differs from the service's by %lld s",
                       (long long)(bs_clock_error_ms(core) / 1000));
        not_ready(view, BS_NOT_READY_CLOCK, text);
    }
    char budget[BS_MESSAGE_MAX];
    if (bs_budget_tells(core, budget)) {
        not_ready(view, BS_NOT_READY_BUDGET, budget);
    }
    if (core->now.mono < core->publish.store_missing_until) {
        not_ready(
            view, BS_NOT_READY_TRANSCRIPT_STORE,
            "a result is too large for a message and could not be stored: it waits at the service");
    }
    bool slow = core->publish.under_way && now.mono - core->publish.started > SLOW_TRANSACTION_MS;
    bool lapsed = core->publish.lasted_ms >= core->options.lease_ms &&
                  (core->publish.under_way || bs_quota_reservation_wanted(core));
    if (core->publish.aborts >= 3 || slow || lapsed) {
        not_ready(view, BS_NOT_READY_KAFKA,
                  slow     ? "a transaction does not end"
                  : lapsed ? "transactions take so long that the right to send ends before them"
                           : core->publish.abort_text);
    }
}

void bs_core_view(const struct bs_core *core, struct bs_now now, struct bs_view *view)
{
    memset(view, 0, sizeof *view);
    const int64_t *by_state = core->operations.by_state;
    view->counters = &core->counters;
    view->preparing = by_state[BS_OPERATION_NEW] + by_state[BS_OPERATION_PREPARING];
    view->waiting = by_state[BS_OPERATION_WAITING];
    view->submitting = by_state[BS_OPERATION_SUBMITTING];
    view->running = by_state[BS_OPERATION_RUNNING];
    view->checking = by_state[BS_OPERATION_CHECKING];
    view->finishing = by_state[BS_OPERATION_UNFINISHED] + by_state[BS_OPERATION_FINISHING];
    view->ended = by_state[BS_OPERATION_ENDED];
    view->done = by_state[BS_OPERATION_DONE];
    view->remembered_ids = core->ids.count;
    view->memory_bytes = core->arena.used_bytes;
    view->results_expiring = core->operations.urgent.count;
    for (int kind = 0; kind < BS_QUOTA_KINDS; kind++) {
        view->quota_available[kind] = (double)bs_quota_available(core, (enum bs_quota_kind)kind);
    }
    bs_budget_view(core, view);
    look_at_partitions(core, view);
    look_at_reasons(core, now, view);
}

static const char *state_name(const struct bs_partition *partition)
{
    static const char *const names[] = {"unowned", "restoring", "serving", "draining", "stopped"};
    bool halted = partition->state == BS_PARTITION_SERVING && partition->intake_stopped;
    return halted ? "stopped" : names[partition->state];
}

void bs_core_view_partition(const struct bs_core *core, int32_t index,
                            struct bs_partition_view *view)
{
    memset(view, 0, sizeof *view);
    for (int32_t i = 0; i < core->partition_count; i++) {
        const struct bs_partition *partition = core->partitions[i];
        if (partition == NULL || partition->state == BS_PARTITION_UNOWNED || index-- > 0) {
            continue;
        }
        view->partition = partition->id;
        view->state = state_name(partition);
        view->watermark = partition->watermark;
        view->published = partition->published;
        view->position = partition->position;
        view->held = partition->operations;
        view->reason = partition->reason;
        return;
    }
}

int64_t bs_core_published(const struct bs_core *core, int32_t id)
{
    const struct bs_partition *partition = bs_partition_find(core, id);
    bool restored = partition != NULL && (partition->state == BS_PARTITION_SERVING ||
                                          partition->state == BS_PARTITION_DRAINING);
    return restored ? partition->published : -1;
}
