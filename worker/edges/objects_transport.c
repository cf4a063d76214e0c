/* How a request of libs3 travels. libs3 2.0 signs with Signature V2, checks no certificate, follows
 * redirects, encodes keys wrongly and takes a body that was cut for a whole one. So the linker
 * leads its calls of two of curl's functions here (--wrap): each request is given its URL, its
 * signature or token, its limits, and readers that tell the truth. Calls from anywhere else in the
 * program pass through untouched. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "edges/objects_internal.h"
#include "formats/url.h"

/* A server that takes longer to accept a connection is away. */
#define CONNECT_LIMIT_MS INT64_C(10000)
/* No byte for so long, and the server hangs: another try is better than waiting. */
#define STALL_LIMIT_SECONDS 30L
/* A kept connection is given up before servers close it under a request, and renewed now and then,
 * to follow a store whose addresses change. */
#define IDLE_LIMIT_SECONDS       50L
#define CONNECTION_LIMIT_SECONDS 600L
/* Of an error's body. */
#define REFUSAL_BYTES_MAX 16384
/* Of an answer that is held whole: a part of an object, or a page of a listing. */
#define BODY_BYTES_MAX ((size_t)1 << 30)
#define PIECE_BYTES    131072L

/* The request that this thread is about to make or is making. */
static _Thread_local struct bs_exchange *current;
/* libs3 asks gmtime() for the date, which is not thread-safe, while it composes a request. */
static pthread_mutex_t composing = PTHREAD_MUTEX_INITIALIZER;

CURLcode __real_curl_easy_perform(CURL *easy);
struct curl_slist *__real_curl_slist_append(struct curl_slist *list, const char *line);
CURLcode __wrap_curl_easy_perform(CURL *easy);
struct curl_slist *__wrap_curl_slist_append(struct curl_slist *list, const char *line);

/* ---- the URL --------------------------------------------------------------------------- */

void bs_percent_encode(struct bs_buffer *out, const char *text, bool keep_slashes)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                "0123456789-_.~";
    static const char digits[] = "0123456789ABCDEF";
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (strchr(plain, byte) != NULL || (keep_slashes && byte == '/')) {
            bs_buffer_append(out, text, 1);
        } else {
            const char encoded[] = {'%', digits[byte >> 4], digits[byte & 15]};
            bs_buffer_append(out, encoded, sizeof encoded);
        }
    }
}

static void append_text(struct bs_buffer *out, const char *text)
{
    bs_buffer_append(out, text, strlen(text));
}

char *bs_exchange_url(const struct bs_exchange *exchange)
{
    const struct bs_objects *objects = exchange->objects;
    struct bs_buffer url = {0};
    append_text(&url, objects->https ? "https://" : "http://");
    if (bs_bucket_in_host(objects->config, exchange->bucket)) {
        append_text(&url, exchange->bucket);
        append_text(&url, ".");
        append_text(&url, objects->authority);
    } else {
        append_text(&url, objects->authority);
        append_text(&url, "/");
        append_text(&url, exchange->bucket);
    }
    append_text(&url, "/");
    bs_percent_encode(&url, exchange->key, true);
    if (exchange->query[0] != '\0') {
        append_text(&url, "?");
        append_text(&url, exchange->query);
    }
    bs_buffer_append(&url, "", 1);
    return (char *)url.data;
}

/* ---- what libs3 composes ------------------------------------------------------------------ */

static bool signs(const struct bs_exchange *exchange)
{
    return exchange->credential.access_key_id != NULL;
}

static bool begins_with(const char *line, const char *name)
{
    return strncasecmp(line, name, strlen(name)) == 0;
}

/* Its own signature gives way to the hash that Signature V4 wants beside itself; what an empty or
 * doubled header would do to that signature is told in curl's stead. */
struct curl_slist *__wrap_curl_slist_append(struct curl_slist *list, const char *line)
{
    const struct bs_exchange *exchange = current;
    if (exchange == NULL || !exchange->composing) {
        return __real_curl_slist_append(list, line);
    }
    static const char *const own[] = {
        "x-amz-date:", "Expires:", "Transfer-Encoding:", "Content-Length:"};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (begins_with(line, own[i])) {
            return list;
        }
    }
    if (!begins_with(line, "Authorization:")) {
        return __real_curl_slist_append(list, line);
    }
    if (!signs(exchange)) {
        return list;
    }
    char hash[128];
    (void)snprintf(hash, sizeof hash, "x-amz-content-sha256: %s",
                   exchange->sha256 != NULL ? exchange->sha256 : "UNSIGNED-PAYLOAD");
    return __real_curl_slist_append(list, hash);
}

