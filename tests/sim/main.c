/* sim: runs of a fleet of workers against a fake Kafka and a fake service, each from one seed.
 *
 *   sim --seeds N [--from S] [--every-kind]   N runs, from seed S (1) on; with --every-kind it
 * fails where a kind of fault never happened sim --for 10m [--from S]                  as many as
 * fit sim --file FILE                           the seeds that stand in it, one a line before its
 * why sim --seed S [--trace]                    one run again, with all that happened in it */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "simulation.h"

/* One in so many seeds runs twice, to see that it does the same again. */
#define REPEAT_EVERY 16

struct command {
    uint64_t from, count;
    int64_t seconds; /* 0 = by count */
    bool trace, every_kind;
    const char *file;
};

struct totals {
    uint64_t seeds, jobs, steps, hash;
    uint64_t seen[SIM_KIND_COUNT];
    uint64_t runs[SIM_KIND_COUNT]; /* in which it was seen */
    int64_t quota_peak[BS_QUOTA_KINDS];
};

/* What to say should an assertion in core end the process; a signal handler may only write it. */
static char last_words[80];

static void tell_seed(int signal_number)
{
    ssize_t written = write(STDERR_FILENO, last_words, strlen(last_words));
    (void)written;
    (void)signal(signal_number, SIG_DFL);
    (void)raise(signal_number);
}

/* A number, or a duration: 90, 90s, 10m, 2h. */
static bool parse_number(const char *text, uint64_t *number)
{
    char *end;
    if (text == NULL) {
        return false;
    }
    *number = strtoull(text, &end, 10);
    if (end == text) {
        return false;
    }
    if (strcmp(end, "m") == 0 || strcmp(end, "h") == 0) {
        *number *= *end == 'm' ? 60 : 3600;
        return true;
    }
    return *end == '\0' || strcmp(end, "s") == 0;
}

static bool take_option(struct command *command, const char *name, const char *value)
{
    uint64_t number = 0;
    if (strcmp(name, "--file") == 0) {
        command->file = value;
        return value != NULL;
    }
    if (!parse_number(value, &number)) {
        return false;
    }
    if (strcmp(name, "--seed") == 0) {
        command->from = number;
        command->count = 1;
    } else if (strcmp(name, "--seeds") == 0) {
        command->count = number;
    } else if (strcmp(name, "--from") == 0) {
        command->from = number;
    } else if (strcmp(name, "--for") == 0) {
        command->seconds = (int64_t)number;
        command->count = UINT64_MAX;
    } else {
        return false;
    }
    return true;
}

static bool parse(int count, char **arguments, struct command *command)
{
    *command = (struct command){.from = 1, .count = 1000};
    for (int i = 1; i < count; i++) {
        if (strcmp(arguments[i], "--trace") == 0) {
            command->trace = true;
        } else if (strcmp(arguments[i], "--every-kind") == 0) {
            command->every_kind = true;
        } else if (!take_option(command, arguments[i], i + 1 < count ? arguments[i + 1] : NULL)) {
            return false;
        } else {
            i++;
        }
    }
    return true;
}

/* Runs one seed and leaves what it told in `report`; false when a promise was broken. */
static bool run_seed(uint64_t seed, struct sim_report *report)
{
    struct sim_options options;
    (void)snprintf(last_words, sizeof last_words,
                   "sim: aborted; again with: sim --seed %" PRIu64 " --trace\n", seed);
    sim_options_draw(&options, seed);
    struct sim *sim = sim_run_options(&options, report);
    *report = sim->report;
    bool well = !sim->failed;
    sim_destroy(sim);
    return well;
}

static void tell_failure(uint64_t seed, const struct sim_report *failed)
{
    struct sim_options options;
    sim_options_draw(&options, seed);
    printf("sim: seed %" PRIu64 " failed: %s\n", seed, failed->failure);
    sim_options_print(&options, stdout);
    struct sim_report again = {.print = true, .focus = failed->failed_job};
    (void)run_seed(seed, &again);
    printf("sim: seed %" PRIu64 " failed: %s\nall of it: sim --seed %" PRIu64 " --trace\n", seed,
           failed->failure, seed);
}

static bool repeats(uint64_t seed, const struct sim_report *first)
{
    struct sim_report second = {.focus = -1};
    (void)run_seed(seed, &second);
    if (second.hash == first->hash) {
        return true;
    }
    printf("sim: seed %" PRIu64 " does not repeat: its second run took another way\n", seed);
    return false;
}

