/* A job's link becomes the one that the API is given, and names nothing outside the configured
 * store. */
#include "fixture.h"

#include <stdio.h>

static const char *const two_buckets[] = {
    "objects.endpoint=https://store.example:8443",
    "objects.buckets=[\"recordings\",\"my.bucket\"]",
    NULL,
};

static void assert_link(const struct bs_config *config, const char *uri, const char *link)
{
    char text[512];
    struct fixture_job fixture;
    (void)snprintf(text, sizeof text, "{\"audio\":{\"uri\":\"%s\"}}", uri);
    fixture_job_make(&fixture, config, text);
    assert_string_equal(fixture.event.refusal_message == NULL ? "" : fixture.event.refusal_message,
                        "");
    assert_string_equal(fixture.job.uri, link);
    fixture_job_free(&fixture);
}

static void assert_forbidden(const struct bs_config *config, const char *uri, const char *message)
{
    char text[512];
    struct fixture_job fixture;
    (void)snprintf(text, sizeof text, "{\"audio\":{\"uri\":\"%s\"}}", uri);
    fixture_job_make(&fixture, config, text);
    assert_int_equal(fixture.event.refusal, BS_DEAD_AUDIO_FORBIDDEN);
    assert_string_equal(fixture.event.refusal_message, message);
    fixture_job_free(&fixture);
}

static void an_s3_key_is_taken_literally_and_encoded(void **state)
{
    (void)state;
    struct bs_config *config = fixture_config(two_buckets);
    assert_link(config, "s3://recordings/a b/c+d%20?#é.ogg",
                "https://store.example:8443/recordings/a%20b/c%2Bd%2520%3F%23%C3%A9.ogg");
    assert_link(config, "s3://my.bucket/~-_.//x", "https://store.example:8443/my.bucket/~-_.//x");
    bs_config_free(config);
}

static void every_form_of_a_link_to_one_object_is_the_same(void **state)
{
    (void)state;
    static const char link[] = "https://store.example:8443/recordings/a/b%20c.ogg";
    struct bs_config *config = fixture_config(two_buckets);
    assert_link(config, "s3://recordings/a/b c.ogg", link);
    assert_link(config, "https://store.example:8443/recordings/a/b%20c.ogg?X-Amz-Signature=1#f",
                link);
    assert_link(config, "https://STORE.example:8443/recordings/%61%2Fb c.ogg", link);
    assert_link(config, "https://recordings.store.example:8443/a/b%20c.ogg", link);
    bs_config_free(config);
}

static void the_virtual_host_style_puts_the_bucket_into_the_host(void **state)
{
    (void)state;
    static const char *const settings[] = {"objects.style=virtual_host",
                                           "objects.endpoint=http://127.0.0.1:9000/", NULL};
    struct bs_config *config = fixture_config(settings);
    assert_link(config, "s3://recordings/k", "http://recordings.127.0.0.1:9000/k");
    assert_link(config, "http://127.0.0.1:9000/recordings/k", "http://recordings.127.0.0.1:9000/k");
    bs_config_free(config);
}

static void a_bucket_that_is_no_host_label_stays_in_the_path(void **state)
{
    (void)state;
    static const char *const settings[] = {"objects.style=virtual_host", NULL};
    struct bs_config *config = fixture_config(settings);
    assert_link(config, "s3://my.bucket/k", "https://storage.yandexcloud.net/my.bucket/k");
    assert_link(config, "s3://Old/k", "https://storage.yandexcloud.net/Old/k");
    assert_link(config, "s3://my-bucket/k", "https://my-bucket.storage.yandexcloud.net/k");
    bs_config_free(config);
}

/* The list of buckets is compared with what the host really says, whatever its letters. */
static void a_bucket_in_the_hosts_name_has_no_case(void **state)
{
    (void)state;
    struct bs_config *config = fixture_config(two_buckets);
    assert_link(config, "https://RECORDINGS.Store.Example:8443/K",
                "https://store.example:8443/recordings/K");
    assert_forbidden(config, "https://store.example:8443/RECORDINGS/K",
                     "audio.uri: objects.buckets does not list RECORDINGS");
    assert_forbidden(config, "https://SECRETS.store.example:8443/K",
                     "audio.uri: objects.buckets does not list secrets");
    assert_link(config, "https://my.bucket.store.example:8443/K",
                "https://store.example:8443/my.bucket/K");
    bs_config_free(config);
}

