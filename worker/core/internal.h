/* Core's inside: what its files share. Nobody else includes this. */
#ifndef BS_CORE_INTERNAL_H
#define BS_CORE_INTERNAL_H

#include "base/arena.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/log.h"
#include "core/core.h"

/* ---- schedule.c: deadlines of a million operations, a binary heap that tells each its place ----
 */

struct bs_schedule_entry {
    bs_mono_ms due;
    uint32_t slot;
};

struct bs_schedule {
    struct bs_schedule_entry *entries;
    uint32_t count, capacity;
};

void bs_schedule_add(struct bs_core *core, struct bs_schedule *schedule,
                     struct bs_operation *operation);
void bs_schedule_remove(struct bs_core *core, struct bs_schedule *schedule,
                        struct bs_operation *operation);
/* How many are due before `until`, counting no further than `limit`. */
int64_t bs_schedule_count(const struct bs_schedule *schedule, bs_mono_ms until, int64_t limit);
/* The operation that is due first, or NULL. */
struct bs_operation *bs_schedule_first(const struct bs_core *core,
                                       const struct bs_schedule *schedule);

/* ---- index.c: a hash of slots that never stands still to grow ---- */

struct bs_index {
    uint32_t **segments; /* heads of chains: slot + 1, 0 = empty */
    uint32_t buckets;    /* that exist */
    uint32_t whole;      /* a power of two: buckets that the present round began with */
    uint32_t count;      /* elements */
    uint32_t (*hash)(const struct bs_core *core, uint32_t slot);
    uint32_t *(*link)(const struct bs_core *core, uint32_t slot); /* the next one's slot + 1 */
};

/* The first slot + 1 of the chain in which elements of this hash are; 0 = none. */
uint32_t bs_index_first(const struct bs_index *index, uint32_t hash);
void bs_index_add(struct bs_core *core, struct bs_index *index, uint32_t slot);
void bs_index_remove(struct bs_core *core, struct bs_index *index, uint32_t slot);
void bs_index_destroy(struct bs_core *core, struct bs_index *index);

/* ---- operations.c: every operation's record; the only mover between states ---- */

struct bs_partition;

struct bs_operations {
    struct bs_operation **chunks;
    uint32_t chunk_count;
    uint32_t free_slot; /* slot + 1 of the first free one, chained by next_by_offset */
    struct bs_index by_offset, by_id;
    int64_t count; /* all but FREE, and without those that were left behind */
    int64_t by_state[BS_OPERATION_DONE + 1];
    int64_t prepared;                    /* WAITING ones that were prepared for it */
    struct bs_schedule probes, stages;   /* NEW */
    struct bs_schedule waiting;          /* WAITING */
    struct bs_schedule checks, urgent;   /* RUNNING */
    struct bs_schedule stores, unstages; /* UNFINISHED */
    struct bs_list left_behind; /* of partitions that are gone, by `unpublished`: freed little */
    struct bs_list left_behind_done; /* by little, found by nobody; these by `window` */
};

void bs_operations_init(struct bs_core *core);
void bs_operations_destroy(struct bs_core *core, void (*release)(void *payload));
struct bs_operation *bs_operation_at(const struct bs_core *core, uint32_t slot);
struct bs_operation *bs_operation_by_ref(const struct bs_core *core, struct bs_operation_ref ref);
struct bs_operation *bs_operation_by_offset(const struct bs_core *core, int32_t partition,
                                            int64_t offset);
/* Only operations whose job named its id and that are not published yet; one in state ENDED only
 * where there is no other. */
struct bs_operation *bs_operation_by_id(const struct bs_core *core, int32_t partition,
                                        const uint8_t id_hash[BS_ID_HASH_SIZE]);
/* Whether another job of the operation's id has ended and waits for its transaction. */
bool bs_operation_id_ending(const struct bs_core *core, const struct bs_operation *operation);
/* A new one in state FREE-to-be-moved: identity set, found by offset (and id), in no list. */
struct bs_operation *bs_operation_create(struct bs_core *core, int32_t partition, int64_t offset,
                                         const uint8_t id_hash[BS_ID_HASH_SIZE], bool id_given);
