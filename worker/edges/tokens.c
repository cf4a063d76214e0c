#include "edges/tokens.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "formats/json_view.h"

#define LOOK_EVERY_MS      1000
#define SECRET_LIMIT_BYTES 65536

/* What tells one content of a file from another without reading it. The inode is among it: a
 * Kubernetes secret changes by a symbolic link that is swung to another folder. */
struct file_identity {
    bool exists;
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
};

struct bs_tokens {
    struct bs_timer *timer;
    enum bs_auth_kind kind;
    char *path;
    void (*changed)(void *context, bool available);
    void *context;
    char *authorization; /* NULL = none to be had */
    struct file_identity seen;
    bool report; /* `changed` is owed whatever the file says: a refresh was asked for */
    char problem[sizeof((struct bs_error *)NULL)->message];
};

bool bs_auth_supported(const struct bs_auth *auth)
{
    return auth->kind == BS_AUTH_NONE || auth->kind == BS_AUTH_API_KEY_FILE ||
           auth->kind == BS_AUTH_IAM_TOKEN_FILE;
}

/* ---- reading a secret ----------------------------------------------------------------- */

static void wipe_and_free(char *secret)
{
    if (secret != NULL) {
        explicit_bzero(secret, strlen(secret));
        free(secret);
    }
}

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

/* ---- the credential ------------------------------------------------------------------- */

/* It becomes a header's value: a line break in it would be another header. */
static bool fits_a_header(const char *secret)
{
    for (; *secret != '\0'; secret++) {
        if (*secret <= ' ' || *secret > '~') {
            return false;
        }
    }
    return true;
}

/* The file may hold the token alone, or the header's value as other programs write it. */
static const char *without_scheme(const char *secret, const char *scheme)
{
    size_t length = strlen(scheme);
    return strncasecmp(secret, scheme, length) == 0 ? secret + length : secret;
}

static char *make_authorization(struct bs_tokens *tokens, struct bs_error *error)
{
    char *secret = bs_secret_read(tokens->path, error);
    if (secret == NULL) {
        return NULL;
    }
    const char *scheme = tokens->kind == BS_AUTH_API_KEY_FILE ? "Api-Key " : "Bearer ";
    const char *token = without_scheme(secret, scheme);
    char *authorization = NULL;
    if (fits_a_header(token)) {
        size_t size = strlen(scheme) + strlen(token) + 1;
        authorization = malloc(size);
        BS_ASSERT(authorization != NULL);
        memcpy(stpcpy(authorization, scheme), token, strlen(token) + 1);
    } else {
        (void)bs_error_set(error, BS_ERROR_INVALID,
                           "%s: more than one line, or a character that no credential has",
                           tokens->path);
    }
    wipe_and_free(secret);
    return authorization;
}

