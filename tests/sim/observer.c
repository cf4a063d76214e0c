#include "observer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edges/kafka.h"
#include "formats/job.h"
#include "formats/state.h"
#include "simulation.h"

/* After everything has ended the run goes on for so long, to see that it stays ended. */
#define QUIET_MS       600000
#define LARGEST_RESULT 250000 /* of the words that a run draws */

bool sim_job_ended(const struct sim_job *job)
{
    return job->results + job->dead_letters > 0 || job->skipped;
}

bool sim_same_id(const struct sim_job *a, const struct sim_job *b)
{
    return a->id >= 0 && a->id == b->id && a->partition == b->partition && a != b;
}

bool sim_same_request(const struct sim_job *a, const struct sim_job *b)
{
    return a->recording == b->recording && a->deferred == b->deferred;
}

/* ---- what a transaction's bytes say
 * --------------------------------------------------------------
 */

static const struct sim_offset *offset_of(const struct bs_transaction *transaction, int32_t p)
{
    for (int32_t i = 0; i < transaction->offset_count; i++) {
        if (transaction->offsets[i].partition == p) {
            return &transaction->offsets[i];
        }
    }
    return NULL;
}

/* The job that an "o:" key names. */
static struct sim_job *job_of_key(struct sim *sim, const struct sim_message *message)
{
    char text[40];
    struct bs_bytes key = message->message.key;
    if (key.size < 3 || key.size >= sizeof text || memcmp(key.data, "o:", 2) != 0) {
        return NULL;
    }
    memcpy(text, key.data + 2, key.size - 2);
    text[key.size - 2] = '\0';
    return sim_job_at(sim, message->partition, strtoll(text, NULL, 10));
}

/* Owned by the caller when it returns true: bs_state_record_free. */
static bool read_record(struct sim *sim, const struct sim_message *message,
                        struct bs_state_record *record)
{
    struct bs_error error = BS_NO_ERROR;
    if (!bs_state_decode(message->message.key, message->message.value, record, &error)) {
        sim_fail(sim, NULL, "a state record that its own writer cannot read: %.200s",
                 error.message);
        return false;
    }
    return true;
}

/* The record of a job carries that job's message, byte for byte. */
static void judge_operation(struct sim *sim, const struct sim_job *job,
                            const struct bs_restored_operation *operation)
{
    struct bs_job packed;
    if (!bs_job_unpack(operation->job, operation->job_size, &packed)) {
        sim_fail(sim, job, "its state record has no job");
        return;
    }
    const struct bs_message *own = &job->message->message;
    if (packed.partition != job->partition || packed.offset != job->offset ||
        packed.message.value.size != own->value.size ||
        memcmp(packed.message.value.data, own->value.data, own->value.size) != 0) {
        sim_fail(sim, job, "its state record carries another job's bytes");
    }
    bs_job_free(&packed);
}

static void judge_state(struct sim *sim, const struct bs_transaction *transaction,
                        const struct sim_message *message, int32_t controls[SIM_PARTITIONS])
{
    const struct sim_offset *place = offset_of(transaction, message->partition);
    const struct sim_job *job = job_of_key(sim, message);
    struct bs_state_record record;
    if (place == NULL) {
        sim_fail(sim, job, "a transaction writes for partition %" PRId32 " without its offset",
                 message->partition);
        return;
    }
    if (message->message.key.data[0] == 'o' && job == NULL) {
        sim_fail(sim, NULL, "a state record of an offset where no job is");
    }
    if (message->message.value.data == NULL || !read_record(sim, message, &record)) {
        return;
    }
    if (record.kind == BS_STATE_CONTROL) {
        controls[message->partition]++;
        if (record.control.watermark != place->offset) {
            sim_fail(sim, NULL,
                     "partition %" PRId32 ": the offset %" PRId64
                     " is sent with a control record of %" PRId64,
                     place->partition, place->offset, record.control.watermark);
        }
    } else if (record.kind == BS_STATE_OPERATION && job != NULL) {
        judge_operation(sim, job, &record.operation);
    }
    bs_state_record_free(&record);
}

