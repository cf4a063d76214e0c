/* backscribe check: says what works and what does not, with the remedy. */
#include "commands/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/commands.h"
#include "commands/options.h"
#include "commands/worker.h"

#define KAFKA_LIMIT_MS     10000
#define PARTITIONS_DEFAULT 8
#define PARTITIONS_AT_MOST 10000

static const char after[] =
    "Each line begins with ok, warn or FAIL. It needs no more rights than the worker itself, but\n"
    "--create-topics needs Create and Alter on the topics. Existing topics keep their settings.\n"
    "Nothing is submitted and nothing is spent but one status check. Where copies of recordings "
    "and\n"
    "large transcripts will stand in the object store, a small object is put and deleted.\n"
    "\n"
    "Exit status: 0 nothing failed; 1 something failed; 2 wrong usage or configuration.";

void bs_check_say(struct bs_check_report *report, enum bs_check_line kind, const char *format, ...)
{
    static const char *const names[] = {"ok", "warn", "FAIL"};
    va_list arguments;
    report->failures += kind == BS_CHECK_LINE_FAIL;
    printf("%-4s  ", names[kind]);
    va_start(arguments, format);
    (void)vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    (void)fflush(stdout); /* the next one may take its time */
}

static const char *bootstrap_servers(const struct bs_config *config)
{
    for (size_t i = 0; i < config->kafka_count; i++) {
        if (strcmp(config->kafka[i].name, "bootstrap.servers") == 0 &&
            config->kafka[i].value != NULL) {
            return config->kafka[i].value;
        }
    }
    return "kafka.bootstrap.servers";
}

static bool check_brokers(struct bs_check_report *report, struct bs_kafka_client *client,
                          const struct bs_config *config)
{
    struct bs_error error = BS_NO_ERROR;
    int32_t brokers = bs_kafka_broker_count(client, KAFKA_LIMIT_MS, &error);
    if (brokers < 0) {
        bs_check_say(report, BS_CHECK_LINE_FAIL,
                     "kafka: %s: is kafka.bootstrap.servers right, and security.protocol? (%s)",
                     error.message, bootstrap_servers(config));
        return false;
    }
    bs_check_say(report, BS_CHECK_LINE_OK, "kafka: %d broker%s", brokers, brokers == 1 ? "" : "s");
    return true;
}

/* What the worker will do with the topics: only tried when they are all there. */
static void check_rights(struct bs_check_report *report, struct bs_kafka_client *client,
                         const struct bs_config *config)
{
    struct bs_error error = BS_NO_ERROR;
    if (bs_kafka_try_group(client, KAFKA_LIMIT_MS, &error) == BS_OK) {
        bs_check_say(report, BS_CHECK_LINE_OK, "group %s: may be joined, topics may be read",
                     config->group);
    } else {
        bs_check_say(report, BS_CHECK_LINE_FAIL, "group %s: %s", config->group, error.message);
    }
    if (bs_kafka_try_transaction(client, KAFKA_LIMIT_MS, &error) == BS_OK) {
        bs_check_say(report, BS_CHECK_LINE_OK, "transactions: may be written with");
    } else {
        bs_check_say(report, BS_CHECK_LINE_FAIL, "transactions: %s", error.message);
    }
}

static void check_kafka(struct bs_check_report *report, const struct bs_config *config, bool create,
                        int32_t partitions)
{
    struct bs_error error = BS_NO_ERROR;
    struct bs_kafka_client *client = bs_kafka_client_create(config, &error);
    if (client == NULL) {
        bs_check_say(report, BS_CHECK_LINE_FAIL, "kafka: %s", error.message);
        return;
    }
    if (check_brokers(report, client, config) &&
        bs_check_topics(report, client, config, create, partitions)) {
        check_rights(report, client, config);
        bs_check_budget(report, client, config);
    }
    bs_kafka_client_destroy(client);
}

static void check_services(struct bs_check_report *report, const struct bs_config *config)
{
    struct bs_tokens *tokens = bs_check_credentials(report, config, &config->speechkit.auth);
    bs_check_service(report, config, tokens);
    bs_check_store(report, config, tokens);
    bs_tokens_destroy(tokens);
}

/* False, with a line that says so, when it is no number of partitions. */
static bool read_partitions(const char *text, bool create, int32_t *partitions)
{
    char *end = NULL;
    long count = text == NULL ? PARTITIONS_DEFAULT : strtol(text, &end, 10);
    if (text != NULL && !create) {
        fprintf(stderr, "backscribe check: --partitions goes with --create-topics\n");
        return false;
    }
    if (text != NULL && (end == text || *end != '\0' || count < 1 || count > PARTITIONS_AT_MOST)) {
        fprintf(stderr, "backscribe check: --partitions must be a number from 1 to %d: %s\n",
                PARTITIONS_AT_MOST, text);
        return false;
    }
    *partitions = (int32_t)count;
    return true;
}

int bs_command_check(int argc, char **argv)
{
    bool create = false;
    const char *partitions_text = NULL;
    const struct bs_option options[] = {
        {"create-topics", NULL, "make missing topics; let state grow with jobs", &create, NULL},
        {"partitions", "N", "of a jobs topic that is made now (default: 8)", NULL,
         &partitions_text},
    };
    const struct bs_command command = {
        .name = "check",
        .usage = "[OPTIONS]",
        .summary =
            "Connects to everything that the configuration names and says, a line each, what\n"
            "works and what does not, with the remedy.",
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .after = after,
    };
    struct bs_config *config = NULL;
    int first_argument;
    int32_t partitions;
    enum bs_options_outcome outcome =
        bs_options_read(&command, argc, argv, &config, &first_argument);
    if (outcome != BS_OPTIONS_RUN) {
        return outcome == BS_OPTIONS_DONE ? BS_EXIT_OK : BS_EXIT_USAGE;
    }
    int status = BS_EXIT_USAGE;
    if (read_partitions(partitions_text, create, &partitions)) {
        struct bs_check_report report = {.failures = 0};
        check_kafka(&report, config, create, partitions);
        check_services(&report, config);
        status = report.failures == 0 ? BS_EXIT_OK : BS_EXIT_FAILED;
    }
    bs_config_free(config);
    return status;
}
