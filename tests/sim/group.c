#include "group.h"

#include <inttypes.h>

#include "simulation.h"

#define HEARTBEAT_MS       3000
#define REBALANCE_DELAY_MS 3000
/* max.poll.interval.ms: how long a rebalance may be held by one that gives partitions up. */
#define REBALANCE_TIMEOUT_MS 300000

static struct sim_worker *worker_of(struct sim *sim, int64_t member)
{
    for (int32_t w = 0; w < sim->options.workers; w++) {
        if (sim->workers[w].member == member && sim->workers[w].in_group) {
            return &sim->workers[w];
        }
    }
    return NULL;
}

static bool has_member(const struct sim *sim, int64_t member)
{
    for (int32_t w = 0; w < sim->options.workers; w++) {
        if (sim->workers[w].member == member && sim->workers[w].in_group) {
            return true;
        }
    }
    return false;
}

bool sim_group_accepts(const struct sim *sim, int64_t member, int64_t generation)
{
    return has_member(sim, member) && generation == sim->group.generation;
}

/* A rebalance waits for everybody: for partitions to be given up, for a silent member to be heard
 * of or expelled, for a dead one's session to end. */
static bool held_up(const struct sim *sim)
{
    for (int32_t p = 0; p < sim->options.partitions; p++) {
        if (sim->partitions[p].ownership == SIM_REVOKING) {
            return true;
        }
    }
    for (int32_t w = 0; w < sim->options.workers; w++) {
        const struct sim_worker *worker = &sim->workers[w];
        if (worker->ghost != 0 || (worker->in_group && worker->silent)) {
            return true;
        }
    }
    return false;
}

static void rebalance(struct sim *sim, struct sim_entry *entry);

static void ask_rebalance(struct sim *sim)
{
    if (!sim->group.rebalance_asked) {
        sim->group.rebalance_asked = true;
        sim_later(sim, bs_random_below(&sim->random, REBALANCE_DELAY_MS),
                  (struct sim_entry){.run = rebalance, .worker = SIM_NOBODY});
    }
}

void sim_group_shuffle(struct sim *sim)
{
    ask_rebalance(sim);
}

/* Rebalance events of a membership that is over are not delivered. */
static struct sim_worker *addressed(struct sim *sim, const struct sim_entry *entry)
{
    struct sim_worker *worker = &sim->workers[entry->worker];
    return worker->in_group && worker->member == entry->numbers[1] ? worker : NULL;
}

static void deliver_generation(struct sim *sim, struct sim_entry *entry)
{
    struct sim_worker *worker = addressed(sim, entry);
    if (worker == NULL) {
        return;
    }
    worker->generation = entry->numbers[0];
    if (!worker->joined) {
        worker->joined = true;
        bs_worker_kafka_callbacks.group(&worker->process, true);
    }
}

static void deliver_assigned(struct sim *sim, struct sim_entry *entry)
{
    struct sim_worker *worker = addressed(sim, entry);
    if (worker != NULL) {
        int32_t partition = (int32_t)entry->numbers[0];
        worker->flows[partition] = (struct sim_flow){.assigned = true};
        bs_worker_kafka_callbacks.assigned(&worker->process, partition);
    }
}

static void deliver_revoked(struct sim *sim, struct sim_entry *entry)
{
    struct sim_worker *worker = addressed(sim, entry);
    if (worker != NULL) {
        bs_worker_kafka_callbacks.revoked(&worker->process, (int32_t)entry->numbers[0]);
    }
}

/* What the coordinator tells a member arrives in the order in which it was told. */
static void tell(struct sim *sim, struct sim_worker *worker, sim_run run, int64_t number,
                 int64_t delay_ms)
{
    if (sim->now_ms + delay_ms > worker->told_ms) {
        worker->told_ms = sim->now_ms + delay_ms;
    }
    sim_later(sim, worker->told_ms - sim->now_ms,
              (struct sim_entry){.run = run,
                                 .worker = worker->index,
                                 .life = worker->life,
                                 .through_kafka = true,
                                 .numbers = {number, worker->member}});
}

static void free_partitions(struct sim *sim, int64_t member)
{
    for (int32_t p = 0; p < sim->options.partitions; p++) {
        struct sim_partition *partition = &sim->partitions[p];
        if (partition->ownership != SIM_FREE && partition->member == member) {
            partition->ownership = SIM_FREE;
        }
    }
    ask_rebalance(sim);
}

static void expel(struct sim *sim, struct sim_worker *worker)
{
    sim_trace(sim, "group: w%" PRId32 " is expelled", worker->index);
    sim_seen(sim, SIM_EXPELLED);
    worker->in_group = false;
    free_partitions(sim, worker->member);
}

