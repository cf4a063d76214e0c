/* What the object store's edge sends, and how it understands what comes back. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>
#include <curl/curl.h>

#include "objects_bench.h"

#define LIMIT_MS 10000

static const char *answer_headers; /* of the script below */
static const char *answer_body;
static int answer_status;

static void serve(struct fault_connection *connection)
{
    while (fault_read_request(connection)) {
        char text[8192];
        bool head = strncmp(fault_server_last_request(connection->server), "HEAD", 4) == 0;
        (void)snprintf(text, sizeof text, "HTTP/1.1 %d Status\r\n%s\r\n%s", answer_status,
                       answer_headers, head ? "" : answer_body);
        if (!fault_write(connection, text)) {
            break;
        }
    }
}

static struct bench open_answering(int status, const char *headers, const char *body,
                                   enum bench_auth auth)
{
    answer_status = status;
    answer_headers = headers;
    answer_body = body;
    return bench_open(serve, "http", auth);
}

static void assert_request_has(struct bench *bench, const char *text)
{
    const char *request = fault_server_last_request(bench->server);
    if (strstr(request, text) == NULL) {
        fail_msg("no %s in %s", text, request);
    }
}

static void assert_request_lacks(struct bench *bench, const char *text)
{
    assert_null(strstr(fault_server_last_request(bench->server), text));
}

/* ---- what is sent --------------------------------------------------------------------------- */

#define FIVE "Content-Length: 5\r\nETag: \"e-1\"\r\n"

static void a_key_is_encoded_canonically_and_signed_with_v4(void **state)
{
    (void)state;
    struct bench bench = open_answering(200, FIVE, "", BENCH_KEY);
    struct bs_object_facts facts;
    assert_int_equal(bench_head(&bench, LIMIT_MS, &facts), BS_OK);
    assert_request_has(&bench, "HEAD /recordings/call%20one%2B.wav HTTP/1.1\r\n");
    assert_request_has(&bench, "Authorization: AWS4-HMAC-SHA256 Credential=the-key/");
    assert_request_has(&bench, "/mars-1/s3/aws4_request");
    assert_request_has(&bench, "x-amz-content-sha256: UNSIGNED-PAYLOAD\r\n");
    assert_request_lacks(&bench, "the-secret");
    assert_request_lacks(&bench, "AWS -"); /* libs3's own signature */
    bench_close(&bench);
}

static void a_token_travels_as_bearer_and_nothing_is_signed(void **state)
{
    (void)state;
    struct bench bench = open_answering(200, FIVE, "", BENCH_TOKEN);
    struct bs_object_facts facts;
    assert_int_equal(bench_head(&bench, LIMIT_MS, &facts), BS_OK);
    char expected[400];
    (void)snprintf(expected, sizeof expected,
                   "HEAD /recordings/call%%20one%%2B.wav HTTP/1.1\r\n"
                   "Host: 127.0.0.1:%d\r\n"
                   "Authorization: Bearer the-first-token\r\n"
                   "User-Agent: backscribe\r\n"
                   "Accept: */*\r\n"
                   "\r\n",
                   fault_server_port(bench.server));
    assert_string_equal(fault_server_last_request(bench.server), expected);
    bench_close(&bench);
}

static void without_credentials_none_is_sent(void **state)
{
    (void)state;
    struct bench bench = open_answering(200, FIVE, "", BENCH_NONE);
    struct bs_object_facts facts;
    assert_int_equal(bench_head(&bench, LIMIT_MS, &facts), BS_OK);
    assert_request_lacks(&bench, "Authorization");
    assert_request_lacks(&bench, "x-amz");
    bench_close(&bench);
}

static void a_proxy_of_the_environment_is_not_taken(void **state)
{
    (void)state;
    struct bench bench = open_answering(200, FIVE, "", BENCH_NONE);
    struct bs_object_facts facts;
    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    assert_int_equal(setenv("all_proxy", "http://127.0.0.1:1", 1), 0);
    assert_int_equal(bench_head(&bench, LIMIT_MS, &facts), BS_OK);
    assert_int_equal(unsetenv("http_proxy"), 0);
    assert_int_equal(unsetenv("all_proxy"), 0);
    bench_close(&bench);
}

