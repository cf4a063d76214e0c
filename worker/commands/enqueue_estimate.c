/* Looks into the recordings, or a sample of them, on several threads, and adds up. */
#include "commands/enqueue_estimate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "commands/enqueue.h"

#define THREADS     16
#define RANDOM_SEED 20120202 /* any: the same command looks into the same recordings */
/* Of looks that fail without one that succeeds: the store is down, or closed to us. */
#define HOPELESS        20
#define SECONDS_PER_DAY 86400.0

static void copy_job(const struct bs_manifest_job *job, struct bs_manifest_job *copy)
{
    *copy = (struct bs_manifest_job){0};
    bs_buffer_append(&copy->key, job->key.data, job->key.size);
    bs_buffer_append(&copy->value, job->value.data, job->value.size);
    bs_buffer_append(&copy->uri, job->uri.data, job->uri.size);
}

static void free_job(struct bs_manifest_job *job)
{
    if (job != NULL) {
        bs_manifest_job_free(job);
        free(job);
    }
}

/* ---- adding up -------------------------------------------------------------------------- */

static void add(struct bs_estimate_sum *sum, double value)
{
    sum->sum += value;
    sum->squares += value * value;
}

/* The first of a code by their names are shown: the same ones, whichever came first. */
static void keep_example(struct bs_estimate_example *examples, const char *name,
                         const char *message)
{
    struct bs_estimate_example carried = {.name = strdup(name), .message = strdup(message)};
    BS_ASSERT(carried.name != NULL && carried.message != NULL);
    for (int i = 0; i < BS_ESTIMATE_EXAMPLES && carried.name != NULL; i++) {
        if (examples[i].name == NULL || strcmp(carried.name, examples[i].name) < 0) {
            struct bs_estimate_example moved = examples[i];
            examples[i] = carried;
            carried = moved;
        }
    }
    free(carried.name);
    free(carried.message);
}

static void add_failure(struct bs_estimate *estimate, const struct bs_enqueue_look *look)
{
    if (estimate->failed++ == 0) {
        memcpy(estimate->failure, look->message, sizeof estimate->failure);
    }
    estimate->failed_in_a_row++;
    estimate->hopeless = estimate->hopeless || estimate->failed_in_a_row >= HOPELESS;
}

static void add_accepted(struct bs_estimate *estimate, const struct bs_enqueue_look *look)
{
    estimate->accepted++;
    estimate->staged += look->staged;
    estimate->encodings[look->encoding]++;
    add(&estimate->submissions, 1);
    if (look->seconds <= 0) {
        estimate->length_unknown++;
        return;
    }
    int64_t billed = bs_billed_seconds(look->seconds, look->channels);
    int channels = look->channels < BS_ESTIMATE_CHANNELS ? look->channels : BS_ESTIMATE_CHANNELS;
    add(&estimate->seconds, look->seconds);
    add(&estimate->billed, (double)billed);
    estimate->channel_recordings[channels]++;
    estimate->channel_billed[channels] += billed;
}

void bs_estimate_add(struct bs_estimate *estimate, const char *name,
                     const struct bs_enqueue_look *look)
{
    BS_ASSERT(pthread_mutex_lock(&estimate->mutex) == 0);
    if (look->failed) {
        add_failure(estimate, look);
    } else {
        estimate->judged++;
        estimate->failed_in_a_row = 0;
        if (look->refusal == BS_DEAD_NONE) {
            add_accepted(estimate, look);
        } else {
            estimate->refused[look->refusal]++;
            keep_example(estimate->examples[look->refusal], name, look->message);
        }
    }
    if (estimate->verbose && (look->failed || look->refusal != BS_DEAD_NONE)) {
        fprintf(stderr, "%s: %s: %s\n", name,
                look->failed ? "not looked into" : bs_dead_letter_code_name(look->refusal),
                look->message);
    }
    BS_ASSERT(pthread_mutex_unlock(&estimate->mutex) == 0);
}

void bs_estimate_add_local(struct bs_estimate *estimate, const char *name,
                           const struct bs_enqueue_look *look)
{
    BS_ASSERT(pthread_mutex_lock(&estimate->mutex) == 0);
    estimate->offered++;
    BS_ASSERT(pthread_mutex_unlock(&estimate->mutex) == 0);
    bs_estimate_add(estimate, name, look);
}

/* ---- looking ---------------------------------------------------------------------------- */

static bool hopeless(struct bs_estimate *estimate)
{
    BS_ASSERT(pthread_mutex_lock(&estimate->mutex) == 0);
    bool is = estimate->hopeless;
    BS_ASSERT(pthread_mutex_unlock(&estimate->mutex) == 0);
    return is;
}

