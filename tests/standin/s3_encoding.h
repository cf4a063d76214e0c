/* Percent-encoding, as Signature V4 wants it: every byte but A-Z a-z 0-9 - _ . ~ as %XX. */
#ifndef STANDIN_S3_ENCODING_H
#define STANDIN_S3_ENCODING_H

#include <stdbool.h>
#include <stddef.h>

#include "buffer.h"

/* `plain`: further bytes that stay as they are ("/" in a path, "" else). */
void s3_encode(const char *text, const char *plain, struct buffer *out);
/* Decodes `length` bytes; `plus`: a '+' is a space, as in a query. The caller frees. NULL for a bad
 * escape or a NUL. */
char *s3_decode(const char *text, size_t length, bool plus);

#endif
