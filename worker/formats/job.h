/* A job message <-> what core and the request need of it (schemas/job.schema.json). */
#ifndef BS_FORMATS_JOB_H
#define BS_FORMATS_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/core.h"
#include "formats/config.h"
#include "formats/message.h"

/* Where a message came from. */
struct bs_source {
    const char *topic;
    int32_t partition;
    int64_t offset;
    int64_t timestamp; /* the message's, ms; -1 = none */
};

/* Decodes a job message and fills `event` except its epoch. Never fails: what cannot be a job has
 * `event->refusal` set (invalid_job, audio_forbidden, unsupported_audio, …) and still a packed job
 * that carries the message for its dead letter. The packed bytes and the refusal's text stand in
 * `scratch`, which the caller frees with bs_buffer_free after core has taken the event. */
void bs_job_decode(const struct bs_config *config, const struct bs_source *source,
                   const struct bs_message *message, struct bs_job_event *event,
                   struct bs_buffer *scratch);

/* What was packed. Strings and bytes are owned by the struct: bs_job_free. */
struct bs_job {
    char *topic;
    int32_t partition;
    int64_t offset;
    int64_t timestamp;
    struct bs_message message; /* key, value, headers: as they were received */
    char *id;
    char *uri;                /* the recording's https (or loopback http) link; "" where refused */
    char *staged_uri;         /* of a copy that the API is given in its place; "" = none */
    char *specification_json; /* as it is sent; "{}" where refused */
    char *folder_id;          /* "" = none */
    char *labels_json;        /* an object, or NULL */
    double duration_seconds;  /* 0 = unknown */
    int64_t size_bytes;       /* -1 = unknown */
    const char *encoding; /* what a look into it found, by the API's name; NULL = not looked into */
    uint32_t sample_rate_hertz, channels; /* likewise; 0 = unknown */
    void *storage;                        /* private */
};

/* False when the bytes are not a packed job. */
BS_MUST_CHECK bool bs_job_unpack(const uint8_t *packed, size_t size, struct bs_job *job);
void bs_job_free(struct bs_job *job);

#endif
