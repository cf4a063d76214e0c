/* What the HTTP edge promises, against a server that places each fault exactly. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "exchange.h"
#include "fault_server.h"

/* ---- one exchange with one script ------------------------------------------------------- */

static struct exchange get_from(fault_script *script)
{
    struct fault_server *server = fault_server_start(script);
    struct bs_http_options options = exchange_options();
    struct client client = client_open(&options);
    struct exchange exchange = client_get(&client, fault_server_url(server, "http", "/"));
    assert_int_equal(exchange.calls, 1);
    assert_int_equal(bs_http_under_way(client.http), 0);
    client_close(&client);
    fault_server_stop(server);
    return exchange;
}

static void assert_lost(fault_script *script)
{
    struct exchange exchange = get_from(script);
    assert_int_equal(exchange.outcome, BS_HTTP_LOST);
    assert_string_not_equal(exchange.message, "");
    assert_null(strstr(exchange.message, "secret"));
}

/* ---- answers ---------------------------------------------------------------------------- */

static void serve_whole(struct fault_connection *connection)
{
    while (fault_read_request(connection)) {
        (void)fault_answer(connection, 200,
                           "Date: Mon, 06 Jul 2026 10:00:00 GMT\r\nX-Request-Id: r-1\r\n"
                           "x-server-trace-id:  t-1 \r\n",
                           "{\"done\":false}");
    }
}

static void an_answer_comes_whole(void **state)
{
    (void)state;
    struct exchange exchange = get_from(serve_whole);
    assert_int_equal(exchange.outcome, BS_HTTP_ANSWERED);
    assert_int_equal(exchange.status, 200);
    assert_string_equal(exchange.body, "{\"done\":false}");
    assert_string_equal(exchange.request_id, "r-1");
    assert_string_equal(exchange.trace_id, "t-1");
    assert_true(exchange.date == INT64_C(1783332000000));
    assert_int_equal(exchange.retry_after_ms, 0);
}

static void serve_interim(struct fault_connection *connection)
{
    while (fault_read_request(connection)) {
        (void)fault_write(connection, "HTTP/1.1 100 Continue\r\nx-request-id: interim\r\n\r\n");
        (void)fault_answer(connection, 503, "", "");
    }
}

static void an_interim_answer_is_not_the_answer(void **state)
{
    (void)state;
    struct exchange exchange = get_from(serve_interim);
    assert_int_equal(exchange.outcome, BS_HTTP_ANSWERED);
    assert_int_equal(exchange.status, 503);
    assert_int_equal(exchange.body_size, 0);
    assert_string_equal(exchange.request_id, "");
}

static void a_request_carries_what_was_asked_and_no_more(void **state)
{
    (void)state;
    struct fault_server *server = fault_server_start(serve_whole);
    struct bs_http_options options = exchange_options();
    struct client client = client_open(&options);
    struct exchange exchange =
        client_post(&client, fault_server_url(server, "http", "/submit?a=b"));
    assert_int_equal(exchange.outcome, BS_HTTP_ANSWERED);
    char expected[512];
    (void)snprintf(expected, sizeof expected,
                   "POST /submit?a=b HTTP/1.1\r\n"
                   "Host: 127.0.0.1:%d\r\n"
                   "User-Agent: backscribe-test\r\n"
                   "Accept: */*\r\n"
                   "Idempotency-Key: 6f1c\r\n"
                   "Authorization: Api-Key secret-of-the-test\r\n"
                   "Content-Type: application/json\r\n"
                   "Content-Length: 12\r\n"
                   "\r\n"
                   "{\"audio\":{}}",
                   fault_server_port(server));
    assert_string_equal(fault_server_last_request(server), expected);

    /* The same handle again: nothing of the request before is left. */
    struct bs_http_request plain = {.url = fault_server_url(server, "http", "/op")};
    exchange = client_send(&client, &plain);
    assert_int_equal(exchange.outcome, BS_HTTP_ANSWERED);
    (void)snprintf(expected, sizeof expected,
                   "GET /op HTTP/1.1\r\n"
                   "Host: 127.0.0.1:%d\r\n"
                   "User-Agent: backscribe-test\r\n"
                   "Accept: */*\r\n"
                   "\r\n",
                   fault_server_port(server));
    assert_string_equal(fault_server_last_request(server), expected);
    assert_int_equal(fault_server_connections(server), 1);
    client_close(&client);
    fault_server_stop(server);
}

