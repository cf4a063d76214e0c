/* Submit: when the next recording may be submitted, and what its answer means.
 *
 * A submission costs money. One whose answer was lost may have been accepted, and there is no way
 * to ask: it is counted as unknown, told with its request id, and repeated or given to a person. */
#include <stdio.h>
#include <string.h>

#include "core/internal.h"

#define LONGEST_BACKOFF_MS (5 * 60 * (int64_t)1000)
#define OVER_BUDGET_WAIT_MS                                                                        \
    2000                         /* until what is too long for the rest of it is looked at again   \
                                  */
#define SET_ASIDE_AT_A_TIME 1000 /* in less than a millisecond */
/* Submissions that are reserved of the budget at a time: a kill loses no more. */
#define OF_BUDGET_AT_A_TIME     8
#define ID_ENDING_WAIT_MS       50 /* until the end of the same id's former job is committed */
#define GRPC_OK_TO_REFUSE_ALONE 3  /* INVALID_ARGUMENT: the request or the audio is wrong */

int64_t bs_submit_billed(const struct bs_operation *operation)
{
    bool known = operation->audio_seconds > 0;
    return bs_billed_seconds(known ? (double)operation->audio_seconds : 1.0, operation->channels);
}

/* Checks and submissions share the connections; neither may take all while the other has work. What
 * was accepted and is not recorded yet counts as well: a worker that is killed has no more than
 * `connections` submissions repeated, however fast the service answers. */
static bool connection_free(const struct bs_core *core)
{
    int32_t all = core->options.connections;
    int32_t under_way = core->submits_under_way + core->checks_under_way;
    int32_t most = all - (core->operations.by_state[BS_OPERATION_RUNNING] > 0 ? all / 4 : 0);
    return under_way < all && core->submits_under_way + core->at_risk < most;
}

static bool tokens_at_hand(const struct bs_core *core, const struct bs_operation *operation)
{
    return bs_quota_usable(core, BS_QUOTA_SUBMISSIONS) > 0 &&
           bs_quota_usable(core, BS_QUOTA_BILLED_SECONDS) >= bs_submit_billed(operation) &&
           bs_quota_usable(core, BS_QUOTA_BUDGET) >= bs_submit_billed(operation);
}

/* False: the quota is spent. */
static bool quota_free(const struct bs_core *core, const struct bs_operation *operation)
{
    return bs_quota_available(core, BS_QUOTA_SUBMISSIONS) > 0 &&
           bs_quota_available(core, BS_QUOTA_BILLED_SECONDS) >= bs_submit_billed(operation);
}

static struct bs_operation *first_due(const struct bs_core *core)
{
    struct bs_operation *operation = bs_schedule_first(core, &core->operations.waiting);
    return operation != NULL && operation->due <= core->now.mono ? operation : NULL;
}

int64_t bs_submit_need(const struct bs_core *core, enum bs_quota_kind kind)
{
    const struct bs_operation *operation = first_due(core);
    if (operation == NULL || bs_gate_width(core, BS_GATE_SUBMIT) == 0) {
        return 0;
    }
    return kind == BS_QUOTA_SUBMISSIONS ? 1 : bs_submit_billed(operation);
}

int64_t bs_submit_demand(const struct bs_core *core, enum bs_quota_kind kind)
{
    if (first_due(core) == NULL) {
        return 0;
    }
    const struct bs_schedule *waiting = &core->operations.waiting;
    int64_t count = bs_gate_width(core, BS_GATE_SUBMIT);
    int64_t few = bs_quota_few(core, BS_QUOTA_SUBMISSIONS);
    count = count < (int64_t)waiting->count ? count : (int64_t)waiting->count;
    count = count < few ? count : few;
    if (core->options.budget_seconds > 0 && count > OF_BUDGET_AT_A_TIME) {
        count = OF_BUDGET_AT_A_TIME;
    }
    if (kind == BS_QUOTA_SUBMISSIONS) {
        return count;
    }
    int64_t sum = 0;
    for (int64_t i = 0; i < count; i++) {
        const struct bs_operation *next = bs_operation_at(core, waiting->entries[i].slot);
        sum += bs_budget_allows(core, next) ? bs_submit_billed(next) : 0;
    }
    return sum;
}

