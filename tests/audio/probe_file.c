/* Puts local files through the probe and prints, a line each, what it found and what that cost:
 *
 *   probe_file [--raw RATE CHANNELS] FILE...
 *
 * file<TAB>format<TAB>name<TAB>rate<TAB>channels<TAB>seconds<TAB>reads<TAB>bytes<TAB>verdict */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/audio.h"

static const char *const formats[] = {
    [BS_AUDIO_UNKNOWN] = "unknown",
    [BS_AUDIO_EMPTY] = "empty",
    [BS_AUDIO_RAW] = "raw",
    [BS_AUDIO_WAV] = "wav",
    [BS_AUDIO_OGG_OPUS] = "ogg_opus",
    [BS_AUDIO_OGG_VORBIS] = "ogg_vorbis",
    [BS_AUDIO_OGG_OTHER] = "ogg_other",
    [BS_AUDIO_FLAC] = "flac",
    [BS_AUDIO_MP3] = "mp3",
    [BS_AUDIO_MP4] = "mp4",
    [BS_AUDIO_OTHER_KNOWN] = "other",
    [BS_AUDIO_BROKEN] = "broken",
};

static int probe_file(const char *path, const struct bs_probe_hint *hint)
{
    static uint8_t bytes[BS_PROBE_READ_MAX];
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseeko(file, 0, SEEK_END) != 0) {
        perror(path);
        return 1;
    }
    struct bs_probe probe;
    int64_t offset, reads = 0, total = 0;
    size_t length;
    bs_probe_begin(&probe, ftello(file), hint);
    while (bs_probe_wants(&probe, &offset, &length)) {
        if (fseeko(file, offset, SEEK_SET) != 0 || fread(bytes, 1, length, file) != length) {
            perror(path);
            (void)fclose(file);
            return 1;
        }
        reads++;
        total += (int64_t)length;
        bs_probe_feed(&probe, bytes, length);
    }
    (void)fclose(file);
    const struct bs_audio *audio = bs_probe_audio(&probe);
    struct bs_audio_stated stated = {.size_bytes = -1};
    struct bs_audio_plan plan;
    char message[BS_MESSAGE_MAX];
    enum bs_dead_letter_code code = bs_audio_judge(audio, &stated, true, &plan, message);
    printf("%s\t%s\t%s\t%u\t%u\t%.6f\t%lld\t%lld\t%s%s%s\n", path, formats[audio->format],
           audio->name, audio->sample_rate_hertz, audio->channels, audio->seconds, (long long)reads,
           (long long)total,
           code != BS_DEAD_NONE ? bs_dead_letter_code_name(code)
           : plan.stage         ? "staged"
                                : "as it is",
           code != BS_DEAD_NONE ? ": " : "", message);
    return 0;
}

int main(int count, char **arguments)
{
    struct bs_probe_hint hint = {0};
    int first = 1, failed = 0;
    if (count > 3 && strcmp(arguments[1], "--raw") == 0) {
        hint = (struct bs_probe_hint){.raw = true,
                                      .sample_rate_hertz = (uint32_t)atoi(arguments[2]),
                                      .channels = (uint32_t)atoi(arguments[3])};
        first = 4;
    }
    for (int i = first; i < count; i++) {
        failed |= probe_file(arguments[i], &hint);
    }
    return failed;
}
