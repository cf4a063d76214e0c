/* The restore thread: reads the state of a partition in the steps of edges/kafka_restore.c, against
 * the fake topics, and hands the decoded records to the worker. */
#ifndef SIM_RESTORE_H
#define SIM_RESTORE_H

#include <stdint.h>

struct sim;
struct sim_worker;

/* Core's RESTORE. */
void sim_restore_begin(struct sim *sim, struct sim_worker *worker, int32_t partition,
                       uint32_t epoch);

#endif
