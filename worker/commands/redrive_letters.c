/* Which dead letters are wanted, and what job message each was. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/redrive.h"
#include "edges/loop.h"
#include "formats/job.h"
#include "formats/job_pack.h"
#include "formats/json.h"

/* The job as a worker would see it today. */
struct look {
    char *id; /* its own or the one that a worker made up */
    enum bs_dead_letter_code fails_as;
};

static struct look look_at(const struct bs_redrive *redrive, const struct bs_dead_letter *letter,
                           const struct bs_message *message)
{
    struct look look = {.fails_as = BS_DEAD_NONE};
    struct bs_job_event event = {0};
    struct bs_buffer scratch = {0};
    struct bs_job job;
    const struct bs_source source = {.topic = letter->topic,
                                     .partition = letter->partition,
                                     .offset = letter->offset,
                                     .timestamp = -1};
    bs_job_decode(redrive->config, &source, message, &event, &scratch);
    look.fails_as = event.refusal;
    if (event.refusal == BS_DEAD_NONE && event.deadline != 0 &&
        event.deadline <= bs_clock_now().wall) {
        look.fails_as = BS_DEAD_JOB_DEADLINE_PASSED;
    }
    if (bs_job_unpack(event.job, event.job_size, &job)) {
        look.id = strdup(job.id);
        BS_ASSERT(look.id != NULL);
        bs_job_free(&job);
    }
    bs_buffer_free(&scratch);
    return look;
}

static bool is_wanted(const struct bs_redrive *redrive, const struct bs_dead_letter *letter)
{
    return (redrive->any_code || redrive->codes[letter->code]) && letter->failed >= redrive->since;
}

static bool is_of_jobs(const struct bs_redrive *redrive, const struct bs_dead_letter *letter)
{
    return strcmp(letter->topic, redrive->config->topics.jobs) == 0;
}

/* --id names the job's id, or the message's key. */
static bool is_named(const struct bs_redrive *redrive, const char *id, struct bs_bytes key)
{
    for (size_t i = 0; i < redrive->ids.count; i++) {
        const char *wanted = redrive->ids.list[i];
        if ((id != NULL && strcmp(id, wanted) == 0) ||
            (key.data != NULL && key.size == strlen(wanted) &&
             memcmp(key.data, wanted, key.size) == 0)) {
            return true;
        }
    }
    return redrive->ids.count == 0;
}

/* ---- a value that was left out ---- */

struct omitted {
    const struct bs_dead_letter *letter;
    struct bs_bytes key;
    struct bs_buffer value;
    bool same; /* the message is the one that the dead letter tells of */
};

/* Whether the job may be a named one, by what is known without its value. */
static bool may_be_named(const struct bs_redrive *redrive, const struct bs_dead_letter *letter,
                         struct bs_bytes key, bool by_value)
{
    struct bs_buffer made_up = {0};
    bs_job_default_id(letter->topic, letter->partition, letter->offset, &made_up);
    bool named = is_named(redrive, (const char *)made_up.data, key);
    bs_buffer_free(&made_up);
    return named || (by_value && letter->value_size <= redrive->config->limits.job_bytes);
}

static bool same_bytes(struct bs_bytes one, struct bs_bytes other)
{
    if (one.data == NULL || other.data == NULL) {
        return one.data == other.data;
    }
    return one.size == other.size && memcmp(one.data, other.data, one.size) == 0;
}

static void take_source(void *context, const struct bs_message *message)
{
    struct omitted *omitted = context;
    omitted->same = message->value.data != NULL &&
                    (int64_t)message->value.size == omitted->letter->value_size &&
                    same_bytes(message->key, omitted->key);
    if (omitted->same) {
        bs_buffer_append(&omitted->value, message->value.data, message->value.size);
    }
}

/* The count of those that are skipped for the same reason; NULL: the value is there, or the run has
 * failed. */
static int64_t *fetch_value(struct bs_redrive *redrive, struct omitted *omitted)
{
    struct bs_error error = BS_NO_ERROR;
    const struct bs_dead_letter *letter = omitted->letter;
    struct bs_redrive_counts *counts = &redrive->counts[letter->code];
    if (!is_of_jobs(redrive, letter)) {
        return &counts->elsewhere;
    }
    enum bs_error_code code =
        bs_kafka_fetch(&redrive->fetcher, redrive->config, letter->topic, letter->partition,
                       letter->offset, take_source, omitted, &error);
    if (code == BS_OK || code == BS_ERROR_NOT_FOUND) {
        return code == BS_OK && omitted->same ? NULL : &counts->gone;
    }
    if (code == BS_ERROR_TEMPORARY) {
        bs_redrive_say(redrive, "%s", error.message);
        redrive->failed = true;
        return NULL;
    }
    if (redrive->unreadable_why[0] == '\0') {
        (void)snprintf(redrive->unreadable_why, sizeof redrive->unreadable_why, "%.299s",
                       error.message);
    }
    return &counts->unreadable;
}

