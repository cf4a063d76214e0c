/* What a worker's /status tells (schemas/status.schema.json), read by those who watch it. The page
 * comes over the network: sizes are bounded, and no text keeps a character that a terminal would
 * obey. Any thread. */
#ifndef BS_FORMATS_WORKER_STATUS_H
#define BS_FORMATS_WORKER_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/error.h"
#include "core/core.h"
#include "formats/message.h"

#define BS_STATUS_BYTES_MAX      ((size_t)4 << 20)
#define BS_STATUS_PARTITIONS_MAX 100000
#define BS_STATUS_RATES          3 /* a minute, ten minutes, an hour */

struct bs_status_rate {
    double seconds; /* that the counts are of; 0 = not told */
    double results, dead_letters, submissions, checks, billed_seconds;
};

struct bs_status_quota {
    double share, available; /* NAN = not told */
};

struct bs_status_partition {
    int32_t partition;
    int64_t position; /* the next job to be read; -1 = not told */
    bool restored;    /* its operations are all among the worker's */
    bool stopped;
};

/* Counts that a page does not tell are 0; it is not of the newest version, then. */
struct bs_worker_status {
    char worker[160], group[300], version[40];
    double uptime_seconds;
    bool ready;
    char reason[48]; /* the first one why it is not ready */
    char reason_text[BS_MESSAGE_MAX];
    int64_t unsubmitted; /* operations held that are not submitted yet */
    int64_t in_flight;   /* submitted, not answered */
    struct {
        bool known;
        char id[260];
        char state[24];
        char operation_id[80]; /* "" = none */
        int32_t partition;
        int64_t offset;
        int64_t checks;
        double age_seconds;
    } oldest;
    int64_t results, dead_letters, skipped;
    double billed_seconds;
    struct bs_status_rate rates[BS_STATUS_RATES];
    struct {
        int64_t count;
        double mean, p99; /* seconds; NAN = not told */
    } detection_delay;
    struct {
        double count, sum;
    } checks_per_result;
    struct bs_status_quota quotas[BS_QUOTA_KINDS];
    struct bs_status_partition *partitions; /* owned */
    int32_t partition_count;
};

/* False with the reason where the page is no status. The caller frees a read one. */
BS_MUST_CHECK bool bs_worker_status_read(struct bs_bytes page, struct bs_worker_status *status,
                                         struct bs_error *error);
void bs_worker_status_free(struct bs_worker_status *status);

#endif
