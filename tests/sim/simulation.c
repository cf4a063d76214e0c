#include "simulation.h"

#include <inttypes.h>
#include <stdlib.h>

/* Far more than any run needs: a run that spins without time passing ends here. */
#define MOST_ENTRIES    20000000
#define PERSON_LOOKS_MS 600000
#define WEEK_MS         (7 * 24 * 3600 * (int64_t)1000)

void sim_later(struct sim *sim, int64_t delay_ms, struct sim_entry entry)
{
    entry.at_ms = sim->now_ms + delay_ms;
    sim_timeline_add(&sim->timeline, entry);
}

int64_t sim_latency(struct sim *sim)
{
    return sim_between(&sim->random, 1, sim->options.latency_ms);
}

void sim_seen(struct sim *sim, enum sim_kind kind)
{
    sim->report.seen[kind]++;
}

bool sim_fault(struct sim *sim, enum sim_kind kind)
{
    bool happens = sim->faulty && sim->options.likelihood[kind] > 0 &&
                   sim_chance(&sim->random, sim->options.likelihood[kind]);
    sim->report.seen[kind] += happens;
    return happens;
}

static void renew(struct sim *sim, struct sim_entry *entry)
{
    struct sim_worker *worker = &sim->workers[entry->numbers[0]];
    if (worker->alive) {
        sim_worker_read_credentials(sim, worker);
    }
}

void sim_renew_credentials(struct sim *sim, int64_t delay_ms, int32_t worker)
{
    sim_later(sim, delay_ms,
              (struct sim_entry){.run = renew, .worker = SIM_NOBODY, .numbers = {worker}});
}

/* ---- faults that come over time -----------------------------------------------------------------
 */

/* Nobody works for more than a week: Kafka forgets the group's offsets meanwhile. */
static void expire_offsets(struct sim *sim, struct sim_entry *entry)
{
    (void)entry;
    sim_trace(sim, "broker: the group's offsets expire");
    for (int32_t p = 0; p < sim->options.partitions; p++) {
        if (!sim_broker_holds_offset(sim, p)) {
            sim->partitions[p].committed = sim->partitions[p].told_published = -1;
            sim->partitions[p].told_billed = -1;
        }
    }
}

static void begin_idle_week(struct sim *sim)
{
    sim_trace(sim, "everybody is sent home for a week");
    sim->nobody_until_ms = sim->now_ms + WEEK_MS + 3600000;
    for (int32_t w = 0; w < sim->options.workers; w++) {
        if (sim->workers[w].alive) {
            sim_worker_kill(sim, &sim->workers[w]);
        }
    }
    sim_later(sim, WEEK_MS, (struct sim_entry){.run = expire_offsets, .worker = SIM_NOBODY});
}

static void hit_cluster(struct sim *sim, enum sim_kind kind)
{
    int32_t partition = (int32_t)bs_random_below(&sim->random, sim->options.partitions);
    switch (kind) {
    case SIM_OUTAGE:
    case SIM_REVOKED:
    case SIM_WRONG_ENDPOINT:
        sim_api_trouble(sim, kind);
        break;
    case SIM_STORE_DOWN:
    case SIM_STORE_DENIED:
        sim_store_trouble(sim, kind);
        break;
    case SIM_SWEPT:
        sim_store_sweep(sim);
        break;
    case SIM_COORDINATOR:
        sim_broker_move_coordinator(sim);
        break;
    case SIM_SHUFFLE:
        sim_group_shuffle(sim);
        break;
    case SIM_COMPACTION:
        sim_broker_compact(sim);
        break;
    case SIM_UNREADABLE:
        sim_broker_write_unreadable(sim, partition);
        break;
    case SIM_DELETED:
        sim_broker_delete_jobs(sim, partition);
        break;
    case SIM_IDLE_WEEK:
        begin_idle_week(sim);
        break;
    default:
        BS_ASSERT(false);
    }
}

