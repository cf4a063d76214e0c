/* backscribe run: the worker. */
#include <stdio.h>

#include "commands/commands.h"
#include "commands/options.h"
#include "commands/worker.h"
#include "edges/kafka_client.h"

static const char after[] =
    "Exit status: 0 well; 1 a failure while running; 2 wrong usage, configuration or topics;\n"
    "3 interrupted before --until-drained was reached; 4 dead letters with --fail-on-dead-letter;\n"
    "5 not ready for as long as --give-up-after says.\n"
    "\n"
    "SIGTERM and SIGINT stop it in order within shutdown_seconds; a second signal ends it at once.";

int bs_command_run(int argc, char **argv)
{
    struct bs_worker_options worker = {0};
    const char *give_up_after = NULL;
    const struct bs_option options[] = {
        {"until-drained", NULL, "end once every job that stands in the topic now is answered",
         &worker.until_drained, NULL},
        {"fail-on-dead-letter", NULL, "then end with 4 if this worker dead-lettered any",
         &worker.fail_on_dead_letter, NULL},
        {"give-up-after", "DURATION", "end with 5 when not ready for so long (90s, 15m, 2h)", NULL,
         &give_up_after},
    };
    const struct bs_command command = {
        .name = "run",
        .usage = "[OPTIONS]",
        .summary =
            "Takes job messages from Kafka, submits their recordings to SpeechKit, checks each\n"
            "operation until it ends, and publishes exactly one result or dead letter a job.\n"
            "As many workers as the jobs topic has partitions share the work.",
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .after = after,
    };
    struct bs_config *config = NULL;
    int first_argument;
    enum bs_options_outcome outcome =
        bs_options_read(&command, argc, argv, &config, &first_argument);
    if (outcome != BS_OPTIONS_RUN) {
        return outcome == BS_OPTIONS_DONE ? BS_EXIT_OK : BS_EXIT_USAGE;
    }
    int status = BS_EXIT_USAGE;
    if (give_up_after != NULL && !bs_duration_parse(give_up_after, &worker.give_up_after_ms)) {
        fprintf(stderr,
                "backscribe run: --give-up-after must be a duration such as 90s, 15m or 2h: %s\n",
                give_up_after);
    } else {
        worker.config = config;
        status = bs_worker_run(&worker);
    }
    bs_config_free(config);
    return status;
}
