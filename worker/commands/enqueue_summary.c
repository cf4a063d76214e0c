/* What it came to. */
#include <inttypes.h>

#include "commands/enqueue.h"

#define SECONDS_PER_DAY 86400.0
#define WRONG_SHOWN     20

static double days_at_quota(const struct bs_enqueue *enqueue)
{
    const struct bs_config *config = enqueue->config;
    return (double)enqueue->counts.jobs * (double)config->quotas.window_seconds /
           (double)config->quotas.submissions / SECONDS_PER_DAY;
}

void bs_enqueue_print_duration(FILE *to, double days)
{
    if (days >= 2) {
        fprintf(to, "about %.1f days", days);
    } else if (days * 24 >= 2) {
        fprintf(to, "about %.1f hours", days * 24);
    } else if (days * 1440 >= 2) {
        fprintf(to, "about %.0f minutes", days * 1440);
    } else {
        fprintf(to, "less than two minutes");
    }
}

void bs_enqueue_print_left_out(const struct bs_enqueue *enqueue, FILE *to)
{
    const struct bs_enqueue_counts *counts = &enqueue->counts;
    const struct {
        int64_t count;
        const char *what;
    } kinds[] = {{counts->filtered, "by the filters"},
                 {counts->folders, "folders"},
                 {counts->outdated, "former versions"},
                 {counts->passed_over, "that are no recordings"},
                 {counts->ours, "staged recordings and transcripts of ours"}};
    const char *between = "left out: ";
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (kinds[i].count > 0) {
            fprintf(to, "%s%" PRId64 " %s", between, kinds[i].count, kinds[i].what);
            between = ", ";
        }
    }
    if (between[0] == ',') {
        fprintf(to, "\n");
    }
}

double bs_enqueue_retention_days(const struct bs_topic_facts *topic)
{
    return (double)topic->retention_ms / 1000 / SECONDS_PER_DAY;
}

void bs_enqueue_print_more_wrong(const struct bs_enqueue *enqueue)
{
    if (enqueue->counts.wrong > WRONG_SHOWN && enqueue->upload_to == NULL) {
        fprintf(stderr, "and %" PRId64 " more that are wrong\n",
                enqueue->counts.wrong - WRONG_SHOWN);
    }
}

void bs_enqueue_print_summary(const struct bs_enqueue *enqueue)
{
    const struct bs_enqueue_counts *counts = &enqueue->counts;
    double days = days_at_quota(enqueue);
    fprintf(stderr, "%" PRId64 " job%s enqueued", counts->jobs, counts->jobs == 1 ? "" : "s");
    if (counts->jobs > 0) {
        fprintf(stderr, "; ");
        bs_enqueue_print_duration(stderr, days);
        fprintf(stderr, " at %" PRId64 " submissions in %" PRId64 " s",
                enqueue->config->quotas.submissions, enqueue->config->quotas.window_seconds);
    }
    fprintf(stderr, "\n");
    int64_t there = atomic_load(&enqueue->already_there);
    if (there > 0) {
        fprintf(stderr, "%" PRId64 " of the files were there already, and not sent again\n", there);
    }
    if (counts->refused > 0) {
        fprintf(stderr,
                "%" PRId64 " refused, named above: neither sent nor enqueued, since the service "
                "would not take them\n",
                counts->refused);
    }
    bs_enqueue_print_left_out(enqueue, stderr);
    bs_enqueue_print_more_wrong(enqueue);
    const struct bs_topic_facts *topic = &enqueue->topic;
    if (topic->settings_known && topic->retention_ms >= 0 && !topic->compacted &&
        bs_enqueue_retention_days(topic) < days) {
        fprintf(stderr,
                "warning: topic %s keeps messages for %.1f days, which is shorter: jobs would be "
                "lost before their turn; set retention.ms=-1\n",
                enqueue->config->topics.jobs, bs_enqueue_retention_days(topic));
    }
}
