/* backscribe enqueue: the command line, the beginning and the end. */
#include "commands/enqueue.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "commands/commands.h"
#include "commands/worker.h"
#include "edges/loop.h"
#include "formats/glob.h"

#define DESCRIBE_LIMIT_MS 10000
/* Longer than librdkafka tries to deliver (5 minutes), so that its reason is what is told. */
#define FLUSH_LIMIT_MS 330000

static const char after[] =
    "A manifest has one of these forms, told apart by what stands in it; each may be gzipped:\n"
    "  lines      a link (s3://bucket/key or https://host/bucket/key) or a job as a JSON object\n"
    "             on each; empty lines and those that begin with # are passed over\n"
    "  CSV        with a header: uri (or url, link), or bucket and key; also id, language, model,\n"
    "             durationSeconds, sizeBytes, deadline, label.NAME, …; comma, semicolon or tab\n"
    "  listing    the JSON of `aws s3api list-objects-v2`, also several pages of it\n"
    "  inventory  the CSV data of an S3 Inventory\n"
    "\n"
    "Each job is keyed by its id. Where the manifest gives none it is made from the link, and the\n"
    "object's ETag where that is known: the same recording twice, in one run or in two, is paid\n"
    "for once; an object that has changed is another job.\n"
    "\n"
    "Patterns: * is any characters, ? one, [a-z] and [!a-z] one of them or not; * and ? stand for\n"
    "/ too. A pattern fits the whole key, or, where it has no /, the key's last part. What an\n"
    "--exclude fits is left out, whatever --include says.\n"
    "\n"
    "The first entry that is wrong ends it: what stands before it has been published, the entry "
    "and\n"
    "what follows have not. Mend it and give the whole manifest again. --dry-run reads to the end\n"
    "and names every wrong entry. A run on a manifest's file that was interrupted (Ctrl-C, "
    "SIGTERM,\n"
    "a failure) is gone on with by the same command.\n"
    "\n"
    "Exit status: 0 every recording is a job on the topic; 1 a wrong entry, or a failure; 2 wrong\n"
    "usage or configuration, an unreadable manifest, a missing topic; 3 interrupted.\n"
    "\n"
    "Examples:\n"
    "  echo s3://recordings/call.ogg | backscribe enqueue --config config.json --manifest -\n"
    "  backscribe enqueue --manifest calls.csv.gz --language ru-RU --label batch=7 --dry-run";

/* ---- interruption ----------------------------------------------------------------------- */

static volatile sig_atomic_t interrupted;

