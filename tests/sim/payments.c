/* Truth 3: what is known to be paid is not paid again; and what a kill may cost is bounded. */
#include <inttypes.h>

#include "simulation.h"

/* Whether the id of a published job must still be known; those that a small limit pushes out are
 * not followed. A minute is left for what is between the cut of a batch and its commit, and what
 * the clocks differ. */
static bool remembers(const struct sim *sim, const struct sim_job *job)
{
    const struct bs_core_options *core = &sim->options.core;
    int64_t margin_ms = 60000 + 2 * sim->options.skew_ms;
    return core->remembered_ids > SIM_JOBS && sim->options.likelihood[SIM_CLOCK_JUMP] == 0 &&
           sim->now_ms < job->result_ms + core->remember_ms - margin_ms;
}

/* Another message with this id is paid for already, as the state topic shows. */
static const struct sim_job *paid_twin(const struct sim *sim, const struct sim_job *job)
{
    for (int32_t i = 0; i < sim->options.jobs; i++) {
        const struct sim_job *other = &sim->jobs[i];
        if (!sim_same_id(job, other)) {
            continue;
        }
        if (other->force) {
            return NULL; /* the order in which they came matters then */
        }
        bool remembered = other->results > 0 && remembers(sim, other);
        bool running = other->record.kind == SIM_RECORD_OPERATION && other->record.accepted;
        if (remembered || running) {
            return other;
        }
    }
    return NULL;
}

/* Accepted, told to this process, and not recorded: a kill now would have them paid for again. */
static int32_t exposed(const struct sim *sim, const struct sim_worker *worker)
{
    int32_t count = 0;
    for (int32_t i = 0; i < sim->options.jobs; i++) {
        const struct sim_job *job = &sim->jobs[i];
        const struct sim_told *told = &sim->observer.told[i][worker->index];
        const struct sim_flow *flow = &worker->flows[job->partition];
        count += told->exposed && told->accepted_life == worker->life && flow->assigned &&
                 flow->epoch == told->accepted_epoch;
    }
    return count;
}

static void judge_submission(struct sim *sim, const struct sim_worker *worker,
                             const struct sim_request *request)
{
    const struct sim_job *job = request->job;
    const struct sim_record *record = &job->record;
    const struct bs_core_options *core = &sim->options.core;
    if (record->kind == SIM_RECORD_OPERATION && record->accepted &&
        sim_api_lives(sim, record->operation)) {
        sim_fail(sim, job, "truth 3: it is submitted again, while the recorded op%" PRId32 " lives",
                 record->operation);
    }
    const struct sim_told *told = &sim->observer.told[job->index][worker->index];
    if (told->accepted_life == worker->life && told->accepted_epoch == request->epoch &&
        sim_api_lives(sim, told->operation)) {
        sim_fail(sim, job, "truth 3: it is submitted again by who knows that op%" PRId32 " lives",
                 told->operation);
    }
    if (sim_job_ended(job) || record->kind == SIM_RECORD_DONE) {
        sim_fail(sim, job, "truth 3: it is submitted though it has ended");
    }
    const struct sim_job *twin = job->force ? NULL : paid_twin(sim, job);
    if (twin != NULL) {
        sim_fail(sim, job, "truth 3: its id is paid for already, by the job at offset %" PRId64,
                 twin->offset);
    }
    if (record->kind == SIM_RECORD_OPERATION && record->submissions >= core->submissions_per_job) {
        sim_fail(sim, job, "it is submitted more often than limits.submissions_per_job");
    }
    if (job->nature == SIM_INVALID) {
        sim_fail(sim, job, "what is no job is submitted");
    }
}

void sim_observe_sending(struct sim *sim, const struct sim_worker *worker,
                         const struct sim_request *request)
{
    const struct bs_core_options *core = &sim->options.core;
    if (request->check && sim_job_ended(request->job)) {
        sim_fail(sim, request->job, "truth 5: it is asked about though it has ended");
    }
    const struct sim_job *job = request->job;
    if (!request->check && job->deadline > 0 && job->operations == 0 &&
        job->deadline <= sim_worker_now(sim, worker).wall) {
        sim_fail(sim, job, "it is submitted though its deadline has passed");
    }
    if (worker->requests > core->connections) {
        sim_fail(sim, request->job, "more requests are under way than limits.connections");
    }
    if (!request->check && exposed(sim, worker) + worker->submissions > core->connections) {
        sim_fail(sim, request->job, "a kill now would cost more than limits.connections");
    }
}

void sim_observe_request(struct sim *sim, const struct sim_worker *worker,
                         const struct sim_request *request)
{
    if (!request->check) {
        judge_submission(sim, worker, request);
    }
}

void sim_observe_accepted(struct sim *sim, const struct sim_request *request, int32_t operation)
{
    (void)operation;
    request->job->operations++;
    request->job->accepted_ms = sim->now_ms;
    sim_budget_accepted(sim, request->job);
}

void sim_observe_answer(struct sim *sim, const struct sim_worker *worker,
                        const struct sim_request *request)
{
    const struct sim_flow *flow = &worker->flows[request->job->partition];
    if (request->check || request->accepted < 0 || !flow->assigned ||
        flow->epoch != request->epoch) {
        return;
    }
    struct sim_told *told = &sim->observer.told[request->job->index][worker->index];
    told->accepted_life = worker->life;
    told->accepted_epoch = request->epoch;
    told->operation = request->accepted;
    told->exposed = true;
}
