/* backscribe enqueue: recordings become job messages.
 *
 *   enqueue.c           the command line, the beginning and the end
 *   enqueue_take.c      what is done with one recording, wherever it comes from
 *   enqueue_filter.c    which recordings are wanted
 *   enqueue_manifest.c  recordings from a manifest
 *   enqueue_listing.c   recordings below a prefix of the object store, and the store
 *   enqueue_upload.c    recordings from local files, which enqueue_folder.c finds
 *   enqueue_position.c  how far a manifest was enqueued, for the next run
 *   enqueue_summary.c   what it came to
 *   enqueue_look.c      a look into a recording, as the worker takes it
 *   enqueue_estimate.c  a dry run: what all of them come to, which enqueue_report.c tells
 *   enqueue_progress.c  what is under way, for people */
#ifndef BS_COMMANDS_ENQUEUE_H
#define BS_COMMANDS_ENQUEUE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/time.h"
#include "commands/enqueue_estimate.h"
#include "commands/options.h"
#include "edges/kafka_client.h"
#include "edges/objects.h"
#include "edges/tokens.h"
#include "formats/config.h"
#include "formats/manifest.h"
#include "formats/object_name.h"

struct bs_enqueue_filter {
    struct bs_option_values include, exclude; /* patterns for keys */
    bs_wall_ms newer_than;                    /* 0 = of whatever age */
};

/* What became of what was read. */
struct bs_enqueue_counts {
    int64_t jobs; /* handed to Kafka; in a dry run, those that would be */
    int64_t wrong;
    int64_t folders, ours, outdated; /* of a listing, left out */
    int64_t filtered;
    int64_t passed_over; /* local: hidden, or no recordings */
    int64_t refused;     /* local: not sent, since the service would not take them */
};

/* Numbers that the threads count and one of them shows. */
struct bs_enqueue_progress {
    const char *what; /* "jobs", "looked into" */
    bool quiet, terminal;
    bool counts_jobs;                /* `done` is of what was published */
    atomic_int_fast64_t done, total; /* total 0 = not known */
    atomic_int_fast64_t bytes, bytes_total;
    bs_mono_ms begun, shown;
    pthread_t thread;
    bool running;
    pthread_mutex_t mutex; /* of what follows */
    pthread_cond_t stopped;
    bool stopping, drawn;
};

/* Entries are numbered as the manifest's reader does it. */
struct bs_enqueue_position {
    char *path;                  /* of the file; NULL = none is kept */
    char *identity;              /* of the manifest, the options and the topic */
    int64_t entries, jobs, line; /* as the file has it: so many entries, up to that line */
    int64_t topic_end;           /* the sum of the topic's end offsets is at least this, then */
    int64_t skip, jobs_before;   /* what the former run did */
    int64_t end_at_start;
    bs_mono_ms written;
};

struct bs_enqueue {
    const struct bs_config *config;

    const char *manifest;        /* the sources: as given, or NULL */
    int file;                    /* the manifest, open; -1 = none */
    const char *listing;         /* s3://bucket/prefix */
    const char *upload_to;       /* likewise */
    struct bs_object_name place; /* what one of the two names; its key "" = the whole bucket */
    const char *bucket;          /* --bucket */
    const char *newer_than;      /* as given, or NULL */
    struct bs_enqueue_filter filter;
    struct bs_label labels[BS_OPTION_VALUES_MAX];
    struct bs_job_defaults defaults;
    int64_t limit; /* 0 = none */
    bool dry_run, json;
    bool from_start;
    bool replace; /* other objects where files are to stand */

    struct bs_kafka_client *client; /* NULL in a dry run */
    struct bs_topic_facts topic;    /* of jobs */
    char topic_problem[512];        /* dry run: why nothing is known of it; "" = it is */
    double budget_spent;            /* dry run, hours of limits.billed_hours; -1 = not known */
    struct bs_tokens *tokens;       /* of the store; NULL with it */
    struct bs_objects *objects;     /* NULL = not needed */
    struct bs_estimate estimate;    /* of a dry run */
    struct bs_enqueue_progress progress;
    atomic_int_fast64_t already_there; /* files that were not sent again */

