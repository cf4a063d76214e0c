/* The transaction thread: its own producer, one transaction at a time, each to a definite end.
 *
 * The offsets go first: the broker answers them with CONCURRENT_TRANSACTIONS while it still writes
 * the last transaction's markers, and librdkafka then tries again at once. Then every message; then
 * all deliveries are awaited, so that whatever is refused is known before the commit is asked for.
 *
 * An error is judged in this order: fatal, requires abort, retriable or timed out (the same call
 * again), anything else. What is fatal to the producer before the commit was asked for is not fatal
 * to us: a new producer with the same transactional id makes the broker abort what was open. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edges/kafka_internal.h"

#define CALL_MS        5000 /* one blocking call; then trouble is told and it is called again */
#define FLUSH_MS       100
#define REST_MS        200
#define REST_STEP_MS   20
#define FENCED_WAIT_MS 6000 /* three heartbeats: enough for the consumer to learn it too */

struct transaction_message {
    struct transaction_message *next;
    enum bs_topic topic;
    int32_t partition;
    struct bs_bytes key; /* point into bytes */
    struct bs_bytes value;
    rd_kafka_headers_t *headers;
    uint8_t bytes[];
};

struct bs_transaction {
    struct bs_kafka *kafka;
    struct transaction_message *first;
    struct transaction_message *last;
    rd_kafka_topic_partition_list_t *offsets;
    rd_kafka_consumer_group_metadata_t *membership;
};

struct bs_transactions {
    struct bs_kafka *kafka;
    pthread_t thread;
    bool started;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct bs_transaction *waiting; /* one at a time: NULL = none */

    /* The thread's own from here on. */
    char transactional_id[400];
    bool static_member;
    rd_kafka_t *producer;
    int64_t undelivered;
    bool too_large;
    bool refused;
    char reason[400]; /* why the present transaction does not commit */
    struct bs_trouble_gate gate;
    struct bs_kafka_secrets secrets;
};

enum step { STEP_DONE, STEP_ABORT, STEP_BROKEN, STEP_FATAL, STEP_ENDING };

/* ---- made on the loop ---- */

struct bs_transaction *bs_transaction_create(struct bs_kafka *kafka)
{
    rd_kafka_consumer_group_metadata_t *membership = bs_consumer_membership(kafka->consumer);
    if (membership == NULL) {
        return NULL;
    }
    struct bs_transaction *transaction = calloc(1, sizeof(*transaction));
    BS_ASSERT(transaction != NULL);
    transaction->kafka = kafka;
    transaction->membership = membership;
    transaction->offsets = rd_kafka_topic_partition_list_new(8);
    return transaction;
}

void bs_transaction_add(struct bs_transaction *transaction, enum bs_topic topic, int32_t partition,
                        const struct bs_message *message)
{
    size_t key_size = message->key.data == NULL ? 0 : message->key.size;
    size_t value_size = message->value.data == NULL ? 0 : message->value.size;
    struct transaction_message *copy = malloc(sizeof(*copy) + key_size + value_size + 1);
    BS_ASSERT(copy != NULL);
    copy->next = NULL;
    copy->topic = topic;
    copy->partition = partition;
    copy->key = (struct bs_bytes){message->key.data == NULL ? NULL : copy->bytes, key_size};
    copy->value =
        (struct bs_bytes){message->value.data == NULL ? NULL : copy->bytes + key_size, value_size};
    if (key_size > 0) {
        memcpy(copy->bytes, message->key.data, key_size);
    }
    if (value_size > 0) {
        memcpy(copy->bytes + key_size, message->value.data, value_size);
    }
    copy->headers = bs_kafka_headers(message);
    if (transaction->last == NULL) {
        transaction->first = copy;
    } else {
        transaction->last->next = copy;
    }
    transaction->last = copy;
}

void bs_transaction_add_offset(struct bs_transaction *transaction, int32_t partition,
                               int64_t offset, int64_t published, int64_t billed)
{
    rd_kafka_topic_partition_t *place = rd_kafka_topic_partition_list_add(
        transaction->offsets, transaction->kafka->config->topics.jobs, partition);
    const struct bs_offset_text told = {
        .published = published,
        .billed = billed,
        .partitions = bs_consumer_divided(transaction->kafka->consumer, partition)};
    char text[BS_OFFSET_TEXT_SIZE];
    bs_offset_text_format(&told, text);
    place->offset = offset;
    place->metadata = strdup(text); /* the list frees it */
    BS_ASSERT(place->metadata != NULL);
    place->metadata_size = strlen(text);
}