static void note_interruption(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

bool bs_enqueue_interrupted(void)
{
    return interrupted != 0;
}

/* The first one ends it in order (a blocking read returns), a second one at once. */
static void watch_signals(void)
{
    struct sigaction action = {.sa_handler = note_interruption, .sa_flags = (int)SA_RESETHAND};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

void bs_enqueue_say(const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "backscribe enqueue: %s\n", text);
}

/* ---- the run ---------------------------------------------------------------------------- */

/* The topic is looked at first: brokers that make topics by themselves would make a wrong one. */
static int open_topic(struct bs_enqueue *enqueue)
{
    struct bs_error error = BS_NO_ERROR;
    enqueue->client = bs_kafka_client_create(enqueue->config, &error);
    if (enqueue->client == NULL) {
        bs_enqueue_say("%s", error.message);
        return BS_EXIT_USAGE;
    }
    const char *name = enqueue->config->topics.jobs;
    if (bs_kafka_describe_topic(enqueue->client, name, DESCRIBE_LIMIT_MS, &enqueue->topic,
                                &error) != BS_OK) {
        bs_enqueue_say("%s", error.message);
        return BS_EXIT_FAILED;
    }
    if (!enqueue->topic.exists) {
        bs_enqueue_say("topic %s does not exist: make it with `backscribe check --create-topics`",
                       name);
        return BS_EXIT_USAGE;
    }
    return BS_EXIT_OK;
}

/* Also after a failure: what was handed over may still arrive. */
static void flush(struct bs_enqueue *enqueue)
{
    struct bs_error error = BS_NO_ERROR;
    if (bs_kafka_client_flush(enqueue->client, FLUSH_LIMIT_MS, &error) != BS_OK) {
        if (!enqueue->broken) {
            bs_enqueue_say("%s", error.message);
        }
        enqueue->broken = true;
    }
    if (!enqueue->broken && enqueue->counts.wrong == 0) {
        enqueue->broken = !bs_enqueue_position_advance(enqueue, true);
    }
}

/* How far it came, and what to do. */
static int tell_unfinished(const struct bs_enqueue *enqueue)
{
    const struct bs_enqueue_position *position = &enqueue->position;
    const char *what = enqueue->broken ? "failed" : "interrupted";
    if (enqueue->dry_run) {
        bs_enqueue_say("%s", what);
    } else if (position->path != NULL && position->entries > 0) {
        bs_enqueue_say("%s: the jobs up to line %" PRId64 " of %s (%" PRId64
                       ") are on the topic; the same command goes on from there",
                       what, position->line, enqueue->manifest, position->jobs);
    } else {
        bs_enqueue_say("%s after %" PRId64 " jobs, of which the last may not be on the topic; give "
                       "all of it again: what is there already is paid for once",
                       what, enqueue->counts.jobs);
    }
    return enqueue->broken ? BS_EXIT_FAILED : BS_EXIT_INTERRUPTED;
}

static int enqueue_all(struct bs_enqueue *enqueue)
{
    if (!bs_enqueue_open_manifest(enqueue)) {
        return BS_EXIT_USAGE;
    }
    int status = enqueue->dry_run ? BS_EXIT_OK : open_topic(enqueue);
    if (status != BS_EXIT_OK) {
        return status;
    }
    watch_signals();
    bs_enqueue_from_manifest(enqueue);
    if (!enqueue->dry_run) {
        flush(enqueue);
    }
    bool ended = enqueue->counts.wrong > 0 && !enqueue->dry_run;
    if (enqueue->broken || (bs_enqueue_interrupted() && !ended)) {
        return tell_unfinished(enqueue);
    }
    bs_enqueue_position_remove(enqueue);
    bs_enqueue_print_summary(enqueue);
    return enqueue->counts.wrong == 0 ? BS_EXIT_OK : BS_EXIT_FAILED;
}

/* ---- the command line ------------------------------------------------------------------- */

struct arguments {
    const char *limit, *language, *model;
    struct bs_option_values labels;
};

static bool wrong(const char *what, const char *value)
{
    fprintf(stderr, "backscribe enqueue: %s%s%s\nTry 'backscribe enqueue --help'.\n", what,
            value == NULL ? "" : ": ", value == NULL ? "" : value);
    return false;
}

static bool read_count(const char *text, int64_t *count)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    *count = value;
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && value > 0;
}

/* Each "name=value" is cut at its first '='. */
static bool read_labels(struct bs_enqueue *enqueue, const struct bs_option_values *given)
{
    for (size_t i = 0; i < given->count; i++) {
        char *name = strdup(given->list[i]);
        BS_ASSERT(name != NULL);
        char *equals = strchr(name, '=');
        enqueue->labels[i] = (struct bs_label){.name = name};
        enqueue->defaults.label_count = i + 1;
        if (equals == NULL || equals == name) {
            return wrong("--label must be NAME=VALUE", given->list[i]);
        }
        *equals = '\0';
        enqueue->labels[i].value = equals + 1;
        for (size_t j = 0; j < i; j++) {
            if (strcmp(enqueue->labels[j].name, name) == 0) {
                return wrong("--label is given twice for", name);
            }
        }
    }
    enqueue->defaults.labels = enqueue->labels;
    return true;
}

static bool read_patterns(const struct bs_option_values *patterns, const char *message)
{
    for (size_t i = 0; i < patterns->count; i++) {
        if (!bs_glob_valid(patterns->list[i])) {
            return wrong(message, patterns->list[i]);
        }
    }
    return true;
}

