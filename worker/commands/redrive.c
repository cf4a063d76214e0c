/* backscribe redrive: the command line, the beginning and the end. */
#include "commands/redrive.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands/commands.h"
#include "commands/worker.h"
#include "edges/loop.h"
#include "formats/json.h"
#include "formats/state.h"

#define DESCRIBE_LIMIT_MS 10000
/* A dead letter's time in Kafka and the one that it tells come from two clocks. */
#define CLOCKS_DIFFER_MS 3600000

static const char after[] =
    "Each job message goes back to its partition of the jobs topic as it was: key, value and\n"
    "headers, less the error's. A value that was left out of its dead letter (it was too large)\n"
    "is read from the jobs topic once more. What made it fail must have been mended before; where\n"
    "that was in the configuration, restart the workers before, for they read it when they start.\n"
    "Jobs that a worker would refuse as they are are put back too, and counted in a line of their\n"
    "own.\n"
    "\n"
    "Nothing twice: a dead letter is put back once, also when this command is interrupted, "
    "killed,\n"
    "run again, or run twice at a time (then the later one goes on, and the earlier one ends with\n"
    "1). What is put back is marked in the state topic, in the same transaction. A job that fails\n"
    "again is another dead letter, and can be put back once, too. This holds within one group:\n"
    "the workers'; with another one it ends with 2.\n"
    "\n"
    "Exit status: 0 every dead letter that matched is, or was before, put back; 1 some could not\n"
    "be, or a failure; 2 wrong usage or configuration, a missing topic; 3 interrupted. After 1 "
    "and\n"
    "3 the same command goes on where it came to.\n"
    "\n"
    "Examples:\n"
    "  backscribe redrive --dry-run\n"
    "  backscribe redrive --code audio_not_found --since 12h\n"
    "  backscribe redrive --id call-17 --id call-18\n"
    "  backscribe redrive --code recognition_failed --limit 100";

/* ---- interruption ----------------------------------------------------------------------- */

static atomic_bool interrupted; /* lock-free: it is set by a signal's handler */

static void note_interruption(int signal_number)
{
    (void)signal_number;
    atomic_store(&interrupted, true);
}

bool bs_redrive_interrupted(void)
{
    return atomic_load(&interrupted);
}

static bool goes_on(void)
{
    return !bs_redrive_interrupted();
}

