#include "store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulation.h"

#define MOST_DOWN_MS    (3 * 3600000)
#define MOST_DENIED_MS  1200000
#define MOST_SLOW_MS    600000
#define GIVEN_WITHIN_MS 20000
#define ETAG            "simulated"

/* ---- trouble ------------------------------------------------------------------------------------
 */

void sim_store_trouble(struct sim *sim, enum sim_kind kind)
{
    int64_t most_ms = kind == SIM_STORE_DOWN ? MOST_DOWN_MS : MOST_DENIED_MS;
    int64_t length_ms = sim_between(&sim->random, 1000, most_ms);
    sim->store_trouble = kind;
    sim->store_trouble_until_ms = sim->now_ms + length_ms;
    /* Of the roles for reading and for writing, one or both. */
    sim->store_denies = (int32_t)sim_between(&sim->random, 1, 3);
    sim_trace(sim, "store: %s for %" PRId64 " ms", sim_kind_facts[kind].name, length_ms);
}

static enum bs_error_code denied(struct bs_error *error)
{
    return bs_error_set(error, BS_ERROR_DENIED, "AccessDenied: simulated");
}

static enum bs_error_code passing(struct bs_error *error)
{
    return bs_error_set(error, BS_ERROR_TEMPORARY, "ServiceUnavailable: simulated");
}

/* What hits every call. */
static enum bs_error_code troubled(struct bs_objects *objects, bool write, struct bs_error *error)
{
    struct sim *sim = objects->sim;
    int64_t left_ms = sim->store_trouble_until_ms - sim->now_ms;
    if (left_ms > 0 && sim->store_trouble == SIM_STORE_DOWN) {
        return passing(error);
    }
    /* A role that is given reaches one server of the store after the other. */
    bool still = left_ms > GIVEN_WITHIN_MS || sim_chance(&sim->random, 400);
    if (left_ms > 0 && sim->store_trouble == SIM_STORE_DENIED && still &&
        (sim->store_denies & (write ? 2 : 1)) != 0) {
        return denied(error);
    }
    return sim_fault(sim, SIM_STORE_FAILS) ? passing(error) : BS_OK;
}

/* ---- recordings ---------------------------------------------------------------------------------
 */

static bool cannot_be_read(const struct sim_recording *recording)
{
    return recording->kind == SIM_DENIED_ALONE || recording->kind == SIM_UNREADABLE_ALONE;
}

/* False: no recording has that name. */
static bool find_recording(struct bs_objects *objects, const struct bs_object_name *name,
                           struct sim_recording *recording)
{
    struct sim *sim = objects->sim;
    int number;
    char extension[8], expected[40];
    if (sscanf(name->key, "r%d.%7s", &number, extension) != 2) {
        return false;
    }
    sim_recording_draw(&sim->options, number, recording);
    (void)snprintf(expected, sizeof expected, "r%d.%s", number, sim_recording_extension(recording));
    return strcmp(expected, name->key) == 0 && strcmp(name->bucket, "recordings") == 0 &&
           recording->kind != SIM_MISSING && !(sim->recordings_mended && cannot_be_read(recording));
}

static enum bs_error_code not_found(struct bs_error *error)
{
    return bs_error_set(error, BS_ERROR_NOT_FOUND, "NoSuchKey: simulated");
}

enum bs_error_code bs_objects_head(struct bs_objects *objects, const struct bs_object_name *name,
                                   int64_t limit_ms, struct bs_object_facts *facts,
                                   struct bs_error *error)
{
    struct sim_recording recording;
    enum bs_error_code code = troubled(objects, false, error);
    (void)limit_ms;
    if (code != BS_OK) {
        return code;
    }
    if (!find_recording(objects, name, &recording)) {
        return not_found(error);
    }
    if (recording.kind == SIM_DENIED_ALONE) {
        return denied(error);
    }
    *facts = (struct bs_object_facts){.size_bytes = recording.size_bytes, .etag = ETAG};
    return BS_OK;
}

