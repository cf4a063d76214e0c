/* One source for what people read of the commands: their tables of options become --help, the man
 * pages, the completions of bash and zsh, and JSON.
 *
 * `--help=FORM` prints a command in that form, `backscribe --help=FORM` the whole program. The
 * build makes the man pages and the completions by it, so nothing of them is written twice. */
#ifndef BS_COMMANDS_HELP_H
#define BS_COMMANDS_HELP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/check.h"
#include "commands/options.h"

enum bs_help_form {
    BS_HELP_TEXT,
    BS_HELP_MAN,  /* man(7) */
    BS_HELP_BASH, /* of a command: its branch of the script that the program prints */
    BS_HELP_ZSH,  /* likewise */
    BS_HELP_JSON, /* an object; the program's has one in "commands" for each */
    BS_HELP_NAMES /* of the program: the commands, one a line */
};

/* "man", "bash", "zsh", "json", "names"; NULL is text. False for any other name. */
BS_MUST_CHECK bool bs_help_form_parse(const char *name, enum bs_help_form *form);

/* On standard output. A command that is not in the table of subcommands is told as one that is. */
void bs_help_print(const struct bs_command *command, enum bs_help_form form);

/* `backscribe --help`, and every command's page where the form has them. False: it is no form,
 * which was told on standard error. */
BS_MUST_CHECK bool bs_help_print_program(const char *form_name);

/* The short text on how to use the program. */
void bs_help_print_usage(FILE *to);

/* ---- for the forms: help_man.c, help_shell.c, help_json.c ---- */

/* An option as people see it. */
struct bs_help_option {
    const char *name;     /* long, without dashes */
    const char *argument; /* as struct bs_option's; NULL for a flag */
    const char *help;     /* one line */
    char letter;          /* the short one; 0 = none */
    bool repeated;
    bool common; /* to all commands */
};

/* The command's own first, then those that may be repeated, then the common ones. False: there is
 * no option `index`. */
bool bs_help_option(const struct bs_command *command, size_t index, struct bs_help_option *option);

/* The options that all commands have. */
#define BS_HELP_COMMON_COUNT 5
extern const struct bs_help_option bs_help_common[BS_HELP_COMMON_COUNT];

/* The line that the table of subcommands has on that command; "" = it is not there. */
const char *bs_help_brief(const char *name);
/* What the program is, two lines. */
extern const char bs_help_program_summary[];

void bs_help_man(const struct bs_command *command);
void bs_help_man_program(void);
void bs_help_json(const struct bs_command *command);
void bs_help_bash(const struct bs_command *command);
void bs_help_bash_begin(void);
void bs_help_bash_end(void);
void bs_help_zsh(const struct bs_command *command);
void bs_help_zsh_begin(void);
void bs_help_zsh_end(void);

#endif
