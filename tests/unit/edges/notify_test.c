/* What a service manager hears of a worker, and when. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "edges/loop.h"
#include "edges/notify.h"

/* A manager that listens at an abstract name of its own, or at a path. */
struct manager {
    int fd;
    char name[100]; /* as NOTIFY_SOCKET has it */
    char heard[4096];
    int signs; /* of life */
};

static void listen_at(struct manager *manager, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    *manager = (struct manager){.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)};
    BS_ASSERT(manager->fd >= 0 && length < sizeof address.sun_path);
    (void)snprintf(manager->name, sizeof manager->name, "%s", name);
    memcpy(address.sun_path, name, length);
    address.sun_path[0] = name[0] == '@' ? '\0' : name[0];
    assert_int_equal(bind(manager->fd, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)),
                     0);
    BS_ASSERT(setenv("NOTIFY_SOCKET", name, 1) == 0);
}

static void listen_anywhere(struct manager *manager)
{
    char name[100];
    (void)snprintf(name, sizeof name, "@backscribe-notify-test-%ld", (long)getpid());
    listen_at(manager, name);
}

static void hang_up(struct manager *manager)
{
    (void)close(manager->fd);
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
}

/* What came meanwhile, each followed by '|'; signs of life are only counted. */
static const char *hear(struct manager *manager)
{
    char text[1024];
    ssize_t size;
    manager->heard[0] = '\0';
    while ((size = recv(manager->fd, text, sizeof text - 1, 0)) >= 0) {
        text[size] = '\0';
        if (strcmp(text, "WATCHDOG=1") == 0) {
            manager->signs++;
        } else {
            size_t used = strlen(manager->heard);
            (void)snprintf(manager->heard + used, sizeof manager->heard - used, "%s|", text);
        }
    }
    assert_int_equal(errno, EAGAIN);
    return manager->heard;
}

static void stop(void *context, uint32_t events)
{
    (void)events;
    bs_loop_stop(context);
}

static void run_for(struct bs_loop *loop, int64_t ms)
{
    struct bs_timer *end = bs_timer_create(loop, stop, loop);
    bs_timer_set(end, bs_clock_now().mono + ms);
    bs_loop_run(loop, NULL, NULL);
    bs_timer_destroy(end);
}

static void ready_is_told_by_the_loop_and_before_any_status(void **state)
{
    (void)state;
    struct manager manager;
    listen_anywhere(&manager);
    struct bs_loop *loop = bs_loop_create();
    struct bs_notify *notify = bs_notify_create(loop);
    bs_notify_status(notify, "connecting");
    assert_string_equal(hear(&manager), "");
    run_for(loop, 1);
    assert_string_equal(hear(&manager), "READY=1\nSTATUS=connecting|");
    bs_notify_status(notify, "connecting");
    assert_string_equal(hear(&manager), "");
    bs_notify_status(notify, "ready");
    assert_string_equal(hear(&manager), "STATUS=ready|");
    bs_notify_stopping(notify, "the end");
    bs_notify_stopping(notify, "the end again");
    bs_notify_status(notify, "nobody asks any more");
    assert_string_equal(hear(&manager), "STOPPING=1\nSTATUS=the end|");
    bs_notify_destroy(notify);
    bs_loop_destroy(loop);
    hang_up(&manager);
}

static void a_path_is_as_good_as_an_abstract_name(void **state)
{
    (void)state;
    struct manager manager;
    char folder[] = "/tmp/notify-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/socket", folder);
    listen_at(&manager, path);
    struct bs_loop *loop = bs_loop_create();
    struct bs_notify *notify = bs_notify_create(loop);
    run_for(loop, 1);
    assert_string_equal(hear(&manager), "READY=1\n|");
    bs_notify_destroy(notify);
    bs_loop_destroy(loop);
    hang_up(&manager);
    (void)unlink(path);
    (void)rmdir(folder);
}

struct hanging {
    struct bs_loop *loop;
    struct manager *manager;
    int signs_before, signs_after;
};

static void hang(void *context, uint32_t events)
{
    (void)events;
    struct hanging *hanging = context;
    (void)hear(hanging->manager);
    hanging->signs_before = hanging->manager->signs;
    (void)usleep(300000); /* fifteen signs of life long */
    (void)hear(hanging->manager);
    hanging->signs_after = hanging->manager->signs;
    bs_loop_stop(hanging->loop);
}

