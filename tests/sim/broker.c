#include "broker.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "simulation.h"

/* transaction.timeout.ms, and the broker's sweep for such ones. */
#define TRANSACTION_TIMEOUT_MS 5000
#define SWEEP_MS               10000

static struct sim_transaction *find(struct sim *sim, int64_t number)
{
    for (struct sim_transaction *at = sim->transactions; at != NULL; at = at->next) {
        if (at->number == (uint64_t)number) {
            return at;
        }
    }
    return NULL;
}

static void forget(struct sim *sim, struct sim_transaction *transaction)
{
    struct sim_transaction **at = &sim->transactions;
    while (*at != transaction) {
        at = &(*at)->next;
    }
    *at = transaction->next;
    free(transaction->writes);
    free(transaction);
}

static void copy_operation(struct sim_record *record, const struct bs_operation *operation)
{
    record->kind = SIM_RECORD_OPERATION;
    record->operation = (struct bs_restored_operation){
        .offset = operation->offset,
        .fingerprint = operation->fingerprint,
        .id_given = operation->id_given,
        .force = operation->force,
        .deferred = operation->deferred,
        .accepted = operation->accepted,
        .audio_seconds = (double)operation->audio_seconds,
        .channels = operation->channels,
        .submissions = operation->submissions,
        .submissions_unknown = operation->submissions_unknown,
        .checks = operation->checks,
        .number = operation->number,
        .deadline = operation->deadline,
        .received = operation->received,
        .submitted = operation->submitted,
        .created = operation->created,
        .modified = operation->modified,
    };
    memcpy(record->operation.id_hash, operation->id_hash, BS_ID_HASH_SIZE);
    if (operation->accepted) {
        size_t size = strlen(operation->operation_id);
        BS_ASSERT(size < sizeof record->operation_id);
        memcpy(record->operation_id, operation->operation_id, size + 1);
    }
}

static void copy_write(struct sim *sim, struct sim_write *copy, const struct bs_write *write)
{
    *copy = (struct sim_write){
        .kind = write->kind, .partition = write->partition, .offset = write->offset};
    copy->id = (struct sim_remembered){
        .fingerprint = write->fingerprint, .offset = write->offset, .ended = write->ended};
    memcpy(copy->id.id_hash, write->id_hash, BS_ID_HASH_SIZE);
    if (write->kind == BS_WRITE_OPERATION) {
        copy_operation(&copy->record, write->operation);
    }
    if (write->kind == BS_WRITE_RESULT || write->kind == BS_WRITE_DEAD_LETTER) {
        copy->job = sim_job_of(sim, write->operation->job, write->operation->job_size);
        copy->code = (enum bs_dead_letter_code)write->operation->dead_letter_code;
        copy->shrinkable = write->kind == BS_WRITE_RESULT || !write->operation->omit_value;
        copy->too_large = write->kind == BS_WRITE_DEAD_LETTER && copy->job != NULL &&
                          copy->job->nature == SIM_HUGE && !write->operation->omit_value;
    }
}

/* The worker learns how its transaction ended. */
static void deliver_end(struct sim *sim, struct sim_entry *entry)
{
    struct bs_event event = {.kind = BS_EVENT_TRANSACTION};
    event.transaction.outcome = (enum bs_transaction_outcome)entry->numbers[0];
    event.transaction.message =
        event.transaction.outcome == BS_TRANSACTION_COMMITTED ? NULL : "simulated";
    struct sim_worker *worker = &sim->workers[entry->worker];
    worker->transaction = 0;
    sim_worker_event(sim, worker, &event);
}

static void answer(struct sim *sim, const struct sim_transaction *transaction,
                   enum bs_transaction_outcome outcome)
{
    sim_later(sim, sim_latency(sim),
              (struct sim_entry){.run = deliver_end,
                                 .worker = transaction->worker,
                                 .life = transaction->life,
                                 .numbers = {outcome}});
}

