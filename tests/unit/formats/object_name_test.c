/* Where objects stand: links and back, and the names of what is our own. */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

#include "formats/object_name.h"

static const char *const places[] = {
    "objects.endpoint=https://store.example", "objects.auth.static_key_file=/static",
    "objects.buckets=[\"recordings\"]",       "objects.staging=s3://scratch/.backscribe/staging/",
    "objects.transcripts=s3://scratch",       NULL,
};

/* Every byte that a key may have. */
static void a_link_leads_back_to_its_object(void **state)
{
    (void)state;
    static const char *const keys[] = {
        "call.ogg", "a b/c+d%20?#&=;'\"\\.ogg", "звонок 📞.ogg", "~//x/", "%2e%2e/..a", "\xff\x80",
    };
    static const char *const styles[] = {"objects.style=path", "objects.style=virtual_host"};
    for (size_t style = 0; style < 2; style++) {
        const char *settings[] = {styles[style], NULL};
        struct bs_config *config = fixture_config(settings);
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
            struct bs_object_name name = {.bucket = (char[]){"recordings"}, .key = strdup(keys[i])};
            struct bs_object_name back;
            struct bs_buffer link = {0};
            bs_object_name_link(config, &name, &link);
            assert_true(bs_object_name_of_link(config, (char *)link.data, &back));
            assert_string_equal(back.bucket, "recordings");
            assert_string_equal(back.key, keys[i]);
            bs_object_name_free(&back);
            bs_buffer_free(&link);
            free(name.key);
        }
        bs_config_free(config);
    }
}

/* Jobs that an older configuration let in are in the state topic: today's decides. */
static void a_link_to_what_is_not_configured_leads_nowhere(void **state)
{
    (void)state;
    static const char *const links[] = {
        "https://other.example/recordings/k",
        "http://store.example/recordings/k",
        "https://store.example/secrets/k",
        "https://secrets.store.example/k",
        "https://store.example/recordings/",
        "https://store.example/recordings/../secrets/k",
        "https://u@store.example/recordings/k",
        "s3://recordings/k",
        "recordings/k",
        "",
    };
    struct bs_config *config = fixture_config(places);
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        struct bs_object_name name;
        assert_false(bs_object_name_of_link(config, links[i], &name));
        assert_null(name.bucket);
        assert_null(name.key);
    }
    bs_config_free(config);
}

static void the_key_of_an_s3_uri_stands_as_it_is(void **state)
{
    (void)state;
    struct bs_object_name name;
    struct bs_buffer uri = {0};
    assert_true(bs_object_name_of_uri("s3://my.bucket/a b/%20?x=1#é", &name));
    assert_string_equal(name.bucket, "my.bucket");
    assert_string_equal(name.key, "a b/%20?x=1#é");
    bs_object_name_uri(&name, &uri);
    assert_string_equal((char *)uri.data, "s3://my.bucket/a b/%20?x=1#é");
    bs_buffer_free(&uri);
    bs_object_name_free(&name);
    assert_false(bs_object_name_of_uri("s3://my.bucket/", &name));
    assert_false(bs_object_name_of_uri("s3://my.bucket", &name));
    assert_false(bs_object_name_of_uri("https://store.example/my.bucket/k", &name));
}

static void our_own_objects_are_named_after_the_job_message(void **state)
{
    (void)state;
    struct bs_config *config = fixture_config(places);
    struct fixture_job fixture;
    struct bs_object_name name;
    fixture_job_make(&fixture, config, "{\"audio\":{\"uri\":\"s3://recordings/k.ogg\"}}");
    bs_object_name_staged(config, "cluster", &fixture.job, &name);
    assert_string_equal(name.bucket, "scratch");
    /* What a crash left is found under this name by later versions too: it must not change. */
    assert_string_equal(name.key, ".backscribe/staging/jobs-3-41-df2014d2cc23764b.raw");
    bs_object_name_free(&name);
    bs_object_name_transcript(config, "cluster", &fixture.job, "0123456789abcdef0123456789abcdef",
                              &name);
    assert_string_equal(name.bucket, "scratch");
    assert_string_equal(name.key, "jobs-3-41-df2014d2cc23764b-0123456789abcdef.json.gz");
    bs_object_name_free(&name);
    fixture_job_free(&fixture);
    bs_config_free(config);
}

