/* The Kafka edge against a real broker (BACKSCRIBE_TEST_KAFKA names its bootstrap servers). Each
 * test has topics and a group of its own. */
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

bool owns_both(struct member *const *members)
{
    return members[0]->restored[0] && members[0]->restored[1];
}

bool owns_first(struct member *const *members)
{
    return members[0]->restored[0];
}

void await(struct member *member, member_condition *reached, int64_t limit_ms)
{
    if (!member_run(member, reached, limit_ms)) {
        fail_msg("not reached in %" PRId64 " ms; stopped: %s; trouble: %s; fatal: %s", limit_ms,
                 member->stopped_reason, member->trouble, member->fatal);
    }
}

static int64_t jobs_awaited;

static bool has_jobs(struct member *const *members)
{
    return members[0]->jobs >= jobs_awaited;
}

static void await_jobs(struct member *member, int64_t count)
{
    jobs_awaited = count;
    await(member, has_jobs, JOIN_MS);
    assert_int_equal(member->jobs, count);
}

static bool never(struct member *const *members)
{
    (void)members;
    return false;
}

bool is_stopped(struct member *const *members)
{
    return members[0]->stopped > 0;
}

/* ---- transactions ---- */

static void a_committed_transaction_is_seen_whole_and_only_once(void **state)
{
    (void)state;
    struct place place;
    struct member member;
    place_create(&place, 1, 1);
    member_create(&member, place.config);
    assert_null(member_transaction(&member, "early", 5, 0, 0)); /* no member yet: unfenced */
    await(&member, owns_first, JOIN_MS);
    assert_true(strlen(bs_kafka_member_id(member.kafka)) > 0);
    for (int64_t i = 0; i < 20; i++) {
        struct bs_transaction *transaction = member_transaction(&member, "text", 4, 0, i);
        const struct bs_message tombstone = {.key = {(const uint8_t *)"o:1", 3}};
        bs_transaction_add(transaction, BS_TOPIC_STATE, 0, &tombstone);
        const struct bs_message letter = {.value = {(const uint8_t *)"", 0}};
        bs_transaction_add(transaction, BS_TOPIC_DEAD_LETTERS, -1, &letter);
        assert_int_equal(member_commit(&member, transaction), BS_TRANSACTION_COMMITTED);
    }
    assert_int_equal(place_count(&place, place.config->topics.results), 20);
    assert_int_equal(place_count(&place, place.config->topics.dead_letters), 20);
    assert_int_equal(place_count(&place, place.config->topics.state), 20);
    assert_true(strlen(bs_kafka_cluster_id(member.kafka)) > 0);
    member_close(&member);
    place_destroy(&place);
}

static bool second_has_a_partition(struct member *const *members)
{
    return members[1]->assigned_count == 1 && members[0]->joined && members[0]->revoked_count == 1;
}

static void a_transaction_of_an_older_generation_is_aborted(void **state)
{
    (void)state;
    struct place place;
    struct member first;
    struct member second;
    place_create(&place, 2, 2);
    member_create(&first, place.config);
    await(&first, owns_both, JOIN_MS);
    struct bs_transaction *stale = member_transaction(&first, "stale", 5, 0, 1);
    assert_non_null(stale);
    member_create(&second, place.config);
    struct member *both[] = {&first, &second};
    assert_true(members_run(both, 2, second_has_a_partition, JOIN_MS));
    assert_int_equal(member_commit(&first, stale), BS_TRANSACTION_ABORTED);
    assert_true(strlen(first.outcome_text) > 0);
    assert_int_equal(place_count(&place, place.config->topics.results), 0);
    /* Built anew with the present generation it passes. */
    struct bs_transaction *fresh =
        member_transaction(&first, "fresh", 5, first.owned[0] ? 0 : 1, 1);
    assert_int_equal(member_commit(&first, fresh), BS_TRANSACTION_COMMITTED);
    assert_int_equal(place_count(&place, place.config->topics.results), 1);
    member_close(&first);
    member_close(&second);
    place_destroy(&place);
}

