/* What the worker's code says about inputs, for agreement.py to compare with the schemas.
 *
 *   verdict job      each input a job's text          -> "valid" or "invalid <why>"
 *   verdict config   each input a configuration's text -> "valid" or "invalid <every mistake>"
 *   verdict result   two inputs, a job's text and the API's answer to a check
 *                                                     -> "result <JSON>" or "none <why>"
 *   verdict defaults                                  -> the configuration's numbers, one a line
 *
 * Inputs come on standard input, each as its size in decimal, a newline and its bytes. One line a
 * verdict on standard output. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/gzip.h"
#include "formats/job.h"
#include "formats/result.h"
#include "formats/speechkit.h"

#define INPUT_SIZE_MAX 16777216

/* The next input; false at the end. */
static bool read_input(struct bs_buffer *input)
{
    size_t size;
    if (scanf("%zu", &size) != 1) {
        return false;
    }
    BS_ASSERT(getchar() == '\n' && size <= INPUT_SIZE_MAX);
    input->size = 0;
    uint8_t *place = bs_buffer_extend(input, size);
    BS_ASSERT(fread(place, 1, size, stdin) == size);
    return true;
}

static struct bs_config *make_config(void)
{
    static const char *const settings[] = {
        "kafka.bootstrap.servers=127.0.0.1:9092",
        "speechkit.auth.api_key_file=/run/secrets/speechkit",
        "limits.job_bytes=900000",
        "results.compress_over_bytes=1073741824",
    };
    struct bs_config_errors errors;
    struct bs_config *config =
        bs_config_parse(NULL, 0, settings, sizeof settings / sizeof settings[0], &errors);
    BS_ASSERT(config != NULL);
    return config;
}

static const struct bs_source source = {
    .topic = "jobs",
    .partition = 1,
    .offset = 7,
    .timestamp = 1700000000000,
};

static void decode(const struct bs_config *config, const struct bs_buffer *input,
                   struct bs_job_event *event, struct bs_buffer *scratch)
{
    struct bs_message message = {.value = {.data = input->data, .size = input->size}};
    bs_job_decode(config, &source, &message, event, scratch);
}

static void judge_jobs(void)
{
    struct bs_config *config = make_config();
    struct bs_buffer input = {0}, scratch = {0};
    struct bs_job_event event;
    while (read_input(&input)) {
        decode(config, &input, &event, &scratch);
        if (event.refusal == BS_DEAD_INVALID_JOB) {
            (void)printf("invalid %s\n", event.refusal_message);
        } else {
            (void)printf("valid\n");
        }
    }
    bs_buffer_free(&input);
    bs_buffer_free(&scratch);
    bs_config_free(config);
}

static void judge_configs(void)
{
    struct bs_buffer input = {0};
    while (read_input(&input)) {
        struct bs_config_errors errors;
        struct bs_config *config =
            bs_config_parse((const char *)input.data, input.size, NULL, 0, &errors);
        (void)printf(config != NULL ? "valid" : "invalid");
        for (size_t i = 0; i < errors.count; i++) {
            (void)printf("%s%s", i == 0 ? " " : "; ", errors.lines[i]);
        }
        (void)printf("\n");
        bs_config_errors_free(&errors);
        bs_config_free(config);
    }
    bs_buffer_free(&input);
}

static void print_answer(const struct bs_answer *answer)
{
    const struct bs_payload *payload = answer->payload;
    if (payload == NULL) {
        (void)printf("none %d %s\n", (int)answer->kind,
                     answer->message == NULL ? "" : answer->message);
        return;
    }
    (void)printf("result ");
    (void)fwrite(payload->value, 1, payload->size, stdout);
    (void)printf("\n");
}

