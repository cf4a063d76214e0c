/* A sliding window of arrivals: how many there were in the last so many milliseconds, and the most
 * there ever were. Refused requests count too: the service may well see it so. */
#ifndef STANDIN_WINDOW_H
#define STANDIN_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"

struct window {
    int64_t length_ms;
    int64_t quota;        /* 0 = none */
    bs_mono_ms *arrivals; /* a ring, ascending */
    size_t room;          /* a power of two, or 0 */
    size_t first;
    size_t count;
    int64_t peak;
};

void window_init(struct window *window, int64_t length_ms, int64_t quota);
void window_free(struct window *window);

/* Notes an arrival. False when the quota was already used up. */
bool window_arrive(struct window *window, bs_mono_ms now);

#endif
