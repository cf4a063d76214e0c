/* The sound of a WAV as an object of its own: 16-bit samples without a header. A pool's thread. */
#ifndef BS_COMMANDS_OBJECT_COPY_H
#define BS_COMMANDS_OBJECT_COPY_H

#include <stdatomic.h>

#include "edges/objects.h"
#include "formats/audio.h"

/* Copies `staged_bytes` (of 16-bit samples) from the recording to `copy`, a few MiB at a time:
 * never more of it is in memory. `etag` ("" = not told) is the recording's that `audio` was found
 * in. TEMPORARY when it was replaced meanwhile, or when `abandoned` turned true; else as the store.
 */
BS_MUST_CHECK enum bs_error_code
bs_object_copy_samples(struct bs_objects *objects, const struct bs_object_name *recording,
                       const char *etag, const struct bs_audio *audio, int64_t staged_bytes,
                       const struct bs_object_name *copy, int64_t limit_ms,
                       const atomic_bool *abandoned, struct bs_error *error);

#endif
