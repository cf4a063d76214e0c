/* Completion for bash and zsh: a branch a command, from its table of options. */
#include <stdio.h>
#include <string.h>

#include "commands/commands.h"
#include "commands/help.h"
#include "formats/config.h"

/* What a shell offers for an option's value. */
enum offer {
    OFFER_NOTHING, /* nobody knows what it is */
    OFFER_FILES,
    OFFER_FOLDERS,
    OFFER_WORDS,   /* the argument's, between bars */
    OFFER_SETTINGS /* the configuration's paths */
};

static enum offer offer_of(const char *argument)
{
    if (strchr(argument, '|') != NULL) {
        return OFFER_WORDS;
    }
    if (strcmp(argument, "PATH=VALUE") == 0) {
        return OFFER_SETTINGS;
    }
    if (strcmp(argument, "FOLDER") == 0) {
        return OFFER_FOLDERS;
    }
    return strcmp(argument, "FILE") == 0 ? OFFER_FILES : OFFER_NOTHING;
}

static void put_words(const char *argument)
{
    for (const char *at = argument; *at != '\0'; at++) {
        putchar(*at == '|' ? ' ' : *at);
    }
}

static void put_settings(void)
{
    const char *end;
    const char *path;
    for (size_t i = 0; (path = bs_config_settable(i, &end)) != NULL; i++) {
        printf("%s%s%s", i == 0 ? "" : " ", path, end);
    }
}

/* ---- bash ---- */

static const char bash_begin[] =
    "# bash completion for backscribe; made by backscribe --help=bash\n"
    "\n"
    "_backscribe()\n"
    "{\n"
    "    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
    "    local offer=options options= words= arguments=\n"
    "    COMPREPLY=()\n"
    "    # --option=value comes as three words.\n"
    "    if [[ $current == = ]]; then\n"
    "        current=\n"
    "    elif [[ $before == = ]] && ((COMP_CWORD > 2)); then\n"
    "        before=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "    fi\n"
    "    if ((COMP_CWORD == 1)); then\n"
    "        offer=words words='";

static const char bash_branches[] = "--help --version'\n"
                                    "    else\n"
                                    "        case ${COMP_WORDS[1]} in\n";

/* Where nothing is found readline offers files, unless it is told not to. */
static const char bash_end[] =
    "        esac\n"
    "    fi\n"
    "    if [[ $offer == options && $current != -* ]]; then\n"
    "        offer=${arguments:-nothing}\n"
    "    fi\n"
    "    case $offer in\n"
    "    files) return ;;\n"
    "    folders)\n"
    "        compopt -o filenames\n"
    "        mapfile -t COMPREPLY < <(compgen -d -- \"$current\")\n"
    "        ;;\n"
    "    words) mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\") ;;\n"
    "    options) mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$current\") ;;\n"
    "    settings)\n"
    "        compopt -o nospace\n"
    "        words='";

static const char bash_last[] =
    "'\n"
    "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
    "        ;;\n"
    "    esac\n"
    "    compopt +o default +o bashdefault\n"
    "}\n"
    "complete -o bashdefault -o default -F _backscribe backscribe\n";

void bs_help_bash_begin(void)
{
    printf("%s", bash_begin);
    for (size_t i = 0; i < bs_subcommand_count; i++) {
        printf("%s ", bs_subcommands[i].name);
    }
    printf("%s", bash_branches);
}

void bs_help_bash_end(void)
{
    printf("%s", bash_end);
    put_settings();
    printf("%s", bash_last);
}

static void bash_option(const struct bs_help_option *option)
{
    if (option->argument == NULL) {
        return;
    }
    printf("            ");
    if (option->letter != 0) {
        printf("-%c | ", option->letter);
    }
    printf("--%s) offer=", option->name);
    switch (offer_of(option->argument)) {
    case OFFER_NOTHING:
        printf("nothing ;;\n");
        break;
    case OFFER_FILES:
        printf("files ;;\n");
        break;
    case OFFER_FOLDERS:
        printf("folders ;;\n");
        break;
    case OFFER_SETTINGS:
        printf("settings ;;\n");
        break;
    case OFFER_WORDS:
        printf("words words='");
        put_words(option->argument);
        printf("' ;;\n");
        break;
    }
}

