/* A record of the state topic: the key, a newline, the value. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/dead_letter.h"
#include "formats/state.h"
#include "fuzz.h"

static void check_moment(bs_wall_ms moment)
{
    BS_ASSERT(moment >= 0 && moment <= INT64_MAX / 2);
}

/* The form in which core hands it back to be written. */
static struct bs_operation as_core_keeps_it(const struct bs_restored_operation *restored)
{
    struct bs_operation operation = {
        .offset = restored->offset,
        .job = (uint8_t *)(uintptr_t)restored->job,
        .job_size = (uint32_t)restored->job_size,
        .fingerprint = restored->fingerprint,
        .id_given = restored->id_given,
        .force = restored->force,
        .deferred = restored->deferred,
        .accepted = restored->accepted,
        .audio_seconds = (float)restored->audio_seconds,
        .channels = (uint16_t)restored->channels,
        .submissions = (uint16_t)restored->submissions,
        .submissions_unknown = (uint16_t)restored->submissions_unknown,
        .checks = (uint16_t)restored->checks,
        .number = restored->number,
        .deadline = restored->deadline,
        .received = restored->received,
        .submitted = restored->submitted,
        .created = restored->created,
        .modified = restored->modified,
        .operation_id = (char *)(uintptr_t)restored->operation_id,
    };
    memcpy(operation.id_hash, restored->id_hash, BS_ID_HASH_SIZE);
    return operation;
}

static void check_operation(const struct bs_restored_operation *restored)
{
    struct bs_job job;
    BS_ASSERT(bs_job_unpack(restored->job, restored->job_size, &job));
    fuzz_check_job(&job);
    BS_ASSERT(restored->offset >= 0 && restored->channels >= 1);
    BS_ASSERT(restored->channels <= UINT16_MAX && restored->submissions <= UINT16_MAX);
    BS_ASSERT(restored->submissions_unknown <= UINT16_MAX && restored->checks <= UINT16_MAX);
    BS_ASSERT(isfinite(restored->audio_seconds) && restored->audio_seconds >= 0);
    BS_ASSERT(isfinite((float)restored->audio_seconds));
    BS_ASSERT(restored->accepted == (restored->operation_id != NULL));
    if (restored->accepted) {
        BS_ASSERT(fuzz_is_message(restored->operation_id, 201));
        BS_ASSERT(restored->operation_id[0] != '\0');
    }
    const bs_wall_ms moments[] = {restored->deadline, restored->received, restored->submitted,
                                  restored->created, restored->modified};
    for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
        check_moment(moments[i]);
    }
    bs_job_free(&job);
}

static void check_control(const struct bs_control *control)
{
    BS_ASSERT(control->watermark >= -1 && control->published >= -1);
    for (size_t kind = 0; kind < BS_QUOTA_KINDS; kind++) {
        const struct bs_ledger *ledger = &control->ledgers[kind];
        int64_t sum = 0;
        BS_ASSERT(ledger->count >= 0 && ledger->count <= BS_LEDGER_ENTRIES);
        BS_ASSERT(ledger->slice_ms >= 0 && (ledger->count == 0 || ledger->slice_ms > 0));
        for (int32_t i = 0; i < ledger->count; i++) {
            BS_ASSERT(i == 0 || ledger->slice[i] > ledger->slice[i - 1]);
            BS_ASSERT(ledger->slice[i] >= 0 && ledger->spent[i] >= 0);
            BS_ASSERT(!__builtin_add_overflow(sum, ledger->spent[i], &sum));
        }
    }
}

/* Writes what was read, under its own key. */
static void encode(const struct bs_state_record *record, char key[BS_STATE_KEY_SIZE],
                   struct bs_buffer *out)
{
    struct bs_operation operation;
    switch (record->kind) {
    case BS_STATE_OPERATION:
        operation = as_core_keeps_it(&record->operation);
        bs_state_key_operation(record->operation.offset, key);
        bs_state_encode_operation(&operation, out);
        break;
    case BS_STATE_DONE:
        bs_state_key_operation(record->operation.offset, key);
        bs_state_encode_done(out);
        break;
    case BS_STATE_ID:
        bs_state_key_id(record->id.id_hash, key);
        bs_state_encode_id(record->id.offset, record->id.ended, record->id.fingerprint, out);
        break;
    case BS_STATE_CONTROL:
        bs_state_key_control(key);
        bs_state_encode_control(&record->control, record->group, out);
        break;
    }
}

/* Read, written, read and written again: the same key, and from then on the same bytes. */
static void check_stable(struct bs_bytes first_key, const struct bs_state_record *record)
{
    struct bs_state_record again;
    struct bs_error error = BS_NO_ERROR;
    struct bs_buffer once = {0}, twice = {0};
    char key[BS_STATE_KEY_SIZE], key_again[BS_STATE_KEY_SIZE];
    encode(record, key, &once);
    BS_ASSERT(strlen(key) == first_key.size && memcmp(key, first_key.data, first_key.size) == 0);
    BS_ASSERT(bs_state_decode((struct bs_bytes){(const uint8_t *)key, strlen(key)},
                              (struct bs_bytes){once.data, once.size}, &again, &error));
    BS_ASSERT(again.kind == record->kind);
    encode(&again, key_again, &twice);
    BS_ASSERT(strcmp(key, key_again) == 0);
    BS_ASSERT(once.size == twice.size && memcmp(once.data, twice.data, once.size) == 0);
    bs_state_record_free(&again);
    bs_buffer_free(&once);
    bs_buffer_free(&twice);
}

static void check_record(struct bs_bytes key, const struct bs_state_record *record)
{
    if (record->kind == BS_STATE_OPERATION) {
        check_operation(&record->operation);
    } else if (record->kind == BS_STATE_CONTROL) {
        BS_ASSERT(fuzz_is_utf8(record->group, strlen(record->group)));
        check_control(&record->control);
    } else if (record->kind == BS_STATE_ID) {
        BS_ASSERT(record->id.offset >= 0);
        check_moment(record->id.ended);
    } else {
        BS_ASSERT(record->kind == BS_STATE_DONE && record->operation.offset >= 0);
    }
    check_stable(key, record);
}

/* A version over ours is named, whatever else stands behind it. */
static void check_newer(struct bs_bytes value, const struct bs_error *error)
{
    if (value.size >= 2 && value.data[0] == 0x08 && value.data[1] > BS_STATE_VERSION &&
        value.data[1] < 0x80) {
        char version[32];
        (void)snprintf(version, sizeof version, "version %d:", value.data[1]);
        BS_ASSERT(strstr(error->message, version) != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bs_bytes rest = {.data = data, .size = size};
    struct bs_bytes key = fuzz_part(&rest, '\n');
    struct bs_bytes value = fuzz_copy(rest.data, rest.size);
    struct bs_state_record record;
    struct bs_error error = BS_NO_ERROR;
    fuzz_memory_begin();
    bool good = bs_state_decode(key, value, &record, &error);
    fuzz_memory_end(size, 200, 131072);
    if (good) {
        check_record(key, &record);
        bs_state_record_free(&record);
    } else {
        BS_ASSERT(error.code == BS_ERROR_INVALID);
        BS_ASSERT(fuzz_is_message(error.message, sizeof error.message) && error.message[0] != '\0');
        check_newer(value, &error);
    }
    fuzz_free(key);
    fuzz_free(value);
    return 0;
}
