/* What the object store's edge does when the store, the network or a credential fails. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "objects_bench.h"
#include "self_signed.h"

#define LIMIT_MS 20000

#define SLOW_DOWN "<Error><Code>SlowDown</Code><Message>Reduce your rate</Message></Error>"
#define EXPIRED   "<Error><Code>ExpiredToken</Code><Message>It has expired</Message></Error>"
#define PART      "Content-Range: bytes 0-4/100\r\n"

static int64_t now_ms(void)
{
    return bs_clock_now().mono;
}

static bool is_head(struct fault_connection *connection)
{
    return strncmp(fault_server_last_request(connection->server), "HEAD", 4) == 0;
}

/* ---- what passes ---------------------------------------------------------------------------- */

static void serve_three_faults_then_well(struct fault_connection *connection)
{
    while (fault_read_request(connection)) {
        switch (fault_server_requests(connection->server)) {
        case 1:
            (void)fault_answer(connection, 503, "", SLOW_DOWN);
            break;
        case 2:
            (void)fault_write(connection,
                              "HTTP/1.1 206 Part\r\nContent-Length: 5\r\n" PART "\r\nhe");
            return;
        case 3:
            fault_reset_on_close(connection);
            return;
        default:
            (void)fault_answer(connection, 206, PART, "hello");
        }
    }
}

static void a_busy_server_a_cut_body_and_a_reset_pass(void **state)
{
    (void)state;
    struct bench bench = bench_open(serve_three_faults_then_well, "http", BENCH_KEY);
    char part[256];
    assert_int_equal(bench_get_range(&bench, 0, 5, NULL, LIMIT_MS, part), BS_OK);
    assert_string_equal(part, "hello");
    assert_int_equal(fault_server_requests(bench.server), 4);
    bench_close(&bench);
}

static void serve_busy_once(struct fault_connection *connection)
{
    while (fault_read_request(connection)) {
        bool first = fault_server_requests(connection->server) == 1;
        (void)fault_answer(connection, first ? 500 : 200, "", "");
    }
}

static int64_t give_alphabet(void *context, int64_t offset, uint8_t *bytes, size_t room)
{
    int *beginnings = context;
    *beginnings += offset == 0;
    for (size_t i = 0; i < room && offset + (int64_t)i < 26; i++) {
        bytes[i] = (uint8_t)('a' + offset + (int64_t)i);
    }
    int64_t size = 26 - offset;
    return size < (int64_t)room ? size : (int64_t)room;
}

static void a_put_that_is_repeated_begins_anew(void **state)
{
    (void)state;
    int beginnings = 0;
    struct bench bench = bench_open(serve_busy_once, "http", BENCH_KEY);
    assert_int_equal(bs_objects_put(bench.objects, &bench_name, NULL, 26, NULL, LIMIT_MS,
                                    give_alphabet, &beginnings, &bench.error),
                     BS_OK);
    assert_int_equal(beginnings, 2);
    assert_non_null(
        strstr(fault_server_last_request(bench.server), "\r\n\r\nabcdefghijklmnopqrstuvwxyz"));
    bench_close(&bench);
}

