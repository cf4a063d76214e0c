#include "options.h"

#include <inttypes.h>

#define SECOND 1000
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

#define SIM_KIND_FACTS(identifier, name, most, unit) {name, most, SIM_BY_##unit},
const struct sim_kind_facts sim_kind_facts[SIM_KIND_COUNT] = {SIM_KINDS(SIM_KIND_FACTS)};

static int64_t one_of(struct bs_random *random, const int64_t *values, int64_t count)
{
    return values[bs_random_below(random, count)];
}

/* Half of the runs don't have the fault at all. */
static int32_t likelihood(struct bs_random *random, int32_t most)
{
    return sim_chance(random, 500) ? (int32_t)sim_between(random, 1, most) : 0;
}

static void draw_faults(struct sim_options *options, struct bs_random *random)
{
    if (sim_chance(random, 100)) {
        return; /* a run without any, for what faults would hide */
    }
    for (int kind = 0; kind < SIM_KIND_COUNT; kind++) {
        if (sim_kind_facts[kind].most > 0) {
            options->likelihood[kind] = likelihood(random, sim_kind_facts[kind].most);
        }
    }
    /* These stop partitions or the whole fleet for a person: most runs go without. */
    static const enum sim_kind rare[] = {SIM_UNREADABLE, SIM_DELETED, SIM_IDLE_WEEK,
                                         SIM_CLOCK_JUMP};
    for (size_t i = 0; i < sizeof rare / sizeof *rare; i++) {
        options->likelihood[rare[i]] *= sim_chance(random, 300);
    }
}

/* Quotas as the configuration would let them pass: no partition's part is nothing. */
static void draw_core(struct sim_options *options, struct bs_random *random)
{
    static const int64_t windows[] = {60 * SECOND, 5 * MINUTE, HOUR};
    static const int64_t limits[] = {1, 2, 5, 20, 100};
    static const int64_t in_flight[] = {1, 3, 10, 100, 1000};
    static const int64_t memory[] = {1 << 20, 4 << 20};
    static const int64_t remember[] = {MINUTE, HOUR, 3 * (int64_t)DAY};
    static const int64_t billed_hours[] = {8, 50, 10000};
    struct bs_core_options *core = &options->core;
    core->random_seed = bs_random_next(random);
    core->state_partitions = options->partitions;
    core->window_ms = one_of(random, windows, 3);
    core->submissions = options->partitions * one_of(random, limits, 5);
    core->checks = options->partitions * (1 + one_of(random, limits, 5));
    core->billed_seconds_per_day = options->partitions * 3600 * one_of(random, billed_hours, 3);
    core->lease_ms = 5 * SECOND;
    core->request_limit_ms = 30 * SECOND;
    core->in_flight = one_of(random, in_flight, 5);
    core->memory_bytes = (size_t)one_of(random, memory, 2);
    core->connections = (int32_t)sim_between(random, 1, 16);
    core->submissions_per_job = (int32_t)sim_between(random, 1, 4);
    core->refusals_in_a_row = (int32_t)sim_between(random, 2, 40);
    core->remembered_ids = sim_chance(random, 200) ? sim_between(random, 1, 5) : 1000;
    core->remember_ms = one_of(random, remember, 3);
    core->check_seconds_per_audio_minute = 10;
    core->check_first_guess_seconds = (double)sim_between(random, 1, 60);
    core->dead_letter_unknown_submissions = sim_chance(random, 300);
    options->store = sim_chance(random, 600);
    if (options->store) {
        core->object_tasks = (int32_t)sim_between(random, 1, 24);
        core->staging = sim_chance(random, 850);
        core->transcripts = sim_chance(random, 850);
        options->bad_recordings = likelihood(random, 400);
    }
}

static void draw_jobs(struct sim_options *options, struct bs_random *random)
{
    static const int64_t most[] = {12, 40, 100, SIM_JOBS};
    options->jobs = (int32_t)sim_between(random, 5, one_of(random, most, 4));
    options->ids = (int32_t)sim_between(random, 1, 3 * options->jobs);
    options->bad_jobs = likelihood(random, 400);
    options->forced = likelihood(random, 300);
    options->deadlines = likelihood(random, 300);
    options->deferred = likelihood(random, 200);
}

/* From a source of its own: seeds that have no budget stay what they were. */
static void draw_budget(struct sim_options *options)
{
    static const int64_t budgets[] = {50, 200, 500, 900, 1100, 2000};
    struct bs_random random = {.state = bs_mix64(options->seed ^ 0xb0d6e7)};
    if (sim_chance(&random, 350)) {
        options->budget = (int32_t)one_of(&random, budgets, 6);
        /* Offsets that expire take the others' accounts with them, which a lower number needs. */
        bool lowered = sim_chance(&random, 250) && options->likelihood[SIM_IDLE_WEEK] == 0;
        options->budget_lowered = lowered ? (int32_t)sim_between(&random, 100, 900) : 0;
    }
}

/* Each job may need some submissions and a few dozen checks, at the pace of one partition's part
 * of the quota; on top of that come the longest recognition and the longest backoff. */
