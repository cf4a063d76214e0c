#include "s3_server.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "clock.h"
#include "s3_encoding.h"
#include "s3_listing.h"

#define THREADS           4
#define CONNECTION_MEMORY ((size_t)128 * 1024)
#define IDLE_SECONDS      60
#define OBJECT_BYTES_MAX  5368709120LL
#define RANGE_PREFIX      "bytes="

/* A request on its way. */
struct s3_request {
    struct s3_server *server;
    struct MHD_Connection *connection;
    const char *method;
    char *target; /* path and query as they came */
    char *bucket; /* decoded; "" = none */
    char *key;    /* decoded; "" = the bucket itself */
    struct buffer query;
    bool begun;
    enum s3_error error; /* what it will be answered with, whatever still comes in */
    struct s3_upload upload;
    int status;
    int64_t bytes; /* of a body, in or out */
};

/* ---- answers ------------------------------------------------------------------------------------
 */

static enum MHD_Result send_answer(struct s3_request *request, struct MHD_Response *response,
                                   int status)
{
    char id[17];
    snprintf(id, sizeof id, "%016llX", (unsigned long long)(uintptr_t)request);
    (void)MHD_add_response_header(response, "x-amz-request-id", id);
    (void)MHD_add_response_header(response, "Accept-Ranges", "bytes");
    request->status = status;
    enum MHD_Result queued =
        MHD_queue_response(request->connection, (unsigned int)status, response);
    MHD_destroy_response(response);
    return queued;
}

/* `body` is taken over. */
static struct MHD_Response *text_response(struct buffer *body, const char *type)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body->size, body->bytes, MHD_RESPMEM_MUST_COPY);
    BS_ASSERT(response != NULL);
    if (type != NULL) {
        (void)MHD_add_response_header(response, "Content-Type", type);
    }
    buffer_free(body);
    return response;
}

static enum MHD_Result answer_error(struct s3_request *request, enum s3_error error)
{
    const struct s3_error_text *text = s3_error_text(error);
    struct buffer body = {0};
    request->error = error;
    buffer_format(&body,
                  "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code>"
                  "<Message>%s</Message><Resource>",
                  text->code, text->message);
    s3_xml_text(request->target, &body);
    buffer_text(&body, "</Resource></Error>");
    return send_answer(request, text_response(&body, "application/xml"), text->status);
}

static enum MHD_Result answer_empty(struct s3_request *request, int status)
{
    struct buffer body = {0};
    return send_answer(request, text_response(&body, NULL), status);
}

/* ---- objects ------------------------------------------------------------------------------------
 */

static const char *header(const struct s3_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

/* What "bytes=…" asks for of `size`; *partial: it asks at all. */
static enum s3_error narrow(const char *range, int64_t size, int64_t *first, int64_t *count,
                            bool *partial)
{
    long long from = 0;
    long long to = size - 1;
    *first = 0;
    *count = size;
    *partial = false;
    if (range == NULL || strncmp(range, RANGE_PREFIX, sizeof RANGE_PREFIX - 1) != 0) {
        return S3_OK;
    }
    range += sizeof RANGE_PREFIX - 1;
    if (sscanf(range, "-%lld", &to) == 1) {
        from = to < size ? size - to : 0;
        to = size - 1;
    } else if (sscanf(range, "%lld-%lld", &from, &to) < 1) {
        return S3_OK; /* not understood: the whole object, as the standard says */
    }
    to = to < size ? to : size - 1;
    if (from < 0 || from > to) {
        return S3_INVALID_RANGE;
    }
    *partial = true;
    *first = from;
    *count = to - from + 1;
    return S3_OK;
}

static bool etag_matches(const char *wanted, const char *etag)
{
    size_t length = strlen(etag);
    wanted += *wanted == '"' ? 1 : 0;
    return strcmp(wanted, "*") == 0 ||
           (strncmp(wanted, etag, length) == 0 && (wanted[length] == '"' || wanted[length] == 0));
}

/* "name: value\n" lines of an object become headers. */
static void add_object_headers(const struct s3_object *object, struct MHD_Response *response)
{
    const char *at = object->headers.bytes;
    const char *end = at == NULL ? NULL : at + object->headers.size;
    char text[CLOCK_HTTP_DATE_SIZE + 64];
    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        const char *colon = line_end == NULL ? NULL : memchr(at, ':', (size_t)(line_end - at));
        if (colon == NULL) {
            break;
        }
        char *name = strndup(at, (size_t)(colon - at));
        char *value = strndup(colon + 2, (size_t)(line_end - colon - 2));
        BS_ASSERT(name != NULL && value != NULL);
        (void)MHD_add_response_header(response, name, value);
        free(name);
        free(value);
        at = line_end + 1;
    }
    snprintf(text, sizeof text, "\"%s\"", object->etag);
    (void)MHD_add_response_header(response, "ETag", text);
    clock_http_date((bs_wall_ms)object->modified * 1000, text);
    (void)MHD_add_response_header(response, "Last-Modified", text);
}

