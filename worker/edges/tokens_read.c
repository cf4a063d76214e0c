/* Credentials from files. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "edges/tokens_internal.h"
#include "formats/credential.h"

#define SECRET_LIMIT_BYTES 65536

/* ---- reading a secret ----------------------------------------------------------------- */

/* Bytes read, or -1 with errno; one more than the limit shows that the file is too large. */
static ssize_t read_all(int fd, char *bytes, size_t capacity)
{
    size_t size = 0;
    while (size < capacity) {
        ssize_t part = read(fd, bytes + size, capacity - size);
        if (part < 0 && errno == EINTR) {
            continue;
        }
        if (part < 0) {
            return -1;
        }
        if (part == 0) {
            break;
        }
        size += (size_t)part;
    }
    return (ssize_t)size;
}

static bool trim_secret(const char *path, char *bytes, size_t size, struct bs_error *error)
{
    if (size > SECRET_LIMIT_BYTES) {
        (void)bs_error_set(error, BS_ERROR_INVALID, "%s: larger than %d bytes, no secret is", path,
                           SECRET_LIMIT_BYTES);
        return false;
    }
    if (memchr(bytes, '\0', size) != NULL) {
        (void)bs_error_set(error, BS_ERROR_INVALID, "%s: contains a NUL byte", path);
        return false;
    }
    while (size > 0 && strchr(" \t\r\n", bytes[size - 1]) != NULL) {
        size--;
    }
    bytes[size] = '\0';
    if (size == 0) {
        (void)bs_error_set(error, BS_ERROR_INVALID, "%s: the file is empty", path);
        return false;
    }
    return true;
}

char *bs_secret_read(const char *path, struct bs_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        enum bs_error_code code = errno == ENOENT   ? BS_ERROR_NOT_FOUND
                                  : errno == EACCES ? BS_ERROR_DENIED
                                                    : BS_ERROR_TEMPORARY;
        (void)bs_error_set(error, code, "%s: %s", path, strerror(errno));
        return NULL;
    }
    size_t capacity = SECRET_LIMIT_BYTES + 2;
    char *bytes = malloc(capacity);
    BS_ASSERT(bytes != NULL);
    ssize_t size = read_all(fd, bytes, capacity - 1);
    int problem = errno;
    (void)close(fd);
    char *secret = NULL;
    if (size < 0) {
        (void)bs_error_set(error, BS_ERROR_TEMPORARY, "%s: %s", path, strerror(problem));
    } else if (trim_secret(path, bytes, (size_t)size, error)) {
        secret = strdup(bytes);
        BS_ASSERT(secret != NULL);
    }
    explicit_bzero(bytes, capacity);
    free(bytes);
    return secret;
}

/* ---- files ------------------------------------------------------------------------------ */

struct bs_file_identity bs_file_identify(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        return (struct bs_file_identity){.exists = false};
    }
    return (struct bs_file_identity){
        .exists = true,
        .device = status.st_dev,
        .inode = status.st_ino,
        .size = status.st_size,
        .modified = status.st_mtim,
        .changed = status.st_ctim,
    };
}

static bool same_moment(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool bs_file_is_same(const struct bs_file_identity *a, const struct bs_file_identity *b)
{
    return a->exists == b->exists && a->device == b->device && a->inode == b->inode &&
           a->size == b->size && same_moment(a->modified, b->modified) &&
           same_moment(a->changed, b->changed);
}

/* ---- the kinds ---------------------------------------------------------------------------- */

/* The file may hold the token alone, or the header's value as other programs write it. */
static const char *without_scheme(const char *secret, const char *scheme)
{
    size_t length = strlen(scheme);
    return strncasecmp(secret, scheme, length) == 0 ? secret + length : secret;
}

static enum bs_error_code take_header(const struct bs_token_source *source, const char *secret,
                                      struct bs_obtained *obtained, struct bs_error *error)
{
    const char *scheme = source->kind == BS_AUTH_API_KEY_FILE ? "Api-Key " : "Bearer ";
    const char *token = without_scheme(secret, scheme);
    /* It becomes a header's value: a line break in it would be another header. */
    if (!bs_secret_fits_a_header(token)) {
        return bs_error_set(error, BS_ERROR_INVALID,
                            "more than one line, or a character that no credential has");
    }
    size_t size = strlen(scheme) + strlen(token) + 1;
    obtained->credential.authorization = malloc(size);
    BS_ASSERT(obtained->credential.authorization != NULL);
    memcpy(stpcpy(obtained->credential.authorization, scheme), token, strlen(token) + 1);
    return BS_OK;
}

static enum bs_error_code take_static_key(const char *text, struct bs_obtained *obtained,
                                          struct bs_error *error)
{
    struct bs_static_key key;
    enum bs_error_code code = bs_static_key_read(text, &key, error);
    obtained->credential.access_key_id = key.access_key_id;
    obtained->credential.secret_access_key = key.secret_access_key;
    return code;
}

static enum bs_error_code exchange_key(struct bs_token_source *source, const char *text,
                                       struct bs_obtained *obtained, struct bs_error *error)
{
    struct bs_authorized_key key;
    enum bs_error_code code = bs_authorized_key_read(text, &key, error);
    if (code != BS_OK) {
        return code;
    }
    char *request = bs_authorized_key_request(&key, bs_clock_now().wall, error);
    bs_authorized_key_free(&key);
    if (request == NULL) {
        return BS_ERROR_INVALID;
    }
    code = bs_token_fetch(source, request, obtained, error);
    bs_secret_free(request);
    return code;
}

static enum bs_error_code obtain_by_file(struct bs_token_source *source,
                                         struct bs_obtained *obtained, struct bs_error *error)
{
    char *text = bs_secret_read(source->path, error);
    if (text == NULL) {
        return error->code;
    }
    struct bs_error problem = BS_NO_ERROR;
    enum bs_error_code code = source->kind == BS_AUTH_STATIC_KEY_FILE
                                  ? take_static_key(text, obtained, &problem)
                              : source->kind == BS_AUTH_AUTHORIZED_KEY_FILE
                                  ? exchange_key(source, text, obtained, &problem)
                                  : take_header(source, text, obtained, &problem);
    bs_secret_free(text);
    return code == BS_OK ? BS_OK
                         : bs_error_set(error, code, "%s: %s", source->path, problem.message);
}

bool bs_token_source_fetches(const struct bs_token_source *source)
{
    return source->url != NULL;
}

enum bs_error_code bs_token_obtain(struct bs_token_source *source, struct bs_obtained *obtained,
                                   struct bs_error *error)
{
    *obtained = (struct bs_obtained){.until = BS_NEVER};
    return source->path != NULL ? obtain_by_file(source, obtained, error)
                                : bs_token_fetch(source, NULL, obtained, error);
}

void bs_credential_free(struct bs_credential *credential)
{
    bs_secret_free(credential->authorization);
    bs_secret_free(credential->access_key_id);
    bs_secret_free(credential->secret_access_key);
    *credential = (struct bs_credential){0};
}

void bs_obtained_free(struct bs_obtained *obtained)
{
    bs_credential_free(&obtained->credential);
    *obtained = (struct bs_obtained){.until = BS_NEVER};
}
