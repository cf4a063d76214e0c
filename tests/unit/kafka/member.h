/* One worker's side of Kafka as a test sees it: a loop of its own, what its callbacks said, and how
 * it answers them. */
#ifndef TESTS_UNIT_KAFKA_MEMBER_H
#define TESTS_UNIT_KAFKA_MEMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "edges/kafka.h"
#include "edges/kafka_client.h"

#define MEMBER_PARTITIONS 8
#define MEMBER_JOBS       8192
#define MEMBER_RECORDS    16

/* Topics and a group that no other test has. */
struct place {
    char name[64];
    struct bs_config *config;
    struct bs_kafka_client *client;
};

/* `partitions` of jobs, results and dead letters (which have one), `state_partitions` of state. */
void place_create(struct place *place, int32_t partitions, int32_t state_partitions);
void place_destroy(struct place *place);
/* Another configuration of the same place, with one more property. The caller frees it. */
struct bs_config *place_config(const struct place *place, const char *property);
/* Messages of a topic that a read_committed reader sees. */
int64_t place_count(struct place *place, const char *topic);

struct member {
    struct bs_loop *loop;
    struct bs_timer *timer;
    struct bs_kafka *kafka;
    int32_t turn_limit; /* jobs a turn */

    /* How it answers. */
    bool reject;      /* instead of restoring */
    bool hold_revoke; /* until the test answers */
    bool wanted;
    uint32_t epoch; /* of the last assignment */

    /* What it was told. */
    bool owned[MEMBER_PARTITIONS];
    bool revoking[MEMBER_PARTITIONS];
    bool restored[MEMBER_PARTITIONS];
    int32_t assigned_count;
    int32_t revoked_count;
    int32_t lost_count;
    bool joined;
    int64_t committed[MEMBER_PARTITIONS];
    int64_t log_start[MEMBER_PARTITIONS];
    int64_t end_seen[MEMBER_PARTITIONS];
    int32_t divided_by[MEMBER_PARTITIONS];
    int64_t billed[MEMBER_PARTITIONS]; /* of all partitions, as the last restore told it */
    int32_t jobs_partitions;           /* as the callback `topics` told last */
    int32_t state_partitions;
    int64_t looked[MEMBER_PARTITIONS]; /* as the callback `billed` told last */
    double restore_seconds;
    int64_t records;
    struct {
        enum bs_state_kind kind;
        int64_t offset;
        uint32_t submissions;
    } record[MEMBER_RECORDS];
    int64_t jobs;
    struct {
        int32_t partition;
        int64_t offset;
        int64_t number;
    } job[MEMBER_JOBS];
    int64_t next_offset[MEMBER_PARTITIONS];
    int64_t out_of_order;
    int32_t outcomes;
    enum bs_transaction_outcome outcome;
    char outcome_text[512];
    int32_t stopped;
    char stopped_reason[512];
    int64_t lost_jobs;
    int64_t published[MEMBER_PARTITIONS];
    int64_t ends[MEMBER_PARTITIONS];
    bool published_seen[MEMBER_PARTITIONS];
    char fatal[512];
    char trouble[512];
    bool closed;
};

void member_create(struct member *member, const struct bs_config *config);
/* Leaves the group in order, then ends. */
void member_close(struct member *member);
void member_destroy(struct member *member);

/* Runs the members in turn until `reached` says so; false after `limit_ms`. */
typedef bool member_condition(struct member *const *members);
bool members_run(struct member *const *members, int32_t count, member_condition *reached,
                 int64_t limit_ms);
bool member_run(struct member *member, member_condition *reached, int64_t limit_ms);

/* A transaction with one result (`value`, `size` bytes) and the offset of a partition. NULL where
 * the member may not. */
struct bs_transaction *member_transaction(struct member *member, const void *value, size_t size,
                                          int32_t partition, int64_t offset);
/* Submits it and waits for its end. */
enum bs_transaction_outcome member_commit(struct member *member,
                                          struct bs_transaction *transaction);

#endif
