#include "formats/credential.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/json.h"
#include "formats/json_view.h"

#define AUDIENCE           "https://iam.api.cloud.yandex.net/iam/v1/tokens"
#define JWT_SECONDS        3600 /* the most that the service takes */
#define SALT_BYTES         32
#define KEY_BITS_LEAST     2048
#define LIFE_SECONDS_MOST  (366 * 86400) /* what says more is no answer about a token */
#define WORD_OF_MESSAGE    48            /* tokens are longer, words of people are not */
#define CUT_SECRET_LEAST   8 /* a shorter beginning tells nothing, and ordinary words begin so */
#define TEXT_OF_FILE_BYTES 65536
#define REQUEST_BYTES      4096 /* a signature of 8,192 bits and names of ordinary length */

void bs_secret_free(char *secret)
{
    if (secret != NULL) {
        explicit_bzero(secret, strlen(secret));
        free(secret);
    }
}

bool bs_secret_fits_a_header(const char *secret)
{
    const char *at = secret;
    while (*at > ' ' && *at <= '~') {
        at++;
    }
    return *at == '\0' && at > secret;
}

/* Behind the scheme. */
static const char *secret_of(const char *header)
{
    const char *space = header == NULL ? NULL : strchr(header, ' ');
    return space == NULL ? header : space + 1;
}

bool bs_secret_occurs(const char *header, const void *bytes, size_t size)
{
    const char *secret = secret_of(header);
    return secret != NULL && secret[0] != '\0' && size > 0 &&
           memmem(bytes, size, secret, strlen(secret)) != NULL;
}

void bs_secret_hide(const char *header, void *bytes, size_t size)
{
    const char *secret = secret_of(header);
    size_t length = secret == NULL ? 0 : strlen(secret);
    char *at = bytes, *end = at + size;
    if (length == 0 || size == 0) {
        return;
    }
    while ((at = memmem(at, (size_t)(end - at), secret, length)) != NULL) {
        memset(at, '*', length);
    }
    for (size_t cut = length - 1; cut >= CUT_SECRET_LEAST; cut--) {
        if (cut <= size && memcmp(end - cut, secret, cut) == 0) {
            memset(end - cut, '*', cut);
        }
    }
}

static void wipe(struct bs_buffer *buffer)
{
    if (buffer->data != NULL) {
        explicit_bzero(buffer->data, buffer->capacity);
    }
    bs_buffer_free(buffer);
}

/* What grows leaves copies behind. */
static void reserve(struct bs_buffer *buffer)
{
    (void)bs_buffer_extend(buffer, REQUEST_BYTES);
    buffer->size = 0;
}

/* ---- members of a JSON object ---- */

static bool read_object(struct bs_json_view *view, const uint8_t *text, size_t size)
{
    struct bs_json_problem problem;
    return size <= TEXT_OF_FILE_BYTES * 2 && bs_json_view_read(view, text, size, &problem) &&
           bs_json_view_is_object(view, bs_json_view_root(view));
}

static void close_object(struct bs_json_view *view)
{
    if (view->mended.data != NULL) {
        explicit_bzero(view->mended.data, view->mended.capacity);
    }
    bs_json_view_free(view);
}

/* A copy of the member's text that the caller frees; NULL when it is none, or an empty one. */
static char *copy_member(const struct bs_json_view *view, const char *name)
{
    const struct bs_json_node *value = bs_json_view_member(view, bs_json_view_root(view), name);
    struct bs_buffer scratch = {0};
    struct bs_bytes text = bs_json_view_string(view, value, &scratch);
    char *copy = NULL;
    if (text.data != NULL && text.size > 0 && memchr(text.data, '\0', text.size) == NULL) {
        copy = strndup((const char *)text.data, text.size);
        BS_ASSERT(copy != NULL);
    }
    wipe(&scratch);
    return copy;
}

/* ---- authorized keys ---- */

enum bs_error_code bs_authorized_key_read(const char *text, struct bs_authorized_key *key,
                                          struct bs_error *error)
{
    struct bs_json_view view = {0};
    *key = (struct bs_authorized_key){0};
    bool object = read_object(&view, (const uint8_t *)text, strlen(text));
    if (object) {
        key->id = copy_member(&view, "id");
        key->service_account_id = copy_member(&view, "service_account_id");
        key->private_key = copy_member(&view, "private_key");
    }
    close_object(&view);
    const char *missing = !object                           ? NULL
                          : key->id == NULL                 ? "id"
                          : key->service_account_id == NULL ? "service_account_id"
                                                            : "private_key";
    if (object && key->id != NULL && key->service_account_id != NULL && key->private_key != NULL) {
        return BS_OK;
    }
    bs_authorized_key_free(key);
    return bs_error_set(error, BS_ERROR_INVALID,
                        missing == NULL ? "not the JSON of an authorized key"
                                        : "not an authorized key: it has no text \"%s\"",
                        missing);
}

