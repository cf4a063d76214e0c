#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/list.h"
#include "clock.h"
#include "connection.h"

#define EVENTS_A_TURN   256
#define ACCEPTS_A_TURN  64
#define TICK_MS         100
#define BACKLOG         1024
#define BODY_KEPT_BYTES ((size_t)1024 * 1024) /* a larger one is given back after use */

/* A descriptor that is watched and is no connection. */
struct watch {
    enum watched watched;
    int fd;
};

struct server {
    struct server_handlers handlers;
    struct sockaddr_in address;
    int epoll_fd;
    int reserved_fd; /* bound and never listening: keeps the port ours during an outage */
    struct watch listener;
    struct watch control;
    struct watch signals;
    struct watch bell;
    struct bs_list connections;
    struct answer answer;
    struct bs_random random;
    struct server_counts counts;
    enum outage outage;
    bool resets_connections; /* all that are not spared, at the end of this turn */
    bs_mono_ms outage_ends;
    struct connection *asking; /* whose request is being handled */
    bool stopping;
};

/* ---- sockets -------------------------------------------------------------------------------- */

static int bound_socket(struct sockaddr_in *address, struct bs_error *error)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0 ||
        bind(fd, (struct sockaddr *)address, sizeof *address) != 0) {
        bs_error_set(error, BS_ERROR_INVALID, "cannot listen on port %u: %s",
                     ntohs(address->sin_port), strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    socklen_t size = sizeof *address;
    int failed = getsockname(fd, (struct sockaddr *)address, &size);
    BS_ASSERT(failed == 0);
    return fd;
}

static void watch(struct server *server, struct watch *watch)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = watch};
    int failed = epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, watch->fd, &event);
    BS_ASSERT(failed == 0);
}

/* A listening socket on `address`, watched as `kind`. */
static bool listen_on(struct server *server, struct sockaddr_in *address, struct watch *listener,
                      enum watched kind, struct bs_error *error)
{
    listener->watched = kind;
    listener->fd = bound_socket(address, error);
    if (listener->fd < 0) {
        return false;
    }
    if (listen(listener->fd, BACKLOG) != 0) {
        bs_error_set(error, BS_ERROR_INVALID, "cannot listen on port %u: %s",
                     ntohs(address->sin_port), strerror(errno));
        return false;
    }
    watch(server, listener);
    return true;
}

static bool open_listeners(struct server *server, const char *host, uint16_t port,
                           struct bs_error *error)
{
    server->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
    if (inet_pton(AF_INET, host, &server->address.sin_addr) != 1) {
        bs_error_set(error, BS_ERROR_INVALID, "%s is no IPv4 address", host);
        return false;
    }
    server->reserved_fd = bound_socket(&server->address, error);
    if (server->reserved_fd < 0 ||
        !listen_on(server, &server->address, &server->listener, WATCHED_LISTENER, error)) {
        return false;
    }
    struct sockaddr_in control = server->address;
    control.sin_port = 0;
    return listen_on(server, &control, &server->control, WATCHED_CONTROL, error);
}

static void open_signals_and_bell(struct server *server)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    server->signals = (struct watch){.watched = WATCHED_SIGNALS,
                                     .fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC)};
    server->bell =
        (struct watch){.watched = WATCHED_BELL, .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    BS_ASSERT(server->signals.fd >= 0 && server->bell.fd >= 0);
    watch(server, &server->signals);
    watch(server, &server->bell);
}

struct server *server_create(const char *host, uint16_t port,
                             const struct server_handlers *handlers, struct bs_error *error)
{
    struct server *server = calloc(1, sizeof *server);
    BS_ASSERT(server != NULL);
    server->handlers = *handlers;
    server->reserved_fd = server->listener.fd = server->control.fd = -1;
    server->signals.fd = server->bell.fd = -1;
    bs_list_init(&server->connections);
    server->random.state = (uint64_t)clock_now().wall;
    server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    BS_ASSERT(server->epoll_fd >= 0);
    if (!open_listeners(server, host, port, error)) {
        server_destroy(server);
        return NULL;
    }
    open_signals_and_bell(server);
    return server;
}

