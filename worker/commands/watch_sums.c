/* What the facts come to. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "commands/watch.h"

#define APART 1.1 /* two sums that differ by less are one */

/* ---- jobs -------------------------------------------------------------------------------------
 */

/* The next job that each partition's worker will read; -1 where no answering worker owns it.
 * By partition; the caller frees them. */
static int64_t *positions(const struct bs_watch_facts *facts)
{
    int32_t count = facts->progress.count;
    int64_t *positions = malloc(((size_t)count + 1) * sizeof *positions);
    BS_ASSERT(positions != NULL);
    for (int32_t i = 0; i < count; i++) {
        positions[i] = -1;
    }
    for (size_t i = 0; i < facts->worker_count; i++) {
        const struct bs_worker_status *status = &facts->workers[i].status;
        for (int32_t j = 0; facts->workers[i].answered && j < status->partition_count; j++) {
            const struct bs_status_partition *owned = &status->partitions[j];
            if (owned->restored && owned->partition < count && positions[owned->partition] < 0) {
                positions[owned->partition] = owned->position;
            }
        }
    }
    return positions;
}

static void count_jobs(const struct bs_watch_facts *facts, struct bs_watch_sums *sums)
{
    int64_t *read_up_to = positions(facts), unanswered = 0;
    sums->exact = true;
    for (int32_t i = 0; i < facts->progress.count; i++) {
        const struct bs_partition_progress *partition = &facts->progress.partitions[i];
        int64_t end = partition->log_end, start = partition->log_start;
        int64_t committed = partition->committed < 0 ? start : partition->committed;
        int64_t read = read_up_to[i] > committed ? read_up_to[i] : committed;
        int64_t next = read > start ? read : start; /* what is lower, and unread, is deleted */
        int64_t published = partition->published;
        if (published > committed || published < 0) {
            published = committed;
        }
        /* A group that is new has nothing to do with what was deleted before. */
        sums->jobs += partition->committed < 0 ? end - start : end;
        sums->lost += next - read;
        unanswered += end - published - (next - read);
        sums->backlog += end > next ? end - next : 0;
        if (read_up_to[i] < 0) {
            sums->exact = sums->exact && end == published;
            sums->in_flight += committed - published;
        }
    }
    free(read_up_to);
    for (size_t i = 0; i < facts->worker_count; i++) {
        if (facts->workers[i].answered) {
            sums->backlog += facts->workers[i].status.unsubmitted;
            sums->in_flight += facts->workers[i].status.in_flight;
        }
    }
    /* A worker takes over what another one still tells of: never more than there can be. */
    if (sums->in_flight > unanswered) {
        sums->in_flight = unanswered;
    }
    if (sums->backlog > unanswered - sums->in_flight) {
        sums->backlog = unanswered - sums->in_flight;
    }
    sums->answered = sums->jobs - sums->backlog - sums->in_flight - sums->lost;
}

static void count_failures(const struct bs_watch_facts *facts, struct bs_watch_sums *sums)
{
    for (int code = 0; code <= BS_WATCH_OTHER_CODE; code++) {
        sums->failed += facts->failures.by_code[code];
    }
    if (sums->failed == 0 && !facts->failures.complete) {
        sums->failed = -1; /* nothing is read yet */
    }
    sums->done = -1;
    if (sums->known && facts->failures.complete) {
        sums->done = sums->answered > sums->failed ? sums->answered - sums->failed : 0;
    }
}

/* ---- workers ----------------------------------------------------------------------------------
 */

static void add_rate(struct bs_watch_rate *sum, const struct bs_status_rate *rate)
{
    if (!(rate->seconds > 0)) {
        return;
    }
    double hours = rate->seconds / 3600;
    sum->seconds = fmax(sum->seconds, rate->seconds);
    sum->results += rate->results;
    sum->dead_letters += rate->dead_letters;
    sum->submissions += rate->submissions;
    sum->checks += rate->checks;
    sum->billed_seconds += rate->billed_seconds;
    sum->answers_an_hour += (rate->results + rate->dead_letters) / hours;
    sum->submissions_an_hour += rate->submissions / hours;
    sum->checks_an_hour += rate->checks / hours;
}