static void a_message_over_the_broker_s_limit_is_told_as_such(void **state)
{
    (void)state;
    struct place place;
    struct member member;
    place_create(&place, 1, 1);
    member_create(&member, place.config);
    await(&member, owns_first, JOIN_MS);
    size_t size = 3 * 1024 * 1024; /* the broker's default limit is 1 MiB */
    uint8_t *value = malloc(size);
    assert_non_null(value);
    for (size_t i = 0; i < size; i++) { /* does not compress */
        value[i] = (uint8_t)((i * 2654435761u) >> 13);
    }
    uint64_t seed = 1;
    for (size_t i = 0; i + 8 <= size; i += 8) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        memcpy(value + i, &seed, 8);
    }
    for (int i = 0; i < 2; i++) {
        struct bs_transaction *large = member_transaction(&member, value, size, 0, 1);
        assert_int_equal(member_commit(&member, large), BS_TRANSACTION_TOO_LARGE);
        struct bs_transaction *small = member_transaction(&member, value, 100, 0, 1);
        assert_int_equal(member_commit(&member, small), BS_TRANSACTION_COMMITTED);
    }
    assert_int_equal(place_count(&place, place.config->topics.results), 2);
    free(value);
    member_close(&member);
    place_destroy(&place);
}

static bool ends_are_published(struct member *const *members)
{
    return members[0]->published_seen[0] && members[0]->published_seen[1] &&
           members[0]->published[0] == 7;
}

static void the_published_watermark_is_read_back_for_every_partition(void **state)
{
    (void)state;
    struct place place;
    struct member member;
    place_create(&place, 2, 2);
    others_add_jobs(&place, 0, 0, 9);
    member_create(&member, place.config);
    bs_kafka_note_ends(member.kafka);
    await(&member, owns_both, JOIN_MS);
    struct bs_transaction *transaction = bs_transaction_create(member.kafka);
    assert_non_null(transaction);
    bs_transaction_add_offset(transaction, 0, 9, 7, 3600);
    assert_int_equal(member_commit(&member, transaction), BS_TRANSACTION_COMMITTED);
    await(&member, ends_are_published, JOIN_MS);
    assert_int_equal(member.ends[0], 9);
    assert_int_equal(member.ends[1], 0);
    assert_int_equal(member.published[1], -1);
    member_close(&member);
    place_destroy(&place);
}

/* ---- rebalances ---- */

static bool first_is_asked(struct member *const *members)
{
    return members[0]->revoked_count == 1;
}

static bool second_owns_one(struct member *const *members)
{
    return members[1]->restored[0] || members[1]->restored[1];
}

static void a_partition_is_handed_over_only_when_it_was_given_up(void **state)
{
    (void)state;
    struct place place;
    struct member first;
    struct member second;
    place_create(&place, 2, 2);
    others_add_jobs(&place, 0, 0, 100);
    others_add_jobs(&place, 1, 0, 100);
    member_create(&first, place.config);
    first.hold_revoke = true;
    await(&first, owns_both, JOIN_MS);
    await_jobs(&first, 200);
    member_create(&second, place.config);
    struct member *both[] = {&first, &second};
    assert_true(members_run(both, 2, first_is_asked, JOIN_MS));
    int32_t given = first.revoking[0] ? 0 : 1;
    /* While it is held nobody else gets it, and its transactions still pass. */
    assert_false(members_run(both, 2, second_owns_one, 8000));
    assert_int_equal(second.assigned_count, 0);
    struct bs_transaction *last = member_transaction(&first, "last", 4, given, 60);
    assert_int_equal(member_commit(&first, last), BS_TRANSACTION_COMMITTED);
    first.owned[given] = false;
    bs_kafka_unassign(first.kafka, given);
    assert_true(members_run(both, 2, second_owns_one, JOIN_MS));
    assert_true(second.owned[given]);
    assert_int_equal(second.committed[given], 60);
    await_jobs(&second, 40); /* from 60 on */
    assert_int_equal(first.lost_count, 0);
    assert_int_equal(first.out_of_order + second.out_of_order, 0);
    member_close(&second);
    first.hold_revoke = false;
    await(&first, owns_both, JOIN_MS); /* it comes back */
    member_close(&first);
    place_destroy(&place);
}

static void jobs_that_are_not_wanted_wait_and_come_later_in_order(void **state)
{
    (void)state;
    struct place place;
    struct member first;
    struct member second;
    place_create(&place, 2, 2);
    others_add_jobs(&place, 0, 0, 3000);
    others_add_jobs(&place, 1, 0, 3000);
    member_create(&first, place.config);
    first.wanted = false;
    await(&first, owns_both, JOIN_MS);
    assert_false(member_run(&first, never, 1000));
    assert_int_equal(first.jobs, 0);
    /* A few at a time, with another member coming and going, which pauses and resumes. */
    first.turn_limit = 7;
    first.wanted = true;
    jobs_awaited = 500;
    await(&first, has_jobs, JOIN_MS);
    first.wanted = false;
    int64_t delivered = first.jobs;
    assert_false(member_run(&first, never, 500));
    assert_int_equal(first.jobs, delivered);
    first.wanted = true;
    member_create(&second, place.config);
    second.reject = true;
    struct member *both[] = {&first, &second};
    assert_true(members_run(both, 2, second_has_a_partition, JOIN_MS));
    first.turn_limit = 100;
    assert_false(members_run(both, 2, never, 3000)); /* all of the one that is left to it */
    int32_t kept = first.owned[0] ? 0 : 1;
    assert_int_equal(first.next_offset[kept], 3000);
    assert_int_equal(first.end_seen[kept], 3000);
    assert_int_equal(first.out_of_order, 0);
    int64_t of_kept = 0;
    for (int64_t i = 0; i < first.jobs; i++) {
        assert_int_equal(first.job[i].offset, first.job[i].number);
        of_kept += first.job[i].partition == kept ? 1 : 0;
    }
    assert_int_equal(of_kept, 3000);
    assert_int_equal(second.jobs, 0); /* rejected: owned, and nothing of it delivered */
    member_close(&second);
    member_close(&first);
    place_destroy(&place);
}