/* ---- what comes back ---------------------------------------------------------------------- */

static void forget_answer(struct bs_exchange *exchange)
{
    exchange->facts = (struct bs_object_facts){.size_bytes = -1};
    exchange->chunked = false;
    exchange->part_begin = exchange->part_end = exchange->whole_size = -1;
    exchange->looked_at = false;
}

/* The value of a header line, white space and, where asked, quotes around it left out. */
static void keep_value(char *kept, size_t capacity, const char *value, size_t size, bool unquote)
{
    while (size > 0 && (*value == ' ' || *value == '\t')) {
        value++;
        size--;
    }
    while (size > 0 && (unsigned char)value[size - 1] <= ' ') {
        size--;
    }
    if (unquote && size >= 2 && value[0] == 'W' && value[1] == '/') {
        value += 2;
        size -= 2;
    }
    if (unquote && size >= 2 && value[0] == '"' && value[size - 1] == '"') {
        value++;
        size -= 2;
    }
    /* A text that is too long is none: half an ETag would be another object's. */
    if (size >= capacity) {
        size = 0;
    }
    memcpy(kept, value, size);
    kept[size] = '\0';
}

static bool is_hash(const char *text)
{
    return strlen(text) == 64 && strspn(text, "0123456789abcdefABCDEF") == 64;
}

static void keep_header(struct bs_exchange *exchange, const char *name, size_t name_size,
                        const char *value, size_t size)
{
    char text[128];
    struct bs_object_facts *facts = &exchange->facts;
#define IS(header) (name_size == sizeof(header) - 1 && begins_with(name, header))
    if (IS("etag")) {
        keep_value(facts->etag, sizeof facts->etag, value, size, true);
    } else if (IS("last-modified")) {
        keep_value(text, sizeof text, value, size, false);
        time_t seconds = curl_getdate(text, NULL);
        facts->modified = seconds > 0 ? (bs_wall_ms)seconds * 1000 : 0;
    } else if (IS("x-amz-meta-sha256")) {
        keep_value(facts->sha256, sizeof facts->sha256, value, size, false);
        if (!is_hash(facts->sha256)) {
            facts->sha256[0] = '\0';
        }
    } else if (IS("transfer-encoding")) {
        keep_value(text, sizeof text, value, size, false);
        exchange->chunked = strcasecmp(text, "chunked") == 0;
    } else if (IS("content-range")) {
        keep_value(text, sizeof text, value, size, false);
        long long begin = -1;
        long long end = -1;
        long long whole = -1;
        int found = sscanf(text, "bytes %lld-%lld/%lld", &begin, &end, &whole);
        if (found >= 2 && begin >= 0 && end >= begin) {
            exchange->part_begin = begin;
            exchange->part_end = end + 1;
            exchange->whole_size = found == 3 ? whole : -1;
        }
    }
#undef IS
}

static size_t header_arrived(char *line, size_t one, size_t size, void *context)
{
    struct bs_exchange *exchange = context;
    (void)one;
    bs_http_headers_line(&exchange->headers, line, size);
    if (size >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        forget_answer(exchange); /* an interim answer was not the answer */
        return size;
    }
    const char *colon = memchr(line, ':', size);
    if (colon != NULL) {
        size_t name_size = (size_t)(colon - line);
        keep_header(exchange, line, name_size, colon + 1, size - name_size - 1);
    }
    return size;
}

static bool complain(struct bs_exchange *exchange, enum bs_error_code code, const char *text)
{
    if (exchange->fault.code == BS_OK) {
        exchange->fault = (struct bs_exchange_fault){.code = code, .text = text};
    }
    return false;
}

static bool look_at_range(struct bs_exchange *exchange)
{
    int64_t size = exchange->facts.size_bytes;
    int64_t wanted_end = exchange->range_begin + exchange->range_size;
    if (exchange->status == 200) {
        /* Not refused, not cut: it may only be an object that is no larger than what was asked. */
        if (size == 0 || (exchange->range_begin == 0 && size >= 0 && size <= wanted_end)) {
            return true;
        }
        return complain(exchange, BS_ERROR_INVALID,
                        "the server answered with the whole object where a part was asked for");
    }
    if (exchange->part_begin != exchange->range_begin || exchange->part_end > wanted_end ||
        (exchange->whole_size >= 0 && exchange->part_end > exchange->whole_size) ||
        (size >= 0 && size != exchange->part_end - exchange->part_begin)) {
        return complain(exchange, BS_ERROR_INVALID,
                        "the server answered with another part than was asked for");
    }
    if (exchange->part_end < wanted_end && exchange->part_end != exchange->whole_size) {
        return complain(exchange, BS_ERROR_TEMPORARY,
                        "the server answered with less than the part that was asked for");
    }
    return true;
}

