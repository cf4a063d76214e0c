/* A manifest: lines. */
#include <string.h>

#include "formats/json.h"
#include "formats/manifest.h"
#include "fuzz.h"

/* What enqueue publishes, run takes: as that id, and the line's own work is not repeated under
 * another one when it is enqueued again. */
static void check_job(const struct bs_config *config, const struct bs_buffer *key,
                      const struct bs_buffer *value)
{
    const struct bs_source source = {.topic = "jobs", .partition = 0, .offset = 0};
    const struct bs_message message = {.key = {key->data, key->size},
                                       .value = {value->data, value->size}};
    struct bs_buffer scratch = {0}, key_again = {0}, value_again = {0};
    struct bs_job_event event;
    struct bs_job job;
    struct bs_error error = BS_NO_ERROR;
    bool blank = true;
    bs_job_decode(config, &source, &message, &event, &scratch);
    BS_ASSERT(event.refusal != BS_DEAD_INVALID_JOB && event.id_given);
    BS_ASSERT(bs_job_unpack(event.job, event.job_size, &job));
    BS_ASSERT(strlen(job.id) == key->size && memcmp(job.id, key->data, key->size) == 0);
    BS_ASSERT(bs_utf8_length(job.id) >= 1 && bs_utf8_length(job.id) <= 200);
    bs_job_free(&job);

    BS_ASSERT(bs_manifest_line(message.value, &key_again, &value_again, &blank, &error) && !blank);
    BS_ASSERT(fuzz_same(message.key, (struct bs_bytes){key_again.data, key_again.size}));
    BS_ASSERT(fuzz_same(message.value, (struct bs_bytes){value_again.data, value_again.size}));
    bs_buffer_free(&scratch);
    bs_buffer_free(&key_again);
    bs_buffer_free(&value_again);
}

static void run_line(const struct bs_config *config, struct bs_bytes line)
{
    struct bs_buffer key = {0}, value = {0};
    struct bs_error error = BS_NO_ERROR;
    bool blank = false;
    fuzz_memory_begin();
    bool good = bs_manifest_line(line, &key, &value, &blank, &error);
    fuzz_memory_end(line.size, 200, 131072);
    if (!good) {
        BS_ASSERT(fuzz_is_message(error.message, sizeof error.message) && error.message[0] != '\0');
        BS_ASSERT(key.size == 0 && value.size == 0);
    } else if (blank) {
        BS_ASSERT(key.size == 0 && value.size == 0);
    } else {
        check_job(config, &key, &value);
    }
    bs_buffer_free(&key);
    bs_buffer_free(&value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct bs_config *config;
    if (config == NULL) {
        const char *settings[] = {"limits.job_bytes=900000", NULL};
        config = fuzz_config(settings);
    }
    struct bs_bytes rest = {.data = data, .size = size};
    while (rest.data != NULL) {
        struct bs_bytes line = fuzz_part(&rest, '\n');
        run_line(config, line);
        fuzz_free(line);
    }
    return 0;
}
