/* backscribe watch: how far the backlog is, and what it will cost. */
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "commands/commands.h"
#include "commands/options.h"
#include "commands/watch.h"
#include "commands/worker.h"
#include "edges/loop.h"
#include "edges/status_client.h"
#include "edges/terminal.h"

static const char after[] =
    "On a terminal a picture is drawn in place until q or an interruption; elsewhere a line\n"
    "(logfmt) is written once an interval. What Kafka tells (backlog, what is answered, failures\n"
    "by code, billed hours) needs no worker; rates, checks, quotas and the oldest operation are\n"
    "asked of the workers' admin endpoints. Which these are: those of --worker; else\n"
    "admin.listen, where it is of this machine only; else every member of the group, at the port\n"
    "of admin.listen.\n"
    "\n"
    "Colour: on a terminal, unless --no-color is given, NO_COLOR is set, or TERM is dumb.\n"
    "Kafka's rights: Describe on the group and the topic of jobs, Read on the topic of dead "
    "letters.\n"
    "\n"
    "Examples:\n"
    "  backscribe watch                                 how far is it, what will it cost\n"
    "  backscribe watch --once                          the same once, for a mail\n"
    "  backscribe watch --worker backscribe:9464        every pod of a headless service\n"
    "  backscribe watch --once --json | jq .timeLeft    for a script\n"
    "  backscribe watch --until-drained >progress.log   wait for the end of a backfill\n"
    "\n"
    "Exit status: 0 well, interrupted ones included; 1 Kafka cannot be reached (--once), or a\n"
    "failure while writing; 2 wrong usage or configuration.";

#define TERMINAL_INTERVAL_MS 2000
#define PLAIN_INTERVAL_MS    10000
#define INTERVAL_MOST_MS     INT64_C(86400000)
#define READ_LIMIT_MS        60000 /* --once waits so long for the dead letters to be read */
#define LOOK_MS              200

struct watch {
    struct bs_watch_options options;
    struct bs_terminal *terminal;
    struct bs_watch_gatherer *gatherer;
    bool no_color;
    bool ascii;
    bool draws; /* a picture in place */
    bool failed_to_write;
    struct bs_buffer out;
};

static void on_gathered(void *context)
{
    bs_terminal_wake(context);
}

/* ---- showing ----------------------------------------------------------------------------------
 */

static bool is_colored(const struct watch *watch)
{
    const char *never = getenv("NO_COLOR");
    return !watch->no_color && (never == NULL || never[0] == '\0') &&
           bs_terminal_can_draw(watch->terminal);
}

static void render(struct watch *watch, const struct bs_watch_facts *facts,
                   const struct bs_watch_sums *sums)
{
    struct bs_watch_style style = {.color = is_colored(watch), .ascii = watch->ascii};
    bs_terminal_size(watch->terminal, &style.columns, &style.rows);
    if (watch->draws) {
        style.rows--; /* the cursor stands below the picture */
    } else {
        style.rows = 1000;
    }
    watch->out.size = 0;
    if (watch->options.json) {
        bs_watch_json(facts, sums, &watch->out);
    } else if (watch->draws || watch->options.once) {
        bs_watch_view(facts, sums, &style, &watch->out);
    } else {
        bs_watch_line(facts, sums, &watch->out);
    }
}

static void show(struct watch *watch, const struct bs_watch_facts *facts,
                 const struct bs_watch_sums *sums)
{
    render(watch, facts, sums);
    const struct bs_bytes text = {.data = watch->out.data, .size = watch->out.size};
    bool good = watch->draws ? bs_terminal_draw(watch->terminal, text)
                             : bs_terminal_write(watch->terminal, text);
    if (!good) {
        watch->failed_to_write = true;
    }
}

/* ---- once, and on and on ----------------------------------------------------------------------
 */

static bool is_complete(const struct bs_watch_facts *facts)
{
    return facts->failures.complete || facts->failures.problem[0] != '\0';
}

static int watch_once(struct watch *watch)
{
    bs_mono_ms until = bs_clock_now().mono + READ_LIMIT_MS;
    for (;;) {
        struct bs_watch_facts facts;
        enum bs_terminal_event event = bs_terminal_wait(watch->terminal, LOOK_MS);
        if (event == BS_TERMINAL_INTERRUPTED) {
            return BS_EXIT_OK;
        }
        if (!bs_watch_gatherer_look(watch->gatherer, &facts)) {
            continue;
        }
        bool known = facts.progress_at != 0;
        bool enough = is_complete(&facts) || !known || bs_clock_now().mono >= until;
        if (enough) {
            struct bs_watch_sums sums;
            bs_watch_sum(&facts, &sums);
            show(watch, &facts, &sums);
        }
        if (enough && !known) {
            fprintf(stderr, "backscribe watch: %s\n", facts.kafka_problem);
        }
        bs_watch_facts_free(&facts);
        if (enough) {
            return known ? BS_EXIT_OK : BS_EXIT_FAILED;
        }
    }
}

static bool is_drained(const struct bs_watch_facts *facts, const struct bs_watch_sums *sums)
{
    return facts->kafka_problem[0] == '\0' && sums->left.kind == BS_WATCH_LEFT_NOTHING &&
           is_complete(facts);
}

