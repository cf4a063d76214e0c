/* Keys and tokens: what is signed, by whom it can be verified, which answers hold a token. */
#include "fixture.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/credential.h"
#include "formats/json.h"

#define NOW INT64_C(1783332000000)

/* An authorized key as the service hands it out, with a line before the PEM. */
static char *key_file(EVP_PKEY *key, const char *cipher)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem;
    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(
                         bio, key, cipher == NULL ? NULL : EVP_get_cipherbyname(cipher),
                         cipher == NULL ? NULL : "phrase", cipher == NULL ? 0 : 6, NULL, NULL),
                     1);
    long size = BIO_get_mem_data(bio, &pem);
    struct bs_buffer whole = {0}, text = {0};
    bs_buffer_append_text(&whole, "PLEASE DO NOT REMOVE THIS LINE! Yandex.Cloud SA Key ID <k>\n");
    bs_buffer_append(&whole, pem, (size_t)size);
    bs_buffer_append(&whole, "", 1);
    bs_buffer_append_text(&text, "{\"id\":\"ajek\",\"service_account_id\":\"ajes\","
                                 "\"created_at\":\"2026-01-01T00:00:00Z\","
                                 "\"key_algorithm\":\"RSA_2048\",\"private_key\":");
    bs_json_append_string(&text, (const char *)whole.data);
    bs_buffer_append(&text, "}", 2);
    bs_buffer_free(&whole);
    (void)BIO_free(bio);
    return (char *)text.data;
}

/* Of base64url; a NUL behind. */
static char *decoded(const char *text, size_t length, size_t *size)
{
    char *padded = calloc(1, length + 5);
    uint8_t *bytes = calloc(1, length + 5);
    assert_true(padded != NULL && bytes != NULL);
    memcpy(padded, text, length);
    for (size_t i = 0; i < length; i++) {
        padded[i] = padded[i] == '-' ? '+' : padded[i] == '_' ? '/' : padded[i];
    }
    size_t padding = (4 - length % 4) % 4;
    memset(padded + length, '=', padding);
    int got = EVP_DecodeBlock(bytes, (uint8_t *)padded, (int)(length + padding));
    assert_true(got > 0);
    *size = (size_t)got - padding;
    bytes[*size] = '\0';
    free(padded);
    return (char *)bytes;
}

/* As the service verifies it: the salt's length is no other than the digest's. */
static bool verifies(EVP_PKEY *key, const char *text, size_t length, const char *signature,
                     size_t signature_size, int salt)
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    EVP_PKEY_CTX *padding;
    assert_int_equal(EVP_DigestVerifyInit(digest, &padding, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(padding, RSA_PKCS1_PSS_PADDING), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md(padding, EVP_sha256()), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(padding, salt), 1);
    int good = EVP_DigestVerify(digest, (const uint8_t *)signature, signature_size,
                                (const uint8_t *)text, length);
    EVP_MD_CTX_free(digest);
    return good == 1;
}

static void a_request_for_a_token_is_signed_with_ps256(void **state)
{
    (void)state;
    EVP_PKEY *pair = EVP_RSA_gen(2048), *other = EVP_RSA_gen(2048);
    char *file = key_file(pair, NULL);
    struct bs_authorized_key key;
    struct bs_error error = BS_NO_ERROR;
    assert_int_equal(bs_authorized_key_read(file, &key, &error), BS_OK);
    char *request = bs_authorized_key_request(&key, NOW + 999, &error);
    assert_non_null(request);
    assert_memory_equal(request, "{\"jwt\":\"", 8);
    char *jwt = request + 8, *end = strchr(jwt, '"');
    assert_string_equal(end, "\"}");
    *end = '\0';
    assert_int_equal(strspn(jwt, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                 "-_."),
                     strlen(jwt));
    char *claims = strchr(jwt, '.') + 1, *signature = strchr(claims, '.') + 1;

    size_t size;
    char *text = decoded(jwt, (size_t)(claims - 1 - jwt), &size);
    assert_string_equal(text, "{\"typ\":\"JWT\",\"alg\":\"PS256\",\"kid\":\"ajek\"}");
    free(text);
    text = decoded(claims, (size_t)(signature - 1 - claims), &size);
    assert_string_equal(text, "{\"iss\":\"ajes\","
                              "\"aud\":\"https://iam.api.cloud.yandex.net/iam/v1/tokens\","
                              "\"iat\":1783332000,\"exp\":1783335600}");
    free(text);
    text = decoded(signature, strlen(signature), &size);
    assert_int_equal(size, 256);
    size_t signed_length = (size_t)(signature - 1 - jwt);
    assert_true(verifies(pair, jwt, signed_length, text, size, 32));
    assert_false(verifies(pair, jwt, signed_length, text, size, 20));
    assert_false(verifies(pair, jwt, signed_length - 1, text, size, 32));
    assert_false(verifies(other, jwt, signed_length, text, size, 32));
    free(text);

    bs_secret_free(request);
    bs_authorized_key_free(&key);
    free(file);
    EVP_PKEY_free(pair);
    EVP_PKEY_free(other);
}

