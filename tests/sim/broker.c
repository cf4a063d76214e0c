#include "broker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edges/kafka.h"
#include "formats/state.h"
#include "simulation.h"

/* transaction.timeout.ms, the broker's sweep for such ones, and one blocking call of the edge. */
#define TRANSACTION_TIMEOUT_MS 5000
#define SWEEP_MS               10000
#define CALL_MS                5000
#define AGAIN_MS               200
#define COMPACT_AT             600 /* entries of a log: more are only slow to look at */

static struct bs_transaction *find(struct sim *sim, int64_t number)
{
    for (struct bs_transaction *at = sim->transactions; at != NULL; at = at->next) {
        if (at->number == (uint64_t)number) {
            return at;
        }
    }
    return NULL;
}

void sim_transaction_free(struct bs_transaction *transaction)
{
    struct sim_message *next;
    for (struct sim_message *message = transaction->first; message != NULL; message = next) {
        next = message->next;
        free(message);
    }
    free(transaction);
}

/* Once nobody waits for its outcome and no marker is on its way. */
static void forget_if_over(struct sim *sim, struct bs_transaction *transaction)
{
    bool decided = transaction->state == SIM_TRANSACTION_COMMITTED ||
                   transaction->state == SIM_TRANSACTION_ABORTED;
    if (!transaction->told || transaction->markers_left > 0 ||
        (!decided && transaction->state != SIM_TRANSACTION_CUT)) {
        return;
    }
    struct bs_transaction **at = &sim->transactions;
    while (*at != transaction) {
        at = &(*at)->next;
    }
    *at = transaction->next;
    sim_transaction_free(transaction);
}

/* ---- markers ------------------------------------------------------------------------------------
 */

/* numbers: the transaction, and the partition's index among its offsets; state and offset each get
 * a marker of their own, told apart by the sign. */
static void marker_arrives(struct sim *sim, struct sim_entry *entry)
{
    struct bs_transaction *transaction = find(sim, entry->numbers[0]);
    bool of_state = entry->numbers[1] < 0;
    const struct sim_offset *place =
        &transaction->offsets[of_state ? -entry->numbers[1] - 1 : entry->numbers[1]];
    struct sim_partition *partition = &sim->partitions[place->partition];
    bool committed = transaction->state == SIM_TRANSACTION_COMMITTED;
    if (of_state) {
        sim_log_mark(&partition->state, transaction->number, committed);
        if (partition->state.count > COMPACT_AT) {
            sim_log_compact(&partition->state, sim->now_ms);
        }
    } else if (committed) {
        partition->committed = place->offset;
        partition->told_published = place->published;
        partition->told_billed = place->billed;
    }
    transaction->markers_left--;
    forget_if_over(sim, transaction);
}

static void decide(struct sim *sim, struct bs_transaction *transaction, bool commit)
{
    BS_ASSERT(transaction->state == SIM_TRANSACTION_OPEN);
    transaction->state = commit ? SIM_TRANSACTION_COMMITTED : SIM_TRANSACTION_ABORTED;
    sim_trace(sim, "broker: transaction %" PRIu64 " of w%" PRId32 " %s", transaction->number,
              transaction->worker, commit ? "committed" : "aborted");
    if (commit) {
        sim_observe_commit(sim, transaction);
    }
    bool slow = sim_fault(sim, SIM_SLOW_MARKERS);
    for (int32_t i = 0; i < transaction->offset_count; i++) {
        for (int32_t of_state = 0; of_state < 2; of_state++) {
            int64_t delay_ms =
                slow ? sim_between(&sim->random, 1, 4000) : bs_random_below(&sim->random, 20);
            transaction->markers_left++;
            sim_later(sim, delay_ms,
                      (struct sim_entry){
                          .run = marker_arrives,
                          .worker = SIM_NOBODY,
                          .numbers = {(int64_t)transaction->number, of_state ? -i - 1 : i}});
        }
    }
}

