/* The subcommands: each takes its own arguments (argv[0] is its name) and returns the exit status.
 */
#ifndef BS_COMMANDS_COMMANDS_H
#define BS_COMMANDS_COMMANDS_H

#include <stddef.h>

int bs_command_run(int argc, char **argv);
int bs_command_check(int argc, char **argv);
int bs_command_enqueue(int argc, char **argv);
int bs_command_results(int argc, char **argv);
int bs_command_redrive(int argc, char **argv);
int bs_command_watch(int argc, char **argv);

/* All of them, in the order in which the help names them: subcommands.c. */
struct bs_subcommand {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary; /* one line */
};
extern const struct bs_subcommand bs_subcommands[];
extern const size_t bs_subcommand_count;

/* What `backscribe --version` prints: this program and the libraries that it runs on. */
void bs_print_version(void);

#endif
