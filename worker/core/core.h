/* What core takes and gives: events in, actions out, next deadline.
 *
 * Core decides what happens to each job: when it is submitted, when its operation is asked about,
 * what goes into the next transaction. It has no clock, socket, thread or file: the outside hands
 * it one event at a time and performs the actions that the step returns, reporting each one's end
 * as a later event. The same events give the same actions.
 *
 * The way of a job:  intake -> probe -> submit -> check -> finish -> publish   (one file each)
 * Everything here belongs to one thread, the loop's. */
#ifndef BS_CORE_CORE_H
#define BS_CORE_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/list.h"
#include "base/time.h"

#define BS_ID_HASH_SIZE 16
#define BS_MESSAGE_MAX  400 /* an error's or notice's text; longer ones are cut */

/* ---- names that the outside sees ---------------------------------------------------------- */

enum bs_stage {
    BS_STAGE_INTAKE,
    BS_STAGE_PROBE,
    BS_STAGE_SUBMIT,
    BS_STAGE_CHECK,
    BS_STAGE_PUBLISH
};

enum bs_dead_letter_code {
    BS_DEAD_NONE,
    BS_DEAD_INVALID_JOB,
    BS_DEAD_ID_CONFLICT,
    BS_DEAD_UNSUPPORTED_AUDIO,
    BS_DEAD_AUDIO_TOO_LONG,
    BS_DEAD_AUDIO_TOO_LARGE,
    BS_DEAD_AUDIO_NOT_FOUND,
    BS_DEAD_AUDIO_FORBIDDEN,
    BS_DEAD_INVALID_ARGUMENT,
    BS_DEAD_RECOGNITION_FAILED,
    BS_DEAD_SUBMISSION_UNKNOWN,
    BS_DEAD_RESULT_EXPIRED,
    BS_DEAD_JOB_DEADLINE_PASSED,
    BS_DEAD_UNEXPECTED_RESPONSE,
    BS_DEAD_CODES
};

/* Why the worker is not ready; each has a section in docs/operating.md. */
enum bs_not_ready {
    BS_NOT_READY_GROUP,             /* the group is not joined */
    BS_NOT_READY_RESTORING,         /* state is being restored */
    BS_NOT_READY_CREDENTIALS,       /* 401 also after a refresh, or no credentials to be had */
    BS_NOT_READY_PERMISSION,        /* 403: a role is missing */
    BS_NOT_READY_ENDPOINT,          /* 404, 501: wrong URL */
    BS_NOT_READY_API_UNREACHABLE,   /* no answer, or 5xx, again and again */
    BS_NOT_READY_QUOTA,             /* the service says 429 again and again */
    BS_NOT_READY_CLOCK,             /* this machine's clock and the service's differ */
    BS_NOT_READY_REFUSALS,          /* the breaker: refusals in a row */
    BS_NOT_READY_BUDGET,            /* what waits is more than is left of limits.billed_hours */
    BS_NOT_READY_PARTITION_STOPPED, /* unreadable state, lost jobs, no state partition */
    BS_NOT_READY_TRANSCRIPT_STORE,  /* a result too large for a message has nowhere to go */
    BS_NOT_READY_RECORDINGS,        /* recordings cannot be looked into */
    BS_NOT_READY_STORE,             /* nothing can be written to the object store */
    BS_NOT_READY_KAFKA,             /* transactions do not succeed */
    BS_NOT_READY_STOPPING,
    BS_NOT_READY_REASONS
};

const char *bs_stage_name(enum bs_stage stage);
const char *bs_dead_letter_code_name(enum bs_dead_letter_code code);
const char *bs_not_ready_name(enum bs_not_ready reason);

/* ---- options -------------------------------------------------------------------------------- */

struct bs_core_options {
    uint64_t random_seed;     /* for jitter */
    int32_t state_partitions; /* P: what the fleet's quota is divided by; DIVIDED changes it */

    int64_t window_ms; /* quotas: at most this much in any window, fleet-wide */
    int64_t submissions;
    int64_t checks;
    int64_t billed_seconds_per_day;
    int64_t budget_seconds; /* billed ones of the fleet's whole life; 0 = no budget */
    int64_t lease_ms; /* the right to spend, from the cut of the batch that reserved the tokens and
                       * whose commit proved our membership; well below the session's time-out */
    int64_t request_limit_ms; /* a request's whole time limit, at the HTTP edge */

