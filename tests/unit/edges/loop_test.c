/* The event loop: order, wake-ups, and what may happen inside of a callback. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "edges/loop.h"

struct trace {
    struct bs_loop *loop;
    char text[64];
};

struct named {
    struct trace *trace;
    char name;
    struct bs_timer *timer;
    struct bs_timer *other;
    struct bs_watch *watch, *other_watch;
    bs_mono_ms fired;
};

static void note(struct named *named)
{
    size_t length = strlen(named->trace->text);
    named->trace->text[length] = named->name;
    named->trace->text[length + 1] = '\0';
}

static void fired(void *context, uint32_t events)
{
    struct named *named = context;
    assert_int_equal(events, 0);
    named->fired = bs_clock_now().mono;
    note(named);
}

static void fired_last(void *context, uint32_t events)
{
    struct named *named = context;
    fired(context, events);
    bs_loop_stop(named->trace->loop);
}

static void timers_fire_in_order_and_never_early(void **state)
{
    (void)state;
    struct trace trace = {.loop = bs_loop_create()};
    struct named a = {.trace = &trace, .name = 'a'};
    struct named b = {.trace = &trace, .name = 'b'};
    struct named c = {.trace = &trace, .name = 'c'};
    struct named d = {.trace = &trace, .name = 'd'};
    bs_mono_ms now = bs_clock_now().mono;
    a.timer = bs_timer_create(trace.loop, fired, &a);
    b.timer = bs_timer_create(trace.loop, fired, &b);
    c.timer = bs_timer_create(trace.loop, fired_last, &c);
    d.timer = bs_timer_create(trace.loop, fired, &d);
    bs_timer_set(c.timer, now + 60);
    bs_timer_set(a.timer, now + 90);
    bs_timer_set(b.timer, now + 30);
    bs_timer_set(d.timer, now + 40);
    bs_timer_set(a.timer, now - 5);  /* moved before the others */
    bs_timer_set(d.timer, BS_NEVER); /* and one disarmed */
    bs_loop_run(trace.loop, NULL, NULL);
    assert_string_equal(trace.text, "abc");
    assert_true(b.fired >= now + 30 && c.fired >= now + 60);
    bs_timer_destroy(a.timer);
    bs_timer_destroy(b.timer);
    bs_timer_destroy(c.timer);
    bs_timer_destroy(d.timer);
    bs_loop_destroy(trace.loop);
}

static void destroy_other(void *context, uint32_t events)
{
    struct named *named = context;
    fired(context, events);
    bs_timer_destroy(named->other);
    bs_timer_destroy(named->timer);
}

static void a_timer_may_destroy_itself_and_another_that_is_due(void **state)
{
    (void)state;
    struct trace trace = {.loop = bs_loop_create()};
    struct named a = {.trace = &trace, .name = 'a'};
    struct named b = {.trace = &trace, .name = 'b'};
    struct named c = {.trace = &trace, .name = 'c'};
    bs_mono_ms now = bs_clock_now().mono;
    a.timer = bs_timer_create(trace.loop, destroy_other, &a);
    b.timer = bs_timer_create(trace.loop, fired, &b);
    c.timer = bs_timer_create(trace.loop, fired_last, &c);
    a.other = b.timer;
    bs_timer_set(a.timer, now - 3);
    bs_timer_set(b.timer, now - 2);
    bs_timer_set(c.timer, now - 1);
    bs_loop_run(trace.loop, NULL, NULL);
    assert_string_equal(trace.text, "ac");
    bs_timer_destroy(c.timer);
    bs_loop_destroy(trace.loop);
}

static void remove_both(void *context, uint32_t events)
{
    struct named *named = context;
    assert_true((events & EPOLLIN) != 0);
    note(named);
    bs_loop_remove(named->trace->loop, named->other_watch);
    bs_loop_remove(named->trace->loop, named->watch);
    bs_loop_stop(named->trace->loop);
}

