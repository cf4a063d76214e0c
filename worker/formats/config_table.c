/* Every setting with its type, bounds and default, and how it is read. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/config_parts.h"
#include "formats/url.h"

#define PLACE(member) offsetof(struct bs_config, member)

static bool any_text(const char *text)
{
    (void)text;
    return true;
}

/* The group's name also stands in records and transactional ids: printable ASCII. */
static bool is_group(const char *text)
{
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++) {
        if (text[i] < ' ' || text[i] > '~') {
            return false;
        }
    }
    return length >= 1 && length <= 200;
}

static bool is_name(const char *text)
{
    size_t length = bs_utf8_length(text);
    return length >= 1 && length <= 200;
}

/* It is written to terminals: neither C0 nor C1. */
static bool is_currency(const char *text)
{
    size_t length = bs_utf8_length(text);
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        if (*at < ' ' || *at == 0x7f || (*at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0)) {
            return false;
        }
    }
    return length >= 1 && length <= 16;
}

static bool is_topic(const char *text)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t length = strlen(text);
    return length >= 1 && length <= 249 && strspn(text, allowed) == length &&
           strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

static bool is_url(const char *text)
{
    struct bs_url url;
    return bs_url_parse(text, &url);
}

static bool is_endpoint(const char *text)
{
    struct bs_url url;
    return bs_url_parse(text, &url) && (url.path[0] == '\0' || strcmp(url.path, "/") == 0);
}

static bool is_place_or_empty(const char *text)
{
    size_t bucket;
    const char *key;
    return text[0] == '\0' ||
           (bs_s3_uri_parse(text, false, &bucket, &key) && !bs_key_has_dot_segment(key));
}

#define TEXT(path, member, standard, good, expected)                                               \
    {                                                                                              \
        path, BS_SETTING_TEXT, PLACE(member), 0, 0, 0, standard, NULL, good, expected              \
    }
#define INTEGER(path, member, low, high, standard)                                                 \
    {                                                                                              \
        path, BS_SETTING_INTEGER, PLACE(member), low, high, standard, NULL, NULL, NULL, NULL       \
    }
#define NUMBER(path, member, low, high, standard)                                                  \
    {                                                                                              \
        path, BS_SETTING_NUMBER, PLACE(member), low, high, standard, NULL, NULL, NULL, NULL        \
    }
#define FLAG(path, member, standard)                                                               \
    {                                                                                              \
        path, BS_SETTING_FLAG, PLACE(member), 0, 1, standard, NULL, NULL, NULL, NULL               \
    }
#define CHOICE(path, member, standard, other)                                                      \
    {                                                                                              \
        path, BS_SETTING_CHOICE, PLACE(member), 0, 0, 0, standard, other, NULL, NULL               \
    }
#define OWN(path, kind)                                                                            \
    {                                                                                              \
        path, kind, 0, 0, 0, 0, NULL, NULL, NULL, NULL                                             \
    }

#define A_NAME  "a string of 1 to 200 characters"
#define A_TOPIC "a topic's name: 1 to 249 letters, digits, '.', '_' and '-'"
#define A_URL   "a URL http(s)://host[:port][/path]"
#define A_PLACE "\"\" or s3://bucket/prefix"

