#include "simulation.h"

#include <inttypes.h>
#include <stdlib.h>

/* Far more than any run needs: a run that spins without time passing ends here. */
#define MOST_ENTRIES    20000000
#define PERSON_LOOKS_MS 600000

void sim_later(struct sim *sim, int64_t delay_ms, struct sim_entry entry)
{
    entry.at_ms = sim->now_ms + delay_ms;
    sim_timeline_add(&sim->timeline, entry);
}

int64_t sim_latency(struct sim *sim)
{
    return sim_between(&sim->random, 1, sim->options.latency_ms);
}

bool sim_fault(struct sim *sim, int32_t thousandths)
{
    return sim->faulty && thousandths > 0 && sim_chance(&sim->random, thousandths);
}

static void read_credentials(struct sim *sim, struct sim_entry *entry)
{
    struct sim_worker *worker = &sim->workers[entry->numbers[0]];
    if (worker->paused) {
        sim_later(sim, worker->resumes_ms - sim->now_ms, *entry);
    } else if (worker->alive) {
        struct bs_event event = {.kind = BS_EVENT_CREDENTIALS, .credentials = true};
        sim_worker_event(sim, worker, &event);
    }
}

/* The service refuses the credentials for a while; then a person mends them, which each worker
 * notices as the file changes. */
static void spoil_credentials(struct sim *sim)
{
    int64_t length_ms = sim_between(&sim->random, 1000, 300000);
    sim->credentials_bad_until_ms = sim->now_ms + length_ms;
    sim_trace(sim, "api: refuses the credentials for %" PRId64 " ms", length_ms);
    for (int32_t w = 0; w < sim->options.workers; w++) {
        sim_later(
            sim, length_ms + 1000,
            (struct sim_entry){.run = read_credentials, .worker = SIM_NOBODY, .numbers = {w}});
    }
}

static void every_second(struct sim *sim, struct sim_entry *entry)
{
    (void)entry;
    const struct sim_faults *faults = &sim->options.faults;
    for (int32_t w = 0; w < sim->options.workers; w++) {
        struct sim_worker *worker = &sim->workers[w];
        if (worker->alive && !worker->paused && sim_fault(sim, faults->pause)) {
            sim_worker_pause(sim, worker);
        } else if (worker->alive && !worker->paused && !worker->stopping &&
                   sim_fault(sim, faults->stop)) {
            sim_worker_stop(sim, worker);
        }
    }
    if (sim_fault(sim, faults->shuffle)) {
        sim_group_shuffle(sim);
    }
    if (sim_fault(sim, faults->credentials)) {
        spoil_credentials(sim);
    }
    if (sim->faulty) {
        sim_later(sim, 1000, (struct sim_entry){.run = every_second, .worker = SIM_NOBODY});
    }
}

static void job_appears(struct sim *sim, struct sim_entry *entry)
{
    (void)entry;
    for (int32_t w = 0; w < sim->options.workers; w++) {
        sim_worker_poll(sim, &sim->workers[w]);
    }
}

/* Refusals in a row stop the submissions until a person acts. This one finds nothing wrong with the
 * settings and starts the worker again. */
static void person_looks(struct sim *sim, struct sim_entry *entry)
{
    for (int32_t w = 0; w < sim->options.workers; w++) {
        struct sim_worker *worker = &sim->workers[w];
        if (worker->alive && sim_observe_not_ready(sim, worker, BS_NOT_READY_REFUSALS)) {
            sim_worker_kill(sim, worker);
        }
    }
    sim_later(sim, PERSON_LOOKS_MS, *entry);
}

static void heal(struct sim *sim, struct sim_entry *entry)
{
    (void)entry;
    sim_trace(sim, "the faults end");
    sim->faulty = false;
    sim_later(sim, PERSON_LOOKS_MS, (struct sim_entry){.run = person_looks, .worker = SIM_NOBODY});
}

static void first_start(struct sim *sim, struct sim_entry *entry)
{
    sim_worker_start(sim, &sim->workers[entry->numbers[0]]);
}

static struct sim *create(const struct sim_options *options, const struct sim_report *report)
{
    struct sim *sim = calloc(1, sizeof *sim);
    BS_ASSERT(sim != NULL);
    sim->options = *options;
    sim->report = *report;
    sim->random.state = bs_mix64(options->seed ^ 0x5eed);
    sim->wall_base = 1767225600000 + bs_random_below(&sim->random, 86400000);
    sim->faulty = true;
    sim->observer.finished_ms = -1;
    for (int32_t p = 0; p < SIM_PARTITIONS; p++) {
        sim->partitions[p].committed = -1;
        sim->partitions[p].published = -1;
    }
    sim_jobs_draw(sim);
    for (int32_t w = 0; w < options->workers; w++) {
        sim->workers[w].index = w;
        sim_later(sim, bs_random_below(&sim->random, 60000),
                  (struct sim_entry){.run = first_start, .worker = SIM_NOBODY, .numbers = {w}});
    }
    for (int32_t i = 0; i < options->jobs; i++) {
        sim_later(sim, sim->jobs[i].appears_ms,
                  (struct sim_entry){.run = job_appears, .worker = SIM_NOBODY});
    }
    sim_later(sim, options->faults_end_ms, (struct sim_entry){.run = heal, .worker = SIM_NOBODY});
    sim_later(sim, 0, (struct sim_entry){.run = every_second, .worker = SIM_NOBODY});
    return sim;
}

/* What happens in a paused process happens when it goes on; in a dead one, never. */
static void run_entry(struct sim *sim, struct sim_entry *entry)
{
    if (entry->worker != SIM_NOBODY) {
        const struct sim_worker *worker = &sim->workers[entry->worker];
        if (!worker->alive || worker->life != entry->life) {
            free(entry->object);
            return;
        }
        if (worker->paused) {
            sim_later(sim, worker->resumes_ms - sim->now_ms, *entry);
            return;
        }
    }
    entry->run(sim, entry);
    free(entry->object);
}

struct sim *sim_run_options(const struct sim_options *options, const struct sim_report *report)
{
    struct sim *sim = create(options, report);
    struct sim_entry entry;
    int64_t entries = 0;
    while (!sim->failed && !sim_observe_quiet(sim) && sim_timeline_next(&sim->timeline, &entry)) {
        sim->now_ms = entry.at_ms;
        run_entry(sim, &entry);
        if (sim->now_ms > options->limit_ms || ++entries > MOST_ENTRIES) {
            sim_observe_overdue(sim);
        }
    }
    if (!sim->failed) {
        sim_observe_end(sim);
    }
    return sim;
}

void sim_destroy(struct sim *sim)
{
    for (int32_t w = 0; w < sim->options.workers; w++) {
        sim_worker_destroy(&sim->workers[w]);
        sim_worker_forget_payloads(&sim->workers[w]);
    }
    sim_timeline_destroy(&sim->timeline);
    sim_broker_destroy(sim);
    sim_api_destroy(sim);
    sim_observer_destroy(sim);
    free(sim);
}
