/* State records come back as they were written, and nothing that cannot be read is guessed at. */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "formats/state.h"

static const char job_text[] =
    "{\"id\":\"call-1\",\"audio\":{\"uri\":\"s3://recordings/2027/01/31/call-000001.ogg\"},"
    "\"labels\":{\"queue\":\"north\",\"agent\":\"17\"},\"note\":\"a job message of about three "
    "hundred bytes, such as an archive of calls has them: its labels and a remark make up most of "
    "it, and everything else comes from the defaults of the worker\"}";

static bool decode(const char *key, const struct bs_buffer *value, struct bs_state_record *record,
                   struct bs_error *error)
{
    return bs_state_decode(fixture_bytes(key),
                           (struct bs_bytes){.data = value->data, .size = value->size}, record,
                           error);
}

static void assert_unreadable(const char *key, const struct bs_buffer *value, const char *message)
{
    struct bs_state_record record;
    struct bs_error error;
    assert_false(decode(key, value, &record, &error));
    assert_string_equal(error.message, message);
}

static void an_operation_comes_back_whole_and_is_small(void **state)
{
    (void)state;
    struct bs_config *config = fixture_config(NULL);
    struct fixture_job fixture;
    fixture_job_make(&fixture, config, job_text);
    struct bs_operation *operation = &fixture.operation;
    memcpy(operation->id_hash, fixture.event.id_hash, BS_ID_HASH_SIZE);
    operation->fingerprint = fixture.event.fingerprint;
    operation->id_given = operation->force = operation->deferred = true;
    operation->audio_seconds = 61.5f;
    operation->channels = 2;
    operation->submissions_unknown = 3;
    operation->number = 70000;
    operation->deadline = 1800000000000;
    operation->created = 1700000002000;
    operation->modified = 1700000003000;
    struct bs_buffer value = {0};
    bs_state_encode_operation(operation, &value);
    assert_in_range(value.size, 1, 800);

    struct bs_state_record record;
    struct bs_error error;
    assert_true(decode("o:41", &value, &record, &error));
    assert_int_equal(record.kind, BS_STATE_OPERATION);
    const struct bs_restored_operation *restored = &record.operation;
    assert_int_equal(restored->offset, 41);
    assert_int_equal(restored->job_size, fixture.event.job_size);
    assert_memory_equal(restored->job, fixture.event.job, restored->job_size);
    assert_memory_equal(restored->id_hash, fixture.event.id_hash, BS_ID_HASH_SIZE);
    assert_true(restored->fingerprint == fixture.event.fingerprint);
    assert_true(restored->id_given && restored->force && restored->deferred && restored->accepted);
    assert_true(restored->audio_seconds > 61.4 && restored->audio_seconds < 61.6);
    assert_int_equal(restored->channels, 2);
    assert_int_equal(restored->submissions, 1);
    assert_int_equal(restored->submissions_unknown, 3);
    assert_int_equal(restored->checks, 2);
    assert_int_equal(restored->number, 70000);
    assert_int_equal(restored->deadline, 1800000000000);
    assert_int_equal(restored->received, 1700000000000);
    assert_int_equal(restored->submitted, 1700000001000);
    assert_int_equal(restored->created, 1700000002000);
    assert_int_equal(restored->modified, 1700000003000);
    assert_string_equal(restored->operation_id, "e03abc");
    bs_state_record_free(&record);
    bs_buffer_free(&value);
    fixture_job_free(&fixture);
    bs_config_free(config);
}

static void an_operation_not_yet_accepted_has_no_operation_id(void **state)
{
    (void)state;
    struct bs_config *config = fixture_config(NULL);
    struct fixture_job fixture;
    struct bs_buffer value = {0};
    struct bs_state_record record;
    struct bs_error error;
    fixture_job_make(&fixture, config, job_text);
    fixture.operation.accepted = false;
    fixture.operation.operation_id = NULL;
    bs_state_encode_operation(&fixture.operation, &value);
    assert_true(decode("o:0", &value, &record, &error));
    assert_false(record.operation.accepted);
    assert_null(record.operation.operation_id);
    assert_int_equal(record.operation.channels, 1);
    bs_state_record_free(&record);
    bs_buffer_free(&value);
    fixture_job_free(&fixture);
    bs_config_free(config);
}

