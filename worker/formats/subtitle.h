/* What one voice said, cut into subtitles: at most two lines of 42 characters, 1 to 7 seconds each.
 * No I/O and no format: transcript_subtitle.c writes them. Any one thread.
 *
 * What always holds, whatever words and times are given: every word is in exactly one subtitle, in
 * the order given; subtitles do not overlap; no line has more than 42 characters, no subtitle more
 * than two lines; each stands for 1 to 7 seconds. A character is a code point, a wide one (Chinese,
 * Japanese, Korean, emoji) counts two. A word longer than a line is broken. Where words come faster
 * than one subtitle a second can show them, subtitles come later than the words, and catch up in
 * the next pause; never earlier. */
#ifndef BS_FORMATS_SUBTITLE_H
#define BS_FORMATS_SUBTITLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "formats/message.h"

#define BS_SUBTITLE_LINE   42
#define BS_SUBTITLE_MIN_MS 1000
#define BS_SUBTITLE_MAX_MS 7000
/* Times are held to 0 up to this: 99 hours, while a recording has 4. */
#define BS_SUBTITLE_TIME_MAX_MS INT64_C(356400000)

/* A word as it is shown: what is between two white spaces, or a piece of it where that is longer
 * than a line. */
struct bs_subtitle_word {
    int64_t start_ms, end_ms; /* start_ms < 0: not known yet */
    uint32_t text, size;      /* in the track's text, bytes */
    uint8_t columns;          /* 1 to BS_SUBTITLE_LINE */
    bool joined;              /* goes on with the word before it: no space between */
    bool last;                /* of its utterance */
    uint8_t ends;             /* what its text ends; subtitle.c's own */
};

/* One voice, in the order of time. All zero is an empty one; freed with bs_subtitle_track_free. */
struct bs_subtitle_track {
    struct bs_subtitle_word *words;
    size_t count, capacity;
    struct bs_buffer text;
    uint8_t prefix; /* columns that the first line of each subtitle leaves free; at most 20. Set
                     * before the first utterance */
};

/* A word as it was heard. */
struct bs_subtitle_heard {
    int64_t start_ms, end_ms;
    uint32_t length; /* in characters; it weighs the word where the text has other ones */
};

/* One utterance, not before the one added last. `text` is any UTF-8: control characters count as
 * white space, what turns the direction of writing is left out. `heard`: its words with their
 * times, which the text's words take over one by one where they are as many, else by their share of
 * the characters. Without any they are spread over start_ms to end_ms; start_ms < 0: nothing is
 * known, they stand where there is room between what was said before and after. */
void bs_subtitle_add(struct bs_subtitle_track *track, struct bs_bytes text,
                     const struct bs_subtitle_heard *heard, size_t heard_count, int64_t start_ms,
                     int64_t end_ms);
void bs_subtitle_track_free(struct bs_subtitle_track *track);

/* The words `first` up to `second` on the first line, from there up to `end` on the second, which
 * is none where both are the same. */
struct bs_subtitle_cue {
    int64_t start_ms, end_ms;
    uint32_t first, second, end;
};
struct bs_subtitle_cues {
    struct bs_subtitle_cue *list; /* owned: the caller frees */
    size_t count;
};
/* Settles the times of the track's words, then cuts. */
void bs_subtitle_cut(struct bs_subtitle_track *track, struct bs_subtitle_cues *cues);
/* Appends a line: valid UTF-8 without control characters, not empty, without a newline. */
void bs_subtitle_line(const struct bs_subtitle_track *track, uint32_t from, uint32_t end,
                      struct bs_buffer *out);

#endif
