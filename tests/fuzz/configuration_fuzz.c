/* The configuration: the file, and behind separators what --set gives. */
#include <stdlib.h>
#include <string.h>

#include "formats/config.h"
#include "formats/url.h"
#include "fuzz.h"

#define SETTINGS_MAX 8
#define ERRORS_MAX   201
#define LINE_SIZE    768

/* A value from the environment may be a secret: no error shows it. */
static const char secret[] = "s3cr3t-from-the-environment";

static void check_errors(const struct bs_config *config, const struct bs_config_errors *errors,
                         bool secret_written)
{
    BS_ASSERT((config == NULL) == (errors->count > 0) && errors->count <= ERRORS_MAX);
    for (size_t i = 0; i < errors->count; i++) {
        BS_ASSERT(fuzz_is_message(errors->lines[i], LINE_SIZE));
        BS_ASSERT(strstr(errors->lines[i], ": ") != NULL);
        BS_ASSERT(secret_written || strstr(errors->lines[i], secret) == NULL);
    }
}

static void check_text(const char *text, size_t least, size_t most)
{
    BS_ASSERT(text != NULL && fuzz_is_utf8(text, strlen(text)));
    BS_ASSERT(strlen(text) >= least && strlen(text) <= most);
}

static void check_between(int64_t number, int64_t low, int64_t high)
{
    BS_ASSERT(number >= low && number <= high);
}

/* Credentials go there: http is for this machine, unless somebody said otherwise. */
static void check_url(const char *text, bool allow_insecure)
{
    struct bs_url url;
    BS_ASSERT(bs_url_parse(text, &url) && text[strlen(text) - 1] != '/');
    BS_ASSERT(url.https || allow_insecure || bs_url_is_loopback(&url));
}

static void check_numbers(const struct bs_config *config)
{
    check_between(config->quotas.window_seconds, 1, 86400);
    check_between(config->quotas.submissions, 1, 1000000000);
    check_between(config->quotas.checks, 1, 1000000000);
    check_between(config->limits.in_flight, 1, 100000000);
    check_between(config->limits.memory_bytes, 1048576, 1099511627776);
    check_between(config->limits.connections, 1, 10000);
    check_between(config->limits.job_bytes, 64, 900000);
    check_between(config->limits.submissions_per_job, 1, 100);
    check_between(config->limits.refusals_in_a_row, 1, 1000000);
    check_between(config->limits.remembered_ids, 0, 1000000000);
    check_between(config->results.compress_over_bytes, 0, 1073741824);
    check_between(config->results.inline_bytes, 1024, 1073741824);
    check_between(config->results.remember_seconds, 0, 315360000);
    check_between(config->shutdown_seconds, 1, 3600);
    BS_ASSERT(config->quotas.billed_hours_per_day >= 4);
    BS_ASSERT(config->quotas.billed_hours_per_day <= 1000000000);
    BS_ASSERT(config->limits.billed_hours >= 0 && config->limits.billed_hours <= 1000000000);
    BS_ASSERT(config->price.billed_hour >= 0 && config->price.billed_hour <= 1000000000);
    BS_ASSERT(strlen(config->price.currency) >= 1 && strlen(config->price.currency) <= 64);
    BS_ASSERT(config->checks.seconds_per_audio_minute >= 0);
    BS_ASSERT(config->checks.seconds_per_audio_minute <= 3600);
    BS_ASSERT(config->checks.first_guess_seconds >= 0);
    BS_ASSERT(config->checks.first_guess_seconds <= 86400);
}

static void check_kafka(const struct bs_config *config)
{
    static const char *const owned[] = {"group.id",        "enable.auto.commit", "transactional.id",
                                        "isolation.level", "enable.idempotence", "partitioner"};
    bool servers = false;
    for (size_t i = 0; i < config->kafka_count; i++) {
        const struct bs_kafka_property *property = &config->kafka[i];
        BS_ASSERT(property->name != NULL && (property->value == NULL) != (property->file == NULL));
        servers |= strcmp(property->name, "bootstrap.servers") == 0;
        for (size_t k = 0; k < sizeof owned / sizeof owned[0]; k++) {
            BS_ASSERT(strcmp(property->name, owned[k]) != 0);
        }
    }
    BS_ASSERT(servers);
}

static void check_config(const struct bs_config *config)
{
    check_numbers(config);
    check_kafka(config);
    check_text(config->group, 1, 200);
    check_text(config->topics.jobs, 1, 249);
    check_text(config->topics.results, 1, 249);
    check_text(config->topics.dead_letters, 1, 249);
    check_text(config->topics.state, 1, 249);
    check_text(config->objects.staging, 0, SIZE_MAX);
    check_text(config->objects.transcripts, 0, SIZE_MAX);
    check_text(config->objects.region, 1, 800);
    check_text(config->admin_host, 0, SIZE_MAX);
    check_text(config->speechkit.folder_id, 0, SIZE_MAX);
    check_url(config->speechkit.transcribe_url, config->allow_insecure);
    check_url(config->speechkit.operation_url, config->allow_insecure);
    check_url(config->speechkit.iam_url, config->allow_insecure);
    check_url(config->objects.endpoint, config->allow_insecure);
    BS_ASSERT(config->speechkit.auth.kind != BS_AUTH_ABSENT);
    BS_ASSERT(config->speechkit.auth.kind != BS_AUTH_STATIC_KEY_FILE);
    const char *defaults = config->speechkit.defaults_json;
    BS_ASSERT(fuzz_is_json(defaults, strlen(defaults)) && defaults[0] == '{');
    for (size_t i = 0; i < config->objects.bucket_count; i++) {
        check_text(config->objects.buckets[i], 2, 63);
    }
    for (int32_t partitions = 1; partitions < 100; partitions *= 7) {
        struct bs_error error = BS_NO_ERROR;
        BS_ASSERT(bs_config_check_quotas(config, partitions, &error) ||
                  fuzz_is_message(error.message, sizeof error.message));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)setenv("SECRET", secret, 1);
    struct bs_bytes rest = {.data = data, .size = size};
    struct bs_bytes file = fuzz_part(&rest, FUZZ_SEPARATOR);
    const char *settings[SETTINGS_MAX];
    size_t count = 0;
    for (; rest.data != NULL && count < SETTINGS_MAX; count++) {
        struct bs_bytes setting = fuzz_part(&rest, FUZZ_SEPARATOR);
        settings[count] = fuzz_text(setting);
        fuzz_free(setting);
    }
    struct bs_config_errors errors;
    fuzz_memory_begin();
    struct bs_config *config =
        bs_config_parse((const char *)file.data, file.size, settings, count, &errors);
    fuzz_memory_end(size, 300, 524288);
    check_errors(config, &errors,
                 fuzz_contains((struct bs_bytes){.data = data, .size = size}, secret));
    if (config != NULL) {
        check_config(config);
    }
    bs_config_free(config);
    bs_config_errors_free(&errors);
    for (size_t i = 0; i < count; i++) {
        free((char *)(uintptr_t)settings[i]);
    }
    fuzz_free(file);
    return 0;
}
