/* What a try at the object store came to: done, worth another try, or not; and its message. */
#include <stdio.h>
#include <string.h>

#include "edges/objects_internal.h"
#include "formats/credential.h"

/* Of a key in a message: the beginning tells which one it is. */
#define SHOWN_KEY_BYTES 180

static const char *const verb_names[] = {
    [BS_EXCHANGE_HEAD] = "head",     [BS_EXCHANGE_GET] = "get",   [BS_EXCHANGE_PUT] = "put",
    [BS_EXCHANGE_DELETE] = "delete", [BS_EXCHANGE_LIST] = "list",
};

static bool is_one_of(const char *code, const char *const *codes)
{
    for (; *codes != NULL; codes++) {
        if (strcmp(code, *codes) == 0) {
            return true;
        }
    }
    return false;
}

#define VERDICT(code_, step_) ((struct bs_verdict){.code = (code_), .step = (step_)})

/* No whole answer came. */
static struct bs_verdict judge_transport(const struct bs_exchange *exchange)
{
    switch (exchange->curl_code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
        return VERDICT(BS_ERROR_DENIED, BS_VERDICT_FINAL);
    case CURLE_URL_MALFORMAT:
        return VERDICT(BS_ERROR_INVALID, BS_VERDICT_FINAL);
    default:
        return VERDICT(BS_ERROR_TEMPORARY, BS_VERDICT_REPEAT);
    }
}

/* The server's own code weighs more than the status: some say 400 for everything. */
static struct bs_verdict judge_refusal(const struct bs_exchange *exchange, const char *code)
{
    static const char *const passing[] = {"SlowDown",
                                          "InternalError",
                                          "ServiceUnavailable",
                                          "RequestTimeout",
                                          "TooManyRequests",
                                          "OperationAborted",
                                          "IncompleteBody",
                                          "RequestLimitExceeded",
                                          "Throttling",
                                          "BadDigest",
                                          NULL};
    static const char *const stale[] = {"ExpiredToken", "InvalidToken", "TokenRefreshRequired",
                                        NULL};
    static const char *const operators[] = {"AuthorizationHeaderMalformed",
                                            "InvalidAccessKeyId",
                                            "SignatureDoesNotMatch",
                                            "RequestTimeTooSkewed",
                                            "InvalidSecurity",
                                            "IllegalLocationConstraintException",
                                            "PermanentRedirect",
                                            "TemporaryRedirect",
                                            NULL};
    long status = exchange->status;
    if (is_one_of(code, stale) || status == 401) {
        return VERDICT(BS_ERROR_DENIED, BS_VERDICT_REFRESH);
    }
    if (is_one_of(code, passing) || status == 408 || status == 429 ||
        (status >= 500 && status != 501)) {
        return VERDICT(BS_ERROR_TEMPORARY, BS_VERDICT_REPEAT);
    }
    if (status == 403 || status == 407 || (status >= 300 && status < 400) ||
        is_one_of(code, operators)) {
        return VERDICT(BS_ERROR_DENIED, BS_VERDICT_FINAL);
    }
    if (status == 404) {
        return VERDICT(BS_ERROR_NOT_FOUND, BS_VERDICT_FINAL);
    }
    return VERDICT(BS_ERROR_INVALID, BS_VERDICT_FINAL);
}

static bool is_past_the_end(const struct bs_exchange *exchange)
{
    return exchange->ranged && exchange->status == 416;
}

static void hide_credential(const struct bs_exchange *exchange)
{
    const struct bs_credential *credential = &exchange->credential;
    bs_secret_hide(credential->authorization, exchange->refusal.data, exchange->refusal.size);
    bs_secret_hide(credential->secret_access_key, exchange->refusal.data, exchange->refusal.size);
}

