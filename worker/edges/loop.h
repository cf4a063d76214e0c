/* The event loop: epoll, one timer, wake-ups from other threads, signals. */
#ifndef BS_EDGES_LOOP_H
#define BS_EDGES_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/error.h"
#include "base/time.h"

struct bs_loop;

/* Called on the loop's thread. `events` are epoll's bits. */
typedef void bs_loop_callback(void *context, uint32_t events);

/* Never NULL: a process that gets no descriptors at its start cannot live, so it aborts. SIGPIPE is
 * ignored from here on. */
struct bs_loop *bs_loop_create(void);
/* Timers and bells are destroyed by their owners before. Not from a callback. */
void bs_loop_destroy(struct bs_loop *loop);

/* CLOCK_BOOTTIME and the wall clock. Any thread. */
struct bs_now bs_clock_now(void);

/* Watches a file descriptor; the watch (whose address stays valid until it is removed) is the
 * loop's. Loop's thread only, as is everything here but bs_loop_wake. */
struct bs_watch;
struct bs_watch *bs_loop_add(struct bs_loop *loop, int fd, uint32_t events,
                             bs_loop_callback *callback, void *context);
void bs_loop_modify(struct bs_loop *loop, struct bs_watch *watch, uint32_t events);
/* Tolerates a descriptor that was closed before. May be called from a callback, also its own. */
void bs_loop_remove(struct bs_loop *loop, struct bs_watch *watch);

/* A timer; fires once at or after `when`. A few dozen at most (they stand in a sorted list); the
 * callback gets events = 0, and may set or destroy any timer, its own too. */
struct bs_timer;
struct bs_timer *bs_timer_create(struct bs_loop *loop, bs_loop_callback *callback, void *context);
void bs_timer_set(struct bs_timer *timer, bs_mono_ms when); /* BS_NEVER disarms */
void bs_timer_destroy(struct bs_timer *timer);

/* A wake-up that other threads and signal handlers may ring; rings before the callback are one. */
struct bs_bell;
struct bs_bell *bs_bell_create(struct bs_loop *loop, bs_loop_callback *callback, void *context);
void bs_bell_ring(struct bs_bell *bell); /* any thread */
int bs_bell_fd(struct bs_bell *bell);    /* an eventfd, for rd_kafka_queue_io_event_enable */
void bs_bell_destroy(struct bs_bell *bell);

/* SIGTERM and SIGINT arrive as a callback on the loop's thread; a second one ends the process with
 * status 1 at once, even when the loop hangs. One loop in a process may ask for it. */
void bs_loop_on_signal(struct bs_loop *loop, void (*callback)(void *context, int signal),
                       void *context);

/* Runs callbacks until bs_loop_stop. `before_wait` (may be NULL) is called before each wait: the
 * place to do the work that events have made due. */
void bs_loop_run(struct bs_loop *loop, void (*before_wait)(void *context), void *context);
void bs_loop_stop(struct bs_loop *loop);

/* The longest time between two waits since the last call, ms: a stall shows here. */
int64_t bs_loop_longest_turn_ms(struct bs_loop *loop);
/* The same as CPU time of the loop's thread, µs: what is missing from the above was the machine's.
 */
int64_t bs_loop_longest_turn_cpu_us(struct bs_loop *loop);

#endif
