#include "commands/watch_block.h"

#include <stdlib.h>
#include <string.h>

#include "formats/plain_text.h"

static struct bs_block_line *last_line(struct bs_block *block)
{
    if (block->count == 0) {
        bs_block_line(block);
    }
    return &block->lines[block->count - 1];
}

void bs_block_line(struct bs_block *block)
{
    block->lines = realloc(block->lines, (block->count + 1) * sizeof *block->lines);
    BS_ASSERT(block->lines != NULL);
    memset(&block->lines[block->count++], 0, sizeof *block->lines);
}

void bs_block_free(struct bs_block *block)
{
    for (size_t i = 0; i < block->count; i++) {
        bs_buffer_free(&block->lines[i].text);
    }
    free(block->lines);
    block->lines = NULL;
    block->count = 0;
}

int bs_block_room(const struct bs_block *block)
{
    int used = block->count == 0 ? 0 : block->lines[block->count - 1].columns;
    return block->width > used ? block->width - used : 0;
}

static void pad(struct bs_block *block, int columns)
{
    struct bs_block_line *line = last_line(block);
    for (; columns > 0 && line->columns < block->width; columns--) {
        bs_buffer_append(&line->text, " ", 1);
        line->columns++;
    }
}

void bs_block_put(struct bs_block *block, enum bs_ink ink, int columns, const char *text)
{
    static const char *const codes[] = {"",         "\x1b[1m",  "\x1b[2m",
                                        "\x1b[32m", "\x1b[33m", "\x1b[31m"};
    struct bs_block_line *line = last_line(block);
    int room = bs_block_room(block);
    bool inked = block->color && ink != BS_INK_PLAIN;
    if (inked) {
        bs_buffer_append(&line->text, codes[ink], strlen(codes[ink]));
    }
    line->columns += bs_plain_text_append(
        &line->text, text, columns > 0 && columns < room ? columns : room, block->ascii);
    if (inked) {
        bs_buffer_append(&line->text, "\x1b[0m", 4);
    }
}

void bs_block_left(struct bs_block *block, enum bs_ink ink, int columns, const char *text)
{
    int before = last_line(block)->columns;
    bs_block_put(block, ink, columns, text);
    pad(block, before + columns - last_line(block)->columns);
}

void bs_block_right(struct bs_block *block, enum bs_ink ink, int columns, const char *text)
{
    pad(block, columns - bs_plain_text_columns(text, block->ascii));
    bs_block_put(block, ink, columns, text);
}

void bs_block_indent(struct bs_block *block, int column)
{
    pad(block, column - last_line(block)->columns);
}

/* How many bytes of the text, up to a space or its end, fit into the columns; 0 = no word does. */
static size_t fitting(const struct bs_block *block, const char *text, int columns)
{
    size_t fits = 0;
    char piece[1024];
    for (size_t at = 1; at <= strlen(text) && at < sizeof piece; at++) {
        if (text[at] == ' ' || text[at] == '\0') {
            memcpy(piece, text, at);
            piece[at] = '\0';
            if (bs_plain_text_columns(piece, block->ascii) > columns) {
                break;
            }
            fits = at;
        }
    }
    return fits;
}

void bs_block_wrap(struct bs_block *block, enum bs_ink ink, int column, const char *text)
{
    char piece[1024];
    bs_block_indent(block, column);
    while (*text != '\0') {
        size_t size = fitting(block, text, bs_block_room(block));
        if (size == 0) { /* a word that is wider than the line is cut */
            size = strcspn(text + 1, " ") + 1;
        }
        size_t kept = size < sizeof piece ? size : sizeof piece - 1;
        memcpy(piece, text, kept);
        piece[kept] = '\0';
        bs_block_put(block, ink, 0, piece);
        text += size + strspn(text + size, " ");
        if (*text != '\0') {
            bs_block_line(block);
            bs_block_indent(block, column);
        }
    }
}

void bs_block_join(const struct bs_block *const *blocks, size_t count, int gap,
                   struct bs_buffer *out)
{
    size_t lines = 0;
    for (size_t i = 0; i < count; i++) {
        lines = blocks[i]->count > lines ? blocks[i]->count : lines;
    }
    for (size_t at = 0; at < lines; at++) {
        size_t begin = out->size;
        int missing = 0; /* columns that are due before anything more is shown */
        for (size_t i = 0; i < count; i++) {
            const struct bs_block *block = blocks[i];
            int shown = at < block->count ? block->lines[at].columns : 0;
            for (; shown > 0 && missing > 0; missing--) {
                bs_buffer_append(out, " ", 1);
            }
            if (shown > 0) {
                bs_buffer_append(out, block->lines[at].text.data, block->lines[at].text.size);
            }
            missing += block->width - shown + gap;
        }
        while (out->size > begin && out->data[out->size - 1] == ' ') {
            out->size--;
        }
        bs_buffer_append(out, "\n", 1);
    }
}
