/* COMMIT as a transaction: each write becomes a message, each partition its control record and its
 * offset. Everything is copied, so the batch may go when the step is over. */
#include <stdlib.h>
#include <string.h>

#include "commands/worker.h"
#include "formats/dead_letter.h"
#include "formats/job.h"
#include "formats/result.h"
#include "formats/state.h"

static const struct bs_bytes tombstone = {.data = NULL, .size = 0};

static void add_state(struct bs_transaction *transaction, int32_t partition, const char *key,
                      struct bs_bytes value)
{
    struct bs_message message = {.key = {.data = (const uint8_t *)key, .size = strlen(key)},
                                 .value = value};
    bs_transaction_add(transaction, BS_TOPIC_STATE, partition, &message);
}

static struct bs_bytes bytes_of(const struct bs_buffer *buffer)
{
    return (struct bs_bytes){.data = buffer->data, .size = buffer->size};
}

static void unpack(const struct bs_operation *operation, struct bs_job *job)
{
    bool packed_by_us = bs_job_unpack(operation->job, operation->job_size, job);
    BS_ASSERT(packed_by_us);
}

/* The job's own, but for its content-encoding, which told of the job's bytes and would lie about
 * the result's; then that of the result. `headers` has room for one more than the job has. */
static size_t result_headers(const struct bs_job *job, bool gzipped, struct bs_header *headers)
{
    static const char encoding[] = "content-encoding";
    size_t count = 0;
    for (size_t i = 0; i < job->message.header_count; i++) {
        if (strcmp(job->message.headers[i].name, encoding) != 0) {
            headers[count++] = job->message.headers[i];
        }
    }
    if (gzipped) {
        headers[count++] = (struct bs_header){
            .name = encoding, .value = {.data = (const uint8_t *)"gzip", .size = 4}};
    }
    return count;
}

static void add_result(struct bs_transaction *transaction, const struct bs_operation *operation)
{
    const struct bs_payload *payload = operation->payload;
    struct bs_job job;
    unpack(operation, &job);
    struct bs_header *headers = calloc(job.message.header_count + 1, sizeof *headers);
    BS_ASSERT(headers != NULL);
    size_t count = result_headers(&job, payload->gzipped, headers);
    struct bs_message message = {.key = bs_result_key(&job),
                                 .value = {.data = payload->value, .size = payload->size},
                                 .headers = headers,
                                 .header_count = count};
    bs_transaction_add(transaction, BS_TOPIC_RESULTS, -1, &message);
    free(headers);
    bs_job_free(&job);
}

static void add_dead_letter(struct bs_transaction *transaction,
                            const struct bs_operation *operation)
{
    struct bs_job job;
    unpack(operation, &job);
    struct bs_dead_letter_headers headers;
    bs_dead_letter_headers(operation, &job, bs_clock_now().wall, &headers);
    struct bs_message message = {.key = job.message.key,
                                 .value = operation->omit_value ? tombstone : job.message.value,
                                 .headers = headers.headers,
                                 .header_count = headers.count};
    bs_transaction_add(transaction, BS_TOPIC_DEAD_LETTERS, -1, &message);
    bs_dead_letter_headers_free(&headers);
    bs_job_free(&job);
}

static void add_write(struct bs_worker *worker, struct bs_transaction *transaction,
                      const struct bs_write *write)
{
    struct bs_buffer *scratch = &worker->scratch;
    scratch->size = 0;
    char key[BS_STATE_KEY_SIZE];
    switch (write->kind) {
    case BS_WRITE_OPERATION:
        bs_state_key_operation(write->offset, key);
        bs_state_encode_operation(write->operation, scratch);
        add_state(transaction, write->partition, key, bytes_of(scratch));
        break;
    case BS_WRITE_DONE:
        bs_state_key_operation(write->offset, key);
        bs_state_encode_done(scratch);
        add_state(transaction, write->partition, key, bytes_of(scratch));
        break;
    case BS_WRITE_FORGET:
        bs_state_key_operation(write->offset, key);
        add_state(transaction, write->partition, key, tombstone);
        break;
    case BS_WRITE_ID:
        bs_state_key_id(write->id_hash, key);
        bs_state_encode_id(write->offset, write->ended, write->fingerprint, scratch);
        add_state(transaction, write->partition, key, bytes_of(scratch));
        break;
    case BS_WRITE_FORGET_ID:
        bs_state_key_id(write->id_hash, key);
        add_state(transaction, write->partition, key, tombstone);
        break;
    case BS_WRITE_RESULT:
        add_result(transaction, write->operation);
        break;
    case BS_WRITE_DEAD_LETTER:
        add_dead_letter(transaction, write->operation);
        break;
    }
}

static void add_partition(struct bs_worker *worker, struct bs_transaction *transaction,
                          const struct bs_batch_partition *partition)
{
    struct bs_buffer *scratch = &worker->scratch;
    scratch->size = 0;
    char key[BS_STATE_KEY_SIZE];
    bs_state_key_control(key);
    bs_state_encode_control(partition->control, worker->config->group, scratch);
    add_state(transaction, partition->partition, key, bytes_of(scratch));
    bs_transaction_add_offset(transaction, partition->partition, partition->control->watermark,
                              partition->control->published, partition->control->billed_total);
}

void bs_worker_commit(struct bs_worker *worker, const struct bs_batch *batch)
{
    struct bs_transaction *transaction = bs_transaction_create(worker->kafka);
    if (transaction == NULL) {
        worker->batch_refused = true; /* no member of the group now: it would be unfenced */
        bs_bell_ring(worker->more);
        return;
    }
    for (size_t i = 0; i < batch->write_count; i++) {
        add_write(worker, transaction, &batch->writes[i]);
    }
    for (size_t i = 0; i < batch->partition_count; i++) {
        add_partition(worker, transaction, &batch->partitions[i]);
    }
    bs_transaction_submit(transaction);
}
