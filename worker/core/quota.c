/* The fleet's quota, and our share. Each partition owns its part of what the window allows; a
 * worker spends what its partitions own and have not spent in the window. What was spent stands in
 * ledgers that travel with the partition's control record, so a new owner goes on from there.
 *
 * A ledger counts by slices (sixtieths of the window) of wall time. A slice leaves the window when
 * it surely has left it at the service too: one slice, the request's time limit and 2 s later. */
#include <string.h>

#include "core/internal.h"

#define DAY_MS (24 * 3600 * (int64_t)1000)
#define SLICES 60

int64_t bs_billed_seconds(double audio_seconds, int32_t channels)
{
    if (!(audio_seconds > 0)) {
        return 0;
    }
    int64_t seconds = (int64_t)audio_seconds;
    seconds += (double)seconds < audio_seconds;
    int64_t pairs = channels < 1 ? 1 : ((int64_t)channels + 1) / 2;
    return (seconds < 15 ? 15 : seconds) * pairs;
}

static int64_t window_ms(const struct bs_core *core, enum bs_quota_kind kind)
{
    return kind == BS_QUOTA_BILLED_SECONDS ? DAY_MS : core->options.window_ms;
}

static int64_t slice_ms(const struct bs_core *core, enum bs_quota_kind kind)
{
    int64_t sixtieth = window_ms(core, kind) / SLICES;
    return sixtieth < 1000 ? 1000 : sixtieth;
}

static int64_t slice_now(const struct bs_core *core, enum bs_quota_kind kind)
{
    return core->now.wall / slice_ms(core, kind);
}

/* How many slices back still count. */
static int64_t slices_counted(const struct bs_core *core, enum bs_quota_kind kind)
{
    int64_t slice = slice_ms(core, kind);
    int64_t margin_ms = core->options.request_limit_ms + 2000;
    return (window_ms(core, kind) + slice - 1) / slice + 1 + (margin_ms + slice - 1) / slice;
}

int64_t bs_quota_share(const struct bs_core *core, enum bs_quota_kind kind, int32_t partition)
{
    const struct bs_core_options *options = &core->options;
    int64_t whole = kind == BS_QUOTA_SUBMISSIONS ? options->submissions
                    : kind == BS_QUOTA_CHECKS    ? options->checks
                                                 : options->billed_seconds_per_day;
    int64_t parts = options->state_partitions;
    if (partition < 0 || partition >= parts) {
        return 0;
    }
    return (partition + 1) * whole / parts - partition * whole / parts;
}

static void age(struct bs_core *core, struct bs_partition *partition, enum bs_quota_kind kind)
{
    struct bs_ledger *ledger = &partition->control.ledgers[kind];
    int64_t oldest = slice_now(core, kind) - slices_counted(core, kind);
    int32_t gone = 0;
    int64_t total = 0;
    for (int32_t i = 0; i < ledger->count; i++) {
        if (ledger->slice[i] < oldest) {
            gone++;
            continue;
        }
        total += ledger->spent[i];
        ledger->slice[i - gone] = ledger->slice[i];
        ledger->spent[i - gone] = ledger->spent[i];
    }
    ledger->count -= gone;
    partition->ledger_totals[kind] = total;
}

void bs_quota_init(struct bs_core *core)
{
    for (int kind = 0; kind < BS_QUOTA_KINDS; kind++) {
        BS_ASSERT(slices_counted(core, (enum bs_quota_kind)kind) < BS_LEDGER_ENTRIES);
    }
}

void bs_quota_step(struct bs_core *core)
{
    for (int kind = 0; kind < BS_QUOTA_KINDS; kind++) {
        int64_t slice = slice_now(core, (enum bs_quota_kind)kind);
        if (slice == core->quota_slice[kind]) {
            continue;
        }
        core->quota_slice[kind] = slice;
        for (int32_t i = 0; i < core->partition_count; i++) {
            if (core->partitions[i] != NULL) {
                age(core, core->partitions[i], (enum bs_quota_kind)kind);
            }
        }
    }
}