bool sim_broker_holds_offset(const struct sim *sim, int32_t partition)
{
    for (const struct bs_transaction *at = sim->transactions; at != NULL; at = at->next) {
        bool open = at->state == SIM_TRANSACTION_OPEN || at->markers_left > 0;
        for (int32_t i = 0; open && i < at->offset_count; i++) {
            if (at->offsets[i].partition == partition) {
                return true;
            }
        }
    }
    return false;
}

/* The broker answers CONCURRENT_TRANSACTIONS while it still writes the last one's markers. */
static bool still_ending(const struct sim *sim, const struct bs_transaction *transaction)
{
    for (const struct bs_transaction *at = sim->transactions; at != NULL; at = at->next) {
        if (at != transaction && at->worker == transaction->worker &&
            at->life == transaction->life && at->markers_left > 0) {
            return true;
        }
    }
    return false;
}

/* ---- the transaction thread: send_offsets, produce, end
 * ------------------------------------------
 */

/* The worker learns how its transaction ended. */
static void deliver_end(struct sim *sim, struct sim_entry *entry)
{
    struct sim_worker *worker = &sim->workers[entry->worker];
    struct bs_transaction *transaction = find(sim, entry->numbers[0]);
    enum bs_transaction_outcome outcome = (enum bs_transaction_outcome)entry->numbers[1];
    worker->transaction = 0;
    transaction->told = true;
    sim_observe_outcome(sim, transaction, outcome);
    forget_if_over(sim, transaction);
    bs_worker_kafka_callbacks.transaction(&worker->process, outcome,
                                          outcome == BS_TRANSACTION_COMMITTED ? "" : "simulated");
}

static void answer(struct sim *sim, const struct bs_transaction *transaction,
                   enum bs_transaction_outcome outcome)
{
    int64_t delay_ms = sim_latency(sim);
    if (sim_fault(sim, SIM_UNANSWERED)) {
        delay_ms += sim_between(&sim->random, 1, 20000); /* asked again and again until then */
    }
    sim_later(sim, delay_ms,
              (struct sim_entry){.run = deliver_end,
                                 .worker = transaction->worker,
                                 .life = transaction->life,
                                 .through_kafka = true,
                                 .numbers = {(int64_t)transaction->number, outcome}});
}

static void next_call(struct sim *sim, const struct bs_transaction *transaction, sim_run run,
                      int64_t delay_ms)
{
    sim_later(sim, delay_ms,
              (struct sim_entry){.run = run,
                                 .worker = transaction->worker,
                                 .life = transaction->life,
                                 .through_kafka = true,
                                 .numbers = {(int64_t)transaction->number}});
}

/* The process asks the broker to commit. */
static void end(struct sim *sim, struct sim_entry *entry)
{
    struct bs_transaction *transaction = find(sim, entry->numbers[0]);
    if (sim_broker_coordinator_away(sim)) {
        next_call(sim, transaction, end, AGAIN_MS);
        return;
    }
    if (transaction->state == SIM_TRANSACTION_ABORTED) {
        /* For its age. Under a static member's id that might as well be another process's doing. */
        answer(sim, transaction,
               sim->options.static_members ? BS_TRANSACTION_FATAL : BS_TRANSACTION_ABORTED);
        return;
    }
    bool fatal = sim_fault(sim, SIM_FATAL);
    decide(sim, transaction, !fatal || sim_chance(&sim->random, 500));
    answer(sim, transaction, fatal ? BS_TRANSACTION_FATAL : BS_TRANSACTION_COMMITTED);
}

