/* Ctrl-C: a thread waits for it, cancels the store's calls, and rings the main thread out of a
 * write that nobody reads. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "commands/results.h"

#define RING_EVERY_MS 100
/* So often a write is rung that does not move, before it is given up. */
#define PATIENCE 10

static atomic_bool interrupted, ended; /* lock-free, as a handler needs it */
static sem_t rung;
static pthread_t waiting, main_thread;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* of what follows */
static struct bs_objects *cancelled_with;

static void note_interruption(int signal_number)
{
    int error = errno;
    (void)signal_number;
    atomic_store(&interrupted, true);
    (void)sem_post(&rung);
    errno = error;
}

/* It only has a blocking call return. */
static void be_rung(int signal_number)
{
    (void)signal_number;
}

/* The waiting thread. */
static void *wait_to_cancel(void *unused)
{
    const struct timespec pause = {.tv_nsec = RING_EVERY_MS * 1000000L};
    (void)unused;
    while (sem_wait(&rung) != 0) {
    }
    BS_ASSERT(pthread_mutex_lock(&mutex) == 0);
    if (cancelled_with != NULL && atomic_load(&interrupted)) {
        bs_objects_cancel(cancelled_with);
    }
    BS_ASSERT(pthread_mutex_unlock(&mutex) == 0);
    while (!atomic_load(&ended)) {
        (void)pthread_kill(main_thread, SIGUSR1);
        (void)nanosleep(&pause, NULL);
    }
    return NULL;
}

void bs_results_watch_signals(void)
{
    struct sigaction action = {.sa_handler = note_interruption, .sa_flags = (int)SA_RESETHAND};
    struct sigaction ring = {.sa_handler = be_rung};
    BS_ASSERT(sem_init(&rung, 0, 0) == 0);
    main_thread = pthread_self();
    BS_ASSERT(pthread_create(&waiting, NULL, wait_to_cancel, NULL) == 0);
    (void)sigemptyset(&action.sa_mask);
    (void)sigemptyset(&ring.sa_mask);
    (void)sigaction(SIGUSR1, &ring, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

void bs_results_stop_watching(void)
{
    atomic_store(&ended, true);
    (void)sem_post(&rung);
    (void)pthread_join(waiting, NULL);
}

bool bs_results_interrupted(void)
{
    return atomic_load(&interrupted);
}

void bs_results_interrupt_store(struct bs_objects *store)
{
    BS_ASSERT(pthread_mutex_lock(&mutex) == 0);
    cancelled_with = store;
    if (store != NULL && atomic_load(&interrupted)) {
        bs_objects_cancel(store); /* the thread may have looked before */
    }
    BS_ASSERT(pthread_mutex_unlock(&mutex) == 0);
}

bool bs_results_write_all(int file, const void *bytes, size_t size)
{
    const uint8_t *at = bytes, *end = at + size;
    int rings = 0;
    while (at < end) {
        ssize_t written = write(file, at, (size_t)(end - at));
        if (written >= 0) {
            at += written;
            rings = 0;
        } else if (errno != EINTR || (atomic_load(&interrupted) && ++rings > PATIENCE)) {
            return false;
        }
    }
    return true;
}
