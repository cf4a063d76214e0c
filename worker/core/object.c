/* What the object store is asked for: how much at a time, and what its failures mean for all. */
#include "core/internal.h"

#define LONGEST_BACKOFF_MS (5 * 60 * (int64_t)1000)

static enum bs_gate_kind gate_of(enum bs_object_work work)
{
    return work == BS_OBJECT_PROBE     ? BS_GATE_READ
           : work == BS_OBJECT_UNSTAGE ? BS_GATE_DELETE
                                       : BS_GATE_WRITE;
}

/* Looks are short; a copy may take minutes, and must not keep the others from their turn. */
static int32_t at_most(const struct bs_core *core, enum bs_object_work work)
{
    int32_t all = core->options.object_tasks;
    int32_t part = work == BS_OBJECT_PROBE ? all / 2 : all / 4;
    return part < 1 ? 1 : part;
}

bool bs_object_allowed(const struct bs_core *core, enum bs_object_work work)
{
    return !core->stopping && core->objects_under_way[work] < at_most(core, work) &&
           bs_gate_allows(core, gate_of(work));
}

bs_mono_ms bs_object_next(const struct bs_core *core, enum bs_object_work work,
                          const struct bs_schedule *schedule)
{
    const struct bs_operation *first = bs_schedule_first(core, schedule);
    if (first == NULL || core->stopping || core->objects_under_way[work] >= at_most(core, work)) {
        return BS_NEVER;
    }
    bs_mono_ms open = bs_gate_next(core, gate_of(work));
    return first->due > open ? first->due : open;
}

void bs_object_begin(struct bs_core *core, struct bs_operation *operation,
                     enum bs_operation_state state, enum bs_object_work work)
{
    bs_operation_move(core, operation, state, BS_NEVER);
    if (operation->object_attempts < UINT16_MAX) {
        operation->object_attempts++;
    }
    core->objects_under_way[work]++;
    struct bs_action *action = bs_core_act(core, BS_ACTION_OBJECT);
    action->operation = operation;
    action->operation_epoch = operation->epoch;
    action->work = work;
}

void bs_object_again(struct bs_core *core, struct bs_operation *operation,
                     enum bs_operation_state state)
{
    bs_operation_move(core, operation, state,
                      core->now.mono +
                          bs_backoff_ms(core, operation->object_attempts, LONGEST_BACKOFF_MS));
}

static void tell_gate(struct bs_core *core, enum bs_object_work work,
                      const struct bs_object_answer *answer)
{
    struct bs_answer told = {.message = answer->message};
    enum bs_gate_kind gate = gate_of(work);
    bool refused = answer->outcome == BS_OBJECT_DENIED;
    if (answer->alone) {
        return; /* it says nothing of the others */
    }
    if (answer->outcome == BS_OBJECT_TEMPORARY) {
        bs_gate_failure(core, gate, &told);
    } else if (refused && gate != BS_GATE_DELETE) {
        bs_gate_close(core, gate,
                      gate == BS_GATE_READ ? BS_NOT_READY_RECORDINGS : BS_NOT_READY_STORE, 0,
                      &told);
    } else {
        bs_gate_success(core, gate); /* a deletion that is refused is only told */
    }
}

static bool awaits(const struct bs_operation *operation, enum bs_object_work work)
{
    switch (operation->state) {
    case BS_OPERATION_PREPARING:
        return work == (operation->probe_wanted ? BS_OBJECT_PROBE : BS_OBJECT_STAGE);
    case BS_OPERATION_FINISHING:
        return work == (operation->store_wanted ? BS_OBJECT_STORE : BS_OBJECT_UNSTAGE);
    default:
        return false;
    }
}

void bs_object_event(struct bs_core *core, const struct bs_event *event)
{
    enum bs_object_work work = event->object.work;
    const struct bs_object_answer *answer = &event->object.answer;
    core->objects_under_way[work]--;
    BS_ASSERT(core->objects_under_way[work] >= 0);
    core->counters.objects[work][answer->outcome]++;
    tell_gate(core, work, answer);
    struct bs_operation *operation = bs_operation_by_ref(core, event->object.operation);
    if (operation != NULL && !awaits(operation, work)) {
        operation = NULL; /* it was adopted meanwhile, and is elsewhere by now */
    }
    if (operation != NULL && operation->state == BS_OPERATION_PREPARING) {
        bs_probe_answered(core, operation, work, answer);
    } else if (operation != NULL) {
        bs_finish_answered(core, operation, work, answer);
    } else if (answer->payload != NULL) {
        bs_core_act(core, BS_ACTION_RELEASE_PAYLOAD)->payload = answer->payload;
    }
}
