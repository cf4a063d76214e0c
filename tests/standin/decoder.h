/* PocketSphinx: which decoder hears which recording, and the words that it hears. */
#ifndef STANDIN_DECODER_H
#define STANDIN_DECODER_H

#include <stddef.h>

#include "audio.h"
#include "base/error.h"
#include "transcript.h"

enum grammar { GRAMMAR_LM, GRAMMAR_JSGF, GRAMMAR_FSG };

/* What a decoder is made of; the first whose `uri` is part of a recording's link hears it. */
struct decoder_choice {
    char *uri;
    char *hmm;     /* acoustic model */
    char *dict;    /* pronunciations */
    char *grammar; /* the file of … */
    enum grammar kind;
};

struct decoder_choices {
    struct decoder_choice *list;
    size_t count;
};

/* {"decoders":[{"uri":SUBSTRING,"hmm":DIR,"dict":FILE,"lm"|"jsgf"|"fsg":FILE},…]} */
BS_MUST_CHECK enum bs_error_code
decoder_choices_read(const char *path, struct decoder_choices *choices, struct bs_error *error);
void decoder_choices_free(struct decoder_choices *choices);

/* A thread's decoders, each made when it is needed first. Not thread-safe. */
struct decoders;
struct decoders *decoders_create(const struct decoder_choices *choices);
void decoders_destroy(struct decoders *decoders);

/* Appends the words of every channel. The audio is resampled to what the model wants. */
BS_MUST_CHECK enum bs_error_code decoders_hear(struct decoders *decoders, const char *uri,
                                               struct audio *audio, struct transcript *transcript,
                                               struct bs_error *error);

#endif
