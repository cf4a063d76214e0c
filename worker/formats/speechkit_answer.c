/* Answers of SpeechKit API v2. Everything here tolerates what it can: the service is ahead of us.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/json_view.h"
#include "formats/result.h"
#include "formats/speechkit.h"

#define GRPC_UNKNOWN          2
#define OPERATION_ID_SIZE_MAX 200

/* What an answer's texts stand in. */
struct storage {
    char message[BS_MESSAGE_MAX];
    char operation_id[OPERATION_ID_SIZE_MAX + 1];
};

static const char *const grpc_names[] = {
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
};
#define GRPC_CODES ((int32_t)(sizeof grpc_names / sizeof grpc_names[0]))

/* The service's table, and for the rest what the class of the status allows. */
static int32_t grpc_code_of_http(int32_t http_status)
{
    switch (http_status) {
    case 400:
        return 3;
    case 401:
        return 16;
    case 403:
        return 7;
    case 404:
        return 5;
    case 429:
        return 8;
    case 500:
        return 13;
    case 501:
        return 12;
    case 504:
        return 4;
    default:
        return http_status >= 500 && http_status < 600 ? 14 : GRPC_UNKNOWN;
    }
}

/* A code as a number, a string of one, or its name; -1 where it is none of them. 0 is no error. */
static int32_t read_code(const struct bs_json_view *view, const struct bs_json_node *item)
{
    int64_t code;
    if (bs_json_view_int64(view, item, &code)) {
        return code >= 1 && code <= 1000 ? (int32_t)code : -1;
    }
    int32_t found = -1;
    struct bs_buffer scratch = {0};
    struct bs_bytes name = bs_json_view_string(view, item, &scratch);
    for (int32_t i = 1; name.data != NULL && i < GRPC_CODES; i++) {
        if (strlen(grpc_names[i]) == name.size &&
            memcmp(name.data, grpc_names[i], name.size) == 0) {
            found = i;
        }
    }
    bs_buffer_free(&scratch);
    return found;
}

static void set_message(struct bs_answer *answer, struct storage *storage, const char *text)
{
    bs_utf8_copy_cut(text, strlen(text), storage->message, sizeof storage->message);
    answer->message = storage->message;
}

/* The same with a string of the answer; false where it is none. */
static bool take_message(const struct bs_json_view *view, const struct bs_json_node *item,
                         struct bs_answer *answer, struct storage *storage)
{
    struct bs_buffer scratch = {0};
    struct bs_bytes text = bs_json_view_string(view, item, &scratch);
    if (text.data != NULL) {
        bs_utf8_copy_cut((const char *)text.data, text.size, storage->message,
                         sizeof storage->message);
        answer->message = storage->message;
    }
    bs_buffer_free(&scratch);
    return text.data != NULL;
}

static void unreadable(struct bs_answer *answer, struct storage *storage, const char *reason)
{
    answer->kind = BS_ANSWER_UNREADABLE;
    set_message(answer, storage, reason);
}

/* Not a 2xx: an error in either shape, a google.rpc.Status or the gateway's wrapping of one. False
 * when the body is no API error: then something on the way has answered. */
static bool take_error(int32_t http_status, const struct bs_json_view *view, size_t body_size,
                       struct bs_answer *answer, struct storage *storage)
{
    const struct bs_json_node *body = bs_json_view_root(view);
    const struct bs_json_node *status = bs_json_view_member(view, body, "error");
    status = bs_json_view_is_object(view, status) ? status : body;
    int32_t code = read_code(view, bs_json_view_member(view, status, "grpcCode"));
    if (code < 0) {
        code = read_code(view, bs_json_view_member(view, status, "code"));
    }
    bool told = take_message(view, bs_json_view_member(view, status, "message"), answer, storage);
    answer->kind = BS_ANSWER_ERROR;
    answer->grpc_code = code >= 0 ? code : grpc_code_of_http(http_status);
    if (!told) {
        char text[96];
        (void)snprintf(text, sizeof text, "HTTP %d with %zu bytes that tell no reason", http_status,
                       body_size);
        set_message(answer, storage, text);
    }
    return code >= 0 || told;
}

