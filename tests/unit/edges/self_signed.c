#include "self_signed.h"

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/check.h"

static SSL_CTX *server_context;

int self_signed_make(void **state)
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

int self_signed_free(void **state)
{
    (void)state;
    SSL_CTX_free(server_context);
    return 0;
}

int self_signed_bytes_read;

void self_signed_serve(struct fault_connection *connection)
{
    SSL *ssl = SSL_new(server_context);
    (void)SSL_set_fd(ssl, connection->fd);
    char request[4096];
    if (SSL_accept(ssl) == 1) {
        int size = SSL_read(ssl, request, sizeof request);
        if (size > 0) {
            self_signed_bytes_read += size;
            static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
            (void)SSL_write(ssl, answer, sizeof answer - 1);
        }
        (void)SSL_shutdown(ssl);
    }
    SSL_free(ssl);
}
