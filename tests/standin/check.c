/* GET of an operation, and its cancelling. */
#include <string.h>

#include "clock.h"
#include "service.h"
#include "synthetic.h"

/* ---- the operation as JSON ----------------------------------------------------------------------
 */

static void write_failure(const struct operation *operation, struct buffer *out)
{
    const char *quote = operation->code_as_string ? "\"" : "";
    buffer_format(out, ",\"error\":{\"code\":%s%d%s,\"message\":", quote, operation->code, quote);
    buffer_json(out, operation->message == NULL ? "" : operation->message);
    buffer_text(out, ",\"details\":[]}");
}

static void write_huge_chunks(const struct operation *operation, struct buffer *out)
{
    static const char word[] = "слово ";
    buffer_text(out, "[{\"alternatives\":[{\"text\":\"");
    for (int64_t size = 0; size < operation->fate_bytes; size += (int64_t)sizeof word - 1) {
        buffer_add(out, word, sizeof word - 1);
    }
    buffer_text(out, "\",\"confidence\":1}],\"channelTag\":\"1\"}]");
}

static void write_response(struct service *service, const struct operation *operation,
                           struct buffer *out)
{
    if (operation->fate == FAULT_WRONG_SHAPE) {
        return;
    }
    buffer_text(out, ",\"response\":{\"@type\":\"type.googleapis.com/"
                     "yandex.cloud.ai.stt.v2.LongRunningRecognitionResponse\"");
    const struct transcript *transcript = operation->transcript;
    if (transcript == NULL && operation->fate != FAULT_EMPTY) {
        const struct options *options = service->options;
        transcript_clear(&service->made_up);
        synthetic_transcript(operation->uri->text,
                             duration_sample(&options->audio_seconds, operation->uri->hash),
                             options->words_per_minute, operation->channels, &service->made_up);
        transcript = &service->made_up;
    }
    if (operation->fate == FAULT_HUGE_RESULT) {
        buffer_text(out, ",\"chunks\":");
        write_huge_chunks(operation, out);
    } else if (operation->fate != FAULT_EMPTY && transcript->count > 0) {
        buffer_text(out, ",\"chunks\":");
        transcript_write_chunks(transcript, out);
    }
    buffer_text(out, "}");
}

void operation_write(struct service *service, const struct operation *operation, bs_wall_ms now,
                     struct buffer *out, bool *told)
{
    char id[OPERATION_ID_SIZE];
    char created[BS_RFC3339_SIZE];
    char modified[BS_RFC3339_SIZE];
    operations_id(&service->operations, operation, id);
    clock_rfc3339(operation->created, service->options->milliseconds, created);
    clock_rfc3339(operation->modified, service->options->milliseconds, modified);
    *told = operation->state != OPERATION_RUNNING;
    buffer_text(out, *told ? "{\"done\":true,\"id\":\"" : "{\"done\":false,\"id\":\"");
    buffer_text(out, id);
    buffer_text(out, "\",\"createdAt\":\"");
    buffer_text(out, created);
    buffer_text(out, "\",\"createdBy\":\"ajestandin0000000000\",\"modifiedAt\":\"");
    buffer_text(out, modified);
    buffer_text(out, "\"");
    bool rolling_back = operation->state == OPERATION_RUNNING &&
                        operation->fate == FAULT_ERROR_BEFORE_DONE &&
                        now >= operation->done_at - operation->fate_ms;
    if (operation->state == OPERATION_DONE) {
        write_response(service, operation, out);
    } else if (*told || rolling_back) {
        write_failure(operation, out);
    }
    buffer_text(out, "}");
}

/* ---- requests -----------------------------------------------------------------------------------
 */

/* Whether the service knows the operation now. */
static bool visible(const struct service *service, const struct operation *operation,
                    bs_wall_ms now)
{
    if (operation->fate == FAULT_YOUNG_NOT_FOUND && now < operation->created + operation->fate_ms) {
        return false;
    }
    if (operation->state == OPERATION_RUNNING) {
        return true;
    }
    return operation->fate != FAULT_EXPIRE &&
           now - operation->modified < service->options->retention_seconds * 1000;
}

