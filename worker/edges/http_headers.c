#include "edges/http_headers.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The last second of the year 9999: curl reads years of any length. */
#define DATE_LIMIT_SECONDS INT64_C(253402300799)
/* Nobody means to wait longer; it also keeps a number of any length from overflowing. */
#define RETRY_AFTER_LIMIT_MS (INT64_C(24) * 3600 * 1000)

void bs_http_headers_reset(struct bs_http_headers *headers)
{
    headers->size_bytes = 0;
    headers->retry_after[0] = '\0';
    headers->date[0] = '\0';
    headers->request_id[0] = '\0';
    headers->trace_id[0] = '\0';
}

/* The value, without white space around it, cut to `capacity`. Bytes that are not printable ASCII
 * become '?': these texts go into logs. */
static void keep(char *kept, size_t capacity, const char *value, size_t size)
{
    while (size > 0 && (*value == ' ' || *value == '\t')) {
        value++;
        size--;
    }
    while (size > 0 && (unsigned char)value[size - 1] <= ' ') {
        size--;
    }
    if (size > capacity - 1) {
        size = capacity - 1;
    }
    for (size_t i = 0; i < size; i++) {
        kept[i] = value[i] >= ' ' && value[i] <= '~' ? value[i] : '?';
    }
    kept[size] = '\0';
}

void bs_http_headers_line(struct bs_http_headers *headers, const char *line, size_t size)
{
    size_t size_bytes = headers->size_bytes + size;
    if (size >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        bs_http_headers_reset(headers);
    }
    headers->size_bytes = size_bytes;
    int first = size == 0 ? 0 : line[0] | 0x20;
    if (first != 'd' && first != 'r' && first != 'x') {
        return;
    }

    const struct {
        const char *name;
        size_t length;
        char *kept;
        size_t capacity;
    } wanted[] = {
        {"date", 4, headers->date, sizeof headers->date},
        {"retry-after", 11, headers->retry_after, sizeof headers->retry_after},
        {"x-request-id", 12, headers->request_id, sizeof headers->request_id},
        {"x-server-trace-id", 17, headers->trace_id, sizeof headers->trace_id},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        size_t length = wanted[i].length;
        if (size > length && line[length] == ':' &&
            strncasecmp(line, wanted[i].name, length) == 0) {
            keep(wanted[i].kept, wanted[i].capacity, line + length + 1, size - length - 1);
            return;
        }
    }
}

static bs_wall_ms parse_date(const char *text)
{
    time_t seconds = text[0] == '\0' ? -1 : curl_getdate(text, NULL);
    return seconds <= 0 || seconds > DATE_LIMIT_SECONDS ? 0 : (bs_wall_ms)seconds * 1000;
}

bs_wall_ms bs_http_headers_date(const struct bs_http_headers *headers)
{
    return parse_date(headers->date);
}

int64_t bs_http_headers_retry_after_ms(const struct bs_http_headers *headers, bs_wall_ms now)
{
    const char *text = headers->retry_after;
    int64_t delay_ms = 0;
    if (text[0] >= '0' && text[0] <= '9') {
        char *end;
        long long seconds = strtoll(text, &end, 10);
        if (*end != '\0') {
            return 0;
        }
        delay_ms = seconds > RETRY_AFTER_LIMIT_MS / 1000 ? RETRY_AFTER_LIMIT_MS : seconds * 1000;
    } else {
        bs_wall_ms until = parse_date(text);
        if (until == 0) {
            return 0;
        }
        bs_wall_ms from = bs_http_headers_date(headers);
        delay_ms = until - (from != 0 ? from : now);
    }
    if (delay_ms < 0) {
        return 0;
    }
    return delay_ms > RETRY_AFTER_LIMIT_MS ? RETRY_AFTER_LIMIT_MS : delay_ms;
}
