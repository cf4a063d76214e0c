#include "fuzz.h"

#include <math.h>
#include <sanitizer/allocator_interface.h>
#include <stdlib.h>
#include <string.h>

#include "formats/json.h"

struct bs_bytes fuzz_copy(const void *data, size_t size)
{
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    BS_ASSERT(copy != NULL);
    if (size > 0) {
        memcpy(copy, data, size);
    }
    return (struct bs_bytes){.data = copy, .size = size};
}

void fuzz_free(struct bs_bytes bytes)
{
    free((void *)(uintptr_t)bytes.data);
}

struct bs_bytes fuzz_part(struct bs_bytes *rest, uint8_t separator)
{
    if (rest->data == NULL) {
        return (struct bs_bytes){0};
    }
    const uint8_t *end = rest->size == 0 ? NULL : memchr(rest->data, separator, rest->size);
    size_t size = end == NULL ? rest->size : (size_t)(end - rest->data);
    struct bs_bytes part = fuzz_copy(rest->data, size);
    rest->data = end == NULL ? NULL : end + 1;
    rest->size = end == NULL ? 0 : rest->size - size - 1;
    return part;
}

char *fuzz_text(struct bs_bytes bytes)
{
    char *text = bytes.data == NULL ? strdup("") : strndup((const char *)bytes.data, bytes.size);
    BS_ASSERT(text != NULL);
    return text;
}

bool fuzz_same(struct bs_bytes left, struct bs_bytes right)
{
    return (left.data == NULL) == (right.data == NULL) && left.size == right.size &&
           (left.size == 0 || memcmp(left.data, right.data, left.size) == 0);
}

bool fuzz_contains(struct bs_bytes text, const char *needle)
{
    return text.size > 0 && memmem(text.data, text.size, needle, strlen(needle)) != NULL;
}

bool fuzz_is_utf8(const void *text, size_t size)
{
    size_t length;
    for (size_t at = 0; at < size; at += length) {
        length = bs_utf8_sequence((const uint8_t *)text + at, size - at);
        if (length == 0) {
            return false;
        }
    }
    return true;
}

bool fuzz_is_message(const char *text, size_t room)
{
    if (text == NULL || strnlen(text, room) == room || !fuzz_is_utf8(text, strlen(text))) {
        return false;
    }
    for (const char *at = text; *at != '\0'; at++) {
        if ((uint8_t)*at < 0x20 || *at == 0x7f) {
            return false;
        }
    }
    return true;
}

bool fuzz_is_json(const void *text, size_t size)
{
    struct bs_json_problem problem;
    return bs_json_check(text, size, &problem);
}

struct bs_config *fuzz_config(const char *const *settings)
{
    const char *all[16] = {"kafka.bootstrap.servers=127.0.0.1:9092",
                           "speechkit.auth.api_key_file=/key"};
    size_t count = 2;
    for (; settings != NULL && *settings != NULL; settings++) {
        all[count++] = *settings;
    }
    struct bs_config_errors errors;
    struct bs_config *config = bs_config_parse(NULL, 0, all, count, &errors);
    BS_ASSERT(config != NULL);
    return config;
}

struct bs_operation fuzz_operation(const uint8_t *job, size_t size)
{
    static char operation_id[] = "e03abc";
    return (struct bs_operation){
        .job = (uint8_t *)(uintptr_t)job,
        .job_size = (uint32_t)size,
        .partition = 3,
        .offset = 41,
        .accepted = true,
        .operation_id = operation_id,
        .submissions = 1,
        .checks = 1,
        .number = 1,
        .received = 1700000000000,
        .submitted = 1700000001000,
    };
}

/* ---- memory -------------------------------------------------------------------------------------
 */

static struct {
    bool counting, settled;
    size_t held, most;
} memory;

static void allocated(const volatile void *block, size_t size)
{
    (void)block;
    if (memory.counting) {
        memory.held += size;
        memory.most = memory.most < memory.held ? memory.held : memory.most;
    }
}

/* What was taken before the counting began may be given back during it. */
static void given_back(const volatile void *block)
{
    if (memory.counting && block != NULL) {
        size_t size = __sanitizer_get_allocated_size(block);
        memory.held -= size < memory.held ? size : memory.held;
    }
}

void fuzz_memory_begin(void)
{
    static bool installed;
    if (!installed) {
        BS_ASSERT(__sanitizer_install_malloc_and_free_hooks(allocated, given_back) != 0);
        installed = true;
    }
    memory.held = memory.most = 0;
    memory.counting = true;
}

void fuzz_memory_end(size_t input_size, size_t factor, size_t constant)
{
    memory.counting = false;
    /* The first time a library takes what it keeps for good: OpenSSL 3.5 more than any input. */
    BS_ASSERT(!memory.settled || memory.most <= input_size * factor + constant);
    memory.settled = true;
}

/* ---- jobs ---------------------------------------------------------------------------------------
 */

void fuzz_check_job(const struct bs_job *job)
{
    BS_ASSERT(job->topic != NULL && job->partition >= 0 && job->offset >= 0);
    BS_ASSERT(job->size_bytes >= -1 && isfinite(job->duration_seconds));
    BS_ASSERT(job->duration_seconds >= 0);
    BS_ASSERT(fuzz_is_utf8(job->topic, strlen(job->topic)));
    BS_ASSERT(fuzz_is_utf8(job->id, strlen(job->id)));
    BS_ASSERT(fuzz_is_utf8(job->uri, strlen(job->uri)));
    BS_ASSERT(fuzz_is_utf8(job->folder_id, strlen(job->folder_id)));
    BS_ASSERT(fuzz_is_json(job->specification_json, strlen(job->specification_json)));
    BS_ASSERT(job->specification_json[0] == '{');
    if (job->labels_json != NULL) {
        BS_ASSERT(fuzz_is_json(job->labels_json, strlen(job->labels_json)));
        BS_ASSERT(job->labels_json[0] == '{');
    }
    for (size_t i = 0; i < job->message.header_count; i++) {
        BS_ASSERT(job->message.headers[i].name != NULL);
        BS_ASSERT(job->message.headers[i].value.data != NULL ||
                  job->message.headers[i].value.size == 0);
    }
}
