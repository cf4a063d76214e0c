/* Words cut into subtitles: what always holds, over words and times made by chance; and what a
 * viewer would want, by examples. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "formats/json.h"
#include "formats/subtitle.h"

#define ROUNDS 3000

/* ---- what always holds ---- */

/* Code points, of which a wide one counts two: all that the tests use are above U+1100. */
static int columns_of(const char *text)
{
    int columns = 0;
    for (const uint8_t *at = (const uint8_t *)text; *at != '\0';) {
        size_t length = bs_utf8_sequence(at, strlen((const char *)at));
        assert_true(length > 0);
        columns += length == 4 || (length == 3 && at[0] >= 0xe3 && at[0] <= 0xed) ? 2 : 1;
        at += length;
    }
    return columns;
}

static char *line_of(const struct bs_subtitle_track *track, uint32_t from, uint32_t end)
{
    struct bs_buffer line = {0};
    bs_subtitle_line(track, from, end, &line);
    bs_buffer_append(&line, "", 1);
    return (char *)line.data;
}

static void assert_line(const struct bs_subtitle_track *track, uint32_t from, uint32_t end,
                        int prefix)
{
    char *line = line_of(track, from, end);
    int columns = columns_of(line) + prefix;
    assert_in_range(columns, prefix + 1, BS_SUBTITLE_LINE);
    assert_int_not_equal(line[0], ' ');
    assert_int_not_equal(line[strlen(line) - 1], ' ');
    assert_null(strchr(line, '\n'));
    free(line);
}

/* Every rule of the header, of every subtitle. */
static void assert_rules(const struct bs_subtitle_track *track, const struct bs_subtitle_cues *cues)
{
    uint32_t reached = 0;
    int64_t free_from = 0;
    for (size_t i = 0; i < cues->count; i++) {
        const struct bs_subtitle_cue *cue = &cues->list[i];
        assert_int_equal(cue->first, reached);
        assert_true(cue->second > cue->first && cue->second <= cue->end);
        reached = cue->end;
        assert_line(track, cue->first, cue->second, track->prefix);
        if (cue->second < cue->end) {
            assert_line(track, cue->second, cue->end, 0);
        }
        assert_true(cue->start_ms >= free_from);
        assert_in_range(cue->end_ms - cue->start_ms, BS_SUBTITLE_MIN_MS, BS_SUBTITLE_MAX_MS);
        free_from = cue->end_ms;
    }
    assert_int_equal(reached, track->count);
}

/* ---- utterances by chance ---- */

static const char *const syllables[] = {
    "a", "да", "но", "что",  "ка", "ре",           "strings", "x",
    "ж", "é",  "好", "🙂", "не", "12",           "-->",     "e\xcc\x81",
    "ё", "q",  "ми", "сло",  "во", "\xe2\x80\x8d", "и",       "пре"};
#define SYLLABLES (sizeof syllables / sizeof *syllables)

static uint64_t below(struct bs_random *random, uint64_t limit)
{
    return bs_random_next(random) % limit;
}

/* One word, with what ends a sentence or a clause now and then. */
static void append_word(struct bs_random *random, struct bs_buffer *text)
{
    static const char *const ends[] = {".", ",", "?", "…", "!\""};
    uint64_t count = below(random, 40) == 0 ? 1 + below(random, 60) : 1 + below(random, 4);
    for (uint64_t i = 0; i < count; i++) {
        bs_buffer_append_text(text, syllables[below(random, SYLLABLES)]);
    }
    if (below(random, 6) == 0) {
        bs_buffer_append_text(text, ends[below(random, 5)]);
    }
}

/* How a voice speaks: the rates are of real speech, of much faster, and of none at all. */
struct manner {
    uint64_t word_ms, pause_ms;
    bool backwards; /* times make no sense */
    int heard;      /* 0: no words' times, 1: as many as words, 2: others */
};

/* Adds an utterance; `said` gets its words, each with a space behind it. */
static int64_t add_utterance(struct bs_random *random, const struct manner *manner, int64_t now,
                             struct bs_subtitle_track *track, struct bs_buffer *said)
{
    struct bs_subtitle_heard heard[64];
    struct bs_buffer text = {0};
    size_t words = 1 + below(random, 40), count = 0;
    int64_t start = now;
    for (size_t i = 0; i < words; i++) {
        size_t at = text.size;
        append_word(random, &text);
        bs_buffer_append(said, text.data + at, text.size - at);
        bs_buffer_append_text(said, " ");
        bs_buffer_append_text(&text, below(random, 9) == 0 ? "\n " : " ");
        int64_t lasts = (int64_t)below(random, manner->word_ms + 1);
        int64_t begins = manner->backwards ? (int64_t)below(random, 20000) : now;
        heard[count++] = (struct bs_subtitle_heard){begins, begins + lasts, 1 + (uint32_t)i % 9};
        now += lasts + (int64_t)below(random, manner->pause_ms + 1);
    }
    count = manner->heard == 0 ? 0 : manner->heard == 1 ? count : 1 + count / 2;
    bool timed = manner->heard > 0 || below(random, 3) > 0;
    bs_subtitle_add(track, (struct bs_bytes){.data = text.data, .size = text.size}, heard, count,
                    timed ? start : -1, timed ? now : -1);
    bs_buffer_free(&text);
    return now + (int64_t)below(random, 3000);
}

