#include "formats/plain_text.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <wchar.h>

#include "formats/json.h"

#define REPLACEMENT   "\xef\xbf\xbd"
#define MARKS_AT_MOST 4 /* without a width of their own, on one character */

struct character {
    size_t size;    /* bytes in the text, at least 1 */
    uint32_t point; /* 0xfffd for what is no UTF-8, or is not shown */
};

/* What would be obeyed, or would make a text look like another one. */
static bool hides(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0xad || point == 0x61c ||
           point == 0x180e || (point >= 0x200b && point <= 0x200f) ||
           (point >= 0x2028 && point <= 0x202e) || (point >= 0x2060 && point <= 0x206f) ||
           point == 0xfeff || (point >= 0xfff0 && point <= 0xfffb) ||
           (point >= 0xe0000 && point <= 0xe0fff);
}

static uint32_t decode(const uint8_t *bytes, size_t size)
{
    static const uint8_t masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t point = bytes[0] & masks[size];
    for (size_t i = 1; i < size; i++) {
        point = point << 6 | (bytes[i] & 0x3fu);
    }
    return point;
}

static struct character character_at(const char *text, size_t left)
{
    const uint8_t *bytes = (const uint8_t *)text;
    size_t size = bs_utf8_sequence(bytes, left);
    struct character found = {.size = size == 0 ? 1 : size, .point = 0xfffd};
    if (size > 0) {
        uint32_t point = decode(bytes, size);
        found.point = hides(point) ? 0xfffd : point;
    }
    return found;
}

void bs_plain_text_copy(const char *text, char *out, size_t room)
{
    size_t left = strlen(text), used = 0;
    while (left > 0) {
        struct character next = character_at(text, left);
        bool replaced = next.point == 0xfffd;
        const char *bytes = replaced ? REPLACEMENT : text;
        size_t size = replaced ? strlen(REPLACEMENT) : next.size;
        if (used + size + 1 > room) {
            break;
        }
        memcpy(out + used, bytes, size);
        used += size;
        text += next.size;
        left -= next.size;
    }
    out[used] = '\0';
}

/* In columns; 0 for a mark on the character before. */
static int width_of(uint32_t point, bool ascii)
{
    if (ascii || point < 0x7f || point == 0xfffd) {
        return 1;
    }
    int width = wcwidth((wchar_t)point);
    return width < 0 ? 1 : width; /* not known here: shown as one question mark */
}

static void append_character(struct bs_buffer *out, const char *text, struct character character,
                             bool ascii)
{
    bool unknown = !ascii && character.point >= 0x80 && character.point != 0xfffd &&
                   wcwidth((wchar_t)character.point) < 0;
    if (character.point < 0x7f) {
        bs_buffer_append(out, text, 1);
    } else if (ascii || unknown) {
        bs_buffer_append(out, "?", 1);
    } else if (character.point == 0xfffd) {
        bs_buffer_append(out, REPLACEMENT, strlen(REPLACEMENT));
    } else {
        bs_buffer_append(out, text, character.size);
    }
}

int bs_plain_text_append(struct bs_buffer *out, const char *text, int columns, bool ascii)
{
    const char *ellipsis = ascii ? "..." : "\xe2\x80\xa6";
    int reserve = ascii ? 3 : 1, used = 0, marks = 0, cut_at = -1;
    reserve = reserve < columns ? reserve : columns;
    size_t left = strlen(text), keep = 0; /* bytes before the ellipsis, where one is needed */
    while (left > 0) {
        struct character next = character_at(text, left);
        int width = width_of(next.point, ascii);
        marks = width == 0 ? marks + 1 : 0;
        if (cut_at < 0 && used + width > columns - reserve) {
            keep = out->size;
            cut_at = used;
        }
        if (used + width > columns) {
            out->size = keep;
            bs_buffer_append(out, ellipsis,
                             reserve > 0 && !ascii ? strlen(ellipsis) : (size_t)reserve);
            return cut_at + reserve;
        }
        if (marks <= MARKS_AT_MOST) {
            append_character(out, text, next, ascii);
        }
        used += width;
        text += next.size;
        left -= next.size;
    }
    return used;
}

int bs_plain_text_columns(const char *text, bool ascii)
{
    struct bs_buffer nowhere = {0};
    int columns = bs_plain_text_append(&nowhere, text, INT_MAX, ascii);
    bs_buffer_free(&nowhere);
    return columns;
}
