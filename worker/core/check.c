/* Check: when which operation is asked about, and what its answer means. */
#include <stdio.h>
#include <string.h>

#include "core/internal.h"

#define SECOND_MS   ((int64_t)1000)
#define MINUTE_MS   (60 * SECOND_MS)
#define HOUR_MS     (60 * MINUTE_MS)
#define YOUNG_MS    (10 * MINUTE_MS) /* an operation so young may be not found yet */
#define OLD_MS      (48 * HOUR_MS)   /* results are kept for 72 hours from a moment nobody tells */
#define URGENT_MS   (5 * MINUTE_MS)
#define ANSWERED_MS (5 * SECOND_MS) /* a check has its answer, and this its transaction */
/* Of two clocks, each in whole milliseconds, one may say that a moment has come before the other.
 */
#define EARLY_MS                 100
#define LONGEST_BACKOFF_MS       MINUTE_MS
#define NOT_FOUND_CONFIRMATIONS  3
#define UNREADABLE_CONFIRMATIONS 8
#define GRPC_NOT_FOUND           5
#define GRPC_PERMISSION_DENIED   7
#define GRPC_UNAUTHENTICATED     16

/* Since when the service works on it, by our own clock. */
static int64_t age_ms(const struct bs_core *core, const struct bs_operation *operation)
{
    int64_t age = core->now.wall - operation->submitted;
    return age < 0 ? 0 : age;
}

/* How long the service is likely to take. */
static int64_t expected_ms(const struct bs_core *core, const struct bs_operation *operation)
{
    if (operation->deferred) {
        return HOUR_MS; /* done at a quiet time within 24 hours */
    }
    double seconds = core->options.check_first_guess_seconds;
    if (operation->audio_seconds > 0) {
        seconds = (double)operation->audio_seconds / 60.0 * operation->channels *
                  core->options.check_seconds_per_audio_minute;
    }
    int64_t expected = (int64_t)(seconds * 1000.0);
    return expected < SECOND_MS ? SECOND_MS : expected;
}

/* 0 <= result < bound: the same for every worker that ever owns the operation. */
static int64_t jitter(const struct bs_operation *operation, uint64_t check, int64_t bound)
{
    uint64_t seed = ((uint64_t)(uint32_t)operation->partition << 40) ^ (uint64_t)operation->offset;
    return (int64_t)(bs_mix64(bs_mix64(seed + operation->number) + check) % (uint64_t)bound);
}

/* The first check comes when the operation is likely done, each later one after a quarter of its
 * age more: the delay of detection stays a fraction of the duration, and the number of checks grows
 * only with its logarithm. Results that may expire soon are asked for often, before all others.
 * All of it follows from the moment of submission: a new owner goes on where the last one was, and
 * a handover costs no checks. */
bs_mono_ms bs_check_due(const struct bs_core *core, struct bs_operation *operation,
                        bs_wall_ms asked_until)
{
    int64_t expected = expected_ms(core, operation);
    int64_t longest = operation->deferred ? 2 * HOUR_MS : 15 * MINUTE_MS;
    int64_t shortest = expected / 4 < 2 * SECOND_MS ? 2 * SECOND_MS : expected / 4;
    int64_t asked = (asked_until < core->now.wall ? asked_until : core->now.wall) -
                    operation->submitted + EARLY_MS;
    int64_t at = expected + jitter(operation, 0, expected / 10 + 1);
    int64_t step = at;
    for (uint64_t check = 1; at <= asked && at < OLD_MS; check++) {
        int64_t interval = at / 4 < shortest ? shortest : at / 4;
        interval = interval > longest ? longest : interval;
        step = interval * 85 / 100 + jitter(operation, check, interval * 30 / 100 + 1);
        at += step;
    }
    if (at <= asked) {
        step = URGENT_MS;
        at += ((asked - at) / step + 1) * step;
    }
    operation->urgent = age_ms(core, operation) >= OLD_MS;
    int64_t wait = operation->submitted + at - core->now.wall;
    return core->now.mono + (wait < step ? wait : step); /* our clock may have been set back */
}

