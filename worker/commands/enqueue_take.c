/* What is done with one recording. */
#include <inttypes.h>
#include <string.h>

#include "commands/enqueue.h"
#include "formats/json.h"

#define WRONG_SHOWN 20
#define NAME_SHOWN  1200

static void tell_wrong(struct bs_enqueue *enqueue, const struct bs_manifest_entry *entry,
                       const char *reason)
{
    if (++enqueue->counts.wrong > WRONG_SHOWN) {
        return;
    }
    bs_enqueue_progress_clear(enqueue);
    if (entry->line > 0) {
        fprintf(stderr, "%s:%" PRId64 ": %s\n", enqueue->manifest, entry->line, reason);
    } else {
        char name[NAME_SHOWN];
        bs_utf8_copy_cut((const char *)entry->text.data, entry->text.size, name, sizeof name);
        fprintf(stderr, "%s: %s\n", name, reason);
    }
}

/* False when it is of no use to go on: told. */
static bool hand_over(struct bs_enqueue *enqueue)
{
    struct bs_error error = BS_NO_ERROR;
    if (enqueue->dry_run) {
        enqueue->broken = !bs_estimate_offer(&enqueue->estimate, &enqueue->job);
        return !enqueue->broken;
    }
    const struct bs_manifest_job *job = &enqueue->job;
    struct bs_message message = {.key = {.data = job->key.data, .size = job->key.size},
                                 .value = {.data = job->value.data, .size = job->value.size}};
    if (bs_kafka_client_send(enqueue->client, enqueue->config->topics.jobs, &message, &error) !=
        BS_OK) {
        bs_enqueue_say("%s", error.message);
        enqueue->broken = true;
    }
    return !enqueue->broken;
}

/* NULL, or what is wrong with the entry. `*wanted`: it is a job now. */
static const char *make_job(struct bs_enqueue *enqueue, const struct bs_manifest_entry *entry,
                            struct bs_error *error, bool *wanted)
{
    const char *problem = entry->problem;
    struct bs_manifest_job *job = &enqueue->job;
    *wanted = false;
    bs_manifest_job_clear(job);
    if (problem != NULL) {
        return problem;
    }
    if (entry->outdated) {
        enqueue->counts.outdated++;
        return NULL;
    }
    if (!bs_manifest_job(entry, &enqueue->defaults, job, error)) {
        return error->message;
    }
    *wanted = bs_enqueue_wants(enqueue, entry, job, &problem);
    if (*wanted && job->value.size > (size_t)enqueue->config->limits.job_bytes) {
        problem = "larger than limits.job_bytes";
    }
    return problem;
}

static bool take(struct bs_enqueue *enqueue, const struct bs_manifest_entry *entry)
{
    struct bs_error error = BS_NO_ERROR;
    bool wanted;
    const char *problem = make_job(enqueue, entry, &error, &wanted);
    if (problem != NULL) {
        tell_wrong(enqueue, entry, problem);
        return enqueue->dry_run || entry->line == 0; /* a key cannot be mended as a line can */
    }
    if (wanted) {
        if (!hand_over(enqueue)) {
            return false;
        }
        enqueue->counts.jobs++;
        if (enqueue->progress.counts_jobs) {
            atomic_fetch_add(&enqueue->progress.done, 1);
        }
    }
    if (entry->line > 0) {
        enqueue->entries = entry->number;
        enqueue->line = entry->line;
        enqueue->broken = !bs_enqueue_position_advance(enqueue, false); /* nothing in a dry run */
    }
    return !enqueue->broken && (enqueue->limit == 0 || enqueue->counts.jobs < enqueue->limit);
}

bool bs_enqueue_take(struct bs_enqueue *enqueue, const struct bs_manifest_entry *entry)
{
    if (bs_enqueue_interrupted()) {
        return false;
    }
    if (entry->line > 0 && entry->number <= enqueue->position.skip) {
        return true;
    }
    pthread_mutex_lock(&enqueue->lock);
    bool more = !enqueue->broken && take(enqueue, entry);
    pthread_mutex_unlock(&enqueue->lock);
    return more;
}
