/* The configuration as librdkafka's: what the user set, and above it what the worker's promises
 * rest on. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <syslog.h>

#include "base/log.h"
#include "edges/kafka_internal.h"
#include "edges/tokens.h"

#define SECRETS_LOOK_MS 5000
#define MEMBER          (1u << BS_KAFKA_MEMBER)
#define COMMITTED       (1u << BS_KAFKA_COMMITTED_READER)
#define PLAIN           (1u << BS_KAFKA_PLAIN_READER)
#define TRANSACTS       (1u << BS_KAFKA_TRANSACTIONS)
#define WRITER          (1u << BS_KAFKA_WRITER)
#define READERS         (COMMITTED | PLAIN)
#define CONSUMERS       (MEMBER | READERS)
#define PRODUCERS       (TRANSACTS | WRITER)

struct setting {
    unsigned roles;
    const char *name;
    const char *value;
};

/* In force unless the user sets them. */
static const struct setting defaults[] = {
    {CONSUMERS | PRODUCERS, "client.id", "backscribe"},
    /* Who writes a million messages waits for the brokers; a message held takes about 2 KiB. */
    {WRITER, "queue.buffering.max.messages", "20000"},
    /* A dead member's partitions move on after this; librdkafka's own default is 45 s. */
    {MEMBER, "session.timeout.ms", "10000"},
    /* A rebalance is noticed with the answer to a heartbeat. */
    {MEMBER, "heartbeat.interval.ms", "1000"},
    /* New partitions of jobs are noticed so soon. */
    {MEMBER, "topic.metadata.refresh.interval.ms", "10000"},
    /* What is not wanted stays in Kafka: a small prefetch, and one fetch is at most a few MiB. */
    {MEMBER, "queued.min.messages", "1000"},
    {MEMBER, "queued.max.messages.kbytes", "8192"},
    {MEMBER, "fetch.message.max.bytes", "524288"},
    /* A restore reads one partition as fast as it can, and then waits for its end: a broker that
     * has nothing holds the answer back for fetch.wait.max.ms. A queue that is full stands still
     * for a second (nobody tells librdkafka's thread that there is room again), so it is deep. */
    {READERS, "queued.min.messages", "1000000"},
    {READERS, "queued.max.messages.kbytes", "131072"},
    {READERS, "fetch.wait.max.ms", "20"},
    {READERS, "fetch.message.max.bytes", "2097152"},
    {TRANSACTS, "transaction.timeout.ms", "5000"},
    /* Messages of a transaction are handed over at once and then flushed. */
    {PRODUCERS, "linger.ms", "5"},
    {PRODUCERS, "compression.type", "lz4"},
    {TRANSACTS, "queue.buffering.max.messages", "1000000"},
    {PRODUCERS, "queue.buffering.max.kbytes", "2097151"},
    /* librdkafka's greatest: the broker's limit decides. */
    {PRODUCERS, "message.max.bytes", "1000000000"},
    /* With the default of 100 ms a transaction takes 110 ms instead of 15: the broker answers
     * CONCURRENT_TRANSACTIONS while it still writes the last one's markers. */
    {TRANSACTS, "retry.backoff.ms", "1"},
};

/* Never the user's: the configuration refuses them. */
static const struct setting owned[] = {
    {CONSUMERS, "enable.auto.commit", "false"},
    {CONSUMERS, "enable.auto.offset.store", "false"},
    {CONSUMERS, "enable.partition.eof", "true"},
    /* Jobs that are gone stop their partition, loudly; state starts where its log starts. */
    {MEMBER, "auto.offset.reset", "error"},
    {READERS, "auto.offset.reset", "earliest"},
    {MEMBER | COMMITTED, "isolation.level", "read_committed"},
    {PLAIN, "isolation.level", "read_uncommitted"},
    {MEMBER, "partition.assignment.strategy", "cooperative-sticky"},
    {PRODUCERS, "enable.idempotence", "true"},
    {PRODUCERS, "acks", "all"},
    {PRODUCERS, "partitioner", "murmur2_random"},
};