static bool first_is_fatal(struct member *const *members)
{
    return members[0]->fatal[0] != '\0';
}

static void a_second_process_with_the_same_instance_id_fences_the_first(void **state)
{
    (void)state;
    struct place place;
    struct member first;
    struct member second;
    place_create(&place, 1, 1);
    struct bs_config *config = place_config(&place, "kafka.group.instance.id=pod-3");
    member_create(&first, config);
    await(&first, owns_first, JOIN_MS);
    struct bs_transaction *stale = member_transaction(&first, "old", 3, 0, 1);
    assert_non_null(stale);
    member_create(&second, config);
    await(&second, owns_first, JOIN_MS);
    struct member *both[] = {&first, &second};
    assert_true(members_run(both, 2, first_is_fatal, JOIN_MS));
    assert_non_null(strstr(first.fatal, "another process uses the instance id pod-3"));
    assert_int_not_equal(member_commit(&first, stale), BS_TRANSACTION_COMMITTED);
    struct bs_transaction *fresh = member_transaction(&second, "new", 3, 0, 1);
    assert_int_equal(member_commit(&second, fresh), BS_TRANSACTION_COMMITTED);
    assert_int_equal(place_count(&place, place.config->topics.results), 1);
    member_close(&second);
    member_close(&first);
    bs_config_free(config);
    place_destroy(&place);
}

static void a_consumer_closes_before_its_first_assignment(void **state)
{
    (void)state;
    struct place place;
    struct member member;
    place_create(&place, 1, 1);
    member_create(&member, place.config);
    member_close(&member);
    place_destroy(&place);
}

int main(int argc, char **argv)
{
    if (getenv("BACKSCRIBE_TEST_KAFKA") == NULL) {
        fprintf(stderr, "BACKSCRIBE_TEST_KAFKA must name the bootstrap servers of a broker\n");
        return 1;
    }
    if (argc > 1) {
        cmocka_set_test_filter(argv[1]);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_committed_transaction_is_seen_whole_and_only_once),
        cmocka_unit_test(a_transaction_of_an_older_generation_is_aborted),
        cmocka_unit_test(a_message_over_the_broker_s_limit_is_told_as_such),
        cmocka_unit_test(the_published_watermark_is_read_back_for_every_partition),
        cmocka_unit_test(a_partition_is_handed_over_only_when_it_was_given_up),
        cmocka_unit_test(jobs_that_are_not_wanted_wait_and_come_later_in_order),
        cmocka_unit_test(a_second_process_with_the_same_instance_id_fences_the_first),
        cmocka_unit_test(a_consumer_closes_before_its_first_assignment),
        cmocka_unit_test(a_restore_sees_the_newest_record_of_each_key),
        cmocka_unit_test(a_restore_waits_for_the_open_transaction_of_a_former_owner),
        cmocka_unit_test(a_restore_outlives_a_former_owner_that_died),
        cmocka_unit_test(a_record_that_cannot_be_read_stops_its_partition),
        cmocka_unit_test(a_partition_without_state_is_stopped_with_the_command_that_mends_it),
        cmocka_unit_test(a_new_partition_is_taken_up_once_the_state_topic_has_it_too),
        cmocka_unit_test(under_a_budget_a_restore_tells_what_all_partitions_were_billed),
        cmocka_unit_test(jobs_deleted_before_they_were_read_stop_their_partition),
        cmocka_unit_test(topics_are_made_described_and_grown),
        cmocka_unit_test(trying_the_rights_leaves_no_trace),
        cmocka_unit_test(messages_are_written_and_read_as_they_are),
        cmocka_unit_test(a_topic_is_read_from_a_time_and_from_offsets),
        cmocka_unit_test(the_group_s_progress_is_told_without_joining_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
