/* Picks the subcommand. */
#include <stdio.h>
#include <string.h>

#include "base/dump.h"
#include "commands/commands.h"

struct subcommand {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
};

static const struct subcommand subcommands[] = {
    {"run", bs_command_run, "the worker: jobs in, results and dead letters out"},
    {"enqueue", bs_command_enqueue, "make jobs from a bucket, a manifest or local files"},
    {"results", bs_command_results, "read the results as text or JSON lines"},
    {"check", bs_command_check, "see whether everything that the configuration names works"},
};
#define SUBCOMMAND_COUNT (sizeof subcommands / sizeof *subcommands)

static void print_usage(FILE *to)
{
    fprintf(to,
            "Usage: backscribe COMMAND [OPTIONS]\n\n"
            "Turns archives of recordings into text: jobs from Kafka, SpeechKit's asynchronous\n"
            "recognition, one result or dead letter a job.\n\nCommands:\n");
    for (size_t i = 0; i < SUBCOMMAND_COUNT; i++) {
        fprintf(to, "  %-10s  %s\n", subcommands[i].name, subcommands[i].summary);
    }
    fprintf(
        to,
        "\n'backscribe COMMAND --help' tells more; 'backscribe --version' tells the versions.\n");
}

int main(int argc, char **argv)
{
    bs_dump_without_memory();
    if (argc < 2) {
        print_usage(stderr);
        return 2;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_usage(stdout);
        return 0;
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        bs_print_version();
        return 0;
    }
    for (size_t i = 0; i < SUBCOMMAND_COUNT; i++) {
        if (strcmp(name, subcommands[i].name) == 0) {
            return subcommands[i].run(argc - 1, argv + 1);
        }
    }
    fprintf(stderr, "backscribe: there is no command '%s'.\nTry 'backscribe --help'.\n", name);
    return 2;
}