static void apply_id(struct sim_partition *partition, const struct sim_write *write)
{
    int32_t at = 0;
    while (at < partition->remembered_count &&
           memcmp(partition->remembered[at].id_hash, write->id.id_hash, BS_ID_HASH_SIZE) != 0) {
        at++;
    }
    if (write->kind == BS_WRITE_ID) {
        BS_ASSERT(at < SIM_JOBS);
        partition->remembered[at] = write->id;
        if (at == partition->remembered_count) {
            partition->remembered_count++;
        }
    } else if (at < partition->remembered_count) {
        partition->remembered[at] = partition->remembered[--partition->remembered_count];
    }
}

static void apply_write(struct sim *sim, const struct sim_write *write)
{
    struct sim_job *job = sim_job_at(sim, write->partition, write->offset);
    switch (write->kind) {
    case BS_WRITE_OPERATION:
        job->record = write->record;
        break;
    case BS_WRITE_DONE:
        job->record.kind = SIM_RECORD_DONE;
        break;
    case BS_WRITE_FORGET:
        job->record.kind = SIM_RECORD_NONE;
        break;
    case BS_WRITE_ID:
    case BS_WRITE_FORGET_ID:
        apply_id(&sim->partitions[write->partition], write);
        break;
    case BS_WRITE_RESULT:
        job->results++;
        job->result_ms = sim->now_ms;
        break;
    case BS_WRITE_DEAD_LETTER:
        job->dead_letters++;
        job->code = write->code;
        break;
    }
}

static void commit(struct sim *sim, struct sim_transaction *transaction)
{
    transaction->state = SIM_TRANSACTION_COMMITTED;
    for (size_t i = 0; i < transaction->write_count; i++) {
        apply_write(sim, &transaction->writes[i]);
    }
    for (int32_t i = 0; i < transaction->partition_count; i++) {
        struct sim_partition *partition = &sim->partitions[transaction->partitions[i]];
        sim_observe_ledger(sim, transaction, partition->controlled ? &partition->control : NULL,
                           &transaction->controls[i]);
        partition->controlled = true;
        partition->control = transaction->controls[i];
        partition->committed = partition->control.watermark;
        partition->published = partition->control.published;
    }
    sim_trace(sim, "broker: transaction %" PRIu64 " of w%" PRId32 " committed", transaction->number,
              transaction->worker);
    sim_observe_commit(sim, transaction);
}

/* The broker refuses one of the messages for its size: for good, or while its limit is set low.
 * Only results and whole dead letters are of a size that the worker has in its hands. */
static bool refused_for_size(struct sim *sim, const struct sim_transaction *transaction)
{
    bool shrinkable = false, too_large = false;
    for (size_t i = 0; i < transaction->write_count; i++) {
        shrinkable = shrinkable || transaction->writes[i].shrinkable;
        too_large = too_large || transaction->writes[i].too_large;
    }
    return too_large || (shrinkable && sim_fault(sim, sim->options.faults.too_large));
}

/* The process asks the broker to commit or abort. */
static void end(struct sim *sim, struct sim_entry *entry)
{
    struct sim_transaction *transaction = find(sim, entry->numbers[0]);
    if (transaction == NULL) {
        return;
    }
    enum bs_transaction_outcome outcome = BS_TRANSACTION_COMMITTED;
    if (refused_for_size(sim, transaction)) {
        outcome = BS_TRANSACTION_TOO_LARGE;
    } else if (transaction->state == SIM_TRANSACTION_ABORTED ||
               sim_fault(sim, sim->options.faults.aborted)) {
        outcome = BS_TRANSACTION_ABORTED;
    } else if (sim_fault(sim, sim->options.faults.fatal)) {
        outcome = BS_TRANSACTION_FATAL;
    }
    if (outcome == BS_TRANSACTION_COMMITTED) {
        commit(sim, transaction);
    }
    answer(sim, transaction, outcome);
    forget(sim, transaction);
}