void bs_operation_set_job(struct bs_core *core, struct bs_operation *operation, const uint8_t *job,
                          size_t size);
/* Moves to `state`; NEW, WAITING, RUNNING and UNFINISHED are scheduled at `due`, the others ignore
 * it. */
void bs_operation_move(struct bs_core *core, struct bs_operation *operation,
                       enum bs_operation_state state, bs_mono_ms due);
/* A WAITING one's turn comes again at `due`; else nothing of it changes. */
void bs_operation_wait(struct bs_core *core, struct bs_operation *operation, bs_mono_ms due);
/* Whether its partition is still held in the assignment that it belongs to. */
bool bs_operation_current(const struct bs_core *core, const struct bs_operation *operation);
/* The operation that is due first by now, of a partition that is served; NULL = none. */
struct bs_operation *bs_operation_first_due(struct bs_core *core, struct bs_schedule *schedule);
/* What is due first in each schedule is an operation that may be acted upon. */
void bs_operations_step(struct bs_core *core);
void bs_operation_set_operation_id(struct bs_core *core, struct bs_operation *operation,
                                   const char *id);
void bs_operation_set_message(struct bs_core *core, struct bs_operation *operation,
                              const char *text);
/* Accepted and not recorded: how many there are at a time is bounded, for a kill makes them be
 * submitted, and paid for, again. */
void bs_operation_set_at_risk(struct bs_core *core, struct bs_operation *operation, bool at_risk);
/* Gives the payload back to the outside. */
void bs_operation_release_payload(struct bs_core *core, struct bs_operation *operation);
/* Keeps offset and state only: what a done marker needs. */
void bs_operation_strip(struct bs_core *core, struct bs_operation *operation);
void bs_operation_free(struct bs_core *core, struct bs_operation *operation);
/* The partition's operations are not ours any more: nobody finds or counts them from now on. What
 * they hold is freed little by little. */
void bs_operations_leave(struct bs_core *core, struct bs_partition *partition);
/* Frees some of those that were left behind; true: there are more. */
bool bs_operations_sweep(struct bs_core *core);

/* ---- ids.c: remembered ids, oldest first in each partition ---- */

struct bs_remembered {
    uint8_t id_hash[BS_ID_HASH_SIZE];
    uint64_t fingerprint;
    int64_t offset;
    bs_wall_ms ended;
    uint32_t older, newer; /* slot + 1, the partition's queue */
    uint32_t next;         /* hash chain, and the chain of free ones */
    uint32_t epoch;        /* of its partition's assignment */
};

struct bs_ids {
    struct bs_remembered **chunks;
    uint32_t chunk_count;
    uint32_t used;      /* slots that were taken at least once */
    uint32_t free_slot; /* slot + 1 of the first free one */
    uint32_t count;     /* without those that were left behind */
    struct bs_index by_id;
    uint32_t left_behind; /* of partitions that are gone: slot + 1, chained by `newer` */
};

void bs_ids_init(struct bs_core *core);
/* The partition is ours: it is being restored or served. */
const struct bs_remembered *bs_ids_find(const struct bs_core *core, int32_t partition,
                                        const uint8_t id_hash[BS_ID_HASH_SIZE]);
/* Replaces an entry of the same id. */
void bs_ids_remember(struct bs_core *core, struct bs_partition *partition,
                     const uint8_t id_hash[BS_ID_HASH_SIZE], uint64_t fingerprint, int64_t offset,
                     bs_wall_ms ended);
/* Whether the time of the partition's oldest is over. */
bool bs_ids_oldest_is_over(const struct bs_core *core, const struct bs_partition *partition);
/* The partition of the oldest of all that can be forgotten, while there are too many; else NULL. */
struct bs_partition *bs_ids_over_limit(const struct bs_core *core);
/* Forgets the partition's oldest, which there is; counts it if its time is not over. */
void bs_ids_forget_oldest(struct bs_core *core, struct bs_partition *partition,
                          uint8_t id_hash[BS_ID_HASH_SIZE]);
