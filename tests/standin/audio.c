#include "audio.h"

#include <math.h>
#include <mpg123.h>
#include <opusfile.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"

#define OPUS_RATE             48000
#define OPUS_BLOCK            ((size_t)5760 * 8) /* the longest packet, 120 ms, of eight channels */
#define MP3_BLOCK_BYTES       ((size_t)65536)
#define MP3_GARBAGE_BYTES     1024 /* between frames; a tag is none */
#define FILTER_ZERO_CROSSINGS 32
#define PI                    3.14159265358979323846

static void take_channels(struct audio *audio, const int16_t *samples, size_t count,
                          int32_t channels, int32_t rate)
{
    audio->channel_count = channels;
    audio->sample_rate = rate;
    audio->sample_count = count;
    for (int32_t channel = 0; channel < channels; channel++) {
        int16_t *one = malloc((count + 1) * sizeof *one);
        BS_ASSERT(one != NULL);
        for (size_t i = 0; i < count; i++) {
            one[i] = samples[i * (size_t)channels + (size_t)channel];
        }
        audio->channels[channel] = one;
    }
}

static enum bs_error_code read_lpcm(const char *path, int32_t rate, int32_t channels,
                                    struct audio *audio, struct bs_error *error)
{
    size_t size;
    char *bytes = file_read(path, &size);
    if (bytes == NULL) {
        return bs_error_set(error, BS_ERROR_INVALID, "the audio cannot be read");
    }
    /* Whatever it begins with: the service hears a header as noise, so we do too. */
    int16_t *samples = calloc(size / 2 + 1, sizeof *samples);
    BS_ASSERT(samples != NULL);
    for (size_t i = 0; i < size / 2; i++) {
        unsigned low = (unsigned char)bytes[2 * i];
        unsigned high = (unsigned char)bytes[2 * i + 1];
        samples[i] = (int16_t)(uint16_t)(low | high << 8);
    }
    take_channels(audio, samples, size / 2 / (size_t)channels, channels, rate);
    free(samples);
    free(bytes);
    return BS_OK;
}

static enum bs_error_code read_opus(const char *path, struct audio *audio, struct bs_error *error)
{
    int failure = 0;
    OggOpusFile *file = op_open_file(path, &failure);
    if (file == NULL) {
        return bs_error_set(error, BS_ERROR_INVALID, "no Ogg Opus (%d)", failure);
    }
    int32_t channels = op_channel_count(file, 0);
    struct buffer samples = {0};
    int count;
    do {
        int16_t *block =
            (int16_t *)(void *)buffer_reserve(&samples, OPUS_BLOCK * sizeof(opus_int16));
        count = op_read(file, block, (int)OPUS_BLOCK, NULL);
        if (count > 0 && op_channel_count(file, -1) != channels) {
            count = OP_EBADHEADER; /* chained streams of different shape */
        }
        if (count > 0) {
            samples.size += (size_t)count * (size_t)channels * sizeof(opus_int16);
        }
    } while (count > 0 || count == OP_HOLE);
    op_free(file);
    if (count < 0) {
        buffer_free(&samples);
        return bs_error_set(error, BS_ERROR_INVALID, "the Ogg Opus stream is broken (%d)", count);
    }
    take_channels(audio, (const int16_t *)(const void *)samples.bytes,
                  samples.size / sizeof(opus_int16) / (size_t)channels, channels, OPUS_RATE);
    buffer_free(&samples);
    return BS_OK;
}

/* MPEG audio of any rate and layer: 16-bit samples of one shape throughout. */
static enum bs_error_code decode_mp3(mpg123_handle *decoder, const char *path,
                                     struct buffer *samples, long *rate, int *channels)
{
    int encoding;
    if (mpg123_open(decoder, path) != MPG123_OK ||
        mpg123_getformat(decoder, rate, channels, &encoding) != MPG123_OK) {
        return BS_ERROR_INVALID;
    }
    /* From here on no other shape is accepted. */
    if (mpg123_format_none(decoder) != MPG123_OK ||
        mpg123_format(decoder, *rate, *channels, MPG123_ENC_SIGNED_16) != MPG123_OK) {
        return BS_ERROR_INVALID;
    }
    int outcome;
    do {
        size_t count = 0;
        void *room = buffer_reserve(samples, MP3_BLOCK_BYTES);
        outcome = mpg123_read(decoder, room, MP3_BLOCK_BYTES, &count);
        samples->size += count;
    } while (outcome == MPG123_OK);
    return outcome == MPG123_DONE && samples->size > 0 ? BS_OK : BS_ERROR_INVALID;
}

