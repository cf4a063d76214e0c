#include "formats/dead_letter.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ERROR_HEADERS_MAX 8

/* Headers while they are gathered. Their texts stand one after the other in `texts`, and are found
 * by their offset until it has stopped growing. */
struct draft {
    struct bs_dead_letter_headers *out;
    struct bs_buffer texts;
    size_t offsets[ERROR_HEADERS_MAX];
    size_t first;
};

static void add(struct draft *draft, const char *name, const char *text)
{
    size_t index = draft->out->count++;
    draft->offsets[index - draft->first] = draft->texts.size;
    bs_buffer_append(&draft->texts, text, strlen(text) + 1);
    draft->out->headers[index].name = name;
    draft->out->headers[index].value.size = strlen(text);
}

static void add_number(struct draft *draft, const char *name, uint64_t number)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, number);
    add(draft, name, text);
}

static void add_source(struct draft *draft, const struct bs_job *job)
{
    char tail[48];
    struct bs_buffer source = {0};
    (void)snprintf(tail, sizeof tail, "/%" PRId32 "/%" PRId64, job->partition, job->offset);
    bs_buffer_append(&source, job->topic, strlen(job->topic));
    bs_buffer_append(&source, tail, strlen(tail) + 1);
    add(draft, BS_ERROR_HEADER_PREFIX "source", (const char *)source.data);
    bs_buffer_free(&source);
}

void bs_dead_letter_headers(const struct bs_operation *operation, const struct bs_job *job,
                            bs_wall_ms now, struct bs_dead_letter_headers *out)
{
    size_t own = job->message.header_count;
    out->headers = calloc(own + ERROR_HEADERS_MAX, sizeof *out->headers);
    BS_ASSERT(out->headers != NULL);
    if (own > 0) {
        memcpy(out->headers, job->message.headers, own * sizeof *out->headers);
    }
    out->count = own;
    struct draft draft = {.out = out, .first = own};
    char failed_at[BS_RFC3339_SIZE];
    bs_rfc3339_format(now, failed_at);
    add(&draft, BS_ERROR_HEADER_PREFIX "error-code",
        bs_dead_letter_code_name((enum bs_dead_letter_code)operation->dead_letter_code));
    add(&draft, BS_ERROR_HEADER_PREFIX "error-message",
        operation->message == NULL ? "" : operation->message);
    add(&draft, BS_ERROR_HEADER_PREFIX "error-stage",
        bs_stage_name((enum bs_stage)operation->dead_letter_stage));
    add_source(&draft, job);
    if (operation->operation_id != NULL) {
        add(&draft, BS_ERROR_HEADER_PREFIX "operation-id", operation->operation_id);
    }
    add_number(&draft, BS_ERROR_HEADER_PREFIX "submissions", operation->submissions);
    add(&draft, BS_ERROR_HEADER_PREFIX "failed-at", failed_at);
    if (operation->omit_value) {
        add_number(&draft, BS_ERROR_HEADER_PREFIX "value-omitted", job->message.value.size);
    }
    for (size_t i = own; i < out->count; i++) {
        out->headers[i].value.data = draft.texts.data + draft.offsets[i - own];
    }
    out->storage = (char *)draft.texts.data;
}

void bs_dead_letter_headers_free(struct bs_dead_letter_headers *headers)
{
    free(headers->headers);
    free(headers->storage);
    *headers = (struct bs_dead_letter_headers){0};
}

/* ---- reading ---- */

/* In the order in which they are written: a dead letter ends with them, each at most once. */
enum error_header {
    ERROR_CODE,
    ERROR_MESSAGE,
    ERROR_STAGE,
    SOURCE,
    OPERATION_ID,
    SUBMISSIONS,
    FAILED_AT,
    VALUE_OMITTED,
};

static const char *const error_header_names[ERROR_HEADERS_MAX] = {
    [ERROR_CODE] = BS_ERROR_HEADER_PREFIX "error-code",
    [ERROR_MESSAGE] = BS_ERROR_HEADER_PREFIX "error-message",
    [ERROR_STAGE] = BS_ERROR_HEADER_PREFIX "error-stage",
    [SOURCE] = BS_ERROR_HEADER_PREFIX "source",
    [OPERATION_ID] = BS_ERROR_HEADER_PREFIX "operation-id",
    [SUBMISSIONS] = BS_ERROR_HEADER_PREFIX "submissions",
    [FAILED_AT] = BS_ERROR_HEADER_PREFIX "failed-at",
    [VALUE_OMITTED] = BS_ERROR_HEADER_PREFIX "value-omitted",
};

