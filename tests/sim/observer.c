#include "observer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulation.h"

/* After everything has ended the run goes on for so long, to see that it stays ended. */
#define QUIET_MS 600000

static bool ended(const struct sim_job *job)
{
    return job->results + job->dead_letters > 0 || job->skipped;
}

static bool same_id(const struct sim_job *a, const struct sim_job *b)
{
    return a->id >= 0 && a->id == b->id && a->partition == b->partition && a != b;
}

/* ---- transactions -------------------------------------------------------------------------------
 */

static bool in_batch(const struct sim_transaction *transaction, int32_t partition)
{
    for (int32_t i = 0; i < transaction->partition_count; i++) {
        if (transaction->partitions[i] == partition) {
            return true;
        }
    }
    return false;
}

void sim_observe_cut(struct sim *sim, const struct sim_worker *worker, const struct bs_batch *batch,
                     const struct sim_transaction *transaction)
{
    for (struct sim_transaction *at = sim->transactions; at != NULL; at = at->next) {
        if (at != transaction && at->worker == worker->index && at->life == worker->life) {
            sim_fail(sim, NULL, "w%" PRId32 " has two transactions under way", worker->index);
        }
    }
    if (batch->partition_count == 0 || batch->partition_count > SIM_PARTITIONS) {
        sim_fail(sim, NULL, "a batch without the offset of a partition cannot be fenced");
    }
    for (size_t i = 0; i < batch->write_count; i++) {
        const struct bs_write *write = &batch->writes[i];
        if (!in_batch(transaction, write->partition)) {
            sim_fail(sim, NULL,
                     "a batch writes for partition %" PRId32 " without its control record",
                     write->partition);
        }
        if (write->kind == BS_WRITE_ID || write->kind == BS_WRITE_FORGET_ID) {
            continue;
        }
        const struct sim_job *job = sim_job_at(sim, write->partition, write->offset);
        if (job == NULL) {
            sim_fail(sim, NULL, "a write for %" PRId32 ":%" PRId64 ", where no job is",
                     write->partition, write->offset);
            return;
        }
        bool ends = write->kind == BS_WRITE_RESULT || write->kind == BS_WRITE_DEAD_LETTER;
        if ((ends || write->kind == BS_WRITE_OPERATION) &&
            sim_job_of(sim, write->operation->job, write->operation->job_size) != job) {
            sim_fail(sim, job, "a write carries another job's bytes");
        }
    }
}

void sim_observe_accepted_offsets(struct sim *sim, const struct sim_transaction *transaction)
{
    for (int32_t i = 0; i < transaction->partition_count; i++) {
        int32_t p = transaction->partitions[i];
        const struct sim_partition *partition = &sim->partitions[p];
        if (partition->ownership == SIM_FREE || partition->member != transaction->member) {
            sim_fail(sim, NULL, "w%" PRId32 " commits for partition %" PRId32 ", another's by now",
                     transaction->worker, p);
        }
    }
}

/* Truth 1: a committed offset has an answer or a record for each job below it. */
static void judge_watermark(struct sim *sim, const struct sim_transaction *transaction, int32_t p,
                            const struct bs_control *control)
{
    for (int32_t i = 0; i < sim->options.jobs; i++) {
        struct sim_job *job = &sim->jobs[i];
        if (job->partition != p || job->offset >= control->watermark) {
            continue;
        }
        const struct sim_told *told = &sim->observer.told[i][transaction->worker];
        bool skip = told->skip_life == transaction->life;
        if (job->record.kind == SIM_RECORD_NONE && !ended(job)) {
            if (!skip) {
                sim_fail(sim, job,
                         "truth 1: the committed offset %" PRId64 " passes a job without a record",
                         control->watermark);
                return;
            }
            job->skipped = true;
        }
        if (job->offset < control->published && !ended(job)) {
            sim_fail(sim, job, "the published watermark %" PRId64 " passes a job without an end",
                     control->published);
        }
    }
    if (control->watermark > sim->partitions[p].log_end ||
        control->published > control->watermark) {
        sim_fail(sim, NULL, "partition %" PRId32 ": watermark %" PRId64 ", published %" PRId64, p,
                 control->watermark, control->published);
    }
}