static char *staged_key(const struct bs_config *config, const char *cluster_id,
                        const struct bs_job *job)
{
    struct bs_object_name name;
    bs_object_name_staged(config, cluster_id, job, &name);
    free(name.bucket);
    return name.key;
}

static void two_jobs_never_share_a_copy(void **state)
{
    (void)state;
    const char *other_group[8] = {"group=other"};
    memcpy(other_group + 1, places, sizeof places);
    struct bs_config *config = fixture_config(places), *others = fixture_config(other_group);
    struct bs_job job = {.topic = (char[]){"jobs"}, .partition = 1, .offset = 23, .timestamp = 5};
    struct bs_job moved = job, later = job, stamped = job, renamed = job;
    moved.partition = 12;
    moved.offset = 3;
    later.offset = 24;
    stamped.timestamp = 6;
    renamed.topic = (char[]){"jobs-1"};
    char *keys[] = {
        staged_key(config, "c", &job),     staged_key(config, "d", &job),
        staged_key(others, "c", &job),     staged_key(config, "c", &moved),
        staged_key(config, "c", &later),   staged_key(config, "c", &stamped),
        staged_key(config, "c", &renamed),
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(keys[i], keys[j]);
        }
    }
    char *again = staged_key(config, "c", &job);
    assert_string_equal(again, keys[0]);
    free(again);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        free(keys[i]);
    }
    bs_config_free(config);
    bs_config_free(others);
}

static void what_stands_below_a_place_is_known(void **state)
{
    (void)state;
    static const char place[] = "s3://scratch/own/";
    assert_true(bs_object_name_is_below(place, "scratch", "own/jobs-1-2.raw"));
    assert_true(bs_object_name_is_below("s3://scratch/own", "scratch", "own/a/b"));
    assert_false(bs_object_name_is_below(place, "scratch", "owner/k"));
    assert_false(bs_object_name_is_below(place, "scratch", "own"));
    assert_false(bs_object_name_is_below(place, "scratch", "their/own/k"));
    assert_false(bs_object_name_is_below(place, "scratch2", "own/k"));
    assert_false(bs_object_name_is_below(place, "scrat", "own/k"));
    assert_true(bs_object_name_is_below("s3://scratch", "scratch", "k"));
    assert_false(bs_object_name_is_below("", "scratch", "k"));
}

static bool has_store(const char *speechkit, const char *objects)
{
    const char *settings[] = {"speechkit.transcribe_url=http://127.0.0.1:1",
                              "speechkit.operation_url=http://127.0.0.1:1",
                              "objects.endpoint=http://127.0.0.1:1",
                              speechkit,
                              objects,
                              NULL};
    struct bs_config *config = fixture_config(settings);
    bool has = bs_config_has_store(config);
    bs_config_free(config);
    return has;
}

static void an_api_key_alone_opens_no_store(void **state)
{
    (void)state;
    static const char key[] = "speechkit.auth={\"api_key_file\":\"/f\"}";
    static const char none[] = "speechkit.auth={\"none\":true}";
    assert_false(has_store(key, NULL));
    assert_false(has_store(none, NULL));
    assert_true(has_store(key, "objects.auth={\"static_key_file\":\"/f\"}"));
    assert_true(has_store(none, "objects.auth={\"none\":true}"));
    assert_true(has_store("speechkit.auth={\"iam_token_file\":\"/f\"}", NULL));
    assert_true(has_store("speechkit.auth={\"authorized_key_file\":\"/f\"}", NULL));
    assert_true(has_store("speechkit.auth={\"metadata_service\":true}", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_leads_back_to_its_object),
        cmocka_unit_test(a_link_to_what_is_not_configured_leads_nowhere),
        cmocka_unit_test(the_key_of_an_s3_uri_stands_as_it_is),
        cmocka_unit_test(our_own_objects_are_named_after_the_job_message),
        cmocka_unit_test(two_jobs_never_share_a_copy),
        cmocka_unit_test(what_stands_below_a_place_is_known),
        cmocka_unit_test(an_api_key_alone_opens_no_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
