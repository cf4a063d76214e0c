/* A small HTTP/1.1 server on one epoll: keep-alive, pipelining, and deliveries that go wrong when
 * asked to. Two listeners: the service's, which an outage closes, and a control one that stays. */
#ifndef STANDIN_SERVER_H
#define STANDIN_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "answer.h"
#include "base/error.h"
#include "base/time.h"
#include "request.h"

enum outage {
    OUTAGE_NONE,
    OUTAGE_REFUSE, /* nobody listens: connections are refused, open ones are reset */
    OUTAGE_CLOSE,  /* connections are accepted and reset at once, open ones too */
};

struct server_handlers {
    void *context;
    /* Fills `answer`, which was reset before. */
    void (*request)(void *context, const struct request *request, struct bs_now now,
                    struct answer *answer);
    /* About every 100 ms. */
    void (*tick)(void *context, struct bs_now now);
    /* Somebody wrote to server_bell. */
    void (*rung)(void *context, struct bs_now now);
};

struct server;

/* Listens on `host` (an IPv4 address) and `port` (0 = any free one), and on any free port of the
 * same host for control. NULL with a reason. SIGTERM and SIGINT must be blocked in every thread. */
BS_MUST_CHECK struct server *server_create(const char *host, uint16_t port,
                                           const struct server_handlers *handlers,
                                           struct bs_error *error);
void server_destroy(struct server *server);

uint16_t server_port(const struct server *server);
uint16_t server_control_port(const struct server *server);
/* An eventfd; any thread may write to it. */
int server_bell(const struct server *server);

/* Serves until SIGTERM or SIGINT. */
void server_run(struct server *server);

/* Who asks for it over a connection keeps that one. Ends by itself after `ms` (0 = stays). */
void server_set_outage(struct server *server, enum outage outage, int64_t ms, struct bs_now now);
enum outage server_outage(const struct server *server);

struct server_counts {
    int64_t connections_open;
    int64_t connections_opened;
    int64_t requests;
};
struct server_counts server_counts(const struct server *server);

#endif
