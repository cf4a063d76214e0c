/* The operations that were accepted, found by their ids. */
#ifndef STANDIN_OPERATIONS_H
#define STANDIN_OPERATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"
#include "faults.h"
#include "transcript.h"
#include "uris.h"

#define OPERATION_ID_SIZE 21 /* 20 characters, as the service's, and a NUL */

enum encoding { ENCODING_LPCM, ENCODING_OGG_OPUS, ENCODING_MP3 };

enum operation_state {
    OPERATION_RUNNING,
    OPERATION_DONE,
    OPERATION_FAILED,
    OPERATION_CANCELLED,
    OPERATION_STATES
};

struct operation {
    int64_t number; /* 0, 1, 2, … in the order of acceptance */
    const struct uri *uri;
    enum encoding encoding;
    int32_t sample_rate;
    int32_t channels;
    bs_wall_ms created;
    bs_wall_ms done_at;  /* not before; BS_NEVER = never */
    bs_wall_ms modified; /* when the state last changed */
    enum operation_state state;
    bool recognising;              /* the recogniser has it: not done before that ends */
    struct transcript *transcript; /* of the recogniser, owned; NULL = it is made up */
    int code;                      /* of a failure */
    char *message;                 /* of a failure, owned */
    enum fault_kind fate;
    int64_t fate_ms;
    int64_t fate_bytes;
    int64_t checks;
    bool code_as_string;
};

struct operations {
    struct operation **list; /* by number */
    size_t count;
    size_t room;
    char prefix[11]; /* the first ten characters of every id: this run's */
};

void operations_init(struct operations *operations, uint64_t seed);
void operations_free(struct operations *operations);

/* A zeroed one that runs; owned by the list, its address lasts. */
struct operation *operations_add(struct operations *operations);
void operations_id(const struct operations *operations, const struct operation *operation,
                   char id[OPERATION_ID_SIZE]);
/* NULL when there is none. `id` need not end in a NUL. */
struct operation *operations_find(const struct operations *operations, const char *id,
                                  size_t length);

/* Lets the time that has passed take effect: an operation whose end has come is done, or failed. */
void operation_settle(struct operation *operation, bs_wall_ms now);
/* Ends it with an error. `message` is copied. */
void operation_fail(struct operation *operation, bs_wall_ms now, int code, const char *message);

#endif
