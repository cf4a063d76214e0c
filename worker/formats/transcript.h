/* Result messages for `results`: as text or JSON lines. */
#ifndef BS_FORMATS_TRANSCRIPT_H
#define BS_FORMATS_TRANSCRIPT_H

#include <stdbool.h>

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

#endif
