/* How long what remains will take, and how surely that is known.
 *
 * Two things are asked. What was answered within the last ten minutes and the last hour, each with
 * the error of such a count: they make a range. And the quotas: nothing is done sooner than they
 * allow, however quick the last minutes were (a fleet that was idle may use a window's quota at
 * once). Where too little was answered only the quotas tell, and "at least" is said. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "commands/watch.h"

#define ANSWERS_LEAST        10   /* fewer within a window say nothing */
#define TWO_SIGMA            1.96 /* 95 % of counts are within so many roots of their mean */
#define BILLED_SECONDS_LEAST 15
#define QUOTA_SLACK          1.1 /* a quota is hardly ever used to the last */
#define QUOTA_DECIDES        0.8 /* of the time that the rates say */
#define SECONDS_PER_DAY      86400.0

static int64_t remaining(const struct bs_watch_sums *sums)
{
    return sums->backlog + sums->in_flight;
}

/* ---- the quotas -------------------------------------------------------------------------------
 */

static double at_most(const struct bs_watch_quota *quota, double needed)
{
    double left = isnan(quota->left) ? quota->limit : fmin(quota->left, quota->limit);
    return needed > left ? (needed - left) / quota->limit * quota->seconds : 0;
}

/* The slowest one's index; -1 where none holds anything back. */
static int estimate_quotas(struct bs_watch_sums *sums)
{
    double checks_each = isnan(sums->checks_per_result) ? 1 : fmax(sums->checks_per_result, 1);
    const double needed[BS_QUOTA_KINDS] = {(double)sums->backlog,
                                           (double)remaining(sums) * checks_each,
                                           (double)sums->backlog * sums->billed_each};
    int slowest = -1;
    for (int kind = 0; kind < BS_QUOTA_KINDS; kind++) {
        struct bs_watch_quota *quota = &sums->quotas[kind];
        quota->seconds_at_most = isnan(needed[kind]) ? NAN : at_most(quota, needed[kind]);
        if (quota->seconds_at_most > 0 &&
            (slowest < 0 || quota->seconds_at_most > sums->quotas[slowest].seconds_at_most)) {
            slowest = kind;
        }
    }
    return slowest;
}

/* ---- the rates --------------------------------------------------------------------------------
 */

/* Widens low to high by what one window says. */
static void add_window(const struct bs_watch_rate *rate, double remaining, double *low,
                       double *high)
{
    double answers = rate->results + rate->dead_letters;
    if (answers < ANSWERS_LEAST || isnan(rate->pace)) {
        return;
    }
    double error = TWO_SIGMA / sqrt(answers);
    double seconds = remaining / rate->pace * 3600;
    *low = fmin(*low, seconds / (1 + error));
    *high = fmax(*high, seconds / (1 - error));
}

static bool estimate_rates(const struct bs_watch_sums *sums, double *low, double *high)
{
    *low = NAN; /* which fmin and fmax pass over */
    *high = NAN;
    for (int i = 1; i < BS_RATE_WINDOWS; i++) {
        add_window(&sums->rates[i], (double)remaining(sums), low, high);
    }
    if (isnan(*low)) { /* the first minutes */
        add_window(&sums->rates[0], (double)remaining(sums), low, high);
    }
    return !isnan(*low);
}

/* ---- in words ---------------------------------------------------------------------------------
 */

static const struct bs_watch_worker *first_not_ready(const struct bs_watch_facts *facts)
{
    for (size_t i = 0; i < facts->worker_count; i++) {
        if (facts->workers[i].answered && !facts->workers[i].status.ready) {
            return &facts->workers[i];
        }
    }
    return NULL;
}

/* Then no job that waits there fits what is left of the budget, whatever that is. */
static bool holds_back(const struct bs_watch_facts *facts, const struct bs_watch_sums *sums)
{
    for (size_t i = 0; i < facts->worker_count && sums->backlog > 0; i++) {
        const struct bs_watch_worker *worker = &facts->workers[i];
        if (worker->answered && !worker->status.ready &&
            strcmp(worker->status.reason, bs_not_ready_name(BS_NOT_READY_BUDGET)) == 0) {
            return true;
        }
    }
    return false;
}

