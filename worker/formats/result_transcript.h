/* The API's chunks as channels' texts and as a dialogue. Internal to formats. */
#ifndef BS_FORMATS_RESULT_TRANSCRIPT_H
#define BS_FORMATS_RESULT_TRANSCRIPT_H

#include "formats/json_view.h"

struct bs_utterance;

/* What was said, one entry a chunk; it refers to the view, which must live as long. */
struct bs_utterances {
    struct bs_utterance *items;
    size_t count;
    size_t text_bytes;     /* of all of them */
    double last_end;       /* seconds, at most 4 hours; 0 = no word tells a time */
    int32_t channel_count; /* the highest channelTag that was heard; 0 = none */
};

/* `chunks` NULL or JSON null: nothing was said. False when it has not the shape of the API's
 * chunks. The caller frees with bs_utterances_free in either case. */
BS_MUST_CHECK bool bs_utterances_read(const struct bs_json_view *view,
                                      const struct bs_json_node *chunks,
                                      struct bs_utterances *utterances);
void bs_utterances_free(struct bs_utterances *utterances);

/* Appends the members "text" (the channels' texts, joined by newlines) and "channels" (in the order
 * of channelTag). Sorts the utterances. */
void bs_utterances_write_channels(struct bs_utterances *utterances, const struct bs_json_view *view,
                                  struct bs_buffer *out);
/* Appends the member "utterances" (in order of time). Sorts them. */
void bs_utterances_write_dialogue(struct bs_utterances *utterances, const struct bs_json_view *view,
                                  struct bs_buffer *out);

#endif
