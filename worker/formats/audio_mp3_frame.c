#include "formats/audio_mp3.h"

#include <string.h>

/* A single sign of a frame is nothing: eleven bits. */
#define FOLLOWERS       3
#define FREE_LENGTH_MAX 5760 /* 640 kbit/s at 16 kHz: more than any encoder makes */
#define FREE_LENGTH_MIN 24
#define FREE_TRIES_MAX  64 /* of a view: each looks at thousands of places */

static const int32_t rates[3] = {44100, 48000, 32000};
static const int32_t adts_rates[13] = {96000, 88200, 64000, 48000, 44100, 32000, 24000,
                                       22050, 16000, 12000, 11025, 8000,  7350};

/* kbit/s by row (MPEG-1 layers I, II, III; MPEG-2 layer I, and layers II and III) and index. */
static const uint16_t bit_rates[5][15] = {
    {0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448},
    {0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384},
    {0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320},
    {0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256},
    {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},
};

static bool read_adts(const uint8_t *bytes, size_t size, struct bs_mpeg_frame *frame)
{
    uint32_t rate = frame->header >> 10 & 0x0f;
    if (size < 6 || (frame->header & 0xfff00000) != 0xfff00000 || rate > 12) {
        return false;
    }
    frame->layer = 4;
    frame->version = (frame->header & 0x80000) != 0 ? 20 : 40;
    frame->rate = adts_rates[rate];
    frame->channels = (int32_t)(frame->header >> 6 & 7);
    frame->length = (int32_t)((frame->header & 3) << 11 | (uint32_t)bytes[4] << 3 | bytes[5] >> 5);
    frame->samples = 1024;
    return frame->length >= 7;
}

bool bs_mpeg_read(const uint8_t *bytes, size_t size, struct bs_mpeg_frame *frame)
{
    if (size < BS_MPEG_HEADER || bytes[0] != 0xff || (bytes[1] & 0xe0) != 0xe0) {
        return false;
    }
    uint32_t header = bs_be32(bytes);
    *frame = (struct bs_mpeg_frame){.header = header};
    uint32_t version = header >> 19 & 3, layer = header >> 17 & 3;
    uint32_t bit_rate = header >> 12 & 15, rate = header >> 10 & 3;
    if (layer == 0) {
        return read_adts(bytes, size, frame);
    }
    if (version == 1 || bit_rate == 15 || rate == 3 || (header & 3) == 2) {
        return false;
    }
    frame->layer = 4 - (int32_t)layer;
    frame->version = version == 3 ? 10 : version == 2 ? 20 : 25;
    frame->rate = rates[rate] / (version == 3 ? 1 : version == 2 ? 2 : 4);
    frame->channels = (header >> 6 & 3) == 3 ? 1 : 2;
    frame->samples = frame->layer == 1 ? 384 : frame->layer == 3 && version != 3 ? 576 : 1152;
    int32_t row = version == 3 ? frame->layer - 1 : frame->layer == 1 ? 3 : 4;
    frame->bit_rate = bit_rates[row][bit_rate] * 1000;
    int32_t slot = frame->layer == 1 ? 4 : 1;
    frame->padding = (header >> 9 & 1) != 0 ? slot : 0;
    if (frame->bit_rate > 0) {
        frame->length =
            frame->samples / 8 / slot * frame->bit_rate / frame->rate * slot + frame->padding;
    }
    return true;
}

bool bs_mpeg_alike(uint32_t left, uint32_t right)
{
    /* ADTS has one more bit of its rate, and a profile before it. */
    uint32_t mask = (left >> 17 & 3) == 0 ? 0xfffe3c00 : 0xfffe0c00;
    return (left & mask) == (right & mask);
}

/* Free format: frames are as long as it is to the next header that is alike, padding aside. */
static bool find_free_length(const uint8_t *bytes, size_t size, struct bs_mpeg_frame *frame)
{
    for (int32_t length = FREE_LENGTH_MIN; length < FREE_LENGTH_MAX; length++) {
        struct bs_mpeg_frame next, third;
        size_t second = (size_t)(length + frame->padding);
        if (second + BS_MPEG_HEADER > size) {
            return false;
        }
        if (!bs_mpeg_read(bytes + second, size - second, &next) || next.bit_rate != 0 ||
            !bs_mpeg_alike(frame->header, next.header)) {
            continue;
        }
        second += (size_t)(length + next.padding);
        if (second + BS_MPEG_HEADER <= size &&
            bs_mpeg_read(bytes + second, size - second, &third) && third.bit_rate == 0 &&
            bs_mpeg_alike(frame->header, third.header)) {
            frame->length = length + frame->padding;
            return true;
        }
    }
    return false;
}

