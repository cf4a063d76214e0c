/* Transcripts made up from a recording's name: the same name gives the same words. */
#ifndef STANDIN_SYNTHETIC_H
#define STANDIN_SYNTHETIC_H

#include <stdint.h>

#include "transcript.h"

/* The words of `uri` (its letters and digits), then filler, at `words_per_minute` over
 * `audio_seconds`, for each of `channels`. At least the words of the name are there. */
void synthetic_transcript(const char *uri, double audio_seconds, double words_per_minute,
                          int channels, struct transcript *transcript);

#endif
