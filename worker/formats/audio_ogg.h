/* Pages of an Ogg stream (RFC 3533), and the packets of Opus in them. Internal to formats. */
#ifndef BS_FORMATS_AUDIO_OGG_H
#define BS_FORMATS_AUDIO_OGG_H

#include "formats/audio_parts.h"

/* A page's header and lacing values are this long at most. */
#define BS_OGG_HEADER_MAX 282

enum bs_ogg_flags { BS_OGG_CONTINUED = 1, BS_OGG_FIRST = 2, BS_OGG_LAST = 4 };

struct bs_ogg_page {
    int64_t at, end; /* in the object */
    int64_t granule; /* -1 = no packet ends on it */
    uint32_t serial;
    uint8_t flags, segments;
    bool whole;            /* `body` is all there, and the checksum right */
    const uint8_t *lacing; /* borrowed from the view */
    const uint8_t *body;
};

/* The page that begins at `at`. False when none does that ends within the object, or its header
 * is not all in the view. */
BS_MUST_CHECK bool bs_ogg_read_page(const struct bs_probe *probe, const struct bs_audio_view *view,
                                    int64_t at, struct bs_ogg_page *page);
/* The first page that begins at `from` or later. */
BS_MUST_CHECK bool bs_ogg_find_page(const struct bs_probe *probe, const struct bs_audio_view *view,
                                    int64_t from, struct bs_ogg_page *page);

/* Samples of 1/48000 s of an Opus packet, by its first two bytes; 0 when it is none. */
int32_t bs_opus_samples(const uint8_t *bytes, size_t size);

#endif
