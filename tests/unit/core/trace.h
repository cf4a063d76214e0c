/* Core's events and actions as compact text lines: what the tests of a stage compare, and what the
 * simulator's trace is made of. No pointer is printed, so equal runs give equal text. */
#ifndef BS_TESTS_TRACE_H
#define BS_TESTS_TRACE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/core.h"

#define TRACE_SIZE 32768

/* Text that grows up to TRACE_SIZE - 1 characters; what is over is cut. All zero is an empty one.
 */
struct trace {
    char text[TRACE_SIZE];
    size_t used;
};

void trace_clear(struct trace *trace);
void trace_add(struct trace *trace, const char *format, ...) BS_PRINTF(2, 3);

/* One line without a newline, such as "submitted 0:5 e1 #1 running op=a". */
void trace_event(struct trace *trace, const struct bs_event *event);
/* One line without a newline, such as "submit 0:5 e1 #1". Notices are for people, so their text is
 * only printed `with_texts`. */
void trace_action(struct trace *trace, const struct bs_action *action, bool with_texts);

#endif