/* All of the partition's are here: puts them in order. */
void bs_ids_restored(struct bs_core *core, struct bs_partition *partition);
/* As bs_operations_leave and bs_operations_sweep. */
void bs_ids_leave(struct bs_core *core, struct bs_partition *partition);
bool bs_ids_sweep(struct bs_core *core);
void bs_ids_destroy(struct bs_core *core);

/* ---- partitions.c: ownership epoch, watermarks, control record ---- */

enum bs_partition_state {
    BS_PARTITION_UNOWNED,
    BS_PARTITION_RESTORING,
    BS_PARTITION_SERVING,
    BS_PARTITION_DRAINING, /* being given up: nothing new, what is under way ends and commits */
    BS_PARTITION_STOPPED,  /* its state cannot be read: untouched */
};

/* Tokens of one kind that a partition's ledger holds for us: charged already, not spent yet. */
struct bs_grant {
    int64_t usable;  /* recorded: may be spent until the partition's granted_until */
    int64_t pending; /* in the batch under way */
    int64_t slice;   /* where the ledger has them */
};

struct bs_partition {
    int32_t id;
    uint32_t epoch;
    enum bs_partition_state state;
    bool intake_stopped; /* jobs were lost: what is in flight goes on, nothing new */
    bool control_restored;
    bool in_batch;
    bool commit_wanted; /* watermark or ledger moved since the last batch */
    char *reason;       /* of a stop; owned */
    int64_t lost;
    int64_t position;          /* the next offset to be read */
    int64_t watermark;         /* as committed */
    int64_t published;         /* as committed */
    struct bs_control control; /* as last cut */
    struct bs_list window;
    struct bs_list unpublished;
    struct bs_link *window_cursor;      /* the last element below `position`: where jobs that are */
    struct bs_link *unpublished_cursor; /* read now are inserted, between what was restored */
    struct bs_link *take_up_cursor;     /* from here on what was restored is not scheduled yet */
    bool unsorted, ids_unsorted;        /* records came in another order than by offset, by time */
    int64_t operations, submitting, prepared, dirty; /* counts */
    int64_t by_state[BS_OPERATION_DONE + 1];
    uint32_t oldest_id, newest_id; /* remembered ids, slot + 1 */
    uint32_t id_count;
    int64_t ledger_totals[BS_QUOTA_KINDS];
    struct bs_grant grants[BS_TOKEN_KINDS];
    bs_mono_ms granted_until;
};

struct bs_partition *bs_partition_find(const struct bs_core *core, int32_t id);
/* Being restored, served or given up; NULL is not. */
bool bs_partition_held(const struct bs_partition *partition);
void bs_partitions_event(struct bs_core *core, const struct bs_event *event);
/* Gives up what has nothing under way any more; tells when a stop is complete. */
void bs_partitions_step(struct bs_core *core);
/* We stop: what is reserved and not spent goes back with the last batches. */
void bs_partitions_give_back_quota(struct bs_core *core);
/* A portion of what must not be done all at once: scheduling what was restored, freeing what was
 * left behind. While core->more_to_do, the next tick is wanted now. */
void bs_partitions_tick(struct bs_core *core);
void bs_partitions_destroy(struct bs_core *core);
/* Puts a new operation, whose offset is the last that was read, into the partition's lists. */
void bs_partition_insert(struct bs_partition *partition, struct bs_operation *operation);
void bs_partition_remove_from_window(struct bs_partition *partition,
                                     struct bs_operation *operation);
void bs_partition_remove_from_unpublished(struct bs_partition *partition,
                                          struct bs_operation *operation);
/* A batch or an offset commit is wanted soon for it. */
void bs_partition_want_commit(struct bs_core *core, struct bs_partition *partition);

