/* A dry run: what the recordings would come to. */
#ifndef BS_COMMANDS_ENQUEUE_ESTIMATE_H
#define BS_COMMANDS_ENQUEUE_ESTIMATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "commands/crew.h"
#include "commands/enqueue_look.h"
#include "formats/manifest.h"

#define BS_ESTIMATE_EXAMPLES 5
#define BS_ESTIMATE_CHANNELS 9 /* 8 channels, and more */

struct bs_enqueue;

struct bs_estimate_example {
    char *name, *message; /* owned; NULL = none */
};

/* A sum over what was looked into, for the mean and its error. */
struct bs_estimate_sum {
    double sum, squares;
};

struct bs_estimate {
    const struct bs_config *config;
    struct bs_objects *objects; /* NULL: recordings are not looked into */
    int64_t sample;             /* how many are looked into; 0 = all */
    bool verbose;
    atomic_int_fast64_t *progress; /* counts looks */

    struct bs_crew *crew;
    struct bs_manifest_job **chosen; /* the sample; owned */
    int64_t offered;                 /* recordings that were to be chosen from */
    uint64_t random_state;

    pthread_mutex_t mutex; /* of what follows */
    int64_t judged;        /* looked into, or told by the job alone */
    int64_t accepted, staged, length_unknown, failed;
    int64_t failed_in_a_row;
    char failure[BS_MESSAGE_MAX]; /* the first */
    bool hopeless;                /* nothing can be looked into */
    struct bs_estimate_sum seconds, billed, submissions;
    int64_t encodings[BS_ENCODINGS];
    int64_t channel_recordings[BS_ESTIMATE_CHANNELS + 1], channel_billed[BS_ESTIMATE_CHANNELS + 1];
    int64_t refused[BS_DEAD_CODES];
    struct bs_estimate_example examples[BS_DEAD_CODES][BS_ESTIMATE_EXAMPLES];
};

/* `config` and `objects` outlive it. */
void bs_estimate_begin(struct bs_estimate *estimate);
/* A job that would be enqueued; copied. Main thread. False: it is of no use to go on. */
BS_MUST_CHECK bool bs_estimate_offer(struct bs_estimate *estimate,
                                     const struct bs_manifest_job *job);
/* One that was looked into already. Any thread. */
void bs_estimate_add(struct bs_estimate *estimate, const char *name,
                     const struct bs_enqueue_look *look);
/* Likewise of a local file, which was not offered. */
void bs_estimate_add_local(struct bs_estimate *estimate, const char *name,
                           const struct bs_enqueue_look *look);
/* There are no more: waits until all have been looked into. */
void bs_estimate_end(struct bs_estimate *estimate);
void bs_estimate_free(struct bs_estimate *estimate);

/* What is told of it, scaled up from a sample. */
struct bs_estimate_figure {
    double value, error; /* the error at 95 % likelihood; 0 where nothing was left to chance */
};
struct bs_estimate_figure bs_estimate_scaled(const struct bs_estimate *estimate,
                                             const struct bs_estimate_sum *sum);
/* Counts scaled up alike. */
double bs_estimate_scale(const struct bs_estimate *estimate);

/* How long it takes at the quotas. */
struct bs_estimate_pace {
    double submissions_days, checks_days, billed_days, days; /* `days`: the slowest */
    const char *slowest;
};
#define BS_ESTIMATE_CHECKS_EACH 2 /* a recording; with a good guess of its length it is one */
struct bs_estimate_pace bs_estimate_pace(const struct bs_estimate *estimate);

/* ---- enqueue_report.c ---- */

/* On standard output, for people or as JSON. */
void bs_enqueue_print_estimate(const struct bs_enqueue *enqueue);
void bs_enqueue_print_estimate_json(const struct bs_enqueue *enqueue);

#endif
