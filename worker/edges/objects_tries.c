/* One call to the object store: as many requests as it takes within its time. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "edges/objects_internal.h"

#define FIRST_PAUSE_MS   INT64_C(200)
#define LONGEST_PAUSE_MS INT64_C(10000)
/* One and the same credential: a token that was just made may not be known everywhere. */
#define REFUSALS_OF_A_CREDENTIAL 3
/* While a credential is waited for: how often it is looked whether the call was cancelled. */
#define CREDENTIAL_LOOK_MS INT64_C(500)

/* ---- credentials -------------------------------------------------------------------------- */

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool same_credential(const struct bs_credential *a, const struct bs_credential *b)
{
    return same_text(a->authorization, b->authorization) &&
           same_text(a->access_key_id, b->access_key_id) &&
           same_text(a->secret_access_key, b->secret_access_key);
}

/* One that is on its way is waited for, as long as the call may take. */
static enum bs_error_code get_credential(struct bs_exchange *exchange,
                                         struct bs_credential *credential, struct bs_error *error)
{
    struct bs_tokens *tokens = exchange->objects->tokens;
    struct bs_error problem = BS_NO_ERROR;
    enum bs_error_code code;
    while ((code = bs_tokens_copy(tokens, credential, &problem)) == BS_ERROR_TEMPORARY &&
           bs_clock_now().mono < exchange->deadline &&
           !atomic_load(&exchange->objects->cancelled)) {
        if (bs_tokens_wait(tokens, CREDENTIAL_LOOK_MS, &problem) == BS_ERROR_DENIED) {
            code = BS_ERROR_DENIED;
            break;
        }
    }
    if (code != BS_OK) {
        char subject[400];
        bs_exchange_subject(exchange, subject, sizeof subject);
        if (atomic_load(&exchange->objects->cancelled)) {
            return bs_error_set(error, BS_ERROR_FATAL, "%s: cancelled", subject);
        }
        return bs_error_set(error, code, "%s: %s", subject, problem.message);
    }
    static const char scheme[] = "Bearer ";
    const char *authorization = credential->authorization;
    if (authorization != NULL && authorization[0] != '\0' &&
        strncmp(authorization, scheme, sizeof scheme - 1) != 0) {
        bs_credential_free(credential);
        return bs_error_set(error, BS_ERROR_DENIED,
                            "the object store takes an IAM token or a static key, no API key: set "
                            "objects.auth");
    }
    return BS_OK;
}

/* The credential of the next try, in place of the one before; `refusals` counts those of one. */
static enum bs_error_code renew_credential(struct bs_exchange *exchange, int *refusals,
                                           struct bs_error *error)
{
    struct bs_credential fresh = {0};
    enum bs_error_code code = get_credential(exchange, &fresh, error);
    if (code != BS_OK) {
        return code;
    }
    if (!same_credential(&fresh, &exchange->credential)) {
        *refusals = 0;
    }
    bs_credential_free(&exchange->credential);
    exchange->credential = fresh;
    return BS_OK;
}

/* ---- tries -------------------------------------------------------------------------------- */

/* A refused HEAD has no body that says why: a GET of one byte has. */
static void ask_why(const struct bs_exchange *exchange, struct bs_verdict *verdict,
                    struct bs_s3_refusal *refusal)
{
    struct bs_exchange get = {
        .objects = exchange->objects,
        .verb = BS_EXCHANGE_GET,
        .bucket = exchange->bucket,
        .key = exchange->key,
        .query = "",
        .ranged = true,
        .range_size = 1,
        .deadline = exchange->deadline,
        .credential = exchange->credential,
    };
    bs_exchange_perform(&get);
    struct bs_s3_refusal reason;
    struct bs_verdict judged = bs_exchange_judge(&get, &reason);
    if (get.status >= 400 && reason.code[0] != '\0') {
        *verdict = judged;
        *refusal = reason;
    }
    bs_buffer_free(&get.refusal);
}

static struct bs_verdict try_once(struct bs_exchange *exchange, struct bs_s3_refusal *refusal)
{
    bs_exchange_perform(exchange);
    struct bs_verdict verdict = bs_exchange_judge(exchange, refusal);
    bool unexplained =
        exchange->verb == BS_EXCHANGE_HEAD &&
        (exchange->status == 400 || exchange->status == 401 || exchange->status == 403);
    if (unexplained && verdict.code != BS_ERROR_FATAL) {
        ask_why(exchange, &verdict, refusal);
    }
    /* What was handed over cannot be taken back. */
    if (verdict.code != BS_OK && exchange->sink != NULL && exchange->received_bytes > 0) {
        verdict.step = BS_VERDICT_FINAL;
    }
    return verdict;
}

