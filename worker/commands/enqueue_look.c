/* A look into a recording, as the worker takes it before it submits. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands/enqueue_look.h"
#include "commands/object_work.h"
#include "formats/job_probe.h"

static void fail(struct bs_enqueue_look *look, const char *message)
{
    look->failed = true;
    bs_utf8_copy_cut(message, strlen(message), look->message, sizeof look->message);
}

static void refuse(struct bs_enqueue_look *look, enum bs_dead_letter_code code, const char *message)
{
    look->refusal = code;
    bs_utf8_copy_cut(message, strlen(message), look->message, sizeof look->message);
}

/* Exactly so many bytes of a file. */
static bool read_file(int file, int64_t offset, size_t length, struct bs_buffer *out)
{
    uint8_t *bytes = bs_buffer_extend(out, length);
    size_t at = 0;
    while (at < length) {
        ssize_t read = pread(file, bytes + at, length - at, (off_t)offset + (off_t)at);
        if (read <= 0) {
            return false;
        }
        at += (size_t)read;
    }
    return true;
}

static bool feed(struct bs_probe *probe, int file, struct bs_enqueue_look *look)
{
    struct bs_buffer bytes = {0};
    int64_t offset;
    size_t length;
    bool good = true;
    while (good && bs_probe_wants(probe, &offset, &length)) {
        bytes.size = 0;
        good = read_file(file, offset, length, &bytes);
        if (good) {
            bs_probe_feed(probe, bytes.data, bytes.size);
        }
    }
    bs_buffer_free(&bytes);
    if (!good) {
        fail(look, "cannot be read, or changes");
    }
    return good;
}

static void judge(const struct bs_config *config, const struct bs_audio *audio,
                  const struct bs_audio_stated *stated, struct bs_enqueue_look *look)
{
    struct bs_audio_plan plan;
    char message[BS_MESSAGE_MAX];
    enum bs_dead_letter_code refusal =
        bs_audio_judge(audio, stated, config->objects.staging[0] != '\0', &plan, message);
    look->looked = true;
    look->format = audio->format;
    if (refusal != BS_DEAD_NONE) {
        refuse(look, refusal, message);
        return;
    }
    look->encoding = plan.encoding;
    look->staged = plan.stage;
    look->seconds = plan.seconds;
    look->channels = audio->channels == 0 ? 1 : (int32_t)audio->channels;
}

static void look_into_file(const struct bs_enqueue_source *source, const struct bs_job *job,
                           struct bs_enqueue_look *look)
{
    struct bs_probe probe;
    struct bs_job_look known;
    bs_job_look(source->config, job, &known);
    bs_probe_begin(&probe, source->file_size, &known.hint);
    if (feed(&probe, source->file, look)) {
        judge(source->config, bs_probe_audio(&probe), &known.stated, look);
    }
}

static enum bs_encoding encoding_of_name(const char *name)
{
    enum bs_encoding encoding = BS_ENCODING_ABSENT;
    for (int i = BS_ENCODING_ABSENT + 1; name != NULL && i < BS_ENCODINGS; i++) {
        if (strcmp(name, bs_encoding_name((enum bs_encoding)i)) == 0) {
            encoding = (enum bs_encoding)i;
        }
    }
    return encoding;
}

/* The worker's own piece of work. */
static void look_into_object(const struct bs_enqueue_source *source, const uint8_t *packed,
                             size_t size, struct bs_enqueue_look *look)
{
    const struct bs_operation operation = {.job = (uint8_t *)(uintptr_t)packed,
                                           .job_size = (uint32_t)size};
    struct bs_object_work_item *item =
        bs_object_work_create(source->config, source->objects, "", &operation, BS_OBJECT_PROBE);
    struct bs_job completed;
    bs_object_work_run(item);
    const struct bs_object_answer *answer = &item->answer;
    if (answer->outcome == BS_OBJECT_REFUSED) {
        refuse(look, answer->refusal, answer->message);
    } else if (answer->outcome != BS_OBJECT_DONE) {
        fail(look, answer->message);
    } else {
        BS_ASSERT(bs_job_unpack(answer->job, answer->job_size, &completed)); /* packed by us */
        look->encoding = encoding_of_name(completed.encoding);
        look->staged = answer->stage_wanted;
        look->seconds = answer->audio_seconds;
        look->channels = answer->channels;
        bs_job_free(&completed);
    }
    bs_object_work_free(item);
}

void bs_enqueue_look(const struct bs_enqueue_source *source, struct bs_bytes key,
                     struct bs_bytes value, struct bs_enqueue_look *look)
{
    const struct bs_source from = {.topic = source->config->topics.jobs, .timestamp = -1};
    const struct bs_message message = {.key = key, .value = value};
    struct bs_job_event event;
    struct bs_job_look known;
    struct bs_buffer scratch = {0};
    struct bs_job job;
    *look = (struct bs_enqueue_look){.refusal = BS_DEAD_NONE};
    bs_job_decode(source->config, &from, &message, &event, &scratch);
    BS_ASSERT(bs_job_unpack(event.job, event.job_size, &job)); /* packed by us */
    look->seconds = event.audio_seconds;
    look->channels = event.channels;
    if (event.refusal != BS_DEAD_NONE) {
        refuse(look, event.refusal, event.refusal_message);
    } else if (source->file >= 0) {
        look_into_file(source, &job, look);
    } else if (event.probe_wanted && source->objects != NULL) {
        look_into_object(source, event.job, event.job_size, look);
    } else {
        bs_job_look(source->config, &job, &known);
        look->encoding = known.stated.encoding;
    }
    bs_job_free(&job);
    bs_buffer_free(&scratch);
}
