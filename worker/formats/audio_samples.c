/* Samples of the telephony formats to 16 bits: ITU-T G.711's own values, as every decoder has them.
 */
#include "formats/audio.h"

#include <string.h>

int bs_samples_expansion(enum bs_samples samples)
{
    switch (samples) {
    case BS_SAMPLES_S16:
        return 1;
    case BS_SAMPLES_U8:
    case BS_SAMPLES_ALAW:
    case BS_SAMPLES_MULAW:
        return 2;
    default:
        return 0;
    }
}

/* A byte is sign, exponent and mantissa; the value is the middle of what the encoder put there:
 * 13 bits of A-law and 14 of mu-law, moved up to 16. */
static int expand_alaw(uint8_t byte)
{
    byte ^= 0x55;
    int exponent = byte >> 4 & 7;
    int magnitude = (byte & 0x0f) << 4 | 0x08;
    if (exponent > 0) {
        magnitude = (magnitude | 0x100) << (exponent - 1);
    }
    return (byte & 0x80) != 0 ? magnitude : -magnitude;
}

static int expand_mulaw(uint8_t byte)
{
    byte = (uint8_t)~byte;
    int exponent = byte >> 4 & 7;
    int magnitude = (((byte & 0x0f) << 3 | 0x84) << exponent) - 0x84;
    return (byte & 0x80) != 0 ? -magnitude : magnitude;
}

void bs_samples_expand(enum bs_samples samples, const uint8_t *bytes, size_t size, uint8_t *out)
{
    BS_ASSERT(bs_samples_expansion(samples) > 0);
    if (samples == BS_SAMPLES_S16) {
        if (size > 0) {
            memcpy(out, bytes, size);
        }
        return;
    }
    for (size_t i = 0; i < size; i++) {
        int value = samples == BS_SAMPLES_U8     ? (bytes[i] - 128) * 256
                    : samples == BS_SAMPLES_ALAW ? expand_alaw(bytes[i])
                                                 : expand_mulaw(bytes[i]);
        out[2 * i] = (uint8_t)(value & 0xff);
        out[2 * i + 1] = (uint8_t)(value >> 8 & 0xff);
    }
}
