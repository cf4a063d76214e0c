#include "formats/result_transcript.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAG_SIZE 24

/* One chunk's first alternative. */
#define LONGEST_SECONDS 14400 /* of a recording, by the API */

struct bs_utterance {
    char tag[TAG_SIZE];
    const struct bs_json_node *text;
    double start, end; /* NAN where the words tell no time */
    double place;      /* in time; of an untimed one, the place of the one before */
    size_t index;      /* in the API's order */
};

/* ---- reading ---- */

/* An int64, as a string or number; a tag left out means the only channel. */
static void read_tag(const struct bs_json_view *view, const struct bs_json_node *chunk,
                     char tag[TAG_SIZE])
{
    const struct bs_json_node *item = bs_json_view_member(view, chunk, "channelTag");
    int64_t number;
    if (bs_json_view_int64(view, item, &number)) {
        (void)snprintf(tag, TAG_SIZE, "%lld", (long long)number);
        return;
    }
    struct bs_buffer scratch = {0};
    struct bs_bytes text = bs_json_view_string(view, item, &scratch);
    if (text.size == 0) {
        text = (struct bs_bytes){.data = (const uint8_t *)"1", .size = 1};
    }
    bs_utf8_copy_cut((const char *)text.data, text.size, tag, TAG_SIZE);
    bs_buffer_free(&scratch);
}

/* Decimal seconds as billionths, where they are of the usual form; -1 where not. */
static int64_t read_billionths(const uint8_t *text, size_t size)
{
    int64_t billionths = 0;
    size_t at = 0;
    while (at < size && at < 9 && text[at] >= '0' && text[at] <= '9') {
        billionths = billionths * 10 + (text[at++] - '0');
    }
    int missing = 9;
    if (at > 0 && at < size && text[at] == '.') {
        at++;
        for (; missing > 0 && at < size && text[at] >= '0' && text[at] <= '9'; missing--) {
            billionths = billionths * 10 + (text[at++] - '0');
        }
    }
    if (at == 0 || at != size) {
        return -1;
    }
    for (; missing > 0; missing--) {
        billionths *= 10;
    }
    /* Above this a double does not hold them all. */
    return billionths < (INT64_C(1) << 53) ? billionths : -1;
}

/* A protobuf Duration: decimal seconds and an "s"; NAN where it is none. */
static double read_duration(const struct bs_json_view *view, const struct bs_json_node *word,
                            const char *name)
{
    const struct bs_json_node *item = bs_json_view_member(view, word, name);
    if (!bs_json_view_is_string(view, item) || !item->plain) {
        return NAN;
    }
    const uint8_t *text = view->text + item->start + 1;
    size_t size = item->end - item->start - 2;
    if (size < 2 || text[size - 1] != 's' || text[0] < '0' || text[0] > '9') {
        return NAN;
    }
    int64_t billionths = read_billionths(text, size - 1);
    if (billionths >= 0) {
        return (double)billionths / 1e9;
    }
    char copy[64], *end;
    if (size >= sizeof copy) {
        return NAN;
    }
    memcpy(copy, text, size);
    copy[size] = '\0';
    double seconds = strtod(copy, &end);
    return end == copy + size - 1 && isfinite(seconds) ? seconds : NAN;
}

static void read_times(const struct bs_json_view *answer, const struct bs_json_node *alternative,
                       struct bs_json_view *inside, struct bs_utterance *utterance)
{
    const struct bs_json_view *view;
    const struct bs_json_node *words = bs_json_view_member(answer, alternative, "words");
    words = bs_json_view_unfold(answer, words, inside, &view);
    utterance->start = utterance->end = NAN;
    for (const struct bs_json_node *word = bs_json_view_first(view, words); word != NULL;
         word = bs_json_view_next(view, words, word)) {
        double start = read_duration(view, word, "startTime");
        double end = read_duration(view, word, "endTime");
        if (!isnan(start) && !(utterance->start <= start)) {
            utterance->start = start;
        }
        if (!isnan(end) && !(utterance->end >= end)) {
            utterance->end = end;
        }
    }
    if (isnan(utterance->start) || isnan(utterance->end)) {
        utterance->start = utterance->end = NAN;
    }
}

/* `inside` is for what is folded. */
static bool read_chunk(const struct bs_json_view *view, const struct bs_json_node *chunk,
                       struct bs_json_view *inside, struct bs_utterance *utterance)
{
    const struct bs_json_node *alternatives = bs_json_view_member(view, chunk, "alternatives");
    bool none = alternatives == NULL || bs_json_view_is_null(view, alternatives);
    if (!bs_json_view_is_object(view, chunk) ||
        (!none && !bs_json_view_is_array(view, alternatives))) {
        return false;
    }
    const struct bs_json_node *first = none ? NULL : bs_json_view_first(view, alternatives);
    const struct bs_json_node *text = bs_json_view_member(view, first, "text");
    if ((first != NULL && !bs_json_view_is_object(view, first)) ||
        (text != NULL && !bs_json_view_is_string(view, text))) {
        return false;
    }
    read_tag(view, chunk, utterance->tag);
    read_times(view, first, inside, utterance);
    utterance->text = text;
    return true;
}

static bool says_something(const struct bs_utterance *utterance)
{
    return utterance->text != NULL && utterance->text->end - utterance->text->start > 2;
}

