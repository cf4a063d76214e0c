/* WAV: RIFF, RF64 and BW64. Chunks are walked by their sizes up to the one with the sound, which is
 * never read. */
#include <stdio.h>
#include <string.h>

#include "formats/audio_parts.h"

#define WINDOW_BYTES    4096 /* a chunk's head, and the next ones where they are small */
#define UNKNOWN_SIZE    0xffffffffU
#define FORMAT_SIZE_MIN 14 /* codec, channels, rate, bytes per second, block */

enum codec {
    CODEC_PCM = 0x0001,
    CODEC_FLOAT = 0x0003,
    CODEC_ALAW = 0x0006,
    CODEC_MULAW = 0x0007,
    CODEC_EXTENSIBLE = 0xfffe,
};

/* What else telephone systems and recorders put into a WAV. */
static const struct {
    uint32_t codec;
    const char *name;
} codec_names[] = {
    {0x0002, "Microsoft ADPCM"},
    {0x0010, "OKI ADPCM"},
    {0x0011, "IMA ADPCM"},
    {0x0014, "G.723 ADPCM"},
    {0x0017, "OKI ADPCM"},
    {0x0020, "Yamaha ADPCM"},
    {0x0022, "TrueSpeech"},
    {0x0031, "GSM 6.10"},
    {0x0040, "G.721 ADPCM"},
    {0x0042, "G.723.1"},
    {0x0045, "G.726 ADPCM"},
    {0x0050, "MPEG layer I or II"},
    {0x0055, "MP3"},
    {0x0062, "G.729"},
    {0x0064, "G.726 ADPCM"},
    {0x0065, "G.722"},
    {0x0069, "IMA ADPCM"},
    {0x0083, "G.729"},
    {0x0085, "DSP Group ADPCM"},
    {0x00ff, "AAC"},
    {0x0111, "Vivo G.723"},
    {0x0112, "Vivo Siren"},
    {0x0125, "Sanyo ADPCM"},
    {0x0130, "ACELP.net"},
    {0x0133, "G.729"},
    {0x0160, "WMA"},
    {0x0161, "WMA"},
    {0x0162, "WMA Pro"},
    {0x0163, "WMA Lossless"},
    {0x0200, "Creative ADPCM"},
    {0x028e, "Siren"},
    {0x028f, "G.722"},
    {0x0402, "Indeo audio"},
    {0x1600, "AAC (ADTS)"},
    {0x1610, "AAC"},
    {0x2000, "AC-3"},
    {0x2001, "DTS"},
    {0x674f, "Vorbis"},
    {0x704f, "Opus"},
    {0xa100, "G.723.1"},
    {0xa105, "AMR"},
    {0xa106, "AAC"},
    {0xa109, "Speex"},
    {0xf1ac, "FLAC"},
};

/* The end of every sub-format GUID whose first four bytes are a codec. */
static const uint8_t codec_guid[12] = {0x00, 0x00, 0x10, 0x00, 0x80, 0x00,
                                       0x00, 0xaa, 0x00, 0x38, 0x9b, 0x71};

static void name_other(struct bs_probe *probe)
{
    probe->audio.samples = BS_SAMPLES_OTHER;
    for (size_t i = 0; i < sizeof codec_names / sizeof *codec_names; i++) {
        if (codec_names[i].codec == probe->of.wav.codec) {
            bs_probe_name(probe, "WAV, %s", codec_names[i].name);
            return;
        }
    }
    bs_probe_name(probe, "WAV, codec 0x%04x", probe->of.wav.codec);
}

/* PCM's samples stand in whole bytes, the lower bits empty: what counts is the container. */
static void name_pcm(struct bs_probe *probe)
{
    static const enum bs_samples by_bytes[] = {BS_SAMPLES_OTHER, BS_SAMPLES_U8, BS_SAMPLES_S16,
                                               BS_SAMPLES_S24, BS_SAMPLES_S32};
    uint32_t bits = probe->of.wav.container_bits;
    probe->audio.samples = bits <= 32 ? by_bytes[bits / 8] : BS_SAMPLES_OTHER;
    bs_probe_name(probe, "WAV, %u-bit PCM", bits);
}

static void name_samples(struct bs_probe *probe)
{
    struct bs_wav_state *wav = &probe->of.wav;
    bool bytes = wav->container_bits == 8;
    if (wav->codec == CODEC_PCM) {
        name_pcm(probe);
    } else if (wav->codec == CODEC_FLOAT) {
        probe->audio.samples = BS_SAMPLES_FLOAT;
        bs_probe_name(probe, "WAV, %u-bit float", wav->container_bits);
    } else if (wav->codec == CODEC_ALAW && bytes) {
        probe->audio.samples = BS_SAMPLES_ALAW;
        bs_probe_name(probe, "WAV, A-law");
    } else if (wav->codec == CODEC_MULAW && bytes) {
        probe->audio.samples = BS_SAMPLES_MULAW;
        bs_probe_name(probe, "WAV, \xc2\xb5-law");
    } else {
        name_other(probe);
    }
}

