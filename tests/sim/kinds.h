/* What can happen in a run: faults, each with a likelihood that a run draws for itself, and other
 * things worth knowing that they do happen. Counted, so that one can see what the seeds reached. */
#ifndef SIM_KINDS_H
#define SIM_KINDS_H

#include <stdint.h>

/* identifier, name, the greatest likelihood (0 = nothing that is drawn), and what it is counted by:
 * thousandths of all requests, checks, transactions, steps, calls of the object store or other
 * moments where it may happen; or how often in 1000 s it comes over a worker or the whole cluster.
 */
#define SIM_KINDS(X)                                                                               \
    /* a request */                                                                                \
    X(NOT_SENT, "request-not-sent", 200, REQUEST)                                                  \
    X(LOST_BEFORE, "request-lost", 100, REQUEST)                                                   \
    X(LOST_AFTER, "answer-lost", 100, REQUEST)                                                     \
    X(GATEWAY_AFTER, "answer-lost-by-a-gateway", 60, REQUEST)                                      \
    X(HANGS, "answer-hangs", 100, REQUEST)                                                         \
    X(SLOW, "request-slow", 100, REQUEST)                                                          \
    X(SLOW_CONNECTION, "connection-slow", 100, REQUEST)                                            \
    X(GARBLED, "answer-garbled", 100, REQUEST)                                                     \
    X(UNAVAILABLE, "5xx", 300, REQUEST)                                                            \
    X(TOO_MANY, "429", 300, REQUEST)                                                               \
    X(DONE_AT_ONCE, "operation-done-when-accepted", 50, REQUEST)                                   \
    X(YOUNG_NOT_FOUND, "young-operation-not-found", 200, REQUEST)                                  \
    X(FORGOTTEN, "operation-forgotten", 20, REQUEST)                                               \
    /* the service */                                                                              \
    X(OUTAGE, "service-outage", 2, CLUSTER)                                                        \
    X(REVOKED, "credentials-revoked", 4, CLUSTER)                                                  \
    X(WRONG_ENDPOINT, "redirects-404-403", 3, CLUSTER)                                             \
    /* a transaction */                                                                            \
    X(ABORTED, "transaction-aborted", 300, TRANSACTION)                                            \
    X(TOO_LARGE, "message-refused-for-its-size", 100, TRANSACTION)                                 \
    X(FATAL, "producer-fatal", 30, TRANSACTION)                                                    \
    X(UNANSWERED, "commit-unanswered", 200, TRANSACTION)                                           \
    X(SLOW_MARKERS, "markers-slow", 300, TRANSACTION)                                              \
    /* Kafka */                                                                                    \
    X(COORDINATOR, "coordinator-moves", 10, CLUSTER)                                               \
    X(SHUFFLE, "rebalance-for-no-reason", 30, CLUSTER)                                             \
    X(COMPACTION, "compaction", 40, CLUSTER)                                                       \
    X(UNREADABLE, "state-record-unreadable", 1, CLUSTER)                                           \
    X(DELETED, "jobs-deleted-unread", 1, CLUSTER)                                                  \
    X(IDLE_WEEK, "idle-week-offsets-expire", 1, CLUSTER)                                           \
    X(STALE_JOB, "job-of-an-old-epoch", 300, STEP)                                                 \
    /* the object store */                                                                         \
    X(STORE_FAILS, "object-call-fails", 200, CALL)                                                 \
    X(PUT_ANSWER_LOST, "put-stands-though-it-failed", 200, CALL)                                   \
    X(TASK_SLOW, "object-task-slow", 200, CALL)                                                    \
    X(DELETE_REFUSED, "delete-refused", 300, CALL)                                                 \
    X(STORE_DOWN, "object-store-down", 2, CLUSTER)                                                 \
    X(STORE_DENIED, "object-store-role-missing", 3, CLUSTER)                                       \
    X(SWEPT, "copies-swept-by-a-lifecycle-rule", 9, CLUSTER)                                       \
    /* a worker */                                                                                 \
    X(CRASH, "crash", 30, STEP)                                                                    \
    X(PAUSE, "pause", 20, WORKER)                                                                  \
    X(ISOLATION, "cut-off-from-kafka", 10, WORKER)                                                 \
    X(STOP, "stop-in-order", 10, WORKER)                                                           \
    X(CREDENTIALS_GONE, "credentials-gone", 4, WORKER)                                             \
    X(CLOCK_JUMP, "wall-clock-jumps", 4, WORKER)                                                   \
    /* nothing that is drawn by itself */                                                          \
    X(CLOCK_SKEW, "wall-clocks-differ", 0, SEEN)                                                   \
    X(LATE, "request-not-sent-for-its-lease", 0, SEEN)                                             \
    X(BLIND, "first-request-by-a-wrong-clock", 0, SEEN)                                            \
    X(STATIC_REJOIN, "static-member-rejoins", 0, SEEN)                                             \
    X(EXPELLED, "member-expelled", 0, SEEN)                                                        \
    X(ZOMBIE_COMMIT, "commit-of-an-expelled-member-refused", 0, SEEN)                              \
    X(DEAD_COMMIT, "commit-of-a-dead-process", 0, SEEN)                                            \
    X(TIMED_OUT, "transaction-timed-out", 0, SEEN)                                                 \
    X(RESTORE_WAITED, "restore-waited-for-a-transaction", 0, SEEN)                                 \
    X(STATE_WINS, "record-ahead-of-the-offset", 0, SEEN)                                           \
    X(DUPLICATE, "duplicate-skipped", 0, SEEN)                                                     \
    X(GZIPPED, "result-gzipped", 0, SEEN)                                                          \
    X(VALUE_OMITTED, "dead-letter-without-its-value", 0, SEEN)                                     \
    X(EXPIRED, "result-expired", 0, SEEN)                                                          \
    X(CONFLICT, "id-conflict", 0, SEEN)                                                            \
    X(DEADLINE, "deadline-passed", 0, SEEN)                                                        \
    X(LOOK_REFUSED, "recording-refused-by-a-look", 0, SEEN)                                        \
    X(STAGED_SUBMITTED, "copy-submitted", 0, SEEN)                                                 \
    X(STORED, "result-in-the-object-store", 0, SEEN)                                               \
    X(STORED_ANEW, "result-stored-more-than-once", 0, SEEN)                                        \
    X(SENT_BACK, "large-result-waits-at-the-service", 0, SEEN)                                     \
    X(COPY_LEFT, "copy-left-by-an-owner-that-died", 0, SEEN)                                       \
    X(COPY_KEPT, "copy-left-for-its-deletion-failed", 0, SEEN)                                     \
    X(COPY_LATE, "copy-put-after-its-jobs-end", 0, SEEN)                                           \
    X(PERSON, "person-mends-and-restarts", 0, SEEN)                                                \
    X(BUDGET_SPENT, "budget-spent", 0, SEEN)                                                       \
    X(BUDGET_LOWERED, "budget-lowered", 0, SEEN)                                                   \
    X(BUDGET_RAISED, "budget-raised", 0, SEEN)

enum sim_unit {
    SIM_BY_REQUEST,
    SIM_BY_TRANSACTION,
    SIM_BY_STEP,
    SIM_BY_CALL,
    SIM_BY_WORKER,
    SIM_BY_CLUSTER,
    SIM_BY_SEEN
};

#define SIM_KIND_IDENTIFIER(identifier, name, most, unit) SIM_##identifier,
enum sim_kind { SIM_KINDS(SIM_KIND_IDENTIFIER) SIM_KIND_COUNT };

struct sim_kind_facts {
    const char *name;
    int32_t most;
    enum sim_unit unit;
};

extern const struct sim_kind_facts sim_kind_facts[SIM_KIND_COUNT];

#endif
