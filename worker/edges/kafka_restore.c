/* The restore thread: reads the state of partitions that were given to us, one after the other.
 *
 * The order is what makes it safe. A former owner may have died with a transaction open, or its
 * commit's markers may have reached the offsets and not yet the state partition (or the other way
 * round): so (1) ask for the group's stable offset, which waits until none is in flight; (2) ask
 * for the state partition's true end, open transactions included; (3) read with read_committed
 * until an end of partition at or past it; (4) ask for the group's offset again.
 *
 * The same thread counts lost jobs and looks at the topics now and then, for these questions block
 * too. */
#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "edges/kafka_internal.h"
#include "formats/redriven.h"

#define STEP_MS       10000 /* one blocking question; then trouble is told and the next task tried */
#define POLL_MS       100
#define READ_MS       60000 /* a read without progress gives way to the next task */
#define REST_MS       500   /* after a failure */
#define TRIM_RECORDS  8192  /* some megabytes */
#define MISSING_TRIES 4     /* metadata may lag behind a topic that was just made */
#define ADVICE        "see partition_stopped in docs/operating.md"
#define LOOK_MS       2000 /* one question of a look at the topics, which a restore must not wait for */
#define LOOK_EVERY_MS 10000
#define LOOK_SOON_MS  2000 /* while a partition waits for the state topic to grow */

enum task_kind { TASK_RESTORE, TASK_COUNT_LOST };

struct restore_task {
    struct restore_task *next;
    enum task_kind kind;
    int32_t partition;
    uint32_t epoch;
    int64_t position;   /* COUNT_LOST */
    int32_t missing;    /* how often its partition was not found */
    int32_t partitions; /* told by its committed offset, else by its control record; 0 = nothing */
    struct bs_restore_end end;
    int64_t *billed; /* end.billed, owned */
    bs_mono_ms begun;
    atomic_bool cancelled;
};

struct bs_restore {
    struct bs_kafka *kafka;
    pthread_t thread;
    bool started;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct restore_task *first; /* waiting */
    struct restore_task *last;
    struct restore_task *current;
    rd_kafka_t *committed; /* the group's offsets, and records with read_committed */
    rd_kafka_t *plain;     /* true ends */
    struct bs_trouble_gate gate;
    struct bs_kafka_secrets secrets[2];
    bs_mono_ms next_look; /* at the topics */
    int32_t first_parts; /* by how many the first partition's control record divides the budget; 0 =
                          * not read yet, or it has none */
};

/* A reading of a state partition. */
struct state_reading {
    int32_t partition;
    int64_t end; /* until an end of the partition at or past this */
    struct bs_records *records;
    bool only_control;
};

enum step { STEP_DONE, STEP_AGAIN, STEP_OVER }; /* OVER: answered, or not wanted any more */

static void task_free(struct restore_task *task)
{
    free(task->billed);
    free(task);
}

/* ---- called by the loop ---- */

static void append(struct bs_restore *restore, struct restore_task *task)
{
    task->next = NULL;
    if (restore->last == NULL) {
        restore->first = task;
    } else {
        restore->last->next = task;
    }
    restore->last = task;
    pthread_cond_signal(&restore->wake);
}

static void add_task(struct bs_restore *restore, enum task_kind kind, int32_t partition,
                     uint32_t epoch, int64_t position)
{
    struct restore_task *task = calloc(1, sizeof(*task));
    BS_ASSERT(task != NULL);
    task->kind = kind;
    task->partition = partition;
    task->epoch = epoch;
    task->position = position;
    task->begun = bs_clock_now().mono;
    pthread_mutex_lock(&restore->mutex);
    append(restore, task);
    pthread_mutex_unlock(&restore->mutex);
}

void bs_restore_start(struct bs_restore *restore, int32_t partition, uint32_t epoch)
{
    bs_restore_cancel(restore, partition);
    add_task(restore, TASK_RESTORE, partition, epoch, 0);
}

void bs_restore_count_lost(struct bs_restore *restore, int32_t partition, uint32_t epoch,
                           int64_t position)
{
    add_task(restore, TASK_COUNT_LOST, partition, epoch, position);
}