/* ---- one dead letter ---- */

static void keep_example(struct bs_redrive_counts *counts, const char *id,
                         const struct bs_dead_letter *letter)
{
    if (counts->example_count == BS_REDRIVE_EXAMPLES) {
        return;
    }
    int place = counts->example_count++;
    bs_utf8_copy_cut(id, strlen(id), counts->examples[place].id, sizeof counts->examples[place].id);
    bs_utf8_copy_cut((const char *)letter->reason.data, letter->reason.size,
                     counts->examples[place].reason, sizeof counts->examples[place].reason);
}

/* Back to where it came from: its id is remembered there, and producers divide keys in many ways.
 */
static int32_t partition_for(const struct bs_redrive *redrive, const struct bs_dead_letter *letter)
{
    return is_of_jobs(redrive, letter) && letter->partition < redrive->jobs_partitions
               ? letter->partition
               : -1;
}

/* One that is wanted, with its value. */
static void choose(struct bs_redrive *redrive, const struct bs_dead_letter *letter,
                   const struct bs_redrive_job *job, bool marked)
{
    struct bs_redrive_counts *counts = &redrive->counts[letter->code];
    struct look look = {0};
    if (!marked || redrive->ids.count > 0) {
        look = look_at(redrive, letter, &job->message);
    }
    if (!is_named(redrive, look.id, job->message.key)) {
        free(look.id);
        return;
    }
    counts->matched++;
    if (marked) {
        counts->before++;
    } else {
        redrive->chosen++;
        struct bs_redrive_job chosen = *job;
        chosen.fails_as = look.fails_as;
        if (redrive->dry_run) {
            counts->redriven++;
            counts->fail_again[look.fails_as]++;
            keep_example(counts, look.id == NULL ? "" : look.id, letter);
        } else {
            bs_redrive_add(redrive, &chosen);
        }
    }
    free(look.id);
}

static void take_letter(struct bs_redrive *redrive, const struct bs_dead_letter *letter,
                        const struct bs_redriven_letter *place, const struct bs_message *message)
{
    bool marked = bs_redriven_has(redrive->marks, place);
    bool fetched = letter->value_omitted && !marked;
    if (fetched && !may_be_named(redrive, letter, message->key, true)) {
        return;
    }
    struct bs_header *own = calloc(message->header_count + 1, sizeof *own);
    BS_ASSERT(own != NULL);
    struct bs_redrive_job job = {.message = *message,
                                 .partition = partition_for(redrive, letter),
                                 .letter = *place,
                                 .code = letter->code};
    job.message.headers = own;
    job.message.header_count = bs_dead_letter_own_headers(message, own);
    struct omitted omitted = {.letter = letter, .key = message->key};
    int64_t *skipped = NULL;
    if (fetched) {
        skipped = fetch_value(redrive, &omitted);
        job.message.value = (struct bs_bytes){omitted.value.data, omitted.value.size};
    }
    if (skipped == NULL && !redrive->failed) {
        choose(redrive, letter, &job, marked);
    } else if (skipped != NULL && may_be_named(redrive, letter, message->key, false)) {
        redrive->counts[letter->code].matched++;
        (*skipped)++;
    }
    bs_buffer_free(&omitted.value);
    free(own);
}

bool bs_redrive_take(void *context, int32_t partition, int64_t offset, int64_t timestamp,
                     const struct bs_message *message)
{
    struct bs_redrive *redrive = context;
    struct bs_dead_letter letter;
    (void)timestamp;
    redrive->scanned++;
    if (!bs_dead_letter_read(message, &letter)) {
        redrive->foreign++;
        return true;
    }
    if (is_wanted(redrive, &letter)) {
        const struct bs_redriven_letter place = {
            .partition = partition,
            .offset = offset,
            .fingerprint = bs_redriven_fingerprint(letter.source, letter.failed_at)};
        take_letter(redrive, &letter, &place, message);
    }
    if (redrive->chosen >= redrive->limit) { /* those that turn out too large do not count */
        bs_redrive_flush(redrive);
    }
    return !redrive->failed && redrive->chosen < redrive->limit;
}