static void hit_worker(struct sim *sim, enum sim_kind kind)
{
    struct sim_worker *worker = &sim->workers[bs_random_below(&sim->random, sim->options.workers)];
    bool cut_off = worker->isolated_until_ms > sim->now_ms;
    if (!worker->alive || worker->paused || (kind == SIM_ISOLATION && cut_off)) {
        return;
    }
    switch (kind) {
    case SIM_PAUSE:
        sim_worker_pause(sim, worker);
        break;
    case SIM_ISOLATION:
        sim_worker_isolate(sim, worker);
        break;
    case SIM_STOP:
        sim_worker_stop(sim, worker);
        break;
    case SIM_CREDENTIALS_GONE:
        sim_worker_lose_credentials(sim, worker);
        break;
    case SIM_CLOCK_JUMP:
        sim_worker_jump_clock(sim, worker);
        break;
    default:
        BS_ASSERT(false);
    }
}

static void strike(struct sim *sim, struct sim_entry *entry);

/* The next time that a fault of this kind comes. */
static void expect(struct sim *sim, enum sim_kind kind)
{
    int64_t often = sim->options.likelihood[kind]; /* in 1000 s */
    if (sim_kind_facts[kind].unit == SIM_BY_WORKER) {
        often *= sim->options.workers;
    }
    if (often > 0) {
        sim_later(sim, bs_random_below(&sim->random, 2000000 / often),
                  (struct sim_entry){.run = strike, .worker = SIM_NOBODY, .numbers = {kind}});
    }
}

static void strike(struct sim *sim, struct sim_entry *entry)
{
    enum sim_kind kind = (enum sim_kind)entry->numbers[0];
    if (!sim->faulty) {
        return;
    }
    sim_seen(sim, kind);
    if (sim_kind_facts[kind].unit == SIM_BY_WORKER) {
        hit_worker(sim, kind);
    } else {
        hit_cluster(sim, kind);
    }
    if (kind != SIM_IDLE_WEEK) {
        expect(sim, kind);
    }
}

/* ---- healing ------------------------------------------------------------------------------------
 */

/* Refusals in a row, a partition that cannot be read, a result without a place: they wait for a
 * person. This one mends what there is to mend and starts the worker again. */
static void person_looks(struct sim *sim, struct sim_entry *entry)
{
    static const enum bs_not_ready reasons[] = {
        BS_NOT_READY_REFUSALS, BS_NOT_READY_PARTITION_STOPPED, BS_NOT_READY_TRANSCRIPT_STORE};
    bool mended = false;
    sim_budget_person_looks(sim);
    for (int32_t p = 0; p < sim->options.partitions; p++) {
        mended = sim_broker_mend_unreadable(sim, p) || mended;
    }
    sim->config.results.inline_bytes = 900000;
    for (int32_t w = 0; w < sim->options.workers; w++) {
        struct sim_worker *worker = &sim->workers[w];
        /* Where nothing else is left to be read, nobody but a person can tell whose fault it is. */
        sim->recordings_mended =
            sim->recordings_mended ||
            (worker->alive && sim_observe_not_ready(sim, worker, BS_NOT_READY_RECORDINGS));
        for (size_t i = 0; worker->alive && i < sizeof reasons / sizeof *reasons; i++) {
            bool in_vain = reasons[i] == BS_NOT_READY_PARTITION_STOPPED && !mended &&
                           sim_observe_jobs_lost(sim, worker);
            if (sim_observe_not_ready(sim, worker, reasons[i]) && !in_vain) {
                sim_seen(sim, SIM_PERSON);
                sim_worker_kill(sim, worker);
            }
        }
    }
    sim_later(sim, PERSON_LOOKS_MS, *entry);
}

static void heal(struct sim *sim, struct sim_entry *entry)
{
    (void)entry;
    sim_trace(sim, "the faults end");
    sim->faulty = false;
    for (int32_t w = 0; w < sim->options.workers; w++) {
        sim->workers[w].clock_ms = sim->workers[w].skew_ms;
        sim->workers[w].tokens.gone = false;
        sim_renew_credentials(sim, 1000, w);
    }
    sim_later(sim, PERSON_LOOKS_MS, (struct sim_entry){.run = person_looks, .worker = SIM_NOBODY});
}

/* ---- a run --------------------------------------------------------------------------------------
 */

static void job_appears(struct sim *sim, struct sim_entry *entry)
{
    (void)entry;
    for (int32_t w = 0; w < sim->options.workers; w++) {
        sim_worker_poll(sim, &sim->workers[w]);
    }
}

