/* backscribe results: the results topic on standard output. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "commands/commands.h"
#include "commands/options.h"
#include "commands/worker.h"
#include "edges/kafka_client.h"
#include "edges/objects.h"
#include "formats/transcript.h"

static const char after[] =
    "Only what committed transactions wrote is read: each result once. The order is that of the\n"
    "topic's partitions, so it is the order of the ends within each of them only.\n"
    "\n"
    "text   a line `# id uri`, then an utterance a line with its time, then an empty line\n"
    "jsonl  the result as it is (schemas/result.schema.json), unpacked, one a line\n"
    "\n"
    "A result that was too large for its message is fetched whole from the object store. Where "
    "that\n"
    "cannot be done, what the message has is written (the texts, without their times), and why is\n"
    "told on standard error.\n"
    "\n"
    "Exit status: 0 all was written; 1 a message was no result, a result is not whole, or a "
    "failure\n"
    "while reading or writing; 2 wrong usage or configuration.";

/* For one object, with what is tried again. */
#define FETCH_LIMIT_MS 120000

struct results {
    const struct bs_config *config;
    struct bs_tokens *tokens; /* NULL until they are needed, as is the store */
    struct bs_objects *store;
    enum bs_transcript_format format;
    bool follow;
    struct bs_buffer text;
    int64_t written;
    int64_t unreadable; /* not whole, too */
    int write_problem;  /* errno, 0 = none */
};

/* ---- results that stand in the object store ---- */

struct fetch {
    struct bs_buffer stored;
    int64_t most;
};

static bool take_piece(void *context, const uint8_t *bytes, size_t size)
{
    struct fetch *fetch = context;
    bs_buffer_append(&fetch->stored, bytes, size);
    return (int64_t)fetch->stored.size <= fetch->most;
}

static bool open_store(struct results *results, struct bs_error *error)
{
    const struct bs_config *config = results->config;
    if (!bs_config_has_store(config)) {
        (void)bs_error_set(error, BS_ERROR_DENIED,
                           "the configuration names no credentials for the object store "
                           "(objects.auth)");
        return false;
    }
    if (results->store == NULL) {
        const struct bs_auth *own = &config->objects.auth;
        const struct bs_auth *auth = own->kind == BS_AUTH_ABSENT ? &config->speechkit.auth : own;
        results->tokens = bs_tokens_create(NULL, config, auth, NULL, NULL);
        results->store = bs_objects_create(config, results->tokens);
    }
    return true;
}

static void close_store(struct results *results)
{
    bs_objects_destroy(results->store);
    if (results->tokens != NULL) {
        bs_tokens_destroy(results->tokens);
    }
}

/* Appends the whole result's rendering. */
static bool render_stored(struct results *results, const struct bs_transcript_reference *reference,
                          struct bs_error *error)
{
    static const struct bs_header gzipped = {.name = "content-encoding",
                                             .value = {.data = (const uint8_t *)"gzip", .size = 4}};
    struct bs_object_name name;
    struct fetch fetch = {.most = reference->size_bytes};
    if (!open_store(results, error)) {
        return false;
    }
    if (!bs_object_name_of_uri(reference->uri, &name)) {
        (void)bs_error_set(error, BS_ERROR_INVALID, "transcript.uri names no object");
        return false;
    }
    bool good =
        bs_objects_get(results->store, &name, FETCH_LIMIT_MS, take_piece, &fetch, error) == BS_OK;
    struct bs_message whole = {.value = {.data = fetch.stored.data, .size = fetch.stored.size},
                               .headers = &gzipped,
                               .header_count = 1};
    good = good && bs_transcript_is_stored(reference, whole.value, error) &&
           bs_transcript_render(results->format, &whole, &results->text, error);
    bs_object_name_free(&name);
    bs_buffer_free(&fetch.stored);
    return good;
}

/* The whole result, or what the message has of it. False: it is none. */
static bool render(struct results *results, const struct bs_message *message, bool *whole,
                   struct bs_error *error)
{
    struct bs_transcript_reference reference;
    *whole = true;
    if (bs_transcript_reference_read(message, &reference)) {
        *whole = render_stored(results, &reference, error);
        bs_transcript_reference_free(&reference);
        if (*whole) {
            return true;
        }
    }
    struct bs_error problem;
    bool good = bs_transcript_render(results->format, message, &results->text, &problem);
    if (!good) {
        *error = problem;
    }
    return good;
}

/* ---- the results ---- */

static void complain(struct results *results, int32_t partition, int64_t offset, const char *what,
                     const struct bs_error *error)
{
    results->unreadable++;
    fprintf(stderr, "backscribe results: partition %" PRId32 ", offset %" PRId64 ": %s%s\n",
            partition, offset, what, error->message);
}

static bool take_result(void *context, int32_t partition, int64_t offset, int64_t timestamp,
                        const struct bs_message *message)
{
    struct results *results = context;
    struct bs_error error = BS_NO_ERROR;
    (void)timestamp;
    results->text.size = 0;
    bool whole;
    if (!render(results, message, &whole, &error)) {
        complain(results, partition, offset, "", &error);
        return true;
    }
    if (!whole) {
        complain(results, partition, offset, "not the whole of it: ", &error);
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
    struct bs_kafka_reading reading = {.topic = config->topics.results,
                                       .follow = results->follow,
                                       .message = take_result,
                                       .context = results};
    enum bs_error_code code = bs_kafka_client_read(client, &reading, &error);
    bs_kafka_client_destroy(client);
    close_store(results);
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
        results.config = config;
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
