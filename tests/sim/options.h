/* Everything about a run that is drawn before it begins, from the seed alone. Each run uses only
 * some of the faults, each with a likelihood of its own, so that runs differ in kind and not only
 * in detail. */
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H

#include <stdint.h>
#include <stdio.h>

#include "base/hash.h"
#include "core/core.h"
#include "kinds.h"

#define SIM_PARTITIONS 8
#define SIM_WORKERS    8
#define SIM_JOBS       240

/* How long operations take. */
enum sim_durations { SIM_UNIFORM, SIM_MOSTLY_SHORT, SIM_BY_LENGTH, SIM_ALL_AT_ONCE, SIM_DURATIONS };

struct sim_options {
    uint64_t seed;
    struct bs_core_options core; /* the configuration's part of it, in core's words */
    int32_t partitions, workers, jobs;
    int64_t faults_end_ms; /* from here on nothing fails any more */
    int64_t arrivals_ms;   /* the last job appears before */
    int64_t limit_ms;      /* everything must have ended */
    int32_t likelihood[SIM_KIND_COUNT];
    bool static_members;
    int64_t session_ms;     /* session.timeout.ms */
    int64_t latency_ms;     /* of the network and of Kafka, at most */
    int64_t recognition_ms; /* an operation's duration, at most */
    enum sim_durations durations;
    int64_t skew_ms;      /* workers' wall clocks differ by so much at most, while none jumps */
    int32_t result_words; /* a recording's, at most */
    int64_t compress_over_bytes, inline_bytes;
    int64_t dead_letter_bytes; /* max.message.bytes of the dead letters' topic */
    bool store;                /* there is an object store: recordings are looked into */
    int32_t bad_recordings;    /* thousandths of the recordings: refused by a look, then */
    int32_t ids;               /* jobs draw their ids from so many: few ids are many duplicates */
    int32_t budget;            /* thousandths of what all jobs are billed; 0 = none */
    int32_t budget_lowered;    /* to so many thousandths of that, half way; 0 = never */
    int32_t bad_jobs;          /* thousandths of the jobs: refused, failing, too large */
    int32_t forced, deadlines, deferred; /* thousandths of the jobs */
};

void sim_options_draw(struct sim_options *options, uint64_t seed);
void sim_options_print(const struct sim_options *options, FILE *to);

/* True for `thousandths` of all calls. */
static inline bool sim_chance(struct bs_random *random, int32_t thousandths)
{
    return bs_random_below(random, 1000) < thousandths;
}

/* Uniform from `low` to `high`, both included. */
static inline int64_t sim_between(struct bs_random *random, int64_t low, int64_t high)
{
    return low + bs_random_below(random, high - low + 1);
}

#endif
