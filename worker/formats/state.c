#include "formats/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/job_pack.h"
#include "state.pb-c.h"

#define OPERATION_ID_LENGTH_MAX 200
#define STAGED_VERSION          2
#define BUDGET_VERSION          3

typedef Backscribe__State__V1__Record packed_record;
typedef Backscribe__State__V1__Operation packed_operation;
typedef Backscribe__State__V1__Ledger packed_ledger;
typedef Backscribe__State__V1__Control packed_control;

/* ---- keys ---------------------------------------------------------------------------------------
 */

void bs_state_key_operation(int64_t offset, char key[BS_STATE_KEY_SIZE])
{
    (void)snprintf(key, BS_STATE_KEY_SIZE, "o:%" PRId64, offset);
}

void bs_state_key_id(const uint8_t id_hash[BS_ID_HASH_SIZE], char key[BS_STATE_KEY_SIZE])
{
    static const char hex[] = "0123456789abcdef";
    char *at = key;
    *at++ = 'i';
    *at++ = ':';
    for (size_t i = 0; i < BS_ID_HASH_SIZE; i++) {
        *at++ = hex[id_hash[i] >> 4];
        *at++ = hex[id_hash[i] & 15];
    }
    *at = '\0';
}

void bs_state_key_control(char key[BS_STATE_KEY_SIZE])
{
    (void)snprintf(key, BS_STATE_KEY_SIZE, "c");
}

/* Decimal digits without a leading zero. */
static bool parse_offset(const uint8_t *text, size_t size, int64_t *offset)
{
    if (size == 0 || size > 18 || (size > 1 && text[0] == '0')) {
        return false;
    }
    *offset = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        *offset = *offset * 10 + (text[i] - '0');
    }
    return true;
}

