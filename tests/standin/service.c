#include "service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "clock.h"
#include "file.h"
#include "objects.h"

#define SUBMIT_PATH     "/speech/stt/v2/longRunningRecognize"
#define OPERATIONS_PATH "/operations/"
#define TOKENS_PATH     "/iam/v1/tokens"
#define CONTROL_PATH    "/standin/"
#define CANCEL_SUFFIX   ":cancel"

/* ---- faults -----------------------------------------------------------------------------------
 */

/* These spoil an answer that the service has made, so its work is done. */
static bool works_first(const struct fault *fault)
{
    return fault->after || fault->kind == FAULT_CUT || fault->kind == FAULT_GARBLE ||
           fault->kind == FAULT_SLOW || fault->kind == FAULT_HUGE ||
           fault->kind == FAULT_ENDLESS_HEADERS;
}

const struct fault *service_strike(struct service *service, enum request_kind kind, const char *uri,
                                   int64_t times, struct answer *answer, bool *over)
{
    const struct fault *fault = faults_strike_request(&service->faults, kind, uri, times);
    *over = fault != NULL && !works_first(fault);
    if (*over) {
        service_spoil(fault, answer);
        service->counts[kind][OUTCOME_FAULT]++;
    }
    return fault;
}

static void spoil_with_error(const struct fault *fault, struct answer *answer)
{
    const char *message = fault->message == NULL ? "as the test asked for" : fault->message;
    answer_error(answer, fault->code, message);
    if (fault->wrapped) {
        answer->body.size = 0;
        buffer_format(&answer->body,
                      "{\"error\":{\"grpcCode\":%d,\"httpCode\":%d,\"message\":", fault->code,
                      answer->status);
        buffer_json(&answer->body, message);
        buffer_text(&answer->body, ",\"httpStatus\":\"Error\",\"details\":[]}}");
    } else if (fault->code_as_string) {
        answer->body.size = 0;
        buffer_format(&answer->body, "{\"code\":\"%d\",\"message\":", fault->code);
        buffer_json(&answer->body, message);
        buffer_text(&answer->body, ",\"details\":[]}");
    }
}

static void spoil_with_huge_body(const struct fault *fault, struct answer *answer)
{
    answer->body.size = 0;
    buffer_text(&answer->body, "{\"done\":false,\"id\":\"");
    size_t size = fault->bytes > 0 ? (size_t)fault->bytes : 0;
    memset(buffer_reserve(&answer->body, size), 'x', size);
    answer->body.size += size;
    buffer_text(&answer->body, "\"}");
}

void service_spoil(const struct fault *fault, struct answer *answer)
{
    if (fault == NULL) {
        return;
    }
    char seconds[24];
    if (fault->retry_after_seconds > 0) {
        snprintf(seconds, sizeof seconds, "%lld", (long long)fault->retry_after_seconds);
        answer_header(answer, "Retry-After", seconds);
    }
    switch (fault->kind) {
    case FAULT_ERROR:
        spoil_with_error(fault, answer);
        break;
    case FAULT_RESET:
        answer->delivery = ANSWER_RESET;
        break;
    case FAULT_CUT:
        answer->delivery = ANSWER_CUT;
        break;
    case FAULT_GARBLE:
        answer->status = 200;
        answer->body.size = 0;
        buffer_text(&answer->body, "{\"done\": tru\x01\xff\xfe <<< no JSON");
        break;
    case FAULT_HANG:
        answer->delivery = ANSWER_NEVER;
        answer->delay_ms = fault->ms;
        break;
    case FAULT_SLOW:
        answer->delay_ms = fault->ms;
        break;
    case FAULT_HUGE:
        spoil_with_huge_body(fault, answer);
        break;
    case FAULT_ENDLESS_HEADERS:
        answer->delivery = ANSWER_ENDLESS_HEADERS;
        break;
    case FAULT_REDIRECT:
        answer->status = 307;
        answer->body.size = 0;
        answer_header(answer, "Location", fault->location == NULL ? "/" : fault->location);
        break;
    case FAULT_HTML:
        answer->status = 502;
        answer->content_type = "text/html";
        answer->body.size = 0;
        buffer_text(&answer->body, "<html><body><h1>502 Bad Gateway</h1></body></html>");
        break;
    default:
        break; /* an operation's fate, not a request's */
    }
}