static struct file_identity identify(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        return (struct file_identity){.exists = false};
    }
    return (struct file_identity){
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

static bool same_file(const struct file_identity *a, const struct file_identity *b)
{
    return a->exists == b->exists && a->device == b->device && a->inode == b->inode &&
           a->size == b->size && same_moment(a->modified, b->modified) &&
           same_moment(a->changed, b->changed);
}

/* True when the credential is another one than before. */
static bool read_credential(struct bs_tokens *tokens)
{
    struct bs_error error = BS_NO_ERROR;
    /* Before reading: a change while we read is then seen as one at the next look. */
    tokens->seen = identify(tokens->path);
    char *fresh = make_authorization(tokens, &error);
    memcpy(tokens->problem, error.message, sizeof tokens->problem);
    char *old = tokens->authorization;
    bool other = (fresh == NULL) != (old == NULL) ||
                 (fresh != NULL && old != NULL && strcmp(fresh, old) != 0);
    tokens->authorization = fresh;
    wipe_and_free(old);
    return other;
}

static void look(void *context, uint32_t events)
{
    struct bs_tokens *tokens = context;
    (void)events;
    bool reads_a_file = tokens->path != NULL;
    if (reads_a_file) {
        bs_timer_set(tokens->timer, bs_clock_now().mono + LOOK_EVERY_MS);
        struct file_identity now = identify(tokens->path);
        bool unreadable = tokens->authorization == NULL;
        if (tokens->report || unreadable || !same_file(&now, &tokens->seen)) {
            tokens->report |= read_credential(tokens);
        }
    }
    if (tokens->report) {
        tokens->report = false;
        tokens->changed(tokens->context, tokens->authorization != NULL);
    }
}

struct bs_tokens *bs_tokens_create(struct bs_loop *loop, const struct bs_auth *auth,
                                   void (*changed)(void *context, bool available), void *context)
{
    struct bs_tokens *tokens = calloc(1, sizeof *tokens);
    BS_ASSERT(tokens != NULL);
    tokens->kind = auth->kind;
    tokens->changed = changed;
    tokens->context = context;
    tokens->timer = bs_timer_create(loop, look, tokens);
    if (auth->kind == BS_AUTH_NONE) {
        tokens->authorization = strdup("");
        BS_ASSERT(tokens->authorization != NULL);
    } else if (bs_auth_supported(auth)) {
        tokens->path = strdup(auth->path);
        BS_ASSERT(tokens->path != NULL);
        (void)read_credential(tokens);
        bs_timer_set(tokens->timer, bs_clock_now().mono + LOOK_EVERY_MS);
    } else if (auth->kind == BS_AUTH_STATIC_KEY_FILE) {
        tokens->path = strdup(auth->path);
        BS_ASSERT(tokens->path != NULL);
    } else {
        (void)snprintf(
            tokens->problem, sizeof tokens->problem,
            "speechkit.auth: this version supports api_key_file, iam_token_file and none");
    }
    return tokens;
}

void bs_tokens_destroy(struct bs_tokens *tokens)
{
    if (tokens != NULL) {
        bs_timer_destroy(tokens->timer);
        wipe_and_free(tokens->authorization);
        free(tokens->path);
        free(tokens);
    }
}

const char *bs_tokens_authorization(struct bs_tokens *tokens)
{
    return tokens->authorization;
}

const char *bs_tokens_problem(const struct bs_tokens *tokens)
{
    return tokens->authorization != NULL ? "" : tokens->problem;
}

void bs_tokens_refresh(struct bs_tokens *tokens)
{
    tokens->report = true;
    bs_timer_set(tokens->timer, bs_clock_now().mono);
}

/* What a file holds does not tell when it ends. */
bs_wall_ms bs_tokens_expiry(const struct bs_tokens *tokens)
{
    (void)tokens;
    return 0;
}

/* ---- copies for other threads: the file is read anew for each ---------------------------- */

void bs_credential_free(struct bs_credential *credential)
{
    wipe_and_free(credential->authorization);
    wipe_and_free(credential->access_key_id);
    wipe_and_free(credential->secret_access_key);
    memset(credential, 0, sizeof *credential);
}

static char *json_text(const struct bs_json_view *view, const char *name)
{
    struct bs_buffer scratch = {0};
    const struct bs_json_node *root = bs_json_view_root(view);
    struct bs_bytes text =
        bs_json_view_string(view, bs_json_view_member(view, root, name), &scratch);
    char *copy = text.data == NULL ? NULL : strndup((const char *)text.data, text.size);
    if (scratch.size > 0) {
        explicit_bzero(scratch.data, scratch.size);
    }
    bs_buffer_free(&scratch);
    return copy;
}

static enum bs_error_code copy_static_key(const char *path, struct bs_credential *credential,
                                          struct bs_error *error)
{
    char *text = bs_secret_read(path, error);
    if (text == NULL) {
        return BS_ERROR_DENIED;
    }
    struct bs_json_view view;
    struct bs_json_problem problem;
    if (bs_json_view_read(&view, (const uint8_t *)text, strlen(text), &problem)) {
        credential->access_key_id = json_text(&view, "access_key_id");
        credential->secret_access_key = json_text(&view, "secret_access_key");
    }
    bs_json_view_free(&view);
    wipe_and_free(text);
    if (credential->access_key_id == NULL || credential->secret_access_key == NULL) {
        bs_credential_free(credential);
        return bs_error_set(error, BS_ERROR_DENIED,
                            "%s: expected {\"access_key_id\", \"secret_access_key\"}", path);
    }
    return BS_OK;
}

enum bs_error_code bs_tokens_copy(struct bs_tokens *tokens, struct bs_credential *credential,
                                  struct bs_error *error)
{
    memset(credential, 0, sizeof *credential);
    if (tokens->kind == BS_AUTH_STATIC_KEY_FILE) {
        return copy_static_key(tokens->path, credential, error);
    }
    if (tokens->path == NULL && tokens->kind != BS_AUTH_NONE) {
        return bs_error_set(error, BS_ERROR_DENIED, "this version has no such credential");
    }
    credential->authorization =
        tokens->kind == BS_AUTH_NONE ? strdup("") : make_authorization(tokens, error);
    return credential->authorization != NULL ? BS_OK : BS_ERROR_DENIED;
}

void bs_tokens_refused(struct bs_tokens *tokens)
{
    (void)tokens; /* the file is read anew for each copy */
}

enum bs_error_code bs_tokens_wait(struct bs_tokens *tokens, int64_t limit_ms,
                                  struct bs_error *error)
{
    (void)limit_ms;
    struct bs_credential credential;
    enum bs_error_code code = bs_tokens_copy(tokens, &credential, error);
    bs_credential_free(&credential);
    return code;
}
