/* The tests that stand in other files than main, and the conditions that they share. */
#ifndef TESTS_UNIT_KAFKA_KAFKA_EDGE_TESTS_H
#define TESTS_UNIT_KAFKA_KAFKA_EDGE_TESTS_H

#include "member.h"

#define JOIN_MS 20000

/* member_run that fails with what the member was told last. */
void await(struct member *member, member_condition *reached, int64_t limit_ms);
bool owns_first(struct member *const *members);
bool owns_both(struct member *const *members);
bool is_stopped(struct member *const *members);

void a_restore_sees_the_newest_record_of_each_key(void **state);
void a_restore_waits_for_the_open_transaction_of_a_former_owner(void **state);
void a_restore_outlives_a_former_owner_that_died(void **state);
void a_record_that_cannot_be_read_stops_its_partition(void **state);
void a_partition_without_state_is_stopped_with_the_command_that_mends_it(void **state);
void a_new_partition_is_taken_up_once_the_state_topic_has_it_too(void **state);
void under_a_budget_a_restore_tells_what_all_partitions_were_billed(void **state);
void jobs_deleted_before_they_were_read_stop_their_partition(void **state);
void topics_are_made_described_and_grown(void **state);
void trying_the_rights_leaves_no_trace(void **state);
void messages_are_written_and_read_as_they_are(void **state);
void a_topic_is_read_from_a_time_and_from_offsets(void **state);
void the_group_s_progress_is_told_without_joining_it(void **state);

#endif
