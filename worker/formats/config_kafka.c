/* The section kafka: librdkafka's properties, less those that the promises rest on. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/config_parts.h"

/* Properties that are the worker's own, and why. Aliases of librdkafka among them. */
static const struct owned {
    const char *name;
    const char *reason;
} owned[] = {
    {"group.id", "it is the setting group"},
    {"group.protocol", "fencing rests on the classic protocol's generations"},
    {"enable.auto.commit", "offsets are committed in the worker's transactions"},
    {"auto.commit.enable", "offsets are committed in the worker's transactions"},
    {"enable.auto.offset.store", "offsets are committed in the worker's transactions"},
    {"enable.partition.eof", "restore and watermarks rest on it"},
    {"auto.offset.reset", "jobs that were deleted unread must stop their partition"},
    {"isolation.level", "exactly one answer a job rests on read_committed"},
    {"transactional.id", "fencing rests on it; it is made of group and instance"},
    {"partition.assignment.strategy", "partitions are handed over cooperatively"},
    {"partitioner", "results are partitioned as the Java client does"},
    {"enable.idempotence", "transactions need it"},
    {"acks", "transactions need all of them"},
    {"request.required.acks", "transactions need all of them"},
};

/* Properties whose values have bounds, ms. */
static const struct bounded {
    const char *name;
    const char *alias; /* or NULL */
    int64_t low, high;
} bounded[] = {
    /* a dead worker's open transaction holds back readers and its successor for as long */
    {"transaction.timeout.ms", NULL, 1000, 60000},
    /* a quota's reservation ends 5 s after membership was proved: before the session does */
    {"session.timeout.ms", NULL, 6000, 60000},
    /* a member whose heartbeats stop keeps its session for longer than its reservations */
    {"heartbeat.interval.ms", NULL, 100, 1000},
    /* at least the longest session; above an hour a stalled worker keeps its partitions too long */
    {"max.poll.interval.ms", NULL, 60000, 3600000},
    /* a message must fail before its transaction does */
    {"message.timeout.ms", "delivery.timeout.ms", 1000, 60000},
};

/* librdkafka has fewer than 200. */
#define PROPERTIES_MAX 1000

static const char *owned_reason(const char *name)
{
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++) {
        if (strcmp(owned[i].name, name) == 0) {
            return owned[i].reason;
        }
    }
    return NULL;
}

static const struct bounded *find_bounded(const char *name)
{
    for (size_t i = 0; i < sizeof bounded / sizeof bounded[0]; i++) {
        if (strcmp(bounded[i].name, name) == 0 ||
            (bounded[i].alias != NULL && strcmp(bounded[i].alias, name) == 0)) {
            return &bounded[i];
        }
    }
    return NULL;
}

/* Decimal digits without a leading zero, in the bounds. */
static bool within(const struct bounded *bounds, const char *value)
{
    size_t length = strlen(value);
    if (length == 0 || length > 9 || value[0] == '0' || strspn(value, "0123456789") != length) {
        return false;
    }
    long number = strtol(value, NULL, 10);
    return number >= bounds->low && number <= bounds->high;
}

/* The property's value as librdkafka takes it, or NULL. The caller frees. */
static char *property_text(const cJSON *item)
{
    if (cJSON_IsString(item)) {
        return bs_config_copy(item->valuestring);
    }
    if (cJSON_IsBool(item)) {
        return bs_config_copy(cJSON_IsTrue(item) ? "true" : "false");
    }
    if (!cJSON_IsNumber(item)) {
        return NULL;
    }
    char digits[64];
    double value = item->valuedouble;
    bool integer = fabs(value) < 9007199254740992.0 && !(floor(value) < value);
    (void)snprintf(digits, sizeof digits, integer ? "%.0f" : "%.17g", value == 0 ? 0 : value);
    return bs_config_copy(digits);
}

/* What is wrong with a property, or NULL. */
static const char *property_problem(const char *name, const char *value, bool file, char *text,
                                    size_t room)
{
    const struct bounded *bounds = find_bounded(name);
    const char *reason = owned_reason(name);
    if (name[0] == '\0') {
        return "expected a property's name";
    }
    if (reason != NULL) {
        (void)snprintf(text, room, "the worker sets it: %s", reason);
        return text;
    }
    if (value == NULL) {
        return file ? "expected a file's path" : "expected a string, number or boolean";
    }
    if (file) {
        return bounds != NULL     ? "no secret: it belongs into kafka"
               : value[0] == '\0' ? "expected a file's path"
               : strcmp(name, "bootstrap.servers") == 0 || strcmp(name, "group.instance.id") == 0
                   ? "no secret: it belongs into kafka"
                   : NULL;
    }
    if (bounds != NULL && !within(bounds, value)) {
        (void)snprintf(text, room, "expected an integer from %lld to %lld", (long long)bounds->low,
                       (long long)bounds->high);
        return text;
    }
    bool needed = strcmp(name, "bootstrap.servers") == 0 || strcmp(name, "group.instance.id") == 0;
    return needed && value[0] == '\0' ? "expected a string that is not empty" : NULL;
}

static void add_property(struct bs_config *config, const char *name, char *value, bool file)
{
    config->kafka = realloc(config->kafka, (config->kafka_count + 1) * sizeof *config->kafka);
    BS_ASSERT(config->kafka != NULL);
    config->kafka[config->kafka_count++] = (struct bs_kafka_property){
        .name = bs_config_copy(name),
        .value = file ? NULL : value,
        .file = file ? value : NULL,
    };
    if (!file && strcmp(name, "group.instance.id") == 0) {
        config->group_instance_id = bs_config_copy(value);
    }
}

void bs_config_read_kafka(struct bs_config *config, const cJSON *object, bool files,
                          struct bs_config_errors *errors)
{
    const char *section = files ? "kafka_files" : "kafka";
    if (!cJSON_IsObject(object)) {
        bs_config_complain(errors, section, "expected an object of librdkafka's properties");
        return;
    }
    if (cJSON_GetArraySize(object) > PROPERTIES_MAX) {
        bs_config_complain(errors, section, "expected at most %d properties", PROPERTIES_MAX);
        return;
    }
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
    {
        char path[256], text[160];
        char *value = files && !cJSON_IsString(item) ? NULL : property_text(item);
        const char *problem = property_problem(item->string, value, files, text, sizeof text);
        if (problem == NULL) {
            add_property(config, item->string, value, files);
            continue;
        }
        (void)snprintf(path, sizeof path, "%s.%s", section, item->string);
        bs_config_complain(errors, path, "%s", problem);
        free(value);
    }
}

const char *bs_config_kafka_value(const struct bs_config *config, const char *name)
{
    for (size_t i = 0; i < config->kafka_count; i++) {
        if (config->kafka[i].value != NULL && strcmp(config->kafka[i].name, name) == 0) {
            return config->kafka[i].value;
        }
    }
    return NULL;
}
