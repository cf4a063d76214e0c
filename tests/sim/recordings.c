#include "recordings.h"

#include <string.h>

#include "base/hash.h"

#define WAV_HEADER_SIZE 44
#define OPUS_RATE       48000

static uint32_t bytes_of(enum bs_samples samples)
{
    return samples == BS_SAMPLES_S16 ? 2 : 1;
}

static void draw_wav(struct sim_recording *recording, uint64_t hash)
{
    static const enum bs_samples samples[] = {BS_SAMPLES_S16, BS_SAMPLES_U8, BS_SAMPLES_ALAW,
                                              BS_SAMPLES_MULAW};
    static const uint32_t rates[] = {8000, 16000, 48000};
    recording->samples = samples[hash % 4];
    recording->rate = recording->kind == SIM_WAV_44100 ? 44100 : rates[hash / 4 % 3];
    recording->channels = (int32_t)(1 + hash / 12 % 2);
    recording->frames = (int64_t)(1 + hash / 24 % 1000);
    recording->seconds = (double)recording->frames / recording->rate;
    recording->size_bytes =
        WAV_HEADER_SIZE + recording->frames * recording->channels * bytes_of(recording->samples);
}

static void draw_kind(const struct sim_options *options, uint64_t hash,
                      struct sim_recording *recording)
{
    uint64_t more = bs_mix64(hash);
    if ((int32_t)(more % 1000) < options->bad_recordings) {
        recording->kind = (enum sim_audio)(SIM_FLAC + more / 1000 % (SIM_AUDIOS - SIM_FLAC));
        recording->channels = 1;
    } else if (recording->kind == SIM_OPUS && more / 1000 % 5 < 2) {
        recording->kind = SIM_WAV;
    }
    recording->told =
        recording->told && (recording->kind == SIM_OPUS || recording->kind == SIM_RAW);
    recording->all_told = recording->told && more / 7 % 5 == 0;
    if (recording->kind == SIM_WAV || recording->kind == SIM_WAV_44100) {
        draw_wav(recording, more / 5000);
    } else if (recording->kind == SIM_TOO_LONG) {
        recording->seconds = 18000;
    } else if (recording->kind == SIM_OVER_A_GIGABYTE) {
        recording->channels = 8;
        recording->seconds = 1500;
    }
}

static void append_opus(const struct sim_recording *recording, struct bs_buffer *out);

void sim_recording_draw(const struct sim_options *options, int32_t number,
                        struct sim_recording *recording)
{
    uint64_t hash = bs_mix64((uint64_t)number ^ options->seed);
    *recording = (struct sim_recording){.told = hash % 10 < 7};
    recording->seconds = (double)(1 + hash / 10 % (hash % 3 == 0 ? 14400 : 600));
    recording->channels = hash / 7 % 5 == 0 ? (int32_t)(1 + hash / 11 % 4) : 1;
    recording->kind = recording->channels > 1 ? SIM_RAW : SIM_OPUS;
    if (options->store) {
        draw_kind(options, hash, recording);
    }
    bool raw = recording->kind == SIM_RAW || recording->kind == SIM_OVER_A_GIGABYTE;
    if (raw) {
        recording->rate = recording->kind == SIM_RAW ? 8000 : 48000;
        recording->size_bytes =
            (int64_t)recording->seconds * recording->rate * 2 * recording->channels;
    } else if (recording->size_bytes == 0) {
        struct bs_buffer opus = {0};
        append_opus(recording, &opus);
        recording->size_bytes = (int64_t)opus.size;
        bs_buffer_free(&opus);
    }
}

bool sim_recording_is_looked_into(const struct sim_options *options,
                                  const struct sim_recording *recording)
{
    return options->store && !recording->all_told;
}

enum bs_dead_letter_code sim_recording_refusal(const struct sim_options *options,
                                               const struct sim_recording *recording)
{
    static const enum bs_dead_letter_code codes[SIM_AUDIOS] = {
        [SIM_FLAC] = BS_DEAD_UNSUPPORTED_AUDIO,
        [SIM_WAV_44100] = BS_DEAD_UNSUPPORTED_AUDIO,
        [SIM_TOO_LONG] = BS_DEAD_AUDIO_TOO_LONG,
        [SIM_OVER_A_GIGABYTE] = BS_DEAD_AUDIO_TOO_LARGE,
        [SIM_MISSING] = BS_DEAD_AUDIO_NOT_FOUND,
        [SIM_DENIED_ALONE] = BS_DEAD_AUDIO_FORBIDDEN,
        [SIM_UNREADABLE_ALONE] = BS_DEAD_UNEXPECTED_RESPONSE,
    };
    if (!sim_recording_is_looked_into(options, recording)) {
        return BS_DEAD_NONE;
    }
    return recording->kind == SIM_WAV && !options->core.staging ? BS_DEAD_UNSUPPORTED_AUDIO
                                                                : codes[recording->kind];
}

const char *sim_recording_extension(const struct sim_recording *recording)
{
    switch (recording->kind) {
    case SIM_RAW:
    case SIM_OVER_A_GIGABYTE:
        return "pcm";
    case SIM_WAV:
    case SIM_WAV_44100:
        return "wav";
    case SIM_FLAC:
        return "flac";
    default:
        return "ogg";
    }
}