static int64_t give_text(void *context, int64_t offset, uint8_t *bytes, size_t room)
{
    const char *text = context;
    size_t size = strlen(text + offset);
    size = size < room ? size : room;
    memcpy(bytes, text + offset, size);
    return (int64_t)size;
}

static void a_put_says_its_size_type_and_hash(void **state)
{
    (void)state;
    static const char hash[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    struct bench bench = open_answering(200, "Content-Length: 0\r\n", "", BENCH_KEY);
    assert_int_equal(bs_objects_put(bench.objects, &bench_name, "audio/x-pcm", 6, hash, LIMIT_MS,
                                    give_text, "hello\n", &bench.error),
                     BS_OK);
    assert_request_has(&bench, "PUT /recordings/call%20one%2B.wav HTTP/1.1\r\n");
    assert_request_has(&bench, "Content-Length: 6\r\n");
    assert_request_has(&bench, "Content-Type: audio/x-pcm\r\n");
    assert_request_has(&bench, "x-amz-meta-sha256: 0123456789abcdef");
    assert_request_has(&bench, "x-amz-content-sha256: 0123456789abcdef");
    assert_request_has(&bench, "\r\n\r\nhello\n");
    assert_request_lacks(&bench, "Transfer-Encoding");
    bench_close(&bench);
}

static void a_source_that_ends_early_puts_nothing(void **state)
{
    (void)state;
    struct bench bench = open_answering(200, "Content-Length: 0\r\n", "", BENCH_NONE);
    assert_int_equal(bs_objects_put(bench.objects, &bench_name, NULL, 1000, NULL, LIMIT_MS,
                                    give_text, "short", &bench.error),
                     BS_ERROR_INVALID);
    assert_non_null(strstr(bench.error.message, "could not be read"));
    assert_int_equal(fault_server_requests(bench.server), 0);
    bench_close(&bench);
}

static void names_that_no_store_can_have_are_refused_without_a_request(void **state)
{
    (void)state;
    static char long_key[1026];
    memset(long_key, 'k', 1025);
    const struct bs_object_name names[] = {
        {"recordings", ""},    {"recordings", long_key},  {"re", "call.wav"},
        {"a/b?c", "call.wav"}, {"host\r\nx", "call.wav"}, {"..", "call.wav"},
    };
    struct bench bench = open_answering(200, FIVE, "", BENCH_KEY);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct bs_object_facts facts;
        assert_int_equal(bs_objects_head(bench.objects, &names[i], LIMIT_MS, &facts, &bench.error),
                         BS_ERROR_INVALID);
        assert_null(strpbrk(bench.error.message, "\r\n"));
    }
    assert_int_equal(fault_server_connections(bench.server), 0);
    bench_close(&bench);
}

/* ---- how answers are understood ------------------------------------------------------------- */

static void headers_are_read_whatever_their_case(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "content-length: 123456\r\netag: \"abc\"\r\n"
        "last-modified: Mon, 06 Jul 2026 10:00:00 GMT\r\n"
        "x-amz-meta-sha256: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n",
        "CONTENT-LENGTH:123456\r\nETAG:W/\"abc\"\r\nLAST-MODIFIED:Mon, 06 Jul 2026 10:00:00 GMT\r\n"
        "X-AMZ-META-SHA256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n",
    };
    for (size_t i = 0; i < 2; i++) {
        struct bench bench = open_answering(200, cases[i], "", BENCH_NONE);
        struct bs_object_facts facts;
        assert_int_equal(bench_head(&bench, LIMIT_MS, &facts), BS_OK);
        assert_true(facts.size_bytes == 123456);
        assert_string_equal(facts.etag, "abc");
        assert_true(facts.modified == INT64_C(1783332000000));
        assert_int_equal(strlen(facts.sha256), 64);
        bench_close(&bench);
    }
}

