/* The dead letters by code, read from their topic: so they are known whatever worker wrote them,
 * and through restarts of all of them. A thread of its own; what it keeps is a count a code and an
 * offset a partition. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "commands/watch.h"
#include "edges/loop.h"
#include "formats/plain_text.h"

#define CODE_HEADER  "backscribe-error-code"
#define FOLLOW_MS    600000 /* then it is looked anew how many partitions the topic has */
#define PAUSE_MS     5000   /* after a failure */
#define LOOK_MS      100
#define JOIN_SECONDS 1
#define QUESTION_MS  10000

struct bs_watch_reader {
    const struct bs_config *config;
    pthread_t thread;
    atomic_bool stopping;
    pthread_mutex_t mutex; /* guards `known` */
    struct bs_watch_failures known;

    /* the thread's own */
    int64_t *next; /* by partition: the first offset that is not read */
    int32_t partition_count;
    int64_t end; /* the sum of the partitions' ends when the reading began */
    bs_mono_ms follow_until;
};

static bool goes_on(void *context)
{
    const struct bs_watch_reader *reader = context;
    return !atomic_load(&reader->stopping) && bs_clock_now().mono < reader->follow_until;
}

static int code_of(const struct bs_message *message)
{
    for (size_t i = message->header_count; i > 0; i--) { /* the last of a name is ours */
        const struct bs_header *header = &message->headers[i - 1];
        if (strcmp(header->name, CODE_HEADER) != 0) {
            continue;
        }
        for (int code = BS_DEAD_NONE + 1; code < BS_DEAD_CODES; code++) {
            const char *name = bs_dead_letter_code_name((enum bs_dead_letter_code)code);
            if (header->value.size == strlen(name) &&
                memcmp(header->value.data, name, header->value.size) == 0) {
                return code;
            }
        }
        return BS_WATCH_OTHER_CODE;
    }
    return BS_WATCH_OTHER_CODE;
}

static void note_offset(struct bs_watch_reader *reader, int32_t partition, int64_t next)
{
    if (partition >= reader->partition_count) {
        size_t count = (size_t)partition + 1;
        reader->next = realloc(reader->next, count * sizeof *reader->next);
        BS_ASSERT(reader->next != NULL);
        for (int32_t i = reader->partition_count; i <= partition; i++) {
            reader->next[i] = 0;
        }
        reader->partition_count = partition + 1;
    }
    reader->next[partition] = next;
}

static double part_read(const struct bs_watch_reader *reader)
{
    double read = 0;
    for (int32_t i = 0; i < reader->partition_count; i++) {
        read += (double)reader->next[i];
    }
    double part = reader->end > 0 ? read / (double)reader->end : 1;
    return part < 1 ? part : 1;
}

static bool take(void *context, int32_t partition, int64_t offset, int64_t timestamp,
                 const struct bs_message *message)
{
    struct bs_watch_reader *reader = context;
    (void)timestamp;
    note_offset(reader, partition, offset + 1);
    BS_ASSERT(pthread_mutex_lock(&reader->mutex) == 0);
    reader->known.by_code[code_of(message)]++;
    if (!reader->known.complete) {
        reader->known.part = part_read(reader);
    }
    BS_ASSERT(pthread_mutex_unlock(&reader->mutex) == 0);
    return true;
}

static void note_outcome(struct bs_watch_reader *reader, enum bs_error_code code,
                         const struct bs_error *error)
{
    BS_ASSERT(pthread_mutex_lock(&reader->mutex) == 0);
    reader->known.problem[0] = '\0';
    if (code != BS_OK) {
        bs_plain_text_copy(error->message, reader->known.problem, sizeof reader->known.problem);
    } else if (!atomic_load(&reader->stopping)) {
        reader->known.complete = true;
        reader->known.part = 1;
    }
    BS_ASSERT(pthread_mutex_unlock(&reader->mutex) == 0);
}

/* To the present end first, then on from there. */
static enum bs_error_code read_once(struct bs_watch_reader *reader, struct bs_kafka_client *client,
                                    bool follow, struct bs_error *error)
{
    const struct bs_kafka_reading reading = {.topic = reader->config->topics.dead_letters,
                                             .follow = follow,
                                             .from = reader->next,
                                             .from_count = reader->partition_count,
                                             .message = take,
                                             .go_on = goes_on,
                                             .context = reader};
    reader->follow_until = follow ? bs_clock_now().mono + FOLLOW_MS : BS_NEVER;
    return bs_kafka_client_read(client, &reading, error);
}

static void rest(const struct bs_watch_reader *reader)
{
    bs_mono_ms until = bs_clock_now().mono + PAUSE_MS;
    while (!atomic_load(&reader->stopping) && bs_clock_now().mono < until) {
        const struct timespec moment = {.tv_nsec = LOOK_MS * 1000000L};
        nanosleep(&moment, NULL);
    }
}

static void *run(void *context)
{
    struct bs_watch_reader *reader = context;
    struct bs_error error = BS_NO_ERROR;
    struct bs_kafka_client *client = bs_kafka_client_create(reader->config, &error);
    enum bs_error_code code = client == NULL ? error.code : BS_OK;
    bool follow = false;
    if (code != BS_OK) {
        note_outcome(reader, code, &error);
    }
    while (client != NULL && !atomic_load(&reader->stopping)) {
        code = BS_OK;
        if (!follow) {
            code = bs_kafka_topic_end(client, reader->config->topics.dead_letters, QUESTION_MS,
                                      &reader->end, &error);
        }
        if (code == BS_OK) {
            code = read_once(reader, client, follow, &error);
        }
        follow = follow || code == BS_OK;
        note_outcome(reader, code, &error);
        if (code != BS_OK) {
            rest(reader);
        }
    }
    bs_kafka_client_destroy(client);
    return NULL;
}

struct bs_watch_reader *bs_watch_reader_start(const struct bs_config *config)
{
    struct bs_watch_reader *reader = calloc(1, sizeof *reader);
    BS_ASSERT(reader != NULL);
    reader->config = config;
    BS_ASSERT(pthread_mutex_init(&reader->mutex, NULL) == 0);
    BS_ASSERT(pthread_create(&reader->thread, NULL, run, reader) == 0);
    return reader;
}

void bs_watch_reader_look(struct bs_watch_reader *reader, struct bs_watch_failures *failures)
{
    BS_ASSERT(pthread_mutex_lock(&reader->mutex) == 0);
    *failures = reader->known;
    BS_ASSERT(pthread_mutex_unlock(&reader->mutex) == 0);
}

void bs_watch_reader_stop(struct bs_watch_reader *reader)
{
    atomic_store(&reader->stopping, true);
}

bool bs_watch_reader_join(struct bs_watch_reader *reader)
{
    struct timespec until;
    BS_ASSERT(clock_gettime(CLOCK_REALTIME, &until) == 0);
    until.tv_sec += JOIN_SECONDS;
    if (pthread_timedjoin_np(reader->thread, NULL, &until) != 0) {
        return false;
    }
    (void)pthread_mutex_destroy(&reader->mutex);
    free(reader->next);
    free(reader);
    return true;
}