bool bs_exchange_look(struct bs_exchange *exchange)
{
    if (exchange->looked_at) {
        return exchange->fault.code == BS_OK;
    }
    exchange->looked_at = true;
    curl_off_t length = -1;
    (void)curl_easy_getinfo(exchange->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    exchange->facts.size_bytes = length;
    if (exchange->verb != BS_EXCHANGE_GET && exchange->verb != BS_EXCHANGE_LIST) {
        return true;
    }
    if (length < 0 && !exchange->chunked) {
        return complain(exchange, BS_ERROR_INVALID,
                        "the server does not say how long its answer is (no Content-Length)");
    }
    const char *etag = exchange->facts.etag;
    if (exchange->etag != NULL && etag[0] != '\0' && strcmp(exchange->etag, etag) != 0) {
        return complain(exchange, BS_ERROR_INVALID, "the object has been replaced by another one");
    }
    return !exchange->ranged || look_at_range(exchange);
}

static size_t body_arrived(char *bytes, size_t one, size_t size, void *context)
{
    struct bs_exchange *exchange = context;
    (void)one;
    (void)curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &exchange->status);
    if (exchange->status < 200 || exchange->status > 299) {
        size_t room = REFUSAL_BYTES_MAX - exchange->refusal.size;
        bs_buffer_append(&exchange->refusal, bytes, size < room ? size : room);
        return size;
    }
    if (!bs_exchange_look(exchange)) {
        return 0;
    }
    exchange->received_bytes += (int64_t)size;
    if (exchange->ranged && exchange->received_bytes > exchange->range_size) {
        (void)complain(exchange, BS_ERROR_INVALID, "the server sent more than was asked for");
        return 0;
    }
    if (exchange->into != NULL) {
        if (exchange->into->size - exchange->into_begin + size > BODY_BYTES_MAX) {
            (void)complain(exchange, BS_ERROR_LIMIT, "the answer is too large");
            return 0;
        }
        bs_buffer_append(exchange->into, bytes, size);
    }
    if (exchange->sink != NULL &&
        !exchange->sink(exchange->sink_context, (const uint8_t *)bytes, size)) {
        (void)complain(exchange, BS_ERROR_LIMIT, "more came than was asked for");
        return 0;
    }
    return size;
}

/* NOLINTNEXTLINE(bugprone-easily-swappable-parameters): the parameters are curl's */
static int time_passed(void *context, curl_off_t to_come, curl_off_t came, curl_off_t to_go,
                       curl_off_t went)
{
    const struct bs_exchange *exchange = context;
    (void)to_come;
    (void)came;
    (void)to_go;
    (void)went;
    return atomic_load(&exchange->objects->cancelled) ? 1 : 0;
}

/* ---- how it travels ----------------------------------------------------------------------- */

#define SET(easy, option, value) BS_ASSERT(curl_easy_setopt(easy, option, value) == CURLE_OK)

/* Parsed as it stands: segments of one and two dots are parts of a key. */
static CURLU *parse_url(const struct bs_exchange *exchange)
{
    char *text = bs_exchange_url(exchange);
    CURLU *url = curl_url();
    BS_ASSERT(url != NULL);
    if (curl_url_set(url, CURLUPART_URL, text, CURLU_PATH_AS_IS) != CURLUE_OK) {
        curl_url_cleanup(url);
        url = NULL;
    }
    free(text);
    return url;
}