void bs_restore_cancel(struct bs_restore *restore, int32_t partition)
{
    pthread_mutex_lock(&restore->mutex);
    for (struct restore_task *task = restore->first; task != NULL; task = task->next) {
        if (task->partition == partition) {
            atomic_store(&task->cancelled, true);
        }
    }
    if (restore->current != NULL && restore->current->partition == partition) {
        atomic_store(&restore->current->cancelled, true);
    }
    pthread_mutex_unlock(&restore->mutex);
}

/* ---- the restore thread from here on ---- */

static bool over(const struct bs_restore *restore, const struct restore_task *task)
{
    return atomic_load(&restore->kafka->ending) || atomic_load(&task->cancelled);
}

static enum step trouble(struct bs_restore *restore, const struct restore_task *task,
                         const char *doing, const char *text)
{
    bs_report_trouble(restore->kafka, &restore->gate, "partition %" PRId32 ": %s: %s",
                      task->partition, doing, text);
    return STEP_AGAIN;
}

static enum step trouble_code(struct bs_restore *restore, const struct restore_task *task,
                              const char *doing, rd_kafka_resp_err_t code)
{
    const char *right = bs_kafka_missing_right(code);
    return trouble(restore, task, doing, right != NULL ? right : rd_kafka_err2str(code));
}

static enum step stop(struct bs_restore *restore, const struct restore_task *task, int64_t lost,
                      struct bs_report *report)
{
    report->partition = task->partition;
    report->epoch = task->epoch;
    report->lost = lost;
    report->of_restore = task->kind == TASK_RESTORE;
    if (atomic_load(&task->cancelled)) {
        free(report);
    } else {
        bs_report_send(restore->kafka, report);
    }
    return STEP_OVER;
}

/* The state topic must have the partition. */
static enum step find_state_partition(struct bs_restore *restore, struct restore_task *task)
{
    const char *state = restore->kafka->config->topics.state;
    int32_t count = 0;
    rd_kafka_resp_err_t code =
        bs_kafka_count_partitions(restore->committed, state, STEP_MS, &count);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return trouble_code(restore, task, "looking for the state topic", code);
    }
    if (task->partition < count) {
        return STEP_DONE;
    }
    if (++task->missing < MISSING_TRIES) {
        return STEP_AGAIN;
    }
    struct bs_report *report = bs_report_create(BS_REPORT_STOPPED,
                                                "state topic %s has no partition %" PRId32
                                                ": run `backscribe check --create-topics`",
                                                state, task->partition);
    report->stateless = true;
    return stop(restore, task, 0, report);
}

/* The group's offset of the jobs partition. Waits out offsets in flight. */
static enum step ask_committed(struct bs_restore *restore, struct restore_task *task)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, restore->kafka->config->topics.jobs, task->partition);
    rd_kafka_resp_err_t code = rd_kafka_committed(restore->committed, list, STEP_MS);
    const rd_kafka_topic_partition_t *place = &list->elems[0];
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = place->err;
    }
    task->end.committed = place->offset >= 0 ? place->offset : -1;
    task->partitions = bs_offset_text_parse(place->metadata, place->metadata_size).partitions;
    rd_kafka_topic_partition_list_destroy(list);
    if (over(restore, task)) {
        return STEP_OVER;
    }
    return code == RD_KAFKA_RESP_ERR_NO_ERROR
               ? STEP_DONE
               : trouble_code(restore, task, "asking for the group's offset", code);
}

static bool has_budget(const struct bs_restore *restore)
{
    return restore->kafka->config->limits.billed_hours > 0;
}

static enum step ask_others(struct bs_restore *restore, struct restore_task *task)
{
    const char *jobs = restore->kafka->config->topics.jobs;
    int32_t count = 0;
    rd_kafka_resp_err_t code = bs_kafka_count_partitions(restore->plain, jobs, STEP_MS, &count);
    free(task->billed);
    task->billed = NULL;
    task->end.divided_by = 0;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code = bs_kafka_ask_told(restore->plain, jobs, count, STEP_MS, &task->billed,
                                 &task->end.divided_by);
    }
    task->end.billed_count = has_budget(restore) ? count : 0;
    if (over(restore, task)) {
        return STEP_OVER;
    }
    return code == RD_KAFKA_RESP_ERR_NO_ERROR
               ? STEP_DONE
               : trouble_code(restore, task, "asking for the group's offsets", code);
}

