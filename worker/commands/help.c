/* --help as text, and which form prints what. */
#include "commands/help.h"

#include <string.h>

#include "commands/commands.h"

const struct bs_help_option bs_help_common[BS_HELP_COMMON_COUNT] = {
    {"config", "FILE", "the configuration, JSON (-c; default: $BACKSCRIBE_CONFIG)", 'c', false,
     true},
    {"set", "PATH=VALUE", "one setting, wins over the file; may be repeated", 0, true, true},
    {"log-level", "error|warn|info|debug", "how much is logged (default: info)", 0, false, true},
    {"log-format", "logfmt|json", "how it is logged (default: logfmt)", 0, false, true},
    {"help", NULL, "this text (-h)", 'h', false, true},
};

bool bs_help_option(const struct bs_command *command, size_t index, struct bs_help_option *option)
{
    if (index < command->option_count) {
        const struct bs_option *own = &command->options[index];
        *option = (struct bs_help_option){
            .name = own->name, .argument = own->argument, .help = own->help};
        return true;
    }
    index -= command->option_count;
    if (index < command->repeated_count) {
        const struct bs_repeated_option *own = &command->repeated[index];
        *option = (struct bs_help_option){
            .name = own->name, .argument = own->argument, .help = own->help, .repeated = true};
        return true;
    }
    index -= command->repeated_count;
    if (index < BS_HELP_COMMON_COUNT) {
        *option = bs_help_common[index];
        return true;
    }
    return false;
}

bool bs_help_form_parse(const char *name, enum bs_help_form *form)
{
    static const char *const names[] = {"text", "man", "bash", "zsh", "json", "names"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name == NULL ? "text" : name, names[i]) == 0) {
            *form = (enum bs_help_form)i;
            return true;
        }
    }
    return false;
}

/* ---- text ---- */

static void print_option(const struct bs_help_option *option)
{
    char left[128];
    (void)snprintf(left, sizeof left, "--%s%s%s", option->name, option->argument == NULL ? "" : " ",
                   option->argument == NULL ? "" : option->argument);
    if (strlen(left) > 24) {
        printf("  %s\n  %-24s  %s\n", left, "", option->help);
    } else {
        printf("  %-24s  %s\n", left, option->help);
    }
}

static void print_text(const struct bs_command *command)
{
    struct bs_help_option option;
    const char *heading = "Options";
    printf("Usage: backscribe %s %s\n\n%s\n", command->name, command->usage, command->summary);
    for (size_t i = 0; bs_help_option(command, i, &option); i++) {
        const char *wanted = option.common ? "Common options" : "Options";
        if (i == 0 || strcmp(heading, wanted) != 0) {
            printf("\n%s:\n", wanted);
            heading = wanted;
        }
        print_option(&option);
    }
    if (command->after != NULL) {
        printf("\n%s\n", command->after);
    }
}

const char bs_help_program_summary[] =
    "Turns archives of recordings into text: jobs from Kafka, SpeechKit's asynchronous\n"
    "recognition, one result or dead letter a job.";

const char *bs_help_brief(const char *name)
{
    for (size_t i = 0; i < bs_subcommand_count; i++) {
        if (strcmp(bs_subcommands[i].name, name) == 0) {
            return bs_subcommands[i].summary;
        }
    }
    return "";
}

void bs_help_print_usage(FILE *to)
{
    fprintf(to, "Usage: backscribe COMMAND [OPTIONS]\n\n%s\n\nCommands:\n",
            bs_help_program_summary);
    for (size_t i = 0; i < bs_subcommand_count; i++) {
        fprintf(to, "  %-10s  %s\n", bs_subcommands[i].name, bs_subcommands[i].summary);
    }
    fprintf(
        to,
        "\n'backscribe COMMAND --help' tells more; 'backscribe --version' tells the versions.\n");
}

/* ---- forms ---- */

void bs_help_print(const struct bs_command *command, enum bs_help_form form)
{
    switch (form) {
    case BS_HELP_TEXT:
        print_text(command);
        break;
    case BS_HELP_MAN:
        bs_help_man(command);
        break;
    case BS_HELP_BASH:
        bs_help_bash(command);
        break;
    case BS_HELP_ZSH:
        bs_help_zsh(command);
        break;
    case BS_HELP_JSON:
        bs_help_json(command);
        break;
    case BS_HELP_NAMES:
        printf("%s\n", command->name);
        break;
    }
}

/* A command's table stands where its arguments are read: it is asked for its help. */
static void print_commands(const char *form_name, const char *between)
{
    for (size_t i = 0; i < bs_subcommand_count; i++) {
        char name[64], help[64];
        (void)snprintf(name, sizeof name, "%s", bs_subcommands[i].name);
        (void)snprintf(help, sizeof help, "--help=%s", form_name);
        char *argv[] = {name, help, NULL};
        (void)bs_subcommands[i].run(2, argv);
        if (i + 1 < bs_subcommand_count) {
            printf("%s", between);
        }
    }
}

bool bs_help_print_program(const char *form_name)
{
    enum bs_help_form form;
    if (!bs_help_form_parse(form_name, &form)) {
        fprintf(stderr, "backscribe: --help=%s is not known: text, man, bash, zsh, json or names\n",
                form_name);
        return false;
    }
    switch (form) {
    case BS_HELP_TEXT:
        bs_help_print_usage(stdout);
        break;
    case BS_HELP_MAN:
        bs_help_man_program();
        break;
    case BS_HELP_BASH:
        bs_help_bash_begin();
        print_commands(form_name, "");
        bs_help_bash_end();
        break;
    case BS_HELP_ZSH:
        bs_help_zsh_begin();
        print_commands(form_name, "");
        bs_help_zsh_end();
        break;
    case BS_HELP_JSON:
        printf("{\"commands\":[\n");
        print_commands(form_name, ",");
        printf("]}\n");
        break;
    case BS_HELP_NAMES:
        print_commands(form_name, "");
        break;
    }
    return true;
}
