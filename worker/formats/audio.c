/* The probe: which bytes are wanted, and what the first of them look like. */
#include "formats/audio.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "formats/audio_parts.h"

/* The first read: enough for every header that is not preceded by something large. An object that
 * fits one read is read in one. */
#define HEAD_BYTES 16384
/* Steps on the bytes of one read. */
#define ROUNDS_MAX 512

enum parser { PARSER_NONE, PARSER_TAG, PARSER_WAV, PARSER_OGG, PARSER_MP3 };

/* What can be told by its first bytes, and is not read further. */
static const struct sign {
    const char *bytes;
    uint8_t size, offset;
    enum bs_audio_format format;
    const char *name;
} signs[] = {
    {"fLaC", 4, 0, BS_AUDIO_FLAC, "FLAC"},
    {"ftypM4A ", 8, 4, BS_AUDIO_MP4, "M4A (MP4 audio)"},
    {"ftypM4B ", 8, 4, BS_AUDIO_MP4, "M4B (MP4 audio book)"},
    {"ftyp3g", 6, 4, BS_AUDIO_MP4, "3GP"},
    {"ftypqt  ", 8, 4, BS_AUDIO_MP4, "QuickTime (MOV)"},
    {"ftyp", 4, 4, BS_AUDIO_MP4, "MP4"},
    {"#!AMR-WB", 8, 0, BS_AUDIO_OTHER_KNOWN, "AMR-WB"},
    {"#!AMR", 5, 0, BS_AUDIO_OTHER_KNOWN, "AMR"},
    {"#!SILK", 6, 0, BS_AUDIO_OTHER_KNOWN, "SILK"},
    {"\x02#!SILK", 7, 0, BS_AUDIO_OTHER_KNOWN, "SILK"},
    {"\x30\x26\xb2\x75\x8e\x66\xcf\x11", 8, 0, BS_AUDIO_OTHER_KNOWN, "WMA (ASF)"},
    {"\x1a\x45\xdf\xa3", 4, 0, BS_AUDIO_OTHER_KNOWN, "Matroska"},
    {"AIFF", 4, 8, BS_AUDIO_OTHER_KNOWN, "AIFF"},
    {"AIFC", 4, 8, BS_AUDIO_OTHER_KNOWN, "AIFF-C"},
    {"AVI ", 4, 8, BS_AUDIO_OTHER_KNOWN, "AVI"},
    {"riff\x2e\x91\xcf\x11", 8, 0, BS_AUDIO_OTHER_KNOWN, "Wave64"},
    {"caff", 4, 0, BS_AUDIO_OTHER_KNOWN, "CAF"},
    {".snd", 4, 0, BS_AUDIO_OTHER_KNOWN, "AU"},
    {"wvpk", 4, 0, BS_AUDIO_OTHER_KNOWN, "WavPack"},
    {"MAC ", 4, 0, BS_AUDIO_OTHER_KNOWN, "Monkey's Audio"},
    {"TTA1", 4, 0, BS_AUDIO_OTHER_KNOWN, "TTA"},
    {"FLV\x01", 4, 0, BS_AUDIO_OTHER_KNOWN, "FLV"},
    {"ADIF", 4, 0, BS_AUDIO_OTHER_KNOWN, "AAC (ADIF)"},
    {"NIST_1A", 7, 0, BS_AUDIO_OTHER_KNOWN, "NIST SPHERE"},
    {"Creative Voice File", 19, 0, BS_AUDIO_OTHER_KNOWN, "VOC"},
    {"MThd", 4, 0, BS_AUDIO_OTHER_KNOWN, "MIDI"},
    {"PK\x03\x04", 4, 0, BS_AUDIO_OTHER_KNOWN, "a ZIP archive"},
    {"Rar!\x1a\x07", 6, 0, BS_AUDIO_OTHER_KNOWN, "a RAR archive"},
    {"7z\xbc\xaf\x27\x1c", 6, 0, BS_AUDIO_OTHER_KNOWN, "a 7z archive"},
    {"%PDF-", 5, 0, BS_AUDIO_OTHER_KNOWN, "a PDF document"},
    {"\x89PNG\r\n\x1a\n", 8, 0, BS_AUDIO_OTHER_KNOWN, "a PNG image"},
    {"<?xml", 5, 0, BS_AUDIO_OTHER_KNOWN, "an XML document"},
    {"<!DOCTYPE", 9, 0, BS_AUDIO_OTHER_KNOWN, "an HTML page"},
    {"<html", 5, 0, BS_AUDIO_OTHER_KNOWN, "an HTML page"},
    {NULL, 0, 0, BS_AUDIO_UNKNOWN, NULL},
};

