/* The table of subcommands. */
#include "commands/commands.h"

const struct bs_subcommand bs_subcommands[] = {
    {"run", bs_command_run, "the worker: jobs in, results and dead letters out"},
    {"enqueue", bs_command_enqueue, "make jobs from a bucket, a manifest or local files"},
    {"watch", bs_command_watch, "see how far the backlog is, and what it will cost"},
    {"results", bs_command_results, "write the results as text, JSON lines, tables or subtitles"},
    {"redrive", bs_command_redrive, "put dead letters back on the jobs topic, each once"},
    {"check", bs_command_check, "see whether everything that the configuration names works"},
};
const size_t bs_subcommand_count = sizeof bs_subcommands / sizeof *bs_subcommands;
