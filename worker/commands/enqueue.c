/* backscribe enqueue: the command line, the beginning and the end. */
#include "commands/enqueue.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands/commands.h"
#include "commands/worker.h"
#include "edges/loop.h"
#include "formats/glob.h"
#include "formats/json.h"

#define DESCRIBE_LIMIT_MS     10000
#define DRY_DESCRIBE_LIMIT_MS 5000
#define SAMPLE_MAX            1000000
#define SECONDS_PER_DAY       86400.0
/* Longer than librdkafka tries to deliver (5 minutes), so that its reason is what is told. */
#define FLUSH_LIMIT_MS 330000

static const char after[] =
    "Recordings come from one of:\n"
    "  s3://bucket/prefix   every object whose key begins so; not \"folders\", nor what is below\n"
    "                       objects.staging and objects.transcripts\n"
    "  --manifest FILE      a list in one of the forms below\n"
    "  --upload-to PLACE    local files, and folders with all that is below them: each is looked\n"
    "                       into, put into the store below PLACE under its name (in a folder: "
    "from\n"
    "                       there on), then enqueued. What the service would not take is named "
    "and\n"
    "                       left. What is there already, the same in size and hash, is not sent\n"
    "                       again: an interrupted run is given again. Where another object stands\n"
    "                       it is named and left, unless --replace is given. Hidden files and "
    "what\n"
    "                       is no recording are passed over\n"
    "\n"
    "A manifest's form is told by what stands in it; each may be gzipped:\n"
    "  lines      a link (s3://bucket/key or https://host/bucket/key) or a job as a JSON object\n"
    "             on each; empty lines and those that begin with # are passed over\n"
    "  CSV        with a header: uri (or url, link), or bucket and key; also id, language, model,\n"
    "             durationSeconds, sizeBytes, deadline, label.NAME, …; comma, semicolon or tab\n"
    "  listing    the JSON of `aws s3api list-objects-v2`, also several pages of it\n"
    "  inventory  the CSV data of an S3 Inventory\n"
    "\n"
    "Each job is keyed by its id. Where the manifest gives none it is made from the link, and the\n"
    "object's ETag where that is known: the same recording twice, in one run or in two, is paid\n"
    "for once, within results.remember_seconds of its result (by default 3 days): for runs that\n"
    "are repeated later give --newer-than. An object that has changed is another job.\n"
    "\n"
    "Patterns: * is any characters, ? one, [a-z] and [!a-z] one of them or not; * and ? stand for\n"
    "/ too. A pattern fits the whole key, or, where it has no /, the key's last part. What an\n"
    "--exclude fits is left out, whatever --include says.\n"
    "\n"
    "--dry-run looks into every recording as the worker would (its first bytes, and where it must\n"
    "its last), and prints how many hours that is, how many seconds are billed, what would be\n"
    "refused, and how long it takes at the quotas. With --sample N it looks into N of them, "
    "chosen\n"
    "by chance but the same ones each time, and scales up.\n"
    "\n"
    "The first entry of a manifest that is wrong ends it: what stands before it has been "
    "published,\n"
    "the entry and what follows have not. Mend it and give the whole manifest again. --dry-run\n"
    "reads to the end and names every wrong entry. A run on a manifest's file that was "
    "interrupted\n"
    "(Ctrl-C, SIGTERM, a failure) is gone on with by the same command.\n"
    "\n"
    "Exit status: 0 every recording is a job on the topic, but those named as refused; 1 a wrong\n"
    "entry, or a failure; 2 wrong usage or configuration, an unreadable manifest, a missing "
    "topic;\n"
    "3 interrupted.\n"
    "\n"
    "Examples:\n"
    "  backscribe enqueue s3://recordings/2024/ --include '*.ogg' --dry-run --sample 1000\n"
    "  backscribe enqueue --manifest calls.csv.gz --language ru-RU --label batch=7\n"
    "  backscribe enqueue --upload-to s3://recordings/disk-3 /mnt/disk-3\n"
    "  echo s3://recordings/call.ogg | backscribe enqueue --manifest -";

/* ---- interruption ----------------------------------------------------------------------- */

static atomic_bool interrupted; /* lock-free: it is set by a signal's handler */