void service_answer_quota(const struct service *service, struct answer *answer)
{
    char seconds[24];
    answer_error(answer, 8, "Quota exceeded");
    if (service->options->retry_after_seconds > 0) {
        snprintf(seconds, sizeof seconds, "%lld", (long long)service->options->retry_after_seconds);
        answer_header(answer, "Retry-After", seconds);
    }
}

/* ---- requests ---------------------------------------------------------------------------------
 */

static void serve_token(struct service *service, const struct request *request, struct bs_now now,
                        struct answer *answer)
{
    bool over;
    const struct fault *fault = service_strike(service, REQUEST_TOKEN, "", 0, answer, &over);
    if (over) {
        return;
    }
    bool given =
        credentials_give_token(&service->credentials, request, service->options->token_seconds,
                               bs_random_next(&service->faults.random), now.wall, answer);
    service->counts[REQUEST_TOKEN][given ? OUTCOME_SERVED : OUTCOME_REFUSED]++;
    const struct journal_field fields[] = {{.name = "status", .number = answer->status}};
    journal_line(&service->journal, "token", now.wall, fields, 1);
    service_spoil(fault, answer);
}

static void serve_object(struct service *service, const struct request *request, struct bs_now now,
                         struct answer *answer)
{
    bool over;
    const struct fault *fault =
        service_strike(service, REQUEST_OBJECT, request->target, 0, answer, &over);
    if (!over) {
        if (service->store.folder == NULL) {
            answer_error(answer, 5, "no objects here");
        } else {
            objects_serve(service->store.folder, request, answer);
        }
        bool served = answer->status < 300;
        service->counts[REQUEST_OBJECT][served ? OUTCOME_SERVED : OUTCOME_REFUSED]++;
        service_spoil(fault, answer);
    }
    const struct journal_field fields[] = {{.name = "method", .text = request->method},
                                           {.name = "target", .text = request->target},
                                           {.name = "status", .number = answer->status}};
    journal_line(&service->journal, "object", now.wall, fields, 3);
}

static void serve_operation(struct service *service, const struct request *request, bool post,
                            struct bs_now now, struct answer *answer)
{
    char *id = request->target + sizeof OPERATIONS_PATH - 1;
    size_t length = strlen(id);
    size_t suffix = sizeof CANCEL_SUFFIX - 1;
    if (post && length > suffix && strcmp(id + length - suffix, CANCEL_SUFFIX) == 0) {
        id[length - suffix] = '\0';
        cancel_serve(service, request, id, now, answer);
    } else if (!post) {
        check_serve(service, request, id, now, answer);
    } else {
        answer_error(answer, 12, "no such method");
    }
}

static void serve(void *context, const struct request *request, struct bs_now now,
                  struct answer *answer)
{
    struct service *service = context;
    const char *path = request->target;
    bool post = strcmp(request->method, "POST") == 0;
    bool get = strcmp(request->method, "GET") == 0;
    if (strncmp(path, CONTROL_PATH, sizeof CONTROL_PATH - 1) == 0) {
        control_serve(service, request, now, answer);
    } else if (post && strcmp(path, SUBMIT_PATH) == 0) {
        submission_serve(service, request, now, answer);
    } else if ((get || post) && strncmp(path, OPERATIONS_PATH, sizeof OPERATIONS_PATH - 1) == 0) {
        serve_operation(service, request, post, now, answer);
    } else if (post && strcmp(path, TOKENS_PATH) == 0) {
        serve_token(service, request, now, answer);
    } else if (get || strcmp(request->method, "HEAD") == 0) {
        serve_object(service, request, now, answer);
    } else {
        answer_error(answer, 12, "no such method");
    }
}

/* ---- the rest of the loop ---------------------------------------------------------------------
 */

static void tick(void *context, struct bs_now now)
{
    struct service *service = context;
    (void)now;
    journal_flush(&service->journal);
    credentials_refresh(&service->credentials);
}

