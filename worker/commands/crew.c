#include "commands/crew.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/check.h"

#define THREADS_MAX 64

struct bs_crew {
    void (*run)(void *context, void *item);
    void *context;
    pthread_t threads[THREADS_MAX];
    int thread_count;

    pthread_mutex_t mutex; /* of what follows */
    pthread_cond_t given, taken;
    void *queue[2 * THREADS_MAX]; /* a ring */
    int room, first, count;
    bool finishing;
};

static void *work(void *argument)
{
    struct bs_crew *crew = argument;
    BS_ASSERT(pthread_mutex_lock(&crew->mutex) == 0);
    for (;;) {
        while (crew->count == 0 && !crew->finishing) {
            BS_ASSERT(pthread_cond_wait(&crew->given, &crew->mutex) == 0);
        }
        if (crew->count == 0) {
            break;
        }
        void *item = crew->queue[crew->first];
        crew->first = (crew->first + 1) % crew->room;
        crew->count--;
        BS_ASSERT(pthread_cond_signal(&crew->taken) == 0);
        BS_ASSERT(pthread_mutex_unlock(&crew->mutex) == 0);
        crew->run(crew->context, item);
        BS_ASSERT(pthread_mutex_lock(&crew->mutex) == 0);
    }
    BS_ASSERT(pthread_mutex_unlock(&crew->mutex) == 0);
    return NULL;
}

struct bs_crew *bs_crew_create(int threads, void (*run)(void *context, void *item), void *context)
{
    struct bs_crew *crew = calloc(1, sizeof *crew);
    BS_ASSERT(crew != NULL && threads > 0 && threads <= THREADS_MAX);
    crew->run = run;
    crew->context = context;
    crew->thread_count = threads;
    crew->room = 2 * threads;
    BS_ASSERT(pthread_mutex_init(&crew->mutex, NULL) == 0);
    BS_ASSERT(pthread_cond_init(&crew->given, NULL) == 0);
    BS_ASSERT(pthread_cond_init(&crew->taken, NULL) == 0);
    for (int i = 0; i < threads; i++) {
        BS_ASSERT(pthread_create(&crew->threads[i], NULL, work, crew) == 0);
    }
    return crew;
}

void bs_crew_give(struct bs_crew *crew, void *item)
{
    BS_ASSERT(pthread_mutex_lock(&crew->mutex) == 0);
    while (crew->count == crew->room) {
        BS_ASSERT(pthread_cond_wait(&crew->taken, &crew->mutex) == 0);
    }
    crew->queue[(crew->first + crew->count++) % crew->room] = item;
    BS_ASSERT(pthread_cond_signal(&crew->given) == 0);
    BS_ASSERT(pthread_mutex_unlock(&crew->mutex) == 0);
}

void bs_crew_finish(struct bs_crew *crew)
{
    if (crew == NULL) {
        return;
    }
    BS_ASSERT(pthread_mutex_lock(&crew->mutex) == 0);
    crew->finishing = true;
    BS_ASSERT(pthread_cond_broadcast(&crew->given) == 0);
    BS_ASSERT(pthread_mutex_unlock(&crew->mutex) == 0);
    for (int i = 0; i < crew->thread_count; i++) {
        BS_ASSERT(pthread_join(crew->threads[i], NULL) == 0);
    }
    (void)pthread_cond_destroy(&crew->taken);
    (void)pthread_cond_destroy(&crew->given);
    (void)pthread_mutex_destroy(&crew->mutex);
    free(crew);
}
