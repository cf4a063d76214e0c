/* backscribe enqueue: a manifest becomes job messages. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "commands/commands.h"
#include "commands/options.h"
#include "commands/worker.h"
#include "edges/kafka_client.h"
#include "formats/manifest.h"

#define DESCRIBE_LIMIT_MS 10000
/* Longer than librdkafka tries to deliver (5 minutes), so that its reason is what is told. */
#define FLUSH_LIMIT_MS    330000
#define WRONG_LINES_SHOWN 20
#define SECONDS_PER_DAY   86400.0

static const char after[] =
    "The manifest has a line for each recording: a link (s3://bucket/key or "
    "https://host/bucket/key)\n"
    "or a job as a JSON object. Empty lines and lines that begin with # are passed over. Each job\n"
    "is keyed by its id, which is made from the link where the line gives none: the same line\n"
    "twice, in one manifest or in two, is paid for once.\n"
    "\n"
    "The first line that is wrong ends it: what stands before it has been published, the line and\n"
    "what follows have not. Mend the line and give the whole manifest again. --dry-run reads to\n"
    "the end and names every wrong line.\n"
    "\n"
    "Exit status: 0 every line is a job on the topic; 1 a wrong line, or a failure while writing;\n"
    "2 wrong usage or configuration, an unreadable manifest, a missing topic.\n"
    "\n"
    "Example:\n"
    "  echo s3://recordings/call.ogg | backscribe enqueue --config config.json --manifest -";

struct enqueue {
    const struct bs_config *config;
    const char *manifest; /* as it was given */
    FILE *file;
    bool dry_run;
    struct bs_kafka_client *client; /* NULL with dry_run */
    struct bs_topic_facts topic;    /* of jobs; with dry_run unknown */
    int64_t line_number;
    int64_t jobs;
    int64_t wrong_lines;
};

enum line { LINE_READ, LINE_TOO_LONG, LINE_NONE };

/* The next line without its end. One that is longer than `limit` is cut, and read to its end. */
static enum line read_line(FILE *file, size_t limit, struct bs_buffer *line)
{
    line->size = 0;
    size_t length = 0;
    int byte;
    while ((byte = getc_unlocked(file)) != EOF && byte != '\n') {
        if (length++ < limit) {
            uint8_t appended = (uint8_t)byte;
            bs_buffer_append(line, &appended, 1);
        }
    }
    if (byte == EOF && length == 0) {
        return LINE_NONE;
    }
    return length > limit ? LINE_TOO_LONG : LINE_READ;
}

static void tell_wrong_line(struct enqueue *enqueue, const char *reason)
{
    enqueue->wrong_lines++;
    if (enqueue->wrong_lines <= WRONG_LINES_SHOWN) {
        fprintf(stderr, "%s:%" PRId64 ": %s\n", enqueue->manifest, enqueue->line_number, reason);
    }
}

/* False when the brokers do not take it; a line that is wrong is told and counted. */
static bool take_line(struct enqueue *enqueue, const struct bs_buffer *line, struct bs_buffer *key,
                      struct bs_buffer *value)
{
    struct bs_error error = BS_NO_ERROR;
    bool blank = false;
    key->size = 0;
    value->size = 0;
    if (!bs_manifest_line((struct bs_bytes){.data = line->data, .size = line->size}, key, value,
                          &blank, &error)) {
        tell_wrong_line(enqueue, error.message);
        return true;
    }
    if (blank) {
        return true;
    }
    if (value->size > (size_t)enqueue->config->limits.job_bytes) {
        tell_wrong_line(enqueue, "larger than limits.job_bytes");
        return true;
    }
    struct bs_message message = {.key = {.data = key->data, .size = key->size},
                                 .value = {.data = value->data, .size = value->size}};
    if (!enqueue->dry_run && bs_kafka_client_send(enqueue->client, enqueue->config->topics.jobs,
                                                  &message, &error) != BS_OK) {
        fprintf(stderr, "backscribe enqueue: %s\n", error.message);
        return false;
    }
    enqueue->jobs++;
    return true;
}

static bool take_manifest(struct enqueue *enqueue)
{
    struct bs_buffer line = {0}, key = {0}, value = {0};
    size_t limit = (size_t)enqueue->config->limits.job_bytes;
    bool good = true;
    enum line kind;
    while (good && (enqueue->dry_run || enqueue->wrong_lines == 0) &&
           (kind = read_line(enqueue->file, limit, &line)) != LINE_NONE) {
        enqueue->line_number++;
        if (kind == LINE_TOO_LONG) {
            tell_wrong_line(enqueue, "larger than limits.job_bytes");
        } else {
            good = take_line(enqueue, &line, &key, &value);
        }
    }
    if (ferror(enqueue->file)) {
        fprintf(stderr, "backscribe enqueue: %s: %s\n", enqueue->manifest, strerror(errno));
        good = false;
    }
    bs_buffer_free(&line);
    bs_buffer_free(&key);
    bs_buffer_free(&value);
    return good;
}

/* ---- what it came to -------------------------------------------------------------------- */

static double days_at_quota(const struct enqueue *enqueue)
{
    const struct bs_config *config = enqueue->config;
    return (double)enqueue->jobs * (double)config->quotas.window_seconds /
           (double)config->quotas.submissions / SECONDS_PER_DAY;
}

