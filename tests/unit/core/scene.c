#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t job_bytes[10] = "0123456789";

struct bs_core_options scene_options(void)
{
    return (struct bs_core_options){
        .random_seed = 1,
        .state_partitions = 1,
        .window_ms = 3600000,
        .submissions = 500,
        .checks = 2500,
        .billed_seconds_per_day = 36000000,
        .lease_ms = 5000,
        .request_limit_ms = 30000,
        .in_flight = 100,
        .memory_bytes = 1 << 20,
        .connections = 8,
        .submissions_per_job = 3,
        .refusals_in_a_row = 20,
        .remembered_ids = 1000,
        .remember_ms = 259200000,
        .check_seconds_per_audio_minute = 10,
        .check_first_guess_seconds = 60,
    };
}

void scene_begin(struct scene *scene, const struct bs_core_options *options)
{
    memset(scene, 0, sizeof *scene);
    scene->core = bs_core_create(options);
    scene->mono = 1000000;
    scene->wall = SCENE_WALL;
    scene->deadline = BS_NEVER;
    scene->grants_at_once = true;
    scene_date(scene, scene->wall);
}

void scene_date(struct scene *scene, bs_wall_ms date)
{
    struct bs_event event = {.kind = BS_EVENT_DATE};
    event.date.date = date / 1000 * 1000;
    scene_event(scene, event);
}

void scene_end(struct scene *scene)
{
    bs_core_destroy(scene->core, free);
    scene->core = NULL;
}

void scene_expect(struct scene *scene, const char *actions)
{
    assert_string_equal(scene->actions.text, actions);
    trace_clear(&scene->actions);
}

void scene_forget(struct scene *scene)
{
    trace_clear(&scene->actions);
}

static void note(struct scene *scene, const struct bs_action *action)
{
    if (action->kind == BS_ACTION_RESTORE || action->kind == BS_ACTION_CONSUME) {
        scene->epochs[action->partition] = action->epoch;
    } else if (action->kind == BS_ACTION_RELEASE_PAYLOAD) {
        free(action->payload);
    } else if (action->kind == BS_ACTION_SUBMIT || action->kind == BS_ACTION_CHECK ||
               action->kind == BS_ACTION_OBJECT) {
        bool object = action->kind == BS_ACTION_OBJECT;
        size_t *count = object ? &scene->object_count : &scene->request_count;
        struct scene_request *requests = object ? scene->objects : scene->requests;
        assert_true(*count < SCENE_REQUESTS);
        const struct bs_operation *operation = action->operation;
        if (object) {
            scene->works[*count] = action->work;
        }
        requests[(*count)++] = (struct scene_request){
            .operation = operation->self,
            .partition = operation->partition,
            .epoch = action->operation_epoch,
            .offset = operation->offset,
            .number = operation->number,
            .sent = scene->wall,
        };
    }
}

/* Whether the batch writes nothing but ledgers, and notes what it commits. */
static bool reserves_only(struct scene *scene, const struct bs_batch *batch)
{
    bool only = batch->write_count == 0;
    for (size_t i = 0; i < batch->partition_count; i++) {
        const struct bs_batch_partition *partition = &batch->partitions[i];
        int64_t *watermark = &scene->watermarks[partition->partition];
        int64_t *published = &scene->published[partition->partition];
        only = only && (*watermark == SCENE_ANY || (*watermark == partition->control->watermark &&
                                                    *published == partition->control->published));
        for (int kind = 0; kind < BS_QUOTA_KINDS; kind++) {
            const struct bs_ledger *ledger = &partition->control->ledgers[kind];
            int64_t *sum = &scene->ledgers[partition->partition][kind];
            *sum = 0;
            for (int32_t k = 0; k < ledger->count; k++) {
                *sum += ledger->spent[k];
            }
        }
        scene->billed[partition->partition] = partition->control->billed_total;
        *watermark = partition->control->watermark;
        *published = partition->control->published;
    }
    return only;
}

void scene_event(struct scene *scene, struct bs_event event)
{
    event.now.mono = scene->mono;
    event.now.wall = scene->wall;
    struct bs_step step = bs_core_step(scene->core, &event);
    scene->deadline = step.deadline;
    bool grant = false;
    for (size_t i = 0; i < step.action_count; i++) {
        note(scene, &step.actions[i]);
        if (step.actions[i].kind == BS_ACTION_COMMIT) {
            scene->committing = true;
            grant = reserves_only(scene, &step.actions[i].batch) && scene->grants_at_once;
            if (grant) {
                continue;
            }
        }
        trace_action(&scene->actions, &step.actions[i], false);
        trace_add(&scene->actions, "\n");
    }
    if (grant) {
        scene_transaction(scene, BS_TRANSACTION_COMMITTED);
    }
}

