/* Publish: what goes into the next transaction, and what follows from its end.
 *
 * One transaction is under way at a time. A batch is cut from operations whose record or end waits,
 * oldest first, together with the control record and the offsets of every partition that it
 * touches. After an abort nothing of it counts, and the next batch is built anew. */
#include <stdio.h>
#include <string.h>

#include "core/internal.h"

#define BATCH_BYTES (8 * 1024 * 1024)
/* An accepted submission is unknown until it is recorded: be quick. While others are under way,
 * theirs will come, and a transaction costs as much for one as for all; how many wait is bounded.
 */
#define RECORD_LINGER_MS         3
#define RECORD_COMPANY_LINGER_MS 20
/* An end is known to the service for days. */
#define END_LINGER_MS         200
#define LONGEST_ABORT_WAIT_MS 5000
#define FORGOTTEN_A_BATCH     (2 * BS_BATCH_OPERATIONS) /* remembered ids: more than may be added */

static void want_cut(struct bs_core *core, int64_t linger_ms)
{
    bs_mono_ms latest = core->now.mono + linger_ms;
    if (core->publish.cut_at > latest) {
        core->publish.cut_at = latest;
    }
}

static void make_dirty(struct bs_core *core, struct bs_operation *operation, int64_t linger_ms)
{
    struct bs_partition *partition = bs_partition_find(core, operation->partition);
    if (!bs_link_in_list(&operation->dirty)) {
        bs_list_append(&core->publish.dirty, &operation->dirty);
        partition->dirty++;
    }
    bool soon = partition->state == BS_PARTITION_DRAINING ||
                ++core->publish.dirtied >= core->publish.limit / 2;
    want_cut(core, soon ? RECORD_LINGER_MS : linger_ms);
}

void bs_publish_drop(struct bs_core *core, struct bs_operation *operation)
{
    if (bs_link_in_list(&operation->dirty)) {
        bs_list_remove(&operation->dirty);
        bs_partition_find(core, operation->partition)->dirty--;
    }
    operation->in_batch = false;
}

void bs_publish_record(struct bs_core *core, struct bs_operation *operation)
{
    operation->record_wanted = true;
    core->publish.record_waits = true;
    make_dirty(core, operation, RECORD_COMPANY_LINGER_MS);
}

void bs_publish_result(struct bs_core *core, struct bs_operation *operation, void *payload,
                       size_t payload_size)
{
    operation->payload = payload;
    operation->payload_size = payload_size;
    operation->dead_letter_code = BS_DEAD_NONE;
    operation->detected = core->now.wall;
    bs_arena_charge(&core->arena, payload_size);
    bs_finish(core, operation);
}

void bs_publish_dead_letter(struct bs_core *core, struct bs_operation *operation,
                            enum bs_stage stage, enum bs_dead_letter_code code, const char *message)
{
    operation->dead_letter_code = (uint8_t)code;
    operation->dead_letter_stage = (uint8_t)stage;
    operation->detected = core->now.wall;
    bs_operation_set_message(core, operation, message == NULL ? "" : message);
    bs_finish(core, operation);
    bs_core_notice(core, BS_LOG_WARN, operation, NULL, "dead letter %s in %s: %.300s",
                   bs_dead_letter_code_name(code), bs_stage_name(stage),
                   message == NULL ? "" : message);
}

void bs_publish_end(struct bs_core *core, struct bs_operation *operation)
{
    bs_operation_move(core, operation, BS_OPERATION_ENDED, BS_NEVER);
    make_dirty(core, operation, END_LINGER_MS);
}

/* ---- cutting a batch ---- */

static struct bs_write *add_write(struct bs_core *core, enum bs_write_kind kind, int32_t partition,
                                  int64_t offset, const struct bs_operation *operation)
{
    struct bs_publish *publish = &core->publish;
    BS_ROOM_FOR_ONE_MORE(core, publish->writes, publish->write_count, publish->write_capacity);
    struct bs_write *write = &publish->writes[publish->write_count++];
    *write = (struct bs_write){
        .kind = kind, .partition = partition, .offset = offset, .operation = operation};
    return write;
}

static void add_item(struct bs_core *core, const struct bs_operation *operation, bool ended,
                     bool forgotten)
{
    struct bs_publish *publish = &core->publish;
    BS_ROOM_FOR_ONE_MORE(core, publish->items, publish->item_count, publish->item_capacity);
    publish->items[publish->item_count++] = (struct bs_batch_item){
        .operation = operation->self, .ended = ended, .forgotten = forgotten};
}