/* Signs that samples may well begin with: believed only where nothing says raw, and no MP3 frame
 * was found. */
static const struct sign weak_signs[] = {
    {NULL, 0, 0, BS_AUDIO_UNKNOWN, NULL},
    {"\x1f\x8b\x08", 3, 0, BS_AUDIO_OTHER_KNOWN, "gzipped"},
    {"\xff\xd8\xff", 3, 0, BS_AUDIO_OTHER_KNOWN, "a JPEG image"},
    {"\x00\x00\x01\xba", 4, 0, BS_AUDIO_OTHER_KNOWN, "MPEG program stream"},
    {"\x28\xb5\x2f\xfd", 4, 0, BS_AUDIO_OTHER_KNOWN, "compressed by zstd"},
    {"BZh", 3, 0, BS_AUDIO_OTHER_KNOWN, "compressed by bzip2"},
    {"{", 1, 0, BS_AUDIO_OTHER_KNOWN, "JSON, or a text"},
};

static bool shows(const struct sign *sign, const uint8_t *bytes, size_t size)
{
    return sign->bytes != NULL && size >= (size_t)sign->offset + sign->size &&
           memcmp(bytes + sign->offset, sign->bytes, sign->size) == 0;
}

/* ---- what parsers share -------------------------------------------------------------------- */

const uint8_t *bs_view_from(const struct bs_audio_view *view, int64_t at, size_t *size)
{
    if (at < view->offset || at - view->offset >= (int64_t)view->size) {
        *size = 0;
        return view->bytes;
    }
    *size = view->size - (size_t)(at - view->offset);
    return view->bytes + (at - view->offset);
}

bool bs_view_has(const struct bs_audio_view *view, int64_t at, int64_t length)
{
    size_t size;
    (void)bs_view_from(view, at, &size);
    return (int64_t)size >= length;
}

bool bs_view_is_last(const struct bs_probe *probe, const struct bs_audio_view *view)
{
    return view->offset + (int64_t)view->size >= probe->audio.size_bytes;
}

void bs_probe_want(struct bs_probe *probe, int64_t offset, int64_t length)
{
    int64_t rest = probe->audio.size_bytes - offset;
    BS_ASSERT(offset >= 0 && rest > 0 && length > 0);
    length = length < rest ? length : rest;
    probe->want_offset = offset;
    probe->want_length = (size_t)(length < BS_PROBE_READ_MAX ? length : BS_PROBE_READ_MAX);
}

void bs_probe_end(struct bs_probe *probe)
{
    probe->want_length = 0;
}

static void end_as(struct bs_probe *probe, enum bs_audio_format format, const char *text,
                   va_list arguments)
{
    probe->audio.format = format;
    probe->audio.seconds = 0;
    (void)vsnprintf(probe->audio.problem, sizeof probe->audio.problem, text, arguments);
    bs_probe_end(probe);
}

void bs_probe_broken(struct bs_probe *probe, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    end_as(probe, BS_AUDIO_BROKEN, format, arguments);
    va_end(arguments);
}

void bs_probe_empty(struct bs_probe *probe, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    end_as(probe, BS_AUDIO_EMPTY, format, arguments);
    va_end(arguments);
}

void bs_probe_name(struct bs_probe *probe, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(probe->audio.name, sizeof probe->audio.name, format, arguments);
    va_end(arguments);
}

/* ---- the first bytes ----------------------------------------------------------------------- */

