/* The whole of the Kafka edge: making and ending it, and the way of reports from its threads to the
 * loop. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edges/kafka_internal.h"

/* librdkafka counts a member as stuck when it isn't polled; and a held rebalance is looked at. */
#define POLL_MS         500
#define POLL_BUSY_MS    50
#define TROUBLE_REST_MS 5000

/* ---- reports ---- */

static void format_text(struct bs_report *report, const char *format, va_list arguments)
{
    vsnprintf(report->text, sizeof(report->text), format, arguments);
    for (char *at = report->text; *at != '\0'; at++) {
        if (*at == '\n' || *at == '\r') {
            *at = ' ';
        }
    }
}

struct bs_report *bs_report_create(enum bs_report_kind kind, const char *format, ...)
{
    struct bs_report *report = calloc(1, sizeof(*report));
    BS_ASSERT(report != NULL);
    report->kind = kind;
    if (format != NULL) {
        va_list arguments;
        va_start(arguments, format);
        format_text(report, format, arguments);
        va_end(arguments);
    }
    return report;
}

static void report_free(struct bs_report *report)
{
    for (size_t i = 0; i < report->record_count; i++) {
        bs_state_record_free(&report->records[i]);
    }
    free(report->records);
    free(report->billed);
    free(report);
}

void bs_report_send(struct bs_kafka *kafka, struct bs_report *report)
{
    bool portion = report->kind == BS_REPORT_RECORDS;
    pthread_mutex_lock(&kafka->mutex);
    while (portion && kafka->portions_waiting >= BS_PORTIONS_WAITING &&
           !atomic_load(&kafka->ending)) {
        pthread_cond_wait(&kafka->portion_taken, &kafka->mutex);
    }
    kafka->portions_waiting += portion ? 1 : 0;
    if (kafka->inbox_last == NULL) {
        kafka->inbox_first = report;
    } else {
        kafka->inbox_last->next = report;
    }
    kafka->inbox_last = report;
    pthread_mutex_unlock(&kafka->mutex);
    bs_bell_ring(kafka->bell);
}

void bs_report_trouble(struct bs_kafka *kafka, struct bs_trouble_gate *gate, const char *format,
                       ...)
{
    bs_mono_ms now = bs_clock_now().mono;
    if (now < gate->next) {
        return;
    }
    gate->next = now + TROUBLE_REST_MS;
    struct bs_report *report = bs_report_create(BS_REPORT_TROUBLE, NULL);
    va_list arguments;
    va_start(arguments, format);
    format_text(report, format, arguments);
    va_end(arguments);
    bs_report_send(kafka, report);
}

static void give_records(struct bs_kafka *kafka, const struct bs_report *report)
{
    for (size_t i = 0; i < report->record_count; i++) {
        /* A callback may end the restore that it is about. */
        if (!bs_consumer_restoring(kafka->consumer, report->partition, report->epoch)) {
            return;
        }
        kafka->callbacks.restored_record(kafka->context, report->partition, report->epoch,
                                         &report->records[i]);
    }
}

/* The restore's end, unless the partition has gone meanwhile. */
static void give_restored(struct bs_kafka *kafka, const struct bs_report *report)
{
    if (bs_consumer_restoring(kafka->consumer, report->partition, report->epoch)) {
        bs_consumer_set_divided(kafka->consumer, report->partition, report->partitions);
        kafka->callbacks.restored(kafka->context, report->partition, report->epoch,
                                  &report->end_of_restore);
    }
}

static void give_topics(struct bs_kafka *kafka, const struct bs_report *report)
{
    bool told = report->jobs_partitions == kafka->jobs_partitions_told &&
                report->state_partitions == kafka->state_partitions_told;
    if (!told) {
        kafka->jobs_partitions_told = report->jobs_partitions;
        kafka->state_partitions_told = report->state_partitions;
        kafka->callbacks.topics(kafka->context, report->jobs_partitions, report->state_partitions);
    }
    if (report->billed_count > 0) {
        kafka->callbacks.billed(kafka->context, report->billed, report->billed_count);
    }
    if (!kafka->closing) {
        bs_consumer_take_up(kafka->consumer, report->state_partitions < kafka->state_partitions
                                                 ? report->state_partitions
                                                 : kafka->state_partitions);
    }
}

static void dispatch(struct bs_kafka *kafka, const struct bs_report *report)
{
    const struct bs_kafka_callbacks *callbacks = &kafka->callbacks;
    bool wanted = bs_consumer_restoring(kafka->consumer, report->partition, report->epoch);
    switch (report->kind) {
    case BS_REPORT_RECORDS:
        give_records(kafka, report);
        break;
    case BS_REPORT_RESTORED:
        give_restored(kafka, report);
        break;
    case BS_REPORT_STOPPED:
        if (wanted || !report->of_restore) {
            bs_consumer_stop_partition(kafka->consumer, report->partition, report->stateless);
            callbacks->stopped(kafka->context, report->partition, report->text, report->lost);
        }
        break;
    case BS_REPORT_TRANSACTION:
        callbacks->transaction(kafka->context, report->outcome, report->text);
        break;
    case BS_REPORT_PUBLISHED:
        atomic_fetch_sub(&kafka->published_waiting, 1);
        callbacks->published(kafka->context, report->partition, report->published, report->end);
        break;
    case BS_REPORT_TOPICS:
        give_topics(kafka, report);
        break;
    case BS_REPORT_TROUBLE:
        callbacks->trouble(kafka->context, report->text);
        break;
    case BS_REPORT_FATAL:
        callbacks->fatal(kafka->context, report->text);
        break;
    }
}