void bs_publish_touch(struct bs_core *core, struct bs_partition *partition)
{
    if (partition->in_batch) {
        return;
    }
    struct bs_publish *publish = &core->publish;
    partition->in_batch = true;
    partition->commit_wanted = false;
    BS_ROOM_FOR_ONE_MORE(core, publish->partitions, publish->partition_count,
                         publish->partition_capacity);
    publish->partitions[publish->partition_count++] = (struct bs_batch_partition){
        .partition = partition->id, .epoch = partition->epoch, .control = &partition->control};
}

/* Moves what fits from the dirty list into the batch. */
static void choose(struct bs_core *core)
{
    struct bs_publish *publish = &core->publish;
    int64_t count = 0;
    size_t bytes = 0;
    struct bs_link *link;
    while ((link = bs_list_first(&publish->dirty)) != NULL && count < publish->limit &&
           bytes < BATCH_BYTES) {
        struct bs_operation *operation = BS_CONTAINER_OF(link, struct bs_operation, dirty);
        bs_list_remove(link);
        bs_list_append(&publish->in_batch, link);
        operation->in_batch = true;
        operation->record_wanted = false;
        count++;
        bytes += operation->job_size + operation->payload_size;
        bs_publish_touch(core, bs_partition_find(core, operation->partition));
    }
}

static void touch_waiting_partitions(struct bs_core *core)
{
    for (int32_t i = 0; i < core->partition_count; i++) {
        struct bs_partition *partition = core->partitions[i];
        if (partition != NULL && partition->commit_wanted &&
            (partition->state == BS_PARTITION_SERVING ||
             partition->state == BS_PARTITION_DRAINING)) {
            bs_publish_touch(core, partition);
        }
    }
    core->publish.control_at = BS_NEVER;
}

/* What the watermark may become when this batch commits; done markers that it passes go. */
static void advance_watermark(struct bs_core *core, struct bs_partition *partition)
{
    struct bs_link *link = bs_list_first(&partition->window);
    while (link != NULL) {
        struct bs_operation *operation = BS_CONTAINER_OF(link, struct bs_operation, window);
        bool done = operation->state == BS_OPERATION_DONE;
        bool covered = done || operation->recorded || operation->in_batch;
        /* What was restored above the position will be read again, and must be known then. */
        if (!covered || operation->offset >= partition->position) {
            break;
        }
        if (done) {
            add_write(core, BS_WRITE_FORGET, partition->id, operation->offset, NULL);
            add_item(core, operation, false, true);
        }
        link = bs_list_next(&partition->window, link);
    }
    int64_t reached = link == NULL ? partition->position
                                   : BS_CONTAINER_OF(link, struct bs_operation, window)->offset;
    partition->control.watermark = reached < partition->position ? reached : partition->position;
    if (partition->control.watermark < partition->watermark) {
        partition->control.watermark = partition->watermark;
    }

    link = bs_list_first(&partition->unpublished);
    while (link != NULL) {
        struct bs_operation *operation = BS_CONTAINER_OF(link, struct bs_operation, unpublished);
        if (!operation->in_batch || operation->state != BS_OPERATION_ENDED) {
            break;
        }
        link = bs_list_next(&partition->unpublished, link);
    }
    reached = link == NULL ? partition->position
                           : BS_CONTAINER_OF(link, struct bs_operation, unpublished)->offset;
    partition->control.published = reached < partition->position ? reached : partition->position;
}

static void write_end(struct bs_core *core, const struct bs_operation *operation, int64_t watermark)
{
    bool result = operation->dead_letter_code == BS_DEAD_NONE;
    add_write(core, result ? BS_WRITE_RESULT : BS_WRITE_DEAD_LETTER, operation->partition,
              operation->offset, operation);
    if (operation->offset >= watermark) {
        add_write(core, BS_WRITE_DONE, operation->partition, operation->offset, operation);
    } else if (operation->recorded) {
        add_write(core, BS_WRITE_FORGET, operation->partition, operation->offset, operation);
    }
    if (result && operation->id_given) {
        struct bs_write *write =
            add_write(core, BS_WRITE_ID, operation->partition, operation->offset, operation);
        memcpy(write->id_hash, operation->id_hash, BS_ID_HASH_SIZE);
        write->fingerprint = operation->fingerprint;
        write->ended = core->now.wall;
    }
}

