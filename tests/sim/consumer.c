/* The worker's consumer and restore thread, as edges/kafka.h has them, and its transactions as far
 * as they are made on the loop. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "edges/kafka.h"
#include "simulation.h"

#define STALE_MS         20000
#define DELIVERED_A_LOOK 8

/* ---- edges/kafka.h -----------------------------------------------------------------------------
 */

const char *bs_kafka_cluster_id(struct bs_kafka *kafka)
{
    (void)kafka;
    return "simulated";
}

void bs_kafka_consume(struct bs_kafka *kafka, int32_t partition, uint32_t epoch, int64_t offset)
{
    struct sim_flow *flow = &kafka->worker->flows[partition];
    if (flow->assigned) {
        flow->consuming = true;
        flow->quiet = false;
        flow->epoch = epoch;
        flow->position = offset;
        flow->end_told = -1;
    }
}

void bs_kafka_reject(struct bs_kafka *kafka, int32_t partition)
{
    kafka->worker->flows[partition].quiet = true;
}

void bs_kafka_unassign(struct bs_kafka *kafka, int32_t partition)
{
    sim_group_unassign(kafka->sim, kafka->worker, partition);
}

void bs_kafka_restore(struct bs_kafka *kafka, int32_t partition, uint32_t epoch)
{
    kafka->worker->flows[partition].epoch = epoch;
    sim_restore_begin(kafka->sim, kafka->worker, partition, epoch);
}

void bs_kafka_divide(struct bs_kafka *kafka, int32_t state_partitions)
{
    kafka->divided_by = state_partitions;
}

struct bs_transaction *bs_transaction_create(struct bs_kafka *kafka)
{
    const struct sim_worker *worker = kafka->worker;
    if (!worker->joined) {
        return NULL;
    }
    struct bs_transaction *transaction = calloc(1, sizeof *transaction);
    BS_ASSERT(transaction != NULL);
    transaction->sim = kafka->sim;
    transaction->worker = worker->index;
    transaction->life = worker->life;
    transaction->member = worker->member;
    transaction->generation = worker->generation;
    transaction->cut_ms = kafka->sim->now_ms;
    return transaction;
}

void bs_transaction_add(struct bs_transaction *transaction, enum bs_topic topic, int32_t partition,
                        const struct bs_message *message)
{
    const struct sim_options *options = &transaction->sim->options;
    struct sim_message *copy = sim_message_copy(message);
    copy->topic = (int32_t)topic;
    copy->partition = partition;
    if (transaction->last == NULL) {
        transaction->first = copy;
    } else {
        transaction->last->next = copy;
    }
    transaction->last = copy;
    bool whole = message->value.data != NULL;
    transaction->shrinkable = transaction->shrinkable || (topic != BS_TOPIC_STATE && whole);
    transaction->too_large =
        transaction->too_large || (topic == BS_TOPIC_DEAD_LETTERS &&
                                   (int64_t)message->value.size > options->dead_letter_bytes);
}

void bs_transaction_add_offset(struct bs_transaction *transaction, int32_t partition,
                               int64_t offset, int64_t published, int64_t billed)
{
    BS_ASSERT(transaction->offset_count < SIM_PARTITIONS);
    transaction->offsets[transaction->offset_count++] =
        (struct sim_offset){partition, offset, published, billed};
}

void bs_transaction_submit(struct bs_transaction *transaction)
{
    sim_broker_begin(transaction->sim, transaction);
}

/* ---- delivering ---------------------------------------------------------------------------------
 */

static bool reads(const struct sim_flow *flow)
{
    return flow->consuming && !flow->quiet;
}

static bool out_of_range(const struct sim *sim, const struct sim_flow *flow, int32_t p)
{
    return flow->position < sim->partitions[p].log_start;
}

/* What the consumer's queue holds of the partition: a job, its end, or an offset out of range. */
static bool something_of(struct sim *sim, const struct sim_flow *flow, int32_t p)
{
    return reads(flow) &&
           (out_of_range(sim, flow, p) || sim_jobs_next(sim, p, flow->position) != NULL ||
            flow->end_told != sim_jobs_end(sim, p));
}