/* When the operation that is due first is due, or was. */
static bs_mono_ms next_due(const struct bs_core *core)
{
    const struct bs_operation *urgent = bs_schedule_first(core, &core->operations.urgent);
    const struct bs_operation *usual = bs_schedule_first(core, &core->operations.checks);
    bs_mono_ms due = urgent == NULL ? BS_NEVER : urgent->due;
    return usual != NULL && usual->due < due ? usual->due : due;
}

void bs_check_note_asked(const struct bs_core *core, struct bs_partition *partition)
{
    if (partition->take_up_cursor != NULL) {
        return; /* not all are scheduled yet, by the former owner's */
    }
    bs_mono_ms due = next_due(core);
    due = due < core->now.mono ? due : core->now.mono;
    partition->control.asked_until = core->now.wall - (core->now.mono - due) - ANSWERED_MS;
}

/* ---- sending ---- */

static bool connection_free(const struct bs_core *core)
{
    int32_t all = core->options.connections;
    int32_t under_way = core->submits_under_way + core->checks_under_way;
    int32_t most = all - (core->operations.by_state[BS_OPERATION_WAITING] > 0 ? all / 4 : 0);
    return under_way < all && core->checks_under_way < most;
}

static struct bs_operation *first_due(struct bs_core *core)
{
    struct bs_operation *urgent = bs_operation_first_due(core, &core->operations.urgent);
    return urgent != NULL ? urgent : bs_operation_first_due(core, &core->operations.checks);
}

void bs_check_step(struct bs_core *core)
{
    for (int sent = 0;
         sent < BS_SENT_AT_A_TIME && !core->stopping && bs_gate_allows(core, BS_GATE_CHECK) &&
         connection_free(core) && bs_quota_usable(core, BS_QUOTA_CHECKS) > 0;
         sent++) {
        struct bs_operation *operation = first_due(core);
        if (operation == NULL) {
            break;
        }
        struct bs_partition *partition = bs_partition_find(core, operation->partition);
        bs_histogram_add(&core->counters.check_lateness_seconds,
                         (double)(core->now.mono - operation->due) / 1000.0);
        bs_operation_move(core, operation, BS_OPERATION_CHECKING, BS_NEVER);
        core->checks_under_way++;
        bs_mono_ms until = BS_NEVER;
        bs_quota_spend(core, BS_QUOTA_CHECKS, partition, 1, &until);
        struct bs_action *action = bs_core_act(core, BS_ACTION_CHECK);
        action->send_before = until;
        action->operation = operation;
        action->operation_epoch = partition->epoch;
    }
}

bs_mono_ms bs_check_deadline(const struct bs_core *core)
{
    if (core->stopping || !connection_free(core)) {
        return BS_NEVER;
    }
    bs_mono_ms due = next_due(core);
    bs_mono_ms open = bs_gate_next(core, BS_GATE_CHECK);
    due = due > open ? due : open;
    if (due > core->now.mono || bs_quota_usable(core, BS_QUOTA_CHECKS) > 0) {
        return due;
    }
    return bs_quota_available(core, BS_QUOTA_CHECKS) > 0 ? bs_quota_reservation_at(core)
                                                         : bs_quota_next(core, BS_QUOTA_CHECKS);
}

int64_t bs_check_demand(const struct bs_core *core, bs_mono_ms until, int64_t limit)
{
    int64_t width = bs_gate_width(core, BS_GATE_CHECK);
    limit = width == 0 ? 0 : width == 1 ? 1 : limit;
    int64_t urgent = bs_schedule_count(&core->operations.urgent, until, limit);
    return urgent + bs_schedule_count(&core->operations.checks, until, limit - urgent);
}

/* ---- answers ---- */