static void first_start(struct sim *sim, struct sim_entry *entry)
{
    sim_worker_start(sim, &sim->workers[entry->numbers[0]]);
}

static void configure(struct sim *sim)
{
    static struct bs_config *shared; /* this program has one thread */
    static char none[] = "";
    if (shared == NULL) {
        static const char *const settings[] = {
            "kafka.bootstrap.servers=127.0.0.1:9092",
            "speechkit.auth.api_key_file=/key",
            "objects.auth.static_key_file=/key",
            "objects.buckets=[\"recordings\"]",
            "objects.staging=s3://recordings/" SIM_BELOW "staging",
            "objects.transcripts=s3://recordings/" SIM_BELOW "transcripts"};
        struct bs_config_errors errors;
        shared = bs_config_parse(NULL, 0, settings, sizeof settings / sizeof *settings, &errors);
        BS_ASSERT(shared != NULL);
        bs_config_errors_free(&errors);
    }
    const struct sim_options *options = &sim->options;
    sim->config = *shared;
    sim->config.results.compress_over_bytes = options->compress_over_bytes;
    sim->config.results.inline_bytes = options->inline_bytes;
    if (!options->store) {
        sim->config.objects.auth.kind = BS_AUTH_ABSENT;
    }
    if (!options->core.staging) {
        sim->config.objects.staging = none;
    }
    if (!options->core.transcripts) {
        sim->config.objects.transcripts = none;
    }
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
    configure(sim);
    for (int32_t p = 0; p < SIM_PARTITIONS; p++) {
        sim->partitions[p].committed = sim->partitions[p].told_published = -1;
        sim->partitions[p].told_billed = sim->partitions[p].lost_from = -1;
    }
    sim_jobs_draw(sim);
    sim_budget_draw(sim);
    for (int32_t w = 0; w < options->workers; w++) {
        struct sim_worker *worker = &sim->workers[w];
        worker->index = w;
        worker->skew_ms = sim_between(&sim->random, -options->skew_ms, options->skew_ms);
        worker->clock_ms = worker->skew_ms;
        sim->report.seen[SIM_CLOCK_SKEW] += worker->skew_ms != 0;
        sim_later(sim, bs_random_below(&sim->random, 60000),
                  (struct sim_entry){.run = first_start, .worker = SIM_NOBODY, .numbers = {w}});
    }
    for (int32_t i = 0; i < options->jobs; i++) {
        sim_later(sim, sim->jobs[i].appears_ms,
                  (struct sim_entry){.run = job_appears, .worker = SIM_NOBODY});
    }
    sim_later(sim, options->faults_end_ms, (struct sim_entry){.run = heal, .worker = SIM_NOBODY});
    for (int kind = 0; kind < SIM_KIND_COUNT; kind++) {
        if (sim_kind_facts[kind].unit == SIM_BY_CLUSTER ||
            sim_kind_facts[kind].unit == SIM_BY_WORKER) {
            expect(sim, (enum sim_kind)kind);
        }
    }
    return sim;
}

/* What happens in a paused process happens when it goes on; in a dead one, never. */
static void run_entry(struct sim *sim, struct sim_entry *entry)
{
    if (entry->worker != SIM_NOBODY) {
        const struct sim_worker *worker = &sim->workers[entry->worker];
        if (!worker->alive || worker->life != entry->life) {
            sim_entry_drop(entry);
            return;
        }
        if (worker->paused) {
            sim_later(sim, worker->resumes_ms - sim->now_ms, *entry);
            return;
        }
        if (entry->through_kafka && worker->isolated_until_ms > sim->now_ms) {
            sim_later(sim, worker->isolated_until_ms - sim->now_ms, *entry);
            return;
        }
        sim_worker_enter(sim, entry->worker);
    }
    entry->run(sim, entry);
    sim_entry_drop(entry);
    sim_workers_bury(sim);
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
            break;
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
        if (sim->workers[w].alive) {
            sim_worker_destroy(sim, &sim->workers[w]);
        }
    }
    sim_timeline_destroy(&sim->timeline);
    sim_broker_destroy(sim);
    sim_api_destroy(sim);
    sim_store_destroy(sim);
    sim_jobs_destroy(sim);
    sim_observer_destroy(sim);
    free(sim);
}
