/* What was said: words with their times, and the API's way to write them down. */
#ifndef STANDIN_TRANSCRIPT_H
#define STANDIN_TRANSCRIPT_H

#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

#define WORD_SIZE 48

struct word {
    char text[WORD_SIZE]; /* longer ones are cut */
    int64_t start_ns;
    int64_t end_ns;
    double confidence;
    int channel; /* from 1 */
    int chunk;   /* words of one channel and chunk that follow each other stand together */
};

/* All zero is an empty one. */
struct transcript {
    struct word *words; /* owned */
    size_t count;
    size_t room;
    double audio_seconds;
};

/* A zeroed word at the end. Valid until the next one. */
struct word *transcript_add(struct transcript *transcript);
void transcript_clear(struct transcript *transcript);
void transcript_free(struct transcript *transcript);

/* The chunks of a LongRunningRecognitionResponse as a JSON array. */
void transcript_write_chunks(const struct transcript *transcript, struct buffer *out);

#endif
