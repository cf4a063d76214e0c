/* What a new owner of a partition reads, and what stops it. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kafka_edge_tests.h"
#include "others.h"

void a_restore_sees_the_newest_record_of_each_key(void **state)
{
    (void)state;
    struct place place;
    struct member member;
    place_create(&place, 1, 1);
    struct former_owner *owner = former_owner_create(&place, 10000);
    former_owner_begin(owner);
    for (int32_t submissions = 1; submissions <= 3; submissions++) {
        former_owner_record(owner, 0, 10, submissions);
        former_owner_record(owner, 0, 11, submissions);
        former_owner_record(owner, 0, 12, submissions);
    }
    former_owner_record(owner, 0, 11, 0); /* a tombstone */
    former_owner_offset(owner, 0, 13);
    former_owner_commit(owner);
    former_owner_destroy(owner);
    member_create(&member, place.config);
    await(&member, owns_first, JOIN_MS);
    assert_int_equal(member.records, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(member.record[i].kind, BS_STATE_OPERATION);
        assert_int_equal(member.record[i].submissions, 3);
        assert_true(member.record[i].offset == 10 || member.record[i].offset == 12);
    }
    assert_int_equal(member.committed[0], 13);
    assert_int_equal(member.log_start[0], 0);
    member_close(&member);
    place_destroy(&place);
}

void a_restore_waits_for_the_open_transaction_of_a_former_owner(void **state)
{
    (void)state;
    struct place place;
    struct member member;
    place_create(&place, 1, 1);
    struct former_owner *owner = former_owner_create(&place, 60000);
    former_owner_begin(owner);
    former_owner_offset(owner, 0, 5);
    former_owner_record(owner, 0, 4, 1);
    former_owner_flush(owner);
    member_create(&member, place.config);
    assert_false(member_run(&member, owns_first, 8000));
    assert_int_equal(member.assigned_count, 1);
    assert_int_equal(member.records, 0);
    former_owner_commit(owner);
    await(&member, owns_first, JOIN_MS);
    assert_int_equal(member.records, 1);
    assert_int_equal(member.record[0].offset, 4);
    assert_int_equal(member.committed[0], 5);
    former_owner_destroy(owner);
    member_close(&member);
    place_destroy(&place);
}

void a_restore_outlives_a_former_owner_that_died(void **state)
{
    (void)state;
    struct place place;
    struct member member;
    place_create(&place, 1, 1);
    struct former_owner *owner = former_owner_create(&place, 3000);
    former_owner_begin(owner);
    former_owner_record(owner, 0, 3, 1);
    former_owner_offset(owner, 0, 4);
    former_owner_commit(owner);
    former_owner_begin(owner);
    former_owner_offset(owner, 0, 5);
    former_owner_record(owner, 0, 4, 1);
    former_owner_flush(owner);
    former_owner_destroy(owner);
    member_create(&member, place.config);
    await(&member, owns_first, 40000); /* 3 s and the broker's sweep of 10 s */
    assert_int_equal(member.records, 1);
    assert_int_equal(member.record[0].offset, 3);
    assert_int_equal(member.committed[0], 4);
    member_close(&member);
    place_destroy(&place);
}

void a_record_that_cannot_be_read_stops_its_partition(void **state)
{
    (void)state;
    struct place place;
    struct member member;
    place_create(&place, 1, 1);
    struct former_owner *owner = former_owner_create(&place, 10000);
    former_owner_begin(owner);
    former_owner_raw_record(owner, 0, "o:17", "not a record");
    former_owner_commit(owner);
    former_owner_destroy(owner);
    member_create(&member, place.config);
    await(&member, is_stopped, JOIN_MS);
    assert_non_null(strstr(member.stopped_reason, "o:17"));
    assert_false(member.restored[0]);
    assert_int_equal(member.lost_jobs, 0);
    member_close(&member);
    place_destroy(&place);
}

