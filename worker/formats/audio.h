/* What a recording is: told from its head, and where it must be its end, without reading the rest.
 * No I/O: a probe says which bytes it wants, and is fed. Any thread. */
#ifndef BS_FORMATS_AUDIO_H
#define BS_FORMATS_AUDIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "core/core.h"
#include "formats/config.h"
#include "formats/specification.h"

/* The service's limits. */
#define BS_AUDIO_SECONDS_MAX 14400.0
#define BS_AUDIO_BYTES_MAX   1073741824

enum bs_audio_format {
    BS_AUDIO_UNKNOWN, /* none that is recognised */
    BS_AUDIO_EMPTY,   /* no byte, or no sound */
    BS_AUDIO_RAW,     /* headerless LPCM: told so, nothing in the bytes tells it */
    BS_AUDIO_WAV,
    BS_AUDIO_OGG_OPUS,
    BS_AUDIO_OGG_VORBIS,
    BS_AUDIO_OGG_OTHER,
    BS_AUDIO_FLAC,
    BS_AUDIO_MP3,
    BS_AUDIO_MP4,         /* m4a and its like: recognised to be named */
    BS_AUDIO_OTHER_KNOWN, /* AMR, AIFF, WebM, WMA, …: `name` says which */
    BS_AUDIO_BROKEN,      /* of a known format (`name`), and cannot be read: `problem` says why */
};

/* How a WAV's samples are written. */
enum bs_samples {
    BS_SAMPLES_NONE, /* not a WAV, or a raw recording (which is S16) */
    BS_SAMPLES_U8,
    BS_SAMPLES_S16,
    BS_SAMPLES_S24,
    BS_SAMPLES_S32,
    BS_SAMPLES_FLOAT,
    BS_SAMPLES_ALAW,
    BS_SAMPLES_MULAW,
    BS_SAMPLES_OTHER, /* `name` says which, as far as known */
};

struct bs_audio {
    enum bs_audio_format format;
    enum bs_samples samples;
    uint32_t sample_rate_hertz; /* 0 = unknown */
    uint32_t channels;          /* 0 = unknown */
    double seconds;             /* 0 = unknown */
    int64_t size_bytes;         /* of the object */
    int64_t data_offset;        /* of a WAV's sound */
    int64_t data_size;
    const char *name; /* of the format and its encoding, for people: "WAV, A-law"; static or own */
    char name_text[64];
    char problem[160]; /* "" = none */
};

struct bs_probe_hint {
    bool raw; /* the job says LINEAR16_PCM, or the object's name does: what is not recognised is
               * raw, and weak signs (an MP3 frame's) are not looked for */
    uint32_t sample_rate_hertz, channels; /* of raw samples; 0 = the API's defaults, 48000 and 1 */
};

/* A probe under way: bounded, holds no memory besides itself. */
struct bs_probe {
    struct bs_probe_hint hint;
    struct bs_audio audio;
    int64_t want_offset;
    size_t want_length; /* 0 = finished */
    int step;           /* private to the format's parser, as is what follows */
    int64_t scratch[16];
};

/* One read never asks for more than this; there are seldom more than two, and never more than
 * BS_PROBE_READS_MAX. */
#define BS_PROBE_READ_MAX  65536
#define BS_PROBE_READS_MAX 64

void bs_probe_begin(struct bs_probe *probe, int64_t size_bytes, const struct bs_probe_hint *hint);
/* False: finished, `audio` stands. Else the bytes that are wanted next, inside the object. */
bool bs_probe_wants(const struct bs_probe *probe, int64_t *offset, size_t *length);
/* Exactly the bytes that were wanted. */
void bs_probe_feed(struct bs_probe *probe, const uint8_t *bytes, size_t size);
const struct bs_audio *bs_probe_audio(const struct bs_probe *probe);

/* ---- what the API would say of it ---- */

/* What the job itself states; 0 and negative = nothing. Defaults of the configuration are not
 * stated by the job: they serve where the recording does not tell. */
struct bs_audio_stated {
    enum bs_encoding encoding;
    uint32_t sample_rate_hertz, channels;
    double seconds;
    int64_t size_bytes; /* -1 = not stated */
};

/* How it is to be submitted. */
struct bs_audio_plan {
    enum bs_encoding encoding;
    uint32_t sample_rate_hertz, channels; /* to be sent for LINEAR16_PCM only */
    double seconds;
    bool stage;           /* as LPCM without its header */
    int64_t staged_bytes; /* then */
};

/* Every rule of the service and every fact that the job states against what was found.
 * `staging`: a place for staged copies is configured. Anything but BS_DEAD_NONE is a refusal with
 * its reason, and what to do, in `message` (BS_MESSAGE_MAX bytes). */
enum bs_dead_letter_code bs_audio_judge(const struct bs_audio *audio,
                                        const struct bs_audio_stated *stated, bool staging,
                                        struct bs_audio_plan *plan, char *message);

/* ---- samples to what the API takes ---- */

/* Bytes of 16-bit samples that one byte of `samples` becomes: 1 of S16, 2 of U8, ALAW and MULAW, 0
 * of what loses or cannot be expanded. */
int bs_samples_expansion(enum bs_samples samples);
/* Expands `size` bytes to 16-bit signed little-endian at `out`, which has room for size *
 * bs_samples_expansion. Without loss. */
void bs_samples_expand(enum bs_samples samples, const uint8_t *bytes, size_t size, uint8_t *out);

#endif
