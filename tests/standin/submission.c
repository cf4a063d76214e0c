/* POST longRunningRecognize: a request becomes an operation, or is refused. */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "clock.h"
#include "service.h"

/* What a submission asks for; strings point into the parsed body. */
struct submission {
    const char *uri;
    const char *model;
    enum encoding encoding;
    int64_t sample_rate;
    int64_t channels;
};

/* A proto3 JSON integer: a number or a string of digits. False: it is neither. */
static bool read_int64(const cJSON *item, int64_t *number)
{
    if (item == NULL || cJSON_IsNull(item)) {
        return true;
    }
    if (cJSON_IsNumber(item)) {
        *number = (int64_t)item->valuedouble;
        return true;
    }
    char *end;
    if (!cJSON_IsString(item) || item->valuestring[0] == '\0') {
        return false;
    }
    *number = strtoll(item->valuestring, &end, 10);
    return *end == '\0';
}

static bool read_encoding(const cJSON *item, enum encoding *encoding)
{
    static const char *const names[] = {"LINEAR16_PCM", "OGG_OPUS", "MP3"};
    *encoding = ENCODING_OGG_OPUS;
    if (item == NULL) {
        return true;
    }
    for (int i = 0; cJSON_IsString(item) && i < 3; i++) {
        if (strcmp(names[i], item->valuestring) == 0) {
            *encoding = (enum encoding)i;
            return true;
        }
    }
    return false;
}

/* Whether `model` stands in the comma-separated `list`. */
static bool model_known(const char *list, const char *model)
{
    size_t length = strlen(model);
    for (const char *at = list; *at != '\0';) {
        size_t name = strcspn(at, ",");
        if ((name == 1 && *at == '*') || (name == length && memcmp(at, model, name) == 0)) {
            return true;
        }
        at += at[name] == ',' ? name + 1 : name;
    }
    return false;
}

/* Why the service would not take it; NULL when it would. */
static const char *refusal(const struct service *service, const cJSON *body,
                           struct submission *submission)
{
    const cJSON *config = cJSON_GetObjectItemCaseSensitive(body, "config");
    const cJSON *specification = cJSON_GetObjectItemCaseSensitive(config, "specification");
    const cJSON *model = cJSON_GetObjectItemCaseSensitive(specification, "model");
    submission->model = cJSON_IsString(model) ? model->valuestring : "general";
    submission->sample_rate = 48000;
    submission->channels = 1;
    if (!cJSON_IsObject(body)) {
        return "the body is no JSON object";
    }
    if (submission->uri[0] == '\0') {
        return "audio.uri: a link was expected";
    }
    if (!cJSON_IsObject(specification)) {
        return "config.specification: an object was expected";
    }
    if (!model_known(service->options->models, submission->model)) {
        return "model not found";
    }
    if (!read_encoding(cJSON_GetObjectItemCaseSensitive(specification, "audioEncoding"),
                       &submission->encoding)) {
        return "config.specification.audioEncoding: unknown encoding";
    }
    if (!read_int64(cJSON_GetObjectItemCaseSensitive(specification, "sampleRateHertz"),
                    &submission->sample_rate) ||
        !read_int64(cJSON_GetObjectItemCaseSensitive(specification, "audioChannelCount"),
                    &submission->channels)) {
        return "config.specification: a number was expected";
    }
    if (submission->encoding == ENCODING_LPCM && submission->sample_rate != 8000 &&
        submission->sample_rate != 16000 && submission->sample_rate != 48000) {
        return "config.specification.sampleRateHertz: 8000, 16000 or 48000 was expected";
    }
    if (submission->channels < 1 || submission->channels > 32) {
        return "config.specification.audioChannelCount: 1 to 32 was expected";
    }
    return NULL;
}

static const char *uri_of(const cJSON *body)
{
    const cJSON *audio = cJSON_GetObjectItemCaseSensitive(body, "audio");
    const cJSON *uri = cJSON_GetObjectItemCaseSensitive(audio, "uri");
    return cJSON_IsString(uri) ? uri->valuestring : "";
}

/* How long it takes at least. */
static int64_t duration_ms(const struct options *options, const struct operation *operation,
                           const struct submission *submission)
{
    uint64_t draw = bs_mix64(options->seed) + (uint64_t)operation->number;
    double ms = duration_sample(&options->duration_ms, draw);
    if (strncmp(submission->model, "deferred-", 9) == 0) {
        ms += duration_sample(&options->deferred_ms, bs_mix64(draw));
    }
    if (options->seconds_per_audio_minute > 0) {
        uint64_t recording = operation->uri->hash;
        double seconds = duration_sample(&options->audio_seconds, recording);
        ms +=
            options->seconds_per_audio_minute * 1000 * seconds / 60 * (double)submission->channels;
    }
    return (int64_t)ms;
}

