/* Answers of SpeechKit API v2. Everything here tolerates what it can: the service is ahead of us.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/json.h"
#include "formats/json_arena.h"
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
static int32_t read_code(const cJSON *item)
{
    int64_t code;
    const char *name = cJSON_GetStringValue(item);
    if (bs_json_int64(item, &code)) {
        return code >= 1 && code <= 1000 ? (int32_t)code : -1;
    }
    for (int32_t i = 1; name != NULL && i < GRPC_CODES; i++) {
        if (strcmp(name, grpc_names[i]) == 0) {
            return i;
        }
    }
    return -1;
}

static void set_message(struct bs_answer *answer, struct storage *storage, const char *text)
{
    bs_utf8_copy_cut(text, strlen(text), storage->message, sizeof storage->message);
    answer->message = storage->message;
}

static void unreadable(struct bs_answer *answer, struct storage *storage, const char *reason)
{
    answer->kind = BS_ANSWER_UNREADABLE;
    set_message(answer, storage, reason);
}

/* The error that a body tells of, in either shape: a google.rpc.Status, or the gateway's wrapping
 * of one. -1 where the body is no API error; `*message` is NULL where it has none. */
static int32_t read_error_body(const cJSON *body, const char **message)
{
    const cJSON *wrapped = bs_json_member(body, "error");
    const cJSON *status = cJSON_IsObject(wrapped) ? wrapped : body;
    *message = bs_json_text(status, "message");
    int32_t code = read_code(bs_json_member(status, "grpcCode"));
    return code >= 0 ? code : read_code(bs_json_member(status, "code"));
}

/* Not a 2xx. False when the body is no API error: then something on the way has answered. */
static bool take_error(int32_t http_status, const cJSON *body, size_t body_size,
                       struct bs_answer *answer, struct storage *storage)
{
    const char *message = NULL;
    int32_t code = cJSON_IsObject(body) ? read_error_body(body, &message) : -1;
    bool api_error = code >= 0 || message != NULL;
    answer->kind = BS_ANSWER_ERROR;
    answer->grpc_code = code >= 0 ? code : grpc_code_of_http(http_status);
    if (message != NULL) {
        set_message(answer, storage, message);
    } else {
        char text[96];
        (void)snprintf(text, sizeof text, "HTTP %d with %zu bytes that tell no reason", http_status,
                       body_size);
        set_message(answer, storage, text);
    }
    return api_error;
}

/* A moment that may be absent or malformed: 0 then. */
static bs_wall_ms read_moment(const cJSON *operation, const char *name)
{
    const char *text = bs_json_text(operation, name);
    bs_wall_ms moment;
    return text != NULL && bs_rfc3339_parse(text, strlen(text), &moment) && moment > 0 ? moment : 0;
}

/* The id becomes part of a URL, so only what needs no encoding there. */
static bool is_operation_id(const char *id)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~";
    size_t length = id == NULL ? 0 : strlen(id);
    return length > 0 && length <= OPERATION_ID_SIZE_MAX && strspn(id, allowed) == length &&
           strcmp(id, ".") != 0 && strcmp(id, "..") != 0;
}

/* The `error` of an operation: it has failed, whatever `done` says (the service may still be
 * rolling back). False when there is none. */
