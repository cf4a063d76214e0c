/* Writes JSON piece by piece into a buffer: for objects that are written far more often than their
 * shape changes. Containers are opened and closed by the caller, in pairs. Any thread. */
#ifndef BS_FORMATS_JSON_WRITER_H
#define BS_FORMATS_JSON_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/core.h"
#include "formats/message.h"

/* Commas are the only state: one is due before a value unless it is the first of its container. */
struct bs_json_writer {
    struct bs_buffer *out;
    bool comma; /* false at the beginning */
};

/* `name` is the member's, NULL within an array and at the top. `bracket` is "{" or "[", and its
 * counterpart. */
void bs_json_open(struct bs_json_writer *json, const char *name, const char *bracket);
void bs_json_close(struct bs_json_writer *json, const char *bracket);
/* NULL is null. What is no UTF-8 (RFC 3629) becomes U+FFFD, byte by byte. */
void bs_json_string(struct bs_json_writer *json, const char *name, const char *text);
void bs_json_integer(struct bs_json_writer *json, const char *name, int64_t value);
/* What is not finite is null. */
void bs_json_number(struct bs_json_writer *json, const char *name, double value);
void bs_json_boolean(struct bs_json_writer *json, const char *name, bool value);
/* RFC 3339; 0 is null. */
void bs_json_moment(struct bs_json_writer *json, const char *name, bs_wall_ms value);

#endif