/* ERROR_HEADERS_MAX for a header of the job's own. */
static int which_error_header(const char *name)
{
    int which = 0;
    while (which < ERROR_HEADERS_MAX && strcmp(name, error_header_names[which]) != 0) {
        which++;
    }
    return which;
}

bool bs_dead_letter_code_parse(const char *name, enum bs_dead_letter_code *code)
{
    for (int known = BS_DEAD_NONE + 1; known < BS_DEAD_CODES; known++) {
        if (strcmp(name, bs_dead_letter_code_name((enum bs_dead_letter_code)known)) == 0) {
            *code = (enum bs_dead_letter_code)known;
            return true;
        }
    }
    return false;
}

/* Decimal digits, up to `most`; -1 = it is none. */
static int64_t read_number(struct bs_bytes text, int64_t most)
{
    int64_t number = 0;
    for (size_t i = 0; i < text.size; i++) {
        int digit = text.data[i] - '0';
        if (digit < 0 || digit > 9 || number > (most - digit) / 10) {
            return -1;
        }
        number = number * 10 + digit;
    }
    return text.size == 0 ? -1 : number;
}

/* Cuts what stands behind the last '/' off `text`. */
static struct bs_bytes cut_last(struct bs_bytes *text)
{
    struct bs_bytes last = {.data = text->data + text->size};
    while (text->size > 0 && text->data[text->size - 1] != '/') {
        text->size--;
        last.data--;
        last.size++;
    }
    text->size -= text->size > 0;
    return last;
}

static bool read_source(struct bs_bytes source, struct bs_dead_letter *letter)
{
    int64_t offset = read_number(cut_last(&source), INT64_MAX);
    int64_t partition = read_number(cut_last(&source), INT32_MAX);
    if (offset < 0 || partition < 0 || source.size == 0 || source.size >= sizeof letter->topic ||
        memchr(source.data, '\0', source.size) != NULL) {
        return false;
    }
    memcpy(letter->topic, source.data, source.size);
    letter->topic[source.size] = '\0';
    letter->partition = (int32_t)partition;
    letter->offset = offset;
    return true;
}

static enum bs_dead_letter_code read_code(struct bs_bytes text)
{
    char name[64] = "";
    enum bs_dead_letter_code code = BS_DEAD_NONE;
    if (text.size < sizeof name) {
        memcpy(name, text.data, text.size);
    }
    return bs_dead_letter_code_parse(name, &code) ? code : BS_DEAD_NONE;
}

bool bs_dead_letter_read(const struct bs_message *message, struct bs_dead_letter *letter)
{
    struct bs_bytes found[ERROR_HEADERS_MAX] = {{0}};
    for (size_t i = message->header_count; i > 0 && found[ERROR_CODE].data == NULL; i--) {
        const struct bs_header *header = &message->headers[i - 1];
        int which = which_error_header(header->name);
        if (which == ERROR_HEADERS_MAX || found[which].data != NULL || header->value.data == NULL) {
            return false;
        }
        found[which] = header->value;
    }
    *letter = (struct bs_dead_letter){.code_name = found[ERROR_CODE],
                                      .reason = found[ERROR_MESSAGE],
                                      .source = found[SOURCE],
                                      .failed_at = found[FAILED_AT]};
    if (found[ERROR_CODE].data == NULL || found[SOURCE].data == NULL ||
        found[FAILED_AT].data == NULL || !read_source(found[SOURCE], letter) ||
        !bs_rfc3339_parse((const char *)found[FAILED_AT].data, found[FAILED_AT].size,
                          &letter->failed)) {
        return false;
    }
    letter->code = read_code(found[ERROR_CODE]);
    letter->value_omitted = found[VALUE_OMITTED].data != NULL;
    letter->value_size = letter->value_omitted ? read_number(found[VALUE_OMITTED], INT64_MAX) : -1;
    return true;
}

size_t bs_dead_letter_own_headers(const struct bs_message *message, struct bs_header *own)
{
    size_t count = 0;
    for (size_t i = 0; i < message->header_count; i++) {
        if (which_error_header(message->headers[i].name) == ERROR_HEADERS_MAX) {
            own[count++] = message->headers[i];
        }
    }
    return count;
}