static void sum_rates(const struct bs_watch_facts *facts, struct bs_watch_sums *sums)
{
    for (int i = 0; i < BS_RATE_WINDOWS; i++) {
        struct bs_watch_rate *sum = &sums->rates[i];
        for (size_t j = 0; j < facts->worker_count; j++) {
            if (facts->workers[j].answered) {
                add_rate(sum, &facts->workers[j].status.rates[i]);
            }
        }
        sums->rates_of_workers = sums->rates_of_workers || sum->seconds > 0;
    }
    for (int i = 0; i < BS_RATE_WINDOWS; i++) {
        struct bs_watch_rate *sum = &sums->rates[i];
        const struct bs_rate *seen = &facts->published[i];
        if (!sums->rates_of_workers && seen->seconds > 0) {
            sum->seconds = seen->seconds;
            sum->results = (double)seen->results;
            sum->answers_an_hour = sum->results / seen->seconds * 3600;
        }
        /* A window that tells no more than the one before says nothing of its own. */
        bool same = i > 0 && sum->seconds <= (double)bs_rate_windows_seconds[i - 1];
        bool young = i > 0 && sum->seconds < (double)bs_rate_windows_seconds[i] / 2;
        bool none = sum->seconds < BS_WATCH_RATE_SECONDS || same;
        sum->pace = none ? NAN : sum->answers_an_hour;
        if (none || young) {
            sum->answers_an_hour = sum->submissions_an_hour = sum->checks_an_hour = NAN;
        } else if (!sums->rates_of_workers) {
            sum->submissions_an_hour = sum->checks_an_hour = NAN;
        }
    }
}

static void sum_delays(const struct bs_watch_facts *facts, struct bs_watch_sums *sums)
{
    double checks = 0, results = 0, seconds = 0, count = 0;
    sums->delay_p99_seconds = NAN;
    for (size_t i = 0; i < facts->worker_count; i++) {
        const struct bs_worker_status *status = &facts->workers[i].status;
        if (!facts->workers[i].answered) {
            continue;
        }
        checks += status->checks_per_result.sum;
        results += status->checks_per_result.count;
        if (status->detection_delay.count > 0 && !isnan(status->detection_delay.mean)) {
            seconds += status->detection_delay.mean * (double)status->detection_delay.count;
            count += (double)status->detection_delay.count;
            sums->delay_p99_seconds = fmax(sums->delay_p99_seconds, status->detection_delay.p99);
        }
    }
    sums->checks_per_result = results > 0 ? checks / results : NAN;
    sums->delay_mean_seconds = count > 0 ? seconds / count : NAN;
}

static void sum_quotas(const struct bs_watch_facts *facts, struct bs_watch_sums *sums)
{
    const struct bs_config *config = facts->config;
    const double limits[BS_QUOTA_KINDS] = {(double)config->quotas.submissions,
                                           (double)config->quotas.checks,
                                           config->quotas.billed_hours_per_day * 3600};
    for (int kind = 0; kind < BS_QUOTA_KINDS; kind++) {
        struct bs_watch_quota *quota = &sums->quotas[kind];
        quota->limit = limits[kind];
        quota->seconds =
            kind == BS_QUOTA_BILLED_SECONDS ? 86400 : (double)config->quotas.window_seconds;
        quota->used = quota->left = NAN;
        for (size_t i = 0; i < facts->worker_count; i++) {
            const struct bs_status_quota *told = &facts->workers[i].status.quotas[kind];
            if (!facts->workers[i].answered || isnan(told->share) || isnan(told->available) ||
                !(told->share > 0)) {
                continue;
            }
            quota->left = (isnan(quota->left) ? 0 : quota->left) + told->available;
            quota->used =
                (isnan(quota->used) ? 0 : quota->used) + fmax(told->share - told->available, 0);
        }
    }
}

static void look_at_workers(const struct bs_watch_facts *facts, struct bs_watch_sums *sums)
{
    double oldest = -1;
    for (size_t i = 0; i < facts->worker_count; i++) {
        const struct bs_watch_worker *worker = &facts->workers[i];
        if (!worker->answered) {
            continue;
        }
        sums->answering++;
        sums->ready += worker->status.ready;
        if (worker->status.oldest.known && worker->status.oldest.age_seconds > oldest) {
            oldest = worker->status.oldest.age_seconds;
            sums->oldest = worker;
        }
    }
}

/* ---- money ------------------------------------------------------------------------------------
 */

/* What of the failed jobs was submitted all the same, and so is in the bill: 0 to 1. */
static double part_paid(const struct bs_watch_failures *failures)
{
    double paid = 0, all = 0;
    for (int code = 0; code <= BS_WATCH_OTHER_CODE; code++) {
        bool free = code >= BS_DEAD_INVALID_JOB && code <= BS_DEAD_INVALID_ARGUMENT;
        paid += free ? 0 : (double)failures->by_code[code];
        all += (double)failures->by_code[code];
    }
    return all > 0 ? paid / all : 0;
}

