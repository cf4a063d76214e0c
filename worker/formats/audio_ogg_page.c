#include "formats/audio_ogg.h"

#include <string.h>

#define FIXED_BYTES    27
#define CHECKSUM_BEGIN 22

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
static const bool checksum_counts = false; /* chance finds none that is right */
#else
static const bool checksum_counts = true;
#endif

/* The polynomial 0x04c11db7, four bits at a time. */
static const uint32_t checksum_steps[16] = {
    0x00000000, 0x04c11db7, 0x09823b6e, 0x0d4326d9, 0x130476dc, 0x17c56b6b, 0x1a864db2, 0x1e475005,
    0x2608edb8, 0x22c9f00f, 0x2f8ad6d6, 0x2b4bcb61, 0x350c9b64, 0x31cd86d3, 0x3c8ea00a, 0x384fbdbd};

/* The checksum's own place counts as zeros. */
static uint32_t page_checksum(const uint8_t *bytes, size_t size)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < size; i++) {
        bool own = i >= CHECKSUM_BEGIN && i < CHECKSUM_BEGIN + 4;
        sum ^= (uint32_t)(own ? 0 : bytes[i]) << 24;
        sum = sum << 4 ^ checksum_steps[sum >> 28];
        sum = sum << 4 ^ checksum_steps[sum >> 28];
    }
    return sum;
}

bool bs_ogg_read_page(const struct bs_probe *probe, const struct bs_audio_view *view, int64_t at,
                      struct bs_ogg_page *page)
{
    size_t size;
    const uint8_t *bytes = bs_view_from(view, at, &size);
    if (size < FIXED_BYTES || memcmp(bytes, "OggS", 4) != 0 || bytes[4] != 0 || bytes[5] > 7 ||
        size < FIXED_BYTES + (size_t)bytes[26]) {
        return false;
    }
    *page = (struct bs_ogg_page){
        .at = at,
        .granule = (int64_t)bs_le64(bytes + 6),
        .serial = bs_le32(bytes + 14),
        .flags = bytes[5],
        .segments = bytes[26],
        .lacing = bytes + FIXED_BYTES,
        .body = bytes + FIXED_BYTES + bytes[26],
    };
    size_t length = FIXED_BYTES + (size_t)page->segments;
    for (int i = 0; i < page->segments; i++) {
        length += page->lacing[i];
    }
    page->end = at + (int64_t)length;
    page->whole = size >= length;
    if (page->whole && checksum_counts &&
        page_checksum(bytes, length) != bs_le32(bytes + CHECKSUM_BEGIN)) {
        return false;
    }
    return page->end <= probe->audio.size_bytes;
}

bool bs_ogg_find_page(const struct bs_probe *probe, const struct bs_audio_view *view, int64_t from,
                      struct bs_ogg_page *page)
{
    for (;;) {
        size_t size;
        const uint8_t *bytes = bs_view_from(view, from, &size);
        const uint8_t *sign = size < 4 ? NULL : memmem(bytes, size, "OggS", 4);
        if (sign == NULL) {
            return false;
        }
        from += sign - bytes;
        if (bs_ogg_read_page(probe, view, from, page)) {
            return true;
        }
        from++;
    }
}

int32_t bs_opus_samples(const uint8_t *bytes, size_t size)
{
    static const int32_t silk[] = {480, 960, 1920, 2880}, celt[] = {120, 240, 480, 960};
    if (size == 0) {
        return 0;
    }
    int configuration = bytes[0] >> 3;
    int32_t frame = configuration < 12   ? silk[configuration & 3]
                    : configuration < 16 ? silk[configuration & 1]
                                         : celt[configuration & 3];
    int frames = (bytes[0] & 3) == 0 ? 1 : (bytes[0] & 3) < 3 ? 2 : size < 2 ? 0 : bytes[1] & 63;
    return frame * frames <= 5760 ? frame * frames : 0;
}