static bool read_arguments(struct bs_enqueue *enqueue, const struct arguments *given)
{
    if (enqueue->manifest == NULL) {
        return wrong("--manifest is missing", NULL);
    }
    if (given->limit != NULL && !read_count(given->limit, &enqueue->limit)) {
        return wrong("--limit must be a number above 0", given->limit);
    }
    if (enqueue->newer_than != NULL &&
        !bs_enqueue_parse_moment(enqueue->newer_than, bs_clock_now().wall,
                                 &enqueue->filter.newer_than)) {
        return wrong("--newer-than must be a duration (12h, 3d) or a time "
                     "(2027-01-31T18:00:00Z)",
                     enqueue->newer_than);
    }
    enqueue->defaults.language = given->language;
    enqueue->defaults.model = given->model;
    if (!read_labels(enqueue, &given->labels)) {
        return false;
    }
    const char *problem = bs_job_defaults_problem(&enqueue->defaults);
    return (problem == NULL || wrong(problem, NULL)) &&
           read_patterns(&enqueue->filter.include, "--include is no pattern") &&
           read_patterns(&enqueue->filter.exclude, "--exclude is no pattern");
}

static void free_enqueue(struct bs_enqueue *enqueue)
{
    bs_kafka_client_destroy(enqueue->client);
    bs_enqueue_close_manifest(enqueue);
    bs_enqueue_position_free(&enqueue->position);
    bs_manifest_job_free(&enqueue->job);
    for (size_t i = 0; i < enqueue->defaults.label_count; i++) {
        free((char *)(uintptr_t)enqueue->labels[i].name);
    }
    pthread_mutex_destroy(&enqueue->lock);
}

/* The command line into `enqueue`; its texts are argv's. */
static enum bs_options_outcome read_command_line(struct bs_enqueue *enqueue,
                                                 struct arguments *given, int argc, char **argv,
                                                 struct bs_config **config)
{
    const struct bs_option options[] = {
        {"manifest", "FILE", "the recordings, in any form below; - is standard input", NULL,
         &enqueue->manifest},
        {"bucket", "NAME", "of listings that do not name theirs", NULL, &enqueue->bucket},
        {"newer-than", "WHEN", "only those changed since: 12h, 3d, or an RFC 3339 time", NULL,
         &enqueue->newer_than},
        {"limit", "N", "at most N jobs", NULL, &given->limit},
        {"language", "CODE", "languageCode of jobs that do not give it", NULL, &given->language},
        {"model", "NAME", "model of jobs that do not give it", NULL, &given->model},
        {"from-start", NULL, "do not go on where a former run was interrupted",
         &enqueue->from_start, NULL},
        {"dry-run", NULL, "publish nothing; print how many jobs it would be, and how long",
         &enqueue->dry_run, NULL},
    };
    const struct bs_repeated_option repeated[] = {
        {"include", "PATTERN", "only keys that fit; may be repeated", &enqueue->filter.include},
        {"exclude", "PATTERN", "no keys that fit; may be repeated", &enqueue->filter.exclude},
        {"label", "NAME=VALUE", "handed to the result; may be repeated", &given->labels},
    };
    const struct bs_command command = {
        .name = "enqueue",
        .usage = "[OPTIONS] --manifest FILE",
        .summary = "Makes a job message of each recording.",
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .repeated = repeated,
        .repeated_count = sizeof repeated / sizeof *repeated,
        .after = after,
    };
    int first_argument;
    return bs_options_read(&command, argc, argv, config, &first_argument);
}

int bs_command_enqueue(int argc, char **argv)
{
    struct bs_enqueue enqueue = {.file = -1, .lock = PTHREAD_MUTEX_INITIALIZER};
    struct arguments given = {0};
    struct bs_config *config = NULL;
    enum bs_options_outcome outcome = read_command_line(&enqueue, &given, argc, argv, &config);
    if (outcome != BS_OPTIONS_RUN) {
        return outcome == BS_OPTIONS_DONE ? BS_EXIT_OK : BS_EXIT_USAGE;
    }
    enqueue.config = config;
    int status = read_arguments(&enqueue, &given) ? enqueue_all(&enqueue) : BS_EXIT_USAGE;
    free_enqueue(&enqueue);
    bs_config_free(config);
    return status;
}