static const struct bs_setting settings[] = {
    OWN("kafka", BS_SETTING_KAFKA),
    OWN("kafka_files", BS_SETTING_KAFKA_FILES),
    TEXT("group", group, "backscribe", is_group, "1 to 200 printable ASCII characters"),
    TEXT("topics.jobs", topics.jobs, "transcription-jobs", is_topic, A_TOPIC),
    TEXT("topics.results", topics.results, "transcription-results", is_topic, A_TOPIC),
    TEXT("topics.dead_letters", topics.dead_letters, "transcription-dead-letters", is_topic,
         A_TOPIC),
    TEXT("topics.state", topics.state, "backscribe-state", is_topic, A_TOPIC),

    TEXT("speechkit.transcribe_url", speechkit.transcribe_url,
         "https://transcribe.api.cloud.yandex.net", is_url, A_URL),
    TEXT("speechkit.operation_url", speechkit.operation_url,
         "https://operation.api.cloud.yandex.net", is_url, A_URL),
    TEXT("speechkit.iam_url", speechkit.iam_url, "https://iam.api.cloud.yandex.net", is_url, A_URL),
    TEXT("speechkit.folder_id", speechkit.folder_id, "", any_text, "a string"),
    OWN("speechkit.auth", BS_SETTING_SPEECHKIT_AUTH),
    OWN("speechkit.defaults", BS_SETTING_SPECIFICATION),
    CHOICE("speechkit.on_unknown_submission", speechkit.dead_letter_unknown, "resubmit",
           "dead_letter"),

    INTEGER("quotas.window_seconds", quotas.window_seconds, 1, 86400, 3600),
    INTEGER("quotas.submissions", quotas.submissions, 1, 1000000000, 500),
    INTEGER("quotas.checks", quotas.checks, 1, 1000000000, 2500),
    NUMBER("quotas.billed_hours_per_day", quotas.billed_hours_per_day, 4, 1000000000, 10000),

    INTEGER("limits.in_flight", limits.in_flight, 1, 100000000, 100000),
    INTEGER("limits.memory_bytes", limits.memory_bytes, 1048576, 1099511627776, 1073741824),
    INTEGER("limits.connections", limits.connections, 1, 10000, 64),
    INTEGER("limits.job_bytes", limits.job_bytes, 64, 900000, 65536),
    INTEGER("limits.submissions_per_job", limits.submissions_per_job, 1, 100, 3),
    INTEGER("limits.refusals_in_a_row", limits.refusals_in_a_row, 1, 1000000, 20),
    INTEGER("limits.remembered_ids", limits.remembered_ids, 0, 1000000000, 5000000),
    NUMBER("limits.billed_hours", limits.billed_hours, 0, 1000000000, 0),

    NUMBER("price.billed_hour", price.billed_hour, 0, 1000000000, 0),
    TEXT("price.currency", price.currency, "RUB", is_currency,
         "1 to 16 characters without control characters"),

    TEXT("objects.endpoint", objects.endpoint, "https://storage.yandexcloud.net", is_endpoint,
         "a URL http(s)://host[:port]"),
    TEXT("objects.region", objects.region, "ru-central1", is_name, A_NAME),
    CHOICE("objects.style", objects.virtual_host_style, "path", "virtual_host"),
    OWN("objects.auth", BS_SETTING_OBJECTS_AUTH),
    OWN("objects.buckets", BS_SETTING_BUCKETS),
    TEXT("objects.staging", objects.staging, "", is_place_or_empty, A_PLACE),
    TEXT("objects.transcripts", objects.transcripts, "", is_place_or_empty, A_PLACE),

    NUMBER("checks.seconds_per_audio_minute", checks.seconds_per_audio_minute, 0, 3600, 10),
    NUMBER("checks.first_guess_seconds", checks.first_guess_seconds, 0, 86400, 60),

    INTEGER("results.compress_over_bytes", results.compress_over_bytes, 0, 1073741824, 262144),
    INTEGER("results.inline_bytes", results.inline_bytes, 1024, 1073741824, 900000),
    INTEGER("results.remember_seconds", results.remember_seconds, 0, 315360000, 259200),
    FLAG("results.words", results.words, 1),

    INTEGER("shutdown_seconds", shutdown_seconds, 1, 3600, 25),
    {"admin.listen", BS_SETTING_LISTEN, 0, 0, 0, 0, "127.0.0.1:9464", NULL, NULL, NULL},
    FLAG("allow_insecure", allow_insecure, 0),
};
#define SETTING_COUNT (sizeof settings / sizeof settings[0])

const struct bs_setting *bs_config_setting(const char *path, size_t length)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (strlen(settings[i].path) == length && memcmp(settings[i].path, path, length) == 0) {
            return &settings[i];
        }
    }
    return NULL;
}

