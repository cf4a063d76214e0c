/* Who asks: Signature V4 in the Authorization header, or a bearer token. */
#ifndef STANDIN_S3_SIGNATURE_H
#define STANDIN_S3_SIGNATURE_H

#include <microhttpd.h>
#include <stdbool.h>
#include <time.h>

#include "base/error.h"
#include "buffer.h"
#include "s3_error.h"

/* Owned; all NULL: everybody may. */
struct s3_credentials {
    char *key_id;
    char *secret;
    char *token;
    const char *region; /* that a signature must be for; borrowed */
};

/* Files that are NULL are not asked for; strings of the struct are owned, but for the region. */
BS_MUST_CHECK enum bs_error_code s3_credentials_read(struct s3_credentials *credentials,
                                                     const char *key_file, const char *token_file,
                                                     struct bs_error *error);
void s3_credentials_free(struct s3_credentials *credentials);

/* `target` is the path and query as they came. A signed hash of the body is not compared here. */
BS_MUST_CHECK enum s3_error s3_authorize(const struct s3_credentials *credentials,
                                         struct MHD_Connection *connection, const char *method,
                                         const char *target, time_t now);

/* Appends the canonical query of a request: its parameters decoded, encoded in the one way, sorted.
 * False when it cannot be read. */
BS_MUST_CHECK bool s3_canonical_query(const char *target, struct buffer *out);

#endif
