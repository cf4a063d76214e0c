/* A few threads that make blocking calls for the loop. */
#include <pthread.h>
#include <stdlib.h>

#include "base/list.h"
#include "edges/objects.h"

struct job {
    struct bs_link link;
    struct bs_task task;
};

struct bs_pool {
    struct bs_bell *bell;
    pthread_t *threads;
    int thread_count;
    int queue_limit;

    pthread_mutex_t mutex; /* of what follows */
    pthread_cond_t more;
    struct bs_list waiting; /* struct job */
    struct bs_list ended;
    int waiting_count;
    bool stopping;
};

static struct job *job_of(struct bs_link *link)
{
    return BS_CONTAINER_OF(link, struct job, link);
}

static void lock(struct bs_pool *pool)
{
    BS_ASSERT(pthread_mutex_lock(&pool->mutex) == 0);
}

static void unlock(struct bs_pool *pool)
{
    BS_ASSERT(pthread_mutex_unlock(&pool->mutex) == 0);
}

static void *work(void *context)
{
    struct bs_pool *pool = context;
    lock(pool);
    while (true) {
        while (!pool->stopping && bs_list_empty(&pool->waiting)) {
            BS_ASSERT(pthread_cond_wait(&pool->more, &pool->mutex) == 0);
        }
        if (pool->stopping) {
            break;
        }
        struct job *job = job_of(bs_list_take_first(&pool->waiting));
        pool->waiting_count--;
        unlock(pool);
        job->task.run(job->task.context);
        lock(pool);
        bs_list_append(&pool->ended, &job->link);
        bs_bell_ring(pool->bell);
    }
    unlock(pool);
    return NULL;
}

/* `done` may ask for the next task. */
static void finish(struct bs_pool *pool, struct bs_list *list)
{
    lock(pool);
    struct bs_link *link;
    while ((link = bs_list_take_first(list)) != NULL) {
        unlock(pool);
        struct job *job = job_of(link);
        struct bs_task task = job->task;
        free(job);
        task.done(task.context);
        lock(pool);
    }
    unlock(pool);
}

static void rung(void *context, uint32_t events)
{
    struct bs_pool *pool = context;
    (void)events;
    finish(pool, &pool->ended);
}

struct bs_pool *bs_pool_create(struct bs_loop *loop, int threads, int queue_limit)
{
    BS_ASSERT(threads > 0 && queue_limit > 0);
    struct bs_pool *pool = calloc(1, sizeof *pool);
    BS_ASSERT(pool != NULL);
    pool->bell = bs_bell_create(loop, rung, pool);
    pool->queue_limit = queue_limit;
    bs_list_init(&pool->waiting);
    bs_list_init(&pool->ended);
    BS_ASSERT(pthread_mutex_init(&pool->mutex, NULL) == 0);
    BS_ASSERT(pthread_cond_init(&pool->more, NULL) == 0);
    pool->threads = calloc((size_t)threads, sizeof *pool->threads);
    BS_ASSERT(pool->threads != NULL);
    for (; pool->thread_count < threads; pool->thread_count++) {
        BS_ASSERT(pthread_create(&pool->threads[pool->thread_count], NULL, work, pool) == 0);
    }
    return pool;
}

bool bs_pool_run(struct bs_pool *pool, const struct bs_task *task)
{
    lock(pool);
    bool room = !pool->stopping && pool->waiting_count < pool->queue_limit;
    if (room) {
        struct job *job = calloc(1, sizeof *job);
        BS_ASSERT(job != NULL);
        job->task = *task;
        bs_list_append(&pool->waiting, &job->link);
        pool->waiting_count++;
        BS_ASSERT(pthread_cond_signal(&pool->more) == 0);
    }
    unlock(pool);
    return room;
}

void bs_pool_destroy(struct bs_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    lock(pool);
    pool->stopping = true;
    BS_ASSERT(pthread_cond_broadcast(&pool->more) == 0);
    unlock(pool);
    for (int i = 0; i < pool->thread_count; i++) {
        BS_ASSERT(pthread_join(pool->threads[i], NULL) == 0);
    }
    finish(pool, &pool->ended);
    finish(pool, &pool->waiting);
    bs_bell_destroy(pool->bell);
    (void)pthread_cond_destroy(&pool->more);
    (void)pthread_mutex_destroy(&pool->mutex);
    free(pool->threads);
    free(pool);
}