static enum step ask_bounds(struct bs_restore *restore, const struct restore_task *task,
                            const char *topic, int32_t partition, int64_t *start, int64_t *end)
{
    rd_kafka_resp_err_t code =
        rd_kafka_query_watermark_offsets(restore->plain, topic, partition, start, end, STEP_MS);
    int32_t count = 0;
    if (code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION && /* the topic has grown: look at it anew */
        bs_kafka_count_partitions(restore->plain, topic, STEP_MS, &count) ==
            RD_KAFKA_RESP_ERR_NO_ERROR) {
        code =
            rd_kafka_query_watermark_offsets(restore->plain, topic, partition, start, end, STEP_MS);
    }
    if (over(restore, task)) {
        return STEP_OVER;
    }
    return code == RD_KAFKA_RESP_ERR_NO_ERROR
               ? STEP_DONE
               : trouble_code(restore, task, "asking for the bounds of a partition", code);
}

static struct bs_bytes control_key(char text[BS_STATE_KEY_SIZE])
{
    bs_state_key_control(text);
    return (struct bs_bytes){(const uint8_t *)text, strlen(text)};
}

static bool is_wanted(const struct state_reading *reading, struct bs_bytes key)
{
    char text[BS_STATE_KEY_SIZE];
    struct bs_bytes control = control_key(text);
    if (reading->only_control) {
        return key.size == control.size && memcmp(key.data, control.data, key.size) == 0;
    }
    return !bs_redriven_is_key(key); /* those are the command's own, and nothing to a worker */
}

/* Takes one message or event of the state partition; DONE at the end of the partition. */
static enum step take_message(struct bs_restore *restore, const struct restore_task *task,
                              const rd_kafka_message_t *message,
                              const struct state_reading *reading)
{
    bool ours =
        message->rkt != NULL && message->partition == reading->partition &&
        strcmp(rd_kafka_topic_name(message->rkt), restore->kafka->config->topics.state) == 0;
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        return ours && message->offset >= reading->end ? STEP_DONE : STEP_AGAIN;
    }
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return trouble(restore, task, "reading the state", rd_kafka_message_errstr(message));
    }
    if (!ours) {
        return STEP_AGAIN; /* of the partition before */
    }
    if (message->key == NULL) {
        return stop(restore, task, 0,
                    bs_report_create(BS_REPORT_STOPPED,
                                     "the state record at offset %" PRId64 " of %s/%" PRId32
                                     " has no key; " ADVICE,
                                     message->offset, restore->kafka->config->topics.state,
                                     reading->partition));
    }
    const struct bs_bytes key = {message->key, message->key_len};
    if (is_wanted(reading, key)) {
        bs_records_put(reading->records, key, (struct bs_bytes){message->payload, message->len},
                       message->offset);
    }
    return STEP_AGAIN;
}

static enum step read_state(struct bs_restore *restore, const struct restore_task *task,
                            const struct state_reading *reading)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, restore->kafka->config->topics.state,
                                      reading->partition)
        ->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_resp_err_t code = rd_kafka_assign(restore->committed, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return trouble_code(restore, task, "reading the state", code);
    }
    enum step step = STEP_AGAIN;
    bs_mono_ms progress = bs_clock_now().mono;
    while (step == STEP_AGAIN && !over(restore, task)) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(restore->committed, POLL_MS);
        if (message == NULL) {
            bs_mono_ms idle = bs_clock_now().mono - progress;
            if (idle > STEP_MS) {
                trouble(restore, task, "reading the state",
                        "waiting for the brokers, or for a transaction of a former owner to end");
            }
            if (idle > READ_MS) {
                break;
            }
            continue;
        }
        step = take_message(restore, task, message, reading);
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            progress = bs_clock_now().mono;
        }
        rd_kafka_message_destroy(message);
    }
    rd_kafka_assign(restore->committed, NULL);
    return over(restore, task) ? STEP_OVER : step;
}

