/* Packing a job (schemas/state.proto, message Job). Internal to formats. */
#ifndef BS_FORMATS_JOB_PACK_H
#define BS_FORMATS_JOB_PACK_H

#include "formats/job.h"
#include "formats/specification.h"

/* Longer than any recording that a version of the API will take; keeps arithmetic exact. */
#define BS_JOB_SECONDS_MAX 1e6

/* What is packed; everything is borrowed. */
struct bs_job_facts {
    const struct bs_source *source;
    const struct bs_message *message;
    const char *id;                               /* NULL = the default one */
    const char *uri;                              /* NULL = refused */
    const struct bs_specification *specification; /* NULL = refused */
    const char *folder_id;                        /* NULL or "" = none */
    const char *labels_json;                      /* NULL = none */
    double duration_seconds;                      /* at most BS_JOB_SECONDS_MAX; 0 = unknown */
    int64_t size_bytes;                           /* -1 = unknown */
};

/* Appends the packed job. */
void bs_job_pack(const struct bs_job_facts *facts, struct bs_buffer *out);

/* "topic-partition-offset", appended with its NUL. */
void bs_job_default_id(const char *topic, int32_t partition, int64_t offset, struct bs_buffer *out);

#endif
