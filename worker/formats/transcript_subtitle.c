/* A result as subtitles, SRT or WebVTT. Its words come from `chunks`, each utterance's text with
 * the times that its words have; where chunks have no words, from `utterances`, which know when
 * each begins and ends. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/subtitle.h"
#include "formats/transcript_parts.h"

#define TAG_SIZE 24
/* Of a channel's name before its words in SRT, columns. */
#define PREFIX_MAX 16

struct utterance {
    char tag[TAG_SIZE];
    const struct bs_json_node *text;  /* a string */
    const struct bs_json_node *words; /* an array, or NULL */
    int64_t start_ms, end_ms;         /* -1: not known */
    int64_t place_ms;                 /* in time; where that is not known, of the one before */
    size_t index;
};

struct utterances {
    struct utterance *list; /* owned */
    size_t count;
};

/* ---- reading ---- */

static int64_t milliseconds(double seconds)
{
    double limit = (double)BS_SUBTITLE_TIME_MAX_MS;
    double ms = seconds * 1000;
    return !(ms >= 0) ? -1 : ms > limit ? BS_SUBTITLE_TIME_MAX_MS : (int64_t)llround(ms);
}

/* A protobuf Duration, "1.230s"; -1 where it is none. */
static int64_t read_duration(const struct bs_json_view *view, const struct bs_json_node *word,
                             const char *name)
{
    const struct bs_json_node *item = bs_json_view_member(view, word, name);
    size_t size = item == NULL ? 0 : item->end - item->start;
    char text[48], *end;
    if (!bs_json_view_is_string(view, item) || size < 4 || size - 2 >= sizeof text) {
        return -1;
    }
    memcpy(text, view->text + item->start + 1, size - 2);
    text[size - 2] = '\0';
    double seconds = text[0] >= '0' && text[0] <= '9' ? strtod(text, &end) : -1;
    return seconds >= 0 && strcmp(end, "s") == 0 ? milliseconds(seconds) : -1;
}

/* What each of the words in an array gives; where both times cannot be read it has none. */
typedef void each_word(void *context, int64_t start_ms, int64_t end_ms, struct bs_bytes text);

static void walk_words(const struct bs_json_view *view, const struct bs_json_node *words,
                       each_word *take, void *context)
{
    struct bs_json_view outer = {0}, inner = {0};
    struct bs_buffer scratch = {0};
    const struct bs_json_view *where, *here;
    words = bs_json_view_unfold(view, words, &outer, &where);
    if (!bs_json_view_is_array(where, words)) {
        words = NULL;
    }
    for (const struct bs_json_node *each = bs_json_view_first(where, words); each != NULL;
         each = bs_json_view_next(where, words, each)) {
        const struct bs_json_node *word = bs_json_view_unfold(where, each, &inner, &here);
        scratch.size = 0;
        struct bs_bytes text =
            bs_json_view_string(here, bs_json_view_member(here, word, "word"), &scratch);
        int64_t start = read_duration(here, word, "startTime");
        int64_t end = read_duration(here, word, "endTime");
        if (start >= 0 && end >= 0) {
            take(context, start, end < start ? start : end, text);
        }
    }
    bs_json_view_free(&outer);
    bs_json_view_free(&inner);
    bs_buffer_free(&scratch);
}

static void widen(void *context, int64_t start_ms, int64_t end_ms, struct bs_bytes text)
{
    struct utterance *utterance = context;
    (void)text;
    if (utterance->start_ms < 0 || start_ms < utterance->start_ms) {
        utterance->start_ms = start_ms;
    }
    utterance->end_ms = end_ms > utterance->end_ms ? end_ms : utterance->end_ms;
}

/* An int64, as a string or number; a tag left out means the only channel. */
static void read_tag(const struct bs_json_view *view, const struct bs_json_node *object, char *tag)
{
    const struct bs_json_node *item = bs_json_view_member(view, object, "channelTag");
    struct bs_buffer scratch = {0};
    int64_t number;
    if (bs_json_view_int64(view, item, &number)) {
        (void)snprintf(tag, TAG_SIZE, "%lld", (long long)number);
    } else {
        struct bs_bytes text = bs_json_view_string(view, item, &scratch);
        text = text.size > 0 ? text : (struct bs_bytes){.data = (const uint8_t *)"1", .size = 1};
        bs_utf8_copy_cut((const char *)text.data, text.size, tag, TAG_SIZE);
    }
    bs_buffer_free(&scratch);
}

