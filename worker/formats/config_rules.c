/* Credentials, the default specification, and what settings must be towards each other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/config_parts.h"
#include "formats/object_name.h"
#include "formats/specification.h"
#include "formats/url.h"

/* The edge gives transactions 5 s where the configuration says nothing. */
#define TRANSACTION_TIMEOUT_MS 5000

static const struct auth_kind {
    const char *name;
    enum bs_auth_kind kind;
    bool flag; /* its value is true, not a path */
    bool speechkit, objects;
} auth_kinds[] = {
    {"api_key_file", BS_AUTH_API_KEY_FILE, false, true, false},
    {"authorized_key_file", BS_AUTH_AUTHORIZED_KEY_FILE, false, true, true},
    {"iam_token_file", BS_AUTH_IAM_TOKEN_FILE, false, true, true},
    {"metadata_service", BS_AUTH_METADATA_SERVICE, true, true, true},
    {"static_key_file", BS_AUTH_STATIC_KEY_FILE, false, false, true},
    {"none", BS_AUTH_NONE, true, true, true},
};

static const struct auth_kind *find_auth_kind(const char *name)
{
    for (size_t i = 0; i < sizeof auth_kinds / sizeof auth_kinds[0]; i++) {
        if (strcmp(auth_kinds[i].name, name) == 0) {
            return &auth_kinds[i];
        }
    }
    return NULL;
}

bool bs_config_auth_is_flag(const char *name)
{
    const struct auth_kind *kind = find_auth_kind(name);
    return kind != NULL && kind->flag;
}

static void read_auth_member(struct bs_auth *auth, const cJSON *item, const char *path,
                             bool objects, struct bs_config_errors *errors)
{
    char place[256];
    (void)snprintf(place, sizeof place, "%s.%s", path, item->string);
    const struct auth_kind *kind = find_auth_kind(item->string);
    const char *text = cJSON_GetStringValue(item);
    if (kind == NULL || !(objects ? kind->objects : kind->speechkit)) {
        bs_config_complain(errors, place, "no such kind of credential here");
    } else if (kind->flag && !cJSON_IsTrue(item)) {
        bs_config_complain(errors, place, "expected true");
    } else if (!kind->flag && (text == NULL || text[0] == '\0')) {
        bs_config_complain(errors, place, "expected a file's path");
    } else {
        auth->kind = kind->kind;
        free(auth->path);
        auth->path = kind->flag ? NULL : bs_config_copy(text);
    }
}

void bs_config_read_auth(struct bs_auth *auth, const cJSON *object, const char *path, bool objects,
                         struct bs_config_errors *errors)
{
    if (!cJSON_IsObject(object) || cJSON_GetArraySize(object) != 1) {
        bs_config_complain(errors, path, "expected an object with exactly one of %s",
                           objects ? "static_key_file, iam_token_file, authorized_key_file, "
                                     "metadata_service, none"
                                   : "api_key_file, iam_token_file, authorized_key_file, "
                                     "metadata_service, none");
        if (!cJSON_IsObject(object)) {
            auth->kind = BS_AUTH_NONE; /* complained about: not also as missing */
            return;
        }
    }
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
    {
        read_auth_member(auth, item, path, objects, errors);
    }
    if (auth->kind == BS_AUTH_ABSENT) {
        auth->kind = BS_AUTH_NONE; /* as above */
    }
}

static void complain_about_default(void *context, const char *field, const char *problem)
{
    char path[256];
    (void)snprintf(path, sizeof path, "speechkit.defaults%s%s", field[0] == '\0' ? "" : ".", field);
    bs_config_complain(context, path, "%s", problem);
}

/* `object` NULL: only the built-in ones. A field of its own wins over the built-in one. */
void bs_config_read_defaults(struct bs_config *config, const cJSON *object,
                             struct bs_config_errors *errors)
{
    static const struct bs_specification built_in = {.language_code = "ru-RU", .model = "general"};
    struct bs_specification specification = {0};
    if (object != NULL &&
        !bs_specification_read(object, &specification, complain_about_default, errors)) {
        return;
    }
    bs_specification_fill(&specification, &built_in);
    struct bs_buffer json = {0};
    bs_specification_write(&specification, &json);
    bs_buffer_append(&json, "", 1);
    free(config->speechkit.defaults_json);
    config->speechkit.defaults_json = (char *)json.data;
}

static bool is_loopback(const char *text)
{
    struct bs_url url;
    return bs_url_parse(text, &url) && bs_url_is_loopback(&url);
}