static void send(struct bs_core *core, struct bs_operation *operation)
{
    struct bs_partition *partition = bs_partition_find(core, operation->partition);
    bs_operation_move(core, operation, BS_OPERATION_SUBMITTING, BS_NEVER);
    operation->number++;
    operation->attempts++;
    core->submits_under_way++;
    bs_mono_ms until = BS_NEVER;
    bs_quota_spend(core, BS_QUOTA_SUBMISSIONS, partition, 1, &until);
    bs_quota_spend(core, BS_QUOTA_BILLED_SECONDS, partition, bs_submit_billed(operation), &until);
    bs_quota_spend(core, BS_QUOTA_BUDGET, partition, bs_submit_billed(operation), &until);
    struct bs_action *action = bs_core_act(core, BS_ACTION_SUBMIT);
    action->send_before = until;
    action->operation = operation;
    action->operation_epoch = partition->epoch;
}

bool bs_submit_too_late(struct bs_core *core, struct bs_operation *operation, enum bs_stage stage)
{
    bool late = operation->deadline != 0 && operation->deadline <= core->now.wall &&
                operation->submissions == 0;
    if (late) {
        bs_publish_dead_letter(core, operation, stage, BS_DEAD_JOB_DEADLINE_PASSED,
                               "the job's deadline passed before it was submitted");
    }
    return late;
}

/* What is longer than the rest of the budget lets shorter ones pass, and waits its turn again. */
static void set_over_budget_aside(struct bs_core *core)
{
    for (int i = 0; i < SET_ASIDE_AT_A_TIME && !core->stopping; i++) {
        struct bs_operation *operation = bs_operation_first_due(core, &core->operations.waiting);
        if (operation == NULL || bs_budget_allows(core, operation)) {
            break;
        }
        if (!bs_submit_too_late(core, operation, BS_STAGE_SUBMIT)) {
            bs_operation_wait(core, operation, core->now.mono + OVER_BUDGET_WAIT_MS);
        }
    }
}

void bs_submit_step(struct bs_core *core)
{
    bool throttled = false;
    int sent = 0;
    set_over_budget_aside(core);
    while (sent < BS_SENT_AT_A_TIME && !core->stopping && bs_gate_allows(core, BS_GATE_SUBMIT) &&
           connection_free(core)) {
        struct bs_operation *operation = bs_operation_first_due(core, &core->operations.waiting);
        if (operation == NULL) {
            break;
        }
        if (bs_submit_too_late(core, operation, BS_STAGE_SUBMIT)) {
            continue;
        }
        if (operation->id_given && bs_operation_id_ending(core, operation)) {
            bs_operation_move(core, operation, BS_OPERATION_WAITING,
                              core->now.mono + ID_ENDING_WAIT_MS);
            continue;
        }
        if (!bs_budget_allows(core, operation)) {
            break; /* the next step sets it aside */
        }
        if (!tokens_at_hand(core, operation)) {
            throttled = !quota_free(core, operation);
            break;
        }
        send(core, operation);
        sent++;
    }
    bs_core_throttled(core, BS_THROTTLE_QUOTA, throttled);
}

bs_mono_ms bs_submit_deadline(const struct bs_core *core)
{
    const struct bs_operation *operation = bs_schedule_first(core, &core->operations.waiting);
    if (operation == NULL || core->stopping || !connection_free(core)) {
        return BS_NEVER;
    }
    bs_mono_ms open = bs_gate_next(core, BS_GATE_SUBMIT);
    bs_mono_ms due = operation->due > open ? operation->due : open;
    if (due > core->now.mono || tokens_at_hand(core, operation)) {
        return due;
    }
    if (quota_free(core, operation)) {
        return bs_quota_reservation_at(core);
    }
    bs_mono_ms submissions = bs_quota_next(core, BS_QUOTA_SUBMISSIONS);
    bs_mono_ms billed = bs_quota_next(core, BS_QUOTA_BILLED_SECONDS);
    return submissions < billed ? submissions : billed;
}

void bs_submit_again(struct bs_core *core, struct bs_operation *operation, int64_t delay_ms)
{
    int64_t backoff_ms = bs_backoff_ms(core, operation->attempts, LONGEST_BACKOFF_MS);
    bool prepare = operation->probe_wanted || operation->stage_wanted;
    bs_operation_move(core, operation, prepare ? BS_OPERATION_NEW : BS_OPERATION_WAITING,
                      core->now.mono + (delay_ms > backoff_ms ? delay_ms : backoff_ms));
}