static void add_up(struct totals *totals, uint64_t seed, const struct sim_report *report)
{
    struct sim_options options;
    sim_options_draw(&options, seed);
    totals->seeds++;
    totals->jobs += (uint64_t)options.jobs;
    totals->steps += report->steps;
    totals->hash = bs_mix64(totals->hash ^ report->hash);
    for (int kind = 0; kind < SIM_KIND_COUNT; kind++) {
        totals->seen[kind] += report->seen[kind];
        totals->runs[kind] += report->seen[kind] > 0;
    }
    for (int kind = 0; kind < BS_QUOTA_KINDS; kind++) {
        if (report->quota_peak[kind] > totals->quota_peak[kind]) {
            totals->quota_peak[kind] = report->quota_peak[kind];
        }
    }
}

static bool run_one(const struct command *command, uint64_t seed, struct totals *totals)
{
    struct sim_report report = {.print = command->trace, .focus = -1};
    if (!run_seed(seed, &report)) {
        tell_failure(seed, &report);
        return false;
    }
    bool again = totals->seeds % REPEAT_EVERY == 0 && !command->trace;
    add_up(totals, seed, &report);
    return !again || repeats(seed, &report);
}

static bool run_file(const struct command *command, struct totals *totals)
{
    char line[512];
    FILE *file = fopen(command->file, "r");
    if (file == NULL) {
        perror(command->file);
        return false;
    }
    bool well = true;
    while (well && fgets(line, sizeof line, file) != NULL) {
        if (line[0] >= '0' && line[0] <= '9') {
            well = run_one(command, strtoull(line, NULL, 10), totals);
        }
    }
    (void)fclose(file);
    return well;
}

static bool run_range(const struct command *command, struct totals *totals)
{
    time_t begun = time(NULL);
    for (uint64_t done = 0; done < command->count; done++) {
        if (command->seconds > 0 && time(NULL) - begun >= command->seconds) {
            break;
        }
        if (!run_one(command, command->from + done, totals)) {
            return false;
        }
    }
    return true;
}

/* How often each kind was seen, and in how many runs; false when one never was. */
static bool tell_kinds(const struct totals *totals)
{
    bool every = true;
    for (int kind = 0; kind < SIM_KIND_COUNT; kind++) {
        printf("  %-42s %10" PRIu64 " in %6" PRIu64 " runs\n", sim_kind_facts[kind].name,
               totals->seen[kind], totals->runs[kind]);
        every = every && totals->seen[kind] > 0;
    }
    return every;
}

int main(int count, char **arguments)
{
    struct command command;
    struct totals totals = {0};
    if (!parse(count, arguments, &command)) {
        fprintf(stderr, "usage: sim --seed S [--trace] | --seeds N [--from S] [--every-kind] | "
                        "--for 10m [--from S] | --file FILE\n");
        return 2;
    }
    (void)signal(SIGABRT, tell_seed);
    bs_log_configure(BS_LOG_ERROR, BS_LOG_LOGFMT);
    bool well = command.file != NULL ? run_file(&command, &totals) : run_range(&command, &totals);
    if (!well) {
        return 1;
    }
    double cpu_seconds = (double)clock() / CLOCKS_PER_SEC;
    bool every = tell_kinds(&totals);
    printf("sim: %" PRIu64 " seeds, %" PRIu64 " jobs, %" PRIu64 " steps, %.1f CPU-s, %.0f jobs a "
           "CPU-s, trace hash %016" PRIx64 "; fullest windows %.1f %% of submissions, %.1f %% of "
           "checks, %.1f %% of billed seconds; no promise broken\n",
           totals.seeds, totals.jobs, totals.steps, cpu_seconds,
           cpu_seconds > 0 ? (double)totals.jobs / cpu_seconds : 0, totals.hash,
           (double)totals.quota_peak[BS_QUOTA_SUBMISSIONS] / 10,
           (double)totals.quota_peak[BS_QUOTA_CHECKS] / 10,
           (double)totals.quota_peak[BS_QUOTA_BILLED_SECONDS] / 10);
    if (command.every_kind && !every) {
        printf("sim: a kind of fault never happened\n");
        return 1;
    }
    return 0;
}
