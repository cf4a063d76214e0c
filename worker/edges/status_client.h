/* Asks workers for their /status, all at once: plain HTTP, no proxy, no redirect, bounded in time
 * and size. Blocking calls, any one thread. */
#ifndef BS_EDGES_STATUS_CLIENT_H
#define BS_EDGES_STATUS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "formats/message.h"

#define BS_STATUS_ADDRESSES_MAX 256 /* that are asked at a time; the others are left out */

/* A name stands for all of its addresses. */
struct bs_status_place {
    char host[256]; /* an IPv6 address without brackets */
    uint16_t port;
};

/* "host", "host:port", "[address]:port"; false for anything else. */
BS_MUST_CHECK bool bs_status_place_parse(const char *text, uint16_t port,
                                         struct bs_status_place *place);

struct bs_status_answer {
    size_t place;      /* the index of what was asked for */
    char address[300]; /* "10.0.0.5:9464"; what was asked for where it has no address */
    bool ipv6;
    bool answered;
    char problem[200];     /* why not */
    struct bs_buffer page; /* what was answered */
};

struct bs_status_answers {
    struct bs_status_answer *list;
    size_t count;
    size_t left_out;
};

struct bs_status_client;
/* `go_on` is asked now and then; false ends the asking at once. */
struct bs_status_client *bs_status_client_create(bool (*go_on)(void *context), void *context);
void bs_status_client_destroy(struct bs_status_client *client);

/* One answer an address, at most `limit_ms` later (and the time that looking up names takes); of a
 * name with addresses of both families those of the one that does not answer are left out. The
 * caller frees them. */
void bs_status_ask(struct bs_status_client *client, const struct bs_status_place *places,
                   size_t count, int32_t limit_ms, struct bs_status_answers *answers);
void bs_status_answers_free(struct bs_status_answers *answers);

#endif