/* ---- answers ---- */

/* The service works on it: from here on it must not be forgotten. */
static void taken(struct bs_core *core, struct bs_operation *operation,
                  const struct bs_answer *answer, bs_wall_ms sent)
{
    bs_operation_set_operation_id(core, operation, answer->operation_id);
    operation->submissions++;
    operation->attempts = 0;
    operation->checks = 0;
    operation->odd_answers = 0;
    operation->submitted = sent;
    operation->created = answer->created;
    operation->modified = answer->modified;
    bs_operation_move(core, operation, BS_OPERATION_RUNNING,
                      answer->kind == BS_ANSWER_DONE ? core->now.mono
                                                     : bs_check_due(core, operation, 0));
    bs_publish_record(core, operation);
    bs_operation_set_at_risk(core, operation, true);
}

static void accepted(struct bs_core *core, struct bs_operation *operation,
                     const struct bs_answer *answer, bs_wall_ms sent)
{
    core->counters.submissions[BS_SUBMISSION_ACCEPTED]++;
    core->refusals = 0;
    core->breaker_open = false;
    bs_gate_success(core, BS_GATE_SUBMIT);
    taken(core, operation, answer, sent);
    bs_core_notice(core, BS_LOG_DEBUG, operation, answer, "accepted");
    if (answer->kind == BS_ANSWER_FAILED) {
        bs_check_failed(core, operation, answer);
    }
}

static void unknown(struct bs_core *core, struct bs_operation *operation,
                    const struct bs_answer *answer)
{
    core->counters.submissions[BS_SUBMISSION_UNKNOWN]++;
    operation->submissions_unknown++;
    bs_gate_failure(core, BS_GATE_SUBMIT, answer);
    const char *message = answer->message == NULL ? "its answer was lost" : answer->message;
    bs_core_notice(core, BS_LOG_WARN, operation, answer,
                   "submission unknown: it may have been accepted and paid: %.200s", message);
    if (core->options.dead_letter_unknown_submissions) {
        bs_publish_dead_letter(core, operation, BS_STAGE_SUBMIT, BS_DEAD_SUBMISSION_UNKNOWN,
                               message);
    } else {
        bs_submit_again(core, operation, answer->retry_after_ms);
    }
}

/* The breaker: a wrong setting must not empty the archive into dead letters. True when this refusal
 * is held back rather than believed. */
static bool breaker_holds(struct bs_core *core, const struct bs_answer *answer)
{
    if (answer->grpc_code != core->refusal_code) {
        core->refusals = 0;
        core->refusal_code = answer->grpc_code;
    }
    core->refusals++;
    bool held = core->breaker_open;
    if (core->refusals >= core->options.refusals_in_a_row) {
        core->breaker_open = true;
        bs_gate_close(core, BS_GATE_SUBMIT, BS_NOT_READY_REFUSALS, 0, answer);
    }
    return held;
}

static void refused(struct bs_core *core, struct bs_operation *operation,
                    const struct bs_answer *answer)
{
    core->counters.submissions[BS_SUBMISSION_REFUSED]++;
    if (breaker_holds(core, answer)) {
        bs_submit_again(core, operation, 0); /* behind the others: the next try is another's */
        return;
    }
    core->gates[BS_GATE_SUBMIT].failures = 0;
    bool argument = answer->grpc_code == GRPC_OK_TO_REFUSE_ALONE;
    char text[BS_MESSAGE_MAX];
    (void)snprintf(text, sizeof text, "the API refused it (code %d, HTTP %d): %.300s",
                   answer->grpc_code, answer->http_status,
                   answer->message == NULL ? "" : answer->message);
    bs_publish_dead_letter(core, operation, BS_STAGE_SUBMIT,
                           argument ? BS_DEAD_INVALID_ARGUMENT : BS_DEAD_UNEXPECTED_RESPONSE, text);
}