static enum MHD_Result get_object(struct s3_request *request)
{
    struct s3_object object;
    enum s3_error error =
        s3_object_find(&request->server->files, request->bucket, request->key, true, &object);
    if (error != S3_OK) {
        return answer_error(request, error);
    }
    int64_t first;
    int64_t count;
    bool partial;
    const char *wanted = header(request, "If-Match");
    error = narrow(header(request, "Range"), object.size, &first, &count, &partial);
    if (wanted != NULL && !etag_matches(wanted, object.etag)) {
        error = S3_PRECONDITION_FAILED;
    }
    if (error != S3_OK) {
        s3_object_free(&object);
        return answer_error(request, error);
    }
    struct MHD_Response *response =
        MHD_create_response_from_fd_at_offset64((uint64_t)count, object.fd, (uint64_t)first);
    BS_ASSERT(response != NULL);
    object.fd = -1; /* the response closes it */
    add_object_headers(&object, response);
    if (partial) {
        char text[96];
        snprintf(text, sizeof text, "bytes %lld-%lld/%lld", (long long)first,
                 (long long)(first + count - 1), (long long)object.size);
        (void)MHD_add_response_header(response, "Content-Range", text);
    }
    request->bytes = strcmp(request->method, "HEAD") == 0 ? 0 : count;
    s3_object_free(&object);
    return send_answer(request, response, partial ? 206 : 200);
}

/* ---- uploads ------------------------------------------------------------------------------------
 */

static enum MHD_Result keep_header(void *context, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    struct buffer *headers = context;
    (void)kind;
    bool kept = strncasecmp(name, "x-amz-meta-", 11) == 0;
    if (kept || strcasecmp(name, "Content-Type") == 0) {
        for (const char *at = name; *at != '\0'; at++) {
            char lower = (char)(*at >= 'A' && *at <= 'Z' && kept ? *at | 0x20 : *at);
            buffer_add(headers, &lower, 1);
        }
        buffer_format(headers, ": %s\n", value == NULL ? "" : value);
    }
    return MHD_YES;
}

static enum s3_error begin_upload(struct s3_request *request)
{
    const char *length = header(request, "Content-Length");
    const char *hash = header(request, "x-amz-content-sha256");
    if (header(request, "x-amz-copy-source") != NULL || request->query.size > 0 ||
        (hash != NULL && strncmp(hash, "STREAMING-", 10) == 0)) {
        return S3_NOT_IMPLEMENTED;
    }
    if (length == NULL) {
        return S3_LENGTH_REQUIRED;
    }
    if (strtoll(length, NULL, 10) > OBJECT_BYTES_MAX) {
        return S3_TOO_LARGE;
    }
    enum s3_error error = s3_bucket_find(&request->server->files, request->bucket);
    return error == S3_OK ? s3_upload_begin(&request->server->files, &request->upload) : error;
}

static bool md5_matches(const char *base64, const char *hex)
{
    unsigned char bytes[32];
    char text[S3_ETAG_SIZE] = "";
    if (strlen(base64) != 24 ||
        EVP_DecodeBlock(bytes, (const unsigned char *)base64, 24) != 18 /* with its padding */) {
        return false;
    }
    for (size_t i = 0; i < 16; i++) {
        snprintf(text + i * 2, 3, "%02x", bytes[i]);
    }
    return strcmp(text, hex) == 0;
}

