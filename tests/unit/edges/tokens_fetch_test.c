/* IAM tokens: from whom they are asked, when again, and what happens while nobody gives one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/check.h"
#include "edges/tokens.h"
#include "fault_server.h"

#define PATIENCE_MS 20000

/* A service that gives tokens, and a watch on them. */
struct office {
    struct fault_server *server;
    struct bs_config config;
    struct bs_loop *loop;
    struct bs_tokens *tokens;
    char key_path[64];
    int changes;
    bool available;
};

static atomic_int life_seconds = 3600;
static struct fault_server *trap;

static void changed(void *context, bool available)
{
    struct office *office = context;
    office->changes++;
    office->available = available;
    bs_loop_stop(office->loop);
}

static void patience_ended(void *context, uint32_t events)
{
    (void)context;
    (void)events;
    bs_assert_failed("the change was not seen", __FILE__, __LINE__);
}

static void wait_for_change(struct office *office)
{
    struct bs_timer *patience = bs_timer_create(office->loop, patience_ended, NULL);
    bs_timer_set(patience, bs_clock_now().mono + PATIENCE_MS);
    bs_loop_run(office->loop, NULL, NULL);
    bs_timer_destroy(patience);
}

static void write_key(const char *path, const char *id)
{
    static char *pem; /* one pair for all: making it takes its time */
    if (pem == NULL) {
        EVP_PKEY *pair = EVP_RSA_gen(2048);
        BIO *bio = BIO_new(BIO_s_mem());
        char *text;
        assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, pair, NULL, NULL, 0, NULL, NULL), 1);
        long size = BIO_get_mem_data(bio, &text);
        pem = calloc(1, (size_t)size * 2);
        assert_non_null(pem);
        for (long i = 0, at = 0; i < size; i++) {
            at += sprintf(pem + at, text[i] == '\n' ? "\\n" : "%c", text[i]);
        }
        (void)BIO_free(bio);
        EVP_PKEY_free(pair);
    }
    char fresh[80];
    (void)snprintf(fresh, sizeof fresh, "%s.new", path);
    FILE *file = fopen(fresh, "we");
    BS_ASSERT(file != NULL);
    (void)fprintf(file, "{\"id\":\"%s\",\"service_account_id\":\"a\",\"private_key\":\"%s\"}", id,
                  pem);
    BS_ASSERT(fclose(file) == 0 && rename(fresh, path) == 0);
}

static struct office open_office(fault_script *script)
{
    struct office office = {.loop = bs_loop_create(), .server = fault_server_start(script)};
    (void)snprintf(office.key_path, sizeof office.key_path, "/tmp/backscribe-key-XXXXXX");
    int fd = mkstemp(office.key_path);
    BS_ASSERT(fd >= 0 && close(fd) == 0);
    write_key(office.key_path, "k1");
    return office;
}

static void ask_iam(struct office *office)
{
    office->config.speechkit.iam_url = strdup(fault_server_url(office->server, "http", ""));
    office->config.speechkit.auth =
        (struct bs_auth){.kind = BS_AUTH_AUTHORIZED_KEY_FILE, .path = office->key_path};
    office->tokens = bs_tokens_create(office->loop, &office->config, &office->config.speechkit.auth,
                                      changed, office);
}

static void close_office(struct office *office)
{
    bs_tokens_destroy(office->tokens);
    fault_server_stop(office->server);
    bs_loop_destroy(office->loop);
    free(office->config.speechkit.iam_url);
    (void)unlink(office->key_path);
}

static void assert_serves(struct office *office, const char *authorization)
{
    struct bs_credential copy;
    struct bs_error error = BS_NO_ERROR;
    assert_string_equal(bs_tokens_problem(office->tokens), "");
    assert_string_equal(bs_tokens_authorization(office->tokens), authorization);
    assert_int_equal(bs_tokens_copy(office->tokens, &copy, &error), BS_OK);
    assert_string_equal(copy.authorization, authorization);
    assert_null(copy.secret_access_key);
    bs_credential_free(&copy);
}

/* ---- what the service does ---- */

