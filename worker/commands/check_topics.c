#include <stdio.h>
#include <time.h>

#include "commands/check.h"

#define KAFKA_LIMIT_MS 10000
/* A topic that was just made may be unknown to the broker that is asked next. */
#define APPEAR_TRIES    50
#define APPEAR_PAUSE_MS 100
#define REMEDY          "make it with `backscribe check --create-topics`"
#define MS_PER_DAY      86400000.0

struct subject {
    const char *name;
    const char *const *settings; /* names and values, for its creation */
    size_t setting_count;
    struct bs_topic_facts facts;
    bool known; /* `facts` are filled */
};

/* State is read whole at each restore: small segments that are cleaned early keep it short. */
static const char *const state_settings[] = {
    "cleanup.policy",
    "compact",
    "segment.bytes",
    "67108864",
    "segment.ms",
    "600000",
    "min.cleanable.dirty.ratio",
    "0.1",
};
/* A backlog may take months, and a dead letter waits for a person: nothing of them expires. */
static const char *const kept_settings[] = {"retention.ms", "-1"};

static bool look(struct bs_check_report *report, struct bs_kafka_client *client,
                 struct subject *topic)
{
    struct bs_error error = BS_NO_ERROR;
    topic->known = bs_kafka_describe_topic(client, topic->name, KAFKA_LIMIT_MS, &topic->facts,
                                           &error) == BS_OK;
    if (!topic->known) {
        bs_check_say(report, BS_CHECK_LINE_FAIL, "topic %s: %s", topic->name, error.message);
    }
    return topic->known;
}

/* ---- making them ------------------------------------------------------------------------ */

#define SETTINGS_AT_MOST 16

static bool wait_for_partitions(struct bs_check_report *report, struct bs_kafka_client *client,
                                struct subject *topic, int32_t partitions)
{
    for (int i = 0; i < APPEAR_TRIES; i++) {
        if (!look(report, client, topic)) {
            return false;
        }
        if (topic->facts.exists && topic->facts.partitions >= partitions) {
            return true;
        }
        struct timespec pause = {.tv_nsec = APPEAR_PAUSE_MS * 1000000L};
        (void)nanosleep(&pause, NULL);
    }
    bs_check_say(report, BS_CHECK_LINE_FAIL,
                 "topic %s: made, but the brokers do not show it yet: try again", topic->name);
    return false;
}

/* Three copies of which two must be written, where there are brokers for it; else one. */
static bool make(struct bs_check_report *report, struct bs_kafka_client *client,
                 struct subject *topic, int32_t partitions, int32_t brokers)
{
    const char *settings[SETTINGS_AT_MOST];
    size_t count = 0;
    for (size_t i = 0; i < topic->setting_count; i++) {
        settings[count++] = topic->settings[i];
    }
    int32_t replication = 1;
    if (brokers >= 3) {
        replication = 3;
        settings[count++] = "min.insync.replicas";
        settings[count++] = "2";
    }
    struct bs_error error = BS_NO_ERROR;
    if (bs_kafka_create_topic(client, topic->name, partitions, replication, settings, count / 2,
                              KAFKA_LIMIT_MS, &error) != BS_OK) {
        bs_check_say(report, BS_CHECK_LINE_FAIL, "%s", error.message);
        return false;
    }
    bs_check_say(report, BS_CHECK_LINE_OK, "topic %s: made, %d partitions, %d cop%s", topic->name,
                 partitions, replication, replication == 1 ? "y" : "ies");
    return wait_for_partitions(report, client, topic, partitions);
}

static bool grow(struct bs_check_report *report, struct bs_kafka_client *client,
                 struct subject *topic, int32_t partitions)
{
    struct bs_error error = BS_NO_ERROR;
    if (bs_kafka_add_partitions(client, topic->name, partitions, KAFKA_LIMIT_MS, &error) != BS_OK) {
        bs_check_say(report, BS_CHECK_LINE_FAIL, "%s", error.message);
        return false;
    }
    bs_check_say(report, BS_CHECK_LINE_OK, "topic %s: grown from %d to %d partitions", topic->name,
                 topic->facts.partitions, partitions);
    return wait_for_partitions(report, client, topic, partitions);
}

/* Jobs first: the others get as many partitions as it has. */
static bool make_missing(struct bs_check_report *report, struct bs_kafka_client *client,
                         struct subject topics[4], int32_t partitions)
{
    struct bs_error error = BS_NO_ERROR;
    int32_t brokers = bs_kafka_broker_count(client, KAFKA_LIMIT_MS, &error);
    if (brokers < 0) {
        bs_check_say(report, BS_CHECK_LINE_FAIL, "kafka: %s", error.message);
        return false;
    }
    for (int i = 0; i < 4; i++) {
        if (!topics[i].facts.exists &&
            !make(report, client, &topics[i], i == 0 ? partitions : topics[0].facts.partitions,
                  brokers)) {
            return false;
        }
    }
    const struct bs_topic_facts *jobs = &topics[0].facts;
    struct subject *state = &topics[1];
    return state->facts.partitions >= jobs->partitions ||
           grow(report, client, state, jobs->partitions);
}

