/* A result for people to read: its dialogue. */
#include <stdio.h>
#include <string.h>

#include "formats/transcript_parts.h"

static void append_time(struct bs_buffer *out, double seconds)
{
    char text[32];
    long whole = (long)(seconds < 1e9 ? seconds : 1e9);
    if (whole >= 3600) {
        (void)snprintf(text, sizeof text, "[%ld:%02ld:%02ld] ", whole / 3600, whole / 60 % 60,
                       whole % 60);
    } else {
        (void)snprintf(text, sizeof text, "[%ld:%02ld] ", whole / 60, whole % 60);
    }
    bs_buffer_append_text(out, text);
}

static void append_utterance(const struct bs_transcript *transcript,
                             const struct bs_json_node *utterance, const struct bs_json_node *text,
                             struct bs_buffer *scratch, struct bs_buffer *out)
{
    double start = bs_transcript_number(transcript, utterance, "startSeconds");
    scratch->size = 0;
    struct bs_bytes tag = bs_transcript_string(transcript, utterance, "channelTag", scratch);
    if (start >= 0) {
        append_time(out, start);
    }
    if (transcript->channel_count > 1 && tag.data != NULL) {
        bs_buffer_append_text(out, "channel ");
        bs_transcript_append_shown(out, tag);
        bs_buffer_append_text(out, ": ");
    }
    scratch->size = 0;
    bs_transcript_append_shown(out, bs_json_view_string(&transcript->view, text, scratch));
    bs_buffer_append_text(out, "\n");
}

static struct bs_bytes bytes_of(const char *text)
{
    return (struct bs_bytes){.data = (const uint8_t *)text, .size = strlen(text)};
}

void bs_transcript_write_text(const struct bs_transcript *transcript, struct bs_buffer *out)
{
    const struct bs_json_view *view = &transcript->view;
    bool chunks, said = false;
    const struct bs_json_node *dialogue = bs_transcript_dialogue(transcript, &chunks);
    struct bs_buffer scratch = {0};
    bs_buffer_append_text(out, "# ");
    bs_transcript_append_shown(out, bytes_of(transcript->id));
    bs_buffer_append_text(out, " ");
    bs_transcript_append_shown(out, bytes_of(transcript->uri));
    bs_buffer_append_text(out, "\n");
    for (const struct bs_json_node *each = bs_json_view_first(view, dialogue); each != NULL;
         each = bs_json_view_next(view, dialogue, each)) {
        const struct bs_json_node *text = bs_transcript_said(transcript, each, chunks);
        if (text != NULL || !chunks) {
            append_utterance(transcript, each, text, &scratch, out);
            said = true;
        }
    }
    scratch.size = 0;
    struct bs_bytes text =
        bs_json_view_string(view, bs_transcript_member(transcript, "text"), &scratch);
    if (!said && text.size > 0) {
        bs_transcript_append_shown(out, text); /* a large one, whose utterances are elsewhere */
        bs_buffer_append_text(out, "\n");
    }
    bs_buffer_append_text(out, "\n");
    bs_buffer_free(&scratch);
}