static void serve_retry_after_seconds(struct fault_connection *connection)
{
    while (fault_read_request(connection)) {
        (void)fault_answer(connection, 429, "Retry-After: 17\r\n", "");
    }
}

static void serve_retry_after_date(struct fault_connection *connection)
{
    while (fault_read_request(connection)) {
        /* Both of the server's clock, which is years away from ours. */
        (void)fault_answer(connection, 503,
                           "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n"
                           "Date: Fri, 31 Dec 1999 23:58:00 GMT\r\n",
                           "");
    }
}

static void serve_retry_after_nonsense(struct fault_connection *connection)
{
    while (fault_read_request(connection)) {
        (void)fault_answer(connection, 503, "Retry-After: 12 monkeys\r\n", "");
    }
}

static void serve_retry_after_ages(struct fault_connection *connection)
{
    while (fault_read_request(connection)) {
        (void)fault_answer(connection, 503, "Retry-After: 99999999999999999999999\r\n", "");
    }
}

static void retry_after_is_read_as_seconds_or_date(void **state)
{
    (void)state;
    assert_int_equal(get_from(serve_retry_after_seconds).retry_after_ms, 17000);
    assert_int_equal(get_from(serve_retry_after_date).retry_after_ms, 119000);
    assert_int_equal(get_from(serve_retry_after_nonsense).retry_after_ms, 0);
    assert_int_equal(get_from(serve_retry_after_ages).retry_after_ms, 24 * 3600 * 1000);
}

/* ---- never twice ------------------------------------------------------------------------ */

static void serve_one_then_close_on_the_second(struct fault_connection *connection)
{
    if (fault_read_request(connection)) {
        (void)fault_answer(connection, 200, "", "{}");
        (void)fault_read_request(connection);
    }
}

static void a_request_on_a_connection_the_server_has_closed_is_not_sent_twice(void **state)
{
    (void)state;
    struct fault_server *server = fault_server_start(serve_one_then_close_on_the_second);
    struct bs_http_options options = exchange_options();
    struct client client = client_open(&options);
    const char *url = fault_server_url(server, "http", "/submit");
    assert_int_equal(client_post(&client, url).outcome, BS_HTTP_ANSWERED);
    struct exchange second = client_post(&client, url);
    assert_int_equal(second.outcome, BS_HTTP_LOST);
    assert_string_equal(second.message, "the kept connection was closed before an answer came");
    assert_int_equal(fault_server_requests(server), 2);
    client_close(&client);
    fault_server_stop(server);
}

static void serve_one_then_reset_on_the_second(struct fault_connection *connection)
{
    if (fault_read_request(connection)) {
        (void)fault_answer(connection, 200, "", "{}");
        (void)fault_read_request(connection);
        fault_reset_on_close(connection);
    }
}

static void a_request_on_a_connection_that_is_reset_is_not_sent_twice(void **state)
{
    (void)state;
    struct fault_server *server = fault_server_start(serve_one_then_reset_on_the_second);
    struct bs_http_options options = exchange_options();
    struct client client = client_open(&options);
    const char *url = fault_server_url(server, "http", "/submit");
    assert_int_equal(client_post(&client, url).outcome, BS_HTTP_ANSWERED);
    assert_int_equal(client_post(&client, url).outcome, BS_HTTP_LOST);
    assert_int_equal(fault_server_requests(server), 2);
    client_close(&client);
    fault_server_stop(server);
}

static void serve_one_then_die_on_the_second(struct fault_connection *connection)
{
    if (fault_read_request(connection)) {
        (void)fault_answer(connection, 200, "", "{}");
        (void)fault_read_request(connection);
        fault_server_refuse(connection->server);
    }
}