/* What a job was billed on average, those that failed for nothing included; and what one that was
 * accepted was. */
static void average(const struct bs_watch_facts *facts, struct bs_watch_sums *sums,
                    double *accepted)
{
    double billed = 0, results = 0, failed = 0, committed = 0;
    double paid = part_paid(&facts->failures);
    sums->billed_each = *accepted = NAN;
    for (size_t i = 0; i < facts->worker_count; i++) {
        const struct bs_worker_status *status = &facts->workers[i].status;
        if (facts->workers[i].answered) {
            billed += status->billed_seconds;
            results += (double)status->results;
            failed += (double)status->dead_letters;
        }
    }
    if (billed > 0 && results + failed > 0) {
        sums->billed_each = billed / (results + failed);
        *accepted = billed / fmax(results + failed * paid, 1);
        return;
    }
    for (int32_t i = 0; i < facts->progress.count; i++) {
        int64_t offset = facts->progress.partitions[i].committed;
        committed += offset > 0 ? (double)offset : 0;
    }
    if (sums->billed_of_kafka && sums->billed_seconds > 0 && committed > 0) {
        failed = fmax((double)sums->failed, 0);
        sums->billed_each = sums->billed_seconds / committed;
        *accepted = sums->billed_seconds / fmax(committed - failed * (1 - paid), 1);
    }
}

static void sum_billed(const struct bs_watch_facts *facts, struct bs_watch_sums *sums)
{
    sums->billed_seconds = NAN;
    for (int32_t i = 0; i < facts->progress.count && !facts->progress.forgotten; i++) {
        int64_t billed = facts->progress.partitions[i].billed_seconds;
        if (billed >= 0) {
            sums->billed_of_kafka = true;
            sums->billed_seconds =
                (isnan(sums->billed_seconds) ? 0 : sums->billed_seconds) + (double)billed;
        }
    }
    for (size_t i = 0; i < facts->worker_count && !sums->billed_of_kafka; i++) {
        if (facts->workers[i].answered) {
            sums->billed_seconds = (isnan(sums->billed_seconds) ? 0 : sums->billed_seconds) +
                                   facts->workers[i].status.billed_seconds;
        }
    }
    double accepted;
    average(facts, sums, &accepted);
    /* Kafka tells of a recording when it is submitted, a worker when its result is there. */
    int64_t to_come = sums->backlog + (sums->billed_of_kafka ? 0 : sums->in_flight);
    sums->billed_expected = sums->known && to_come == 0
                                ? sums->billed_seconds
                                : sums->billed_seconds + sums->billed_each * (double)to_come;
    double high = sums->billed_expected + (accepted - sums->billed_each) * (double)to_come;
    bool apart = to_come > 0 && high > APART * sums->billed_expected;
    sums->billed_high = apart ? high : sums->billed_expected;
    double an_hour = facts->config->price.billed_hour > 0 ? facts->config->price.billed_hour : NAN;
    sums->cost = sums->billed_seconds / 3600 * an_hour;
    sums->cost_expected = sums->billed_expected / 3600 * an_hour;
    sums->cost_high = sums->billed_high / 3600 * an_hour;
    double budget = facts->config->limits.billed_hours * 3600;
    sums->budget_left_seconds =
        budget > 0 && sums->billed_of_kafka ? fmax(budget - sums->billed_seconds, 0) : NAN;
    sums->budget_too_small = !isnan(sums->budget_left_seconds) && sums->billed_expected > budget;
}

void bs_watch_sum(const struct bs_watch_facts *facts, struct bs_watch_sums *sums)
{
    memset(sums, 0, sizeof *sums);
    sums->known = facts->progress_at != 0;
    if (sums->known) {
        count_jobs(facts, sums);
    }
    count_failures(facts, sums);
    look_at_workers(facts, sums);
    sum_rates(facts, sums);
    sum_delays(facts, sums);
    sum_quotas(facts, sums);
    sum_billed(facts, sums);
    bs_watch_estimate_left(facts, sums);
}

void bs_watch_facts_free(struct bs_watch_facts *facts)
{
    for (size_t i = 0; i < facts->worker_count; i++) {
        bs_worker_status_free(&facts->workers[i].status);
    }
    free(facts->workers);
    bs_group_progress_free(&facts->progress);
    memset(facts, 0, sizeof *facts);
}