void bs_transaction_discard(struct bs_transaction *transaction)
{
    while (transaction->first != NULL) {
        struct transaction_message *message = transaction->first;
        transaction->first = message->next;
        if (message->headers != NULL) {
            rd_kafka_headers_destroy(message->headers);
        }
        free(message);
    }
    rd_kafka_topic_partition_list_destroy(transaction->offsets);
    rd_kafka_consumer_group_metadata_destroy(transaction->membership);
    free(transaction);
}

void bs_transaction_submit(struct bs_transaction *transaction)
{
    struct bs_transactions *transactions = transaction->kafka->transactions;
    pthread_mutex_lock(&transactions->mutex);
    BS_ASSERT(transactions->waiting == NULL); /* one at a time */
    transactions->waiting = transaction;
    pthread_cond_signal(&transactions->wake);
    pthread_mutex_unlock(&transactions->mutex);
}

/* ---- the transaction thread from here on ---- */

static bool ending(const struct bs_transactions *transactions)
{
    return atomic_load(&transactions->kafka->ending);
}

static void rest(const struct bs_transactions *transactions, int64_t ms)
{
    for (int64_t rested = 0; rested < ms && !ending(transactions); rested += REST_STEP_MS) {
        const struct timespec moment = {.tv_nsec = REST_STEP_MS * 1000000L};
        nanosleep(&moment, NULL);
    }
}

static void give_reason(struct bs_transactions *transactions, const char *doing,
                        rd_kafka_resp_err_t code, const char *text)
{
    const char *right = bs_kafka_missing_right(code);
    snprintf(transactions->reason, sizeof(transactions->reason), "%s: %s%s%s", doing, text,
             right == NULL ? "" : ": ", right == NULL ? "" : right);
}

/* Judges and frees the error; true: the same call again, `step` is set otherwise. */
static bool call_again(struct bs_transactions *transactions, const char *doing,
                       rd_kafka_error_t *error, enum step *step)
{
    if (error == NULL) {
        *step = STEP_DONE;
        return false;
    }
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    bool fatal = rd_kafka_error_is_fatal(error) != 0;
    bool abort = rd_kafka_error_txn_requires_abort(error) != 0;
    bool again = rd_kafka_error_is_retriable(error) != 0 || code == RD_KAFKA_RESP_ERR__TIMED_OUT;
    give_reason(transactions, doing, code, rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    transactions->too_large =
        transactions->too_large || (abort && !fatal &&
                                    (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
                                     code == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE));
    if (ending(transactions)) {
        *step = STEP_ENDING;
        return false;
    }
    if (!fatal && !abort && again) {
        bs_report_trouble(transactions->kafka, &transactions->gate, "%s", transactions->reason);
        rest(transactions, REST_MS);
        return true;
    }
    *step = abort && !fatal ? STEP_ABORT : STEP_BROKEN;
    return false;
}

static void on_delivery(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque)
{
    (void)producer;
    struct bs_transactions *transactions = opaque;
    transactions->undelivered--;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return;
    }
    bool too_large = message->err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
                     message->err == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE;
    /* The first refusal is the reason; those that follow were purged for it. */
    if (!transactions->refused || (too_large && !transactions->too_large)) {
        give_reason(transactions, "writing messages", message->err, rd_kafka_err2str(message->err));
    }
    transactions->refused = true;
    transactions->too_large = transactions->too_large || too_large;
}

static void on_error(rd_kafka_t *producer, int code, const char *text, void *opaque)
{
    struct bs_transactions *transactions = opaque;
    if (code != RD_KAFKA_RESP_ERR__FATAL && rd_kafka_fatal_error(producer, NULL, 0) == 0) {
        bs_report_trouble(transactions->kafka, &transactions->gate, "transactions: %s", text);
    }
}

static rd_kafka_t *new_producer(struct bs_transactions *transactions, struct bs_error *error)
{
    rd_kafka_conf_t *conf =
        bs_kafka_conf(transactions->kafka->config, BS_KAFKA_TRANSACTIONS, error);
    if (conf == NULL) {
        return NULL;
    }
    if (!bs_kafka_conf_set(conf, "transactional.id", transactions->transactional_id, error)) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_conf_set_opaque(conf, transactions);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_error_cb(conf, on_error);
    return bs_kafka_handle(conf, BS_KAFKA_TRANSACTIONS, error);
}