static bool may_conflict(const struct sim *sim, const struct sim_job *job)
{
    for (int32_t i = 0; i < sim->options.jobs; i++) {
        if (same_id(job, &sim->jobs[i]) && sim->jobs[i].fingerprint != job->fingerprint) {
            return true;
        }
    }
    return false;
}

/* Whether a job of this kind may end so. */
static bool may_end_with(const struct sim *sim, const struct sim_job *job,
                         enum bs_dead_letter_code code)
{
    const struct sim_faults *faults = &sim->options.faults;
    enum sim_nature nature = job->nature;
    switch (code) {
    case BS_DEAD_INVALID_JOB:
        return nature == SIM_INVALID;
    case BS_DEAD_ID_CONFLICT:
        return may_conflict(sim, job);
    case BS_DEAD_INVALID_ARGUMENT:
        return nature == SIM_REFUSED || nature == SIM_HUGE || nature == SIM_FAILS;
    case BS_DEAD_RECOGNITION_FAILED:
        return nature == SIM_FAILS || nature == SIM_FAILS_AGAIN;
    case BS_DEAD_SUBMISSION_UNKNOWN:
        return sim->options.core.dead_letter_unknown_submissions;
    case BS_DEAD_JOB_DEADLINE_PASSED:
        return job->deadline != 0;
    case BS_DEAD_RESULT_EXPIRED:
        return faults->young_not_found > 0;
    case BS_DEAD_UNEXPECTED_RESPONSE:
        return faults->unreadable > 0;
    default:
        return false;
    }
}

static void judge_end(struct sim *sim, const struct sim_write *write)
{
    struct sim_job *job = sim_job_at(sim, write->partition, write->offset);
    if (job->results + job->dead_letters > 1) {
        sim_fail(sim, job, "truth 2: it is answered %" PRId32 " times",
                 job->results + job->dead_letters);
    }
    if (job->skipped) {
        sim_fail(sim, job, "it is answered after it was skipped");
    }
    if (write->kind == BS_WRITE_RESULT && job->nature != SIM_GOOD) {
        sim_fail(sim, job, "a recording that the service refuses has a result");
    }
    if (write->kind == BS_WRITE_DEAD_LETTER && !may_end_with(sim, job, write->code)) {
        sim_fail(sim, job, "it ends as %s without a reason", bs_dead_letter_code_name(write->code));
    }
}

static bool all_ended(const struct sim *sim)
{
    for (int32_t i = 0; i < sim->options.jobs; i++) {
        const struct sim_job *job = &sim->jobs[i];
        const struct sim_partition *partition = &sim->partitions[job->partition];
        if (!ended(job) || job->record.kind != SIM_RECORD_NONE ||
            partition->published <= job->offset) {
            return false;
        }
    }
    return true;
}

void sim_observe_commit(struct sim *sim, const struct sim_transaction *transaction)
{
    for (size_t i = 0; i < transaction->write_count; i++) {
        const struct sim_write *write = &transaction->writes[i];
        if (write->kind == BS_WRITE_RESULT || write->kind == BS_WRITE_DEAD_LETTER) {
            judge_end(sim, write);
        }
    }
    for (int32_t i = 0; i < transaction->partition_count; i++) {
        judge_watermark(sim, transaction, transaction->partitions[i], &transaction->controls[i]);
    }
    if (sim->observer.finished_ms < 0 && all_ended(sim)) {
        sim->observer.finished_ms = sim->now_ms;
    }
}

/* ---- requests -----------------------------------------------------------------------------------
 */

void sim_observe_answer(struct sim *sim, const struct sim_worker *worker,
                        const struct sim_request *request, const struct bs_answer *answer)
{
    const struct sim_flow *flow = &worker->flows[request->partition];
    if (request->check || answer->operation_id == NULL || !flow->assigned ||
        flow->epoch != request->epoch) {
        return;
    }
    struct sim_told *told = &sim->observer.told[request->job->index][worker->index];
    told->accepted_life = worker->life;
    told->accepted_epoch = request->epoch;
    (void)snprintf(told->operation_id, sizeof told->operation_id, "%s", answer->operation_id);
}

/* Whether the id of a published job must still be known; those that a small limit pushes out are
 * not followed. A minute is left for what is between the cut of a batch and its commit. */