static void check_urls(const struct bs_config *config, struct bs_config_errors *errors)
{
    const struct {
        const char *path, *url;
    } urls[] = {
        {"speechkit.transcribe_url", config->speechkit.transcribe_url},
        {"speechkit.operation_url", config->speechkit.operation_url},
        {"speechkit.iam_url", config->speechkit.iam_url},
        {"objects.endpoint", config->objects.endpoint},
    };
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        if (strncmp(urls[i].url, "http:", 5) == 0 && !config->allow_insecure &&
            !is_loopback(urls[i].url)) {
            bs_config_complain(errors, urls[i].path,
                               "expected https:// (http:// is for loopback "
                               "hosts, or with allow_insecure)");
        }
    }
}

static void check_credentials(const struct bs_config *config, struct bs_config_errors *errors)
{
    const struct bs_auth *auth = &config->speechkit.auth;
    if (auth->kind == BS_AUTH_ABSENT) {
        bs_config_complain(errors, "speechkit.auth", "missing: it has no default");
    }
    if (auth->kind == BS_AUTH_NONE && !(is_loopback(config->speechkit.transcribe_url) &&
                                        is_loopback(config->speechkit.operation_url))) {
        bs_config_complain(errors, "speechkit.auth.none",
                           "expected only where transcribe_url and operation_url are loopback");
    }
    if (config->objects.auth.kind == BS_AUTH_NONE && !is_loopback(config->objects.endpoint)) {
        bs_config_complain(errors, "objects.auth.none",
                           "expected only where objects.endpoint is loopback");
    }
    const char *needs_store = config->objects.staging[0] != '\0'       ? "objects.staging"
                              : config->objects.transcripts[0] != '\0' ? "objects.transcripts"
                                                                       : NULL;
    if (needs_store != NULL && auth->kind != BS_AUTH_ABSENT && !bs_config_has_store(config)) {
        bs_config_complain(errors, needs_store, "needs objects.auth: %s",
                           auth->kind == BS_AUTH_API_KEY_FILE
                               ? "the object store takes no API key"
                               : "speechkit.auth names no credentials that could serve it");
    }
}

static void check_topics(const struct bs_config *config, struct bs_config_errors *errors)
{
    const struct {
        const char *path, *name;
    } topics[] = {
        {"topics.jobs", config->topics.jobs},
        {"topics.results", config->topics.results},
        {"topics.dead_letters", config->topics.dead_letters},
        {"topics.state", config->topics.state},
    };
    for (size_t i = 1; i < 4; i++) {
        for (size_t j = 0; j < i; j++) {
            if (strcmp(topics[i].name, topics[j].name) == 0) {
                bs_config_complain(errors, topics[i].path, "expected another topic than %s has",
                                   topics[j].path);
            }
        }
    }
}

static void check_kafka(const struct bs_config *config, struct bs_config_errors *errors)
{
    if (bs_config_kafka_value(config, "bootstrap.servers") == NULL) {
        bs_config_complain(errors, "kafka.bootstrap.servers", "missing: it has no default");
    }
    for (size_t i = 0; i < config->kafka_count; i++) {
        const struct bs_kafka_property *property = &config->kafka[i];
        if (property->file != NULL && bs_config_kafka_value(config, property->name) != NULL) {
            char path[256];
            (void)snprintf(path, sizeof path, "kafka_files.%s", property->name);
            bs_config_complain(errors, path, "expected either here or in kafka, not in both");
        }
    }
    const char *transaction = bs_config_kafka_value(config, "transaction.timeout.ms");
    const char *const names[] = {"message.timeout.ms", "delivery.timeout.ms"};
    long limit = transaction == NULL ? TRANSACTION_TIMEOUT_MS : strtol(transaction, NULL, 10);
    for (size_t i = 0; i < 2; i++) {
        const char *message = bs_config_kafka_value(config, names[i]);
        if (message != NULL && strtol(message, NULL, 10) > limit) {
            char path[64];
            (void)snprintf(path, sizeof path, "kafka.%s", names[i]);
            bs_config_complain(errors, path, "expected at most transaction.timeout.ms, %ld", limit);
        }
    }
}

void bs_config_check_rules(const struct bs_config *config, struct bs_config_errors *errors)
{
    check_kafka(config, errors);
    check_topics(config, errors);
    check_urls(config, errors);
    check_credentials(config, errors);
}