static struct bs_report *take_inbox(struct bs_kafka *kafka)
{
    pthread_mutex_lock(&kafka->mutex);
    struct bs_report *first = kafka->inbox_first;
    kafka->inbox_first = NULL;
    kafka->inbox_last = NULL;
    kafka->portions_waiting = 0;
    pthread_cond_broadcast(&kafka->portion_taken);
    pthread_mutex_unlock(&kafka->mutex);
    return first;
}

static void look_after_closing(struct bs_kafka *kafka)
{
    if (!kafka->closing || kafka->closed_told || !bs_consumer_closed(kafka->consumer)) {
        return;
    }
    /* The last revoked partitions have been answered: nothing commits any more. */
    if (!atomic_exchange(&kafka->ending, true)) {
        pthread_mutex_lock(&kafka->mutex);
        pthread_cond_broadcast(&kafka->portion_taken);
        pthread_mutex_unlock(&kafka->mutex);
        bs_transactions_wake(kafka->transactions); /* a successor waits for our end */
    }
    if (atomic_load(&kafka->threads_running) == 0) {
        kafka->closed_told = true;
        kafka->callbacks.closed(kafka->context);
    }
}

/* The bell: a report waits, or librdkafka has something in one of our queues. */
static void on_bell(void *context, uint32_t events)
{
    (void)events;
    struct bs_kafka *kafka = context;
    struct bs_report *report = take_inbox(kafka);
    while (report != NULL) {
        struct bs_report *next = report->next;
        dispatch(kafka, report);
        report_free(report);
        report = next;
    }
    bs_consumer_serve(kafka->consumer);
    look_after_closing(kafka);
}

static void on_timer(void *context, uint32_t events)
{
    struct bs_kafka *kafka = context;
    on_bell(kafka, events);
    bool soon = kafka->closing || bs_consumer_busy(kafka->consumer);
    bs_timer_set(kafka->timer, bs_clock_now().mono + (soon ? POLL_BUSY_MS : POLL_MS));
}

/* ---- making and ending ---- */

struct bs_kafka *bs_kafka_create(struct bs_loop *loop, const struct bs_config *config,
                                 int32_t state_partitions,
                                 const struct bs_kafka_callbacks *callbacks, void *context,
                                 struct bs_error *error)
{
    struct bs_kafka *kafka = calloc(1, sizeof(*kafka));
    BS_ASSERT(kafka != NULL);
    kafka->loop = loop;
    kafka->config = config;
    kafka->state_partitions = state_partitions;
    kafka->callbacks = *callbacks;
    kafka->context = context;
    pthread_mutex_init(&kafka->mutex, NULL);
    pthread_cond_init(&kafka->portion_taken, NULL);
    kafka->bell = bs_bell_create(loop, on_bell, kafka);
    kafka->timer = bs_timer_create(loop, on_timer, kafka);
    bs_timer_set(kafka->timer, bs_clock_now().mono + POLL_BUSY_MS);
    kafka->restore = bs_restore_create(kafka, error);
    if (kafka->restore != NULL) {
        kafka->transactions = bs_transactions_create(kafka, error);
    }
    if (kafka->transactions != NULL) { /* last: it joins the group */
        kafka->consumer = bs_consumer_create(kafka, error);
    }
    if (kafka->consumer == NULL) {
        bs_kafka_destroy(kafka);
        return NULL;
    }
    return kafka;
}

void bs_kafka_close(struct bs_kafka *kafka)
{
    if (!kafka->closing) {
        kafka->closing = true;
        bs_consumer_close(kafka->consumer);
        bs_timer_set(kafka->timer, bs_clock_now().mono + POLL_BUSY_MS);
    }
}

void bs_kafka_divide(struct bs_kafka *kafka, int32_t state_partitions)
{
    kafka->state_partitions = state_partitions;
}

void bs_kafka_note_ends(struct bs_kafka *kafka)
{
    if (kafka->published == NULL) {
        kafka->published = bs_published_create(kafka);
    }
}

void bs_kafka_destroy(struct bs_kafka *kafka)
{
    if (kafka == NULL) {
        return;
    }
    atomic_store(&kafka->ending, true);
    pthread_mutex_lock(&kafka->mutex);
    pthread_cond_broadcast(&kafka->portion_taken);
    pthread_mutex_unlock(&kafka->mutex);
    bs_restore_destroy(kafka->restore);
    bs_published_destroy(kafka->published);
    bs_transactions_destroy(kafka->transactions);
    bs_consumer_destroy(kafka->consumer);
    struct bs_report *report = take_inbox(kafka);
    while (report != NULL) {
        struct bs_report *next = report->next;
        report_free(report);
        report = next;
    }
    bs_timer_destroy(kafka->timer);
    bs_bell_destroy(kafka->bell);
    pthread_cond_destroy(&kafka->portion_taken);
    pthread_mutex_destroy(&kafka->mutex);
    free(kafka);
}

void bs_kafka_restore(struct bs_kafka *kafka, int32_t partition, uint32_t epoch)
{
    bs_consumer_restore(kafka->consumer, partition, epoch);
    bs_restore_start(kafka->restore, partition, epoch);
}

void bs_kafka_unassign(struct bs_kafka *kafka, int32_t partition)
{
    bs_restore_cancel(kafka->restore, partition);
    bs_consumer_unassign(kafka->consumer, partition);
}
