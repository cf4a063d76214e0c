/* The fleet's quota, and our share. Each partition owns its part of what the window allows; a
 * worker spends what its partitions own and have not spent in the window. What was spent stands in
 * ledgers that travel with the partition's control record, so a new owner goes on from there.
 *
 * A token is charged to the ledger before it is spent: a batch reserves some, and when its commit
 * has recorded them (and proved that we are a member of the group) they may be spent until the
 * lease ends. Whoever inherits the partition finds them spent, whatever became of us. What is not
 * spent by the next batch of the partition is dated anew or given back.
 *
 * A ledger counts by slices (sixtieths of the window) of the service's time. A slice leaves the
 * window when it surely has left it at the service too: one slice, the lease, the request's time
 * limit and what clocks differ later. */
#include <string.h>

#include "core/internal.h"

#define DAY_MS (24 * 3600 * (int64_t)1000)
#define SLICES 60
/* What two workers may take the service's time for: a Date has whole seconds. */
#define CLOCKS_DIFFER_MS 3000
/* Checks reserved at a time: those of a second, but not so few that each needs a transaction, and
 * not so many that a crash wastes more than a few of a large quota. */
#define CHECKS_AT_MOST 16384
/* Of a share at a time: one sixteenth. */
#define RESERVED_PART 16

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
    return bs_clock_service_time(core) / slice_ms(core, kind);
}

/* How many slices back still count. */
static int64_t slices_counted(const struct bs_core *core, enum bs_quota_kind kind)
{
    int64_t slice = slice_ms(core, kind);
    int64_t margin_ms = core->options.lease_ms + core->options.request_limit_ms + CLOCKS_DIFFER_MS;
    return (window_ms(core, kind) + slice - 1) / slice + (margin_ms + slice - 1) / slice;
}

static int64_t whole(const struct bs_core *core, enum bs_quota_kind kind)
{
    return kind == BS_QUOTA_SUBMISSIONS ? core->options.submissions
           : kind == BS_QUOTA_CHECKS    ? core->options.checks
                                        : core->options.billed_seconds_per_day;
}

int64_t bs_quota_share(const struct bs_core *core, enum bs_quota_kind kind, int32_t partition)
{
    BS_ASSERT(kind != BS_QUOTA_BUDGET);
    int64_t parts = core->options.state_partitions;
    if (partition < 0 || partition >= parts) {
        return 0;
    }
    int64_t all = whole(core, kind);
    return (partition + 1) * all / parts - partition * all / parts;
}

/* What has left the window is forgotten, once the service's time is surely known; what is dated
 * later than now was dated by a clock that was ahead. */
static void age(const struct bs_core *core, struct bs_partition *partition, enum bs_quota_kind kind)
{
    if (kind == BS_QUOTA_BUDGET) {
        return; /* counts for ever */
    }
    struct bs_ledger *ledger = &partition->control.ledgers[kind];
    struct bs_grant *grant = &partition->grants[kind];
    int64_t now = slice_now(core, kind);
    int64_t oldest = now - slices_counted(core, kind);
    bool sure = core->clock.known && !core->clock.off;
    int32_t kept = 0;
    int64_t total = 0;
    for (int32_t i = 0; i < ledger->count; i++) {
        int64_t slice = sure && ledger->slice[i] > now ? now : ledger->slice[i];
        int64_t spent = ledger->spent[i];
        bool counts = slice >= oldest;
        if (spent == 0 || (!counts && sure)) {
            continue;
        }
        total += counts ? spent : 0;
        if (kept > 0 && ledger->slice[kept - 1] == slice) {
            ledger->spent[kept - 1] += spent;
        } else {
            ledger->slice[kept] = slice;
            ledger->spent[kept++] = spent;
        }
    }
    ledger->count = kept;
    partition->ledger_totals[kind] = total;
    grant->slice = sure && grant->slice > now ? now : grant->slice;
    if (grant->slice < oldest) {
        grant->usable = 0; /* long expired, and charged to nobody any more */
    }
}