/* Without white space: it is where lines and pieces end. */
static void append_bare(struct bs_buffer *out, const char *text)
{
    for (; *text != '\0'; text++) {
        bs_buffer_append(out, text, *text == ' ' ? 0 : 1);
    }
}

static void assert_nothing_lost(const struct bs_subtitle_track *track,
                                const struct bs_subtitle_cues *cues, struct bs_buffer *said)
{
    struct bs_buffer shown = {0}, expected = {0};
    for (size_t i = 0; i < cues->count; i++) {
        char *line = line_of(track, cues->list[i].first, cues->list[i].end);
        append_bare(&shown, line);
        free(line);
    }
    bs_buffer_append(said, "", 1);
    append_bare(&expected, (const char *)said->data);
    assert_int_equal(shown.size, expected.size);
    assert_memory_equal(shown.data, expected.data, expected.size);
    bs_buffer_free(&shown);
    bs_buffer_free(&expected);
}

static void every_rule_holds_whatever_is_said_and_whenever(void **state)
{
    (void)state;
    static const struct manner manners[] = {
        {300, 100, false, 1}, {600, 900, false, 1}, {20, 5, false, 1},   {0, 0, false, 1},
        {9000, 0, false, 1},  {300, 50, false, 2},  {300, 50, false, 0}, {500, 0, true, 1},
    };
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        struct bs_random random = {.state = seed};
        const struct manner *manner = &manners[seed % 8];
        struct bs_subtitle_track track = {.prefix = seed % 3 == 0 ? 3 : 0};
        struct bs_subtitle_cues cues;
        struct bs_buffer said = {0};
        int64_t now = (int64_t)below(&random, 5000);
        for (uint64_t utterances = 1 + below(&random, 8); utterances > 0; utterances--) {
            now = add_utterance(&random, manner, now, &track, &said);
        }
        bs_subtitle_cut(&track, &cues);
        assert_rules(&track, &cues);
        assert_nothing_lost(&track, &cues, &said);
        free(cues.list);
        bs_buffer_free(&said);
        bs_subtitle_track_free(&track);
    }
}

/* ---- by example ---- */

/* Words of `text` one after the other, `word_ms` each; "|" is a silence of two seconds. */
static void say(struct bs_subtitle_track *track, const char *text, int64_t word_ms)
{
    struct bs_subtitle_heard heard[200];
    struct bs_buffer said = {0};
    size_t count = 0;
    int64_t now = 0;
    while (*text != '\0') {
        size_t size = strcspn(text, " ");
        if (*text == '|') {
            now += 2000;
        } else {
            bs_buffer_append(&said, text, size);
            bs_buffer_append_text(&said, " ");
            heard[count++] = (struct bs_subtitle_heard){now, now + word_ms, (uint32_t)size};
            now += word_ms;
        }
        text += size + (text[size] == ' ' ? 1 : 0);
    }
    bs_subtitle_add(track, (struct bs_bytes){.data = said.data, .size = said.size}, heard, count, 0,
                    now);
    bs_buffer_free(&said);
}

/* "start-end first/second" of each, with newlines between. */
static void assert_cut(struct bs_subtitle_track *track, const char *expected)
{
    struct bs_subtitle_cues cues;
    struct bs_buffer told = {0};
    bs_subtitle_cut(track, &cues);
    assert_rules(track, &cues);
    for (size_t i = 0; i < cues.count; i++) {
        const struct bs_subtitle_cue *cue = &cues.list[i];
        char times[64];
        (void)snprintf(times, sizeof times, "%s%lld-%lld ", i == 0 ? "" : "\n",
                       (long long)cue->start_ms, (long long)cue->end_ms);
        bs_buffer_append_text(&told, times);
        bs_subtitle_line(track, cue->first, cue->second, &told);
        bs_buffer_append_text(&told, cue->second < cue->end ? "/" : "");
        bs_subtitle_line(track, cue->second, cue->end, &told);
    }
    bs_buffer_append(&told, "", 1);
    assert_string_equal((const char *)told.data, expected);
    bs_buffer_free(&told);
    free(cues.list);
    bs_subtitle_track_free(track);
}

