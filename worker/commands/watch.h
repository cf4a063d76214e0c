/* backscribe watch: what is known of a group and its workers (facts), what that comes to (sums),
 * and how it is shown. watch_gather.c and watch_failures.c learn the facts on threads of their own;
 * the other files are pure. */
#ifndef BS_COMMANDS_WATCH_H
#define BS_COMMANDS_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"
#include "core/core.h"
#include "edges/admin_rates.h"
#include "edges/kafka_client.h"
#include "formats/config.h"
#include "formats/message.h"
#include "formats/worker_status.h"

/* ---- facts ------------------------------------------------------------------------------------
 */

struct bs_watch_worker {
    char address[300];
    bool answered;     /* and it is a worker of this group: `status` is read */
    char problem[300]; /* why not */
    struct bs_worker_status status;
};

/* The dead letters topic, from its beginning. */
#define BS_WATCH_OTHER_CODE BS_DEAD_CODES /* a code that this version does not know */
struct bs_watch_failures {
    int64_t by_code[BS_DEAD_CODES + 1];
    bool complete; /* everything was read that stood there when the reading began */
    double part;   /* of that, 0 to 1 */
    char problem[300];
};

struct bs_watch_facts {
    const struct bs_config *config;
    bs_wall_ms at;
    struct bs_group_progress progress; /* of the last time that Kafka answered; owned */
    bs_wall_ms progress_at;            /* 0 = Kafka never answered */
    char kafka_problem[300];           /* "" = it answered now */
    struct bs_watch_failures failures;
    int32_t members; /* of the group; -1 = not known */
    struct bs_watch_worker *workers;
    size_t worker_count;
    size_t workers_left_out; /* more addresses than are asked */
    bool asked_for;          /* --worker was given */
    /* What the published watermarks have moved while we watched: all that is known of the pace
     * where no worker answers. */
    struct bs_rate published[BS_RATE_WINDOWS];
};
void bs_watch_facts_free(struct bs_watch_facts *facts);

/* ---- what they come to: watch_sums.c ----------------------------------------------------------
 */

/* A rate of less would be chance. */
#define BS_WATCH_RATE_SECONDS 15

struct bs_watch_rate {
    double seconds; /* that the counts are of; 0 = not known */
    double results, dead_letters, submissions, checks, billed_seconds;
    /* NAN = not known, or the counts are of less than half of the window */
    double answers_an_hour, submissions_an_hour, checks_an_hour;
    double pace; /* answers_an_hour, also where the window is less than half full */
};

struct bs_watch_quota {
    double limit;           /* of the configuration */
    double used, left;      /* of what the answering workers may spend; NAN = not known */
    double seconds;         /* the window */
    double seconds_at_most; /* that what remains takes at the least under this quota; NAN */
};

enum bs_watch_left_kind {
    BS_WATCH_LEFT_UNKNOWN,
    BS_WATCH_LEFT_NOTHING,
    BS_WATCH_LEFT_RANGE,   /* low to high */
    BS_WATCH_LEFT_AT_LEAST /* low */
};

struct bs_watch_left {
    enum bs_watch_left_kind kind;
    double low, high; /* seconds */
    char reason[200];
};

struct bs_watch_sums {
    bool known; /* Kafka answered at least once */
    bool exact; /* every partition is a worker's that answers; else backlog is the most, answered
                 * the least, and backlog and in_flight together the most that they can be */
    int64_t jobs;
    int64_t backlog;   /* not submitted yet */
    int64_t in_flight; /* submitted, not answered */
    int64_t lost;      /* deleted from the topic before the group took them up */
    int64_t answered;  /* done and failed */
    int64_t done;      /* -1 = not known: the dead letters are not all read */
    int64_t failed;    /* so far as they are read; -1 = none of them is */
    struct bs_watch_rate rates[BS_RATE_WINDOWS];
    bool rates_of_workers;     /* false: what the watermarks have moved */
    double checks_per_result;  /* NAN = not known, as the following */
    double delay_mean_seconds; /* over all workers */
    double delay_p99_seconds;  /* the worst worker's */
    struct bs_watch_quota quotas[BS_QUOTA_KINDS];
    double billed_seconds;      /* so far */
    bool billed_of_kafka;       /* by the group; false: since the workers started */
    double billed_each;         /* a job's mean */
    double billed_expected;     /* in the end */
    double billed_high;         /* and if nothing more fails for free; the same where it is near */
    double cost, cost_expected; /* in config->price.currency */
    double cost_high;
    double budget_left_seconds; /* NAN = there is none, or it is not known */
    bool budget_too_small;      /* for what is expected */
    struct bs_watch_left left;
    const struct bs_watch_worker *oldest; /* whose operation is the oldest; NULL */
    size_t answering, ready;              /* workers */
};
void bs_watch_sum(const struct bs_watch_facts *facts, struct bs_watch_sums *sums);