/* ---- clock.c: the service's time, which the quota's windows are counted in ---- */

struct bs_clock {
    bool started;
    bool known;             /* an answer has confirmed or corrected the offset */
    bool off;               /* this machine's clock differs from the service's too much */
    int64_t offset_ms;      /* the service's time less monotonic time */
    int64_t wall_offset_ms; /* this machine's wall time less monotonic time, at the last step */
    int64_t doubt_ms;       /* an unlikely Date's distance; believed when the next one agrees */
    bool doubted;
    bs_mono_ms retry_at; /* while off: one request then */
};

void bs_clock_step(struct bs_core *core);
void bs_clock_event(struct bs_core *core, const struct bs_event *event);
/* The service answered, with a Date or without. */
void bs_clock_answered(struct bs_core *core, const struct bs_answer *answer);
bs_wall_ms bs_clock_service_time(const struct bs_core *core);
/* Until the service's time is known, and while our clock is off, requests go one at a time. */
bool bs_clock_allows(const struct bs_core *core);
/* How far our clock is ahead of the service's; negative: behind. */
int64_t bs_clock_error_ms(const struct bs_core *core);

/* ---- quota.c ---- */

struct bs_quota {
    int64_t slice[BS_QUOTA_KINDS];     /* the last one that the ledgers were aged at */
    int64_t usable[BS_TOKEN_KINDS];    /* over all partitions, until `expiry` */
    int64_t available[BS_TOKEN_KINDS]; /* over all partitions, reserved or not */
    bs_mono_ms expiry;                 /* the first right to spend ends */
    bs_mono_ms dated_since;            /* batches cut before have another idea of the time */
    int64_t early[BS_QUOTA_KINDS];     /* spent while the service's time was not known */
    int64_t checks_reserved;           /* at the last cut: what is low is judged by it */
    int64_t checks_spent;              /* since then */
    bs_mono_ms checks_cut;             /* when that was */
};

void bs_quota_init(struct bs_core *core);
/* Ages the ledgers and ends what has expired; once at the beginning of each step. */
void bs_quota_step(struct bs_core *core);
void bs_quota_restore(struct bs_core *core, struct bs_partition *partition,
                      const struct bs_control *control);
/* New by growth: its part may have been another partition's, and spent, until now. */
void bs_quota_fill(struct bs_core *core, struct bs_partition *partition);
int64_t bs_quota_share(const struct bs_core *core, enum bs_quota_kind kind, int32_t partition);
/* What is available is another than before: a partition is served, or something was given back. */
void bs_quota_count_anew(struct bs_core *core);
/* The quota is divided by so many partitions from now on. */
void bs_quota_divide(struct bs_core *core, int32_t state_partitions);
/* The service's time is another than we believed: what is reserved must be dated by it first. */
void bs_quota_date_anew(struct bs_core *core);
/* What may be spent this moment. */
int64_t bs_quota_usable(const struct bs_core *core, enum bs_quota_kind kind);
/* The same and what could be reserved now. */
int64_t bs_quota_available(const struct bs_core *core, enum bs_quota_kind kind);
/* Spends `amount` that bs_quota_usable said is there: the operation's own partition's first.
 * Lowers `until` to where the right to it ends. */
void bs_quota_spend(struct bs_core *core, enum bs_quota_kind kind, struct bs_partition *partition,
                    int64_t amount, bs_mono_ms *until);
/* When more may be there than now. */
bs_mono_ms bs_quota_next(const struct bs_core *core, enum bs_quota_kind kind);
/* The service's time is known from now on. It is later than we believed: then what was spent in
 * that belief counts from now. */
void bs_quota_time_known(struct bs_core *core, bool later);

/* As many as may be reserved at a time: a crash wastes no more of the quota. */
int64_t bs_quota_few(const struct bs_core *core, enum bs_quota_kind kind);
/* Whether work waits for tokens that a batch could reserve. */
bool bs_quota_reservation_wanted(const struct bs_core *core);
/* When the batch that reserves them may be cut: BS_NEVER while another is under way. */
bs_mono_ms bs_quota_reservation_at(const struct bs_core *core);
/* While a batch is cut: dates anew what its partitions hold unspent, and reserves what is likely
 * to be spent soon, touching more partitions where these have too little left. */
