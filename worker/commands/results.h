/* backscribe results: what the results topic has, written for people and programs.
 *
 *   results.c            the command line, the beginning and the end
 *   results_take.c       what is done with one result
 *   results_store.c      the whole of a result that is stored elsewhere
 *   results_folder.c     one file a recording
 *   results_state.c      how far it was written, for the next run
 *   results_interrupt.c  Ctrl-C
 *
 * One thread, but for what is said otherwise. */
#ifndef BS_COMMANDS_RESULTS_H
#define BS_COMMANDS_RESULTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"
#include "commands/options.h"
#include "edges/kafka_client.h"
#include "edges/objects.h"
#include "edges/tokens.h"
#include "formats/config.h"
#include "formats/transcript.h"

/* Which results are wanted, as given; all that are given must fit. */
struct bs_results_filter {
    struct bs_option_values ids;           /* ids or patterns: one of them fits */
    struct bs_option_values labels;        /* NAME=VALUE, each */
    const char *since_given, *until_given; /* or NULL */
    bs_wall_ms since, until;               /* 0 = none; by the time of the message */
};

/* Where the files go. */
struct bs_results_folder {
    const char *path; /* as given; NULL = one stream on standard output */
    int file;         /* open, locked; -1 = not */
    char *root;    /* the bucket whose keys begin in it, as it was when it was begun; NULL = none */
    bool portable; /* it does not tell upper from lower case */
};

/* The offset of the next result of each partition, in a small file. */
struct bs_results_state {
    char *path;      /* NULL = none is kept */
    char *lock_path; /* of --state: what keeps a second run away; NULL = the folder's lock does */
    int lock;        /* open; -1 = none */
    bool locked;     /* it is ours */
    char *identity;  /* of the topic and the options */
    int64_t *next;   /* by partition */
    bool *held;      /* by partition: it stays there, for what follows is for a later run */
    int32_t count;
    bs_wall_ms since; /* what --since came to when it was begun; 0 = none */
    bool found;       /* a former run has left it */
    bool changed;     /* since it was written */
    bs_mono_ms written;
};

struct bs_results {
    const struct bs_config *config;
    struct bs_results_filter filter;
    struct bs_transcript_writing writing;
    struct bs_results_folder folder;
    struct bs_results_state state;
    bool follow, from_start;

    struct bs_tokens *tokens; /* NULL until they are needed, as is the store */
    struct bs_objects *store;
    struct bs_buffer text, name;
    struct bs_buffer stream; /* what is not yet written to standard output */

    int64_t written;
    int64_t newer;      /* left, since a newer one stands there */
    int64_t unreadable; /* no results, or not whole */
    int64_t lost;       /* deleted before they were read */
    bool broken;        /* it cannot go on: told */
};

/* ---- results.c ---- */

/* "backscribe results: …" on standard error. */
void bs_results_say(const char *format, ...) BS_PRINTF(1, 2);

/* ---- results_take.c ---- */

/* The reading's callbacks; the context is a struct bs_results. */
bs_kafka_read_callback bs_results_take;
bool bs_results_take_bounds(void *context, int32_t partition, int64_t start, int64_t end);
bool bs_results_go_on(void *context);
/* What stands before the first result of a stream. */
void bs_results_begin_stream(struct bs_results *results);
/* Everything that was taken is written, and the state with it. */
void bs_results_settle(struct bs_results *results);

/* ---- results_store.c ---- */

/* The whole result, which the caller frees, or NULL with the reason. `stored` (empty) holds its
 * bytes, which outlive it. */
BS_MUST_CHECK struct bs_transcript *
bs_results_fetch(struct bs_results *results, const struct bs_transcript_reference *reference,
                 struct bs_buffer *stored, struct bs_error *error);
void bs_results_close_store(struct bs_results *results);

/* ---- results_folder.c ---- */

/* Opens it, made where it is missing. False: told. */
BS_MUST_CHECK bool bs_results_open_folder(struct bs_results_folder *folder);
void bs_results_close_folder(struct bs_results_folder *folder);
/* Writes a file, whole or not at all, dated `moment`; its folders are made. No part of `path`
 * (relative, as bs_file_name_append makes it) is followed where it is a symbolic link. A file that
 * is dated later stays: *newer. `id` decides between two of the same moment. False: told. */
BS_MUST_CHECK bool bs_results_write_file(const struct bs_results_folder *folder, const char *path,
                                         struct bs_bytes content, bs_wall_ms moment, const char *id,
                                         bool *newer);
/* What was written survives a loss of power from here on. */
void bs_results_settle_folder(const struct bs_results_folder *folder);

/* ---- results_state.c ---- */

/* Reads what a former run of the same options has left, unless `from_start`. `path` NULL: the
 * folder's own, where there is a folder; else none is kept. False: told. */
BS_MUST_CHECK bool bs_results_open_state(struct bs_results *results, const char *path);
/* That partition is read up to there. */
void bs_results_state_advance(struct bs_results_state *state, int32_t partition, int64_t next);
/* That partition's place stays where it is, for the rest of this run. */
void bs_results_state_hold(struct bs_results_state *state, int32_t partition);
/* The offsets as they are now; the caller frees. */
BS_MUST_CHECK int64_t *bs_results_state_copy(const struct bs_results_state *state);
/* False: told. */
BS_MUST_CHECK bool bs_results_write_state(struct bs_results *results);
void bs_results_state_free(struct bs_results_state *state);

/* ---- results_interrupt.c ---- */

/* The first SIGINT or SIGTERM ends it in order, a second one at once. */
void bs_results_watch_signals(void);
void bs_results_stop_watching(void);
BS_MUST_CHECK bool bs_results_interrupted(void);
/* An interruption ends that store's calls, too (NULL: no more). */
void bs_results_interrupt_store(struct bs_objects *store);
/* False with errno, EINTR where a reader does not move and somebody has interrupted. */
BS_MUST_CHECK bool bs_results_write_all(int file, const void *bytes, size_t size);

#endif