    pthread_mutex_t lock; /* of what follows */
    struct bs_enqueue_counts counts;
    struct bs_enqueue_position position;
    int64_t entries, line; /* of a manifest: the last that was taken */
    bool broken;           /* the brokers do not take it, or the source cannot be read: told */
    int store_failures;    /* in a row, while files are sent */
    struct bs_manifest_job job;
};

/* ---- enqueue.c ---- */

/* Whether a person wants it to end. Any thread. */
bool bs_enqueue_interrupted(void);
/* "backscribe enqueue: …" on standard error. Any thread. */
void bs_enqueue_say(const char *format, ...) BS_PRINTF(1, 2);

/* ---- enqueue_take.c ---- */

/* Makes a job of the entry and publishes it, or tells why not. False: no more. Any thread. */
bool bs_enqueue_take(struct bs_enqueue *enqueue, const struct bs_manifest_entry *entry);

/* ---- enqueue_filter.c ---- */

/* What the entry is left out for is counted. `job` is what it would become. */
bool bs_enqueue_wants(struct bs_enqueue *enqueue, const struct bs_manifest_entry *entry,
                      const struct bs_manifest_job *job, const char **problem);
/* "--newer-than": a duration or a time. */
BS_MUST_CHECK bool bs_enqueue_parse_moment(const char *text, bs_wall_ms now, bs_wall_ms *moment);

/* Whether a recording of that key, changed then (0 = not known), is wanted. */
bool bs_enqueue_fits(const struct bs_enqueue_filter *filter, const char *key, bs_wall_ms modified);

/* ---- enqueue_listing.c ---- */

/* False when there are no credentials to be had: told. */
BS_MUST_CHECK bool bs_enqueue_open_store(struct bs_enqueue *enqueue);
void bs_enqueue_close_store(struct bs_enqueue *enqueue);
void bs_enqueue_from_listing(struct bs_enqueue *enqueue);

/* ---- enqueue_upload.c ---- */

/* The exit status: 2 when a path is wrong. */
BS_MUST_CHECK int bs_enqueue_from_files(struct bs_enqueue *enqueue, char **paths, int count);

/* ---- enqueue_progress.c ---- */

void bs_enqueue_progress_begin(struct bs_enqueue *enqueue, const char *what);
/* Before something else is written: the terminal's line is free. Any thread. */
void bs_enqueue_progress_clear(struct bs_enqueue *enqueue);
void bs_enqueue_progress_end(struct bs_enqueue *enqueue);

/* ---- enqueue_manifest.c ---- */

/* False when it cannot be read: told. */
BS_MUST_CHECK bool bs_enqueue_open_manifest(struct bs_enqueue *enqueue);
void bs_enqueue_from_manifest(struct bs_enqueue *enqueue);
void bs_enqueue_close_manifest(struct bs_enqueue *enqueue);

/* ---- enqueue_position.c ---- */

/* Finds what a former run has left of this manifest and these options: so many
 * entries are to be passed over (position.skip). */
void bs_enqueue_position_open(struct bs_enqueue *enqueue);
/* Now and then: everything up to here is on the topic. False when that cannot be had. */
BS_MUST_CHECK bool bs_enqueue_position_advance(struct bs_enqueue *enqueue, bool at_once);
/* Nothing is left to be gone on with. */
void bs_enqueue_position_remove(struct bs_enqueue *enqueue);
void bs_enqueue_position_free(struct bs_enqueue_position *position);

/* ---- enqueue_summary.c ---- */

double bs_enqueue_retention_days(const struct bs_topic_facts *topic);
void bs_enqueue_print_left_out(const struct bs_enqueue *enqueue, FILE *to);
/* Of entries whose reason was not shown. */
void bs_enqueue_print_more_wrong(const struct bs_enqueue *enqueue);
void bs_enqueue_print_duration(FILE *to, double days);
void bs_enqueue_print_summary(const struct bs_enqueue *enqueue);

#endif
