/* What a handler answers, and how it is to be delivered: whole, cut, late, or not at all. */
#ifndef STANDIN_ANSWER_H
#define STANDIN_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"
#include "buffer.h"

enum answer_delivery {
    ANSWER_WHOLE,
    ANSWER_CUT,             /* the head, half of the body, then the connection ends */
    ANSWER_RESET,           /* no byte; the connection is reset (RST) */
    ANSWER_NEVER,           /* no byte; after delay_ms, if any, the connection ends */
    ANSWER_ENDLESS_HEADERS, /* a status line and headers without end */
};

struct answer {
    int status;
    enum answer_delivery delivery;
    int64_t delay_ms; /* before the first byte; NEVER: before the end, 0 = for ever */
    const char *content_type;
    struct buffer headers; /* further header lines, each with its CR LF */
    struct buffer body;
    bool body_omitted; /* HEAD: its length is told, the body is not sent */
    bool close;        /* the connection ends behind it */
};

/* Back to an empty 200; keeps the memory. */
void answer_reset(struct answer *answer);
void answer_free(struct answer *answer);

/* `name` and `value` become a header line. */
void answer_header(struct answer *answer, const char *name, const char *value);

/* The body becomes a google.rpc.Status as JSON, the status the one that belongs to `grpc_code`. */
void answer_error(struct answer *answer, int grpc_code, const char *message);

/* The HTTP status of a gRPC code, as the service maps them. */
int answer_http_status(int grpc_code);

/* Appends head and body as they go over the wire, with Date, x-request-id and x-server-trace-id. */
void answer_write(const struct answer *answer, bs_wall_ms now, uint64_t random,
                  struct buffer *output);

#endif
