/* The budget (limits.billed_hours), counted where submissions are accepted: through crashes,
 * handovers and restarts no more is accepted than it allows, and before anything is accepted it
 * stands in the committed control records. Where nothing goes wrong the account is exact. */
#include <inttypes.h>
#include <math.h>

#include "simulation.h"

#define EMPTY_MS 60000 /* nobody works between two numbers of the budget, where it is lowered */

static int64_t longest(const struct sim *sim)
{
    int64_t most = 0;
    for (int32_t i = 0; i < sim->options.jobs; i++) {
        int64_t billed = sim_billed_seconds(&sim->jobs[i]);
        most = billed > most ? billed : most;
    }
    return most;
}

static int64_t recorded(const struct sim *sim)
{
    int64_t sum = 0;
    for (int32_t p = 0; p < sim->options.partitions; p++) {
        sum += sim->partitions[p].billed_total;
    }
    return sum;
}

static void set_budget(struct sim *sim, int64_t seconds)
{
    sim->options.core.budget_seconds = seconds > 1 ? seconds : 1;
    int64_t spent = recorded(sim);
    sim->budget.most =
        spent > sim->options.core.budget_seconds ? spent : sim->options.core.budget_seconds;
}

static void kill_all(struct sim *sim)
{
    for (int32_t w = 0; w < sim->options.workers; w++) {
        if (sim->workers[w].alive) {
            sim_worker_kill(sim, &sim->workers[w]);
        }
    }
}

/* A person thinks better of it, and stops everybody for the new number. */
static void lower(struct sim *sim, struct sim_entry *entry)
{
    (void)entry;
    if (sim->budget.raised > 0 || sim->nobody_until_ms > sim->now_ms) {
        return;
    }
    sim_seen(sim, SIM_BUDGET_LOWERED);
    sim->nobody_until_ms = sim->now_ms + EMPTY_MS;
    kill_all(sim);
    set_budget(sim, sim->options.core.budget_seconds * sim->options.budget_lowered / 1000);
    sim_trace(sim, "the budget is lowered to %" PRId64 " s", sim->options.core.budget_seconds);
}

void sim_budget_draw(struct sim *sim)
{
    int64_t sum = 0;
    for (int32_t i = 0; i < sim->options.jobs; i++) {
        sum += sim_billed_seconds(&sim->jobs[i]);
    }
    if (sim->options.budget == 0) {
        return;
    }
    set_budget(sim, sum * sim->options.budget / 1000);
    sim->budget.first = sim->options.core.budget_seconds;
    if (sim->options.budget_lowered > 0) {
        sim_later(sim, sim->options.faults_end_ms / 2,
                  (struct sim_entry){.run = lower, .worker = SIM_NOBODY});
    }
}

void sim_budget_person_looks(struct sim *sim)
{
    bool spent = false;
    for (int32_t w = 0; w < sim->options.workers; w++) {
        const struct sim_worker *worker = &sim->workers[w];
        spent = spent || (worker->alive && sim_observe_not_ready(sim, worker, BS_NOT_READY_BUDGET));
    }
    if (spent) {
        sim_seen(sim, SIM_BUDGET_RAISED);
        sim->budget.raised++;
        kill_all(sim);
        set_budget(sim, 2 * sim->options.core.budget_seconds + longest(sim));
        sim_trace(sim, "the budget is raised to %" PRId64 " s", sim->options.core.budget_seconds);
    }
}

void sim_budget_accepted(struct sim *sim, const struct sim_job *job)
{
    struct sim_budget *budget = &sim->budget;
    budget->accepted += sim_billed_seconds(job);
    if (sim->options.core.budget_seconds > 0 && budget->accepted > budget->most) {
        sim_fail(sim, job, "budget: %" PRId64 " s are accepted, of %" PRId64, budget->accepted,
                 budget->most);
    }
    if (budget->accepted > recorded(sim)) {
        sim_fail(sim, job,
                 "budget: %" PRId64 " s are accepted, and %" PRId64 " stand in control records",
                 budget->accepted, recorded(sim));
    }
}

/* It says that nothing fits: then at least the longest does not. */
void sim_budget_judge_view(struct sim *sim, const struct sim_worker *worker,
                           const struct bs_view *view)
{
    if (!view->not_ready[BS_NOT_READY_BUDGET]) {
        return;
    }
    sim_seen(sim, SIM_BUDGET_SPENT);
    if (view->budget == 0 || view->waiting == 0 || view->budget_available >= longest(sim)) {
        sim_fail(sim, NULL,
                 "w%" PRId32 " says that its budget is spent, with %" PRId64
                 " s to spend and %" PRId64 " jobs waiting",
                 worker->index, view->budget_available, view->waiting);
    }
}

/* What the result shows to have been charged too little. */
static int64_t charged_later(const struct sim *sim, const struct sim_job *job)
{
    double last_end = sim_job_words(sim, job) - 1 + 0.9;
    double heard = last_end > job->audio_seconds ? last_end : job->audio_seconds;
    int64_t seconds = bs_billed_seconds(heard, job->audio.channels);
    int64_t more = seconds - sim_billed_seconds(job);
    return job->results > 0 && more > 0 ? more : 0;
}

/* Nothing went wrong: what the workers say is what was accepted. */
void sim_budget_judge_account(struct sim *sim)
{
    int64_t expected = sim->budget.accepted, told = 0;
    for (int32_t i = 0; i < sim->options.jobs; i++) {
        expected += charged_later(sim, &sim->jobs[i]);
    }
    for (int32_t w = 0; w < sim->options.workers; w++) {
        struct bs_view view;
        bs_core_view(sim->workers[w].process.core, sim_worker_now(sim, &sim->workers[w]), &view);
        told += view.budget_spent;
    }
    if (told != expected) {
        sim_fail(sim, NULL, "budget: the workers say that %" PRId64 " s are spent, it was %" PRId64,
                 told, expected);
    }
}

/* One worker that nothing happened to stops for the budget only where that is spent. */
void sim_budget_judge_raises(struct sim *sim)
{
    if (sim->budget.raised > 0 && sim->options.workers == 1 && sim->options.budget_lowered == 0 &&
        recorded(sim) <= sim->budget.first - longest(sim)) {
        sim_fail(sim, NULL, "budget: it was raised though %" PRId64 " s of %" PRId64 " were enough",
                 recorded(sim), sim->budget.first);
    }
}
