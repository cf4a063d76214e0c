#include "commands/topics.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "edges/kafka_client.h"

#define DESCRIBE_LIMIT_MS 5000
#define REMEDY            "run `backscribe check --create-topics`"

struct problems {
    char text[400];
    size_t used;
    int count;
};

static void add_problem(struct problems *problems, const char *problem)
{
    int length = snprintf(problems->text + problems->used, sizeof problems->text - problems->used,
                          "%s%s", problems->count++ == 0 ? "" : "; ", problem);
    problems->used += length < 0 ? 0 : (size_t)length;
    if (problems->used >= sizeof problems->text) {
        problems->used = sizeof problems->text - 1;
    }
}

static enum bs_error_code describe(struct bs_kafka_client *client, const char *topic,
                                   struct bs_topic_facts *facts, struct problems *problems,
                                   struct bs_error *error)
{
    enum bs_error_code code =
        bs_kafka_describe_topic(client, topic, DESCRIBE_LIMIT_MS, facts, error);
    if (code == BS_OK && !facts->exists) {
        char text[300];
        (void)snprintf(text, sizeof text, "topic %s does not exist", topic);
        add_problem(problems, text);
    }
    return code;
}

static void judge_state(const struct bs_config *config, const struct bs_topic_facts *jobs,
                        const struct bs_topic_facts *state, struct problems *problems)
{
    char text[400];
    if (!state->settings_known) {
        bs_log(BS_LOG_WARN, NULL,
               "topic %s: its settings cannot be read (%s); it must be compacted",
               config->topics.state, state->settings_problem);
    } else if (!state->compacted) {
        (void)snprintf(text, sizeof text,
                       "topic %s is not compacted (cleanup.policy must be exactly "
                       "\"compact\")",
                       config->topics.state);
        add_problem(problems, text);
    }
    if (state->partitions < jobs->partitions) {
        bs_log(BS_LOG_WARN, NULL,
               "topic %s has %d partitions, but %s has %d: jobs in partition %d and above stay "
               "untouched; " REMEDY,
               config->topics.state, state->partitions, config->topics.jobs, jobs->partitions,
               state->partitions);
    } else if (state->partitions > jobs->partitions) {
        bs_log(BS_LOG_WARN, NULL,
               "topic %s has %d partitions, but %s has %d: the other partitions' parts of the "
               "quota cannot be used",
               config->topics.state, state->partitions, config->topics.jobs, jobs->partitions);
    }
}

static enum bs_error_code look(struct bs_kafka_client *client, const struct bs_config *config,
                               struct bs_topics *topics, struct bs_error *error)
{
    struct problems problems = {.used = 0};
    struct bs_topic_facts jobs, state, other;
    enum bs_error_code code = describe(client, config->topics.jobs, &jobs, &problems, error);
    if (code == BS_OK) {
        code = describe(client, config->topics.state, &state, &problems, error);
    }
    const char *const others[] = {config->topics.results, config->topics.dead_letters};
    for (size_t i = 0; i < 2 && code == BS_OK; i++) {
        code = describe(client, others[i], &other, &problems, error);
    }
    if (code != BS_OK) {
        return code;
    }
    if (jobs.exists && state.exists) {
        judge_state(config, &jobs, &state, &problems);
    }
    if (problems.count > 0) {
        return bs_error_set(error, BS_ERROR_INVALID, "%s; " REMEDY, problems.text);
    }
    topics->jobs_partitions = jobs.partitions;
    topics->state_partitions = state.partitions;
    if (!bs_config_check_quotas(config, state.partitions, error)) {
        return error->code;
    }
    return BS_OK;
}

enum bs_error_code bs_topics_verify(const struct bs_config *config, struct bs_topics *topics,
                                    struct bs_error *error)
{
    struct bs_kafka_client *client = bs_kafka_client_create(config, error);
    if (client == NULL) {
        return error->code;
    }
    enum bs_error_code code = look(client, config, topics, error);
    bs_kafka_client_destroy(client);
    return code;
}
