#include "fuzz_audio.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "formats/audio.h"

#define CONTROL_BYTES 6
/* Primes, so that nothing falls on round offsets alone. */
#define GAP_SMALL 997
#define GAP_LARGE 1000003

struct recording {
    const uint8_t *head, *middle, *tail; /* borrowed */
    size_t head_size, middle_size, tail_size;
    int64_t gap; /* what the repeated middle fills */
    const uint8_t *sign;
    size_t sign_size;
    int64_t size;
};

static struct recording make_recording(const uint8_t *control, const uint8_t *rest, size_t size)
{
    size_t first = size * control[0] / 255, second = size * control[1] / 255;
    if (second < first) {
        second = first;
    }
    struct recording recording = {.head = rest,
                                  .head_size = first,
                                  .middle = rest + first,
                                  .middle_size = second - first,
                                  .tail = rest + second,
                                  .tail_size = size - second};
    if (recording.middle_size > 0) {
        recording.gap = (int64_t)recording.middle_size + control[2] * GAP_SMALL +
                        (control[3] > 250 ? (control[3] - 250) * GAP_LARGE : 0);
    }
    recording.size = (int64_t)(first + recording.tail_size) + recording.gap;
    return recording;
}

/* The bytes from `at` on that lie together; how many. */
static int64_t run_at(const struct recording *recording, int64_t at, const uint8_t **bytes)
{
    int64_t head = (int64_t)recording->head_size, middle = (int64_t)recording->middle_size;
    if (at < head) {
        *bytes = recording->head + at;
        return head - at;
    }
    at -= head;
    if (at < recording->gap) {
        *bytes = recording->middle + at % middle;
        int64_t run = middle - at % middle, rest = recording->gap - at;
        return run < rest ? run : rest;
    }
    *bytes = recording->tail + (at - recording->gap);
    return (int64_t)recording->tail_size - (at - recording->gap);
}

/* The bytes [at, at + size), at the end of one block, so that a step beyond it is seen. Valid until
 * the next call. */
static uint8_t *read_recording(const struct recording *recording, int64_t at, size_t size)
{
    static uint8_t *whole;
    if (whole == NULL) {
        whole = malloc(BS_PROBE_READ_MAX);
    }
    BS_ASSERT(whole != NULL && size <= BS_PROBE_READ_MAX);
    uint8_t *block = whole + (BS_PROBE_READ_MAX - size);
    for (size_t done = 0; done < size;) {
        const uint8_t *bytes;
        int64_t run = run_at(recording, at + (int64_t)done, &bytes);
        size_t length = run < (int64_t)(size - done) ? (size_t)run : size - done;
        memcpy(block + done, bytes, length);
        done += length;
    }
    for (int64_t i = at; i < (int64_t)recording->sign_size && i - at < (int64_t)size; i++) {
        block[i - at] = recording->sign[i];
    }
    return block;
}

static void check_audio(const struct bs_audio *audio, int64_t size)
{
    BS_ASSERT(audio->size_bytes == size);
    BS_ASSERT(isfinite(audio->seconds) && audio->seconds >= 0.0);
    BS_ASSERT(audio->name[0] != '\0' && fuzz_is_message(audio->name, sizeof audio->name));
    BS_ASSERT(fuzz_is_message(audio->problem, sizeof audio->problem));
    bool at_fault = audio->format == BS_AUDIO_BROKEN || audio->format == BS_AUDIO_EMPTY;
    BS_ASSERT((audio->problem[0] != '\0') == at_fault);
    BS_ASSERT(audio->data_offset >= 0 && audio->data_size >= 0);
    BS_ASSERT(audio->data_offset + audio->data_size <= size);
    bool taken = audio->format == BS_AUDIO_RAW || audio->format == BS_AUDIO_OGG_OPUS ||
                 audio->format == BS_AUDIO_MP3;
    BS_ASSERT(!taken ||
              (audio->seconds > 0.0 && audio->channels > 0 && audio->sample_rate_hertz > 0));
}

