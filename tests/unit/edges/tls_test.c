/* Whom the HTTP edge trusts: a certificate of no known authority ends the request before it begins.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/check.h"
#include "exchange.h"
#include "fault_server.h"

static SSL_CTX *server_context;

/* A certificate for 127.0.0.1 that signs itself, made for this run alone. */
static int make_certificate(void **state)
{
    (void)state;
    EVP_PKEY *key = EVP_RSA_gen(2048);
    X509 *certificate = X509_new();
    BS_ASSERT(key != NULL && certificate != NULL);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    (void)X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    (void)X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    (void)X509_set_pubkey(certificate, key);
    X509_NAME *name = X509_get_subject_name(certificate);
    (void)X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"127.0.0.1",
                                     -1, -1, 0);
    (void)X509_set_issuer_name(certificate, name);
    BS_ASSERT(X509_sign(certificate, key, EVP_sha256()) > 0);
    server_context = SSL_CTX_new(TLS_server_method());
    BS_ASSERT(SSL_CTX_use_certificate(server_context, certificate) == 1);
    BS_ASSERT(SSL_CTX_use_PrivateKey(server_context, key) == 1);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return 0;
}

static int free_certificate(void **state)
{
    (void)state;
    SSL_CTX_free(server_context);
    return 0;
}

static int bytes_in_the_clear;

static void serve_tls(struct fault_connection *connection)
{
    SSL *ssl = SSL_new(server_context);
    (void)SSL_set_fd(ssl, connection->fd);
    char request[4096];
    if (SSL_accept(ssl) == 1) {
        int size = SSL_read(ssl, request, sizeof request);
        if (size > 0) {
            bytes_in_the_clear += size;
            static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
            (void)SSL_write(ssl, answer, sizeof answer - 1);
        }
        (void)SSL_shutdown(ssl);
    }
    SSL_free(ssl);
}

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
    bytes_in_the_clear = 0;
    struct exchange exchange = post_over_tls(true, serve_tls, 10000);
    assert_int_equal(exchange.outcome, BS_HTTP_NOT_SENT);
    assert_non_null(strstr(exchange.message, "certificate"));
    assert_int_equal(bytes_in_the_clear, 0);
}

static void tls_works_with_a_certificate_that_is_accepted(void **state)
{
    (void)state;
    bytes_in_the_clear = 0;
    struct exchange exchange = post_over_tls(false, serve_tls, 10000);
    assert_int_equal(exchange.outcome, BS_HTTP_ANSWERED);
    assert_string_equal(exchange.body, "{}");
    assert_true(bytes_in_the_clear > 0);
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
    return cmocka_run_group_tests_name("tls", tests, make_certificate, free_certificate);
}