static bool remembers(const struct sim *sim, const struct sim_job *job)
{
    const struct bs_core_options *core = &sim->options.core;
    return core->remembered_ids > SIM_JOBS &&
           sim->now_ms < job->result_ms + core->remember_ms - 60000;
}

/* Another message with this id is paid for already, as the state topic shows. */
static const struct sim_job *paid_twin(const struct sim *sim, const struct sim_job *job)
{
    for (int32_t i = 0; i < sim->options.jobs; i++) {
        const struct sim_job *other = &sim->jobs[i];
        if (!same_id(job, other)) {
            continue;
        }
        if (other->force) {
            return NULL; /* the order in which they came matters then */
        }
        bool remembered = other->results > 0 && remembers(sim, other);
        bool running =
            other->record.kind == SIM_RECORD_OPERATION && other->record.operation.accepted;
        if (remembered || running) {
            return other;
        }
    }
    return NULL;
}

/* Truth 3: what is known to be paid is not paid again. */
void sim_observe_submission(struct sim *sim, const struct sim_worker *worker,
                            const struct sim_request *request)
{
    const struct sim_job *job = request->job;
    if (!worker->in_group) {
        sim->observer.submissions_by_expelled++;
        return;
    }
    const struct sim_record *record = &job->record;
    if (record->kind == SIM_RECORD_OPERATION && record->operation.accepted &&
        sim_api_lives(sim, record->operation_id)) {
        sim_fail(sim, job, "truth 3: it is submitted again, while the recorded %s lives",
                 record->operation_id);
    }
    const struct sim_told *told = &sim->observer.told[job->index][worker->index];
    if (told->accepted_life == worker->life && told->accepted_epoch == request->epoch &&
        sim_api_lives(sim, told->operation_id)) {
        sim_fail(sim, job, "truth 3: it is submitted again by who knows that %s lives",
                 told->operation_id);
    }
    if (ended(job) || record->kind == SIM_RECORD_DONE) {
        sim_fail(sim, job, "truth 3: it is submitted though it has ended");
    }
    const struct sim_job *twin = job->force ? NULL : paid_twin(sim, job);
    if (twin != NULL) {
        sim_fail(sim, job, "its id is paid for already, by the job at offset %" PRId64,
                 twin->offset);
    }
}

/* ---- steps --------------------------------------------------------------------------------------
 */

static struct bs_view look_at(struct sim *sim, const struct sim_worker *worker)
{
    struct bs_view view;
    struct bs_now now = {.mono = worker->mono_base + sim->now_ms,
                         .wall = sim->wall_base + sim->now_ms};
    bs_core_view(worker->core, now, &view);
    return view;
}

bool sim_observe_not_ready(struct sim *sim, const struct sim_worker *worker,
                           enum bs_not_ready reason)
{
    struct bs_view view = look_at(sim, worker);
    return view.not_ready[reason];
}

/* Operations in flight; done markers are not. */
static int64_t held(const struct bs_view *view)
{
    return view->waiting + view->submitting + view->running + view->checking + view->ended;
}

static uint64_t skips(const struct bs_view *view)
{
    uint64_t sum = 0;
    for (int reason = 0; reason < BS_SKIP_REASONS; reason++) {
        sum += view->counters->jobs_skipped[reason];
    }
    return sum;
}

/* Truth 6: what does not fit the limits waits in Kafka. */
void sim_observe_wanted(struct sim *sim, const struct sim_worker *worker)
{
    struct bs_view view = look_at(sim, worker);
    const struct bs_core_options *core = &sim->options.core;
    if (view.memory_bytes >= core->memory_bytes || held(&view) >= core->in_flight) {
        sim_fail(sim, NULL,
                 "truth 6: w%" PRId32 " wants jobs at %zu bytes and %" PRId64 " operations",
                 worker->index, view.memory_bytes, held(&view));
    }
}

void sim_observe_before(struct sim *sim, const struct sim_worker *worker,
                        const struct bs_event *event)
{
    if (event->kind == BS_EVENT_JOB) {
        struct bs_view view = look_at(sim, worker);
        sim->observer.skips_before = skips(&view);
    }
}

