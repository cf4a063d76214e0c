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

/* False for a name that is no code's. */
BS_MUST_CHECK bool bs_dead_letter_code_parse(const char *name, enum bs_dead_letter_code *code);

/* What a dead letter's headers tell. Bytes are the message's. */
struct bs_dead_letter {
    enum bs_dead_letter_code code; /* NONE: one that is not known here, a newer worker's */
    struct bs_bytes code_name;
    struct bs_bytes reason;    /* of the error, its message */
    struct bs_bytes source;    /* "topic/partition/offset", of the job message */
    struct bs_bytes failed_at; /* RFC 3339 */
    char topic[250];           /* the source, taken apart */
    int32_t partition;
    int64_t offset;
    bs_wall_ms failed;
    bool value_omitted; /* it was too large to be written again; `value_size` bytes */
    int64_t value_size;
};
/* False for a message that no worker has written as a dead letter. */
BS_MUST_CHECK bool bs_dead_letter_read(const struct bs_message *message,
                                       struct bs_dead_letter *letter);
/* The job's headers, which are all but the error's, also those of an earlier error that came back
 * with the job. `own` has room for the message's; how many there are. */
size_t bs_dead_letter_own_headers(const struct bs_message *message, struct bs_header *own);

#endif