static void end_as_sign(struct bs_probe *probe, const struct sign *sign)
{
    probe->audio.format = sign->format;
    bs_probe_name(probe, "%s", sign->name);
    bs_probe_end(probe);
}

/* Headerless samples: what their number of bytes says. */
static void end_as_raw(struct bs_probe *probe)
{
    struct bs_audio *audio = &probe->audio;
    uint32_t rate = probe->hint.sample_rate_hertz, channels = probe->hint.channels;
    audio->format = BS_AUDIO_RAW;
    audio->sample_rate_hertz = rate > 0 ? rate : 48000;
    audio->channels = channels > 0 ? channels : 1;
    int64_t frame = 2 * (int64_t)audio->channels;
    audio->data_size = audio->size_bytes - audio->size_bytes % frame;
    audio->seconds = (double)(audio->data_size / frame) / audio->sample_rate_hertz;
    bs_probe_name(probe, "LPCM without a header");
    if (audio->data_size == 0) {
        bs_probe_empty(probe, "it is shorter than one sample");
    }
    bs_probe_end(probe);
}

void bs_probe_unknown(struct bs_probe *probe)
{
    if (probe->weak_name > 0) {
        end_as_sign(probe, &weak_signs[probe->weak_name]);
        return;
    }
    probe->audio.format = BS_AUDIO_UNKNOWN;
    bs_probe_name(probe, "not a known audio format");
    bs_probe_end(probe);
}

/* FLAC's STREAMINFO is its first block. */
static void read_flac(struct bs_audio *audio, const uint8_t *bytes, size_t size)
{
    if (size < 26 || (bytes[4] & 0x7f) != 0) {
        return;
    }
    uint32_t packed = bs_be32(bytes + 18);
    audio->sample_rate_hertz = packed >> 12;
    audio->channels = (packed >> 9 & 7) + 1;
    uint64_t samples = (uint64_t)(packed & 0x0f) << 32 | bs_be32(bytes + 22);
    audio->seconds =
        audio->sample_rate_hertz > 0 ? (double)samples / audio->sample_rate_hertz : 0.0;
}

int64_t bs_id3v2_length(const uint8_t *bytes, size_t size)
{
    if (size < 10 || memcmp(bytes, "ID3", 3) != 0 || bytes[3] == 0xff || bytes[4] == 0xff ||
        ((bytes[6] | bytes[7] | bytes[8] | bytes[9]) & 0x80) != 0) {
        return 0;
    }
    int64_t length = (int64_t)bytes[6] << 21 | bytes[7] << 14 | bytes[8] << 7 | bytes[9];
    return length + ((bytes[5] & 0x10) != 0 ? 20 : 10);
}

/* Which parser it is for; `at` is 0, or where an ID3 tag ends. */
static void recognise(struct bs_probe *probe, const struct bs_audio_view *view, int64_t at)
{
    size_t size;
    const uint8_t *bytes = bs_view_from(view, at, &size);
    if (size >= 12 && memcmp(bytes + 8, "WAVE", 4) == 0 &&
        (memcmp(bytes, "RIFF", 4) == 0 || memcmp(bytes, "RIFX", 4) == 0 ||
         memcmp(bytes, "RF64", 4) == 0 || memcmp(bytes, "BW64", 4) == 0)) {
        probe->parser = PARSER_WAV;
        bs_wav_begin(probe, view, at);
        return;
    }
    if (size >= 4 && memcmp(bytes, "OggS", 4) == 0) {
        probe->parser = PARSER_OGG;
        bs_ogg_begin(probe, view, at);
        return;
    }
    for (const struct sign *sign = signs; sign->bytes != NULL; sign++) {
        if (shows(sign, bytes, size)) {
            end_as_sign(probe, sign);
            if (sign->format == BS_AUDIO_FLAC) {
                read_flac(&probe->audio, bytes, size);
            } else if (bytes[0] == 0x1a &&
                       memmem(bytes, size < 64 ? size : 64, "webm", 4) != NULL) {
                bs_probe_name(probe, "WebM");
            }
            return;
        }
    }
    bool tagged = at > 0;
    if (probe->hint.raw && !tagged && !bs_mpeg_begins(probe, view, at)) {
        end_as_raw(probe);
        return;
    }
    for (size_t i = 1; i < sizeof weak_signs / sizeof *weak_signs; i++) {
        if (probe->weak_name == 0 && shows(&weak_signs[i], bytes, size)) {
            probe->weak_name = (int32_t)i;
        }
    }
    probe->parser = PARSER_MP3;
    bs_mp3_begin(probe, view, at, tagged);
}

