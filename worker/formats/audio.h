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
    uint32_t sample_rate_hertz;   /* 0 = unknown; of Opus always 48000 */
    uint32_t original_rate_hertz; /* of Opus: what it was made from; 0 = not told */
    uint32_t channels;            /* 0 = unknown */
    double seconds;               /* 0 = unknown; of what cannot be submitted often unknown */
    bool estimated;               /* `seconds` is: from a part of it */
    int64_t size_bytes;           /* of the object */
    int64_t data_offset;          /* of a WAV's sound */
    int64_t data_size;            /* whole frames only */
    char name[64];     /* of the format and its encoding, for people: "WAV, A-law"; UTF-8 */
    char problem[160]; /* of EMPTY and BROKEN, for people; UTF-8; "" = none */
};

struct bs_probe_hint {
    bool raw; /* the job says LINEAR16_PCM, or the object's name does: what is not recognised is
               * raw, and weak signs (frames of MP3 behind the first byte) are not looked for */
    uint32_t sample_rate_hertz, channels; /* of raw samples; 0 = the API's defaults, 48000 and 1 */
};

/* One read never asks for more than this. Most recordings take one or two, an MP3 that has no Xing
 * header five, a chain of Ogg streams a few for each; none more than BS_PROBE_READS_MAX. */
#define BS_PROBE_READ_MAX  65536
#define BS_PROBE_READS_MAX 128

/* What the parsers remember between two reads: private to audio_*.c. */
struct bs_wav_state {
    int64_t chunk;         /* where the next chunk's head is */
    int64_t ds64_data;     /* RF64's data size; -1 = not told */
    uint32_t fact_samples; /* of each channel, where a fact chunk tells; else 0 */
    uint32_t codec, container_bits, bytes_per_second;
    bool has_format, has_64_bit_sizes;
};

#define BS_OGG_STREAMS_MAX 8
#define BS_OGG_MARKS_MAX   48

struct bs_ogg_state {
    int64_t at;                      /* where the next page of the link's head is */
    int64_t link;                    /* where the present link begins */
    int64_t low, high;               /* the next link begins between the two */
    int64_t limit;                   /* no page begins from here to `high` */
    int64_t back;                    /* the last page is looked for below this */
    int64_t start, last;             /* granule positions of the link; -1 = not known */
    int64_t head_samples;            /* of the packets up to the first page that has a time */
    int64_t tail_granule;            /* the object's last one, of the stream tail_serial */
    int64_t marks[BS_OGG_MARKS_MAX]; /* pages of other streams above `high`, the lowest last */
    uint32_t mark_serials[BS_OGG_MARKS_MAX];
    uint32_t serials[BS_OGG_STREAMS_MAX]; /* of the link */
    uint32_t serial;                      /* the one with the sound */
    uint32_t tail_serial;
    int32_t serial_count, mark_count, packets, step, open_samples, head_reads;
    uint16_t pre_skip;
    bool has_stream, open, first_link, tail_read;
    double seconds; /* of the links before the present one */
};

struct bs_mp3_state {
    int64_t begin;          /* where the first frame was looked for */
    int64_t at;             /* where the next one is */
    int64_t first, end;     /* of the frames; end 0 = not known */
    int64_t samples, bytes; /* of the frames that were counted */
    double told_seconds;    /* by headers */
    int32_t step, place, places;
    uint32_t like; /* the first frame's header, by which others are known */
    int32_t rate, samples_a_frame, bit_rate, unpadded_length;
    bool tagged, one_bit_rate, padded;
};

/* A probe under way: bounded, holds no memory besides itself. */
struct bs_probe {
    struct bs_probe_hint hint;
    struct bs_audio audio;
    int64_t want_offset;
    size_t want_length; /* 0 = finished */
    int32_t reads;
    int32_t parser;
    int32_t weak_name; /* of what the first bytes look like */
    union {
        struct bs_wav_state wav;
        struct bs_ogg_state ogg;
        struct bs_mp3_state mp3;
    } of;
};

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
