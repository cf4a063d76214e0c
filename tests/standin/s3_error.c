#include "s3_error.h"

#include "base/check.h"

static const struct s3_error_text texts[S3_ERRORS] = {
    [S3_ACCESS_DENIED] = {403, "AccessDenied", "Access Denied"},
    [S3_AUTHORIZATION_MALFORMED] = {400, "AuthorizationHeaderMalformed",
                                    "The authorization header is malformed, or for another region "
                                    "or service"},
    [S3_BAD_DIGEST] = {400, "BadDigest", "The Content-MD5 differs from what was received"},
    [S3_BUCKET_EXISTS] = {409, "BucketAlreadyOwnedByYou", "The bucket is there already"},
    [S3_HASH_MISMATCH] = {400, "XAmzContentSHA256Mismatch",
                          "The x-amz-content-sha256 differs from what was received"},
    [S3_INTERNAL] = {500, "InternalError", "We encountered an internal error, try again"},
    [S3_INVALID_ACCESS_KEY] = {403, "InvalidAccessKeyId", "The access key id is not known"},
    [S3_INVALID_ARGUMENT] = {400, "InvalidArgument", "Invalid argument"},
    [S3_INVALID_BUCKET] = {400, "InvalidBucketName", "The bucket's name is not valid"},
    [S3_INVALID_RANGE] = {416, "InvalidRange", "The range cannot be satisfied"},
    [S3_KEY_TOO_LONG] = {400, "KeyTooLongError", "The key is longer than 1024 bytes"},
    [S3_LENGTH_REQUIRED] = {411, "MissingContentLength", "A Content-Length is needed"},
    [S3_METHOD_NOT_ALLOWED] = {405, "MethodNotAllowed", "The method is not allowed here"},
    [S3_MISSING_HASH] = {400, "InvalidRequest", "The header x-amz-content-sha256 is missing"},
    [S3_NO_BUCKET] = {404, "NoSuchBucket", "The bucket does not exist"},
    [S3_NO_KEY] = {404, "NoSuchKey", "The key does not exist"},
    [S3_NOT_IMPLEMENTED] = {501, "NotImplemented", "This stand-in does not do that"},
    [S3_PRECONDITION_FAILED] = {412, "PreconditionFailed", "The object is another one by now"},
    [S3_SIGNATURE_MISMATCH] = {403, "SignatureDoesNotMatch",
                               "The signature that was computed here is another one"},
    [S3_TIME_SKEWED] = {403, "RequestTimeTooSkewed",
                        "The request's time and the server's differ by too much"},
    [S3_TOO_LARGE] = {400, "EntityTooLarge", "The object is larger than 5 GB"},
};

const struct s3_error_text *s3_error_text(enum s3_error error)
{
    BS_ASSERT(error > S3_OK && error < S3_ERRORS);
    return &texts[error];
}
