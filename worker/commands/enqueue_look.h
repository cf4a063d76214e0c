/* A look into a recording, as the worker takes it before it submits. Any thread; blocks. */
#ifndef BS_COMMANDS_ENQUEUE_LOOK_H
#define BS_COMMANDS_ENQUEUE_LOOK_H

#include "edges/objects.h"
#include "formats/audio.h"

/* Where the recording's bytes are. */
struct bs_enqueue_source {
    const struct bs_config *config;
    struct bs_objects *objects; /* NULL: in `file`, or nowhere that can be looked into */
    int file;                   /* -1 = none */
    int64_t file_size;
};

struct bs_enqueue_look {
    enum bs_dead_letter_code refusal; /* the worker would dead-letter it, with that message */
    bool failed;                      /* it could not be looked into: `message` */
    bool looked;                      /* into a file: `format` is what it is */
    enum bs_audio_format format;
    enum bs_encoding encoding; /* as it would be submitted; ABSENT = not known */
    bool staged;
    double seconds; /* 0 = not known */
    int32_t channels;
    char message[BS_MESSAGE_MAX];
};

/* Of the job message of that key and value. */
void bs_enqueue_look(const struct bs_enqueue_source *source, struct bs_bytes key,
                     struct bs_bytes value, struct bs_enqueue_look *look);

#endif
