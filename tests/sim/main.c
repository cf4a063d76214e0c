/* sim: runs of a fleet over core, each from one seed.
 *
 *   sim --seeds N [--from S]   N runs, from seed S (1) on
 *   sim --for SECONDS          as many as fit
 *   sim --seed S [--trace]     one run again, with all that happened in it */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "simulation.h"

/* One in so many seeds runs twice, to see that it does the same again. */
#define REPEAT_EVERY 8

struct command {
    uint64_t from, count;
    int64_t seconds; /* 0 = by count */
    bool trace;
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
    return *end == '\0' || strcmp(end, "s") == 0;
}

static bool parse(int count, char **arguments, struct command *command)
{
    *command = (struct command){.from = 1, .count = 1000};
    for (int i = 1; i < count; i++) {
        const char *value = i + 1 < count ? arguments[i + 1] : NULL;
        uint64_t number = 0;
        if (strcmp(arguments[i], "--trace") == 0) {
            command->trace = true;
            continue;
        }
        if (!parse_number(value, &number)) {
            return false;
        }
        if (strcmp(arguments[i], "--seed") == 0) {
            command->from = number;
            command->count = 1;
        } else if (strcmp(arguments[i], "--seeds") == 0) {
            command->count = number;
        } else if (strcmp(arguments[i], "--from") == 0) {
            command->from = number;
        } else if (strcmp(arguments[i], "--for") == 0) {
            command->seconds = (int64_t)number;
            command->count = UINT64_MAX;
        } else {
            return false;
        }
        i++;
    }
    return true;
}

/* Runs one seed and leaves what it told in `report`; false when a promise was broken. */
static bool run_seed(uint64_t seed, struct sim_report *report, int64_t *excused)
{
    struct sim_options options;
    (void)snprintf(last_words, sizeof last_words,
                   "sim: aborted; again with: sim --seed %" PRIu64 " --trace\n", seed);
    sim_options_draw(&options, seed);
    struct sim *sim = sim_run_options(&options, report);
    *report = sim->report;
    *excused += sim->observer.submissions_by_expelled;
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
    int64_t excused = 0;
    (void)run_seed(seed, &again, &excused);
    printf("sim: seed %" PRIu64 " failed: %s\nall of it: sim --seed %" PRIu64 " --trace\n", seed,
           failed->failure, seed);
}

static bool repeats(uint64_t seed, const struct sim_report *first)
{
    struct sim_report second = {.focus = -1};
    int64_t excused = 0;
    (void)run_seed(seed, &second, &excused);
    if (second.hash == first->hash) {
        return true;
    }
    printf("sim: seed %" PRIu64 " does not repeat: its second run took another way\n", seed);
    return false;
}

int main(int count, char **arguments)
{
    struct command command;
    if (!parse(count, arguments, &command)) {
        fprintf(stderr, "usage: sim --seed S [--trace] | --seeds N [--from S] | --for SECONDS\n");
        return 2;
    }
    (void)signal(SIGABRT, tell_seed);
    time_t begun = time(NULL);
    uint64_t steps = 0, done = 0;
    int64_t excused = 0;
    for (; done < command.count; done++) {
        if (command.seconds > 0 && time(NULL) - begun >= command.seconds) {
            break;
        }
        uint64_t seed = command.from + done;
        struct sim_report report = {.print = command.trace, .focus = -1};
        if (!run_seed(seed, &report, &excused)) {
            tell_failure(seed, &report);
            return 1;
        }
        steps += report.steps;
        if (done % REPEAT_EVERY == 0 && !command.trace && !repeats(seed, &report)) {
            return 1;
        }
    }
    printf("sim: %" PRIu64 " seeds, %" PRIu64 " steps, no promise broken; %" PRId64
           " submissions by expelled workers that did not know it yet\n",
           done, steps, excused);
    return 0;
}