    int64_t in_flight; /* operations held at most, waiting ones included */
    size_t memory_bytes;
    int32_t connections; /* requests under way at most */
    int32_t submissions_per_job;
    int32_t refusals_in_a_row;
    int64_t remembered_ids;
    int64_t remember_ms;

    double check_seconds_per_audio_minute;
    double check_first_guess_seconds;
    bool dead_letter_unknown_submissions;

    int32_t object_tasks; /* what the object store is asked for at a time, about */
    bool staging;         /* recordings may be staged */
    bool transcripts;     /* there is a place for results that are too large for a message */
};

/* ---- operations ------------------------------------------------------------------------------ */

/* Names an operation for as long as it lives; a stale reference finds nothing. */
struct bs_operation_ref {
    uint32_t slot;
    uint32_t generation;
};

enum bs_operation_state {
    BS_OPERATION_FREE,
    BS_OPERATION_NEW,        /* to be looked into or staged, not before `due` */
    BS_OPERATION_PREPARING,  /* the object store works on it */
    BS_OPERATION_WAITING,    /* to be submitted, not before `due` */
    BS_OPERATION_SUBMITTING, /* the request is under way */
    BS_OPERATION_RUNNING,    /* accepted; to be asked about at `due` */
    BS_OPERATION_CHECKING,   /* the request is under way */
    BS_OPERATION_UNFINISHED, /* as ENDED, but the object store comes first, not before `due` */
    BS_OPERATION_FINISHING,  /* the object store works on it */
    BS_OPERATION_ENDED,      /* has a result or a dead letter, to be published */
    BS_OPERATION_DONE,       /* published; stands above the watermark, so its marker stays */
};

/* One job message's record. The outside reads it; only core writes it (operations.c moves it
 * between states). At most 1 KiB with everything it points at, for a 300-byte job. */
struct bs_operation {
    struct bs_link window; /* its partition's operations at or above the watermark, by offset */
    struct bs_link unpublished; /* its partition's operations not yet published, by offset */
    struct bs_link dirty;       /* waits for a transaction, or is in one */
    struct bs_operation_ref self;
    uint32_t next_by_offset; /* hash chains: slot + 1, 0 ends */
    uint32_t next_by_id;
    uint32_t schedule_place; /* index + 1 in the heap that its state belongs to, 0 = in none */
    int32_t partition;
    int64_t offset;
    bs_mono_ms due;

    uint8_t *job; /* the packed job (formats/state.h), opaque to core, owned */
    uint32_t job_size;
    uint8_t state;             /* enum bs_operation_state */
    uint8_t dead_letter_code;  /* enum bs_dead_letter_code; ENDED with NONE has a result */
    uint8_t dead_letter_stage; /* enum bs_stage */
    bool id_given : 1;         /* the job named its id (made-up ids are not remembered) */
    bool force : 1;
    bool deferred : 1;      /* a deferred-* model */
    bool recorded : 1;      /* its state record is committed */
    bool record_wanted : 1; /* what is in memory is newer than the record */
    bool in_batch : 1;
    bool omit_value : 1; /* dead letter too large to be written whole */
    bool accepted : 1;   /* operation_id is set: the service works, or worked, on it */
    bool urgent : 1;     /* its result may expire soon: asked about before all others */
    bool at_risk : 1;    /* accepted, and a kill now would have it submitted again: not recorded */
    bool probe_wanted : 1; /* not before it was looked into is it submitted */
    bool stage_wanted : 1; /* nor before it was staged */
    bool staged : 1; /* a copy of ours may stand in the store: deleted before it is published */
    bool store_wanted : 1; /* its payload fits no message: to be put to the store first */
    bool stored : 1;       /* its payload names what was put to the store */
    bool prepared : 1;     /* ahead of its submission, while it is WAITING */

    uint8_t id_hash[BS_ID_HASH_SIZE];
    uint32_t epoch;       /* of its partition's assignment */
    uint64_t fingerprint; /* of the recording and the specification */

