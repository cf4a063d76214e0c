/* Puts local files through the probe.
 *
 *   probe_file [--raw RATE CHANNELS] FILE...   prints, a line each, what was found and what it
 * cost: format, name, rate, channels, seconds, reads, bytes read, verdict; tabs between probe_file
 * --stage FILE                    writes the samples as they would be staged probe_file --damage
 * TIMES SEED FILE...     cuts and spoils each file so often, in memory: every probe ends with
 * something, and nothing that was cut is said to be longer than it was */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/audio.h"

static const char *const formats[] = {
    [BS_AUDIO_UNKNOWN] = "unknown",   [BS_AUDIO_EMPTY] = "empty",
    [BS_AUDIO_RAW] = "raw",           [BS_AUDIO_WAV] = "wav",
    [BS_AUDIO_OGG_OPUS] = "ogg_opus", [BS_AUDIO_OGG_VORBIS] = "ogg_vorbis",
    [BS_AUDIO_OGG_OTHER] = "ogg",     [BS_AUDIO_FLAC] = "flac",
    [BS_AUDIO_MP3] = "mp3",           [BS_AUDIO_MP4] = "mp4",
    [BS_AUDIO_OTHER_KNOWN] = "other", [BS_AUDIO_BROKEN] = "broken",
};

struct recording {
    uint8_t *bytes; /* owned */
    int64_t size;
};

struct cost {
    int reads;
    int64_t bytes;
};

static struct recording load(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseeko(file, 0, SEEK_END) != 0) {
        perror(path);
        exit(1);
    }
    struct recording recording = {.size = ftello(file)};
    recording.bytes = malloc((size_t)recording.size + 1);
    rewind(file);
    if (recording.bytes == NULL ||
        fread(recording.bytes, 1, (size_t)recording.size, file) != (size_t)recording.size) {
        perror(path);
        exit(1);
    }
    (void)fclose(file);
    return recording;
}

/* Each read is a block of its own, so that the sanitizers see a step beyond it. */
static struct bs_audio probe(const struct recording *recording, const struct bs_probe_hint *hint,
                             struct cost *cost)
{
    struct bs_probe probe;
    int64_t offset;
    size_t length;
    *cost = (struct cost){0};
    bs_probe_begin(&probe, recording->size, hint);
    while (bs_probe_wants(&probe, &offset, &length)) {
        BS_ASSERT(length > 0 && length <= BS_PROBE_READ_MAX && cost->reads < BS_PROBE_READS_MAX);
        BS_ASSERT(offset >= 0 && offset + (int64_t)length <= recording->size);
        uint8_t *block = malloc(length);
        BS_ASSERT(block != NULL);
        memcpy(block, recording->bytes + offset, length);
        cost->reads++;
        cost->bytes += (int64_t)length;
        bs_probe_feed(&probe, block, length);
        free(block);
    }
    struct bs_audio audio = *bs_probe_audio(&probe);
    BS_ASSERT(isfinite(audio.seconds) && audio.seconds >= 0.0);
    return audio;
}

static void print(const char *path, const struct bs_probe_hint *hint)
{
    struct recording recording = load(path);
    struct cost cost;
    struct bs_audio audio = probe(&recording, hint, &cost);
    const struct bs_audio_stated stated = {.size_bytes = -1};
    struct bs_audio_plan plan;
    char message[BS_MESSAGE_MAX];
    enum bs_dead_letter_code code = bs_audio_judge(&audio, &stated, true, &plan, message);
    printf("%s\t%s\t%s\t%u\t%u\t%.6f\t%d\t%lld\t%s%s%s\n", path, formats[audio.format], audio.name,
           audio.sample_rate_hertz, audio.channels, audio.seconds, cost.reads,
           (long long)cost.bytes,
           code != BS_DEAD_NONE ? bs_dead_letter_code_name(code)
           : plan.stage         ? "staged"
                                : "as it is",
           code != BS_DEAD_NONE ? ": " : "", message);
    free(recording.bytes);
}