static size_t count_values(const struct bs_json_view *view, const struct bs_json_node *array)
{
    size_t count = 0;
    for (const struct bs_json_node *each = bs_json_view_first(view, array); each != NULL;
         each = bs_json_view_next(view, array, each)) {
        count++;
    }
    return count;
}

bool bs_utterances_read(const struct bs_json_view *view, const struct bs_json_node *chunks,
                        struct bs_utterances *utterances)
{
    *utterances = (struct bs_utterances){0};
    if (chunks == NULL || bs_json_view_is_null(view, chunks)) {
        return true;
    }
    if (!bs_json_view_is_array(view, chunks)) {
        return false;
    }
    utterances->items = calloc(count_values(view, chunks) + 1, sizeof *utterances->items);
    BS_ASSERT(utterances->items != NULL);
    struct bs_json_view inside = {0};
    bool good = true;
    double place = 0;
    for (const struct bs_json_node *chunk = bs_json_view_first(view, chunks); chunk != NULL && good;
         chunk = bs_json_view_next(view, chunks, chunk)) {
        struct bs_utterance *utterance = &utterances->items[utterances->count];
        good = read_chunk(view, chunk, &inside, utterance);
        long tag = strtol(utterance->tag, NULL, 10);
        if (tag > utterances->channel_count && tag < 1000) {
            utterances->channel_count = (int32_t)tag;
        }
        place = isnan(utterance->start) ? place : utterance->start;
        if (utterance->end > utterances->last_end) { /* false of NAN */
            utterances->last_end =
                utterance->end < LONGEST_SECONDS ? utterance->end : LONGEST_SECONDS;
        }
        utterance->place = place;
        utterance->index = utterances->count;
        if (good && says_something(utterance)) {
            utterances->text_bytes += utterance->text->end - utterance->text->start;
            utterances->count++;
        }
    }
    bs_json_view_free(&inside);
    return good;
}

void bs_utterances_free(struct bs_utterances *utterances)
{
    free(utterances->items);
    *utterances = (struct bs_utterances){0};
}

/* ---- order ---- */

static int compare_tags(const char *left, const char *right)
{
    long a = strtol(left, NULL, 10), b = strtol(right, NULL, 10);
    return a != b ? (a > b) - (a < b) : strcmp(left, right);
}

static int by_index(const struct bs_utterance *left, const struct bs_utterance *right)
{
    return (left->index > right->index) - (left->index < right->index);
}

static int by_time(const void *left, const void *right)
{
    const struct bs_utterance *a = left, *b = right;
    int order = (a->place > b->place) - (a->place < b->place);
    return order != 0 ? order : by_index(a, b);
}

static int by_channel(const void *left, const void *right)
{
    const struct bs_utterance *a = left, *b = right;
    int order = compare_tags(a->tag, b->tag);
    return order != 0 ? order : by_index(a, b);
}

/* ---- writing ---- */

/* The text of the channel whose first utterance is `first`; the first one of the next channel. */
static size_t write_channel_text(const struct bs_utterances *utterances, size_t first,
                                 const struct bs_json_view *view, struct bs_buffer *out)
{
    const char *tag = utterances->items[first].tag;
    size_t at = first;
    for (; at < utterances->count && strcmp(utterances->items[at].tag, tag) == 0; at++) {
        bs_buffer_append(out, " ", at == first ? 0 : 1);
        bs_json_view_append_characters(view, utterances->items[at].text, out);
    }
    return at;
}

void bs_utterances_write_channels(struct bs_utterances *utterances, const struct bs_json_view *view,
                                  struct bs_buffer *out)
{
    size_t count = utterances->count;
    if (count > 1) {
        qsort(utterances->items, count, sizeof *utterances->items, by_channel);
    }
    bs_buffer_append_text(out, "\"text\":\"");
    for (size_t i = 0; i < count;) {
        bs_buffer_append_text(out, i == 0 ? "" : "\\n");
        i = write_channel_text(utterances, i, view, out);
    }
    bs_buffer_append_text(out, "\",\"channels\":[");
    for (size_t i = 0; i < count;) {
        bs_buffer_append_text(out, i == 0 ? "{\"channelTag\":" : ",{\"channelTag\":");
        bs_json_append_string(out, utterances->items[i].tag);
        bs_buffer_append_text(out, ",\"text\":\"");
        i = write_channel_text(utterances, i, view, out);
        bs_buffer_append_text(out, "\"}");
    }
    bs_buffer_append_text(out, "]");
}

void bs_utterances_write_dialogue(struct bs_utterances *utterances, const struct bs_json_view *view,
                                  struct bs_buffer *out)
{
    if (utterances->count > 1) {
        qsort(utterances->items, utterances->count, sizeof *utterances->items, by_time);
    }
    bs_buffer_append_text(out, "\"utterances\":[");
    for (size_t i = 0; i < utterances->count; i++) {
        const struct bs_utterance *utterance = &utterances->items[i];
        bs_buffer_append_text(out, i == 0 ? "{\"channelTag\":" : ",{\"channelTag\":");
        bs_json_append_string(out, utterance->tag);
        if (!isnan(utterance->start)) {
            bs_buffer_append_text(out, ",\"startSeconds\":");
            bs_json_append_number(out, utterance->start);
            bs_buffer_append_text(out, ",\"endSeconds\":");
            bs_json_append_number(out, utterance->end);
        }
        bs_buffer_append_text(out, ",\"text\":\"");
        bs_json_view_append_characters(view, utterance->text, out);
        bs_buffer_append_text(out, "\"}");
    }
    bs_buffer_append_text(out, "]");
}