static void note_interruption(int signal_number)
{
    static const char told[] = "\nbackscribe enqueue: interrupted: waiting for the brokers and the "
                               "store; again to leave at once\n";
    int error = errno;
    (void)signal_number;
    atomic_store(&interrupted, true);
    ssize_t size = write(STDERR_FILENO, told, sizeof told - 1); /* stdio's locks may be held */
    (void)size;
    errno = error;
}

bool bs_enqueue_interrupted(void)
{
    return atomic_load(&interrupted);
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
    char text[1024], shown[1024]; /* a file's name may hold anything */
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    bs_utf8_copy_cut(text, strlen(text), shown, sizeof shown);
    fprintf(stderr, "backscribe enqueue: %s\n", shown);
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

/* What is spent of the budget, where there is one. */
static void look_at_budget(struct bs_enqueue *enqueue, struct bs_kafka_client *client)
{
    struct bs_error error = BS_NO_ERROR;
    struct bs_group_progress progress;
    int32_t silent;
    if (enqueue->config->limits.billed_hours > 0 &&
        bs_kafka_group_progress(client, DRY_DESCRIBE_LIMIT_MS, &progress, &error) == BS_OK) {
        double spent = bs_group_progress_billed_hours(&progress, &silent);
        enqueue->budget_spent = progress.forgotten ? -1 : spent;
        bs_group_progress_free(&progress);
    }
}

/* A dry run tells what it can of the topic, and needs nothing of it. */
static void look_at_topic(struct bs_enqueue *enqueue)
{
    struct bs_error error = BS_NO_ERROR;
    struct bs_kafka_client *client = bs_kafka_client_create(enqueue->config, &error);
    if (client != NULL &&
        bs_kafka_describe_topic(client, enqueue->config->topics.jobs, DRY_DESCRIBE_LIMIT_MS,
                                &enqueue->topic, &error) == BS_OK &&
        !enqueue->topic.exists) {
        (void)bs_error_set(&error, BS_ERROR_NOT_FOUND,
                           "it does not exist: `backscribe check --create-topics` makes it");
    }
    enqueue->budget_spent = -1;
    if (client != NULL && enqueue->topic.exists) {
        look_at_budget(enqueue, client);
    }
    (void)snprintf(enqueue->topic_problem, sizeof enqueue->topic_problem, "%s", error.message);
    bs_kafka_client_destroy(client);
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
                       "all of it again: what is there already is paid for once, for %.1f days "
                       "after its result (results.remember_seconds)",
                       what, enqueue->counts.jobs,
                       (double)enqueue->config->results.remember_seconds / SECONDS_PER_DAY);
    }
    return enqueue->broken ? BS_EXIT_FAILED : BS_EXIT_INTERRUPTED;
}

/* The recordings of whichever source; an exit status other than OK ends it. */
static int take_all(struct bs_enqueue *enqueue, char **paths, int path_count)
{
    int status = BS_EXIT_OK;
    enqueue->progress.counts_jobs = !enqueue->dry_run && enqueue->upload_to == NULL;
    bs_enqueue_progress_begin(enqueue, enqueue->dry_run ? "looked into" : "jobs:");
    if (enqueue->upload_to != NULL) {
        status = bs_enqueue_from_files(enqueue, paths, path_count);
    } else if (enqueue->listing != NULL) {
        bs_enqueue_from_listing(enqueue);
    } else {
        bs_enqueue_from_manifest(enqueue);
    }
    if (enqueue->dry_run) {
        bs_estimate_end(&enqueue->estimate);
    }
    bs_enqueue_progress_end(enqueue);
    return status;
}

static int end_dry_run(struct bs_enqueue *enqueue)
{
    const struct bs_estimate *estimate = &enqueue->estimate;
    if (estimate->hopeless) {
        bs_enqueue_say("no recording can be looked into: %s", estimate->failure);
        enqueue->broken = true;
    }
    if (enqueue->broken || bs_enqueue_interrupted()) {
        return tell_unfinished(enqueue);
    }
    look_at_topic(enqueue);
    if (enqueue->json) {
        bs_enqueue_print_estimate_json(enqueue);
    } else {
        bs_enqueue_print_estimate(enqueue);
    }
    bs_enqueue_print_more_wrong(enqueue);
    return enqueue->counts.wrong + estimate->failed == 0 ? BS_EXIT_OK : BS_EXIT_FAILED;
}

