#include "edges/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"

#define AGAIN_MS              1000 /* after a datagram that could not be sent */
#define SIGN_OF_LIFE_LEAST_MS 10

struct bs_notify {
    int fd; /* -1: nobody listens */
    struct sockaddr_un address;
    socklen_t address_size;
    struct bs_timer *timer;
    int64_t watchdog_ms; /* between two signs of life; 0 = none is wanted */
    bs_mono_ms next_sign;
    bool complained;
    bool ready, stopping;           /* what is to be told */
    bool told_ready, told_stopping; /* what was */
    char status[BS_NOTIFY_STATUS_MAX];
    char told_status[BS_NOTIFY_STATUS_MAX];
};

/* ---- where to, and how often ---- */

static bool read_address(struct bs_notify *notify, const char *name)
{
    size_t length = strlen(name);
    if ((name[0] != '/' && name[0] != '@') || length >= sizeof notify->address.sun_path) {
        return false;
    }
    notify->address.sun_family = AF_UNIX;
    memcpy(notify->address.sun_path, name, length);
    if (name[0] == '@') {
        notify->address.sun_path[0] = '\0'; /* the abstract namespace: no NUL at its end */
    }
    notify->address_size =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (name[0] == '/' ? 1 : 0));
    return true;
}

/* Half of the time after which we would be taken for dead; another process may be meant. */
static int64_t read_watchdog(void)
{
    const char *period = getenv("WATCHDOG_USEC");
    const char *process = getenv("WATCHDOG_PID");
    if (period == NULL || (process != NULL && strtol(process, NULL, 10) != (long)getpid())) {
        return 0;
    }
    errno = 0;
    long long microseconds = strtoll(period, NULL, 10);
    if (errno != 0 || microseconds <= 0) {
        return 0;
    }
    int64_t half = microseconds / 2000;
    return half < SIGN_OF_LIFE_LEAST_MS ? SIGN_OF_LIFE_LEAST_MS : half;
}

/* ---- telling ---- */

/* False: not now. The manager may have no room at present, or be on its way to its next version. */
static bool tell(struct bs_notify *notify, const char *text)
{
    ssize_t sent = sendto(notify->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT,
                          (const struct sockaddr *)&notify->address, notify->address_size);
    if (sent < 0 && errno != EAGAIN && !notify->complained) {
        bs_log(BS_LOG_WARN, NULL, "the service manager cannot be told (NOTIFY_SOCKET): %s",
               strerror(errno));
    }
    notify->complained = sent < 0 && (notify->complained || errno != EAGAIN);
    return sent >= 0;
}

static bool tell_news(struct bs_notify *notify)
{
    char text[BS_NOTIFY_STATUS_MAX + 64];
    bool ready = !notify->told_ready;
    bool stopping = notify->stopping && !notify->told_stopping;
    bool status = strcmp(notify->status, notify->told_status) != 0;
    if (!ready && !stopping && !status) {
        return true;
    }
    (void)snprintf(text, sizeof text, "%s%s%s%s", ready ? "READY=1\n" : "",
                   stopping ? "STOPPING=1\n" : "", status ? "STATUS=" : "",
                   status ? notify->status : "");
    if (!tell(notify, text)) {
        return false;
    }
    notify->told_ready = true;
    notify->told_stopping = notify->stopping;
    memcpy(notify->told_status, notify->status, sizeof notify->status);
    return true;
}

static void send_due(struct bs_notify *notify)
{
    if (!notify->ready) {
        return; /* the first turn begins with it */
    }
    bs_mono_ms now = bs_clock_now().mono;
    bs_mono_ms next = tell_news(notify) ? BS_NEVER : now + AGAIN_MS;
    if (notify->watchdog_ms > 0) {
        if (now >= notify->next_sign) {
            bool soon = !tell(notify, "WATCHDOG=1") && notify->watchdog_ms > AGAIN_MS;
            notify->next_sign = now + (soon ? AGAIN_MS : notify->watchdog_ms);
        }
        next = next < notify->next_sign ? next : notify->next_sign;
    }
    bs_timer_set(notify->timer, next);
}

/* The loop turns: that is what READY=1 means, and what a sign of life does. */
static void on_time(void *context, uint32_t events)
{
    struct bs_notify *notify = context;
    (void)events;
    notify->ready = true;
    send_due(notify);
}

/* ---- the outside ---- */

struct bs_notify *bs_notify_create(struct bs_loop *loop)
{
    struct bs_notify *notify = calloc(1, sizeof *notify);
    BS_ASSERT(notify != NULL);
    const char *name = getenv("NOTIFY_SOCKET");
    notify->fd = -1;
    notify->timer = bs_timer_create(loop, on_time, notify);
    if (name == NULL || name[0] == '\0') {
        return notify;
    }
    if (!read_address(notify, name)) {
        bs_log(BS_LOG_WARN, NULL, "NOTIFY_SOCKET is neither a path nor an abstract name: %s", name);
        return notify;
    }
    notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    BS_ASSERT(notify->fd >= 0);
    notify->watchdog_ms = read_watchdog();
    bs_timer_set(notify->timer, bs_clock_now().mono);
    return notify;
}

void bs_notify_destroy(struct bs_notify *notify)
{
    if (notify == NULL) {
        return;
    }
    if (notify->fd >= 0) {
        (void)close(notify->fd);
    }
    bs_timer_destroy(notify->timer);
    free(notify);
}

void bs_notify_status(struct bs_notify *notify, const char *text)
{
    if (notify->fd >= 0 && !notify->stopping) {
        (void)snprintf(notify->status, sizeof notify->status, "%s", text);
        send_due(notify);
    }
}

void bs_notify_stopping(struct bs_notify *notify, const char *text)
{
    if (notify->fd >= 0 && !notify->stopping) {
        notify->stopping = true;
        (void)snprintf(notify->status, sizeof notify->status, "%s", text);
        send_due(notify);
    }
}
