/* SUBMIT and CHECK as HTTP requests, their answers as core's events. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/worker.h"
#include "formats/credential.h"
#include "formats/job.h"
#include "formats/result.h"
#include "formats/speechkit.h"

#define SUBMIT_PATH "/speech/stt/v2/longRunningRecognize"
#define CHECK_PATH  "/operations/"

static struct bs_request *new_request(struct bs_worker *worker, enum bs_event_kind kind,
                                      const struct bs_operation *operation, uint32_t epoch)
{
    struct bs_request *request = calloc(1, sizeof *request);
    BS_ASSERT(request != NULL);
    request->worker = worker;
    request->kind = kind;
    request->operation = operation->self;
    request->partition = operation->partition;
    request->epoch = epoch;
    request->offset = operation->offset;
    request->number = operation->number;
    request->sent = bs_clock_now();
    bs_list_append(&worker->requests, &request->all);
    return request;
}

/* Tells core how the request ended, and frees it. */
static void finish(struct bs_request *request, const struct bs_answer *answer)
{
    struct bs_event event = bs_worker_new_event(request->kind);
    event.request.operation = request->operation;
    event.request.partition = request->partition;
    event.request.epoch = request->epoch;
    event.request.offset = request->offset;
    event.request.number = request->number;
    event.request.sent = request->sent.wall;
    event.request.answer = *answer;
    event.request.answer.client_request_id =
        request->client_request_id[0] != '\0' ? request->client_request_id : NULL;
    bs_worker_event(request->worker, &event);
    bs_list_remove(&request->all);
    free(request);
}

void bs_worker_forget_requests(struct bs_worker *worker)
{
    struct bs_link *link;
    while ((link = bs_list_take_first(&worker->requests)) != NULL) {
        free(BS_CONTAINER_OF(link, struct bs_request, all));
    }
}

/* The answer's body; a copy without our credential where the service quotes that. */
static struct bs_bytes body_without_credential(struct bs_worker *worker, struct bs_bytes body,
                                               struct bs_buffer *copy)
{
    const char *credential = bs_tokens_authorization(worker->tokens);
    if (!bs_secret_occurs(credential, body.data, body.size)) {
        return body;
    }
    bs_buffer_append(copy, body.data, body.size);
    bs_secret_hide(credential, copy->data, copy->size);
    return (struct bs_bytes){.data = copy->data, .size = copy->size};
}

static const char *id_without_credential(struct bs_worker *worker, const char *id)
{
    const char *credential = bs_tokens_authorization(worker->tokens);
    return id != NULL && bs_secret_occurs(credential, id, strlen(id)) ? NULL : id;
}

static void decode(const struct bs_request *request, int32_t status, struct bs_bytes body,
                   struct bs_answer *answer, void **storage)
{
    struct bs_worker *worker = request->worker;
    if (request->kind == BS_EVENT_SUBMITTED) {
        bs_speechkit_decode_submission(status, body, answer, storage);
        return;
    }
    const struct bs_operation *operation = bs_core_operation(worker->core, request->operation);
    if (operation == NULL) {
        /* Its partition was given up: the next owner asks again, core needs the end alone. */
        *answer = (struct bs_answer){.kind = BS_ANSWER_LOST, .message = "given up"};
        return;
    }
    bs_speechkit_decode_check(worker->config, operation, worker->name, bs_clock_now().wall, status,
                              body, answer, storage);
}

/* Answers of the same second tell core nothing new. */
static void tell_date(const struct bs_request *request, bs_wall_ms date)
{
    struct bs_worker *worker = request->worker;
    if (date == 0 || date == worker->date) {
        return;
    }
    worker->date = date;
    struct bs_event event = bs_worker_new_event(BS_EVENT_DATE);
    event.date.date = date;
    event.date.round_trip_ms = event.now.mono - request->sent.mono;
    bs_worker_event(worker, &event);
}

