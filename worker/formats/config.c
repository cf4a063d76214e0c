/* Reading the configuration, from the file to the checked struct. */
#include "formats/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/config_parts.h"

#define FILE_SIZE_MAX 1048576

/* Far more than a person mends at once; a file that is something else altogether has thousands. */
#define MISTAKES_SHOWN 200

/* A partition must be able to pay for the longest recording: 4 hours of up to two channels. */
#define LONGEST_BILLED_SECONDS 14400

char *bs_config_copy(const char *text)
{
    char *copy = strdup(text);
    BS_ASSERT(copy != NULL);
    return copy;
}

void bs_config_complain(struct bs_config_errors *errors, const char *path, const char *format, ...)
{
    char text[512], line[768], clean[768];
    if (errors->count > MISTAKES_SHOWN) {
        return;
    }
    if (errors->count == MISTAKES_SHOWN) {
        path = "configuration";
        format = "there are more mistakes";
    }
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    (void)snprintf(line, sizeof line, "%s: %s", path, text);
    bs_utf8_copy_cut(line, strlen(line), clean, sizeof clean);
    errors->lines = realloc(errors->lines, (errors->count + 1) * sizeof *errors->lines);
    BS_ASSERT(errors->lines != NULL);
    errors->lines[errors->count++] = bs_config_copy(clean);
}

static void complain_about_text(struct bs_config_errors *errors, const char *text,
                                const struct bs_json_problem *problem)
{
    size_t line = 1, line_start = 0;
    for (size_t i = 0; i < problem->offset; i++) {
        if (text[i] == '\n') {
            line++;
            line_start = i + 1;
        }
    }
    char place[64];
    (void)snprintf(place, sizeof place, "line %zu, column %zu", line,
                   problem->offset - line_start + 1);
    bs_config_complain(errors, place, "not JSON: %s", problem->reason);
}

/* An empty object where there is no text; NULL when the text is no object. */
static cJSON *read_tree(const char *text, size_t size, struct bs_config_errors *errors)
{
    if (text == NULL) {
        return cJSON_CreateObject();
    }
    struct bs_json_problem problem;
    cJSON *tree = bs_json_parse((const uint8_t *)text, size, &problem);
    if (tree == NULL) {
        complain_about_text(errors, text, &problem);
    } else if (!cJSON_IsObject(tree)) {
        bs_config_complain(errors, "configuration", "expected an object");
        cJSON_Delete(tree);
        tree = NULL;
    }
    return tree;
}

struct bs_config *bs_config_parse(const char *text, size_t size, const char *const *settings,
                                  size_t setting_count, struct bs_config_errors *errors)
{
    *errors = (struct bs_config_errors){0};
    cJSON *tree = read_tree(text, size, errors);
    if (tree == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < setting_count; i++) {
        bs_config_apply_setting(tree, settings[i], errors);
    }
    bs_config_expand(tree, errors);

    struct bs_config *config = calloc(1, sizeof *config);
    BS_ASSERT(config != NULL);
    bs_config_set_defaults(config);
    bs_config_read(config, tree, errors);
    bs_config_check_rules(config, errors);
    cJSON_Delete(tree);
    if (errors->count > 0) {
        bs_config_free(config);
        return NULL;
    }
    return config;
}

/* The whole file, or NULL with its reason in `errors`. */
static char *read_file(const char *path, size_t *size, struct bs_config_errors *errors)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        bs_config_complain(errors, path, "cannot be read: %s", strerror(errno));
        return NULL;
    }
    char *text = malloc(FILE_SIZE_MAX + 1);
    BS_ASSERT(text != NULL);
    *size = fread(text, 1, FILE_SIZE_MAX + 1, file);
    bool failed = ferror(file) != 0;
    if (failed) {
        bs_config_complain(errors, path, "cannot be read: %s", strerror(errno));
    } else if (*size > FILE_SIZE_MAX) {
        bs_config_complain(errors, path, "expected a file of at most 1 MiB");
        failed = true;
    }
    (void)fclose(file);
    if (failed) {
        free(text);
        return NULL;
    }
    return text;
}

struct bs_config *bs_config_load(const char *path, const char *const *settings,
                                 size_t setting_count, struct bs_config_errors *errors)
{
    *errors = (struct bs_config_errors){0};
    if (path == NULL) {
        return bs_config_parse(NULL, 0, settings, setting_count, errors);
    }
    size_t size;
    char *text = read_file(path, &size, errors);
    if (text == NULL) {
        return NULL;
    }
    struct bs_config *config = bs_config_parse(text, size, settings, setting_count, errors);
    free(text);
    return config;
}

void bs_config_free(struct bs_config *config)
{
    if (config == NULL) {
        return;
    }
    for (size_t i = 0; i < config->kafka_count; i++) {
        free(config->kafka[i].name);
        free(config->kafka[i].value);
        free(config->kafka[i].file);
    }
    for (size_t i = 0; i < config->objects.bucket_count; i++) {
        free(config->objects.buckets[i]);
    }
    char *texts[] = {
        config->group,
        config->group_instance_id,
        config->topics.jobs,
        config->topics.results,
        config->topics.dead_letters,
        config->topics.state,
        config->speechkit.transcribe_url,
        config->speechkit.operation_url,
        config->speechkit.iam_url,
        config->speechkit.folder_id,
        config->speechkit.auth.path,
        config->speechkit.defaults_json,
        config->price.currency,
        config->objects.endpoint,
        config->objects.region,
        config->objects.auth.path,
        config->objects.staging,
        config->objects.transcripts,
        config->admin_host,
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        free(texts[i]);
    }
    free(config->kafka);
    free(config->objects.buckets);
    free(config);
}

void bs_config_errors_free(struct bs_config_errors *errors)
{
    for (size_t i = 0; i < errors->count; i++) {
        free(errors->lines[i]);
    }
    free(errors->lines);
    *errors = (struct bs_config_errors){0};
}

/* The smallest part of `quota` that one of `partitions` gets is its floor. */
static bool too_small(const char *name, double quota, double least, int32_t partitions,
                      struct bs_error *error)
{
    if (quota >= least * partitions) {
        return false;
    }
    (void)bs_error_set(
        error, BS_ERROR_INVALID,
        "quotas.%s: expected at least %.10g for a state topic of %d partitions: each "
        "needs %.10g",
        name, least * partitions, partitions, least);
    return true;
}

bool bs_config_check_quotas(const struct bs_config *config, int32_t state_partitions,
                            struct bs_error *error)
{
    double longest_hours = LONGEST_BILLED_SECONDS / 3600.0;
    return !too_small("submissions", (double)config->quotas.submissions, 1, state_partitions,
                      error) &&
           !too_small("checks", (double)config->quotas.checks, 1, state_partitions, error) &&
           !too_small("billed_hours_per_day", config->quotas.billed_hours_per_day, longest_hours,
                      state_partitions, error);
}