void bs_quota_init(struct bs_core *core)
{
    for (int kind = 0; kind < BS_QUOTA_KINDS; kind++) {
        BS_ASSERT(slices_counted(core, (enum bs_quota_kind)kind) < BS_LEDGER_ENTRIES);
    }
}

static bool may_spend(const struct bs_core *core, const struct bs_partition *partition)
{
    return partition->state == BS_PARTITION_SERVING && core->now.mono < partition->granted_until;
}

/* Reserved, and may be spent this moment. */
static int64_t spendable(const struct bs_core *core, enum bs_quota_kind kind,
                         const struct bs_partition *partition)
{
    return may_spend(core, partition) ? partition->grants[kind].usable : 0;
}

/* The partition's part, and what was charged to it. */
static int64_t part(const struct bs_core *core, enum bs_quota_kind kind,
                    const struct bs_partition *partition)
{
    return kind == BS_QUOTA_BUDGET ? bs_budget_share(core, partition)
                                   : bs_quota_share(core, kind, partition->id);
}

static int64_t charged(const struct bs_partition *partition, enum bs_quota_kind kind)
{
    return kind == BS_QUOTA_BUDGET ? partition->control.billed_total
                                   : partition->ledger_totals[kind];
}

/* The window's rest, what is reserved and not spent included. */
static int64_t rest(const struct bs_core *core, enum bs_quota_kind kind,
                    const struct bs_partition *partition)
{
    if (partition->state != BS_PARTITION_SERVING) {
        return 0;
    }
    const struct bs_grant *grant = &partition->grants[kind];
    int64_t unspent = grant->usable + grant->pending;
    int64_t left = part(core, kind, partition) - charged(partition, kind);
    /* A share that has shrunk may be overdrawn by less than is reserved. */
    return left + unspent > 0 ? left + unspent : 0;
}

/* Adds up what is left and what may be spent, and notes when the first right to it ends. */
static void add_up(struct bs_core *core)
{
    struct bs_quota *quota = &core->quota;
    memset(quota->usable, 0, sizeof quota->usable);
    memset(quota->available, 0, sizeof quota->available);
    quota->expiry = BS_NEVER;
    for (int32_t i = 0; i < core->partition_count; i++) {
        const struct bs_partition *partition = core->partitions[i];
        if (partition == NULL || partition->state != BS_PARTITION_SERVING) {
            continue;
        }
        for (int kind = 0; kind < BS_TOKEN_KINDS; kind++) {
            quota->usable[kind] += spendable(core, (enum bs_quota_kind)kind, partition);
            quota->available[kind] += rest(core, (enum bs_quota_kind)kind, partition);
        }
        if (may_spend(core, partition) && partition->granted_until < quota->expiry) {
            quota->expiry = partition->granted_until;
        }
    }
    /* A part of the budget that is overdrawn is so for ever: the others make up for it. */
    quota->available[BS_QUOTA_BUDGET] = bs_budget_left(core);
}

void bs_quota_step(struct bs_core *core)
{
    bool aged = false;
    for (int kind = 0; kind < BS_QUOTA_KINDS; kind++) {
        int64_t slice = slice_now(core, (enum bs_quota_kind)kind);
        if (slice == core->quota.slice[kind]) {
            continue;
        }
        core->quota.slice[kind] = slice;
        aged = true;
        for (int32_t i = 0; i < core->partition_count; i++) {
            if (core->partitions[i] != NULL) {
                age(core, core->partitions[i], (enum bs_quota_kind)kind);
            }
        }
    }
    if (aged || core->now.mono >= core->quota.expiry) {
        add_up(core);
    }
}

