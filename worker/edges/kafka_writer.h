/* Messages that become visible together or not at all, by one process at a time: for commands whose
 * work must be done exactly once. And one message of a topic, by its place. Blocking calls, any one
 * thread. */
#ifndef BS_EDGES_KAFKA_WRITER_H
#define BS_EDGES_KAFKA_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "formats/config.h"
#include "formats/message.h"

/* A writer under the transactional id `group`-:`name` (no static member's id has a colon). Whoever
 * had that name before can commit nothing any more, and what it had under way has ended, committed
 * or aborted, when this returns: what is read from now on is all that it has ever written.
 * NULL with TEMPORARY (no broker answers for 60 s, or `go_on` said no), DENIED or INVALID. */
struct bs_kafka_writer;
BS_MUST_CHECK struct bs_kafka_writer *bs_kafka_writer_create(const struct bs_config *config,
                                                             const char *name, bool (*go_on)(void),
                                                             struct bs_error *error);
void bs_kafka_writer_destroy(struct bs_kafka_writer *writer);

struct bs_kafka_outgoing {
    const char *topic;
    int32_t partition; /* -1 = by the key, as every producer that uses murmur2 */
    struct bs_message message;
};
/* One transaction with all of them. Nothing of `messages` is kept.
 * LIMIT: a message is too large for its topic, and nothing was written. FATAL: another writer of
 * this name has begun. Anything but BS_OK and LIMIT leaves open whether they were written: who
 * creates the next writer can read it; this one can only be destroyed. */
BS_MUST_CHECK enum bs_error_code bs_kafka_writer_write(struct bs_kafka_writer *writer,
                                                       const struct bs_kafka_outgoing *messages,
                                                       size_t count, struct bs_error *error);

/* The message at that place. The callback is called once, with a message that is lent for the call.
 * NOT_FOUND: there is none (any more). The first call makes the fetcher. */
struct bs_kafka_fetcher;
typedef void bs_kafka_fetch_callback(void *context, const struct bs_message *message);
BS_MUST_CHECK enum bs_error_code bs_kafka_fetch(struct bs_kafka_fetcher **fetcher,
                                                const struct bs_config *config, const char *topic,
                                                int32_t partition, int64_t offset,
                                                bs_kafka_fetch_callback *callback, void *context,
                                                struct bs_error *error);
void bs_kafka_fetcher_destroy(struct bs_kafka_fetcher *fetcher);

#endif