void bs_authorized_key_free(struct bs_authorized_key *key)
{
    bs_secret_free(key->id);
    bs_secret_free(key->service_account_id);
    bs_secret_free(key->private_key);
    *key = (struct bs_authorized_key){0};
}

/* Base64 for URLs, without padding (RFC 7515). */
static void append_base64url(struct bs_buffer *out, const uint8_t *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (size_t i = 0; i < size; i += 3) {
        size_t here = size - i < 3 ? size - i : 3;
        uint32_t group = (uint32_t)bytes[i] << 16 | (here > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                         (here > 2 ? (uint32_t)bytes[i + 2] : 0);
        for (size_t j = 0; j <= here; j++) {
            bs_buffer_append(out, &digits[group >> (18 - 6 * j) & 63], 1);
        }
    }
}

static void append_encoded(struct bs_buffer *out, const struct bs_buffer *text)
{
    append_base64url(out, text->data, text->size);
}

/* The terminal is never asked for a pass phrase. */
static int no_pass_phrase(char *phrase, int size, int writing, void *context)
{
    (void)phrase;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

static EVP_PKEY *read_private_key(const char *pem, struct bs_error *error)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    BS_ASSERT(bio != NULL);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, NULL);
    (void)BIO_free(bio);
    if (key == NULL) {
        (void)bs_error_set(error, BS_ERROR_INVALID,
                           "not an authorized key: its private_key is no PEM that can be read");
    } else if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA ||
               EVP_PKEY_get_bits(key) < KEY_BITS_LEAST) {
        EVP_PKEY_free(key);
        key = NULL;
        (void)bs_error_set(error, BS_ERROR_INVALID,
                           "not an authorized key: its private_key is not of RSA with %d bits",
                           KEY_BITS_LEAST);
    }
    return key;
}

/* Appends the signature of what stands in `out` to it, behind a dot. */
static bool append_signature(struct bs_buffer *out, EVP_PKEY *key)
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    EVP_PKEY_CTX *padding; /* belongs to `digest` */
    uint8_t signature[1024];
    size_t size = sizeof signature;
    BS_ASSERT(digest != NULL);
    bool made = EVP_DigestSignInit(digest, &padding, EVP_sha256(), NULL, key) == 1 &&
                EVP_PKEY_CTX_set_rsa_padding(padding, RSA_PKCS1_PSS_PADDING) == 1 &&
                EVP_PKEY_CTX_set_rsa_mgf1_md(padding, EVP_sha256()) == 1 &&
                EVP_PKEY_CTX_set_rsa_pss_saltlen(padding, SALT_BYTES) == 1 &&
                EVP_DigestSign(digest, signature, &size, out->data, out->size) == 1;
    EVP_MD_CTX_free(digest);
    if (made) {
        bs_buffer_append(out, ".", 1);
        append_base64url(out, signature, size);
    }
    explicit_bzero(signature, sizeof signature);
    return made;
}

static void append_header_and_claims(struct bs_buffer *jwt, const struct bs_authorized_key *key,
                                     bs_wall_ms now)
{
    char times[80];
    (void)snprintf(times, sizeof times, ",\"iat\":%" PRId64 ",\"exp\":%" PRId64 "}", now / 1000,
                   now / 1000 + JWT_SECONDS);
    struct bs_buffer header = {0}, claims = {0};
    bs_buffer_append_text(&header, "{\"typ\":\"JWT\",\"alg\":\"PS256\",\"kid\":");
    bs_json_append_string(&header, key->id);
    bs_buffer_append_text(&header, "}");
    bs_buffer_append_text(&claims, "{\"iss\":");
    bs_json_append_string(&claims, key->service_account_id);
    bs_buffer_append_text(&claims, ",\"aud\":\"" AUDIENCE "\"");
    bs_buffer_append_text(&claims, times);
    append_encoded(jwt, &header);
    bs_buffer_append_text(jwt, ".");
    append_encoded(jwt, &claims);
    bs_buffer_free(&header);
    bs_buffer_free(&claims);
}

char *bs_authorized_key_request(const struct bs_authorized_key *key, bs_wall_ms now,
                                struct bs_error *error)
{
    EVP_PKEY *private_key = read_private_key(key->private_key, error);
    if (private_key == NULL) {
        return NULL;
    }
    struct bs_buffer jwt = {0}, body = {0};
    reserve(&jwt);
    reserve(&body);
    append_header_and_claims(&jwt, key, now);
    bool signed_well = append_signature(&jwt, private_key);
    EVP_PKEY_free(private_key);
    if (signed_well) {
        bs_buffer_append_text(&body, "{\"jwt\":\"");
        bs_buffer_append(&body, jwt.data, jwt.size);
        bs_buffer_append(&body, "\"}", 3);
    } else {
        (void)bs_error_set(error, BS_ERROR_INVALID, "the authorized key cannot sign with PS256");
    }
    wipe(&jwt);
    return (char *)body.data;
}