/* A moment that may be absent or malformed: 0 then. */
static bs_wall_ms read_moment(const struct bs_json_view *view, const struct bs_json_node *operation,
                              const char *name)
{
    struct bs_buffer scratch = {0};
    struct bs_bytes text =
        bs_json_view_string(view, bs_json_view_member(view, operation, name), &scratch);
    bs_wall_ms moment;
    bool good = text.data != NULL &&
                bs_rfc3339_parse((const char *)text.data, text.size, &moment) && moment > 0;
    bs_buffer_free(&scratch);
    return good ? moment : 0;
}

/* The id becomes part of a URL, so only what needs no encoding there. */
static bool is_operation_id(const char *id)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~";
    size_t length = strlen(id);
    return length > 0 && strspn(id, allowed) == length && strcmp(id, ".") != 0 &&
           strcmp(id, "..") != 0;
}

/* The operation's id, into the answer's storage; false where there is none that can be one. */
static bool take_operation_id(const struct bs_json_view *view, const struct bs_json_node *body,
                              struct storage *storage)
{
    struct bs_buffer scratch = {0};
    struct bs_bytes id = bs_json_view_string(view, bs_json_view_member(view, body, "id"), &scratch);
    bool fits = id.data != NULL && id.size <= OPERATION_ID_SIZE_MAX;
    if (fits) {
        memcpy(storage->operation_id, id.data, id.size);
        storage->operation_id[id.size] = '\0';
    }
    bs_buffer_free(&scratch);
    return fits && is_operation_id(storage->operation_id);
}

/* The `error` of an operation: it has failed, whatever `done` says (the service may still be
 * rolling back). False when there is none. */
static bool take_operation_error(const struct bs_json_view *view,
                                 const struct bs_json_node *operation, struct bs_answer *answer,
                                 struct storage *storage)
{
    const struct bs_json_node *error = bs_json_view_member(view, operation, "error");
    if (!bs_json_view_is_object(view, error)) {
        return false;
    }
    int32_t code = read_code(view, bs_json_view_member(view, error, "code"));
    if (code < 0) {
        code = read_code(view, bs_json_view_member(view, error, "grpcCode"));
    }
    answer->kind = BS_ANSWER_FAILED;
    answer->grpc_code = code >= 0 ? code : GRPC_UNKNOWN;
    if (!take_message(view, bs_json_view_member(view, error, "message"), answer, storage)) {
        set_message(answer, storage, "");
    }
    return true;
}

static struct storage *begin(int32_t http_status, struct bs_answer *answer)
{
    struct storage *storage = calloc(1, sizeof *storage);
    BS_ASSERT(storage != NULL);
    *answer = (struct bs_answer){.http_status = http_status};
    return storage;
}

static bool is_success(int32_t http_status)
{
    return http_status >= 200 && http_status < 300;
}

static void take_submission(const struct bs_json_view *view, const struct bs_json_problem *problem,
                            struct bs_answer *answer, struct storage *storage)
{
    const struct bs_json_node *body = bs_json_view_root(view);
    if (!bs_json_view_is_object(view, body)) {
        unreadable(answer, storage, body == NULL ? problem->reason : "the answer is no object");
        return;
    }
    if (!take_operation_id(view, body, storage)) {
        unreadable(answer, storage, "the answer has no operation's id");
        return;
    }
    answer->operation_id = storage->operation_id;
    answer->created = read_moment(view, body, "createdAt");
    answer->modified = read_moment(view, body, "modifiedAt");
    if (!take_operation_error(view, body, answer, storage)) {
        bool done = bs_json_view_is_true(view, bs_json_view_member(view, body, "done"));
        answer->kind = done ? BS_ANSWER_DONE : BS_ANSWER_RUNNING;
    }
}

/* A body that is not JSON is an empty view. */
static void read_body(struct bs_bytes body, struct bs_json_view *view,
                      struct bs_json_problem *problem)
{
    if (!bs_json_view_read(view, body.data, body.size, problem)) {
        bs_json_view_free(view);
    }
}

void bs_speechkit_decode_submission(int32_t http_status, struct bs_bytes body,
                                    struct bs_answer *answer, void **storage_out)
{
    struct storage *storage = begin(http_status, answer);
    struct bs_json_problem problem;
    struct bs_json_view view;
    read_body(body, &view, &problem);
    *storage_out = storage;
    if (is_success(http_status)) {
        take_submission(&view, &problem, answer, storage);
    } else if (!take_error(http_status, &view, body.size, answer, storage) &&
               (http_status == 502 || http_status == 504)) {
        answer->kind = BS_ANSWER_LOST; /* a gateway lost the service's answer: perhaps accepted */
    }
    bs_json_view_free(&view);
}