static void close_if_open(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

void server_destroy(struct server *server)
{
    struct bs_link *link;
    while ((link = bs_list_first(&server->connections)) != NULL) {
        connection_destroy(BS_CONTAINER_OF(link, struct connection, link), false);
    }
    close_if_open(&server->listener.fd);
    close_if_open(&server->control.fd);
    close_if_open(&server->signals.fd);
    close_if_open(&server->bell.fd);
    close_if_open(&server->reserved_fd);
    close_if_open(&server->epoll_fd);
    answer_free(&server->answer);
    free(server);
}

static uint16_t local_port(int fd)
{
    struct sockaddr_in address = {0};
    socklen_t size = sizeof address;
    int failed = getsockname(fd, (struct sockaddr *)&address, &size);
    BS_ASSERT(failed == 0);
    return ntohs(address.sin_port);
}

uint16_t server_port(const struct server *server)
{
    return ntohs(server->address.sin_port);
}

uint16_t server_control_port(const struct server *server)
{
    return local_port(server->control.fd);
}

int server_bell(const struct server *server)
{
    return server->bell.fd;
}

/* ---- connections ------------------------------------------------------------------------------
 */

static void end(struct server *server, struct connection *connection, bool reset)
{
    server->counts.connections_open--;
    connection_destroy(connection, reset);
}

static void answer_bad_request(struct server *server, enum request_state state)
{
    answer_error(&server->answer, 3,
                 state == REQUEST_TOO_LARGE ? "request too large" : "malformed request");
    server->answer.status = state == REQUEST_TOO_LARGE ? 413 : 400;
    server->answer.close = true;
}

/* Handles the first request of the input. False: the connection is over (and gone). */
static bool handle_request(struct server *server, struct connection *connection,
                           const struct request *request, enum request_state state,
                           struct bs_now now)
{
    server->counts.requests++;
    answer_reset(&server->answer);
    if (state == REQUEST_COMPLETE) {
        server->asking = connection;
        server->handlers.request(server->handlers.context, request, now, &server->answer);
        server->asking = NULL;
        server->answer.close |= !request->keep_alive;
        buffer_consume(&connection->input, request->whole_size);
    } else {
        answer_bad_request(server, state);
    }
    if (server->answer.delivery == ANSWER_RESET) {
        end(server, connection, true);
        return false;
    }
    connection_answer(connection, &server->answer, now, bs_random_next(&server->random));
    if (server->answer.body.room > BODY_KEPT_BYTES) {
        buffer_free(&server->answer.body);
    }
    if (!connection_write(connection)) {
        end(server, connection, false);
        return false;
    }
    return true;
}

static void handle_requests(struct server *server, struct connection *connection, struct bs_now now)
{
    while (!connection_busy(connection) && connection->input.size > 0) {
        struct request request;
        enum request_state state =
            request_parse(connection->input.bytes, connection->input.size, &request);
        if (state == REQUEST_INCOMPLETE) {
            if (request.expects_continue) {
                static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
                (void)!send(connection->fd, go_on, sizeof go_on - 1, MSG_NOSIGNAL);
            }
            return;
        }
        if (!handle_request(server, connection, &request, state, now)) {
            return;
        }
    }
}

static void serve(struct server *server, struct connection *connection, uint32_t events,
                  struct bs_now now)
{
    bool peer_is_gone =
        (events & (EPOLLERR | EPOLLHUP)) != 0 || ((events & EPOLLRDHUP) != 0 && connection->held);
    if (peer_is_gone || ((events & EPOLLIN) != 0 && !connection_read(connection)) ||
        ((events & EPOLLOUT) != 0 && !connection_write(connection))) {
        end(server, connection, false);
        return;
    }
    handle_requests(server, connection, now);
}

static void accept_connections(struct server *server, const struct watch *listener)
{
    bool control = listener->watched == WATCHED_CONTROL;
    for (int count = 0; count < ACCEPTS_A_TURN; count++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            return;
        }
        int on = 1;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct connection *connection = connection_create(server->epoll_fd, fd, control);
        bs_list_append(&server->connections, &connection->link);
        server->counts.connections_open++;
        server->counts.connections_opened++;
        if (server->outage == OUTAGE_CLOSE && !control) {
            end(server, connection, true);
        }
    }
}