enum bs_error_code bs_objects_get_range(struct bs_objects *objects,
                                        const struct bs_object_name *name, int64_t offset,
                                        size_t length, const char *etag, int64_t limit_ms,
                                        struct bs_buffer *out, struct bs_error *error)
{
    struct sim_recording recording;
    enum bs_error_code code = troubled(objects, false, error);
    (void)limit_ms;
    if (code != BS_OK) {
        return code;
    }
    if (!find_recording(objects, name, &recording)) {
        return not_found(error);
    }
    if (recording.kind == SIM_DENIED_ALONE) {
        return denied(error);
    }
    if (recording.kind == SIM_UNREADABLE_ALONE) {
        return passing(error);
    }
    BS_ASSERT(etag == NULL || strcmp(etag, ETAG) == 0);
    sim_recording_read(&recording, offset, length, out);
    return BS_OK;
}

/* ---- what workers put ---------------------------------------------------------------------------
 */

/* The place of the object that the present task may touch; NULL, and a failure, for any other. */
static struct sim_stored *place_of(struct bs_objects *objects, const struct bs_object_name *name)
{
    struct sim *sim = objects->sim;
    const struct sim_asked *asked = &objects->worker->asked;
    bool transcript = asked->work == BS_OBJECT_STORE;
    struct sim_put *put = &sim->put[asked->job->index];
    struct sim_stored *stored = transcript ? put->transcripts : &put->copy;
    char full[sizeof stored->name];
    (void)snprintf(full, sizeof full, "%s/%s", name->bucket, name->key);
    const char *below =
        transcript ? "recordings/" SIM_BELOW "transcripts/" : "recordings/" SIM_BELOW "staging/";
    if (strncmp(full, below, strlen(below)) != 0) {
        sim_fail(sim, asked->job, "an object is put where none of its kind belongs: %s", full);
        return NULL;
    }
    while (transcript && stored != NULL && strcmp(stored->name, full) != 0) {
        stored = stored->next;
    }
    if (stored == NULL) {
        stored = calloc(1, sizeof *stored);
        BS_ASSERT(stored != NULL);
        stored->next = put->transcripts;
        put->transcripts = stored;
    }
    if (stored->name[0] == '\0') {
        memcpy(stored->name, full, sizeof full);
    }
    if (strcmp(stored->name, full) != 0) {
        sim_fail(sim, asked->job, "its copy has two names: %s and %s", stored->name, full);
        return NULL;
    }
    return stored;
}

/* False: the source could not go on. */
static bool take_body(bs_objects_source *source, void *context, int64_t size_bytes,
                      struct bs_buffer *body)
{
    while ((int64_t)body->size < size_bytes) {
        uint8_t piece[4096];
        int64_t left = size_bytes - (int64_t)body->size;
        size_t room = left < (int64_t)sizeof piece ? (size_t)left : sizeof piece;
        int64_t got = source(context, (int64_t)body->size, piece, room);
        if (got <= 0) {
            return false;
        }
        bs_buffer_append(body, piece, (size_t)got);
    }
    return true;
}

enum bs_error_code bs_objects_put(struct bs_objects *objects, const struct bs_object_name *name,
                                  const char *content_type, int64_t size_bytes, const char *sha256,
                                  int64_t limit_ms, bs_objects_source *source, void *context,
                                  struct bs_error *error)
{
    struct sim *sim = objects->sim;
    struct bs_buffer body = {0};
    (void)content_type, (void)sha256, (void)limit_ms;
    enum bs_error_code code = troubled(objects, true, error);
    struct sim_stored *stored = place_of(objects, name);
    if (code != BS_OK || stored == NULL) {
        return code != BS_OK ? code : passing(error);
    }
    bs_buffer_append(&body, "", 0);
    if (!take_body(source, context, size_bytes, &body)) {
        bs_buffer_free(&body);
        return bs_error_set(error, BS_ERROR_INVALID, "the source could not go on");
    }
    bs_buffer_free(&stored->bytes);
    stored->bytes = body;
    stored->stands = true;
    stored->put_by = objects->worker->asked.owner;
    stored->put_ms = sim->now_ms;
    sim_trace_job(sim, objects->worker->asked.job, "store: w%" PRId32 " has put %s",
                  objects->worker->index, stored->name);
    return sim_fault(sim, SIM_PUT_ANSWER_LOST) ? passing(error) : BS_OK;
}

