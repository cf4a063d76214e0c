/* A command's transactions. What librdkafka's errors mean is told in kafka_transactions.c; here
 * each that is not cured by the same call again ends the writer. */
#include "edges/kafka_writer.h"

#include <stdio.h>
#include <stdlib.h>

#include "edges/kafka_client_internal.h"

#define CALL_MS   1000 /* one blocking call; then it is asked whether to go on */
#define LIMIT_MS  60000
#define FLUSH_MS  100
#define REST_NSEC 100000000L

struct bs_kafka_writer {
    rd_kafka_t *producer;
    bool (*go_on)(void);
    char right[300]; /* what a transaction needs */
    size_t undelivered;
    bool gap;                    /* in the sequence numbers of a partition: a message was refused */
    rd_kafka_resp_err_t refused; /* the first message's that was */
    char refused_topic[256];
};

static void on_delivery(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque)
{
    (void)producer;
    struct bs_kafka_writer *writer = opaque;
    writer->undelivered--;
    bool purged = message->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
                  message->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR && !purged &&
        writer->refused == RD_KAFKA_RESP_ERR_NO_ERROR) {
        writer->refused = message->err;
        snprintf(writer->refused_topic, sizeof(writer->refused_topic), "%s",
                 rd_kafka_topic_name(message->rkt));
    }
}

static bool is_fenced(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

/* The code that made the producer useless, or `code`. */
static enum bs_error_code judge(struct bs_kafka_writer *writer, rd_kafka_resp_err_t code,
                                const char *doing, const char *right, struct bs_error *error)
{
    char text[200];
    rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(writer->producer, text, sizeof(text));
    if (is_fenced(code) || is_fenced(fatal)) {
        return bs_error_set(error, BS_ERROR_FATAL,
                            "another process has taken over, or this one stood still for longer "
                            "than a transaction may last");
    }
    return bs_kafka_client_error(error, fatal != RD_KAFKA_RESP_ERR_NO_ERROR ? fatal : code, doing,
                                 right);
}

/* Frees `failed`; true: the same call again. */
static bool call_again(struct bs_kafka_writer *writer, rd_kafka_error_t *failed, bs_mono_ms until,
                       rd_kafka_resp_err_t *code)
{
    *code = rd_kafka_error_code(failed); /* NO_ERROR for NULL */
    if (failed == NULL) {
        return false;
    }
    bool again = !rd_kafka_error_is_fatal(failed) && !rd_kafka_error_txn_requires_abort(failed) &&
                 (rd_kafka_error_is_retriable(failed) || *code == RD_KAFKA_RESP_ERR__TIMED_OUT) &&
                 bs_clock_now().mono < until && (writer->go_on == NULL || writer->go_on());
    rd_kafka_error_destroy(failed);
    if (again) {
        const struct timespec moment = {.tv_nsec = REST_NSEC};
        nanosleep(&moment, NULL);
    }
    return again;
}

struct bs_kafka_writer *bs_kafka_writer_create(const struct bs_config *config, const char *name,
                                               bool (*go_on)(void), struct bs_error *error)
{
    struct bs_kafka_writer *writer = calloc(1, sizeof(*writer));
    BS_ASSERT(writer != NULL);
    writer->go_on = go_on;
    char id[400];
    snprintf(id, sizeof(id), "%.300s-:%s", config->group, name);
    snprintf(writer->right, sizeof(writer->right),
             "Write and Describe on transactional ids with the prefix %.200s-", config->group);
    rd_kafka_conf_t *conf = bs_kafka_conf(config, BS_KAFKA_TRANSACTIONS, error);
    if (conf == NULL) {
        free(writer);
        return NULL;
    }
    rd_kafka_conf_set_opaque(conf, writer);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    if (!bs_kafka_conf_set(conf, "transactional.id", id, error)) {
        rd_kafka_conf_destroy(conf);
        free(writer);
        return NULL;
    }
    writer->producer = bs_kafka_handle(conf, BS_KAFKA_TRANSACTIONS, error);
    if (writer->producer == NULL) {
        free(writer);
        return NULL;
    }
    bs_mono_ms until = bs_clock_now().mono + LIMIT_MS;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    while (
        call_again(writer, rd_kafka_init_transactions(writer->producer, CALL_MS), until, &code)) {
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        (void)judge(writer, code, "beginning to work with transactions", writer->right, error);
        bs_kafka_writer_destroy(writer);
        return NULL;
    }
    return writer;
}

void bs_kafka_writer_destroy(struct bs_kafka_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    rd_kafka_purge(writer->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(writer->producer, FLUSH_MS); /* serves the reports of what was purged */
    rd_kafka_destroy(writer->producer);
    free(writer);
}

/* Headers are librdkafka's once it has accepted the message; key and value are copied. */
static rd_kafka_resp_err_t produce(struct bs_kafka_writer *writer,
                                   const struct bs_kafka_outgoing *outgoing)
{
    const struct bs_message *message = &outgoing->message;
    for (;;) {
        rd_kafka_headers_t *headers = rd_kafka_headers_new(message->header_count);
        for (size_t i = 0; i < message->header_count; i++) {
            const struct bs_header *header = &message->headers[i];
            rd_kafka_header_add(headers, header->name, -1, header->value.data,
                                (ssize_t)header->value.size);
        }
        rd_kafka_resp_err_t code = rd_kafka_producev(
            writer->producer, RD_KAFKA_V_TOPIC(outgoing->topic),
            RD_KAFKA_V_PARTITION(outgoing->partition < 0 ? RD_KAFKA_PARTITION_UA
                                                         : outgoing->partition),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_KEY(message->key.data, message->key.size),
            RD_KAFKA_V_VALUE((void *)(uintptr_t)message->value.data, message->value.size),
            RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            writer->undelivered++;
            return code;
        }
        rd_kafka_headers_destroy(headers);
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            return code;
        }
        rd_kafka_poll(writer->producer, FLUSH_MS);
    }
}

static bool is_too_large(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
           code == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE;
}

/* Until every message is delivered or one is refused; a time-out refuses it too. */
static rd_kafka_resp_err_t produce_all(struct bs_kafka_writer *writer,
                                       const struct bs_kafka_outgoing *messages, size_t count)
{
    for (size_t i = 0; i < count && writer->refused == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        rd_kafka_resp_err_t code = produce(writer, &messages[i]);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            snprintf(writer->refused_topic, sizeof(writer->refused_topic), "%s", messages[i].topic);
            return code;
        }
        rd_kafka_poll(writer->producer, 0);
    }
    while (writer->undelivered > 0 && writer->refused == RD_KAFKA_RESP_ERR_NO_ERROR &&
           rd_kafka_fatal_error(writer->producer, NULL, 0) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_flush(writer->producer, FLUSH_MS);
    }
    rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(writer->producer, NULL, 0);
    return writer->refused != RD_KAFKA_RESP_ERR_NO_ERROR ? writer->refused : fatal;
}

