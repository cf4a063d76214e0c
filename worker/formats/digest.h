/* Hashes of what is read piece by piece. Any one thread. */
#ifndef BS_FORMATS_DIGEST_H
#define BS_FORMATS_DIGEST_H

#include <stddef.h>

struct bs_digest;

/* Lower-case hex. */
struct bs_digests {
    char sha256[65];
    char md5[33]; /* what an object's ETag is where it was put at once; "" where MD5 is forbidden */
};

/* Never NULL; ended by bs_digest_end. */
struct bs_digest *bs_digest_begin(void);
void bs_digest_add(struct bs_digest *digest, const void *bytes, size_t size);
void bs_digest_end(struct bs_digest *digest, struct bs_digests *digests);

#endif