/* Hands one portion to the loop; false when a record cannot be read (`failed` says which). */
static bool fill_portion(struct bs_restore *restore, struct restore_task *task,
                         struct bs_records *records, struct bs_report *portion,
                         struct bs_report **failed)
{
    struct bs_record *record = NULL;
    while (portion->record_count < BS_PORTION_RECORDS && bs_records_take(records, &record)) {
        struct bs_bytes key = {record->bytes, record->key_size};
        struct bs_bytes value = {record->bytes + record->key_size, record->value_size};
        struct bs_error error = BS_NO_ERROR;
        struct bs_state_record *decoded = &portion->records[portion->record_count];
        if (!bs_state_decode(key, value, decoded, &error)) {
            char shown[BS_KEY_SHOWN_SIZE];
            bs_kafka_show_key(key, shown);
            *failed = bs_report_create(BS_REPORT_STOPPED,
                                       "state record %s at offset %" PRId64 " of %s/%" PRId32
                                       " cannot be read: %s; " ADVICE,
                                       shown, record->offset, restore->kafka->config->topics.state,
                                       task->partition, error.message);
            free(record);
            return false;
        }
        if (decoded->kind == BS_STATE_CONTROL && task->partitions == 0) {
            task->partitions = decoded->control.budget_parts; /* its offset has expired */
        }
        portion->record_count++;
        free(record);
    }
    return true;
}

static enum step give_records(struct bs_restore *restore, struct restore_task *task,
                              struct bs_records *records)
{
    size_t given = 0;
    bs_records_sort(records);
    while (bs_records_count(records) > 0) {
        if (over(restore, task)) {
            return STEP_OVER;
        }
        struct bs_report *portion = bs_report_create(BS_REPORT_RECORDS, NULL);
        portion->partition = task->partition;
        portion->epoch = task->epoch;
        portion->records = calloc(BS_PORTION_RECORDS, sizeof(*portion->records));
        BS_ASSERT(portion->records != NULL);
        struct bs_report *failed = NULL;
        bool readable = fill_portion(restore, task, records, portion, &failed);
        given += portion->record_count;
        bs_report_send(restore->kafka, portion);
        if (given % TRIM_RECORDS < BS_PORTION_RECORDS && given >= TRIM_RECORDS) {
            (void)malloc_trim(0); /* core takes what they held from another of malloc's arenas */
        }
        if (!readable) {
            return stop(restore, task, 0, failed);
        }
    }
    return STEP_DONE;
}

static bool has_control(const struct bs_records *records)
{
    char key[BS_STATE_KEY_SIZE];
    return bs_records_has(records, control_key(key));
}

/* Offsets expire, and with them what they tell of the division: a partition without a past could be
 * taken for one of the first. The first partition's control record tells for ever. */
static enum step ask_first(struct bs_restore *restore, struct restore_task *task)
{
    int64_t start = 0;
    struct state_reading reading = {.only_control = true};
    enum step step =
        ask_bounds(restore, task, restore->kafka->config->topics.state, 0, &start, &reading.end);
    if (step != STEP_DONE || start == reading.end) {
        return step;
    }
    reading.records = bs_records_create();
    step = read_state(restore, task, &reading);
    bs_records_sort(reading.records);
    struct bs_record *record = NULL;
    if (step == STEP_DONE && bs_records_take(reading.records, &record)) {
        struct bs_bytes key = {record->bytes, record->key_size};
        struct bs_bytes value = {record->bytes + record->key_size, record->value_size};
        struct bs_state_record decoded;
        struct bs_error error = BS_NO_ERROR;
        if (bs_state_decode(key, value, &decoded, &error)) {
            restore->first_parts = decoded.control.budget_parts;
            bs_state_record_free(&decoded);
        } else {
            step = trouble(restore, task, "the first partition's control record", error.message);
        }
        free(record);
    }
    bs_records_destroy(reading.records);
    return step;
}

/* What the others tell, where that is needed. */
static enum step look_at_others(struct bs_restore *restore, struct restore_task *task,
                                const struct bs_records *records)
{
    bool budget = has_budget(restore);
    bool is_new = task->end.committed < 0 && !has_control(records);
    enum step step = budget || is_new ? ask_others(restore, task) : STEP_DONE;
    if (step == STEP_DONE && budget && is_new && task->partition > 0) {
        step = restore->first_parts == 0 ? ask_first(restore, task) : step;
        task->end.divided_by = bs_least_known(task->end.divided_by, restore->first_parts);
    }
    return step;
}