/* Both descriptors are ready in the same turn; whichever comes first removes the other. */
static void a_watch_that_was_removed_in_this_turn_is_not_called(void **state)
{
    (void)state;
    struct trace trace = {.loop = bs_loop_create()};
    struct named a = {.trace = &trace, .name = 'x'};
    struct named b = {.trace = &trace, .name = 'x'};
    int first[2], second[2];
    assert_int_equal(pipe(first), 0);
    assert_int_equal(pipe(second), 0);
    assert_int_equal(write(first[1], "1", 1), 1);
    assert_int_equal(write(second[1], "1", 1), 1);
    a.watch = bs_loop_add(trace.loop, first[0], EPOLLIN, remove_both, &a);
    b.watch = bs_loop_add(trace.loop, second[0], EPOLLIN, remove_both, &b);
    a.other_watch = b.watch;
    b.other_watch = a.watch;
    bs_loop_run(trace.loop, NULL, NULL);
    assert_string_equal(trace.text, "x");
    for (int i = 0; i < 2; i++) {
        (void)close(first[i]);
        (void)close(second[i]);
    }
    bs_loop_destroy(trace.loop);
}

static void a_descriptor_that_was_closed_before_its_watch_is_tolerated(void **state)
{
    (void)state;
    struct trace trace = {.loop = bs_loop_create()};
    struct named a = {.trace = &trace, .name = 'a'};
    int old[2], reused[2];
    assert_int_equal(pipe(old), 0);
    struct bs_watch *stale = bs_loop_add(trace.loop, old[0], EPOLLIN, remove_both, &a);
    (void)close(old[0]);
    (void)close(old[1]);
    assert_int_equal(pipe(reused), 0); /* gets the same numbers */
    assert_int_equal(reused[0], old[0]);
    bs_loop_modify(trace.loop, stale, EPOLLOUT);
    bs_loop_remove(trace.loop, stale);
    assert_int_equal(write(reused[1], "1", 1), 1);
    a.watch = bs_loop_add(trace.loop, reused[0], EPOLLIN, remove_both, &a);
    bs_loop_run(trace.loop, NULL, NULL);
    assert_string_equal(trace.text, "a");
    (void)close(reused[0]);
    (void)close(reused[1]);
    bs_loop_destroy(trace.loop);
}

/* ---- bells ------------------------------------------------------------------------------ */

#define RINGS 1000

struct belfry {
    struct bs_loop *loop;
    struct bs_bell *bell;
    int made; /* under `mutex` */
    int seen;
    int calls;
    pthread_mutex_t mutex;
};

static void *ring_many(void *context)
{
    struct belfry *belfry = context;
    for (int i = 0; i < RINGS; i++) {
        pthread_mutex_lock(&belfry->mutex);
        belfry->made++;
        pthread_mutex_unlock(&belfry->mutex);
        bs_bell_ring(belfry->bell);
    }
    return NULL;
}

static void heard(void *context, uint32_t events)
{
    struct belfry *belfry = context;
    (void)events;
    belfry->calls++;
    pthread_mutex_lock(&belfry->mutex);
    belfry->seen = belfry->made;
    pthread_mutex_unlock(&belfry->mutex);
    if (belfry->seen == 2 * RINGS) {
        bs_loop_stop(belfry->loop);
    }
}

static void no_ring_of_another_thread_is_missed(void **state)
{
    (void)state;
    struct belfry belfry = {.loop = bs_loop_create()};
    assert_int_equal(pthread_mutex_init(&belfry.mutex, NULL), 0);
    belfry.bell = bs_bell_create(belfry.loop, heard, &belfry);
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, ring_many, &belfry), 0);
    }
    bs_loop_run(belfry.loop, NULL, NULL);
    for (int i = 0; i < 2; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    assert_int_equal(belfry.seen, 2 * RINGS);
    assert_in_range(belfry.calls, 1, 2 * RINGS);
    bs_bell_destroy(belfry.bell);
    bs_loop_destroy(belfry.loop);
    (void)pthread_mutex_destroy(&belfry.mutex);
}

/* ---- turns ------------------------------------------------------------------------------ */

struct turns {
    struct bs_loop *loop;
    struct bs_timer *timer;
    int count;
};