static struct utterance *add(struct utterances *utterances, const struct bs_json_view *view,
                             const struct bs_json_node *object, const struct bs_json_node *text)
{
    if (!bs_json_view_is_string(view, text)) {
        return NULL;
    }
    struct utterance *utterance = &utterances->list[utterances->count];
    *utterance =
        (struct utterance){.text = text, .start_ms = -1, .end_ms = -1, .index = utterances->count};
    read_tag(view, object, utterance->tag);
    utterances->count++;
    return utterance;
}

static void place(struct utterances *utterances)
{
    int64_t last = 0;
    for (size_t i = 0; i < utterances->count; i++) {
        struct utterance *utterance = &utterances->list[i];
        last = utterance->start_ms < 0 ? last : utterance->start_ms;
        utterance->place_ms = last;
    }
}

static size_t room_for(const struct bs_json_view *view, const struct bs_json_node *array)
{
    size_t count = 0;
    for (const struct bs_json_node *each = bs_json_view_first(view, array); each != NULL;
         each = bs_json_view_next(view, array, each)) {
        count++;
    }
    return count + 1;
}

static void read_chunks(const struct bs_json_view *view, const struct bs_json_node *chunks,
                        struct utterances *utterances)
{
    for (const struct bs_json_node *chunk = bs_json_view_first(view, chunks); chunk != NULL;
         chunk = bs_json_view_next(view, chunks, chunk)) {
        const struct bs_json_node *first =
            bs_json_view_first(view, bs_json_view_member(view, chunk, "alternatives"));
        struct utterance *utterance =
            add(utterances, view, chunk, bs_json_view_member(view, first, "text"));
        if (utterance != NULL) {
            utterance->words = bs_json_view_member(view, first, "words");
            walk_words(view, utterance->words, widen, utterance);
        }
    }
}

static void read_dialogue(const struct bs_transcript *transcript, const struct bs_json_node *array,
                          struct utterances *utterances)
{
    const struct bs_json_view *view = &transcript->view;
    for (const struct bs_json_node *each = bs_json_view_first(view, array); each != NULL;
         each = bs_json_view_next(view, array, each)) {
        struct utterance *utterance =
            add(utterances, view, each, bs_json_view_member(view, each, "text"));
        if (utterance != NULL) {
            utterance->start_ms =
                milliseconds(bs_transcript_number(transcript, each, "startSeconds"));
            utterance->end_ms = milliseconds(bs_transcript_number(transcript, each, "endSeconds"));
        }
    }
}

static void read_utterances(const struct bs_transcript *transcript, struct utterances *utterances)
{
    const struct bs_json_view *view = &transcript->view;
    const struct bs_json_node *chunks = bs_transcript_member(transcript, "chunks");
    const struct bs_json_node *dialogue = bs_transcript_member(transcript, "utterances");
    chunks = bs_json_view_is_array(view, chunks) ? chunks : NULL;
    dialogue = bs_json_view_is_array(view, dialogue) ? dialogue : NULL;
    size_t room = room_for(view, chunks) + room_for(view, dialogue);
    utterances->list = calloc(room, sizeof *utterances->list);
    BS_ASSERT(utterances->list != NULL);
    read_chunks(view, chunks, utterances);
    bool timed = false;
    for (size_t i = 0; i < utterances->count; i++) {
        timed = timed || utterances->list[i].start_ms >= 0;
    }
    size_t of_chunks = utterances->count;
    if (!timed) {
        read_dialogue(transcript, dialogue, utterances); /* behind them, then in their place */
    }
    if (utterances->count > of_chunks) {
        utterances->count -= of_chunks;
        memmove(utterances->list, utterances->list + of_chunks,
                utterances->count * sizeof *utterances->list);
    }
    place(utterances);
}

/* ---- channels ---- */

static int compare_tags(const char *left, const char *right)
{
    long a = strtol(left, NULL, 10), b = strtol(right, NULL, 10);
    return a != b ? (a > b) - (a < b) : strcmp(left, right);
}

static int by_channel_and_time(const void *left, const void *right)
{
    const struct utterance *a = left, *b = right;
    int order = compare_tags(a->tag, b->tag);
    if (order == 0) {
        order = (a->place_ms > b->place_ms) - (a->place_ms < b->place_ms);
    }
    return order != 0 ? order : (a->index > b->index) - (a->index < b->index);
}

