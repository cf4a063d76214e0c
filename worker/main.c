/* Picks the subcommand. */
#include <stdio.h>
#include <string.h>

#include "base/dump.h"
#include "commands/commands.h"
#include "commands/help.h"

int main(int argc, char **argv)
{
    static const char help[] = "--help=";
    bs_dump_without_memory();
    if (argc < 2) {
        bs_help_print_usage(stderr);
        return 2;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        bs_help_print_usage(stdout);
        return 0;
    }
    if (strncmp(name, help, strlen(help)) == 0) {
        return bs_help_print_program(name + strlen(help)) ? 0 : 2;
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        bs_print_version();
        return 0;
    }
    for (size_t i = 0; i < bs_subcommand_count; i++) {
        if (strcmp(name, bs_subcommands[i].name) == 0) {
            return bs_subcommands[i].run(argc - 1, argv + 1);
        }
    }
    fprintf(stderr, "backscribe: there is no command '%s'.\nTry 'backscribe --help'.\n", name);
    return 2;
}