/* Each is forbidden, or no link at all; never another place. */
static void a_hostile_authority_is_never_taken_for_the_endpoint(void **state)
{
    (void)state;
    static const char *const hostile[] = {
        "https://store.example:8443@evil.example/recordings/k",
        "https://store.example%2f:8443@evil.example/recordings/k",
        "https://store.example:8443%40evil.example/recordings/k",
        "https://store.example:8443\\\\@evil.example/recordings/k",
        "https://evil.example\\\\.store.example:8443/recordings/k",
        "https://evil.example#.store.example:8443/recordings/k",
        "https://evil.example?.store.example:8443/recordings/k",
        "https://evil.example%23.store.example:8443/recordings/k",
        "https://evil.example%00.store.example:8443/recordings/k",
        "https://store.example.:8443/recordings/k",
        "https://store.example:8443.evil.example/recordings/k",
        "https://store.example.evil.example:8443/recordings/k",
        "https://store-example:8443/recordings/k",
        "https://st\u043ere.example:8443/recordings/k",
        "https://store.example\u3002evil:8443/recordings/k",
        "https://store.example:84430/recordings/k",
        "https://store.example:+8443/recordings/k",
        "https://store.example:0x20fb/recordings/k",
        "https://store.example: 8443/recordings/k",
        "https://[::1]:8443/recordings/k",
        "https://[::ffff:127.0.0.1%25lo]/recordings/k",
        "https://recordings.[::1].store.example:8443/k",
        "https://2130706433/recordings/k",
        "https:///store.example:8443/recordings/k",
        "https:/store.example:8443/recordings/k",
        "https:store.example:8443/recordings/k",
        "//store.example:8443/recordings/k",
        "https:\\\\\\\\store.example:8443/recordings/k",
        "ftp://store.example:8443/recordings/k",
        "file:///recordings/k",
        "s3://store.example:8443/recordings/k",
        "s3://recordings@evil/k",
        "s3:///recordings/k",
        " https://store.example:8443/recordings/k",
        "https://store.example:8443\\t/recordings/k",
    };
    struct bs_config *config = fixture_config(two_buckets);
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        char text[256];
        struct fixture_job fixture;
        (void)snprintf(text, sizeof text, "{\"audio\":{\"uri\":\"%s\"}}", hostile[i]);
        fixture_job_make(&fixture, config, text);
        if (fixture.event.refusal != BS_DEAD_AUDIO_FORBIDDEN &&
            fixture.event.refusal != BS_DEAD_INVALID_JOB) {
            fail_msg("%s was taken as %s", hostile[i], fixture.job.uri);
        }
        assert_string_equal(fixture.job.uri, "");
        fixture_job_free(&fixture);
    }
    bs_config_free(config);
}

/* One decoding, once: what looks like a way out after a second one is a part of a name. */
static void a_path_is_decoded_once(void **state)
{
    (void)state;
    struct bs_config *config = fixture_config(two_buckets);
    assert_link(config, "https://store.example:8443/recordings/%252e%252e/k",
                "https://store.example:8443/recordings/%252e%252e/k");
    assert_link(config, "https://store.example:8443/recordings/a%252fk%2500",
                "https://store.example:8443/recordings/a%252fk%2500");
    assert_link(config, "https://store.example:8443/recordings%2Fk",
                "https://store.example:8443/recordings/k");
    assert_link(config, "https://store.example:8443/recordings/..%5c..%5ck@evil.example:1/",
                "https://store.example:8443/recordings/..%5C..%5Ck%40evil.example%3A1/");
    static const char away[] = "audio.uri: a key with a segment . or .. could lead elsewhere";
    assert_forbidden(config, "https://store.example:8443/recordings/a/..", away);
    assert_forbidden(config, "https://store.example:8443/recordings/..%2Fsecrets/k", away);
    assert_forbidden(config, "https://recordings.store.example:8443/../secrets/k", away);
    assert_forbidden(config, "https://store.example:8443/recordings/./k", away);
    static const char nothing[] = "audio.uri: the link names no object in a bucket";
    assert_forbidden(config, "https://store.example:8443/%2Frecordings/k", nothing);
    assert_forbidden(config, "https://store.example:8443//recordings/k", nothing);
    assert_forbidden(config, "https://store.example:8443/../recordings/k", nothing);
    assert_forbidden(config, "https://store.example:8443/recordings/", nothing);
    assert_forbidden(config, "https://store.example:8443/recordings@evil/k", nothing);
    bs_config_free(config);
}

static void the_default_port_need_not_be_said(void **state)
{
    (void)state;
    struct bs_config *config = fixture_config(NULL);
    assert_link(config, "https://storage.yandexcloud.net:443/bb/k",
                "https://storage.yandexcloud.net/bb/k");
    bs_config_free(config);
}

static void a_link_never_leads_elsewhere(void **state)
{
    (void)state;
    static const char elsewhere[] = "audio.uri: the recording is not at objects.endpoint but at ";
    static const char *const others[] = {
        "evil.example",           "store.example",           "store.example:443",
        "evilstore.example:8443", "store.example.evil:8443", "store.example:8443.evil",
        "store.example:",         "store.example:08443",     ".evil:8443",
    };
    struct bs_config *config = fixture_config(two_buckets);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        char uri[128], message[256];
        (void)snprintf(uri, sizeof uri, "https://%s/recordings/k?secret", others[i]);
        (void)snprintf(message, sizeof message, "%s%s", elsewhere, others[i]);
        assert_forbidden(config, uri, message);
    }
    assert_forbidden(config, "https://user:pw@store.example:8443/recordings/k",
                     "audio.uri: a link must not carry a user or a password");
    assert_forbidden(config, "http://store.example:8443/recordings/k",
                     "audio.uri: the link is not https");
    assert_forbidden(config, "https://store.example:8443/recordings",
                     "audio.uri: the link names no object in a bucket");
    assert_forbidden(config, "https://.store.example:8443/k",
                     "audio.uri: the link names no object in a bucket");
    assert_forbidden(config, "s3://secrets/k", "audio.uri: objects.buckets does not list secrets");
    assert_forbidden(config, "s3://recordings/../secrets/k",
                     "audio.uri: a key with a segment . or .. could lead elsewhere");
    assert_forbidden(config, "https://store.example:8443/recordings/%2e%2E/secrets/k",
                     "audio.uri: a key with a segment . or .. could lead elsewhere");
    bs_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_s3_key_is_taken_literally_and_encoded),
        cmocka_unit_test(every_form_of_a_link_to_one_object_is_the_same),
        cmocka_unit_test(the_virtual_host_style_puts_the_bucket_into_the_host),
        cmocka_unit_test(a_bucket_that_is_no_host_label_stays_in_the_path),
        cmocka_unit_test(a_bucket_in_the_hosts_name_has_no_case),
        cmocka_unit_test(a_hostile_authority_is_never_taken_for_the_endpoint),
        cmocka_unit_test(a_path_is_decoded_once),
        cmocka_unit_test(the_default_port_need_not_be_said),
        cmocka_unit_test(a_link_never_leads_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
