/* The time of one turn of the loop: read once, so that everything in a turn agrees. */
#ifndef STANDIN_CLOCK_H
#define STANDIN_CLOCK_H

#include <stdbool.h>

#include "base/time.h"

struct bs_now clock_now(void);

/* "2026-01-02T03:04:05Z", as the service writes it, or with milliseconds. */
void clock_rfc3339(bs_wall_ms moment, bool milliseconds, char text[BS_RFC3339_SIZE]);

/* "Fri, 02 Jan 2026 03:04:05 GMT" and its NUL. */
#define CLOCK_HTTP_DATE_SIZE 30
void clock_http_date(bs_wall_ms moment, char text[CLOCK_HTTP_DATE_SIZE]);

#endif
