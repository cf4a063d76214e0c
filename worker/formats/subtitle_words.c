/* What was said becomes words with their places in time. */
#include <stdlib.h>
#include <string.h>

#include "formats/json.h"
#include "formats/subtitle.h"

/* ---- characters ---- */

static uint32_t code_point(const uint8_t *text, size_t length)
{
    static const uint8_t first[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t point = text[0] & first[length];
    for (size_t i = 1; i < length; i++) {
        point = point << 6 | (text[i] & 0x3f);
    }
    return point;
}

/* White space, control characters, line and paragraph separators. */
static bool separates(uint32_t point)
{
    return point <= 0x20 || (point >= 0x7f && point <= 0xa0) || point == 0x1680 ||
           (point >= 0x2000 && point <= 0x200a) || point == 0x2028 || point == 0x2029 ||
           point == 0x202f || point == 0x205f || point == 0x3000;
}

/* What turns the direction of writing of all that follows on the line; spaces without a width. */
static bool is_left_out(uint32_t point)
{
    return point == 0x200b || (point >= 0x202a && point <= 0x202e) ||
           (point >= 0x2066 && point <= 0x2069) || point == 0xfeff;
}

static bool is_wide(uint32_t point)
{
    return (point >= 0x1100 && point <= 0x115f) || (point >= 0x2e80 && point <= 0xa4cf) ||
           (point >= 0xac00 && point <= 0xd7a3) || (point >= 0xf900 && point <= 0xfaff) ||
           (point >= 0xfe30 && point <= 0xfe6f) || (point >= 0xff00 && point <= 0xff60) ||
           (point >= 0xffe0 && point <= 0xffe6) || (point >= 0x1f300 && point <= 0x1faff) ||
           (point >= 0x20000 && point <= 0x3fffd);
}

/* What belongs to the character before it: accents, joiners, variants. */
static bool belongs_to_the_last(uint32_t point)
{
    return (point >= 0x0300 && point <= 0x036f) || (point >= 0x0483 && point <= 0x0489) ||
           (point >= 0x0591 && point <= 0x05bd) || (point >= 0x0610 && point <= 0x061a) ||
           (point >= 0x064b && point <= 0x065f) || (point >= 0x093a && point <= 0x094f) ||
           (point >= 0x0e31 && point <= 0x0e4e && point != 0x0e32 && point != 0x0e33) ||
           (point >= 0x1ab0 && point <= 0x1aff) || (point >= 0x1dc0 && point <= 0x1dff) ||
           (point >= 0x200c && point <= 0x200f) || (point >= 0x20d0 && point <= 0x20ff) ||
           (point >= 0xfe00 && point <= 0xfe0f) || (point >= 0xfe20 && point <= 0xfe2f) ||
           (point >= 0x1f3fb && point <= 0x1f3ff) || (point >= 0xe0020 && point <= 0xe01ef);
}

/* ---- text to words ---- */

static struct bs_subtitle_word *add_word(struct bs_subtitle_track *track, bool joined)
{
    if (track->count == track->capacity) {
        track->capacity = track->capacity == 0 ? 64 : track->capacity * 2;
        track->words = realloc(track->words, track->capacity * sizeof *track->words);
        BS_ASSERT(track->words != NULL);
    }
    struct bs_subtitle_word *word = &track->words[track->count++];
    *word = (struct bs_subtitle_word){
        .start_ms = -1, .end_ms = -1, .text = (uint32_t)track->text.size, .joined = joined};
    return word;
}

/* Where a word that is longer than a line is broken: as late as it goes, but not within what is one
 * character to the eye, unless that alone is longer. */
struct piece {
    uint32_t keep_size; /* up to the last place where it may be broken */
    uint8_t keep_columns;
    uint32_t last; /* the code point before */
};

/* The open word gets one more character; it is broken before that where it has no room. */
static struct bs_subtitle_word *add_character(struct bs_subtitle_track *track,
                                              struct bs_subtitle_word *word, struct piece *piece,
                                              const uint8_t *bytes, size_t length)
{
    uint32_t point = code_point(bytes, length);
    uint8_t columns = is_wide(point) ? 2 : 1, room = (uint8_t)(BS_SUBTITLE_LINE - track->prefix);
    bool breakable = !belongs_to_the_last(point) && piece->last != 0x200d;
    if (breakable) {
        piece->keep_size = word->size;
        piece->keep_columns = word->columns;
    }
    if (word->columns + columns > room) {
        uint8_t rest = (uint8_t)(word->columns - piece->keep_columns);
        bool all = piece->keep_size == 0 || rest + columns > room;
        uint32_t keep_size = all ? word->size : piece->keep_size;
        uint32_t text = word->text + keep_size, size = word->size - keep_size;
        word->size = keep_size;
        word->columns = all ? word->columns : piece->keep_columns;
        word = add_word(track, true);
        word->text = text;
        word->size = size;
        word->columns = all ? 0 : rest;
        *piece = (struct piece){.keep_size = 0};
    }
    bs_buffer_append(&track->text, bytes, length);
    word->size += (uint32_t)length;
    word->columns = (uint8_t)(word->columns + columns);
    piece->last = point;
    return word;
}

static void add_words(struct bs_subtitle_track *track, struct bs_bytes text)
{
    struct bs_subtitle_word *word = NULL;
    struct piece piece = {0};
    for (size_t at = 0; at < text.size;) {
        size_t length = bs_utf8_sequence(text.data + at, text.size - at);
        const uint8_t *bytes = length == 0 ? (const uint8_t *)"\xef\xbf\xbd" : text.data + at;
        at += length == 0 ? 1 : length;
        length = length == 0 ? 3 : length;
        uint32_t point = code_point(bytes, length);
        if (separates(point)) {
            word = NULL;
        } else if (!is_left_out(point)) {
            if (word == NULL) {
                word = add_word(track, false);
                piece = (struct piece){0};
            }
            word = add_character(track, word, &piece, bytes, length);
        }
    }
}

/* ---- times ---- */

static int64_t clamp(int64_t ms)
{
    return ms < 0 ? 0 : ms > BS_SUBTITLE_TIME_MAX_MS ? BS_SUBTITLE_TIME_MAX_MS : ms;
}

/* A word broken into pieces has one time, of which each piece gets its share. */
static void share_pieces(struct bs_subtitle_word *words, size_t count, int64_t start, int64_t end)
{
    int64_t total = 0, before = 0;
    for (size_t i = 0; i < count; i++) {
        total += words[i].columns;
    }
    for (size_t i = 0; i < count; i++) {
        words[i].start_ms = start + (end - start) * before / total;
        before += words[i].columns;
        words[i].end_ms = start + (end - start) * before / total;
    }
}

static size_t pieces(const struct bs_subtitle_word *words, size_t count)
{
    size_t joined = 1;
    while (joined < count && words[joined].joined) {
        joined++;
    }
    return joined;
}

/* Each whole word has one that was heard. */
static void take_over(struct bs_subtitle_word *words, size_t count,
                      const struct bs_subtitle_heard *heard)
{
    for (size_t i = 0; i < count; heard++) {
        size_t group = pieces(words + i, count - i);
        int64_t start = clamp(heard->start_ms), end = clamp(heard->end_ms);
        share_pieces(words + i, group, start, end < start ? start : end);
        i += group;
    }
}

/* The words' shares of the characters, laid over those of the heard ones. */
static void spread(struct bs_subtitle_word *words, size_t count,
                   const struct bs_subtitle_heard *heard, size_t heard_count)
{
    double shown = 0, spoken = 0, before = 0, passed = 0;
    for (size_t i = 0; i < count; i++) {
        shown += words[i].columns;
    }
    for (size_t i = 0; i < heard_count; i++) {
        spoken += heard[i].length;
    }
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        double from = before / shown * spoken, to = (before + words[i].columns) / shown * spoken;
        while (at + 1 < heard_count && passed + heard[at].length <= from + 1e-6) {
            passed += heard[at++].length;
        }
        int64_t start = clamp(heard[at].start_ms);
        double lasts = (double)(clamp(heard[at].end_ms) - start);
        words[i].start_ms = start + (int64_t)(lasts * (from - passed) / heard[at].length);
        double reached = passed;
        size_t last = at;
        while (last + 1 < heard_count && reached + heard[last].length < to - 1e-6) {
            reached += heard[last++].length;
        }
        start = clamp(heard[last].start_ms);
        lasts = (double)(clamp(heard[last].end_ms) - start);
        words[i].end_ms = start + (int64_t)(lasts * (to - reached) / heard[last].length);
        before += words[i].columns;
    }
}

static size_t count_whole(const struct bs_subtitle_word *words, size_t count)
{
    size_t whole = 0;
    for (size_t i = 0; i < count; i++) {
        whole += !words[i].joined;
    }
    return whole;
}

void bs_subtitle_add(struct bs_subtitle_track *track, struct bs_bytes text,
                     const struct bs_subtitle_heard *heard, size_t heard_count, int64_t start_ms,
                     int64_t end_ms)
{
    size_t first = track->count;
    add_words(track, text);
    size_t count = track->count - first;
    if (count == 0) {
        return;
    }
    struct bs_subtitle_word *words = track->words + first;
    words[count - 1].last = true;
    if (heard_count == count_whole(words, count)) {
        take_over(words, count, heard);
    } else if (heard_count > 0) {
        spread(words, count, heard, heard_count);
    } else if (start_ms >= 0) {
        share_pieces(words, count, clamp(start_ms), clamp(end_ms < start_ms ? start_ms : end_ms));
    }
}

void bs_subtitle_track_free(struct bs_subtitle_track *track)
{
    free(track->words);
    bs_buffer_free(&track->text);
    *track = (struct bs_subtitle_track){0};
}