static void a_head_without_a_length_is_no_answer(void **state)
{
    (void)state;
    struct bench bench =
        open_answering(200, "ETag: \"x\"\r\nConnection: close\r\n", "", BENCH_NONE);
    struct bs_object_facts facts;
    assert_int_equal(bench_head(&bench, LIMIT_MS, &facts), BS_ERROR_INVALID);
    assert_non_null(strstr(bench.error.message, "Content-Length"));
    bench_close(&bench);
}

static enum bs_error_code ask_part(int status, const char *headers, const char *body,
                                   const char *etag, char part[256], struct bs_error *error)
{
    struct bench bench = open_answering(status, headers, body, BENCH_NONE);
    enum bs_error_code code = bench_get_range(&bench, 10, 5, etag, 900, part);
    assert_request_has(&bench, "Range: bytes=10-14\r\n");
    *error = bench.error;
    bench_close(&bench);
    return code;
}

static void a_part_is_the_one_that_was_asked_for_or_an_error(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *headers, *body;
        enum bs_error_code code;
        const char *part;
    } cases[] = {
        {206, FIVE "Content-Range: bytes 10-14/100\r\n", "hello", BS_OK, "hello"},
        {206, FIVE "content-range: bytes 10-14/*\r\n", "hello", BS_OK, "hello"},
        {206, "Content-Length: 2\r\nContent-Range: bytes 10-11/12\r\n", "he", BS_OK, "he"},
        {416, "Content-Length: 0\r\nContent-Range: bytes */7\r\n", "", BS_OK, ""},
        {200, "Content-Length: 0\r\n", "", BS_OK, ""},
        /* The range was not understood, or another one was. */
        {200, "Content-Length: 15\r\n", "0123456789hello", BS_ERROR_INVALID, ""},
        {206, FIVE, "hello", BS_ERROR_INVALID, ""},
        {206, FIVE "Content-Range: bytes 0-4/100\r\n", "hello", BS_ERROR_INVALID, ""},
        {206, FIVE "Content-Range: bytes 10-19/100\r\n", "hello", BS_ERROR_INVALID, ""},
        /* Less than there is, without a word. */
        {206, "Content-Length: 2\r\nContent-Range: bytes 10-11/100\r\n", "he", BS_ERROR_TEMPORARY,
         ""},
        /* The length says one thing and the range another. */
        {206, "Content-Length: 4\r\nContent-Range: bytes 10-14/100\r\n", "hell", BS_ERROR_INVALID,
         ""},
        {206, "Connection: close\r\nContent-Range: bytes 10-14/100\r\n", "hello", BS_ERROR_INVALID,
         ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char part[256];
        struct bs_error error;
        enum bs_error_code code =
            ask_part(cases[i].status, cases[i].headers, cases[i].body, NULL, part, &error);
        if (code != cases[i].code || strcmp(part, cases[i].part) != 0) {
            fail_msg("case %zu: %d %s %s", i, code, part, error.message);
        }
    }
}

static void another_object_under_the_name_is_noticed(void **state)
{
    (void)state;
    char part[256];
    struct bs_error error;
    static const char same[] = FIVE "Content-Range: bytes 10-14/100\r\n";
    assert_int_equal(ask_part(206, same, "hello", "e-1", part, &error), BS_OK);
    /* A server that knows no If-Match. */
    assert_int_equal(ask_part(206, same, "hello", "e-0", part, &error), BS_ERROR_INVALID);
    assert_non_null(strstr(error.message, "replaced"));
    assert_int_equal(ask_part(412, "Content-Length: 0\r\n", "", "e-0", part, &error),
                     BS_ERROR_INVALID);
    assert_non_null(strstr(error.message, "replaced"));
}

