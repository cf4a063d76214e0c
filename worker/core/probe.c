/* Probe: what the recording is, whether the API would take it, and what makes it acceptable.
 *
 * A look comes before money: what the API would refuse is a dead letter that cost nothing. A
 * recording that the API takes only without its header is staged: copied, and the copy deleted when
 * the job ends (finish.c). Both happen shortly before the submission, in the order of the jobs. */
#include "core/internal.h"

#define PREPARED_AHEAD_LEAST 16
/* The object store answers for other recordings meanwhile: this one is at fault. For a while after
 * a role was given that may be chance. */
#define DENIED_ATTEMPTS 8  /* in one to two minutes */
#define FAILED_ATTEMPTS 20 /* in about an hour */

void bs_probe_take(struct bs_core *core, struct bs_operation *operation)
{
    bs_operation_move(core, operation,
                      operation->probe_wanted ? BS_OPERATION_NEW : BS_OPERATION_WAITING,
                      core->now.mono);
}

/* As many as the next moments submit: staged copies take room. */
static bool far_enough_ahead(const struct bs_core *core)
{
    int64_t enough = (int64_t)core->options.connections * 2;
    return core->operations.prepared + core->operations.by_state[BS_OPERATION_PREPARING] >=
           (enough < PREPARED_AHEAD_LEAST ? PREPARED_AHEAD_LEAST : enough);
}

static void step(struct bs_core *core, enum bs_object_work work, struct bs_schedule *schedule)
{
    while (bs_object_allowed(core, work) && !far_enough_ahead(core)) {
        struct bs_operation *operation = bs_operation_first_due(core, schedule);
        if (operation == NULL) {
            break;
        }
        if (!bs_submit_too_late(core, operation, BS_STAGE_PROBE)) {
            bs_object_begin(core, operation, BS_OPERATION_PREPARING, work);
        }
    }
}

/* What was looked into goes on to be staged before others are looked into. */
void bs_probe_step(struct bs_core *core)
{
    step(core, BS_OBJECT_STAGE, &core->operations.stages);
    step(core, BS_OBJECT_PROBE, &core->operations.probes);
}

bs_mono_ms bs_probe_deadline(const struct bs_core *core)
{
    if (far_enough_ahead(core)) {
        return BS_NEVER;
    }
    bs_mono_ms stage = bs_object_next(core, BS_OBJECT_STAGE, &core->operations.stages);
    bs_mono_ms probe = bs_object_next(core, BS_OBJECT_PROBE, &core->operations.probes);
    return stage < probe ? stage : probe;
}

/* ---- answers ---- */

static void prepared(struct bs_core *core, struct bs_operation *operation, enum bs_object_work work,
                     const struct bs_object_answer *answer)
{
    operation->object_attempts = operation->denials = 0;
    operation->probe_wanted = false;
    if (answer->job != NULL) {
        bs_operation_set_job(core, operation, answer->job, answer->job_size);
        operation->audio_seconds = (float)answer->audio_seconds;
        operation->channels = (uint16_t)(answer->channels < 1 ? 1 : answer->channels);
    }
    operation->stage_wanted = work == BS_OBJECT_PROBE && answer->stage_wanted;
    operation->staged = operation->staged || operation->stage_wanted;
    bs_operation_move(core, operation,
                      operation->stage_wanted ? BS_OPERATION_NEW : BS_OPERATION_WAITING,
                      core->now.mono);
}

static void refused(struct bs_core *core, struct bs_operation *operation,
                    enum bs_dead_letter_code code, const char *message)
{
    operation->object_attempts = 0;
    bs_publish_dead_letter(core, operation, BS_STAGE_PROBE, code, message);
}

void bs_probe_answered(struct bs_core *core, struct bs_operation *operation,
                       enum bs_object_work work, const struct bs_object_answer *answer)
{
    bool its_own = false;
    switch (answer->outcome) {
    case BS_OBJECT_DONE:
        prepared(core, operation, work, answer);
        return;
    case BS_OBJECT_REFUSED:
        refused(core, operation, answer->refusal, answer->message);
        return;
    case BS_OBJECT_DENIED:
        its_own = answer->alone;
        operation->denials = its_own ? operation->denials + 1 : 0;
        if (operation->denials >= DENIED_ATTEMPTS) {
            refused(core, operation, BS_DEAD_AUDIO_FORBIDDEN, answer->message);
            return;
        }
        break;
    case BS_OBJECT_TEMPORARY:
        its_own = answer->alone ||
                  core->gates[work == BS_OBJECT_PROBE ? BS_GATE_READ : BS_GATE_WRITE].level == 0;
        if (its_own && operation->object_attempts >= FAILED_ATTEMPTS) {
            refused(core, operation, BS_DEAD_UNEXPECTED_RESPONSE, answer->message);
            return;
        }
        break;
    case BS_OBJECT_OUTCOMES:
        BS_ASSERT(false);
    }
    if (!its_own) {
        operation->object_attempts--; /* an outage is nothing that the recording has failed in */
    }
    bs_core_notice(core, BS_LOG_DEBUG, operation, NULL, "%s to be repeated: %.300s",
                   bs_object_work_name(work), answer->message == NULL ? "" : answer->message);
    bs_object_again(core, operation, BS_OPERATION_NEW);
}
