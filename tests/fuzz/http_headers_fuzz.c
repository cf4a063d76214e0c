/* An answer's header lines, as curl hands them over one by one. */
#include <string.h>

#include "edges/http_headers.h"
#include "fuzz.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

static void check_kept(const char *text, size_t room)
{
    BS_ASSERT(strnlen(text, room) < room);
    for (; *text != '\0'; text++) {
        BS_ASSERT(*text >= ' ' && *text <= '~');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bs_http_headers headers;
    struct bs_bytes rest = {.data = data, .size = size};
    size_t seen = 0;
    bs_http_headers_reset(&headers);
    while (rest.data != NULL) {
        struct bs_bytes line = fuzz_part(&rest, '\n');
        bs_http_headers_line(&headers, (const char *)line.data, line.size);
        seen += line.size;
        fuzz_free(line);
    }
    BS_ASSERT(headers.size_bytes == seen);
    check_kept(headers.retry_after, sizeof headers.retry_after);
    check_kept(headers.date, sizeof headers.date);
    check_kept(headers.request_id, sizeof headers.request_id);
    check_kept(headers.trace_id, sizeof headers.trace_id);
    int64_t delay_ms = bs_http_headers_retry_after_ms(&headers, 1700000000000);
    BS_ASSERT(delay_ms >= 0 && delay_ms <= DAY_MS && bs_http_headers_date(&headers) >= 0);
    return 0;
}
