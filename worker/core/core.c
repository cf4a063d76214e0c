/* One step: an event is handled, then the stages run from the last to the first, so that room made
 * downstream is taken upstream at once. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/internal.h"

/* Waiting jobs hold memory and bring nothing: beyond this many, what is unread stays in Kafka. */
#define WAITING_AT_MOST 4096

struct bs_core *bs_core_create(const struct bs_core_options *options)
{
    struct bs_arena arena;
    bs_arena_init(&arena, options->memory_bytes);
    struct bs_core *core = bs_arena_take(&arena, sizeof *core);
    core->arena = arena;
    core->options = *options;
    core->random.state = options->random_seed;
    bs_operations_init(core);
    bs_ids_init(core);
    bs_quota_init(core);
    bs_counters_init(&core->counters);
    bs_list_init(&core->publish.dirty);
    bs_list_init(&core->publish.in_batch);
    core->publish.cut_at = core->publish.control_at = BS_NEVER;
    core->publish.limit = BS_BATCH_OPERATIONS;
    return core;
}

void bs_core_destroy(struct bs_core *core, void (*release)(void *payload))
{
    if (core == NULL) {
        return;
    }
    bs_operations_destroy(core, release);
    bs_ids_destroy(core);
    bs_partitions_destroy(core);
    bs_budget_destroy(core);
    struct bs_publish *publish = &core->publish;
    bs_arena_give_back(&core->arena, core->orphans, core->orphan_capacity * sizeof *core->orphans);
    bs_arena_give_back(&core->arena, publish->items,
                       publish->item_capacity * sizeof *publish->items);
    bs_arena_give_back(&core->arena, publish->writes,
                       publish->write_capacity * sizeof *publish->writes);
    bs_arena_give_back(&core->arena, publish->partitions,
                       publish->partition_capacity * sizeof *publish->partitions);
    for (size_t i = 0; i < core->notice_capacity; i++) {
        bs_arena_give_back(&core->arena, core->notices[i], sizeof **core->notices);
    }
    bs_arena_give_back(&core->arena, core->notices, core->notice_capacity * sizeof *core->notices);
    bs_arena_give_back(&core->arena, core->actions, core->action_capacity * sizeof *core->actions);
    struct bs_arena arena = core->arena;
    bs_arena_give_back(&arena, core, sizeof *core);
}

struct bs_action *bs_core_act(struct bs_core *core, enum bs_action_kind kind)
{
    BS_ROOM_FOR_ONE_MORE(core, core->actions, core->action_count, core->action_capacity);
    struct bs_action *action = &core->actions[core->action_count++];
    memset(action, 0, sizeof *action);
    action->kind = kind;
    return action;
}

static struct bs_notice *next_notice(struct bs_core *core)
{
    size_t old = core->notice_capacity;
    BS_ROOM_FOR_ONE_MORE(core, core->notices, core->notice_count, core->notice_capacity);
    for (size_t i = old; i < core->notice_capacity; i++) {
        core->notices[i] = bs_arena_take(&core->arena, sizeof **core->notices);
    }
    struct bs_notice *notice = core->notices[core->notice_count++];
    memset(notice, 0, sizeof *notice);
    return notice;
}

static void copy_text(char *to, size_t size, const char *from)
{
    (void)snprintf(to, size, "%s", from == NULL ? "" : from);
}

struct bs_notice *bs_core_notice(struct bs_core *core, enum bs_log_level level,
                                 const struct bs_operation *operation,
                                 const struct bs_answer *answer, const char *format, ...)
{
    struct bs_notice *notice = next_notice(core);
    notice->level = (int32_t)level;
    notice->partition = -1;
    notice->offset = -1;
    if (operation != NULL) {
        notice->partition = operation->partition;
        notice->offset = operation->offset;
        notice->operation = operation->self;
        copy_text(notice->operation_id, sizeof notice->operation_id, operation->operation_id);
    }
    if (answer != NULL) {
        copy_text(notice->client_request_id, sizeof notice->client_request_id,
                  answer->client_request_id);
        copy_text(notice->request_id, sizeof notice->request_id, answer->request_id);
        copy_text(notice->trace_id, sizeof notice->trace_id, answer->trace_id);
    }
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(notice->text, sizeof notice->text, format, arguments);
    va_end(arguments);
    bs_core_act(core, BS_ACTION_NOTICE)->notice = notice;
    return notice;
}