static enum bs_error_code read_mp3(const char *path, struct audio *audio, struct bs_error *error)
{
    int failure = MPG123_OK;
    mpg123_handle *decoder = mpg123_new(NULL, &failure);
    BS_ASSERT(decoder != NULL);
    mpg123_param(decoder, MPG123_ADD_FLAGS, MPG123_QUIET | MPG123_GAPLESS, 0);
    mpg123_param(decoder, MPG123_RESYNC_LIMIT, MP3_GARBAGE_BYTES, 0);
    struct buffer samples = {0};
    long rate = 0;
    int channels = 0;
    enum bs_error_code code = decode_mp3(decoder, path, &samples, &rate, &channels);
    if (code == BS_OK) {
        take_channels(audio, (const int16_t *)(const void *)samples.bytes,
                      samples.size / sizeof(int16_t) / (size_t)channels, channels, (int32_t)rate);
    } else {
        bs_error_set(error, code, "no MP3: %s", mpg123_strerror(decoder));
    }
    buffer_free(&samples);
    mpg123_delete(decoder);
    return code;
}

enum bs_error_code audio_read(const char *path, enum encoding encoding, int32_t sample_rate,
                              int32_t channels, struct audio *audio, struct bs_error *error)
{
    *audio = (struct audio){0};
    switch (encoding) {
    case ENCODING_LPCM:
        return read_lpcm(path, sample_rate, channels, audio, error);
    case ENCODING_OGG_OPUS:
        return read_opus(path, audio, error);
    case ENCODING_MP3:
        return read_mp3(path, audio, error);
    }
    return bs_error_set(error, BS_ERROR_INVALID, "an unknown encoding");
}

/* One output sample: a windowed sinc around `centre`, cut off below the lower of both rates. */
static double filtered(const int16_t *samples, size_t count, double centre, double cutoff)
{
    double reach = FILTER_ZERO_CROSSINGS / cutoff;
    int64_t first = (int64_t)ceil(centre - reach);
    int64_t last = (int64_t)floor(centre + reach);
    double sum = 0;
    for (int64_t i = first < 0 ? 0 : first; i <= last && i < (int64_t)count; i++) {
        double distance = ((double)i - centre) * PI;
        double sinc = distance == 0 ? 1 : sin(distance * cutoff) / (distance * cutoff);
        double window = 0.5 + 0.5 * cos(distance / reach);
        sum += samples[i] * sinc * window * cutoff;
    }
    return sum;
}

static int16_t *resample_channel(const int16_t *samples, size_t count, double step, size_t wanted)
{
    double cutoff = step > 1 ? 0.95 / step : 1;
    int16_t *out = malloc((wanted + 1) * sizeof *out);
    BS_ASSERT(out != NULL);
    for (size_t i = 0; i < wanted; i++) {
        double value = filtered(samples, count, (double)i * step, cutoff);
        out[i] = (int16_t)lrint(value > 32767 ? 32767 : value < -32768 ? -32768 : value);
    }
    return out;
}

void audio_resample(struct audio *audio, int32_t rate)
{
    if (audio->sample_rate == rate) {
        return;
    }
    double step = (double)audio->sample_rate / rate;
    size_t wanted = (size_t)((double)audio->sample_count / step);
    for (int32_t channel = 0; channel < audio->channel_count; channel++) {
        int16_t *resampled =
            resample_channel(audio->channels[channel], audio->sample_count, step, wanted);
        free(audio->channels[channel]);
        audio->channels[channel] = resampled;
    }
    audio->sample_count = wanted;
    audio->sample_rate = rate;
}

void audio_free(struct audio *audio)
{
    for (int32_t channel = 0; channel < audio->channel_count; channel++) {
        free(audio->channels[channel]);
    }
    *audio = (struct audio){0};
}