static void revoke_timed_out(struct sim *sim, struct sim_entry *entry)
{
    int32_t p = (int32_t)entry->numbers[0];
    const struct sim_partition *partition = &sim->partitions[p];
    struct sim_worker *worker = worker_of(sim, entry->numbers[1]);
    if (worker == NULL || partition->ownership != SIM_REVOKING ||
        sim->now_ms - partition->revoked_ms < REBALANCE_TIMEOUT_MS) {
        return;
    }
    if (!sim->faulty) {
        sim_fail(sim, NULL, "truth 5: partition %" PRId32 " is never given up", p);
    }
    expel(sim, worker);
    sim_group_heard(sim, worker);
}

static void revoke(struct sim *sim, struct sim_worker *worker, int32_t p, int64_t delay_ms)
{
    sim->partitions[p].ownership = SIM_REVOKING;
    sim->partitions[p].revoked_ms = sim->now_ms;
    tell(sim, worker, deliver_revoked, p, delay_ms);
    sim_later(sim, REBALANCE_TIMEOUT_MS,
              (struct sim_entry){
                  .run = revoke_timed_out, .worker = SIM_NOBODY, .numbers = {p, worker->member}});
}

/* Who should own each partition: as even as can be, and as it is where that is even. */
static void choose_owners(struct sim *sim, struct sim_worker *owners[SIM_PARTITIONS])
{
    struct sim_worker *members[SIM_WORKERS];
    int32_t held[SIM_WORKERS] = {0}, count = 0;
    for (int32_t w = 0; w < sim->options.workers; w++) {
        if (sim->workers[w].in_group) {
            members[count++] = &sim->workers[w];
        }
    }
    if (count == 0) {
        return;
    }
    int32_t most = (sim->options.partitions + count - 1) / count;
    bool shuffled = sim->faulty && sim_chance(&sim->random, 300);
    for (int32_t p = 0; p < sim->options.partitions; p++) {
        const struct sim_partition *partition = &sim->partitions[p];
        for (int32_t m = 0; m < count && !shuffled; m++) {
            bool holds =
                partition->ownership != SIM_FREE && partition->member == members[m]->member;
            if (holds && held[m] < most) {
                owners[p] = members[m];
                held[m]++;
            }
        }
    }
    for (int32_t p = 0; p < sim->options.partitions; p++) {
        int32_t m = (int32_t)bs_random_below(&sim->random, count);
        while (owners[p] == NULL && held[m] >= most) {
            m = (m + 1) % count;
        }
        if (owners[p] == NULL) {
            owners[p] = members[m];
            held[m]++;
        }
    }
}

static void rebalance(struct sim *sim, struct sim_entry *entry)
{
    sim->group.rebalance_asked = false;
    if (sim_broker_coordinator_away(sim)) {
        sim->group.rebalance_asked = true;
        sim_later(sim, REBALANCE_DELAY_MS, *entry);
        return;
    }
    sim->group.held_up = held_up(sim);
    if (sim->group.held_up) {
        return; /* asked for again when that is over */
    }
    sim->group.generation++;
    struct sim_worker *owners[SIM_PARTITIONS] = {NULL};
    choose_owners(sim, owners);
    int64_t delay_ms[SIM_WORKERS];
    for (int32_t w = 0; w < sim->options.workers; w++) {
        delay_ms[w] = sim_latency(sim);
        if (sim->workers[w].in_group) {
            tell(sim, &sim->workers[w], deliver_generation, sim->group.generation, delay_ms[w]);
        }
    }
    for (int32_t p = 0; p < sim->options.partitions; p++) {
        struct sim_partition *partition = &sim->partitions[p];
        struct sim_worker *owner = owners[p];
        if (owner == NULL) {
            continue;
        }
        if (partition->ownership == SIM_FREE) {
            partition->ownership = SIM_OWNED;
            partition->member = owner->member;
            tell(sim, owner, deliver_assigned, p, delay_ms[owner->index]);
        } else if (partition->member != owner->member) {
            struct sim_worker *holder = worker_of(sim, partition->member);
            BS_ASSERT(holder != NULL);
            revoke(sim, holder, p, delay_ms[holder->index]);
        }
    }
}

/* Under its instance id the member takes up what its predecessor held, in the same generation. */
static void take_over(struct sim *sim, struct sim_worker *worker)
{
    int64_t former = worker->ghost;
    worker->ghost = 0;
    if (sim->group.held_up) {
        ask_rebalance(sim); /* it waited for this member */
    }
    sim_seen(sim, SIM_STATIC_REJOIN);
    tell(sim, worker, deliver_generation, sim->group.generation, sim_latency(sim));
    for (int32_t p = 0; p < sim->options.partitions; p++) {
        struct sim_partition *partition = &sim->partitions[p];
        if (partition->member != former || partition->ownership == SIM_FREE) {
            continue;
        }
        if (partition->ownership == SIM_REVOKING) {
            partition->ownership = SIM_FREE; /* the process that held it is gone */
            ask_rebalance(sim);
        } else {
            partition->member = worker->member;
            tell(sim, worker, deliver_assigned, p, 0);
        }
    }
}