void sim_observe_cut(struct sim *sim, const struct sim_worker *worker,
                     struct bs_transaction *transaction)
{
    int32_t controls[SIM_PARTITIONS] = {0};
    if (transaction->offset_count == 0 || transaction->generation < 1) {
        sim_fail(sim, NULL, "w%" PRId32 " cuts a transaction that cannot be fenced", worker->index);
    }
    for (struct sim_message *message = transaction->first; message != NULL;
         message = message->next) {
        sim_hash_message(sim, message);
        if (message->topic == BS_TOPIC_STATE) {
            judge_state(sim, transaction, message, controls);
        } else if (message->topic == BS_TOPIC_RESULTS) {
            sim_judge_result(sim, message);
        } else {
            sim_judge_dead_letter(sim, worker, message);
        }
        if (message->job != NULL) {
            message->epoch = worker->flows[message->job->partition].epoch;
        }
        if (message->job != NULL && offset_of(transaction, message->job->partition) == NULL) {
            sim_fail(sim, message->job, "it is answered without its partition's offset");
        }
    }
    for (int32_t i = 0; i < transaction->offset_count; i++) {
        if (controls[transaction->offsets[i].partition] != 1) {
            sim_fail(sim, NULL, "an offset of partition %" PRId32 " without its control record",
                     transaction->offsets[i].partition);
        }
    }
}

void sim_observe_accepted_offsets(struct sim *sim, const struct bs_transaction *transaction)
{
    for (int32_t i = 0; i < transaction->offset_count; i++) {
        int32_t p = transaction->offsets[i].partition;
        const struct sim_partition *partition = &sim->partitions[p];
        if (partition->ownership == SIM_FREE || partition->member != transaction->member) {
            sim_fail(sim, NULL, "w%" PRId32 " commits for partition %" PRId32 ", another's by now",
                     transaction->worker, p);
        }
    }
}

void sim_observe_outcome(struct sim *sim, const struct bs_transaction *transaction,
                         enum bs_transaction_outcome outcome)
{
    bool committed = transaction->state == SIM_TRANSACTION_COMMITTED;
    bool told = outcome == BS_TRANSACTION_COMMITTED;
    BS_ASSERT(outcome == BS_TRANSACTION_FATAL || committed == told); /* the fake's own promise */
    (void)sim;
}

static struct bs_view look_at(const struct sim *sim, const struct sim_worker *worker)
{
    struct bs_view view;
    bs_core_view(worker->process.core, sim_worker_now(sim, worker), &view);
    return view;
}

/* ---- commits: truths 1 and 2 --------------------------------------------------------------------
 */

static void apply_state(struct sim *sim, const struct sim_message *message)
{
    struct sim_job *job = job_of_key(sim, message);
    struct bs_state_record record;
    for (int32_t w = 0; job != NULL && w < sim->options.workers; w++) {
        sim->observer.told[job->index][w].exposed = false;
    }
    if (message->message.value.data == NULL) {
        if (job != NULL) {
            job->record = (struct sim_record){.kind = SIM_RECORD_NONE, .operation = -1};
        }
        return;
    }
    if (!read_record(sim, message, &record)) {
        return;
    }
    if (record.kind == BS_STATE_DONE) {
        job->record = (struct sim_record){.kind = SIM_RECORD_DONE, .operation = -1};
    } else if (record.kind == BS_STATE_OPERATION) {
        const char *name = record.operation.operation_id;
        job->record = (struct sim_record){
            .kind = SIM_RECORD_OPERATION,
            .accepted = record.operation.accepted,
            .operation = name == NULL ? -1 : sim_api_operation(sim, name, strlen(name)),
            .submissions = record.operation.submissions,
            .staged = record.operation.staged};
        if (job->record.operation >= 0) {
            job->recorded_ms = sim->operations[job->record.operation].accepted_ms;
        }
        if (job->record.accepted && !job->record.staged && sim_needs_copy(sim, job)) {
            sim_fail(sim, job, "its record does not tell of the copy that was submitted");
        }
    } else if (record.kind == BS_STATE_CONTROL) {
        struct sim_partition *partition = &sim->partitions[message->partition];
        partition->controlled = true;
        if (record.control.watermark < partition->watermark) {
            sim_fail(sim, NULL,
                     "the watermark of partition %" PRId32 " goes back from %" PRId64
                     " to %" PRId64,
                     message->partition, partition->watermark, record.control.watermark);
        }
        partition->watermark = record.control.watermark;
        partition->published = record.control.published;
        partition->billed_total = record.control.billed_total;
    }
    bs_state_record_free(&record);
}

