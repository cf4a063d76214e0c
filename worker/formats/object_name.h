/* Where an object stands: bucket and key, and the links that name it. Any thread. */
#ifndef BS_FORMATS_OBJECT_NAME_H
#define BS_FORMATS_OBJECT_NAME_H

#include <stdbool.h>

#include "base/check.h"
#include "formats/config.h"
#include "formats/job.h"
#include "formats/message.h"

/* Owned; NUL-terminated; the key as it is, not encoded. */
struct bs_object_name {
    char *bucket;
    char *key;
};

/* Of a link that bs_job_decode made (bs_job.uri): the reverse of it, so never another host's.
 * False when it is none. */
BS_MUST_CHECK bool bs_object_name_of_link(const struct bs_config *config, const char *link,
                                          struct bs_object_name *name);
/* Of "s3://bucket/key", whose key stands there as it is. False when it is none. */
BS_MUST_CHECK bool bs_object_name_of_uri(const char *uri, struct bs_object_name *name);
/* Of "s3://bucket/prefix", whose key is the prefix: "" for the whole bucket. */
BS_MUST_CHECK bool bs_object_name_of_place(const char *uri, struct bs_object_name *name);
/* `last` below a place of the configuration, "s3://bucket/prefix". */
void bs_object_name_below(const char *place, const char *last, struct bs_object_name *name);
void bs_object_name_free(struct bs_object_name *name);

/* The link that the API is given; appended with its NUL. */
void bs_object_name_link(const struct bs_config *config, const struct bs_object_name *name,
                         struct bs_buffer *link);
/* "s3://bucket/key", appended with its NUL. */
void bs_object_name_uri(const struct bs_object_name *name, struct bs_buffer *uri);

/* Our copy of a job's recording, below objects.staging: the same for everybody who ever works on
 * that job message in this group, so that what a crash left is replaced, and deleted at the end. */
void bs_object_name_staged(const struct bs_config *config, const char *cluster_id,
                           const struct bs_job *job, struct bs_object_name *name);
/* Its transcript's, below objects.transcripts. `sha256` (hex) is of its bytes: who owned the job
 * before may put another one late, which must not replace the one that a published result names. */
void bs_object_name_transcript(const struct bs_config *config, const char *cluster_id,
                               const struct bs_job *job, const char *sha256,
                               struct bs_object_name *name);

/* Whether the key is below the place's prefix, in its bucket: one of our own objects. False for an
 * empty place. */
bool bs_object_name_is_below(const char *place, const char *bucket, const char *key);

/* Whether the configuration names credentials that the object store takes: objects.auth, or the
 * IAM token of speechkit.auth. Without them recordings are not looked into. */
bool bs_config_has_store(const struct bs_config *config);

#endif
