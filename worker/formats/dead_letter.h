/* A dead letter's headers: the job message's own, and what went wrong. */
#ifndef BS_FORMATS_DEAD_LETTER_H
#define BS_FORMATS_DEAD_LETTER_H

#include "core/core.h"
#include "formats/job.h"
#include "formats/message.h"

#define BS_ERROR_HEADER_PREFIX "backscribe-"

/* All headers of the dead letter: the job message's, then the error's. `headers` is allocated and
 * owned by the caller: bs_dead_letter_headers_free. `job` must outlive it. */
struct bs_dead_letter_headers {
    struct bs_header *headers;
    size_t count;
    char *storage; /* private */
};

void bs_dead_letter_headers(const struct bs_operation *operation, const struct bs_job *job,
                            bs_wall_ms now, struct bs_dead_letter_headers *out);
void bs_dead_letter_headers_free(struct bs_dead_letter_headers *headers);

#endif
