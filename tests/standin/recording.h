/* Where the recordings lie, and one of them as the service gets it to hear. */
#ifndef STANDIN_RECORDING_H
#define STANDIN_RECORDING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define SHA256_TEXT_SIZE 65

/* A folder with <bucket>/<key>, or an object store that is asked by HTTP GET. */
struct store {
    const char *folder; /* NULL: `url` is used */
    const char *url;    /* "http://host:port", no slash at its end */
    const char *region;
    char *user;          /* "access key id:secret" of Signature V4, owned; NULL = unsigned */
    char *authorization; /* a header line with a bearer token, owned; NULL = none */
};

/* `place` is a folder or an http:// link. `key_file` is JSON {"access_key_id",
 * "secret_access_key"}, `token_file` a bearer token; NULL = none. Strings but the files' are
 * borrowed. */
BS_MUST_CHECK enum bs_error_code store_init(struct store *store, const char *place,
                                            const char *key_file, const char *token_file,
                                            const char *region, struct bs_error *error);
void store_free(struct store *store);

/* A recording that has been read. */
struct recording_file {
    char *path;     /* owned */
    bool temporary; /* ours: gone with the struct */
    int64_t size;
    char sha256[SHA256_TEXT_SIZE]; /* hex */
};

/* Reads the recording that a link names, its query ignored. NOT_FOUND when it is not there, INVALID
 * when the link leads elsewhere, the store refuses, or it is larger than the service takes. Any
 * thread. */
BS_MUST_CHECK enum bs_error_code recording_read(const struct store *store, const char *link,
                                                struct recording_file *file,
                                                struct bs_error *error);
void recording_free(struct recording_file *file);

#endif
