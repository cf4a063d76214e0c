/* A manifest, in whatever form. Its first byte says in which pieces it arrives, and whether its
 * listings get a bucket. */
#include <string.h>

#include "formats/json.h"
#include "formats/manifest.h"
#include "fuzz.h"

struct reading {
    const struct bs_config *config;
    struct bs_job_defaults defaults;
    int64_t number, line; /* the last entry's */
    uint64_t hash;        /* of everything that was read */
};

static void add(struct reading *reading, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < size; i++) {
        reading->hash = (reading->hash ^ at[i]) * UINT64_C(1099511628211);
    }
}

static bool take_nothing(void *context, const struct bs_manifest_entry *entry)
{
    (void)context;
    (void)entry;
    return true;
}

/* What enqueue publishes, run takes: as that id; and the same line is the same job again. */
static void check_job(struct reading *reading, const struct bs_manifest_job *made)
{
    const struct bs_source source = {.topic = "jobs", .partition = 0, .offset = 0};
    const struct bs_message message = {.key = {made->key.data, made->key.size},
                                       .value = {made->value.data, made->value.size}};
    struct bs_manifest_job again = {0};
    struct bs_buffer scratch = {0};
    struct bs_job_event event;
    struct bs_job job;
    struct bs_error error = BS_NO_ERROR;
    bs_job_decode(reading->config, &source, &message, &event, &scratch);
    BS_ASSERT(event.refusal != BS_DEAD_INVALID_JOB && event.id_given);
    BS_ASSERT(bs_job_unpack(event.job, event.job_size, &job));
    BS_ASSERT(strlen(job.id) == made->key.size &&
              memcmp(job.id, made->key.data, made->key.size) == 0);
    BS_ASSERT(bs_utf8_length(job.id) >= 1 && bs_utf8_length(job.id) <= 200);
    BS_ASSERT(made->uri.size > 1 && made->uri.data[made->uri.size - 1] == 0);
    bs_job_free(&job);

    const struct bs_manifest_entry entry = {
        .text = message.value, .version = "another", .size_bytes = -1};
    BS_ASSERT(bs_manifest_job(&entry, &reading->defaults, &again, &error));
    BS_ASSERT(fuzz_same(message.key, (struct bs_bytes){again.key.data, again.key.size}));
    BS_ASSERT(fuzz_same(message.value, (struct bs_bytes){again.value.data, again.value.size}));
    bs_manifest_job_free(&again);
    bs_buffer_free(&scratch);
}

static bool take(void *context, const struct bs_manifest_entry *entry)
{
    struct reading *reading = context;
    struct bs_manifest_job job = {0};
    struct bs_error error = BS_NO_ERROR;
    BS_ASSERT(entry->number == reading->number + 1 && entry->line >= reading->line);
    reading->number = entry->number;
    reading->line = entry->line;
    if (entry->problem != NULL) {
        BS_ASSERT(fuzz_is_message(entry->problem, 512));
        add(reading, entry->problem, strlen(entry->problem));
        return true;
    }
    BS_ASSERT(entry->text.size > 0 && entry->version != NULL && entry->size_bytes >= -1);
    if (bs_manifest_job(entry, &reading->defaults, &job, &error)) {
        check_job(reading, &job);
        add(reading, job.value.data, job.value.size);
    } else {
        BS_ASSERT(fuzz_is_message(error.message, sizeof error.message));
        BS_ASSERT(job.key.size == 0 && job.value.size == 0 && job.uri.size == 0);
    }
    add(reading, &entry->line, sizeof entry->line);
    add(reading, &entry->modified, sizeof entry->modified);
    bs_manifest_job_free(&job);
    return true;
}

static void read_all(struct reading *reading, bs_manifest_each *each, struct bs_bytes text,
                     const char *bucket, size_t piece)
{
    const struct bs_manifest_options options = {
        .entry_bytes = 65536, .bucket = bucket, .each = each, .context = reading};
    struct bs_manifest *manifest = bs_manifest_create(&options);
    bool more = true;
    for (size_t at = 0; more && at < text.size; at += piece) {
        size_t size = text.size - at < piece ? text.size - at : piece;
        more = bs_manifest_feed(manifest, text.data + at, size);
    }
    if (more) {
        bs_manifest_end(manifest);
    }
    bs_manifest_free(manifest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct bs_config *config;
    static const struct bs_label labels[] = {{"batch", "7"}};
    if (config == NULL) {
        const char *settings[] = {"limits.job_bytes=900000", NULL};
        config = fuzz_config(settings);
    }
    if (size == 0) {
        return 0;
    }
    const char *bucket = data[0] & 1 ? "recordings" : NULL;
    size_t piece = (size_t)1 << (data[0] >> 1 & 7);
    struct bs_bytes text = fuzz_copy(data + 1, size - 1);
    struct reading pieces = {.config = config}, whole = {.config = config};
    if (data[0] & 0x80) {
        pieces.defaults = (struct bs_job_defaults){
            .language = "ru-RU", .model = "general", .labels = labels, .label_count = 1};
        whole.defaults = pieces.defaults;
    }
    read_all(&pieces, take, text, bucket, piece);
    read_all(&whole, take, text, bucket, size);
    BS_ASSERT(pieces.hash == whole.hash && pieces.number == whole.number);

    fuzz_memory_begin();
    read_all(NULL, take_nothing, text, bucket, piece);
    fuzz_memory_end(text.size, 200, 524288);
    fuzz_free(text);
    return 0;
}