/* Less is left of it than the shortest recording is billed, and something is to be submitted. */
static bool is_budget_spent(const struct bs_watch_sums *sums)
{
    return !isnan(sums->budget_left_seconds) && sums->backlog > 0 &&
           sums->budget_left_seconds < BILLED_SECONDS_LEAST;
}

static void tell_reason(const struct bs_watch_facts *facts, struct bs_watch_sums *sums, int slowest,
                        bool by_rate)
{
    static const char *const quotas[BS_QUOTA_KINDS] = {
        "the submission quota is the slowest", "the quota of checks is the slowest",
        "the quota of billed hours a day is the slowest"};
    struct bs_watch_left *left = &sums->left;
    const struct bs_watch_worker *not_ready = first_not_ready(facts);
    double quota = slowest < 0 ? 0 : sums->quotas[slowest].seconds_at_most;
    const char *reason = "at the rate of the last 10 and 60 minutes";
    if (not_ready != NULL) {
        (void)snprintf(left->reason, sizeof left->reason, "%.100s is not ready: %s",
                       not_ready->status.worker, not_ready->status.reason);
        return;
    }
    if (sums->budget_too_small) {
        reason = "but the budget ends before: raise limits.billed_hours";
    } else if (slowest >= 0 && (!by_rate || quota >= QUOTA_DECIDES * left->low)) {
        reason = quotas[slowest];
    } else if (!by_rate) {
        reason = sums->answering > 0 ? "too little was answered so far to tell"
                                     : "no worker answers, and too little was published meanwhile";
    } else if (sums->rates_of_workers && facts->members > (int32_t)sums->answering) {
        reason = "at the rate of the workers that answer";
    } else if (!sums->rates_of_workers) {
        reason = "at the rate at which Kafka's offsets moved while this was watched";
    } else if (isnan(sums->rates[1].pace)) {
        reason = "at the rate of the last minute";
    } else if (isnan(sums->rates[2].answers_an_hour)) {
        reason = "at the rate of the last minutes";
    }
    (void)snprintf(left->reason, sizeof left->reason, "%s", reason);
}

static void tell_nothing(struct bs_watch_sums *sums)
{
    struct bs_watch_left *left = &sums->left;
    left->kind = BS_WATCH_LEFT_NOTHING;
    if (sums->lost > 0) {
        (void)snprintf(left->reason, sizeof left->reason,
                       "but %" PRId64
                       " job%s lost: the topic's retention deleted what nobody had read",
                       sums->lost, sums->lost == 1 ? " is" : "s are");
    }
}

void bs_watch_estimate_left(const struct bs_watch_facts *facts, struct bs_watch_sums *sums)
{
    struct bs_watch_left *left = &sums->left;
    int slowest = estimate_quotas(sums);
    double quota = slowest < 0 ? 0 : sums->quotas[slowest].seconds_at_most;
    if (!sums->known) {
        (void)snprintf(left->reason, sizeof left->reason, "%.190s",
                       facts->kafka_problem[0] != '\0' ? facts->kafka_problem
                                                       : "Kafka has not answered yet");
        return;
    }
    if (remaining(sums) == 0) {
        tell_nothing(sums);
        return;
    }
    if (is_budget_spent(sums)) {
        (void)snprintf(left->reason, sizeof left->reason,
                       "the budget is spent: raise limits.billed_hours to go on");
        return;
    }
    if (holds_back(facts, sums)) {
        sums->budget_too_small = true;
        (void)snprintf(left->reason, sizeof left->reason,
                       "the budget is too small for what waits: raise limits.billed_hours");
        return;
    }
    if (sums->answering > 0 && sums->ready == 0) { /* whatever was answered before */
        tell_reason(facts, sums, slowest, false);
        return;
    }
    bool by_rate = estimate_rates(sums, &left->low, &left->high);
    if (by_rate) {
        left->kind = BS_WATCH_LEFT_RANGE;
        left->low = fmax(left->low, quota);
        left->high = fmax(left->high, quota * QUOTA_SLACK);
    } else if (quota > 0) {
        left->kind = BS_WATCH_LEFT_AT_LEAST;
        left->low = quota;
    }
    tell_reason(facts, sums, slowest, by_rate);
}
