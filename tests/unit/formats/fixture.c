#include "fixture.h"

#include <string.h>

struct bs_config *fixture_config(const char *const *settings)
{
    const char *all[16] = {"kafka.bootstrap.servers=127.0.0.1:9092",
                           "speechkit.auth.api_key_file=/key"};
    size_t count = 2;
    for (; settings != NULL && *settings != NULL; settings++) {
        all[count++] = *settings;
    }
    struct bs_config_errors errors;
    struct bs_config *config = bs_config_parse(NULL, 0, all, count, &errors);
    for (size_t i = 0; i < errors.count; i++) {
        print_message("%s\n", errors.lines[i]);
    }
    bs_config_errors_free(&errors);
    assert_non_null(config);
    return config;
}

struct bs_bytes fixture_bytes(const char *text)
{
    return (struct bs_bytes){.data = (const uint8_t *)text, .size = strlen(text)};
}

bool fixture_contains(struct bs_bytes bytes, const char *part)
{
    return memmem(bytes.data, bytes.size, part, strlen(part)) != NULL;
}

void fixture_job_make(struct fixture_job *fixture, const struct bs_config *config, const char *text)
{
    static char operation_id[] = "e03abc";
    struct bs_source source = {.topic = "jobs", .partition = 3, .offset = 41, .timestamp = 1700};
    struct bs_message message = {.value = fixture_bytes(text)};
    *fixture = (struct fixture_job){0};
    bs_job_decode(config, &source, &message, &fixture->event, &fixture->scratch);
    assert_true(bs_job_unpack(fixture->event.job, fixture->event.job_size, &fixture->job));
    fixture->operation = (struct bs_operation){
        .job = fixture->scratch.data,
        .job_size = (uint32_t)fixture->event.job_size,
        .partition = 3,
        .offset = 41,
        .accepted = true,
        .operation_id = operation_id,
        .submissions = 1,
        .checks = 2,
        .number = 1,
        .received = 1700000000000,
        .submitted = 1700000001000,
    };
}

void fixture_job_free(struct fixture_job *fixture)
{
    bs_job_free(&fixture->job);
    bs_buffer_free(&fixture->scratch);
}