static int end_run(struct bs_enqueue *enqueue)
{
    flush(enqueue);
    bool wrong_entry = enqueue->counts.wrong > 0 && enqueue->manifest != NULL;
    if (enqueue->broken || (bs_enqueue_interrupted() && !wrong_entry)) {
        return tell_unfinished(enqueue);
    }
    bs_enqueue_position_remove(enqueue);
    bs_enqueue_print_summary(enqueue);
    return enqueue->counts.wrong == 0 ? BS_EXIT_OK : BS_EXIT_FAILED;
}

/* What is needed before the first recording. */
static int begin(struct bs_enqueue *enqueue)
{
    if (enqueue->manifest != NULL && !bs_enqueue_open_manifest(enqueue)) {
        return BS_EXIT_USAGE;
    }
    int status = enqueue->dry_run ? BS_EXIT_OK : open_topic(enqueue);
    bool looks = enqueue->dry_run && enqueue->upload_to == NULL;
    bool store = enqueue->listing != NULL || (enqueue->upload_to != NULL && !enqueue->dry_run) ||
                 (looks && bs_config_has_store(enqueue->config));
    if (status == BS_EXIT_OK && store && !bs_enqueue_open_store(enqueue)) {
        status = BS_EXIT_FAILED;
    }
    if (enqueue->dry_run) {
        enqueue->estimate.config = enqueue->config;
        enqueue->estimate.objects = enqueue->objects;
        enqueue->estimate.progress = &enqueue->progress.done;
        bs_estimate_begin(&enqueue->estimate);
    }
    watch_signals();
    return status;
}

static int enqueue_all(struct bs_enqueue *enqueue, char **paths, int path_count)
{
    int status = begin(enqueue);
    if (status == BS_EXIT_OK) {
        status = take_all(enqueue, paths, path_count);
    }
    if (status == BS_EXIT_OK) {
        status = enqueue->dry_run ? end_dry_run(enqueue) : end_run(enqueue);
    }
    return status;
}

/* ---- the command line ------------------------------------------------------------------- */

