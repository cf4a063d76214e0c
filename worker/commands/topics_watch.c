#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "commands/topics.h"

#define PAUSE_NS (500 * 1000 * 1000)

struct bs_topics_watch {
    const struct bs_config *config;
    bs_topics_callback *callback;
    void *context;
    struct bs_bell *bell;
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    bool told;            /* an attempt's end that the loop has not seen */
    enum bs_error_code outcome;
    struct bs_topics topics;
    struct bs_error error;
    atomic_bool cancelled;
};

static void *attempt(void *context)
{
    struct bs_topics_watch *watch = context;
    enum bs_error_code outcome;
    do {
        struct bs_topics topics = {0};
        struct bs_error error = BS_NO_ERROR;
        outcome = bs_topics_verify(watch->config, &topics, &error);
        (void)pthread_mutex_lock(&watch->lock);
        watch->told = true;
        watch->outcome = outcome;
        watch->topics = topics;
        watch->error = error;
        (void)pthread_mutex_unlock(&watch->lock);
        bs_bell_ring(watch->bell);
        if (outcome == BS_ERROR_TEMPORARY) {
            struct timespec pause = {.tv_nsec = PAUSE_NS};
            (void)nanosleep(&pause, NULL);
        }
    } while (outcome == BS_ERROR_TEMPORARY && !atomic_load(&watch->cancelled));
    return NULL;
}

static void tell(void *context, uint32_t events)
{
    (void)events;
    struct bs_topics_watch *watch = context;
    (void)pthread_mutex_lock(&watch->lock);
    bool told = watch->told;
    watch->told = false;
    enum bs_error_code outcome = watch->outcome;
    struct bs_topics topics = watch->topics;
    struct bs_error error = watch->error;
    (void)pthread_mutex_unlock(&watch->lock);
    if (told) {
        watch->callback(watch->context, outcome, &topics, &error);
    }
}

struct bs_topics_watch *bs_topics_watch_begin(struct bs_loop *loop, const struct bs_config *config,
                                              bs_topics_callback *callback, void *context)
{
    struct bs_topics_watch *watch = calloc(1, sizeof *watch);
    BS_ASSERT(watch != NULL);
    watch->config = config;
    watch->callback = callback;
    watch->context = context;
    watch->bell = bs_bell_create(loop, tell, watch);
    (void)pthread_mutex_init(&watch->lock, NULL);
    int failed = pthread_create(&watch->thread, NULL, attempt, watch);
    BS_ASSERT(failed == 0);
    return watch;
}

void bs_topics_watch_end(struct bs_topics_watch *watch)
{
    if (watch == NULL) {
        return;
    }
    atomic_store(&watch->cancelled, true);
    (void)pthread_join(watch->thread, NULL);
    bs_bell_destroy(watch->bell);
    (void)pthread_mutex_destroy(&watch->lock);
    free(watch);
}
