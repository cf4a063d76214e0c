/* Credentials from files: what becomes a header, what is refused, how a rotation is seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "edges/tokens.h"

#define PATIENCE_MS 10000

/* A folder of this test's own, and a watch on one credential in it. */
struct vault {
    char folder[64];
    char path[128];
    struct bs_config config;
    struct bs_loop *loop;
    struct bs_tokens *tokens;
    int changes;
    bool available;
};

static void changed(void *context, bool available)
{
    struct vault *vault = context;
    vault->changes++;
    vault->available = available;
    bs_loop_stop(vault->loop);
}

static void patience_ended(void *context, uint32_t events)
{
    (void)context;
    (void)events;
    bs_assert_failed("the change was not seen", __FILE__, __LINE__);
}

static void wait_for_change(struct vault *vault)
{
    struct bs_timer *patience = bs_timer_create(vault->loop, patience_ended, NULL);
    bs_timer_set(patience, bs_clock_now().mono + PATIENCE_MS);
    bs_loop_run(vault->loop, NULL, NULL);
    bs_timer_destroy(patience);
}

static void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "we");
    BS_ASSERT(file != NULL);
    BS_ASSERT(fwrite(bytes, 1, size, file) == size);
    BS_ASSERT(fclose(file) == 0);
}

static void write_text(const char *path, const char *text)
{
    write_file(path, text, strlen(text));
}

static struct vault vault_open(void)
{
    struct vault vault = {.loop = bs_loop_create()};
    (void)snprintf(vault.folder, sizeof vault.folder, "/tmp/backscribe-tokens-XXXXXX");
    BS_ASSERT(mkdtemp(vault.folder) != NULL);
    (void)snprintf(vault.path, sizeof vault.path, "%s/secret", vault.folder);
    return vault;
}

static void vault_watch(struct vault *vault, enum bs_auth_kind kind)
{
    vault->config.speechkit.auth = (struct bs_auth){.kind = kind, .path = vault->path};
    vault->tokens = bs_tokens_create(vault->loop, &vault->config, &vault->config.speechkit.auth,
                                     changed, vault);
}

static void vault_close(struct vault *vault)
{
    bs_tokens_destroy(vault->tokens);
    bs_loop_destroy(vault->loop);
    (void)unlink(vault->path);
    BS_ASSERT(rmdir(vault->folder) == 0);
}

static void an_api_key_is_read_without_the_space_after_it(void **state)
{
    (void)state;
    struct vault vault = vault_open();
    write_text(vault.path, "AQVN-key_1 \r\n\n");
    vault_watch(&vault, BS_AUTH_API_KEY_FILE);
    assert_string_equal(bs_tokens_authorization(vault.tokens), "Api-Key AQVN-key_1");
    assert_string_equal(bs_tokens_problem(vault.tokens), "");
    assert_true(bs_tokens_expiry(vault.tokens) == 0);
    vault_close(&vault);
}

static void an_iam_token_may_stand_bare_or_as_the_header_has_it(void **state)
{
    (void)state;
    struct vault vault = vault_open();
    write_text(vault.path, "t1.abc\n");
    vault_watch(&vault, BS_AUTH_IAM_TOKEN_FILE);
    assert_string_equal(bs_tokens_authorization(vault.tokens), "Bearer t1.abc");
    write_text(vault.path, "Bearer t1.defg\n");
    wait_for_change(&vault);
    assert_string_equal(bs_tokens_authorization(vault.tokens), "Bearer t1.defg");
    vault_close(&vault);
}

static void no_credential_is_needed_where_none_is_configured(void **state)
{
    (void)state;
    struct vault vault = vault_open();
    vault_watch(&vault, BS_AUTH_NONE);
    assert_string_equal(bs_tokens_authorization(vault.tokens), "");
    assert_string_equal(bs_tokens_problem(vault.tokens), "");
    bs_tokens_refresh(vault.tokens);
    wait_for_change(&vault);
    assert_true(vault.available);
    vault_close(&vault);
}

static void a_rotated_secret_serves_without_a_restart(void **state)
{
    (void)state;
    struct vault vault = vault_open();
    write_text(vault.path, "first");
    vault_watch(&vault, BS_AUTH_API_KEY_FILE);
    write_text(vault.path, "other"); /* of the same length */
    wait_for_change(&vault);
    assert_true(vault.available);
    assert_string_equal(bs_tokens_authorization(vault.tokens), "Api-Key other");

    assert_int_equal(unlink(vault.path), 0);
    wait_for_change(&vault);
    assert_false(vault.available);
    assert_null(bs_tokens_authorization(vault.tokens));
    assert_non_null(strstr(bs_tokens_problem(vault.tokens), vault.path));

    write_text(vault.path, "third");
    wait_for_change(&vault);
    assert_true(vault.available);
    assert_string_equal(bs_tokens_authorization(vault.tokens), "Api-Key third");
    assert_int_equal(vault.changes, 3);
    vault_close(&vault);
}

