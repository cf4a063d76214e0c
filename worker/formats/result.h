/* The result message (schemas/result.schema.json): made from an operation and the API's answer. */
#ifndef BS_FORMATS_RESULT_H
#define BS_FORMATS_RESULT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/core.h"
#include "formats/config.h"
#include "formats/job.h"
#include "formats/message.h"

/* A result ready to be published: core's void *payload. What it holds never changes, so that while
 * a reference is held another thread may read it; references are the loop's thread's. */
struct bs_payload {
    int32_t references;
    uint8_t *value;
    size_t size;
    size_t head_size; /* of the plain value: up to the comma before utterances and chunks */
    bool gzipped;     /* the message needs the header content-encoding: gzip */
    bool too_large;   /* over results.inline_bytes even so */
    double audio_seconds;
    int64_t billed_seconds;  /* where the length is known, else 0 */
    int64_t billed_at_least; /* by the greater of that and the end of the last word */
};

struct bs_json_view;
struct bs_json_node;

/* `response` is the answer's `response` in `view` (formats/json_view.h). NULL when it has not the
 * shape of a LongRunningRecognitionResponse. */
struct bs_payload *bs_result_build(const struct bs_config *config,
                                   const struct bs_operation *operation, const struct bs_job *job,
                                   const char *worker, const struct bs_answer *answer,
                                   bs_wall_ms now, const struct bs_json_view *view,
                                   const struct bs_json_node *response);
/* One more reference; dropped by bs_payload_free as the first one is. */
struct bs_payload *bs_payload_hold(struct bs_payload *payload);
/* NULL is none. */
void bs_payload_free(void *payload);

/* The whole result gzipped, as it is put to the object store: the payload's own bytes, or those of
 * `scratch` (freed by the caller) where it was not gzipped. `sha256` is theirs, in hex. Any thread.
 */
struct bs_bytes bs_result_pack(const struct bs_payload *payload, struct bs_buffer *scratch,
                               char sha256[65]);
/* What is published in place of a result that was put to the store as `packed` at `uri`: itself
 * without utterances and chunks, but with `transcript`. It may be too large even so. Any thread. */
struct bs_payload *bs_result_refer(const struct bs_config *config, const struct bs_payload *payload,
                                   const char *uri, struct bs_bytes packed, const char *sha256);

/* The message's key: the job message's, or the job's id where it had none. */
struct bs_bytes bs_result_key(const struct bs_job *job);

#endif