    float audio_seconds;  /* 0 = unknown */
    uint16_t channels;    /* 1 where unknown */
    uint16_t submissions; /* accepted ones, the present one included */
    uint16_t submissions_unknown;
    uint16_t attempts;        /* requests since the last acceptance, for backoff */
    uint16_t object_attempts; /* of the present piece of work at the object store */
    uint16_t denials;         /* of its recording alone, in a row */
    uint16_t checks;          /* of the present operation */
    uint16_t odd_answers;     /* not understood, or not found, in a row */
    uint32_t billed_more;     /* seconds that its result shows it was charged too little */
    uint32_t number;          /* counts every submission made: the attempt in the idempotency key */
    bs_wall_ms deadline;      /* 0 = none */
    bs_wall_ms received;
    bs_wall_ms submitted; /* when the request that was accepted was sent */
    bs_wall_ms created;   /* the service's times; 0 = unknown */
    bs_wall_ms modified;
    bs_wall_ms detected;
    char *operation_id; /* NUL-terminated, owned; NULL before the first acceptance */
    char *message;      /* of the dead letter, owned */
    void *payload;      /* the result's bytes: the outside's, until RELEASE_PAYLOAD */
    size_t payload_size;
};

/* ---- events ---------------------------------------------------------------------------------- */

/* A job message, decoded. `refusal` other than NONE: it is a dead letter of the stage intake. */
struct bs_job_event {
    int32_t partition;
    uint32_t epoch;
    int64_t offset;
    const uint8_t *job; /* packed, copied by core */
    size_t job_size;
    uint8_t id_hash[BS_ID_HASH_SIZE];
    uint64_t fingerprint;
    bool id_given;
    bool force;
    bool deferred;
    bool probe_wanted;    /* its recording is to be looked into before it is submitted */
    double audio_seconds; /* 0 = unknown */
    int32_t channels;
    bs_wall_ms deadline; /* 0 = none */
    enum bs_dead_letter_code refusal;
    const char *refusal_message;
};

/* How a request to the service ended. */
enum bs_answer_kind {
    BS_ANSWER_RUNNING,        /* the operation exists and is not done (a submission: accepted) */
    BS_ANSWER_DONE,           /* it is done; for a check, `payload` is the result */
    BS_ANSWER_FAILED,         /* the operation carries an error: grpc_code, message */
    BS_ANSWER_ERROR,          /* the service refused the request: grpc_code, message */
    BS_ANSWER_UNREADABLE,     /* an answer of success that is not understood */
    BS_ANSWER_NOT_SENT,       /* the request surely did not reach the service */
    BS_ANSWER_LOST,           /* it may have reached it: no answer, or half of one */
    BS_ANSWER_NO_CREDENTIALS, /* not sent: there is no credential to send it with */
};

struct bs_answer {
    enum bs_answer_kind kind;
    int32_t grpc_code;             /* FAILED and ERROR; 2 (UNKNOWN) where none was told */
    int32_t http_status;           /* 0 = none */
    const char *message;           /* NULL or text for people, no secret; copied */
    const char *request_id;        /* the answer's x-request-id, or NULL */
    const char *trace_id;          /* the answer's x-server-trace-id, or NULL */
    const char *client_request_id; /* what we sent as x-client-request-id, or NULL */
    int64_t retry_after_ms;        /* 0 = not told */
    const char *operation_id;      /* a submission's RUNNING and DONE; copied */
    bs_wall_ms created;            /* 0 = not told */
    bs_wall_ms modified;
    void *payload; /* a check's DONE: core's until it answers with RELEASE_PAYLOAD */
    size_t payload_size;
    bool payload_too_large;  /* it would fit no message: to the store with it */
    double audio_seconds;    /* a check's DONE: where the result tells; 0 = unknown */
    int64_t billed_seconds;  /* a check's DONE: by the service's rule; 0 = unknown */
    int64_t billed_at_least; /* the same of what was heard to the last word, if that is more */
};

/* What the object store is asked to do for an operation. */
enum bs_object_work {
    BS_OBJECT_PROBE,   /* look into the recording: what it is, and whether the API would take it */
    BS_OBJECT_STAGE,   /* copy it without its header */
    BS_OBJECT_STORE,   /* put the payload, which is replaced by one that names it */
    BS_OBJECT_UNSTAGE, /* delete the copy */
    BS_OBJECT_WORKS
};

enum bs_object_outcome {
    BS_OBJECT_DONE,
    BS_OBJECT_REFUSED,   /* the recording is at fault: `refusal` */
    BS_OBJECT_TEMPORARY, /* another try may succeed */
    BS_OBJECT_DENIED,    /* credentials or rights: an operator must act */
    BS_OBJECT_OUTCOMES
};