/* As Kubernetes does it: the file is a link into ..data, and ..data is swung to a new folder. */
static void a_secret_that_is_swung_by_a_symbolic_link_is_seen(void **state)
{
    (void)state;
    struct vault vault = vault_open();
    char old[128], new[128], data[128], fresh[128], inside[160];
    (void)snprintf(old, sizeof old, "%s/..1", vault.folder);
    (void)snprintf(new, sizeof new, "%s/..2", vault.folder);
    (void)snprintf(data, sizeof data, "%s/..data", vault.folder);
    (void)snprintf(fresh, sizeof fresh, "%s/..data_tmp", vault.folder);
    assert_int_equal(mkdir(old, 0700), 0);
    assert_int_equal(mkdir(new, 0700), 0);
    (void)snprintf(inside, sizeof inside, "%s/secret", old);
    write_text(inside, "one");
    (void)snprintf(inside, sizeof inside, "%s/secret", new);
    write_text(inside, "two");
    assert_int_equal(symlink("..1", data), 0);
    assert_int_equal(symlink("..data/secret", vault.path), 0);
    vault_watch(&vault, BS_AUTH_API_KEY_FILE);
    assert_string_equal(bs_tokens_authorization(vault.tokens), "Api-Key one");

    assert_int_equal(symlink("..2", fresh), 0);
    assert_int_equal(rename(fresh, data), 0);
    wait_for_change(&vault);
    assert_string_equal(bs_tokens_authorization(vault.tokens), "Api-Key two");

    (void)unlink(inside);
    (void)snprintf(inside, sizeof inside, "%s/secret", old);
    (void)unlink(inside);
    (void)unlink(data);
    (void)rmdir(old);
    (void)rmdir(new);
    vault_close(&vault);
}

static void a_refresh_reports_also_what_has_not_changed(void **state)
{
    (void)state;
    struct vault vault = vault_open();
    write_text(vault.path, "same");
    vault_watch(&vault, BS_AUTH_API_KEY_FILE);
    bs_tokens_refresh(vault.tokens);
    assert_int_equal(vault.changes, 0); /* later, from the loop */
    wait_for_change(&vault);
    assert_int_equal(vault.changes, 1);
    assert_true(vault.available);
    vault_close(&vault);
}

static void assert_refused(const void *bytes, size_t size)
{
    struct vault vault = vault_open();
    write_file(vault.path, bytes, size);
    vault_watch(&vault, BS_AUTH_API_KEY_FILE);
    assert_null(bs_tokens_authorization(vault.tokens));
    assert_non_null(strstr(bs_tokens_problem(vault.tokens), vault.path));
    assert_null(strstr(bs_tokens_problem(vault.tokens), "key"));
    vault_close(&vault);
}

static void what_is_no_credential_is_a_problem_and_no_header(void **state)
{
    (void)state;
    static const char two_lines[] = "key\r\nX-Injected: yes";
    static const char control[] = "key\x01z";
    static const char nul[] = "key\0z";
    static const char blank[] = " \n\n";
    static const char cyrillic[] = "key\xd0\xba";
    assert_refused(two_lines, sizeof two_lines - 1);
    assert_refused(control, sizeof control - 1);
    assert_refused(nul, sizeof nul - 1);
    assert_refused(blank, sizeof blank - 1);
    assert_refused("", 0);
    assert_refused(cyrillic, sizeof cyrillic - 1);
    char *large = calloc(1, 70000);
    BS_ASSERT(large != NULL);
    memset(large, 'k', 70000);
    assert_refused(large, 70000);
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_api_key_is_read_without_the_space_after_it),
        cmocka_unit_test(an_iam_token_may_stand_bare_or_as_the_header_has_it),
        cmocka_unit_test(no_credential_is_needed_where_none_is_configured),
        cmocka_unit_test(a_rotated_secret_serves_without_a_restart),
        cmocka_unit_test(a_secret_that_is_swung_by_a_symbolic_link_is_seen),
        cmocka_unit_test(a_refresh_reports_also_what_has_not_changed),
        cmocka_unit_test(what_is_no_credential_is_a_problem_and_no_header),
    };
    return cmocka_run_group_tests_name("tokens", tests, NULL, NULL);
}
