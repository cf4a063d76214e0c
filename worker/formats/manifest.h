/* Manifests for `enqueue`: what names recordings, in every form, becomes job messages.
 *
 * The form is told by the content:
 *   lines      one a line: a link (s3 or https) or a job as a JSON object; empty lines and those
 *              that begin with # are passed over
 *   CSV        with a header: uri, or bucket and key, and more; comma, semicolon or tab
 *   listing    JSON of `aws s3api list-objects-v2` and its like, several pages one after the other
 *   inventory  CSV data of an S3 Inventory: no header, the key percent-encoded
 * Each of them may be gzipped, and begin with a byte order mark. Memory is bounded by the options,
 * whatever is read. Any one thread. */
#ifndef BS_FORMATS_MANIFEST_H
#define BS_FORMATS_MANIFEST_H

#include <stdbool.h>

#include "base/check.h"
#include "base/error.h"
#include "base/time.h"
#include "formats/message.h"

/* One recording, or something that should have been one. Borrowed: valid during the call. */
struct bs_manifest_entry {
    int64_t number;       /* from 1: counts what stands in the manifest, whatever it is */
    int64_t line;         /* where it begins, from 1 */
    const char *problem;  /* NULL, or why it is none; then nothing else stands */
    struct bs_bytes text; /* a link, or a job as a JSON object */
    bool listed;         /* a store lists it, nobody chose it: folders and our own are among them */
    bool outdated;       /* a version that is not the latest, or a delete marker */
    const char *version; /* what tells the object's bytes from others' (its ETag); "" = not known */
    int64_t size_bytes;  /* of a link; -1 = not known */
    bs_wall_ms modified; /* 0 = not known */
};

/* False: no more is wanted. */
typedef bool bs_manifest_each(void *context, const struct bs_manifest_entry *entry);

struct bs_manifest_options {
    size_t entry_bytes; /* a longer entry is wrong */
    const char *bucket; /* of listings that do not name theirs; NULL = none */
    bs_manifest_each *each;
    /* Columns of a CSV that mean nothing here, joined by ", "; once. May be NULL. */
    void (*ignored)(void *context, const char *columns);
    void *context;
};

struct bs_manifest;

/* Never NULL. Options are copied, their strings outlive it. */
struct bs_manifest *bs_manifest_create(const struct bs_manifest_options *options);
void bs_manifest_free(struct bs_manifest *manifest);
/* The next bytes of the file. False: nothing more is wanted, or nothing more can be read; the last
 * entry said why. */
BS_MUST_CHECK bool bs_manifest_feed(struct bs_manifest *manifest, const uint8_t *bytes,
                                    size_t size);
/* There are no more bytes. */
void bs_manifest_end(struct bs_manifest *manifest);
/* "lines", "CSV", "listing" or "inventory"; NULL while it is not known. */
const char *bs_manifest_form(const struct bs_manifest *manifest);

/* ---- entries to jobs --------------------------------------------------------------------------
 */

struct bs_label {
    const char *name, *value;
};

/* What a job gets that does not say it itself. */
struct bs_job_defaults {
    const char *language, *model; /* NULL = none */
    const struct bs_label *labels;
    size_t label_count;
};

/* Whether a job may say so: NULL, or why not. */
const char *bs_job_defaults_problem(const struct bs_job_defaults *defaults);

/* All appended to; freed with bs_manifest_job_free. */
struct bs_manifest_job {
    struct bs_buffer key;   /* the job's id, without a NUL */
    struct bs_buffer value; /* the job's JSON, with that id */
    struct bs_buffer uri;   /* its audio.uri, with its NUL */
};

/* The message of an entry without a problem. Its id, where the entry gives none, is the link
 * without query and fragment, and "#" and the version where that is known: the same entry twice is
 * paid once, an object that has changed is another job. False with a reason: then nothing is
 * appended. */
BS_MUST_CHECK bool bs_manifest_job(const struct bs_manifest_entry *entry,
                                   const struct bs_job_defaults *defaults,
                                   struct bs_manifest_job *job, struct bs_error *error);
/* So that it is empty, and its memory serves again. */
void bs_manifest_job_clear(struct bs_manifest_job *job);
void bs_manifest_job_free(struct bs_manifest_job *job);

#endif
