/* One piece of work at the object store, on a pool's thread: what core asks for by
 * BS_ACTION_OBJECT. Made and freed on the loop's thread, which meanwhile touches nothing of it but
 * `abandoned`. */
#ifndef BS_COMMANDS_OBJECT_WORK_H
#define BS_COMMANDS_OBJECT_WORK_H

#include <stdatomic.h>

#include "core/core.h"
#include "edges/objects.h"
#include "formats/job_probe.h"
#include "formats/result.h"

struct bs_object_work_item {
    enum bs_object_work work;
    const struct bs_config *config;
    struct bs_objects *objects;
    char *cluster_id;
    uint8_t *packed; /* the job */
    size_t packed_size;
    struct bs_job job;
    struct bs_object_name name; /* what is looked into or written; empty = it has none any more */
    struct bs_payload *payload; /* STORE: held */
    struct bs_object_name witness; /* one that was readable, for comparison; empty = none */
    atomic_bool abandoned;         /* nobody waits for it any more: it ends soon, TEMPORARY */

    /* what came of it */
    struct bs_object_answer answer; /* its payload is core's, its texts stand here */
    bool readable;                  /* the recording was */
    char message[BS_MESSAGE_MAX];
    struct bs_buffer completed;
};

/* Copies everything that it needs of the operation. Loop's thread. */
struct bs_object_work_item *bs_object_work_create(const struct bs_config *config,
                                                  struct bs_objects *objects,
                                                  const char *cluster_id,
                                                  const struct bs_operation *operation,
                                                  enum bs_object_work work);
/* Before it runs: copies the witness (NULL = none). Loop's thread. */
void bs_object_work_compare(struct bs_object_work_item *item, const struct bs_object_name *witness);
/* A pool's thread; blocks. `item` is a struct bs_object_work_item. */
void bs_object_work_run(void *item);
/* Loop's thread. An answer's payload that nobody took is freed too. */
void bs_object_work_free(struct bs_object_work_item *item);

#endif
