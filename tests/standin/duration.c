#include "duration.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"

bool duration_parse(const char *text, struct duration *duration)
{
    int end = 0;
    *duration = (struct duration){.kind = DURATION_FIXED};
    if (sscanf(text, "uniform:%lf:%lf%n", &duration->first, &duration->second, &end) == 2) {
        duration->kind = DURATION_UNIFORM;
        return text[end] == '\0' && duration->first >= 0 && duration->second >= duration->first;
    }
    if (sscanf(text, "lognormal:%lf:%lf%n", &duration->first, &duration->second, &end) == 2) {
        duration->kind = DURATION_LOGNORMAL;
        return text[end] == '\0' && duration->first > 0 && duration->second >= 0;
    }
    return sscanf(text, "%lf%n", &duration->first, &end) == 1 && text[end] == '\0' &&
           duration->first >= 0;
}

/* Uniform in (0, 1). */
static double unit(uint64_t draw)
{
    return ((double)(bs_mix64(draw) >> 11) + 0.5) / 9007199254740992.0;
}

double duration_sample(const struct duration *duration, uint64_t draw)
{
    switch (duration->kind) {
    case DURATION_UNIFORM:
        return duration->first + (duration->second - duration->first) * unit(draw);
    case DURATION_LOGNORMAL: {
        /* Box and Muller's way to a normal number. */
        double normal = sqrt(-2 * log(unit(draw))) * cos(2 * 3.14159265358979323846 * unit(~draw));
        return duration->first * exp(duration->second * normal);
    }
    case DURATION_FIXED:
        break;
    }
    return duration->first;
}
