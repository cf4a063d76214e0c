#include "transcript.h"

#include <math.h>
#include <stdlib.h>

struct word *transcript_add(struct transcript *transcript)
{
    if (transcript->count == transcript->room) {
        transcript->room = transcript->room == 0 ? 64 : transcript->room * 2;
        transcript->words =
            realloc(transcript->words, transcript->room * sizeof *transcript->words);
        BS_ASSERT(transcript->words != NULL);
    }
    struct word *word = &transcript->words[transcript->count++];
    *word = (struct word){0};
    return word;
}

void transcript_clear(struct transcript *transcript)
{
    transcript->count = 0;
    transcript->audio_seconds = 0;
}

void transcript_free(struct transcript *transcript)
{
    free(transcript->words);
    *transcript = (struct transcript){0};
}

/* 1 is written as 1, anything else with six digits: the service's numbers look so too. */
static void write_confidence(struct buffer *out, double confidence)
{
    int64_t millionths = llround(confidence * 1e6);
    if (millionths >= 1000000 || millionths < 0) {
        buffer_add(out, "1", 1);
        return;
    }
    char digits[] = "0.000000";
    for (int place = 7; place >= 2; place--) {
        digits[place] = (char)('0' + millionths % 10);
        millionths /= 10;
    }
    buffer_add(out, digits, sizeof digits - 1);
}

static void write_text(const struct word *words, size_t count, struct buffer *out)
{
    struct buffer text = {0};
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            buffer_add(&text, " ", 1);
        }
        buffer_text(&text, words[i].text);
    }
    buffer_add(&text, "", 1);
    buffer_json(out, text.bytes);
    buffer_free(&text);
}

static void write_chunk(const struct word *words, size_t count, struct buffer *out)
{
    buffer_text(out, "{\"alternatives\":[{\"words\":[");
    for (size_t i = 0; i < count; i++) {
        buffer_text(out, i == 0 ? "{\"startTime\":" : ",{\"startTime\":");
        buffer_duration(out, words[i].start_ns);
        buffer_text(out, ",\"endTime\":");
        buffer_duration(out, words[i].end_ns);
        buffer_text(out, ",\"word\":");
        buffer_json(out, words[i].text);
        buffer_text(out, ",\"confidence\":");
        write_confidence(out, words[i].confidence);
        buffer_text(out, "}");
    }
    buffer_text(out, "],\"text\":");
    write_text(words, count, out);
    buffer_text(out, ",\"confidence\":1}],\"channelTag\":\"");
    buffer_number(out, words[0].channel);
    buffer_text(out, "\"}");
}

void transcript_write_chunks(const struct transcript *transcript, struct buffer *out)
{
    buffer_add(out, "[", 1);
    const struct word *words = transcript->words;
    size_t begin = 0;
    while (begin < transcript->count) {
        size_t end = begin + 1;
        while (end < transcript->count && words[end].channel == words[begin].channel &&
               words[end].chunk == words[begin].chunk) {
            end++;
        }
        if (begin > 0) {
            buffer_add(out, ",", 1);
        }
        write_chunk(words + begin, end - begin, out);
        begin = end;
    }
    buffer_add(out, "]", 1);
}