void sim_group_join(struct sim *sim, struct sim_worker *worker)
{
    worker->member = ++sim->group.members;
    worker->generation = 0;
    worker->in_group = true;
    worker->joined = false;
    worker->told_ms = sim->now_ms;
    if (sim->options.static_members && worker->ghost != 0) {
        take_over(sim, worker);
    } else {
        ask_rebalance(sim);
    }
}

void sim_group_unassign(struct sim *sim, struct sim_worker *worker, int32_t p)
{
    struct sim_partition *partition = &sim->partitions[p];
    sim_worker_forget_flow(sim, worker, p);
    if (partition->ownership == SIM_REVOKING && partition->member == worker->member &&
        worker->in_group) {
        partition->ownership = SIM_FREE;
        ask_rebalance(sim);
    }
}

void sim_group_leave(struct sim *sim, struct sim_worker *worker)
{
    if (worker->in_group) {
        worker->in_group = false;
        free_partitions(sim, worker->member);
    }
}

static void session_timed_out(struct sim *sim, struct sim_entry *entry)
{
    struct sim_worker *worker = worker_of(sim, entry->numbers[0]);
    if (sim_broker_coordinator_away(sim)) { /* the new one begins all sessions anew */
        sim_later(sim, sim->options.session_ms, *entry);
        return;
    }
    if (worker != NULL && worker->silent && worker->silence == entry->numbers[1]) {
        expel(sim, worker);
    }
}

void sim_group_silent(struct sim *sim, struct sim_worker *worker)
{
    if (!worker->in_group) {
        return;
    }
    worker->silent = true;
    worker->silence++;
    int64_t since_heartbeat_ms = bs_random_below(&sim->random, HEARTBEAT_MS);
    sim_later(sim, sim->options.session_ms - since_heartbeat_ms,
              (struct sim_entry){.run = session_timed_out,
                                 .worker = SIM_NOBODY,
                                 .numbers = {worker->member, worker->silence}});
}

static void ghost_timed_out(struct sim *sim, struct sim_entry *entry)
{
    struct sim_worker *worker = &sim->workers[entry->numbers[1]];
    if (sim_broker_coordinator_away(sim)) {
        sim_later(sim, sim->options.session_ms, *entry);
        return;
    }
    if (worker->ghost == entry->numbers[0]) {
        worker->ghost = 0;
        free_partitions(sim, entry->numbers[0]);
    }
}

void sim_group_died(struct sim *sim, struct sim_worker *worker)
{
    if (!worker->in_group) {
        return;
    }
    if (worker->ghost != 0) {
        free_partitions(sim, worker->ghost);
    }
    worker->in_group = false;
    worker->ghost = worker->member;
    sim_later(sim, sim->options.session_ms - bs_random_below(&sim->random, HEARTBEAT_MS),
              (struct sim_entry){.run = ghost_timed_out,
                                 .worker = SIM_NOBODY,
                                 .numbers = {worker->ghost, worker->index}});
}

/* All is lost: told, or found out by the member itself. */
static void lose_all(struct sim *sim, struct sim_worker *worker)
{
    for (int32_t p = 0; p < sim->options.partitions; p++) {
        if (worker->flows[p].assigned) {
            sim_worker_forget_flow(sim, worker, p);
            bs_worker_kafka_callbacks.lost(&worker->process, p);
        }
    }
    if (worker->joined) {
        worker->joined = false;
        bs_worker_kafka_callbacks.group(&worker->process, false);
    }
}

/* The worker notices that it was expelled: everything is lost, then it joins anew. */
static void deliver_expulsion(struct sim *sim, struct sim_entry *entry)
{
    struct sim_worker *worker = &sim->workers[entry->worker];
    if (worker->in_group || worker->member != entry->numbers[1]) {
        return;
    }
    lose_all(sim, worker);
    if (!worker->dying) {
        sim_group_join(sim, worker);
    }
}

static void session_over(struct sim *sim, struct sim_entry *entry)
{
    struct sim_worker *worker = &sim->workers[entry->worker];
    if (worker->member == entry->numbers[0] && worker->isolated_until_ms > sim->now_ms) {
        lose_all(sim, worker);
    }
}

void sim_group_expect_lost(struct sim *sim, struct sim_worker *worker)
{
    sim_later(sim, sim->options.session_ms + bs_random_below(&sim->random, 1000),
              (struct sim_entry){.run = session_over,
                                 .worker = worker->index,
                                 .life = worker->life,
                                 .numbers = {worker->member}});
}

void sim_group_heard(struct sim *sim, struct sim_worker *worker)
{
    worker->silent = false;
    if (!worker->in_group) {
        tell(sim, worker, deliver_expulsion, 0, sim_latency(sim));
    } else if (!worker->joined && worker->generation > 0) {
        /* It gave itself up, and the coordinator does not know yet. */
        worker->in_group = false;
        free_partitions(sim, worker->member);
        tell(sim, worker, deliver_expulsion, 0, sim_latency(sim));
    } else {
        ask_rebalance(sim);
    }
}