/* curl's own second try then ends with "could not connect", which says nothing of the first. */
static void a_refused_second_try_does_not_hide_that_the_first_was_sent(void **state)
{
    (void)state;
    struct fault_server *server = fault_server_start(serve_one_then_die_on_the_second);
    struct bs_http_options options = exchange_options();
    struct client client = client_open(&options);
    const char *url = fault_server_url(server, "http", "/submit");
    assert_int_equal(client_post(&client, url).outcome, BS_HTTP_ANSWERED);
    assert_int_equal(client_post(&client, url).outcome, BS_HTTP_LOST);
    assert_int_equal(fault_server_requests(server), 2);
    client_close(&client);
    fault_server_stop(server);
}

static void serve_one(struct fault_connection *connection)
{
    if (fault_read_request(connection)) {
        (void)fault_answer(connection, 200, "", "{}");
    }
}

static void a_connection_that_was_closed_while_idle_is_replaced(void **state)
{
    (void)state;
    struct fault_server *server = fault_server_start(serve_one);
    struct bs_http_options options = exchange_options();
    struct client client = client_open(&options);
    const char *url = fault_server_url(server, "http", "/submit");
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(client_post(&client, url).outcome, BS_HTTP_ANSWERED);
        fault_sleep_ms(50);
        assert_int_equal(fault_server_requests(server), i);
    }
    assert_int_equal(fault_server_connections(server), 3);
    client_close(&client);
    fault_server_stop(server);
}

/* ---- lost ------------------------------------------------------------------------------- */

static void serve_close(struct fault_connection *connection)
{
    (void)fault_read_request(connection);
}

static void serve_reset(struct fault_connection *connection)
{
    (void)fault_read_request(connection);
    fault_reset_on_close(connection);
}

static void serve_cut_status(struct fault_connection *connection)
{
    (void)fault_read_request(connection);
    (void)fault_write(connection, "HTTP/1.1 20");
}

