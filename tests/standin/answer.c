#include "answer.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "clock.h"

void answer_reset(struct answer *answer)
{
    answer->status = 200;
    answer->delivery = ANSWER_WHOLE;
    answer->delay_ms = 0;
    answer->content_type = "application/json";
    answer->headers.size = 0;
    answer->body.size = 0;
    answer->body_omitted = false;
    answer->close = false;
}

void answer_free(struct answer *answer)
{
    buffer_free(&answer->headers);
    buffer_free(&answer->body);
}

void answer_header(struct answer *answer, const char *name, const char *value)
{
    buffer_text(&answer->headers, name);
    buffer_add(&answer->headers, ": ", 2);
    buffer_text(&answer->headers, value);
    buffer_add(&answer->headers, "\r\n", 2);
}

int answer_http_status(int grpc_code)
{
    switch (grpc_code) {
    case 0:
        return 200;
    case 1:
        return 499;
    case 3:
    case 9:
    case 11:
        return 400;
    case 4:
        return 504;
    case 5:
        return 404;
    case 6:
    case 10:
        return 409;
    case 7:
        return 403;
    case 8:
        return 429;
    case 12:
        return 501;
    case 14:
        return 503;
    case 16:
        return 401;
    default:
        return 500;
    }
}

void answer_error(struct answer *answer, int grpc_code, const char *message)
{
    answer->status = answer_http_status(grpc_code);
    answer->body.size = 0;
    buffer_text(&answer->body, "{\"code\":");
    buffer_number(&answer->body, grpc_code);
    buffer_text(&answer->body, ",\"message\":");
    buffer_json(&answer->body, message);
    buffer_text(&answer->body, ",\"details\":[]}");
}

static const char *reason_phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {
        {200, "OK"},
        {206, "Partial Content"},
        {307, "Temporary Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {413, "Content Too Large"},
        {416, "Range Not Satisfiable"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++) {
        if (phrases[i].status == status) {
            return phrases[i].phrase;
        }
    }
    return "Status";
}

/* The Date header's value changes once a second, so it is made once a second. */
static const char *http_date(bs_wall_ms now)
{
    static bs_wall_ms second = -1;
    static char text[CLOCK_HTTP_DATE_SIZE];
    if (now / 1000 != second) {
        second = now / 1000;
        clock_http_date(now, text);
    }
    return text;
}

static void write_hex(struct buffer *output, uint64_t value, int digits)
{
    static const char hex[] = "0123456789abcdef";
    char *at = buffer_reserve(output, (size_t)digits);
    for (int place = digits - 1; place >= 0; place--) {
        at[place] = hex[value & 15];
        value >>= 4;
    }
    output->size += (size_t)digits;
}

/* A UUID for x-request-id, and the trace id that belongs to it. */
static void write_request_ids(struct buffer *output, uint64_t random)
{
    uint64_t high = bs_mix64(random);
    uint64_t low = bs_mix64(high);
    buffer_text(output, "x-request-id: ");
    write_hex(output, high >> 32, 8);
    buffer_add(output, "-", 1);
    write_hex(output, high >> 16, 4);
    buffer_add(output, "-4", 2);
    write_hex(output, high, 3);
    buffer_add(output, "-a", 2);
    write_hex(output, low >> 48, 3);
    buffer_add(output, "-", 1);
    write_hex(output, low, 12);
    buffer_text(output, "\r\nx-server-trace-id: ");
    write_hex(output, low, 16);
    buffer_add(output, ":", 1);
    write_hex(output, high, 16);
    buffer_text(output, ":1\r\n");
}

void answer_write(const struct answer *answer, bs_wall_ms now, uint64_t random,
                  struct buffer *output)
{
    buffer_text(output, "HTTP/1.1 ");
    buffer_number(output, answer->status);
    buffer_add(output, " ", 1);
    buffer_text(output, reason_phrase(answer->status));
    buffer_text(output, "\r\nDate: ");
    buffer_text(output, http_date(now));
    buffer_text(output, "\r\nContent-Type: ");
    buffer_text(output, answer->content_type);
    buffer_text(output, "\r\nContent-Length: ");
    buffer_number(output, (int64_t)answer->body.size);
    buffer_text(output, "\r\n");
    write_request_ids(output, random);
    buffer_add(output, answer->headers.bytes, answer->headers.size);
    if (answer->close) {
        buffer_text(output, "Connection: close\r\n");
    }
    buffer_add(output, "\r\n", 2);
    if (!answer->body_omitted) {
        size_t size = answer->delivery == ANSWER_CUT ? answer->body.size / 2 : answer->body.size;
        buffer_add(output, answer->body.bytes, size);
    }
}