static void watch_on(struct watch *watch)
{
    for (bool ended = false; !ended && !watch->failed_to_write;) {
        struct bs_watch_facts facts;
        enum bs_terminal_event event = bs_terminal_wait(watch->terminal, INTERVAL_MOST_MS);
        bool again = event == BS_TERMINAL_CHANGED && watch->draws;
        ended = event == BS_TERMINAL_INTERRUPTED;
        if ((event == BS_TERMINAL_WOKEN || again) &&
            bs_watch_gatherer_look(watch->gatherer, &facts)) {
            struct bs_watch_sums sums;
            bs_watch_sum(&facts, &sums);
            show(watch, &facts, &sums);
            ended = watch->options.until_drained && is_drained(&facts, &sums);
            bs_watch_facts_free(&facts);
        }
    }
}

static int run(struct watch *watch)
{
    struct bs_error error = BS_NO_ERROR;
    watch->terminal = bs_terminal_create();
    watch->draws =
        !watch->options.json && !watch->options.once && bs_terminal_can_draw(watch->terminal);
    if (watch->options.interval_ms == 0) {
        watch->options.interval_ms = watch->draws ? TERMINAL_INTERVAL_MS : PLAIN_INTERVAL_MS;
    }
    if (watch->draws && isatty(STDERR_FILENO) == 1) {
        /* Warnings of connections would be written into the picture, which tells what matters. */
        bs_log_configure(BS_LOG_ERROR, BS_LOG_LOGFMT);
    }
    watch->gatherer =
        bs_watch_gatherer_start(&watch->options, on_gathered, watch->terminal, &error);
    if (watch->gatherer == NULL) {
        bs_terminal_destroy(watch->terminal);
        fprintf(stderr, "backscribe watch: %s\n", error.message);
        return BS_EXIT_USAGE;
    }
    int status = BS_EXIT_OK;
    if (watch->options.once) {
        status = watch_once(watch);
    } else {
        watch_on(watch);
    }
    bool ended = bs_watch_gatherer_end(watch->gatherer);
    if (watch->failed_to_write) {
        status = BS_EXIT_FAILED;
        fprintf(stderr, "backscribe watch: standard output cannot be written\n");
    }
    if (!ended) {
        bs_terminal_leave(watch->terminal);
        _exit(status);
    }
    bs_terminal_destroy(watch->terminal);
    bs_buffer_free(&watch->out);
    return status;
}

/* ---- the command ------------------------------------------------------------------------------
 */

static bool refuse(const char *what, const char *value)
{
    fprintf(stderr, "backscribe watch: %s: %s\nTry 'backscribe watch --help'.\n", what, value);
    return false;
}

static bool check_arguments(struct watch *watch, const char *interval)
{
    if (interval != NULL && (!bs_duration_parse(interval, &watch->options.interval_ms) ||
                             watch->options.interval_ms > INTERVAL_MOST_MS)) {
        return refuse("--interval must be from 1s to 1d", interval);
    }
    for (size_t i = 0; i < watch->options.worker_count; i++) {
        struct bs_status_place place;
        if (!bs_status_place_parse(watch->options.workers[i], 1, &place)) {
            return refuse("--worker must be HOST or HOST:PORT", watch->options.workers[i]);
        }
    }
    return true;
}

int bs_command_watch(int argc, char **argv)
{
    struct watch watch = {0};
    struct bs_option_values workers = {.count = 0};
    const char *interval = NULL;
    const struct bs_option options[] = {
        {"once", NULL, "show it once and end", &watch.options.once, NULL},
        {"json", NULL, "one JSON object a line with everything that is known", &watch.options.json,
         NULL},
        {"interval", "DURATION", "how often (default: 2s on a terminal, else 10s)", NULL,
         &interval},
        {"until-drained", NULL, "end when every job is answered", &watch.options.until_drained,
         NULL},
        {"no-color", NULL, "without colour", &watch.no_color, NULL},
    };
    const struct bs_repeated_option repeated[] = {
        {"worker", "HOST[:PORT]",
         "a worker's admin endpoint; a name with several addresses is all of them", &workers},
    };
    const struct bs_command command = {
        .name = "watch",
        .usage = "[OPTIONS]",
        .summary = "Shows how far the backlog is: what waits, is in flight, done and failed, how\n"
                   "quickly, what of the quotas is left, what it is billed and costs, and when it\n"
                   "will be done.",
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .repeated = repeated,
        .repeated_count = 1,
        .after = after,
    };
    struct bs_config *config = NULL;
    int first_argument;
    enum bs_options_outcome outcome =
        bs_options_read(&command, argc, argv, &config, &first_argument);
    if (outcome != BS_OPTIONS_RUN) {
        return outcome == BS_OPTIONS_DONE ? BS_EXIT_OK : BS_EXIT_USAGE;
    }
    (void)setlocale(LC_CTYPE, "");
    watch.ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
    watch.options.config = config;
    watch.options.workers = workers.list;
    watch.options.worker_count = workers.count;
    int status = check_arguments(&watch, interval) ? run(&watch) : BS_EXIT_USAGE;
    bs_config_free(config);
    return status;
}
