/* The API's chunks as channels' texts and as a dialogue. Internal to formats. */
#ifndef BS_FORMATS_RESULT_TRANSCRIPT_H
#define BS_FORMATS_RESULT_TRANSCRIPT_H

#include "formats/json.h"

/* What chunks come to. The members refer to strings of the chunks, which must live as long. */
struct bs_transcript_parts {
    char *text;            /* the channels' texts, joined by newlines */
    cJSON *channels;       /* [{channelTag, text}] in the order of channelTag */
    cJSON *utterances;     /* [{channelTag, startSeconds, endSeconds, text}] in order of time */
    int32_t channel_count; /* the highest channelTag that was heard; 0 = none */
};

/* `chunks` NULL or JSON null: nothing was said. False when it has not the shape of the API's
 * chunks. The caller frees with bs_transcript_parts_free (the items that it has taken set to NULL).
 */
BS_MUST_CHECK bool bs_transcript_parts_make(const cJSON *chunks, struct bs_transcript_parts *parts);
void bs_transcript_parts_free(struct bs_transcript_parts *parts);

/* Removes the words of every alternative. */
void bs_transcript_drop_words(cJSON *chunks);

#endif