struct arguments {
    const char *limit, *language, *model, *sample;
    struct bs_option_values labels;
    char **paths; /* what is no option */
    int path_count;
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

/* Of the store: its bucket must be one that jobs may name. */
static bool read_place(struct bs_enqueue *enqueue, const char *given)
{
    const struct bs_config *config = enqueue->config;
    if (!bs_object_name_of_place(given, &enqueue->place)) {
        return wrong("expected s3://bucket/prefix, the bucket's name of 2 to 63 letters, digits, "
                     "'.', '_' and '-', a letter or digit first",
                     given);
    }
    bool allowed = config->objects.bucket_count == 0;
    for (size_t i = 0; i < config->objects.bucket_count; i++) {
        allowed = allowed || strcmp(config->objects.buckets[i], enqueue->place.bucket) == 0;
    }
    if (!allowed) {
        return wrong("objects.buckets does not list", enqueue->place.bucket);
    }
    return bs_config_has_store(config) ||
           wrong("the object store needs credentials: set objects.auth", NULL);
}

/* Exactly one source, and what belongs to it. */
static bool read_source(struct bs_enqueue *enqueue, const struct arguments *given)
{
    bool paths = given->path_count > 0;
    if (enqueue->upload_to != NULL) {
        if (!paths || enqueue->manifest != NULL) {
            return wrong(paths ? "--upload-to and --manifest are two sources: give one"
                               : "--upload-to needs files or folders",
                         NULL);
        }
        return (given->sample == NULL || wrong("--sample does not go with --upload-to", NULL)) &&
               (enqueue->bucket == NULL || wrong("--bucket goes with --manifest", NULL)) &&
               read_place(enqueue, enqueue->upload_to);
    }
    if (enqueue->replace) {
        return wrong("--replace goes with --upload-to", NULL);
    }
    if (paths && strncmp(given->paths[0], "s3://", 5) != 0) {
        return wrong("a file is enqueued by --upload-to s3://bucket/prefix FILE, or as a list by "
                     "--manifest FILE",
                     given->paths[0]);
    }
    if (given->path_count > 1 || (paths && enqueue->manifest != NULL)) {
        return wrong("two sources: give one", given->paths[given->path_count - 1]);
    }
    if (!paths) {
        return enqueue->manifest != NULL ||
               wrong("nothing to enqueue: give s3://bucket/prefix, --manifest or --upload-to",
                     NULL);
    }
    enqueue->listing = given->paths[0];
    return (enqueue->bucket == NULL || wrong("--bucket goes with --manifest", NULL)) &&
           read_place(enqueue, enqueue->listing);
}

static bool read_dry_run(struct bs_enqueue *enqueue, const struct arguments *given)
{
    if (!enqueue->dry_run &&
        (given->sample != NULL || enqueue->json || enqueue->estimate.verbose)) {
        return wrong("--sample, --verbose and --json go with --dry-run", NULL);
    }
    return given->sample == NULL ||
           (read_count(given->sample, &enqueue->estimate.sample) &&
            enqueue->estimate.sample <= SAMPLE_MAX) ||
           wrong("--sample must be a number from 1 to 1000000", given->sample);
}

static bool read_arguments(struct bs_enqueue *enqueue, const struct arguments *given)
{
    if (!read_source(enqueue, given) || !read_dry_run(enqueue, given)) {
        return false;
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
    bs_enqueue_close_store(enqueue);
    bs_object_name_free(&enqueue->place);
    if (enqueue->estimate.config != NULL) {
        bs_estimate_end(&enqueue->estimate);
        bs_estimate_free(&enqueue->estimate);
    }
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
        {"upload-to", "PLACE", "s3://bucket/prefix for the local files and folders that follow",
         NULL, &enqueue->upload_to},
        {"replace", NULL, "with --upload-to: also where another object stands", &enqueue->replace,
         NULL},
        {"bucket", "NAME", "of listings that do not name theirs", NULL, &enqueue->bucket},
        {"newer-than", "WHEN", "only those changed since: 12h, 3d, or an RFC 3339 time", NULL,
         &enqueue->newer_than},
        {"limit", "N", "at most N jobs", NULL, &given->limit},
        {"language", "CODE", "languageCode of jobs that do not give it", NULL, &given->language},
        {"model", "NAME", "model of jobs that do not give it", NULL, &given->model},
        {"from-start", NULL, "do not go on where a former run was interrupted",
         &enqueue->from_start, NULL},
        {"quiet", NULL, "show no progress", &enqueue->progress.quiet, NULL},
        {"dry-run", NULL, "publish nothing; print what it would come to", &enqueue->dry_run, NULL},
        {"sample", "N", "with --dry-run: look into N of the recordings, and scale up", NULL,
         &given->sample},
        {"verbose", NULL, "with --dry-run: name every recording that is refused",
         &enqueue->estimate.verbose, NULL},
        {"json", NULL, "with --dry-run: print JSON", &enqueue->json, NULL},
    };
    const struct bs_repeated_option repeated[] = {
        {"include", "PATTERN", "only keys that fit; may be repeated", &enqueue->filter.include},
        {"exclude", "PATTERN", "no keys that fit; may be repeated", &enqueue->filter.exclude},
        {"label", "NAME=VALUE", "handed to the result; may be repeated", &given->labels},
    };
    const struct bs_command command = {
        .name = "enqueue",
        .usage = "[OPTIONS] s3://bucket/prefix | --manifest FILE | --upload-to PLACE FILE…",
        .summary = "Makes a job message of each recording.",
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .repeated = repeated,
        .repeated_count = sizeof repeated / sizeof *repeated,
        .after = after,
        .arguments_at_most = INT_MAX,
    };
    int first = argc;
    enum bs_options_outcome outcome = bs_options_read(&command, argc, argv, config, &first);
    given->paths = argv + first;
    given->path_count = argc - first;
    return outcome;
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
    int status = read_arguments(&enqueue, &given)
                     ? enqueue_all(&enqueue, given.paths, given.path_count)
                     : BS_EXIT_USAGE;
    free_enqueue(&enqueue);
    bs_config_free(config);
    return status;
}