static const char *work(struct service *service, const struct request *request,
                        struct operation *operation, bool within_quota, bs_wall_ms now,
                        struct answer *answer)
{
    int64_t *counts = service->counts[REQUEST_CHECK];
    if (!credentials_accept(&service->credentials, request, now, answer)) {
        counts[OUTCOME_REFUSED]++;
        return "refused";
    }
    if (!within_quota) {
        counts[OUTCOME_QUOTA]++;
        service_answer_quota(service, answer);
        return "quota";
    }
    if (operation == NULL || !visible(service, operation, now)) {
        counts[OUTCOME_REFUSED]++;
        answer_error(answer, 5, "Operation not found");
        return "not_found";
    }
    bool told;
    operation_write(service, operation, now, &answer->body, &told);
    counts[OUTCOME_SERVED]++;
    service->checks_done += told ? 1 : 0;
    return !told ? "running" : operation->state == OPERATION_DONE ? "done" : "failed";
}

void check_serve(struct service *service, const struct request *request, const char *id,
                 struct bs_now now, struct answer *answer)
{
    struct operation *operation = operations_find(&service->operations, id, strlen(id));
    bool within_quota = window_arrive(&service->checks, now.mono);
    if (operation != NULL) {
        operation->checks++;
        operation_settle(operation, now.wall);
    }
    const char *uri = operation == NULL ? "" : operation->uri->text;
    const char *outcome = "fault";
    bool over;
    const struct fault *fault = service_strike(
        service, REQUEST_CHECK, uri, operation == NULL ? 0 : operation->checks, answer, &over);
    if (!over) {
        outcome = work(service, request, operation, within_quota, now.wall, answer);
        service_spoil(fault, answer);
    }
    const char *client = request_header(request, "x-client-request-id");
    bool ended = operation != NULL && operation->state != OPERATION_RUNNING;
    const struct journal_field fields[] = {
        {.name = "operation", .text = id},
        {.name = "uri", .text = uri},
        {.name = "outcome", .text = outcome},
        {.name = "status", .number = answer->status},
        {.name = "check", .number = operation == NULL ? 0 : operation->checks},
        {.name = "endedAt", .text = ended ? NULL : "", .number = ended ? operation->modified : 0},
        {.name = "clientRequestId", .text = client == NULL ? "" : client},
        {.name = "fault", .text = fault == NULL ? "" : faults_name(fault->kind)},
    };
    journal_line(&service->journal, "check", now.wall, fields, sizeof fields / sizeof *fields);
}

void cancel_serve(struct service *service, const struct request *request, const char *id,
                  struct bs_now now, struct answer *answer)
{
    bool over;
    struct operation *operation = operations_find(&service->operations, id, strlen(id));
    const char *uri = operation == NULL ? "" : operation->uri->text;
    const struct fault *fault = service_strike(service, REQUEST_CANCEL, uri, 0, answer, &over);
    if (!over && credentials_accept(&service->credentials, request, now.wall, answer)) {
        bool known = operation != NULL;
        service->counts[REQUEST_CANCEL][known ? OUTCOME_SERVED : OUTCOME_REFUSED]++;
        if (known) {
            bool told;
            operation_settle(operation, now.wall);
            if (operation->state == OPERATION_RUNNING) {
                operation_fail(operation, now.wall, 1, "The operation was cancelled");
                operation->state = OPERATION_CANCELLED;
            }
            operation_write(service, operation, now.wall, &answer->body, &told);
        } else {
            answer_error(answer, 5, "Operation not found");
        }
        service_spoil(fault, answer);
    }
    const struct journal_field fields[] = {{.name = "operation", .text = id},
                                           {.name = "status", .number = answer->status}};
    journal_line(&service->journal, "cancel", now.wall, fields, 2);
}
