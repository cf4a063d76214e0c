/* Simulated time: what happens when. Entries of one moment run in the order they were added. */
#ifndef SIM_TIMELINE_H
#define SIM_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_NOBODY (-1)

struct sim;
struct sim_entry;

typedef void (*sim_run)(struct sim *sim, struct sim_entry *entry);

struct sim_entry {
    int64_t at_ms;
    uint64_t sequence;
    sim_run run;
    int32_t worker;     /* whose process it happens in: waits while it is paused, dies with it */
    uint32_t life;      /* of that worker */
    bool through_kafka; /* waits also while that worker is cut off from Kafka */
    int64_t numbers[2]; /* what `run` needs to know */
    void *object;       /* owned: freed after `run`, by `drop` or (NULL) as one block */
    void (*drop)(void *object);
};

struct sim_timeline {
    struct sim_entry *entries; /* a binary heap */
    size_t count, capacity;
    uint64_t sequence;
};

void sim_timeline_add(struct sim_timeline *timeline, struct sim_entry entry);
/* False when nothing is left. The caller owns the entry's object from here. */
bool sim_timeline_next(struct sim_timeline *timeline, struct sim_entry *entry);
void sim_entry_drop(struct sim_entry *entry);
void sim_timeline_destroy(struct sim_timeline *timeline);

#endif
