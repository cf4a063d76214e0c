/* What the HTTP edge keeps of an answer's headers. Private to the edge. */
#ifndef BS_EDGES_HTTP_HEADERS_H
#define BS_EDGES_HTTP_HEADERS_H

#include <stddef.h>
#include <stdint.h>

#include "base/time.h"

/* Ids of the service are UUIDs; one that is longer than this is cut. */
#define BS_HTTP_ID_SIZE 64

struct bs_http_headers {
    size_t size_bytes; /* of all lines of all header blocks, status lines and trailers included */
    char retry_after[64];
    char date[40];
    char request_id[BS_HTTP_ID_SIZE]; /* "" = none; printable ASCII only */
    char trace_id[BS_HTTP_ID_SIZE];
};

void bs_http_headers_reset(struct bs_http_headers *headers);

/* Takes one line as it came, its line end included. A status line begins a new block: what an
 * interim answer (1xx) said does not count for the final one. */
void bs_http_headers_line(struct bs_http_headers *headers, const char *line, size_t size);

/* The Date header; 0 = none or not a date. */
bs_wall_ms bs_http_headers_date(const struct bs_http_headers *headers);

/* Retry-After as a delay: seconds, or a date (counted from the answer's own Date where it has one,
 * so that clocks that differ do no harm, else from `now`). 0 = none, past, or not understood; at
 * most a day. */
int64_t bs_http_headers_retry_after_ms(const struct bs_http_headers *headers, bs_wall_ms now);

#endif