static enum step restore_records(struct bs_restore *restore, struct restore_task *task,
                                 struct bs_records *records)
{
    const char *jobs = restore->kafka->config->topics.jobs;
    const char *state = restore->kafka->config->topics.state;
    const int32_t partition = task->partition;
    struct state_reading reading = {.partition = partition, .records = records};
    int64_t state_start = 0;
    int64_t log_start = 0;
    int64_t log_end = 0;
    enum step step = find_state_partition(restore, task);
    step = step == STEP_DONE ? ask_committed(restore, task) : step; /* (1) */
    step = step == STEP_DONE
               ? ask_bounds(restore, task, state, partition, &state_start, &reading.end) /* (2) */
               : step;
    step = step == STEP_DONE ? read_state(restore, task, &reading) : step; /* (3) */
    step = step == STEP_DONE ? ask_committed(restore, task) : step;        /* (4) */
    step =
        step == STEP_DONE ? ask_bounds(restore, task, jobs, partition, &log_start, &log_end) : step;
    step = step == STEP_DONE ? look_at_others(restore, task, records) : step;
    step = step == STEP_DONE ? give_records(restore, task, records) : step;
    if (step != STEP_DONE) {
        return step;
    }
    struct bs_report *report = bs_report_create(BS_REPORT_RESTORED, NULL);
    report->partition = task->partition;
    report->epoch = task->epoch;
    report->partitions = task->partitions;
    report->end_of_restore = task->end;
    report->end_of_restore.log_start = log_start;
    report->end_of_restore.seconds = (double)(bs_clock_now().mono - task->begun) / 1000.0;
    report->end_of_restore.billed = report->billed = task->billed;
    task->billed = NULL;
    bs_report_send(restore->kafka, report);
    return STEP_OVER;
}

static enum step count_lost(struct bs_restore *restore, struct restore_task *task)
{
    const char *jobs = restore->kafka->config->topics.jobs;
    int64_t start = 0;
    int64_t end = 0;
    enum step step = ask_bounds(restore, task, jobs, task->partition, &start, &end);
    if (step != STEP_DONE) {
        return step;
    }
    if (task->position >= start) {
        return stop(restore, task, 0,
                    bs_report_create(BS_REPORT_STOPPED,
                                     "jobs topic %s/%" PRId32 " ends at %" PRId64
                                     ", before offset %" PRId64
                                     " where work goes on: it was made anew or cut",
                                     jobs, task->partition, end, task->position));
    }
    int64_t lost = start - task->position;
    return stop(restore, task, lost,
                bs_report_create(BS_REPORT_STOPPED,
                                 "%" PRId64 " jobs of %s/%" PRId32 " (offsets %" PRId64
                                 " to %" PRId64 ") were deleted by Kafka before they were read",
                                 lost, jobs, task->partition, task->position, start - 1));
}

static enum step perform(struct bs_restore *restore, struct restore_task *task)
{
    if (over(restore, task)) {
        return STEP_OVER;
    }
    bs_kafka_secrets_refresh(&restore->secrets[0], restore->kafka->config, restore->committed);
    bs_kafka_secrets_refresh(&restore->secrets[1], restore->kafka->config, restore->plain);
    if (task->kind == TASK_COUNT_LOST) {
        return count_lost(restore, task);
    }
    struct bs_records *records = bs_records_create();
    enum step step = restore_records(restore, task, records);
    bs_records_destroy(records);
    return step;
}

static struct timespec later(int64_t ms)
{
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += (ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

/* Tells the loop how many partitions jobs and state have, where both can be had, and under a budget
 * what their offsets tell of it. */
static void look_at_topics(struct bs_restore *restore)
{
    struct bs_kafka *kafka = restore->kafka;
    int32_t jobs = 0;
    int32_t state = 0;
    rd_kafka_resp_err_t code =
        bs_kafka_count_partitions(restore->plain, kafka->config->topics.jobs, LOOK_MS, &jobs);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        code =
            bs_kafka_count_partitions(restore->plain, kafka->config->topics.state, LOOK_MS, &state);
    }
    bool waiting = atomic_load(&kafka->stateless);
    restore->next_look = bs_clock_now().mono + (waiting ? LOOK_SOON_MS : LOOK_EVERY_MS);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        struct bs_report *report = bs_report_create(BS_REPORT_TOPICS, NULL);
        report->jobs_partitions = jobs;
        report->state_partitions = state;
        int32_t divided_by = 0;
        if (has_budget(restore) &&
            bs_kafka_ask_told(restore->plain, kafka->config->topics.jobs, jobs, LOOK_MS,
                              &report->billed, &divided_by) == RD_KAFKA_RESP_ERR_NO_ERROR) {
            report->billed_count = jobs;
        }
        bs_report_send(kafka, report);
    }
}