/* done, with a response: the result. */
static void take_response(const struct bs_config *config, const struct bs_operation *operation,
                          const char *worker, bs_wall_ms now, const struct bs_json_view *view,
                          struct bs_answer *answer, struct storage *storage)
{
    const struct bs_json_node *response =
        bs_json_view_member(view, bs_json_view_root(view), "response");
    struct bs_job job;
    if (!bs_json_view_is_object(view, response)) {
        unreadable(answer, storage, "the operation is done, with neither response nor error");
        return;
    }
    if (!bs_job_unpack(operation->job, operation->job_size, &job)) {
        unreadable(answer, storage, "the operation's own job cannot be read");
        return;
    }
    struct bs_payload *payload =
        bs_result_build(config, operation, &job, worker, answer, now, view, response);
    bs_job_free(&job);
    if (payload == NULL) {
        unreadable(answer, storage, "the response is no LongRunningRecognitionResponse");
        return;
    }
    answer->kind = BS_ANSWER_DONE;
    answer->payload = payload;
    answer->payload_size = payload->size;
    answer->payload_too_large = payload->too_large;
    answer->audio_seconds = payload->audio_seconds;
    answer->billed_seconds = payload->billed_seconds;
    answer->billed_at_least = payload->billed_at_least;
}

/* Whether the answer is an operation, and the one that was asked about. */
static const char *check_problem(const struct bs_json_view *view,
                                 const struct bs_json_problem *problem,
                                 const struct bs_operation *operation)
{
    const struct bs_json_node *body = bs_json_view_root(view);
    if (body == NULL) {
        return problem->reason;
    }
    const struct bs_json_node *item = bs_json_view_member(view, body, "id");
    if (bs_json_view_is_string(view, item)) {
        struct bs_buffer scratch = {0};
        struct bs_bytes id = bs_json_view_string(view, item, &scratch);
        const char *own = operation->operation_id;
        bool same = own != NULL && strlen(own) == id.size && memcmp(id.data, own, id.size) == 0;
        bs_buffer_free(&scratch);
        return same ? NULL : "the answer is about another operation";
    }
    bool looks_like_one = bs_json_view_member(view, body, "done") != NULL ||
                          bs_json_view_member(view, body, "error") != NULL ||
                          bs_json_view_member(view, body, "response") != NULL;
    return looks_like_one ? NULL : "the answer is no operation";
}

/* A 2xx answer to a check. */
static void take_check(const struct bs_config *config, const struct bs_operation *operation,
                       const char *worker, bs_wall_ms now, const struct bs_json_view *view,
                       const struct bs_json_problem *problem, struct bs_answer *answer,
                       struct storage *storage)
{
    const struct bs_json_node *body = bs_json_view_root(view);
    const char *reason = check_problem(view, problem, operation);
    answer->created = read_moment(view, body, "createdAt");
    answer->modified = read_moment(view, body, "modifiedAt");
    if (reason != NULL) {
        unreadable(answer, storage, reason);
    } else if (take_operation_error(view, body, answer, storage)) {
        /* told */
    } else if (!bs_json_view_is_true(view, bs_json_view_member(view, body, "done"))) {
        answer->kind = BS_ANSWER_RUNNING;
    } else {
        take_response(config, operation, worker, now, view, answer, storage);
    }
}

void bs_speechkit_decode_check(const struct bs_config *config, const struct bs_operation *operation,
                               const char *worker, bs_wall_ms now, int32_t http_status,
                               struct bs_bytes body, struct bs_answer *answer, void **storage_out)
{
    struct storage *storage = begin(http_status, answer);
    struct bs_json_problem problem;
    struct bs_json_view view;
    read_body(body, &view, &problem);
    *storage_out = storage;
    if (is_success(http_status)) {
        take_check(config, operation, worker, now, &view, &problem, answer, storage);
    } else {
        (void)take_error(http_status, &view, body.size, answer, storage);
    }
    bs_json_view_free(&view);
}

void bs_speechkit_free(void *storage)
{
    free(storage);
}