static bool has_twin(const struct sim *sim, const struct sim_job *job)
{
    for (int32_t i = 0; i < sim->options.jobs; i++) {
        if (same_id(job, &sim->jobs[i]) && sim->jobs[i].fingerprint == job->fingerprint) {
            return true;
        }
    }
    return false;
}

void sim_observe_after(struct sim *sim, const struct sim_worker *worker,
                       const struct bs_event *event)
{
    if (event->kind != BS_EVENT_JOB) {
        return;
    }
    struct bs_view view = look_at(sim, worker);
    uint64_t skipped = skips(&view) - sim->observer.skips_before;
    const struct sim_job *job = sim_job_at(sim, event->job.partition, event->job.offset);
    if (skipped > 1 || (skipped == 1 && !has_twin(sim, job))) {
        sim_fail(sim, job, "it is skipped without a reason");
    } else if (skipped == 1) {
        sim->observer.told[job->index][worker->index].skip_life = worker->life;
    }
}

/* ---- the end ------------------------------------------------------------------------------------
 */

bool sim_observe_quiet(const struct sim *sim)
{
    int64_t since_ms = sim->observer.finished_ms;
    if (since_ms < 0) {
        return false;
    }
    if (since_ms < sim->options.faults_end_ms) {
        since_ms = sim->options.faults_end_ms;
    }
    return sim->now_ms > since_ms + QUIET_MS;
}

/* What the workers hold when something has not ended: the first thing that one wants to know. */
static void trace_holdings(struct sim *sim)
{
    for (int32_t w = 0; w < sim->options.workers; w++) {
        struct sim_worker *worker = &sim->workers[w];
        if (!worker->alive) {
            continue;
        }
        struct bs_view view = look_at(sim, worker);
        sim_trace(sim,
                  "w%" PRId32 " holds waiting=%" PRId64 " submitting=%" PRId64 " running=%" PRId64
                  " checking=%" PRId64 " ended=%" PRId64 " done=%" PRId64 " memory=%zu%s",
                  w, view.waiting, view.submitting, view.running, view.checking, view.ended,
                  view.done, view.memory_bytes,
                  bs_core_wants_jobs(worker->core) ? " and wants jobs" : "");
    }
}

void sim_observe_overdue(struct sim *sim)
{
    if (sim->observer.finished_ms < 0) {
        trace_holdings(sim);
    }
    for (int32_t i = 0; i < sim->options.jobs; i++) {
        const struct sim_job *job = &sim->jobs[i];
        if (!ended(job)) {
            sim_fail(sim, job, "truth 5: it has not ended");
        } else if (job->record.kind != SIM_RECORD_NONE) {
            sim_fail(sim, job, "truth 5: its record stays though it has ended");
        } else if (sim->partitions[job->partition].published <= job->offset) {
            sim_fail(sim, job, "truth 5: the published watermark stays at %" PRId64,
                     sim->partitions[job->partition].published);
        }
    }
}

void sim_observe_end(struct sim *sim)
{
    sim_observe_overdue(sim);
    for (int32_t w = 0; w < sim->options.workers && !sim->failed; w++) {
        struct sim_worker *worker = &sim->workers[w];
        if (!worker->alive) {
            sim_fail(sim, NULL, "truth 5: w%" PRId32 " is not alive at the end", w);
            return;
        }
        struct bs_view view = look_at(sim, worker);
        if (held(&view) + view.done != 0 || worker->payloads != NULL) {
            sim_fail(sim, NULL, "w%" PRId32 " still holds %" PRId64 " operations at the end", w,
                     held(&view) + view.done);
        }
    }
    for (int32_t i = 0; i < sim->options.jobs; i++) {
        const struct sim_job *job = &sim->jobs[i];
        if (job->results + job->dead_letters + job->skipped != 1) {
            sim_fail(sim, job, "it has %" PRId32 " results, %" PRId32 " dead letters%s",
                     job->results, job->dead_letters, job->skipped ? " and was skipped" : "");
        }
    }
}

void sim_observer_destroy(struct sim *sim)
{
    free(sim->observer.sendings);
    for (int kind = 0; kind < BS_QUOTA_KINDS; kind++) {
        free(sim->observer.arrivals[kind]);
    }
}
