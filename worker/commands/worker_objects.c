/* What core asks of the object store, on the pool's threads; their ends as core's events. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/object_work.h"
#include "commands/worker.h"

/* Looks, copies, transcripts and deletions together are a few more than threads. */
#define QUEUE_LIMIT   (4 * BS_OBJECT_THREADS)
#define WITNESSES_MAX 16

/* An object that was read: when another one cannot be, this one tells whose fault it is. */
struct witness {
    struct bs_object_name name;
    bs_mono_ms seen;
};

struct bs_worker_objects {
    struct bs_objects *store;
    struct bs_pool *pool;
    struct bs_tokens *tokens; /* of objects.auth; NULL where speechkit.auth serves both */
    struct witness witnesses[WITNESSES_MAX];
};

/* A piece of work under way. */
struct bs_object_task {
    struct bs_link all;          /* of the worker's */
    struct bs_object_task *next; /* of those to be answered without having been begun */
    struct bs_worker *worker;
    struct bs_operation_ref operation;
    int32_t partition;
    int64_t offset;
    bs_mono_ms begun;
    struct bs_object_work_item *item;
};

static struct bs_object_task *task_of(struct bs_link *link)
{
    return BS_CONTAINER_OF(link, struct bs_object_task, all);
}

/* ---- witnesses ---- */

static bool same_object(const struct bs_object_name *one, const struct bs_object_name *other)
{
    return strcmp(one->bucket, other->bucket) == 0 && strcmp(one->key, other->key) == 0;
}

/* The last one of the same bucket; where jobs may name any bucket, of any: then a bucket that
 * cannot be read is the job's own fault too. NULL = none. */
static const struct bs_object_name *find_witness(const struct bs_worker *worker,
                                                 const struct bs_object_name *about)
{
    const struct witness *found = NULL;
    bool found_here = false;
    for (size_t i = 0; i < WITNESSES_MAX; i++) {
        const struct witness *each = &worker->objects->witnesses[i];
        if (each->name.bucket == NULL || same_object(&each->name, about)) {
            continue;
        }
        bool here = strcmp(each->name.bucket, about->bucket) == 0;
        bool better =
            found == NULL || here > found_here || (here == found_here && each->seen > found->seen);
        if (better && (here || worker->config->objects.bucket_count == 0)) {
            found = each;
            found_here = here;
        }
    }
    return found == NULL ? NULL : &found->name;
}

/* Two of a bucket, so that one that is denied later has another to be compared with. Takes `name`.
 */
static void note_witness(struct bs_worker_objects *objects, struct bs_object_name *name)
{
    struct witness *oldest = &objects->witnesses[0], *oldest_of_bucket = NULL;
    int of_bucket = 0;
    for (size_t i = 0; i < WITNESSES_MAX; i++) {
        struct witness *each = &objects->witnesses[i];
        if (each->name.bucket != NULL && same_object(&each->name, name)) {
            each->seen = bs_clock_now().mono;
            return;
        }
        oldest = each->seen < oldest->seen ? each : oldest; /* a free place was never seen */
        if (each->name.bucket != NULL && strcmp(each->name.bucket, name->bucket) == 0) {
            bool older = oldest_of_bucket == NULL || each->seen < oldest_of_bucket->seen;
            oldest_of_bucket = older ? each : oldest_of_bucket;
            of_bucket++;
        }
    }
    struct witness *place = of_bucket >= 2 ? oldest_of_bucket : oldest;
    bs_object_name_free(&place->name);
    place->name = *name;
    place->seen = bs_clock_now().mono;
    *name = (struct bs_object_name){0};
}

/* ---- the end of a task ---- */

/* An error of the store names its object itself. */
static void describe_end(const struct bs_object_work_item *item, char *text, size_t size)
{
    const char *said = item->answer.outcome == BS_OBJECT_DONE ? "" : item->answer.message;
    char object[300] = "";
    if (item->name.bucket != NULL) {
        (void)snprintf(object, sizeof object, "s3://%.64s/%.200s", item->name.bucket,
                       item->name.key);
    }
    bool named = object[0] == '\0' || strstr(said, object) != NULL;
    (void)snprintf(text, size, "%s%s%.300s", named ? "" : object,
                   named || said[0] == '\0' ? "" : ": ", said);
}

static void log_end(const struct bs_object_task *task)
{
    const struct bs_object_work_item *item = task->item;
    char source[320], took[32], text[700];
    if (!bs_log_enabled(BS_LOG_DEBUG)) {
        return;
    }
    (void)snprintf(source, sizeof source, "%.249s/%d/%lld", item->job.topic, task->partition,
                   (long long)task->offset);
    (void)snprintf(took, sizeof took, "%lld", (long long)(bs_clock_now().mono - task->begun));
    const struct bs_log_field fields[] = {
        {"job", item->job.id},
        {"source", source},
        {"work", bs_object_work_name(item->work)},
        {"outcome", bs_object_outcome_name(item->answer.outcome)},
        {"took_ms", took},
        {NULL, NULL},
    };
    describe_end(item, text, sizeof text);
    bs_log(BS_LOG_DEBUG, fields, "object store: %s", text);
}

static void forget(struct bs_object_task *task)
{
    bs_list_remove(&task->all);
    bs_object_work_free(task->item);
    free(task);
}