struct bs_object_answer {
    enum bs_object_outcome outcome;
    enum bs_dead_letter_code refusal;
    const char *message; /* NULL or text for people, no secret; copied */
    /* DENIED and TEMPORARY: the store lets another object be read at this moment, so it is this
     * one's fault. */
    bool alone;
    /* PROBE, DONE: */
    const uint8_t *job; /* packed anew with what was found; copied; NULL = as it was */
    size_t job_size;
    bool stage_wanted;
    double audio_seconds; /* 0 = unknown */
    int32_t channels;
    /* STORE, DONE: in place of the operation's payload, which is released */
    void *payload;
    size_t payload_size;
};

enum bs_transaction_outcome {
    BS_TRANSACTION_COMMITTED,
    BS_TRANSACTION_ABORTED,   /* nothing of it counts; built anew from what is still owned */
    BS_TRANSACTION_TOO_LARGE, /* as aborted: the broker refuses one of the messages for its size */
    BS_TRANSACTION_FATAL,     /* fenced or broken: this process ends */
};

enum bs_event_kind {
    BS_EVENT_TICK,               /* time has passed (the deadline of the last step) */
    BS_EVENT_ASSIGNED,           /* .partition: owned from now on */
    BS_EVENT_RESTORED_OPERATION, /* .restored */
    BS_EVENT_RESTORED_DONE,      /* .restored: partition, epoch, offset */
    BS_EVENT_RESTORED_ID,        /* .id */
    BS_EVENT_RESTORED_CONTROL,   /* .control */
    BS_EVENT_RESTORED,           /* .restore_ended */
    BS_EVENT_PARTITION_STOPPED,  /* .stopped: not to be worked on until a person acts */
    BS_EVENT_REVOKED,            /* .partition: give it up in order, then UNASSIGN is asked for */
    BS_EVENT_LOST,               /* .partition: somebody else may own it already */
    BS_EVENT_JOB,                /* .job */
    BS_EVENT_END_OF_PARTITION,   /* .end: nothing unread below this offset */
    BS_EVENT_SUBMITTED,          /* .request, .answer */
    BS_EVENT_CHECKED,            /* .request, .answer */
    BS_EVENT_OBJECT,             /* .object */
    BS_EVENT_TRANSACTION,        /* .transaction */
    BS_EVENT_CREDENTIALS,        /* .credentials: read anew */
    BS_EVENT_GROUP,              /* .group_joined */
    BS_EVENT_DATE,               /* .date: what the service's clock says */
    BS_EVENT_DIVIDED,            /* .state_partitions: the state topic has so many now */
    BS_EVENT_BILLED,             /* .billed: what the group's offsets tell now */
    BS_EVENT_STOP,               /* take nothing more, finish what is under way, then STOPPED */
};

/* A state record as it was read: the fields of struct bs_operation that last. */
struct bs_restored_operation {
    int32_t partition;
    uint32_t epoch;
    int64_t offset;
    const uint8_t *job; /* copied */
    size_t job_size;
    uint8_t id_hash[BS_ID_HASH_SIZE];
    uint64_t fingerprint;
    bool id_given, force, deferred, accepted, staged;
    double audio_seconds;
    int32_t channels;
    int32_t submissions, submissions_unknown, checks;
    uint32_t number;
    bs_wall_ms deadline, received, submitted, created, modified;
    const char *operation_id; /* NULL unless accepted */
};

struct bs_restored_id {
    int32_t partition;
    uint32_t epoch;
    uint8_t id_hash[BS_ID_HASH_SIZE];
    uint64_t fingerprint;
    int64_t offset;
    bs_wall_ms ended;
};

/* The quota ledger of one partition: what it spent, and what its owner has reserved to spend, by
 * sixtieths of the window. */
enum bs_quota_kind {
    BS_QUOTA_SUBMISSIONS,
    BS_QUOTA_CHECKS,
    BS_QUOTA_BILLED_SECONDS,
    BS_QUOTA_KINDS,                   /* those of a window, each with a ledger */
    BS_QUOTA_BUDGET = BS_QUOTA_KINDS, /* billed seconds of the fleet's whole life: has a total */
    BS_TOKEN_KINDS
};

#define BS_LEDGER_ENTRIES 128

