/* What the files that write results share. Internal to formats. */
#ifndef BS_FORMATS_TRANSCRIPT_PARTS_H
#define BS_FORMATS_TRANSCRIPT_PARTS_H

#include "formats/json_view.h"
#include "formats/transcript.h"

struct bs_transcript {
    struct bs_buffer plain; /* unpacked, where it was packed */
    struct bs_json_view view;
    char *id, *uri; /* owned; as they are */
    size_t channel_count;
};

/* A string member of an object, unescaped into `scratch` (from its size on) where it must be;
 * `data` NULL where it is none. */
struct bs_bytes bs_transcript_string(const struct bs_transcript *transcript,
                                     const struct bs_json_node *object, const char *name,
                                     struct bs_buffer *scratch);
/* A member of the result itself. */
const struct bs_json_node *bs_transcript_member(const struct bs_transcript *transcript,
                                                const char *name);
/* What was said, an array: `utterances`; where it is empty, `chunks`, so that no text is lost of a
 * result whose chunks tell no dialogue. NULL: neither. */
const struct bs_json_node *bs_transcript_dialogue(const struct bs_transcript *transcript,
                                                  bool *chunks);
/* The text of one of them; NULL: a chunk without. */
const struct bs_json_node *bs_transcript_said(const struct bs_transcript *transcript,
                                              const struct bs_json_node *each, bool chunks);
/* A number that is not negative; -1 where there is none. */
double bs_transcript_number(const struct bs_transcript *transcript,
                            const struct bs_json_node *object, const char *name);

/* Control characters become spaces. */
void bs_transcript_append_shown(struct bs_buffer *out, struct bs_bytes text);

void bs_transcript_write_text(const struct bs_transcript *transcript, struct bs_buffer *out);
void bs_transcript_begin_table(const struct bs_transcript_writing *writing, struct bs_buffer *out);
void bs_transcript_write_table(const struct bs_transcript_writing *writing,
                               const struct bs_transcript *transcript, struct bs_buffer *out);
void bs_transcript_write_subtitles(struct bs_transcript_writing *writing,
                                   const struct bs_transcript *transcript, struct bs_buffer *out);

#endif