static enum MHD_Result finish_upload(struct s3_request *request)
{
    struct s3_digests digests;
    struct buffer headers = {0};
    const char *hash = header(request, "x-amz-content-sha256");
    const char *md5 = header(request, "Content-MD5");
    request->bytes = request->upload.size;
    s3_upload_digests(&request->upload, &digests);
    MHD_get_connection_values(request->connection, MHD_HEADER_KIND, keep_header, &headers);
    enum s3_error error = S3_OK;
    if (hash != NULL && strcmp(hash, "UNSIGNED-PAYLOAD") != 0 &&
        strcmp(hash, digests.sha256) != 0) {
        error = S3_HASH_MISMATCH;
    } else if (md5 != NULL && !md5_matches(md5, digests.md5)) {
        error = S3_BAD_DIGEST;
    } else {
        error = s3_upload_finish(&request->server->files, &request->upload, request->bucket,
                                 request->key, digests.md5, &headers);
    }
    buffer_free(&headers);
    if (error != S3_OK) {
        return answer_error(request, error);
    }
    struct buffer body = {0};
    char etag[S3_ETAG_SIZE + 2];
    struct MHD_Response *response = text_response(&body, NULL);
    snprintf(etag, sizeof etag, "\"%s\"", digests.md5);
    (void)MHD_add_response_header(response, "ETag", etag);
    return send_answer(request, response, 200);
}

/* ---- requests -----------------------------------------------------------------------------------
 */

static enum MHD_Result list(struct s3_request *request)
{
    struct buffer body = {0};
    enum s3_error error =
        s3_list(&request->server->files, request->bucket, request->query.bytes, &body);
    if (error != S3_OK) {
        buffer_free(&body);
        return answer_error(request, error);
    }
    request->bytes = (int64_t)body.size;
    return send_answer(request, text_response(&body, "application/xml"), 200);
}

static enum MHD_Result work_on_bucket(struct s3_request *request)
{
    struct s3_files *files = &request->server->files;
    enum s3_error error = S3_METHOD_NOT_ALLOWED;
    if (request->bucket[0] == '\0') {
        error = S3_NOT_IMPLEMENTED;
    } else if (strcmp(request->method, "GET") == 0) {
        return list(request);
    } else if (strcmp(request->method, "HEAD") == 0) {
        error = s3_bucket_find(files, request->bucket);
    } else if (strcmp(request->method, "PUT") == 0) {
        error = s3_bucket_create(files, request->bucket);
    }
    return error == S3_OK ? answer_empty(request, 200) : answer_error(request, error);
}

static enum MHD_Result work_on_object(struct s3_request *request)
{
    const char *method = request->method;
    if (request->query.size > 1) { /* its NUL */
        return answer_error(request, S3_NOT_IMPLEMENTED);
    }
    if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0) {
        return get_object(request);
    }
    if (strcmp(method, "PUT") == 0) {
        return finish_upload(request);
    }
    if (strcmp(method, "DELETE") == 0) {
        enum s3_error error =
            s3_object_delete(&request->server->files, request->bucket, request->key);
        return error == S3_OK ? answer_empty(request, 204) : answer_error(request, error);
    }
    return answer_error(request, S3_METHOD_NOT_ALLOWED);
}

/* "/bucket/key?…", cut and decoded. */
static enum s3_error read_target(struct s3_request *request)
{
    const char *path = request->target + 1;
    size_t length = strcspn(path, "?");
    size_t bucket = strcspn(path, "/?");
    size_t key = bucket < length ? bucket + 1 : length;
    request->bucket = s3_decode(path, bucket, false);
    request->key = s3_decode(path + key, length - key, false);
    if (request->target[0] != '/' || request->bucket == NULL || request->key == NULL ||
        !s3_canonical_query(request->target, &request->query)) {
        return S3_INVALID_ARGUMENT;
    }
    return strlen(request->key) > S3_KEY_BYTES_MAX ? S3_KEY_TOO_LONG : S3_OK;
}