/* How many bits a sample takes up, from both fields that tell. False when they contradict each
 * other. */
static bool read_container(struct bs_probe *probe, uint32_t block, uint32_t bits)
{
    struct bs_wav_state *wav = &probe->of.wav;
    uint32_t channels = probe->audio.channels;
    wav->container_bits = (bits + 7) / 8 * 8;
    bool linear = wav->codec == CODEC_PCM || wav->codec == CODEC_FLOAT;
    bool companded = wav->codec == CODEC_ALAW || wav->codec == CODEC_MULAW;
    if (companded) {
        /* One byte a sample, whatever the bits say: some writers leave 0 or 16 there. */
        wav->container_bits = 8;
        return block == channels || block == 0;
    }
    if (!linear || block == 0) {
        return !linear || wav->container_bits > 0;
    }
    if (block % channels != 0 || block / channels * 8 < wav->container_bits) {
        return false;
    }
    wav->container_bits = block / channels * 8;
    return true;
}

static void read_format(struct bs_probe *probe, const uint8_t *bytes, uint32_t size)
{
    struct bs_wav_state *wav = &probe->of.wav;
    struct bs_audio *audio = &probe->audio;
    wav->has_format = true;
    wav->codec = bs_le16(bytes);
    audio->channels = bs_le16(bytes + 2);
    audio->sample_rate_hertz = bs_le32(bytes + 4);
    wav->bytes_per_second = bs_le32(bytes + 8);
    uint32_t block = bs_le16(bytes + 12), bits = size >= 16 ? bs_le16(bytes + 14) : 0;
    if (wav->codec == CODEC_EXTENSIBLE && size >= 40) {
        wav->codec = memcmp(bytes + 28, codec_guid, sizeof codec_guid) == 0 ? bs_le32(bytes + 24)
                                                                            : CODEC_EXTENSIBLE;
    }
    if (audio->channels == 0 || audio->sample_rate_hertz == 0) {
        bs_probe_broken(probe, "its header says %u channels and %u Hz", audio->channels,
                        audio->sample_rate_hertz);
    } else if (!read_container(probe, block, bits)) {
        bs_probe_broken(probe, "its header says %u channels of %u bits in blocks of %u bytes",
                        audio->channels, bits, block);
    } else {
        name_samples(probe);
    }
}

/* ---- the sound ----------------------------------------------------------------------------- */

/* Those that are met around the sound. */
static bool is_known_chunk(const uint8_t *bytes)
{
    static const char known[][5] = {"fmt ", "data", "LIST", "fact", "bext", "JUNK", "junk",
                                    "PAD ", "id3 ", "ID3 ", "cue ", "smpl", "iXML", "_PMX",
                                    "axml", "PEAK", "DISP", "note", "cart", "FLLR"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (memcmp(bytes, known[i], 4) == 0) {
            return true;
        }
    }
    return false;
}

/* A size of 0 is what a recorder leaves that never came back to its header; it is meant only where
 * another chunk follows that fits, or nothing. */
static bool is_truly_empty(const struct bs_probe *probe, const struct bs_audio_view *view,
                           int64_t at)
{
    size_t size;
    const uint8_t *bytes = bs_view_from(view, at, &size);
    return size >= 8 && is_known_chunk(bytes) &&
           at + 8 + (int64_t)bs_le32(bytes + 4) <= probe->audio.size_bytes;
}

static void read_sound(struct bs_probe *probe, const struct bs_audio_view *view, int64_t at,
                       uint32_t told)
{
    struct bs_wav_state *wav = &probe->of.wav;
    struct bs_audio *audio = &probe->audio;
    int64_t rest = audio->size_bytes - at, size = told;
    if (wav->has_64_bit_sizes && told == UNKNOWN_SIZE && wav->ds64_data > 0) {
        size = wav->ds64_data;
    } else if (told == UNKNOWN_SIZE || (told == 0 && !is_truly_empty(probe, view, at))) {
        size = rest;
    }
    audio->data_offset = at;
    audio->data_size = size < rest ? size : rest;
    if (audio->samples != BS_SAMPLES_OTHER) {
        int64_t frame = (int64_t)audio->channels * wav->container_bits / 8;
        audio->data_size -= audio->data_size % frame;
        audio->seconds = (double)(audio->data_size / frame) / audio->sample_rate_hertz;
    } else if (wav->fact_samples > 0 && told != 0 && told != UNKNOWN_SIZE && size == told) {
        audio->seconds = (double)wav->fact_samples / audio->sample_rate_hertz;
    } else if (wav->bytes_per_second > 0) {
        audio->seconds = (double)audio->data_size / wav->bytes_per_second;
    }
    if (audio->data_size == 0) {
        bs_probe_empty(probe, "no sound follows its header");
    }
    bs_probe_end(probe);
}