/* ---- bytes --------------------------------------------------------------------------------------
 */

static void put_le(uint8_t *to, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        to[i] = (uint8_t)(value >> 8 * i);
    }
}

/* RFC 3533: the polynomial 0x04c11db7, nothing reflected. */
static uint32_t ogg_checksum(const uint8_t *bytes, size_t size)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < size; i++) {
        sum ^= (uint32_t)bytes[i] << 24;
        for (int bit = 0; bit < 8; bit++) {
            sum = sum & 0x80000000U ? sum << 1 ^ 0x04c11db7U : sum << 1;
        }
    }
    return sum;
}

/* A page of one packet. */
static void append_page(struct bs_buffer *out, uint8_t flags, uint32_t number, int64_t granule,
                        const uint8_t *packet, uint8_t size)
{
    uint8_t page[28 + 255] = "OggS";
    page[5] = flags;
    put_le(page + 6, (uint64_t)granule, 8);
    put_le(page + 14, 1, 4);
    put_le(page + 18, number, 4);
    page[26] = 1;
    page[27] = size;
    memcpy(page + 28, packet, size);
    put_le(page + 22, ogg_checksum(page, 28 + (size_t)size), 4);
    bs_buffer_append(out, page, 28 + (size_t)size);
}

/* Its head, its comments, a packet of 20 ms, and another one at its end. */
static void append_opus(const struct sim_recording *recording, struct bs_buffer *out)
{
    static const uint8_t sound[] = {0xf8, 0xff, 0xfe}, comments[16] = "OpusTags";
    uint8_t head[19] = "OpusHead\x01\x01";
    put_le(head + 12, OPUS_RATE, 4);
    append_page(out, 2, 0, 0, head, sizeof head);
    append_page(out, 0, 1, 0, comments, sizeof comments);
    append_page(out, 0, 2, 960, sound, sizeof sound);
    append_page(out, 4, 3, (int64_t)recording->seconds * OPUS_RATE, sound, sizeof sound);
}

static uint8_t sound_byte(const struct sim_recording *recording, int64_t at)
{
    return (uint8_t)(at * 7 + recording->frames);
}

static void append_wav(const struct sim_recording *recording, struct bs_buffer *out)
{
    uint32_t block = bytes_of(recording->samples) * (uint32_t)recording->channels;
    uint32_t codec = recording->samples == BS_SAMPLES_ALAW    ? 6
                     : recording->samples == BS_SAMPLES_MULAW ? 7
                                                              : 1;
    size_t data_size = (size_t)(recording->size_bytes - WAV_HEADER_SIZE);
    uint8_t *wav = bs_buffer_extend(out, (size_t)recording->size_bytes);
    memcpy(wav, "RIFF----WAVEfmt ", 16);
    put_le(wav + 4, (uint64_t)recording->size_bytes - 8, 4);
    put_le(wav + 16, 16, 4);
    put_le(wav + 20, codec, 2);
    put_le(wav + 22, (uint64_t)recording->channels, 2);
    put_le(wav + 24, recording->rate, 4);
    put_le(wav + 28, (uint64_t)recording->rate * block, 4);
    put_le(wav + 32, block, 2);
    put_le(wav + 34, 8 * bytes_of(recording->samples), 2);
    memcpy(wav + 36, "data", 4);
    put_le(wav + 40, data_size, 4);
    for (size_t i = 0; i < data_size; i++) {
        wav[WAV_HEADER_SIZE + i] = sound_byte(recording, (int64_t)i);
    }
}

void sim_recording_read(const struct sim_recording *recording, int64_t offset, size_t length,
                        struct bs_buffer *out)
{
    struct bs_buffer whole = {0};
    if (offset >= recording->size_bytes) {
        return;
    }
    if (length > (size_t)(recording->size_bytes - offset)) {
        length = (size_t)(recording->size_bytes - offset);
    }
    switch (recording->kind) {
    case SIM_RAW:
    case SIM_OVER_A_GIGABYTE:
        memset(bs_buffer_extend(out, length), 0, length);
        return;
    case SIM_WAV:
    case SIM_WAV_44100:
        append_wav(recording, &whole);
        break;
    default:
        append_opus(recording, &whole);
        if (recording->kind == SIM_FLAC) {
            memcpy(whole.data, "fLaC", 4);
        }
    }
    bs_buffer_append(out, whole.data + offset, length);
    bs_buffer_free(&whole);
}

bool sim_recording_is_copy(const struct sim_recording *recording, struct bs_bytes copy)
{
    struct bs_buffer wav = {0};
    size_t size = (size_t)(recording->size_bytes - WAV_HEADER_SIZE);
    size_t expanded = size * (size_t)bs_samples_expansion(recording->samples);
    if (copy.size != expanded) {
        return false;
    }
    append_wav(recording, &wav);
    uint8_t *samples = bs_buffer_extend(&wav, expanded);
    bs_samples_expand(recording->samples, wav.data + WAV_HEADER_SIZE, size, samples);
    bool same = memcmp(samples, copy.data, expanded) == 0;
    bs_buffer_free(&wav);
    return same;
}