void scene_pass(struct scene *scene, int64_t ms)
{
    scene->mono += ms;
    scene->wall += ms;
}

void scene_tick(struct scene *scene)
{
    assert_true(scene->deadline != BS_NEVER);
    if (scene->deadline > scene->mono) {
        scene_pass(scene, scene->deadline - scene->mono);
    }
    scene_event(scene, (struct bs_event){.kind = BS_EVENT_TICK});
}

bool scene_run(struct scene *scene, int64_t ms)
{
    bs_mono_ms until = scene->mono + ms;
    size_t before = scene->actions.used;
    while (scene->actions.used == before) {
        if (scene->deadline > until) {
            scene_pass(scene, until - scene->mono);
            return false;
        }
        scene_tick(scene);
    }
    return true;
}

/* ---- partitions ---------------------------------------------------------------------------------
 */

void scene_assigned(struct scene *scene, int32_t partition)
{
    scene_event(scene, (struct bs_event){.kind = BS_EVENT_ASSIGNED, .partition = partition});
}

void scene_restored(struct scene *scene, int32_t partition, int64_t committed)
{
    struct bs_event event = {.kind = BS_EVENT_RESTORED};
    event.restore_ended.partition = partition;
    event.restore_ended.epoch = scene->epochs[partition];
    event.restore_ended.committed = committed;
    scene->watermarks[partition] = committed < 0 ? -1 : SCENE_ANY;
    scene_event(scene, event);
}

void scene_serve(struct scene *scene, int32_t partition)
{
    scene_assigned(scene, partition);
    scene_restored(scene, partition, 0);
    scene_forget(scene);
}

void scene_revoked(struct scene *scene, int32_t partition)
{
    scene_event(scene, (struct bs_event){.kind = BS_EVENT_REVOKED, .partition = partition});
}

void scene_lost(struct scene *scene, int32_t partition)
{
    scene_event(scene, (struct bs_event){.kind = BS_EVENT_LOST, .partition = partition});
}

void scene_stop(struct scene *scene)
{
    scene_event(scene, (struct bs_event){.kind = BS_EVENT_STOP});
}

/* ---- jobs ---------------------------------------------------------------------------------------
 */

void scene_id(uint8_t id, uint8_t id_hash[BS_ID_HASH_SIZE])
{
    memset(id_hash, id, BS_ID_HASH_SIZE);
}

struct bs_event scene_job_event(const struct scene *scene, int32_t partition, int64_t offset)
{
    struct bs_event event = {.kind = BS_EVENT_JOB};
    event.job = (struct bs_job_event){
        .partition = partition,
        .epoch = scene->epochs[partition],
        .offset = offset,
        .job = job_bytes,
        .job_size = sizeof job_bytes,
        .fingerprint = (uint64_t)offset,
        .channels = 1,
    };
    scene_id((uint8_t)(0x80 + offset), event.job.id_hash);
    return event;
}

void scene_job(struct scene *scene, int32_t partition, int64_t offset)
{
    scene_event(scene, scene_job_event(scene, partition, offset));
}

void scene_named_job(struct scene *scene, int32_t partition, int64_t offset, uint8_t id,
                     uint64_t fingerprint)
{
    struct bs_event event = scene_job_event(scene, partition, offset);
    event.job.id_given = true;
    event.job.fingerprint = fingerprint;
    scene_id(id, event.job.id_hash);
    scene_event(scene, event);
}

struct bs_event scene_record(const struct scene *scene, int32_t partition, int64_t offset,
                             const char *operation_id)
{
    struct bs_event event = {.kind = BS_EVENT_RESTORED_OPERATION};
    event.restored = (struct bs_restored_operation){
        .partition = partition,
        .epoch = scene->epochs[partition],
        .offset = offset,
        .job = job_bytes,
        .job_size = sizeof job_bytes,
        .fingerprint = (uint64_t)offset,
        .accepted = true,
        .channels = 1,
        .submissions = 1,
        .number = 1,
        .received = scene->wall,
        .submitted = scene->wall,
        .operation_id = operation_id,
    };
    scene_id((uint8_t)(0x80 + offset), event.restored.id_hash);
    return event;
}

