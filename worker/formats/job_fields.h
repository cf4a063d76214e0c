/* The fields of a job's JSON, checked as schemas/job.schema.json has them. Internal to formats. */
#ifndef BS_FORMATS_JOB_FIELDS_H
#define BS_FORMATS_JOB_FIELDS_H

#include "base/time.h"
#include "formats/specification.h"

#define BS_JOB_ID_LENGTH_MAX  200
#define BS_JOB_URI_LENGTH_MAX 4096

/* Strings are borrowed from the JSON. */
struct bs_job_fields {
    const char *uri;       /* well-formed */
    const char *id;        /* NULL = none */
    const char *folder_id; /* NULL = none */
    const cJSON *labels;   /* NULL = none */
    struct bs_specification specification;
    bs_wall_ms deadline;     /* 0 = none */
    double duration_seconds; /* 0 = unknown */
    int64_t size_bytes;      /* -1 = unknown */
    bool force;
};

/* False when `json` is no job: `problem` then is the place and what was expected. */
BS_MUST_CHECK bool bs_job_fields_read(const cJSON *json, struct bs_job_fields *fields,
                                      char *problem, size_t room);

/* Whether the job itself states everything that a look into its recording would tell: encoding and
 * length, of raw samples also rate, channels and size. */
bool bs_job_fields_tell_all(const struct bs_job_fields *fields);

#endif
