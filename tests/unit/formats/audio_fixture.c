#include "audio_fixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void recording_append(struct recording *recording, const void *bytes, size_t size)
{
    struct piece *last = recording->count == 0 ? NULL : &recording->pieces[recording->count - 1];
    if (last == NULL || last->at + (int64_t)last->bytes.size != recording->size) {
        assert_true(recording->count < sizeof recording->pieces / sizeof *recording->pieces);
        last = &recording->pieces[recording->count++];
        last->at = recording->size;
    }
    bs_buffer_append(&last->bytes, bytes, size);
    recording->size += (int64_t)size;
}

void recording_extend(struct recording *recording, int64_t size)
{
    recording->size += size;
}

void recording_free(struct recording *recording)
{
    for (size_t i = 0; i < recording->count; i++) {
        bs_buffer_free(&recording->pieces[i].bytes);
    }
    *recording = (struct recording){0};
}

static void fill(const struct recording *recording, int64_t offset, uint8_t *block, size_t length)
{
    for (size_t i = 0; i < recording->count; i++) {
        const struct piece *piece = &recording->pieces[i];
        int64_t begin = piece->at, end = begin + (int64_t)piece->bytes.size;
        int64_t from = begin > offset ? begin : offset;
        int64_t to = end < offset + (int64_t)length ? end : offset + (int64_t)length;
        if (from < to) {
            memcpy(block + (from - offset), piece->bytes.data + (from - begin),
                   (size_t)(to - from));
        }
    }
}

struct bs_audio recording_probe(struct recording *recording)
{
    struct bs_probe probe;
    int64_t offset;
    size_t length;
    recording->reads = 0;
    bs_probe_begin(&probe, recording->size, &recording->hint);
    while (bs_probe_wants(&probe, &offset, &length)) {
        assert_true(length > 0 && length <= BS_PROBE_READ_MAX);
        assert_true(offset >= 0 && offset + (int64_t)length <= recording->size);
        assert_true(recording->reads < BS_PROBE_READS_MAX);
        recording->offsets[recording->reads++] = offset;
        uint8_t *block = calloc(1, length);
        assert_non_null(block);
        fill(recording, offset, block, length);
        bs_probe_feed(&probe, block, length);
        free(block);
    }
    assert_true(isfinite(bs_probe_audio(&probe)->seconds));
    return *bs_probe_audio(&probe);
}

void assert_seconds(double found, double expected, double tolerance)
{
    if (!(fabs(found - expected) <= tolerance)) {
        fail_msg("%f s instead of %f s", found, expected);
    }
}

struct bs_bytes le(uint8_t *place, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        place[i] = (uint8_t)(value >> 8 * i);
    }
    return (struct bs_bytes){.data = place, .size = size};
}
