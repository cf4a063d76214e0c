#include "recording.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "objects.h"

#define SIZE_MAX_BYTES  1073741824 /* the service's limit */
#define FETCH_LIMIT_MS  120000L
#define CONNECT_LIMIT_S 5L

/* ---- the store ---------------------------------------------------------------------------------
 */

static char *read_text(const char *path, struct bs_error *error)
{
    size_t size;
    char *text = file_read(path, &size);
    if (text == NULL) {
        bs_error_set(error, BS_ERROR_NOT_FOUND, "cannot read %s", path);
        return NULL;
    }
    text[size] = '\0';
    text[strcspn(text, "\r\n")] = '\0';
    return text;
}

static enum bs_error_code read_key(struct store *store, const char *path, struct bs_error *error)
{
    size_t size = 0;
    char *json = file_read(path, &size);
    cJSON *document = json == NULL ? NULL : cJSON_ParseWithLength(json, size);
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(document, "access_key_id");
    const cJSON *secret = cJSON_GetObjectItemCaseSensitive(document, "secret_access_key");
    enum bs_error_code code = BS_OK;
    if (cJSON_IsString(id) && cJSON_IsString(secret)) {
        int length = asprintf(&store->user, "%s:%s", id->valuestring, secret->valuestring);
        BS_ASSERT(length > 0);
    } else {
        code = bs_error_set(error, BS_ERROR_INVALID,
                            "%s: access_key_id and secret_access_key were expected", path);
    }
    cJSON_Delete(document);
    free(json);
    return code;
}

enum bs_error_code store_init(struct store *store, const char *place, const char *key_file,
                              const char *token_file, const char *region, struct bs_error *error)
{
    *store = (struct store){.region = region};
    if (place == NULL || strncmp(place, "http://", 7) != 0) {
        store->folder = place;
        return BS_OK;
    }
    store->url = place;
    if (place[strlen(place) - 1] == '/' || strchr(place + 7, '/') != NULL) {
        return bs_error_set(error, BS_ERROR_INVALID, "%s: http://host:port was expected", place);
    }
    if (key_file != NULL) {
        return read_key(store, key_file, error);
    }
    if (token_file != NULL) {
        char *token = read_text(token_file, error);
        if (token == NULL) {
            return BS_ERROR_NOT_FOUND;
        }
        int length = asprintf(&store->authorization, "Authorization: Bearer %s", token);
        BS_ASSERT(length > 0);
        free(token);
    }
    return BS_OK;
}

void store_free(struct store *store)
{
    free(store->user);
    free(store->authorization);
    *store = (struct store){0};
}

/* ---- the way to an object -----------------------------------------------------------------------
 */

/* "/bucket/key" of a link, percent-encoded as it stands there and without its query; the caller
 * frees. NULL: it names no object of this store, which is known by its host, not by its port:
 * others may reach it through a proxy. */
static char *object_path(const struct store *store, const char *link)
{
    const char *host = strstr(link, "://");
    const char *key = host == NULL ? NULL : strchr(host + 3, '/');
    if (key == NULL) {
        return NULL;
    }
    host += 3;
    size_t host_length = strcspn(host, ":/");
    int key_length = (int)strcspn(key, "?");
    const char *bucket = "";
    size_t bucket_length = 0;
    const char *ours = store->url == NULL ? NULL : store->url + 7;
    size_t ours_length = ours == NULL ? 0 : strcspn(ours, ":");
    if (ours != NULL && host_length > ours_length) {
        /* The other style: the bucket is the host's first name. */
        bucket = host;
        bucket_length = host_length - ours_length - 1;
        host += bucket_length + 1;
        host_length = ours_length;
        if (host[-1] != '.') {
            return NULL;
        }
    }
    if (ours != NULL && (host_length != ours_length || memcmp(host, ours, ours_length) != 0)) {
        return NULL;
    }
    char *path;
    int length = asprintf(&path, "%s%.*s%.*s", bucket_length > 0 ? "/" : "", (int)bucket_length,
                          bucket, key_length, key);
    BS_ASSERT(length >= 0);
    return path;
}