static void drop_producer(struct bs_transactions *transactions)
{
    rd_kafka_purge(transactions->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(transactions->producer, FLUSH_MS); /* serves the reports of what was purged */
    rd_kafka_destroy(transactions->producer);
    transactions->producer = NULL;
    transactions->undelivered = 0;
    bs_kafka_secrets_free(&transactions->secrets);
    transactions->secrets.next_look = 0;
}

/* Until there is a producer that the broker knows. DONE or ENDING. What is fatal here is a right
 * that is missing, or a second process that does the same: neither is cured by giving up. */
static enum step make_producer(struct bs_transactions *transactions)
{
    while (!ending(transactions)) {
        struct bs_error error = BS_NO_ERROR;
        if (transactions->producer == NULL) {
            transactions->producer = new_producer(transactions, &error);
        }
        if (transactions->producer == NULL) {
            bs_report_trouble(transactions->kafka, &transactions->gate, "%s", error.message);
            rest(transactions, CALL_MS);
            continue;
        }
        enum step step = STEP_DONE;
        while (call_again(transactions, "beginning to work with transactions",
                          rd_kafka_init_transactions(transactions->producer, CALL_MS), &step)) {
        }
        if (step == STEP_DONE || step == STEP_ENDING) {
            return step;
        }
        bs_report_trouble(transactions->kafka, &transactions->gate, "%s", transactions->reason);
        drop_producer(transactions);
        rest(transactions, CALL_MS);
    }
    return STEP_ENDING;
}

static const char *topic_name(const struct bs_transactions *transactions, enum bs_topic topic)
{
    const struct bs_config *config = transactions->kafka->config;
    switch (topic) {
    case BS_TOPIC_STATE:
        return config->topics.state;
    case BS_TOPIC_RESULTS:
        return config->topics.results;
    case BS_TOPIC_DEAD_LETTERS:
    default:
        return config->topics.dead_letters;
    }
}

/* The value stays in the transaction until its delivery is reported; headers are librdkafka's once
 * it has accepted the message. */
static rd_kafka_resp_err_t produce(struct bs_transactions *transactions,
                                   struct transaction_message *message)
{
    rd_kafka_resp_err_t code =
        message->headers == NULL
            ? rd_kafka_producev(
                  transactions->producer,
                  RD_KAFKA_V_TOPIC(topic_name(transactions, message->topic)),
                  RD_KAFKA_V_PARTITION(message->partition),
                  RD_KAFKA_V_KEY(message->key.data, message->key.size),
                  RD_KAFKA_V_VALUE((void *)(uintptr_t)message->value.data, message->value.size),
                  RD_KAFKA_V_END)
            : rd_kafka_producev(
                  transactions->producer,
                  RD_KAFKA_V_TOPIC(topic_name(transactions, message->topic)),
                  RD_KAFKA_V_PARTITION(message->partition),
                  RD_KAFKA_V_KEY(message->key.data, message->key.size),
                  RD_KAFKA_V_VALUE((void *)(uintptr_t)message->value.data, message->value.size),
                  RD_KAFKA_V_HEADERS(message->headers), RD_KAFKA_V_END);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        message->headers = NULL;
        transactions->undelivered++;
    }
    return code;
}

static enum step produce_all(struct bs_transactions *transactions,
                             struct bs_transaction *transaction)
{
    struct transaction_message *message = transaction->first;
    while (message != NULL && !transactions->refused) {
        rd_kafka_resp_err_t code = produce(transactions, message);
        int32_t count = 0;
        if (code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION && /* the topic has grown: look at it */
            bs_kafka_count_partitions(transactions->producer,
                                      topic_name(transactions, message->topic), CALL_MS,
                                      &count) == RD_KAFKA_RESP_ERR_NO_ERROR) {
            code = produce(transactions, message);
        }
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            message = message->next;
        } else if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            rd_kafka_poll(transactions->producer, FLUSH_MS);
        } else {
            transactions->too_large = code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
            if (!transactions->refused) {
                give_reason(transactions, "writing a message", code, rd_kafka_err2str(code));
            }
            return rd_kafka_fatal_error(transactions->producer, NULL, 0) ? STEP_BROKEN : STEP_ABORT;
        }
        if (ending(transactions)) {
            return STEP_ENDING;
        }
    }
    return transactions->refused ? STEP_ABORT : STEP_DONE;
}

/* Until every message is delivered or one is refused: those that time out are refused too. */
static enum step await_deliveries(struct bs_transactions *transactions)
{
    while (transactions->undelivered > 0 && !transactions->refused) {
        rd_kafka_flush(transactions->producer, FLUSH_MS);
        if (ending(transactions)) {
            return STEP_ENDING;
        }
        if (rd_kafka_fatal_error(transactions->producer, NULL, 0)) {
            char text[300];
            rd_kafka_resp_err_t code =
                rd_kafka_fatal_error(transactions->producer, text, sizeof(text));
            give_reason(transactions, "writing messages", code, text);
            return STEP_BROKEN;
        }
    }
    return transactions->refused ? STEP_ABORT : STEP_DONE;
}