static void apply_end(struct sim *sim, const struct bs_transaction *transaction,
                      const struct sim_message *message)
{
    struct sim_job *job = message->job;
    job->ended_by = (struct sim_owner){transaction->worker, transaction->life, message->epoch};
    job->staged_at_end = job->record.staged;
    memcpy(job->transcript, message->transcript, sizeof job->transcript);
    if (message->transcript[0] != '\0') {
        sim_seen(sim, SIM_STORED);
    }
    bool result = message->topic == BS_TOPIC_RESULTS;
    for (int32_t w = 0; w < sim->options.workers; w++) {
        sim->observer.told[job->index][w].exposed = false;
    }
    if (result) {
        job->results++;
        job->result_ms = sim->now_ms;
    } else {
        job->dead_letters++;
        job->code = (enum bs_dead_letter_code)message->code;
    }
    if (job->results + job->dead_letters > 1) {
        sim_fail(sim, job, "truth 2: it is answered %" PRId32 " times",
                 job->results + job->dead_letters);
    }
    if (job->skipped) {
        sim_fail(sim, job, "it is answered after it was skipped");
    }
    if (result && job->nature != SIM_GOOD) {
        sim_fail(sim, job, "a recording that the service refuses has a result");
    }
}

/* Truth 1: a committed offset has an answer or a record for each job below it. */
static void judge_watermark(struct sim *sim, const struct bs_transaction *transaction, int32_t p)
{
    const struct sim_partition *partition = &sim->partitions[p];
    for (int32_t i = 0; i < partition->job_count; i++) {
        struct sim_job *job = &sim->jobs[partition->jobs[i]];
        if (job->offset >= partition->watermark) {
            break;
        }
        const struct sim_told *told = &sim->observer.told[job->index][transaction->worker];
        if (job->record.kind == SIM_RECORD_NONE && !sim_job_ended(job)) {
            if (told->skip_life != transaction->life) {
                sim_fail(sim, job,
                         "truth 1: the committed offset %" PRId64 " passes a job without a record",
                         partition->watermark);
                return;
            }
            job->skipped = true;
        }
        if (job->offset < partition->published && !sim_job_ended(job)) {
            sim_fail(sim, job, "the published watermark %" PRId64 " passes a job without an end",
                     partition->published);
        }
    }
    if (partition->watermark > partition->log_end || partition->published > partition->watermark) {
        sim_fail(sim, NULL, "partition %" PRId32 ": watermark %" PRId64 ", published %" PRId64, p,
                 partition->watermark, partition->published);
    }
}

/* A worker says that the partition waits for a person. */
static bool told_stopped(const struct sim *sim, int32_t p)
{
    for (int32_t w = 0; w < sim->options.workers; w++) {
        const struct sim_worker *worker = &sim->workers[w];
        struct bs_partition_view view;
        int32_t count = worker->alive ? look_at(sim, worker).partition_count : 0;
        for (int32_t i = 0; i < count; i++) {
            bs_core_view_partition(worker->process.core, i, &view);
            if (view.partition == p && view.reason != NULL) {
                return true;
            }
        }
    }
    return false;
}

/* Nobody can answer for what was deleted unread, nor go past it without a person: but it is said.
 */
static bool excepted(const struct sim *sim, const struct sim_job *job)
{
    int64_t lost_from = sim->partitions[job->partition].lost_from;
    return lost_from >= 0 && job->offset >= lost_from && told_stopped(sim, job->partition);
}

static bool over(const struct sim *sim, const struct sim_job *job)
{
    return sim_job_ended(job) && job->record.kind == SIM_RECORD_NONE &&
           sim->partitions[job->partition].published > job->offset;
}

static bool all_over(const struct sim *sim)
{
    for (int32_t i = 0; i < sim->options.jobs; i++) {
        if (!over(sim, &sim->jobs[i]) && !excepted(sim, &sim->jobs[i])) {
            return false;
        }
    }
    return true;
}

void sim_observe_commit(struct sim *sim, const struct bs_transaction *transaction)
{
    for (const struct sim_message *message = transaction->first; message != NULL && !sim->failed;
         message = message->next) {
        if (message->topic == BS_TOPIC_STATE) {
            apply_state(sim, message);
        } else {
            apply_end(sim, transaction, message);
        }
    }
    for (int32_t i = 0; i < transaction->offset_count && !sim->failed; i++) {
        judge_watermark(sim, transaction, transaction->offsets[i].partition);
    }
    if (sim->observer.finished_ms < 0 && all_over(sim)) {
        sim->observer.finished_ms = sim->now_ms;
    }
}