static void sentences_and_silences_end_a_subtitle_and_lines_are_balanced(void **state)
{
    (void)state;
    struct bs_subtitle_track track = {0};
    say(&track,
        "good morning, this is the hotline of the bank, how can I help you? | I have lost my card. "
        "Could you please block it at once before someone else finds it?",
        250);
    assert_cut(&track, "0-3500 good morning, this is the hotline/of the bank, how can I help you?\n"
                       "5500-6750 I have lost my card.\n"
                       "6750-9750 Could you please block it at once/before someone else finds it?");
}

static void a_short_word_stands_for_a_second_in_the_silence_behind_it(void **state)
{
    (void)state;
    struct bs_subtitle_track track = {0};
    say(&track, "yes | no", 200);
    assert_cut(&track, "0-1000 yes\n2200-3200 no");
}

static void what_is_too_short_alone_joins_what_follows(void **state)
{
    (void)state;
    struct bs_subtitle_track track = {0};
    say(&track, "Yes. So we go.", 300);
    assert_cut(&track, "0-1200 Yes. So we go.");
}

static void words_all_at_once_come_one_after_the_other(void **state)
{
    (void)state;
    struct bs_subtitle_track track = {0};
    say(&track,
        "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
        "sixteen seventeen eighteen",
        0);
    assert_cut(&track,
               "0-1000 one two three four five six seven eight/nine ten eleven twelve thirteen "
               "fourteen\n1000-2000 fifteen sixteen seventeen eighteen");
}

static void a_word_longer_than_a_line_is_broken_between_characters(void **state)
{
    (void)state;
    struct bs_subtitle_track track = {0};
    const char *word = "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddaae\xcc\x81zz";
    bs_subtitle_add(&track, fixture_bytes(word), NULL, 0, 0, 3000);
    assert_cut(&track, "0-3000 aaaaaaaaaabbbbbbbbbbccccccccccddddddddddaa/e\xcc\x81zz");
    bs_subtitle_add(&track, fixture_bytes("e\xcc\x81"), NULL, 0, -1, -1);
    assert_cut(&track, "0-1000 e\xcc\x81");
}

static void times_come_by_characters_where_the_words_heard_are_others(void **state)
{
    (void)state;
    struct bs_subtitle_track track = {0};
    const struct bs_subtitle_heard heard[] = {{1000, 2000, 10}, {4000, 5000, 10}};
    bs_subtitle_add(&track, fixture_bytes("12345 67890 12345 67890"), heard, 2, 1000, 5000);
    assert_cut(&track, "1000-2000 12345 67890\n4000-5000 12345 67890");
    bs_subtitle_add(&track, fixture_bytes("ab cd"), NULL, 0, 2000, 4000);
    assert_cut(&track, "2000-4000 ab cd");
}

static void what_has_no_times_stands_between_what_has(void **state)
{
    (void)state;
    struct bs_subtitle_track track = {0};
    bs_subtitle_add(&track, fixture_bytes("first"), NULL, 0, 0, 1000);
    bs_subtitle_add(&track, fixture_bytes("somewhere here"), NULL, 0, -1, -1);
    bs_subtitle_add(&track, fixture_bytes("last"), NULL, 0, 9000, 9500);
    assert_cut(&track, "0-1780 first somewhere here\n9000-10000 last");
}

static void control_characters_and_marks_of_direction_are_not_shown(void **state)
{
    (void)state;
    struct bs_subtitle_track track = {0};
    bs_subtitle_add(&track,
                    fixture_bytes("\x1b[31mred\r\n\n\xe2\x80\xae"
                                  "evil\xc2\x9b \xff"),
                    NULL, 0, 0, 2000);
    assert_cut(&track, "0-2000 [31mred evil \xef\xbf\xbd");
    bs_subtitle_add(&track, fixture_bytes(" \n\t "), NULL, 0, 0, 2000);
    assert_cut(&track, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_holds_whatever_is_said_and_whenever),
        cmocka_unit_test(sentences_and_silences_end_a_subtitle_and_lines_are_balanced),
        cmocka_unit_test(a_short_word_stands_for_a_second_in_the_silence_behind_it),
        cmocka_unit_test(what_is_too_short_alone_joins_what_follows),
        cmocka_unit_test(words_all_at_once_come_one_after_the_other),
        cmocka_unit_test(a_word_longer_than_a_line_is_broken_between_characters),
        cmocka_unit_test(times_come_by_characters_where_the_words_heard_are_others),
        cmocka_unit_test(what_has_no_times_stands_between_what_has),
        cmocka_unit_test(control_characters_and_marks_of_direction_are_not_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
