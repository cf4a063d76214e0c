/* Text that is shown on a terminal: what it would obey is taken out, and columns are counted. The
 * locale (LC_CTYPE) decides how wide a character is. Any thread. */
#ifndef BS_FORMATS_PLAIN_TEXT_H
#define BS_FORMATS_PLAIN_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "formats/message.h"

/* Copies valid UTF-8: every control character (of C0 and C1), every one that changes the direction
 * or hides, and what is no UTF-8 becomes U+FFFD; what does not fit `room` (with the NUL) is cut
 * between characters. */
void bs_plain_text_copy(const char *text, char *out, size_t room);

/* Appends the text in at most `columns` columns, a longer one with an ellipsis at its end; cleaned
 * as above, and without UTF-8 (`ascii`) with a question mark for each other character. Returns the
 * columns that it takes. */
int bs_plain_text_append(struct bs_buffer *out, const char *text, int columns, bool ascii);

/* How many columns the text takes when it is appended whole. */
int bs_plain_text_columns(const char *text, bool ascii);

#endif