static void assert_no_key(const char *text, const char *message)
{
    struct bs_authorized_key key;
    struct bs_error error = BS_NO_ERROR;
    enum bs_error_code code = bs_authorized_key_read(text, &key, &error);
    if (code == BS_OK) {
        assert_null(bs_authorized_key_request(&key, NOW, &error));
        bs_authorized_key_free(&key);
    }
    assert_int_equal(error.code, BS_ERROR_INVALID);
    assert_string_equal(error.message, message);
}

static void what_is_no_authorized_key_is_told_without_showing_it(void **state)
{
    (void)state;
    static const char unreadable[] =
        "not an authorized key: its private_key is no PEM that can be read";
    assert_no_key("t1.token", "not the JSON of an authorized key");
    assert_no_key("[]", "not the JSON of an authorized key");
    assert_no_key("{}", "not an authorized key: it has no text \"id\"");
    assert_no_key("{\"id\":\"i\",\"private_key\":\"p\"}",
                  "not an authorized key: it has no text \"service_account_id\"");
    assert_no_key("{\"id\":\"i\",\"service_account_id\":\"s\",\"private_key\":7}",
                  "not an authorized key: it has no text \"private_key\"");
    assert_no_key("{\"id\":\"i\",\"service_account_id\":\"s\",\"private_key\":\"secret\"}",
                  unreadable);
    EVP_PKEY *small = EVP_RSA_gen(1024), *curve = EVP_EC_gen("P-256"), *good = EVP_RSA_gen(2048);
    char *files[] = {key_file(small, NULL), key_file(curve, NULL), key_file(good, "aes-128-cbc")};
    static const char weak[] =
        "not an authorized key: its private_key is not of RSA with 2048 bits";
    assert_no_key(files[0], weak);
    assert_no_key(files[1], weak);
    assert_no_key(files[2], unreadable); /* and nobody is asked for a pass phrase */
    for (size_t i = 0; i < 3; i++) {
        free(files[i]);
    }
    EVP_PKEY_free(small);
    EVP_PKEY_free(curve);
    EVP_PKEY_free(good);
}

static enum bs_error_code read_iam(const char *body, struct bs_token_answer *answer)
{
    struct bs_error error = BS_NO_ERROR;
    enum bs_error_code code =
        bs_iam_answer_read((const uint8_t *)body, strlen(body), answer, &error);
    assert_null(strstr(error.message, "t1."));
    return code;
}

static void an_iam_answer_tells_the_token_and_its_end(void **state)
{
    (void)state;
    struct bs_token_answer answer;
    assert_int_equal(read_iam("{\"iamToken\":\"t1.a-b_c\",\"expiresAt\":"
                              "\"2026-07-06T22:00:00.123456789Z\"}",
                              &answer),
                     BS_OK);
    assert_string_equal(answer.token, "t1.a-b_c");
    assert_true(answer.expires == NOW + INT64_C(12) * 3600 * 1000 + 123);
    bs_secret_free(answer.token);
    static const char *const bad[] = {
        "",
        "<html>t1.a</html>",
        "[\"t1.a\"]",
        "{\"iamToken\":\"\",\"expiresAt\":\"2026-07-06T22:00:00Z\"}",
        "{\"iamToken\":\"t1.a\"}",
        "{\"iamToken\":\"t1.a\",\"expiresAt\":\"soon\"}",
        "{\"iamToken\":\"t1.a\",\"expiresAt\":12}",
        "{\"iamToken\":\"t1.a\\r\\nX-Other: 1\",\"expiresAt\":\"2026-07-06T22:00:00Z\"}",
        "{\"iamToken\":\"t1. a\",\"expiresAt\":\"2026-07-06T22:00:00Z\"}",
        "{\"iamToken\":[\"t1.a\"],\"expiresAt\":\"2026-07-06T22:00:00Z\"}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(read_iam(bad[i], &answer), BS_ERROR_INVALID);
        assert_null(answer.token);
    }
}

static enum bs_error_code read_metadata(const char *body, struct bs_token_answer *answer)
{
    struct bs_error error = BS_NO_ERROR;
    return bs_metadata_answer_read((const uint8_t *)body, strlen(body), answer, &error);
}

