#include "member.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define TURN_MS  10
#define LIMIT_MS 15000

/* ---- place ---- */

static int32_t places_made;

struct bs_config *place_config(const struct place *place, const char *property)
{
    char text[2000];
    snprintf(
        text, sizeof(text),
        "{\"kafka\": {\"bootstrap.servers\": \"%s\"}, \"group\": \"%s\","
        "\"topics\": {\"jobs\": \"%s-jobs\", \"results\": \"%s-results\","
        "\"dead_letters\": \"%s-dead\", \"state\": \"%s-state\"},"
        "\"speechkit\": {\"auth\": {\"none\": true}, \"transcribe_url\": \"http://127.0.0.1:1\","
        "\"operation_url\": \"http://127.0.0.1:1\", \"iam_url\": \"http://127.0.0.1:1\"}}",
        getenv("BACKSCRIBE_TEST_KAFKA"), place->name, place->name, place->name, place->name,
        place->name);
    struct bs_config_errors errors = {0};
    struct bs_config *config =
        bs_config_parse(text, strlen(text), &property, property == NULL ? 0 : 1, &errors);
    if (config == NULL) {
        fail_msg("%s", errors.count > 0 ? errors.lines[0] : "no configuration");
    }
    return config;
}

static void make_topic(struct place *place, const char *topic, int32_t partitions)
{
    struct bs_error error = BS_NO_ERROR;
    if (bs_kafka_create_topic(place->client, topic, partitions, 1, NULL, 0, LIMIT_MS, &error) !=
        BS_OK) {
        fail_msg("%s", error.message);
    }
}

void place_create(struct place *place, int32_t partitions, int32_t state_partitions)
{
    snprintf(place->name, sizeof(place->name), "edge-%d-%d", (int)getpid(), ++places_made);
    place->config = place_config(place, NULL);
    struct bs_error error = BS_NO_ERROR;
    place->client = bs_kafka_client_create(place->config, &error);
    assert_non_null(place->client);
    make_topic(place, place->config->topics.jobs, partitions);
    make_topic(place, place->config->topics.results, 1);
    make_topic(place, place->config->topics.dead_letters, 1);
    make_topic(place, place->config->topics.state, state_partitions);
}

void place_destroy(struct place *place)
{
    bs_kafka_client_destroy(place->client);
    bs_config_free(place->config);
}

static bool count_message(void *context, int32_t partition, int64_t offset, int64_t timestamp,
                          const struct bs_message *message)
{
    (void)partition;
    (void)offset;
    (void)timestamp;
    (void)message;
    int64_t *count = context;
    (*count)++;
    return true;
}

int64_t place_count(struct place *place, const char *topic)
{
    int64_t count = 0;
    struct bs_error error = BS_NO_ERROR;
    const struct bs_kafka_reading reading = {
        .topic = topic, .message = count_message, .context = &count};
    if (bs_kafka_client_read(place->client, &reading, &error) != BS_OK) {
        fail_msg("%s", error.message);
    }
    return count;
}

/* ---- callbacks ---- */

static void on_assigned(void *context, int32_t partition)
{
    struct member *member = context;
    assert_true(!member->owned[partition] || member->stopped > 0);
    member->owned[partition] = true;
    member->restored[partition] = false;
    member->assigned_count++;
    member->epoch++;
    if (member->reject) {
        bs_kafka_reject(member->kafka, partition);
    } else {
        bs_kafka_restore(member->kafka, partition, member->epoch);
    }
}

static void on_revoked(void *context, int32_t partition)
{
    struct member *member = context;
    assert_true(member->owned[partition]);
    member->revoked_count++;
    member->revoking[partition] = true;
    if (!member->hold_revoke) {
        member->owned[partition] = false;
        member->revoking[partition] = false;
        bs_kafka_unassign(member->kafka, partition);
    }
}

