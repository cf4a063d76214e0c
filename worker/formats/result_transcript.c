#include "formats/result_transcript.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAG_SIZE 24

/* One chunk's first alternative. */
struct utterance {
    char tag[TAG_SIZE];
    const char *text;
    double start, end; /* NAN where the words tell no time */
    double place;      /* in time; of an untimed one, the place of the one before */
    size_t index;      /* in the API's order */
};

struct utterances {
    struct utterance *items;
    size_t count;
};

/* An int64, as a string or number; a tag left out means the only channel. */
static void read_tag(const cJSON *chunk, char tag[TAG_SIZE])
{
    const cJSON *item = bs_json_member(chunk, "channelTag");
    int64_t number;
    if (bs_json_int64(item, &number)) {
        (void)snprintf(tag, TAG_SIZE, "%lld", (long long)number);
    } else {
        const char *text = cJSON_GetStringValue(item);
        text = text == NULL || text[0] == '\0' ? "1" : text;
        bs_utf8_copy_cut(text, strlen(text), tag, TAG_SIZE);
    }
}

/* A protobuf Duration: decimal seconds and an "s"; NAN where it is none. */
static double read_duration(const cJSON *word, const char *name)
{
    const char *text = bs_json_text(word, name);
    char *end;
    if (text == NULL || text[0] < '0' || text[0] > '9') {
        return NAN;
    }
    double seconds = strtod(text, &end);
    return strcmp(end, "s") == 0 && isfinite(seconds) ? seconds : NAN;
}

