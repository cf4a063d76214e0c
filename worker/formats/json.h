/* JSON on top of cJSON, which by itself lets through what RFC 8259 forbids and cuts strings at NUL.
 *
 * Two ways in. Strict, for what somebody hands us and can mend (jobs, configurations): RFC 8259
 * whole, and nothing that two readers could understand differently. Tolerant, for the API's
 * answers: a transcript that was paid for is not lost to a flaw. Internal to formats. Any thread.
 */
#ifndef BS_FORMATS_JSON_H
#define BS_FORMATS_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "formats/message.h"

#define BS_JSON_DEPTH_MAX          64  /* arrays and objects within each other; strict */
#define BS_JSON_DEPTH_MAX_TOLERANT 500 /* cJSON itself ends at 1000 */
#define BS_JSON_NUMBER_LENGTH_MAX  63  /* characters of a number: what cJSON reads */

/* Where a text stops being JSON, and why. */
struct bs_json_problem {
    size_t offset;      /* in bytes */
    const char *reason; /* static */
};

/* Strict: valid UTF-8 without a byte order mark, no lone surrogate, no NUL, no name twice in an
 * object (compared after unescaping), numbers finite and of at most 63 characters, at most 64 deep.
 * Work is O(n log n). */
BS_MUST_CHECK bool bs_json_check(const uint8_t *text, size_t size, struct bs_json_problem *problem);

/* bs_json_check and cJSON. NULL with the problem; else the caller frees with cJSON_Delete. */
BS_MUST_CHECK cJSON *bs_json_parse(const uint8_t *text, size_t size,
                                   struct bs_json_problem *problem);

/* Tolerant: invalid UTF-8, lone surrogates and NUL become U+FFFD, control characters in strings a
 * space, numbers that no double holds null; of a name given twice the first counts; a byte order
 * mark is skipped. NULL with the problem where it is not JSON even so. */
BS_MUST_CHECK cJSON *bs_json_parse_tolerant(const uint8_t *text, size_t size,
                                            struct bs_json_problem *problem);

/* The first step of it: a text that is valid UTF-8, without a byte order mark, and one byte more, a
 * NUL. Appends. */
void bs_json_mend_encoding(const uint8_t *text, size_t size, struct bs_buffer *out);

/* The member of that exact name, or NULL. */
const cJSON *bs_json_member(const cJSON *object, const char *name);
/* The member's text, or NULL when there is none or it is no string. */
const char *bs_json_text(const cJSON *object, const char *name);

/* An int64 as proto3 JSON has it: a number without a fraction, or a string of decimal digits. */
BS_MUST_CHECK bool bs_json_int64(const cJSON *item, int64_t *value);

/* Appends a text without its NUL. */
void bs_buffer_append_text(struct bs_buffer *buffer, const char *text);
/* Appends a JSON string with its quotes. `text` is valid UTF-8. */
void bs_json_append_string(struct bs_buffer *buffer, const char *text);
/* Appends what stands between a JSON string's quotes. The text is valid UTF-8 without NUL. */
void bs_json_append_characters(struct bs_buffer *buffer, const uint8_t *text, size_t size);
/* Appends a finite number in at most 17 digits, so that it is read as the same double again. */
void bs_json_append_number(struct bs_buffer *buffer, double number);
/* Appends the item, unformatted. */
void bs_json_append_item(struct bs_buffer *buffer, const cJSON *item);

/* How many bytes of a valid UTF-8 sequence stand at `text`; 0 = none. */
size_t bs_utf8_sequence(const uint8_t *text, size_t size);
/* Writes a code point; how many bytes it takes. */
size_t bs_utf8_encode(uint32_t point, uint8_t bytes[4]);
/* Code points of valid UTF-8. */
size_t bs_utf8_length(const char *text);
/* Appends the bytes with everything that is not UTF-8 replaced by U+FFFD. */
void bs_utf8_repair(const uint8_t *text, size_t size, struct bs_buffer *out);
/* Copies for a message to people: control characters become spaces, and what does not fit `room`
 * (with the NUL) is cut between characters. `text` need not be valid. */
void bs_utf8_copy_cut(const char *text, size_t size, char *out, size_t room);

#endif
