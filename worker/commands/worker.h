/* The worker: core's events come from the edges, its actions go to them. One thread, the loop's.
 *
 *   worker.c           actions out, deadlines, the beginning and the end of a run
 *   worker_kafka.c     what Kafka tells, as events
 *   worker_requests.c  SUBMIT and CHECK as HTTP requests, their answers as events
 *   worker_batch.c     COMMIT as a transaction's messages
 *   worker_objects.c   OBJECT as work of a few threads, its end as an event
 *   worker_look.c      what the admin endpoint and the log show */
#ifndef BS_COMMANDS_WORKER_H
#define BS_COMMANDS_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "commands/topics.h"
#include "core/core.h"
#include "edges/admin.h"
#include "edges/http.h"
#include "edges/kafka.h"
#include "edges/loop.h"
#include "edges/notify.h"
#include "edges/tokens.h"
#include "formats/config.h"
#include "formats/message.h"

/* Exit statuses of `run` (contract: 2 is used before anything is started). */
enum bs_exit {
    BS_EXIT_OK = 0,
    BS_EXIT_FAILED = 1,
    BS_EXIT_USAGE = 2,
    BS_EXIT_INTERRUPTED = 3,
    BS_EXIT_DEAD_LETTERS = 4,
    BS_EXIT_GAVE_UP = 5,
};

struct bs_worker_options {
    const struct bs_config *config;
    bool until_drained;
    bool fail_on_dead_letter;
    int64_t give_up_after_ms; /* 0 = never */
};

/* A request to the service that is under way. */
struct bs_request {
    struct bs_link all;      /* of the worker's */
    struct bs_request *next; /* of those to be answered without having been sent */
    struct bs_worker *worker;
    enum bs_event_kind kind; /* SUBMITTED or CHECKED */
    struct bs_operation_ref operation;
    int32_t partition;
    uint32_t epoch;
    int64_t offset;
    uint32_t number;
    struct bs_now sent;
    char client_request_id[40];
};

struct bs_worker {
    struct bs_worker_options options;
    const struct bs_config *config;
    char name[128];
    bs_wall_ms started;
    int32_t jobs_partitions;  /* at the start: what --until-drained is about */
    int32_t state_partitions; /* what the quota is divided by */

    struct bs_loop *loop;
    struct bs_timer *timer;  /* core's next deadline */
    struct bs_timer *second; /* once a second: give-up, hard exit */
    struct bs_bell *more;    /* there is more to be done at once */
    struct bs_http *http;
    struct bs_tokens *tokens;
    struct bs_admin *admin;
    struct bs_notify *notify; /* of the service manager */
    bs_mono_ms figures_due;   /* when it is told figures again */
    struct bs_rates *rates;
    struct bs_kafka *kafka; /* NULL until the topics were verified */
    struct bs_core *core;   /* likewise */
    struct bs_topics_watch *topics_watch;
    bs_mono_ms deadline; /* core's, as of the last step */

    struct bs_list requests;   /* all that are under way */
    struct bs_request *unsent; /* requests to be answered with NO_CREDENTIALS on the next turn */
    struct bs_worker_objects *objects; /* NULL: the configuration has no object store */
    struct bs_list object_tasks;       /* what it works on */
    struct bs_object_task *unserved;   /* of them, those to be answered on the next turn */
    bool closing;                      /* core is told nothing any more */
    bool batch_refused;                /* a batch to be answered with ABORTED on the next turn */
    struct bs_buffer scratch;          /* of encoders, reused */

    bs_wall_ms date; /* the newest that the service told */

    int64_t *ends;      /* --until-drained: by jobs partition, -1 = not known yet */
    int64_t *published; /* what others have published, -1 = not known */
    bool drained;

    bool stopping;    /* STOP was given to core, or there is no core yet */
    bool stopped;     /* core has nothing left to commit */
    bool interrupted; /* by a signal, before it was drained */
    bool failed;
    bool gave_up;
    bool unfit;                 /* a topic is missing or wrong: nothing was started */
    bs_mono_ms stop_by;         /* the hard end of a stop; BS_NEVER */
    bs_mono_ms not_ready_since; /* BS_NEVER while ready */
    char waiting_for[400];      /* while there is no core: why */
    double restore_seconds;
    bool stop_loop;
};

/* ---- worker.c ---- */

/* Runs until it is stopped, drained or broken; returns the exit status. */
int bs_worker_run(const struct bs_worker_options *options);

/* Hands an event to core and performs what it asks for. */
void bs_worker_event(struct bs_worker *worker, struct bs_event *event);
struct bs_event bs_worker_new_event(enum bs_event_kind kind);

/* Ends in order: nothing more is taken, what is under way ends and is committed. */
void bs_worker_stop(struct bs_worker *worker, const char *why);
/* Ends with status 1: nothing more can be committed. */
void bs_worker_fail(struct bs_worker *worker, const char *message);

/* ---- worker_kafka.c ---- */

extern const struct bs_kafka_callbacks bs_worker_kafka_callbacks; /* their context is the worker */

/* ---- worker_requests.c ---- */

void bs_worker_submit(struct bs_worker *worker, const struct bs_operation *operation,
                      uint32_t epoch, bs_mono_ms send_before);
void bs_worker_check(struct bs_worker *worker, const struct bs_operation *operation, uint32_t epoch,
                     bs_mono_ms send_before);
/* Answers the requests that could not be sent for want of credentials. */
void bs_worker_answer_unsent(struct bs_worker *worker);
/* Frees every request without telling anybody; nothing is under way any more. */
void bs_worker_forget_requests(struct bs_worker *worker);

/* ---- worker_objects.c ---- */

/* Threads that work at the object store; core is told as many. */
#define BS_OBJECT_THREADS 8

/* Where the configuration has a store. Its tokens must be there already. */
void bs_worker_open_objects(struct bs_worker *worker);
/* The store's own credentials; NULL where there are none, or speechkit's serve both. */
struct bs_tokens *bs_worker_object_tokens(const struct bs_worker *worker);
/* Cancels what is under way, and waits for that; core hears of nothing. Before core goes. */
void bs_worker_close_objects(struct bs_worker *worker);
void bs_worker_object(struct bs_worker *worker, const struct bs_operation *operation,
                      enum bs_object_work work);
/* Answers what there is no store for. */
void bs_worker_answer_unserved(struct bs_worker *worker);
/* Now and then: what nobody waits for any more ends soon. */
void bs_worker_look_after_objects(struct bs_worker *worker);

/* ---- worker_batch.c ---- */

void bs_worker_commit(struct bs_worker *worker, const struct bs_batch *batch);

/* ---- worker_look.c ---- */

void bs_worker_look(void *worker, struct bs_admin_facts *facts);
/* Once a second or so: what /status tells of the last minutes is noted. */
void bs_worker_note_rates(struct bs_worker *worker, bs_mono_ms now);
void bs_worker_log(struct bs_worker *worker, const struct bs_notice *notice);
/* False with the first reason that stands in the way. */
bool bs_worker_ready(struct bs_worker *worker, char *reason, size_t size);

/* ---- worker_service.c ---- */

/* Once a second; `not_ready` is why, or NULL. */
void bs_worker_tell_service(struct bs_worker *worker, bs_mono_ms now, const char *not_ready);

#endif