/* The head is there. What is wrong is answered when the body has come in too. */
static void begin(struct s3_request *request)
{
    request->error = read_target(request);
    if (request->error == S3_OK) {
        request->error = s3_authorize(&request->server->credentials, request->connection,
                                      request->method, request->target, time(NULL));
    }
    bool upload =
        strcmp(request->method, "PUT") == 0 && request->error == S3_OK && request->key[0] != '\0';
    if (upload) {
        request->error = begin_upload(request);
    }
    buffer_add(&request->query, "", 1);
}

static enum MHD_Result serve(void *context, struct MHD_Connection *connection, const char *url,
                             const char *method, const char *version, const char *bytes,
                             size_t *size, void **state)
{
    struct s3_request *request = *state;
    (void)url;
    (void)version;
    if (!request->begun) {
        request->begun = true;
        request->server = context;
        request->connection = connection;
        request->method = method;
        begin(request);
        return MHD_YES;
    }
    if (*size > 0) {
        if (request->upload.path != NULL && request->error == S3_OK) {
            request->error = s3_upload_add(&request->upload, bytes, *size);
        }
        *size = 0;
        return MHD_YES;
    }
    if (request->error != S3_OK) {
        return answer_error(request, request->error);
    }
    return request->key[0] == '\0' ? work_on_bucket(request) : work_on_object(request);
}

/* The first that is heard of a request, and the only place that has its target undecoded. */
static void *note_target(void *context, const char *target, struct MHD_Connection *connection)
{
    (void)context;
    (void)connection;
    struct s3_request *request = calloc(1, sizeof *request);
    BS_ASSERT(request != NULL);
    request->target = strdup(target);
    BS_ASSERT(request->target != NULL);
    return request;
}

static void forget(void *context, struct MHD_Connection *connection, void **state,
                   enum MHD_RequestTerminationCode why)
{
    struct s3_server *server = context;
    struct s3_request *request = *state;
    (void)connection;
    (void)why;
    if (request == NULL) {
        return;
    }
    const struct journal_field fields[] = {
        {.name = "method", .text = request->method == NULL ? "" : request->method},
        {.name = "target", .text = request->target},
        {.name = "status", .number = request->status},
        {.name = "code",
         .text = request->error == S3_OK ? "" : s3_error_text(request->error)->code},
        {.name = "bytes", .number = request->bytes},
    };
    pthread_mutex_lock(&server->journal_lock);
    journal_line(&server->journal, "request", clock_now().wall, fields,
                 sizeof fields / sizeof *fields);
    journal_flush(&server->journal);
    pthread_mutex_unlock(&server->journal_lock);
    s3_upload_free(&request->upload);
    buffer_free(&request->query);
    free(request->bucket);
    free(request->key);
    free(request->target);
    free(request);
    *state = NULL;
}

/* Leaves a path as it came; `text` is decoded by ourselves. */
static size_t keep_escapes(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context;
    (void)connection;
    return strlen(text);
}

/* ---- beginning and end --------------------------------------------------------------------------
 */

enum bs_error_code s3_server_start(struct s3_server *server, const char *host, uint16_t *port,
                                   struct bs_error *error)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(*port)};
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) {
        return bs_error_set(error, BS_ERROR_INVALID, "%s: an IPv4 address was expected", host);
    }
    pthread_mutex_init(&server->journal_lock, NULL);
    server->daemon = MHD_start_daemon(
        MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD, *port, NULL, NULL, serve, server,
        MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address, MHD_OPTION_THREAD_POOL_SIZE, THREADS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT,
        IDLE_SECONDS, MHD_OPTION_URI_LOG_CALLBACK, note_target, NULL, MHD_OPTION_NOTIFY_COMPLETED,
        forget, server, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_END);
    if (server->daemon == NULL) {
        return bs_error_set(error, BS_ERROR_INVALID, "cannot listen on %s:%u", host, *port);
    }
    *port = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    return BS_OK;
}

void s3_server_stop(struct s3_server *server)
{
    if (server->daemon != NULL) {
        MHD_stop_daemon(server->daemon);
    }
    journal_close(&server->journal);
    s3_credentials_free(&server->credentials);
}
