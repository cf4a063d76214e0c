/* backscribe results: the command line, the beginning and the end. */
#include "commands/results.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/commands.h"
#include "commands/worker.h"
#include "edges/loop.h"
#include "formats/json.h"

static const char after[] =
    "Only what committed transactions wrote is read: each result once. The order is that of the\n"
    "topic's partitions, so it is the order of the ends within each of them only.\n"
    "\n"
    "text   a line `# id uri`, then an utterance a line with its time, then an empty line\n"
    "jsonl  the result as it is (schemas/result.schema.json), unpacked, one a line\n"
    "srt    subtitles: at most two lines of 42 characters, 1 to 7 seconds; where there are "
    "several\n"
    "       channels each is cut by itself and begins with its number: \"1: \"\n"
    "vtt    the same as WebVTT, channels as voices: \"<v Channel 1>\"\n"
    "csv    a header line, then a row an utterance (RFC 4180); a silent recording has none\n"
    "tsv    the same with tabs; \\t, \\n, \\r and \\\\ stand for what would end a field\n"
    "\n"
    "--output writes a file for each recording, named after its object's key: 2024/call.ogg "
    "becomes\n"
    "FOLDER/2024/call.ogg.srt; below its bucket's name, unless objects.buckets lists that bucket\n"
    "only. A key that is no safe path is altered and has a hash behind it. Of several results of "
    "one\n"
    "recording the latest one's file stays. The same command goes on where the last run ended,\n"
    "whatever ended it; a stream does so with --state.\n"
    "\n"
    "A result that was too large for its message is fetched whole from the object store. Where "
    "the\n"
    "store cannot be asked, a run that the next one goes on from ends. Otherwise, and where the\n"
    "object is gone or another one, text and jsonl have what the message has (the texts without\n"
    "their times), the other formats nothing of it, and why is told on standard error.\n"
    "\n"
    "Exit status: 0 all was written; 1 a message was no result, a result is not whole, or a\n"
    "failure while reading or writing; 2 wrong usage or configuration; 3 interrupted (0 with\n"
    "--follow).\n"
    "\n"
    "Examples:\n"
    "  backscribe results --format srt --output subtitles\n"
    "  backscribe results --format csv --since 24h --label batch=7 > yesterday.csv\n"
    "  backscribe results --format jsonl --follow --state position | ./load\n"
    "  backscribe results --id call-17 --format vtt > call-17.vtt";

void bs_results_say(const char *format, ...)
{
    char text[2048], shown[2048]; /* a file's name may hold anything */
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    bs_utf8_copy_cut(text, strlen(text), shown, sizeof shown);
    fprintf(stderr, "backscribe results: %s\n", shown);
}

/* ---- the run ---- */

static int tell_end(const struct bs_results *results)
{
    if (results->newer > 0) {
        bs_results_say("%" PRId64 " left: a newer file stands there (a later result's, or one "
                       "changed since); to have it written, remove that and run with --from-start",
                       results->newer);
    }
    if (bs_results_interrupted()) {
        bs_results_say("interrupted after %" PRId64 " results; %s", results->written,
                       results->state.path == NULL ? "a run without --state begins anew"
                                                   : "the same command goes on from there");
        return results->follow ? BS_EXIT_OK : BS_EXIT_INTERRUPTED;
    }
    if (results->folder.path != NULL && !results->broken) {
        bs_results_say("%" PRId64 " results written to %s%s", results->written,
                       results->folder.path,
                       results->state.found ? ", besides those of earlier runs" : "");
    }
    bool all = !results->broken && results->unreadable == 0 && results->lost == 0;
    return all ? BS_EXIT_OK : BS_EXIT_FAILED;
}

static int read_results(struct bs_results *results)
{
    struct bs_error error = BS_NO_ERROR;
    struct bs_kafka_client *client = bs_kafka_client_create(results->config, &error);
    if (client == NULL) {
        bs_results_say("%s", error.message);
        return BS_EXIT_USAGE;
    }
    int64_t *from = bs_results_state_copy(&results->state);
    struct bs_kafka_reading reading = {.topic = results->config->topics.results,
                                       .follow = results->follow,
                                       .since_ms = results->filter.since,
                                       .from = from,
                                       .from_count = results->state.count,
                                       .bounds = bs_results_take_bounds,
                                       .message = bs_results_take,
                                       .go_on = bs_results_go_on,
                                       .context = results};
    if (bs_kafka_client_read(client, &reading, &error) != BS_OK) {
        bs_results_say("%s", error.message);
        results->broken = true;
    }
    free(from);
    bs_kafka_client_destroy(client);
    bs_results_settle(results);
    return tell_end(results);
}

static int run(struct bs_results *results, const char *state_path)
{
    int status = BS_EXIT_FAILED;
    bs_results_watch_signals();
    bool opened = results->folder.path == NULL || bs_results_open_folder(&results->folder);
    if (opened && bs_results_open_state(results, state_path)) {
        if (results->folder.path == NULL && !results->state.found) {
            bs_results_begin_stream(results);
        }
        status = results->broken ? BS_EXIT_FAILED : read_results(results);
    }
    bs_results_close_store(results);
    bs_results_close_folder(&results->folder);
    bs_results_stop_watching();
    bs_results_state_free(&results->state);
    bs_buffer_free(&results->text);
    bs_buffer_free(&results->name);
    bs_buffer_free(&results->stream);
    return status;
}

