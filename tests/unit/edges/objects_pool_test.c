/* The threads that make blocking calls for the loop. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/check.h"
#include "edges/objects.h"

#define THREADS     3
#define QUEUE_LIMIT 4
#define PATIENCE_MS 20000

static struct bs_loop *loop;
static struct bs_pool *pool;
static pthread_t loop_thread;
static atomic_int run_count;
static int done_count;  /* the loop's thread alone */
static int done_target; /* the loop stops there */

/* Tasks wait here until the test lets them go on. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_moves = PTHREAD_COND_INITIALIZER;
static bool gate_open;
static int at_gate;

static void run(void *context)
{
    (void)context;
    BS_ASSERT(!pthread_equal(pthread_self(), loop_thread));
    atomic_fetch_add(&run_count, 1);
}

static void run_to_gate(void *context)
{
    BS_ASSERT(pthread_mutex_lock(&gate) == 0);
    at_gate++;
    BS_ASSERT(pthread_cond_broadcast(&gate_moves) == 0);
    while (!gate_open) {
        BS_ASSERT(pthread_cond_wait(&gate_moves, &gate) == 0);
    }
    BS_ASSERT(pthread_mutex_unlock(&gate) == 0);
    run(context);
}

static void wait_for_threads_at_gate(int count)
{
    BS_ASSERT(pthread_mutex_lock(&gate) == 0);
    while (at_gate < count) {
        BS_ASSERT(pthread_cond_wait(&gate_moves, &gate) == 0);
    }
    BS_ASSERT(pthread_mutex_unlock(&gate) == 0);
}

static void open_gate(void)
{
    BS_ASSERT(pthread_mutex_lock(&gate) == 0);
    gate_open = true;
    BS_ASSERT(pthread_cond_broadcast(&gate_moves) == 0);
    BS_ASSERT(pthread_mutex_unlock(&gate) == 0);
}

static void done(void *context)
{
    (void)context;
    BS_ASSERT(pthread_equal(pthread_self(), loop_thread));
    if (++done_count == done_target) {
        bs_loop_stop(loop);
    }
}

static void patience_ended(void *context, uint32_t events)
{
    (void)context;
    (void)events;
    bs_assert_failed("the tasks did not end", __FILE__, __LINE__);
}

static void run_loop_until_done(int count)
{
    struct bs_timer *patience = bs_timer_create(loop, patience_ended, NULL);
    bs_timer_set(patience, bs_clock_now().mono + PATIENCE_MS);
    done_target = count;
    bs_loop_run(loop, NULL, NULL);
    bs_timer_destroy(patience);
    assert_int_equal(done_count, count);
}

static int open_pool(void **state)
{
    (void)state;
    loop_thread = pthread_self();
    loop = bs_loop_create();
    pool = bs_pool_create(loop, THREADS, QUEUE_LIMIT);
    atomic_store(&run_count, 0);
    done_count = done_target = at_gate = 0;
    gate_open = false;
    return 0;
}

static int close_pool(void **state)
{
    (void)state;
    bs_pool_destroy(pool);
    bs_loop_destroy(loop);
    return 0;
}

static void every_task_is_run_elsewhere_and_reported_on_the_loop(void **state)
{
    (void)state;
    const struct bs_task task = {.run = run, .done = done};
    for (int i = 1; i <= 50; i++) {
        assert_true(bs_pool_run(pool, &task));
        run_loop_until_done(i);
    }
    assert_int_equal(atomic_load(&run_count), 50);
}

static void the_queue_is_bounded_and_threads_work_at_once(void **state)
{
    (void)state;
    const struct bs_task task = {.run = run_to_gate, .done = done};
    for (int i = 0; i < THREADS; i++) {
        assert_true(bs_pool_run(pool, &task));
    }
    wait_for_threads_at_gate(THREADS);
    for (int i = 0; i < QUEUE_LIMIT; i++) {
        assert_true(bs_pool_run(pool, &task));
    }
    assert_false(bs_pool_run(pool, &task));
    open_gate();
    run_loop_until_done(THREADS + QUEUE_LIMIT);
    assert_int_equal(atomic_load(&run_count), THREADS + QUEUE_LIMIT);
    assert_true(bs_pool_run(pool, &task));
    run_loop_until_done(THREADS + QUEUE_LIMIT + 1);
}

static void *open_gate_elsewhere(void *context)
{
    (void)context;
    open_gate();
    return NULL;
}

static bool taken_during_the_end;

static void done_and_asks_again(void *context)
{
    const struct bs_task again = {.run = run, .done = done};
    done(context);
    taken_during_the_end |= bs_pool_run(pool, &again);
}

static void the_end_waits_for_what_is_under_way_and_begins_nothing(void **state)
{
    (void)state;
    const struct bs_task task = {.run = run_to_gate, .done = done_and_asks_again};
    for (int i = 0; i < THREADS; i++) {
        assert_true(bs_pool_run(pool, &task));
    }
    wait_for_threads_at_gate(THREADS);
    for (int i = 0; i < QUEUE_LIMIT; i++) {
        assert_true(bs_pool_run(pool, &task));
    }
    /* What waits begins only where a thread gets free before the end does. */
    pthread_t opener;
    taken_during_the_end = false;
    assert_int_equal(pthread_create(&opener, NULL, open_gate_elsewhere, NULL), 0);
    bs_pool_destroy(pool);
    pool = NULL;
    assert_int_equal(pthread_join(opener, NULL), 0);
    assert_int_equal(done_count, THREADS + QUEUE_LIMIT);
    assert_in_range(atomic_load(&run_count), THREADS, THREADS + QUEUE_LIMIT);
    assert_false(taken_during_the_end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_task_is_run_elsewhere_and_reported_on_the_loop,
                                        open_pool, close_pool),
        cmocka_unit_test_setup_teardown(the_queue_is_bounded_and_threads_work_at_once, open_pool,
                                        close_pool),
        cmocka_unit_test_setup_teardown(the_end_waits_for_what_is_under_way_and_begins_nothing,
                                        open_pool, close_pool),
    };
    return cmocka_run_group_tests_name("objects_pool", tests, NULL, NULL);
}