/* What was read, byte for byte, and what it was taken for. */
static void note_recording(struct service *service, const struct recognised *recognised,
                           bs_wall_ms now)
{
    static const char *const encodings[] = {"LINEAR16_PCM", "OGG_OPUS", "MP3"};
    const struct operation *operation = recognised->operation;
    char id[OPERATION_ID_SIZE];
    operations_id(&service->operations, operation, id);
    const struct journal_field fields[] = {
        {.name = "operation", .text = id},
        {.name = "uri", .text = operation->uri->text},
        {.name = "sizeBytes", .number = recognised->size},
        {.name = "sha256", .text = recognised->sha256},
        {.name = "encoding", .text = encodings[operation->encoding]},
        {.name = "sampleRateHertz", .number = operation->sample_rate},
        {.name = "channels", .number = operation->channels},
        {.name = "problem", .text = recognised->error.message},
    };
    journal_line(&service->journal, "recording", now, fields, sizeof fields / sizeof *fields);
}

static void take_recognised(void *context, struct bs_now now)
{
    struct service *service = context;
    struct recognised recognised;
    while (recognition_take(service->recognition, &recognised)) {
        struct operation *operation = recognised.operation;
        operation->recognising = false;
        operation->transcript = recognised.transcript;
        note_recording(service, &recognised, now.wall);
        if (operation->state != OPERATION_RUNNING) {
            continue; /* cancelled meanwhile */
        }
        if (recognised.error.code != BS_OK) {
            operation_fail(operation, now.wall, 3, recognised.error.message);
        } else {
            operation->modified = now.wall;
        }
    }
}

/* ---- beginning and end ------------------------------------------------------------------------
 */

static enum bs_error_code read_faults(struct service *service, struct bs_error *error)
{
    const char *faults = service->options->faults;
    if (faults == NULL) {
        return BS_OK;
    }
    if (faults[0] != '@') {
        return faults_read(&service->faults, faults, strlen(faults), error);
    }
    size_t size;
    char *json = file_read(faults + 1, &size);
    if (json == NULL) {
        return bs_error_set(error, BS_ERROR_NOT_FOUND, "cannot read %s", faults + 1);
    }
    enum bs_error_code code = faults_read(&service->faults, json, size, error);
    free(json);
    return code;
}

/* Two runs must not give the same ids, unless they are asked to: process and time tell them apart.
 */
static uint64_t ids_seed(const struct options *options)
{
    if (options->ids_seed != 0) {
        return (uint64_t)options->ids_seed;
    }
    return bs_mix64((uint64_t)getpid()) ^ (uint64_t)clock_now().wall;
}

struct service *service_create(const struct options *options, struct bs_error *error)
{
    struct service *service = calloc(1, sizeof *service);
    BS_ASSERT(service != NULL);
    const char *decoders = options->recognise ? options->decoders : NULL;
    service->options = options;
    service->journal.fd = -1;
    service->faults.random.state = options->seed;
    operations_init(&service->operations, ids_seed(options));
    window_init(&service->submissions, options->window_seconds * 1000, options->submissions_quota);
    window_init(&service->checks, options->window_seconds * 1000, options->checks_quota);
    credentials_init(&service->credentials, options->api_key_file);
    struct server_handlers handlers = {
        .context = service, .request = serve, .tick = tick, .rung = take_recognised};
    if (journal_open(&service->journal, options->log, error) != BS_OK ||
        read_faults(service, error) != BS_OK ||
        store_init(&service->store, options->objects, options->objects_key_file,
                   options->objects_token_file, options->objects_region, error) != BS_OK ||
        (service->server = server_create(options->host, options->port, &handlers, error)) == NULL) {
        service_destroy(service);
        return NULL;
    }
    if (options->recognise || service->store.url != NULL) {
        service->recognition = recognition_create(&service->store, decoders, options->recognisers,
                                                  server_bell(service->server), error);
        if (service->recognition == NULL) {
            service_destroy(service);
            return NULL;
        }
    }
    return service;
}

void service_destroy(struct service *service)
{
    if (service->recognition != NULL) {
        recognition_destroy(service->recognition);
    }
    if (service->server != NULL) {
        server_destroy(service->server);
    }
    journal_close(&service->journal);
    operations_free(&service->operations);
    uris_free(&service->uris);
    faults_free(&service->faults);
    window_free(&service->submissions);
    window_free(&service->checks);
    transcript_free(&service->made_up);
    store_free(&service->store);
    free(service);
}
