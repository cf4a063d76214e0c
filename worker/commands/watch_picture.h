/* What the files of the picture share; nothing else includes it. */
#ifndef BS_COMMANDS_WATCH_PICTURE_H
#define BS_COMMANDS_WATCH_PICTURE_H

#include "commands/watch.h"
#include "commands/watch_block.h"

struct bs_watch_picture {
    const struct bs_watch_facts *facts;
    const struct bs_watch_sums *sums;
    const struct bs_watch_style *style;
    struct bs_buffer *out;
};

/* Time, money, the oldest operation. watch_results.c */
void bs_watch_draw_results(const struct bs_watch_picture *picture, struct bs_block *block);
/* The table, and what is to be said of those that are missing in it. watch_workers.c */
void bs_watch_draw_workers(const struct bs_watch_picture *picture, struct bs_block *block);

#endif