static enum step send_offsets(struct bs_transactions *transactions,
                              const struct bs_transaction *transaction)
{
    enum step step = STEP_DONE;
    rd_kafka_error_t *error = NULL;
    if (transaction->offsets->cnt == 0) {
        return STEP_DONE;
    }
    do {
        error = rd_kafka_send_offsets_to_transaction(transactions->producer, transaction->offsets,
                                                     transaction->membership, CALL_MS);
        /* Not to be called again after a time-out: its request may still be on its way. */
        if (error != NULL && rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__TIMED_OUT &&
            !rd_kafka_error_is_fatal(error)) {
            give_reason(transactions, "sending offsets", RD_KAFKA_RESP_ERR__TIMED_OUT,
                        rd_kafka_error_string(error));
            rd_kafka_error_destroy(error);
            return STEP_ABORT;
        }
    } while (call_again(transactions, "sending offsets", error, &step));
    return step;
}

static enum step begin_and_write(struct bs_transactions *transactions,
                                 struct bs_transaction *transaction)
{
    enum step step = STEP_DONE;
    while (call_again(transactions, "beginning a transaction",
                      rd_kafka_begin_transaction(transactions->producer), &step)) {
    }
    if (step != STEP_DONE) {
        return step == STEP_ABORT ? STEP_BROKEN : step; /* there is nothing to abort */
    }
    step = send_offsets(transactions, transaction);
    step = step == STEP_DONE ? produce_all(transactions, transaction) : step;
    return step == STEP_DONE ? await_deliveries(transactions) : step;
}

/* The producer is of no use any more. Whether that decides the transaction:
 * before its commit was asked for, it is aborted by the next producer of the same id. After that,
 * only a broker that says "not your transaction any more" is definite, and only for an id that no
 * other process can have taken over: it has aborted the transaction for its age. */
static enum step after_breaking(struct bs_transactions *transactions, bool commit_asked)
{
    rd_kafka_resp_err_t code = rd_kafka_fatal_error(transactions->producer, NULL, 0);
    bool fenced = code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
                  code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH ||
                  code == RD_KAFKA_RESP_ERR_INVALID_TXN_STATE;
    if (commit_asked && (!fenced || transactions->static_member)) {
        return STEP_FATAL;
    }
    if (fenced && transactions->static_member) {
        /* Either the broker aborted a transaction that was open for too long, or another process
         * has our instance id; then our consumer is told at a heartbeat. */
        for (int64_t waited = 0; waited < FENCED_WAIT_MS && !ending(transactions) &&
                                 !atomic_load(&transactions->kafka->fenced);
             waited += REST_MS) {
            rest(transactions, REST_MS);
        }
        if (atomic_load(&transactions->kafka->fenced)) {
            return STEP_FATAL;
        }
    }
    char reason[sizeof(transactions->reason)];
    memcpy(reason, transactions->reason, sizeof(reason));
    drop_producer(transactions);
    enum step step = make_producer(transactions);
    memcpy(transactions->reason, reason, sizeof(reason));
    return step == STEP_DONE ? STEP_ABORT : step;
}

/* ABORT: it is aborted, for certain. */
static enum step abort_transaction(struct bs_transactions *transactions)
{
    char reason[sizeof(transactions->reason)];
    memcpy(reason, transactions->reason, sizeof(reason));
    enum step step = STEP_DONE;
    while (call_again(transactions, "aborting a transaction",
                      rd_kafka_abort_transaction(transactions->producer, CALL_MS), &step)) {
    }
    while (step == STEP_DONE && transactions->undelivered > 0 && !ending(transactions)) {
        rd_kafka_poll(transactions->producer, FLUSH_MS);
    }
    if (step == STEP_DONE && transactions->refused) {
        /* librdkafka has counted the refused messages: its next ones would be refused as out of
         * sequence, once. A producer that begins anew is cheaper than that. */
        drop_producer(transactions);
        step = make_producer(transactions);
    }
    memcpy(transactions->reason, reason, sizeof(reason));
    if (step == STEP_ENDING) {
        return STEP_ENDING;
    }
    return step == STEP_DONE ? STEP_ABORT : after_breaking(transactions, false);
}

