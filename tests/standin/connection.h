/* One client's connection: input, output, and an answer that may be held back. */
#ifndef STANDIN_CONNECTION_H
#define STANDIN_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "answer.h"
#include "base/list.h"
#include "base/time.h"
#include "buffer.h"

/* What epoll's data points at; the first member of everything that is watched. */
enum watched {
    WATCHED_LISTENER,
    WATCHED_CONTROL,
    WATCHED_SIGNALS,
    WATCHED_BELL,
    WATCHED_CONNECTION
};

struct connection {
    enum watched watched;
    int fd;
    int epoll_fd;
    uint32_t events; /* what epoll watches now */
    struct bs_link link;
    struct buffer input;
    struct buffer output;
    size_t sent;  /* bytes of output that are gone */
    bool control; /* came in through the control listener */
    bool spared;  /* asked for the outage, so it outlives it */
    bool held;    /* the answer waits for resume_at; no further request is read */
    bool ends_when_resumed;
    bool ends_after_output;
    int64_t endless_bytes; /* header bytes still to be made up */
    bs_mono_ms resume_at;
};

/* Owns `fd`, which must be non-blocking. */
struct connection *connection_create(int epoll_fd, int fd, bool control);
/* Closes it; with `reset` the peer sees RST. */
void connection_destroy(struct connection *connection, bool reset);

/* Each of these returns false when the connection is over and must be destroyed. */

/* Takes in what has arrived. */
BS_MUST_CHECK bool connection_read(struct connection *connection);
/* Puts the answer where it will go out; `random` makes its ids. Not for ANSWER_RESET. */
void connection_answer(struct connection *connection, const struct answer *answer,
                       struct bs_now now, uint64_t random);
/* Sends as much as the socket takes and asks epoll for what is needed next. */
BS_MUST_CHECK bool connection_write(struct connection *connection);
/* The time of a held answer has come. */
BS_MUST_CHECK bool connection_resume(struct connection *connection);

static inline bool connection_busy(const struct connection *connection)
{
    return connection->held || connection->output.size > 0;
}

#endif
