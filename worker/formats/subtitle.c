/* Words become subtitles: of all ways to cut them the one with the least cost, found from the
 * beginning to the end (the best way up to a word goes on from the best ways before it). */
#include "formats/subtitle.h"

#include <stdlib.h>
#include <string.h>

/* What was said without times is taken as spoken so fast. */
#define COLUMN_MS 60
/* A silence that no subtitle stands through, and those that had better end one. */
#define SILENCE_MS     1500
#define LONG_PAUSE_MS  700
#define SHORT_PAUSE_MS 400

/* Costs: only how they compare counts. A subtitle more is better than a break within a sentence is
 * bad, but not than two of them. */
#define COST_SUBTITLE     60
#define COST_BREAK        30 /* within a clause */
#define COST_BREAK_CLAUSE 14
#define COST_BREAK_END    4 /* of a sentence, or of an utterance */
#define COST_BREAK_PAUSE  2
#define COST_SHORT_WORD   5 /* left behind at an end: it belongs to what follows */
#define COST_INSIDE_END   12
#define COST_INSIDE_LONG  60
#define COST_INSIDE_SHORT 8
#define COST_TOO_SHORT    200 /* and one more for each 5 ms: it would push back what follows */
#define COST_LINE_WITHIN  3   /* a second line that begins within a clause */

/* ---- times ---- */

/* Those of words of which nothing is known: from the end of what is known before. */
static void place_untimed(struct bs_subtitle_word *words, size_t count, int64_t from, int64_t until)
{
    int64_t columns = 0, before = 0;
    for (size_t i = 0; i < count; i++) {
        columns += words[i].columns;
    }
    int64_t lasts = columns * COLUMN_MS;
    if (lasts > until - from) {
        lasts = until > from ? until - from : 0;
    }
    for (size_t i = 0; i < count; i++) {
        words[i].start_ms = from + lasts * before / columns;
        before += words[i].columns;
        words[i].end_ms = from + lasts * before / columns;
    }
}

/* Every word has its times, none begins before the one before it does, or ends after the next one
 * begins. */
static void settle_times(struct bs_subtitle_track *track)
{
    struct bs_subtitle_word *words = track->words;
    int64_t reached = 0;
    for (size_t i = 0; i < track->count;) {
        size_t untimed = 0;
        while (i + untimed < track->count && words[i + untimed].start_ms < 0) {
            untimed++;
        }
        if (untimed > 0) {
            bool at_end = i + untimed == track->count;
            int64_t until = at_end ? INT64_MAX : words[i + untimed].start_ms;
            place_untimed(words + i, untimed, i == 0 ? 0 : words[i - 1].end_ms, until);
            i += untimed;
        } else {
            i++;
        }
    }
    for (size_t i = 0; i < track->count; i++) {
        reached = words[i].start_ms > reached ? words[i].start_ms : reached;
        words[i].start_ms = reached;
        words[i].end_ms = words[i].end_ms < reached ? reached : words[i].end_ms;
        if (i > 0 && words[i - 1].end_ms > reached) {
            words[i - 1].end_ms = reached;
        }
    }
}

/* ---- what a break costs ---- */

static bool ends_with(const struct bs_subtitle_track *track, const struct bs_subtitle_word *word,
                      const char *const *marks)
{
    const uint8_t *text = track->text.data + word->text;
    for (; *marks != NULL; marks++) {
        size_t size = strlen(*marks);
        if (word->size >= size && memcmp(text + word->size - size, *marks, size) == 0) {
            return true;
        }
    }
    return false;
}

enum { ENDS_NOTHING, ENDS_CLAUSE, ENDS_SENTENCE };

