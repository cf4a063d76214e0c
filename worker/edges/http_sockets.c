#include "edges/http_sockets.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"

/* A socket that curl wants to be told about. A kept one stays watched between its requests. */
struct connection {
    struct bs_http_sockets *sockets;
    struct bs_watch *watch; /* NULL: not watched, for the other side spoke or left out of turn */
    curl_socket_t fd;
    bool wanted; /* by curl, at present */
    bool heard;  /* from the other side: it is a connection, and curl will tell when it closes it */
};

struct bs_http_sockets {
    struct bs_loop *loop;
    struct bs_timer *timer;
    CURLM *multi;
    int64_t request_limit_ms;
    void (*moved)(void *context);
    void *context;
    struct connection **by_fd; /* those whose sockets we opened; NULL elsewhere */
    size_t by_fd_count;
    int32_t open;
};

static void stop_watching(struct connection *connection)
{
    bs_loop_remove(connection->sockets->loop, connection->watch);
    connection->watch = NULL;
}

static void forget_connection(struct bs_http_sockets *sockets, curl_socket_t fd)
{
    if (sockets->by_fd[fd] != NULL) {
        stop_watching(sockets->by_fd[fd]);
        free(sockets->by_fd[fd]);
        sockets->by_fd[fd] = NULL;
        sockets->open--;
    }
}

curl_socket_t bs_http_socket_opened(void *context, curlsocktype purpose,
                                    struct curl_sockaddr *address)
{
    struct bs_http_sockets *sockets = context;
    (void)purpose;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd < 0) {
        return CURL_SOCKET_BAD;
    }
    /* What was not acknowledged by then is not sent again, whoever has closed the socket: a request
     * that arrives later than its time limit would be counted in another window. */
    unsigned int limit_ms = (unsigned int)sockets->request_limit_ms;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit_ms, sizeof limit_ms);
    if ((size_t)fd >= sockets->by_fd_count) {
        size_t count = (size_t)fd + 64;
        sockets->by_fd = realloc(sockets->by_fd, count * sizeof(struct connection *));
        BS_ASSERT(sockets->by_fd != NULL);
        memset(sockets->by_fd + sockets->by_fd_count, 0,
               (count - sockets->by_fd_count) * sizeof(struct connection *));
        sockets->by_fd_count = count;
    }
    forget_connection(sockets, fd); /* curl closes without a word what never came to be one */
    struct connection *connection = calloc(1, sizeof *connection);
    BS_ASSERT(connection != NULL);
    connection->sockets = sockets;
    connection->fd = fd;
    sockets->by_fd[fd] = connection;
    sockets->open++;
    return fd;
}

int bs_http_socket_closed(void *context, curl_socket_t fd)
{
    forget_connection(context, fd);
    return close(fd);
}

static void act(struct bs_http_sockets *sockets, curl_socket_t fd, int what)
{
    int running;
    BS_ASSERT(curl_multi_socket_action(sockets->multi, fd, what, &running) == CURLM_OK);
    sockets->moved(sockets->context);
}

static void socket_ready(void *context, uint32_t events)
{
    struct connection *connection = context;
    int what = 0;
    if (!connection->wanted) {
        stop_watching(connection); /* curl finds out before it uses the connection again */
        return;
    }
    connection->heard = (events & EPOLLIN) != 0 && (events & (EPOLLERR | EPOLLHUP)) == 0;
    if ((events & EPOLLIN) != 0) {
        what |= CURL_CSELECT_IN;
    }
    if ((events & EPOLLOUT) != 0) {
        what |= CURL_CSELECT_OUT;
    }
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
        what |= CURL_CSELECT_ERR;
    }
    act(connection->sockets, connection->fd, what);
}

static void time_is_up(void *context, uint32_t events)
{
    (void)events;
    act(context, CURL_SOCKET_TIMEOUT, 0);
}