/* The first one ends it in order, a second one at once. */
static void watch_signals(void)
{
    struct sigaction action = {.sa_handler = note_interruption, .sa_flags = (int)SA_RESETHAND};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

void bs_redrive_say(struct bs_redrive *redrive, const char *format, ...)
{
    char text[1024], shown[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    bs_utf8_copy_cut(text, strlen(text), shown, sizeof shown);
    bs_redrive_progress_clear(redrive);
    fprintf(stderr, "backscribe redrive: %s\n", shown);
}

/* ---- what must be known before ---------------------------------------------------------- */

static int look_at_topic(struct bs_redrive *redrive, const char *topic,
                         struct bs_topic_facts *facts)
{
    struct bs_error error = BS_NO_ERROR;
    if (bs_kafka_describe_topic(redrive->client, topic, DESCRIBE_LIMIT_MS, facts, &error) !=
        BS_OK) {
        bs_redrive_say(redrive, "%s", error.message);
        return BS_EXIT_FAILED;
    }
    if (!facts->exists) {
        bs_redrive_say(
            redrive, "topic %s does not exist: `backscribe check --create-topics` makes it", topic);
        return BS_EXIT_USAGE;
    }
    return BS_EXIT_OK;
}

static int look_at_topics(struct bs_redrive *redrive)
{
    const struct bs_config *config = redrive->config;
    struct bs_topic_facts jobs = {0}, state = {0}, letters = {0};
    int status = look_at_topic(redrive, config->topics.dead_letters, &letters);
    status = status == BS_EXIT_OK ? look_at_topic(redrive, config->topics.jobs, &jobs) : status;
    status = status == BS_EXIT_OK ? look_at_topic(redrive, config->topics.state, &state) : status;
    if (status == BS_EXIT_OK && state.settings_known && (!state.compacted || state.deletes)) {
        bs_redrive_say(redrive,
                       "topic %s must have cleanup.policy=compact: else it forgets what was put "
                       "back",
                       config->topics.state);
        status = BS_EXIT_USAGE;
    }
    redrive->jobs_partitions = jobs.partitions;
    redrive->state_partitions = state.partitions;
    return status;
}

/* Whose workers keep the state. */
static bool take_control(struct bs_redrive *redrive, const struct bs_message *message)
{
    struct bs_state_record record;
    redrive->state_group[0] = '\0';
    if (message->value.data == NULL) {
        return true;
    }
    if (!bs_state_decode(message->key, message->value, &record, &redrive->marks_problem)) {
        return false;
    }
    (void)snprintf(redrive->state_group, sizeof redrive->state_group, "%s", record.group);
    bs_state_record_free(&record);
    return true;
}

static bool is_control(struct bs_bytes key)
{
    char control[BS_STATE_KEY_SIZE];
    bs_state_key_control(control);
    return key.data != NULL && key.size == strlen(control) &&
           memcmp(key.data, control, key.size) == 0;
}

static bool take_mark(void *context, int32_t partition, int64_t offset, int64_t timestamp,
                      const struct bs_message *message)
{
    struct bs_redrive *redrive = context;
    (void)partition;
    (void)offset;
    (void)timestamp;
    if (is_control(message->key)) {
        return take_control(redrive, message);
    }
    return bs_redriven_take(redrive->marks, message->key, message->value, &redrive->marks_problem);
}

static bool reading_goes_on(void *context)
{
    bs_redrive_progress(context);
    return goes_on();
}

/* All of them: also those whose transaction's end the brokers have not told everywhere yet. */
static bool read_marks(struct bs_redrive *redrive)
{
    struct bs_error error = BS_NO_ERROR;
    redrive->marks = bs_redriven_create(redrive->config->topics.dead_letters);
    int64_t *from = calloc((size_t)redrive->state_partitions, sizeof *from);
    BS_ASSERT(from != NULL);
    for (int32_t i = 0; i < redrive->state_partitions; i++) {
        from[i] = i == BS_REDRIVEN_PARTITION ? 0 : INT64_MAX;
    }
    const struct bs_kafka_reading reading = {.topic = redrive->config->topics.state,
                                             .whole_end = true,
                                             .from = from,
                                             .from_count = redrive->state_partitions,
                                             .message = take_mark,
                                             .go_on = reading_goes_on,
                                             .context = redrive};
    enum bs_error_code code = bs_kafka_client_read(redrive->client, &reading, &error);
    free(from);
    const struct bs_error *problem = code == BS_OK ? &redrive->marks_problem : &error;
    if (problem->code != BS_OK) {
        bs_redrive_say(redrive, "%s", problem->message);
    }
    return problem->code == BS_OK && goes_on();
}

/* One process at a time is the only one of its group: another group's would put the same back. */
static bool is_of_this_group(struct bs_redrive *redrive)
{
    const struct bs_config *config = redrive->config;
    if (redrive->state_group[0] == '\0' || strcmp(redrive->state_group, config->group) == 0) {
        return true;
    }
    bs_redrive_say(redrive,
                   "the workers that keep topic %s are of group %s, and the configuration says "
                   "group %s: give redrive the workers' group",
                   config->topics.state, redrive->state_group, config->group);
    return false;
}

/* The only one of its group that redrives, with the marks as they stand. */
static int open_marks(struct bs_redrive *redrive)
{
    struct bs_error error = BS_NO_ERROR;
    if (!redrive->dry_run) {
        redrive->writer = bs_kafka_writer_create(redrive->config, "redrive", goes_on, &error);
        if (redrive->writer == NULL) {
            if (goes_on()) {
                bs_redrive_say(redrive, "%s", error.message);
            }
            return goes_on() ? BS_EXIT_FAILED : BS_EXIT_INTERRUPTED;
        }
    }
    if (!read_marks(redrive)) {
        return goes_on() ? BS_EXIT_FAILED : BS_EXIT_INTERRUPTED;
    }
    return is_of_this_group(redrive) ? BS_EXIT_OK : BS_EXIT_USAGE;
}

/* ---- the run ---------------------------------------------------------------------------- */

static void read_letters(struct bs_redrive *redrive)
{
    struct bs_error error = BS_NO_ERROR;
    bs_wall_ms since = redrive->since - CLOCKS_DIFFER_MS;
    const struct bs_kafka_reading reading = {.topic = redrive->config->topics.dead_letters,
                                             .since_ms = since > 0 ? since : 0,
                                             .message = bs_redrive_take,
                                             .go_on = reading_goes_on,
                                             .context = redrive};
    redrive->reading_letters = true;
    if (bs_kafka_client_read(redrive->client, &reading, &error) != BS_OK) {
        bs_redrive_say(redrive, "%s", error.message);
        redrive->failed = true;
    }
    if (goes_on()) {
        bs_redrive_flush(redrive);
    }
    bs_redrive_drop_batch(redrive);
}

static int end(struct bs_redrive *redrive)
{
    bs_redrive_progress_clear(redrive);
    if (!bs_redrive_print(redrive)) {
        bs_redrive_say(redrive, "standard output: %s", strerror(errno));
        redrive->failed = true;
    }
    if (redrive->foreign > 0) {
        bs_redrive_say(redrive, "%" PRId64 " messages of topic %s are no dead letters: passed over",
                       redrive->foreign, redrive->config->topics.dead_letters);
    }
    const struct bs_redrive_counts total = bs_redrive_total(redrive);
    if (redrive->failed || !goes_on()) {
        bs_redrive_say(redrive, "%s; the same command goes on from here",
                       goes_on() ? "failed" : "interrupted");
    }
    if (!goes_on()) {
        return BS_EXIT_INTERRUPTED;
    }
    return redrive->failed || bs_redrive_skipped(&total) > 0 ? BS_EXIT_FAILED : BS_EXIT_OK;
}

static int redrive_all(struct bs_redrive *redrive)
{
    struct bs_error error = BS_NO_ERROR;
    redrive->client = bs_kafka_client_create(redrive->config, &error);
    if (redrive->client == NULL) {
        bs_redrive_say(redrive, "%s", error.message);
        return BS_EXIT_USAGE;
    }
    watch_signals();
    redrive->terminal = isatty(STDERR_FILENO) == 1;
    int status = look_at_topics(redrive);
    status = status == BS_EXIT_OK ? open_marks(redrive) : status;
    if (status != BS_EXIT_OK) {
        return status;
    }
    read_letters(redrive);
    return end(redrive);
}

static void free_redrive(struct bs_redrive *redrive)
{
    bs_kafka_writer_destroy(redrive->writer);
    bs_kafka_fetcher_destroy(redrive->fetcher);
    bs_kafka_client_destroy(redrive->client);
    bs_redriven_destroy(redrive->marks);
    free(redrive);
}

/* ---- the command line ------------------------------------------------------------------- */

struct arguments {
    struct bs_option_values codes;
    const char *since, *limit;
};

static bool wrong(const char *what, const char *value)
{
    fprintf(stderr, "backscribe redrive: %s: %s\nTry 'backscribe redrive --help'.\n", what, value);
    return false;
}

static bool wrong_code(const char *name)
{
    fprintf(stderr, "backscribe redrive: --code: there is no code %s; there are:\n", name);
    for (int code = BS_DEAD_NONE + 1; code < BS_DEAD_CODES; code++) {
        fprintf(stderr, "  %s\n", bs_dead_letter_code_name((enum bs_dead_letter_code)code));
    }
    return false;
}

static bool read_since(const char *text, bs_wall_ms *since)
{
    int64_t ago;
    if (bs_duration_parse(text, &ago)) {
        *since = bs_clock_now().wall - ago;
        return true;
    }
    return bs_rfc3339_parse(text, strlen(text), since);
}

static bool read_limit(const char *text, int64_t *limit)
{
    char *end_of_number;
    errno = 0;
    long long value = strtoll(text, &end_of_number, 10);
    *limit = value;
    return text[0] >= '0' && text[0] <= '9' && *end_of_number == '\0' && errno == 0 && value > 0;
}

static bool read_arguments(struct bs_redrive *redrive, const struct arguments *given)
{
    redrive->any_code = given->codes.count == 0;
    for (size_t i = 0; i < given->codes.count; i++) {
        enum bs_dead_letter_code code;
        if (!bs_dead_letter_code_parse(given->codes.list[i], &code)) {
            return wrong_code(given->codes.list[i]);
        }
        redrive->codes[code] = true;
    }
    if (given->since != NULL && !read_since(given->since, &redrive->since)) {
        return wrong("--since must be a duration (12h, 3d) or a time (2027-01-31T18:00:00Z)",
                     given->since);
    }
    redrive->limit = INT64_MAX;
    return given->limit == NULL || read_limit(given->limit, &redrive->limit) ||
           wrong("--limit must be a number above 0", given->limit);
}

static enum bs_options_outcome read_command_line(struct bs_redrive *redrive,
                                                 struct arguments *given, int argc, char **argv,
                                                 struct bs_config **config)
{
    const struct bs_option options[] = {
        {"since", "WHEN", "only what failed since: 12h, 3d, or an RFC 3339 time", NULL,
         &given->since},
        {"limit", "N", "at most N jobs", NULL, &given->limit},
        {"dry-run", NULL, "put nothing back; print what would be, with examples", &redrive->dry_run,
         NULL},
        {"quiet", NULL, "show no progress", &redrive->quiet, NULL},
    };
    const struct bs_repeated_option repeated[] = {
        {"code", "CODE", "only dead letters with this error code; may be repeated", &given->codes},
        {"id", "ID", "only the job of this id, or message key; may be repeated", &redrive->ids},
    };
    const struct bs_command command = {
        .name = "redrive",
        .usage = "[OPTIONS]",
        .summary = "Puts dead letters back on the jobs topic: all, or those that match every kind "
                   "of filter\nthat is given.",
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .repeated = repeated,
        .repeated_count = sizeof repeated / sizeof *repeated,
        .after = after,
    };
    int first;
    return bs_options_read(&command, argc, argv, config, &first);
}

int bs_command_redrive(int argc, char **argv)
{
    struct bs_redrive *redrive = calloc(1, sizeof *redrive);
    BS_ASSERT(redrive != NULL);
    struct arguments given = {0};
    struct bs_config *config = NULL;
    enum bs_options_outcome outcome = read_command_line(redrive, &given, argc, argv, &config);
    int status = outcome == BS_OPTIONS_DONE ? BS_EXIT_OK : BS_EXIT_USAGE;
    if (outcome == BS_OPTIONS_RUN && read_arguments(redrive, &given)) {
        redrive->config = config;
        status = redrive_all(redrive);
    }
    free_redrive(redrive);
    bs_config_free(config);
    return status;
}
