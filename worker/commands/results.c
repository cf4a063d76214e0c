/* backscribe results: the results topic on standard output. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "commands/commands.h"
#include "commands/options.h"
#include "commands/worker.h"
#include "edges/kafka_client.h"
#include "formats/transcript.h"

static const char after[] =
    "Only what committed transactions wrote is read: each result once. The order is that of the\n"
    "topic's partitions, so it is the order of the ends within each of them only.\n"
    "\n"
    "text   a line `# id uri`, then an utterance a line with its time, then an empty line\n"
    "jsonl  the result as it is (schemas/result.schema.json), unpacked, one a line\n"
    "\n"
    "Exit status: 0 all was written; 1 a message was no result, or a failure while reading or\n"
    "writing; 2 wrong usage or configuration.";

struct results {
    enum bs_transcript_format format;
    bool follow;
    struct bs_buffer text;
    int64_t written;
    int64_t unreadable;
    int write_problem; /* errno, 0 = none */
};

static bool take_result(void *context, int32_t partition, int64_t offset, int64_t timestamp,
                        const struct bs_message *message)
{
    struct results *results = context;
    struct bs_error error = BS_NO_ERROR;
    (void)timestamp;
    results->text.size = 0;
    if (!bs_transcript_render(results->format, message, &results->text, &error)) {
        results->unreadable++;
        fprintf(stderr, "backscribe results: partition %" PRId32 ", offset %" PRId64 ": %s\n",
                partition, offset, error.message);
        return true;
    }
    results->written++;
    /* With --follow a reader waits for each; else the end of the topic is soon enough. */
    if (fwrite(results->text.data, 1, results->text.size, stdout) != results->text.size ||
        (results->follow && fflush(stdout) != 0)) {
        results->write_problem = errno;
        return false;
    }
    return true;
}

static int read_results(const struct bs_config *config, struct results *results)
{
    struct bs_error error = BS_NO_ERROR;
    struct bs_kafka_client *client = bs_kafka_client_create(config, &error);
    if (client == NULL) {
        fprintf(stderr, "backscribe results: %s\n", error.message);
        return BS_EXIT_USAGE;
    }
    enum bs_error_code code = bs_kafka_client_read(client, config->topics.results, results->follow,
                                                   take_result, results, &error);
    bs_kafka_client_destroy(client);
    bs_buffer_free(&results->text);
    if (fflush(stdout) != 0 && results->write_problem == 0) {
        results->write_problem = errno;
    }
    if (results->write_problem != 0) {
        fprintf(stderr, "backscribe results: standard output: %s\n",
                strerror(results->write_problem));
        return BS_EXIT_FAILED;
    }
    if (code != BS_OK) {
        fprintf(stderr, "backscribe results: %s\n", error.message);
        return BS_EXIT_FAILED;
    }
    return results->unreadable == 0 ? BS_EXIT_OK : BS_EXIT_FAILED;
}

int bs_command_results(int argc, char **argv)
{
    struct results results = {0};
    const char *format = "text";
    const struct bs_option options[] = {
        {"format", "FORMAT", "text (default) or jsonl", NULL, &format},
        {"follow", NULL, "go on with what is published from now on, until interrupted",
         &results.follow, NULL},
    };
    const struct bs_command command = {
        .name = "results",
        .usage = "[OPTIONS]",
        .summary = "Reads the results topic from its beginning to its present end and writes the\n"
                   "results to standard output.",
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
    if (bs_transcript_format_parse(format, &results.format)) {
        status = read_results(config, &results);
    } else {
        fprintf(stderr,
                "backscribe results: --format must be text or jsonl: %s\n"
                "Try 'backscribe results --help'.\n",
                format);
    }
    bs_config_free(config);
    return status;
}
