#include "s3_signature.h"

#include <cjson/cJSON.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "file.h"
#include "s3_encoding.h"

#define ALGORITHM         "AWS4-HMAC-SHA256"
#define HASH_SIZE         32
#define HASH_TEXT_SIZE    (2 * HASH_SIZE + 1)
#define DATE_SIZE         17 /* 20261122T233000Z and a NUL */
#define SKEW_SECONDS      (15 * 60)
#define PARAMETERS_MAX    32
#define HEADER_VALUES_MAX 64

/* ---- credentials -------------------------------------------------------------------------------
 */

static char *copy_text(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsString(item) && item->valuestring[0] != '\0' ? strdup(item->valuestring) : NULL;
}

enum bs_error_code s3_credentials_read(struct s3_credentials *credentials, const char *key_file,
                                       const char *token_file, struct bs_error *error)
{
    size_t size = 0;
    if (key_file != NULL) {
        char *json = file_read(key_file, &size);
        cJSON *document = json == NULL ? NULL : cJSON_ParseWithLength(json, size);
        credentials->key_id = copy_text(document, "access_key_id");
        credentials->secret = copy_text(document, "secret_access_key");
        cJSON_Delete(document);
        free(json);
        if (credentials->key_id == NULL || credentials->secret == NULL) {
            return bs_error_set(error, BS_ERROR_INVALID,
                                "%s: access_key_id and secret_access_key were expected", key_file);
        }
    }
    if (token_file != NULL) {
        credentials->token = file_read(token_file, &size);
        if (credentials->token == NULL) {
            return bs_error_set(error, BS_ERROR_NOT_FOUND, "cannot read %s", token_file);
        }
        credentials->token[size] = '\0';
        credentials->token[strcspn(credentials->token, "\r\n")] = '\0';
    }
    return BS_OK;
}

void s3_credentials_free(struct s3_credentials *credentials)
{
    free(credentials->key_id);
    free(credentials->secret);
    free(credentials->token);
    *credentials = (struct s3_credentials){0};
}

/* ---- the canonical request ----------------------------------------------------------------------
 */

static bool add_decoded(const char *text, size_t length, const char *plain, bool plus,
                        struct buffer *out)
{
    char *decoded = s3_decode(text, length, plus);
    if (decoded != NULL) {
        s3_encode(decoded, plain, out);
        free(decoded);
    }
    return decoded != NULL;
}

static int compare_texts(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* "name=value" in canonical form, NUL-terminated, owned by the caller; NULL: it cannot be read. */
static char *canonical_parameter(const char *text, size_t length)
{
    const char *equals = memchr(text, '=', length);
    size_t name = equals == NULL ? length : (size_t)(equals - text);
    struct buffer out = {0};
    bool well = add_decoded(text, name, "", true, &out);
    buffer_text(&out, "=");
    if (equals != NULL) {
        well = well && add_decoded(equals + 1, length - name - 1, "", true, &out);
    }
    buffer_add(&out, "", 1);
    if (!well) {
        buffer_free(&out);
    }
    return out.bytes;
}

bool s3_canonical_query(const char *target, struct buffer *out)
{
    char *parameters[PARAMETERS_MAX];
    size_t count = 0;
    bool well = true;
    const char *at = strchrnul(target, '?');
    while (*at != '\0' && well) {
        at++;
        size_t length = strcspn(at, "&");
        if (length > 0) {
            well = count < PARAMETERS_MAX &&
                   (parameters[count] = canonical_parameter(at, length)) != NULL;
            count += well ? 1 : 0;
        }
        at += length;
    }
    qsort(parameters, count, sizeof *parameters, compare_texts);
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            buffer_text(out, "&");
        }
        buffer_text(out, parameters[i]);
        free(parameters[i]);
    }
    return well;
}

/* All values of one header, as they came. */
struct header_values {
    const char *name;
    const char *values[HEADER_VALUES_MAX];
    size_t count;
};

static enum MHD_Result collect(void *context, enum MHD_ValueKind kind, const char *name,
                               const char *value)
{
    struct header_values *wanted = context;
    (void)kind;
    if (strcasecmp(name, wanted->name) == 0 && wanted->count < HEADER_VALUES_MAX) {
        wanted->values[wanted->count++] = value == NULL ? "" : value;
    }
    return MHD_YES;
}

