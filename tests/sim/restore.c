#include "restore.h"

#include <stdlib.h>
#include <string.h>

#include "simulation.h"

/* One record on its way to core, with what it points at. */
struct delivery {
    struct bs_event event;
    struct bs_control control;
    char operation_id[32];
};

static void deliver(struct sim *sim, struct sim_entry *entry)
{
    struct delivery *delivery = entry->object;
    struct bs_event *event = &delivery->event;
    if (event->kind == BS_EVENT_RESTORED_CONTROL) {
        event->control.control = &delivery->control;
    }
    if (event->kind == BS_EVENT_RESTORED_OPERATION && event->restored.accepted) {
        event->restored.operation_id = delivery->operation_id;
    }
    sim_worker_event(sim, &sim->workers[entry->worker], event);
}

/* The records of one restore arrive in order, some time after each other. */
struct sender {
    struct sim *sim;
    const struct sim_entry *entry;
    int64_t delay_ms;
};

static struct delivery *send(struct sender *sender, enum bs_event_kind kind)
{
    struct delivery *delivery = calloc(1, sizeof *delivery);
    BS_ASSERT(delivery != NULL);
    delivery->event.kind = kind;
    sender->delay_ms += bs_random_below(&sender->sim->random, 20);
    sim_later(sender->sim, sender->delay_ms,
              (struct sim_entry){.run = deliver,
                                 .worker = sender->entry->worker,
                                 .life = sender->entry->life,
                                 .object = delivery});
    return delivery;
}

static void send_record(struct sender *sender, const struct sim_job *job, uint32_t epoch)
{
    bool done = job->record.kind == SIM_RECORD_DONE;
    struct delivery *delivery =
        send(sender, done ? BS_EVENT_RESTORED_DONE : BS_EVENT_RESTORED_OPERATION);
    struct bs_restored_operation *restored = &delivery->event.restored;
    if (!done) {
        *restored = job->record.operation;
        restored->job = job->job;
        restored->job_size = job->job_size;
        memcpy(delivery->operation_id, job->record.operation_id, sizeof delivery->operation_id);
    }
    restored->partition = job->partition;
    restored->epoch = epoch;
    restored->offset = job->offset;
}

static void send_ids(struct sender *sender, const struct sim_partition *partition, int32_t p,
                     uint32_t epoch)
{
    for (int32_t i = 0; i < partition->remembered_count; i++) {
        const struct sim_remembered *remembered = &partition->remembered[i];
        struct bs_restored_id *id = &send(sender, BS_EVENT_RESTORED_ID)->event.id;
        *id = (struct bs_restored_id){.partition = p,
                                      .epoch = epoch,
                                      .fingerprint = remembered->fingerprint,
                                      .offset = remembered->offset,
                                      .ended = remembered->ended};
        memcpy(id->id_hash, remembered->id_hash, BS_ID_HASH_SIZE);
    }
}

static void read_state(struct sim *sim, struct sim_entry *entry)
{
    int32_t p = (int32_t)entry->numbers[0];
    uint32_t epoch = (uint32_t)entry->numbers[1];
    const struct sim_flow *flow = &sim->workers[entry->worker].flows[p];
    if (!flow->assigned || flow->epoch != epoch) {
        return;
    }
    if (sim_broker_holds(sim, p)) {
        struct sim_entry again = *entry;
        again.object = NULL;
        sim_later(sim, 500, again);
        return;
    }
    const struct sim_partition *partition = &sim->partitions[p];
    struct sender sender = {.sim = sim, .entry = entry};
    if (partition->controlled) {
        struct delivery *delivery = send(&sender, BS_EVENT_RESTORED_CONTROL);
        delivery->control = partition->control;
        delivery->event.control.partition = p;
        delivery->event.control.epoch = epoch;
    }
    /* Compaction keeps the order of the last writes, so keys come in any order. */
    int32_t jobs = sim->options.jobs;
    int32_t first = (int32_t)bs_random_below(&sim->random, jobs);
    for (int32_t i = 0; i < jobs; i++) {
        const struct sim_job *job = &sim->jobs[(first + i) % jobs];
        if (job->partition == p && job->record.kind != SIM_RECORD_NONE) {
            send_record(&sender, job, epoch);
        }
    }
    send_ids(&sender, partition, p, epoch);
    struct delivery *last = send(&sender, BS_EVENT_RESTORED);
    last->event.restore_ended.partition = p;
    last->event.restore_ended.epoch = epoch;
    /* A group that is idle for a week forgets its offsets. */
    bool expired = sim_fault(sim, 50);
    last->event.restore_ended.committed = expired ? -1 : partition->committed;
    last->event.restore_ended.log_start = partition->log_start;
}

void sim_restore_begin(struct sim *sim, struct sim_worker *worker, int32_t partition,
                       uint32_t epoch)
{
    sim_later(sim, sim_latency(sim),
              (struct sim_entry){.run = read_state,
                                 .worker = worker->index,
                                 .life = worker->life,
                                 .numbers = {partition, epoch}});
}