/* ---- answers ---- */

static enum bs_error_code take_token(struct bs_json_view *view, bool object, const char *name,
                                     struct bs_token_answer *answer, struct bs_error *error)
{
    *answer = (struct bs_token_answer){0};
    answer->token = object ? copy_member(view, name) : NULL;
    if (answer->token != NULL && bs_secret_fits_a_header(answer->token)) {
        return BS_OK;
    }
    bs_secret_free(answer->token);
    answer->token = NULL;
    return bs_error_set(error, BS_ERROR_INVALID, "its answer holds no token");
}

static enum bs_error_code refuse_time(struct bs_token_answer *answer, struct bs_error *error)
{
    bs_secret_free(answer->token);
    *answer = (struct bs_token_answer){0};
    return bs_error_set(error, BS_ERROR_INVALID, "its answer does not say when the token ends");
}

enum bs_error_code bs_iam_answer_read(const uint8_t *body, size_t size,
                                      struct bs_token_answer *answer, struct bs_error *error)
{
    struct bs_json_view view = {0};
    bool object = read_object(&view, body, size);
    enum bs_error_code code = take_token(&view, object, "iamToken", answer, error);
    char *expires = code == BS_OK ? copy_member(&view, "expiresAt") : NULL;
    close_object(&view);
    if (code == BS_OK &&
        (expires == NULL || !bs_rfc3339_parse(expires, strlen(expires), &answer->expires) ||
         answer->expires <= 0)) {
        code = refuse_time(answer, error);
    }
    free(expires);
    return code;
}

enum bs_error_code bs_metadata_answer_read(const uint8_t *body, size_t size,
                                           struct bs_token_answer *answer, struct bs_error *error)
{
    struct bs_json_view view = {0};
    int64_t seconds = 0;
    bool object = read_object(&view, body, size);
    enum bs_error_code code = take_token(&view, object, "access_token", answer, error);
    if (code == BS_OK) {
        const struct bs_json_node *life =
            bs_json_view_member(&view, bs_json_view_root(&view), "expires_in");
        bool told = bs_json_view_int64(&view, life, &seconds);
        if (told && seconds > 0 && seconds <= LIFE_SECONDS_MOST) {
            answer->life_ms = seconds * 1000;
        } else {
            code = refuse_time(answer, error);
        }
    }
    close_object(&view);
    return code;
}

void bs_refusal_text(const uint8_t *body, size_t size, char *text, size_t room)
{
    struct bs_json_view view = {0};
    char *message = read_object(&view, body, size) ? copy_member(&view, "message") : NULL;
    close_object(&view);
    text[0] = '\0';
    if (message == NULL) {
        return;
    }
    size_t used = 0;
    for (char *rest = message, *word; (word = strtok_r(rest, " \t\r\n", &rest)) != NULL;) {
        size_t length = strlen(word);
        const char *shown = length > WORD_OF_MESSAGE ? "[…]" : word;
        if (used + strlen(shown) + 2 > room) {
            break;
        }
        used += (size_t)snprintf(text + used, room - used, "%s%s", used == 0 ? "" : " ", shown);
    }
    for (char *at = text; *at != '\0'; at++) {
        *at = (uint8_t)*at < ' ' || *at == 0x7f ? ' ' : *at;
    }
    bs_secret_free(message);
}

/* ---- static keys ---- */

enum bs_error_code bs_static_key_read(const char *text, struct bs_static_key *key,
                                      struct bs_error *error)
{
    struct bs_json_view view = {0};
    *key = (struct bs_static_key){0};
    if (read_object(&view, (const uint8_t *)text, strlen(text))) {
        key->access_key_id = copy_member(&view, "access_key_id");
        key->secret_access_key = copy_member(&view, "secret_access_key");
    }
    close_object(&view);
    /* The id stands between slashes in a signature's scope, and before a colon in curl's option. */
    bool good = key->access_key_id != NULL && key->secret_access_key != NULL &&
                bs_secret_fits_a_header(key->access_key_id) &&
                bs_secret_fits_a_header(key->secret_access_key) &&
                strpbrk(key->access_key_id, "/:,") == NULL;
    if (good) {
        return BS_OK;
    }
    bs_static_key_free(key);
    return bs_error_set(
        error, BS_ERROR_INVALID,
        "not a static key: expected JSON with the texts access_key_id and secret_access_key");
}

void bs_static_key_free(struct bs_static_key *key)
{
    bs_secret_free(key->access_key_id);
    bs_secret_free(key->secret_access_key);
    *key = (struct bs_static_key){0};
}