static void serve_cut_headers(struct fault_connection *connection)
{
    (void)fault_read_request(connection);
    (void)fault_write(connection, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nDate: Mon");
}

static void serve_cut_body(struct fault_connection *connection)
{
    (void)fault_read_request(connection);
    (void)fault_write(connection, "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n{\"done\":false}");
}

static void serve_cut_chunks(struct fault_connection *connection)
{
    (void)fault_read_request(connection);
    (void)fault_write(
        connection,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ne\r\n{\"done\":false}\r\n");
}

static void an_answer_that_is_cut_is_lost(void **state)
{
    (void)state;
    assert_lost(serve_close);
    assert_lost(serve_reset);
    assert_lost(serve_cut_status);
    assert_lost(serve_cut_headers);
    assert_lost(serve_cut_body);
    assert_lost(serve_cut_chunks);
}

static void serve_garbage(struct fault_connection *connection)
{
    (void)fault_read_request(connection);
    (void)fault_write(connection, "\x16\x03\x01 this is not HTTP\r\n\r\n{}");
}

static void serve_garbage_chunks(struct fault_connection *connection)
{
    (void)fault_read_request(connection);
    (void)fault_write(connection,
                      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n");
}

static void serve_garbage_length(struct fault_connection *connection)
{
    (void)fault_read_request(connection);
    (void)fault_write(connection, "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}");
}

static void an_answer_that_is_not_http_is_lost(void **state)
{
    (void)state;
    assert_lost(serve_garbage);
    assert_lost(serve_garbage_chunks);
    assert_lost(serve_garbage_length);
}

static void serve_endless_headers(struct fault_connection *connection)
{
    (void)fault_read_request(connection);
    (void)fault_write(connection, "HTTP/1.1 200 OK\r\n");
    while (fault_write(connection, "x-filler: 0123456789012345678901234567890123456789\r\n")) {
    }
}

static void serve_endless_header_line(struct fault_connection *connection)
{
    (void)fault_read_request(connection);
    (void)fault_write(connection, "HTTP/1.1 200 OK\r\nx-filler: ");
    while (fault_write(connection, "01234567890123456789012345678901234567890123456789")) {
    }
}

static void serve_endless_interim_answers(struct fault_connection *connection)
{
    (void)fault_read_request(connection);
    while (fault_write(connection, "HTTP/1.1 100 Continue\r\n\r\n")) {
    }
}

static void endless_headers_end_at_the_limit(void **state)
{
    (void)state;
    fault_script *const scripts[] = {serve_endless_headers, serve_endless_header_line};
    for (size_t i = 0; i < 2; i++) {
        struct exchange exchange = get_from(scripts[i]);
        assert_int_equal(exchange.outcome, BS_HTTP_LOST);
        assert_string_equal(exchange.message, "the answer's headers are larger than the limit");
    }
    assert_lost(serve_endless_interim_answers);
}

static void serve_endless_body(struct fault_connection *connection)
{
    (void)fault_read_request(connection);
    (void)fault_write(connection, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (fault_write(connection, "10\r\n0123456789abcdef\r\n")) {
    }
}

static void serve_announced_giant(struct fault_connection *connection)
{
    (void)fault_read_request(connection);
    (void)fault_write(connection, "HTTP/1.1 200 OK\r\nContent-Length: 9000000000000\r\n\r\n{");
    fault_wait_for_close(connection);
}

static void an_endless_body_ends_at_the_limit(void **state)
{
    (void)state;
    struct exchange exchange = get_from(serve_endless_body);
    assert_int_equal(exchange.outcome, BS_HTTP_LOST);
    assert_string_equal(exchange.message, "the answer is larger than the limit");
    exchange = get_from(serve_announced_giant);
    assert_int_equal(exchange.outcome, BS_HTTP_LOST);
    assert_string_equal(exchange.message, "the answer is larger than the limit");
    assert_true(exchange.took_ms < 900); /* told by its length, not by waiting */
}

static void serve_the_largest_body(struct fault_connection *connection)
{
    static char body[100000];
    memset(body, 'a', sizeof body);
    (void)fault_read_request(connection);
    (void)fault_write(connection, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    (void)fault_write_bytes(connection, body, sizeof body);
}

static void a_body_of_just_the_limit_comes_whole(void **state)
{
    (void)state;
    struct exchange exchange = get_from(serve_the_largest_body);
    assert_int_equal(exchange.outcome, BS_HTTP_ANSWERED);
    assert_int_equal(exchange.body_size, 100000);
}

static void serve_nothing(struct fault_connection *connection)
{
    (void)fault_read_request(connection);
    fault_wait_for_close(connection);
}

static void serve_half_then_nothing(struct fault_connection *connection)
{
    (void)fault_read_request(connection);
    (void)fault_write(connection, "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n{\"done\"");
    fault_wait_for_close(connection);
}

static void serve_drops(struct fault_connection *connection)
{
    (void)fault_read_request(connection);
    (void)fault_write(connection, "HTTP/1.1 200 OK\r\nContent-Length: 30000\r\n\r\n");
    while (fault_write(connection, "........")) {
        fault_sleep_ms(100);
    }
}

static void a_server_that_hangs_meets_the_stall_limit(void **state)
{
    (void)state;
    struct exchange exchange = get_from(serve_nothing);
    assert_int_equal(exchange.outcome, BS_HTTP_LOST);
    assert_in_range(exchange.took_ms, 900, 2900);
}

/* curl takes its speed over the last few seconds, so bytes that came are forgotten slowly. */
static void a_server_that_stops_in_the_middle_meets_the_stall_limit(void **state)
{
    (void)state;
    struct fault_server *server = fault_server_start(serve_half_then_nothing);
    struct bs_http_options options = exchange_options();
    options.request_limit_ms = 15000;
    struct client client = client_open(&options);
    struct exchange exchange = client_get(&client, fault_server_url(server, "http", "/"));
    assert_int_equal(exchange.outcome, BS_HTTP_LOST);
    assert_in_range(exchange.took_ms, 900, 10000);
    client_close(&client);
    fault_server_stop(server);
}

static void a_server_that_drips_meets_the_request_limit(void **state)
{
    (void)state;
    struct exchange exchange = get_from(serve_drops);
    assert_int_equal(exchange.outcome, BS_HTTP_LOST);
    assert_in_range(exchange.took_ms, 2990, 4500);
}

/* ---- not sent --------------------------------------------------------------------------- */

static void a_refused_connection_is_not_sent(void **state)
{
    (void)state;
    struct fault_server *server = fault_server_start(serve_whole);
    fault_server_refuse(server);
    struct bs_http_options options = exchange_options();
    struct client client = client_open(&options);
    struct exchange exchange = client_post(&client, fault_server_url(server, "http", "/"));
    assert_int_equal(exchange.outcome, BS_HTTP_NOT_SENT);
    assert_string_not_equal(exchange.message, "");
    client_close(&client);
    fault_server_stop(server);
}

/* The listener's queue is full, so the kernel answers no further connection. */
static void a_connection_that_is_not_accepted_in_time_is_not_sent(void **state)
{
    (void)state;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 0), 0);
    socklen_t size = sizeof address;
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    int queued[4];
    for (int i = 0; i < 4; i++) {
        queued[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(queued[i], (struct sockaddr *)&address, sizeof address);
    }
    struct bs_http_options options = exchange_options();
    struct client client = client_open(&options);
    char url[64];
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/", ntohs(address.sin_port));
    struct exchange exchange = client_post(&client, url);
    assert_int_equal(exchange.outcome, BS_HTTP_NOT_SENT);
    assert_in_range(exchange.took_ms, 390, 2000);
    client_close(&client);
    for (int i = 0; i < 4; i++) {
        (void)close(queued[i]);
    }
    (void)close(listener);
}

static void a_url_that_is_none_is_not_sent(void **state)
{
    (void)state;
    struct bs_http_options options = exchange_options();
    struct client client = client_open(&options);
    assert_int_equal(client_get(&client, "ftp://127.0.0.1/").outcome, BS_HTTP_NOT_SENT);
    assert_int_equal(client_get(&client, "file:///etc/hostname").outcome, BS_HTTP_NOT_SENT);
    assert_int_equal(client_get(&client, "http://127.0.0.1:99999/").outcome, BS_HTTP_NOT_SENT);
    assert_int_equal(client_get(&client, "").outcome, BS_HTTP_NOT_SENT);
    client_close(&client);
}

/* ---- credentials go nowhere else -------------------------------------------------------- */

static struct fault_server *redirect_target;

static void serve_redirect(struct fault_connection *connection)
{
    char header[128];
    (void)snprintf(header, sizeof header, "Location: http://127.0.0.1:%d/elsewhere\r\n",
                   fault_server_port(redirect_target));
    while (fault_read_request(connection)) {
        (void)fault_answer(connection, 307, header, "");
    }
}

static void a_redirect_is_an_answer_and_is_not_followed(void **state)
{
    (void)state;
    redirect_target = fault_server_start(serve_whole);
    struct exchange exchange = get_from(serve_redirect);
    assert_int_equal(exchange.outcome, BS_HTTP_ANSWERED);
    assert_int_equal(exchange.status, 307);
    assert_int_equal(fault_server_connections(redirect_target), 0);
    fault_server_stop(redirect_target);
}

static void a_proxy_of_the_environment_sees_nothing(void **state)
{
    (void)state;
    struct fault_server *proxy = fault_server_start(serve_whole);
    const char *url = fault_server_url(proxy, "http", "");
    (void)setenv("http_proxy", url, 1);
    (void)setenv("https_proxy", url, 1);
    (void)setenv("all_proxy", url, 1);
    struct exchange exchange = get_from(serve_whole);
    (void)unsetenv("http_proxy");
    (void)unsetenv("https_proxy");
    (void)unsetenv("all_proxy");
    assert_int_equal(exchange.outcome, BS_HTTP_ANSWERED);
    assert_int_equal(fault_server_connections(proxy), 0);
    fault_server_stop(proxy);
}

/* ---- many ------------------------------------------------------------------------------- */

#define PARALLEL 64
#define ROUNDS   20

struct crowd {
    struct client client;
    const char *url;
    int to_send;
    int answered;
};

static void send_one_of_crowd(struct crowd *crowd);

static void one_of_crowd_answered(void *context, const struct bs_http_answer *answer)
{
    struct crowd *crowd = context;
    assert_int_equal(answer->outcome, BS_HTTP_ANSWERED);
    assert_int_equal(answer->status, 200);
    crowd->answered++;
    if (crowd->to_send > 0) {
        send_one_of_crowd(crowd);
    } else if (bs_http_under_way(crowd->client.http) == 0) {
        bs_loop_stop(crowd->client.loop);
    }
}

static void send_one_of_crowd(struct crowd *crowd)
{
    struct bs_http_request request = {
        .url = crowd->url, .body = "{}", .body_size = 2, .authorization = "Bearer t"};
    crowd->to_send--;
    bs_http_send(crowd->client.http, &request, one_of_crowd_answered, crowd);
}

static void sixty_four_requests_at_once_keep_their_connections(void **state)
{
    (void)state;
    struct fault_server *server = fault_server_start(serve_whole);
    struct bs_http_options options = exchange_options();
    struct crowd crowd = {.client = client_open(&options),
                          .url = fault_server_url(server, "http", "/submit"),
                          .to_send = PARALLEL * ROUNDS};
    for (int i = 0; i < PARALLEL; i++) {
        send_one_of_crowd(&crowd);
    }
    assert_int_equal(bs_http_under_way(crowd.client.http), PARALLEL);
    bs_loop_run(crowd.client.loop, NULL, NULL);
    assert_int_equal(crowd.answered, PARALLEL * ROUNDS);
    assert_int_equal(fault_server_requests(server), PARALLEL * ROUNDS);
    assert_int_equal(fault_server_connections(server), PARALLEL);
    assert_int_equal(bs_http_open_connections(crowd.client.http), PARALLEL);
    client_close(&crowd.client);
    fault_server_stop(server);
}

static void must_not_be_called(void *context, const struct bs_http_answer *answer)
{
    (void)context;
    (void)answer;
    fail_msg("a request that was dropped was answered");
}

static void stop_soon(void *context, uint32_t events)
{
    (void)events;
    bs_loop_stop(context);
}

static void requests_under_way_are_dropped_with_the_client(void **state)
{
    (void)state;
    struct fault_server *server = fault_server_start(serve_nothing);
    struct bs_http_options options = exchange_options();
    struct client client = client_open(&options);
    struct bs_http_request request = {.url = fault_server_url(server, "http", "/")};
    for (int i = 0; i < 3; i++) {
        bs_http_send(client.http, &request, must_not_be_called, NULL);
    }
    struct bs_timer *timer = bs_timer_create(client.loop, stop_soon, client.loop);
    bs_timer_set(timer, bs_clock_now().mono + 100);
    bs_loop_run(client.loop, NULL, NULL);
    bs_timer_destroy(timer);
    assert_int_equal(bs_http_under_way(client.http), 3);
    client_close(&client);
    fault_server_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_comes_whole),
        cmocka_unit_test(an_interim_answer_is_not_the_answer),
        cmocka_unit_test(a_request_carries_what_was_asked_and_no_more),
        cmocka_unit_test(retry_after_is_read_as_seconds_or_date),
        cmocka_unit_test(a_request_on_a_connection_the_server_has_closed_is_not_sent_twice),
        cmocka_unit_test(a_request_on_a_connection_that_is_reset_is_not_sent_twice),
        cmocka_unit_test(a_refused_second_try_does_not_hide_that_the_first_was_sent),
        cmocka_unit_test(a_connection_that_was_closed_while_idle_is_replaced),
        cmocka_unit_test(an_answer_that_is_cut_is_lost),
        cmocka_unit_test(an_answer_that_is_not_http_is_lost),
        cmocka_unit_test(endless_headers_end_at_the_limit),
        cmocka_unit_test(an_endless_body_ends_at_the_limit),
        cmocka_unit_test(a_body_of_just_the_limit_comes_whole),
        cmocka_unit_test(a_server_that_hangs_meets_the_stall_limit),
        cmocka_unit_test(a_server_that_stops_in_the_middle_meets_the_stall_limit),
        cmocka_unit_test(a_server_that_drips_meets_the_request_limit),
        cmocka_unit_test(a_refused_connection_is_not_sent),
        cmocka_unit_test(a_connection_that_is_not_accepted_in_time_is_not_sent),
        cmocka_unit_test(a_url_that_is_none_is_not_sent),
        cmocka_unit_test(a_redirect_is_an_answer_and_is_not_followed),
        cmocka_unit_test(a_proxy_of_the_environment_sees_nothing),
        cmocka_unit_test(sixty_four_requests_at_once_keep_their_connections),
        cmocka_unit_test(requests_under_way_are_dropped_with_the_client),
    };
    return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
