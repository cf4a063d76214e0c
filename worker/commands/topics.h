/* What `run` and `check` need of the topics before work can begin. */
#ifndef BS_COMMANDS_TOPICS_H
#define BS_COMMANDS_TOPICS_H

#include <stdint.h>

#include "base/error.h"
#include "edges/loop.h"
#include "formats/config.h"

struct bs_topics {
    int32_t jobs_partitions;
    int32_t state_partitions;
};

/* Looks at all four topics: each is there, state is compacted (and nothing else), and the quotas
 * divide by its partitions. Where it has fewer or more of them than jobs the log says what that
 * means: the work on the others goes on.
 * BS_ERROR_TEMPORARY: no broker answers. Anything else but BS_OK: the message says what is wrong,
 * all of it, and the command that mends it. Settings that cannot be read (no right, an embedded
 * broker) are told in the log as a warning. Blocks up to 10 s. */
BS_MUST_CHECK enum bs_error_code bs_topics_verify(const struct bs_config *config,
                                                  struct bs_topics *topics, struct bs_error *error);

/* The same on a thread of its own, again and again while it is BS_ERROR_TEMPORARY. `callback` comes
 * on the loop's thread at each attempt's end; the watch is over after any other outcome. */
struct bs_topics_watch;
typedef void bs_topics_callback(void *context, enum bs_error_code outcome,
                                const struct bs_topics *topics, const struct bs_error *error);
struct bs_topics_watch *bs_topics_watch_begin(struct bs_loop *loop, const struct bs_config *config,
                                              bs_topics_callback *callback, void *context);
/* Waits for an attempt under way (10 s at most). NULL is tolerated. */
void bs_topics_watch_end(struct bs_topics_watch *watch);

#endif
