/* gzip, unpacked piece by piece. */
#ifndef BS_FORMATS_GUNZIP_H
#define BS_FORMATS_GUNZIP_H

#include <stdbool.h>

#include "base/check.h"
#include "formats/message.h"

struct bs_gunzip;

enum bs_gunzip_outcome {
    BS_GUNZIP_GOOD,
    BS_GUNZIP_WRONG,  /* not gzip, or damaged */
    BS_GUNZIP_STOPPED /* the sink wanted no more */
};

/* Takes a piece of what was packed; false: no more. */
typedef bool bs_gunzip_sink(void *context, const uint8_t *bytes, size_t size);

struct bs_gunzip *bs_gunzip_create(bs_gunzip_sink *sink, void *context);
void bs_gunzip_free(struct bs_gunzip *gunzip);
/* Several packed files one after the other are one. */
BS_MUST_CHECK enum bs_gunzip_outcome bs_gunzip_feed(struct bs_gunzip *gunzip, const uint8_t *bytes,
                                                    size_t size);
/* Whether what was fed is whole. */
BS_MUST_CHECK bool bs_gunzip_whole(const struct bs_gunzip *gunzip);

#endif
