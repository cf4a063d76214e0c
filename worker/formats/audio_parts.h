/* What the parsers of audio_*.c share: the bytes of one read, and what to ask for next. Internal to
 * formats. */
#ifndef BS_FORMATS_AUDIO_PARTS_H
#define BS_FORMATS_AUDIO_PARTS_H

#include "formats/audio.h"

/* The bytes [offset, offset + size) of the object; borrowed. */
struct bs_audio_view {
    const uint8_t *bytes;
    size_t size;
    int64_t offset;
};

/* The bytes from `at` on that the view holds, and how many (0 where it holds none). */
const uint8_t *bs_view_from(const struct bs_audio_view *view, int64_t at, size_t *size);
/* Whether the view holds [at, at + length). */
bool bs_view_has(const struct bs_audio_view *view, int64_t at, int64_t length);
/* Whether nothing of the object follows the view. */
bool bs_view_is_last(const struct bs_probe *probe, const struct bs_audio_view *view);

/* Asks for `length` bytes from `offset` on, which is inside the object; less at its end. */
void bs_probe_want(struct bs_probe *probe, int64_t offset, int64_t length);
/* The end of a probe: with what `audio` holds, or as broken or empty for this reason. */
void bs_probe_end(struct bs_probe *probe);
void bs_probe_broken(struct bs_probe *probe, const char *format, ...) BS_PRINTF(2, 3);
void bs_probe_empty(struct bs_probe *probe, const char *format, ...) BS_PRINTF(2, 3);
/* `audio.name`. */
void bs_probe_name(struct bs_probe *probe, const char *format, ...) BS_PRINTF(2, 3);

/* Each parser: begins with the bytes that made it the one, or goes on with what it wanted. */
void bs_wav_begin(struct bs_probe *probe, const struct bs_audio_view *view, int64_t at);
void bs_wav_feed(struct bs_probe *probe, const struct bs_audio_view *view);
void bs_ogg_begin(struct bs_probe *probe, const struct bs_audio_view *view, int64_t at);
void bs_ogg_feed(struct bs_probe *probe, const struct bs_audio_view *view);
/* Too many reads: what is known of a long chain says how long all of it is. */
void bs_ogg_give_up(struct bs_probe *probe);
/* `tagged`: an ID3 tag stood before, so it surely is one. */
void bs_mp3_begin(struct bs_probe *probe, const struct bs_audio_view *view, int64_t at,
                  bool tagged);
void bs_mp3_feed(struct bs_probe *probe, const struct bs_audio_view *view);
/* Whether frames of MPEG audio follow each other from here on, so that it is no chance. */
bool bs_mpeg_begins(const struct bs_probe *probe, const struct bs_audio_view *view, int64_t at);
/* No frame was found: the object is what its first bytes looked like, or nothing known. */
void bs_probe_unknown(struct bs_probe *probe);

/* The length of an ID3v2 tag that begins here, 0 = none; needs 10 bytes. */
int64_t bs_id3v2_length(const uint8_t *bytes, size_t size);

static inline uint32_t bs_le16(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8;
}

static inline uint32_t bs_le32(const uint8_t *bytes)
{
    return bs_le16(bytes) | bs_le16(bytes + 2) << 16;
}

static inline uint64_t bs_le64(const uint8_t *bytes)
{
    return (uint64_t)bs_le32(bytes) | (uint64_t)bs_le32(bytes + 4) << 32;
}

static inline uint32_t bs_be32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

#endif