static void run(void *context, void *item)
{
    struct bs_estimate *estimate = context;
    struct bs_manifest_job *job = item;
    struct bs_enqueue_look look;
    const struct bs_enqueue_source source = {
        .config = estimate->config, .objects = estimate->objects, .file = -1};
    if (!hopeless(estimate) && !bs_enqueue_interrupted()) {
        bs_enqueue_look(&source, (struct bs_bytes){job->key.data, job->key.size},
                        (struct bs_bytes){job->value.data, job->value.size}, &look);
        bs_estimate_add(estimate, (const char *)job->uri.data, &look);
        atomic_fetch_add(estimate->progress, 1);
    }
    free_job(job);
}

void bs_estimate_begin(struct bs_estimate *estimate)
{
    BS_ASSERT(pthread_mutex_init(&estimate->mutex, NULL) == 0);
    estimate->crew = bs_crew_create(THREADS, run, estimate);
    estimate->random_state = RANDOM_SEED;
    if (estimate->sample > 0) {
        estimate->chosen = calloc((size_t)estimate->sample, sizeof(struct bs_manifest_job *));
        BS_ASSERT(estimate->chosen != NULL);
    }
}

bool bs_estimate_offer(struct bs_estimate *estimate, const struct bs_manifest_job *job)
{
    struct bs_random random = {.state = estimate->random_state};
    int64_t number = estimate->offered++, place = number;
    if (estimate->sample > 0 && number >= estimate->sample) {
        place = bs_random_below(&random, number + 1); /* each is in the sample equally likely */
        estimate->random_state = random.state;
        if (place >= estimate->sample) {
            return true;
        }
    }
    struct bs_manifest_job *copy = malloc(sizeof *copy);
    BS_ASSERT(copy != NULL);
    copy_job(job, copy);
    if (estimate->sample > 0) {
        free_job(estimate->chosen[place]);
        estimate->chosen[place] = copy;
        return true;
    }
    bs_crew_give(estimate->crew, copy);
    return !hopeless(estimate);
}

void bs_estimate_end(struct bs_estimate *estimate)
{
    for (int64_t i = 0; i < estimate->sample; i++) {
        if (estimate->chosen[i] != NULL) {
            bs_crew_give(estimate->crew, estimate->chosen[i]);
            estimate->chosen[i] = NULL;
        }
    }
    bs_crew_finish(estimate->crew);
    estimate->crew = NULL;
}

void bs_estimate_free(struct bs_estimate *estimate)
{
    for (int code = 0; code < BS_DEAD_CODES; code++) {
        for (int i = 0; i < BS_ESTIMATE_EXAMPLES; i++) {
            free(estimate->examples[code][i].name);
            free(estimate->examples[code][i].message);
        }
    }
    free(estimate->chosen);
    (void)pthread_mutex_destroy(&estimate->mutex);
}

/* ---- what it comes to ------------------------------------------------------------------- */

double bs_estimate_scale(const struct bs_estimate *estimate)
{
    return estimate->sample == 0 || estimate->judged == 0
               ? 1
               : (double)estimate->offered / (double)estimate->judged;
}

struct bs_estimate_figure bs_estimate_scaled(const struct bs_estimate *estimate,
                                             const struct bs_estimate_sum *sum)
{
    double seen = (double)estimate->judged, all = (double)estimate->offered;
    struct bs_estimate_figure figure = {.value = sum->sum * bs_estimate_scale(estimate)};
    if (estimate->sample > 0 && estimate->judged > 1 && estimate->judged < estimate->offered) {
        double variance = (sum->squares - sum->sum * sum->sum / seen) / (seen - 1);
        double of_mean = fmax(variance, 0) / seen * (all - seen) / (all - 1);
        figure.error = 1.96 * all * sqrt(of_mean);
    }
    return figure;
}

struct bs_estimate_pace bs_estimate_pace(const struct bs_estimate *estimate)
{
    const struct bs_config *config = estimate->config;
    double windows_a_day = SECONDS_PER_DAY / (double)config->quotas.window_seconds;
    double recordings = bs_estimate_scaled(estimate, &estimate->submissions).value;
    double billed = bs_estimate_scaled(estimate, &estimate->billed).value;
    struct bs_estimate_pace pace = {
        .submissions_days = recordings / ((double)config->quotas.submissions * windows_a_day),
        .checks_days =
            recordings * BS_ESTIMATE_CHECKS_EACH / ((double)config->quotas.checks * windows_a_day),
        .billed_days = billed / 3600 / config->quotas.billed_hours_per_day};
    pace.days = pace.submissions_days;
    pace.slowest = "submissions";
    if (pace.checks_days > pace.days) {
        pace.days = pace.checks_days;
        pace.slowest = "checks";
    }
    if (pace.billed_days > pace.days) {
        pace.days = pace.billed_days;
        pace.slowest = "billed hours";
    }
    return pace;
}