static void errors_are_told_apart_and_quote_the_server(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body;
        enum bs_error_code code;
        const char *words;
    } cases[] = {
        {403, "<Error><Code>AccessDenied</Code><Message>Access Denied.</Message></Error>",
         BS_ERROR_DENIED,
         "get s3://recordings/call one+.wav: AccessDenied, HTTP status 403: "
         "Access Denied."},
        {400, "<Error><Code>AuthorizationHeaderMalformed</Code></Error>", BS_ERROR_DENIED,
         "AuthorizationHeaderMalformed"},
        {404, "<Error><Code>NoSuchBucket</Code></Error>", BS_ERROR_NOT_FOUND, "NoSuchBucket"},
        {400, "<Error><Code>InvalidRequest</Code><Message>a\r\nb\tc</Message></Error>",
         BS_ERROR_INVALID, "400: a b c"},
        {503, "<html>busy</html>", BS_ERROR_TEMPORARY, "HTTP status 503"},
        {400, "<Error><Code>RequestTimeout</Code></Error>", BS_ERROR_TEMPORARY, "RequestTimeout"},
        {429, "", BS_ERROR_TEMPORARY, "HTTP status 429"},
        {501, "", BS_ERROR_INVALID, "HTTP status 501"},
        {405, "not <xml", BS_ERROR_INVALID, "HTTP status 405"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char headers[64];
        char part[256];
        struct bs_error error;
        (void)snprintf(headers, sizeof headers, "Content-Length: %zu\r\n", strlen(cases[i].body));
        enum bs_error_code code =
            ask_part(cases[i].status, headers, cases[i].body, NULL, part, &error);
        if (code != cases[i].code || strstr(error.message, cases[i].words) == NULL ||
            strpbrk(error.message, "\r\n\t") != NULL) {
            fail_msg("case %zu: %d %s", i, code, error.message);
        }
    }
}

/* ---- others' requests ----------------------------------------------------------------------- */

static int64_t ask_meanwhile(void *context, int64_t offset, uint8_t *bytes, size_t room)
{
    struct bench *bench = context;
    (void)offset;
    (void)room;
    /* A request that is not ours passes through untouched: with its own headers, without a
     * credential. */
    CURL *easy = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Expires: never");
    char url[64];
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/other", fault_server_port(bench->server));
    assert_int_equal(curl_easy_setopt(easy, CURLOPT_URL, url), CURLE_OK);
    assert_int_equal(curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers), CURLE_OK);
    assert_int_equal(curl_easy_setopt(easy, CURLOPT_NOBODY, 1L), CURLE_OK);
    assert_int_equal(curl_easy_perform(easy), CURLE_OK);
    assert_request_has(bench, "HEAD /other HTTP/1.1\r\n");
    assert_request_has(bench, "Expires: never\r\n");
    assert_request_lacks(bench, "Authorization");
    curl_slist_free_all(headers);
    curl_easy_cleanup(easy);

    /* One of ours within one of ours has its own answer. */
    struct bs_object_facts facts;
    assert_int_equal(bench_head(bench, LIMIT_MS, &facts), BS_OK);
    assert_request_has(bench, "Authorization: Bearer the-first-token");
    bytes[0] = 'x';
    return 1;
}

static void a_request_within_a_source_has_its_own_way(void **state)
{
    (void)state;
    struct bench bench = open_answering(200, "Content-Length: 0\r\n", "", BENCH_TOKEN);
    assert_int_equal(bs_objects_put(bench.objects, &bench_name, NULL, 1, NULL, LIMIT_MS,
                                    ask_meanwhile, &bench, &bench.error),
                     BS_OK);
    assert_request_has(&bench, "PUT /recordings/call%20one%2B.wav HTTP/1.1\r\n");
    bench_close(&bench);
}

static atomic_int heads_refused;

static void serve_length_of_key(struct fault_connection *connection)
{
    char request[2048];
    size_t size = 0;
    ssize_t part;
    /* Its own reader: the server's keeps one request for all connections. */
    while ((part = recv(connection->fd, request + size, sizeof request - 1 - size, 0)) > 0) {
        size += (size_t)part;
        request[size] = '\0';
        if (strstr(request, "\r\n\r\n") == NULL) {
            continue;
        }
        char answer[100];
        const char *number = strstr(request, "/recordings/");
        (void)snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n",
                       number == NULL ? 0 : atoi(number + strlen("/recordings/")));
        size = 0;
        if (strstr(request, "Signature=") == NULL || !fault_write(connection, answer)) {
            break;
        }
    }
}