/* The next task, or NULL when the thread shall end. Between tasks the handles are polled now and
 * then, as librdkafka wants it, and the topics are looked at, also while a restore fails again and
 * again: the quota's division may have changed. */
static struct restore_task *next_task(struct bs_restore *restore)
{
    pthread_mutex_lock(&restore->mutex);
    while (!atomic_load(&restore->kafka->ending)) {
        if (bs_clock_now().mono >= restore->next_look) {
            pthread_mutex_unlock(&restore->mutex);
            look_at_topics(restore);
            pthread_mutex_lock(&restore->mutex);
            continue;
        }
        if (restore->first != NULL) {
            break;
        }
        struct timespec at = later(POLL_MS);
        pthread_cond_timedwait(&restore->wake, &restore->mutex, &at);
    }
    struct restore_task *task = atomic_load(&restore->kafka->ending) ? NULL : restore->first;
    if (task != NULL) {
        restore->first = task->next;
        restore->last = restore->first == NULL ? NULL : restore->last;
    }
    restore->current = task;
    pthread_mutex_unlock(&restore->mutex);
    return task;
}

static void finish_task(struct bs_restore *restore, struct restore_task *task, enum step step)
{
    pthread_mutex_lock(&restore->mutex);
    restore->current = NULL;
    if (step == STEP_AGAIN) { /* behind the others: they may have luck */
        append(restore, task);
        struct timespec at = later(REST_MS);
        while (!atomic_load(&restore->kafka->ending) &&
               pthread_cond_timedwait(&restore->wake, &restore->mutex, &at) == 0) {
        }
    } else {
        task_free(task);
    }
    pthread_mutex_unlock(&restore->mutex);
}

static void *run(void *argument)
{
    struct bs_restore *restore = argument;
    struct restore_task *task;
    while ((task = next_task(restore)) != NULL) {
        finish_task(restore, task, perform(restore, task));
    }
    atomic_fetch_sub(&restore->kafka->threads_running, 1);
    return NULL;
}

/* ---- making and ending, the loop's thread ---- */

struct bs_restore *bs_restore_create(struct bs_kafka *kafka, struct bs_error *error)
{
    struct bs_restore *restore = calloc(1, sizeof(*restore));
    BS_ASSERT(restore != NULL);
    restore->kafka = kafka;
    restore->next_look = bs_clock_now().mono + LOOK_EVERY_MS;
    pthread_mutex_init(&restore->mutex, NULL);
    pthread_cond_init(&restore->wake, NULL);
    restore->committed = bs_kafka_handle_for(kafka->config, BS_KAFKA_COMMITTED_READER, error);
    if (restore->committed != NULL) {
        restore->plain = bs_kafka_handle_for(kafka->config, BS_KAFKA_PLAIN_READER, error);
    }
    if (restore->plain == NULL) {
        bs_restore_destroy(restore);
        return NULL;
    }
    atomic_fetch_add(&kafka->threads_running, 1);
    restore->started = pthread_create(&restore->thread, NULL, run, restore) == 0;
    BS_ASSERT(restore->started);
    return restore;
}

void bs_restore_destroy(struct bs_restore *restore)
{
    if (restore == NULL) {
        return;
    }
    if (restore->started) {
        pthread_mutex_lock(&restore->mutex);
        pthread_cond_broadcast(&restore->wake);
        pthread_mutex_unlock(&restore->mutex);
        pthread_join(restore->thread, NULL);
    }
    while (restore->first != NULL) {
        struct restore_task *task = restore->first;
        restore->first = task->next;
        task_free(task);
    }
    if (restore->committed != NULL) {
        rd_kafka_destroy_flags(restore->committed, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    }
    if (restore->plain != NULL) {
        rd_kafka_destroy_flags(restore->plain, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    }
    bs_kafka_secrets_free(&restore->secrets[0]);
    bs_kafka_secrets_free(&restore->secrets[1]);
    pthread_cond_destroy(&restore->wake);
    pthread_mutex_destroy(&restore->mutex);
    free(restore);
}
