#include <math.h>
#include <stdio.h>

#include "commands/check.h"

#define KAFKA_LIMIT_MS 10000

/* Small budgets are tried with, large ones are paid. */
static const char *hours(double value, char text[32])
{
    double digits = value < 10 ? 10000 : 100;
    (void)snprintf(text, 32, "%.12g", round(value * digits) / digits);
    return text;
}

/* ", 36.60 RUB of 366.00 RUB"; nothing where no price is configured. `of` < 0: without the second.
 */
static const char *cost(const struct bs_config *config, double billed, double of, char text[128])
{
    double an_hour = config->price.billed_hour;
    const char *currency = config->price.currency;
    text[0] = '\0';
    if (an_hour > 0 && of < 0) {
        (void)snprintf(text, 128, " (%.2f %s)", billed * an_hour, currency);
    } else if (an_hour > 0) {
        (void)snprintf(text, 128, " (%.2f of %.2f %s)", billed * an_hour, of * an_hour, currency);
    }
    return text;
}

void bs_check_budget(struct bs_check_report *report, struct bs_kafka_client *client,
                     const struct bs_config *config)
{
    struct bs_error error = BS_NO_ERROR;
    struct bs_group_progress progress;
    if (bs_kafka_group_progress(client, KAFKA_LIMIT_MS, &progress, &error) != BS_OK) {
        bs_check_say(report, BS_CHECK_LINE_WARN, "budget: what is spent is not known: %s",
                     error.message);
        return;
    }
    int32_t silent;
    double spent = bs_group_progress_billed_hours(&progress, &silent);
    bool forgotten = progress.forgotten;
    bs_group_progress_free(&progress);
    if (forgotten) {
        bs_check_say(report, BS_CHECK_LINE_WARN,
                     "budget: what is spent is not known: the group's offsets have expired; "
                     "workers know it from the state topic, and tell it again when they run");
        return;
    }
    double all = config->limits.billed_hours;
    double left = all > spent ? all - spent : 0;
    char first[32], second[32], third[32], money[128], without[80] = "";
    if (silent > 0) {
        (void)snprintf(without, sizeof without,
                       "; without %d partitions that an older worker served", silent);
    }
    if (all > 0) {
        bs_check_say(report, left > 0 ? BS_CHECK_LINE_OK : BS_CHECK_LINE_WARN,
                     "budget: spent %s h of %s h, %s h left%s%s%s", hours(spent, first),
                     hours(all, second), hours(left, third), cost(config, spent, all, money),
                     without, left > 0 ? "" : ": raise limits.billed_hours to go on");
    } else {
        bs_check_say(report, BS_CHECK_LINE_OK,
                     "budget: none (limits.billed_hours); %s h were billed so far%s%s",
                     hours(spent, first), cost(config, spent, -1, money), without);
    }
}