/* curl's resolver has descriptors of its own: those come and go with curl's interest in them. */
static struct connection *connection_of(struct bs_http_sockets *sockets, curl_socket_t fd,
                                        void *assigned)
{
    if ((size_t)fd < sockets->by_fd_count && sockets->by_fd[fd] != NULL) {
        return sockets->by_fd[fd];
    }
    struct connection *connection = assigned;
    if (connection == NULL) {
        connection = calloc(1, sizeof *connection);
        BS_ASSERT(connection != NULL);
        connection->sockets = sockets;
        connection->fd = fd;
        BS_ASSERT(curl_multi_assign(sockets->multi, fd, connection) == CURLM_OK);
    }
    return connection;
}

static int socket_wanted(CURL *easy, curl_socket_t fd, int what, void *context, void *assigned)
{
    struct bs_http_sockets *sockets = context;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (assigned != NULL) {
            stop_watching(assigned);
            (void)curl_multi_assign(sockets->multi, fd, NULL);
            free(assigned);
        } else if ((size_t)fd < sockets->by_fd_count && sockets->by_fd[fd] != NULL) {
            sockets->by_fd[fd]->wanted = false;
            if (!sockets->by_fd[fd]->heard) {
                stop_watching(sockets->by_fd[fd]);
            }
        }
        return 0;
    }
    struct connection *connection = connection_of(sockets, fd, assigned);
    uint32_t events = ((what & CURL_POLL_IN) != 0 ? (uint32_t)EPOLLIN : 0) |
                      ((what & CURL_POLL_OUT) != 0 ? (uint32_t)EPOLLOUT : 0);
    connection->wanted = true;
    if (connection->watch == NULL) {
        connection->watch = bs_loop_add(sockets->loop, fd, events, socket_ready, connection);
    } else {
        bs_loop_modify(sockets->loop, connection->watch, events);
    }
    return 0;
}

/* No curl function may be called from here, so even "now" goes through the timer. */
static int timer_wanted(CURLM *multi, long delay_ms, void *context)
{
    struct bs_http_sockets *sockets = context;
    (void)multi;
    if (delay_ms < 0) {
        bs_timer_set(sockets->timer, BS_NEVER);
    } else {
        /* curl does not ask again for a moment that it has asked for, so the timer must not come
         * early; both its milliseconds and ours are rounded down, hence two more. */
        bs_timer_set(sockets->timer, bs_clock_now().mono + delay_ms + (delay_ms == 0 ? 0 : 2));
    }
    return 0;
}

struct bs_http_sockets *bs_http_sockets_create(struct bs_loop *loop, CURLM *multi,
                                               int64_t request_limit_ms,
                                               void (*moved)(void *context), void *context)
{
    struct bs_http_sockets *sockets = calloc(1, sizeof *sockets);
    BS_ASSERT(sockets != NULL);
    sockets->loop = loop;
    sockets->multi = multi;
    sockets->request_limit_ms = request_limit_ms;
    sockets->moved = moved;
    sockets->context = context;
    sockets->timer = bs_timer_create(loop, time_is_up, sockets);
    BS_ASSERT(curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, socket_wanted) == CURLM_OK);
    BS_ASSERT(curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, sockets) == CURLM_OK);
    BS_ASSERT(curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, timer_wanted) == CURLM_OK);
    BS_ASSERT(curl_multi_setopt(multi, CURLMOPT_TIMERDATA, sockets) == CURLM_OK);
    return sockets;
}

void bs_http_sockets_destroy(struct bs_http_sockets *sockets)
{
    bs_timer_destroy(sockets->timer);
    for (size_t fd = 0; fd < sockets->by_fd_count; fd++) {
        forget_connection(sockets, (curl_socket_t)fd);
    }
    free(sockets->by_fd);
    free(sockets);
}

int32_t bs_http_sockets_open(const struct bs_http_sockets *sockets)
{
    return sockets->open;
}