/* ---- the command line ---- */

static bool wrong(const char *what, const char *value)
{
    fprintf(stderr, "backscribe results: %s%s%s\nTry 'backscribe results --help'.\n", what,
            value == NULL ? "" : ": ", value == NULL ? "" : value);
    return false;
}

/* "12h" before `now`, or a time. */
static bool read_moment(const char *name, const char *given, bs_wall_ms now, bs_wall_ms *moment)
{
    int64_t ago;
    if (given == NULL) {
        return true;
    }
    if (bs_duration_parse(given, &ago)) {
        *moment = now - ago;
    } else if (!bs_rfc3339_parse(given, strlen(given), moment)) {
        return wrong(name, given);
    }
    *moment = *moment < 1 ? 1 : *moment; /* 0 is none */
    return true;
}

static bool read_filter(struct bs_results_filter *filter)
{
    bs_wall_ms now = bs_clock_now().wall;
    for (size_t i = 0; i < filter->ids.count; i++) {
        if (filter->ids.list[i][0] == '\0') {
            return wrong("--id must not be empty", NULL);
        }
    }
    for (size_t i = 0; i < filter->labels.count; i++) {
        const char *equals = strchr(filter->labels.list[i], '=');
        if (equals == NULL || equals == filter->labels.list[i]) {
            return wrong("--label must be NAME=VALUE", filter->labels.list[i]);
        }
    }
    return read_moment("--since must be a duration such as 12h, or an RFC 3339 time",
                       filter->since_given, now, &filter->since) &&
           read_moment("--until must be a duration such as 12h, or an RFC 3339 time",
                       filter->until_given, now, &filter->until) &&
           (filter->since == 0 || filter->until == 0 || filter->since < filter->until ||
            wrong("--since must be a time before --until's: nothing is between them", NULL));
}

static bool read_writing(struct bs_results *results, const char *format, const char *columns,
                         const char *state_path)
{
    struct bs_transcript_writing *writing = &results->writing;
    struct bs_error error = BS_NO_ERROR;
    if (!bs_transcript_format_parse(format, &writing->format)) {
        return wrong("--format must be text, jsonl, srt, vtt, csv or tsv", format);
    }
    bool table = writing->format == BS_TRANSCRIPT_CSV || writing->format == BS_TRANSCRIPT_TSV;
    if (!table && (columns != NULL || writing->spreadsheet)) {
        return wrong("--columns and --spreadsheet are for --format csv or tsv", NULL);
    }
    if (table && !bs_transcript_columns_parse(columns, writing, &error)) {
        return wrong(error.message, NULL);
    }
    if (results->folder.path != NULL && results->folder.path[0] == '\0') {
        return wrong("--output must name a folder", NULL);
    }
    if (state_path != NULL && state_path[0] == '\0') {
        return wrong("--state must name a file", NULL);
    }
    if (results->follow && results->filter.until > 0) {
        return wrong("--follow does not end, and --until is an end: give one", NULL);
    }
    if (results->folder.path != NULL && state_path != NULL) {
        return wrong("--state is for a stream: the folder of --output has its own", NULL);
    }
    if (state_path != NULL && bs_transcript_is_subtitle(writing->format)) {
        return wrong("subtitles go on from one run to the next with --output only", NULL);
    }
    writing->several = results->folder.path == NULL;
    return true;
}

int bs_command_results(int argc, char **argv)
{
    struct bs_results results = {.folder = {.file = -1}, .state = {.lock = -1}};
    const char *format = "text", *columns = NULL, *state = NULL;
    const struct bs_option options[] = {
        {"format", "text|jsonl|srt|vtt|csv|tsv", "text by default", NULL, &format},
        {"output", "FOLDER", "one file a recording, below it; else one stream", NULL,
         &results.folder.path},
        {"since", "TIME", "of results since then: RFC 3339, or 90s, 15m, 12h, 7d ago (90: 90s)",
         NULL, &results.filter.since_given},
        {"until", "TIME", "of results before then, likewise", NULL, &results.filter.until_given},
        {"follow", NULL, "go on with what is published from now on, until interrupted",
         &results.follow, NULL},
        {"state", "FILE", "where a stream notes how far it came, and goes on from", NULL, &state},
        {"from-start", NULL, "all of it, wherever the last run ended", &results.from_start, NULL},
        {"columns", "NAMES", "of csv and tsv, e.g. id,startSeconds,text; all by default", NULL,
         &columns},
        {"spreadsheet", NULL, "csv, tsv: a ' before what a spreadsheet would take for a formula",
         &results.writing.spreadsheet, NULL},
    };
    const struct bs_repeated_option repeated[] = {
        {"id", "ID", "only of this job; a pattern with * and ?; may be repeated",
         &results.filter.ids},
        {"label", "NAME=VALUE", "only with this label; repeated: with all of them",
         &results.filter.labels},
    };
    const struct bs_command command = {
        .name = "results",
        .usage = "[OPTIONS]",
        .summary = "Reads the results topic from its beginning to its present end and writes the\n"
                   "results: one stream, or a file a recording.",
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .repeated = repeated,
        .repeated_count = sizeof repeated / sizeof *repeated,
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
    results.config = config;
    if (read_filter(&results.filter) && read_writing(&results, format, columns, state)) {
        status = run(&results, state);
    }
    bs_config_free(config);
    return status;
}
