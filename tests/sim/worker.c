#include "worker.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "simulation.h"

#define RESTART_MS  20000
#define SHUTDOWN_MS 25000
#define PAUSE_MS    40000
#define STALE_MS    20000

void *sim_worker_payload(struct sim_worker *worker, size_t size)
{
    struct sim_payload *payload = calloc(1, sizeof *payload);
    BS_ASSERT(payload != NULL);
    *payload = (struct sim_payload){.worker = worker, .next = worker->payloads, .size = size};
    if (payload->next != NULL) {
        payload->next->previous = payload;
    }
    worker->payloads = payload;
    return payload;
}

/* A payload given back twice is memory freed twice: the sanitizer sees it. */
static void release(void *given_back)
{
    struct sim_payload *payload = given_back;
    if (payload->previous != NULL) {
        payload->previous->next = payload->next;
    } else {
        payload->worker->payloads = payload->next;
    }
    if (payload->next != NULL) {
        payload->next->previous = payload->previous;
    }
    free(payload);
}

void sim_worker_destroy(struct sim_worker *worker)
{
    if (worker->core != NULL) {
        bs_core_destroy(worker->core, release);
        worker->core = NULL;
    }
    worker->alive = false;
    worker->life++;
}

static void start_again(struct sim *sim, struct sim_entry *entry)
{
    struct sim_worker *worker = &sim->workers[entry->numbers[0]];
    if (!worker->alive) {
        sim_worker_start(sim, worker);
    }
}

void sim_worker_forget_payloads(struct sim_worker *worker)
{
    struct sim_payload *next;
    for (struct sim_payload *payload = worker->payloads; payload != NULL; payload = next) {
        next = payload->next;
        free(payload);
    }
    worker->payloads = NULL;
}

static void end_process(struct sim *sim, struct sim_worker *worker)
{
    sim_worker_destroy(worker);
    if (worker->payloads != NULL) {
        sim_fail(sim, NULL, "w%" PRId32 " ends without giving a payload back", worker->index);
    }
    sim_later(
        sim, bs_random_below(&sim->random, RESTART_MS),
        (struct sim_entry){.run = start_again, .worker = SIM_NOBODY, .numbers = {worker->index}});
}

void sim_worker_start(struct sim *sim, struct sim_worker *worker)
{
    struct bs_core_options options = sim->options.core;
    options.random_seed = bs_random_next(&sim->random);
    worker->life++;
    worker->alive = true;
    worker->paused = worker->stopping = worker->polling = worker->silent = false;
    worker->transaction = 0;
    worker->tick_ms = BS_NEVER;
    worker->mono_base = sim_between(&sim->random, 1, INT32_MAX);
    memset(worker->flows, 0, sizeof worker->flows);
    worker->core = bs_core_create(&options);
    sim_observe_start(worker);
    sim_trace(sim, "w%" PRId32 " starts, life %" PRIu32, worker->index, worker->life);
    sim_group_join(sim, worker);
}

void sim_worker_kill(struct sim *sim, struct sim_worker *worker)
{
    sim_trace(sim, "w%" PRId32 " is killed", worker->index);
    sim_broker_abandon(sim, worker);
    sim_observe_gone(sim, worker);
    sim_group_died(sim, worker);
    end_process(sim, worker);
}

static void resume(struct sim *sim, struct sim_entry *entry)
{
    struct sim_worker *worker = &sim->workers[entry->numbers[0]];
    if (worker->alive && worker->life == entry->numbers[1]) {
        sim_trace(sim, "w%" PRId32 " resumes", worker->index);
        worker->paused = false;
        sim_group_heard(sim, worker);
    }
}

void sim_worker_pause(struct sim *sim, struct sim_worker *worker)
{
    int64_t length_ms = sim_between(&sim->random, 1, PAUSE_MS);
    sim_trace(sim, "w%" PRId32 " is paused for %" PRId64 " ms", worker->index, length_ms);
    worker->paused = true;
    worker->resumes_ms = sim->now_ms + length_ms;
    if (worker->in_group) {
        sim_group_silent(sim, worker);
    }
    sim_later(sim, length_ms,
              (struct sim_entry){
                  .run = resume, .worker = SIM_NOBODY, .numbers = {worker->index, worker->life}});
}

/* shutdown_seconds is over: the process ends in any case. */
static void shut_down_hard(struct sim *sim, struct sim_entry *entry)
{
    struct sim_worker *worker = &sim->workers[entry->worker];
    if (worker->stopping) {
        sim_worker_kill(sim, worker);
    }
}

