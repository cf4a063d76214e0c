/* Recordings for the tests of the probe: a few bytes here and there in an object of any size. */
#ifndef BS_TESTS_FORMATS_AUDIO_FIXTURE_H
#define BS_TESTS_FORMATS_AUDIO_FIXTURE_H

#include "fixture.h"

#include "formats/audio.h"

/* All zero is an empty one; what is not set is zeros. Freed with recording_free. */
struct recording {
    struct piece {
        int64_t at;
        struct bs_buffer bytes;
    } pieces[512];
    size_t count;
    int64_t size;
    /* What the last probe asked for. */
    int reads;
    int64_t offsets[BS_PROBE_READS_MAX];
    struct bs_probe_hint hint;
};

/* At the end of what is there; grows it. */
void recording_append(struct recording *recording, const void *bytes, size_t size);
/* Zeros at its end. */
void recording_extend(struct recording *recording, int64_t size);
void recording_free(struct recording *recording);

/* Asserts that every read is inside the object. */
struct bs_audio recording_probe(struct recording *recording);

/* cmocka compares floats, which hold no four hours to the millisecond. */
void assert_seconds(double found, double expected, double tolerance);

/* Little-endian, as WAV and Ogg have it. */
struct bs_bytes le(uint8_t *place, uint64_t value, size_t size);

#endif
