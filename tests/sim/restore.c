#include "restore.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "formats/state.h"
#include "simulation.h"

#define AGAIN_MS 300
#define PORTION  16

enum stage { ASK_COMMITTED, ASK_END, READ, ASK_AGAIN };

struct task {
    int32_t partition;
    uint32_t epoch;
    enum stage stage;
    int64_t end; /* of the state partition, open transactions included */
};

/* Records on their way to the loop: copies, for the topic may be compacted meanwhile. */
struct portion {
    int32_t partition;
    uint32_t epoch;
    bool last;
    int64_t committed, log_start;
    int64_t billed[SIM_PARTITIONS];
    int32_t count;
    struct sim_message *records[PORTION];
};

static bool cancelled(const struct sim_worker *worker, int32_t partition, uint32_t epoch)
{
    const struct sim_flow *flow = &worker->flows[partition];
    return !flow->assigned || flow->epoch != epoch || flow->consuming || flow->quiet;
}

static void give_record(struct sim *sim, struct sim_worker *worker, const struct portion *portion,
                        const struct sim_message *message)
{
    struct bs_error error = BS_NO_ERROR;
    struct bs_state_record record;
    if (!bs_state_decode(message->message.key, message->message.value, &record, &error)) {
        sim_seen(sim, SIM_UNREADABLE);
        bs_worker_kafka_callbacks.stopped(&worker->process, portion->partition, error.message, 0);
        return;
    }
    const uint8_t *bytes = message->message.value.data;
    if (bytes[0] != 0x08 || bytes[1] < 1 || bytes[1] > BS_STATE_VERSION) {
        sim_fail(sim, NULL, "a record of another version was taken for one of this");
    }
    bs_worker_kafka_callbacks.restored_record(&worker->process, portion->partition, portion->epoch,
                                              &record);
    bs_state_record_free(&record);
}

static void deliver(struct sim *sim, struct sim_entry *entry)
{
    struct portion *portion = entry->object;
    struct sim_worker *worker = &sim->workers[entry->worker];
    for (int32_t i = 0; i < portion->count; i++) {
        if (!worker->dying && !cancelled(worker, portion->partition, portion->epoch)) {
            give_record(sim, worker, portion, portion->records[i]);
        }
    }
    if (portion->last && !worker->dying && !cancelled(worker, portion->partition, portion->epoch)) {
        bool budget = sim->options.core.budget_seconds > 0;
        const struct bs_restore_end end = {.committed = portion->committed,
                                           .log_start = portion->log_start,
                                           .billed = portion->billed,
                                           .billed_count = budget ? sim->options.partitions : 0};
        bs_worker_kafka_callbacks.restored(&worker->process, portion->partition, portion->epoch,
                                           &end);
    }
}

static void drop_portion(void *object)
{
    struct portion *portion = object;
    for (int32_t i = 0; i < portion->count; i++) {
        free(portion->records[i]);
    }
    free(portion);
}

static struct portion *new_portion(const struct task *task)
{
    struct portion *portion = calloc(1, sizeof *portion);
    BS_ASSERT(portion != NULL);
    portion->partition = task->partition;
    portion->epoch = task->epoch;
    return portion;
}

static void send(struct sim *sim, const struct sim_entry *entry, struct portion *portion,
                 int64_t *delay_ms)
{
    *delay_ms += bs_random_below(&sim->random, 20);
    sim_later(sim, *delay_ms,
              (struct sim_entry){.run = deliver,
                                 .worker = entry->worker,
                                 .life = entry->life,
                                 .object = portion,
                                 .drop = drop_portion});
}

/* The records in no order that means anything, then the end. */
static void give_records(struct sim *sim, const struct sim_entry *entry, const struct task *task)
{
    const struct sim_partition *partition = &sim->partitions[task->partition];
    size_t count;
    size_t *newest = sim_log_newest(&partition->state, &count);
    size_t first = (size_t)bs_random_below(&sim->random, (int64_t)count);
    struct portion *portion = new_portion(task);
    int64_t delay_ms = 0;
    for (size_t i = 0; i < count; i++) {
        const struct sim_log_entry *record = &partition->state.entries[newest[(first + i) % count]];
        if (record->value.data == NULL) {
            continue;
        }
        struct bs_message message = {.key = record->key, .value = record->value};
        portion->records[portion->count++] = sim_message_copy(&message);
        if (portion->count == PORTION) {
            send(sim, entry, portion, &delay_ms);
            portion = new_portion(task);
        }
    }
    free(newest);
    portion->last = true;
    portion->committed = partition->committed;
    if (partition->controlled && partition->committed < partition->watermark) {
        sim_seen(sim, SIM_STATE_WINS);
    }
    portion->log_start = partition->log_start;
    for (int32_t p = 0; p < sim->options.partitions; p++) {
        portion->billed[p] = sim->partitions[p].told_billed;
    }
    send(sim, entry, portion, &delay_ms);
}

static void again(struct sim *sim, const struct sim_entry *entry, const struct task *task,
                  int64_t delay_ms)
{
    struct task *copy = malloc(sizeof *copy);
    BS_ASSERT(copy != NULL);
    *copy = *task;
    struct sim_entry next = *entry;
    next.object = copy;
    sim_later(sim, delay_ms, next);
}

/* One question of the thread. */
static void step(struct sim *sim, struct sim_entry *entry)
{
    struct task *task = entry->object;
    const struct sim_partition *partition = &sim->partitions[task->partition];
    const struct sim_worker *worker = &sim->workers[entry->worker];
    if (cancelled(worker, task->partition, task->epoch)) {
        return;
    }
    bool asks_group = task->stage == ASK_COMMITTED || task->stage == ASK_AGAIN;
    bool waits = asks_group && (sim_broker_coordinator_away(sim) ||
                                sim_broker_holds_offset(sim, task->partition));
    if (task->stage == READ && sim_log_last_stable(&partition->state) < task->end) {
        waits = true;
    }
    if (waits) {
        sim_seen(sim, SIM_RESTORE_WAITED);
        again(sim, entry, task, AGAIN_MS);
        return;
    }
    if (task->stage == ASK_AGAIN) {
        give_records(sim, entry, task);
        return;
    }
    if (task->stage == ASK_END) {
        task->end = partition->state.end;
    }
    task->stage++;
    again(sim, entry, task, sim_latency(sim));
}

void sim_restore_begin(struct sim *sim, struct sim_worker *worker, int32_t partition,
                       uint32_t epoch)
{
    struct task task = {.partition = partition, .epoch = epoch, .stage = ASK_COMMITTED};
    struct sim_entry entry = {
        .run = step, .worker = worker->index, .life = worker->life, .through_kafka = true};
    again(sim, &entry, &task, sim_latency(sim));
}
