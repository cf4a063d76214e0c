#include "window.h"

#include <stdlib.h>

#include "base/check.h"

void window_init(struct window *window, int64_t length_ms, int64_t quota)
{
    *window = (struct window){.length_ms = length_ms, .quota = quota};
}

void window_free(struct window *window)
{
    free(window->arrivals);
    *window = (struct window){0};
}

static void grow(struct window *window)
{
    size_t room = window->room == 0 ? 1024 : window->room * 2;
    bs_mono_ms *arrivals = malloc(room * sizeof *arrivals);
    BS_ASSERT(arrivals != NULL);
    for (size_t i = 0; i < window->count; i++) {
        arrivals[i] = window->arrivals[(window->first + i) & (window->room - 1)];
    }
    free(window->arrivals);
    window->arrivals = arrivals;
    window->room = room;
    window->first = 0;
}

bool window_arrive(struct window *window, bs_mono_ms now)
{
    while (window->count > 0 && window->arrivals[window->first] <= now - window->length_ms) {
        window->first = (window->first + 1) & (window->room - 1);
        window->count--;
    }
    bool within = window->quota == 0 || (int64_t)window->count < window->quota;
    if (window->count == window->room) {
        grow(window);
    }
    window->arrivals[(window->first + window->count) & (window->room - 1)] = now;
    window->count++;
    if ((int64_t)window->count > window->peak) {
        window->peak = (int64_t)window->count;
    }
    return within;
}