static void decide_fate(struct service *service, struct operation *operation)
{
    const struct fault *fault =
        faults_strike_operation(&service->faults, operation->uri->text, operation->uri->accepted);
    if (fault == NULL) {
        return;
    }
    operation->fate = fault->kind;
    operation->fate_ms = fault->ms;
    operation->fate_bytes = fault->bytes;
    operation->code_as_string = fault->code_as_string;
    operation->code = fault->code;
    const char *message =
        fault->message == NULL ? "recognition failed, as the test asked for" : fault->message;
    operation->message = strdup(message);
    BS_ASSERT(operation->message != NULL);
    if (fault->kind == FAULT_NEVER_DONE) {
        operation->done_at = BS_NEVER;
    } else if (fault->kind == FAULT_DURATION) {
        operation->done_at = operation->created + fault->ms;
    }
}

static struct operation *accept(struct service *service, const struct submission *submission,
                                struct uri *uri, struct bs_now now)
{
    struct operation *operation = operations_add(&service->operations);
    uris_count_acceptance(&service->uris, uri);
    operation->uri = uri;
    operation->encoding = submission->encoding;
    operation->sample_rate = (int32_t)submission->sample_rate;
    operation->channels = (int32_t)submission->channels;
    operation->created = operation->modified = now.wall;
    operation->done_at = now.wall + duration_ms(service->options, operation, submission);
    decide_fate(service, operation);
    if (service->recognition != NULL) {
        operation->recognising = true;
        recognition_add(service->recognition, operation);
    }
    return operation;
}

static void note(struct service *service, const struct request *request, struct bs_now now,
                 const char *uri, const struct operation *operation, const struct fault *fault,
                 const struct answer *answer)
{
    char id[OPERATION_ID_SIZE] = "";
    if (operation != NULL) {
        operations_id(&service->operations, operation, id);
    }
    const char *outcome = operation != NULL       ? "accepted"
                          : fault != NULL         ? "fault"
                          : answer->status == 429 ? "quota"
                                                  : "refused";
    const char *key = request_header(request, "Idempotency-Key");
    const char *client = request_header(request, "x-client-request-id");
    const struct journal_field fields[] = {
        {.name = "uri", .text = uri},
        {.name = "outcome", .text = outcome},
        {.name = "status", .number = answer->status},
        {.name = "operation", .text = id},
        {.name = "idempotencyKey", .text = key == NULL ? "" : key},
        {.name = "clientRequestId", .text = client == NULL ? "" : client},
        {.name = "fault", .text = fault == NULL ? "" : faults_name(fault->kind)},
    };
    journal_line(&service->journal, "submission", now.wall, fields, sizeof fields / sizeof *fields);
}

/* The service's own answer, without faults: an operation, or NULL with a refusal in `answer`. */
static struct operation *work(struct service *service, const struct request *request,
                              const cJSON *body, struct uri *uri, bool within_quota,
                              struct bs_now now, struct answer *answer)
{
    int64_t *counts = service->counts[REQUEST_SUBMIT];
    if (!credentials_accept(&service->credentials, request, now.wall, answer)) {
        counts[OUTCOME_REFUSED]++;
        return NULL;
    }
    if (!within_quota) {
        counts[OUTCOME_QUOTA]++;
        service_answer_quota(service, answer);
        return NULL;
    }
    struct submission submission = {.uri = uri->text};
    const char *reason = refusal(service, body, &submission);
    if (reason != NULL) {
        counts[OUTCOME_REFUSED]++;
        answer_error(answer, 3, reason);
        return NULL;
    }
    counts[OUTCOME_SERVED]++;
    struct operation *operation = accept(service, &submission, uri, now);
    bool told;
    operation_write(service, operation, now.wall, &answer->body, &told);
    return operation;
}

void submission_serve(struct service *service, const struct request *request, struct bs_now now,
                      struct answer *answer)
{
    cJSON *body = cJSON_ParseWithLength(request->body, request->body_size);
    struct uri *uri = uris_find(&service->uris, uri_of(body));
    uris_count_arrival(&service->uris, uri);
    bool within_quota = window_arrive(&service->submissions, now.mono);
    bool over;
    struct operation *operation = NULL;
    const struct fault *fault =
        service_strike(service, REQUEST_SUBMIT, uri->text, uri->arrived, answer, &over);
    if (!over) {
        operation = work(service, request, body, uri, within_quota, now, answer);
        service_spoil(fault, answer);
    }
    note(service, request, now, uri->text, operation, fault, answer);
    cJSON_Delete(body);
}