void sim_worker_stop(struct sim *sim, struct sim_worker *worker)
{
    worker->stopping = true;
    sim_later(
        sim, SHUTDOWN_MS,
        (struct sim_entry){.run = shut_down_hard, .worker = worker->index, .life = worker->life});
    struct bs_event event = {.kind = BS_EVENT_STOP};
    sim_worker_event(sim, worker, &event);
}

/* ---- consuming ----------------------------------------------------------------------------------
 */

/* What the consumer's queue holds of the partition: a job, or its end. */
static bool something_of(struct sim *sim, const struct sim_flow *flow, int32_t p)
{
    if (!flow->consuming) {
        return false;
    }
    return sim_jobs_next(sim, p, flow->position) != NULL || flow->end_told != sim_jobs_end(sim, p);
}

static struct bs_event job_event(const struct sim_job *job, uint32_t epoch)
{
    struct bs_event event = {.kind = BS_EVENT_JOB};
    event.job = (struct bs_job_event){
        .partition = job->partition,
        .epoch = epoch,
        .offset = job->offset,
        .job = job->job,
        .job_size = job->job_size,
        .fingerprint = job->fingerprint,
        .id_given = job->id >= 0,
        .force = job->force,
        .deferred = job->deferred,
        .audio_seconds = job->audio_seconds,
        .channels = job->channels,
        .deadline = job->deadline,
    };
    memcpy(event.job.id_hash, job->id_hash, BS_ID_HASH_SIZE);
    if (job->nature == SIM_INVALID) {
        event.job.refusal = BS_DEAD_INVALID_JOB;
        event.job.refusal_message = "simulated";
    }
    return event;
}

static void deliver_job(struct sim *sim, struct sim_worker *worker, const struct sim_job *job)
{
    struct sim_flow *flow = &worker->flows[job->partition];
    flow->position = job->offset + 1;
    struct bs_event event = job_event(job, flow->epoch);
    sim_worker_event(sim, worker, &event);
}

/* One more job that was on its way when its partition went. */
static void deliver_stale(struct sim *sim, struct sim_entry *entry)
{
    const struct sim_job *job = &sim->jobs[entry->numbers[0]];
    struct bs_event event = job_event(job, (uint32_t)entry->numbers[1]);
    sim_worker_event(sim, &sim->workers[entry->worker], &event);
}

void sim_worker_forget_flow(struct sim *sim, struct sim_worker *worker, int32_t partition)
{
    struct sim_flow *flow = &worker->flows[partition];
    const struct sim_job *job = sim_jobs_next(sim, partition, flow->position);
    if (flow->consuming && job != NULL && sim_fault(sim, 500)) {
        sim_later(sim, sim_between(&sim->random, 1, STALE_MS),
                  (struct sim_entry){.run = deliver_stale,
                                     .worker = worker->index,
                                     .life = worker->life,
                                     .numbers = {job->index, flow->epoch}});
    }
    *flow = (struct sim_flow){0};
}

static void deliver_end(struct sim *sim, struct sim_worker *worker, int32_t p)
{
    struct sim_flow *flow = &worker->flows[p];
    flow->end_told = sim_jobs_end(sim, p);
    struct bs_event event = {.kind = BS_EVENT_END_OF_PARTITION};
    event.end.partition = p;
    event.end.epoch = flow->epoch;
    event.end.offset = flow->end_told;
    sim_worker_event(sim, worker, &event);
}

static void look(struct sim *sim, struct sim_entry *entry)
{
    struct sim_worker *worker = &sim->workers[entry->worker];
    worker->polling = false;
    int32_t first = (int32_t)bs_random_below(&sim->random, sim->options.partitions);
    for (int32_t i = 0; i < sim->options.partitions; i++) {
        int32_t p = (first + i) % sim->options.partitions;
        if (!something_of(sim, &worker->flows[p], p)) {
            continue;
        }
        const struct sim_job *job = sim_jobs_next(sim, p, worker->flows[p].position);
        if (job == NULL) {
            deliver_end(sim, worker, p);
            return;
        }
        if (bs_core_wants_jobs(worker->core)) {
            sim_observe_wanted(sim, worker);
            deliver_job(sim, worker, job);
            return;
        }
    }
}

void sim_worker_poll(struct sim *sim, struct sim_worker *worker)
{
    if (!worker->alive || worker->polling) {
        return;
    }
    for (int32_t p = 0; p < sim->options.partitions; p++) {
        const struct sim_flow *flow = &worker->flows[p];
        if (something_of(sim, flow, p) &&
            (sim_jobs_next(sim, p, flow->position) == NULL || bs_core_wants_jobs(worker->core))) {
            worker->polling = true;
            sim_later(
                sim, bs_random_below(&sim->random, 50),
                (struct sim_entry){.run = look, .worker = worker->index, .life = worker->life});
            return;
        }
    }
}