static void done_and_remembered_ids_come_back(void **state)
{
    (void)state;
    struct bs_buffer value = {0};
    struct bs_state_record record;
    struct bs_error error;
    char key[BS_STATE_KEY_SIZE];
    bs_state_encode_done(&value);
    bs_state_key_operation(9007199254740993, key);
    assert_string_equal(key, "o:9007199254740993");
    assert_true(decode(key, &value, &record, &error));
    assert_int_equal(record.kind, BS_STATE_DONE);
    assert_int_equal(record.operation.offset, 9007199254740993);
    bs_state_record_free(&record);

    uint8_t hash[BS_ID_HASH_SIZE];
    for (size_t i = 0; i < sizeof hash; i++) {
        hash[i] = (uint8_t)(i * 17);
    }
    value.size = 0;
    bs_state_encode_id(41, 1700000000000, UINT64_MAX, &value);
    bs_state_key_id(hash, key);
    assert_string_equal(key, "i:00112233445566778899aabbccddeeff");
    assert_true(decode(key, &value, &record, &error));
    assert_int_equal(record.kind, BS_STATE_ID);
    assert_memory_equal(record.id.id_hash, hash, sizeof hash);
    assert_int_equal(record.id.offset, 41);
    assert_int_equal(record.id.ended, 1700000000000);
    assert_true(record.id.fingerprint == UINT64_MAX);
    bs_state_record_free(&record);
    bs_buffer_free(&value);
}

static void the_control_record_carries_watermarks_and_ledgers(void **state)
{
    (void)state;
    struct bs_control control = {.watermark = 1000, .published = 900, .asked_until = 1767225600000};
    struct bs_ledger *ledger = &control.ledgers[BS_QUOTA_CHECKS];
    ledger->slice_ms = 60000;
    ledger->count = BS_LEDGER_ENTRIES;
    for (int i = 0; i < BS_LEDGER_ENTRIES; i++) {
        ledger->slice[i] = 28333333 + (i < 64 ? i : 1000 * i);
        ledger->spent[i] = i % 2 == 0 ? 1 : 1000000000000;
    }
    control.ledgers[BS_QUOTA_SUBMISSIONS].slice_ms = 60000;
    struct bs_buffer value = {0};
    bs_state_encode_control(&control, "backscribe", &value);
    struct bs_state_record record;
    struct bs_error error;
    assert_true(decode("c", &value, &record, &error));
    assert_int_equal(record.kind, BS_STATE_CONTROL);
    assert_string_equal(record.group, "backscribe");
    assert_int_equal(record.control.watermark, 1000);
    assert_int_equal(record.control.published, 900);
    assert_int_equal(record.control.asked_until, 1767225600000);
    assert_memory_equal(record.control.ledgers, control.ledgers, sizeof control.ledgers);
    bs_state_record_free(&record);
    bs_buffer_free(&value);
}

/* An older worker would submit the recording in place of the copy, so it must not read it. */
static void an_operation_with_a_staged_copy_says_so_and_is_for_newer_workers_alone(void **state)
{
    (void)state;
    struct bs_config *config = fixture_config(NULL);
    struct fixture_job fixture;
    fixture_job_make(&fixture, config, job_text);
    for (int staged = 0; staged < 2; staged++) {
        struct bs_buffer value = {0};
        struct bs_state_record record;
        struct bs_error error;
        fixture.operation.staged = staged == 1;
        bs_state_encode_operation(&fixture.operation, &value);
        assert_int_equal(value.data[0], 0x08);
        assert_int_equal(value.data[1], 1 + staged);
        assert_true(decode("o:41", &value, &record, &error));
        assert_int_equal(record.operation.staged, staged);
        bs_state_record_free(&record);
        bs_buffer_free(&value);
    }
    fixture_job_free(&fixture);
    bs_config_free(config);
}

/* An older worker would spend without a budget, and forget what was spent. */
static void a_control_record_under_a_budget_is_for_newer_workers_alone(void **state)
{
    (void)state;
    for (int32_t parts = 0; parts < 13; parts += 12) {
        struct bs_control control = {.billed_total = 86400, .budget_parts = parts};
        struct bs_buffer value = {0};
        struct bs_state_record record;
        struct bs_error error;
        bs_state_encode_control(&control, "backscribe", &value);
        assert_int_equal(value.data[1], parts > 0 ? 3 : 1);
        assert_true(decode("c", &value, &record, &error));
        assert_int_equal(record.control.billed_total, 86400);
        assert_int_equal(record.control.budget_parts, parts);
        bs_state_record_free(&record);
        bs_buffer_free(&value);
    }
}