static void ended(void *context, const struct bs_http_answer *http)
{
    struct bs_request *request = context;
    struct bs_answer answer = {0};
    void *storage = NULL;
    struct bs_buffer copy = {0};
    tell_date(request, http->date);
    if (http->outcome == BS_HTTP_ANSWERED) {
        struct bs_bytes body = body_without_credential(request->worker, http->body, &copy);
        decode(request, http->status, body, &answer, &storage);
    } else {
        /* An operation whose answer is over a limit is so at every check: its turns are counted. */
        bool unreadable = request->kind == BS_EVENT_CHECKED && http->too_large &&
                          http->status >= 200 && http->status < 300;
        answer.kind = http->outcome == BS_HTTP_NOT_SENT ? BS_ANSWER_NOT_SENT
                      : unreadable                      ? BS_ANSWER_UNREADABLE
                                                        : BS_ANSWER_LOST;
        answer.message = http->message;
    }
    answer.http_status = http->status;
    answer.retry_after_ms = http->retry_after_ms;
    answer.request_id = id_without_credential(request->worker, http->request_id);
    answer.trace_id = id_without_credential(request->worker, http->trace_id);
    finish(request, &answer);
    bs_buffer_free(&copy);
    if (storage != NULL) {
        bs_speechkit_free(storage);
    }
}

/* Sends it, or keeps it to be answered on the next turn where there is no credential. */
static void send(struct bs_request *request, const struct bs_http_request *http)
{
    struct bs_worker *worker = request->worker;
    struct bs_http_request whole = *http;
    whole.authorization = bs_tokens_authorization(worker->tokens);
    if (whole.authorization == NULL) {
        request->next = worker->unsent;
        worker->unsent = request;
        bs_bell_ring(worker->more);
        return;
    }
    if (whole.authorization[0] == '\0') {
        whole.authorization = NULL;
    }
    bs_http_send(worker->http, &whole, ended, request);
}

void bs_worker_submit(struct bs_worker *worker, const struct bs_operation *operation,
                      uint32_t epoch, bs_mono_ms send_before)
{
    struct bs_job job;
    bool packed_by_us = bs_job_unpack(operation->job, operation->job_size, &job);
    BS_ASSERT(packed_by_us);
    struct bs_request *request = new_request(worker, BS_EVENT_SUBMITTED, operation, epoch);
    worker->scratch.size = 0;
    bs_speechkit_encode_submission(&job, &worker->scratch);

    char idempotency[BS_UUID_SIZE], key_header[80], id_header[80], url[2048];
    bs_speechkit_idempotency_key(bs_kafka_cluster_id(worker->kafka), &job, operation->number,
                                 idempotency);
    bs_speechkit_request_id(request->client_request_id);
    (void)snprintf(key_header, sizeof key_header, "Idempotency-Key: %s", idempotency);
    (void)snprintf(id_header, sizeof id_header, "x-client-request-id: %s",
                   request->client_request_id);
    (void)snprintf(url, sizeof url, "%s" SUBMIT_PATH, worker->config->speechkit.transcribe_url);
    const char *headers[] = {"Content-Type: application/json", key_header, id_header};
    struct bs_http_request http = {.url = url,
                                   .body = (const char *)worker->scratch.data,
                                   .body_size = worker->scratch.size,
                                   .headers = headers,
                                   .header_count = sizeof headers / sizeof *headers,
                                   .send_before = send_before};
    send(request, &http);
    bs_job_free(&job);
}

/* Operation ids come from outside: only what a path segment may hold goes into the URL as it is. */
static void append_segment(char *url, size_t size, const char *id)
{
    size_t used = strlen(url);
    for (; *id != '\0' && used + 4 < size; id++) {
        unsigned char byte = (unsigned char)*id;
        bool plain = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
                     (byte >= 'A' && byte <= 'Z') || byte == '-' || byte == '_' || byte == '.';
        used += (size_t)snprintf(url + used, size - used, plain ? "%c" : "%%%02X", byte);
    }
}

void bs_worker_check(struct bs_worker *worker, const struct bs_operation *operation, uint32_t epoch,
                     bs_mono_ms send_before)
{
    struct bs_request *request = new_request(worker, BS_EVENT_CHECKED, operation, epoch);
    char url[2048];
    (void)snprintf(url, sizeof url, "%s" CHECK_PATH, worker->config->speechkit.operation_url);
    append_segment(url, sizeof url, operation->operation_id);
    struct bs_http_request http = {.url = url, .send_before = send_before};
    send(request, &http);
}

void bs_worker_answer_unsent(struct bs_worker *worker)
{
    while (worker->unsent != NULL) {
        struct bs_request *request = worker->unsent;
        worker->unsent = request->next;
        struct bs_answer answer = {.kind = BS_ANSWER_NO_CREDENTIALS,
                                   .message = bs_tokens_problem(worker->tokens)};
        finish(request, &answer);
    }
}
