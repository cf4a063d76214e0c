/* The command line. */
#ifndef STANDIN_OPTIONS_H
#define STANDIN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "duration.h"

struct options {
    char host[16];
    uint16_t port;
    const char *objects; /* a folder, "http://host:port" of a store, or NULL: no object is there */
    const char *objects_key_file;   /* Signature V4; NULL = none */
    const char *objects_token_file; /* bearer; NULL = none */
    const char *objects_region;
    bool recognise;       /* else transcripts are made up */
    const char *decoders; /* which decoder hears which recording (models.json), or NULL */
    int64_t recognisers;  /* threads */
    struct duration duration_ms;
    struct duration deferred_ms;     /* on top, of the deferred models */
    double seconds_per_audio_minute; /* on top */
    struct duration audio_seconds;   /* of a made-up recording */
    double words_per_minute;
    int64_t retention_seconds;
    int64_t window_seconds;
    int64_t submissions_quota; /* 0 = none */
    int64_t checks_quota;
    int64_t retry_after_seconds; /* of a 429; 0 = not told */
    int64_t token_seconds;
    const char *models;       /* accepted, separated by commas; "*" = any */
    const char *api_key_file; /* NULL = nobody is asked for a key */
    const char *faults;       /* JSON */
    const char *log;          /* a file, or NULL */
    uint64_t seed;
    int64_t ids_seed;  /* 0 = the operations' ids differ from run to run */
    bool milliseconds; /* in createdAt and modifiedAt */
};

enum options_outcome { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_WRONG };

/* Help goes to standard output, what is wrong to standard error. Strings point into `arguments`. */
enum options_outcome options_read(int count, char **arguments, struct options *options);

#endif
