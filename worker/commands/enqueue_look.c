/* A look into a recording, as the worker takes it before it submits. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands/enqueue_look.h"
#include "formats/job_probe.h"

#define LOOK_LIMIT_MS 15000

/* Where its bytes are. */
struct place {
    struct bs_objects *objects; /* NULL: `file` */
    int file;
    struct bs_object_name name;
    struct bs_object_facts facts;
};

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

static bool read_range(const struct place *place, int64_t offset, size_t length,
                       struct bs_buffer *out, struct bs_error *error)
{
    if (place->objects == NULL) {
        if (!read_file(place->file, offset, length, out)) {
            (void)bs_error_set(error, BS_ERROR_TEMPORARY, "cannot be read, or changes");
        }
        return error->code == BS_OK;
    }
    const char *etag = place->facts.etag[0] == '\0' ? NULL : place->facts.etag;
    enum bs_error_code code = bs_objects_get_range(place->objects, &place->name, offset, length,
                                                   etag, LOOK_LIMIT_MS, out, error);
    if (code == BS_OK && out->size != length) {
        code = bs_error_set(error, BS_ERROR_TEMPORARY, "it changed while it was looked into");
    }
    return code == BS_OK;
}

static bool feed(struct bs_probe *probe, const struct place *place, struct bs_enqueue_look *look)
{
    struct bs_buffer bytes = {0};
    struct bs_error error = BS_NO_ERROR;
    int64_t offset;
    size_t length;
    bool good = true;
    while (good && bs_probe_wants(probe, &offset, &length)) {
        bytes.size = 0;
        good = read_range(place, offset, length, &bytes, &error);
        if (good) {
            bs_probe_feed(probe, bytes.data, bytes.size);
        }
    }
    bs_buffer_free(&bytes);
    if (!good) {
        fail(look, error.message);
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

/* The size, or -1: then `look` says why. */
static int64_t find_size(struct place *place, const struct bs_enqueue_source *source,
                         const char *link, struct bs_enqueue_look *look)
{
    struct bs_error error = BS_NO_ERROR;
    if (place->objects == NULL) {
        return source->file_size;
    }
    if (!bs_object_name_of_link(source->config, link, &place->name)) {
        refuse(look, BS_DEAD_AUDIO_FORBIDDEN, "audio.uri: not at the configured endpoint");
        return -1;
    }
    switch (bs_objects_head(place->objects, &place->name, LOOK_LIMIT_MS, &place->facts, &error)) {
    case BS_OK:
        return place->facts.size_bytes;
    case BS_ERROR_NOT_FOUND:
        refuse(look, BS_DEAD_AUDIO_NOT_FOUND, "there is no such object");
        return -1;
    default:
        fail(look, error.message);
        return -1;
    }
}

static void look_into(const struct bs_enqueue_source *source, const struct bs_job *job,
                      struct bs_enqueue_look *look)
{
    struct place place = {.objects = source->objects, .file = source->file};
    struct bs_probe probe;
    struct bs_job_look known;
    bs_job_look(source->config, job, &known);
    int64_t size = find_size(&place, source, job->uri, look);
    if (size >= 0) {
        bs_probe_begin(&probe, size, &known.hint);
        if (feed(&probe, &place, look)) {
            judge(source->config, bs_probe_audio(&probe), &known.stated, look);
        }
    }
    bs_object_name_free(&place.name);
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
    } else if (source->file >= 0 || (event.probe_wanted && source->objects != NULL)) {
        look_into(source, &job, look);
    } else {
        bs_job_look(source->config, &job, &known);
        look->encoding = known.stated.encoding;
    }
    bs_job_free(&job);
    bs_buffer_free(&scratch);
}
