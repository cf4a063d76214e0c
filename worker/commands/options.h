/* Command lines: the options that all subcommands share, and a subcommand's own from a table. */
#ifndef BS_COMMANDS_OPTIONS_H
#define BS_COMMANDS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "formats/config.h"

/* One option of a subcommand. Exactly one of flag and value is set. */
struct bs_option {
    const char *name;     /* long, without dashes */
    const char *argument; /* what the help calls its value; NULL for a flag. Completion offers files
                           * for FILE, folders for FOLDER, and the words of "text|jsonl" */
    const char *help;     /* one line */
    bool *flag;
    const char **value;
};

/* An option that may be given several times, each time with a value. */
#define BS_OPTION_VALUES_MAX 100
struct bs_option_values {
    const char *list[BS_OPTION_VALUES_MAX]; /* in their order */
    size_t count;
};
struct bs_repeated_option {
    const char *name, *argument, *help; /* as struct bs_option's */
    struct bs_option_values *values;
};

struct bs_command {
    const char *name;
    const char *usage;   /* after the name: "[OPTIONS] --manifest FILE" */
    const char *summary; /* what it does, one or more lines */
    const struct bs_option *options;
    size_t option_count;
    const struct bs_repeated_option *repeated; /* behind the others in the help */
    size_t repeated_count;
    const char *after;     /* more help: exit status, examples; or NULL */
    int arguments_at_most; /* that are no options; they are left in argv from *first_argument on */
};

enum bs_options_outcome {
    BS_OPTIONS_RUN,  /* go on: *config is loaded */
    BS_OPTIONS_DONE, /* --help was printed: end with 0 */
    BS_OPTIONS_WRONG /* told on standard error: end with 2 */
};

/* Reads the command line, sets up the log, loads the configuration (--config, BACKSCRIBE_CONFIG,
 * --set) and tells everything that is wrong with it. The caller frees *config. */
BS_MUST_CHECK enum bs_options_outcome bs_options_read(const struct bs_command *command, int argc,
                                                      char **argv, struct bs_config **config,
                                                      int *first_argument);

/* "90", "90s", "15m", "12h", "3d" as milliseconds; false for anything else or 0. */
BS_MUST_CHECK bool bs_duration_parse(const char *text, int64_t *milliseconds);

#endif