/* "name:value,value\n", the values without white space at their ends and with single spaces. */
static bool add_header(struct MHD_Connection *connection, const char *name, struct buffer *out)
{
    struct header_values found = {.name = name};
    MHD_get_connection_values(connection, MHD_HEADER_KIND, collect, &found);
    buffer_format(out, "%s:", name);
    for (size_t i = 0; i < found.count; i++) {
        buffer_text(out, i > 0 ? "," : "");
        bool written = false;
        for (const char *at = found.values[i]; *at != '\0';) {
            size_t blank = strspn(at, " \t");
            size_t word = strcspn(at + blank, " \t");
            if (word > 0 && written && blank > 0) {
                buffer_text(out, " ");
            }
            buffer_add(out, at + blank, word);
            written = written || word > 0;
            at += blank + word;
        }
    }
    buffer_text(out, "\n");
    return found.count > 0;
}

/* Whether a name stands in a list that has ';' between. */
static bool listed(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = list; at != NULL; at = strchr(at, ';')) {
        at += *at == ';' ? 1 : 0;
        if (strncasecmp(at, name, length) == 0 && (at[length] == ';' || at[length] == '\0')) {
            return true;
        }
    }
    return false;
}

static enum MHD_Result find_unsigned(void *context, enum MHD_ValueKind kind, const char *name,
                                     const char *value)
{
    const char **list = context;
    (void)kind;
    (void)value;
    if (*list != NULL && strncasecmp(name, "x-amz-", 6) == 0 && !listed(*list, name)) {
        *list = NULL;
    }
    return MHD_YES;
}

static enum s3_error canonical_request(struct MHD_Connection *connection, const char *method,
                                       const char *target, const char *signed_headers,
                                       struct buffer *out)
{
    const char *list = signed_headers;
    MHD_get_connection_values(connection, MHD_HEADER_KIND, find_unsigned, (void *)&list);
    if (list == NULL || !listed(signed_headers, "host")) {
        return S3_ACCESS_DENIED;
    }
    const char *hash =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "x-amz-content-sha256");
    if (hash == NULL) {
        return S3_MISSING_HASH;
    }
    buffer_format(out, "%s\n", method);
    if (!add_decoded(target, strcspn(target, "?"), "/", false, out)) {
        return S3_INVALID_ARGUMENT;
    }
    buffer_text(out, "\n");
    if (!s3_canonical_query(target, out)) {
        return S3_INVALID_ARGUMENT;
    }
    buffer_text(out, "\n");
    for (const char *at = signed_headers; *at != '\0';) {
        size_t length = strcspn(at, ";");
        char *name = strndup(at, length);
        BS_ASSERT(name != NULL);
        bool there = add_header(connection, name, out);
        free(name);
        if (!there) {
            return S3_SIGNATURE_MISMATCH;
        }
        at += length + (at[length] == ';' ? 1 : 0);
    }
    buffer_format(out, "\n%s\n%s", signed_headers, hash);
    return S3_OK;
}

/* ---- the signature ------------------------------------------------------------------------------
 */

static void hex(const unsigned char *bytes, char text[HASH_TEXT_SIZE])
{
    for (size_t i = 0; i < HASH_SIZE; i++) {
        snprintf(text + i * 2, 3, "%02x", bytes[i]);
    }
}

static void sign(const void *key, size_t key_size, const char *text, size_t size,
                 unsigned char out[HASH_SIZE])
{
    unsigned int length = 0;
    unsigned char *made =
        HMAC(EVP_sha256(), key, (int)key_size, (const unsigned char *)text, size, out, &length);
    BS_ASSERT(made != NULL && length == HASH_SIZE);
}

/* The Authorization header's parts, cut out of a copy of it. */
struct authorization {
    char *copy;
    char *key_id, *day, *region, *service, *terminator; /* of the Credential */
    char *signed_headers;
    char *signature;
};

static char *part(char *text, const char *name)
{
    char *found = strstr(text, name);
    return found == NULL ? NULL : found + strlen(name);
}

static bool read_authorization(const char *header, struct authorization *parts)
{
    *parts = (struct authorization){.copy = strdup(header)};
    BS_ASSERT(parts->copy != NULL);
    char *credential = part(parts->copy, "Credential=");
    parts->signed_headers = part(parts->copy, "SignedHeaders=");
    parts->signature = part(parts->copy, "Signature=");
    if (credential == NULL || parts->signed_headers == NULL || parts->signature == NULL) {
        return false;
    }
    credential[strcspn(credential, ", ")] = '\0';
    parts->signed_headers[strcspn(parts->signed_headers, ", ")] = '\0';
    parts->signature[strcspn(parts->signature, ", ")] = '\0';
    char **fields[] = {&parts->terminator, &parts->service, &parts->region, &parts->day};
    for (size_t i = 0; i < 4; i++) {
        char *slash = strrchr(credential, '/');
        if (slash == NULL) {
            return false;
        }
        *slash = '\0';
        *fields[i] = slash + 1;
    }
    parts->key_id = credential;
    return true;
}