static void signs_of_life_come_twice_a_period_and_from_the_loop_alone(void **state)
{
    (void)state;
    struct manager manager;
    listen_anywhere(&manager);
    BS_ASSERT(setenv("WATCHDOG_USEC", "40000", 1) == 0);
    struct bs_loop *loop = bs_loop_create();
    struct bs_notify *notify = bs_notify_create(loop);
    bs_mono_ms begin = bs_clock_now().mono;
    while (manager.signs < 10) {
        run_for(loop, 20);
        (void)hear(&manager);
        assert_true(bs_clock_now().mono - begin < 20000);
    }
    /* Never more than one in half a period. */
    assert_true(manager.signs <= (bs_clock_now().mono - begin) / 20 + 1);

    struct hanging hanging = {.loop = loop, .manager = &manager};
    struct bs_timer *timer = bs_timer_create(loop, hang, &hanging);
    bs_timer_set(timer, 0);
    bs_loop_run(loop, NULL, NULL);
    assert_int_equal(hanging.signs_after, hanging.signs_before);
    bs_timer_destroy(timer);
    bs_notify_destroy(notify);
    bs_loop_destroy(loop);
    hang_up(&manager);
}

static void a_watchdog_that_is_meant_for_another_process_gets_no_sign(void **state)
{
    (void)state;
    struct manager manager;
    listen_anywhere(&manager);
    BS_ASSERT(setenv("WATCHDOG_USEC", "20000", 1) == 0 && setenv("WATCHDOG_PID", "1", 1) == 0);
    struct bs_loop *loop = bs_loop_create();
    struct bs_notify *notify = bs_notify_create(loop);
    run_for(loop, 60);
    assert_string_equal(hear(&manager), "READY=1\n|");
    assert_int_equal(manager.signs, 0);
    bs_notify_destroy(notify);
    bs_loop_destroy(loop);
    hang_up(&manager);
}

static void what_a_manager_has_no_room_for_is_told_later(void **state)
{
    (void)state;
    struct manager manager;
    listen_anywhere(&manager);
    struct bs_loop *loop = bs_loop_create();
    struct bs_notify *notify = bs_notify_create(loop);
    run_for(loop, 1);
    char text[16];
    int told = 0;
    for (; told < 10000; told++) { /* the kernel's queue of datagrams is far shorter */
        (void)snprintf(text, sizeof text, "%d", told);
        bs_notify_status(notify, text);
    }
    assert_null(strstr(hear(&manager), "STATUS=9999|"));
    run_for(loop, 1100);
    assert_string_equal(hear(&manager), "STATUS=9999|");
    bs_notify_destroy(notify);
    bs_loop_destroy(loop);
    hang_up(&manager);
}

static void a_manager_that_is_away_is_told_when_it_is_back(void **state)
{
    (void)state;
    struct manager manager;
    listen_anywhere(&manager);
    (void)close(manager.fd);
    struct bs_loop *loop = bs_loop_create();
    struct bs_notify *notify = bs_notify_create(loop);
    run_for(loop, 1);
    bs_notify_status(notify, "here");
    listen_anywhere(&manager);
    run_for(loop, 1100);
    assert_string_equal(hear(&manager), "READY=1\nSTATUS=here|");
    bs_notify_destroy(notify);
    bs_loop_destroy(loop);
    hang_up(&manager);
}

static void without_a_manager_nothing_happens(void **state)
{
    (void)state;
    static const char *const names[] = {NULL, "", "relative", "vsock:2:1"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i] != NULL) {
            BS_ASSERT(setenv("NOTIFY_SOCKET", names[i], 1) == 0);
        }
        struct bs_loop *loop = bs_loop_create();
        struct bs_notify *notify = bs_notify_create(loop);
        bs_notify_status(notify, "here");
        run_for(loop, 1);
        bs_notify_stopping(notify, "gone");
        bs_notify_destroy(notify);
        bs_loop_destroy(loop);
    }
    (void)unsetenv("NOTIFY_SOCKET");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ready_is_told_by_the_loop_and_before_any_status),
        cmocka_unit_test(a_path_is_as_good_as_an_abstract_name),
        cmocka_unit_test(signs_of_life_come_twice_a_period_and_from_the_loop_alone),
        cmocka_unit_test(a_watchdog_that_is_meant_for_another_process_gets_no_sign),
        cmocka_unit_test(what_a_manager_has_no_room_for_is_told_later),
        cmocka_unit_test(a_manager_that_is_away_is_told_when_it_is_back),
        cmocka_unit_test(without_a_manager_nothing_happens),
    };
    return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
