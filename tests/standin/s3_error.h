/* What an object store answers when it does not do what was asked. */
#ifndef STANDIN_S3_ERROR_H
#define STANDIN_S3_ERROR_H

enum s3_error {
    S3_OK,
    S3_ACCESS_DENIED,
    S3_AUTHORIZATION_MALFORMED,
    S3_BAD_DIGEST,
    S3_BUCKET_EXISTS,
    S3_HASH_MISMATCH,
    S3_INTERNAL,
    S3_INVALID_ACCESS_KEY,
    S3_INVALID_ARGUMENT,
    S3_INVALID_BUCKET,
    S3_INVALID_RANGE,
    S3_KEY_TOO_LONG,
    S3_LENGTH_REQUIRED,
    S3_METHOD_NOT_ALLOWED,
    S3_MISSING_HASH,
    S3_NO_BUCKET,
    S3_NO_KEY,
    S3_NOT_IMPLEMENTED,
    S3_PRECONDITION_FAILED,
    S3_SIGNATURE_MISMATCH,
    S3_TIME_SKEWED,
    S3_TOO_LARGE,
    S3_ERRORS
};

struct s3_error_text {
    int status;       /* HTTP's */
    const char *code; /* S3's own name of it */
    const char *message;
};

const struct s3_error_text *s3_error_text(enum s3_error error);

#endif
