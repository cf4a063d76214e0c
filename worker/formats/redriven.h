/* Which dead letters were put back on the jobs topic: marks that stand in the state topic, and the
 * set of them in memory. Marks are kept for ever; one takes about 6 bytes. Any one thread. */
#ifndef BS_FORMATS_REDRIVEN_H
#define BS_FORMATS_REDRIVEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "formats/message.h"

#define BS_REDRIVEN_KEY_PREFIX "r:" /* of the state topic's keys */
#define BS_REDRIVEN_KEY_SIZE   300  /* the longest key and its NUL */
#define BS_REDRIVEN_PARTITION  0    /* of the state topic */

/* A dead letter by its place in its topic. */
struct bs_redriven_letter {
    int32_t partition;
    int64_t offset;
    uint32_t fingerprint; /* a topic that was made anew has other letters in the same places */
};
uint32_t bs_redriven_fingerprint(struct bs_bytes source, struct bs_bytes failed_at);

/* The marks of one dead-letters topic. */
struct bs_redriven;
struct bs_redriven *bs_redriven_create(const char *topic);
void bs_redriven_destroy(struct bs_redriven *redriven);

/* True for a key that a worker passes over. */
bool bs_redriven_is_key(struct bs_bytes key);
/* Takes a record of the state topic: a later one of the same key replaces an earlier one, a
 * tombstone clears it; other keys are passed over. False where a mark cannot be read: whoever goes
 * on would put letters back twice. */
BS_MUST_CHECK bool bs_redriven_take(struct bs_redriven *redriven, struct bs_bytes key,
                                    struct bs_bytes value, struct bs_error *error);

bool bs_redriven_has(const struct bs_redriven *redriven, const struct bs_redriven_letter *letter);
void bs_redriven_add(struct bs_redriven *redriven, const struct bs_redriven_letter *letter);
/* Takes back what was added, and asked for as a change, where it was not written. */
void bs_redriven_remove(struct bs_redriven *redriven, const struct bs_redriven_letter *letter);
/* The next record that has to be written for what was added since it was last asked: its key, and
 * its value appended to `value`. False: no more. */
BS_MUST_CHECK bool bs_redriven_next_change(struct bs_redriven *redriven,
                                           char key[BS_REDRIVEN_KEY_SIZE], struct bs_buffer *value);

#endif