void bs_quota_reserve(struct bs_core *core);
/* What the batch reserved may be spent, or (not committed) is not ours. */
void bs_quota_batch_ended(struct bs_core *core, bool committed);
/* We shall spend no more of it: the next batch gives back what is unspent. */
void bs_quota_give_back(struct bs_core *core, struct bs_partition *partition);
/* Its tokens are nobody's: it is given up or lost. */
void bs_quota_drop(struct bs_core *core, struct bs_partition *partition);

/* ---- budget.c: what the fleet may spend in its whole life ---- */

struct bs_budget {
    int64_t *billed; /* by partition: what the group's offsets told last, or we knew when it left
                      * us; -1 = unknown. Of those that we serve their control records tell. */
    int32_t billed_count;
    int32_t parts; /* the divisor of the newest part that we had */
};

/* The partition's part of the budget. */
int64_t bs_budget_share(const struct bs_core *core, const struct bs_partition *partition);
/* What our partitions may spend yet together, what they have reserved included. */
int64_t bs_budget_left(const struct bs_core *core);
/* At the end of a restore, before the partition is served. */
void bs_budget_restored(struct bs_core *core, struct bs_partition *partition,
                        const struct bs_event *event, bool grown);
/* The group's offsets were looked at again. */
void bs_budget_told(struct bs_core *core, const struct bs_event *event);
/* The partition leaves us. */
void bs_budget_leave(struct bs_core *core, const struct bs_partition *partition);
/* The operation's submission surely was not accepted: what was spent for it was not. */
void bs_budget_give_back(struct bs_core *core, const struct bs_operation *operation);
/* Its result goes into the batch that is being cut, with what it shows to have been charged too
 * little; or (-1) that batch was not committed. */
void bs_budget_true_up(const struct bs_core *core, const struct bs_operation *operation,
                       int64_t one);
/* Whether what is left is enough for its submission. */
bool bs_budget_allows(const struct bs_core *core, const struct bs_operation *operation);
/* Whether it is enough for none of those that wait; then `text` says so. */
bool bs_budget_tells(const struct bs_core *core, char text[BS_MESSAGE_MAX]);
void bs_budget_view(const struct bs_core *core, struct bs_view *view);
void bs_budget_destroy(struct bs_core *core);

/* ---- gate.c: when the service asks us to hold back, or does not work at all ---- */

enum bs_gate_kind {
    BS_GATE_SUBMIT,
    BS_GATE_CHECK,
    BS_GATE_READ,   /* the object store: recordings that are looked into */
    BS_GATE_WRITE,  /* the object store: staged copies, transcripts */
    BS_GATE_DELETE, /* the object store: staged copies that are not needed any more */
    BS_GATES
};

struct bs_gate {
    int32_t level;    /* 0 = open; else one request at a time, at growing intervals */
    int32_t failures; /* in a row, without an answer that helps */
    double width;     /* requests at a time after a 429, growing with each success; 0 = all */
    bs_mono_ms open_at;
    enum bs_not_ready reason;
    char text[BS_MESSAGE_MAX];
};

/* Counts the time for which the service makes us wait. */
void bs_gates_step(struct bs_core *core);
/* Whether one more request may be sent now. */
bool bs_gate_allows(const struct bs_core *core, enum bs_gate_kind kind);
/* When one more may be sent, as far as is known: now or later, or BS_NEVER before an answer. */
bs_mono_ms bs_gate_next(const struct bs_core *core, enum bs_gate_kind kind);
/* How many may be under way at a time. */
int32_t bs_gate_width(const struct bs_core *core, enum bs_gate_kind kind);
/* The service answered usefully. */
void bs_gate_success(struct bs_core *core, enum bs_gate_kind kind);
/* A failure that concerns everybody: hold back at once. */
void bs_gate_close(struct bs_core *core, enum bs_gate_kind kind, enum bs_not_ready reason,
                   int64_t retry_after_ms, const struct bs_answer *answer);