static void compute(const struct s3_credentials *credentials, const struct authorization *parts,
                    const char *date, const struct buffer *request, char text[HASH_TEXT_SIZE])
{
    unsigned char hash[HASH_SIZE];
    unsigned char key[HASH_SIZE];
    unsigned int length = 0;
    int well = EVP_Digest(request->bytes, request->size, hash, &length, EVP_sha256(), NULL);
    BS_ASSERT(well == 1 && length == HASH_SIZE);
    hex(hash, text);
    struct buffer string = {0};
    buffer_format(&string, "%s\n%s\n%s/%s/s3/aws4_request\n%s", ALGORITHM, date, parts->day,
                  parts->region, text);
    struct buffer first = {0};
    buffer_format(&first, "AWS4%s", credentials->secret);
    sign(first.bytes, first.size, parts->day, strlen(parts->day), key);
    sign(key, sizeof key, parts->region, strlen(parts->region), key);
    sign(key, sizeof key, "s3", 2, key);
    sign(key, sizeof key, "aws4_request", strlen("aws4_request"), key);
    sign(key, sizeof key, string.bytes, string.size, hash);
    hex(hash, text);
    buffer_free(&string);
    buffer_free(&first);
}

static enum s3_error check_signature(const struct s3_credentials *credentials,
                                     struct MHD_Connection *connection,
                                     const struct authorization *parts, const char *method,
                                     const char *target, time_t now)
{
    const char *date = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "x-amz-date");
    struct tm moment = {0};
    if (date == NULL || strlen(date) != DATE_SIZE - 1 ||
        strptime(date, "%Y%m%dT%H%M%SZ", &moment) == NULL || strncmp(date, parts->day, 8) != 0 ||
        strlen(parts->day) != 8 || strcmp(parts->service, "s3") != 0 ||
        strcmp(parts->terminator, "aws4_request") != 0 ||
        strcmp(parts->region, credentials->region) != 0) {
        return S3_AUTHORIZATION_MALFORMED;
    }
    time_t signed_at = timegm(&moment);
    if (signed_at < now - SKEW_SECONDS || signed_at > now + SKEW_SECONDS) {
        return S3_TIME_SKEWED;
    }
    if (strcmp(parts->key_id, credentials->key_id) != 0) {
        return S3_INVALID_ACCESS_KEY;
    }
    struct buffer request = {0};
    char expected[HASH_TEXT_SIZE];
    enum s3_error error =
        canonical_request(connection, method, target, parts->signed_headers, &request);
    if (error == S3_OK) {
        compute(credentials, parts, date, &request, expected);
        if (strlen(parts->signature) != HASH_TEXT_SIZE - 1 ||
            CRYPTO_memcmp(expected, parts->signature, HASH_TEXT_SIZE - 1) != 0) {
            error = S3_SIGNATURE_MISMATCH;
        }
    }
    buffer_free(&request);
    return error;
}

enum s3_error s3_authorize(const struct s3_credentials *credentials,
                           struct MHD_Connection *connection, const char *method,
                           const char *target, time_t now)
{
    if (credentials->key_id == NULL && credentials->token == NULL) {
        return S3_OK;
    }
    const char *header = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization");
    if (header == NULL) {
        return S3_ACCESS_DENIED;
    }
    if (credentials->token != NULL && strncmp(header, "Bearer ", 7) == 0) {
        return strcmp(header + 7, credentials->token) == 0 ? S3_OK : S3_ACCESS_DENIED;
    }
    if (credentials->key_id == NULL || strncmp(header, ALGORITHM " ", sizeof ALGORITHM) != 0) {
        return S3_ACCESS_DENIED;
    }
    struct authorization parts;
    enum s3_error error =
        read_authorization(header, &parts)
            ? check_signature(credentials, connection, &parts, method, target, now)
            : S3_AUTHORIZATION_MALFORMED;
    free(parts.copy);
    return error;
}