static enum step perform(struct bs_transactions *transactions, struct bs_transaction *transaction)
{
    transactions->refused = false;
    transactions->too_large = false;
    transactions->undelivered = 0;
    transactions->reason[0] = '\0';
    bs_kafka_secrets_refresh(&transactions->secrets, transactions->kafka->config,
                             transactions->producer);
    enum step step = begin_and_write(transactions, transaction);
    bool commit_asked = step == STEP_DONE;
    if (commit_asked) {
        while (call_again(transactions, "committing a transaction",
                          rd_kafka_commit_transaction(transactions->producer, CALL_MS), &step)) {
        }
    }
    if (step == STEP_BROKEN) {
        return after_breaking(transactions, commit_asked);
    }
    return step == STEP_ABORT ? abort_transaction(transactions) : step;
}

static void report_outcome(struct bs_transactions *transactions, enum step step)
{
    struct bs_report *report = bs_report_create(BS_REPORT_TRANSACTION, "%s", transactions->reason);
    report->outcome = BS_TRANSACTION_FATAL;
    if (step == STEP_DONE) {
        report->outcome = BS_TRANSACTION_COMMITTED;
        report->text[0] = '\0';
    } else if (step == STEP_ABORT) {
        report->outcome =
            transactions->too_large ? BS_TRANSACTION_TOO_LARGE : BS_TRANSACTION_ABORTED;
    }
    bs_report_send(transactions->kafka, report);
}

static struct bs_transaction *take_waiting(struct bs_transactions *transactions)
{
    pthread_mutex_lock(&transactions->mutex);
    if (transactions->waiting == NULL && !ending(transactions)) {
        struct timespec at;
        clock_gettime(CLOCK_REALTIME, &at);
        at.tv_sec++; /* librdkafka wants its reports and errors served now and then */
        pthread_cond_timedwait(&transactions->wake, &transactions->mutex, &at);
    }
    struct bs_transaction *transaction = transactions->waiting;
    transactions->waiting = NULL;
    pthread_mutex_unlock(&transactions->mutex);
    return transaction;
}

static void *run(void *argument)
{
    struct bs_transactions *transactions = argument;
    enum step step = make_producer(transactions);
    while (!ending(transactions) && step != STEP_ENDING && step != STEP_FATAL) {
        struct bs_transaction *transaction = take_waiting(transactions);
        if (transaction == NULL) {
            rd_kafka_poll(transactions->producer, 0);
            continue;
        }
        step = perform(transactions, transaction);
        if (step == STEP_ENDING || step == STEP_FATAL) {
            drop_producer(transactions); /* before what its messages point into */
        }
        if (step != STEP_ENDING) {
            report_outcome(transactions, step);
        }
        bs_transaction_discard(transaction);
    }
    if (transactions->producer != NULL) {
        drop_producer(transactions);
    }
    atomic_fetch_sub(&transactions->kafka->threads_running, 1);
    return NULL;
}

/* ---- making and ending, the loop's thread ---- */

void bs_transactions_wake(struct bs_transactions *transactions)
{
    pthread_mutex_lock(&transactions->mutex);
    pthread_cond_broadcast(&transactions->wake);
    pthread_mutex_unlock(&transactions->mutex);
}

static void name_transactions(struct bs_transactions *transactions, const struct bs_config *config)
{
    char random[33];
    bs_kafka_random_name(random);
    transactions->static_member = config->group_instance_id != NULL;
    snprintf(transactions->transactional_id, sizeof(transactions->transactional_id), "%s-%s",
             config->group, transactions->static_member ? config->group_instance_id : random);
}

struct bs_transactions *bs_transactions_create(struct bs_kafka *kafka, struct bs_error *error)
{
    struct bs_transactions *transactions = calloc(1, sizeof(*transactions));
    BS_ASSERT(transactions != NULL);
    transactions->kafka = kafka;
    pthread_mutex_init(&transactions->mutex, NULL);
    pthread_cond_init(&transactions->wake, NULL);
    name_transactions(transactions, kafka->config);
    transactions->producer = new_producer(transactions, error);
    if (transactions->producer == NULL) {
        bs_transactions_destroy(transactions);
        return NULL;
    }
    atomic_fetch_add(&kafka->threads_running, 1);
    transactions->started = pthread_create(&transactions->thread, NULL, run, transactions) == 0;
    BS_ASSERT(transactions->started);
    return transactions;
}

void bs_transactions_destroy(struct bs_transactions *transactions)
{
    if (transactions == NULL) {
        return;
    }
    if (transactions->started) {
        bs_transactions_wake(transactions);
        pthread_join(transactions->thread, NULL);
    }
    if (transactions->waiting != NULL) {
        bs_transaction_discard(transactions->waiting);
    }
    pthread_cond_destroy(&transactions->wake);
    pthread_mutex_destroy(&transactions->mutex);
    free(transactions);
}
