/* Deadlines of a million operations: a binary heap whose elements know their place, so that any of
 * them leaves in logarithmic time. Equal deadlines go by slot, which keeps runs repeatable. */
#include "core/internal.h"

static bool earlier(const struct bs_schedule_entry *a, const struct bs_schedule_entry *b)
{
    return a->due != b->due ? a->due < b->due : a->slot < b->slot;
}

static void put(struct bs_core *core, struct bs_schedule *schedule, uint32_t place,
                struct bs_schedule_entry entry)
{
    schedule->entries[place] = entry;
    bs_operation_at(core, entry.slot)->schedule_place = place + 1;
}

static void sift_up(struct bs_core *core, struct bs_schedule *schedule, uint32_t place)
{
    struct bs_schedule_entry entry = schedule->entries[place];
    while (place > 0) {
        uint32_t parent = (place - 1) / 2;
        if (!earlier(&entry, &schedule->entries[parent])) {
            break;
        }
        put(core, schedule, place, schedule->entries[parent]);
        place = parent;
    }
    put(core, schedule, place, entry);
}

static void sift_down(struct bs_core *core, struct bs_schedule *schedule, uint32_t place)
{
    struct bs_schedule_entry entry = schedule->entries[place];
    for (;;) {
        uint32_t child = place * 2 + 1;
        if (child >= schedule->count) {
            break;
        }
        if (child + 1 < schedule->count &&
            earlier(&schedule->entries[child + 1], &schedule->entries[child])) {
            child++;
        }
        if (!earlier(&schedule->entries[child], &entry)) {
            break;
        }
        put(core, schedule, place, schedule->entries[child]);
        place = child;
    }
    put(core, schedule, place, entry);
}

void bs_schedule_add(struct bs_core *core, struct bs_schedule *schedule,
                     struct bs_operation *operation)
{
    BS_ASSERT(operation->schedule_place == 0);
    BS_ROOM_FOR_ONE_MORE(core, schedule->entries, schedule->count, schedule->capacity);
    uint32_t place = schedule->count++;
    schedule->entries[place] =
        (struct bs_schedule_entry){.due = operation->due, .slot = operation->self.slot};
    sift_up(core, schedule, place);
}

void bs_schedule_remove(struct bs_core *core, struct bs_schedule *schedule,
                        struct bs_operation *operation)
{
    BS_ASSERT(operation->schedule_place > 0 && operation->schedule_place <= schedule->count);
    uint32_t place = operation->schedule_place - 1;
    BS_ASSERT(schedule->entries[place].slot == operation->self.slot);
    operation->schedule_place = 0;
    struct bs_schedule_entry last = schedule->entries[--schedule->count];
    if (place == schedule->count) {
        return;
    }
    put(core, schedule, place, last);
    sift_up(core, schedule, place);
    sift_down(core, schedule, bs_operation_at(core, last.slot)->schedule_place - 1);
}

static int64_t count_below(const struct bs_schedule *schedule, uint32_t place, bs_mono_ms until,
                           int64_t limit)
{
    if (limit <= 0 || place >= schedule->count || schedule->entries[place].due > until) {
        return 0;
    }
    int64_t count = 1 + count_below(schedule, place * 2 + 1, until, limit - 1);
    return count + count_below(schedule, place * 2 + 2, until, limit - count);
}

int64_t bs_schedule_count(const struct bs_schedule *schedule, bs_mono_ms until, int64_t limit)
{
    return count_below(schedule, 0, until, limit);
}

struct bs_operation *bs_schedule_first(const struct bs_core *core,
                                       const struct bs_schedule *schedule)
{
    return schedule->count == 0 ? NULL : bs_operation_at(core, schedule->entries[0].slot);
}
