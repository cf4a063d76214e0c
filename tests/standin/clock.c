#include "clock.h"

#include <string.h>
#include <time.h>

static int64_t read_ms(clockid_t clock)
{
    struct timespec time;
    int failed = clock_gettime(clock, &time);
    BS_ASSERT(failed == 0);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

struct bs_now clock_now(void)
{
    return (struct bs_now){.mono = read_ms(CLOCK_BOOTTIME), .wall = read_ms(CLOCK_REALTIME)};
}

void clock_rfc3339(bs_wall_ms moment, bool milliseconds, char text[BS_RFC3339_SIZE])
{
    bs_rfc3339_format(moment, text);
    if (!milliseconds) {
        memcpy(text + sizeof "2026-01-02T03:04:05" - 1, "Z", 2);
    }
}

void clock_http_date(bs_wall_ms moment, char text[CLOCK_HTTP_DATE_SIZE])
{
    time_t seconds = (time_t)(moment / 1000);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    size_t length = strftime(text, CLOCK_HTTP_DATE_SIZE, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    BS_ASSERT(length == CLOCK_HTTP_DATE_SIZE - 1);
}
