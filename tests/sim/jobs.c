#include "jobs.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulation.h"

#define BODY_SIZE 4096

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
    job->recording = 1000000 + job->index;
    if (sim_chance(&sim->random, 800)) {
        job->id = (int32_t)bs_random_below(&sim->random, sim->options.ids);
        /* The same id names the same recording, but for a few conflicts. */
        if (!sim_chance(&sim->random, 100)) {
            job->recording = job->id;
        }
    }
}

static void draw_job(struct sim *sim, struct sim_job *job, int32_t index)
{
    struct bs_random *random = &sim->random;
    *job = (struct sim_job){.index = index, .record = {.operation = -1}};
    draw_id(sim, job);
    /* Messages are keyed by id, so that duplicates meet. */
    uint64_t key = job->id >= 0 ? bs_mix64((uint64_t)job->id) : bs_random_next(random);
    job->partition = (int32_t)(key % (uint64_t)sim->options.partitions);
    job->nature = draw_nature(sim);
    job->force = job->id >= 0 && sim_chance(random, sim->options.forced);
    /* One recording is asked for in one way. */
    sim_recording_draw(&sim->options, job->recording, &job->audio);
    if (job->audio.told || sim_recording_is_looked_into(&sim->options, &job->audio)) {
        job->audio_seconds = job->audio.seconds;
    }
    uint64_t asked = bs_mix64((uint64_t)job->recording ^ sim->options.seed);
    job->deferred = (int32_t)(asked / 13 % 1000) < sim->options.deferred;
    job->appears_ms =
        sim_chance(random, 500) ? 0 : sim_between(random, 0, sim->options.arrivals_ms);
    if (sim_chance(random, sim->options.deadlines)) {
        int64_t after_ms = sim_between(random, 0, 2 * sim->options.faults_end_ms);
        job->deadline = (sim->wall_base + after_ms) / 1000 * 1000;
    }
}

/* A body that the worker must refuse. */
static void write_invalid(struct sim *sim, const struct sim_job *job, struct bs_buffer *body)
{
    static const char *const bodies[] = {
        "",
        "{",
        "[]",
        "{\"audio\":{}}",
        "{\"audio\":{\"uri\":\"s3://recordings/a.ogg\"},\"id\":\"\"}",
        "{\"audio\":{\"uri\":\"s3://recordings/"
        "a.ogg\"},\"config\":{\"specification\":{\"modle\":1}}}",
        "{\"audio\":{\"uri\":\"s3://elsewhere/a.ogg\"}}",
        "{\"audio\":{\"uri\":\"s3://recordings/a.wav\"}}",
        "{\"audio\":{\"uri\":\"s3://recordings/a.ogg\",\"durationSeconds\":20000}}",
        "\xff\xfe{\"audio\":1}"};
    (void)job;
    const char *text = bodies[bs_random_below(&sim->random, sizeof bodies / sizeof *bodies)];
    bs_buffer_append(body, text, strlen(text));
}

static void add_text(struct bs_buffer *body, const char *text)
{
    bs_buffer_append(body, text, strlen(text));
}

static void write_body(struct sim *sim, const struct sim_job *job, struct bs_buffer *body)
{
    char text[256], deadline[BS_RFC3339_SIZE];
    const struct sim_recording *audio = &job->audio;
    (void)snprintf(text, sizeof text, "{\"audio\":{\"uri\":\"s3://recordings/r%" PRId32 ".%s\"",
                   job->recording, sim_recording_extension(audio));
    add_text(body, text);
    if (audio->told) {
        (void)snprintf(text, sizeof text, ",\"durationSeconds\":%.0f", audio->seconds);
        add_text(body, text);
    }
    if (audio->all_told && audio->kind == SIM_RAW) {
        (void)snprintf(text, sizeof text, ",\"sizeBytes\":%" PRId64, audio->size_bytes);
        add_text(body, text);
    }
    add_text(body, "},\"config\":{\"specification\":{");
    (void)snprintf(text, sizeof text, "\"model\":\"%s\"",
                   job->deferred ? "deferred-general" : "general");
    add_text(body, text);
    if (audio->all_told) {
        add_text(body, audio->kind == SIM_RAW ? ",\"audioEncoding\":\"LINEAR16_PCM\""
                                              : ",\"audioEncoding\":\"OGG_OPUS\"");
    }
    if (audio->kind == SIM_RAW || audio->kind == SIM_OVER_A_GIGABYTE) {
        (void)snprintf(text, sizeof text,
                       ",\"sampleRateHertz\":%" PRIu32 ",\"audioChannelCount\":%" PRId32,
                       audio->rate, audio->channels);
        add_text(body, text);
    }
    add_text(body, "}}");
    if (job->id >= 0) {
        (void)snprintf(text, sizeof text, ",\"id\":\"%s\"%s", job->id_text,
                       job->force ? ",\"force\":true" : "");
        add_text(body, text);
    }
    if (job->deadline > 0) {
        bs_rfc3339_format(job->deadline, deadline);
        (void)snprintf(text, sizeof text, ",\"deadline\":\"%s\"", deadline);
        add_text(body, text);
    }
    if (job->nature == SIM_HUGE || sim_chance(&sim->random, 200)) {
        size_t size = job->nature == SIM_HUGE ? 2500 : (size_t)sim_between(&sim->random, 1, 400);
        add_text(body, ",\"labels\":{\"note\":\"");
        memset(bs_buffer_extend(body, size), 'n', size);
        add_text(body, "\"}");
    }
    add_text(body, "}");
}