void bs_help_bash(const struct bs_command *command)
{
    struct bs_help_option option;
    printf("        %s)\n            options='", command->name);
    for (size_t i = 0; bs_help_option(command, i, &option); i++) {
        printf("%s--%s", i == 0 ? "" : " ", option.name);
    }
    printf("'%s\n            case $before in\n",
           command->arguments_at_most > 0 ? " arguments=files" : "");
    for (size_t i = 0; bs_help_option(command, i, &option); i++) {
        bash_option(&option);
    }
    printf("            esac\n            ;;\n");
}

/* ---- zsh ---- */

static const char zsh_begin[] = "#compdef backscribe\n"
                                "# zsh completion for backscribe; made by backscribe --help=zsh\n"
                                "\n"
                                "_backscribe() {\n"
                                "  local curcontext=$curcontext state line\n"
                                "  local -a settings=(";

static const char zsh_commands[] = ")\n"
                                   "  local -a commands=(\n";

static const char zsh_branches[] = "  )\n"
                                   "  _arguments -C '(- *)'{-h,--help}'[tell the commands]' \\\n"
                                   "    '(- *)'{-V,--version}'[tell the versions]' \\\n"
                                   "    '1:command:->command' '*::argument:->argument'\n"
                                   "  case $state in\n"
                                   "  command) _describe -t commands command commands ;;\n"
                                   "  argument)\n"
                                   "    case $words[1] in\n";

static const char zsh_end[] = "    esac\n"
                              "    ;;\n"
                              "  esac\n"
                              "}\n"
                              "\n"
                              "_backscribe \"$@\"\n";

/* Within single quotes, in a specification of _arguments or _describe. */
static void zsh_put(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            printf("'\\''");
        } else {
            printf("%s%c", strchr("[]:\\", *text) == NULL ? "" : "\\", *text);
        }
    }
}

void bs_help_zsh_begin(void)
{
    printf("%s", zsh_begin);
    put_settings();
    printf("%s", zsh_commands);
    for (size_t i = 0; i < bs_subcommand_count; i++) {
        printf("    '%s:", bs_subcommands[i].name);
        zsh_put(bs_subcommands[i].summary);
        printf("'\n");
    }
    printf("%s", zsh_branches);
}

void bs_help_zsh_end(void)
{
    printf("%s", zsh_end);
}

static void zsh_value(const char *argument)
{
    printf(":");
    zsh_put(argument);
    switch (offer_of(argument)) {
    case OFFER_NOTHING:
        printf(": ");
        break;
    case OFFER_FILES:
        printf(":_files");
        break;
    case OFFER_FOLDERS:
        printf(":_files -/");
        break;
    case OFFER_SETTINGS:
        printf(":{compadd -S \"\" -- $settings}");
        break;
    case OFFER_WORDS:
        printf(":(");
        put_words(argument);
        printf(")");
        break;
    }
}

/* One spelling of an option: `dashes` and a name. */
static void zsh_spelling(const struct bs_help_option *option, const char *dashes, const char *name)
{
    printf(" \\\n        '");
    if (option->repeated) {
        printf("*");
    } else if (option->letter != 0) {
        printf("(-%c --%s)", option->letter, option->name);
    }
    bool is_long = dashes[1] != '\0';
    printf("%s%s%s[", dashes, name, option->argument != NULL && is_long ? "=" : "");
    zsh_put(option->help);
    printf("]");
    if (option->argument != NULL) {
        zsh_value(option->argument);
    }
    printf("'");
}

void bs_help_zsh(const struct bs_command *command)
{
    struct bs_help_option option;
    printf("    %s)\n      _arguments", command->name);
    for (size_t i = 0; bs_help_option(command, i, &option); i++) {
        const char letter[2] = {option.letter, '\0'};
        if (option.letter != 0) {
            zsh_spelling(&option, "-", letter);
        }
        zsh_spelling(&option, "--", option.name);
    }
    printf("%s\n      ;;\n", command->arguments_at_most > 0 ? " \\\n        '*:FILE:_files'" : "");
}
