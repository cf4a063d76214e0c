/* What is under way, on standard error: a line that is written anew on a terminal, else a plain one
 * every few seconds. The same thread lets an interruption reach the object store. */
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "commands/enqueue.h"
#include "edges/loop.h"

#define TICK_MS        200
#define PLAIN_EVERY    5000 /* ms */
#define BAR_WIDTH      24
#define SPEED_WINDOW   0.05 /* the weight of the newest tick */
#define MEGABYTE       1048576.0
#define QUIET_AT_FIRST 1000 /* ms: what is done sooner needs no progress */

static void print_bar(char *text, size_t room, double part)
{
    int full = (int)(part * BAR_WIDTH);
    size_t at = 0;
    text[at++] = '[';
    for (int i = 0; i < BAR_WIDTH && at + 2 < room; i++) {
        text[at++] = i < full ? '#' : '.';
    }
    text[at++] = ']';
    text[at] = '\0';
}

/* At most 79 columns. */
static void print_line(struct bs_enqueue_progress *progress, char *text, size_t room,
                       double seconds, bool bar)
{
    int64_t done = atomic_load(&progress->done), total = atomic_load(&progress->total);
    int64_t bytes = atomic_load(&progress->bytes), all = atomic_load(&progress->bytes_total);
    char drawn[BAR_WIDTH + 3] = "";
    char left[32] = "";
    if (all > 0) {
        double part = (double)bytes / (double)all;
        double rate = (double)bytes / seconds;
        double rest = rate > 0 ? (double)(all - bytes) / rate : 0;
        if (bar) {
            print_bar(drawn, sizeof drawn, part > 1 ? 1 : part);
        }
        (void)snprintf(left, sizeof left, ", %d:%02d left", (int)(rest / 60), (int)rest % 60);
        (void)snprintf(text, room,
                       "%s%s%" PRId64 "/%" PRId64 " files, %.1f of %.1f MB, %.1f MB/s%s", drawn,
                       bar ? " " : "", done, total, (double)bytes / MEGABYTE,
                       (double)all / MEGABYTE, rate / MEGABYTE, rate > 0 ? left : "");
    } else if (total > 0) {
        (void)snprintf(text, room, "%s %" PRId64 " of %" PRId64, progress->what, done, total);
    } else {
        (void)snprintf(text, room, "%s %" PRId64, progress->what, done);
    }
}

static void show(struct bs_enqueue_progress *progress, bs_mono_ms now)
{
    char text[200];
    double seconds = (double)(now - progress->begun) / 1000;
    if (progress->quiet || now - progress->begun < QUIET_AT_FIRST) {
        return;
    }
    if (progress->terminal) {
        print_line(progress, text, sizeof text, seconds, true);
        fprintf(stderr, "\r%-79.79s", text);
        progress->drawn = true;
    } else if (now - progress->shown >= PLAIN_EVERY) {
        print_line(progress, text, sizeof text, seconds, false);
        fprintf(stderr, "%s\n", text);
        progress->shown = now;
    }
}

static void *tick(void *argument)
{
    struct bs_enqueue *enqueue = argument;
    struct bs_enqueue_progress *progress = &enqueue->progress;
    bool cancelled = false;
    BS_ASSERT(pthread_mutex_lock(&progress->mutex) == 0);
    while (!progress->stopping) {
        struct timespec until;
        BS_ASSERT(clock_gettime(CLOCK_REALTIME, &until) == 0);
        until.tv_nsec += TICK_MS * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        (void)pthread_cond_timedwait(&progress->stopped, &progress->mutex, &until);
        if (bs_enqueue_interrupted() && !cancelled && enqueue->objects != NULL) {
            bs_objects_cancel(enqueue->objects);
            cancelled = true;
        }
        show(progress, bs_clock_now().mono);
    }
    BS_ASSERT(pthread_mutex_unlock(&progress->mutex) == 0);
    return NULL;
}

void bs_enqueue_progress_begin(struct bs_enqueue *enqueue, const char *what)
{
    struct bs_enqueue_progress *progress = &enqueue->progress;
    progress->what = what;
    progress->terminal = isatty(STDERR_FILENO) == 1;
    progress->begun = progress->shown = bs_clock_now().mono;
    BS_ASSERT(pthread_mutex_init(&progress->mutex, NULL) == 0);
    BS_ASSERT(pthread_cond_init(&progress->stopped, NULL) == 0);
    BS_ASSERT(pthread_create(&progress->thread, NULL, tick, enqueue) == 0);
    progress->running = true;
}

void bs_enqueue_progress_clear(struct bs_enqueue *enqueue)
{
    struct bs_enqueue_progress *progress = &enqueue->progress;
    if (!progress->running) {
        return;
    }
    BS_ASSERT(pthread_mutex_lock(&progress->mutex) == 0);
    if (progress->drawn) {
        fprintf(stderr, "\r%79s\r", "");
        progress->drawn = false;
    }
    BS_ASSERT(pthread_mutex_unlock(&progress->mutex) == 0);
}

void bs_enqueue_progress_end(struct bs_enqueue *enqueue)
{
    struct bs_enqueue_progress *progress = &enqueue->progress;
    if (!progress->running) {
        return;
    }
    BS_ASSERT(pthread_mutex_lock(&progress->mutex) == 0);
    progress->stopping = true;
    BS_ASSERT(pthread_cond_signal(&progress->stopped) == 0);
    BS_ASSERT(pthread_mutex_unlock(&progress->mutex) == 0);
    BS_ASSERT(pthread_join(progress->thread, NULL) == 0);
    bs_enqueue_progress_clear(enqueue);
    progress->running = false;
    (void)pthread_cond_destroy(&progress->stopped);
    (void)pthread_mutex_destroy(&progress->mutex);
}
