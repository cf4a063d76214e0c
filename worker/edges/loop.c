#include "edges/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/list.h"

/* As many events as one wait takes: enough for every connection at the default limits. */
#define EVENTS_PER_WAIT 128

struct bs_watch {
    struct bs_link link; /* in the loop's `watches`, or in `removed` until the turn ends */
    int fd;
    uint32_t events;
    bool removed;
    bs_loop_callback *callback;
    void *context;
};

struct bs_timer {
    struct bs_link link; /* in the loop's `timers` while armed */
    struct bs_loop *loop;
    bs_mono_ms when;
    bs_loop_callback *callback;
    void *context;
};

struct bs_bell {
    struct bs_loop *loop;
    struct bs_watch *watch;
    int fd;
    bs_loop_callback *callback;
    void *context;
};

struct bs_loop {
    int epoll_fd;
    int timer_fd;
    bs_mono_ms timer_armed; /* what timer_fd is set to; BS_NEVER = not set */
    bool stopping;
    bs_mono_ms woke; /* when the last wait ended */
    int64_t longest_turn_ms;
    int64_t cpu_us; /* the thread's, at the end of the last turn */
    int64_t longest_turn_cpu_us;
    struct bs_list watches;
    struct bs_list removed; /* freed when no event of this turn can name them any more */
    struct bs_list timers;  /* armed ones, soonest first: there are few, so a list serves */
    struct bs_bell *signal_bell;
    void (*on_signal)(void *context, int signal);
    void *signal_context;
};

/* Signals belong to the process, so what their handler touches does too. */
static volatile sig_atomic_t first_signal;
static volatile sig_atomic_t signal_fd = -1;

static void free_removed(struct bs_loop *loop)
{
    struct bs_link *link;
    while ((link = bs_list_take_first(&loop->removed)) != NULL) {
        free(BS_CONTAINER_OF(link, struct bs_watch, link));
    }
}

struct bs_now bs_clock_now(void)
{
    struct timespec mono, wall;
    (void)clock_gettime(CLOCK_BOOTTIME, &mono);
    (void)clock_gettime(CLOCK_REALTIME, &wall);
    return (struct bs_now){
        .mono = (bs_mono_ms)mono.tv_sec * 1000 + mono.tv_nsec / 1000000,
        .wall = (bs_wall_ms)wall.tv_sec * 1000 + wall.tv_nsec / 1000000,
    };
}

static bs_mono_ms mono_now(void)
{
    struct timespec mono;
    (void)clock_gettime(CLOCK_BOOTTIME, &mono);
    return (bs_mono_ms)mono.tv_sec * 1000 + mono.tv_nsec / 1000000;
}

static int64_t thread_cpu_us(void)
{
    struct timespec cpu;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
    return (int64_t)cpu.tv_sec * 1000000 + cpu.tv_nsec / 1000;
}

struct bs_loop *bs_loop_create(void)
{
    struct bs_loop *loop = calloc(1, sizeof *loop);
    BS_ASSERT(loop != NULL);
    bs_list_init(&loop->watches);
    bs_list_init(&loop->removed);
    bs_list_init(&loop->timers);
    loop->timer_armed = BS_NEVER;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    BS_ASSERT(loop->epoll_fd >= 0);
    loop->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    BS_ASSERT(loop->timer_fd >= 0);
    /* Edge-triggered: each expiry wakes the loop once, and nobody has to read the descriptor. */
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};
    BS_ASSERT(epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->timer_fd, &event) == 0);
    /* A peer that went away is an error of its connection, not the end of the process. */
    (void)signal(SIGPIPE, SIG_IGN);
    return loop;
}

void bs_loop_destroy(struct bs_loop *loop)
{
    if (loop == NULL) {
        return;
    }
    if (loop->signal_bell != NULL) {
        (void)signal(SIGTERM, SIG_DFL);
        (void)signal(SIGINT, SIG_DFL);
        signal_fd = -1;
        bs_bell_destroy(loop->signal_bell);
    }
    struct bs_link *link;
    while ((link = bs_list_first(&loop->watches)) != NULL) {
        bs_loop_remove(loop, BS_CONTAINER_OF(link, struct bs_watch, link));
    }
    free_removed(loop);
    (void)close(loop->timer_fd);
    (void)close(loop->epoll_fd);
    free(loop);
}

/* ---- descriptors ---------------------------------------------------------------------- */

/* A descriptor's number may have been closed and given out again between two calls, so the kernel
 * may know it although we just met it, and the other way round. */