static void answered(struct bs_core *core, struct bs_operation *operation,
                     const struct bs_answer *answer, bs_wall_ms sent)
{
    switch (answer->kind) {
    case BS_ANSWER_RUNNING:
    case BS_ANSWER_DONE:
    case BS_ANSWER_FAILED:
        accepted(core, operation, answer, sent);
        return;
    case BS_ANSWER_UNREADABLE:
    case BS_ANSWER_LOST:
        unknown(core, operation, answer);
        return;
    case BS_ANSWER_ERROR:
    case BS_ANSWER_NOT_SENT:
    case BS_ANSWER_NO_CREDENTIALS:
        break;
    }
    /* Not accepted, so not billed; the service's quotas may count it nevertheless. */
    bs_budget_give_back(core, operation);
    if (bs_gate_answer(core, BS_GATE_SUBMIT, answer)) {
        core->counters.submissions[BS_SUBMISSION_RETRIED]++;
        bs_core_notice(core, BS_LOG_DEBUG, operation, answer, "submission to be repeated: %.200s",
                       answer->message == NULL ? "" : answer->message);
        bs_submit_again(core, operation, answer->retry_after_ms);
        return;
    }
    refused(core, operation, answer);
}

void bs_submit_adopt(struct bs_core *core, struct bs_operation *operation,
                     const struct bs_orphan *orphan)
{
    struct bs_answer answer = {.kind = BS_ANSWER_RUNNING,
                               .operation_id = orphan->operation_id,
                               .created = orphan->created,
                               .modified = orphan->modified};
    operation->number = orphan->number;
    operation->staged = core->options.staging; /* it may have been; nobody knows any more */
    taken(core, operation, &answer, orphan->submitted);
    bs_core_notice(core, BS_LOG_INFO, operation, NULL,
                   "adopted: submitted before its partition was lost");
}

/* The partition was lost while the request was under way. An operation that came of it is adopted
 * as soon as the job is ours again, unless it has been submitted since. */
static void late(struct bs_core *core, const struct bs_event *event)
{
    const struct bs_answer *answer = &event->request.answer;
    if (answer->kind == BS_ANSWER_LOST || answer->kind == BS_ANSWER_UNREADABLE) {
        core->counters.submissions[BS_SUBMISSION_UNKNOWN]++;
        struct bs_notice *notice =
            bs_core_notice(core, BS_LOG_WARN, NULL, answer,
                           "submission unknown: no answer, and its partition was lost");
        notice->partition = event->request.partition;
        notice->offset = event->request.offset;
        return;
    }
    bool accepted_late = answer->kind == BS_ANSWER_RUNNING || answer->kind == BS_ANSWER_DONE ||
                         answer->kind == BS_ANSWER_FAILED;
    if (!accepted_late || answer->operation_id == NULL) {
        return;
    }
    core->counters.submissions[BS_SUBMISSION_ACCEPTED]++;
    struct bs_orphan orphan = {.partition = event->request.partition,
                               .offset = event->request.offset,
                               .number = event->request.number,
                               .submitted = event->request.sent,
                               .created = answer->created,
                               .modified = answer->modified};
    (void)snprintf(orphan.operation_id, sizeof orphan.operation_id, "%s", answer->operation_id);
    bs_adoption_offer(core, &orphan);
    struct bs_partition *partition = bs_partition_find(core, orphan.partition);
    bool ours = partition != NULL && partition->state == BS_PARTITION_SERVING;
    if (!ours || orphan.offset >= partition->position) {
        return; /* it may still be read again */
    }
    struct bs_operation *operation = bs_operation_by_offset(core, orphan.partition, orphan.offset);
    bool untouched =
        operation != NULL && operation->number == 0 && !operation->recorded &&
        (operation->state == BS_OPERATION_NEW || operation->state == BS_OPERATION_PREPARING ||
         operation->state == BS_OPERATION_WAITING);
    if (untouched && bs_adoption_take(core, orphan.partition, orphan.offset, &orphan)) {
        bs_submit_adopt(core, operation, &orphan);
    } else {
        bs_adoption_answered(core, orphan.partition, orphan.offset);
    }
}

void bs_submit_event(struct bs_core *core, const struct bs_event *event)
{
    core->submits_under_way--;
    BS_ASSERT(core->submits_under_way >= 0);
    struct bs_operation *operation = bs_operation_by_ref(core, event->request.operation);
    if (operation == NULL || operation->state != BS_OPERATION_SUBMITTING) {
        late(core, event);
        return;
    }
    answered(core, operation, &event->request.answer, event->request.sent);
}
