/* The configuration: every mistake at once, with its path. (Agreement with the schema:
 * tests/schemas.) */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char least[] = "{\"kafka\":{\"bootstrap.servers\":\"b:9092\"},\"speechkit\":{\"auth\":"
                            "{\"api_key_file\":\"/k\"}}}";

static struct bs_config *parse(const char *text, const char *setting,
                               struct bs_config_errors *errors)
{
    return bs_config_parse(text, text == NULL ? 0 : strlen(text), &setting, setting == NULL ? 0 : 1,
                           errors);
}

/* The one mistake that the least configuration with `setting` has. */
static void assert_mistake(const char *setting, const char *line)
{
    struct bs_config_errors errors;
    assert_null(parse(least, setting, &errors));
    assert_int_equal(errors.count, 1);
    assert_string_equal(errors.lines[0], line);
    bs_config_errors_free(&errors);
}

static void all_that_is_needed_is_brokers_and_credentials(void **state)
{
    (void)state;
    struct bs_config_errors errors;
    struct bs_config *config = parse(least, NULL, &errors);
    assert_non_null(config);
    assert_string_equal(config->group, "backscribe");
    assert_string_equal(config->speechkit.defaults_json,
                        "{\"languageCode\":\"ru-RU\",\"model\":\"general\"}");
    assert_string_equal(config->admin_host, "127.0.0.1");
    assert_int_equal(config->admin_port, 9464);
    assert_int_equal(config->objects.bucket_count, 0);
    assert_int_equal(config->objects.auth.kind, BS_AUTH_ABSENT);
    assert_null(config->group_instance_id);
    assert_float_equal(config->limits.billed_hours, 0, 0);
    assert_float_equal(config->price.billed_hour, 0, 0);
    assert_string_equal(config->price.currency, "RUB");
    bs_config_free(config);

    assert_null(parse(NULL, NULL, &errors));
    assert_int_equal(errors.count, 2);
    assert_string_equal(errors.lines[0], "kafka.bootstrap.servers: missing: it has no default");
    assert_string_equal(errors.lines[1], "speechkit.auth: missing: it has no default");
    bs_config_errors_free(&errors);
}

static void every_mistake_is_told_at_once_with_its_path(void **state)
{
    (void)state;
    struct bs_config_errors errors;
    static const char text[] =
        "{\"kafka\":{\"bootstrap.servers\":\"b\",\"acks\":1,\"session.timeout.ms\":1},"
        "\"group\":7,\"limits\":{\"in_flight\":0,\"inflight\":1},\"results\":{\"words\":\"yes\"},"
        "\"objects\":{\"buckets\":[\"good\",\"-bad\"],\"endpoint\":\"http://example.org\"},"
        "\"speechkit\":{\"auth\":{\"none\":true},\"defaults\":{\"modell\":\"general\"}}}";
    static const char *const lines[] = {
        "kafka.acks: the worker sets it: transactions need all of them",
        "kafka.session.timeout.ms: expected an integer from 6000 to 60000",
        "group: expected 1 to 200 printable ASCII characters",
        "limits.in_flight: expected an integer from 1 to 100000000",
        "limits.inflight: no such setting",
        "results.words: expected true or false",
        "objects.buckets[1]: expected a bucket's name: 2 to 63 letters, digits, '.', '_' and '-', "
        "a "
        "letter or digit first",
        "speechkit.defaults.modell: the API has no such field",
        "objects.endpoint: expected https:// (http:// is for loopback hosts, or with "
        "allow_insecure)",
        "speechkit.auth.none: expected only where transcribe_url and operation_url are loopback",
    };
    assert_null(parse(text, NULL, &errors));
    for (size_t i = 0; i < errors.count && i < sizeof lines / sizeof lines[0]; i++) {
        assert_string_equal(errors.lines[i], lines[i]);
    }
    assert_int_equal(errors.count, sizeof lines / sizeof lines[0]);
    bs_config_errors_free(&errors);
}

static void a_text_that_is_not_json_is_told_by_line_and_column(void **state)
{
    (void)state;
    struct bs_config_errors errors;
    assert_null(parse("{\n  \"group\": x\n}", NULL, &errors));
    assert_int_equal(errors.count, 1);
    assert_string_equal(errors.lines[0], "line 2, column 12: not JSON: no value begins like this");
    bs_config_errors_free(&errors);
}

static void a_setting_is_read_by_the_type_of_its_path(void **state)
{
    (void)state;
    static const char *const settings[] = {
        "limits.in_flight=17",
        "group=17",
        "results.words=false",
        "objects.buckets=[\"one\",\"two\"]",
        "speechkit.defaults.model=deferred-general",
        "speechkit.defaults.rawResults=true",
        "kafka.group.instance.id=pod-3",
        "kafka.socket.timeout.ms=1000",
        "kafka_files.sasl.password=/run/secrets/kafka",
        "quotas={\"submissions\":9}",
        "admin.listen=[::1]:0",
        "limits.billed_hours=24.5",
        "price={\"billed_hour\":36.5,\"currency\":\"₽\"}",
        NULL,
    };
    struct bs_config *config = fixture_config(settings);
    assert_int_equal(config->limits.in_flight, 17);
    assert_string_equal(config->group, "17");
    assert_false(config->results.words);
    assert_int_equal(config->objects.bucket_count, 2);
    assert_string_equal(
        config->speechkit.defaults_json,
        "{\"languageCode\":\"ru-RU\",\"model\":\"deferred-general\",\"rawResults\":true}");
    assert_string_equal(config->group_instance_id, "pod-3");
    assert_int_equal(config->kafka_count, 4);
    assert_int_equal(config->quotas.submissions, 9);
    assert_int_equal(config->quotas.checks, 2500);
    assert_string_equal(config->admin_host, "::1");
    assert_int_equal(config->admin_port, 0);
    assert_float_equal(config->limits.billed_hours, 24.5, 0);
    assert_float_equal(config->price.billed_hour, 36.5, 0);
    assert_string_equal(config->price.currency, "₽");
    bs_config_free(config);

    assert_mistake("limits.in_flight=many",
                   "limits.in_flight: expected an integer from 1 to 100000000");
    assert_mistake("limits.in_flite=1", "limits.in_flite: no such setting");
    assert_mistake("nonsense", "--set: expected PATH=VALUE, for instance limits.in_flight=10");
    assert_mistake("a..b=1", "--set: expected PATH=VALUE, for instance limits.in_flight=10");
    assert_mistake("limits=1", "limits: expected an object");
}