/* ---- chunks -------------------------------------------------------------------------------- */

/* Where the next chunk begins: sizes are padded to even ones, but not by every writer. */
static int64_t after_chunk(const struct bs_audio_view *view, int64_t at, uint32_t told)
{
    int64_t end = at + 8 + told;
    if (told % 2 == 0) {
        return end;
    }
    size_t size;
    const uint8_t *bytes = bs_view_from(view, end, &size);
    return size >= 4 && is_known_chunk(bytes) ? end : end + 1;
}

/* Of a chunk whose head the view holds. False: its body is needed and not in the view. */
static bool read_chunk(struct bs_probe *probe, const struct bs_audio_view *view, int64_t at)
{
    struct bs_wav_state *wav = &probe->of.wav;
    size_t size;
    const uint8_t *bytes = bs_view_from(view, at, &size);
    uint32_t told = bs_le32(bytes + 4);
    bool format = memcmp(bytes, "fmt ", 4) == 0, sizes = memcmp(bytes, "ds64", 4) == 0;
    bool fact = memcmp(bytes, "fact", 4) == 0;
    size_t needed = format ? (told < 40 ? told : 40) : sizes ? 24 : fact ? 4 : 0;
    if (size < 8 + needed) {
        return false;
    }
    if (format && told < FORMAT_SIZE_MIN) {
        bs_probe_broken(probe, "its format chunk has only %u bytes", told);
    } else if (format) {
        read_format(probe, bytes + 8, told);
    } else if (sizes && told >= 24) {
        uint64_t data = bs_le64(bytes + 16);
        wav->ds64_data = data > INT64_MAX ? -1 : (int64_t)data;
    } else if (fact && told >= 4) {
        wav->fact_samples = bs_le32(bytes + 8);
    } else if (memcmp(bytes, "data", 4) == 0) {
        if (wav->has_format) {
            read_sound(probe, view, at + 8, told);
        } else {
            bs_probe_broken(probe, "its sound stands before any format chunk");
        }
    }
    return true;
}

static bool ended(const struct bs_probe *probe)
{
    return probe->audio.format == BS_AUDIO_BROKEN || probe->audio.format == BS_AUDIO_EMPTY ||
           probe->audio.data_offset > 0;
}

void bs_wav_feed(struct bs_probe *probe, const struct bs_audio_view *view)
{
    struct bs_wav_state *wav = &probe->of.wav;
    while (wav->chunk + 8 <= probe->audio.size_bytes) {
        if (!bs_view_has(view, wav->chunk, 8)) {
            bs_probe_want(probe, wav->chunk, WINDOW_BYTES);
            return;
        }
        size_t size;
        uint32_t told = bs_le32(bs_view_from(view, wav->chunk, &size) + 4);
        if (!read_chunk(probe, view, wav->chunk)) {
            if (bs_view_is_last(probe, view)) {
                break;
            }
            bs_probe_want(probe, wav->chunk, WINDOW_BYTES);
            return;
        }
        if (ended(probe)) {
            return;
        }
        wav->chunk = after_chunk(view, wav->chunk, told);
    }
    bs_probe_broken(probe, wav->has_format ? "it ends before its sound begins: it was cut"
                                           : "it ends within its header: it was cut");
}

void bs_wav_begin(struct bs_probe *probe, const struct bs_audio_view *view, int64_t at)
{
    size_t size;
    const uint8_t *bytes = bs_view_from(view, at, &size);
    probe->audio.format = BS_AUDIO_WAV;
    bs_probe_name(probe, "WAV");
    if (memcmp(bytes, "RIFX", 4) == 0) {
        probe->audio.samples = BS_SAMPLES_OTHER;
        bs_probe_name(probe, "WAV, big-endian (RIFX)");
        bs_probe_end(probe);
        return;
    }
    probe->of.wav = (struct bs_wav_state){
        .chunk = at + 12, .ds64_data = -1, .has_64_bit_sizes = memcmp(bytes, "RIFF", 4) != 0};
    bs_wav_feed(probe, view);
}