static void write_operations(struct bs_core *core)
{
    struct bs_publish *publish = &core->publish;
    for (struct bs_link *link = bs_list_first(&publish->in_batch); link != NULL;
         link = bs_list_next(&publish->in_batch, link)) {
        struct bs_operation *operation = BS_CONTAINER_OF(link, struct bs_operation, dirty);
        bool ended = operation->state == BS_OPERATION_ENDED;
        if (ended) {
            const struct bs_partition *partition = bs_partition_find(core, operation->partition);
            write_end(core, operation, partition->control.watermark);
            bs_budget_true_up(core, operation, 1);
        } else {
            add_write(core, BS_WRITE_OPERATION, operation->partition, operation->offset, operation);
        }
        add_item(core, operation, ended, false);
    }
}

static void write_forgotten(struct bs_core *core, const struct bs_partition *partition,
                            const uint8_t id_hash[BS_ID_HASH_SIZE])
{
    struct bs_write *write = add_write(core, BS_WRITE_FORGET_ID, partition->id, 0, NULL);
    memcpy(write->id_hash, id_hash, BS_ID_HASH_SIZE);
}

/* Ids that are too many go, the oldest first, whichever partition they are of. */
static void forget_oldest_ids(struct bs_core *core)
{
    struct bs_partition *partition;
    int count = 0;
    while ((partition = bs_ids_over_limit(core)) != NULL) {
        if (count++ == FORGOTTEN_A_BATCH) {
            bs_partition_want_commit(core, partition);
            break;
        }
        uint8_t id_hash[BS_ID_HASH_SIZE];
        bs_publish_touch(core, partition);
        bs_ids_forget_oldest(core, partition, id_hash);
        write_forgotten(core, partition, id_hash);
    }
}

static void forget_old_ids(struct bs_core *core, struct bs_partition *partition)
{
    for (int count = 0; bs_ids_oldest_is_over(core, partition); count++) {
        if (count == FORGOTTEN_A_BATCH) {
            bs_partition_want_commit(core, partition);
            break;
        }
        uint8_t id_hash[BS_ID_HASH_SIZE];
        bs_ids_forget_oldest(core, partition, id_hash);
        write_forgotten(core, partition, id_hash);
    }
}

static void cut(struct bs_core *core)
{
    struct bs_publish *publish = &core->publish;
    publish->item_count = publish->write_count = publish->partition_count = 0;
    publish->dirtied = 0;
    publish->record_waits = false;
    choose(core);
    if (core->now.mono >= publish->control_at) {
        touch_waiting_partitions(core);
    }
    forget_oldest_ids(core);
    bs_quota_reserve(core);
    publish->cut_at = bs_list_empty(&publish->dirty) ? BS_NEVER : core->now.mono;
    if (publish->partition_count == 0) {
        return;
    }
    for (size_t i = 0; i < publish->partition_count; i++) {
        struct bs_partition *partition = bs_partition_find(core, publish->partitions[i].partition);
        advance_watermark(core, partition);
        if (partition->state == BS_PARTITION_SERVING) {
            bs_check_note_asked(core, partition);
        }
        forget_old_ids(core, partition);
    }
    write_operations(core);
    publish->under_way = true;
    publish->started = core->now.mono;
    bs_core_act(core, BS_ACTION_COMMIT)->batch =
        (struct bs_batch){.writes = publish->writes,
                          .write_count = publish->write_count,
                          .partitions = publish->partitions,
                          .partition_count = publish->partition_count};
}

bs_mono_ms bs_publish_deadline(const struct bs_core *core)
{
    const struct bs_publish *publish = &core->publish;
    if (publish->under_way || (publish->cut_at == BS_NEVER && publish->control_at == BS_NEVER)) {
        return BS_NEVER;
    }
    bs_mono_ms wanted =
        publish->cut_at < publish->control_at ? publish->cut_at : publish->control_at;
    return wanted > publish->hold_until ? wanted : publish->hold_until;
}

void bs_publish_hurry(struct bs_core *core)
{
    if (core->publish.record_waits && core->submits_under_way == 0) {
        want_cut(core, RECORD_LINGER_MS); /* nobody keeps it company */
    }
}

void bs_publish_step(struct bs_core *core)
{
    if (!core->publish.under_way && bs_quota_reservation_wanted(core)) {
        core->publish.control_at = core->now.mono;
    }
    if (core->stopping && bs_publish_deadline(core) != BS_NEVER) {
        core->publish.control_at = core->now.mono;
    }
    if (bs_publish_deadline(core) <= core->now.mono) {
        cut(core);
    }
}

/* ---- the end of a transaction ---- */

static void count_end(struct bs_core *core, const struct bs_operation *operation)
{
    struct bs_counters *counters = &core->counters;
    if (operation->dead_letter_code != BS_DEAD_NONE) {
        counters->dead_letters[operation->dead_letter_stage][operation->dead_letter_code]++;
        return;
    }
    counters->results++;
    bs_histogram_add(&counters->job_duration_seconds,
                     (double)(core->now.wall - operation->received) / 1000.0);
    bs_histogram_add(&counters->checks_per_result, operation->checks);
}