static void epoll_set(struct bs_loop *loop, struct bs_watch *watch, int operation)
{
    struct epoll_event event = {.events = watch->events, .data.ptr = watch};
    if (epoll_ctl(loop->epoll_fd, operation, watch->fd, &event) == 0 || errno == EBADF) {
        return;
    }
    if (operation == EPOLL_CTL_ADD && errno == EEXIST) {
        operation = EPOLL_CTL_MOD;
    } else if (operation == EPOLL_CTL_MOD && errno == ENOENT) {
        operation = EPOLL_CTL_ADD;
    }
    BS_ASSERT(epoll_ctl(loop->epoll_fd, operation, watch->fd, &event) == 0 || errno == EBADF);
}

struct bs_watch *bs_loop_add(struct bs_loop *loop, int fd, uint32_t events,
                             bs_loop_callback *callback, void *context)
{
    struct bs_watch *watch = calloc(1, sizeof *watch);
    BS_ASSERT(watch != NULL);
    watch->fd = fd;
    watch->events = events;
    watch->callback = callback;
    watch->context = context;
    bs_list_append(&loop->watches, &watch->link);
    epoll_set(loop, watch, EPOLL_CTL_ADD);
    return watch;
}

void bs_loop_modify(struct bs_loop *loop, struct bs_watch *watch, uint32_t events)
{
    if (watch->events != events) {
        watch->events = events;
        epoll_set(loop, watch, EPOLL_CTL_MOD);
    }
}

void bs_loop_remove(struct bs_loop *loop, struct bs_watch *watch)
{
    if (watch == NULL || watch->removed) {
        return;
    }
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL) != 0) {
        BS_ASSERT(errno == EBADF || errno == ENOENT || errno == EPERM);
    }
    watch->removed = true;
    bs_list_remove(&watch->link);
    bs_list_append(&loop->removed, &watch->link);
}

/* ---- timers --------------------------------------------------------------------------- */

struct bs_timer *bs_timer_create(struct bs_loop *loop, bs_loop_callback *callback, void *context)
{
    struct bs_timer *timer = calloc(1, sizeof *timer);
    BS_ASSERT(timer != NULL);
    timer->loop = loop;
    timer->when = BS_NEVER;
    timer->callback = callback;
    timer->context = context;
    return timer;
}

void bs_timer_set(struct bs_timer *timer, bs_mono_ms when)
{
    bs_list_remove(&timer->link);
    timer->when = when;
    if (when == BS_NEVER) {
        return;
    }
    struct bs_link *place = &timer->loop->timers.head;
    for (struct bs_link *link = place->next; link != &timer->loop->timers.head; link = link->next) {
        if (BS_CONTAINER_OF(link, struct bs_timer, link)->when > when) {
            break;
        }
        place = link;
    }
    bs_list_insert_after(place, &timer->link);
}

void bs_timer_destroy(struct bs_timer *timer)
{
    if (timer != NULL) {
        bs_list_remove(&timer->link);
        free(timer);
    }
}

/* The milliseconds to hand to epoll_wait: 0 when a timer is due, else -1, for timer_fd wakes us.
 * timer_fd is set only when the next deadline is sooner than what it is set to: a deadline that
 * moved back costs one idle turn instead of a system call at each move. */
static int arm(struct bs_loop *loop, bs_mono_ms now)
{
    struct bs_link *first = bs_list_first(&loop->timers);
    if (first == NULL) {
        return -1;
    }
    bs_mono_ms when = BS_CONTAINER_OF(first, struct bs_timer, link)->when;
    if (when <= now) {
        return 0;
    }
    if (when < loop->timer_armed) {
        struct itimerspec setting = {
            .it_value = {.tv_sec = (time_t)(when / 1000), .tv_nsec = (long)(when % 1000) * 1000000},
        };
        BS_ASSERT(timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &setting, NULL) == 0);
        loop->timer_armed = when;
    }
    return -1;
}

/* Only those that were due when this began: a timer that sets itself to now runs on the next turn,
 * after the descriptors had theirs. */
static void fire_timers(struct bs_loop *loop)
{
    bs_mono_ms now = mono_now();
    if (loop->timer_armed <= now) {
        loop->timer_armed = BS_NEVER;
    }
    struct bs_list due;
    bs_list_init(&due);
    struct bs_link *link;
    while ((link = bs_list_first(&loop->timers)) != NULL &&
           BS_CONTAINER_OF(link, struct bs_timer, link)->when <= now) {
        bs_list_remove(link);
        bs_list_append(&due, link);
    }
    /* A callback may set or destroy another of these; it then leaves the list by itself. */
    while ((link = bs_list_take_first(&due)) != NULL) {
        struct bs_timer *timer = BS_CONTAINER_OF(link, struct bs_timer, link);
        timer->when = BS_NEVER;
        timer->callback(timer->context, 0);
    }
}

/* ---- bells ---------------------------------------------------------------------------- */

