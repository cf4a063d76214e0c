/* The state topic's records (schemas/state.proto): encode, decode, keys. */
#ifndef BS_FORMATS_STATE_H
#define BS_FORMATS_STATE_H

#include <stdint.h>

#include "base/check.h"
#include "base/error.h"
#include "core/core.h"
#include "formats/message.h"

/* The newest that is known here. A record has the oldest that can express it, so that a fleet may
 * go back to the release before: 2 is an operation with a staged copy, 3 the marks of redriven dead
 * letters (formats/redriven.h), whose keys begin with "r:", and a control record under a budget. */
#define BS_STATE_VERSION  3
#define BS_STATE_KEY_SIZE 48 /* the longest key and its NUL */

/* "o:<offset>", "i:<32 hex digits of the id's hash>", "c". */
void bs_state_key_operation(int64_t offset, char key[BS_STATE_KEY_SIZE]);
void bs_state_key_id(const uint8_t id_hash[BS_ID_HASH_SIZE], char key[BS_STATE_KEY_SIZE]);
void bs_state_key_control(char key[BS_STATE_KEY_SIZE]);

/* Append a record's bytes to `out`. */
void bs_state_encode_operation(const struct bs_operation *operation, struct bs_buffer *out);
void bs_state_encode_done(struct bs_buffer *out);
void bs_state_encode_id(int64_t offset, bs_wall_ms ended, uint64_t fingerprint,
                        struct bs_buffer *out);
void bs_state_encode_control(const struct bs_control *control, const char *group,
                             struct bs_buffer *out);

enum bs_state_kind { BS_STATE_OPERATION, BS_STATE_DONE, BS_STATE_ID, BS_STATE_CONTROL };

struct bs_state_record {
    enum bs_state_kind kind;
    struct bs_restored_operation
        operation;             /* OPERATION (DONE: only its offset); epoch and partition unset */
    struct bs_restored_id id;  /* ID; epoch and partition unset */
    struct bs_control control; /* CONTROL */
    char group[256];           /* CONTROL: the group that wrote it */
    void *storage;             /* private: what the pointers above point into */
};

/* Decodes a record that is not a tombstone. False with a reason when it cannot be read, of whatever
 * cause: a newer version, cut bytes, a key that does not fit. The caller frees a decoded record. */
BS_MUST_CHECK bool bs_state_decode(struct bs_bytes key, struct bs_bytes value,
                                   struct bs_state_record *record, struct bs_error *error);
void bs_state_record_free(struct bs_state_record *record);

#endif
