#include "commands/object_copy.h"

#include <string.h>

/* At a time: few enough requests for 1 GB, little enough memory for several copies at once. */
#define READ_BYTES    ((int64_t)2 << 20)
#define READ_LIMIT_MS 60000

/* The samples that stand ready, and where the next come from. */
struct source {
    struct bs_objects *objects;
    const struct bs_object_name *recording;
    const char *etag; /* NULL = not told */
    const struct bs_audio *audio;
    int expansion;
    int64_t staged_bytes;
    const atomic_bool *abandoned;

    struct bs_buffer read;
    struct bs_buffer expanded; /* where one byte becomes several */
    const uint8_t *samples;    /* in one of the two */
    int64_t begin, end;        /* of them, in the copy */
    struct bs_error error;     /* why it could not go on */
};

/* Reads the samples that begin at `offset` of the copy, which is the first byte of one. */
static bool read_samples(struct source *source, int64_t offset)
{
    int64_t left = source->staged_bytes - offset;
    int64_t size = left / source->expansion;
    size = size < READ_BYTES ? size : READ_BYTES;
    source->read.size = 0;
    source->begin = source->end = offset;
    enum bs_error_code code = bs_objects_get_range(
        source->objects, source->recording, source->audio->data_offset + offset / source->expansion,
        (size_t)size, source->etag, READ_LIMIT_MS, &source->read, &source->error);
    if (code == BS_OK && (int64_t)source->read.size != size) {
        (void)bs_error_set(&source->error, BS_ERROR_TEMPORARY,
                           "the recording became shorter while it was copied");
        return false;
    }
    if (code != BS_OK) {
        return false;
    }
    source->samples = source->read.data;
    if (source->expansion > 1) {
        source->expanded.size = 0;
        uint8_t *place = bs_buffer_extend(&source->expanded, (size_t)(size * source->expansion));
        bs_samples_expand(source->audio->samples, source->read.data, (size_t)size, place);
        source->samples = place;
    }
    source->end = offset + size * source->expansion;
    return true;
}

static int64_t fill(void *context, int64_t offset, uint8_t *bytes, size_t room)
{
    struct source *source = context;
    if (atomic_load(source->abandoned)) {
        (void)bs_error_set(&source->error, BS_ERROR_TEMPORARY, "given up");
        return -1;
    }
    bool ready = offset >= source->begin && offset < source->end;
    /* The put begins anew, or has taken all: both are at the first byte of a sample. */
    if (!ready && !read_samples(source, offset)) {
        return -1;
    }
    int64_t size = source->end - offset;
    size = size < (int64_t)room ? size : (int64_t)room;
    memcpy(bytes, source->samples + (offset - source->begin), (size_t)size);
    return size;
}

enum bs_error_code bs_object_copy_samples(struct bs_objects *objects,
                                          const struct bs_object_name *recording, const char *etag,
                                          const struct bs_audio *audio, int64_t staged_bytes,
                                          const struct bs_object_name *copy, int64_t limit_ms,
                                          const atomic_bool *abandoned, struct bs_error *error)
{
    struct source source = {
        .objects = objects,
        .recording = recording,
        .etag = etag[0] == '\0' ? NULL : etag,
        .audio = audio,
        .expansion = bs_samples_expansion(audio->samples),
        .staged_bytes = staged_bytes,
        .abandoned = abandoned,
    };
    BS_ASSERT(source.expansion > 0 && staged_bytes % source.expansion == 0);
    enum bs_error_code code = bs_objects_put(objects, copy, "application/octet-stream",
                                             staged_bytes, NULL, limit_ms, fill, &source, error);
    bs_buffer_free(&source.read);
    bs_buffer_free(&source.expanded);
    if (code != BS_OK && source.error.code != BS_OK) {
        *error = source.error;
        /* What cannot be read here was read a moment ago: another look tells what it is now. */
        code = error->code == BS_ERROR_DENIED ? BS_ERROR_DENIED : BS_ERROR_TEMPORARY;
        error->code = code;
    }
    return code;
}