static void on_lost(void *context, int32_t partition)
{
    struct member *member = context;
    assert_true(member->owned[partition]);
    member->owned[partition] = false;
    member->revoking[partition] = false;
    member->lost_count++;
}

static void on_group(void *context, bool joined)
{
    struct member *member = context;
    member->joined = joined;
}

static void on_job(void *context, int32_t partition, uint32_t epoch, int64_t offset,
                   int64_t timestamp, const struct bs_message *message)
{
    (void)epoch;
    struct member *member = context;
    assert_true(member->owned[partition]);
    assert_true(timestamp > 0);
    if (offset < member->next_offset[partition]) {
        member->out_of_order++;
    }
    member->next_offset[partition] = offset + 1;
    char text[64] = "";
    memcpy(text, message->value.data,
           message->value.size < sizeof(text) ? message->value.size : sizeof(text) - 1);
    if (member->jobs < MEMBER_JOBS) {
        member->job[member->jobs].partition = partition;
        member->job[member->jobs].offset = offset;
        member->job[member->jobs].number = strtoll(text + 4, NULL, 10); /* job-<n> */
    }
    member->jobs++;
}

static void on_end_of_partition(void *context, int32_t partition, uint32_t epoch, int64_t offset)
{
    (void)epoch;
    struct member *member = context;
    member->end_seen[partition] = offset;
}

static void on_stopped(void *context, int32_t partition, const char *reason, int64_t lost)
{
    (void)partition;
    struct member *member = context;
    member->stopped++;
    member->lost_jobs = lost;
    snprintf(member->stopped_reason, sizeof(member->stopped_reason), "%s", reason);
}

static void on_restored_record(void *context, int32_t partition, uint32_t epoch,
                               const struct bs_state_record *record)
{
    (void)partition;
    (void)epoch;
    struct member *member = context;
    if (member->records < MEMBER_RECORDS) {
        member->record[member->records].kind = record->kind;
        member->record[member->records].offset = record->operation.offset;
        member->record[member->records].submissions = (uint32_t)record->operation.submissions;
    }
    member->records++;
}

static void on_restored(void *context, int32_t partition, uint32_t epoch,
                        const struct bs_restore_end *end)
{
    struct member *member = context;
    member->restored[partition] = true;
    member->committed[partition] = end->committed;
    member->log_start[partition] = end->log_start;
    member->divided_by[partition] = end->divided_by;
    for (int32_t i = 0; i < end->billed_count; i++) {
        member->billed[i] = end->billed[i];
    }
    member->restore_seconds = end->seconds;
    member->next_offset[partition] = end->committed >= 0 ? end->committed : end->log_start;
    bs_kafka_consume(member->kafka, partition, epoch, member->next_offset[partition]);
}

static void on_transaction(void *context, enum bs_transaction_outcome outcome, const char *message)
{
    struct member *member = context;
    member->outcomes++;
    member->outcome = outcome;
    snprintf(member->outcome_text, sizeof(member->outcome_text), "%s", message);
}

static void on_published(void *context, int32_t partition, int64_t published, int64_t end)
{
    struct member *member = context;
    member->published[partition] = published;
    member->ends[partition] = end;
    member->published_seen[partition] = true;
}

static void on_fatal(void *context, const char *message)
{
    struct member *member = context;
    snprintf(member->fatal, sizeof(member->fatal), "%s", message);
}

static void on_topics(void *context, int32_t jobs_partitions, int32_t state_partitions)
{
    struct member *member = context;
    member->jobs_partitions = jobs_partitions;
    member->state_partitions = state_partitions;
}

static void on_billed(void *context, const int64_t *billed, int32_t count)
{
    struct member *member = context;
    for (int32_t i = 0; i < count && i < MEMBER_PARTITIONS; i++) {
        member->looked[i] = billed[i];
    }
}

static void on_trouble(void *context, const char *message)
{
    struct member *member = context;
    snprintf(member->trouble, sizeof(member->trouble), "%s", message);
}

static void on_closed(void *context)
{
    struct member *member = context;
    member->closed = true;
}