/* A failure that may be this request's alone: hold back at the third in a row. */
void bs_gate_failure(struct bs_core *core, enum bs_gate_kind kind, const struct bs_answer *answer);
/* 401, or no credentials at all: refresh once, then hold both gates. */
void bs_gate_unauthenticated(struct bs_core *core, const struct bs_answer *answer);
void bs_gate_credentials(struct bs_core *core, bool available);
/* Whether the reason of a closed gate is one that people must mend, and who should be told. */
bool bs_gate_tells(const struct bs_gate *gate);
/* What errors of the API with this code mean for either kind of request. True when the answer was
 * dealt with (the request is to be repeated later), false when it is the caller's own business. */
bool bs_gate_answer(struct bs_core *core, enum bs_gate_kind kind, const struct bs_answer *answer);
/* Full jitter: between 0 and what doubles with each attempt, at most `limit_ms`. */
int64_t bs_backoff_ms(struct bs_core *core, int32_t attempts, int64_t limit_ms);

/* ---- adoption.c: accepted, but the partition was lost before it was recorded ---- */

struct bs_orphan {
    int32_t partition;
    uint32_t number;
    int64_t offset;
    bs_wall_ms submitted, created, modified;
    char operation_id[64];
};

/* Keeps it until the job comes back to us, or somebody else has answered for it. */
void bs_adoption_offer(struct bs_core *core, const struct bs_orphan *orphan);
/* The same of an operation whose partition is being lost, if it is at risk. */
void bs_adoption_orphan(struct bs_core *core, const struct bs_operation *operation);
/* The job is ours again and nobody has a record of it: false when we know of no submission. */
bool bs_adoption_take(struct bs_core *core, int32_t partition, int64_t offset,
                      struct bs_orphan *orphan);
/* The job's record, or its end, is another submission's. */
void bs_adoption_answered(struct bs_core *core, int32_t partition, int64_t offset);
/* Where the partition's work begins now, everything below is answered for. */
void bs_adoption_restored(struct bs_core *core, const struct bs_partition *partition);
/* Tells of all that are left. */
void bs_adoption_end(struct bs_core *core);

/* ---- object.c: what the object store is asked for ---- */

/* Whether one more task of that kind may begin. */
bool bs_object_allowed(const struct bs_core *core, enum bs_object_work work);
/* When the first of the schedule may begin: now or later, or BS_NEVER before an answer. */
bs_mono_ms bs_object_next(const struct bs_core *core, enum bs_object_work work,
                          const struct bs_schedule *schedule);
/* Begins it, in `state`. */
void bs_object_begin(struct bs_core *core, struct bs_operation *operation,
                     enum bs_operation_state state, enum bs_object_work work);
/* After a failure: back into `state`, to be tried again later. */
void bs_object_again(struct bs_core *core, struct bs_operation *operation,
                     enum bs_operation_state state);
void bs_object_event(struct bs_core *core, const struct bs_event *event);

/* ---- the stages ---- */

/* Requests of either kind in one step at most: a new connection takes its time. */
#define BS_SENT_AT_A_TIME 64

void bs_intake_event(struct bs_core *core, const struct bs_event *event);
/* The way to a submission begins: what is to be looked into first is. */
void bs_probe_take(struct bs_core *core, struct bs_operation *operation);
void bs_probe_answered(struct bs_core *core, struct bs_operation *operation,
                       enum bs_object_work work, const struct bs_object_answer *answer);