static void give(struct fault_connection *connection, const char *more_headers)
{
    char body[256], ends[BS_RFC3339_SIZE];
    bs_rfc3339_format(bs_clock_now().wall + atomic_load(&life_seconds) * 1000, ends);
    (void)snprintf(body, sizeof body, "{\"iamToken\":\"t1.number-%d\",\"expiresAt\":\"%s\"}",
                   connection->number, ends);
    (void)fault_answer(connection, 200, more_headers, body);
}

static void give_tokens(struct fault_connection *connection)
{
    while (fault_read_request(connection)) {
        give(connection, "");
    }
}

/* ---- scenarios ---- */

static void an_authorized_key_is_exchanged_for_a_token(void **state)
{
    (void)state;
    struct office office = open_office(give_tokens);
    struct bs_error error = BS_NO_ERROR;
    struct bs_credential none;
    ask_iam(&office);
    assert_null(bs_tokens_authorization(office.tokens));
    assert_string_equal(bs_tokens_problem(office.tokens), "the first IAM token is on its way");
    assert_int_not_equal(bs_tokens_copy(office.tokens, &none, &error), BS_ERROR_DENIED);
    bs_credential_free(&none);
    wait_for_change(&office);
    assert_true(office.available);
    assert_serves(&office, "Bearer t1.number-1");
    bs_wall_ms life = bs_tokens_expiry(office.tokens) - bs_clock_now().wall;
    assert_true(life > 3590000 && life <= 3600000);
    const char *request = fault_server_last_request(office.server);
    assert_memory_equal(request, "POST /iam/v1/tokens HTTP/1.1\r\n", 30);
    assert_non_null(strstr(request, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(request, "\r\n\r\n{\"jwt\":\"ey"));
    assert_null(strstr(request, "PRIVATE"));
    close_office(&office);
}

static void a_token_is_renewed_before_it_ends(void **state)
{
    (void)state;
    atomic_store(&life_seconds, 4);
    struct office office = open_office(give_tokens);
    ask_iam(&office);
    wait_for_change(&office);
    bs_wall_ms end = bs_tokens_expiry(office.tokens);
    wait_for_change(&office);
    assert_true(office.available);
    assert_true(bs_clock_now().wall < end);
    assert_serves(&office, "Bearer t1.number-2");
    assert_int_equal(office.changes, 2); /* it was never gone */
    close_office(&office);
    atomic_store(&life_seconds, 3600);
}

static void give_one_then_fail(struct fault_connection *connection)
{
    while (fault_read_request(connection)) {
        if (connection->number == 1) {
            give(connection, "");
        } else {
            (void)fault_answer(connection, 503, "", "{\"message\":\"try later\"}");
        }
    }
}

static void a_token_serves_to_its_end_while_nobody_gives_another(void **state)
{
    (void)state;
    atomic_store(&life_seconds, 5);
    struct office office = open_office(give_one_then_fail);
    ask_iam(&office);
    wait_for_change(&office);
    bs_wall_ms end = bs_tokens_expiry(office.tokens);
    wait_for_change(&office);
    assert_false(office.available);
    assert_true(bs_clock_now().wall >= end);
    assert_true(fault_server_requests(office.server) > 1); /* it tried before */
    assert_null(bs_tokens_authorization(office.tokens));
    assert_non_null(strstr(bs_tokens_problem(office.tokens), " answers 503 (try later)"));
    assert_true(bs_tokens_expiry(office.tokens) == 0);
    close_office(&office);
    atomic_store(&life_seconds, 3600);
}

static void refusals_of_a_token_bring_one_new_one(void **state)
{
    (void)state;
    struct office office = open_office(give_tokens);
    ask_iam(&office);
    wait_for_change(&office);
    bs_mono_ms first = bs_clock_now().mono;
    for (int i = 0; i < 1000; i++) {
        bs_tokens_refused(office.tokens);
    }
    assert_serves(&office, "Bearer t1.number-1");
    wait_for_change(&office);
    assert_serves(&office, "Bearer t1.number-2");
    assert_true(bs_clock_now().mono - first >= 4000); /* the one refused had just been given */
    assert_int_equal(fault_server_requests(office.server), 2);
    close_office(&office);
}

static void another_key_in_the_file_is_exchanged_at_once(void **state)
{
    (void)state;
    struct office office = open_office(give_tokens);
    ask_iam(&office);
    wait_for_change(&office);
    write_key(office.key_path, "k2");
    wait_for_change(&office);
    assert_serves(&office, "Bearer t1.number-2");
    close_office(&office);
}

/* ---- a service that does not work ---- */

static void close_first(struct fault_connection *connection)
{
    if (connection->number > 1) {
        give_tokens(connection);
    }
}

static void reset_first(struct fault_connection *connection)
{
    if (connection->number > 1) {
        give_tokens(connection);
    } else {
        (void)fault_read_request(connection);
        fault_reset_on_close(connection);
    }
}

static void fail_first(struct fault_connection *connection)
{
    if (connection->number > 1) {
        give_tokens(connection);
    } else if (fault_read_request(connection)) {
        (void)fault_answer(connection, 500, "", "<html>t1.leak</html>");
    }
}

static void garbage_first(struct fault_connection *connection)
{
    if (connection->number > 1) {
        give_tokens(connection);
    } else if (fault_read_request(connection)) {
        (void)fault_answer(connection, 200, "", "{\"iamToken\":{},\"expiresAt\":\"t1.leak\"}");
    }
}

static void cut_first(struct fault_connection *connection)
{
    if (connection->number > 1) {
        give_tokens(connection);
    } else if (fault_read_request(connection)) {
        (void)fault_write(connection, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"
                                      "{\"iamToken\":\"t1.leak\"");
    }
}

static void flood_first(struct fault_connection *connection)
{
    char much[8192];
    if (connection->number > 1) {
        give_tokens(connection);
    } else if (fault_read_request(connection)) {
        memset(much, 'x', sizeof much);
        bool taken = fault_write(connection, "HTTP/1.1 200 OK\r\n\r\n");
        while (taken) {
            taken = fault_write_bytes(connection, much, sizeof much);
        }
    }
}

static void ended_first(struct fault_connection *connection)
{
    if (connection->number > 1) {
        give_tokens(connection);
    } else if (fault_read_request(connection)) {
        (void)fault_answer(connection, 200, "",
                           "{\"iamToken\":\"t1.leak\",\"expiresAt\":\"2020-01-01T00:00:00Z\"}");
    }
}

static void redirect_first(struct fault_connection *connection)
{
    char location[160];
    if (connection->number > 1) {
        give_tokens(connection);
    } else if (fault_read_request(connection)) {
        (void)snprintf(location, sizeof location, "Location: %s\r\n",
                       fault_server_url(trap, "http", "/iam/v1/tokens"));
        (void)fault_answer(connection, 307, location, "");
    }
}

static void a_service_that_fails_is_asked_again(void **state)
{
    (void)state;
    fault_script *const scripts[] = {close_first, reset_first, fail_first,  garbage_first,
                                     cut_first,   flood_first, ended_first, redirect_first};
    trap = fault_server_start(give_tokens);
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        struct office office = open_office(scripts[i]);
        ask_iam(&office);
        wait_for_change(&office);
        assert_false(office.available);
        const char *problem = bs_tokens_problem(office.tokens);
        assert_non_null(strstr(problem, office.key_path));
        assert_non_null(strstr(problem, "/iam/v1/tokens"));
        assert_null(strstr(problem, "leak"));
        wait_for_change(&office);
        assert_true(office.available);
        assert_serves(&office, "Bearer t1.number-2");
        close_office(&office);
    }
    assert_int_equal(fault_server_connections(trap), 0);
    fault_server_stop(trap);
}