/* Each is asked for often. */
static void note_ends(struct bs_subtitle_track *track)
{
    static const char *const sentences[] = {".",  "?",  "!",  "…",  ".\"", "?\"", "!\"",
                                            ".»", "?»", "!»", "…»", ".)",  NULL};
    static const char *const clauses[] = {",", ";", ":", "—", "–", ",»", ",\"", ")", NULL};
    for (size_t i = 0; i < track->count; i++) {
        struct bs_subtitle_word *word = &track->words[i];
        word->ends = word->last || ends_with(track, word, sentences) ? ENDS_SENTENCE
                     : ends_with(track, word, clauses)               ? ENDS_CLAUSE
                                                                     : ENDS_NOTHING;
    }
}

static int64_t pause_before(const struct bs_subtitle_track *track, uint32_t word)
{
    return track->words[word].start_ms - track->words[word - 1].end_ms;
}

/* To end a subtitle before that word. */
static int64_t cost_of_break(const struct bs_subtitle_track *track, uint32_t word)
{
    if (word == track->count || pause_before(track, word) >= SILENCE_MS) {
        return 0;
    }
    if (pause_before(track, word) >= SHORT_PAUSE_MS) {
        return COST_BREAK_PAUSE;
    }
    const struct bs_subtitle_word *before = &track->words[word - 1];
    if (before->ends == ENDS_SENTENCE) {
        return COST_BREAK_END;
    }
    int64_t cost = before->ends == ENDS_CLAUSE ? COST_BREAK_CLAUSE : COST_BREAK;
    return cost + (before->columns <= 2 && !before->joined ? COST_SHORT_WORD : 0);
}

/* To have the place before that word inside a subtitle. */
static int64_t cost_inside(const struct bs_subtitle_track *track, uint32_t word)
{
    int64_t pause = pause_before(track, word);
    int64_t cost = track->words[word - 1].ends == ENDS_SENTENCE ? COST_INSIDE_END : 0;
    return cost + (pause >= LONG_PAUSE_MS    ? COST_INSIDE_LONG
                   : pause >= SHORT_PAUSE_MS ? COST_INSIDE_SHORT
                                             : 0);
}

/* ---- lines ---- */

/* Columns that a word adds behind another one. */
static int columns_behind(const struct bs_subtitle_word *word)
{
    return word->columns + (word->joined ? 0 : 1);
}

/* Where the second line begins (`end`: there is none), and what that costs; -1: they do not fit.
 * `columns`: of all on one line. */
static int64_t cost_of_lines(const struct bs_subtitle_track *track, uint32_t first, uint32_t end,
                             int columns, uint32_t *second)
{
    *second = end;
    if (columns <= BS_SUBTITLE_LINE) {
        return 0;
    }
    int64_t best = -1;
    int upper = track->prefix;
    for (uint32_t at = first + 1; at < end; at++) {
        const struct bs_subtitle_word *word = &track->words[at];
        upper +=
            at - 1 == first ? track->words[first].columns : columns_behind(&track->words[at - 1]);
        int lower = columns - upper - (columns_behind(word) - word->columns);
        if (upper > BS_SUBTITLE_LINE) {
            break;
        }
        if (lower > BS_SUBTITLE_LINE) {
            continue;
        }
        int64_t cost = (upper > lower ? upper - lower + 1 : lower - upper) / 2;
        cost += word[-1].ends == ENDS_NOTHING ? COST_LINE_WITHIN : 0;
        if (best < 0 || cost < best) {
            best = cost;
            *second = at;
        }
    }
    return best;
}

/* ---- the least cost ---- */

/* The best way to cut all before a word: where its last subtitle begins. */
struct way {
    int64_t cost; /* -1: none */
    uint32_t first, second;
};

/* A subtitle that had to begin at `first` would stand for less than a second. */
static int64_t cost_of_haste(const struct bs_subtitle_track *track, uint32_t first, uint32_t end)
{
    if (end == track->count) {
        return 0;
    }
    int64_t room = track->words[end].start_ms - track->words[first].start_ms;
    return room >= BS_SUBTITLE_MIN_MS ? 0 : COST_TOO_SHORT + (BS_SUBTITLE_MIN_MS - room) / 5;
}

