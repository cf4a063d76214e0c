/* The subcommands: each takes its own arguments (argv[0] is its name) and returns the exit status.
 */
#ifndef BS_COMMANDS_COMMANDS_H
#define BS_COMMANDS_COMMANDS_H

int bs_command_run(int argc, char **argv);
int bs_command_check(int argc, char **argv);
int bs_command_enqueue(int argc, char **argv);
int bs_command_results(int argc, char **argv);

/* What `backscribe --version` prints: this program and the libraries that it runs on. */
void bs_print_version(void);

#endif
