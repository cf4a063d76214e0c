#include "commands/options.h"

#include <assert.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "commands/help.h"

#define SETTINGS_AT_MOST 256
#define OPTIONS_AT_MOST  32
#define OWN_OPTION       1000 /* getopt's values from here on are the subcommand's, by index */
#define REPEATED_OPTION  2000 /* likewise, of those that may be repeated */

enum { OPTION_SET = 256, OPTION_LOG_LEVEL, OPTION_LOG_FORMAT };

static const struct option common[] = {
    {"config", required_argument, NULL, 'c'},
    {"set", required_argument, NULL, OPTION_SET},
    {"log-level", required_argument, NULL, OPTION_LOG_LEVEL},
    {"log-format", required_argument, NULL, OPTION_LOG_FORMAT},
    {"help", optional_argument, NULL, 'h'}, /* --help=FORM: help.h */
};
#define COMMON_COUNT (sizeof common / sizeof *common)
static_assert(COMMON_COUNT == BS_HELP_COMMON_COUNT, "every common option is in the help");

struct reading {
    const char *config_path;
    const char *settings[SETTINGS_AT_MOST];
    size_t setting_count;
    enum bs_log_level log_level;
    enum bs_log_format log_format;
    bool help;
    enum bs_help_form help_form;
};

static enum bs_options_outcome wrong(const struct bs_command *command, const char *what,
                                     const char *value)
{
    fprintf(stderr, "backscribe %s: %s%s%s\nTry 'backscribe %s --help'.\n", command->name, what,
            value == NULL ? "" : ": ", value == NULL ? "" : value, command->name);
    return BS_OPTIONS_WRONG;
}

static enum bs_options_outcome take_common(const struct bs_command *command, int found,
                                           struct reading *reading)
{
    switch (found) {
    case 'c':
        reading->config_path = optarg;
        return BS_OPTIONS_RUN;
    case OPTION_SET:
        if (reading->setting_count == SETTINGS_AT_MOST) {
            return wrong(command, "more than 256 times --set", NULL);
        }
        reading->settings[reading->setting_count++] = optarg;
        return BS_OPTIONS_RUN;
    case OPTION_LOG_LEVEL:
        return bs_log_level_parse(optarg, &reading->log_level)
                   ? BS_OPTIONS_RUN
                   : wrong(command, "--log-level must be error, warn, info or debug", optarg);
    case OPTION_LOG_FORMAT:
        if (strcmp(optarg, "logfmt") != 0 && strcmp(optarg, "json") != 0) {
            return wrong(command, "--log-format must be logfmt or json", optarg);
        }
        reading->log_format = strcmp(optarg, "json") == 0 ? BS_LOG_JSON : BS_LOG_LOGFMT;
        return BS_OPTIONS_RUN;
    case 'h':
        reading->help = true;
        return bs_help_form_parse(optarg, &reading->help_form)
                   ? BS_OPTIONS_RUN
                   : wrong(command, "--help has the forms text, man, bash, zsh and json", optarg);
    default:
        fprintf(stderr, "Try 'backscribe %s --help'.\n", command->name); /* getopt said what */
        return BS_OPTIONS_WRONG;
    }
}

static void take_own(const struct bs_option *option)
{
    if (option->flag != NULL) {
        *option->flag = true;
    } else {
        *option->value = optarg;
    }
}

static enum bs_options_outcome take_repeated(const struct bs_command *command,
                                             const struct bs_repeated_option *option)
{
    if (option->values->count == BS_OPTION_VALUES_MAX) {
        return wrong(command, "an option is given more than 100 times", option->name);
    }
    option->values->list[option->values->count++] = optarg;
    return BS_OPTIONS_RUN;
}

/* The table for getopt: `all` is zero and has room. */
static void list_options(const struct bs_command *command, struct option *all)
{
    BS_ASSERT(command->option_count + command->repeated_count <= OPTIONS_AT_MOST);
    memcpy(all, common, sizeof common);
    all += COMMON_COUNT;
    for (size_t i = 0; i < command->option_count; i++) {
        *all++ =
            (struct option){command->options[i].name,
                            command->options[i].argument == NULL ? no_argument : required_argument,
                            NULL, OWN_OPTION + (int)i};
    }
    for (size_t i = 0; i < command->repeated_count; i++) {
        *all++ = (struct option){command->repeated[i].name, required_argument, NULL,
                                 REPEATED_OPTION + (int)i};
    }
}

static enum bs_options_outcome read_arguments(const struct bs_command *command, int argc,
                                              char **argv, struct reading *reading)
{
    struct option all[COMMON_COUNT + OPTIONS_AT_MOST + 1] = {0};
    list_options(command, all);
    char name[64];
    (void)snprintf(name, sizeof name, "backscribe %s", command->name);
    argv[0] = name; /* getopt begins its messages with it */
    optind = 0;     /* glibc: begin anew, whatever was read before */
    enum bs_options_outcome outcome = BS_OPTIONS_RUN;
    int found;
    while (outcome == BS_OPTIONS_RUN && (found = getopt_long(argc, argv, "c:h", all, NULL)) != -1) {
        if (found >= REPEATED_OPTION) {
            outcome = take_repeated(command, &command->repeated[found - REPEATED_OPTION]);
        } else if (found >= OWN_OPTION) {
            take_own(&command->options[found - OWN_OPTION]);
        } else {
            outcome = take_common(command, found, reading);
        }
    }
    argv[0] = NULL;
    if (outcome == BS_OPTIONS_RUN && !reading->help && argc - optind > command->arguments_at_most) {
        return wrong(command, "unexpected argument", argv[optind + command->arguments_at_most]);
    }
    return outcome;
}

enum bs_options_outcome bs_options_read(const struct bs_command *command, int argc, char **argv,
                                        struct bs_config **config, int *first_argument)
{
    struct reading reading = {.config_path = getenv("BACKSCRIBE_CONFIG"),
                              .log_level = BS_LOG_INFO,
                              .log_format = BS_LOG_LOGFMT};
    enum bs_options_outcome outcome = read_arguments(command, argc, argv, &reading);
    if (outcome != BS_OPTIONS_RUN) {
        return outcome;
    }
    if (reading.help) {
        bs_help_print(command, reading.help_form);
        return BS_OPTIONS_DONE;
    }
    *first_argument = optind;
    bs_log_configure(reading.log_level, reading.log_format);
    struct bs_config_errors errors = {0};
    *config = bs_config_load(reading.config_path, reading.settings, reading.setting_count, &errors);
    if (*config != NULL) {
        return BS_OPTIONS_RUN;
    }
    fprintf(stderr, "backscribe %s: the configuration is wrong:\n", command->name);
    for (size_t i = 0; i < errors.count; i++) {
        fprintf(stderr, "  %s\n", errors.lines[i]);
    }
    bs_config_errors_free(&errors);
    return BS_OPTIONS_WRONG;
}

bool bs_duration_parse(const char *text, int64_t *milliseconds)
{
    char *end;
    if (*text < '0' || *text > '9') {
        return false;
    }
    long long count = strtoll(text, &end, 10);
    int64_t unit = 1000;
    if (*end != '\0') {
        const char *const units = "smhd";
        static const int64_t seconds[] = {1, 60, 3600, 86400};
        const char *known = strchr(units, *end);
        if (known == NULL || end[1] != '\0') {
            return false;
        }
        unit *= seconds[known - units];
    }
    if (count <= 0 || count > INT64_MAX / 1000 / unit) {
        return false;
    }
    *milliseconds = count * unit;
    return true;
}