struct bs_ledger {
    int64_t slice_ms; /* a sixtieth of the window, at least 1 s */
    int32_t count;
    int64_t slice[BS_LEDGER_ENTRIES]; /* the service's time / slice_ms, ascending */
    int64_t spent[BS_LEDGER_ENTRIES];
};

/* The control record: one a partition, in every transaction that touches it. */
struct bs_control {
    int64_t watermark; /* lowest job offset that neither a record nor an end covers */
    int64_t published; /* lowest job offset without a result, dead letter or skip */
    bs_wall_ms
        asked_until; /* every check that was due by then was sent, and answered; 0 = unknown */
    struct bs_ledger ledgers[BS_QUOTA_KINDS];
    int64_t billed_total; /* billed seconds that were ever charged, less what was given back */
    int32_t budget_parts; /* by how many partitions the budget was divided when this one had its
                           * part of it; 0 = no budget was configured */
};

struct bs_event {
    enum bs_event_kind kind;
    struct bs_now now;
    union {
        int32_t partition;
        struct bs_job_event job;
        struct bs_restored_operation restored;
        struct bs_restored_id id;
        struct {
            int32_t partition;
            uint32_t epoch;
            const struct bs_control *control; /* copied */
        } control;
        struct {
            int32_t partition;
            uint32_t epoch;
            int64_t committed;  /* the group's committed offset, -1 = none */
            int64_t log_start;  /* the jobs partition's first offset, used where nothing is known */
            int32_t divided_by; /* by how many partitions the quota was divided when the others were
                                 * first worked on, the least that the group's offsets tell (and
                                 * under a budget the first control record); 0 = they tell
                                 * nothing. Only where the partition has neither a
                                 * control record nor an offset. */
            const int64_t *billed; /* by partition: the billed_total that its committed offset
                                    * tells, -1 = none; asked for only where there is a budget */
            int32_t billed_count;
        } restore_ended;
        struct {
            int32_t partition;
            const char *reason; /* copied */
            int64_t lost;       /* jobs deleted before they were read, 0 = none */
        } stopped;
        struct {
            int32_t partition;
            uint32_t epoch;
            int64_t offset;
        } end;
        struct {
            struct bs_operation_ref operation;
            int32_t partition; /* as they stood in the action: a late answer is known by these */
            uint32_t epoch;
            int64_t offset;
            uint32_t number;
            bs_wall_ms sent;
            struct bs_answer answer;
        } request; /* SUBMITTED and CHECKED */
        struct {
            struct bs_operation_ref operation;
            enum bs_object_work work;
            struct bs_object_answer answer;
        } object;
        struct {
            enum bs_transaction_outcome outcome;
            const char *message; /* NULL, or why it was not committed */
        } transaction;
        bool credentials; /* true: there are some; false: none can be had */
        bool group_joined;
        struct {
            bs_wall_ms date;       /* of an answer; whole seconds */
            int64_t round_trip_ms; /* from the request's sending to now */
        } date;
        int32_t state_partitions;
        struct {
            const int64_t *by_partition; /* as in restore_ended */
            int32_t count;
        } billed;
    };
};

/* ---- actions --------------------------------------------------------------------------------- */

enum bs_action_kind {
    BS_ACTION_RESTORE,  /* .partition, .epoch: read the state, then RESTORED or STOPPED */
    BS_ACTION_CONSUME,  /* .partition, .epoch, .offset: deliver jobs from there */
    BS_ACTION_UNASSIGN, /* .partition: nothing of it is under way any more */
    BS_ACTION_SUBMIT,   /* .operation, .epoch: answer with SUBMITTED */
    BS_ACTION_CHECK,    /* .operation, .epoch: answer with CHECKED */
    BS_ACTION_OBJECT,   /* .operation, .work: answer with OBJECT */
    BS_ACTION_COMMIT,   /* .batch: valid during the step's actions; answer with TRANSACTION */
    BS_ACTION_RELEASE_PAYLOAD,     /* .payload */
    BS_ACTION_REFRESH_CREDENTIALS, /* answer with CREDENTIALS */
    BS_ACTION_NOTICE,              /* .notice: for the log */
    BS_ACTION_STOPPED,             /* after STOP: everything is committed */
    BS_ACTION_FAILED,              /* .notice: this process must end with status 1 */
};