static void refuse_by_clock(struct fault_connection *connection)
{
    while (fault_read_request(connection)) {
        (void)fault_answer(connection, 401, "Date: Mon, 06 Jul 2020 10:00:00 GMT\r\n",
                           "{\"code\":16,\"message\":\"JWT is not valid yet\"}");
    }
}

static void a_wrong_clock_is_named_as_the_cause_of_a_refusal(void **state)
{
    (void)state;
    struct office office = open_office(refuse_by_clock);
    struct bs_error error = BS_NO_ERROR;
    ask_iam(&office);
    wait_for_change(&office);
    const char *problem = bs_tokens_problem(office.tokens);
    assert_non_null(strstr(problem, "answers 401"));
    assert_non_null(strstr(problem, "(JWT is not valid yet)"));
    assert_non_null(strstr(problem, "this machine's clock is "));
    assert_non_null(strstr(problem, " s ahead of the service's"));
    assert_int_equal(bs_tokens_wait(office.tokens, 1000, &error), BS_ERROR_DENIED);
    assert_non_null(strstr(error.message, "speechkit.auth: "));
    close_office(&office);
}

static void give_by_another_clock(struct fault_connection *connection)
{
    while (fault_read_request(connection)) {
        (void)fault_answer(connection, 200, "Date: Mon, 06 Jul 2020 10:00:00 GMT\r\n",
                           "{\"iamToken\":\"t1.a\",\"expiresAt\":\"2020-07-06T22:00:00Z\"}");
    }
}