/* Tries every subtitle that begins with that word. */
static void go_on_from(const struct bs_subtitle_track *track, uint32_t first, struct way *ways)
{
    const struct bs_subtitle_word *words = track->words;
    int columns = track->prefix;
    int64_t inside = 0;
    for (uint32_t end = first + 1; end <= track->count; end++) {
        const struct bs_subtitle_word *word = &words[end - 1];
        if (end - 1 == first) {
            columns += word->columns;
        } else {
            bool too_long = word->end_ms - words[first].start_ms > BS_SUBTITLE_MAX_MS;
            if (too_long || pause_before(track, end - 1) >= SILENCE_MS) {
                return;
            }
            columns += columns_behind(word);
            inside += cost_inside(track, end - 1);
        }
        uint32_t second;
        int64_t lines = cost_of_lines(track, first, end, columns, &second);
        if (lines < 0) {
            return;
        }
        int64_t cost = ways[first].cost + COST_SUBTITLE + inside + lines +
                       cost_of_break(track, end) + cost_of_haste(track, first, end);
        if (ways[end].cost < 0 || cost < ways[end].cost) {
            ways[end] = (struct way){.cost = cost, .first = first, .second = second};
        }
    }
}

/* ---- when they are shown ---- */

/* From their words' beginnings to their ends, for a second at least, as long as the next one lets
 * them. Where it does not, it comes later. */
static void settle_cues(const struct bs_subtitle_track *track, struct bs_subtitle_cues *cues)
{
    int64_t free_from = 0;
    for (size_t i = 0; i < cues->count; i++) {
        struct bs_subtitle_cue *cue = &cues->list[i];
        int64_t start = track->words[cue->first].start_ms;
        int64_t end = track->words[cue->end - 1].end_ms;
        bool is_last = i + 1 == cues->count;
        int64_t next = is_last ? INT64_MAX : track->words[cues->list[i + 1].first].start_ms;
        cue->start_ms = start < free_from ? free_from : start;
        int64_t least = cue->start_ms + BS_SUBTITLE_MIN_MS;
        int64_t most = cue->start_ms + BS_SUBTITLE_MAX_MS;
        end = end > next ? next : end;
        end = end < least ? least : end;
        cue->end_ms = end > most ? most : end;
        free_from = cue->end_ms;
    }
}

void bs_subtitle_cut(struct bs_subtitle_track *track, struct bs_subtitle_cues *cues)
{
    uint32_t count = (uint32_t)track->count;
    *cues = (struct bs_subtitle_cues){0};
    struct way *ways = calloc((size_t)count + 1, sizeof *ways);
    BS_ASSERT(ways != NULL);
    settle_times(track);
    note_ends(track);
    for (uint32_t i = 1; i <= count; i++) {
        ways[i].cost = -1;
    }
    for (uint32_t i = 0; i < count; i++) {
        BS_ASSERT(ways[i].cost >= 0); /* a word alone always fits */
        go_on_from(track, i, ways);
    }
    for (uint32_t end = count; end > 0; end = ways[end].first) {
        cues->count++;
    }
    cues->list = calloc(cues->count + 1, sizeof *cues->list);
    BS_ASSERT(cues->list != NULL);
    size_t at = cues->count;
    for (uint32_t end = count; end > 0; end = ways[end].first) {
        cues->list[--at] = (struct bs_subtitle_cue){
            .first = ways[end].first, .second = ways[end].second, .end = end};
    }
    free(ways);
    settle_cues(track, cues);
}

void bs_subtitle_line(const struct bs_subtitle_track *track, uint32_t from, uint32_t end,
                      struct bs_buffer *out)
{
    for (uint32_t i = from; i < end; i++) {
        const struct bs_subtitle_word *word = &track->words[i];
        bs_buffer_append(out, " ", i == from || word->joined ? 0 : 1);
        bs_buffer_append(out, track->text.data + word->text, word->size);
    }
}