static void serve_short(struct fault_connection *connection)
{
    if (fault_read_request(connection)) {
        (void)fault_write(connection, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello");
    }
}

static bool count_bytes(void *context, const uint8_t *bytes, size_t size)
{
    (void)bytes;
    *(size_t *)context += size;
    return true;
}

static void what_was_handed_over_is_not_handed_over_again(void **state)
{
    (void)state;
    size_t size = 0;
    struct bench bench = bench_open(serve_short, "http", BENCH_NONE);
    assert_int_equal(
        bs_objects_get(bench.objects, &bench_name, LIMIT_MS, count_bytes, &size, &bench.error),
        BS_ERROR_TEMPORARY);
    assert_int_equal(size, 5);
    assert_int_equal(fault_server_requests(bench.server), 1);
    bench_close(&bench);
}

static void serve_retry_after(struct fault_connection *connection)
{
    while (fault_read_request(connection)) {
        bool first = fault_server_requests(connection->server) == 1;
        (void)fault_answer(connection, first ? 503 : 200, first ? "Retry-After: 2\r\n" : "", "");
    }
}

static void a_server_that_says_when_to_come_back_is_heard(void **state)
{
    (void)state;
    struct bs_object_facts facts;
    struct bench bench = bench_open(serve_retry_after, "http", BENCH_NONE);
    int64_t begin = now_ms();
    assert_int_equal(bench_head(&bench, LIMIT_MS, &facts), BS_OK);
    assert_true(now_ms() - begin >= 1900);
    bench_close(&bench);
    /* Later than the limit is not waited for. */
    bench = bench_open(serve_retry_after, "http", BENCH_NONE);
    assert_int_equal(bench_head(&bench, 1500, &facts), BS_ERROR_TEMPORARY);
    assert_int_equal(fault_server_requests(bench.server), 1);
    bench_close(&bench);
}

/* ---- what does not -------------------------------------------------------------------------- */

static void serve_silence(struct fault_connection *connection)
{
    if (fault_read_request(connection)) {
        fault_wait_for_close(connection);
    }
}

static void a_silent_server_takes_no_longer_than_the_limit(void **state)
{
    (void)state;
    struct bs_object_facts facts;
    struct bench bench = bench_open(serve_silence, "http", BENCH_KEY);
    int64_t begin = now_ms();
    assert_int_equal(bench_head(&bench, 1000, &facts), BS_ERROR_TEMPORARY);
    assert_in_range(now_ms() - begin, 900, 9000);
    assert_non_null(strstr(bench.error.message, "head s3://recordings/call one+.wav"));
    bench_close(&bench);
}

static void a_dead_server_is_tried_until_the_limit(void **state)
{
    (void)state;
    struct bs_object_facts facts;
    struct bench bench = bench_open(serve_silence, "http", BENCH_KEY);
    fault_server_refuse(bench.server);
    int64_t begin = now_ms();
    assert_int_equal(bench_head(&bench, 1500, &facts), BS_ERROR_TEMPORARY);
    assert_in_range(now_ms() - begin, 700, 9000);
    assert_non_null(strstr(bench.error.message, "tried"));
    assert_null(strstr(bench.error.message, "the-secret"));
    bench_close(&bench);
}

static int trap_port;

static void serve_redirect(struct fault_connection *connection)
{
    while (fault_read_request(connection)) {
        char headers[200];
        (void)snprintf(headers, sizeof headers, "Location: http://127.0.0.1:%d/recordings/trap\r\n",
                       trap_port);
        (void)fault_answer(connection, 307, headers,
                           is_head(connection) ? ""
                                               : "<Error><Code>TemporaryRedirect</Code></Error>");
    }
}

static void no_credential_follows_a_redirect(void **state)
{
    (void)state;
    struct fault_server *trap = fault_server_start(serve_silence);
    trap_port = fault_server_port(trap);
    const enum bench_auth kinds[] = {BENCH_TOKEN, BENCH_KEY};
    for (size_t i = 0; i < 2; i++) {
        char part[256];
        int beginnings = 0;
        struct bench bench = bench_open(serve_redirect, "http", kinds[i]);
        assert_int_equal(bench_get_range(&bench, 0, 5, NULL, LIMIT_MS, part), BS_ERROR_DENIED);
        assert_non_null(strstr(bench.error.message, "no redirect is followed"));
        assert_int_equal(bs_objects_put(bench.objects, &bench_name, NULL, 26, NULL, LIMIT_MS,
                                        give_alphabet, &beginnings, &bench.error),
                         BS_ERROR_DENIED);
        assert_int_equal(fault_server_requests(bench.server), 2);
        bench_close(&bench);
    }
    assert_int_equal(fault_server_connections(trap), 0);
    fault_server_stop(trap);
}

static void a_self_signed_certificate_is_refused_before_anything_is_sent(void **state)
{
    (void)state;
    struct bs_object_facts facts;
    struct bench bench = bench_open(self_signed_serve, "https", BENCH_TOKEN);
    self_signed_bytes_read = 0;
    int64_t begin = now_ms();
    assert_int_equal(bench_head(&bench, LIMIT_MS, &facts), BS_ERROR_DENIED);
    assert_true(now_ms() - begin < LIMIT_MS / 2); /* the same on each try */
    assert_non_null(strstr(bench.error.message, "certificate"));
    assert_int_equal(self_signed_bytes_read, 0);
    bench_close(&bench);
}

/* ---- credentials ---------------------------------------------------------------------------- */

static bool carries(struct fault_connection *connection, const char *token)
{
    return strstr(fault_server_last_request(connection->server), token) != NULL;
}

static struct bench *rotated;

/* The first token has expired, which a HEAD cannot say; the next one comes when it was refused. */
static void serve_expired(struct fault_connection *connection)
{
    while (fault_read_request(connection)) {
        if (carries(connection, "the-second-token")) {
            (void)fault_answer(connection, 200, "", "");
        } else if (is_head(connection)) {
            (void)fault_write(connection, "HTTP/1.1 400 Bad\r\nContent-Length: 90\r\n\r\n");
        } else {
            bench_write_token(rotated, "the-second-token");
            (void)fault_answer(connection, 400, "", EXPIRED);
        }
    }
}

static void an_expired_token_is_replaced_and_the_call_goes_on(void **state)
{
    (void)state;
    struct bs_object_facts facts;
    struct bench bench = bench_open(serve_expired, "http", BENCH_TOKEN);
    rotated = &bench;
    assert_int_equal(bench_head(&bench, LIMIT_MS, &facts), BS_OK);
    bench_close(&bench);
}

static void serve_unauthorized(struct fault_connection *connection)
{
    while (fault_read_request(connection)) {
        (void)fault_answer(connection, 401, "",
                           "<Error><Code>InvalidToken</Code><Message>Unknown</Message></Error>");
    }
}

static void a_credential_that_stays_refused_ends_the_call_soon(void **state)
{
    (void)state;
    char part[256];
    struct bench bench = bench_open(serve_unauthorized, "http", BENCH_TOKEN);
    int64_t begin = now_ms();
    assert_int_equal(bench_get_range(&bench, 0, 5, NULL, LIMIT_MS, part), BS_ERROR_DENIED);
    assert_non_null(strstr(bench.error.message, "InvalidToken, HTTP status 401: Unknown"));
    assert_null(strstr(bench.error.message, "the-first-token"));
    assert_true(now_ms() - begin < LIMIT_MS / 2);
    assert_in_range(fault_server_requests(bench.server), 2, 4);
    bench_close(&bench);

    bench = bench_open(serve_unauthorized, "http", BENCH_KEY);
    assert_int_equal(bench_get_range(&bench, 0, 5, NULL, LIMIT_MS, part), BS_ERROR_DENIED);
    assert_int_equal(fault_server_requests(bench.server), 1); /* nobody makes another key */
    bench_close(&bench);
}

static void without_the_credential_s_file_nothing_is_sent(void **state)
{
    (void)state;
    struct bs_object_facts facts;
    struct bench bench = bench_open(serve_silence, "http", BENCH_KEY);
    bench_write_token(&bench, "no key at all");
    bs_objects_destroy(bench.objects);
    bs_tokens_destroy(bench.tokens);
    bench.tokens = bs_tokens_create(NULL, bench.config, &bench.config->objects.auth, NULL, NULL);
    bench.objects = bs_objects_create(bench.config, bench.tokens);
    assert_int_equal(bench_head(&bench, LIMIT_MS, &facts), BS_ERROR_DENIED);
    assert_non_null(strstr(bench.error.message, bench.key_file));
    assert_int_equal(fault_server_connections(bench.server), 0);
    bench_close(&bench);
}

/* ---- the end -------------------------------------------------------------------------------- */

struct call {
    struct bench *bench;
    enum bs_error_code code;
    struct bs_error error;
    atomic_bool ended;
};

static void *call_head(void *context)
{
    struct call *call = context;
    struct bs_object_facts facts;
    call->code = bs_objects_head(call->bench->objects, &bench_name, 60000, &facts, &call->error);
    atomic_store(&call->ended, true);
    return NULL;
}

static void cancel_during(fault_script *script)
{
    pthread_t thread;
    struct bench bench = bench_open(script, "http", BENCH_KEY);
    struct call call = {.bench = &bench};
    assert_int_equal(pthread_create(&thread, NULL, call_head, &call), 0);
    for (int64_t begin = now_ms(); fault_server_requests(bench.server) == 0;) {
        assert_true(now_ms() - begin < LIMIT_MS);
        fault_sleep_ms(5);
    }
    assert_false(atomic_load(&call.ended));
    int64_t begin = now_ms();
    bs_objects_cancel(bench.objects);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(now_ms() - begin < 9000);
    assert_int_equal(call.code, BS_ERROR_FATAL);
    assert_non_null(strstr(call.error.message, "cancelled"));
    /* And what comes later does not begin. */
    struct bs_object_facts facts;
    assert_int_equal(bench_head(&bench, LIMIT_MS, &facts), BS_ERROR_FATAL);
    bench_close(&bench);
}

static void serve_retry_much_later(struct fault_connection *connection)
{
    while (fault_read_request(connection)) {
        (void)fault_answer(connection, 503, "Retry-After: 50\r\n", "");
    }
}

static void a_call_that_is_cancelled_ends_soon(void **state)
{
    (void)state;
    cancel_during(serve_silence);
    cancel_during(serve_retry_much_later);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_busy_server_a_cut_body_and_a_reset_pass),
        cmocka_unit_test(a_put_that_is_repeated_begins_anew),
        cmocka_unit_test(what_was_handed_over_is_not_handed_over_again),
        cmocka_unit_test(a_server_that_says_when_to_come_back_is_heard),
        cmocka_unit_test(a_silent_server_takes_no_longer_than_the_limit),
        cmocka_unit_test(a_dead_server_is_tried_until_the_limit),
        cmocka_unit_test(no_credential_follows_a_redirect),
        cmocka_unit_test(a_self_signed_certificate_is_refused_before_anything_is_sent),
        cmocka_unit_test(an_expired_token_is_replaced_and_the_call_goes_on),
        cmocka_unit_test(a_credential_that_stays_refused_ends_the_call_soon),
        cmocka_unit_test(without_the_credential_s_file_nothing_is_sent),
        cmocka_unit_test(a_call_that_is_cancelled_ends_soon),
    };
    return cmocka_run_group_tests_name("objects_faults", tests, self_signed_make, self_signed_free);
}