static void make_results(void)
{
    struct bs_config *config = make_config();
    struct bs_buffer job = {0}, body = {0}, scratch = {0};
    char operation_id[] = "e03sup6d5h1qr574ht99";
    while (read_input(&job) && read_input(&body)) {
        struct bs_job_event event;
        decode(config, &job, &event, &scratch);
        struct bs_operation operation = {
            .job = (uint8_t *)(uintptr_t)event.job,
            .job_size = (uint32_t)event.job_size,
            .operation_id = operation_id,
            .accepted = true,
            .submissions = 1,
            .received = 1700000000000,
            .submitted = 1700000001000,
        };
        struct bs_answer answer;
        void *storage;
        bs_speechkit_decode_check(config, &operation, "worker-0", 1700000300000, 200,
                                  (struct bs_bytes){.data = body.data, .size = body.size}, &answer,
                                  &storage);
        print_answer(&answer);
        bs_payload_free(answer.payload);
        bs_speechkit_free(storage);
    }
    bs_buffer_free(&job);
    bs_buffer_free(&body);
    bs_buffer_free(&scratch);
    bs_config_free(config);
}

/* What the schema's "default" must say. */
static void print_defaults(void)
{
    static const char *const needed[] = {"kafka.bootstrap.servers=a:1",
                                         "speechkit.auth.metadata_service=true"};
    struct bs_config_errors errors;
    struct bs_config *config = bs_config_parse(NULL, 0, needed, 2, &errors);
    BS_ASSERT(config != NULL);
    const struct {
        const char *path;
        double value;
    } numbers[] = {
        {"quotas.window_seconds", (double)config->quotas.window_seconds},
        {"quotas.submissions", (double)config->quotas.submissions},
        {"quotas.checks", (double)config->quotas.checks},
        {"quotas.billed_hours_per_day", config->quotas.billed_hours_per_day},
        {"limits.in_flight", (double)config->limits.in_flight},
        {"limits.memory_bytes", (double)config->limits.memory_bytes},
        {"limits.connections", (double)config->limits.connections},
        {"limits.job_bytes", (double)config->limits.job_bytes},
        {"limits.submissions_per_job", (double)config->limits.submissions_per_job},
        {"limits.refusals_in_a_row", (double)config->limits.refusals_in_a_row},
        {"limits.remembered_ids", (double)config->limits.remembered_ids},
        {"limits.billed_hours", config->limits.billed_hours},
        {"price.billed_hour", config->price.billed_hour},
        {"checks.seconds_per_audio_minute", config->checks.seconds_per_audio_minute},
        {"checks.first_guess_seconds", config->checks.first_guess_seconds},
        {"results.compress_over_bytes", (double)config->results.compress_over_bytes},
        {"results.inline_bytes", (double)config->results.inline_bytes},
        {"results.remember_seconds", (double)config->results.remember_seconds},
        {"results.words", config->results.words},
        {"shutdown_seconds", (double)config->shutdown_seconds},
        {"allow_insecure", config->allow_insecure},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        (void)printf("%s %.17g\n", numbers[i].path, numbers[i].value);
    }
    const char *const texts[][2] = {
        {"group", config->group},
        {"topics.jobs", config->topics.jobs},
        {"topics.results", config->topics.results},
        {"topics.dead_letters", config->topics.dead_letters},
        {"topics.state", config->topics.state},
        {"speechkit.transcribe_url", config->speechkit.transcribe_url},
        {"speechkit.operation_url", config->speechkit.operation_url},
        {"speechkit.iam_url", config->speechkit.iam_url},
        {"speechkit.folder_id", config->speechkit.folder_id},
        {"price.currency", config->price.currency},
        {"objects.endpoint", config->objects.endpoint},
        {"objects.region", config->objects.region},
        {"objects.staging", config->objects.staging},
        {"objects.transcripts", config->objects.transcripts},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        (void)printf("%s \"%s\"\n", texts[i][0], texts[i][1]);
    }
    bs_config_free(config);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } modes[] = {
        {"job", judge_jobs},
        {"config", judge_configs},
        {"result", make_results},
        {"defaults", print_defaults},
    };
    for (size_t i = 0; argc == 2 && i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(argv[1], modes[i].name) == 0) {
            modes[i].run();
            return 0;
        }
    }
    (void)fprintf(stderr, "usage: verdict job|config|result|defaults\n");
    return 2;
}
