/* SpeechKit API v2: requests out, answers in. */
#ifndef BS_FORMATS_SPEECHKIT_H
#define BS_FORMATS_SPEECHKIT_H

#include <stdint.h>

#include "core/core.h"
#include "formats/config.h"
#include "formats/job.h"
#include "formats/message.h"

#define BS_UUID_SIZE 37 /* with its NUL */

/* The body of longRunningRecognize. */
void bs_speechkit_encode_submission(const struct bs_job *job, struct bs_buffer *out);

/* UUIDv5 of (cluster id, topic, partition, offset, timestamp, number). */
void bs_speechkit_idempotency_key(const char *cluster_id, const struct bs_job *job, uint32_t number,
                                  char uuid[BS_UUID_SIZE]);
/* A random UUIDv4. */
void bs_speechkit_request_id(char uuid[BS_UUID_SIZE]);

/* Decoding: `http_status` and `body` came whole. Texts that `answer` points at stand in `*storage`,
 * freed by bs_speechkit_free when the answer is no longer needed. Retry-After, request id and
 * trace id are the HTTP edge's to fill in. */
void bs_speechkit_decode_submission(int32_t http_status, struct bs_bytes body,
                                    struct bs_answer *answer, void **storage);

/* A check. With DONE the answer's payload is a struct bs_payload of the result for `operation`
 * (formats/result.h), built with `config` and `now`. */
void bs_speechkit_decode_check(const struct bs_config *config, const struct bs_operation *operation,
                               const char *worker, bs_wall_ms now, int32_t http_status,
                               struct bs_bytes body, struct bs_answer *answer, void **storage);
void bs_speechkit_free(void *storage);

#endif
