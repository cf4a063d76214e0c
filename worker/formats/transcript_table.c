/* Results as a table: a row an utterance. CSV is RFC 4180 (CRLF, quotes where they are needed); TSV
 * has a tab between fields, and in them \t, \n, \r and \\ for what would end one. Fields are the
 * result's own, by its names. */
#include <string.h>

#include "formats/transcript_parts.h"

/* Where a column's value stands in the result. */
enum place { OF_RESULT, OF_AUDIO, OF_SPECIFICATION, OF_TIMING, OF_UTTERANCE, NUMBER, WHOLE };

static const struct {
    const char *name;
    enum place place;
} columns[] = {
    {"id", OF_RESULT},
    {"uri", OF_AUDIO},
    {"utterance", NUMBER},
    {"channelTag", OF_UTTERANCE},
    {"startSeconds", OF_UTTERANCE},
    {"endSeconds", OF_UTTERANCE},
    {"text", OF_UTTERANCE},
    {"languageCode", OF_SPECIFICATION},
    {"model", OF_SPECIFICATION},
    {"durationSeconds", OF_AUDIO},
    {"billedSeconds", OF_RESULT},
    {"detectedAt", OF_TIMING},
    {"labels", WHOLE},
};
#define COLUMN_COUNT (sizeof columns / sizeof *columns)

/* ---- which columns ---- */

static bool add_column(const char *name, size_t size, struct bs_transcript_writing *writing)
{
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        if (strlen(columns[i].name) == size && strncmp(columns[i].name, name, size) == 0) {
            for (size_t j = 0; j < writing->column_count; j++) {
                if (writing->columns[j] == i) {
                    return false;
                }
            }
            writing->columns[writing->column_count++] = (uint8_t)i;
            return true;
        }
    }
    return false;
}

static bool refuse(const char *names, struct bs_error *error)
{
    char known[300] = "";
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        (void)strcat(strcat(known, i == 0 ? "" : ","), columns[i].name);
    }
    (void)bs_error_set(error, BS_ERROR_INVALID, "--columns must be some of %s, each once: %.100s",
                       known, names);
    return false;
}

bool bs_transcript_columns_parse(const char *names, struct bs_transcript_writing *writing,
                                 struct bs_error *error)
{
    _Static_assert(COLUMN_COUNT <= BS_TRANSCRIPT_COLUMNS_MAX, "all of them have room");
    writing->column_count = 0;
    if (names == NULL) {
        for (size_t i = 0; i < COLUMN_COUNT; i++) {
            writing->columns[writing->column_count++] = (uint8_t)i;
        }
        return true;
    }
    for (const char *at = names;;) {
        size_t size = strcspn(at, ",");
        if (!add_column(at, size, writing)) {
            return refuse(names, error);
        }
        if (at[size] == '\0') {
            return true;
        }
        at += size + 1;
    }
}

/* ---- fields ---- */

static void append_quoted(struct bs_buffer *out, struct bs_bytes text)
{
    bs_buffer_append_text(out, "\"");
    for (size_t i = 0; i < text.size; i++) {
        bs_buffer_append(out, "\"", text.data[i] == '"' ? 1 : 0);
        bs_buffer_append(out, &text.data[i], 1);
    }
    bs_buffer_append_text(out, "\"");
}

static void append_escaped(struct bs_buffer *out, struct bs_bytes text)
{
    static const char ends[] = "\t\n\r\\", letters[] = "tnr\\";
    for (size_t i = 0; i < text.size; i++) {
        const char *found = text.data[i] == '\0' ? NULL : strchr(ends, text.data[i]);
        if (found != NULL) {
            bs_buffer_append(out, (char[]){'\\', letters[found - ends]}, 2);
        } else {
            bs_buffer_append(out, &text.data[i], 1);
        }
    }
}

