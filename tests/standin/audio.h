/* Recordings as the recogniser hears them: 16-bit samples of one channel at one rate. */
#ifndef STANDIN_AUDIO_H
#define STANDIN_AUDIO_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "operations.h"

#define AUDIO_CHANNELS_MAX 32

struct audio {
    int16_t *channels[AUDIO_CHANNELS_MAX]; /* owned */
    int32_t channel_count;
    size_t sample_count; /* of each channel */
    int32_t sample_rate;
};

/* Reads the file at `path`. INVALID when it is not what the encoding says. `sample_rate` and
 * `channels` matter for LPCM only; the rest carries its own. */
BS_MUST_CHECK enum bs_error_code audio_read(const char *path, enum encoding encoding,
                                            int32_t sample_rate, int32_t channels,
                                            struct audio *audio, struct bs_error *error);

/* Brings every channel to `rate`. */
void audio_resample(struct audio *audio, int32_t rate);
void audio_free(struct audio *audio);

#endif