static void hand_over(struct sim *sim, struct sim_worker *worker, const struct sim_job *job,
                      uint32_t epoch)
{
    sim_observe_before_job(sim, worker);
    bs_worker_kafka_callbacks.job(&worker->process, job->partition, epoch, job->offset,
                                  sim->wall_base + job->appears_ms, &job->message->message);
    sim_observe_after_job(sim, worker, job);
}

/* One more job that was on its way when its partition went. */
static void deliver_stale(struct sim *sim, struct sim_entry *entry)
{
    hand_over(sim, &sim->workers[entry->worker], &sim->jobs[entry->numbers[0]],
              (uint32_t)entry->numbers[1]);
}

void sim_worker_forget_flow(struct sim *sim, struct sim_worker *worker, int32_t p)
{
    struct sim_flow *flow = &worker->flows[p];
    const struct sim_job *job = reads(flow) ? sim_jobs_next(sim, p, flow->position) : NULL;
    if (job != NULL && !out_of_range(sim, flow, p) && sim_fault(sim, SIM_STALE_JOB)) {
        sim_later(sim, sim_between(&sim->random, 1, STALE_MS),
                  (struct sim_entry){.run = deliver_stale,
                                     .worker = worker->index,
                                     .life = worker->life,
                                     .numbers = {job->index, flow->epoch}});
    }
    *flow = (struct sim_flow){0};
}

/* Jobs were deleted before they were read: the edge counts them and stops the partition. */
static void deliver_loss(struct sim *sim, struct sim_worker *worker, int32_t p)
{
    struct sim_flow *flow = &worker->flows[p];
    flow->quiet = true;
    bs_worker_kafka_callbacks.stopped(&worker->process, p, "jobs were deleted",
                                      sim->partitions[p].log_start - flow->position);
}

static void deliver_end(struct sim *sim, struct sim_worker *worker, int32_t p)
{
    struct sim_flow *flow = &worker->flows[p];
    flow->end_told = sim_jobs_end(sim, p);
    bs_worker_kafka_callbacks.end_of_partition(&worker->process, p, flow->epoch, flow->end_told);
}

/* True when there is something more to deliver at once. */
static bool deliver_from(struct sim *sim, struct sim_worker *worker, int32_t p)
{
    struct sim_flow *flow = &worker->flows[p];
    if (!something_of(sim, flow, p)) {
        return false;
    }
    if (out_of_range(sim, flow, p)) {
        deliver_loss(sim, worker, p);
        return true;
    }
    const struct sim_job *job = sim_jobs_next(sim, p, flow->position);
    if (job == NULL) {
        deliver_end(sim, worker, p);
        return true;
    }
    if (!bs_core_wants_jobs(worker->process.core)) {
        return false;
    }
    sim_observe_wanted(sim, worker);
    flow->position = job->offset + 1;
    hand_over(sim, worker, job, flow->epoch);
    return true;
}

static void look(struct sim *sim, struct sim_entry *entry)
{
    struct sim_worker *worker = &sim->workers[entry->worker];
    worker->polling = false;
    int32_t first = (int32_t)bs_random_below(&sim->random, sim->options.partitions);
    int32_t idle = 0, delivered = 0;
    for (int32_t p = first;
         idle < sim->options.partitions && delivered < DELIVERED_A_LOOK && !worker->dying; p++) {
        if (deliver_from(sim, worker, p % sim->options.partitions)) {
            delivered++;
            idle = 0;
        } else {
            idle++;
        }
    }
    sim_worker_poll(sim, worker);
}

void sim_worker_poll(struct sim *sim, struct sim_worker *worker)
{
    if (!worker->alive || worker->dying || worker->polling) {
        return;
    }
    for (int32_t p = 0; p < sim->options.partitions; p++) {
        const struct sim_flow *flow = &worker->flows[p];
        if (!something_of(sim, flow, p)) {
            continue;
        }
        bool job = !out_of_range(sim, flow, p) && sim_jobs_next(sim, p, flow->position) != NULL;
        if (!job || bs_core_wants_jobs(worker->process.core)) {
            worker->polling = true;
            sim_later(sim, bs_random_below(&sim->random, 50),
                      (struct sim_entry){.run = look,
                                         .worker = worker->index,
                                         .life = worker->life,
                                         .through_kafka = true});
            return;
        }
    }
}