/* What is let pass breaks no rule of the service, and no word of the job. */
static void check_plan(const struct bs_audio *audio, const struct bs_audio_stated *stated,
                       bool staging, const struct bs_audio_plan *plan)
{
    int64_t bytes = plan->stage ? plan->staged_bytes : audio->size_bytes;
    BS_ASSERT(plan->seconds > 0.0 && plan->seconds <= BS_AUDIO_SECONDS_MAX);
    BS_ASSERT(bytes > 0 && bytes <= BS_AUDIO_BYTES_MAX);
    BS_ASSERT(plan->channels > 0 && plan->encoding != BS_ENCODING_ABSENT);
    if (plan->encoding == BS_ENCODING_LINEAR16_PCM) {
        uint32_t rate = plan->sample_rate_hertz;
        BS_ASSERT(rate == 8000 || rate == 16000 || rate == 48000);
        BS_ASSERT(stated->sample_rate_hertz == 0 || stated->sample_rate_hertz == rate);
    }
    BS_ASSERT(plan->stage == (audio->format == BS_AUDIO_WAV) && (!plan->stage || staging));
    if (plan->stage) {
        BS_ASSERT(bytes % (2 * (int64_t)plan->channels) == 0);
        BS_ASSERT(fabs((double)bytes / 2 / plan->channels / plan->sample_rate_hertz -
                       plan->seconds) < 0.001);
    }
    BS_ASSERT(stated->encoding == BS_ENCODING_ABSENT || stated->encoding == plan->encoding);
    BS_ASSERT(stated->channels == 0 || stated->channels == plan->channels);
    BS_ASSERT(stated->size_bytes < 0 || stated->size_bytes == audio->size_bytes);
    BS_ASSERT(stated->seconds <= 0.0 ||
              fabs(stated->seconds - plan->seconds) <= fmax(1.0, plan->seconds / 100));
}

static void check_verdict(const struct bs_audio *audio, uint8_t control)
{
    const struct bs_audio_stated stated = {
        .encoding = (enum bs_encoding)(control & 3),
        .sample_rate_hertz = (control & 4) != 0 ? 16000 : 0,
        .channels = control >> 3 & 3,
        .seconds = (control & 32) != 0 ? 60.0 : 0.0,
        .size_bytes = (control & 64) != 0 ? 65536 : -1,
    };
    bool staging = (control & 128) == 0;
    char message[BS_MESSAGE_MAX];
    struct bs_audio_plan plan;
    enum bs_dead_letter_code code = bs_audio_judge(audio, &stated, staging, &plan, message);
    BS_ASSERT(fuzz_is_message(message, sizeof message));
    BS_ASSERT(strlen(message) < sizeof message - 1);
    BS_ASSERT((code == BS_DEAD_NONE) == (message[0] == '\0'));
    if (code == BS_DEAD_NONE) {
        check_plan(audio, &stated, staging, &plan);
        return;
    }
    BS_ASSERT(code == BS_DEAD_UNSUPPORTED_AUDIO || code == BS_DEAD_AUDIO_TOO_LONG ||
              code == BS_DEAD_AUDIO_TOO_LARGE || code == BS_DEAD_INVALID_JOB);
}

/* The sound of a small WAV, as it would be staged. */
static void check_samples(const struct recording *recording, const struct bs_audio *audio)
{
    int expansion = bs_samples_expansion(audio->samples);
    if (expansion == 0 || audio->data_size == 0 || audio->data_size > 4096) {
        return;
    }
    size_t size = (size_t)audio->data_size;
    uint8_t *bytes = read_recording(recording, audio->data_offset, size);
    uint8_t *out = malloc(size * (size_t)expansion);
    BS_ASSERT(out != NULL);
    bs_samples_expand(audio->samples, bytes, size, out);
    free(out);
}

void fuzz_audio(const uint8_t *data, size_t size, const void *sign, size_t sign_size)
{
    if (size < CONTROL_BYTES) {
        return;
    }
    struct recording recording = make_recording(data, data + CONTROL_BYTES, size - CONTROL_BYTES);
    recording.sign = sign;
    recording.sign_size = sign_size;
    const struct bs_probe_hint hint = {.raw = (data[4] & 1) != 0,
                                       .sample_rate_hertz = (data[4] & 2) != 0 ? 8000 : 0,
                                       .channels = data[4] >> 2 & 3};
    struct bs_probe probe;
    int64_t offset;
    size_t length;
    int reads = 0;
    bs_probe_begin(&probe, recording.size, &hint);
    while (bs_probe_wants(&probe, &offset, &length)) {
        BS_ASSERT(length > 0 && length <= BS_PROBE_READ_MAX && reads++ < BS_PROBE_READS_MAX);
        BS_ASSERT(offset >= 0 && offset + (int64_t)length <= recording.size);
        bs_probe_feed(&probe, read_recording(&recording, offset, length), length);
    }
    check_audio(bs_probe_audio(&probe), recording.size);
    check_samples(&recording, bs_probe_audio(&probe));
    check_verdict(bs_probe_audio(&probe), data[5]);
}