/* watch_left.c, for it */
void bs_watch_estimate_left(const struct bs_watch_facts *facts, struct bs_watch_sums *sums);

/* ---- showing it -------------------------------------------------------------------------------
 */

struct bs_watch_style {
    int columns, rows; /* rows: at most so many lines */
    bool color, ascii;
};

/* A picture: lines that end with a newline, none wider than the columns. watch_view.c */
void bs_watch_view(const struct bs_watch_facts *facts, const struct bs_watch_sums *sums,
                   const struct bs_watch_style *style, struct bs_buffer *out);
/* One logfmt line. watch_line.c */
void bs_watch_line(const struct bs_watch_facts *facts, const struct bs_watch_sums *sums,
                   struct bs_buffer *out);
/* One JSON object on a line: schemas/watch.schema.json. watch_json.c */
void bs_watch_json(const struct bs_watch_facts *facts, const struct bs_watch_sums *sums,
                   struct bs_buffer *out);

/* Words for numbers: watch_words.c. `text` is returned. */
#define BS_WATCH_WORDS_SIZE 64
/* 12 345.6, or 12,345.6 without UTF-8 */
const char *bs_watch_number(double value, int digits, bool ascii, char text[BS_WATCH_WORDS_SIZE]);
/* In at most 7 columns: 12 345, 1.23 M; – for NAN */
const char *bs_watch_short(double value, bool ascii, char text[BS_WATCH_WORDS_SIZE]);
/* The two greatest units: 8 d 2 h, 6 h 10 min, 45 s; rounded up or down */
const char *bs_watch_duration(double seconds, bool up, char text[BS_WATCH_WORDS_SIZE]);
/* "6 h 10 min to 7 h 30 min", "at least 2 d", "not known", "nothing left" */
void bs_watch_left_words(const struct bs_watch_left *left, char *text, size_t size);

/* ---- learning it ------------------------------------------------------------------------------
 */

/* watch_failures.c: reads the dead letters until it is ended. */
struct bs_watch_reader;
struct bs_watch_reader *bs_watch_reader_start(const struct bs_config *config);
/* A copy of what is known now. Any thread. */
void bs_watch_reader_look(struct bs_watch_reader *reader, struct bs_watch_failures *failures);
/* It ends soon. */
void bs_watch_reader_stop(struct bs_watch_reader *reader);
/* False: it does not end in time, and must be left to the process's end. */
bool bs_watch_reader_join(struct bs_watch_reader *reader);

struct bs_watch_options {
    const struct bs_config *config;
    const char *const *workers; /* --worker, checked */
    size_t worker_count;
    int64_t interval_ms;
    bool color; /* where it is a terminal's */
    bool json, once, until_drained;
};

/* watch_gather.c: asks Kafka and the workers once an interval until it is ended. */
struct bs_watch_gatherer;
/* `gathered` is called on that thread after each round. NULL: the configuration is wrong. */
struct bs_watch_gatherer *bs_watch_gatherer_start(const struct bs_watch_options *options,
                                                  void (*gathered)(void *context), void *context,
                                                  struct bs_error *error);
/* A copy of the newest facts; false before there are any. The caller frees them. Any thread. */
bool bs_watch_gatherer_look(struct bs_watch_gatherer *gatherer, struct bs_watch_facts *facts);
/* False: it does not end in time (a name that is being looked up, a broker that hangs), and must be
 * left to the process's end. */
bool bs_watch_gatherer_end(struct bs_watch_gatherer *gatherer);

#endif
