#include "commands/object_work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/object_copy.h"
#include "formats/audio.h"

/* Of a look's requests, and of what is small. With what is tried again it is long enough to sit out
 * a server that restarts, and short enough for the worker to notice one that is down. */
#define LOOK_LIMIT_MS 15000
/* Of what is only asked for comparison, and of what is repeated later. */
#define WITNESS_LIMIT_MS 5000
#define DELETE_LIMIT_MS  5000
/* Of what is put: slower than this, a connection is none. */
#define PUT_LEAST_MS             60000
#define PUT_LEAST_BYTES_A_SECOND 524288

/* ---- answers ---- */

static void answer(struct bs_object_work_item *item, enum bs_object_outcome outcome,
                   const char *message)
{
    bs_utf8_copy_cut(message, strlen(message), item->message, sizeof item->message);
    item->answer.outcome = outcome;
    item->answer.message = item->message;
}

static void refuse(struct bs_object_work_item *item, enum bs_dead_letter_code code,
                   const char *message)
{
    answer(item, BS_OBJECT_REFUSED, message);
    item->answer.refusal = code;
}

/* Whether the store lets another object be read, so that it is this one's fault. */
static bool others_are_readable(const struct bs_object_work_item *item)
{
    struct bs_object_facts facts;
    struct bs_error error;
    return item->witness.bucket != NULL &&
           bs_objects_head(item->objects, &item->witness, WITNESS_LIMIT_MS, &facts, &error) ==
               BS_OK;
}

/* A failure that is not the recording's, or not known to be. What another try does not mend is a
 * person's to look at. */
static void fail(struct bs_object_work_item *item, const struct bs_error *error)
{
    bool for_people = error->code == BS_ERROR_DENIED || error->code == BS_ERROR_INVALID ||
                      error->code == BS_ERROR_NOT_FOUND;
    answer(item, for_people ? BS_OBJECT_DENIED : BS_OBJECT_TEMPORARY, error->message);
}

/* As above, while a recording is read. */
static void fail_to_read(struct bs_object_work_item *item, const struct bs_error *error)
{
    fail(item, error);
    bool store_failed =
        item->answer.outcome == BS_OBJECT_DENIED || error->code == BS_ERROR_TEMPORARY;
    item->answer.alone =
        store_failed && !atomic_load(&item->abandoned) && others_are_readable(item);
}

/* A HEAD does not say what it is that is not found. */
static void not_found(struct bs_object_work_item *item, const struct bs_error *told)
{
    struct bs_buffer byte = {0};
    struct bs_error error = *told;
    enum bs_error_code code =
        bs_objects_get_range(item->objects, &item->name, 0, 1, NULL, LOOK_LIMIT_MS, &byte, &error);
    bs_buffer_free(&byte);
    char message[BS_MESSAGE_MAX];
    if (code == BS_OK) {
        answer(item, BS_OBJECT_TEMPORARY, "the object was written only just now");
    } else if (code != BS_ERROR_NOT_FOUND || strstr(error.message, "NoSuchBucket") != NULL) {
        fail_to_read(item, &error);
    } else {
        (void)snprintf(message, sizeof message, "s3://%.64s/%.280s: there is no such object",
                       item->name.bucket, item->name.key);
        refuse(item, BS_DEAD_AUDIO_NOT_FOUND, message);
    }
}

/* ---- a look ---- */

/* What a look came to. */
struct look {
    struct bs_object_facts facts;
    struct bs_probe probe;
    struct bs_audio_plan plan;
};

/* `etag`: the object may be replaced between two reads. */
static bool feed_probe(struct bs_object_work_item *item, struct look *look)
{
    const char *etag = look->facts.etag[0] == '\0' ? NULL : look->facts.etag;
    struct bs_buffer bytes = {0};
    struct bs_error error = BS_NO_ERROR;
    int64_t offset;
    size_t length;
    bool good = true;
    while (good && bs_probe_wants(&look->probe, &offset, &length)) {
        bytes.size = 0;
        enum bs_error_code code = bs_objects_get_range(item->objects, &item->name, offset, length,
                                                       etag, LOOK_LIMIT_MS, &bytes, &error);
        good = code == BS_OK && bytes.size == length && !atomic_load(&item->abandoned);
        if (good) {
            bs_probe_feed(&look->probe, bytes.data, bytes.size);
        } else if (code == BS_ERROR_DENIED || code == BS_ERROR_TEMPORARY) {
            fail_to_read(item, &error);
        } else {
            answer(item, BS_OBJECT_TEMPORARY,
                   code == BS_OK ? "the object changed while it was looked into" : error.message);
        }
    }
    bs_buffer_free(&bytes);
    return good;
}