/* ---- steps --------------------------------------------------------------------------------------
 */

static void tick(struct sim *sim, struct sim_entry *entry)
{
    struct sim_worker *worker = &sim->workers[entry->worker];
    if (worker->tick_ms != entry->numbers[0]) {
        return; /* another deadline came in between */
    }
    worker->tick_ms = BS_NEVER;
    struct bs_event event = {.kind = BS_EVENT_TICK};
    sim_worker_event(sim, worker, &event);
}

static void want_tick(struct sim *sim, struct sim_worker *worker, bs_mono_ms deadline)
{
    if (deadline == BS_NEVER) {
        worker->tick_ms = BS_NEVER;
        return;
    }
    int64_t at_ms = deadline - worker->mono_base;
    if (at_ms < sim->now_ms) {
        at_ms = sim->now_ms;
    }
    if (at_ms == sim->now_ms) {
        at_ms++; /* the clock has moved by the time that a process comes round again */
    }
    if (worker->tick_ms != at_ms) {
        worker->tick_ms = at_ms;
        sim_later(
            sim, at_ms - sim->now_ms,
            (struct sim_entry){
                .run = tick, .worker = worker->index, .life = worker->life, .numbers = {at_ms}});
    }
}

static void read_credentials(struct sim *sim, struct sim_entry *entry)
{
    struct bs_event event = {.kind = BS_EVENT_CREDENTIALS, .credentials = true};
    sim_worker_event(sim, &sim->workers[entry->worker], &event);
}

/* False when the process is over. */
static bool perform(struct sim *sim, struct sim_worker *worker, const struct bs_action *action)
{
    struct sim_flow *flow;
    switch (action->kind) {
    case BS_ACTION_RESTORE:
        worker->flows[action->partition].epoch = action->epoch;
        sim_restore_begin(sim, worker, action->partition, action->epoch);
        return true;
    case BS_ACTION_CONSUME:
        flow = &worker->flows[action->partition];
        flow->consuming = flow->assigned;
        flow->epoch = action->epoch;
        flow->position = action->offset;
        flow->end_told = -1;
        return true;
    case BS_ACTION_UNASSIGN:
        sim_group_unassign(sim, worker, action->partition);
        return true;
    case BS_ACTION_SUBMIT:
    case BS_ACTION_CHECK:
        sim_api_send(sim, worker, action);
        return true;
    case BS_ACTION_COMMIT:
        sim_broker_begin(sim, worker, &action->batch);
        return true;
    case BS_ACTION_RELEASE_PAYLOAD:
        release(action->payload);
        return true;
    case BS_ACTION_REFRESH_CREDENTIALS:
        sim_later(sim, sim_latency(sim),
                  (struct sim_entry){
                      .run = read_credentials, .worker = worker->index, .life = worker->life});
        return true;
    case BS_ACTION_NOTICE:
        return true;
    case BS_ACTION_STOPPED:
        sim_trace(sim, "w%" PRId32 " ends in order", worker->index);
        sim_group_leave(sim, worker);
        end_process(sim, worker);
        return false;
    case BS_ACTION_FAILED:
        sim_worker_kill(sim, worker);
        return false;
    }
    return true;
}

/* What core has given back already is not its any more. */
static void release_rest(const struct bs_step *step, size_t from)
{
    for (size_t i = from; i < step->action_count; i++) {
        if (step->actions[i].kind == BS_ACTION_RELEASE_PAYLOAD) {
            release(step->actions[i].payload);
        }
    }
}

void sim_worker_event(struct sim *sim, struct sim_worker *worker, struct bs_event *event)
{
    event->now.mono = worker->mono_base + sim->now_ms;
    event->now.wall = sim->wall_base + sim->now_ms;
    sim_trace_event(sim, worker, event);
    sim_observe_before(sim, worker, event);
    struct bs_step step = bs_core_step(worker->core, event);
    sim_observe_after(sim, worker, event);
    for (size_t i = 0; i < step.action_count; i++) {
        /* It may die between any two actions. */
        if (sim_fault(sim, sim->options.faults.crash)) {
            release_rest(&step, i);
            sim_worker_kill(sim, worker);
            return;
        }
        sim_trace_action(sim, worker, &step.actions[i]);
        if (!perform(sim, worker, &step.actions[i]) || sim->failed) {
            return;
        }
    }
    want_tick(sim, worker, step.deadline);
    sim_worker_poll(sim, worker);
}
