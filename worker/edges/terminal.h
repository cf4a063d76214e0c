/* Where `watch` shows itself: the size of the terminal, a picture that is drawn in place, and what
 * may happen while it stands there. Blocking calls of one thread, but for bs_terminal_wake. */
#ifndef BS_EDGES_TERMINAL_H
#define BS_EDGES_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>

#include "formats/message.h"

enum bs_terminal_event {
    BS_TERMINAL_TIME,        /* nothing happened in the time given */
    BS_TERMINAL_WOKEN,       /* bs_terminal_wake was called */
    BS_TERMINAL_CHANGED,     /* another size, or we were stopped and go on: draw anew */
    BS_TERMINAL_INTERRUPTED, /* SIGINT, SIGTERM or SIGHUP, or q was pressed */
};

struct bs_terminal;
/* From here on the signals that it waits for are held back from the thread, and from those that it
 * starts. Before any other thread starts. */
struct bs_terminal *bs_terminal_create(void);
/* Gives the terminal back as it was: the cursor shows, what is typed is seen. The next picture
 * takes it again. */
void bs_terminal_leave(struct bs_terminal *terminal);
/* Leaves the last picture where it stands, and the terminal as it was. */
void bs_terminal_destroy(struct bs_terminal *terminal);

/* Whether standard output is a terminal, and a picture can be drawn in place there (TERM). */
bool bs_terminal_is_one(const struct bs_terminal *terminal);
bool bs_terminal_can_draw(const struct bs_terminal *terminal);
/* Of the terminal; else of $COLUMNS, else 80. Without a terminal no number of rows is too large. */
void bs_terminal_size(const struct bs_terminal *terminal, int *columns, int *rows);

/* Draws the lines (each ends with a newline, and is no wider than the terminal; fewer than its
 * rows) over those drawn before. False when it cannot be written. */
bool bs_terminal_draw(struct bs_terminal *terminal, struct bs_bytes lines);
/* Writes as it is. False when it cannot be written. */
bool bs_terminal_write(struct bs_terminal *terminal, struct bs_bytes text);

enum bs_terminal_event bs_terminal_wait(struct bs_terminal *terminal, int64_t limit_ms);
/* Any thread. */
void bs_terminal_wake(struct bs_terminal *terminal);

#endif