/* False: the answer stands. */
static bool look_into(struct bs_object_work_item *item, struct look *look)
{
    const struct bs_config *config = item->config;
    struct bs_error error = BS_NO_ERROR;
    struct bs_job_look known;
    char message[BS_MESSAGE_MAX];
    if (item->name.bucket == NULL) {
        refuse(item, BS_DEAD_AUDIO_FORBIDDEN,
               "audio.uri: its endpoint or bucket is not configured any more");
        return false;
    }
    if (bs_objects_head(item->objects, &item->name, LOOK_LIMIT_MS, &look->facts, &error) != BS_OK) {
        if (error.code == BS_ERROR_NOT_FOUND) {
            not_found(item, &error);
        } else {
            fail_to_read(item, &error);
        }
        return false;
    }
    item->readable = true;
    bs_job_look(config, &item->job, &known);
    bs_probe_begin(&look->probe, look->facts.size_bytes, &known.hint);
    if (!feed_probe(item, look)) {
        return false;
    }
    enum bs_dead_letter_code refusal =
        bs_audio_judge(bs_probe_audio(&look->probe), &known.stated,
                       config->objects.staging[0] != '\0', &look->plan, message);
    if (refusal != BS_DEAD_NONE) {
        refuse(item, refusal, message);
    }
    return refusal == BS_DEAD_NONE;
}

/* The job says what was found. */
static void complete(struct bs_object_work_item *item, const struct look *look)
{
    const struct bs_audio *audio = bs_probe_audio(&look->probe);
    bs_job_complete(item->config, item->cluster_id, item->packed, item->packed_size, audio,
                    &look->plan, &item->completed);
    item->answer.outcome = BS_OBJECT_DONE;
    item->answer.job = item->completed.data;
    item->answer.job_size = item->completed.size;
    item->answer.audio_seconds = look->plan.seconds;
    item->answer.channels = audio->channels == 0 ? 1 : (int32_t)audio->channels;
}

static void probe(struct bs_object_work_item *item)
{
    struct look look;
    if (look_into(item, &look)) {
        complete(item, &look);
        item->answer.stage_wanted = look.plan.stage;
    }
}

/* ---- writing ---- */

static int64_t put_limit_ms(int64_t size_bytes)
{
    return PUT_LEAST_MS + size_bytes * 1000 / PUT_LEAST_BYTES_A_SECOND;
}

/* The recording is looked into again: it is this look that is copied, and that the job then tells,
 * also when the object was replaced since the last one. */
static void stage(struct bs_object_work_item *item)
{
    struct look look;
    if (!look_into(item, &look)) {
        return;
    }
    struct bs_error error = BS_NO_ERROR;
    struct bs_object_name copy;
    enum bs_error_code code = BS_OK;
    if (look.plan.stage) {
        const struct bs_audio *audio = bs_probe_audio(&look.probe);
        bs_object_name_staged(item->config, item->cluster_id, &item->job, &copy);
        code = bs_object_copy_samples(
            item->objects, &item->name, look.facts.etag, audio, look.plan.staged_bytes, &copy,
            put_limit_ms(look.plan.staged_bytes), &item->abandoned, &error);
        bs_object_name_free(&copy);
    }
    if (code == BS_OK) {
        complete(item, &look);
    } else {
        fail(item, &error);
    }
}

static void unstage(struct bs_object_work_item *item)
{
    struct bs_error error = BS_NO_ERROR;
    char message[BS_MESSAGE_MAX + 256];
    if (item->name.bucket == NULL && item->job.staged_uri[0] != '\0') {
        (void)snprintf(message, sizeof message,
                       "it is left behind, not at objects.endpoint any more: %.300s",
                       item->job.staged_uri);
        answer(item, BS_OBJECT_DENIED, message);
        return;
    }
    if (item->name.bucket == NULL) {
        answer(item, BS_OBJECT_DENIED,
               "objects.staging is not configured any more, so it is not known where it stands");
        return;
    }
    enum bs_error_code code =
        bs_objects_delete(item->objects, &item->name, DELETE_LIMIT_MS, &error);
    if (code == BS_OK) {
        item->answer.outcome = BS_OBJECT_DONE;
        return;
    }
    fail(item, &error);
    if (code == BS_ERROR_DENIED) {
        (void)snprintf(message, sizeof message,
                       "deleting s3://%.64s/%.150s needs the role storage.editor, or a lifecycle "
                       "rule does it: %.200s",
                       item->name.bucket, item->name.key, error.message);
        answer(item, BS_OBJECT_DENIED, message);
    }
}

static int64_t read_packed(void *context, int64_t offset, uint8_t *bytes, size_t room)
{
    const struct bs_bytes *packed = context;
    size_t left = packed->size - (size_t)offset;
    size_t size = left < room ? left : room;
    memcpy(bytes, packed->data + offset, size);
    return (int64_t)size;
}