static void a_variable_of_the_environment_is_put_in(void **state)
{
    (void)state;
    assert_int_equal(setenv("BACKSCRIBE_TEST_FOLDER", "b1g", 1), 0);
    assert_int_equal(unsetenv("BACKSCRIBE_TEST_UNSET"), 0);
    static const char *const settings[] = {
        "speechkit.folder_id=x${BACKSCRIBE_TEST_FOLDER}$$y",
        NULL,
    };
    struct bs_config *config = fixture_config(settings);
    assert_string_equal(config->speechkit.folder_id, "xb1g$y");
    bs_config_free(config);
    assert_mistake(
        "speechkit.folder_id=${BACKSCRIBE_TEST_UNSET}",
        "speechkit.folder_id: the environment variable BACKSCRIBE_TEST_UNSET is not set");
    assert_mistake("speechkit.folder_id=$HOME",
                   "speechkit.folder_id: expected ${NAME} or $$ where a $ stands");
}

static void settings_must_fit_each_other(void **state)
{
    (void)state;
    assert_mistake("topics.results=transcription-jobs",
                   "topics.results: expected another topic than topics.jobs has");
    assert_mistake("kafka.message.timeout.ms=5001",
                   "kafka.message.timeout.ms: expected at most transaction.timeout.ms, 5000");
    assert_mistake("kafka_files.sasl.password=",
                   "kafka_files.sasl.password: expected a file's path");
    assert_mistake("objects.transcripts=s3://bucket/x",
                   "objects.transcripts: needs objects.auth: the object store takes no API key");
    assert_mistake("objects.staging=s3://recordings/../other",
                   "objects.staging: expected \"\" or s3://bucket/prefix");
    assert_mistake("limits.billed_hours=-1",
                   "limits.billed_hours: expected a number from 0 to 1000000000");
    assert_mistake("price.currency=RUB\x1b[31m",
                   "price.currency: expected 1 to 16 characters without control characters");
    assert_mistake("speechkit.auth.iam_token_file=/t",
                   "speechkit.auth: expected an object with exactly one of api_key_file, "
                   "iam_token_file, authorized_key_file, metadata_service, none");
}

static void insecure_urls_are_for_loopback_or_by_permission(void **state)
{
    (void)state;
    static const char *const loopback[] = {"speechkit.transcribe_url=http://127.0.0.1:8080/",
                                           "speechkit.operation_url=http://localhost:1",
                                           "objects.endpoint=http://[::1]:9000", NULL};
    struct bs_config *config = fixture_config(loopback);
    assert_string_equal(config->speechkit.transcribe_url, "http://127.0.0.1:8080");
    bs_config_free(config);
    static const char *const allowed[] = {"speechkit.transcribe_url=http://example.org",
                                          "allow_insecure=true", NULL};
    bs_config_free(fixture_config(allowed));
    assert_mistake("speechkit.iam_url=http://127.0.0.1.example.org",
                   "speechkit.iam_url: expected https:// (http:// is for loopback hosts, or with "
                   "allow_insecure)");
}

static void a_file_that_cannot_be_read_is_told(void **state)
{
    (void)state;
    struct bs_config_errors errors;
    assert_null(bs_config_load("/nowhere/backscribe.json", NULL, 0, &errors));
    assert_int_equal(errors.count, 1);
    assert_string_equal(errors.lines[0],
                        "/nowhere/backscribe.json: cannot be read: No such file or directory");
    bs_config_errors_free(&errors);

    char path[] = "/tmp/backscribe-config-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, least, strlen(least)), strlen(least));
    assert_int_equal(close(fd), 0);
    struct bs_config *config = bs_config_load(path, NULL, 0, &errors);
    assert_non_null(config);
    bs_config_free(config);
    assert_int_equal(unlink(path), 0);
}

static void a_quota_that_starves_a_partition_is_refused(void **state)
{
    (void)state;
    struct bs_error error;
    static const char *const settings[] = {"quotas.submissions=8", "quotas.billed_hours_per_day=32",
                                           NULL};
    struct bs_config *config = fixture_config(settings);
    assert_true(bs_config_check_quotas(config, 8, &error));
    assert_false(bs_config_check_quotas(config, 9, &error));
    assert_string_equal(error.message,
                        "quotas.submissions: expected at least 9 for a state topic of "
                        "9 partitions: each needs 1");
    bs_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_is_needed_is_brokers_and_credentials),
        cmocka_unit_test(every_mistake_is_told_at_once_with_its_path),
        cmocka_unit_test(a_text_that_is_not_json_is_told_by_line_and_column),
        cmocka_unit_test(a_setting_is_read_by_the_type_of_its_path),
        cmocka_unit_test(a_variable_of_the_environment_is_put_in),
        cmocka_unit_test(settings_must_fit_each_other),
        cmocka_unit_test(insecure_urls_are_for_loopback_or_by_permission),
        cmocka_unit_test(a_file_that_cannot_be_read_is_told),
        cmocka_unit_test(a_quota_that_starves_a_partition_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