const char *bs_config_settable(size_t index, const char **end)
{
    if (index >= SETTING_COUNT) {
        return NULL;
    }
    enum bs_setting_kind kind = settings[index].kind;
    bool has_names = kind == BS_SETTING_KAFKA || kind == BS_SETTING_KAFKA_FILES ||
                     kind == BS_SETTING_SPEECHKIT_AUTH || kind == BS_SETTING_OBJECTS_AUTH ||
                     kind == BS_SETTING_SPECIFICATION;
    *end = has_names ? "." : "=";
    return settings[index].path;
}

static void set_text(char **place, const char *text)
{
    free(*place);
    *place = bs_config_copy(text);
}

static void set_listen(struct bs_config *config, const char *text)
{
    size_t length = 0;
    if (text[0] != '\0') {
        BS_ASSERT(bs_listen_parse(text, &length, &config->admin_port));
    }
    bool brackets = text[0] == '[';
    set_text(&config->admin_host, "");
    free(config->admin_host);
    config->admin_host = strndup(text + brackets, length - (brackets ? 2 : 0));
    BS_ASSERT(config->admin_host != NULL);
}

void bs_config_set_defaults(struct bs_config *config)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct bs_setting *setting = &settings[i];
        void *place = (char *)config + setting->place;
        switch (setting->kind) {
        case BS_SETTING_TEXT:
            set_text(place, setting->standard);
            break;
        case BS_SETTING_INTEGER:
            *(int64_t *)place = (int64_t)setting->standard_number;
            break;
        case BS_SETTING_NUMBER:
            *(double *)place = setting->standard_number;
            break;
        case BS_SETTING_FLAG:
            *(bool *)place = setting->standard_number > 0;
            break;
        case BS_SETTING_LISTEN:
            set_listen(config, setting->standard);
            break;
        default:
            break; /* a choice's default is false, the others' are made by their readers */
        }
    }
    bs_config_read_defaults(config, NULL, NULL);
}

static void read_text(struct bs_config *config, const struct bs_setting *setting, const cJSON *item,
                      struct bs_config_errors *errors)
{
    const char *text = cJSON_GetStringValue(item);
    if (text == NULL || !setting->good(text)) {
        bs_config_complain(errors, setting->path, "expected %s", setting->expected);
        return;
    }
    char **place = (char **)(void *)((char *)config + setting->place);
    set_text(place, text);
    if (setting->good == is_url || setting->good == is_endpoint) {
        for (size_t end = strlen(*place); end > 0 && (*place)[end - 1] == '/'; end--) {
            (*place)[end - 1] = '\0';
        }
    }
}

static void read_number(struct bs_config *config, const struct bs_setting *setting,
                        const cJSON *item, struct bs_config_errors *errors)
{
    bool integer = setting->kind == BS_SETTING_INTEGER;
    double value = cJSON_IsNumber(item) ? item->valuedouble : NAN;
    if (!(value >= setting->low && value <= setting->high) || (integer && floor(value) < value)) {
        bs_config_complain(errors, setting->path, "expected %s from %.15g to %.15g",
                           integer ? "an integer" : "a number", setting->low, setting->high);
        return;
    }
    void *place = (char *)config + setting->place;
    if (integer) {
        *(int64_t *)place = (int64_t)value;
    } else {
        *(double *)place = value;
    }
}

static void read_flag(struct bs_config *config, const struct bs_setting *setting, const cJSON *item,
                      struct bs_config_errors *errors)
{
    bool *place = (bool *)(void *)((char *)config + setting->place);
    if (setting->kind == BS_SETTING_FLAG) {
        if (!cJSON_IsBool(item)) {
            bs_config_complain(errors, setting->path, "expected true or false");
        }
        *place = cJSON_IsTrue(item);
        return;
    }
    const char *name = cJSON_GetStringValue(item);
    *place = name != NULL && strcmp(name, setting->other) == 0;
    if (name == NULL || (!*place && strcmp(name, setting->standard) != 0)) {
        bs_config_complain(errors, setting->path, "expected \"%s\" or \"%s\"", setting->standard,
                           setting->other);
    }
}

static bool is_bucket(const cJSON *item)
{
    const char *name = cJSON_GetStringValue(item);
    char uri[80];
    size_t length;
    const char *key;
    if (name == NULL || strlen(name) > 63) {
        return false;
    }
    (void)snprintf(uri, sizeof uri, "s3://%s", name);
    return bs_s3_uri_parse(uri, false, &length, &key) && length == strlen(name);
}