static bool take_operation_error(const cJSON *operation, struct bs_answer *answer,
                                 struct storage *storage)
{
    const cJSON *error = bs_json_member(operation, "error");
    if (!cJSON_IsObject(error)) {
        return false;
    }
    int32_t code = read_code(bs_json_member(error, "code"));
    if (code < 0) {
        code = read_code(bs_json_member(error, "grpcCode"));
    }
    const char *message = bs_json_text(error, "message");
    answer->kind = BS_ANSWER_FAILED;
    answer->grpc_code = code >= 0 ? code : GRPC_UNKNOWN;
    set_message(answer, storage, message == NULL ? "" : message);
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

static void take_submission(const cJSON *body, const struct bs_json_problem *problem,
                            struct bs_answer *answer, struct storage *storage)
{
    const char *id = bs_json_text(body, "id");
    if (!cJSON_IsObject(body)) {
        unreadable(answer, storage, body == NULL ? problem->reason : "the answer is no object");
        return;
    }
    if (!is_operation_id(id)) {
        unreadable(answer, storage, "the answer has no operation's id");
        return;
    }
    memcpy(storage->operation_id, id, strlen(id) + 1);
    answer->operation_id = storage->operation_id;
    answer->created = read_moment(body, "createdAt");
    answer->modified = read_moment(body, "modifiedAt");
    if (!take_operation_error(body, answer, storage)) {
        bool done = cJSON_IsTrue(bs_json_member(body, "done"));
        answer->kind = done ? BS_ANSWER_DONE : BS_ANSWER_RUNNING;
    }
}

void bs_speechkit_decode_submission(int32_t http_status, struct bs_bytes body,
                                    struct bs_answer *answer, void **storage_out)
{
    struct storage *storage = begin(http_status, answer);
    struct bs_json_problem problem;
    bs_json_arena_begin();
    cJSON *json = bs_json_parse_tolerant(body.data, body.size, &problem);
    *storage_out = storage;
    if (is_success(http_status)) {
        take_submission(json, &problem, answer, storage);
    } else if (!take_error(http_status, json, body.size, answer, storage) &&
               (http_status == 502 || http_status == 504)) {
        answer->kind = BS_ANSWER_LOST; /* a gateway lost the service's answer: perhaps accepted */
    }
    cJSON_Delete(json);
    bs_json_arena_end();
}

/* done, with a response: the result. */
static void take_response(const struct bs_config *config, const struct bs_operation *operation,
                          const char *worker, bs_wall_ms now, cJSON *body, struct bs_answer *answer,
                          struct storage *storage)
{
    cJSON *response = cJSON_GetObjectItemCaseSensitive(body, "response");
    struct bs_job job;
    if (!cJSON_IsObject(response)) {
        unreadable(answer, storage, "the operation is done, with neither response nor error");
        return;
    }
    if (!bs_job_unpack(operation->job, operation->job_size, &job)) {
        unreadable(answer, storage, "the operation's own job cannot be read");
        return;
    }
    struct bs_payload *payload =
        bs_result_build(config, operation, &job, worker, answer, now, response);
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
}

/* Whether the answer is an operation, and the one that was asked about. */
static const char *check_problem(const cJSON *body, const struct bs_json_problem *problem,
                                 const struct bs_operation *operation)
{
    if (body == NULL) {
        return problem->reason;
    }
    const char *id = bs_json_text(body, "id");
    if (id != NULL) {
        bool same = operation->operation_id != NULL && strcmp(id, operation->operation_id) == 0;
        return same ? NULL : "the answer is about another operation";
    }
    bool looks_like_one = bs_json_member(body, "done") != NULL ||
                          bs_json_member(body, "error") != NULL ||
                          bs_json_member(body, "response") != NULL;
    return looks_like_one ? NULL : "the answer is no operation";
}

/* A 2xx answer to a check. */
static void take_check(const struct bs_config *config, const struct bs_operation *operation,
                       const char *worker, bs_wall_ms now, cJSON *json,
                       const struct bs_json_problem *problem, struct bs_answer *answer,
                       struct storage *storage)
{
    const char *reason = check_problem(json, problem, operation);
    answer->created = read_moment(json, "createdAt");
    answer->modified = read_moment(json, "modifiedAt");
    if (reason != NULL) {
        unreadable(answer, storage, reason);
    } else if (take_operation_error(json, answer, storage)) {
        /* told */
    } else if (!cJSON_IsTrue(bs_json_member(json, "done"))) {
        answer->kind = BS_ANSWER_RUNNING;
    } else {
        take_response(config, operation, worker, now, json, answer, storage);
    }
}

void bs_speechkit_decode_check(const struct bs_config *config, const struct bs_operation *operation,
                               const char *worker, bs_wall_ms now, int32_t http_status,
                               struct bs_bytes body, struct bs_answer *answer, void **storage_out)
{
    struct storage *storage = begin(http_status, answer);
    struct bs_json_problem problem;
    bs_json_arena_begin();
    cJSON *json = bs_json_parse_tolerant(body.data, body.size, &problem);
    *storage_out = storage;
    if (is_success(http_status)) {
        take_check(config, operation, worker, now, json, &problem, answer, storage);
    } else {
        (void)take_error(http_status, json, body.size, answer, storage);
    }
    cJSON_Delete(json);
    bs_json_arena_end();
}

void bs_speechkit_free(void *storage)
{
    free(storage);
}
