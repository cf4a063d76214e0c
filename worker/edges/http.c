#include "edges/http.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/list.h"
#include "edges/http_headers.h"
#include "edges/http_sockets.h"

/* A kept connection is given up before servers and balancers (60 s) close it under a request. */
#define IDLE_LIMIT_SECONDS 50L
/* Connections are renewed so often, to follow a service whose addresses change. */
#define CONNECTION_LIMIT_SECONDS 600L
#define ADDRESS_LIMIT_SECONDS    300L
/* A transfer keeps its answer's memory up to this size for the next one. */
#define KEPT_BODY_BYTES 65536
/* What a submission is answered with is far smaller: it never waits for others' answers. */
#define SMALL_BODY_BYTES 16384

/* One curl handle and what belongs to its request; they are reused, for a handle is expensive. */
struct transfer {
    struct bs_link link; /* in the client's `idle` or `active` */
    struct bs_http *http;
    CURL *easy;
    bs_http_callback *callback;
    void *context;
    bs_mono_ms send_before;
    bool late; /* it was too late to send it */

    char *text; /* URL, headers and body of the request: one block, wiped at the end */
    size_t text_size;
    size_t text_capacity;
    struct curl_slist *lines; /* nodes that point into `text` */
    size_t line_capacity;
    bool plain; /* the connection options were last set for http:// */

    bool started; /* the request may be on the wire */
    bool repeated;
    bool answer_too_large;
    bool headers_too_large;
    bool waiting; /* for room among all bodies */
    struct bs_http_headers headers;
    struct bs_buffer body;
    char problem[CURL_ERROR_SIZE];
};

struct bs_http {
    CURLM *multi;
    struct bs_http_sockets *sockets;
    struct bs_http_options options;
    char *user_agent;
    struct bs_list idle;
    struct bs_list active;
    int32_t under_way;
    size_t held_bytes;      /* of the bodies that are being received */
    struct transfer *first; /* the one that goes on where the others wait; NULL = none does */
    /* Most answers of one second carry the same Date. */
    char last_date_text[40];
    bs_wall_ms last_date;
};

const char *bs_curl_version(void)
{
    return curl_version_info(CURLVERSION_NOW)->version;
}

int32_t bs_http_under_way(const struct bs_http *http)
{
    return http->under_way;
}

size_t bs_http_held_bytes(const struct bs_http *http)
{
    return http->held_bytes;
}

int32_t bs_http_open_connections(const struct bs_http *http)
{
    return bs_http_sockets_open(http->sockets);
}

/* ---- what curl calls during a transfer ------------------------------------------------ */

/* Called right before the request is written. curl repeats a request by itself when a kept
 * connection turns out closed, and a submission that is sent twice is paid twice: the second call
 * ends the transfer. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the parameters are curl's */