struct sim_deletions *sim_deletions_of(struct sim_stored *stored, struct sim_owner owner)
{
    for (int32_t i = 0; i < stored->deletion_count; i++) {
        if (sim_same_owner(stored->deletions[i].owner, owner)) {
            return &stored->deletions[i];
        }
    }
    size_t count = (size_t)++stored->deletion_count;
    stored->deletions = realloc(stored->deletions, count * sizeof *stored->deletions);
    BS_ASSERT(stored->deletions != NULL);
    stored->deletions[count - 1] = (struct sim_deletions){.owner = owner};
    return &stored->deletions[count - 1];
}

enum bs_error_code bs_objects_delete(struct bs_objects *objects, const struct bs_object_name *name,
                                     int64_t limit_ms, struct bs_error *error)
{
    struct sim *sim = objects->sim;
    const struct sim_asked *asked = &objects->worker->asked;
    struct sim_stored *stored = place_of(objects, name);
    (void)limit_ms;
    if (stored == NULL) {
        return BS_OK;
    }
    enum bs_error_code code = troubled(objects, true, error);
    if (code == BS_OK && sim_fault(sim, SIM_DELETE_REFUSED)) {
        code = denied(error);
    }
    struct sim_deletions *tried = sim_deletions_of(stored, asked->owner);
    tried->done += code == BS_OK;
    tried->refused += code == BS_ERROR_DENIED;
    tried->failed += code == BS_ERROR_TEMPORARY;
    if (code == BS_OK) {
        sim_trace_job(sim, asked->job, "store: w%" PRId32 " has deleted %s", asked->owner.worker,
                      stored->name);
        stored->deleted_by = asked->owner;
        stored->stands = false;
    }
    return code;
}

/* A copy that the service has had already may be gone for its age. */
void sim_store_sweep(struct sim *sim)
{
    for (int32_t i = 0; i < sim->options.jobs; i++) {
        const struct sim_job *job = &sim->jobs[i];
        struct sim_stored *copy = &sim->put[i].copy;
        bool had = job->recorded_ms == job->accepted_ms && job->accepted_ms > copy->put_ms;
        if (copy->stands && had && sim_chance(&sim->random, 500)) {
            sim_trace_job(sim, job, "store: a lifecycle rule deletes its copy");
            copy->stands = false;
            copy->deleted_by = (struct sim_owner){0};
        }
    }
}

void sim_store_destroy(struct sim *sim)
{
    for (int32_t i = 0; i < sim->options.jobs; i++) {
        struct sim_put *put = &sim->put[i];
        while (put->transcripts != NULL) {
            struct sim_stored *stored = put->transcripts;
            put->transcripts = stored->next;
            bs_buffer_free(&stored->bytes);
            free(stored);
        }
        bs_buffer_free(&put->copy.bytes);
        free(put->copy.deletions);
    }
}

struct bs_objects *bs_objects_create(const struct bs_config *config, struct bs_tokens *tokens)
{
    struct sim_worker *worker = sim_worker_running();
    (void)config, (void)tokens;
    worker->objects = (struct bs_objects){.sim = worker->kafka.sim, .worker = worker};
    return &worker->objects;
}

void bs_objects_destroy(struct bs_objects *objects)
{
    (void)objects;
}

