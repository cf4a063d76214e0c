/* Result messages for `results`: as text or JSON lines. */
#ifndef BS_FORMATS_TRANSCRIPT_H
#define BS_FORMATS_TRANSCRIPT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/error.h"
#include "formats/message.h"

enum bs_transcript_format { BS_TRANSCRIPT_TEXT, BS_TRANSCRIPT_JSONL };

/* "text", "jsonl"; false for another name. */
BS_MUST_CHECK bool bs_transcript_format_parse(const char *name, enum bs_transcript_format *format);

/* Appends one result message's rendering, ending in a newline. A value whose header
 * content-encoding is gzip is unpacked. TEXT: a line `# <id> <uri>`, then the dialogue: one
 * utterance a line, `[m:ss] text`, with the channel where there are several; then an empty line.
 * JSONL: the result on one line. False with a reason when the value is not a result. */
BS_MUST_CHECK bool bs_transcript_render(enum bs_transcript_format format,
                                        const struct bs_message *message, struct bs_buffer *out,
                                        struct bs_error *error);

/* Where the whole of a result stands that was too large for its message. */
struct bs_transcript_reference {
    char *uri; /* s3://…, owned */
    int64_t size_bytes;
    char sha256[65];
};

/* False when the message is no result that names such a place: then it is whole, or none at all.
 * Freed by bs_transcript_reference_free. */
BS_MUST_CHECK bool bs_transcript_reference_read(const struct bs_message *message,
                                                struct bs_transcript_reference *reference);
void bs_transcript_reference_free(struct bs_transcript_reference *reference);
/* Whether these bytes are what was stored: gzip, as the value of a message whose header
 * content-encoding says so. */
BS_MUST_CHECK bool bs_transcript_is_stored(const struct bs_transcript_reference *reference,
                                           struct bs_bytes stored, struct bs_error *error);

#endif