static void on_log(const rd_kafka_t *handle, int level, const char *facility, const char *text)
{
    /* Never an error: what an operator must act on is said by the place that decides it. */
    enum bs_log_level mapped = level <= LOG_WARNING ? BS_LOG_WARN : BS_LOG_INFO;
    if (level >= LOG_INFO) {
        mapped = BS_LOG_DEBUG; /* connections that come and go */
    }
    /* A consumer's property on a producer (and the other way round) is meant to be ignored; the
     * embedded broker cannot be told not to make topics, and says so at each question. */
    if (facility != NULL &&
        (strcmp(facility, "CONFWARN") == 0 || strcmp(facility, "AUTOCREATE") == 0)) {
        mapped = BS_LOG_DEBUG;
    }
    const struct bs_log_field fields[] = {{"from", "librdkafka"},
                                          {"handle", rd_kafka_name(handle)},
                                          {"facility", facility},
                                          {NULL, NULL}};
    bs_log(mapped, fields, "%s", text);
}

bool bs_kafka_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value,
                       struct bs_error *error)
{
    char text[400];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) == RD_KAFKA_CONF_OK) {
        return true;
    }
    bs_error_set(error, BS_ERROR_INVALID, "kafka.%s: %s", name, text);
    return false;
}

static bool set_all(rd_kafka_conf_t *conf, const struct setting *settings, size_t count,
                    enum bs_kafka_role role, struct bs_error *error)
{
    for (size_t i = 0; i < count; i++) {
        if ((settings[i].roles & (1u << role)) != 0 &&
            !bs_kafka_conf_set(conf, settings[i].name, settings[i].value, error)) {
            return false;
        }
    }
    return true;
}

/* Some properties hold for one handle only. */
static bool user_property_applies(const struct bs_config *config, enum bs_kafka_role role,
                                  const struct bs_kafka_property *property)
{
    if (strcmp(property->name, "group.instance.id") == 0) {
        return role == BS_KAFKA_MEMBER; /* a second user of it would fence the first */
    }
    if (role != BS_KAFKA_TRANSACTIONS || property->value == NULL) {
        return true;
    }
    /* librdkafka refuses a transactional producer whose messages or requests may outlive the
     * transaction; what is longer is for the other handles. */
    int64_t transaction_ms = bs_kafka_property_number(config, "transaction.timeout.ms", 5000);
    int64_t value = strtoll(property->value, NULL, 10);
    if (strcmp(property->name, "message.timeout.ms") == 0 ||
        strcmp(property->name, "delivery.timeout.ms") == 0) {
        return value > 0 && value <= transaction_ms;
    }
    if (strcmp(property->name, "socket.timeout.ms") == 0) {
        return value <= transaction_ms - 100;
    }
    return true;
}

static bool set_user_properties(rd_kafka_conf_t *conf, const struct bs_config *config,
                                enum bs_kafka_role role, struct bs_error *error)
{
    for (size_t i = 0; i < config->kafka_count; i++) {
        const struct bs_kafka_property *property = &config->kafka[i];
        if (!user_property_applies(config, role, property)) {
            continue;
        }
        if (property->file == NULL) {
            if (!bs_kafka_conf_set(conf, property->name, property->value, error)) {
                return false;
            }
            continue;
        }
        char *secret = bs_secret_read(property->file, error);
        if (secret == NULL) {
            return false;
        }
        bool set = rd_kafka_conf_set(conf, property->name, secret, NULL, 0) == RD_KAFKA_CONF_OK;
        explicit_bzero(secret, strlen(secret));
        free(secret);
        if (!set) { /* librdkafka's own text could quote the value */
            bs_error_set(error, BS_ERROR_INVALID,
                         "kafka_files.%s: librdkafka refuses the content of %s", property->name,
                         property->file);
            return false;
        }
    }
    return true;
}

rd_kafka_conf_t *bs_kafka_conf(const struct bs_config *config, enum bs_kafka_role role,
                               struct bs_error *error)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, on_log);
    bool consumer = ((1u << role) & CONSUMERS) != 0;
    if (!set_all(conf, defaults, sizeof(defaults) / sizeof(defaults[0]), role, error) ||
        !set_user_properties(conf, config, role, error) ||
        !set_all(conf, owned, sizeof(owned) / sizeof(owned[0]), role, error) ||
        (consumer && !bs_kafka_conf_set(conf, "group.id", config->group, error))) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    return conf;
}