/* The broker gives up a transaction that nobody ends. */
static void time_out(struct sim *sim, struct sim_entry *entry)
{
    struct sim_transaction *transaction = find(sim, entry->numbers[0]);
    if (transaction == NULL) {
        return;
    }
    transaction->state = SIM_TRANSACTION_ABORTED;
    const struct sim_worker *worker = &sim->workers[transaction->worker];
    if (!worker->alive || worker->life != transaction->life) {
        forget(sim, transaction);
    }
}

static void send_offsets(struct sim *sim, struct sim_entry *entry)
{
    struct sim_transaction *transaction = find(sim, entry->numbers[0]);
    BS_ASSERT(transaction != NULL);
    if (!sim_group_accepts(sim, transaction->member, transaction->generation)) {
        answer(sim, transaction, BS_TRANSACTION_ABORTED);
        forget(sim, transaction);
        return;
    }
    sim_observe_accepted_offsets(sim, transaction);
    transaction->state = SIM_TRANSACTION_OPEN;
    sim_later(sim, TRANSACTION_TIMEOUT_MS + bs_random_below(&sim->random, SWEEP_MS),
              (struct sim_entry){.run = time_out,
                                 .worker = SIM_NOBODY,
                                 .numbers = {(int64_t)transaction->number}});
    sim_later(sim, sim_latency(sim),
              (struct sim_entry){.run = end,
                                 .worker = transaction->worker,
                                 .life = transaction->life,
                                 .numbers = {(int64_t)transaction->number}});
}

void sim_broker_begin(struct sim *sim, struct sim_worker *worker, const struct bs_batch *batch)
{
    struct sim_transaction *transaction = calloc(1, sizeof *transaction);
    BS_ASSERT(transaction != NULL);
    transaction->number = ++sim->transaction_count;
    transaction->worker = worker->index;
    transaction->life = worker->life;
    transaction->member = worker->member;
    transaction->generation = worker->generation;
    transaction->write_count = batch->write_count;
    transaction->writes = calloc(batch->write_count + 1, sizeof *transaction->writes);
    BS_ASSERT(transaction->writes != NULL);
    for (size_t i = 0; i < batch->write_count; i++) {
        copy_write(sim, &transaction->writes[i], &batch->writes[i]);
    }
    for (size_t i = 0; i < batch->partition_count && i < SIM_PARTITIONS; i++) {
        transaction->partitions[i] = batch->partitions[i].partition;
        transaction->controls[i] = *batch->partitions[i].control;
        transaction->partition_count++;
    }
    transaction->next = sim->transactions;
    sim->transactions = transaction;
    worker->transaction = transaction->number;
    sim_observe_cut(sim, worker, batch, transaction);
    sim_later(sim, sim_latency(sim),
              (struct sim_entry){.run = send_offsets,
                                 .worker = worker->index,
                                 .life = worker->life,
                                 .numbers = {(int64_t)transaction->number}});
}

void sim_broker_abandon(struct sim *sim, struct sim_worker *worker)
{
    struct sim_transaction *transaction = find(sim, (int64_t)worker->transaction);
    worker->transaction = 0;
    if (transaction == NULL) {
        return;
    }
    if (transaction->state != SIM_TRANSACTION_OPEN) {
        forget(sim, transaction);
        return;
    }
    bool refused = false;
    for (size_t i = 0; i < transaction->write_count; i++) {
        refused = refused || transaction->writes[i].too_large;
    }
    /* The last thing that the process did may have been to ask for the commit. */
    if (!refused && sim_chance(&sim->random, 500)) {
        commit(sim, transaction);
        forget(sim, transaction);
    }
}

bool sim_broker_holds(const struct sim *sim, int32_t partition)
{
    for (const struct sim_transaction *at = sim->transactions; at != NULL; at = at->next) {
        for (int32_t i = 0; i < at->partition_count; i++) {
            if (at->state == SIM_TRANSACTION_OPEN && at->partitions[i] == partition) {
                return true;
            }
        }
    }
    return false;
}

void sim_broker_destroy(struct sim *sim)
{
    while (sim->transactions != NULL) {
        forget(sim, sim->transactions);
    }
}
