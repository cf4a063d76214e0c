/* Manifests for `enqueue`: each line a job. */
#ifndef BS_FORMATS_MANIFEST_H
#define BS_FORMATS_MANIFEST_H

#include <stdbool.h>

#include "base/check.h"
#include "base/error.h"
#include "formats/message.h"

/* One line (without its newline) becomes a job message: a URI, or a JSON object that is a job.
 * `key` gets the job's id (made from the URI where the line gives none, so that the same line twice
 * is paid once), `value` the job's JSON with that id. Both are appended to. `*blank` is set and
 * nothing appended for an empty line or one that begins with '#'. False with a reason otherwise. */
BS_MUST_CHECK bool bs_manifest_line(struct bs_bytes line, struct bs_buffer *key,
                                    struct bs_buffer *value, bool *blank, struct bs_error *error);

#endif