static int stage(const char *path)
{
    struct recording recording = load(path);
    struct cost cost;
    struct bs_audio audio = probe(&recording, &(struct bs_probe_hint){0}, &cost);
    int expansion = bs_samples_expansion(audio.samples);
    if (expansion == 0) {
        (void)fprintf(stderr, "%s: is not staged\n", path);
        return 1;
    }
    size_t size = (size_t)audio.data_size * (size_t)expansion;
    uint8_t *out = malloc(size + 1);
    BS_ASSERT(out != NULL);
    bs_samples_expand(audio.samples, recording.bytes + audio.data_offset, (size_t)audio.data_size,
                      out);
    size_t written = fwrite(out, 1, size, stdout);
    free(out);
    free(recording.bytes);
    return written == size ? 0 : 1;
}

/* xorshift64*: the same damage from the same seed everywhere. */
static uint64_t draw(uint64_t *state, uint64_t below)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (*state * UINT64_C(2685821657736338717) >> 11) % below;
}

/* Half of the damage is done where headers and last pages are. */
static int64_t draw_place(uint64_t *state, int64_t size)
{
    int64_t near = size < 2048 ? size : 2048;
    switch (draw(state, 4)) {
    case 0:
        return (int64_t)draw(state, (uint64_t)near);
    case 1:
        return size - 1 - (int64_t)draw(state, (uint64_t)near);
    default:
        return (int64_t)draw(state, (uint64_t)size);
    }
}

static int damage(const char *path, int times, uint64_t seed)
{
    const struct bs_probe_hint hint = {0};
    struct recording recording = load(path);
    struct cost cost;
    struct bs_audio whole = probe(&recording, &hint, &cost);
    uint64_t state = seed * 2 + 1;
    int failed = 0;
    for (int i = 0; i < times && recording.size > 0; i++) {
        struct recording cut = {recording.bytes, draw_place(&state, recording.size)};
        struct bs_audio audio = probe(&cut, &hint, &cost);
        if (audio.format == whole.format && audio.seconds > whole.seconds * 1.001 + 0.1) {
            printf("%s: %f s, and %f s when cut after %lld bytes\n", path, whole.seconds,
                   audio.seconds, (long long)cut.size);
            failed = 1;
        }
        struct recording spoilt = {malloc((size_t)recording.size), recording.size};
        BS_ASSERT(spoilt.bytes != NULL);
        memcpy(spoilt.bytes, recording.bytes, (size_t)recording.size);
        for (uint64_t changes = 1 + draw(&state, 20); changes > 0; changes--) {
            spoilt.bytes[draw_place(&state, spoilt.size)] = (uint8_t)draw(&state, 256);
        }
        (void)probe(&spoilt, &hint, &cost);
        free(spoilt.bytes);
    }
    free(recording.bytes);
    return failed;
}

int main(int count, char **arguments)
{
    struct bs_probe_hint hint = {0};
    int first = 1, failed = 0;
    if (count == 3 && strcmp(arguments[1], "--stage") == 0) {
        return stage(arguments[2]);
    }
    if (count > 3 && strcmp(arguments[1], "--damage") == 0) {
        for (int i = 4; i < count; i++) {
            failed |= damage(arguments[i], atoi(arguments[2]),
                             strtoull(arguments[3], NULL, 10) + (unsigned)i);
        }
        return failed;
    }
    if (count > 3 && strcmp(arguments[1], "--raw") == 0) {
        hint = (struct bs_probe_hint){.raw = true,
                                      .sample_rate_hertz = (uint32_t)atoi(arguments[2]),
                                      .channels = (uint32_t)atoi(arguments[3])};
        first = 4;
    }
    for (int i = first; i < count; i++) {
        print(arguments[i], &hint);
    }
    return 0;
}