/* Every message, and its delivery. */
static void produce(struct sim *sim, struct sim_entry *entry)
{
    struct bs_transaction *transaction = find(sim, entry->numbers[0]);
    if (transaction->state == SIM_TRANSACTION_ABORTED) {
        answer(sim, transaction, BS_TRANSACTION_ABORTED); /* fenced for its age */
        return;
    }
    bool too_large =
        transaction->too_large || (transaction->shrinkable && sim_fault(sim, SIM_TOO_LARGE));
    bool aborted = sim_fault(sim, SIM_ABORTED);
    for (const struct sim_message *message = transaction->first; message != NULL;
         message = message->next) {
        if (message->topic == BS_TOPIC_STATE) {
            sim_log_append(&sim->partitions[message->partition].state, &message->message,
                           transaction->number, sim->now_ms);
        }
        if ((too_large || aborted) && sim_chance(&sim->random, 100)) {
            break; /* this far it came */
        }
    }
    transaction->written = true;
    if (too_large || aborted) {
        decide(sim, transaction, false);
        answer(sim, transaction, too_large ? BS_TRANSACTION_TOO_LARGE : BS_TRANSACTION_ABORTED);
        return;
    }
    next_call(sim, transaction, end, sim_latency(sim));
}

/* The broker gives up a transaction that nobody ends. */
static void time_out(struct sim *sim, struct sim_entry *entry)
{
    struct bs_transaction *transaction = find(sim, entry->numbers[0]);
    if (transaction == NULL || transaction->state != SIM_TRANSACTION_OPEN) {
        return;
    }
    if (sim_broker_coordinator_away(sim)) {
        sim_later(sim, SWEEP_MS, *entry);
        return;
    }
    sim_seen(sim, SIM_TIMED_OUT);
    decide(sim, transaction, false);
    forget_if_over(sim, transaction);
}

static void send_offsets(struct sim *sim, struct sim_entry *entry)
{
    struct bs_transaction *transaction = find(sim, entry->numbers[0]);
    if (sim_broker_coordinator_away(sim) || still_ending(sim, transaction)) {
        if (sim->now_ms - transaction->cut_ms < CALL_MS) {
            next_call(sim, transaction, send_offsets, AGAIN_MS);
        } else {
            answer(sim, transaction, BS_TRANSACTION_ABORTED);
        }
        return;
    }
    if (!sim_group_accepts(sim, transaction->member, transaction->generation)) {
        sim_seen(sim, SIM_ZOMBIE_COMMIT);
        answer(sim, transaction, BS_TRANSACTION_ABORTED);
        return;
    }
    sim_observe_accepted_offsets(sim, transaction);
    transaction->state = SIM_TRANSACTION_OPEN;
    sim_later(sim, TRANSACTION_TIMEOUT_MS + bs_random_below(&sim->random, SWEEP_MS),
              (struct sim_entry){.run = time_out,
                                 .worker = SIM_NOBODY,
                                 .numbers = {(int64_t)transaction->number}});
    next_call(sim, transaction, produce, sim_latency(sim));
}

void sim_broker_begin(struct sim *sim, struct bs_transaction *transaction)
{
    struct sim_worker *worker = &sim->workers[transaction->worker];
    transaction->number = ++sim->transaction_count;
    transaction->next = sim->transactions;
    sim->transactions = transaction;
    BS_ASSERT(worker->transaction == 0); /* the edge asserts it */
    worker->transaction = transaction->number;
    sim_observe_cut(sim, worker, transaction);
    next_call(sim, transaction, send_offsets, sim_latency(sim));
}

void sim_broker_abandon(struct sim *sim, struct sim_worker *worker)
{
    struct bs_transaction *transaction = find(sim, (int64_t)worker->transaction);
    worker->transaction = 0;
    if (transaction == NULL) {
        return;
    }
    transaction->told = true;
    /* The last thing that the process did may have been to ask for the commit. */
    bool asked = transaction->state == SIM_TRANSACTION_OPEN && transaction->written &&
                 worker->isolated_until_ms <= sim->now_ms && sim_chance(&sim->random, 500);
    if (asked) {
        sim_seen(sim, SIM_DEAD_COMMIT);
        decide(sim, transaction, true);
    }
    forget_if_over(sim, transaction);
}