static void ask_again(struct bs_core *core, struct bs_operation *operation, int64_t least_ms)
{
    int64_t wait = bs_backoff_ms(core, ++operation->attempts, LONGEST_BACKOFF_MS);
    bs_operation_move(core, operation, BS_OPERATION_RUNNING,
                      core->now.mono + (wait > least_ms ? wait : least_ms));
}

/* google.rpc codes of a failed operation that another submission may cure. */
static bool may_be_cured(int32_t code)
{
    static const bool curable[] = {[1] = true,  [2] = true,  [4] = true,  [8] = true,
                                   [10] = true, [13] = true, [14] = true, [15] = true};
    return code >= 0 && (size_t)code < sizeof curable / sizeof *curable && curable[code];
}

void bs_check_failed(struct bs_core *core, struct bs_operation *operation,
                     const struct bs_answer *answer)
{
    core->counters.checks[BS_CHECK_FAILED]++;
    const char *message = answer->message == NULL ? "" : answer->message;
    bool rights =
        answer->grpc_code == GRPC_PERMISSION_DENIED || answer->grpc_code == GRPC_UNAUTHENTICATED;
    if (rights) {
        bs_gate_close(core, BS_GATE_SUBMIT, BS_NOT_READY_PERMISSION, 0, answer);
    }
    if (rights || (may_be_cured(answer->grpc_code) &&
                   operation->submissions < core->options.submissions_per_job)) {
        bs_core_notice(core, BS_LOG_WARN, operation, answer,
                       "operation failed (code %d), to be submitted again: %.200s",
                       answer->grpc_code, message);
        bs_operation_set_operation_id(core, operation, NULL);
        operation->attempts = operation->submissions;
        operation->urgent = false;
        operation->stage_wanted = operation->staged; /* the copy may be gone by now */
        bs_submit_again(core, operation, 0);
        bs_publish_record(core, operation);
        return;
    }
    char text[BS_MESSAGE_MAX];
    (void)snprintf(text, sizeof text, "the operation failed (code %d): %.300s", answer->grpc_code,
                   message);
    bs_publish_dead_letter(core, operation, BS_STAGE_CHECK, BS_DEAD_RECOGNITION_FAILED, text);
}

static void done(struct bs_core *core, struct bs_operation *operation,
                 const struct bs_answer *answer)
{
    core->counters.checks[BS_CHECK_DONE]++;
    operation->checks++;
    if (answer->modified > 0) {
        int64_t delay = core->now.wall - answer->modified;
        bs_histogram_add(&core->counters.detection_delay_seconds,
                         delay < 0 ? 0 : (double)delay / 1000.0);
    }
    core->counters.audio_seconds += answer->audio_seconds;
    core->counters.billed_seconds += (double)answer->billed_seconds;
    int64_t more = answer->billed_at_least - bs_submit_billed(operation);
    operation->billed_more = (uint32_t)(more > 0 ? more : 0);
    bs_core_notice(core, BS_LOG_DEBUG, operation, NULL, "done after %d checks", operation->checks);
    operation->store_wanted = answer->payload_too_large;
    bs_publish_result(core, operation, answer->payload, answer->payload_size);
}

/* By the service's clock, where both moments are known by it: ours may have been set meanwhile. */
static int64_t age_at_service_ms(const struct bs_core *core, const struct bs_operation *operation)
{
    if (operation->created <= 0 || !core->clock.known) {
        return age_ms(core, operation);
    }
    return bs_clock_service_time(core) - operation->created;
}

static void not_found(struct bs_core *core, struct bs_operation *operation,
                      const struct bs_answer *answer)
{
    core->counters.checks[BS_CHECK_NOT_FOUND]++;
    if (age_at_service_ms(core, operation) < YOUNG_MS) {
        ask_again(core, operation, 5 * SECOND_MS);
        return;
    }
    if (++operation->odd_answers < NOT_FOUND_CONFIRMATIONS) {
        ask_again(core, operation, MINUTE_MS / 2);
        return;
    }
    char text[BS_MESSAGE_MAX];
    (void)snprintf(text, sizeof text,
                   "the service does not know the operation any more (asked %d times): %.200s",
                   operation->odd_answers, answer->message == NULL ? "" : answer->message);
    bs_publish_dead_letter(core, operation, BS_STAGE_CHECK, BS_DEAD_RESULT_EXPIRED, text);
}

