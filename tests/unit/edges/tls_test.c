/* Whom the HTTP edge trusts: a certificate of no known authority ends the request before it begins.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "exchange.h"
#include "fault_server.h"
#include "self_signed.h"

static struct exchange post_over_tls(bool verify, fault_script *script, int64_t connect_limit_ms)
{
    struct fault_server *server = fault_server_start(script);
    struct bs_http_options options = exchange_options();
    options.verify_certificates = verify;
    options.connect_limit_ms = connect_limit_ms;
    options.request_limit_ms = 10000;
    struct client client = client_open(&options);
    struct exchange exchange = client_post(&client, fault_server_url(server, "https", "/submit"));
    client_close(&client);
    fault_server_stop(server);
    return exchange;
}

static void a_self_signed_certificate_is_refused_before_anything_is_sent(void **state)
{
    (void)state;
    self_signed_bytes_read = 0;
    struct exchange exchange = post_over_tls(true, self_signed_serve, 10000);
    assert_int_equal(exchange.outcome, BS_HTTP_NOT_SENT);
    assert_non_null(strstr(exchange.message, "certificate"));
    assert_int_equal(self_signed_bytes_read, 0);
}

static void tls_works_with_a_certificate_that_is_accepted(void **state)
{
    (void)state;
    self_signed_bytes_read = 0;
    struct exchange exchange = post_over_tls(false, self_signed_serve, 10000);
    assert_int_equal(exchange.outcome, BS_HTTP_ANSWERED);
    assert_string_equal(exchange.body, "{}");
    assert_true(self_signed_bytes_read > 0);
}

static void serve_silence(struct fault_connection *connection)
{
    fault_wait_for_close(connection);
}

static void serve_plain(struct fault_connection *connection)
{
    (void)fault_answer(connection, 200, "", "{}");
    fault_wait_for_close(connection);
}

static void a_handshake_that_does_not_end_is_not_sent(void **state)
{
    (void)state;
    struct exchange exchange = post_over_tls(false, serve_silence, 1000);
    assert_int_equal(exchange.outcome, BS_HTTP_NOT_SENT);
    assert_in_range(exchange.took_ms, 900, 2500);
    assert_int_equal(post_over_tls(false, serve_plain, 1000).outcome, BS_HTTP_NOT_SENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_self_signed_certificate_is_refused_before_anything_is_sent),
        cmocka_unit_test(tls_works_with_a_certificate_that_is_accepted),
        cmocka_unit_test(a_handshake_that_does_not_end_is_not_sent),
    };
    return cmocka_run_group_tests_name("tls", tests, self_signed_make, self_signed_free);
}