/* Its life is what counts: by the giver's clock from the answer to its end. */
static void a_wrong_clock_does_not_end_a_token(void **state)
{
    (void)state;
    struct office office = open_office(give_by_another_clock);
    ask_iam(&office);
    wait_for_change(&office);
    assert_serves(&office, "Bearer t1.a");
    close_office(&office);
}

static void hang(struct fault_connection *connection)
{
    (void)fault_read_request(connection);
    fault_wait_for_close(connection);
}

static void a_service_that_hangs_holds_nobody_up(void **state)
{
    (void)state;
    struct office office = open_office(hang);
    struct bs_error error = BS_NO_ERROR;
    ask_iam(&office);
    bs_mono_ms begun = bs_clock_now().mono;
    assert_int_equal(bs_tokens_wait(office.tokens, 500, &error), BS_ERROR_TEMPORARY);
    assert_true(bs_clock_now().mono - begun < 3000);
    bs_tokens_destroy(office.tokens);
    office.tokens = NULL;
    assert_true(bs_clock_now().mono - begun < 6000);
    close_office(&office);
}

/* ---- the metadata service ---- */

static void give_by_metadata(struct fault_connection *connection)
{
    while (fault_read_request(connection)) {
        (void)fault_answer(
            connection, 200, "",
            "{\"access_token\":\"t1.vm\",\"expires_in\":42000,\"token_type\":\"Bearer\"}");
    }
}

static void a_virtual_machine_has_its_token_from_the_metadata_service(void **state)
{
    (void)state;
    struct office office = open_office(give_by_metadata);
    struct bs_error error = BS_NO_ERROR;
    char host[32];
    (void)snprintf(host, sizeof host, "127.0.0.1:%d", fault_server_port(office.server));
    assert_int_equal(setenv("GCE_METADATA_HOST", host, 1), 0);
    office.config.objects.auth.kind = BS_AUTH_METADATA_SERVICE;
    /* Without a loop, as commands have it. */
    office.tokens = bs_tokens_create(NULL, &office.config, &office.config.objects.auth, NULL, NULL);
    assert_int_equal(unsetenv("GCE_METADATA_HOST"), 0);
    assert_int_equal(bs_tokens_wait(office.tokens, PATIENCE_MS, &error), BS_OK);
    assert_serves(&office, "Bearer t1.vm");
    bs_wall_ms life = bs_tokens_expiry(office.tokens) - bs_clock_now().wall;
    assert_true(life > 41990000 && life <= 42000000);
    const char *request = fault_server_last_request(office.server);
    static const char line[] =
        "GET /computeMetadata/v1/instance/service-accounts/default/token HTTP/1.1\r\n";
    assert_memory_equal(request, line, sizeof line - 1);
    assert_non_null(strstr(request, "\r\nMetadata-Flavor: Google\r\n"));
    close_office(&office);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_authorized_key_is_exchanged_for_a_token),
        cmocka_unit_test(a_token_is_renewed_before_it_ends),
        cmocka_unit_test(a_token_serves_to_its_end_while_nobody_gives_another),
        cmocka_unit_test(refusals_of_a_token_bring_one_new_one),
        cmocka_unit_test(another_key_in_the_file_is_exchanged_at_once),
        cmocka_unit_test(a_service_that_fails_is_asked_again),
        cmocka_unit_test(a_wrong_clock_is_named_as_the_cause_of_a_refusal),
        cmocka_unit_test(a_wrong_clock_does_not_end_a_token),
        cmocka_unit_test(a_service_that_hangs_holds_nobody_up),
        cmocka_unit_test(a_virtual_machine_has_its_token_from_the_metadata_service),
    };
    return cmocka_run_group_tests_name("tokens_fetch", tests, NULL, NULL);
}
