/* gzip of whole buffers. */
#ifndef BS_FORMATS_GZIP_H
#define BS_FORMATS_GZIP_H

#include <stdbool.h>

#include "base/check.h"
#include "formats/message.h"

/* Appends the compressed bytes. The same input gives the same output. */
void bs_gzip(struct bs_bytes plain, struct bs_buffer *out);
/* Appends the plain bytes; false when they are not gzip, are cut, or come to more than `limit`. */
BS_MUST_CHECK bool bs_gunzip(struct bs_bytes packed, size_t limit, struct bs_buffer *out);
/* Appends the first `size` plain bytes; false when there are not so many. What follows is not
 * looked at. */
BS_MUST_CHECK bool bs_gunzip_head(struct bs_bytes packed, size_t size, struct bs_buffer *out);

#endif