/* Ends a transaction of which nothing is to be seen; the next one may begin. */
static enum bs_error_code abort_wholly(struct bs_kafka_writer *writer, struct bs_error *error)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    bs_mono_ms until = bs_clock_now().mono + LIMIT_MS;
    while (
        call_again(writer, rd_kafka_abort_transaction(writer->producer, CALL_MS), until, &code)) {
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return judge(writer, code, "aborting a transaction", writer->right, error);
    }
    while (writer->undelivered > 0) { /* the reports of what was thrown away */
        rd_kafka_flush(writer->producer, FLUSH_MS);
    }
    writer->refused = RD_KAFKA_RESP_ERR_NO_ERROR;
    return BS_OK;
}

static enum bs_error_code end_badly(struct bs_kafka_writer *writer, rd_kafka_resp_err_t code,
                                    struct bs_error *error)
{
    char doing[300];
    char right[300];
    snprintf(doing, sizeof(doing), "writing to topic %s", writer->refused_topic);
    snprintf(right, sizeof(right), "Write on topic %s", writer->refused_topic);
    enum bs_error_code judged = judge(writer, code, doing, right, error);
    if (is_too_large(code)) {
        writer->gap = true;
        enum bs_error_code aborted = abort_wholly(writer, error);
        return aborted == BS_OK ? BS_ERROR_LIMIT : aborted;
    }
    rd_kafka_error_t *failed = rd_kafka_abort_transaction(writer->producer, CALL_MS);
    rd_kafka_error_destroy(failed); /* else whoever takes the name next aborts it, or time does */
    return judged;
}

/* *again: nothing was written, for a message that was refused before had taken sequence numbers
 * with it that the broker has missed since. To abort begins them anew. */
static enum bs_error_code write_once(struct bs_kafka_writer *writer,
                                     const struct bs_kafka_outgoing *messages, size_t count,
                                     bool *again, struct bs_error *error)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    bs_mono_ms until = bs_clock_now().mono + LIMIT_MS;
    while (call_again(writer, rd_kafka_begin_transaction(writer->producer), until, &code)) {
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return judge(writer, code, "beginning a transaction", writer->right, error);
    }
    code = produce_all(writer, messages, count);
    bool produced = code == RD_KAFKA_RESP_ERR_NO_ERROR;
    while (produced && call_again(writer, rd_kafka_commit_transaction(writer->producer, CALL_MS),
                                  until, &code)) {
    }
    if (code == RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER && writer->gap) {
        writer->gap = false;
        *again = true;
        return abort_wholly(writer, error);
    }
    if (!produced) {
        return end_badly(writer, code, error);
    }
    return code == RD_KAFKA_RESP_ERR_NO_ERROR
               ? BS_OK
               : judge(writer, code, "committing a transaction", writer->right, error);
}

