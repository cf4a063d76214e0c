/* Recordings are read and heard on threads of their own: transcripts come out in the order they
 * end. */
#ifndef STANDIN_RECOGNITION_H
#define STANDIN_RECOGNITION_H

#include <stdint.h>

#include "base/error.h"
#include "operations.h"
#include "recording.h"
#include "transcript.h"

struct recognition;

/* Starts the threads; reads which decoder hears what from `decoders_path` (models.json.in has its
 * shape; NULL: recordings are read and not heard). `store` outlives it. `bell` is an eventfd that
 * is written to when a recording has been heard. */
BS_MUST_CHECK struct recognition *recognition_create(const struct store *store,
                                                     const char *decoders_path, int64_t threads,
                                                     int bell, struct bs_error *error);
/* Recordings that wait are dropped, those being heard are finished. */
void recognition_destroy(struct recognition *recognition);

/* Queues an operation's recording. */
void recognition_add(struct recognition *recognition, struct operation *operation);

/* A recording that was read since the last call, and what became of it. */
struct recognised {
    struct operation *operation;
    struct transcript *transcript; /* ownership passes; NULL = it was not heard */
    struct bs_error error;         /* BS_OK, or what was wrong */
    int64_t size;                  /* of what was read … */
    char sha256[SHA256_TEXT_SIZE]; /* … byte for byte */
};
BS_MUST_CHECK bool recognition_take(struct recognition *recognition, struct recognised *out);

#endif