/* The message as its producer wrote it: keyed by id, or by nothing, with a few headers. */
static void write_message(struct sim *sim, struct sim_job *job)
{
    if (job->id >= 0) {
        (void)snprintf(job->id_text, sizeof job->id_text, "id-%" PRId32, job->id);
    } else {
        (void)snprintf(job->id_text, sizeof job->id_text, SIM_JOBS_TOPIC "-%" PRId32 "-%" PRId64,
                       job->partition, job->offset);
    }
    (void)snprintf(job->uri, sizeof job->uri,
                   "https://storage.yandexcloud.net/recordings/r%" PRId32 ".%s", job->recording,
                   sim_recording_extension(&job->audio));
    struct bs_buffer body = {0};
    bs_buffer_append(&body, "", 0);
    if (job->nature == SIM_INVALID) {
        job->id = -1; /* whatever it says, nobody reads it */
        job->force = false;
        write_invalid(sim, job, &body);
    } else {
        write_body(sim, job, &body);
    }
    static const struct bs_header headers[] = {
        {.name = "traceparent", .value = {.data = (const uint8_t *)"00-1-2-01", .size = 9}},
        {.name = "note", .value = {.data = NULL, .size = 0}},
        {.name = "note", .value = {.data = (const uint8_t *)"", .size = 0}}};
    bool keyed = job->id >= 0;
    struct bs_message message = {
        .key = {.data = keyed ? (const uint8_t *)job->id_text : NULL,
                .size = keyed ? strlen(job->id_text) : 0},
        .value = {.data = body.data == NULL ? (const uint8_t *)"" : body.data, .size = body.size},
        .headers = headers,
        .header_count = (size_t)bs_random_below(&sim->random, 4)};
    job->message = sim_message_copy(&message);
    bs_buffer_free(&body);
}

/* Within a partition offsets ascend with time, with the gaps that control records and aborted
 * messages leave. */
static void place(struct sim *sim)
{
    int64_t next[SIM_PARTITIONS], latest[SIM_PARTITIONS] = {0};
    for (int32_t p = 0; p < SIM_PARTITIONS; p++) {
        next[p] = sim_chance(&sim->random, 300) ? sim_between(&sim->random, 1, 1000) : 0;
        sim->partitions[p].log_start = sim->partitions[p].first_offset = next[p];
    }
    for (int32_t i = 0; i < sim->options.jobs; i++) {
        struct sim_job *job = &sim->jobs[i];
        struct sim_partition *partition = &sim->partitions[job->partition];
        int32_t p = job->partition;
        if (sim_chance(&sim->random, 200)) {
            next[p] += sim_between(&sim->random, 1, 3);
        }
        job->offset = next[p]++;
        if (job->appears_ms < latest[p]) {
            job->appears_ms = latest[p];
        }
        latest[p] = job->appears_ms;
        partition->jobs[partition->job_count++] = i;
        write_message(sim, job);
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

/* The place of the first job at or after `offset` among the partition's. */
static int32_t lower_bound(const struct sim *sim, const struct sim_partition *partition,
                           int64_t offset)
{
    int32_t low = 0, high = partition->job_count;
    while (low < high) {
        int32_t middle = (low + high) / 2;
        if (sim->jobs[partition->jobs[middle]].offset < offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct sim_job *sim_job_at(struct sim *sim, int32_t p, int64_t offset)
{
    if (p < 0 || p >= sim->options.partitions) {
        return NULL;
    }
    const struct sim_partition *partition = &sim->partitions[p];
    int32_t at = lower_bound(sim, partition, offset);
    if (at == partition->job_count || sim->jobs[partition->jobs[at]].offset != offset) {
        return NULL;
    }
    return &sim->jobs[partition->jobs[at]];
}

struct sim_job *sim_jobs_next(struct sim *sim, int32_t p, int64_t offset)
{
    const struct sim_partition *partition = &sim->partitions[p];
    int32_t at = lower_bound(sim, partition, offset);
    if (at == partition->job_count) {
        return NULL;
    }
    struct sim_job *job = &sim->jobs[partition->jobs[at]];
    return job->appears_ms <= sim->now_ms ? job : NULL;
}

int64_t sim_jobs_end(struct sim *sim, int32_t p)
{
    const struct sim_partition *partition = &sim->partitions[p];
    int64_t end = partition->first_offset;
    for (int32_t i = 0; i < partition->job_count; i++) {
        const struct sim_job *job = &sim->jobs[partition->jobs[i]];
        if (job->appears_ms > sim->now_ms) {
            return end;
        }
        end = job->offset + 1;
    }
    return partition->log_end;
}

int64_t sim_billed_seconds(const struct sim_job *job)
{
    int64_t seconds = (int64_t)ceil(job->audio_seconds);
    int64_t pairs = (job->audio.channels + 1) / 2;
    return (seconds < 15 ? 15 : seconds) * pairs;
}

int32_t sim_job_words(const struct sim *sim, const struct sim_job *job)
{
    return 1 + (int32_t)(bs_mix64((uint64_t)job->recording) % (uint64_t)sim->options.result_words);
}

void sim_jobs_destroy(struct sim *sim)
{
    for (int32_t i = 0; i < sim->options.jobs; i++) {
        free(sim->jobs[i].message);
    }
}