/* ---- judging them ----------------------------------------------------------------------- */

static bool judge_partitions(struct bs_check_report *report, const struct subject *jobs,
                             const struct subject *state)
{
    if (state->facts.partitions == jobs->facts.partitions) {
        return true;
    }
    bool grows = state->facts.partitions < jobs->facts.partitions;
    bs_check_say(report, BS_CHECK_LINE_FAIL, "topic %s: %d partitions, but %s has %d: %s",
                 state->name, state->facts.partitions, jobs->name, jobs->facts.partitions,
                 grows ? "let it grow with `backscribe check --create-topics`"
                       : "add partitions to the jobs topic; state cannot shrink");
    return false;
}

static bool judge_state(struct bs_check_report *report, const struct subject *state)
{
    if (!state->facts.settings_known) {
        bs_check_say(report, BS_CHECK_LINE_WARN,
                     "topic %s: its settings cannot be read (%s); it must be compacted",
                     state->name, state->facts.settings_problem);
        return true;
    }
    if (state->facts.compacted) {
        bs_check_say(report, BS_CHECK_LINE_OK, "topic %s: %d partitions, compacted", state->name,
                     state->facts.partitions);
        return true;
    }
    bs_check_say(
        report, BS_CHECK_LINE_FAIL,
        "topic %s: %s: set cleanup.policy=compact on it (kafka-configs.sh --alter)", state->name,
        state->facts.deletes ? "its records are deleted after a time" : "it is not compacted");
    return false;
}

static void judge_kept(struct bs_check_report *report, const struct subject *topic,
                       const char *meaning)
{
    if (!topic->facts.settings_known) {
        bs_check_say(report, BS_CHECK_LINE_WARN, "topic %s: its settings cannot be read (%s); %s",
                     topic->name, topic->facts.settings_problem, meaning);
    } else if (topic->facts.retention_ms >= 0 && !topic->facts.compacted) {
        bs_check_say(report, BS_CHECK_LINE_WARN,
                     "topic %s: %d partitions, keeps messages for %.1f days; %s", topic->name,
                     topic->facts.partitions, (double)topic->facts.retention_ms / MS_PER_DAY,
                     meaning);
    } else {
        bs_check_say(report, BS_CHECK_LINE_OK, "topic %s: %d partitions, no limit of time",
                     topic->name, topic->facts.partitions);
    }
}

static bool judge_quotas(struct bs_check_report *report, const struct bs_config *config,
                         int32_t partitions)
{
    struct bs_error error = BS_NO_ERROR;
    if (bs_config_check_quotas(config, partitions, &error)) {
        bs_check_say(report, BS_CHECK_LINE_OK, "quotas: enough for each of %d partitions",
                     partitions);
        return true;
    }
    bs_check_say(report, BS_CHECK_LINE_FAIL, "quotas: %s", error.message);
    return false;
}

bool bs_check_topics(struct bs_check_report *report, struct bs_kafka_client *client,
                     const struct bs_config *config, bool create, int32_t partitions)
{
    struct subject topics[4] = {
        {.name = config->topics.jobs, .settings = kept_settings, .setting_count = 2},
        {.name = config->topics.state,
         .settings = state_settings,
         .setting_count = sizeof state_settings / sizeof *state_settings},
        {.name = config->topics.results},
        {.name = config->topics.dead_letters, .settings = kept_settings, .setting_count = 2},
    };
    bool good = true;
    for (int i = 0; i < 4; i++) {
        good = look(report, client, &topics[i]) && good;
    }
    if (!good || (create && !make_missing(report, client, topics, partitions))) {
        return false;
    }
    for (int i = 0; i < 4; i++) {
        if (!topics[i].facts.exists) {
            bs_check_say(report, BS_CHECK_LINE_FAIL, "topic %s: does not exist: " REMEDY,
                         topics[i].name);
            good = false;
        }
    }
    if (!good) {
        return false;
    }
    judge_kept(report, &topics[0], "jobs that wait longer are lost: set retention.ms=-1");
    good = judge_state(report, &topics[1]);
    good = judge_partitions(report, &topics[0], &topics[1]) && good;
    bs_check_say(report, BS_CHECK_LINE_OK, "topic %s: %d partitions", topics[2].name,
                 topics[2].facts.partitions);
    judge_kept(report, &topics[3], "dead letters wait for a person: set retention.ms=-1");
    return judge_quotas(report, config, topics[1].facts.partitions) && good;
}