static void read_buckets(struct bs_config *config, const cJSON *array,
                         struct bs_config_errors *errors)
{
    if (!cJSON_IsArray(array)) {
        bs_config_complain(errors, "objects.buckets", "expected an array of buckets' names");
        return;
    }
    config->objects.buckets = calloc((size_t)cJSON_GetArraySize(array) + 1, sizeof(char *));
    BS_ASSERT(config->objects.buckets != NULL);
    const cJSON *item;
    size_t index = 0;
    cJSON_ArrayForEach(item, array)
    {
        if (is_bucket(item)) {
            char *name = bs_config_copy(item->valuestring);
            config->objects.buckets[config->objects.bucket_count++] = name;
        } else {
            char path[48];
            (void)snprintf(path, sizeof path, "objects.buckets[%zu]", index);
            bs_config_complain(errors, path,
                               "expected a bucket's name: 2 to 63 letters, digits, "
                               "'.', '_' and '-', a letter or digit first");
        }
        index++;
    }
}

static void read_listen(struct bs_config *config, const cJSON *item,
                        struct bs_config_errors *errors)
{
    const char *text = cJSON_GetStringValue(item);
    size_t length;
    uint16_t port;
    if (text == NULL || (text[0] != '\0' && !bs_listen_parse(text, &length, &port))) {
        bs_config_complain(errors, "admin.listen", "expected \"\" or host:port");
        return;
    }
    set_listen(config, text);
}

static void read_setting(struct bs_config *config, const struct bs_setting *setting,
                         const cJSON *item, struct bs_config_errors *errors)
{
    switch (setting->kind) {
    case BS_SETTING_TEXT:
        read_text(config, setting, item, errors);
        break;
    case BS_SETTING_INTEGER:
    case BS_SETTING_NUMBER:
        read_number(config, setting, item, errors);
        break;
    case BS_SETTING_FLAG:
    case BS_SETTING_CHOICE:
        read_flag(config, setting, item, errors);
        break;
    case BS_SETTING_BUCKETS:
        read_buckets(config, item, errors);
        break;
    case BS_SETTING_LISTEN:
        read_listen(config, item, errors);
        break;
    case BS_SETTING_SPEECHKIT_AUTH:
        bs_config_read_auth(&config->speechkit.auth, item, setting->path, false, errors);
        break;
    case BS_SETTING_OBJECTS_AUTH:
        bs_config_read_auth(&config->objects.auth, item, setting->path, true, errors);
        break;
    case BS_SETTING_SPECIFICATION:
        bs_config_read_defaults(config, item, errors);
        break;
    case BS_SETTING_KAFKA:
    case BS_SETTING_KAFKA_FILES:
        bs_config_read_kafka(config, item, setting->kind == BS_SETTING_KAFKA_FILES, errors);
        break;
    }
}

/* Whether settings stand below this path. */
static bool is_section(const char *path)
{
    size_t length = strlen(path);
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (strncmp(settings[i].path, path, length) == 0 && settings[i].path[length] == '.') {
            return true;
        }
    }
    return false;
}

static void read_section(struct bs_config *config, const cJSON *object, const char *section,
                         struct bs_config_errors *errors)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
    {
        char path[256];
        (void)snprintf(path, sizeof path, "%s%s%s", section, section[0] == '\0' ? "" : ".",
                       item->string);
        bool named = strchr(item->string, '.') == NULL; /* {"limits.in_flight": 1} is no path */
        const struct bs_setting *setting = named ? bs_config_setting(path, strlen(path)) : NULL;
        if (setting != NULL) {
            read_setting(config, setting, item, errors);
        } else if (!named || !is_section(path)) {
            bs_config_complain(errors, path, "no such setting");
        } else if (!cJSON_IsObject(item)) {
            bs_config_complain(errors, path, "expected an object");
        } else {
            read_section(config, item, path, errors);
        }
    }
}

void bs_config_read(struct bs_config *config, const cJSON *tree, struct bs_config_errors *errors)
{
    read_section(config, tree, "", errors);
}
