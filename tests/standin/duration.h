/* How long something takes: a number, or a distribution that a seed makes repeatable. */
#ifndef STANDIN_DURATION_H
#define STANDIN_DURATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"

enum duration_kind { DURATION_FIXED, DURATION_UNIFORM, DURATION_LOGNORMAL };

struct duration {
    enum duration_kind kind;
    double first;  /* fixed: itself; uniform: from; lognormal: median */
    double second; /* uniform: to; lognormal: sigma of the logarithm */
};

/* "N", "uniform:FROM:TO" or "lognormal:MEDIAN:SIGMA"; false for anything else. */
BS_MUST_CHECK bool duration_parse(const char *text, struct duration *duration);

/* The same `draw` gives the same length, in the unit of the text. */
double duration_sample(const struct duration *duration, uint64_t draw);

#endif
