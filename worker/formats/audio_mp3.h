/* Frames of MPEG audio (ISO 11172-3, 13818-3, and "MPEG 2.5") and AAC's ADTS. Internal to formats.
 */
#ifndef BS_FORMATS_AUDIO_MP3_H
#define BS_FORMATS_AUDIO_MP3_H

#include "formats/audio_parts.h"

#define BS_MPEG_HEADER 4

struct bs_mpeg_frame {
    uint32_t header;  /* as it stands there */
    int32_t layer;    /* 1 to 3; 4 = AAC in ADTS */
    int32_t version;  /* 10, 20, 25 */
    int32_t rate;     /* Hz */
    int32_t channels; /* of ADTS 0 = not told */
    int32_t samples;  /* of a frame, each channel */
    int32_t bit_rate; /* bits/s; 0 = free, or not told */
    int32_t length;   /* bytes; of free format 0 = not told by the header */
    int32_t padding;  /* bytes of it */
};

/* The frame whose header begins here; needs 4 bytes, ADTS 6. */
BS_MUST_CHECK bool bs_mpeg_read(const uint8_t *bytes, size_t size, struct bs_mpeg_frame *frame);
/* Whether two headers may belong to one recording: version, layer and rate. */
bool bs_mpeg_alike(uint32_t left, uint32_t right);

enum bs_mpeg_search { BS_MPEG_FOUND, BS_MPEG_NONE, BS_MPEG_UNDECIDED };

/* The first frame at `from` or later that others like it follow, so that it is believed. UNDECIDED:
 * the view ends too early to say so of what begins at *at; NONE: nothing does before *at. `like`
 * other than 0: only frames like that one. A free format's length is found and set. */
BS_MUST_CHECK enum bs_mpeg_search bs_mpeg_find(const struct bs_probe *probe,
                                               const struct bs_audio_view *view, int64_t from,
                                               uint32_t like, int64_t *at,
                                               struct bs_mpeg_frame *frame);

/* What a first frame without sound says of all others: Xing, Info or VBRI. */
struct bs_mpeg_summary {
    int64_t frames; /* 0 = not told */
    int64_t bytes;  /* with this frame; 0 = not told */
};
/* False: it has none. */
BS_MUST_CHECK bool bs_mpeg_read_summary(const uint8_t *bytes, size_t size,
                                        const struct bs_mpeg_frame *frame,
                                        struct bs_mpeg_summary *summary);

#endif