/* Tags of any size, one after the other, are jumped over. */
static void skip_tags(struct bs_probe *probe, const struct bs_audio_view *view, int64_t at)
{
    for (;;) {
        size_t size;
        const uint8_t *bytes = bs_view_from(view, at, &size);
        int64_t length = bs_id3v2_length(bytes, size);
        if (length == 0 && (size >= 12 || bs_view_is_last(probe, view))) {
            recognise(probe, view, at);
            return;
        }
        at += length;
        if (at >= probe->audio.size_bytes) {
            bs_probe_name(probe, "MP3");
            bs_probe_empty(probe, "nothing follows its ID3 tag");
            return;
        }
        if (!bs_view_has(view, at, 12) && !bs_view_is_last(probe, view)) {
            probe->parser = PARSER_TAG;
            bs_probe_want(probe, at, HEAD_BYTES);
            return;
        }
    }
}

/* ---- the probe ----------------------------------------------------------------------------- */

void bs_probe_begin(struct bs_probe *probe, int64_t size_bytes, const struct bs_probe_hint *hint)
{
    *probe = (struct bs_probe){.hint = *hint, .audio.size_bytes = size_bytes < 0 ? 0 : size_bytes};
    if (size_bytes <= 0) {
        bs_probe_name(probe, "an empty object");
        bs_probe_empty(probe, "it has no bytes");
        return;
    }
    bs_probe_want(probe, 0, size_bytes <= BS_PROBE_READ_MAX ? size_bytes : HEAD_BYTES);
}

bool bs_probe_wants(const struct bs_probe *probe, int64_t *offset, size_t *length)
{
    *offset = probe->want_offset;
    *length = probe->want_length;
    return probe->want_length > 0;
}

static void feed_parser(struct bs_probe *probe, const struct bs_audio_view *view)
{
    switch (probe->parser) {
    case PARSER_NONE:
    case PARSER_TAG:
        skip_tags(probe, view, view->offset);
        break;
    case PARSER_WAV:
        bs_wav_feed(probe, view);
        break;
    case PARSER_OGG:
        bs_ogg_feed(probe, view);
        break;
    default:
        bs_mp3_feed(probe, view);
        break;
    }
}

void bs_probe_feed(struct bs_probe *probe, const uint8_t *bytes, size_t size)
{
    BS_ASSERT(size > 0 && size == probe->want_length);
    const struct bs_audio_view read = {.bytes = bytes, .size = size, .offset = probe->want_offset};
    struct bs_audio_view view = read;
    probe->reads++;
    /* What is wanted next may be there already: of a small object all of it is. */
    for (int rounds = 0; rounds < ROUNDS_MAX; rounds++) {
        probe->want_length = 0;
        feed_parser(probe, &view);
        if (probe->want_length == 0 ||
            !bs_view_has(&read, probe->want_offset, (int64_t)probe->want_length)) {
            break;
        }
        view = (struct bs_audio_view){.bytes = read.bytes + (probe->want_offset - read.offset),
                                      .size = probe->want_length,
                                      .offset = probe->want_offset};
    }
    if (probe->want_length > 0 && probe->reads >= BS_PROBE_READS_MAX) {
        if (probe->parser == PARSER_OGG) {
            bs_ogg_give_up(probe);
        } else {
            bs_probe_broken(probe, "its length is not found in %d reads", BS_PROBE_READS_MAX);
        }
    }
}

const struct bs_audio *bs_probe_audio(const struct bs_probe *probe)
{
    return &probe->audio;
}
