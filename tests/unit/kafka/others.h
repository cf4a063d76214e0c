/* What others do to the same topics: writers of jobs, an administrator, a former owner. Plain
 * librdkafka, so that the edge is not tested by itself. */
#ifndef TESTS_UNIT_KAFKA_OTHERS_H
#define TESTS_UNIT_KAFKA_OTHERS_H

#include "member.h"

/* Numbered jobs "job-<n>" from `first` on, to one partition. */
void others_add_jobs(const struct place *place, int32_t partition, int64_t first, int64_t count);
/* Deletes the partition's jobs below `offset`. */
void others_delete_jobs(const struct place *place, int32_t partition, int64_t offset);

/* A former owner: a transactional producer of its own. */
struct former_owner;
struct former_owner *former_owner_create(const struct place *place, int32_t transaction_ms);
void former_owner_begin(struct former_owner *owner);
/* The record of the operation at `offset`, as of its n-th submission; 0 = a tombstone. */
void former_owner_record(struct former_owner *owner, int32_t partition, int64_t offset,
                         int32_t submissions);
void former_owner_raw_record(struct former_owner *owner, int32_t partition, const char *key,
                             const char *value);
/* Into the transaction, without being a member (as librdkafka allows). */
void former_owner_offset(struct former_owner *owner, int32_t partition, int64_t offset);
void former_owner_flush(struct former_owner *owner);
void former_owner_commit(struct former_owner *owner);
/* Also with a transaction open: it dies. */
void former_owner_destroy(struct former_owner *owner);

#endif
