/* What the API would say of a recording, said before it is paid for. */
#include "formats/audio.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TO_OPUS "ffmpeg -i IN -c:a libopus -b:a 32k OUT.ogg"

#define COMMAND_MAX  120
#define PART_SECONDS 14000

/* Stated lengths are often rounded. */
#define SECONDS_TOLERANCE  1.0
#define FRACTION_TOLERANCE 0.01
#define ESTIMATE_TOLERANCE 0.05

struct verdict {
    enum bs_dead_letter_code code;
    char *message; /* BS_MESSAGE_MAX bytes */
};

static bool refuse(struct verdict *verdict, enum bs_dead_letter_code code, const char *format, ...)
    BS_PRINTF(3, 4);

/* Returns false, for whoever has nothing else to do. */
static bool refuse(struct verdict *verdict, enum bs_dead_letter_code code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(verdict->message, BS_MESSAGE_MAX, format, arguments);
    va_end(arguments);
    verdict->code = code;
    return false;
}

static bool is_lpcm_rate(uint32_t rate)
{
    return rate == 8000 || rate == 16000 || rate == 48000;
}

/* ---- what the service takes ----------------------------------------------------------------- */

static enum bs_encoding encoding_of(const struct bs_audio *audio)
{
    switch (audio->format) {
    case BS_AUDIO_RAW:
    case BS_AUDIO_WAV:
        return BS_ENCODING_LINEAR16_PCM;
    case BS_AUDIO_OGG_OPUS:
        return BS_ENCODING_OGG_OPUS;
    case BS_AUDIO_MP3:
        return BS_ENCODING_MP3;
    default:
        return BS_ENCODING_ABSENT;
    }
}

/* What it is called beside what the job states. */
static const char *format_name(const struct bs_audio *audio)
{
    return audio->name[0] != '\0' ? audio->name : "not a known audio format";
}

static bool check_format(const struct bs_audio *audio, const struct bs_audio_stated *stated,
                         struct verdict *verdict)
{
    char but[96] = "";
    if (stated->encoding != BS_ENCODING_ABSENT) {
        (void)snprintf(but, sizeof but, "config.specification.audioEncoding says %s, but ",
                       bs_encoding_name(stated->encoding));
    }
    switch (audio->format) {
    case BS_AUDIO_EMPTY:
        return refuse(verdict, BS_DEAD_UNSUPPORTED_AUDIO,
                      "the recording is empty (%s, %lld bytes): %s", format_name(audio),
                      (long long)audio->size_bytes, audio->problem);
    case BS_AUDIO_BROKEN:
        return refuse(verdict, BS_DEAD_UNSUPPORTED_AUDIO,
                      "%sthe recording is a broken %s: %s; upload it again, or let a player that "
                      "forgives more save it anew: " TO_OPUS,
                      but, format_name(audio), audio->problem);
    case BS_AUDIO_UNKNOWN:
        return refuse(
            verdict, BS_DEAD_UNSUPPORTED_AUDIO,
            "%sthe recording is of no audio format that is known here; headerless samples "
            "need audioEncoding LINEAR16_PCM with sampleRateHertz in the job, all else "
            "is to be converted: " TO_OPUS,
            but);
    case BS_AUDIO_RAW:
    case BS_AUDIO_WAV:
    case BS_AUDIO_OGG_OPUS:
    case BS_AUDIO_MP3:
        return true;
    default:
        return refuse(verdict, BS_DEAD_UNSUPPORTED_AUDIO,
                      "%sthe recording is %s, which API v2 does not take (Ogg Opus, MP3, LPCM): "
                      "convert it: " TO_OPUS,
                      but, format_name(audio));
    }
}

