/* Recognition on its own threads: recordings in, transcripts out, in the order they end. */
#ifndef STANDIN_RECOGNITION_H
#define STANDIN_RECOGNITION_H

#include <stdint.h>

#include "base/error.h"
#include "operations.h"
#include "transcript.h"

struct recognition;

/* Starts the threads; reads which decoder hears what from `decoders_path`
 * (models.json.in has its shape). `bell` is an eventfd that is written to when a recording has been
 * heard. */
BS_MUST_CHECK struct recognition *recognition_create(const char *decoders_path, int64_t threads,
                                                     int bell, struct bs_error *error);
/* Recordings that wait are dropped, those being heard are finished. */
void recognition_destroy(struct recognition *recognition);

/* Queues the recording at `path` (ownership passes; NULL = there is no such object). */
void recognition_add(struct recognition *recognition, struct operation *operation, char *path);

/* Each recording heard since the last call: either a transcript (ownership passes) or, with NULL,
 * what was wrong. */
struct recognised {
    struct operation *operation;
    struct transcript *transcript;
    struct bs_error error;
};
BS_MUST_CHECK bool recognition_take(struct recognition *recognition, struct recognised *out);

#endif