/* Signature V4 wants each byte encoded in the one canonical way: "/bucket/key" rewritten so. */
static char *canonical_path(const char *path)
{
    char *key = strdup(path);
    BS_ASSERT(key != NULL);
    char *encoded = objects_decode(key) ? malloc(strlen(key) * 3 + 1) : NULL;
    char *to = encoded;
    for (const char *from = key; to != NULL && *from != '\0'; from++) {
        bool plain = strchr("-_.~/", *from) != NULL || (*from >= '0' && *from <= '9') ||
                     ((*from | 0x20) >= 'a' && (*from | 0x20) <= 'z');
        if (plain) {
            *to++ = *from;
        } else {
            to += sprintf(to, "%%%02X", (unsigned)(unsigned char)*from);
        }
    }
    if (to != NULL) {
        *to = '\0';
    }
    free(key);
    return encoded;
}

/* ---- reading ------------------------------------------------------------------------------------
 */

/* A body on its way into a file. */
struct intake {
    FILE *file; /* NULL = only looked at */
    EVP_MD_CTX *digest;
    int64_t size;
};

static size_t take(char *bytes, size_t size, size_t count, void *context)
{
    struct intake *intake = context;
    size *= count;
    intake->size += (int64_t)size;
    if (intake->size > SIZE_MAX_BYTES || EVP_DigestUpdate(intake->digest, bytes, size) != 1 ||
        (intake->file != NULL && fwrite(bytes, 1, size, intake->file) != size)) {
        return 0;
    }
    return size;
}

static enum bs_error_code take_file(const char *path, struct intake *intake, struct bs_error *error)
{
    FILE *from = fopen(path, "rbe");
    if (from == NULL) {
        return bs_error_set(error, BS_ERROR_INVALID, "the audio cannot be read: %s",
                            strerror(errno));
    }
    char block[65536];
    size_t count;
    bool taken = true;
    while (taken && (count = fread(block, 1, sizeof block, from)) > 0) {
        taken = take(block, 1, count, intake) == count;
    }
    fclose(from);
    return BS_OK; /* a file that is too large is told by its size */
}

static void prepare(CURL *curl, const struct store *store, struct curl_slist **headers)
{
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, FETCH_LIMIT_MS);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_LIMIT_S);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    if (store->user != NULL) {
        char provider[128];
        snprintf(provider, sizeof provider, "aws:amz:%s:s3", store->region);
        curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, provider);
        curl_easy_setopt(curl, CURLOPT_USERPWD, store->user);
        *headers = curl_slist_append(*headers, "x-amz-content-sha256: UNSIGNED-PAYLOAD");
    } else if (store->authorization != NULL) {
        *headers = curl_slist_append(*headers, store->authorization);
    }
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, *headers);
}

/* GET of "/bucket/key". */
static enum bs_error_code fetch(const struct store *store, const char *path, struct intake *intake,
                                struct bs_error *error)
{
    char *url;
    int length = asprintf(&url, "%s%s", store->url, path);
    BS_ASSERT(length > 0);
    CURL *curl = curl_easy_init();
    BS_ASSERT(curl != NULL);
    struct curl_slist *headers = NULL;
    prepare(curl, store, &headers);
    /* The path as it is; not by CURLOPT_PATH_AS_IS, beside which libcurl 8.14 refuses to sign. */
    CURLU *parsed = curl_url();
    BS_ASSERT(parsed != NULL);
    curl_url_set(parsed, CURLUPART_URL, url, CURLU_PATH_AS_IS);
    curl_easy_setopt(curl, CURLOPT_CURLU, parsed);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, intake);
    CURLcode outcome = curl_easy_perform(curl);
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    curl_url_cleanup(parsed);
    free(url);
    if (outcome == CURLE_OK || intake->size > SIZE_MAX_BYTES) {
        return BS_OK;
    }
    if (status == 404) {
        return bs_error_set(error, BS_ERROR_NOT_FOUND, "the audio was not found: %s", path);
    }
    return bs_error_set(error, BS_ERROR_INVALID, "the audio cannot be read: %s (HTTP %ld): %s",
                        curl_easy_strerror(outcome), status, path);
}