static bool is_end_tag(const uint8_t *bytes, size_t size)
{
    return (size >= 3 && memcmp(bytes, "TAG", 3) == 0) ||
           (size >= 8 &&
            (memcmp(bytes, "APETAGEX", 8) == 0 || memcmp(bytes, "LYRICSBE", 8) == 0)) ||
           (size >= 3 && memcmp(bytes, "ID3", 3) == 0);
}

/* Whether the frames that would follow this one are there. */
static enum bs_mpeg_search confirm(const struct bs_probe *probe, const struct bs_audio_view *view,
                                   int64_t at, const struct bs_mpeg_frame *first)
{
    struct bs_mpeg_frame frame = *first;
    int32_t free_length = first->length - first->padding;
    for (int followers = 0; followers < FOLLOWERS; followers++) {
        size_t size;
        at += frame.length;
        const uint8_t *bytes = bs_view_from(view, at, &size);
        if (size < 6) {
            if (!bs_view_is_last(probe, view)) {
                return BS_MPEG_UNDECIDED;
            }
            return followers > 0 || at == probe->audio.size_bytes ? BS_MPEG_FOUND : BS_MPEG_NONE;
        }
        if (is_end_tag(bytes, size)) {
            return BS_MPEG_FOUND;
        }
        if (!bs_mpeg_read(bytes, size, &frame) || !bs_mpeg_alike(first->header, frame.header)) {
            return BS_MPEG_NONE;
        }
        if (first->bit_rate == 0 && first->layer != 4) {
            frame.length = free_length + frame.padding;
        }
    }
    return BS_MPEG_FOUND;
}

bool bs_mpeg_begins(const struct bs_probe *probe, const struct bs_audio_view *view, int64_t at)
{
    struct bs_mpeg_frame frame;
    size_t size;
    const uint8_t *bytes = bs_view_from(view, at, &size);
    return bs_mpeg_read(bytes, size, &frame) &&
           (frame.length > 0 || find_free_length(bytes, size, &frame)) &&
           confirm(probe, view, at, &frame) == BS_MPEG_FOUND;
}

enum bs_mpeg_search bs_mpeg_find(const struct bs_probe *probe, const struct bs_audio_view *view,
                                 int64_t from, uint32_t like, int64_t *at,
                                 struct bs_mpeg_frame *frame)
{
    size_t size;
    const uint8_t *bytes = bs_view_from(view, from, &size);
    int free_tries = 0;
    for (size_t i = 0; i + BS_MPEG_HEADER <= size; i++) {
        const uint8_t *sign = memchr(bytes + i, 0xff, size - i);
        i = sign == NULL ? size : (size_t)(sign - bytes);
        if (i + BS_MPEG_HEADER > size) {
            break;
        }
        if (!bs_mpeg_read(bytes + i, size - i, frame) ||
            (like != 0 && !bs_mpeg_alike(like, frame->header))) {
            continue;
        }
        if (frame->length == 0 && free_tries++ >= FREE_TRIES_MAX) {
            continue;
        }
        *at = from + (int64_t)i;
        if (frame->length == 0 && !find_free_length(bytes + i, size - i, frame)) {
            if (size - i < 3 * FREE_LENGTH_MAX && !bs_view_is_last(probe, view)) {
                return BS_MPEG_UNDECIDED;
            }
            continue;
        }
        enum bs_mpeg_search found = confirm(probe, view, *at, frame);
        if (found != BS_MPEG_NONE) {
            return found;
        }
    }
    *at = size < BS_MPEG_HEADER ? from : from + (int64_t)size - (BS_MPEG_HEADER - 1);
    return BS_MPEG_NONE;
}

bool bs_mpeg_read_summary(const uint8_t *bytes, size_t size, const struct bs_mpeg_frame *frame,
                          struct bs_mpeg_summary *summary)
{
    size_t side =
        frame->version == 10 ? (frame->channels == 1 ? 17 : 32) : (frame->channels == 1 ? 9 : 17);
    *summary = (struct bs_mpeg_summary){0};
    /* Some encoders count the checksum's two bytes, others don't. */
    for (size_t place = BS_MPEG_HEADER + side; place <= BS_MPEG_HEADER + side + 2; place += 2) {
        if (size >= place + 16 &&
            (memcmp(bytes + place, "Xing", 4) == 0 || memcmp(bytes + place, "Info", 4) == 0)) {
            uint32_t flags = bs_be32(bytes + place + 4);
            size_t next = place + 8;
            if ((flags & 1) != 0) {
                summary->frames = bs_be32(bytes + next);
                next += 4;
            }
            summary->bytes = (flags & 2) != 0 ? bs_be32(bytes + next) : 0;
            return true;
        }
    }
    if (size >= 36 + 18 && memcmp(bytes + 36, "VBRI", 4) == 0) {
        summary->bytes = bs_be32(bytes + 46);
        summary->frames = bs_be32(bytes + 50);
        return true;
    }
    return false;
}