/* ---- outages ----------------------------------------------------------------------------------
 */

static void listen_again(struct server *server)
{
    struct bs_error error;
    bool listening =
        listen_on(server, &server->address, &server->listener, WATCHED_LISTENER, &error);
    BS_ASSERT(listening); /* the port is ours all the time */
}

void server_set_outage(struct server *server, enum outage outage, int64_t ms, struct bs_now now)
{
    server->outage = outage;
    server->outage_ends = ms > 0 ? now.mono + ms : BS_NEVER;
    server->resets_connections = outage != OUTAGE_NONE;
    /* Before the answer tells so. */
    if (outage == OUTAGE_REFUSE) {
        close_if_open(&server->listener.fd);
    } else if (server->listener.fd < 0) {
        listen_again(server);
    }
    if (server->asking != NULL) {
        server->asking->spared = true;
    }
}

enum outage server_outage(const struct server *server)
{
    return server->outage;
}

/* Open connections end once no event of this turn can point at them any more. */
static void reset_connections(struct server *server)
{
    server->resets_connections = false;
    struct bs_link *next;
    for (struct bs_link *link = bs_list_first(&server->connections); link != NULL; link = next) {
        struct connection *connection = BS_CONTAINER_OF(link, struct connection, link);
        next = bs_list_next(&server->connections, link);
        if (!connection->control && !connection->spared) {
            end(server, connection, true);
        }
    }
}

/* ---- the loop -----------------------------------------------------------------------------------
 */

static void resume_held(struct server *server, struct bs_now now)
{
    struct bs_link *next;
    for (struct bs_link *link = bs_list_first(&server->connections); link != NULL; link = next) {
        struct connection *connection = BS_CONTAINER_OF(link, struct connection, link);
        next = bs_list_next(&server->connections, link);
        if (connection->held && connection->resume_at <= now.mono) {
            if (connection_resume(connection)) {
                handle_requests(server, connection, now);
            } else {
                end(server, connection, false);
            }
        }
    }
}

static int wait_ms(const struct server *server, struct bs_now now, bs_mono_ms next_tick)
{
    bs_mono_ms until = next_tick;
    for (struct bs_link *link = bs_list_first(&server->connections); link != NULL;
         link = bs_list_next(&server->connections, link)) {
        struct connection *connection = BS_CONTAINER_OF(link, struct connection, link);
        if (connection->held && connection->resume_at < until) {
            until = connection->resume_at;
        }
    }
    return until <= now.mono ? 0 : (int)(until - now.mono);
}

static void dispatch(struct server *server, const struct epoll_event *event, struct bs_now now)
{
    enum watched *watched = event->data.ptr;
    uint64_t count;
    switch (*watched) {
    case WATCHED_LISTENER:
    case WATCHED_CONTROL:
        accept_connections(server, event->data.ptr);
        break;
    case WATCHED_SIGNALS:
        server->stopping = true;
        break;
    case WATCHED_BELL:
        if (read(server->bell.fd, &count, sizeof count) == sizeof count) {
            server->handlers.rung(server->handlers.context, now);
        }
        break;
    case WATCHED_CONNECTION:
        serve(server, event->data.ptr, event->events, now);
        break;
    }
}

void server_run(struct server *server)
{
    struct epoll_event events[EVENTS_A_TURN];
    struct bs_now now = clock_now();
    bs_mono_ms next_tick = now.mono + TICK_MS;
    while (!server->stopping) {
        int count =
            epoll_wait(server->epoll_fd, events, EVENTS_A_TURN, wait_ms(server, now, next_tick));
        now = clock_now();
        for (int i = 0; i < count; i++) {
            dispatch(server, &events[i], now);
        }
        resume_held(server, now);
        if (now.mono >= server->outage_ends && server->outage != OUTAGE_NONE) {
            server_set_outage(server, OUTAGE_NONE, 0, now);
        }
        if (server->resets_connections) {
            reset_connections(server);
        }
        if (now.mono >= next_tick) {
            server->handlers.tick(server->handlers.context, now);
            next_tick = now.mono + TICK_MS;
        }
    }
}

struct server_counts server_counts(const struct server *server)
{
    return server->counts;
}