struct bs_verdict bs_exchange_judge(const struct bs_exchange *exchange,
                                    struct bs_s3_refusal *refusal)
{
    memset(refusal, 0, sizeof *refusal);
    if (!exchange->performed) {
        return VERDICT(BS_ERROR_INVALID, BS_VERDICT_FINAL);
    }
    if (atomic_load(&exchange->objects->cancelled)) {
        return VERDICT(BS_ERROR_FATAL, BS_VERDICT_FINAL);
    }
    enum bs_error_code fault = exchange->fault.code;
    if (fault != BS_OK) {
        return VERDICT(fault, fault == BS_ERROR_TEMPORARY ? BS_VERDICT_REPEAT : BS_VERDICT_FINAL);
    }
    bool answered = exchange->status >= 200 && exchange->status <= 299;
    /* A refusal says more than how its connection ended. */
    if (exchange->curl_code != CURLE_OK && (answered || exchange->status < 300)) {
        return judge_transport(exchange);
    }
    if (answered) {
        return VERDICT(BS_OK, BS_VERDICT_FINAL);
    }
    if (is_past_the_end(exchange)) {
        return VERDICT(BS_OK, BS_VERDICT_FINAL);
    }
    hide_credential(exchange);
    bs_s3_refusal_read((struct bs_bytes){exchange->refusal.data, exchange->refusal.size}, refusal);
    if (exchange->status == 412 || strcmp(refusal->code, "PreconditionFailed") == 0) {
        (void)snprintf(refusal->message, sizeof refusal->message,
                       "the object has been replaced by another one");
        return VERDICT(BS_ERROR_INVALID, BS_VERDICT_FINAL);
    }
    return judge_refusal(exchange, refusal->code);
}

/* ---- messages ----------------------------------------------------------------------------- */

/* Cuts a text to `size` bytes at most, not within a character. */
static void shorten(char *text, size_t size)
{
    if (strlen(text) > size) {
        while (size > 0 && ((unsigned char)text[size] & 0xC0) == 0x80) {
            size--;
        }
        text[size] = '\0';
    }
}

void bs_exchange_subject(const struct bs_exchange *exchange, char *text, size_t capacity)
{
    char key[SHOWN_KEY_BYTES + 4];
    (void)snprintf(key, sizeof key, "%s", exchange->key);
    shorten(key, SHOWN_KEY_BYTES);
    (void)snprintf(text, capacity, "%s s3://%.100s/%s%s", verb_names[exchange->verb],
                   exchange->bucket, key, strlen(key) < strlen(exchange->key) ? "..." : "");
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f) {
            *text = '?';
        }
    }
}

/* What the server said, or what became of the connection. */
static void describe(const struct bs_exchange *exchange, const struct bs_s3_refusal *refusal,
                     char *text, size_t capacity)
{
    if (!exchange->performed) {
        (void)snprintf(text, capacity, "not a request that can be sent (%s)",
                       S3_get_status_name(exchange->libs3_status));
    } else if (exchange->fault.code != BS_OK) {
        (void)snprintf(text, capacity, "%s", exchange->fault.text);
    } else if (exchange->status >= 300) {
        const char *code = refusal->code;
        bool redirected = exchange->status < 400;
        (void)snprintf(text, capacity, "%s%sHTTP status %ld%s%s%s%s", code,
                       code[0] != '\0' ? ", " : "", exchange->status,
                       refusal->message[0] != '\0' ? ": " : "", refusal->message,
                       redirected ? " (no redirect is followed: set objects.endpoint, "
                                    "objects.region or objects.style)"
                                  : "",
                       exchange->status == 407 ? " (a proxy answered)" : "");
    } else {
        const char *problem = exchange->problem[0] != '\0'
                                  ? exchange->problem
                                  : curl_easy_strerror(exchange->curl_code);
        (void)snprintf(text, capacity, "%s", problem);
    }
}

enum bs_error_code bs_exchange_error(const struct bs_exchange *exchange,
                                     const struct bs_verdict *verdict,
                                     const struct bs_s3_refusal *refusal, int tries,
                                     struct bs_error *error)
{
    char subject[400];
    char said[400];
    bs_exchange_subject(exchange, subject, sizeof subject);
    if (verdict->code == BS_ERROR_FATAL) {
        return bs_error_set(error, BS_ERROR_FATAL, "%s: cancelled", subject);
    }
    describe(exchange, refusal, said, sizeof said);
    char repeated[40] = "";
    if (tries > 1) {
        (void)snprintf(repeated, sizeof repeated, " (tried %d times)", tries);
    }
    shorten(said, sizeof error->message - strlen(subject) - strlen(repeated) - sizeof ": ");
    return bs_error_set(error, verdict->code, "%s: %s%s", subject, said, repeated);
}