void bs_quota_restore(struct bs_core *core, struct bs_partition *partition,
                      const struct bs_control *control)
{
    partition->control.billed_total = control == NULL ? 0 : control->billed_total;
    partition->control.budget_parts = control == NULL ? 0 : control->budget_parts;
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

/* ---- what is left, and spending it ---- */

int64_t bs_quota_available(const struct bs_core *core, enum bs_quota_kind kind)
{
    return core->quota.available[kind];
}

int64_t bs_quota_usable(const struct bs_core *core, enum bs_quota_kind kind)
{
    return core->quota.usable[kind];
}

static int64_t take(struct bs_core *core, enum bs_quota_kind kind, struct bs_partition *partition,
                    int64_t amount, bs_mono_ms *until)
{
    if (!may_spend(core, partition) || amount == 0) {
        return 0;
    }
    struct bs_grant *grant = &partition->grants[kind];
    int64_t taken = amount < grant->usable ? amount : grant->usable;
    grant->usable -= taken;
    core->quota.usable[kind] -= taken;
    core->quota.available[kind] -= taken;
    if (taken > 0 && partition->granted_until < *until) {
        *until = partition->granted_until;
    }
    return taken;
}

void bs_quota_spend(struct bs_core *core, enum bs_quota_kind kind, struct bs_partition *partition,
                    int64_t amount, bs_mono_ms *until)
{
    if (!core->clock.known && kind < BS_QUOTA_KINDS) {
        core->quota.early[kind] += amount;
    }
    if (kind == BS_QUOTA_CHECKS) {
        core->quota.checks_spent += amount;
    }
    amount -= take(core, kind, partition, amount, until);
    for (int32_t i = 0; i < core->partition_count && amount > 0; i++) {
        if (core->partitions[i] != NULL) {
            amount -= take(core, kind, core->partitions[i], amount, until);
        }
    }
    BS_ASSERT(amount == 0);
}

bs_mono_ms bs_quota_next(const struct bs_core *core, enum bs_quota_kind kind)
{
    int64_t slice = slice_ms(core, kind);
    return core->now.mono + slice - bs_clock_service_time(core) % slice;
}

/* ---- reserving ---- */

/* Returns the slice that has them now. */
static int64_t charge(const struct bs_core *core, enum bs_quota_kind kind,
                      struct bs_partition *partition, int64_t amount)
{
    if (kind == BS_QUOTA_BUDGET) {
        partition->control.billed_total += amount;
        return 0;
    }
    struct bs_ledger *ledger = &partition->control.ledgers[kind];
    int64_t slice = slice_now(core, kind);
    /* Where the service's time was set back, what is spent now joins the newest slice. */
    bool same = ledger->count > 0 && ledger->slice[ledger->count - 1] >= slice;
    if (!same && ledger->count == BS_LEDGER_ENTRIES) {
        ledger->spent[1] += ledger->spent[0]; /* time was set forward: count the oldest longer */
        memmove(&ledger->slice[0], &ledger->slice[1], (BS_LEDGER_ENTRIES - 1) * sizeof(int64_t));
        memmove(&ledger->spent[0], &ledger->spent[1], (BS_LEDGER_ENTRIES - 1) * sizeof(int64_t));
        ledger->count--;
    }
    if (!same) {
        ledger->slice[ledger->count] = slice;
        ledger->spent[ledger->count++] = 0;
    }
    ledger->spent[ledger->count - 1] += amount;
    return ledger->slice[ledger->count - 1];
}

/* Takes unspent tokens out of the slice that they were charged to, if it still counts. */
static void uncharge(struct bs_partition *partition, enum bs_quota_kind kind, int64_t amount)
{
    if (kind == BS_QUOTA_BUDGET) {
        partition->control.billed_total -= amount;
        return;
    }
    struct bs_ledger *ledger = &partition->control.ledgers[kind];
    for (int32_t i = 0; i < ledger->count; i++) {
        if (ledger->slice[i] == partition->grants[kind].slice) {
            ledger->spent[i] -= amount < ledger->spent[i] ? amount : ledger->spent[i];
        }
    }
}

/* Dates anew what is unspent, and charges what is missing up to `wanted`; what may not be spent any
 * more is given back, of the budget also what is not wanted: it would be lost for ever with us.
 * Returns what the partition holds then, `limit` at most. */
static int64_t reserve(const struct bs_core *core, enum bs_quota_kind kind,
                       struct bs_partition *partition, int64_t wanted, int64_t limit)
{
    struct bs_grant *grant = &partition->grants[kind];
    int64_t live = spendable(core, kind, partition);
    int64_t most = core->stopping ? 0 : rest(core, kind, partition);
    int64_t held = wanted > live || kind == BS_QUOTA_BUDGET ? wanted : live;
    most = most < limit ? most : limit;
    held = held < most ? held : most;
    held = held > 0 ? held : 0;
    if (held == 0 && grant->usable == 0) {
        return 0;
    }
    uncharge(partition, kind, grant->usable);
    if (held > 0) {
        grant->slice = charge(core, kind, partition, held);
    }
    grant->usable = live < held ? live : held;
    grant->pending = held - grant->usable;
    age(core, partition, kind);
    return held;
}

int64_t bs_quota_few(const struct bs_core *core, enum bs_quota_kind kind)
{
    int64_t share = 0;
    for (int32_t i = 0; i < core->partition_count; i++) {
        const struct bs_partition *partition = core->partitions[i];
        if (partition != NULL && partition->state == BS_PARTITION_SERVING) {
            share += bs_quota_share(core, kind, partition->id);
        }
    }
    return share < RESERVED_PART ? 1 : share / RESERVED_PART;
}

/* The checks of a second at the present pace; where they were spent faster than reserved, twice as
 * many. */
static int64_t most_checks(const struct bs_core *core)
{
    const struct bs_quota *quota = &core->quota;
    int64_t elapsed_ms = core->now.mono - quota->checks_cut;
    int64_t most = quota->checks_spent * 1000 / (elapsed_ms > 0 ? elapsed_ms : 1);
    if (quota->usable[BS_QUOTA_CHECKS] == 0 && most < 2 * quota->checks_spent) {
        most = 2 * quota->checks_spent;
    }
    most = most < core->options.connections ? core->options.connections : most;
    most = most > CHECKS_AT_MOST ? CHECKS_AT_MOST : most;
    int64_t few = bs_quota_few(core, BS_QUOTA_CHECKS);
    return most < few ? most : few;
}

/* What the request that is due first needs, 0 when none is. */
static int64_t need(const struct bs_core *core, enum bs_quota_kind kind)
{
    return kind == BS_QUOTA_CHECKS ? bs_check_demand(core, core->now.mono, 1)
                                   : bs_submit_need(core, kind);
}

/* How many tokens are to be at hand when this batch is committed. */
static int64_t demand(const struct bs_core *core, enum bs_quota_kind kind)
{
    if (core->stopping) {
        return 0;
    }
    if (kind != BS_QUOTA_CHECKS) {
        return bs_submit_demand(core, kind);
    }
    int64_t soon_ms = core->options.lease_ms * 4 / 5;
    return bs_check_demand(core, core->now.mono + soon_ms, most_checks(core));
}

/* Checks come faster than submissions are recorded: theirs are reserved before the last is spent.
 */
static bool checks_run_low(const struct bs_core *core)
{
    int64_t connections = core->options.connections;
    return core->quota.usable[BS_QUOTA_CHECKS] < core->quota.checks_reserved / 2 &&
           bs_check_demand(core, core->now.mono, connections + 1) > connections;
}

/* A submission spends of two quotas and the budget; while one is used up, tokens of the others
 * would only lapse. */
static bool submission_affordable(const struct bs_core *core)
{
    return bs_quota_available(core, BS_QUOTA_SUBMISSIONS) >= need(core, BS_QUOTA_SUBMISSIONS) &&
           bs_quota_available(core, BS_QUOTA_BILLED_SECONDS) >=
               need(core, BS_QUOTA_BILLED_SECONDS) &&
           bs_quota_available(core, BS_QUOTA_BUDGET) >= need(core, BS_QUOTA_BUDGET);
}

bool bs_quota_reservation_wanted(const struct bs_core *core)
{
    bool submissions = submission_affordable(core);
    for (int k = 0; k < BS_TOKEN_KINDS && !core->stopping; k++) {
        enum bs_quota_kind kind = (enum bs_quota_kind)k;
        if (kind != BS_QUOTA_CHECKS && !submissions) {
            continue;
        }
        int64_t usable = core->quota.usable[kind];
        int64_t needed = need(core, kind);
        bool low = kind == BS_QUOTA_CHECKS && checks_run_low(core);
        if (usable < needed || low) {
            int64_t available = bs_quota_available(core, kind);
            if (available >= needed && available > usable) {
                return true;
            }
        }
    }
    return false;
}

bs_mono_ms bs_quota_reservation_at(const struct bs_core *core)
{
    const struct bs_publish *publish = &core->publish;
    if (publish->under_way) {
        return BS_NEVER;
    }
    return publish->hold_until > core->now.mono ? publish->hold_until : core->now.mono;
}

/* What other partitions than those of the batch hold, usable. */
static int64_t held_elsewhere(const struct bs_core *core, enum bs_quota_kind kind)
{
    int64_t held = core->quota.usable[kind];
    for (size_t i = 0; i < core->publish.partition_count; i++) {
        const struct bs_partition *partition =
            bs_partition_find(core, core->publish.partitions[i].partition);
        held -= spendable(core, kind, partition);
    }
    return held;
}

/* Partitions join the batch where those in it have too little left. What is needed this moment is
 * enough, and half of what is wanted: each control record costs bytes. */
static void draw_in(struct bs_core *core, enum bs_quota_kind kind, int64_t wanted)
{
    int64_t needed = need(core, kind);
    int64_t enough = needed > (wanted + 1) / 2 ? needed : (wanted + 1) / 2;
    int64_t at_hand = held_elsewhere(core, kind);
    for (size_t i = 0; i < core->publish.partition_count; i++) {
        at_hand += rest(core, kind, bs_partition_find(core, core->publish.partitions[i].partition));
    }
    for (int32_t i = 0; i < core->partition_count && at_hand < enough; i++) {
        struct bs_partition *partition = core->partitions[i];
        if (partition != NULL && !partition->in_batch && rest(core, kind, partition) > 0) {
            at_hand += rest(core, kind, partition) - spendable(core, kind, partition);
            bs_publish_touch(core, partition);
        }
    }
}

/* What expired unspent goes back with whatever batch goes out, or a kill would waste it. */
static void touch_expired(struct bs_core *core)
{
    for (int32_t i = 0; i < core->partition_count; i++) {
        struct bs_partition *partition = core->partitions[i];
        if (partition == NULL || partition->state != BS_PARTITION_SERVING ||
            may_spend(core, partition)) {
            continue;
        }
        for (int kind = 0; kind < BS_TOKEN_KINDS; kind++) {
            if (partition->grants[kind].usable > 0) {
                bs_publish_touch(core, partition);
            }
        }
    }
}

void bs_quota_reserve(struct bs_core *core)
{
    int64_t wanted[BS_TOKEN_KINDS];
    touch_expired(core);
    for (int kind = 0; kind < BS_TOKEN_KINDS; kind++) {
        wanted[kind] = demand(core, (enum bs_quota_kind)kind);
        draw_in(core, (enum bs_quota_kind)kind, wanted[kind]);
    }
    struct bs_quota *quota = &core->quota;
    for (int k = 0; k < BS_TOKEN_KINDS; k++) {
        enum bs_quota_kind kind = (enum bs_quota_kind)k;
        int64_t limit = kind == BS_QUOTA_BUDGET ? quota->available[kind] : INT64_MAX;
        int64_t held = held_elsewhere(core, kind);
        for (size_t i = 0; i < core->publish.partition_count; i++) {
            struct bs_partition *partition =
                bs_partition_find(core, core->publish.partitions[i].partition);
            held += reserve(core, kind, partition, wanted[kind] - held, limit - held);
        }
        if (kind == BS_QUOTA_CHECKS) {
            quota->checks_reserved = held;
            quota->checks_spent = 0;
            quota->checks_cut = core->now.mono;
        }
    }
    add_up(core);
}

void bs_quota_batch_ended(struct bs_core *core, bool committed)
{
    struct bs_publish *publish = &core->publish;
    for (size_t i = 0; i < publish->partition_count; i++) {
        struct bs_partition *partition = bs_partition_find(core, publish->partitions[i].partition);
        if (partition->epoch != publish->partitions[i].epoch) {
            continue; /* what it held went with it */
        }
        for (int kind = 0; kind < BS_TOKEN_KINDS; kind++) {
            struct bs_grant *grant = &partition->grants[kind];
            if (committed) {
                grant->usable += grant->pending;
            } else {
                uncharge(partition, (enum bs_quota_kind)kind, grant->pending);
                age(core, partition, (enum bs_quota_kind)kind);
            }
            grant->pending = 0;
        }
        if (committed && publish->started >= core->quota.dated_since) {
            partition->granted_until = publish->started + core->options.lease_ms;
        }
        if (core->stopping || partition->state != BS_PARTITION_SERVING) {
            bs_quota_give_back(core, partition);
        }
    }
    add_up(core);
}

void bs_quota_give_back(struct bs_core *core, struct bs_partition *partition)
{
    bool held = false;
    for (int kind = 0; kind < BS_TOKEN_KINDS; kind++) {
        held = held || partition->grants[kind].usable + partition->grants[kind].pending > 0;
    }
    if (held &&
        (partition->state == BS_PARTITION_SERVING || partition->state == BS_PARTITION_DRAINING)) {
        bs_partition_want_commit(core, partition);
    }
    add_up(core);
}

void bs_quota_drop(struct bs_core *core, struct bs_partition *partition)
{
    memset(partition->grants, 0, sizeof partition->grants);
    partition->granted_until = 0;
    add_up(core);
}

/* ---- what is charged without having been reserved ---- */

void bs_quota_fill(struct bs_core *core, struct bs_partition *partition)
{
    /* Not the billed hours: it would stand still for a day, for a quota that is hardly ever met.
     * The division may not have followed the topic here yet: with this partition it is by so many
     * at least, and the part is as large at most. */
    for (int kind = 0; kind < BS_QUOTA_BILLED_SECONDS; kind++) {
        (void)charge(core, (enum bs_quota_kind)kind, partition,
                     whole(core, (enum bs_quota_kind)kind) / (partition->id + 1) + 1);
        age(core, partition, (enum bs_quota_kind)kind);
    }
    bs_partition_want_commit(core, partition);
    add_up(core);
}

void bs_quota_count_anew(struct bs_core *core)
{
    add_up(core);
}

void bs_quota_divide(struct bs_core *core, int32_t state_partitions)
{
    core->options.state_partitions = state_partitions;
    add_up(core);
}

void bs_quota_date_anew(struct bs_core *core)
{
    for (int32_t i = 0; i < core->partition_count; i++) {
        if (core->partitions[i] != NULL) {
            core->partitions[i]->granted_until = 0;
        }
    }
    core->quota.dated_since = core->now.mono;
    add_up(core);
}

void bs_quota_time_known(struct bs_core *core, bool later)
{
    for (int32_t i = 0; later && i < core->partition_count; i++) {
        struct bs_partition *partition = core->partitions[i];
        if (partition == NULL || partition->state != BS_PARTITION_SERVING) {
            continue;
        }
        for (int kind = 0; kind < BS_QUOTA_KINDS; kind++) {
            if (core->quota.early[kind] > 0) {
                (void)charge(core, (enum bs_quota_kind)kind, partition, core->quota.early[kind]);
                age(core, partition, (enum bs_quota_kind)kind);
                bs_partition_want_commit(core, partition);
                core->quota.early[kind] = 0;
            }
        }
    }
    memset(core->quota.early, 0, sizeof core->quota.early);
}