static void *ask_many(void *context)
{
    struct bench *bench = ((void **)context)[0];
    int first = *(int *)((void **)context)[1];
    for (int number = first; number < first + 25; number++) {
        char key[20];
        struct bs_object_facts facts;
        struct bs_error error;
        (void)snprintf(key, sizeof key, "%d", number);
        const struct bs_object_name name = {"recordings", key};
        if (bs_objects_head(bench->objects, &name, LIMIT_MS, &facts, &error) != BS_OK ||
            facts.size_bytes != number) {
            atomic_fetch_add(&heads_refused, 1);
        }
    }
    return NULL;
}

static void many_threads_at_once_have_their_own_answers(void **state)
{
    (void)state;
    struct bench bench = bench_open(serve_length_of_key, "http", BENCH_KEY);
    pthread_t threads[8];
    int firsts[8];
    void *contexts[8][2];
    atomic_store(&heads_refused, 0);
    for (int i = 0; i < 8; i++) {
        firsts[i] = 1000 * (i + 1);
        contexts[i][0] = &bench;
        contexts[i][1] = &firsts[i];
        assert_int_equal(pthread_create(&threads[i], NULL, ask_many, contexts[i]), 0);
    }
    for (int i = 0; i < 8; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(atomic_load(&heads_refused), 0);
    /* Connections are kept from one request to the next. */
    assert_true(fault_server_connections(bench.server) <= 16);
    bench_close(&bench);
}

static bool want_no_more(void *context, const uint8_t *bytes, size_t size)
{
    (void)context;
    (void)bytes;
    (void)size;
    return false;
}

static void a_sink_that_wants_no_more_ends_the_call(void **state)
{
    (void)state;
    struct bench bench = open_answering(200, FIVE, "hello", BENCH_NONE);
    assert_int_equal(
        bs_objects_get(bench.objects, &bench_name, LIMIT_MS, want_no_more, NULL, &bench.error),
        BS_ERROR_LIMIT);
    assert_int_equal(fault_server_requests(bench.server), 1);
    bench_close(&bench);
}

/* ---- listings ------------------------------------------------------------------------------- */

struct listed {
    char text[600];
    int at_most;
};

static bool note(void *context, const struct bs_listed_object *object)
{
    struct listed *listed = context;
    size_t length = strlen(listed->text);
    (void)snprintf(listed->text + length, sizeof listed->text - length, "%s %lld %s %lld|",
                   object->key, (long long)object->size_bytes, object->etag,
                   (long long)object->modified);
    return --listed->at_most > 0;
}

static enum bs_error_code list(const char *body, struct listed *listed, struct bs_error *error)
{
    char headers[64];
    (void)snprintf(headers, sizeof headers, "Content-Length: %zu\r\n", strlen(body));
    struct bench bench = open_answering(200, headers, body, BENCH_KEY);
    enum bs_error_code code = bs_objects_list(bench.objects, "recordings", "год/a+b", "год/a+b 1",
                                              50, 900, note, listed, &bench.error);
    assert_request_has(&bench,
                       "GET /recordings/?encoding-type=url&marker=%D0%B3%D0%BE%D0%B4%2Fa%2Bb%201&"
                       "max-keys=50&prefix=%D0%B3%D0%BE%D0%B4%2Fa%2Bb HTTP/1.1\r\n");
    *error = bench.error;
    bench_close(&bench);
    return code;
}

#define RESULT(text)                                                                               \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"                                                   \
    "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">" text                    \
    "</ListBucketResult>"
#define OBJECT(key, size)                                                                          \
    "<Contents><Key>" key "</Key><LastModified>2026-07-06T10:00:00.000Z</LastModified>"            \
    "<ETag>&quot;e&quot;</ETag><Size>" size "</Size><Owner><ID>me</ID></Owner></Contents>"

static void listed_names_are_decoded_where_the_server_encoded_them(void **state)
{
    (void)state;
    struct listed listed = {.at_most = 10};
    struct bs_error error;
    assert_int_equal(list(RESULT(OBJECT("a%2Bb", "7") OBJECT("a b", "8")), &listed, &error), BS_OK);
    assert_string_equal(listed.text, "a%2Bb 7 e 1783332000000|a b 8 e 1783332000000|");
    listed = (struct listed){.at_most = 10};
    assert_int_equal(list(RESULT("<EncodingType>url</EncodingType>" OBJECT("a%2Bb+%01%D0%AF", "7")),
                          &listed, &error),
                     BS_OK);
    assert_string_equal(listed.text, "a+b \x01Я 7 e 1783332000000|");
}

static void a_listing_ends_when_it_is_asked_to(void **state)
{
    (void)state;
    struct listed listed = {.at_most = 1};
    struct bs_error error;
    assert_int_equal(
        list(RESULT("<IsTruncated>true</IsTruncated>" OBJECT("x", "1") OBJECT("y", "2")), &listed,
             &error),
        BS_OK);
    assert_string_equal(listed.text, "x 1 e 1783332000000|");
}

static void what_is_no_listing_is_an_error_and_nothing_of_it_is_told(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "<html>log in</html>",
        "<ListBucketResult>" OBJECT("x", "1"), /* without its end */
        RESULT(OBJECT("x", "")),
        RESULT(OBJECT("x", "-5")),
        RESULT(OBJECT("x", "99999999999999999999999")),
        RESULT(OBJECT("", "5")),
        RESULT("<Contents><Size>5</Size></Contents>"),
        RESULT("<EncodingType>url</EncodingType>" OBJECT("a%zz", "5")),
        RESULT("<EncodingType>url</EncodingType>" OBJECT("a%00b", "5")),
        RESULT("<IsTruncated>true</IsTruncated>"), /* and nothing to go on from */
        "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;\">]>" RESULT(
            OBJECT("&b;&c;", "5")),
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct listed listed = {.at_most = 10};
        struct bs_error error;
        if (list(bodies[i], &listed, &error) != BS_ERROR_INVALID || listed.text[0] != '\0') {
            fail_msg("case %zu: %s", i, listed.text);
        }
    }
}