/* What a batch asks to be written, in this order. */
enum bs_write_kind {
    BS_WRITE_OPERATION,   /* o:<offset> = the operation's record */
    BS_WRITE_DONE,        /* o:<offset> = done marker */
    BS_WRITE_FORGET,      /* o:<offset> tombstone */
    BS_WRITE_ID,          /* i:<hash> = offset, ended, fingerprint */
    BS_WRITE_FORGET_ID,   /* i:<hash> tombstone */
    BS_WRITE_RESULT,      /* to the results topic: operation->payload */
    BS_WRITE_DEAD_LETTER, /* to the dead letters topic */
};

struct bs_write {
    enum bs_write_kind kind;
    int32_t partition;
    int64_t offset;
    const struct bs_operation *operation; /* NULL for FORGET, FORGET_ID */
    uint8_t id_hash[BS_ID_HASH_SIZE];     /* ID, FORGET_ID */
    uint64_t fingerprint;
    bs_wall_ms ended;
};

struct bs_batch_partition {
    int32_t partition;
    uint32_t epoch;
    const struct bs_control *control; /* written as c; its watermark and published are committed */
};

struct bs_batch {
    const struct bs_write *writes;
    size_t write_count;
    const struct bs_batch_partition *partitions;
    size_t partition_count;
};

/* Something for the log, with the operation that it is about (if any) named first. */
struct bs_notice {
    int32_t level;                     /* enum bs_log_level of base/log.h */
    int32_t partition;                 /* -1 = about none */
    int64_t offset;                    /* -1 = about none */
    struct bs_operation_ref operation; /* generation 0 = none */
    char operation_id[64];
    char client_request_id[40];
    char request_id[64];
    char trace_id[64];
    char text[BS_MESSAGE_MAX];
};

struct bs_action {
    enum bs_action_kind kind;
    union {
        struct {
            int32_t partition;
            uint32_t epoch;
            int64_t offset;
        };
        struct {
            const struct bs_operation *operation; /* valid during the step's actions */
            uint32_t operation_epoch;
            bs_mono_ms send_before; /* the right to it ends: a request not sent by then is not */
            enum bs_object_work work;
        };
        struct bs_batch batch;
        void *payload;
        struct bs_notice *notice; /* valid during the step's actions */
    };
};

struct bs_step {
    const struct bs_action *actions; /* valid until the next step */
    size_t action_count;
    bs_mono_ms deadline; /* hand in a TICK then, at the latest; BS_NEVER */
};

/* ---- core ------------------------------------------------------------------------------------ */

struct bs_core;

/* Never NULL. Options are copied; they have been checked by the configuration. */
struct bs_core *bs_core_create(const struct bs_core_options *options);

/* Payloads that core still holds are handed to `release` (may be NULL). */
void bs_core_destroy(struct bs_core *core, void (*release)(void *payload));

struct bs_step bs_core_step(struct bs_core *core, const struct bs_event *event);

/* False: leave jobs in Kafka (limits are reached, or we are stopping). Jobs that were already
 * taken off the queue are always accepted. */
bool bs_core_wants_jobs(const struct bs_core *core);
/* Whether jobs of this partition flow: restored, owned, not stopped, not being given up. */
bool bs_core_serves(const struct bs_core *core, int32_t partition);

/* NULL when the reference is stale. Valid until the next step. */
const struct bs_operation *bs_core_operation(const struct bs_core *core,
                                             struct bs_operation_ref ref);

/* ---- what can be seen of it --------------------------------------------------------------------
 */

enum bs_skip_reason { BS_SKIP_IN_FLIGHT, BS_SKIP_DONE, BS_SKIP_REASONS };
enum bs_submission_outcome {
    BS_SUBMISSION_ACCEPTED,
    BS_SUBMISSION_REFUSED,
    BS_SUBMISSION_RETRIED,
    BS_SUBMISSION_UNKNOWN,
    BS_SUBMISSION_OUTCOMES
};
enum bs_check_outcome {
    BS_CHECK_RUNNING,
    BS_CHECK_DONE,
    BS_CHECK_FAILED,
    BS_CHECK_RETRIED,
    BS_CHECK_NOT_FOUND,
    BS_CHECK_OUTCOMES
};
enum bs_throttle_reason { BS_THROTTLE_QUOTA, BS_THROTTLE_429, BS_THROTTLE_REASONS };