void bs_probe_step(struct bs_core *core);
bs_mono_ms bs_probe_deadline(const struct bs_core *core);
/* Dead-letters a job whose deadline has passed without a submission. */
bool bs_submit_too_late(struct bs_core *core, struct bs_operation *operation, enum bs_stage stage);
void bs_submit_event(struct bs_core *core, const struct bs_event *event);
void bs_submit_step(struct bs_core *core);
bs_mono_ms bs_submit_deadline(const struct bs_core *core);
/* What a submission of it spends: a recording of unknown length counts as a short one. */
int64_t bs_submit_billed(const struct bs_operation *operation);
/* What the submissions of the next moments would spend. */
int64_t bs_submit_demand(const struct bs_core *core, enum bs_quota_kind kind);
/* What the first of them needs, 0 when none is due. */
int64_t bs_submit_need(const struct bs_core *core, enum bs_quota_kind kind);
/* The job was submitted before: goes on with that operation. */
void bs_submit_adopt(struct bs_core *core, struct bs_operation *operation,
                     const struct bs_orphan *orphan);
/* The operation failed in a way that another submission may cure, or that must be waited out. */
void bs_submit_again(struct bs_core *core, struct bs_operation *operation, int64_t delay_ms);
void bs_check_event(struct bs_core *core, const struct bs_event *event);
void bs_check_step(struct bs_core *core);
bs_mono_ms bs_check_deadline(const struct bs_core *core);
/* How many checks are due before `until`, counting no further than `limit`. */
int64_t bs_check_demand(const struct bs_core *core, bs_mono_ms until, int64_t limit);
/* The one place that decides when an operation is asked about next: the first moment of its
 * schedule after `asked_until`. It may have passed. */
bs_mono_ms bs_check_due(const struct bs_core *core, struct bs_operation *operation,
                        bs_wall_ms asked_until);
/* Sets the control record's asked_until, unless the partition is still being taken up. */
void bs_check_note_asked(const struct bs_core *core, struct bs_partition *partition);
/* An operation that carries an error, found by a check or in the answer to its submission. */
void bs_check_failed(struct bs_core *core, struct bs_operation *operation,
                     const struct bs_answer *answer);

/* Its end is known: what the object store must do for it comes first, then it is published. */
void bs_finish(struct bs_core *core, struct bs_operation *operation);
void bs_finish_answered(struct bs_core *core, struct bs_operation *operation,
                        enum bs_object_work work, const struct bs_object_answer *answer);
void bs_finish_step(struct bs_core *core);
bs_mono_ms bs_finish_deadline(const struct bs_core *core);
/* Its result, which it has, fits no message: to the store with it, or back to the service. */
void bs_finish_too_large(struct bs_core *core, struct bs_operation *operation);

void bs_publish_record(struct bs_core *core, struct bs_operation *operation);
/* Nothing is left to be done before its end is published. */
void bs_publish_end(struct bs_core *core, struct bs_operation *operation);
void bs_publish_result(struct bs_core *core, struct bs_operation *operation, void *payload,
                       size_t payload_size);
void bs_publish_dead_letter(struct bs_core *core, struct bs_operation *operation,
                            enum bs_stage stage, enum bs_dead_letter_code code,
                            const char *message);
void bs_publish_event(struct bs_core *core, const struct bs_event *event);
void bs_publish_step(struct bs_core *core);
/* After submissions were sent: what is at risk waits no longer when no more is to come. */
void bs_publish_hurry(struct bs_core *core);
bs_mono_ms bs_publish_deadline(const struct bs_core *core);
/* The partition's control record and offset go with the batch that is being cut. */
void bs_publish_touch(struct bs_core *core, struct bs_partition *partition);
/* Takes the operation out of what waits for a transaction. */
void bs_publish_drop(struct bs_core *core, struct bs_operation *operation);

/* Operations in one transaction at most; fewer while one of them is too large. */
#define BS_BATCH_OPERATIONS 500
/* A result that no message can hold waits at the service, and is asked for again after this. */
#define BS_STORE_RETRY_MS (3600 * (int64_t)1000)

/* The transaction under way, if any. */
struct bs_batch_item {
    struct bs_operation_ref operation;
    bool ended;     /* its end is in the batch, else its record */
    bool forgotten; /* a done marker that the watermark passes */
};