static void a_metadata_answer_tells_the_token_and_how_long_it_lives(void **state)
{
    (void)state;
    struct bs_token_answer answer;
    assert_int_equal(read_metadata("{\"access_token\":\"t1.m\",\"expires_in\":42480,"
                                   "\"token_type\":\"Bearer\"}",
                                   &answer),
                     BS_OK);
    assert_string_equal(answer.token, "t1.m");
    assert_true(answer.life_ms == 42480000 && answer.expires == 0);
    bs_secret_free(answer.token);
    static const char *const bad[] = {
        "{\"access_token\":\"t1.m\"}",
        "{\"access_token\":\"t1.m\",\"expires_in\":0}",
        "{\"access_token\":\"t1.m\",\"expires_in\":-5}",
        "{\"access_token\":\"t1.m\",\"expires_in\":1e300}",
        "{\"expires_in\":42480}",
        "{\"iamToken\":\"t1.m\",\"expires_in\":42480}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(read_metadata(bad[i], &answer), BS_ERROR_INVALID);
        assert_null(answer.token);
    }
}

static void assert_says(const char *body, const char *expected)
{
    char text[64];
    bs_refusal_text((const uint8_t *)body, strlen(body), text, sizeof text);
    assert_string_equal(text, expected);
}

/* A service that quotes what it was sent does not bring it into our log. */
static void a_refusals_text_is_shown_without_what_could_be_a_token(void **state)
{
    (void)state;
    assert_says("{\"code\":16,\"message\":\"JWT is expired\",\"details\":[]}", "JWT is expired");
    assert_says("{\"message\":\"bad token: "
                "eyJ0eXAiOiJKV1QiLCJhbGciOiJQUzI1NiIsImtpZCI6ImFqZWsifQ.eyJpc3MiOiJhIn0.c2ln ok\"}",
                "bad token: […] ok");
    assert_says("{\"message\":\"two\\nlines\\u0007\"}", "two lines ");
    assert_says(
        "{\"message\":\"one two three four five six seven eight nine ten eleven twelve thirteen\"}",
        "one two three four five six seven eight nine ten eleven twelve");
    assert_says("<html>", "");
    assert_says("{\"message\":5}", "");
}

static void a_secret_that_is_quoted_is_hidden(void **state)
{
    (void)state;
    char text[] = "token t1.abcdefgh, t1.abcdefgh; t1.abcdefgx t1.abcdefg";
    assert_true(bs_secret_occurs("Bearer t1.abcdefgh", text, strlen(text)));
    bs_secret_hide("Bearer t1.abcdefgh", text, strlen(text));
    assert_string_equal(text, "token ***********, ***********; t1.abcdefgx **********");
    assert_false(bs_secret_occurs("Bearer t1.abcdefgh", text, strlen(text)));
    char short_end[] = "begins with t1.abcd";
    bs_secret_hide("t1.abcdefgh", short_end, strlen(short_end));
    assert_string_equal(short_end, "begins with t1.abcd");
    static const char *const none[] = {NULL, "", "Bearer "};
    for (size_t i = 0; i < 3; i++) {
        char kept[] = "Bearer ";
        assert_false(bs_secret_occurs(none[i], kept, strlen(kept)));
        bs_secret_hide(none[i], kept, strlen(kept));
        assert_string_equal(kept, "Bearer ");
    }
}

static void a_static_key_is_two_texts(void **state)
{
    (void)state;
    struct bs_static_key key;
    struct bs_error error = BS_NO_ERROR;
    assert_int_equal(bs_static_key_read("{\"access_key_id\":\"YCAJ\",\"secret_access_key\":"
                                        "\"YC/+=\\u0041\",\"more\":1}",
                                        &key, &error),
                     BS_OK);
    assert_string_equal(key.access_key_id, "YCAJ");
    assert_string_equal(key.secret_access_key, "YC/+=A");
    bs_static_key_free(&key);
    static const char *const bad[] = {
        "secret",
        "{\"access_key_id\":\"YCAJ\"}",
        "{\"access_key_id\":\"YCAJ\",\"secret_access_key\":\"\"}",
        "{\"access_key_id\":\"YC:AJ\",\"secret_access_key\":\"secret\"}",
        "{\"access_key_id\":\"YC/AJ\",\"secret_access_key\":\"secret\"}",
        "{\"access_key_id\":\"YCAJ\",\"secret_access_key\":\"sec\\nret\"}",
        "{\"access_key_id\":1,\"secret_access_key\":\"secret\"}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(bs_static_key_read(bad[i], &key, &error), BS_ERROR_INVALID);
        assert_null(key.secret_access_key);
        assert_null(strstr(error.message, "secret\""));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_for_a_token_is_signed_with_ps256),
        cmocka_unit_test(what_is_no_authorized_key_is_told_without_showing_it),
        cmocka_unit_test(an_iam_answer_tells_the_token_and_its_end),
        cmocka_unit_test(a_metadata_answer_tells_the_token_and_how_long_it_lives),
        cmocka_unit_test(a_refusals_text_is_shown_without_what_could_be_a_token),
        cmocka_unit_test(a_secret_that_is_quoted_is_hidden),
        cmocka_unit_test(a_static_key_is_two_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