static void set_credential(CURL *easy, const struct bs_exchange *exchange)
{
    static const char scheme[] = "Bearer ";
    const struct bs_credential *credential = &exchange->credential;
    if (signs(exchange)) {
        SET(easy, CURLOPT_AWS_SIGV4, exchange->objects->signing);
        SET(easy, CURLOPT_USERNAME, credential->access_key_id);
        SET(easy, CURLOPT_PASSWORD, credential->secret_access_key);
    } else if (credential->authorization != NULL && credential->authorization[0] != '\0') {
        BS_ASSERT(strncmp(credential->authorization, scheme, sizeof scheme - 1) == 0);
        SET(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
        SET(easy, CURLOPT_XOAUTH2_BEARER, credential->authorization + sizeof scheme - 1);
    }
}

static void forget_credential(CURL *easy)
{
    SET(easy, CURLOPT_USERNAME, NULL);
    SET(easy, CURLOPT_PASSWORD, NULL);
    SET(easy, CURLOPT_XOAUTH2_BEARER, NULL);
}

static void set_route(CURL *easy, const struct bs_exchange *exchange)
{
    /* Not by CURLOPT_PATH_AS_IS, beside which a later libcurl refuses to sign (seen in 8.14). */
    SET(easy, CURLOPT_CURLU, exchange->url);
    SET(easy, CURLOPT_USERAGENT, "backscribe");
    /* The credential goes to the configured host and nowhere else. */
    SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
    SET(easy, CURLOPT_PROXY, "");
    SET(easy, CURLOPT_NOPROXY, "*");
    SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    SET(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    set_credential(easy, exchange);
}

static void set_limits(CURL *easy, const struct bs_exchange *exchange)
{
    int64_t left_ms = exchange->deadline - bs_clock_now().mono;
    int64_t limit_ms = left_ms > 1 ? left_ms : 1; /* 0 would be none */
    int64_t connect_ms = limit_ms < CONNECT_LIMIT_MS ? limit_ms : CONNECT_LIMIT_MS;
    SET(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    SET(easy, CURLOPT_TIMEOUT_MS, (long)limit_ms);
    SET(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    SET(easy, CURLOPT_LOW_SPEED_TIME, STALL_LIMIT_SECONDS);
    SET(easy, CURLOPT_MAXAGE_CONN, IDLE_LIMIT_SECONDS);
    SET(easy, CURLOPT_MAXLIFETIME_CONN, CONNECTION_LIMIT_SECONDS);
    SET(easy, CURLOPT_QUICK_EXIT, 1L); /* a name server that is silent holds nobody up */
}

static void set_readers(CURL *easy, struct bs_exchange *exchange)
{
    SET(easy, CURLOPT_ERRORBUFFER, exchange->problem);
    SET(easy, CURLOPT_HEADERFUNCTION, header_arrived);
    SET(easy, CURLOPT_HEADERDATA, exchange);
    SET(easy, CURLOPT_WRITEFUNCTION, body_arrived);
    SET(easy, CURLOPT_WRITEDATA, exchange);
    SET(easy, CURLOPT_XFERINFOFUNCTION, time_passed);
    SET(easy, CURLOPT_XFERINFODATA, exchange);
    SET(easy, CURLOPT_NOPROGRESS, 0L);
    /* Only a wish: libcurl 7.88 refuses it to a handle that still has a buffer, as one whose host
     * was not resolved has; the size stays then. */
    (void)curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, PIECE_BYTES);
    if (exchange->verb == BS_EXCHANGE_PUT) {
        SET(easy, CURLOPT_UPLOAD_BUFFERSIZE, PIECE_BYTES);
        SET(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)exchange->size_bytes);
    }
}

static void stop_composing(struct bs_exchange *exchange)
{
    if (exchange->composing) {
        exchange->composing = false;
        BS_ASSERT(pthread_mutex_unlock(&composing) == 0);
    }
}

CURLcode __wrap_curl_easy_perform(CURL *easy)
{
    struct bs_exchange *exchange = current;
    if (exchange == NULL || !exchange->composing) {
        return __real_curl_easy_perform(easy);
    }
    stop_composing(exchange);
    exchange->easy = easy;
    exchange->performed = true;
    exchange->url = parse_url(exchange);
    if (exchange->url == NULL) {
        return exchange->curl_code = CURLE_URL_MALFORMAT;
    }
    set_route(easy, exchange);
    set_limits(easy, exchange);
    set_readers(easy, exchange);
    CURLcode code = __real_curl_easy_perform(easy);
    exchange->curl_code = code;
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &exchange->status);
    if (code == CURLE_OK && exchange->status >= 200 && exchange->status <= 299) {
        (void)bs_exchange_look(exchange); /* there was no body to look at it with */
    }
    forget_credential(easy);
    SET(easy, CURLOPT_ERRORBUFFER, NULL);
    SET(easy, CURLOPT_CURLU, NULL);
    curl_url_cleanup(exchange->url);
    return code;
}

/* ---- one request through libs3 ------------------------------------------------------------- */

static void completed(S3Status status, const S3ErrorDetails *details, void *context)
{
    struct bs_exchange *exchange = context;
    (void)details;
    exchange->libs3_status = status;
}

static S3Status accept_properties(const S3ResponseProperties *properties, void *context)
{
    (void)properties;
    (void)context;
    return S3StatusOK;
}

static int take_from_source(int room, char *bytes, void *context)
{
    struct bs_exchange *exchange = context;
    int64_t taken = exchange->source(exchange->source_context, exchange->sent_bytes,
                                     (uint8_t *)bytes, (size_t)room);
    /* Nothing is as wrong as too much: the object would be shorter than was said. */
    if (taken <= 0 || taken > room) {
        (void)complain(exchange, BS_ERROR_INVALID, "what was to be put could not be read");
        return -1;
    }
    exchange->sent_bytes += taken;
    return (int)taken;
}

static void ask_put(struct bs_exchange *exchange, const S3BucketContext *context)
{
    const S3NameValue hash = {.name = "sha256", .value = exchange->sha256};
    const S3PutProperties properties = {
        .contentType = exchange->content_type,
        .expires = -1,
        .cannedAcl = S3CannedAclPrivate,
        .metaDataCount = exchange->sha256 != NULL ? 1 : 0,
        .metaData = &hash,
    };
    const S3PutObjectHandler handler = {
        .responseHandler = {.completeCallback = completed},
        .putObjectDataCallback = take_from_source,
    };
    S3_put_object(context, exchange->key, (uint64_t)exchange->size_bytes, &properties, NULL,
                  &handler, exchange);
}

static void ask_get(struct bs_exchange *exchange, const S3BucketContext *context)
{
    char quoted[BS_ETAG_SIZE + 2];
    S3GetConditions conditions = {.ifModifiedSince = -1, .ifNotModifiedSince = -1};
    if (exchange->etag != NULL && exchange->etag[0] != '\0') {
        (void)snprintf(quoted, sizeof quoted, "\"%s\"", exchange->etag);
        conditions.ifMatchETag = quoted;
    }
    const S3GetObjectHandler handler = {.responseHandler = {.completeCallback = completed}};
    S3_get_object(context, exchange->key, &conditions,
                  exchange->ranged ? (uint64_t)exchange->range_begin : 0,
                  exchange->ranged ? (uint64_t)exchange->range_size : 0, NULL, &handler, exchange);
}

/* Headers, key and body are read and written by us, so what is said here of the key pair, and of a
 * listing's query, is only what libs3 insists on. */
static void ask(struct bs_exchange *exchange)
{
    const struct bs_objects *objects = exchange->objects;
    const S3BucketContext context = {
        .hostName = objects->authority,
        .bucketName = exchange->bucket,
        .protocol = objects->https ? S3ProtocolHTTPS : S3ProtocolHTTP,
        .uriStyle = bs_bucket_in_host(objects->config, exchange->bucket) ? S3UriStyleVirtualHost
                                                                         : S3UriStylePath,
        .accessKeyId = "-",
        .secretAccessKey = "-",
    };
    const S3ResponseHandler handler = {accept_properties, completed};
    const S3ListBucketHandler listing = {.responseHandler = handler};
    switch (exchange->verb) {
    case BS_EXCHANGE_HEAD:
        S3_head_object(&context, exchange->key, NULL, &handler, exchange);
        break;
    case BS_EXCHANGE_GET:
        ask_get(exchange, &context);
        break;
    case BS_EXCHANGE_PUT:
        ask_put(exchange, &context);
        break;
    case BS_EXCHANGE_DELETE:
        S3_delete_object(&context, exchange->key, NULL, &handler, exchange);
        break;
    case BS_EXCHANGE_LIST:
        S3_list_bucket(&context, NULL, NULL, NULL, 0, NULL, &listing, exchange);
        break;
    }
}

void bs_exchange_perform(struct bs_exchange *exchange)
{
    forget_answer(exchange);
    bs_http_headers_reset(&exchange->headers);
    exchange->performed = false;
    exchange->curl_code = CURLE_OK;
    exchange->problem[0] = '\0';
    exchange->status = 0;
    exchange->received_bytes = exchange->sent_bytes = 0;
    exchange->fault = (struct bs_exchange_fault){.code = BS_OK};
    exchange->refusal.size = 0;
    if (exchange->into != NULL) {
        exchange->into->size = exchange->into_begin;
    }

    BS_ASSERT(pthread_mutex_lock(&composing) == 0);
    exchange->composing = true;
    exchange->outer = current;
    current = exchange;
    ask(exchange);
    current = exchange->outer;
    stop_composing(exchange);
    /* A program that was linked without our wrappers would send a wrong request somewhere. */
    BS_ASSERT(exchange->performed || exchange->libs3_status != S3StatusOK);
}