static void bell_rang(void *context, uint32_t events)
{
    struct bs_bell *bell = context;
    uint64_t rings;
    (void)events;
    /* Cleared before the callback: what is rung for from here on rings again. */
    if (read(bell->fd, &rings, sizeof rings) == (ssize_t)sizeof rings) {
        bell->callback(bell->context, 0);
    }
}

struct bs_bell *bs_bell_create(struct bs_loop *loop, bs_loop_callback *callback, void *context)
{
    struct bs_bell *bell = calloc(1, sizeof *bell);
    BS_ASSERT(bell != NULL);
    bell->loop = loop;
    bell->callback = callback;
    bell->context = context;
    bell->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    BS_ASSERT(bell->fd >= 0);
    bell->watch = bs_loop_add(loop, bell->fd, EPOLLIN, bell_rang, bell);
    return bell;
}

void bs_bell_ring(struct bs_bell *bell)
{
    uint64_t one = 1;
    /* It fails only when the count is full, and then the loop is woken anyway. */
    ssize_t written = write(bell->fd, &one, sizeof one);
    (void)written;
}

int bs_bell_fd(struct bs_bell *bell)
{
    return bell->fd;
}

void bs_bell_destroy(struct bs_bell *bell)
{
    if (bell != NULL) {
        bs_loop_remove(bell->loop, bell->watch);
        (void)close(bell->fd);
        free(bell);
    }
}

/* ---- signals -------------------------------------------------------------------------- */

/* A handler and not a signalfd: the second signal must end a process whose loop hangs, too. */
static void handle_signal(int number)
{
    if (first_signal != 0) {
        _exit(1);
    }
    first_signal = number;
    int saved = errno;
    uint64_t one = 1;
    ssize_t written = write((int)signal_fd, &one, sizeof one);
    (void)written;
    errno = saved;
}

static void signal_arrived(void *context, uint32_t events)
{
    struct bs_loop *loop = context;
    (void)events;
    loop->on_signal(loop->signal_context, (int)first_signal);
}

void bs_loop_on_signal(struct bs_loop *loop, void (*callback)(void *context, int signal),
                       void *context)
{
    BS_ASSERT(loop->signal_bell == NULL && signal_fd == -1);
    loop->on_signal = callback;
    loop->signal_context = context;
    loop->signal_bell = bs_bell_create(loop, signal_arrived, loop);
    first_signal = 0;
    signal_fd = loop->signal_bell->fd;
    struct sigaction action = {.sa_handler = handle_signal, .sa_flags = SA_RESTART};
    (void)sigemptyset(&action.sa_mask);
    BS_ASSERT(sigaction(SIGTERM, &action, NULL) == 0);
    BS_ASSERT(sigaction(SIGINT, &action, NULL) == 0);
}

/* ---- running -------------------------------------------------------------------------- */

static void turn(struct bs_loop *loop, int wait_ms)
{
    struct epoll_event events[EVENTS_PER_WAIT];
    int count = epoll_wait(loop->epoll_fd, events, EVENTS_PER_WAIT, wait_ms);
    BS_ASSERT(count >= 0 || errno == EINTR);
    loop->woke = mono_now();
    for (int i = 0; i < count; i++) {
        struct bs_watch *watch = events[i].data.ptr;
        if (watch != NULL && !watch->removed) {
            watch->callback(watch->context, events[i].events);
        }
    }
    free_removed(loop);
    fire_timers(loop);
    free_removed(loop);
}

static void measure_turn(struct bs_loop *loop, bs_mono_ms now)
{
    int64_t cpu_us = thread_cpu_us();
    if (now - loop->woke > loop->longest_turn_ms) {
        loop->longest_turn_ms = now - loop->woke;
    }
    if (cpu_us - loop->cpu_us > loop->longest_turn_cpu_us) {
        loop->longest_turn_cpu_us = cpu_us - loop->cpu_us;
    }
    loop->cpu_us = cpu_us;
}

void bs_loop_run(struct bs_loop *loop, void (*before_wait)(void *context), void *context)
{
    loop->stopping = false;
    loop->woke = mono_now();
    loop->cpu_us = thread_cpu_us();
    while (true) {
        if (before_wait != NULL) {
            before_wait(context);
        }
        if (loop->stopping) {
            return;
        }
        bs_mono_ms now = mono_now();
        measure_turn(loop, now);
        turn(loop, arm(loop, now));
    }
}

void bs_loop_stop(struct bs_loop *loop)
{
    loop->stopping = true;
}

int64_t bs_loop_longest_turn_ms(struct bs_loop *loop)
{
    int64_t longest_ms = loop->longest_turn_ms;
    loop->longest_turn_ms = 0;
    return longest_ms;
}

int64_t bs_loop_longest_turn_cpu_us(struct bs_loop *loop)
{
    int64_t longest_us = loop->longest_turn_cpu_us;
    loop->longest_turn_cpu_us = 0;
    return longest_us;
}