void a_partition_without_state_is_stopped_with_the_command_that_mends_it(void **state)
{
    (void)state;
    struct place place;
    struct member member;
    place_create(&place, 2, 1);
    member_create(&member, place.config);
    await(&member, is_stopped, JOIN_MS);
    assert_non_null(strstr(member.stopped_reason, "backscribe check --create-topics"));
    await(&member, owns_first, JOIN_MS); /* the other one works */
    assert_false(member.restored[1]);
    member_close(&member);
    place_destroy(&place);
}

static void add_partition(struct place *place, const char *topic)
{
    struct bs_error error = BS_NO_ERROR;
    if (bs_kafka_add_partitions(place->client, topic, 2, JOIN_MS, &error) != BS_OK) {
        fail_msg("%s", error.message);
    }
}

static bool state_has_two(struct member *const *members)
{
    return members[0]->state_partitions == 2;
}

void a_new_partition_is_taken_up_once_the_state_topic_has_it_too(void **state)
{
    (void)state;
    struct place place;
    struct member member;
    place_create(&place, 1, 1);
    member_create(&member, place.config);
    bs_kafka_divide(member.kafka, 1);
    await(&member, owns_first, JOIN_MS);
    assert_int_equal(member.divided_by[0], 0); /* the first of all to work here */
    assert_int_equal(member_commit(&member, member_transaction(&member, "one", 3, 0, 1)),
                     BS_TRANSACTION_COMMITTED);
    add_partition(&place, place.config->topics.jobs);
    await(&member, is_stopped, JOIN_MS);
    assert_int_equal(member.jobs_partitions, 2);
    add_partition(&place, place.config->topics.state);
    await(&member, state_has_two, JOIN_MS);
    assert_false(member.restored[1]); /* the quota is not divided by it yet */
    bs_kafka_divide(member.kafka, 2);
    await(&member, owns_both, JOIN_MS);
    assert_int_equal(member.divided_by[1], 1);
    /* What the first tells does not change: it was there before the growth. */
    assert_int_equal(member_commit(&member, member_transaction(&member, "two", 3, 0, 2)),
                     BS_TRANSACTION_COMMITTED);
    member_close(&member);
    member_create(&member, place.config);
    await(&member, owns_both, JOIN_MS);
    assert_int_equal(member.divided_by[1], 1);
    member_close(&member);
    place_destroy(&place);
}

static bool looked_again(struct member *const *members)
{
    return members[0]->looked[0] == 420;
}

void under_a_budget_a_restore_tells_what_all_partitions_were_billed(void **state)
{
    (void)state;
    struct place place;
    struct member member;
    place_create(&place, 2, 2);
    struct bs_config *config = place_config(&place, "limits.billed_hours=24");
    member_create(&member, config);
    await(&member, owns_both, JOIN_MS);
    assert_int_equal(member.billed[0], -1);
    assert_int_equal(member_commit(&member, member_transaction(&member, "one", 3, 0, 7)),
                     BS_TRANSACTION_COMMITTED);
    await(&member, looked_again, JOIN_MS); /* and what others spend meanwhile is told too */
    member_close(&member);
    member_create(&member, config);
    await(&member, owns_both, JOIN_MS);
    assert_int_equal(member.billed[0], 420); /* as member_transaction writes it */
    assert_int_equal(member.billed[1], -1);
    member_close(&member);
    bs_config_free(config);
    place_destroy(&place);
}

void jobs_deleted_before_they_were_read_stop_their_partition(void **state)
{
    (void)state;
    struct place place;
    struct member member;
    place_create(&place, 1, 1);
    others_add_jobs(&place, 0, 0, 100);
    others_delete_jobs(&place, 0, 60);
    struct former_owner *owner = former_owner_create(&place, 10000);
    former_owner_begin(owner);
    former_owner_offset(owner, 0, 10);
    former_owner_commit(owner);
    former_owner_destroy(owner);
    member_create(&member, place.config);
    await(&member, is_stopped, JOIN_MS);
    assert_int_equal(member.lost_jobs, 50);
    assert_int_equal(member.log_start[0], 60);
    assert_int_equal(member.jobs, 0);
    member_close(&member);
    place_destroy(&place);
}
