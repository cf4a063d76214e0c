#include "request.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The head without being cut up: its size with the empty line, 0 when it is not whole yet. */
static size_t head_size(const char *input, size_t size)
{
    const char *end = memmem(input, size, "\r\n\r\n", 4);
    return end == NULL ? 0 : (size_t)(end - input) + 4;
}

/* The value of a header in a head that is not cut up yet; its length in `*length`. */
static const char *peek_header(const char *head, size_t size, const char *name, size_t *length)
{
    size_t name_length = strlen(name);
    const char *end = head + size;
    for (const char *line = head; line < end;) {
        const char *line_end = memmem(line, (size_t)(end - line), "\r\n", 2);
        if (line_end == NULL) {
            break;
        }
        size_t line_length = (size_t)(line_end - line);
        if (line_length > name_length && line[name_length] == ':' &&
            strncasecmp(line, name, name_length) == 0) {
            const char *value = line + name_length + 1;
            while (value < line_end && *value == ' ') {
                value++;
            }
            *length = (size_t)(line_end - value);
            return value;
        }
        line = line_end + 2;
    }
    return NULL;
}

/* False when it is no number. */
static bool body_size(const char *head, size_t size, size_t *body)
{
    size_t length = 0;
    const char *value = peek_header(head, size, "Content-Length", &length);
    *body = 0;
    if (value == NULL) {
        return true;
    }
    if (length == 0 || length > 12) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (value[i] < '0' || value[i] > '9') {
            return false;
        }
        *body = *body * 10 + (size_t)(value[i] - '0');
    }
    return true;
}

static bool cut_request_line(char *line, struct request *request)
{
    char *target = strchr(line, ' ');
    if (target == NULL) {
        return false;
    }
    *target++ = '\0';
    char *version = strchr(target, ' ');
    if (version == NULL) {
        return false;
    }
    *version++ = '\0';
    request->method = line;
    request->target = target;
    request->keep_alive = strcmp(version, "HTTP/1.1") == 0;
    return strncmp(version, "HTTP/1.", 7) == 0 && target[0] == '/';
}

static bool cut_header(char *line, struct request *request)
{
    char *colon = strchr(line, ':');
    if (colon == NULL || request->header_count == REQUEST_HEADERS_MAX) {
        return false;
    }
    *colon = '\0';
    char *value = colon + 1;
    value += strspn(value, " \t");
    size_t length = strlen(value);
    while (length > 0 && (value[length - 1] == ' ' || value[length - 1] == '\t')) {
        value[--length] = '\0';
    }
    request->headers[request->header_count++] =
        (struct request_header){.name = line, .value = value};
    return true;
}

static bool cut_head(char *head, size_t size, struct request *request)
{
    if (memchr(head, '\0', size) != NULL) {
        return false;
    }
    char *end = head + size - 2; /* the empty line */
    bool first = true;
    for (char *line = head; line < end;) {
        char *line_end = memmem(line, (size_t)(end + 2 - line), "\r\n", 2);
        *line_end = '\0';
        if (!(first ? cut_request_line(line, request) : cut_header(line, request))) {
            return false;
        }
        first = false;
        line = line_end + 2;
    }
    return !first;
}

enum request_state request_parse(char *input, size_t size, struct request *request)
{
    request->header_count = 0;
    request->expects_continue = false;
    size_t head = head_size(input, size);
    if (head == 0) {
        return size > REQUEST_HEAD_MAX ? REQUEST_TOO_LARGE : REQUEST_INCOMPLETE;
    }
    size_t length = 0;
    if (!body_size(input, head, &request->body_size) ||
        peek_header(input, head, "Transfer-Encoding", &length) != NULL) {
        return REQUEST_BAD;
    }
    if (request->body_size > REQUEST_BODY_MAX) {
        return REQUEST_TOO_LARGE;
    }
    request->whole_size = head + request->body_size;
    if (size < request->whole_size) {
        request->expects_continue =
            size == head && peek_header(input, head, "Expect", &length) != NULL;
        return REQUEST_INCOMPLETE;
    }
    if (!cut_head(input, head, request)) {
        return REQUEST_BAD;
    }
    request->body = input + head;
    const char *connection = request_header(request, "Connection");
    if (connection != NULL && strcasecmp(connection, "close") == 0) {
        request->keep_alive = false;
    }
    return REQUEST_COMPLETE;
}

const char *request_header(const struct request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++) {
        if (strcasecmp(request->headers[i].name, name) == 0) {
            return request->headers[i].value;
        }
    }
    return NULL;
}
