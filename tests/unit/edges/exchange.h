/* One request through the HTTP edge and what it came to, for tests that wait for it. */
#ifndef BS_TESTS_UNIT_EDGES_EXCHANGE_H
#define BS_TESTS_UNIT_EDGES_EXCHANGE_H

#include <stdbool.h>

#include "edges/http.h"

/* Limits that are short enough for a test of each. */
struct bs_http_options exchange_options(void);

struct exchange {
    bool done;
    int calls;
    enum bs_http_outcome outcome;
    int32_t status;
    char body[4096]; /* the beginning of it, NUL-terminated */
    size_t body_size;
    int64_t retry_after_ms;
    char request_id[80], trace_id[80]; /* "" = none */
    bs_wall_ms date;
    char message[300];
    int64_t took_ms;
};

struct client {
    struct bs_loop *loop;
    struct bs_http *http;
};

struct client client_open(const struct bs_http_options *options);
void client_close(struct client *client);

/* Sends it and runs the loop until the answer came; fails the test after 20 s. */
struct exchange client_send(struct client *client, const struct bs_http_request *request);
struct exchange client_get(struct client *client, const char *url);
struct exchange client_post(struct client *client, const char *url);

#endif