static void read_times(const cJSON *alternative, struct utterance *utterance)
{
    const cJSON *words = bs_json_member(alternative, "words"), *word;
    utterance->start = utterance->end = NAN;
    cJSON_ArrayForEach(word, words)
    {
        double start = read_duration(word, "startTime"), end = read_duration(word, "endTime");
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

static bool read_chunk(const cJSON *chunk, struct utterance *utterance)
{
    const cJSON *alternatives = bs_json_member(chunk, "alternatives");
    bool none = alternatives == NULL || cJSON_IsNull(alternatives);
    if (!cJSON_IsObject(chunk) || (!none && !cJSON_IsArray(alternatives))) {
        return false;
    }
    const cJSON *first = none ? NULL : alternatives->child;
    const cJSON *text = bs_json_member(first, "text");
    if ((first != NULL && !cJSON_IsObject(first)) || (text != NULL && !cJSON_IsString(text))) {
        return false;
    }
    read_tag(chunk, utterance->tag);
    read_times(first, utterance);
    utterance->text = text == NULL ? "" : text->valuestring;
    return true;
}

/* What was said, in the API's order; chunks without text are left out. */
static bool read_chunks(const cJSON *chunks, struct utterances *all, int32_t *channel_count)
{
    const cJSON *chunk;
    double place = 0;
    size_t count = (size_t)cJSON_GetArraySize(chunks);
    all->count = 0;
    all->items = calloc(count + 1, sizeof *all->items);
    BS_ASSERT(all->items != NULL);
    cJSON_ArrayForEach(chunk, chunks)
    {
        struct utterance *utterance = &all->items[all->count];
        if (!read_chunk(chunk, utterance)) {
            return false;
        }
        long tag = strtol(utterance->tag, NULL, 10);
        *channel_count = tag > *channel_count && tag < 1000 ? (int32_t)tag : *channel_count;
        place = isnan(utterance->start) ? place : utterance->start;
        utterance->place = place;
        utterance->index = all->count;
        all->count += utterance->text[0] != '\0';
    }
    return true;
}

static int compare_tags(const char *left, const char *right)
{
    long a = strtol(left, NULL, 10), b = strtol(right, NULL, 10);
    return a != b ? (a > b) - (a < b) : strcmp(left, right);
}

static int by_index(const struct utterance *left, const struct utterance *right)
{
    return (left->index > right->index) - (left->index < right->index);
}

static int by_time(const void *left, const void *right)
{
    const struct utterance *a = left, *b = right;
    int order = (a->place > b->place) - (a->place < b->place);
    return order != 0 ? order : by_index(a, b);
}

static int by_channel(const void *left, const void *right)
{
    const struct utterance *a = left, *b = right;
    int order = compare_tags(a->tag, b->tag);
    return order != 0 ? order : by_index(a, b);
}

static cJSON *add_object(cJSON *array)
{
    cJSON *object = cJSON_CreateObject();
    BS_ASSERT(object != NULL && cJSON_AddItemToArray(array, object));
    return object;
}

static void add_reference(cJSON *object, const char *name, const char *text)
{
    cJSON *item = cJSON_CreateStringReference(text);
    BS_ASSERT(item != NULL && cJSON_AddItemToObject(object, name, item));
}

static cJSON *make_dialogue(struct utterances *all)
{
    cJSON *array = cJSON_CreateArray();
    BS_ASSERT(array != NULL);
    qsort(all->items, all->count, sizeof *all->items, by_time);
    for (size_t i = 0; i < all->count; i++) {
        const struct utterance *utterance = &all->items[i];
        cJSON *object = add_object(array);
        BS_ASSERT(cJSON_AddStringToObject(object, "channelTag", utterance->tag) != NULL);
        if (!isnan(utterance->start)) {
            BS_ASSERT(cJSON_AddNumberToObject(object, "startSeconds", utterance->start) != NULL);
            BS_ASSERT(cJSON_AddNumberToObject(object, "endSeconds", utterance->end) != NULL);
        }
        add_reference(object, "text", utterance->text);
    }
    return array;
}

/* One entry a channel that was heard; `text` gets all of them, each on its line. */
static cJSON *make_channels(struct utterances *all, struct bs_buffer *text)
{
    cJSON *array = cJSON_CreateArray();
    BS_ASSERT(array != NULL);
    qsort(all->items, all->count, sizeof *all->items, by_channel);
    for (size_t i = 0; i < all->count;) {
        const char *tag = all->items[i].tag;
        struct bs_buffer channel = {0};
        for (bool first = true; i < all->count && strcmp(all->items[i].tag, tag) == 0; i++) {
            bs_buffer_append(&channel, " ", first ? 0 : 1);
            bs_buffer_append_text(&channel, all->items[i].text);
            first = false;
        }
        bs_buffer_append(text, "\n", text->size == 0 ? 0 : 1);
        bs_buffer_append(text, channel.data, channel.size);
        bs_buffer_append(&channel, "", 1);
        cJSON *object = add_object(array);
        BS_ASSERT(cJSON_AddStringToObject(object, "channelTag", tag) != NULL);
        BS_ASSERT(cJSON_AddStringToObject(object, "text", (const char *)channel.data) != NULL);
        bs_buffer_free(&channel);
    }
    return array;
}

bool bs_transcript_parts_make(const cJSON *chunks, struct bs_transcript_parts *parts)
{
    struct utterances all = {0};
    *parts = (struct bs_transcript_parts){0};
    if (chunks != NULL && !cJSON_IsNull(chunks) && !cJSON_IsArray(chunks)) {
        return false;
    }
    if (!read_chunks(chunks, &all, &parts->channel_count)) {
        free(all.items);
        return false;
    }
    struct bs_buffer text = {0};
    parts->utterances = make_dialogue(&all);
    parts->channels = make_channels(&all, &text);
    bs_buffer_append(&text, "", 1);
    parts->text = (char *)text.data;
    free(all.items);
    return true;
}

void bs_transcript_parts_free(struct bs_transcript_parts *parts)
{
    free(parts->text);
    cJSON_Delete(parts->channels);
    cJSON_Delete(parts->utterances);
    *parts = (struct bs_transcript_parts){0};
}

void bs_transcript_drop_words(cJSON *chunks)
{
    cJSON *chunk;
    cJSON_ArrayForEach(chunk, chunks)
    {
        cJSON *alternative;
        cJSON_ArrayForEach(alternative, cJSON_GetObjectItemCaseSensitive(chunk, "alternatives"))
        {
            cJSON_DeleteItemFromObjectCaseSensitive(alternative, "words");
        }
    }
}