/* Tells core, unless there is none any more. */
static void done(void *context)
{
    struct bs_object_task *task = context;
    struct bs_object_work_item *item = task->item;
    struct bs_worker *worker = task->worker;
    if (!worker->closing) {
        log_end(task);
        struct bs_event event = bs_worker_new_event(BS_EVENT_OBJECT);
        event.object.operation = task->operation;
        event.object.work = item->work;
        event.object.answer = item->answer;
        item->answer.payload = NULL; /* core's now */
        if (item->readable) {
            note_witness(worker->objects, &item->name);
        }
        bs_worker_event(worker, &event);
    }
    forget(task);
}

/* ---- tasks ---- */

static void run(void *context)
{
    struct bs_object_task *task = context;
    bs_object_work_run(task->item);
}

void bs_worker_object(struct bs_worker *worker, const struct bs_operation *operation,
                      enum bs_object_work work)
{
    struct bs_worker_objects *objects = worker->objects;
    struct bs_object_task *task = calloc(1, sizeof *task);
    BS_ASSERT(task != NULL);
    task->worker = worker;
    task->operation = operation->self;
    task->partition = operation->partition;
    task->offset = operation->offset;
    task->begun = bs_clock_now().mono;
    task->item = bs_object_work_create(worker->config, objects == NULL ? NULL : objects->store,
                                       bs_kafka_cluster_id(worker->kafka), operation, work);
    bs_list_append(&worker->object_tasks, &task->all);
    if (objects == NULL) {
        /* A copy of an earlier configuration's. Core is told when this step is over. */
        task->next = worker->unserved;
        worker->unserved = task;
        bs_bell_ring(worker->more);
        return;
    }
    if (task->item->name.bucket != NULL) {
        bs_object_work_compare(task->item, find_witness(worker, &task->item->name));
    }
    bool queued =
        bs_pool_run(objects->pool, &(struct bs_task){.run = run, .done = done, .context = task});
    BS_ASSERT(queued); /* core asks for less at a time */
}

void bs_worker_answer_unserved(struct bs_worker *worker)
{
    while (worker->unserved != NULL) {
        struct bs_object_task *task = worker->unserved;
        worker->unserved = task->next;
        task->item->answer.outcome = BS_OBJECT_DENIED;
        task->item->answer.message = "the configuration names no credentials for the object store "
                                     "any more: objects.auth";
        done(task);
    }
}

void bs_worker_look_after_objects(struct bs_worker *worker)
{
    struct bs_link *link = bs_list_first(&worker->object_tasks);
    for (; link != NULL; link = bs_list_next(&worker->object_tasks, link)) {
        struct bs_object_task *task = task_of(link);
        bool wanted = !worker->stopping && bs_core_operation(worker->core, task->operation) != NULL;
        atomic_store(&task->item->abandoned, !wanted);
    }
}

/* ---- the store ---- */

static void on_credentials(void *context, bool available)
{
    const struct bs_worker *worker = context;
    bs_log(available ? BS_LOG_INFO : BS_LOG_ERROR, NULL, "object store: %s",
           available ? "credentials read" : bs_tokens_problem(worker->objects->tokens));
}

void bs_worker_open_objects(struct bs_worker *worker)
{
    const struct bs_config *config = worker->config;
    if (!bs_config_has_store(config)) {
        return;
    }
    struct bs_worker_objects *objects = calloc(1, sizeof *objects);
    BS_ASSERT(objects != NULL);
    worker->objects = objects;
    struct bs_tokens *tokens = worker->tokens;
    if (config->objects.auth.kind != BS_AUTH_ABSENT) {
        tokens =
            bs_tokens_create(worker->loop, config, &config->objects.auth, on_credentials, worker);
        objects->tokens = tokens;
        struct bs_error none = BS_NO_ERROR;
        enum bs_error_code code = bs_tokens_wait(tokens, 0, &none);
        if (code != BS_OK) {
            bs_log(code == BS_ERROR_TEMPORARY ? BS_LOG_INFO : BS_LOG_ERROR, NULL,
                   "object store: no credentials yet: %s", none.message);
        }
    }
    objects->store = bs_objects_create(config, tokens);
    objects->pool = bs_pool_create(worker->loop, BS_OBJECT_THREADS, QUEUE_LIMIT);
}

struct bs_tokens *bs_worker_object_tokens(const struct bs_worker *worker)
{
    return worker->objects == NULL ? NULL : worker->objects->tokens;
}

void bs_worker_close_objects(struct bs_worker *worker)
{
    struct bs_worker_objects *objects = worker->objects;
    worker->closing = true;
    if (objects != NULL) {
        bs_objects_cancel(objects->store);
        bs_pool_destroy(objects->pool); /* ends every task */
        bs_objects_destroy(objects->store);
        bs_tokens_destroy(objects->tokens);
        for (size_t i = 0; i < WITNESSES_MAX; i++) {
            bs_object_name_free(&objects->witnesses[i].name);
        }
        free(objects);
        worker->objects = NULL;
    }
    while (worker->unserved != NULL) {
        struct bs_object_task *task = worker->unserved;
        worker->unserved = task->next;
        forget(task);
    }
}