struct bs_publish {
    struct bs_list dirty;    /* operations that wait for a transaction, oldest first */
    struct bs_list in_batch; /* operations in the transaction under way */
    bool under_way;
    bs_mono_ms started;
    int64_t lasted_ms;     /* the last one, from its cut to its end */
    bs_mono_ms cut_at;     /* BS_NEVER: no operation waits */
    int64_t dirtied;       /* operations since the last cut, about */
    bool record_waits;     /* an acceptance is among them */
    bs_mono_ms control_at; /* BS_NEVER: no partition's watermark or ledger waits */
    bs_mono_ms hold_until; /* after an abort: no batch before */
    int64_t limit;         /* operations a batch; halved when one is too large */
    int32_t aborts;        /* in a row */
    char abort_text[BS_MESSAGE_MAX];
    bs_mono_ms store_missing_until; /* a result waits that no message can hold; it is asked for anew
                                     * before then, by whoever owns it */
    struct bs_batch_item *items;
    size_t item_count, item_capacity;
    struct bs_write *writes;
    size_t write_count, write_capacity;
    struct bs_batch_partition *partitions;
    size_t partition_count, partition_capacity;
};

/* ---- core.c ---- */

struct bs_core {
    struct bs_core_options options;
    struct bs_arena arena;
    struct bs_now now;
    struct bs_random random;
    struct bs_operations operations;
    struct bs_ids ids;
    struct bs_partition **partitions; /* indexed by id; NULL where never owned */
    int32_t partition_count;          /* of that array */
    uint32_t epoch;                   /* of the newest assignment of any partition */
    struct bs_gate gates[BS_GATES];
    bool credentials_refreshed; /* since the last answer that showed them to be good */
    bool credentials_awaited;   /* a refresh is under way */
    int32_t refusals;           /* in a row, with refusal_code */
    int32_t refusal_code;
    bool breaker_open;
    int32_t submits_under_way, checks_under_way;
    int32_t objects_under_way[BS_OBJECT_WORKS];
    int32_t at_risk; /* operations accepted and not recorded yet */
    struct bs_clock clock;
    struct bs_quota quota;
    struct bs_budget budget;
    struct bs_orphan *orphans;
    size_t orphan_count, orphan_capacity;
    struct bs_publish publish;
    bool group_joined, stopping, stopped;
    bool more_to_do;                                 /* a portion of it with each tick */
    bs_mono_ms throttled_since[BS_THROTTLE_REASONS]; /* 0 = not throttled */
    struct bs_counters counters;

    struct bs_action *actions;
    size_t action_count, action_capacity;
    struct bs_notice **notices; /* reused from step to step */
    size_t notice_count, notice_capacity;
};

struct bs_action *bs_core_act(struct bs_core *core, enum bs_action_kind kind);
/* A line for the log; `operation` and `answer` may be NULL. */
struct bs_notice *bs_core_notice(struct bs_core *core, enum bs_log_level level,
                                 const struct bs_operation *operation,
                                 const struct bs_answer *answer, const char *format, ...)
    BS_PRINTF(5, 6);
void bs_core_throttled(struct bs_core *core, enum bs_throttle_reason reason, bool throttled);
void bs_histogram_add(struct bs_histogram *histogram, double value);
void bs_counters_init(struct bs_counters *counters);

/* Makes room for one more element of a growing array of core's. */
#define BS_ROOM_FOR_ONE_MORE(core, array, count, capacity)                                         \
    do {                                                                                           \
        if ((count) == (capacity)) {                                                               \
            size_t grown_ = (capacity) == 0 ? 16 : (size_t)(capacity)*2;                           \
            (array) = bs_arena_grow(&(core)->arena, (array), (size_t)(capacity), grown_,           \
                                    sizeof *(array));                                              \
            (capacity) = (__typeof__(capacity))grown_;                                             \
        }                                                                                          \
    } while (0)

#endif