/* The whole result is put first; what is published names it. */
static void store(struct bs_object_work_item *item)
{
    struct bs_error error = BS_NO_ERROR;
    struct bs_buffer scratch = {0}, uri = {0};
    char sha256[65];
    struct bs_bytes packed = bs_result_pack(item->payload, &scratch, sha256);
    bs_object_name_transcript(item->config, item->cluster_id, &item->job, sha256, &item->name);
    bs_object_name_uri(&item->name, &uri);
    struct bs_payload *reference =
        bs_result_refer(item->config, item->payload, (const char *)uri.data, packed, sha256);
    if (reference->too_large) {
        refuse(item, BS_DEAD_NONE,
               "its text alone is too large for a message: raise results.inline_bytes");
    } else if (bs_objects_put(item->objects, &item->name, "application/gzip", (int64_t)packed.size,
                              sha256, put_limit_ms((int64_t)packed.size), read_packed, &packed,
                              &error) != BS_OK) {
        fail(item, &error);
    } else {
        item->answer.outcome = BS_OBJECT_DONE;
        item->answer.payload = reference;
        item->answer.payload_size = reference->size;
        reference = NULL;
    }
    bs_payload_free(reference);
    bs_buffer_free(&scratch);
    bs_buffer_free(&uri);
}

void bs_object_work_run(void *context)
{
    struct bs_object_work_item *item = context;
    switch (item->work) {
    case BS_OBJECT_PROBE:
        probe(item);
        break;
    case BS_OBJECT_STAGE:
        stage(item);
        break;
    case BS_OBJECT_STORE:
        store(item);
        break;
    case BS_OBJECT_UNSTAGE:
        unstage(item);
        break;
    case BS_OBJECT_WORKS:
        BS_ASSERT(false);
    }
}

/* ---- the item ---- */

static char *copy_text(const char *text)
{
    char *copy = strdup(text);
    BS_ASSERT(copy != NULL);
    return copy;
}

/* Where the copy was put when the job was prepared, whatever is configured by now; where that is
 * not known (an operation that was adopted), where it would be put. */
static void name_copy(struct bs_object_work_item *item)
{
    struct bs_config any_bucket = *item->config; /* objects.buckets is about the jobs' own links */
    any_bucket.objects.bucket_count = 0;
    if (item->job.staged_uri[0] == '\0') {
        if (item->config->objects.staging[0] != '\0') {
            bs_object_name_staged(item->config, item->cluster_id, &item->job, &item->name);
        }
    } else if (!bs_object_name_of_link(&any_bucket, item->job.staged_uri, &item->name)) {
        bs_object_name_free(&item->name);
    }
}

static void name_object(struct bs_object_work_item *item)
{
    const struct bs_config *config = item->config;
    switch (item->work) {
    case BS_OBJECT_PROBE:
    case BS_OBJECT_STAGE:
        if (!bs_object_name_of_link(config, item->job.uri, &item->name)) {
            bs_object_name_free(&item->name);
        }
        break;
    case BS_OBJECT_STORE:
        break; /* named after its bytes, which are not packed yet */
    case BS_OBJECT_UNSTAGE:
        name_copy(item);
        break;
    case BS_OBJECT_WORKS:
        BS_ASSERT(false);
    }
}

struct bs_object_work_item *bs_object_work_create(const struct bs_config *config,
                                                  struct bs_objects *objects,
                                                  const char *cluster_id,
                                                  const struct bs_operation *operation,
                                                  enum bs_object_work work)
{
    struct bs_object_work_item *item = calloc(1, sizeof *item);
    BS_ASSERT(item != NULL);
    item->work = work;
    item->config = config;
    item->objects = objects;
    item->cluster_id = copy_text(cluster_id);
    item->packed = malloc(operation->job_size);
    BS_ASSERT(item->packed != NULL);
    memcpy(item->packed, operation->job, operation->job_size);
    item->packed_size = operation->job_size;
    bool packed_by_us = bs_job_unpack(item->packed, item->packed_size, &item->job);
    BS_ASSERT(packed_by_us);
    item->payload = work == BS_OBJECT_STORE ? bs_payload_hold(operation->payload) : NULL;
    name_object(item);
    atomic_init(&item->abandoned, false);
    /* Where the work was never begun. */
    answer(item, BS_OBJECT_TEMPORARY, "cancelled");
    return item;
}

void bs_object_work_compare(struct bs_object_work_item *item, const struct bs_object_name *witness)
{
    if (witness != NULL) {
        item->witness.bucket = copy_text(witness->bucket);
        item->witness.key = copy_text(witness->key);
    }
}

void bs_object_work_free(struct bs_object_work_item *item)
{
    free(item->cluster_id);
    free(item->packed);
    bs_job_free(&item->job);
    bs_payload_free(item->payload);
    bs_payload_free(item->answer.payload);
    bs_object_name_free(&item->witness);
    bs_object_name_free(&item->name);
    bs_buffer_free(&item->completed);
    free(item);
}