/* ---- the worker's own words: truth 6
 * -------------------------------------------------------------
 */

bool sim_observe_not_ready(struct sim *sim, const struct sim_worker *worker,
                           enum bs_not_ready reason)
{
    struct bs_view view = look_at(sim, worker);
    sim_budget_judge_view(sim, worker, &view);
    return view.not_ready[reason];
}

bool sim_observe_jobs_lost(struct sim *sim, const struct sim_worker *worker)
{
    int32_t count = look_at(sim, worker).partition_count;
    for (int32_t i = 0; i < count; i++) {
        struct bs_partition_view partition;
        bs_core_view_partition(worker->process.core, i, &partition);
        if (partition.reason != NULL && sim->partitions[partition.partition].lost_from < 0) {
            return false;
        }
    }
    return true;
}

/* Operations in flight; done markers are not. */
static int64_t held(const struct bs_view *view)
{
    return view->preparing + view->waiting + view->submitting + view->running + view->checking +
           view->finishing + view->ended;
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
    sim_budget_judge_view(sim, worker, &view);
    if (view.memory_bytes >= core->memory_bytes || held(&view) >= core->in_flight) {
        sim_fail(sim, NULL,
                 "truth 6: w%" PRId32 " wants jobs at %zu bytes and %" PRId64 " operations",
                 worker->index, view.memory_bytes, held(&view));
    }
}

/* Above the limit come the answers to the checks that were under way when it was reached. */
void sim_observe_memory(struct sim *sim, const struct sim_worker *worker)
{
    struct bs_view view = look_at(sim, worker);
    const struct bs_core_options *core = &sim->options.core;
    size_t most = core->memory_bytes + (size_t)core->connections * LARGEST_RESULT;
    if (view.not_ready[BS_NOT_READY_TRANSCRIPT_STORE]) {
        sim_seen(sim, SIM_SENT_BACK);
    }
    sim_budget_judge_view(sim, worker, &view);
    if (view.memory_bytes > most) {
        sim_fail(sim, NULL, "truth 6: w%" PRId32 " holds %zu bytes", worker->index,
                 view.memory_bytes);
    }
}

void sim_observe_before_job(struct sim *sim, const struct sim_worker *worker)
{
    struct bs_view view = look_at(sim, worker);
    sim->observer.skips_before = skips(&view);
}

static bool has_twin(const struct sim *sim, const struct sim_job *job)
{
    for (int32_t i = 0; i < sim->options.jobs; i++) {
        if (sim_same_id(job, &sim->jobs[i]) && sim_same_request(job, &sim->jobs[i])) {
            return true;
        }
    }
    return false;
}

void sim_observe_after_job(struct sim *sim, const struct sim_worker *worker,
                           const struct sim_job *job)
{
    struct bs_view view = look_at(sim, worker);
    uint64_t skipped = skips(&view) - sim->observer.skips_before;
    if (skipped > 1 || (skipped == 1 && !has_twin(sim, job))) {
        sim_fail(sim, job, "it is skipped without a reason");
    } else if (skipped == 1) {
        sim_seen(sim, SIM_DUPLICATE);
        sim->observer.told[job->index][worker->index].skip_life = worker->life;
    }
}

/* ---- the end ------------------------------------------------------------------------------------
 */