/* ---- member ---- */

static void on_turn_end(void *context, uint32_t events)
{
    (void)events;
    struct member *member = context;
    bs_loop_stop(member->loop);
}

static bool wants_jobs(void *context)
{
    const struct member *member = context;
    return member->wanted;
}

static void before_wait(void *context)
{
    struct member *member = context;
    if (bs_kafka_deliver(member->kafka, member->turn_limit, wants_jobs)) {
        bs_timer_set(member->timer, 0);
    }
}

void member_create(struct member *member, const struct bs_config *config)
{
    static const struct bs_kafka_callbacks callbacks = {
        .assigned = on_assigned,
        .revoked = on_revoked,
        .lost = on_lost,
        .group = on_group,
        .job = on_job,
        .end_of_partition = on_end_of_partition,
        .stopped = on_stopped,
        .restored_record = on_restored_record,
        .restored = on_restored,
        .transaction = on_transaction,
        .published = on_published,
        .topics = on_topics,
        .billed = on_billed,
        .fatal = on_fatal,
        .trouble = on_trouble,
        .closed = on_closed,
    };
    *member = (struct member){.wanted = true, .turn_limit = 100};
    memset(member->end_seen, -1, sizeof(member->end_seen));
    member->loop = bs_loop_create();
    member->timer = bs_timer_create(member->loop, on_turn_end, member);
    struct bs_error error = BS_NO_ERROR;
    member->kafka =
        bs_kafka_create(member->loop, config, MEMBER_PARTITIONS, &callbacks, member, &error);
    if (member->kafka == NULL) {
        fail_msg("%s", error.message);
    }
}

bool members_run(struct member *const *members, int32_t count, member_condition *reached,
                 int64_t limit_ms)
{
    bs_mono_ms until = bs_clock_now().mono + limit_ms;
    while (!reached(members)) {
        if (bs_clock_now().mono > until) {
            return false;
        }
        for (int32_t i = 0; i < count; i++) {
            bs_timer_set(members[i]->timer, bs_clock_now().mono + TURN_MS);
            bs_loop_run(members[i]->loop, before_wait, members[i]);
        }
    }
    return true;
}

bool member_run(struct member *member, member_condition *reached, int64_t limit_ms)
{
    return members_run(&member, 1, reached, limit_ms);
}

static bool is_closed(struct member *const *members)
{
    return members[0]->closed;
}

void member_close(struct member *member)
{
    bs_kafka_close(member->kafka);
    assert_true(member_run(member, is_closed, LIMIT_MS));
    member_destroy(member);
}

void member_destroy(struct member *member)
{
    bs_kafka_destroy(member->kafka);
    bs_timer_destroy(member->timer);
    bs_loop_destroy(member->loop);
}

struct bs_transaction *member_transaction(struct member *member, const void *value, size_t size,
                                          int32_t partition, int64_t offset)
{
    struct bs_transaction *transaction = bs_transaction_create(member->kafka);
    if (transaction == NULL) {
        return NULL;
    }
    const struct bs_header header = {"traceparent", {(const uint8_t *)"00-1", 4}};
    const struct bs_message result = {.key = {(const uint8_t *)"key", 3},
                                      .value = {value, size},
                                      .headers = &header,
                                      .header_count = 1};
    bs_transaction_add(transaction, BS_TOPIC_RESULTS, -1, &result);
    bs_transaction_add_offset(transaction, partition, offset, offset, 60 * offset);
    return transaction;
}

static int32_t outcomes_before;

static bool has_outcome(struct member *const *members)
{
    return members[0]->outcomes > outcomes_before;
}

enum bs_transaction_outcome member_commit(struct member *member, struct bs_transaction *transaction)
{
    assert_non_null(transaction);
    outcomes_before = member->outcomes;
    bs_transaction_submit(transaction);
    assert_true(member_run(member, has_outcome, 60000));
    return member->outcome;
}
