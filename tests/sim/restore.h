/* Reading a partition's state back, as the Kafka edge does: wait until no transaction holds its
 * offsets, then the newest committed record of each key, then the committed offset. */
#ifndef SIM_RESTORE_H
#define SIM_RESTORE_H

#include <stdint.h>

struct sim;
struct sim_worker;

/* Core's RESTORE. A restore of an older epoch is given up, though what was on its way arrives. */
void sim_restore_begin(struct sim *sim, struct sim_worker *worker, int32_t partition,
                       uint32_t epoch);

#endif