static void print_duration(FILE *to, double days)
{
    if (days >= 2) {
        fprintf(to, "about %.1f days", days);
    } else if (days * 24 >= 2) {
        fprintf(to, "about %.1f hours", days * 24);
    } else if (days * 1440 >= 2) {
        fprintf(to, "about %.0f minutes", days * 1440);
    } else {
        fprintf(to, "less than two minutes");
    }
}

static void print_summary(const struct enqueue *enqueue)
{
    FILE *to = enqueue->dry_run ? stdout : stderr;
    fprintf(to, "%" PRId64 " job%s %s", enqueue->jobs, enqueue->jobs == 1 ? "" : "s",
            enqueue->dry_run ? "would be enqueued" : "enqueued");
    if (enqueue->jobs > 0) {
        fprintf(to, "; ");
        print_duration(to, days_at_quota(enqueue));
        fprintf(to, " at %" PRId64 " submissions in %" PRId64 " s",
                enqueue->config->quotas.submissions, enqueue->config->quotas.window_seconds);
    }
    fprintf(to, "\n");
    if (enqueue->wrong_lines > WRONG_LINES_SHOWN) {
        fprintf(stderr, "and %" PRId64 " more wrong lines\n",
                enqueue->wrong_lines - WRONG_LINES_SHOWN);
    }
    const struct bs_topic_facts *topic = &enqueue->topic;
    double retention_days = (double)topic->retention_ms / 1000 / SECONDS_PER_DAY;
    if (topic->settings_known && topic->retention_ms >= 0 && !topic->compacted &&
        retention_days < days_at_quota(enqueue)) {
        fprintf(stderr,
                "warning: topic %s keeps messages for %.1f days, which is shorter: jobs would be "
                "lost before their turn; set retention.ms=-1\n",
                enqueue->config->topics.jobs, retention_days);
    }
}

/* ---- the command ------------------------------------------------------------------------ */

/* The topic is looked at first: brokers that make topics by themselves would make a wrong one. */
static int open_topic(struct enqueue *enqueue)
{
    struct bs_error error = BS_NO_ERROR;
    enqueue->client = bs_kafka_client_create(enqueue->config, &error);
    if (enqueue->client == NULL) {
        fprintf(stderr, "backscribe enqueue: %s\n", error.message);
        return BS_EXIT_USAGE;
    }
    const char *name = enqueue->config->topics.jobs;
    if (bs_kafka_describe_topic(enqueue->client, name, DESCRIBE_LIMIT_MS, &enqueue->topic,
                                &error) != BS_OK) {
        fprintf(stderr, "backscribe enqueue: %s\n", error.message);
        return BS_EXIT_FAILED;
    }
    if (!enqueue->topic.exists) {
        fprintf(stderr,
                "backscribe enqueue: topic %s does not exist: make it with `backscribe check "
                "--create-topics`\n",
                name);
        return BS_EXIT_USAGE;
    }
    return BS_EXIT_OK;
}

static int enqueue_all(struct enqueue *enqueue)
{
    struct bs_error error = BS_NO_ERROR;
    int status = enqueue->dry_run ? BS_EXIT_OK : open_topic(enqueue);
    if (status != BS_EXIT_OK) {
        return status;
    }
    bool good = take_manifest(enqueue);
    /* Also after a failure: what was handed over may still arrive. */
    if (!enqueue->dry_run &&
        bs_kafka_client_flush(enqueue->client, FLUSH_LIMIT_MS, &error) != BS_OK) {
        if (good) {
            fprintf(stderr, "backscribe enqueue: %s\n", error.message);
        }
        good = false;
    }
    if (!good) {
        fprintf(stderr,
                "backscribe enqueue: not all of the jobs up to line %" PRId64
                " of %s are known to be on the topic; give the whole manifest again: what "
                "is there already is paid for once\n",
                enqueue->line_number, enqueue->manifest);
        return BS_EXIT_FAILED;
    }
    print_summary(enqueue);
    return enqueue->wrong_lines == 0 ? BS_EXIT_OK : BS_EXIT_FAILED;
}

static int run_enqueue(struct enqueue *enqueue)
{
    bool standard_input = strcmp(enqueue->manifest, "-") == 0;
    enqueue->file = standard_input ? stdin : fopen(enqueue->manifest, "re");
    if (enqueue->file == NULL) {
        fprintf(stderr, "backscribe enqueue: %s: %s\n", enqueue->manifest, strerror(errno));
        return BS_EXIT_USAGE;
    }
    int status = enqueue_all(enqueue);
    bs_kafka_client_destroy(enqueue->client);
    if (!standard_input) {
        (void)fclose(enqueue->file);
    }
    return status;
}

int bs_command_enqueue(int argc, char **argv)
{
    struct enqueue enqueue = {0};
    const struct bs_option options[] = {
        {"manifest", "FILE", "the recordings, one a line; - is standard input", NULL,
         &enqueue.manifest},
        {"dry-run", NULL, "publish nothing; print how many jobs it would be, and how long",
         &enqueue.dry_run, NULL},
    };
    const struct bs_command command = {
        .name = "enqueue",
        .usage = "[OPTIONS] --manifest FILE",
        .summary = "Makes a job message of each line of a manifest.",
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
    enqueue.config = config;
    if (enqueue.manifest == NULL) {
        fprintf(stderr, "backscribe enqueue: --manifest is missing\n"
                        "Try 'backscribe enqueue --help'.\n");
    } else {
        status = run_enqueue(&enqueue);
    }
    bs_config_free(config);
    return status;
}