static int before_request(void *context, char *remote_address, char *local_address, int remote_port,
                          int local_port)
{
    struct transfer *transfer = context;
    (void)remote_address;
    (void)local_address;
    (void)remote_port;
    (void)local_port;
    if (!transfer->started && transfer->send_before != 0 &&
        bs_clock_now().mono >= transfer->send_before) {
        transfer->late = true;
        return CURL_PREREQFUNC_ABORT;
    }
    transfer->repeated = transfer->started;
    transfer->started = true;
    return transfer->repeated ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static size_t header_arrived(char *line, size_t one, size_t size, void *context)
{
    struct transfer *transfer = context;
    (void)one;
    bs_http_headers_line(&transfer->headers, line, size);
    if (transfer->headers.size_bytes > transfer->http->options.header_limit_bytes) {
        transfer->headers_too_large = true;
        return 0;
    }
    return size;
}

/* One answer always goes on, or all of them would wait for each other. */
static bool has_room(struct transfer *transfer, size_t size)
{
    struct bs_http *http = transfer->http;
    if (transfer->body.size + size <= SMALL_BODY_BYTES ||
        http->held_bytes + size <= http->options.held_limit_bytes) {
        return true;
    }
    if (http->first == NULL) {
        http->first = transfer;
    }
    return http->first == transfer;
}

static size_t body_arrived(char *bytes, size_t one, size_t size, void *context)
{
    struct transfer *transfer = context;
    (void)one;
    if (size > transfer->http->options.answer_limit_bytes - transfer->body.size) {
        transfer->answer_too_large = true;
        return 0;
    }
    if (!has_room(transfer, size)) {
        transfer->waiting = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    bs_buffer_append(&transfer->body, bytes, size);
    transfer->http->held_bytes += size;
    transfer->waiting = false;
    return size;
}

/* A body is gone: those that wait for room try again. */
static void release_body(struct transfer *transfer)
{
    struct bs_http *http = transfer->http;
    BS_ASSERT(http->held_bytes >= transfer->body.size);
    http->held_bytes -= transfer->body.size;
    transfer->body.size = 0;
    transfer->waiting = false;
    if (http->first == transfer) {
        http->first = NULL;
    }
    for (struct bs_link *link = http->active.head.next; link != &http->active.head;
         link = link->next) {
        struct transfer *other = BS_CONTAINER_OF(link, struct transfer, link);
        if (other->waiting) {
            (void)curl_easy_pause(other->easy, CURLPAUSE_CONT);
        }
    }
}

/* ---- a transfer's life ---------------------------------------------------------------- */

#define SET(easy, option, value) BS_ASSERT(curl_easy_setopt(easy, option, value) == CURLE_OK)

/* What is the same for every request is set once; each request then sets its URL, its method and
 * its headers, which replaces all that the one before had set. */
static void set_lasting_options(struct transfer *transfer)
{
    const struct bs_http_options *options = &transfer->http->options;
    CURL *easy = transfer->easy;
    long stall_seconds = (long)((options->stall_limit_ms + 999) / 1000);
    SET(easy, CURLOPT_PRIVATE, transfer);
    SET(easy, CURLOPT_ERRORBUFFER, transfer->problem);
    SET(easy, CURLOPT_NOSIGNAL, 1L);
    SET(easy, CURLOPT_PREREQFUNCTION, before_request);
    SET(easy, CURLOPT_PREREQDATA, transfer);
    SET(easy, CURLOPT_HEADERFUNCTION, header_arrived);
    SET(easy, CURLOPT_HEADERDATA, transfer);
    SET(easy, CURLOPT_WRITEFUNCTION, body_arrived);
    SET(easy, CURLOPT_WRITEDATA, transfer);
    SET(easy, CURLOPT_OPENSOCKETFUNCTION, bs_http_socket_opened);
    SET(easy, CURLOPT_OPENSOCKETDATA, transfer->http->sockets);
    SET(easy, CURLOPT_CLOSESOCKETFUNCTION, bs_http_socket_closed);
    SET(easy, CURLOPT_CLOSESOCKETDATA, transfer->http->sockets);
    SET(easy, CURLOPT_USERAGENT, transfer->http->user_agent);

    /* Credentials go to the configured hosts and nowhere else: no redirect is followed, and no
     * proxy is taken from the environment (which curl would do when this were not set). */
    SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
    SET(easy, CURLOPT_PROXY, "");
    SET(easy, CURLOPT_NOPROXY, "*");
    SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    SET(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(easy, CURLOPT_SSL_VERIFYPEER, options->verify_certificates ? 1L : 0L);
    SET(easy, CURLOPT_SSL_VERIFYHOST, options->verify_certificates ? 2L : 0L);

    SET(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)options->connect_limit_ms);
    SET(easy, CURLOPT_TIMEOUT_MS, (long)options->request_limit_ms);
    SET(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    SET(easy, CURLOPT_LOW_SPEED_TIME, stall_seconds);
    SET(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)options->answer_limit_bytes);
    SET(easy, CURLOPT_MAXAGE_CONN, IDLE_LIMIT_SECONDS);
    SET(easy, CURLOPT_MAXLIFETIME_CONN, CONNECTION_LIMIT_SECONDS);
    SET(easy, CURLOPT_DNS_CACHE_TIMEOUT, ADDRESS_LIMIT_SECONDS);
    /* No Accept-Encoding: checks are a few hundred bytes, quotas keep results rare, and an answer
     * is whole exactly when its frame is (curl does not notice a gzip stream that ends early). */
}

static struct transfer *transfer_create(struct bs_http *http)
{
    struct transfer *transfer = calloc(1, sizeof *transfer);
    BS_ASSERT(transfer != NULL);
    transfer->http = http;
    transfer->easy = curl_easy_init();
    BS_ASSERT(transfer->easy != NULL);
    set_lasting_options(transfer);
    return transfer;
}

static void wipe_request(struct transfer *transfer)
{
    if (transfer->text_size > 0) {
        explicit_bzero(transfer->text, transfer->text_size);
        transfer->text_size = 0;
    }
}

static void transfer_destroy(struct transfer *transfer)
{
    curl_easy_cleanup(transfer->easy);
    wipe_request(transfer);
    free(transfer->text);
    free(transfer->lines);
    bs_buffer_free(&transfer->body);
    free(transfer);
}

static struct transfer *take_idle(struct bs_http *http)
{
    struct bs_link *link = bs_list_take_first(&http->idle);
    if (link == NULL) {
        return transfer_create(http);
    }
    return BS_CONTAINER_OF(link, struct transfer, link);
}

static void make_idle(struct transfer *transfer)
{
    release_body(transfer);
    if (transfer->body.capacity > KEPT_BODY_BYTES) {
        bs_buffer_free(&transfer->body);
    }
    /* The most recent first: its memory is still warm. */
    bs_list_insert_after(&transfer->http->idle.head, &transfer->link);
}

/* ---- writing a request ---------------------------------------------------------------- */

/* The text is laid out before anything is written, so that no secret stands in memory that was
 * outgrown. */
static void reserve(struct transfer *transfer, size_t text_size, size_t line_count)
{
    if (transfer->text_capacity < text_size) {
        free(transfer->text);
        transfer->text_capacity = text_size < 1024 ? 1024 : text_size;
        transfer->text = malloc(transfer->text_capacity);
        BS_ASSERT(transfer->text != NULL);
    }
    if (transfer->line_capacity < line_count) {
        free(transfer->lines);
        transfer->line_capacity = line_count;
        transfer->lines = calloc(line_count, sizeof *transfer->lines);
        BS_ASSERT(transfer->lines != NULL);
    }
}

static char *put(struct transfer *transfer, const void *bytes, size_t size)
{
    char *place = transfer->text + transfer->text_size;
    memcpy(place, bytes, size);
    transfer->text_size += size;
    return place;
}

static bool names_content_type(const struct bs_http_request *request)
{
    for (size_t i = 0; i < request->header_count; i++) {
        if (strncasecmp(request->headers[i], "Content-Type:", 13) == 0) {
            return true;
        }
    }
    return false;
}

static const char authorization_name[] = "Authorization: ";
/* An empty value takes a header away: waiting for "100 Continue" would only cost a round trip. */
static char no_expect[] = "Expect:";
static char content_type_json[] = "Content-Type: application/json";

static struct curl_slist *write_headers(struct transfer *transfer,
                                        const struct bs_http_request *request)
{
    size_t count = 0;
    for (size_t i = 0; i < request->header_count; i++) {
        const char *header = request->headers[i];
        transfer->lines[count++].data = put(transfer, header, strlen(header) + 1);
    }
    if (request->authorization != NULL) {
        transfer->lines[count++].data =
            put(transfer, authorization_name, sizeof authorization_name - 1);
        (void)put(transfer, request->authorization, strlen(request->authorization) + 1);
    }
    if (request->body != NULL) {
        transfer->lines[count++].data = no_expect;
        if (!names_content_type(request)) {
            transfer->lines[count++].data = content_type_json;
        }
    }
    for (size_t i = 0; i < count; i++) {
        transfer->lines[i].next = i + 1 < count ? &transfer->lines[i + 1] : NULL;
    }
    return count == 0 ? NULL : transfer->lines;
}

static void set_connection_options(struct transfer *transfer, const char *url)
{
    bool plain = strncasecmp(url, "http://", 7) == 0;
    /* Over TLS the handshake tells whether HTTP/2 is spoken, so requests wait for it and share the
     * connection. Without TLS they would wait for the whole first answer, for nothing. */
    SET(transfer->easy, CURLOPT_HTTP_VERSION,
        plain ? (long)CURL_HTTP_VERSION_1_1 : (long)CURL_HTTP_VERSION_2TLS);
    SET(transfer->easy, CURLOPT_PIPEWAIT, plain ? 0L : 1L);
}

static void write_request(struct transfer *transfer, const struct bs_http_request *request)
{
    size_t url_size = strlen(request->url) + 1;
    size_t size = url_size + request->body_size;
    for (size_t i = 0; i < request->header_count; i++) {
        size += strlen(request->headers[i]) + 1;
    }
    if (request->authorization != NULL) {
        size += sizeof authorization_name + strlen(request->authorization);
    }
    reserve(transfer, size, request->header_count + 3);

    /* curl refuses a URL of megabytes here, and then ends the transfer for having none. */
    (void)curl_easy_setopt(transfer->easy, CURLOPT_URL, put(transfer, request->url, url_size));
    set_connection_options(transfer, request->url);
    if (request->body == NULL) {
        SET(transfer->easy, CURLOPT_HTTPGET, 1L);
    } else {
        SET(transfer->easy, CURLOPT_POST, 1L);
        SET(transfer->easy, CURLOPT_POSTFIELDS, put(transfer, request->body, request->body_size));
        SET(transfer->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_size);
    }
    SET(transfer->easy, CURLOPT_HTTPHEADER, write_headers(transfer, request));
}

void bs_http_send(struct bs_http *http, const struct bs_http_request *request,
                  bs_http_callback *callback, void *context)
{
    BS_ASSERT(http->under_way < http->options.connections);
    struct transfer *transfer = take_idle(http);
    transfer->callback = callback;
    transfer->context = context;
    transfer->started = false;
    transfer->repeated = false;
    transfer->late = false;
    transfer->send_before = request->send_before;
    transfer->answer_too_large = false;
    transfer->headers_too_large = false;
    transfer->problem[0] = '\0';
    bs_http_headers_reset(&transfer->headers);
    write_request(transfer, request);
    bs_list_append(&http->active, &transfer->link);
    http->under_way++;
    BS_ASSERT(curl_multi_add_handle(http->multi, transfer->easy) == CURLM_OK);
}

/* ---- reading what it came to ---------------------------------------------------------- */

static bs_wall_ms answer_date(struct bs_http *http, const struct bs_http_headers *headers)
{
    if (strcmp(http->last_date_text, headers->date) != 0) {
        memcpy(http->last_date_text, headers->date, sizeof http->last_date_text);
        http->last_date = bs_http_headers_date(headers);
    }
    return http->last_date;
}

/* curl's own limit on one header line: CURLE_TOO_LARGE since 8.6, a lack of memory before. */
static bool header_line_too_long(const struct transfer *transfer, CURLcode code)
{
    return transfer->started && (code == CURLE_OUT_OF_MEMORY || (int)code == 100);
}

static const char *problem_text(const struct transfer *transfer, CURLcode code)
{
    if (transfer->late) {
        return "the right to send it ended before there was a connection";
    }
    if (transfer->repeated) {
        return "the kept connection was closed before an answer came";
    }
    if (transfer->answer_too_large || code == CURLE_FILESIZE_EXCEEDED) {
        return "the answer is larger than the limit";
    }
    if (transfer->headers_too_large) {
        return "the answer's headers are larger than the limit";
    }
    if (transfer->waiting) {
        return "the answer waited too long for room among other answers";
    }
    return transfer->problem[0] != '\0' ? transfer->problem : curl_easy_strerror(code);
}

/* The handle leaves curl before the callback, for that may send the next request; the transfer
 * joins the idle ones only after it, for the answer points into it. */
static void finish(struct bs_http *http, struct transfer *transfer, CURLcode code)
{
    struct bs_http_answer answer = {.outcome = BS_HTTP_ANSWERED};
    long status = 0;
    BS_ASSERT(curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK);
    if (code == CURLE_OK) {
        answer.status = (int32_t)status;
        answer.body = (struct bs_bytes){.data = transfer->body.data, .size = transfer->body.size};
    } else {
        transfer->headers_too_large |= header_line_too_long(transfer, code);
        /* Until curl was about to write the request, nothing of it can have left: no address, no
         * connection, no TLS. From then on it may have arrived, whatever the error says: a connect
         * error can also come from curl's own second try. */
        answer.outcome = transfer->started ? BS_HTTP_LOST : BS_HTTP_NOT_SENT;
        answer.message = problem_text(transfer, code);
        answer.too_large = transfer->answer_too_large || transfer->headers_too_large ||
                           code == CURLE_FILESIZE_EXCEEDED;
        answer.status = answer.too_large ? (int32_t)status : 0;
    }
    BS_ASSERT(curl_multi_remove_handle(http->multi, transfer->easy) == CURLM_OK);
    wipe_request(transfer);
    const struct bs_http_headers *headers = &transfer->headers;
    answer.retry_after_ms = headers->retry_after[0] == '\0'
                                ? 0
                                : bs_http_headers_retry_after_ms(headers, bs_clock_now().wall);
    answer.request_id = headers->request_id[0] == '\0' ? NULL : headers->request_id;
    answer.trace_id = headers->trace_id[0] == '\0' ? NULL : headers->trace_id;
    answer.date = answer_date(http, headers);

    bs_list_remove(&transfer->link);
    http->under_way--;
    transfer->callback(transfer->context, &answer);
    make_idle(transfer);
}

static void drain(void *context)
{
    struct bs_http *http = context;
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(http->multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        CURLcode code = message->data.result;
        struct transfer *transfer = NULL;
        BS_ASSERT(curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer) == CURLE_OK);
        finish(http, transfer, code);
    }
}

/* ---- the client ----------------------------------------------------------------------- */

struct bs_http *bs_http_create(struct bs_loop *loop, const struct bs_http_options *options,
                               struct bs_error *error)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        (void)bs_error_set(error, BS_ERROR_FATAL, "libcurl cannot be initialised");
        return NULL;
    }
    struct bs_http *http = calloc(1, sizeof *http);
    BS_ASSERT(http != NULL);
    http->options = *options;
    http->user_agent = strdup(options->user_agent);
    http->multi = curl_multi_init();
    BS_ASSERT(http->user_agent != NULL && http->multi != NULL);
    http->options.user_agent = http->user_agent;
    bs_list_init(&http->idle);
    bs_list_init(&http->active);
    /* Above the peak: curl's own default shrinks with the load and closes warm connections. */
    long kept = 2L * options->connections + 16;
    BS_ASSERT(curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, kept) == CURLM_OK);
    http->sockets =
        bs_http_sockets_create(loop, http->multi, options->request_limit_ms, drain, http);
    return http;
}

void bs_http_destroy(struct bs_http *http)
{
    if (http == NULL) {
        return;
    }
    struct bs_link *link;
    while ((link = bs_list_take_first(&http->active)) != NULL) {
        struct transfer *transfer = BS_CONTAINER_OF(link, struct transfer, link);
        (void)curl_multi_remove_handle(http->multi, transfer->easy);
        transfer_destroy(transfer);
    }
    while ((link = bs_list_take_first(&http->idle)) != NULL) {
        transfer_destroy(BS_CONTAINER_OF(link, struct transfer, link));
    }
    (void)curl_multi_cleanup(http->multi); /* closes every connection */
    bs_http_sockets_destroy(http->sockets);
    free(http->user_agent);
    free(http);
    curl_global_cleanup();
}
