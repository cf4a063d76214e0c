/* The service: what it knows, and who answers which request. */
#ifndef STANDIN_SERVICE_H
#define STANDIN_SERVICE_H

#include <stdint.h>

#include "answer.h"
#include "base/error.h"
#include "credentials.h"
#include "faults.h"
#include "journal.h"
#include "operations.h"
#include "options.h"
#include "recognition.h"
#include "request.h"
#include "server.h"
#include "transcript.h"
#include "uris.h"
#include "window.h"

enum outcome {
    OUTCOME_SERVED,  /* accepted; an operation's state was told; a token was given */
    OUTCOME_REFUSED, /* invalid, unauthenticated, unknown */
    OUTCOME_QUOTA,
    OUTCOME_FAULT, /* a rule struck before any work was done */
    OUTCOMES
};

struct service {
    const struct options *options;
    struct server *server;
    struct operations operations;
    struct uris uris;
    struct faults faults;
    struct journal journal;
    struct credentials credentials;
    struct window submissions;
    struct window checks;
    struct store store;
    struct recognition *recognition; /* NULL: recordings are not read, transcripts made up */
    struct transcript made_up;       /* reused */
    int64_t counts[REQUEST_KINDS][OUTCOMES];
    int64_t checks_done; /* checks that told the end of an operation */
};

/* NULL with a reason. `options` must outlive it. */
BS_MUST_CHECK struct service *service_create(const struct options *options, struct bs_error *error);
void service_destroy(struct service *service);

/* ---- for those who answer -----------------------------------------------------------------------
 */

/* The rule that strikes this request, or NULL; then, unless the request is to be worked on first,
 * the answer is already filled in and *`over` is true. */
const struct fault *service_strike(struct service *service, enum request_kind kind, const char *uri,
                                   int64_t times, struct answer *answer, bool *over);
/* Spoils an answer as the rule says; NULL leaves it alone. */
void service_spoil(const struct fault *fault, struct answer *answer);
/* 429 with Retry-After where one is configured. */
void service_answer_quota(const struct service *service, struct answer *answer);

/* POST longRunningRecognize. */
void submission_serve(struct service *service, const struct request *request, struct bs_now now,
                      struct answer *answer);
/* GET and :cancel of an operation; `id` is the rest of the path. */
void check_serve(struct service *service, const struct request *request, const char *id,
                 struct bs_now now, struct answer *answer);
void cancel_serve(struct service *service, const struct request *request, const char *id,
                  struct bs_now now, struct answer *answer);
/* The operation as JSON. `told` becomes true when it is its end. */
void operation_write(struct service *service, const struct operation *operation, bs_wall_ms now,
                     struct buffer *out, bool *told);
/* /standin/…: faults and statistics. */
void control_serve(struct service *service, const struct request *request, struct bs_now now,
                   struct answer *answer);

#endif