enum bs_error_code bs_kafka_writer_write(struct bs_kafka_writer *writer,
                                         const struct bs_kafka_outgoing *messages, size_t count,
                                         struct bs_error *error)
{
    bool again = false;
    enum bs_error_code code = write_once(writer, messages, count, &again, error);
    return again && code == BS_OK ? write_once(writer, messages, count, &again, error) : code;
}

/* ---- one message ---- */

#define POLL_MS    100
#define SILENCE_MS 30000

struct bs_kafka_fetcher {
    rd_kafka_t *handle;
};

/* The message at the offset, or NULL: `code` says why, NO_ERROR that it is not there. */
static rd_kafka_message_t *await_message(rd_kafka_t *handle, int32_t partition, int64_t offset,
                                         rd_kafka_resp_err_t *code)
{
    bs_mono_ms until = bs_clock_now().mono + SILENCE_MS;
    *code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    while (bs_clock_now().mono < until) {
        rd_kafka_message_t *received = rd_kafka_consumer_poll(handle, POLL_MS);
        if (received == NULL) {
            continue;
        }
        bool ours = received->partition == partition;
        if (ours && received->err == RD_KAFKA_RESP_ERR_NO_ERROR && received->offset == offset) {
            *code = RD_KAFKA_RESP_ERR_NO_ERROR;
            return received;
        }
        bool gone = ours && (received->err == RD_KAFKA_RESP_ERR_NO_ERROR ||
                             received->err == RD_KAFKA_RESP_ERR__PARTITION_EOF ||
                             received->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET);
        bool failed = received->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
                      received->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
                      received->err == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
                      received->err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
        rd_kafka_resp_err_t told = received->err;
        rd_kafka_message_destroy(received);
        if (gone || failed) {
            *code = gone ? RD_KAFKA_RESP_ERR_NO_ERROR : told;
            return NULL;
        }
    }
    return NULL;
}

static rd_kafka_message_t *read_one(rd_kafka_t *handle, const char *topic, int32_t partition,
                                    int64_t offset, rd_kafka_resp_err_t *code)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = offset;
    *code = rd_kafka_assign(handle, list);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_message_t *received = NULL;
    if (*code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        received = await_message(handle, partition, offset, code);
    }
    rd_kafka_assign(handle, NULL);
    return received;
}

static enum bs_error_code explain(rd_kafka_resp_err_t code, const char *topic, int32_t partition,
                                  int64_t offset, struct bs_error *error)
{
    char doing[400];
    char right[300];
    snprintf(doing, sizeof(doing), "reading %s/%d/%lld", topic, (int)partition, (long long)offset);
    snprintf(right, sizeof(right), "Read on topic %s", topic);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR
               ? bs_error_set(error, BS_ERROR_NOT_FOUND, "%s: it is not there any more", doing)
               : bs_kafka_client_error(error, code, doing, right);
}

/* Where the offset is gone it says so, and does not begin somewhere else. */
static rd_kafka_t *fetching_handle(const struct bs_config *config, struct bs_error *error)
{
    rd_kafka_conf_t *conf = bs_kafka_conf(config, BS_KAFKA_COMMITTED_READER, error);
    if (conf != NULL && !bs_kafka_conf_set(conf, "auto.offset.reset", "error", error)) {
        rd_kafka_conf_destroy(conf);
        conf = NULL;
    }
    return conf == NULL ? NULL : bs_kafka_handle(conf, BS_KAFKA_COMMITTED_READER, error);
}

enum bs_error_code bs_kafka_fetch(struct bs_kafka_fetcher **fetcher, const struct bs_config *config,
                                  const char *topic, int32_t partition, int64_t offset,
                                  bs_kafka_fetch_callback *callback, void *context,
                                  struct bs_error *error)
{
    if (*fetcher == NULL) {
        rd_kafka_t *handle = fetching_handle(config, error);
        if (handle == NULL) {
            return BS_ERROR_INVALID;
        }
        *fetcher = calloc(1, sizeof(**fetcher));
        BS_ASSERT(*fetcher != NULL);
        (*fetcher)->handle = handle;
    }
    rd_kafka_t *handle = (*fetcher)->handle;
    int32_t count = 0;
    rd_kafka_resp_err_t code = bs_kafka_count_partitions(handle, topic, LIMIT_MS, &count);
    rd_kafka_message_t *received = NULL;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && partition < count) {
        received = read_one(handle, topic, partition, offset, &code);
    }
    if (received != NULL) {
        struct bs_header_scratch scratch = {0};
        struct bs_message message = bs_kafka_message(received, &scratch);
        callback(context, &message);
        bs_header_scratch_free(&scratch);
        rd_kafka_message_destroy(received);
        return BS_OK;
    }
    return explain(code, topic, partition, offset, error);
}
void bs_kafka_fetcher_destroy(struct bs_kafka_fetcher *fetcher)
{
    if (fetcher != NULL) {
        rd_kafka_destroy_flags(fetcher->handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        free(fetcher);
    }
}
