#include "timeline.h"

#include <stdlib.h>

#include "base/check.h"

static bool before(const struct sim_entry *a, const struct sim_entry *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->sequence < b->sequence;
}

static void swap(struct sim_entry *a, struct sim_entry *b)
{
    struct sim_entry kept = *a;
    *a = *b;
    *b = kept;
}

void sim_timeline_add(struct sim_timeline *timeline, struct sim_entry entry)
{
    if (timeline->count == timeline->capacity) {
        timeline->capacity = timeline->capacity == 0 ? 256 : timeline->capacity * 2;
        timeline->entries =
            realloc(timeline->entries, timeline->capacity * sizeof *timeline->entries);
        BS_ASSERT(timeline->entries != NULL);
    }
    entry.sequence = timeline->sequence++;
    size_t at = timeline->count++;
    timeline->entries[at] = entry;
    while (at > 0 && before(&timeline->entries[at], &timeline->entries[(at - 1) / 2])) {
        swap(&timeline->entries[at], &timeline->entries[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
}

bool sim_timeline_next(struct sim_timeline *timeline, struct sim_entry *entry)
{
    if (timeline->count == 0) {
        return false;
    }
    struct sim_entry *entries = timeline->entries;
    *entry = entries[0];
    entries[0] = entries[--timeline->count];
    for (size_t at = 0;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++) {
            if (child < timeline->count && before(&entries[child], &entries[least])) {
                least = child;
            }
        }
        if (least == at) {
            return true;
        }
        swap(&entries[at], &entries[least]);
        at = least;
    }
}

void sim_entry_drop(struct sim_entry *entry)
{
    if (entry->drop != NULL) {
        entry->drop(entry->object);
    } else {
        free(entry->object);
    }
}

void sim_timeline_destroy(struct sim_timeline *timeline)
{
    for (size_t i = 0; i < timeline->count; i++) {
        sim_entry_drop(&timeline->entries[i]);
    }
    free(timeline->entries);
    *timeline = (struct sim_timeline){0};
}