static void serve_one_page_for_ever(struct fault_connection *connection)
{
    static const char body[] = RESULT("<IsTruncated>true</IsTruncated>" OBJECT("x", "1"));
    while (fault_read_request(connection)) {
        (void)fault_answer(connection, 200, "", body);
    }
}

static void a_listing_that_does_not_move_on_is_an_error(void **state)
{
    (void)state;
    struct bench bench = bench_open(serve_one_page_for_ever, "http", BENCH_NONE);
    struct listed listed = {.at_most = 10};
    assert_int_equal(bs_objects_list(bench.objects, "recordings", "", NULL, 0, LIMIT_MS, note,
                                     &listed, &bench.error),
                     BS_ERROR_INVALID);
    assert_non_null(strstr(bench.error.message, "repeats a page"));
    bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_encoded_canonically_and_signed_with_v4),
        cmocka_unit_test(a_token_travels_as_bearer_and_nothing_is_signed),
        cmocka_unit_test(without_credentials_none_is_sent),
        cmocka_unit_test(a_proxy_of_the_environment_is_not_taken),
        cmocka_unit_test(a_put_says_its_size_type_and_hash),
        cmocka_unit_test(a_source_that_ends_early_puts_nothing),
        cmocka_unit_test(names_that_no_store_can_have_are_refused_without_a_request),
        cmocka_unit_test(headers_are_read_whatever_their_case),
        cmocka_unit_test(a_head_without_a_length_is_no_answer),
        cmocka_unit_test(a_part_is_the_one_that_was_asked_for_or_an_error),
        cmocka_unit_test(another_object_under_the_name_is_noticed),
        cmocka_unit_test(errors_are_told_apart_and_quote_the_server),
        cmocka_unit_test(a_request_within_a_source_has_its_own_way),
        cmocka_unit_test(many_threads_at_once_have_their_own_answers),
        cmocka_unit_test(a_sink_that_wants_no_more_ends_the_call),
        cmocka_unit_test(listed_names_are_decoded_where_the_server_encoded_them),
        cmocka_unit_test(a_listing_ends_when_it_is_asked_to),
        cmocka_unit_test(what_is_no_listing_is_an_error_and_nothing_of_it_is_told),
        cmocka_unit_test(a_listing_that_does_not_move_on_is_an_error),
    };
    return cmocka_run_group_tests_name("objects", tests, NULL, NULL);
}