struct heard {
    struct bs_subtitle_heard *list;
    size_t count, capacity;
};

static void hear(void *context, int64_t start_ms, int64_t end_ms, struct bs_bytes text)
{
    struct heard *heard = context;
    if (heard->count == heard->capacity) {
        heard->capacity = heard->capacity == 0 ? 64 : heard->capacity * 2;
        heard->list = realloc(heard->list, heard->capacity * sizeof *heard->list);
        BS_ASSERT(heard->list != NULL);
    }
    uint32_t length = 0;
    for (size_t i = 0; i < text.size; i++) {
        length += (text.data[i] & 0xc0) != 0x80;
    }
    heard->list[heard->count++] = (struct bs_subtitle_heard){
        .start_ms = start_ms, .end_ms = end_ms, .length = length == 0 ? 1 : length};
}

/* One channel's subtitles; `tag` is borrowed. */
struct channel {
    const char *tag;
    struct bs_subtitle_track track;
    struct bs_subtitle_cues cues;
};

/* Cuts what the utterances from `first` on that have the same tag say; the index behind them. */
static size_t cut_channel(const struct bs_json_view *view, const struct utterances *utterances,
                          size_t first, uint8_t prefix, struct channel *channel)
{
    struct heard heard = {0};
    struct bs_buffer scratch = {0};
    size_t at = first;
    *channel = (struct channel){.tag = utterances->list[first].tag, .track = {.prefix = prefix}};
    for (; at < utterances->count && strcmp(utterances->list[at].tag, channel->tag) == 0; at++) {
        const struct utterance *utterance = &utterances->list[at];
        heard.count = scratch.size = 0;
        walk_words(view, utterance->words, hear, &heard);
        bs_subtitle_add(&channel->track, bs_json_view_string(view, utterance->text, &scratch),
                        heard.list, heard.count, utterance->start_ms, utterance->end_ms);
    }
    bs_subtitle_cut(&channel->track, &channel->cues);
    free(heard.list);
    bs_buffer_free(&scratch);
    return at;
}

/* ---- writing ---- */

static void append_moment(struct bs_buffer *out, int64_t ms, char point)
{
    char text[40];
    (void)snprintf(text, sizeof text, "%02d:%02d:%02d%c%03d", (int)(ms / 3600000),
                   (int)(ms / 60000 % 60), (int)(ms / 1000 % 60), point, (int)(ms % 1000));
    bs_buffer_append_text(out, text);
}

/* What the format would take for its own is written as it wants it: in SRT, which knows no escapes,
 * the arrow between times becomes an arrow. */
static void append_payload(struct bs_buffer *out, bool is_vtt, const uint8_t *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (is_vtt && text[i] == '&') {
            bs_buffer_append_text(out, "&amp;");
        } else if (is_vtt && (text[i] == '<' || text[i] == '>')) {
            bs_buffer_append_text(out, text[i] == '<' ? "&lt;" : "&gt;");
        } else if (!is_vtt && size - i >= 3 && memcmp(text + i, "-->", 3) == 0) {
            bs_buffer_append_text(out, "→");
            i += 2;
        } else {
            bs_buffer_append(out, text + i, 1);
        }
    }
}

static void append_line(const struct channel *channel, bool is_vtt, uint32_t from, uint32_t end,
                        struct bs_buffer *scratch, struct bs_buffer *out)
{
    scratch->size = 0;
    bs_subtitle_line(&channel->track, from, end, scratch);
    append_payload(out, is_vtt, scratch->data, scratch->size);
    bs_buffer_append_text(out, "\n");
}

static void append_cue(struct bs_transcript_writing *writing, const struct channel *channel,
                       const struct bs_subtitle_cue *cue, bool with_channel,
                       struct bs_buffer *scratch, struct bs_buffer *out)
{
    char number[32];
    bool is_vtt = writing->format == BS_TRANSCRIPT_VTT;
    const uint8_t *tag = (const uint8_t *)channel->tag;
    (void)snprintf(number, sizeof number, "%lld\n", (long long)++writing->cues);
    bs_buffer_append_text(out, is_vtt ? "\n" : "");
    bs_buffer_append_text(out, number);
    append_moment(out, cue->start_ms, is_vtt ? '.' : ',');
    bs_buffer_append_text(out, " --> ");
    append_moment(out, cue->end_ms, is_vtt ? '.' : ',');
    bs_buffer_append_text(out, "\n");
    if (with_channel && is_vtt) {
        bs_buffer_append_text(out, "<v Channel ");
        append_payload(out, true, tag, strlen(channel->tag));
        bs_buffer_append_text(out, ">");
    } else if (with_channel) {
        char shown[PREFIX_MAX + 1];
        bs_utf8_copy_cut(channel->tag, strlen(channel->tag), shown, sizeof shown);
        append_payload(out, false, (const uint8_t *)shown, strlen(shown));
        bs_buffer_append_text(out, ": ");
    }
    append_line(channel, is_vtt, cue->first, cue->second, scratch, out);
    if (cue->second < cue->end) {
        append_line(channel, is_vtt, cue->second, cue->end, scratch, out);
    }
    bs_buffer_append_text(out, is_vtt ? "" : "\n");
}