static void before_wait(void *context)
{
    struct turns *turns = context;
    if (++turns->count == 3) {
        struct timespec stall = {.tv_nsec = 50 * 1000000L};
        (void)nanosleep(&stall, NULL);
    }
    if (turns->count == 5) {
        bs_loop_stop(turns->loop);
    }
    bs_timer_set(turns->timer, bs_clock_now().mono);
}

static void nothing(void *context, uint32_t events)
{
    (void)context;
    (void)events;
}

static void the_longest_turn_shows_a_stall_once(void **state)
{
    (void)state;
    struct turns turns = {.loop = bs_loop_create()};
    turns.timer = bs_timer_create(turns.loop, nothing, NULL);
    bs_loop_run(turns.loop, before_wait, &turns);
    assert_int_equal(turns.count, 5);
    assert_in_range(bs_loop_longest_turn_ms(turns.loop), 49, 5000);
    assert_int_equal(bs_loop_longest_turn_ms(turns.loop), 0);
    /* It slept: the stall was none of ours. */
    assert_in_range(bs_loop_longest_turn_cpu_us(turns.loop), 1, 45000);
    assert_int_equal(bs_loop_longest_turn_cpu_us(turns.loop), 0);
    bs_timer_destroy(turns.timer);
    bs_loop_destroy(turns.loop);
}

/* ---- signals ---------------------------------------------------------------------------- */

static void signalled(void *context, int signal)
{
    if (signal == SIGTERM) {
        bs_loop_stop(context);
    }
}

static void signalled_and_hangs(void *context, int signal)
{
    int ready = *(int *)context;
    (void)signal;
    BS_ASSERT(write(ready, "h", 1) == 1);
    while (true) {
        (void)pause();
    }
}

/* Runs `body` in a child that says when it is ready; returns its pid. */
static pid_t start_child(void (*body)(int ready), int *ready)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        body(ends[1]);
        _exit(99);
    }
    assert_true(child > 0);
    (void)close(ends[1]);
    *ready = ends[0];
    char byte;
    assert_int_equal(read(ends[0], &byte, 1), 1);
    return child;
}

static void stop_on_signal(int ready)
{
    struct bs_loop *loop = bs_loop_create();
    bs_loop_on_signal(loop, signalled, loop);
    BS_ASSERT(write(ready, "r", 1) == 1);
    bs_loop_run(loop, NULL, NULL);
    bs_loop_destroy(loop);
    _exit(0);
}

static void hang_on_signal(int ready)
{
    struct bs_loop *loop = bs_loop_create();
    bs_loop_on_signal(loop, signalled_and_hangs, &ready);
    BS_ASSERT(write(ready, "r", 1) == 1);
    bs_loop_run(loop, NULL, NULL);
}

static int exit_status(pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void a_signal_is_a_callback(void **state)
{
    (void)state;
    int ready;
    pid_t child = start_child(stop_on_signal, &ready);
    assert_int_equal(kill(child, SIGTERM), 0);
    assert_int_equal(exit_status(child), 0);
    (void)close(ready);
}

static void a_second_signal_ends_a_loop_that_hangs(void **state)
{
    (void)state;
    int ready;
    char byte;
    pid_t child = start_child(hang_on_signal, &ready);
    assert_int_equal(kill(child, SIGINT), 0);
    assert_int_equal(read(ready, &byte, 1), 1);
    assert_int_equal(kill(child, SIGTERM), 0);
    assert_int_equal(exit_status(child), 1);
    (void)close(ready);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_fire_in_order_and_never_early),
        cmocka_unit_test(a_timer_may_destroy_itself_and_another_that_is_due),
        cmocka_unit_test(a_watch_that_was_removed_in_this_turn_is_not_called),
        cmocka_unit_test(a_descriptor_that_was_closed_before_its_watch_is_tolerated),
        cmocka_unit_test(no_ring_of_another_thread_is_missed),
        cmocka_unit_test(the_longest_turn_shows_a_stall_once),
        cmocka_unit_test(a_signal_is_a_callback),
        cmocka_unit_test(a_second_signal_ends_a_loop_that_hangs),
    };
    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
