/* HTTP client on curl's multi interface. Decides nothing: each request on the wire is asked for. */
#ifndef BS_EDGES_HTTP_H
#define BS_EDGES_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "edges/loop.h"
#include "formats/message.h"

struct bs_http;

struct bs_http_options {
    int32_t connections; /* requests at once at most; never more handles than that */
    int64_t connect_limit_ms;
    int64_t request_limit_ms;  /* the whole request */
    int64_t stall_limit_ms;    /* no byte for so long, give or take a few seconds */
    size_t answer_limit_bytes; /* a larger body ends the request as BS_HTTP_LOST with a message */
    /* Of all bodies that are being received, together: where it is reached, one goes on and the
     * others wait with what they have, up to their time limit. Small ones never wait. */
    size_t held_limit_bytes;
    size_t header_limit_bytes; /* all of an answer's headers together */
    const char *user_agent;
    bool verify_certificates; /* always true but in tests of the stand-in's own certificate */
};

struct bs_http_request {
    const char *url;  /* copied */
    const char *body; /* NULL = GET; copied */
    size_t body_size;
    const char *authorization; /* the header's value, or NULL; copied, wiped after use */
    /* "Name: value" lines, copied. Without a Content-Type among them a body goes as JSON. */
    const char *const *headers;
    size_t header_count;
    bs_mono_ms send_before; /* not on the wire by then: BS_HTTP_NOT_SENT; 0 = no such limit */
};

enum bs_http_outcome {
    BS_HTTP_ANSWERED, /* status and body came whole */
    BS_HTTP_NOT_SENT, /* surely nothing of it reached the service (resolve, connect, TLS, late) */
    BS_HTTP_LOST,     /* sent, wholly or in part, and no whole answer came */
};

/* What a request came to; valid during the callback. A redirect is an answer like any other. */
struct bs_http_answer {
    enum bs_http_outcome outcome;
    int32_t status;
    struct bs_bytes body;
    int64_t retry_after_ms; /* of the header, seconds or a date; 0 = none */
    const char *request_id; /* x-request-id or NULL */
    const char *trace_id;   /* x-server-trace-id or NULL */
    bs_wall_ms date;        /* the Date header; 0 = none */
    bool too_large;         /* LOST, with its status, because it was over a limit: so it will be */
    const char *message;    /* of NOT_SENT and LOST */
};

typedef void bs_http_callback(void *context, const struct bs_http_answer *answer);

BS_MUST_CHECK struct bs_http *
bs_http_create(struct bs_loop *loop, const struct bs_http_options *options, struct bs_error *error);
/* Requests under way are dropped without a callback. */
void bs_http_destroy(struct bs_http *http);

/* Starts a request; the callback comes exactly once, later, on the loop's thread; it may send the
 * next request, and must not destroy the client. The caller keeps to options.connections
 * (asserted). No redirect is followed, no request is sent twice, no proxy is taken from the
 * environment. */
void bs_http_send(struct bs_http *http, const struct bs_http_request *request,
                  bs_http_callback *callback, void *context);

int32_t bs_http_under_way(const struct bs_http *http);
/* Of the bodies that are being received. */
size_t bs_http_held_bytes(const struct bs_http *http);
int32_t bs_http_open_connections(const struct bs_http *http);
const char *bs_curl_version(void);

#endif