void bs_objects_cancel(struct bs_objects *objects)
{
    (void)objects; /* what is not done by now never is */
}

/* ---- the pool -----------------------------------------------------------------------------------
 */

static struct sim_task **find_task(struct bs_pool *pool, uint64_t number)
{
    struct sim_task **at = &pool->tasks;
    while (*at != NULL && (*at)->number != number) {
        at = &(*at)->next;
    }
    BS_ASSERT(*at != NULL);
    return at;
}

static void begin_next(struct bs_pool *pool);

static void end_task(struct sim *sim, struct sim_entry *entry)
{
    struct bs_pool *pool = &sim->workers[entry->worker].pool;
    struct sim_task **at = find_task(pool, (uint64_t)entry->numbers[0]);
    struct sim_task *task = *at;
    *at = task->next;
    pool->count--;
    pool->busy--;
    begin_next(pool);
    task->task.done(task->task.context);
    free(task);
}

/* All that the task does happens in one moment, the end of its time on a thread. Once a second the
 * worker looks for those that nobody waits for any more; what is on the wire by then goes on. */
static void run_task(struct sim *sim, struct sim_entry *entry)
{
    struct sim_worker *worker = &sim->workers[entry->worker];
    struct sim_task *task = *find_task(&worker->pool, (uint64_t)entry->numbers[0]);
    if (sim->now_ms - task->given_ms >= bs_random_below(&sim->random, 1000) &&
        sim_chance(&sim->random, 500)) {
        bs_worker_look_after_objects(&worker->process);
    }
    worker->asked = task->asked;
    task->task.run(task->task.context);
    worker->asked.job = NULL;
    sim_later(sim, sim_latency(sim),
              (struct sim_entry){.run = end_task,
                                 .worker = worker->index,
                                 .life = worker->life,
                                 .numbers = {entry->numbers[0]}});
}

static void begin_next(struct bs_pool *pool)
{
    struct sim *sim = pool->sim;
    struct sim_task *task = pool->tasks;
    while (task != NULL && task->begun) {
        task = task->next;
    }
    if (task == NULL || pool->busy == pool->threads) {
        return;
    }
    int64_t delay_ms = sim_latency(sim) + sim_latency(sim);
    if (sim_fault(sim, SIM_TASK_SLOW)) {
        delay_ms = sim_between(&sim->random, 1, MOST_SLOW_MS);
    }
    task->begun = true;
    pool->busy++;
    sim_later(sim, delay_ms,
              (struct sim_entry){.run = run_task,
                                 .worker = pool->worker->index,
                                 .life = pool->worker->life,
                                 .numbers = {(int64_t)task->number}});
}

struct bs_pool *bs_pool_create(struct bs_loop *loop, int threads, int queue_limit)
{
    struct sim_worker *worker = sim_worker_running();
    (void)loop;
    worker->pool = (struct bs_pool){
        .sim = worker->kafka.sim, .worker = worker, .threads = threads, .queue_limit = queue_limit};
    return &worker->pool;
}

bool bs_pool_run(struct bs_pool *pool, const struct bs_task *given)
{
    struct sim_task *task = calloc(1, sizeof *task), **last = &pool->tasks;
    BS_ASSERT(task != NULL);
    if (pool->count >= pool->threads + pool->queue_limit) {
        free(task);
        return false;
    }
    *task = (struct sim_task){.number = ++pool->numbers,
                              .given_ms = pool->sim->now_ms,
                              .task = *given,
                              .asked = pool->worker->asked};
    while (*last != NULL) {
        last = &(*last)->next;
    }
    *last = task;
    pool->count++;
    begin_next(pool);
    return true;
}

void bs_pool_destroy(struct bs_pool *pool)
{
    while (pool->tasks != NULL) {
        struct sim_task *task = pool->tasks;
        pool->tasks = task->next;
        task->task.done(task->task.context);
        free(task);
    }
    pool->count = pool->busy = 0;
}
