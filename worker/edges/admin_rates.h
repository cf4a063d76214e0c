/* How much was done over the last minutes: the process's counters as they were every few seconds of
 * the last hour. One thread. */
#ifndef BS_EDGES_ADMIN_RATES_H
#define BS_EDGES_ADMIN_RATES_H

#include <stdint.h>

#include "base/time.h"
#include "core/core.h"

/* What /status tells of: a minute, ten minutes, an hour. */
#define BS_RATE_WINDOWS 3
extern const int32_t bs_rate_windows_seconds[BS_RATE_WINDOWS];

struct bs_rate {
    double
        seconds; /* that the counts are of: at most the window; less while the process is young */
    uint64_t results, dead_letters;
    uint64_t submissions; /* accepted ones */
    uint64_t checks;      /* that were sent */
    double billed_seconds;
};

struct bs_rates;
/* `now`: when counting began, at zero. */
struct bs_rates *bs_rates_create(bs_mono_ms now);
void bs_rates_destroy(struct bs_rates *rates);
/* Call it once a second or so: cheap, and most calls do nothing. */
void bs_rates_note(struct bs_rates *rates, bs_mono_ms now, const struct bs_counters *counters);
/* What was counted since `window_seconds` ago; `counters` are today's. */
void bs_rates_over(const struct bs_rates *rates, bs_mono_ms now, const struct bs_counters *counters,
                   int32_t window_seconds, struct bs_rate *rate);

#endif