bool sim_observe_quiet(const struct sim *sim)
{
    int64_t since_ms = sim->observer.finished_ms;
    if (since_ms < 0 || sim->nobody_until_ms > sim->now_ms) {
        return false;
    }
    for (int32_t w = 0; w < sim->options.workers; w++) {
        if (!sim->workers[w].alive) {
            return false; /* on its way back */
        }
    }
    if (since_ms < sim->options.faults_end_ms) {
        since_ms = sim->options.faults_end_ms;
    }
    if (since_ms < sim->nobody_until_ms) {
        since_ms = sim->nobody_until_ms;
    }
    return sim->now_ms > since_ms + QUIET_MS && all_over(sim);
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
        char reasons[400] = "";
        for (int reason = 0; reason < BS_NOT_READY_REASONS; reason++) {
            if (view.not_ready[reason]) {
                size_t used = strlen(reasons);
                (void)snprintf(reasons + used, sizeof reasons - used, " %s",
                               bs_not_ready_name((enum bs_not_ready)reason));
            }
        }
        sim_trace(sim,
                  "w%" PRId32 " holds preparing=%" PRId64 " finishing=%" PRId64 " waiting=%" PRId64
                  " submitting=%" PRId64 " running=%" PRId64 " checking=%" PRId64 " ended=%" PRId64
                  " done=%" PRId64 " memory=%zu%s%s",
                  w, view.preparing, view.finishing, view.waiting, view.submitting, view.running,
                  view.checking, view.ended, view.done, view.memory_bytes,
                  bs_core_wants_jobs(worker->process.core) ? " and wants jobs" : "", reasons);
    }
}

void sim_observe_overdue(struct sim *sim)
{
    if (sim->observer.finished_ms < 0) {
        trace_holdings(sim);
    }
    for (int32_t i = 0; i < sim->options.jobs; i++) {
        const struct sim_job *job = &sim->jobs[i];
        if (excepted(sim, job)) {
            continue;
        }
        if (!sim_job_ended(job)) {
            sim_fail(sim, job, "truth 5: it has not ended");
        } else if (job->record.kind != SIM_RECORD_NONE) {
            sim_fail(sim, job, "truth 5: its record stays though it has ended");
        } else if (sim->partitions[job->partition].published <= job->offset) {
            sim_fail(sim, job, "truth 5: the published watermark stays at %" PRId64,
                     sim->partitions[job->partition].published);
        }
    }
}

/* Where nothing went wrong, each recording was submitted as often as it takes, and no more. */
static void judge_payments(struct sim *sim)
{
    for (int kind = 0; kind < SIM_KIND_COUNT; kind++) {
        if (sim->options.likelihood[kind] > 0) {
            return;
        }
    }
    sim_budget_judge_raises(sim);
    for (int32_t w = 0; w < sim->options.workers; w++) {
        if (sim->workers[w].life > 1) {
            return; /* where the network is slow enough, a worker ends without any fault */
        }
    }
    for (int32_t i = 0; i < sim->options.jobs; i++) {
        const struct sim_job *job = &sim->jobs[i];
        bool submitted =
            job->results > 0 || (job->dead_letters > 0 && job->code == BS_DEAD_RECOGNITION_FAILED);
        int32_t needed = !submitted                       ? 0
                         : job->nature == SIM_FAILS_AGAIN ? sim->options.core.submissions_per_job
                                                          : 1;
        if (job->operations != needed) {
            sim_fail(sim, job, "it was paid for %" PRId32 " times, %" PRId32 " were needed",
                     job->operations, needed);
        }
    }
    sim_budget_judge_account(sim);
}

void sim_observe_end(struct sim *sim)
{
    sim_observe_overdue(sim);
    bool lost = false;
    for (int32_t p = 0; p < sim->options.partitions; p++) {
        lost = lost || sim->partitions[p].lost_from >= 0;
    }
    for (int32_t w = 0; w < sim->options.workers && !sim->failed; w++) {
        struct sim_worker *worker = &sim->workers[w];
        if (!worker->alive) {
            sim_fail(sim, NULL, "truth 5: w%" PRId32 " is not alive at the end", w);
            return;
        }
        struct bs_view view = look_at(sim, worker);
        if (!lost && (held(&view) + view.done != 0 || worker->payloads != 0)) {
            sim_fail(sim, NULL, "w%" PRId32 " still holds %" PRId64 " operations at the end", w,
                     held(&view) + view.done);
        }
    }
    for (int32_t i = 0; i < sim->options.jobs; i++) {
        const struct sim_job *job = &sim->jobs[i];
        if (job->results + job->dead_letters + job->skipped != 1 && !excepted(sim, job)) {
            sim_fail(sim, job, "it has %" PRId32 " results, %" PRId32 " dead letters%s",
                     job->results, job->dead_letters, job->skipped ? " and was skipped" : "");
        }
    }
    judge_payments(sim);
    sim_observe_copies(sim);
}

void sim_observer_destroy(struct sim *sim)
{
    for (int kind = 0; kind < BS_QUOTA_KINDS; kind++) {
        free(sim->observer.arrivals[kind].list);
    }
}