void sim_broker_fence(struct sim *sim, const struct sim_worker *worker)
{
    for (struct bs_transaction *at = sim->transactions; at != NULL; at = at->next) {
        if (at->worker == worker->index && at->life != worker->life &&
            at->state == SIM_TRANSACTION_OPEN) {
            decide(sim, at, false);
        }
    }
}

/* ---- what else happens to Kafka -----------------------------------------------------------------
 */

void sim_broker_move_coordinator(struct sim *sim)
{
    int64_t length_ms = sim_between(&sim->random, 100, 20000);
    sim->coordinator_away_until_ms = sim->now_ms + length_ms;
    sim_trace(sim, "broker: the coordinators move, for %" PRId64 " ms", length_ms);
}

bool sim_broker_coordinator_away(const struct sim *sim)
{
    return sim->now_ms < sim->coordinator_away_until_ms;
}

void sim_broker_compact(struct sim *sim)
{
    for (int32_t p = 0; p < sim->options.partitions; p++) {
        sim_log_compact(&sim->partitions[p].state, sim->now_ms);
    }
}

void sim_broker_write_unreadable(struct sim *sim, int32_t p)
{
    struct sim_partition *partition = &sim->partitions[p];
    if (partition->unreadable) {
        return;
    }
    static const uint8_t newer[] = {0x08, 0x7f, 0x12, 0x00}, garbage[] = {0xff, 0x00, 0x13};
    bool is_newer = sim_chance(&sim->random, 500);
    bool unknown_key = sim_chance(&sim->random, 500);
    /* An offset far above any job's: no worker of this version writes that key. */
    (void)snprintf(partition->unreadable_key, sizeof partition->unreadable_key,
                   unknown_key ? "z:%d" : "o:%d", 999999);
    struct bs_message message = {.key = {.data = (const uint8_t *)partition->unreadable_key,
                                         .size = strlen(partition->unreadable_key)},
                                 .value = {.data = is_newer ? newer : garbage,
                                           .size = is_newer ? sizeof newer : sizeof garbage}};
    sim_log_append(&partition->state, &message, 0, sim->now_ms);
    partition->unreadable = true;
    sim_trace(sim, "broker: a record that cannot be read in the state of partition %" PRId32, p);
}

bool sim_broker_mend_unreadable(struct sim *sim, int32_t p)
{
    struct sim_partition *partition = &sim->partitions[p];
    if (!partition->unreadable) {
        return false;
    }
    struct bs_message message = {.key = {.data = (const uint8_t *)partition->unreadable_key,
                                         .size = strlen(partition->unreadable_key)}};
    sim_log_append(&partition->state, &message, 0, sim->now_ms);
    partition->unreadable = false;
    return true;
}

void sim_broker_delete_jobs(struct sim *sim, int32_t p)
{
    struct sim_partition *partition = &sim->partitions[p];
    if (partition->lost_from >= 0 || !partition->controlled) {
        return; /* where nothing is committed yet, work begins with what there is */
    }
    for (int32_t i = 0; i < partition->job_count; i++) {
        struct sim_job *job = &sim->jobs[partition->jobs[i]];
        int64_t reached = partition->watermark > partition->committed ? partition->watermark
                                                                      : partition->committed;
        if (job->offset < reached || job->appears_ms > sim->now_ms) {
            continue;
        }
        partition->lost_from = job->offset;
        partition->log_start = job->offset + sim_between(&sim->random, 1, 5);
        if (partition->log_start > sim_jobs_end(sim, p)) {
            partition->log_start = sim_jobs_end(sim, p);
        }
        sim_trace(sim, "broker: jobs of partition %" PRId32 " below %" PRId64 " are deleted", p,
                  partition->log_start);
        return;
    }
}

void sim_broker_destroy(struct sim *sim)
{
    while (sim->transactions != NULL) {
        struct bs_transaction *transaction = sim->transactions;
        sim->transactions = transaction->next;
        sim_transaction_free(transaction);
    }
    for (int32_t p = 0; p < SIM_PARTITIONS; p++) {
        sim_log_destroy(&sim->partitions[p].state);
    }
}
