/* Batches: each a transaction of job messages and the marks of their dead letters. */
#include <stdlib.h>
#include <string.h>

#include "commands/redrive.h"

#define BATCH_BYTES (4 << 20)

/* ---- a message's own copy ---- */

static size_t size_of(const struct bs_message *message)
{
    size_t size = message->key.size + message->value.size + 2;
    for (size_t i = 0; i < message->header_count; i++) {
        size += sizeof(struct bs_header) + strlen(message->headers[i].name) +
                message->headers[i].value.size + 2;
    }
    return size;
}

/* Null stays null, and empty stays empty. */
static struct bs_bytes copy_bytes(uint8_t **at, struct bs_bytes bytes)
{
    if (bytes.data == NULL) {
        return bytes;
    }
    struct bs_bytes copy = {*at, bytes.size};
    memcpy(*at, bytes.data, bytes.size);
    *at += bytes.size + 1;
    return copy;
}

static void copy_message(struct bs_redrive_job *job, const struct bs_message *message)
{
    job->storage = malloc(size_of(message));
    BS_ASSERT(job->storage != NULL);
    struct bs_header *headers = job->storage;
    uint8_t *at = (uint8_t *)(headers + message->header_count);
    for (size_t i = 0; i < message->header_count; i++) {
        size_t size = strlen(message->headers[i].name) + 1;
        memcpy(at, message->headers[i].name, size);
        headers[i].name = (const char *)at;
        at += size;
        headers[i].value = copy_bytes(&at, message->headers[i].value);
    }
    job->message.headers = headers;
    job->message.header_count = message->header_count;
    job->message.key = copy_bytes(&at, message->key);
    job->message.value = copy_bytes(&at, message->value);
}

/* ---- the marks that go with them ---- */

struct mark {
    char key[BS_REDRIVEN_KEY_SIZE];
    struct bs_buffer value;
};

/* The records of everything that was added; *count of them, each with its buffer. */
static struct mark *take_marks(struct bs_redrive *redrive, size_t most, size_t *count)
{
    struct mark *marks = calloc(most, sizeof *marks);
    BS_ASSERT(marks != NULL);
    *count = 0;
    while (*count < most &&
           bs_redriven_next_change(redrive->marks, marks[*count].key, &marks[*count].value)) {
        (*count)++;
    }
    return marks;
}

/* ---- writing ---- */

/* LIMIT: one of them is too large, and nothing is written or marked. */
static enum bs_error_code write_jobs(struct bs_redrive *redrive, const struct bs_redrive_job *jobs,
                                     size_t count, struct bs_error *error)
{
    size_t mark_count;
    for (size_t i = 0; i < count; i++) {
        bs_redriven_add(redrive->marks, &jobs[i].letter);
    }
    struct mark *marks = take_marks(redrive, count, &mark_count); /* a block a letter at most */
    struct bs_kafka_outgoing *outgoing = calloc(count + mark_count, sizeof *outgoing);
    BS_ASSERT(outgoing != NULL);
    for (size_t i = 0; i < count; i++) {
        outgoing[i] = (struct bs_kafka_outgoing){.topic = redrive->config->topics.jobs,
                                                 .partition = jobs[i].partition,
                                                 .message = jobs[i].message};
    }
    for (size_t i = 0; i < mark_count; i++) {
        const struct mark *mark = &marks[i];
        outgoing[count + i] = (struct bs_kafka_outgoing){
            .topic = redrive->config->topics.state,
            .partition = BS_REDRIVEN_PARTITION,
            .message = {.key = {(const uint8_t *)mark->key, strlen(mark->key)},
                        .value = {mark->value.data, mark->value.size}}};
    }
    enum bs_error_code code =
        bs_kafka_writer_write(redrive->writer, outgoing, count + mark_count, error);
    for (size_t i = 0; i < mark_count; i++) {
        bs_buffer_free(&marks[i].value);
    }
    free(marks);
    free(outgoing);
    if (code == BS_ERROR_LIMIT) {
        for (size_t i = 0; i < count; i++) {
            bs_redriven_remove(redrive->marks, &jobs[i].letter);
        }
    }
    return code;
}

static void count_written(struct bs_redrive *redrive, const struct bs_redrive_job *jobs,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        redrive->counts[jobs[i].code].redriven++;
        redrive->counts[jobs[i].code].fail_again[jobs[i].fails_as]++;
    }
}

static void fail(struct bs_redrive *redrive, enum bs_error_code code, const struct bs_error *error)
{
    redrive->failed = true;
    bs_redrive_say(redrive, "%s%s", error->message,
                   code == BS_ERROR_FATAL ? " (another redrive of this group)" : "");
}

/* Which one is too large is not told: the halves are tried, each by itself. */
static void write_range(struct bs_redrive *redrive, const struct bs_redrive_job *jobs, size_t count)
{
    struct bs_error error = BS_NO_ERROR;
    if (redrive->failed || bs_redrive_interrupted()) {
        return;
    }
    enum bs_error_code code = write_jobs(redrive, jobs, count, &error);
    if (code == BS_OK) {
        count_written(redrive, jobs, count);
    } else if (code != BS_ERROR_LIMIT) {
        fail(redrive, code, &error);
    } else if (count > 1) {
        write_range(redrive, jobs, count / 2);
        write_range(redrive, jobs + count / 2, count - count / 2);
    } else {
        redrive->counts[jobs[0].code].too_large++;
        redrive->chosen--;
    }
}

void bs_redrive_flush(struct bs_redrive *redrive)
{
    if (redrive->batch_count > 0) {
        write_range(redrive, redrive->batch, redrive->batch_count);
    }
    bs_redrive_drop_batch(redrive);
}

void bs_redrive_drop_batch(struct bs_redrive *redrive)
{
    for (size_t i = 0; i < redrive->batch_count; i++) {
        free(redrive->batch[i].storage);
    }
    redrive->batch_count = redrive->batch_bytes = 0;
}

void bs_redrive_add(struct bs_redrive *redrive, const struct bs_redrive_job *job)
{
    struct bs_redrive_job *copy = &redrive->batch[redrive->batch_count++];
    *copy = *job;
    copy_message(copy, &job->message);
    redrive->batch_bytes += size_of(&job->message);
    if (redrive->batch_count == BS_REDRIVE_BATCH_JOBS || redrive->batch_bytes >= BATCH_BYTES) {
        bs_redrive_flush(redrive);
    }
}
