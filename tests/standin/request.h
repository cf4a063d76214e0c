/* An HTTP/1.1 request as it stands in a connection's input. */
#ifndef STANDIN_REQUEST_H
#define STANDIN_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#define REQUEST_HEAD_MAX    32768
#define REQUEST_BODY_MAX    ((size_t)4 * 1024 * 1024)
#define REQUEST_HEADERS_MAX 64

struct request_header {
    const char *name;
    const char *value; /* NUL-terminated, trimmed */
};

/* Everything points into the input, which parsing has cut into NUL-terminated strings. The body is
 * followed by a byte that is not ours: use its size. */
struct request {
    char *method;
    char *target; /* as sent: path and query */
    struct request_header headers[REQUEST_HEADERS_MAX];
    size_t header_count;
    const char *body;
    size_t body_size;
    size_t whole_size; /* how much of the input it takes */
    bool keep_alive;
    bool expects_continue;
};

enum request_state {
    REQUEST_INCOMPLETE, /* more input is needed; nothing was changed */
    REQUEST_COMPLETE,
    REQUEST_BAD,       /* answer with 400 and close */
    REQUEST_TOO_LARGE, /* answer with 413 and close */
};

/* Reads the first request of the input. With INCOMPLETE and `expects_continue` the head is whole
 * and the client waits for "100 Continue". */
enum request_state request_parse(char *input, size_t size, struct request *request);

/* The header's value, or NULL. Names are compared without regard to case. */
const char *request_header(const struct request *request, const char *name);

#endif