/* {version 1, control {group "g", watermark 0, published 0}}: nothing was ever billed. */
static void a_control_record_of_an_older_worker_has_spent_nothing(void **state)
{
    (void)state;
    static const uint8_t older[] = {0x08, 0x01, 0x2a, 0x07, 0x0a, 0x01,
                                    'g',  0x10, 0x00, 0x18, 0x00};
    struct bs_buffer value = {.data = (uint8_t *)(uintptr_t)older, .size = sizeof older};
    struct bs_state_record record;
    struct bs_error error;
    assert_true(decode("c", &value, &record, &error));
    assert_int_equal(record.control.billed_total, 0);
    assert_int_equal(record.control.budget_parts, 0);
    bs_state_record_free(&record);
}

static void a_newer_version_is_refused_by_its_number(void **state)
{
    (void)state;
    static const uint8_t newer[] = {0x08, 0xac, 0x02, 0xff, 0xff};
    struct bs_buffer value = {.data = (uint8_t *)(uintptr_t)newer, .size = sizeof newer};
    assert_unreadable(
        "o:1", &value,
        "a state record has version 300: this worker knows up to 3, a newer backscribe "
        "has written it");
}

static void a_key_that_does_not_fit_its_record_is_refused(void **state)
{
    (void)state;
    static const char mismatch[] = "a state record cannot be read: its key and its kind do not fit";
    static const char unknown[] = "a state record cannot be read: its key is none of ours";
    static const char *const strange[] = {"",
                                          "o:",
                                          "o:01",
                                          "o:-1",
                                          "o:1x",
                                          "o:9999999999999999999",
                                          "i:",
                                          "i:00112233445566778899aabbccddeef",
                                          "i:00112233445566778899AABBCCDDEEFF",
                                          "cc",
                                          "x:1"};
    struct bs_buffer value = {0};
    bs_state_encode_done(&value);
    assert_unreadable("c", &value, mismatch);
    assert_unreadable("i:00112233445566778899aabbccddeeff", &value, mismatch);
    for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++) {
        assert_unreadable(strange[i], &value, unknown);
    }
    bs_buffer_free(&value);
}

/* Whatever the bytes, decoding ends with a record or a reason, and without a fault. */
static void damaged_bytes_are_survived(void **state)
{
    (void)state;
    static const char *const keys[] = {"o:41", "c", "i:00112233445566778899aabbccddeeff"};
    struct bs_config *config = fixture_config(NULL);
    struct fixture_job fixture;
    struct bs_control control = {.ledgers = {{.slice_ms = 1000, .count = 2, .slice = {5, 6}}}};
    struct bs_buffer values[3] = {0};
    struct bs_random random = {.state = 7};
    fixture_job_make(&fixture, config, job_text);
    bs_state_encode_operation(&fixture.operation, &values[0]);
    bs_state_encode_control(&control, "group", &values[1]);
    bs_state_encode_id(1, 2, 3, &values[2]);
    for (int round = 0; round < 30000; round++) {
        const struct bs_buffer *whole = &values[round % 3];
        struct bs_buffer broken = {0};
        struct bs_state_record record;
        struct bs_error error;
        bs_buffer_append(&broken, whole->data, whole->size);
        for (int64_t i = bs_random_below(&random, 4); i >= 0; i--) {
            broken.data[bs_random_below(&random, (int64_t)broken.size)] =
                (uint8_t)bs_random_below(&random, 256);
        }
        broken.size =
            round % 5 == 0 ? (size_t)bs_random_below(&random, (int64_t)broken.size) : broken.size;
        if (decode(keys[round % 3], &broken, &record, &error)) {
            bs_state_record_free(&record);
        } else {
            assert_int_equal(error.code, BS_ERROR_INVALID);
            assert_null(record.storage);
        }
        bs_buffer_free(&broken);
    }
    for (size_t i = 0; i < 3; i++) {
        bs_buffer_free(&values[i]);
    }
    fixture_job_free(&fixture);
    bs_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_operation_comes_back_whole_and_is_small),
        cmocka_unit_test(an_operation_not_yet_accepted_has_no_operation_id),
        cmocka_unit_test(done_and_remembered_ids_come_back),
        cmocka_unit_test(the_control_record_carries_watermarks_and_ledgers),
        cmocka_unit_test(an_operation_with_a_staged_copy_says_so_and_is_for_newer_workers_alone),
        cmocka_unit_test(a_control_record_under_a_budget_is_for_newer_workers_alone),
        cmocka_unit_test(a_control_record_of_an_older_worker_has_spent_nothing),
        cmocka_unit_test(a_newer_version_is_refused_by_its_number),
        cmocka_unit_test(a_key_that_does_not_fit_its_record_is_refused),
        cmocka_unit_test(damaged_bytes_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