static int hex_digit(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_hash(const uint8_t *text, size_t size, uint8_t hash[BS_ID_HASH_SIZE])
{
    if (size != 2 * BS_ID_HASH_SIZE) {
        return false;
    }
    for (size_t i = 0; i < BS_ID_HASH_SIZE; i++) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        hash[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* ---- encoding -----------------------------------------------------------------------------------
 */

static void pack_record(packed_record *record, struct bs_buffer *out)
{
    bool staged = record->kind_case == BACKSCRIBE__STATE__V1__RECORD__KIND_OPERATION &&
                  record->operation->staged;
    bool budget = record->kind_case == BACKSCRIBE__STATE__V1__RECORD__KIND_CONTROL &&
                  record->control->has_budget_partitions;
    record->version = budget ? BUDGET_VERSION : staged ? STAGED_VERSION : 1;
    size_t size = backscribe__state__v1__record__get_packed_size(record);
    (void)backscribe__state__v1__record__pack(record, bs_buffer_extend(out, size));
}

/* A moment or count that is 0 is left out. */
#define FILL(member, number)                                                                       \
    do {                                                                                           \
        packed.has_##member = (number) > 0;                                                        \
        packed.member = (number);                                                                  \
    } while (0)

static uint64_t moment(bs_wall_ms when)
{
    return when > 0 ? (uint64_t)when : 0;
}

void bs_state_encode_operation(const struct bs_operation *operation, struct bs_buffer *out)
{
    packed_operation packed = BACKSCRIBE__STATE__V1__OPERATION__INIT;
    packed.job.data = operation->job; /* packing only reads */
    packed.job.len = operation->job_size;
    packed.id_hash.data = (uint8_t *)(uintptr_t)operation->id_hash;
    packed.id_hash.len = BS_ID_HASH_SIZE;
    packed.fingerprint = operation->fingerprint;
    FILL(id_given, operation->id_given);
    FILL(force, operation->force);
    FILL(deferred, operation->deferred);
    FILL(audio_seconds, (double)operation->audio_seconds);
    FILL(channels, operation->channels);
    FILL(deadline_ms, moment(operation->deadline));
    FILL(received_ms, moment(operation->received));
    FILL(number, operation->number);
    FILL(submissions, operation->submissions);
    FILL(submissions_unknown, operation->submissions_unknown);
    FILL(checks, operation->checks);
    FILL(submitted_ms, moment(operation->submitted));
    FILL(created_ms, moment(operation->created));
    FILL(modified_ms, moment(operation->modified));
    FILL(staged, operation->staged);
    packed.operation_id = operation->accepted ? operation->operation_id : NULL;

    packed_record record = BACKSCRIBE__STATE__V1__RECORD__INIT;
    record.kind_case = BACKSCRIBE__STATE__V1__RECORD__KIND_OPERATION;
    record.operation = &packed;
    pack_record(&record, out);
}

void bs_state_encode_done(struct bs_buffer *out)
{
    Backscribe__State__V1__Done done = BACKSCRIBE__STATE__V1__DONE__INIT;
    packed_record record = BACKSCRIBE__STATE__V1__RECORD__INIT;
    record.kind_case = BACKSCRIBE__STATE__V1__RECORD__KIND_DONE;
    record.done = &done;
    pack_record(&record, out);
}

void bs_state_encode_id(int64_t offset, bs_wall_ms ended, uint64_t fingerprint,
                        struct bs_buffer *out)
{
    Backscribe__State__V1__PaidId id = BACKSCRIBE__STATE__V1__PAID_ID__INIT;
    id.offset = (uint64_t)offset;
    id.ended_ms = moment(ended);
    id.fingerprint = fingerprint;
    packed_record record = BACKSCRIBE__STATE__V1__RECORD__INIT;
    record.kind_case = BACKSCRIBE__STATE__V1__RECORD__KIND_PAID_ID;
    record.paid_id = &id;
    pack_record(&record, out);
}

/* A ledger's packed form and the arrays that it points at. */
struct ledger_draft {
    packed_ledger packed;
    uint32_t steps[BS_LEDGER_ENTRIES];
    uint64_t spent[BS_LEDGER_ENTRIES];
};

/* NULL where nothing was ever spent: most partitions of a new group. */
static packed_ledger *draft_ledger(const struct bs_ledger *ledger, struct ledger_draft *draft)
{
    draft->packed = (packed_ledger)BACKSCRIBE__STATE__V1__LEDGER__INIT;
    draft->packed.slice_ms = (uint64_t)ledger->slice_ms;
    draft->packed.spent = draft->spent;
    draft->packed.steps = draft->steps;
    for (int32_t i = 0; i < ledger->count; i++) {
        draft->spent[i] = (uint64_t)ledger->spent[i];
        if (i > 0) {
            draft->steps[i - 1] = (uint32_t)(ledger->slice[i] - ledger->slice[i - 1]);
        }
    }
    if (ledger->count > 0) {
        draft->packed.has_first_slice = true;
        draft->packed.first_slice = (uint64_t)ledger->slice[0];
        draft->packed.n_spent = (size_t)ledger->count;
        draft->packed.n_steps = (size_t)ledger->count - 1;
    }
    return ledger->count == 0 && ledger->slice_ms == 0 ? NULL : &draft->packed;
}

void bs_state_encode_control(const struct bs_control *control, const char *group,
                             struct bs_buffer *out)
{
    struct ledger_draft drafts[BS_QUOTA_KINDS];
    packed_control packed = BACKSCRIBE__STATE__V1__CONTROL__INIT;
    packed.group = (char *)(uintptr_t)group;
    packed.watermark = control->watermark;
    packed.published = control->published;
    packed.has_asked_until_ms = control->asked_until > 0;
    packed.asked_until_ms = control->asked_until > 0 ? (uint64_t)control->asked_until : 0;
    packed.has_billed_total_seconds = control->billed_total > 0;
    packed.billed_total_seconds = control->billed_total > 0 ? (uint64_t)control->billed_total : 0;
    packed.has_budget_partitions = control->budget_parts > 0;
    packed.budget_partitions = (uint32_t)control->budget_parts;
    packed.submissions =
        draft_ledger(&control->ledgers[BS_QUOTA_SUBMISSIONS], &drafts[BS_QUOTA_SUBMISSIONS]);
    packed.checks = draft_ledger(&control->ledgers[BS_QUOTA_CHECKS], &drafts[BS_QUOTA_CHECKS]);
    packed.billed_seconds =
        draft_ledger(&control->ledgers[BS_QUOTA_BILLED_SECONDS], &drafts[BS_QUOTA_BILLED_SECONDS]);

    packed_record record = BACKSCRIBE__STATE__V1__RECORD__INIT;
    record.kind_case = BACKSCRIBE__STATE__V1__RECORD__KIND_CONTROL;
    record.control = &packed;
    pack_record(&record, out);
}

/* ---- decoding -----------------------------------------------------------------------------------
 */

static bool unreadable(struct bs_error *error, const char *reason)
{
    (void)bs_error_set(error, BS_ERROR_INVALID, "a state record cannot be read: %s", reason);
    return false;
}

/* The version stands first whatever else a later version changes. 0 = there is none. */
static uint64_t leading_version(struct bs_bytes value)
{
    uint64_t version = 0;
    if (value.size < 2 || value.data[0] != 0x08) {
        return 0;
    }
    for (size_t i = 1; i < value.size && i <= 5; i++) {
        version |= (uint64_t)(value.data[i] & 0x7f) << (7 * (i - 1));
        if (value.data[i] < 0x80) {
            return version;
        }
    }
    return 0;
}

static bool is_packed_job(const ProtobufCBinaryData *bytes)
{
    struct bs_job job;
    if (bytes->len > UINT32_MAX || !bs_job_unpack(bytes->data, bytes->len, &job)) {
        return false;
    }
    bs_job_free(&job);
    return true;
}

static bool is_printable(const char *text, size_t least, size_t most)
{
    size_t length = strnlen(text, most + 1);
    for (size_t i = 0; i < length; i++) {
        if (text[i] < ' ' || text[i] > '~') {
            return false;
        }
    }
    return length >= least && length <= most;
}

/* Whether every number fits where core keeps it, and the id where it is shown. */
static bool is_sane(const packed_operation *packed)
{
    const uint64_t moments[] = {packed->deadline_ms, packed->received_ms, packed->submitted_ms,
                                packed->created_ms, packed->modified_ms};
    for (size_t i = 0; i < sizeof moments / sizeof moments[0]; i++) {
        if (moments[i] > INT64_MAX / 2) {
            return false;
        }
    }
    return packed->id_hash.len == BS_ID_HASH_SIZE && packed->audio_seconds >= 0 &&
           packed->audio_seconds <= BS_JOB_SECONDS_MAX && packed->channels <= UINT16_MAX &&
           packed->submissions <= UINT16_MAX && packed->submissions_unknown <= UINT16_MAX &&
           packed->checks <= UINT16_MAX &&
           (packed->operation_id == NULL ||
            is_printable(packed->operation_id, 1, OPERATION_ID_LENGTH_MAX));
}

static bool take_operation(const packed_operation *packed, int64_t offset,
                           struct bs_state_record *record, struct bs_error *error)
{
    if (!is_sane(packed)) {
        return unreadable(error, "an operation's number or id is out of its range");
    }
    if (!is_packed_job(&packed->job)) {
        return unreadable(error, "an operation's job is damaged");
    }
    record->kind = BS_STATE_OPERATION;
    record->operation = (struct bs_restored_operation){
        .offset = offset,
        .job = packed->job.data,
        .job_size = packed->job.len,
        .fingerprint = packed->fingerprint,
        .id_given = packed->id_given,
        .force = packed->force,
        .deferred = packed->deferred,
        .accepted = packed->operation_id != NULL,
        .staged = packed->staged,
        .audio_seconds = packed->audio_seconds,
        .channels = packed->channels == 0 ? 1 : (int32_t)packed->channels,
        .submissions = (int32_t)packed->submissions,
        .submissions_unknown = (int32_t)packed->submissions_unknown,
        .checks = (int32_t)packed->checks,
        .number = packed->number,
        .deadline = (bs_wall_ms)packed->deadline_ms,
        .received = (bs_wall_ms)packed->received_ms,
        .submitted = (bs_wall_ms)packed->submitted_ms,
        .created = (bs_wall_ms)packed->created_ms,
        .modified = (bs_wall_ms)packed->modified_ms,
        .operation_id = packed->operation_id,
    };
    memcpy(record->operation.id_hash, packed->id_hash.data, BS_ID_HASH_SIZE);
    return true;
}

static bool take_ledger(const packed_ledger *packed, struct bs_ledger *ledger)
{
    if (packed == NULL) {
        return true;
    }
    size_t count = packed->n_spent;
    if (count > BS_LEDGER_ENTRIES || packed->n_steps != (count == 0 ? 0 : count - 1) ||
        (count > 0 && packed->slice_ms == 0) || packed->slice_ms > INT64_MAX / 2 ||
        packed->first_slice > INT64_MAX / 2) {
        return false;
    }
    ledger->slice_ms = (int64_t)packed->slice_ms;
    ledger->count = (int32_t)count;
    int64_t slice = (int64_t)packed->first_slice;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && packed->steps[i - 1] == 0) {
            return false;
        }
        slice += i > 0 ? packed->steps[i - 1] : 0;
        if (packed->spent[i] > INT64_MAX / BS_LEDGER_ENTRIES) {
            return false;
        }
        ledger->slice[i] = slice;
        ledger->spent[i] = (int64_t)packed->spent[i];
    }
    return true;
}

static bool take_control(const packed_control *packed, struct bs_state_record *record,
                         struct bs_error *error)
{
    struct bs_control *control = &record->control;
    if (!is_printable(packed->group, 0, sizeof record->group - 1)) {
        return unreadable(error, "the control record's group is no group's name");
    }
    if (packed->watermark < -1 || packed->published < -1) {
        return unreadable(error, "the control record's watermarks are out of their range");
    }
    if (!take_ledger(packed->submissions, &control->ledgers[BS_QUOTA_SUBMISSIONS]) ||
        !take_ledger(packed->checks, &control->ledgers[BS_QUOTA_CHECKS]) ||
        !take_ledger(packed->billed_seconds, &control->ledgers[BS_QUOTA_BILLED_SECONDS])) {
        return unreadable(error, "a ledger of the control record is damaged");
    }
    if (packed->billed_total_seconds > INT64_MAX / BS_LEDGER_ENTRIES ||
        packed->budget_partitions > INT32_MAX) {
        return unreadable(error, "the control record's budget is out of its range");
    }
    control->billed_total = (int64_t)packed->billed_total_seconds;
    control->budget_parts = (int32_t)packed->budget_partitions;
    record->kind = BS_STATE_CONTROL;
    (void)snprintf(record->group, sizeof record->group, "%s", packed->group);
    control->watermark = packed->watermark;
    control->published = packed->published;
    /* No check depends on it being right: one that cannot be is as none. */
    bool possible = packed->has_asked_until_ms && packed->asked_until_ms <= INT64_MAX / 2;
    control->asked_until = possible ? (bs_wall_ms)packed->asked_until_ms : 0;
    return true;
}

static bool take_id(const Backscribe__State__V1__PaidId *packed, struct bs_state_record *record,
                    struct bs_error *error)
{
    if (packed->offset > INT64_MAX || packed->ended_ms > INT64_MAX / 2) {
        return unreadable(error, "a remembered id's number is out of its range");
    }
    record->kind = BS_STATE_ID;
    record->id.fingerprint = packed->fingerprint;
    record->id.offset = (int64_t)packed->offset;
    record->id.ended = (bs_wall_ms)packed->ended_ms;
    return true;
}

/* The body must be of the kind that its key names. */
static bool take_body(struct bs_bytes key, const packed_record *packed,
                      struct bs_state_record *record, struct bs_error *error)
{
    static const char mismatch[] = "its key and its kind do not fit";
    const uint8_t *rest = key.data + 2;
    size_t rest_size = key.size < 2 ? 0 : key.size - 2;
    int64_t offset;
    if (key.size == 1 && key.data[0] == 'c') {
        return packed->kind_case == BACKSCRIBE__STATE__V1__RECORD__KIND_CONTROL
                   ? take_control(packed->control, record, error)
                   : unreadable(error, mismatch);
    }
    if (key.size > 2 && memcmp(key.data, "i:", 2) == 0 &&
        parse_hash(rest, rest_size, record->id.id_hash)) {
        return packed->kind_case == BACKSCRIBE__STATE__V1__RECORD__KIND_PAID_ID
                   ? take_id(packed->paid_id, record, error)
                   : unreadable(error, mismatch);
    }
    if (key.size > 2 && memcmp(key.data, "o:", 2) == 0 && parse_offset(rest, rest_size, &offset)) {
        if (packed->kind_case == BACKSCRIBE__STATE__V1__RECORD__KIND_OPERATION) {
            return take_operation(packed->operation, offset, record, error);
        }
        record->kind = BS_STATE_DONE;
        record->operation.offset = offset;
        return packed->kind_case == BACKSCRIBE__STATE__V1__RECORD__KIND_DONE ||
               unreadable(error, mismatch);
    }
    return unreadable(error, "its key is none of ours");
}

bool bs_state_decode(struct bs_bytes key, struct bs_bytes value, struct bs_state_record *record,
                     struct bs_error *error)
{
    *record = (struct bs_state_record){0};
    uint64_t version = leading_version(value);
    if (version > BS_STATE_VERSION) {
        (void)bs_error_set(error, BS_ERROR_INVALID,
                           "a state record has version %" PRIu64 ": this worker knows up to %d, a "
                           "newer backscribe has written it",
                           version, BS_STATE_VERSION);
        return false;
    }
    if (version == 0 || key.data == NULL) {
        return unreadable(error, "it does not begin as one");
    }
    packed_record *packed = backscribe__state__v1__record__unpack(NULL, value.size, value.data);
    if (packed == NULL) {
        return unreadable(error, "it is cut or damaged");
    }
    record->storage = packed;
    if (!take_body(key, packed, record, error)) {
        bs_state_record_free(record);
        return false;
    }
    return true;
}

void bs_state_record_free(struct bs_state_record *record)
{
    if (record->storage != NULL) {
        backscribe__state__v1__record__free_unpacked(record->storage, NULL);
    }
    record->storage = NULL;
}