static int64_t long_enough(const struct sim_options *options)
{
    const struct bs_core_options *core = &options->core;
    int64_t submissions = core->submissions / options->partitions;
    int64_t checks = core->checks / options->partitions;
    int64_t windows = options->jobs * (4 / submissions + 60 / checks + 2) + 10;
    return options->faults_end_ms + windows * core->window_ms + 30 * (int64_t)DAY +
           options->jobs * (options->recognition_ms * 4 + DAY);
}

void sim_options_draw(struct sim_options *options, uint64_t seed)
{
    static const int64_t recognition[] = {10 * SECOND, 5 * MINUTE, 2 * HOUR};
    static const int64_t words[] = {5, 30, 30, 600};
    static const int64_t compress_over[] = {300, 2000, 262144};
    static const int64_t sessions[] = {6 * SECOND, 10 * SECOND, 10 * SECOND, 45 * SECOND};
    struct bs_random random = {.state = bs_mix64(seed)};
    *options = (struct sim_options){.seed = seed};
    options->partitions = (int32_t)sim_between(&random, 1, SIM_PARTITIONS);
    options->workers = (int32_t)sim_between(&random, 1, sim_chance(&random, 200) ? SIM_WORKERS : 4);
    draw_core(options, &random);
    draw_faults(options, &random);
    draw_jobs(options, &random);
    options->faults_end_ms = sim_between(&random, 1, sim_chance(&random, 100) ? 360 : 90) * MINUTE;
    options->arrivals_ms = sim_between(&random, 0, options->faults_end_ms);
    options->static_members = sim_chance(&random, 300);
    options->session_ms = one_of(&random, sessions, 4);
    options->latency_ms = sim_between(&random, 1, sim_chance(&random, 300) ? 3 * SECOND : 200);
    options->recognition_ms = one_of(&random, recognition, 3);
    options->durations = (enum sim_durations)bs_random_below(&random, SIM_DURATIONS);
    int64_t slice_ms = options->core.window_ms / 60;
    options->skew_ms = sim_chance(&random, 500) ? sim_between(&random, 1, slice_ms / 3) : 0;
    options->result_words = (int32_t)one_of(&random, words, 4);
    options->compress_over_bytes = one_of(&random, compress_over, 3);
    bool small = sim_chance(&random, options->core.transcripts ? 500 : 100);
    options->inline_bytes = small ? 1500 : 900000;
    if (options->core.transcripts && small && sim_chance(&random, 150)) {
        options->result_words = 600; /* a few of them fill the memory while the store is down */
        options->core.memory_bytes = 1 << 19;
    }
    options->dead_letter_bytes = 2000;
    options->limit_ms = long_enough(options);
    draw_budget(options);
}

void sim_options_print(const struct sim_options *options, FILE *to)
{
    const struct bs_core_options *core = &options->core;
    fprintf(to,
            "seed=%" PRIu64 " partitions=%" PRId32 " workers=%" PRId32 "%s jobs=%" PRId32
            " ids=%" PRId32 " window_ms=%" PRId64 " submissions=%" PRId64 " checks=%" PRId64
            " billed_seconds_per_day=%" PRId64 " in_flight=%" PRId64
            " memory_bytes=%zu connections=%" PRId32 " submissions_per_job=%" PRId32
            " refusals_in_a_row=%" PRId32 " remember_ms=%" PRId64 " remembered_ids=%" PRId64
            " unknown=%s faults_end_ms=%" PRId64 " recognition_ms=%" PRId64 " durations=%d"
            " latency_ms=%" PRId64 " session_ms=%" PRId64 " skew_ms=%" PRId64 " bad_jobs=%" PRId32
            " inline_bytes=%" PRId64 " object_tasks=%" PRId32 "%s%s bad_recordings=%" PRId32
            " budget=%" PRId32 " lowered=%" PRId32 "\n",
            options->seed, options->partitions, options->workers,
            options->static_members ? " (static)" : "", options->jobs, options->ids,
            core->window_ms, core->submissions, core->checks, core->billed_seconds_per_day,
            core->in_flight, core->memory_bytes, core->connections, core->submissions_per_job,
            core->refusals_in_a_row, core->remember_ms, core->remembered_ids,
            core->dead_letter_unknown_submissions ? "dead_letter" : "resubmit",
            options->faults_end_ms, options->recognition_ms, (int)options->durations,
            options->latency_ms, options->session_ms, options->skew_ms, options->bad_jobs,
            options->inline_bytes, core->object_tasks, core->staging ? " (staging)" : "",
            core->transcripts ? " (transcripts)" : "", options->bad_recordings, options->budget,
            options->budget_lowered);
    fprintf(to, "faults:");
    for (int kind = 0; kind < SIM_KIND_COUNT; kind++) {
        if (options->likelihood[kind] > 0) {
            fprintf(to, " %s=%" PRId32, sim_kind_facts[kind].name, options->likelihood[kind]);
        }
    }
    fprintf(to, "\n");
}