/* A WAV that is not staged, and why. */
static bool check_wav(const struct bs_audio *audio, bool staging, struct verdict *verdict)
{
    const char *name = format_name(audio);
    if (strcmp(name, "WAV, MP3") == 0) {
        return refuse(verdict, BS_DEAD_UNSUPPORTED_AUDIO,
                      "the recording is an MP3 within a WAV, which API v2 does not take: unpack it "
                      "(nothing is lost): ffmpeg -i IN -c:a copy OUT.mp3");
    }
    if (bs_samples_expansion(audio->samples) == 0) {
        return refuse(verdict, BS_DEAD_UNSUPPORTED_AUDIO,
                      "the recording is a %s; API v2 takes 16-bit LPCM, and this is not converted "
                      "here since that would %s: " TO_OPUS,
                      name,
                      audio->samples == BS_SAMPLES_OTHER ? "take its decoder" : "lose precision");
    }
    if (!is_lpcm_rate(audio->sample_rate_hertz)) {
        return refuse(verdict, BS_DEAD_UNSUPPORTED_AUDIO,
                      "the recording is a %s at %u Hz; API v2 takes LPCM at 8000, 16000 and 48000 "
                      "Hz, and nothing is resampled here: " TO_OPUS,
                      name, audio->sample_rate_hertz);
    }
    if (!staging) {
        return refuse(verdict, BS_DEAD_UNSUPPORTED_AUDIO,
                      "the recording is a %s; API v2 takes LPCM without a header only: set "
                      "objects.staging (with objects.auth, so that it may be written) and it is "
                      "copied without it, or convert it: " TO_OPUS,
                      name);
    }
    return true;
}

/* ---- what the job states --------------------------------------------------------------------- */

static bool differs(struct verdict *verdict, const char *field, uint32_t stated, uint32_t found,
                    const char *unit)
{
    if (stated == 0 || found == 0 || stated == found) {
        return false;
    }
    (void)refuse(verdict, BS_DEAD_INVALID_JOB,
                 "config.specification.%s says %u, the recording has %u%s", field, stated, found,
                 unit);
    return true;
}

static bool check_stated(const struct bs_audio *audio, const struct bs_audio_stated *stated,
                         struct bs_audio_plan *plan, struct verdict *verdict)
{
    if (stated->encoding != BS_ENCODING_ABSENT && stated->encoding != encoding_of(audio)) {
        return refuse(
            verdict, BS_DEAD_INVALID_JOB,
            "config.specification.audioEncoding says %s, the recording is %s: correct the "
            "job, or leave the field out",
            bs_encoding_name(stated->encoding), format_name(audio));
    }
    /* Opus has no rate of its own: what it was made from is as true as what it is decoded to. */
    bool same_origin = audio->format == BS_AUDIO_OGG_OPUS &&
                       (audio->original_rate_hertz == 0 ||
                        stated->sample_rate_hertz == audio->original_rate_hertz);
    if ((!same_origin && differs(verdict, "sampleRateHertz", stated->sample_rate_hertz,
                                 audio->sample_rate_hertz, " Hz")) ||
        differs(verdict, "audioChannelCount", stated->channels, audio->channels,
                audio->channels == 1 ? " channel" : " channels")) {
        return false;
    }
    double fraction = audio->estimated ? ESTIMATE_TOLERANCE : FRACTION_TOLERANCE;
    double tolerance = fmax(SECONDS_TOLERANCE, audio->seconds * fraction);
    if (stated->seconds > 0 && fabs(stated->seconds - audio->seconds) > tolerance) {
        return refuse(verdict, BS_DEAD_INVALID_JOB,
                      "audio.durationSeconds says %.15g, the recording lasts %s%.1f s",
                      stated->seconds, audio->estimated ? "about " : "", audio->seconds);
    }
    if (stated->seconds > 0 && audio->estimated) {
        plan->seconds = stated->seconds; /* whoever stated it may have known it exactly */
    }
    return true;
}

/* ---- limits ---------------------------------------------------------------------------------- */

/* How a person makes an Ogg Opus of it; at `text`, of COMMAND_MAX bytes. */
static const char *to_opus(const struct bs_audio *audio, char *text)
{
    if (audio->format != BS_AUDIO_RAW) {
        return TO_OPUS;
    }
    (void)snprintf(text, COMMAND_MAX,
                   "ffmpeg -f s16le -ar %u -ac %u -i IN -c:a libopus -b:a 32k OUT.ogg",
                   audio->sample_rate_hertz, audio->channels);
    return text;
}

