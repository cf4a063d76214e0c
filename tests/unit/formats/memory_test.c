/* What an operation in flight costs, with everything that it points at: the packed job is formats',
 * the record around it core's. Resident memory is the process's own, not core's count of it. */
#include "fixture.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "formats/state.h"

#define OPERATIONS 100000
#define IDS        1000000

static const char job_of_300_bytes[] =
    "{\"id\":\"call-0000001\",\"audio\":{\"uri\":\"s3://recordings/2026/07/14/office-42/incoming/"
    "call-0000001-79161234567.ogg\",\"durationSeconds\":30,\"sizeBytes\":240000},"
    "\"labels\":{\"office\":\"42\",\"direction\":\"incoming\",\"queue\":\"second-line\","
    "\"agent\":\"0123456789\",\"customer\":\"0123456789abcdef\",\"day\":\"2026-07-14\"}}  ";

static size_t resident_bytes(void)
{
    (void)malloc_trim(0); /* what was freed before is not there to be taken unseen */
    size_t pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%zu %zu", &pages, &resident), 2);
    (void)fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static struct bs_event at(enum bs_event_kind kind)
{
    return (struct bs_event){.kind = kind, .now = {.mono = 1000, .wall = 1767225600000}};
}

/* As the state topic gives them back: the same records that acceptance leaves behind. */
static void take_up_operations(struct bs_core *core, const struct bs_job_event *job)
{
    struct bs_event event = at(BS_EVENT_ASSIGNED);
    event.partition = 0;
    uint32_t epoch = bs_core_step(core, &event).actions[0].epoch;
    for (int64_t offset = 0; offset < OPERATIONS; offset++) {
        event = at(BS_EVENT_RESTORED_OPERATION);
        event.restored = (struct bs_restored_operation){.epoch = epoch,
                                                        .offset = offset,
                                                        .job = job->job,
                                                        .job_size = job->job_size,
                                                        .id_given = true,
                                                        .accepted = true,
                                                        .audio_seconds = 30,
                                                        .channels = 1,
                                                        .submissions = 1,
                                                        .submitted = 1767225600000,
                                                        .operation_id = "e03b0123456789abcdef"};
        memcpy(event.restored.id_hash, &offset, sizeof offset);
        (void)bs_core_step(core, &event);
    }
    event = at(BS_EVENT_RESTORED);
    event.restore_ended.epoch = epoch;
    event.restore_ended.committed = OPERATIONS;
    (void)bs_core_step(core, &event);
}

static struct bs_core_options options_with_room(void)
{
    return (struct bs_core_options){.state_partitions = 1,
                                    .window_ms = 3600000,
                                    .submissions = 500,
                                    .checks = 2500,
                                    .billed_seconds_per_day = 36000000,
                                    .request_limit_ms = 30000,
                                    .in_flight = OPERATIONS * 2,
                                    .memory_bytes = (size_t)1 << 30,
                                    .connections = 64,
                                    .submissions_per_job = 3,
                                    .refusals_in_a_row = 20,
                                    .remembered_ids = 2 * IDS,
                                    .remember_ms = 259200000,
                                    .check_seconds_per_audio_minute = 10,
                                    .check_first_guess_seconds = 60};
}

static void an_operation_in_flight_takes_at_most_1_kib_for_a_300_byte_job(void **state)
{
    (void)state;
    assert_in_range(strlen(job_of_300_bytes), 295, 305);
    struct bs_config *config = fixture_config(NULL);
    struct fixture_job fixture;
    fixture_job_make(&fixture, config, job_of_300_bytes);
    struct bs_core_options options = options_with_room();
    struct bs_core *core = bs_core_create(&options);
    size_t before = resident_bytes();
    take_up_operations(core, &fixture.event);
    size_t grown = resident_bytes() - before;
    struct bs_view view;
    bs_core_view(core, at(BS_EVENT_TICK).now, &view);
    assert_int_equal(view.running + view.checking, OPERATIONS);
    print_message("%zu bytes of resident memory an operation, %zu by core's own count\n",
                  grown / OPERATIONS, view.memory_bytes / OPERATIONS);
    assert_in_range(view.memory_bytes / OPERATIONS, 300, 1024);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_in_range(grown / OPERATIONS, 300, 1024); /* sanitizers have memory of their own */
#endif
    bs_core_destroy(core, NULL);
    fixture_job_free(&fixture);
    bs_config_free(config);
}

/* `count` more of one partition, in an order of ends that is not that of their hashes. */
static void restore_ids(struct bs_core *core, uint32_t epoch, int64_t first, int64_t count)
{
    for (int64_t number = first; number < first + count; number++) {
        struct bs_event event = at(BS_EVENT_RESTORED_ID);
        event.id = (struct bs_restored_id){.epoch = epoch,
                                           .fingerprint = (uint64_t)number,
                                           .offset = number,
                                           .ended = event.now.wall - number * 7919 % IDS};
        memcpy(event.id.id_hash, &number, sizeof number);
        (void)bs_core_step(core, &event);
    }
}

static void expect_bytes_an_id(const struct bs_core *core, int64_t count, size_t before)
{
    size_t grown = resident_bytes() - before;
    struct bs_view view;
    bs_core_view(core, at(BS_EVENT_TICK).now, &view);
    assert_int_equal(view.remembered_ids, count);
    print_message("%zu bytes of resident memory a remembered id, %zu by core's own count, at "
                  "%lld ids\n",
                  grown / (size_t)count, view.memory_bytes / (size_t)count, (long long)count);
    assert_in_range(view.memory_bytes / (size_t)count, 40, 99);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_in_range(grown / (size_t)count, 40, 99); /* sanitizers have memory of their own */
#endif
}

static void a_remembered_id_takes_less_than_100_bytes_whatever_their_number(void **state)
{
    (void)state;
    struct bs_core_options options = options_with_room();
    struct bs_core *core = bs_core_create(&options);
    size_t before = resident_bytes();
    struct bs_event event = at(BS_EVENT_ASSIGNED);
    event.partition = 0;
    uint32_t epoch = bs_core_step(core, &event).actions[0].epoch;
    /* Just past a power of two, and at a million. */
    const int64_t few = (1 << 19) + 1;
    restore_ids(core, epoch, 0, few);
    expect_bytes_an_id(core, few, before);
    restore_ids(core, epoch, few, IDS - few);
    expect_bytes_an_id(core, IDS, before);
    event = at(BS_EVENT_RESTORED);
    event.restore_ended.epoch = epoch;
    event.restore_ended.committed = IDS;
    (void)bs_core_step(core, &event);
    expect_bytes_an_id(core, IDS, before);
    bs_core_destroy(core, NULL);
}

static void a_remembered_id_takes_less_than_100_bytes_in_the_state_topic(void **state)
{
    (void)state;
    uint8_t hash[BS_ID_HASH_SIZE];
    memset(hash, 0xff, sizeof hash);
    char key[BS_STATE_KEY_SIZE];
    bs_state_key_id(hash, key);
    struct bs_buffer value = {0};
    bs_state_encode_id(INT64_C(4000000000), INT64_C(1767225600000), UINT64_MAX, &value);
    print_message("a remembered id's record: %zu bytes of key, %zu of value\n", strlen(key),
                  value.size);
    assert_in_range(strlen(key) + value.size, 40, 99);
    bs_buffer_free(&value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_operation_in_flight_takes_at_most_1_kib_for_a_300_byte_job),
        cmocka_unit_test(a_remembered_id_takes_less_than_100_bytes_whatever_their_number),
        cmocka_unit_test(a_remembered_id_takes_less_than_100_bytes_in_the_state_topic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
