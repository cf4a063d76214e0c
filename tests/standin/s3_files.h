/* Buckets in a folder: <folder>/<bucket>/<encoded key>, with what an object's headers say beside it
 * in <folder>/<bucket>/.facts. Any thread. */
#ifndef STANDIN_S3_FILES_H
#define STANDIN_S3_FILES_H

#include <openssl/evp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/check.h"
#include "buffer.h"
#include "s3_error.h"

#define S3_KEY_BYTES_MAX 1024
#define S3_ETAG_SIZE     33

struct s3_files {
    const char *folder;
    pthread_mutex_t lock; /* an object and its facts are read, and replaced, together */
    uint64_t uploads;     /* so far: names of temporary files */
};

void s3_files_init(struct s3_files *files, const char *folder);

/* 3 to 63 of a-z, 0-9, '-' and '.', neither of the last two at an end. */
bool s3_bucket_valid(const char *bucket);
BS_MUST_CHECK enum s3_error s3_bucket_create(struct s3_files *files, const char *bucket);
BS_MUST_CHECK enum s3_error s3_bucket_find(struct s3_files *files, const char *bucket);

struct s3_object {
    int fd; /* open at its beginning; -1 = not asked for */
    int64_t size;
    time_t modified;
    char etag[S3_ETAG_SIZE]; /* MD5, hex */
    struct buffer headers;   /* "name: value\n" each, as they were put */
};

/* `open`: with its descriptor, which is the caller's. */
BS_MUST_CHECK enum s3_error s3_object_find(struct s3_files *files, const char *bucket,
                                           const char *key, bool open, struct s3_object *object);
void s3_object_free(struct s3_object *object);
BS_MUST_CHECK enum s3_error s3_object_delete(struct s3_files *files, const char *bucket,
                                             const char *key);

/* A body that is coming in. */
struct s3_upload {
    int fd;
    char *path; /* of the temporary file; NULL = there is none */
    EVP_MD_CTX *md5;
    EVP_MD_CTX *sha256;
    int64_t size;
};

BS_MUST_CHECK enum s3_error s3_upload_begin(struct s3_files *files, struct s3_upload *upload);
BS_MUST_CHECK enum s3_error s3_upload_add(struct s3_upload *upload, const char *bytes, size_t size);
/* Both in hex. */
struct s3_digests {
    char md5[S3_ETAG_SIZE];
    char sha256[65];
};
void s3_upload_digests(struct s3_upload *upload, struct s3_digests *digests);
/* It becomes the object, in place of one that is there. */
BS_MUST_CHECK enum s3_error s3_upload_finish(struct s3_files *files, struct s3_upload *upload,
                                             const char *bucket, const char *key, const char *etag,
                                             const struct buffer *headers);
/* What was not finished is gone. */
void s3_upload_free(struct s3_upload *upload);

/* Every key of a bucket, sorted by its bytes. */
struct s3_keys {
    char **list;
    size_t count;
    size_t room;
};

BS_MUST_CHECK enum s3_error s3_keys_read(struct s3_files *files, const char *bucket,
                                         struct s3_keys *keys);
void s3_keys_free(struct s3_keys *keys);

#endif
