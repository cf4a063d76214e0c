#include "options.h"

#include <inttypes.h>

#define SECOND 1000
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static int64_t one_of(struct bs_random *random, const int64_t *values, int64_t count)
{
    return values[bs_random_below(random, count)];
}

/* Half of the runs don't have the fault at all. */
static int32_t likelihood(struct bs_random *random, int32_t most)
{
    return sim_chance(random, 500) ? (int32_t)sim_between(random, 1, most) : 0;
}

static void draw_faults(struct sim_faults *faults, struct bs_random *random)
{
    if (sim_chance(random, 100)) {
        return; /* a run without any, for the truths that faults soften */
    }
    *faults = (struct sim_faults){
        .not_sent = likelihood(random, 200),
        .lost_before = likelihood(random, 100),
        .lost_after = likelihood(random, 100),
        .unreadable = likelihood(random, 100),
        .unavailable = likelihood(random, 300),
        .too_many = likelihood(random, 300),
        .hangs = likelihood(random, 100),
        .young_not_found = likelihood(random, 200),
        .aborted = likelihood(random, 300),
        .too_large = likelihood(random, 100),
        .fatal = likelihood(random, 30),
        .crash = likelihood(random, 30),
        .pause = likelihood(random, 20),
        .stop = likelihood(random, 10),
        .shuffle = likelihood(random, 30),
        .credentials = likelihood(random, 5),
    };
}

/* Quotas as the configuration would let them pass: no partition's part is nothing. */
static void draw_core(struct sim_options *options, struct bs_random *random)
{
    static const int64_t windows[] = {60 * SECOND, 5 * MINUTE, HOUR};
    static const int64_t limits[] = {1, 2, 5, 20, 100};
    static const int64_t in_flight[] = {1, 3, 10, 100};
    static const int64_t memory[] = {1 << 20, 4 << 20};
    static const int64_t remember[] = {MINUTE, HOUR, 3 * (int64_t)DAY};
    struct bs_core_options *core = &options->core;
    core->random_seed = bs_random_next(random);
    core->state_partitions = options->partitions;
    core->window_ms = one_of(random, windows, 3);
    core->submissions = options->partitions * one_of(random, limits, 5);
    core->checks = options->partitions * (1 + one_of(random, limits, 5));
    core->billed_seconds_per_day = 36000000;
    core->lease_ms = 5 * SECOND;
    core->request_limit_ms = sim_between(random, 5, 30) * SECOND;
    core->in_flight = one_of(random, in_flight, 4);
    core->memory_bytes = (size_t)one_of(random, memory, 2);
    core->connections = (int32_t)sim_between(random, 1, 16);
    core->submissions_per_job = (int32_t)sim_between(random, 1, 4);
    core->refusals_in_a_row = (int32_t)sim_between(random, 2, 40);
    core->remembered_ids = sim_chance(random, 200) ? sim_between(random, 1, 5) : 1000;
    core->remember_ms = one_of(random, remember, 3);
    core->check_seconds_per_audio_minute = 10;
    core->check_first_guess_seconds = (double)sim_between(random, 1, 60);
    core->dead_letter_unknown_submissions = sim_chance(random, 300);
}

void sim_options_draw(struct sim_options *options, uint64_t seed)
{
    static const int64_t recognition[] = {10 * SECOND, 5 * MINUTE, 2 * HOUR};
    static const int64_t results[] = {1000, 100000, 900000};
    struct bs_random random = {.state = bs_mix64(seed)};
    *options = (struct sim_options){.seed = seed};
    options->partitions = (int32_t)sim_between(&random, 1, SIM_PARTITIONS);
    options->workers = (int32_t)sim_between(&random, 1, SIM_WORKERS);
    options->jobs = (int32_t)sim_between(&random, 5, SIM_JOBS);
    draw_core(options, &random);
    draw_faults(&options->faults, &random);
    options->faults_end_ms = sim_between(&random, 1, 90) * MINUTE;
    options->arrivals_ms = sim_between(&random, 0, options->faults_end_ms);
    options->latency_ms = sim_between(&random, 1, 3 * SECOND);
    options->recognition_ms = one_of(&random, recognition, 3);
    options->result_bytes = one_of(&random, results, 3);
    options->ids = (int32_t)sim_between(&random, 1, 3 * options->jobs);
    options->bad_jobs = likelihood(&random, 400);
    options->forced = likelihood(&random, 300);
    options->deadlines = likelihood(&random, 300);
    options->deferred = likelihood(&random, 300);

    /* Each job may need some submissions and a few dozen checks, at the pace of one partition's
     * part of the quota; on top of that come the longest recognition and the longest backoff. */
    const struct bs_core_options *core = &options->core;
    int64_t submissions = core->submissions / options->partitions;
    int64_t checks = core->checks / options->partitions;
    int64_t windows = options->jobs * (4 / submissions + 60 / checks + 2) + 10;
    options->limit_ms = options->faults_end_ms + windows * core->window_ms + 4 * (int64_t)DAY +
                        options->jobs * options->recognition_ms * 4;
}

void sim_options_print(const struct sim_options *options, FILE *to)
{
    const struct bs_core_options *core = &options->core;
    const struct sim_faults *faults = &options->faults;
    fprintf(
        to,
        "seed=%" PRIu64 " partitions=%" PRId32 " workers=%" PRId32 " jobs=%" PRId32 " ids=%" PRId32
        " window_ms=%" PRId64 " submissions=%" PRId64 " checks=%" PRId64 " in_flight=%" PRId64
        " memory_bytes=%zu connections=%" PRId32 " submissions_per_job=%" PRId32
        " refusals_in_a_row=%" PRId32 " remember_ms=%" PRId64 " remembered_ids=%" PRId64
        " unknown=%s faults_end_ms=%" PRId64 " recognition_ms=%" PRId64 " latency_ms=%" PRId64
        " bad_jobs=%" PRId32 "\n",
        options->seed, options->partitions, options->workers, options->jobs, options->ids,
        core->window_ms, core->submissions, core->checks, core->in_flight, core->memory_bytes,
        core->connections, core->submissions_per_job, core->refusals_in_a_row, core->remember_ms,
        core->remembered_ids, core->dead_letter_unknown_submissions ? "dead_letter" : "resubmit",
        options->faults_end_ms, options->recognition_ms, options->latency_ms, options->bad_jobs);
    fprintf(to,
            "faults: not_sent=%d lost_before=%d lost_after=%d unreadable=%d unavailable=%d "
            "too_many=%d hangs=%d young_not_found=%d aborted=%d too_large=%d fatal=%d crash=%d "
            "pause=%d stop=%d shuffle=%d credentials=%d\n",
            faults->not_sent, faults->lost_before, faults->lost_after, faults->unreadable,
            faults->unavailable, faults->too_many, faults->hangs, faults->young_not_found,
            faults->aborted, faults->too_large, faults->fatal, faults->crash, faults->pause,
            faults->stop, faults->shuffle, faults->credentials);
}