static bool check_length(const struct bs_audio *audio, const struct bs_audio_plan *plan,
                         struct verdict *verdict)
{
    static const char *const extensions[] = {
        [BS_AUDIO_WAV] = ".wav", [BS_AUDIO_OGG_OPUS] = ".ogg", [BS_AUDIO_MP3] = ".mp3"};
    if (plan->seconds <= BS_AUDIO_SECONDS_MAX) {
        return true;
    }
    char command[COMMAND_MAX];
    if (audio->format == BS_AUDIO_RAW) {
        (void)snprintf(command, sizeof command, "split -b %lld IN OUT",
                       (long long)audio->sample_rate_hertz * audio->channels * 2 * PART_SECONDS);
    } else {
        (void)snprintf(command, sizeof command,
                       "ffmpeg -i IN -c copy -f segment -segment_time %d OUT%%d%s", PART_SECONDS,
                       extensions[audio->format]);
    }
    int64_t seconds = plan->seconds < 1e15 ? (int64_t)ceil(plan->seconds) : (int64_t)1e15;
    return refuse(
        verdict, BS_DEAD_AUDIO_TOO_LONG,
        "the recording lasts %lld h %lld min %lld s, the service takes 4 hours: split it: "
        "%s",
        (long long)(seconds / 3600), (long long)(seconds / 60 % 60), (long long)(seconds % 60),
        command);
}

static bool check_size(const struct bs_audio *audio, const struct bs_audio_plan *plan,
                       struct verdict *verdict)
{
    char command[COMMAND_MAX];
    int64_t bytes = plan->stage ? plan->staged_bytes : audio->size_bytes;
    if (bytes <= BS_AUDIO_BYTES_MAX) {
        return true;
    }
    return refuse(verdict, BS_DEAD_AUDIO_TOO_LARGE,
                  "the recording has %lld bytes%s, the service takes 1 GB (%d): convert it: %s",
                  (long long)bytes, plan->stage ? " as LPCM" : "", BS_AUDIO_BYTES_MAX,
                  to_opus(audio, command));
}

static bool check_raw(const struct bs_audio *audio, struct verdict *verdict)
{
    char command[COMMAND_MAX];
    if (is_lpcm_rate(audio->sample_rate_hertz)) {
        return true;
    }
    return refuse(verdict, BS_DEAD_UNSUPPORTED_AUDIO,
                  "the recording is LPCM at %u Hz; the API takes it at 8000, 16000 and 48000 Hz, "
                  "and nothing is resampled here: %s",
                  audio->sample_rate_hertz, to_opus(audio, command));
}

/* ---- all of it ------------------------------------------------------------------------------- */

enum bs_dead_letter_code bs_audio_judge(const struct bs_audio *audio,
                                        const struct bs_audio_stated *stated, bool staging,
                                        struct bs_audio_plan *plan, char *message)
{
    struct verdict verdict = {.code = BS_DEAD_NONE, .message = message};
    message[0] = '\0';
    *plan = (struct bs_audio_plan){.encoding = encoding_of(audio),
                                   .sample_rate_hertz = audio->sample_rate_hertz,
                                   .channels = audio->channels,
                                   .seconds = audio->seconds,
                                   .stage = audio->format == BS_AUDIO_WAV};
    if (plan->stage) {
        plan->staged_bytes = audio->data_size * bs_samples_expansion(audio->samples);
    }
    if (stated->size_bytes >= 0 && stated->size_bytes != audio->size_bytes) {
        (void)refuse(&verdict, BS_DEAD_INVALID_JOB,
                     "audio.sizeBytes says %lld, the recording has %lld bytes",
                     (long long)stated->size_bytes, (long long)audio->size_bytes);
        return verdict.code;
    }
    if (check_format(audio, stated, &verdict) && check_stated(audio, stated, plan, &verdict) &&
        (audio->format != BS_AUDIO_RAW || check_raw(audio, &verdict)) &&
        (audio->format != BS_AUDIO_WAV || check_wav(audio, staging, &verdict)) &&
        check_length(audio, plan, &verdict)) {
        (void)check_size(audio, plan, &verdict);
    }
    return verdict.code;
}