static void odd(struct bs_core *core, struct bs_operation *operation,
                const struct bs_answer *answer)
{
    core->counters.checks[BS_CHECK_RETRIED]++;
    bs_core_notice(core, BS_LOG_WARN, operation, answer, "check answered in an odd way: %.200s",
                   answer->message == NULL ? "" : answer->message);
    if (++operation->odd_answers < UNREADABLE_CONFIRMATIONS) {
        ask_again(core, operation, 2 * SECOND_MS);
        return;
    }
    char text[BS_MESSAGE_MAX];
    (void)snprintf(text, sizeof text, "%d answers in a row were not understood, the last: %.200s",
                   operation->odd_answers, answer->message == NULL ? "" : answer->message);
    bs_publish_dead_letter(core, operation, BS_STAGE_CHECK, BS_DEAD_UNEXPECTED_RESPONSE, text);
}

static void still_running(struct bs_core *core, struct bs_operation *operation)
{
    core->counters.checks[BS_CHECK_RUNNING]++;
    operation->checks++;
    bs_operation_move(core, operation, BS_OPERATION_RUNNING,
                      bs_check_due(core, operation, core->now.wall));
}

static void answered(struct bs_core *core, struct bs_operation *operation,
                     const struct bs_answer *answer)
{
    bool told = answer->kind == BS_ANSWER_RUNNING || answer->kind == BS_ANSWER_DONE ||
                answer->kind == BS_ANSWER_FAILED;
    bool about_it = answer->kind == BS_ANSWER_ERROR && answer->grpc_code == GRPC_NOT_FOUND;
    if (told || about_it) {
        bs_gate_success(core, BS_GATE_CHECK);
    }
    if (told) {
        operation->odd_answers = 0;
        operation->attempts = 0;
        operation->created = answer->created > 0 ? answer->created : operation->created;
        operation->modified = answer->modified > 0 ? answer->modified : operation->modified;
    }
    if (answer->kind == BS_ANSWER_RUNNING) {
        still_running(core, operation);
    } else if (answer->kind == BS_ANSWER_DONE) {
        done(core, operation, answer);
    } else if (answer->kind == BS_ANSWER_FAILED) {
        operation->checks++;
        bs_check_failed(core, operation, answer);
    } else if (about_it) {
        not_found(core, operation, answer);
    } else if (answer->kind == BS_ANSWER_LOST || bs_gate_answer(core, BS_GATE_CHECK, answer)) {
        if (answer->kind == BS_ANSWER_LOST) {
            bs_gate_failure(core, BS_GATE_CHECK, answer);
        }
        core->counters.checks[BS_CHECK_RETRIED]++;
        bs_core_notice(core, BS_LOG_DEBUG, operation, answer, "check to be repeated: %.200s",
                       answer->message == NULL ? "" : answer->message);
        ask_again(core, operation, answer->retry_after_ms);
    } else {
        odd(core, operation, answer);
    }
}

void bs_check_event(struct bs_core *core, const struct bs_event *event)
{
    core->checks_under_way--;
    BS_ASSERT(core->checks_under_way >= 0);
    struct bs_operation *operation = bs_operation_by_ref(core, event->request.operation);
    if (operation == NULL || operation->state != BS_OPERATION_CHECKING) {
        /* The partition went to somebody else, who will ask again. */
        if (event->request.answer.payload != NULL) {
            bs_core_act(core, BS_ACTION_RELEASE_PAYLOAD)->payload = event->request.answer.payload;
        }
        return;
    }
    answered(core, operation, &event->request.answer);
}