struct shown {
    const struct channel *channel;
    const struct bs_subtitle_cue *cue;
};

/* Of two at once the first channel's comes first; the channels stand in one array. */
static int by_start(const void *left, const void *right)
{
    const struct shown *a = left, *b = right;
    int order = (a->cue->start_ms > b->cue->start_ms) - (a->cue->start_ms < b->cue->start_ms);
    return order != 0 ? order : (a->channel > b->channel) - (a->channel < b->channel);
}

static void append_cues(struct bs_transcript_writing *writing, const struct channel *channels,
                        size_t channel_count, bool with_channel, struct bs_buffer *out)
{
    struct bs_buffer scratch = {0};
    size_t count = 0, at = 0;
    for (size_t i = 0; i < channel_count; i++) {
        count += channels[i].cues.count;
    }
    struct shown *all = calloc(count + 1, sizeof *all);
    BS_ASSERT(all != NULL);
    for (size_t i = 0; i < channel_count; i++) {
        for (size_t j = 0; j < channels[i].cues.count; j++) {
            all[at++] = (struct shown){.channel = &channels[i], .cue = &channels[i].cues.list[j]};
        }
    }
    qsort(all, count, sizeof *all, by_start);
    for (size_t i = 0; i < count; i++) {
        append_cue(writing, all[i].channel, all[i].cue, with_channel, &scratch, out);
    }
    free(all);
    bs_buffer_free(&scratch);
}

static void append_note(const struct bs_transcript *transcript, struct bs_buffer *out)
{
    const char *const parts[] = {transcript->id, " ", transcript->uri};
    struct bs_buffer shown = {0};
    for (size_t i = 0; i < 3; i++) {
        bs_transcript_append_shown(
            &shown, (struct bs_bytes){.data = (const uint8_t *)parts[i], .size = strlen(parts[i])});
    }
    bs_buffer_append_text(out, "\nNOTE ");
    append_payload(out, true, shown.data, shown.size);
    bs_buffer_append_text(out, "\n");
    bs_buffer_free(&shown);
}

void bs_transcript_write_subtitles(struct bs_transcript_writing *writing,
                                   const struct bs_transcript *transcript, struct bs_buffer *out)
{
    struct utterances utterances = {0};
    read_utterances(transcript, &utterances);
    struct channel *channels = calloc(utterances.count + 1, sizeof *channels);
    BS_ASSERT(channels != NULL);
    if (utterances.count > 1) {
        qsort(utterances.list, utterances.count, sizeof *utterances.list, by_channel_and_time);
    }
    size_t last = utterances.count == 0 ? 0 : utterances.count - 1;
    bool several = transcript->channel_count > 1 ||
                   (last > 0 && strcmp(utterances.list[0].tag, utterances.list[last].tag) != 0);
    size_t count = 0;
    for (size_t at = 0; at < utterances.count; count++) {
        size_t tag = bs_utf8_length(utterances.list[at].tag);
        bool prefixed = several && writing->format == BS_TRANSCRIPT_SRT;
        size_t prefix = !prefixed ? 0 : (tag < PREFIX_MAX ? tag : PREFIX_MAX) + 2;
        at = cut_channel(&transcript->view, &utterances, at, (uint8_t)prefix, &channels[count]);
    }
    if (writing->format == BS_TRANSCRIPT_VTT && writing->several) {
        append_note(transcript, out);
    }
    append_cues(writing, channels, count, several, out);
    for (size_t i = 0; i < count; i++) {
        bs_subtitle_track_free(&channels[i].track);
        free(channels[i].cues.list);
    }
    free(channels);
    free(utterances.list);
}