void bs_quota_restore(struct bs_core *core, struct bs_partition *partition,
                      const struct bs_control *control)
{
    for (int kind = 0; kind < BS_QUOTA_KINDS; kind++) {
        struct bs_ledger *ledger = &partition->control.ledgers[kind];
        memset(ledger, 0, sizeof *ledger);
        ledger->slice_ms = slice_ms(core, (enum bs_quota_kind)kind);
        if (control == NULL) {
            partition->ledger_totals[kind] = 0;
            continue;
        }
        /* A ledger kept under another window length is carried over slice by slice: each of its
         * slices counts from its end, so nothing is forgotten early. */
        const struct bs_ledger *old = &control->ledgers[kind];
        for (int32_t i = 0; i < old->count; i++) {
            int64_t end = (old->slice[i] + 1) * (old->slice_ms > 0 ? old->slice_ms : 1) - 1;
            int64_t slice = end / ledger->slice_ms;
            if (ledger->count > 0 && ledger->slice[ledger->count - 1] >= slice) {
                ledger->spent[ledger->count - 1] += old->spent[i];
            } else if (ledger->count < BS_LEDGER_ENTRIES) {
                ledger->slice[ledger->count] = slice;
                ledger->spent[ledger->count++] = old->spent[i];
            }
        }
        age(core, partition, (enum bs_quota_kind)kind);
    }
}

static int64_t left(const struct bs_core *core, enum bs_quota_kind kind,
                    const struct bs_partition *partition)
{
    int64_t rest = bs_quota_share(core, kind, partition->id) - partition->ledger_totals[kind];
    return partition->state == BS_PARTITION_SERVING && rest > 0 ? rest : 0;
}

int64_t bs_quota_available(const struct bs_core *core, enum bs_quota_kind kind)
{
    int64_t sum = 0;
    for (int32_t i = 0; i < core->partition_count; i++) {
        sum += core->partitions[i] == NULL ? 0 : left(core, kind, core->partitions[i]);
    }
    return sum;
}

static void charge(struct bs_core *core, enum bs_quota_kind kind, struct bs_partition *partition,
                   int64_t amount)
{
    struct bs_ledger *ledger = &partition->control.ledgers[kind];
    int64_t slice = slice_now(core, kind);
    /* Where the wall clock was set back, what is spent now joins the newest slice. */
    bool same = ledger->count > 0 && ledger->slice[ledger->count - 1] >= slice;
    if (!same && ledger->count == BS_LEDGER_ENTRIES) {
        ledger->spent[1] += ledger->spent[0]; /* a clock set forward: count the oldest longer */
        memmove(&ledger->slice[0], &ledger->slice[1], (BS_LEDGER_ENTRIES - 1) * sizeof(int64_t));
        memmove(&ledger->spent[0], &ledger->spent[1], (BS_LEDGER_ENTRIES - 1) * sizeof(int64_t));
        ledger->count--;
    }
    if (!same) {
        ledger->slice[ledger->count] = slice;
        ledger->spent[ledger->count++] = 0;
    }
    ledger->spent[ledger->count - 1] += amount;
    partition->ledger_totals[kind] += amount;
    bs_partition_want_commit(core, partition);
}

void bs_quota_spend(struct bs_core *core, enum bs_quota_kind kind, struct bs_partition *partition,
                    int64_t amount)
{
    int64_t own = left(core, kind, partition);
    int64_t part = amount < own ? amount : own;
    if (part > 0) {
        charge(core, kind, partition, part);
        amount -= part;
    }
    for (int32_t i = 0; i < core->partition_count && amount > 0; i++) {
        struct bs_partition *other = core->partitions[i];
        int64_t rest = other == NULL ? 0 : left(core, kind, other);
        part = amount < rest ? amount : rest;
        if (part > 0) {
            charge(core, kind, other, part);
            amount -= part;
        }
    }
    BS_ASSERT(amount == 0);
}

bs_mono_ms bs_quota_next(const struct bs_core *core, enum bs_quota_kind kind)
{
    int64_t slice = slice_ms(core, kind);
    return core->now.mono + slice - core->now.wall % slice;
}
