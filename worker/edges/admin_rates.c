#include "edges/admin_rates.h"

#include <stdlib.h>

#define INTERVAL_MS 5000
#define SAMPLES     721 /* an hour of them */

const int32_t bs_rate_windows_seconds[BS_RATE_WINDOWS] = {60, 600, 3600};

struct sample {
    bs_mono_ms at;
    struct bs_rate counted; /* since the beginning; `seconds` is not used */
};

struct bs_rates {
    struct sample ring[SAMPLES];
    int32_t first, count; /* the oldest, and how many; at least one */
};

static struct bs_rate counted(const struct bs_counters *counters)
{
    struct bs_rate sum = {.results = counters->results,
                          .submissions = counters->submissions[BS_SUBMISSION_ACCEPTED],
                          .billed_seconds = counters->billed_seconds};
    for (int stage = 0; stage <= BS_STAGE_PUBLISH; stage++) {
        for (int code = 0; code < BS_DEAD_CODES; code++) {
            sum.dead_letters += counters->dead_letters[stage][code];
        }
    }
    for (int outcome = 0; outcome < BS_CHECK_OUTCOMES; outcome++) {
        sum.checks += counters->checks[outcome];
    }
    return sum;
}

struct bs_rates *bs_rates_create(bs_mono_ms now)
{
    struct bs_rates *rates = calloc(1, sizeof *rates);
    BS_ASSERT(rates != NULL);
    rates->ring[0].at = now;
    rates->count = 1;
    return rates;
}

void bs_rates_destroy(struct bs_rates *rates)
{
    free(rates);
}

static const struct sample *sample_at(const struct bs_rates *rates, int32_t index)
{
    return &rates->ring[(rates->first + index) % SAMPLES];
}

void bs_rates_note(struct bs_rates *rates, bs_mono_ms now, const struct bs_counters *counters)
{
    if (now - sample_at(rates, rates->count - 1)->at < INTERVAL_MS) {
        return;
    }
    if (rates->count == SAMPLES) {
        rates->first = (rates->first + 1) % SAMPLES;
        rates->count--;
    }
    rates->ring[(rates->first + rates->count++) % SAMPLES] =
        (struct sample){.at = now, .counted = counted(counters)};
}

void bs_rates_over(const struct bs_rates *rates, bs_mono_ms now, const struct bs_counters *counters,
                   int32_t window_seconds, struct bs_rate *rate)
{
    bs_mono_ms since = now - (bs_mono_ms)window_seconds * 1000;
    int32_t index = 0;
    while (index + 1 < rates->count && sample_at(rates, index)->at < since) {
        index++;
    }
    const struct sample *from = sample_at(rates, index);
    *rate = counted(counters);
    rate->seconds = (double)(now - from->at) / 1000;
    rate->results -= from->counted.results;
    rate->dead_letters -= from->counted.dead_letters;
    rate->submissions -= from->counted.submissions;
    rate->checks -= from->counted.checks;
    rate->billed_seconds -= from->counted.billed_seconds;
}