rd_kafka_t *bs_kafka_handle(rd_kafka_conf_t *conf, enum bs_kafka_role role, struct bs_error *error)
{
    bool consumer = ((1u << role) & CONSUMERS) != 0;
    char text[400];
    rd_kafka_t *handle =
        rd_kafka_new(consumer ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    if (handle == NULL) {
        rd_kafka_conf_destroy(conf);
        bs_error_set(error, BS_ERROR_INVALID, "kafka: %s", text);
        return NULL;
    }
    if (consumer) {
        rd_kafka_poll_set_consumer(handle);
    }
    return handle;
}

rd_kafka_t *bs_kafka_handle_for(const struct bs_config *config, enum bs_kafka_role role,
                                struct bs_error *error)
{
    rd_kafka_conf_t *conf = bs_kafka_conf(config, role, error);
    return conf == NULL ? NULL : bs_kafka_handle(conf, role, error);
}

int64_t bs_kafka_property_number(const struct bs_config *config, const char *name, int64_t fallback)
{
    for (size_t i = 0; i < config->kafka_count; i++) {
        const struct bs_kafka_property *property = &config->kafka[i];
        if (strcmp(property->name, name) == 0 && property->value != NULL) {
            char *end = NULL;
            errno = 0;
            long long value = strtoll(property->value, &end, 10);
            return end != property->value && *end == '\0' && errno == 0 ? value : fallback;
        }
    }
    return fallback;
}

/* NULL where the property is not set at all or cannot be read now. The caller frees. */
static char *current_value(const struct bs_config *config, const char *name)
{
    for (size_t i = 0; i < config->kafka_count; i++) {
        const struct bs_kafka_property *property = &config->kafka[i];
        if (strcmp(property->name, name) == 0) {
            struct bs_error ignored;
            return property->file != NULL ? bs_secret_read(property->file, &ignored)
                                          : strdup(property->value);
        }
    }
    return NULL;
}

static bool names_file(const struct bs_config *config, const char *name)
{
    for (size_t i = 0; i < config->kafka_count; i++) {
        if (config->kafka[i].file != NULL && strcmp(config->kafka[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void forget_secret(char **secret)
{
    if (*secret != NULL) {
        explicit_bzero(*secret, strlen(*secret));
        free(*secret);
        *secret = NULL;
    }
}

void bs_kafka_secrets_free(struct bs_kafka_secrets *secrets)
{
    forget_secret(&secrets->user_name);
    forget_secret(&secrets->password);
}

void bs_kafka_secrets_refresh(struct bs_kafka_secrets *secrets, const struct bs_config *config,
                              rd_kafka_t *handle)
{
    bs_mono_ms now = bs_clock_now().mono;
    if (now < secrets->next_look) {
        return;
    }
    secrets->next_look = now + SECRETS_LOOK_MS;
    if (!names_file(config, "sasl.username") && !names_file(config, "sasl.password")) {
        secrets->next_look = BS_NEVER;
        return;
    }
    char *user_name = current_value(config, "sasl.username");
    char *password = current_value(config, "sasl.password");
    bool readable = user_name != NULL && password != NULL;
    bool known = secrets->user_name != NULL;
    if (!readable || (known && strcmp(user_name, secrets->user_name) == 0 &&
                      strcmp(password, secrets->password) == 0)) {
        forget_secret(&user_name);
        forget_secret(&password);
        return;
    }
    if (known) { /* the first look only remembers what the handle was made with */
        rd_kafka_error_t *refused = rd_kafka_sasl_set_credentials(handle, user_name, password);
        rd_kafka_error_destroy(refused);
    }
    bs_kafka_secrets_free(secrets);
    secrets->user_name = user_name;
    secrets->password = password;
}

void bs_kafka_random_name(char name[33])
{
    uint8_t bytes[16];
    ssize_t got = getrandom(bytes, sizeof(bytes), 0);
    BS_ASSERT(got == (ssize_t)sizeof(bytes)); /* up to 256 bytes never come short */
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof(bytes); i++) {
        name[2 * i] = digits[bytes[i] >> 4];
        name[2 * i + 1] = digits[bytes[i] & 15];
    }
    name[32] = '\0';
}
