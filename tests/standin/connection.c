#include "connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE            16384
#define OUTPUT_KEPT_BYTES    65536 /* a larger output buffer is given back after use */
#define ENDLESS_HEADER_BYTES ((int64_t)256 * 1024 * 1024)

struct connection *connection_create(int epoll_fd, int fd, bool control)
{
    struct connection *connection = calloc(1, sizeof *connection);
    BS_ASSERT(connection != NULL);
    connection->watched = WATCHED_CONNECTION;
    connection->fd = fd;
    connection->epoll_fd = epoll_fd;
    connection->events = EPOLLIN;
    connection->control = control;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    int failed = epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
    BS_ASSERT(failed == 0);
    return connection;
}

void connection_destroy(struct connection *connection, bool reset)
{
    if (reset) {
        struct linger linger = {.l_onoff = 1, .l_linger = 0};
        (void)setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    }
    close(connection->fd);
    bs_list_remove(&connection->link);
    buffer_free(&connection->input);
    buffer_free(&connection->output);
    free(connection);
}

static void watch(struct connection *connection, uint32_t events)
{
    if (connection->events == events) {
        return;
    }
    connection->events = events;
    struct epoll_event event = {.events = events, .data.ptr = connection};
    int failed = epoll_ctl(connection->epoll_fd, EPOLL_CTL_MOD, connection->fd, &event);
    BS_ASSERT(failed == 0);
}

bool connection_read(struct connection *connection)
{
    char *room = buffer_reserve(&connection->input, READ_SIZE);
    ssize_t count = read(connection->fd, room, READ_SIZE);
    if (count > 0) {
        connection->input.size += (size_t)count;
        return true;
    }
    return count < 0 && (errno == EAGAIN || errno == EINTR);
}

void connection_answer(struct connection *connection, const struct answer *answer,
                       struct bs_now now, uint64_t random)
{
    if (answer->delivery == ANSWER_NEVER) {
        connection->held = true;
        connection->ends_when_resumed = true;
        connection->resume_at = answer->delay_ms > 0 ? now.mono + answer->delay_ms : BS_NEVER;
        return;
    }
    if (answer->delivery == ANSWER_ENDLESS_HEADERS) {
        buffer_text(&connection->output, "HTTP/1.1 200 OK\r\n");
        connection->endless_bytes = ENDLESS_HEADER_BYTES;
    } else {
        answer_write(answer, now.wall, random, &connection->output);
        connection->ends_after_output |= answer->close || answer->delivery == ANSWER_CUT;
    }
    if (answer->delay_ms > 0) {
        connection->held = true;
        connection->resume_at = now.mono + answer->delay_ms;
    }
}

static void add_endless_headers(struct connection *connection)
{
    static const char line[] =
        "x-padding: "
        "0123456789012345678901234567890123456789012345678901234567890123\r\n";
    for (int lines = 0; lines < 400; lines++) {
        buffer_add(&connection->output, line, sizeof line - 1);
    }
    connection->endless_bytes -= 400 * (int64_t)(sizeof line - 1);
    if (connection->endless_bytes <= 0) {
        connection->endless_bytes = 0;
        connection->ends_after_output = true;
    }
}

static void forget_output(struct connection *connection)
{
    connection->sent = 0;
    connection->output.size = 0;
    if (connection->output.room > OUTPUT_KEPT_BYTES) {
        buffer_free(&connection->output);
    }
}

bool connection_write(struct connection *connection)
{
    if (connection->held) {
        /* Only the peer's going away is of interest until then. */
        watch(connection, EPOLLRDHUP);
        return true;
    }
    for (;;) {
        if (connection->sent == connection->output.size) {
            forget_output(connection);
            if (connection->endless_bytes == 0) {
                break;
            }
            add_endless_headers(connection);
        }
        ssize_t count = send(connection->fd, connection->output.bytes + connection->sent,
                             connection->output.size - connection->sent, MSG_NOSIGNAL);
        if (count < 0) {
            watch(connection, EPOLLOUT);
            return errno == EAGAIN || errno == EINTR;
        }
        connection->sent += (size_t)count;
    }
    watch(connection, EPOLLIN);
    return !connection->ends_after_output;
}

bool connection_resume(struct connection *connection)
{
    if (connection->ends_when_resumed) {
        return false;
    }
    connection->held = false;
    return connection_write(connection);
}