/* preparing, waiting, …: what struct bs_view counts them under */
const char *bs_operation_state_name(enum bs_operation_state state);
const char *bs_skip_reason_name(enum bs_skip_reason reason);
const char *bs_submission_outcome_name(enum bs_submission_outcome outcome);
const char *bs_check_outcome_name(enum bs_check_outcome outcome);
const char *bs_throttle_reason_name(enum bs_throttle_reason reason);
const char *bs_quota_kind_name(enum bs_quota_kind kind);
const char *bs_object_work_name(enum bs_object_work work);          /* probe, stage, … */
const char *bs_object_outcome_name(enum bs_object_outcome outcome); /* done, refused, … */

/* The service's rule: seconds rounded up, channels rounded up to even, at least 15 s a pair.
 * 0 where the length is unknown (<= 0). */
int64_t bs_billed_seconds(double audio_seconds, int32_t channels);

#define BS_HISTOGRAM_BUCKETS 20

/* Counts by upper bound, as Prometheus has it; the bounds belong to the histogram's kind. */
struct bs_histogram {
    const double *bounds; /* ascending, bound_count of them */
    int32_t bound_count;
    uint64_t counts[BS_HISTOGRAM_BUCKETS + 1]; /* not cumulative; the last is +Inf */
    double sum;
    uint64_t total;
};

struct bs_counters {
    uint64_t jobs_received;
    uint64_t jobs_skipped[BS_SKIP_REASONS];
    uint64_t submissions[BS_SUBMISSION_OUTCOMES];
    uint64_t checks[BS_CHECK_OUTCOMES];
    uint64_t results;
    uint64_t dead_letters[BS_STAGE_PUBLISH + 1][BS_DEAD_CODES];
    uint64_t transactions[BS_TRANSACTION_FATAL + 1];
    uint64_t objects[BS_OBJECT_WORKS][BS_OBJECT_OUTCOMES];
    uint64_t restored;
    uint64_t ids_forgotten; /* before their time, for limits.remembered_ids */
    uint64_t jobs_lost;     /* deleted by Kafka before they were read */
    double throttled_seconds[BS_THROTTLE_REASONS];
    double audio_seconds;
    double billed_seconds;
    struct bs_histogram detection_delay_seconds;
    struct bs_histogram check_lateness_seconds;
    struct bs_histogram unrecorded_seconds; /* from a submission's sending to its record's commit */
    struct bs_histogram job_duration_seconds;
    struct bs_histogram checks_per_result;
};

struct bs_partition_view {
    int32_t partition;
    const char *state; /* restoring, serving, draining, stopped */
    int64_t watermark, published, position;
    int64_t held;       /* operations */
    const char *reason; /* of a stopped one, else NULL */
};

/* A look at everything: what /metrics, /status and /readyz are made of. */
struct bs_view {
    const struct bs_counters *counters;
    /* operations by state */
    int64_t preparing; /* NEW too */
    int64_t waiting, submitting, running, checking;
    int64_t finishing; /* UNFINISHED too */
    int64_t ended, done;
    int64_t remembered_ids;
    size_t memory_bytes;
    double oldest_operation_seconds;          /* since its job was taken */
    struct bs_operation_ref oldest_operation; /* generation 0 = none */
    double oldest_submitted_seconds;          /* since it was sent, of those that were accepted */
    int64_t results_expiring; /* known to be done and not fetched for over two days */
    double quota_share[BS_QUOTA_KINDS];
    double quota_available[BS_QUOTA_KINDS]; /* not spent, reserved or not */
    /* Of the budget, in billed seconds: the whole (0 = there is none), and of this worker's
     * partitions their part, what they have spent, and what they may spend yet. */
    int64_t budget, budget_share, budget_spent, budget_available;
    bool not_ready[BS_NOT_READY_REASONS];
    char not_ready_text[BS_NOT_READY_REASONS][BS_MESSAGE_MAX];
    int32_t partition_count;
};

void bs_core_view(const struct bs_core *core, struct bs_now now, struct bs_view *view);
/* 0 <= index < partition_count. */
void bs_core_view_partition(const struct bs_core *core, int32_t index,
                            struct bs_partition_view *view);
/* The published watermark of an owned, restored partition as it is committed; else -1. */
int64_t bs_core_published(const struct bs_core *core, int32_t partition);

#endif
