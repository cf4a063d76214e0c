#include "jobs.h"

#include <string.h>

#include "simulation.h"

static enum sim_nature draw_nature(struct sim *sim)
{
    if (!sim_chance(&sim->random, sim->options.bad_jobs)) {
        return SIM_GOOD;
    }
    return (enum sim_nature)sim_between(&sim->random, SIM_INVALID, SIM_NATURES - 1);
}

static void draw_id(struct sim *sim, struct sim_job *job)
{
    job->id = -1;
    job->fingerprint = bs_random_next(&sim->random);
    uint64_t named = (uint64_t)job->index + 1000000;
    if (sim_chance(&sim->random, 800)) {
        job->id = (int32_t)bs_random_below(&sim->random, sim->options.ids);
        named = (uint64_t)job->id;
        /* The same id names the same recording, but for a few conflicts. */
        if (!sim_chance(&sim->random, 100)) {
            job->fingerprint = bs_mix64((uint64_t)job->id);
        }
    }
    for (size_t i = 0; i < BS_ID_HASH_SIZE; i += sizeof named) {
        named = bs_mix64(named);
        memcpy(job->id_hash + i, &named, sizeof named);
    }
}

static void draw_job(struct sim *sim, struct sim_job *job, int32_t index)
{
    struct bs_random *random = &sim->random;
    *job = (struct sim_job){.index = index, .channels = 1};
    draw_id(sim, job);
    /* Messages are keyed by id, so that duplicates meet. */
    uint64_t key = job->id >= 0 ? bs_mix64((uint64_t)job->id) : bs_random_next(random);
    job->partition = (int32_t)(key % (uint64_t)sim->options.partitions);
    job->nature = draw_nature(sim);
    job->force = job->id >= 0 && sim_chance(random, sim->options.forced);
    job->deferred = sim_chance(random, sim->options.deferred);
    if (sim_chance(random, 700)) {
        job->audio_seconds = (double)sim_between(random, 1, 4 * 3600);
        job->channels = (int32_t)sim_between(random, 1, 4);
    }
    job->appears_ms =
        sim_chance(random, 500) ? 0 : sim_between(random, 0, sim->options.arrivals_ms);
    if (sim_chance(random, sim->options.deadlines)) {
        job->deadline = sim->wall_base + sim_between(random, 0, 2 * sim->options.faults_end_ms);
    }
    job->job_size = (uint32_t)sim_between(random, sizeof index, SIM_JOB_BYTES);
    memset(job->job, 'j', sizeof job->job);
    memcpy(job->job, &index, sizeof index);
}

/* Within a partition offsets ascend with time, with the gaps that control records and aborted
 * messages leave. */
static void place(struct sim *sim)
{
    int64_t next[SIM_PARTITIONS], latest[SIM_PARTITIONS] = {0};
    for (int32_t p = 0; p < SIM_PARTITIONS; p++) {
        next[p] = sim_chance(&sim->random, 300) ? sim_between(&sim->random, 1, 1000) : 0;
        sim->partitions[p].log_start = next[p];
    }
    for (int32_t i = 0; i < sim->options.jobs; i++) {
        struct sim_job *job = &sim->jobs[i];
        int32_t p = job->partition;
        if (sim_chance(&sim->random, 200)) {
            next[p] += sim_between(&sim->random, 1, 3);
        }
        job->offset = next[p]++;
        if (job->appears_ms < latest[p]) {
            job->appears_ms = latest[p];
        }
        latest[p] = job->appears_ms;
    }
    for (int32_t p = 0; p < SIM_PARTITIONS; p++) {
        sim->partitions[p].log_end = next[p] + sim_between(&sim->random, 0, 2);
    }
}

void sim_jobs_draw(struct sim *sim)
{
    for (int32_t i = 0; i < sim->options.jobs; i++) {
        draw_job(sim, &sim->jobs[i], i);
    }
    place(sim);
}

struct sim_job *sim_job_of(struct sim *sim, const uint8_t *packed, size_t size)
{
    int32_t index;
    if (size < sizeof index) {
        return NULL;
    }
    memcpy(&index, packed, sizeof index);
    if (index < 0 || index >= sim->options.jobs) {
        return NULL;
    }
    struct sim_job *job = &sim->jobs[index];
    bool whole = job->job_size == size && memcmp(job->job, packed, size) == 0;
    return whole ? job : NULL;
}

struct sim_job *sim_job_at(struct sim *sim, int32_t partition, int64_t offset)
{
    for (int32_t i = 0; i < sim->options.jobs; i++) {
        struct sim_job *job = &sim->jobs[i];
        if (job->partition == partition && job->offset == offset) {
            return job;
        }
    }
    return NULL;
}

struct sim_job *sim_jobs_next(struct sim *sim, int32_t partition, int64_t offset)
{
    for (int32_t i = 0; i < sim->options.jobs; i++) {
        struct sim_job *job = &sim->jobs[i];
        if (job->partition == partition && job->offset >= offset) {
            return job->appears_ms <= sim->now_ms ? job : NULL;
        }
    }
    return NULL;
}

int64_t sim_jobs_end(struct sim *sim, int32_t partition)
{
    int64_t end = sim->partitions[partition].log_start;
    for (int32_t i = 0; i < sim->options.jobs; i++) {
        const struct sim_job *job = &sim->jobs[i];
        if (job->partition != partition) {
            continue;
        }
        if (job->appears_ms > sim->now_ms) {
            return end;
        }
        end = job->offset + 1;
    }
    return sim->partitions[partition].log_end;
}
