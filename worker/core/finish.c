/* Finish: what the object store must do before a job's end is published.
 *
 * A result that fits no message is put there first, and held back until that has succeeded. The
 * staged copy of a recording is deleted; a crash before the publication has both done again. */
#include "core/internal.h"

/* A copy that cannot be deleted is left to a lifecycle rule: the result is worth more. While the
 * store answers nobody, one deletion at a time tries on behalf of all, and none waits for longer
 * than this. */
#define UNSTAGE_ATTEMPTS 6
#define UNSTAGE_LIMIT_MS (5 * 60 * (int64_t)1000)

/* By then the check that asks for a waiting result again has been sent. */
#define STORE_RETRY_LATE_MS (5 * 60 * (int64_t)1000)

static bool needs_the_store(const struct bs_operation *operation)
{
    return operation->store_wanted || operation->staged;
}

/* The service keeps it for three days. */
static void back_to_the_service(struct bs_core *core, struct bs_operation *operation,
                                const char *why)
{
    bs_operation_release_payload(core, operation);
    operation->store_wanted = operation->stored = false;
    core->publish.store_missing_until = core->now.mono + BS_STORE_RETRY_MS + STORE_RETRY_LATE_MS;
    bs_operation_move(core, operation, BS_OPERATION_RUNNING, core->now.mono + BS_STORE_RETRY_MS);
    bs_core_notice(core, BS_LOG_ERROR, operation, NULL, "the result waits at the service: %s", why);
}

void bs_finish(struct bs_core *core, struct bs_operation *operation)
{
    operation->object_attempts = 0;
    if (operation->store_wanted && !core->options.transcripts) {
        bs_finish_too_large(core, operation);
    } else if (operation->store_wanted && bs_arena_full(&core->arena)) {
        back_to_the_service(core, operation, "no memory to hold it until it is stored");
    } else if (needs_the_store(operation)) {
        bs_operation_move(core, operation, BS_OPERATION_UNFINISHED, core->now.mono);
    } else {
        bs_publish_end(core, operation);
    }
}

void bs_finish_too_large(struct bs_core *core, struct bs_operation *operation)
{
    if (!core->options.transcripts) {
        back_to_the_service(core, operation,
                            "it is too large for a message, and objects.transcripts names no "
                            "place for it");
    } else if (operation->stored) {
        back_to_the_service(core, operation,
                            "it is too large for a message even without its words");
    } else {
        operation->store_wanted = true;
        bs_operation_move(core, operation, BS_OPERATION_UNFINISHED, core->now.mono);
    }
}

static void leave_copy(struct bs_core *core, struct bs_operation *operation, const char *why)
{
    bs_core_notice(core, BS_LOG_WARN, operation, NULL, "the staged copy stays: %.300s",
                   why == NULL ? "" : why);
    operation->staged = false;
    bs_finish(core, operation);
}

static bool waited_enough(const struct bs_core *core, const struct bs_operation *operation)
{
    bool closed = core->gates[BS_GATE_DELETE].level > 0;
    return closed && (core->now.wall - operation->detected >= UNSTAGE_LIMIT_MS ||
                      bs_arena_full(&core->arena));
}

static void unstage_step(struct bs_core *core)
{
    struct bs_operation *operation;
    while (!core->stopping &&
           (operation = bs_operation_first_due(core, &core->operations.unstages)) != NULL) {
        if (waited_enough(core, operation)) {
            leave_copy(core, operation, core->gates[BS_GATE_DELETE].text);
        } else if (bs_object_allowed(core, BS_OBJECT_UNSTAGE)) {
            bs_object_begin(core, operation, BS_OPERATION_FINISHING, BS_OBJECT_UNSTAGE);
        } else {
            break;
        }
    }
}

static void store_step(struct bs_core *core)
{
    struct bs_operation *operation;
    while (bs_object_allowed(core, BS_OBJECT_STORE) &&
           (operation = bs_operation_first_due(core, &core->operations.stores)) != NULL) {
        bs_object_begin(core, operation, BS_OPERATION_FINISHING, BS_OBJECT_STORE);
    }
}

void bs_finish_step(struct bs_core *core)
{
    unstage_step(core);
    store_step(core);
}

bs_mono_ms bs_finish_deadline(const struct bs_core *core)
{
    bs_mono_ms unstage = bs_object_next(core, BS_OBJECT_UNSTAGE, &core->operations.unstages);
    bs_mono_ms store = bs_object_next(core, BS_OBJECT_STORE, &core->operations.stores);
    return unstage < store ? unstage : store;
}

/* ---- answers ---- */

static void stored(struct bs_core *core, struct bs_operation *operation,
                   const struct bs_object_answer *answer)
{
    bs_operation_release_payload(core, operation);
    operation->payload = answer->payload;
    operation->payload_size = answer->payload_size;
    bs_arena_charge(&core->arena, answer->payload_size);
    operation->store_wanted = false;
    operation->stored = true;
    core->publish.store_missing_until = 0;
    bs_finish(core, operation);
}

static void store_answered(struct bs_core *core, struct bs_operation *operation,
                           const struct bs_object_answer *answer)
{
    const char *message = answer->message == NULL ? "" : answer->message;
    if (answer->outcome == BS_OBJECT_DONE) {
        stored(core, operation, answer);
    } else if (answer->outcome == BS_OBJECT_REFUSED || bs_arena_full(&core->arena)) {
        back_to_the_service(core, operation, message);
    } else {
        bs_core_notice(core, BS_LOG_WARN, operation, NULL,
                       "the transcript could not be stored, to be repeated: %.300s", message);
        bs_object_again(core, operation, BS_OPERATION_UNFINISHED);
    }
}

static void unstage_answered(struct bs_core *core, struct bs_operation *operation,
                             const struct bs_object_answer *answer)
{
    bool again =
        answer->outcome == BS_OBJECT_TEMPORARY && operation->object_attempts < UNSTAGE_ATTEMPTS;
    if (again) {
        bs_object_again(core, operation, BS_OPERATION_UNFINISHED);
        return;
    }
    if (answer->outcome != BS_OBJECT_DONE) {
        leave_copy(core, operation, answer->message);
        return;
    }
    operation->staged = false;
    bs_finish(core, operation);
}

void bs_finish_answered(struct bs_core *core, struct bs_operation *operation,
                        enum bs_object_work work, const struct bs_object_answer *answer)
{
    if (work == BS_OBJECT_STORE) {
        store_answered(core, operation, answer);
    } else {
        unstage_answered(core, operation, answer);
    }
}