void bs_core_throttled(struct bs_core *core, enum bs_throttle_reason reason, bool throttled)
{
    bs_mono_ms *since = &core->throttled_since[reason];
    if (*since != 0) {
        core->counters.throttled_seconds[reason] += (double)(core->now.mono - *since) / 1000.0;
    }
    *since = throttled ? core->now.mono : 0;
}

static void handle(struct bs_core *core, const struct bs_event *event)
{
    switch (event->kind) {
    case BS_EVENT_TICK:
        bs_partitions_tick(core);
        break;
    case BS_EVENT_JOB:
        bs_intake_event(core, event);
        break;
    case BS_EVENT_SUBMITTED:
        bs_clock_answered(core, &event->request.answer);
        bs_submit_event(core, event);
        break;
    case BS_EVENT_CHECKED:
        bs_clock_answered(core, &event->request.answer);
        bs_check_event(core, event);
        break;
    case BS_EVENT_OBJECT:
        bs_object_event(core, event);
        break;
    case BS_EVENT_TRANSACTION:
        bs_publish_event(core, event);
        break;
    case BS_EVENT_CREDENTIALS:
        bs_gate_credentials(core, event->credentials);
        break;
    case BS_EVENT_GROUP:
        core->group_joined = event->group_joined;
        break;
    case BS_EVENT_DATE:
        bs_clock_event(core, event);
        break;
    case BS_EVENT_DIVIDED:
        bs_quota_divide(core, event->state_partitions);
        break;
    case BS_EVENT_BILLED:
        bs_budget_told(core, event);
        break;
    case BS_EVENT_STOP:
        core->stopping = true;
        bs_partitions_give_back_quota(core);
        break;
    default:
        bs_partitions_event(core, event);
        break;
    }
}

static bs_mono_ms next_deadline(const struct bs_core *core)
{
    if (core->more_to_do) {
        return core->now.mono;
    }
    bs_mono_ms deadline = bs_publish_deadline(core);
    const bs_mono_ms stages[] = {bs_finish_deadline(core), bs_check_deadline(core),
                                 bs_submit_deadline(core), bs_probe_deadline(core)};
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
        deadline = stages[i] < deadline ? stages[i] : deadline;
    }
    return deadline;
}

struct bs_step bs_core_step(struct bs_core *core, const struct bs_event *event)
{
    core->action_count = 0;
    core->notice_count = 0;
    core->now.wall = event->now.wall;
    if (event->now.mono > core->now.mono) {
        core->now.mono = event->now.mono;
    }
    bs_clock_step(core);
    bs_quota_step(core);
    bs_gates_step(core);
    handle(core, event);
    bs_operations_step(core);
    bs_publish_step(core);
    bs_finish_step(core);
    bs_check_step(core);
    bs_submit_step(core);
    bs_probe_step(core);
    bs_publish_hurry(core);
    bs_partitions_step(core);
    return (struct bs_step){.actions = core->actions,
                            .action_count = core->action_count,
                            .deadline = next_deadline(core)};
}

bool bs_core_wants_jobs(const struct bs_core *core)
{
    /* Done markers go when the watermark passes them, which may take the very job that is not
     * read yet: they must not keep it away. What they hold counts in the arena. */
    const int64_t *by_state = core->operations.by_state;
    int64_t in_flight = core->operations.count - by_state[BS_OPERATION_DONE];
    int64_t waiting = by_state[BS_OPERATION_NEW] + by_state[BS_OPERATION_PREPARING] +
                      by_state[BS_OPERATION_WAITING];
    return !core->stopping && in_flight < core->options.in_flight && waiting < WAITING_AT_MOST &&
           !bs_arena_full(&core->arena);
}

bool bs_core_serves(const struct bs_core *core, int32_t id)
{
    const struct bs_partition *partition = bs_partition_find(core, id);
    return partition != NULL && partition->state == BS_PARTITION_SERVING &&
           !partition->intake_stopped;
}

const struct bs_operation *bs_core_operation(const struct bs_core *core,
                                             struct bs_operation_ref ref)
{
    return bs_operation_by_ref(core, ref);
}
