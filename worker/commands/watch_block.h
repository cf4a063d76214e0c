/* Lines of text whose columns are counted, and what is put together of them. Pure; one thread. */
#ifndef BS_COMMANDS_WATCH_BLOCK_H
#define BS_COMMANDS_WATCH_BLOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"
#include "formats/message.h"

enum bs_ink { BS_INK_PLAIN, BS_INK_BOLD, BS_INK_DIM, BS_INK_GOOD, BS_INK_WARN, BS_INK_BAD };

struct bs_block_line {
    struct bs_buffer text;
    int columns;
};

/* Lines of at most `width` columns; what does not fit is cut, with an ellipsis where it was text.
 */
struct bs_block {
    int width;
    bool color, ascii;
    struct bs_block_line *lines;
    size_t count;
};

void bs_block_free(struct bs_block *block);
/* A new, empty line: the following go to it. */
void bs_block_line(struct bs_block *block);
/* Appends in at most `columns` columns (0: as many as are left). */
void bs_block_put(struct bs_block *block, enum bs_ink ink, int columns, const char *text);
/* The same, and spaces up to `columns`: behind it, or before it. */
void bs_block_left(struct bs_block *block, enum bs_ink ink, int columns, const char *text);
void bs_block_right(struct bs_block *block, enum bs_ink ink, int columns, const char *text);
/* Spaces up to that column of the line, the first being 0. */
void bs_block_indent(struct bs_block *block, int column);
/* The text broken at its spaces into lines that begin at that column; the first one goes on where
 * the present line stands. */
void bs_block_wrap(struct bs_block *block, enum bs_ink ink, int column, const char *text);
/* Columns left in the line. */
int bs_block_room(const struct bs_block *block);

/* Appends the blocks' lines side by side, `gap` columns between them, each ending in a newline. */
void bs_block_join(const struct bs_block *const *blocks, size_t count, int gap,
                   struct bs_buffer *out);

#endif
