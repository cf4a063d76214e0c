/* Intake: a job message becomes an operation, a dead letter, or a counted skip. */
#include <stdio.h>

#include "core/internal.h"

static struct bs_operation *take(struct bs_core *core, struct bs_partition *partition,
                                 const struct bs_job_event *job)
{
    /* A refused job's id stays free: it is not found by it. */
    bool findable = job->id_given && job->refusal == BS_DEAD_NONE;
    struct bs_operation *operation =
        bs_operation_create(core, job->partition, job->offset, job->id_hash, findable);
    bs_operation_set_job(core, operation, job->job, job->job_size);
    operation->fingerprint = job->fingerprint;
    operation->force = job->force;
    operation->deferred = job->deferred;
    operation->audio_seconds = (float)job->audio_seconds;
    operation->channels = (uint16_t)(job->channels < 1 ? 1 : job->channels);
    operation->probe_wanted = job->probe_wanted;
    operation->deadline = job->deadline;
    operation->received = core->now.wall;
    bs_partition_insert(partition, operation);
    return operation;
}

static void skip(struct bs_core *core, struct bs_partition *partition,
                 const struct bs_job_event *job, enum bs_skip_reason reason, int64_t first)
{
    core->counters.jobs_skipped[reason]++;
    bs_partition_want_commit(core, partition);
    struct bs_notice *notice = bs_core_notice(core, BS_LOG_DEBUG, NULL, NULL,
                                              "skipped (%s): its id is that of offset %lld",
                                              bs_skip_reason_name(reason), (long long)first);
    notice->partition = job->partition;
    notice->offset = job->offset;
}

static void conflict(struct bs_core *core, struct bs_partition *partition,
                     const struct bs_job_event *job, int64_t first)
{
    struct bs_job_event refused = *job;
    refused.id_given = false;
    struct bs_operation *operation = take(core, partition, &refused);
    char text[120];
    (void)snprintf(text, sizeof text,
                   "the id is that of offset %lld, which names another recording or specification",
                   (long long)first);
    bs_publish_dead_letter(core, operation, BS_STAGE_INTAKE, BS_DEAD_ID_CONFLICT, text);
}

/* Whether the id of `other` is to be had again: its dead letter, or its result where the job asks
 * for another one, only waits for its transaction, which whoever sent this job may have seen
 * already. */
static bool freed(const struct bs_operation *other, const struct bs_job_event *job)
{
    return other->state == BS_OPERATION_ENDED &&
           (job->force || other->dead_letter_code != BS_DEAD_NONE);
}

/* True when the job's id decides its fate. */
static bool known_id(struct bs_core *core, struct bs_partition *partition,
                     const struct bs_job_event *job)
{
    const struct bs_operation *other = bs_operation_by_id(core, job->partition, job->id_hash);
    if (other != NULL && !freed(other, job)) {
        if (other->fingerprint == job->fingerprint) {
            skip(core, partition, job, BS_SKIP_IN_FLIGHT, other->offset);
        } else {
            conflict(core, partition, job, other->offset);
        }
        return true;
    }
    const struct bs_remembered *done = bs_ids_find(core, job->partition, job->id_hash);
    if (done == NULL || done->ended + core->options.remember_ms <= core->now.wall) {
        return false;
    }
    if (done->offset == job->offset) {
        return true; /* the same message read again: it was answered */
    }
    if (job->force) {
        return false;
    }
    if (done->fingerprint == job->fingerprint) {
        skip(core, partition, job, BS_SKIP_DONE, done->offset);
    } else {
        conflict(core, partition, job, done->offset);
    }
    return true;
}

void bs_intake_event(struct bs_core *core, const struct bs_event *event)
{
    const struct bs_job_event *job = &event->job;
    struct bs_partition *partition = bs_partition_find(core, job->partition);
    if (partition == NULL || partition->state != BS_PARTITION_SERVING ||
        partition->epoch != job->epoch || partition->intake_stopped ||
        job->offset < partition->position) {
        return;
    }
    partition->position = job->offset + 1;
    core->counters.jobs_received++;
    if (bs_operation_by_offset(core, job->partition, job->offset) != NULL) {
        bs_partition_want_commit(core, partition);
        bs_adoption_answered(core, job->partition, job->offset);
        return; /* restored: read again because an older job had no record yet */
    }
    if (job->refusal != BS_DEAD_NONE) {
        struct bs_operation *operation = take(core, partition, job);
        bs_publish_dead_letter(core, operation, BS_STAGE_INTAKE, job->refusal,
                               job->refusal_message);
        return;
    }
    if (job->id_given && known_id(core, partition, job)) {
        bs_partition_want_commit(core, partition);
        return;
    }
    struct bs_operation *operation = take(core, partition, job);
    struct bs_orphan orphan;
    if (bs_adoption_take(core, job->partition, job->offset, &orphan)) {
        bs_submit_adopt(core, operation, &orphan);
    } else {
        bs_probe_take(core, operation);
    }
}
