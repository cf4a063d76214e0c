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