static bool needs_quotes(struct bs_bytes text)
{
    if (text.size > 0 && (text.data[0] == ' ' || text.data[text.size - 1] == ' ')) {
        return true;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (strchr(",\"\r\n", text.data[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static void append_field(const struct bs_transcript_writing *writing, struct bs_buffer *out,
                         struct bs_bytes text)
{
    struct bs_buffer marked = {0};
    if (writing->spreadsheet && text.size > 0 && text.data[0] != '\0' &&
        strchr("=+-@\t\r\n", text.data[0]) != NULL) {
        bs_buffer_append(&marked, "'", 1);
        bs_buffer_append(&marked, text.data, text.size);
        text = (struct bs_bytes){.data = marked.data, .size = marked.size};
    }
    if (writing->format == BS_TRANSCRIPT_TSV) {
        append_escaped(out, text);
    } else if (needs_quotes(text)) {
        append_quoted(out, text);
    } else {
        bs_buffer_append(out, text.data, text.size);
    }
    bs_buffer_free(&marked);
}

static void end_field(const struct bs_transcript_writing *writing, bool is_last,
                      struct bs_buffer *out)
{
    bool tabs = writing->format == BS_TRANSCRIPT_TSV;
    bs_buffer_append_text(out, is_last ? (tabs ? "\n" : "\r\n") : (tabs ? "\t" : ","));
}

static struct bs_bytes bytes_of(const char *text)
{
    return (struct bs_bytes){.data = (const uint8_t *)text, .size = strlen(text)};
}

void bs_transcript_begin_table(const struct bs_transcript_writing *writing, struct bs_buffer *out)
{
    for (size_t i = 0; i < writing->column_count; i++) {
        append_field(writing, out, bytes_of(columns[writing->columns[i]].name));
        end_field(writing, i + 1 == writing->column_count, out);
    }
}

/* ---- rows ---- */

static const struct bs_json_node *value_of(const struct bs_transcript *transcript, size_t column,
                                           const struct bs_json_node *utterance,
                                           const struct bs_json_node *text)
{
    const struct bs_json_view *view = &transcript->view;
    const struct bs_json_node *object = bs_json_view_root(view);
    switch (columns[column].place) {
    case OF_AUDIO:
        object = bs_transcript_member(transcript, "audio");
        break;
    case OF_SPECIFICATION:
        object = bs_transcript_member(transcript, "specification");
        break;
    case OF_TIMING:
        object = bs_transcript_member(transcript, "timing");
        break;
    case OF_UTTERANCE:
        if (strcmp(columns[column].name, "text") == 0) {
            return text;
        }
        object = utterance;
        break;
    case OF_RESULT:
    case WHOLE:
    case NUMBER:
        break;
    }
    return bs_json_view_member(view, object, columns[column].name);
}

/* A string's characters; of anything else the JSON. */
static void append_value(const struct bs_transcript_writing *writing,
                         const struct bs_transcript *transcript, const struct bs_json_node *value,
                         struct bs_buffer *out)
{
    const struct bs_json_view *view = &transcript->view;
    struct bs_buffer scratch = {0};
    struct bs_bytes text = {0};
    if (bs_json_view_is_string(view, value)) {
        text = bs_json_view_string(view, value, &scratch);
    } else if (value != NULL && !bs_json_view_is_null(view, value)) {
        bs_json_view_append(view, value, NULL, &scratch);
        text = (struct bs_bytes){.data = scratch.data, .size = scratch.size};
    }
    append_field(writing, out, text);
    bs_buffer_free(&scratch);
}

static void append_number(struct bs_buffer *out, int64_t number)
{
    bs_json_append_number(out, (double)number);
}

void bs_transcript_write_table(const struct bs_transcript_writing *writing,
                               const struct bs_transcript *transcript, struct bs_buffer *out)
{
    const struct bs_json_view *view = &transcript->view;
    bool chunks;
    const struct bs_json_node *dialogue = bs_transcript_dialogue(transcript, &chunks);
    int64_t number = 0;
    for (const struct bs_json_node *each = bs_json_view_first(view, dialogue); each != NULL;
         each = bs_json_view_next(view, dialogue, each)) {
        const struct bs_json_node *text = bs_transcript_said(transcript, each, chunks);
        if (text == NULL && chunks) {
            continue;
        }
        number++;
        for (size_t i = 0; i < writing->column_count; i++) {
            size_t column = writing->columns[i];
            if (columns[column].place == NUMBER) {
                append_number(out, number);
            } else {
                append_value(writing, transcript, value_of(transcript, column, each, text), out);
            }
            end_field(writing, i + 1 == writing->column_count, out);
        }
    }
}