/* A file that is ours, for a body that comes over the network. */
static FILE *create_temporary(struct recording_file *file)
{
    const char *folder = getenv("TMPDIR");
    int length = asprintf(&file->path, "%s/backscribe-standin-XXXXXX",
                          folder == NULL || folder[0] == '\0' ? "/tmp" : folder);
    BS_ASSERT(length > 0);
    int fd = mkostemp(file->path, O_CLOEXEC);
    if (fd < 0) {
        return NULL;
    }
    file->temporary = true;
    return fdopen(fd, "wb");
}

static enum bs_error_code read_remote(const struct store *store, const char *path,
                                      struct recording_file *file, struct intake *intake,
                                      struct bs_error *error)
{
    char *canonical = canonical_path(path);
    if (canonical == NULL) {
        return bs_error_set(error, BS_ERROR_INVALID, "no link to an object: %s", path);
    }
    intake->file = create_temporary(file);
    if (intake->file == NULL) {
        free(canonical);
        return bs_error_set(error, BS_ERROR_TEMPORARY, "cannot write %s: %s", file->path,
                            strerror(errno));
    }
    enum bs_error_code code = fetch(store, canonical, intake, error);
    if (fclose(intake->file) != 0 && code == BS_OK) {
        code = bs_error_set(error, BS_ERROR_TEMPORARY, "cannot write %s: %s", file->path,
                            strerror(errno));
    }
    free(canonical);
    return code;
}

static enum bs_error_code read_local(const struct store *store, const char *path,
                                     struct recording_file *file, struct intake *intake,
                                     struct bs_error *error)
{
    file->path = store->folder == NULL ? NULL : objects_path(store->folder, path);
    if (file->path == NULL) {
        return bs_error_set(error, BS_ERROR_NOT_FOUND, "the audio was not found: %s", path);
    }
    return take_file(file->path, intake, error);
}

static void finish_digest(EVP_MD_CTX *digest, char text[SHA256_TEXT_SIZE])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    int well = EVP_DigestFinal_ex(digest, bytes, &size);
    BS_ASSERT(well == 1 && size == 32);
    for (unsigned int i = 0; i < size; i++) {
        snprintf(text + (size_t)i * 2, 3, "%02x", bytes[i]);
    }
}

enum bs_error_code recording_read(const struct store *store, const char *link,
                                  struct recording_file *file, struct bs_error *error)
{
    *file = (struct recording_file){0};
    char *path = object_path(store, link);
    if (path == NULL) {
        return bs_error_set(error, BS_ERROR_INVALID, "the audio lies in another store: %s", link);
    }
    struct intake intake = {.digest = EVP_MD_CTX_new()};
    BS_ASSERT(intake.digest != NULL);
    int begun = EVP_DigestInit_ex(intake.digest, EVP_sha256(), NULL);
    BS_ASSERT(begun == 1);
    enum bs_error_code code = store->url == NULL ? read_local(store, path, file, &intake, error)
                                                 : read_remote(store, path, file, &intake, error);
    finish_digest(intake.digest, file->sha256);
    EVP_MD_CTX_free(intake.digest);
    file->size = intake.size;
    if (code == BS_OK && intake.size > SIZE_MAX_BYTES) {
        code = bs_error_set(error, BS_ERROR_INVALID, "the audio is larger than 1 GB");
    }
    free(path);
    return code;
}

void recording_free(struct recording_file *file)
{
    if (file->temporary) {
        unlink(file->path);
    }
    free(file->path);
    *file = (struct recording_file){0};
}