/* ---- answers ------------------------------------------------------------------------------------
 */

static void answer(struct scene *scene, enum bs_event_kind kind, int32_t partition, int64_t offset,
                   struct bs_answer answer)
{
    for (size_t i = scene->request_count; i-- > 0;) {
        const struct scene_request *request = &scene->requests[i];
        if (request->partition != partition || request->offset != offset) {
            continue;
        }
        struct bs_event event = {.kind = kind};
        event.request.operation = request->operation;
        event.request.partition = request->partition;
        event.request.epoch = request->epoch;
        event.request.offset = request->offset;
        event.request.number = request->number;
        event.request.sent = request->sent;
        event.request.answer = answer;
        scene_event(scene, event);
        return;
    }
    fail_msg("no request was made for this job");
}

void scene_submitted(struct scene *scene, int32_t partition, int64_t offset, struct bs_answer given)
{
    answer(scene, BS_EVENT_SUBMITTED, partition, offset, given);
}

void scene_checked(struct scene *scene, int32_t partition, int64_t offset, struct bs_answer given)
{
    answer(scene, BS_EVENT_CHECKED, partition, offset, given);
}

void scene_accepted(struct scene *scene, int32_t partition, int64_t offset,
                    const char *operation_id)
{
    scene_submitted(scene, partition, offset,
                    (struct bs_answer){.kind = BS_ANSWER_RUNNING, .operation_id = operation_id});
}

void scene_done(struct scene *scene, int32_t partition, int64_t offset)
{
    void *payload = malloc(1);
    assert_non_null(payload);
    scene_checked(
        scene, partition, offset,
        (struct bs_answer){.kind = BS_ANSWER_DONE, .payload = payload, .payload_size = 100});
}

struct bs_answer scene_error(int32_t grpc_code, int32_t http_status)
{
    return (struct bs_answer){.kind = BS_ANSWER_ERROR,
                              .grpc_code = grpc_code,
                              .http_status = http_status,
                              .message = "refused"};
}

/* ---- transactions -------------------------------------------------------------------------------
 */

void scene_transaction(struct scene *scene, enum bs_transaction_outcome outcome)
{
    struct bs_event event = {.kind = BS_EVENT_TRANSACTION};
    event.transaction.outcome = outcome;
    scene->committing = false;
    scene_event(scene, event);
}

void scene_commit(struct scene *scene)
{
    while (strstr(scene->actions.text, "commit") == NULL) {
        scene_tick(scene);
    }
    scene_transaction(scene, BS_TRANSACTION_COMMITTED);
    scene_forget(scene);
}

void scene_run_job(struct scene *scene, int32_t partition, int64_t offset, const char *operation_id)
{
    scene_forget(scene);
    scene_job(scene, partition, offset);
    scene_accepted(scene, partition, offset, operation_id);
    scene_commit(scene);
}

void scene_offer(struct scene *scene, int32_t partition, int64_t first, int64_t count)
{
    for (int64_t offset = first; offset < first + count; offset++) {
        scene_job(scene, partition, offset);
    }
}

void scene_live(struct scene *scene, bs_mono_ms until)
{
    while (scene->committing || scene->deadline <= until) {
        if (scene->committing) {
            scene_transaction(scene, BS_TRANSACTION_COMMITTED);
        } else {
            scene_tick(scene);
        }
    }
    scene_pass(scene, until - scene->mono);
}

int scene_count(const struct scene *scene, const char *start)
{
    int count = 0;
    for (const char *at = strstr(scene->actions.text, start); at != NULL;
         at = strstr(at + 1, start)) {
        count++;
    }
    return count;
}

void scene_object(struct scene *scene, int32_t partition, int64_t offset,
                  struct bs_object_answer answer)
{
    for (size_t i = scene->object_count; i-- > 0;) {
        const struct scene_request *request = &scene->objects[i];
        if (request->partition == partition && request->offset == offset) {
            struct bs_event event = {.kind = BS_EVENT_OBJECT};
            event.object.operation = request->operation;
            event.object.work = scene->works[i];
            event.object.answer = answer;
            scene_event(scene, event);
            return;
        }
    }
    fail_msg("the object store was asked for nothing on %d:%lld", partition, (long long)offset);
}

bool scene_not_ready(const struct scene *scene, enum bs_not_ready reason)
{
    struct bs_view view;
    bs_core_view(scene->core, (struct bs_now){.mono = scene->mono, .wall = scene->wall}, &view);
    return view.not_ready[reason];
}