/* Waits before the next try; false when there is no time for one, or it is cancelled. */
static bool pause_before(const struct bs_exchange *exchange, int tries)
{
    struct bs_objects *objects = exchange->objects;
    struct bs_now now = bs_clock_now();
    int64_t pause_ms = LONGEST_PAUSE_MS;
    if (tries < 6) {
        pause_ms = FIRST_PAUSE_MS << (tries - 1);
    }
    /* Many that were sent away together shall not come back together. */
    pause_ms = pause_ms / 2 + (int64_t)arc4random_uniform((uint32_t)pause_ms);
    int64_t asked_ms = bs_http_headers_retry_after_ms(&exchange->headers, now.wall);
    int64_t left_ms = exchange->deadline - now.mono;
    if (pause_ms > left_ms / 2 && left_ms >= 2 * FIRST_PAUSE_MS) {
        pause_ms = left_ms / 2; /* the last tries are not given away */
    }
    if (asked_ms > pause_ms) {
        pause_ms = asked_ms;
    }
    if (pause_ms >= left_ms) {
        return false;
    }
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(pause_ms / 1000);
    until.tv_nsec += (long)(pause_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    BS_ASSERT(pthread_mutex_lock(&objects->mutex) == 0);
    int woken = 0;
    while (!atomic_load(&objects->cancelled) && woken != ETIMEDOUT) {
        woken = pthread_cond_timedwait(&objects->rung, &objects->mutex, &until);
    }
    BS_ASSERT(pthread_mutex_unlock(&objects->mutex) == 0);
    return !atomic_load(&objects->cancelled);
}

/* Whether another credential could be taken. */
static bool may_refresh(struct bs_exchange *exchange, int *refusals)
{
    bool changeable =
        exchange->credential.authorization != NULL && exchange->credential.authorization[0] != '\0';
    if (!changeable || ++*refusals >= REFUSALS_OF_A_CREDENTIAL) {
        return false;
    }
    bs_tokens_refused(exchange->objects->tokens);
    return true;
}

static enum bs_error_code repeat(struct bs_exchange *exchange, struct bs_error *error)
{
    int refusals = 0;
    for (int tries = 1;; tries++) {
        enum bs_error_code code = renew_credential(exchange, &refusals, error);
        if (code != BS_OK) {
            return code;
        }
        struct bs_s3_refusal refusal;
        struct bs_verdict verdict = try_once(exchange, &refusal);
        if (verdict.code == BS_OK) {
            return BS_OK;
        }
        bool again = verdict.step == BS_VERDICT_REPEAT ||
                     (verdict.step == BS_VERDICT_REFRESH && may_refresh(exchange, &refusals));
        if (!again || !pause_before(exchange, tries)) {
            if (atomic_load(&exchange->objects->cancelled)) {
                verdict.code = BS_ERROR_FATAL;
            }
            return bs_exchange_error(exchange, &verdict, &refusal, tries, error);
        }
    }
}

/* What no server is asked about: it could not be named in a request. */
static const char *cannot_be_asked(const struct bs_exchange *exchange)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t bucket = strlen(exchange->bucket);
    if (bucket < 3 || bucket > 63 || strspn(exchange->bucket, letters) == 0 ||
        strspn(exchange->bucket + 1, "-._abcdefghijklmnopqrstuvwxyz"
                                     "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != bucket - 1) {
        return "not a bucket's name";
    }
    size_t key = strlen(exchange->key);
    if (exchange->verb != BS_EXCHANGE_LIST && key == 0) {
        return "no object's key is empty";
    }
    return key > BS_KEY_BYTES_MAX ? "no object's key is longer than 1024 bytes" : NULL;
}

enum bs_error_code bs_exchange_carry_out(struct bs_exchange *exchange, int64_t limit_ms,
                                         struct bs_error *error)
{
    const char *reason = cannot_be_asked(exchange);
    if (reason != NULL) {
        char subject[400];
        bs_exchange_subject(exchange, subject, sizeof subject);
        return bs_error_set(error, BS_ERROR_INVALID, "%s: %s", subject, reason);
    }
    exchange->deadline = bs_clock_now().mono + limit_ms;
    enum bs_error_code code = repeat(exchange, error);
    bs_credential_free(&exchange->credential);
    bs_buffer_free(&exchange->refusal);
    return code;
}
