/* The result message (schemas/result.schema.json): made from an operation and the API's answer. */
#ifndef BS_FORMATS_RESULT_H
#define BS_FORMATS_RESULT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/core.h"
#include "formats/config.h"
#include "formats/job.h"
#include "formats/message.h"

/* A result ready to be published: core's void *payload. Freed by bs_payload_free. */
struct bs_payload {
    uint8_t *value;
    size_t size;
    bool gzipped;   /* the message needs the header content-encoding: gzip */
    bool too_large; /* over results.inline_bytes even so */
    double audio_seconds;
    int64_t billed_seconds;
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
void bs_payload_free(void *payload);

/* The message's key: the job message's, or the job's id where it had none. */
struct bs_bytes bs_result_key(const struct bs_job *job);

#endif