/* Its record, or its end, is committed: a kill does not have it submitted again. */
static void safe(struct bs_core *core, struct bs_operation *operation)
{
    if (operation->at_risk) {
        int64_t moment_ms = core->now.wall - operation->submitted;
        bs_histogram_add(&core->counters.unrecorded_seconds,
                         moment_ms < 0 ? 0 : (double)moment_ms / 1000.0);
    }
    bs_operation_set_at_risk(core, operation, false);
}

static void published(struct bs_core *core, struct bs_partition *partition,
                      struct bs_operation *operation)
{
    count_end(core, operation);
    if (operation->dead_letter_code == BS_DEAD_NONE && operation->id_given) {
        bs_ids_remember(core, partition, operation->id_hash, operation->fingerprint,
                        operation->offset, core->now.wall);
    }
    bs_publish_drop(core, operation);
    safe(core, operation);
    if (operation->offset < partition->watermark) {
        bs_operation_free(core, operation);
        return;
    }
    bs_operation_release_payload(core, operation);
    bs_operation_strip(core, operation);
    bs_partition_remove_from_unpublished(partition, operation);
    bs_operation_move(core, operation, BS_OPERATION_DONE, BS_NEVER);
}

static void recorded(struct bs_core *core, struct bs_operation *operation)
{
    operation->recorded = true;
    safe(core, operation);
    bool again = operation->record_wanted || operation->state == BS_OPERATION_ENDED;
    bs_publish_drop(core, operation);
    if (again) {
        make_dirty(core, operation, END_LINGER_MS);
    }
}

static void pass_watermark(struct bs_partition *partition)
{
    struct bs_link *link;
    while ((link = bs_list_first(&partition->window)) != NULL) {
        struct bs_operation *operation = BS_CONTAINER_OF(link, struct bs_operation, window);
        if (operation->offset >= partition->watermark) {
            break;
        }
        bs_partition_remove_from_window(partition, operation);
    }
}

static void committed(struct bs_core *core)
{
    struct bs_publish *publish = &core->publish;
    for (size_t i = 0; i < publish->partition_count; i++) {
        struct bs_partition *partition = bs_partition_find(core, publish->partitions[i].partition);
        if (partition->epoch == publish->partitions[i].epoch && partition->position >= 0) {
            partition->watermark = partition->control.watermark;
            partition->published = partition->control.published;
        }
    }
    for (size_t i = 0; i < publish->item_count; i++) {
        struct bs_operation *operation = bs_operation_by_ref(core, publish->items[i].operation);
        if (operation == NULL) {
            continue; /* its partition was lost meanwhile */
        }
        struct bs_partition *partition = bs_partition_find(core, operation->partition);
        if (publish->items[i].forgotten) {
            bs_operation_free(core, operation);
        } else if (publish->items[i].ended) {
            published(core, partition, operation);
        } else {
            recorded(core, operation);
        }
    }
    for (size_t i = 0; i < publish->partition_count; i++) {
        pass_watermark(bs_partition_find(core, publish->partitions[i].partition));
    }
    publish->aborts = 0;
    /* What could not be submitted for what was at risk is submitted now, and joins what waits. */
    if (publish->record_waits && publish->cut_at < core->now.mono + RECORD_COMPANY_LINGER_MS) {
        publish->cut_at = core->now.mono + RECORD_COMPANY_LINGER_MS;
    }
    if (publish->limit < BS_BATCH_OPERATIONS) {
        publish->limit =
            publish->limit * 2 < BS_BATCH_OPERATIONS ? publish->limit * 2 : BS_BATCH_OPERATIONS;
    }
}

/* Everything that was in the batch waits again, in front of what came later. */
static void rewind_batch(struct bs_core *core)
{
    struct bs_publish *publish = &core->publish;
    struct bs_link *place = &publish->dirty.head, *link;
    for (size_t i = 0; i < publish->item_count; i++) {
        struct bs_operation *operation = bs_operation_by_ref(core, publish->items[i].operation);
        if (operation != NULL && publish->items[i].ended) {
            bs_budget_true_up(core, operation, -1);
        }
    }
    while ((link = bs_list_first(&publish->in_batch)) != NULL) {
        struct bs_operation *operation = BS_CONTAINER_OF(link, struct bs_operation, dirty);
        operation->in_batch = false;
        operation->record_wanted = true;
        bs_list_remove(link);
        bs_list_insert_after(place, link);
        place = link;
    }
    for (size_t i = 0; i < publish->partition_count; i++) {
        struct bs_partition *partition = bs_partition_find(core, publish->partitions[i].partition);
        if (partition->epoch == publish->partitions[i].epoch &&
            (partition->state == BS_PARTITION_SERVING ||
             partition->state == BS_PARTITION_DRAINING)) {
            partition->commit_wanted = true;
        }
    }
}

