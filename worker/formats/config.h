/* The configuration: one JSON file (schemas/config.schema.json), --set on top, defaults below. */
#ifndef BS_FORMATS_CONFIG_H
#define BS_FORMATS_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/error.h"

enum bs_auth_kind {
    BS_AUTH_ABSENT,
    BS_AUTH_NONE,
    BS_AUTH_API_KEY_FILE,
    BS_AUTH_IAM_TOKEN_FILE,
    BS_AUTH_AUTHORIZED_KEY_FILE,
    BS_AUTH_METADATA_SERVICE,
    BS_AUTH_STATIC_KEY_FILE,
};

struct bs_auth {
    enum bs_auth_kind kind;
    char *path; /* of the file kinds, else NULL */
};

struct bs_kafka_property {
    char *name;
    char *value; /* NULL where value_file is set */
    char *file;  /* kafka_files: the value is this file's content */
};

/* Strings are NUL-terminated and owned by the struct; none is NULL unless said. */
struct bs_config {
    struct bs_kafka_property *kafka;
    size_t kafka_count;
    char *group;
    char *group_instance_id; /* kafka.group.instance.id, or NULL */
    struct {
        char *jobs, *results, *dead_letters, *state;
    } topics;
    struct {
        char *transcribe_url, *operation_url, *iam_url; /* no trailing slash */
        char *folder_id;                                /* "" = none */
        struct bs_auth auth;
        char *
            defaults_json; /* speechkit.defaults as a JSON object: the API's specification fields */
        bool dead_letter_unknown; /* on_unknown_submission: dead_letter */
    } speechkit;
    struct {
        int64_t window_seconds, submissions, checks;
        double billed_hours_per_day;
    } quotas;
    struct {
        int64_t in_flight, memory_bytes, connections, job_bytes, submissions_per_job;
        int64_t refusals_in_a_row, remembered_ids;
        double billed_hours; /* the budget of the fleet's whole life; 0 = none */
    } limits;
    struct {
        double billed_hour; /* 0 = unknown */
        char *currency;
    } price;
    struct {
        char *endpoint, *region; /* endpoint without a trailing slash */
        bool virtual_host_style;
        struct bs_auth auth;
        char **buckets;
        size_t bucket_count;         /* 0 = any bucket at the endpoint */
        char *staging, *transcripts; /* s3://…, or "" */
    } objects;
    struct {
        double seconds_per_audio_minute, first_guess_seconds;
    } checks;
    struct {
        int64_t compress_over_bytes, inline_bytes, remember_seconds;
        bool words;
    } results;
    int64_t shutdown_seconds;
    char *admin_host; /* of admin.listen; "" = no admin endpoint */
    uint16_t admin_port;
    bool allow_insecure;
};

/* Every mistake that was found, one line each: "path: what was expected". */
struct bs_config_errors {
    char **lines;
    size_t count;
};

/* Reads `path` (NULL: only defaults and settings), applies `settings` ("path=value", in order),
 * replaces ${NAME} by the environment, checks everything. NULL when anything is wrong; then
 * `errors` (freed by bs_config_errors_free) holds all of it. The caller frees the configuration.
 * Reads the file and the environment, nothing else: files named by keys ending in _file are read
 * by whoever uses them. */
BS_MUST_CHECK struct bs_config *bs_config_load(const char *path, const char *const *settings,
                                               size_t setting_count,
                                               struct bs_config_errors *errors);
/* The same from text that is already here (`text` NULL: none); for tests and fuzzing. */
BS_MUST_CHECK struct bs_config *bs_config_parse(const char *text, size_t size,
                                                const char *const *settings, size_t setting_count,
                                                struct bs_config_errors *errors);
void bs_config_free(struct bs_config *config);
void bs_config_errors_free(struct bs_config_errors *errors);

/* Checks that need the state topic's number of partitions: a quota that leaves a partition less
 * than one submission, one check, or 4 hours' billed time is refused. */
BS_MUST_CHECK bool bs_config_check_quotas(const struct bs_config *config, int32_t state_partitions,
                                          struct bs_error *error);

/* A path that --set takes, with what comes behind it: "=" and the value, or "." where the names of
 * parts follow. Static; NULL: there is no setting `index`. */
const char *bs_config_settable(size_t index, const char **end);

#endif
