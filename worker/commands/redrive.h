/* backscribe redrive: what its files share. One thread.
 *
 * A dead letter is put back at most once, whatever happens: its job message and a mark of it (a
 * record of the state topic, formats/redriven.h) are written in one transaction, under a
 * transactional id that one process has at a time; and the marks are read after that id was taken,
 * when nothing that an earlier process wrote is still open. */
#ifndef BS_COMMANDS_REDRIVE_H
#define BS_COMMANDS_REDRIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"
#include "commands/options.h"
#include "core/core.h"
#include "edges/kafka_client.h"
#include "edges/kafka_writer.h"
#include "formats/config.h"
#include "formats/dead_letter.h"
#include "formats/redriven.h"

#define BS_REDRIVE_EXAMPLES   3
#define BS_REDRIVE_ID_SIZE    64 /* bytes of an id that are shown */
#define BS_REDRIVE_BATCH_JOBS 500

/* What is counted of the dead letters of one code. */
struct bs_redrive_counts {
    int64_t matched;
    int64_t redriven; /* with --dry-run: would be */
    int64_t before;   /* redriven by an earlier run */
    /* Its value was left out, and */
    int64_t gone;       /* the jobs topic does not have it any more */
    int64_t elsewhere;  /* it came from another topic, which is not read: letters can be forged */
    int64_t unreadable; /* Kafka says why it cannot be read */
    int64_t too_large;
    int64_t fail_again[BS_DEAD_CODES]; /* of those redriven: would be refused as they are, by why */
    struct {
        char id[BS_REDRIVE_ID_SIZE];
        char reason[160];
    } examples[BS_REDRIVE_EXAMPLES];
    int example_count;
};

/* A job message on its way. */
struct bs_redrive_job {
    struct bs_message message; /* everything that it points to is in `storage` */
    void *storage;
    int32_t partition; /* of the jobs topic; -1 = by the key */
    struct bs_redriven_letter letter;
    enum bs_dead_letter_code code;
    enum bs_dead_letter_code fails_as; /* NONE: it may succeed */
};

struct bs_redrive {
    const struct bs_config *config;

    /* What is wanted. */
    bool codes[BS_DEAD_CODES];
    bool any_code;
    struct bs_option_values ids;
    bs_wall_ms since; /* 0 = all */
    int64_t limit;    /* INT64_MAX = all */
    bool dry_run, quiet;

    struct bs_kafka_client *client;
    struct bs_kafka_writer *writer; /* NULL with --dry-run */
    struct bs_kafka_fetcher *fetcher;
    struct bs_redriven *marks;
    struct bs_error marks_problem;
    int32_t jobs_partitions, state_partitions;
    char state_group[256];    /* whose workers keep the state; "" = nobody's yet */
    char unreadable_why[300]; /* of the first one */

    struct bs_redrive_job batch[BS_REDRIVE_BATCH_JOBS];
    size_t batch_count, batch_bytes;

    struct bs_redrive_counts counts[BS_DEAD_CODES]; /* [NONE]: codes that are not known here */
    int64_t scanned, foreign;                       /* foreign: what no worker has written */
    int64_t chosen; /* that are written, or may be: what --limit limits */
    bool failed;    /* told */

    bs_mono_ms shown; /* progress; 0 = never */
    bool reading_letters, terminal, drawn;
};

/* ---- redrive.c ---- */

/* Whether a person wants it to end. */
bool bs_redrive_interrupted(void);
/* "backscribe redrive: …" on standard error. */
void bs_redrive_say(struct bs_redrive *redrive, const char *format, ...) BS_PRINTF(2, 3);

/* ---- redrive_letters.c ---- */

/* Every message of the dead-letters topic: chosen, counted, and put into the batch. A
 * bs_kafka_read_callback. */
bool bs_redrive_take(void *context, int32_t partition, int64_t offset, int64_t timestamp,
                     const struct bs_message *message);

/* ---- redrive_batch.c ---- */

/* Copies the message. Writes the batch when it is full. */
void bs_redrive_add(struct bs_redrive *redrive, const struct bs_redrive_job *job);
/* Writes what is left of it; `failed` is set where that fails. */
void bs_redrive_flush(struct bs_redrive *redrive);
void bs_redrive_drop_batch(struct bs_redrive *redrive);

/* ---- redrive_report.c ---- */

/* On standard error, now and then. */
void bs_redrive_progress(struct bs_redrive *redrive);
void bs_redrive_progress_clear(struct bs_redrive *redrive);
/* The table, on standard output. False: it could not be written. */
BS_MUST_CHECK bool bs_redrive_print(const struct bs_redrive *redrive);
/* Of all codes. */
struct bs_redrive_counts bs_redrive_total(const struct bs_redrive *redrive);
/* How many could not be put back. */
int64_t bs_redrive_skipped(const struct bs_redrive_counts *counts);

#endif