static void wait_after_abort(struct bs_core *core, const char *message)
{
    struct bs_publish *publish = &core->publish;
    publish->aborts++;
    (void)snprintf(publish->abort_text, sizeof publish->abort_text, "%.300s",
                   message == NULL ? "aborted" : message);
    publish->hold_until =
        core->now.mono + bs_backoff_ms(core, publish->aborts - 3, LONGEST_ABORT_WAIT_MS);
    publish->cut_at = publish->control_at = core->now.mono;
    if (publish->aborts == 3) {
        bs_core_notice(core, BS_LOG_WARN, NULL, NULL, "transactions do not succeed: %.300s",
                       publish->abort_text);
    }
}

/* A single operation whose message the broker refuses for its size. */
static void too_large_alone(struct bs_core *core, struct bs_operation *operation,
                            const char *message)
{
    if (operation->state == BS_OPERATION_ENDED && operation->dead_letter_code == BS_DEAD_NONE) {
        bs_publish_drop(core, operation);
        bs_finish_too_large(core, operation);
        return;
    }
    if (operation->state == BS_OPERATION_ENDED && !operation->omit_value) {
        operation->omit_value = true;
        return;
    }
    struct bs_event stop = {.kind = BS_EVENT_PARTITION_STOPPED, .now = core->now};
    char reason[BS_MESSAGE_MAX];
    (void)snprintf(
        reason, sizeof reason,
        "the broker refuses offset %lld's %s for its size; raise max.message.bytes of the "
        "topic: %.200s",
        (long long)operation->offset,
        operation->state == BS_OPERATION_ENDED ? "dead letter" : "state record",
        message == NULL ? "" : message);
    stop.stopped.partition = operation->partition;
    stop.stopped.reason = reason;
    bs_publish_drop(core, operation);
    bs_partitions_event(core, &stop);
}

static void too_large(struct bs_core *core, const char *message)
{
    struct bs_publish *publish = &core->publish;
    int64_t count = 0;
    struct bs_operation *alone = NULL;
    for (size_t i = 0; i < publish->item_count; i++) {
        if (!publish->items[i].forgotten) {
            count++;
            alone = bs_operation_by_ref(core, publish->items[i].operation);
        }
    }
    rewind_batch(core);
    if (count == 0) {
        wait_after_abort(core, message);
    } else if (count > 1) {
        publish->limit = count / 2;
    } else if (alone != NULL) {
        too_large_alone(core, alone, message);
    }
    /* Partitions without an operation in the next batch want their control records still. */
    publish->cut_at = publish->control_at = core->now.mono;
}

void bs_publish_event(struct bs_core *core, const struct bs_event *event)
{
    struct bs_publish *publish = &core->publish;
    enum bs_transaction_outcome outcome = event->transaction.outcome;
    BS_ASSERT(publish->under_way);
    publish->under_way = false;
    for (size_t i = 0; i < publish->partition_count; i++) {
        bs_partition_find(core, publish->partitions[i].partition)->in_batch = false;
    }
    core->counters.transactions[outcome]++;
    publish->lasted_ms = core->now.mono - publish->started;
    bs_quota_batch_ended(core, outcome == BS_TRANSACTION_COMMITTED);
    switch (outcome) {
    case BS_TRANSACTION_COMMITTED:
        committed(core);
        break;
    case BS_TRANSACTION_ABORTED:
        rewind_batch(core);
        wait_after_abort(core, event->transaction.message);
        break;
    case BS_TRANSACTION_TOO_LARGE:
        too_large(core, event->transaction.message);
        break;
    case BS_TRANSACTION_FATAL:
        rewind_batch(core);
        publish->cut_at = publish->control_at = BS_NEVER;
        publish->hold_until = BS_NEVER; /* no further batch, and nothing sent that none records */
        for (int32_t i = 0; i < core->partition_count; i++) {
            if (core->partitions[i] != NULL) {
                bs_quota_drop(core, core->partitions[i]);
            }
        }
        bs_core_act(core, BS_ACTION_FAILED)->notice = bs_core_notice(
            core, BS_LOG_ERROR, NULL, NULL, "cannot go on: %.300s",
            event->transaction.message == NULL ? "fatal" : event->transaction.message);
        break;
    }
}
