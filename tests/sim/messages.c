/* The bytes of results and dead letters: which job they answer for, and whether they say the truth
 * about it. */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edges/kafka.h"
#include "formats/gzip.h"
#include "simulation.h"

#define RESULT_MAX (16 * 1024 * 1024)

static bool same_bytes(struct bs_bytes a, struct bs_bytes b)
{
    return (a.data == NULL) == (b.data == NULL) && a.size == b.size &&
           (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static const struct bs_header *find_header(const struct sim_message *message, const char *name)
{
    for (size_t i = message->message.header_count; i-- > 0;) {
        if (strcmp(message->message.headers[i].name, name) == 0) {
            return &message->message.headers[i];
        }
    }
    return NULL;
}

/* The job message's own headers come first, unchanged. */
static bool keeps_headers(const struct sim_message *message, const struct sim_job *job)
{
    const struct bs_message *own = &job->message->message;
    if (message->message.header_count < own->header_count) {
        return false;
    }
    for (size_t i = 0; i < own->header_count; i++) {
        if (strcmp(message->message.headers[i].name, own->headers[i].name) != 0 ||
            !same_bytes(message->message.headers[i].value, own->headers[i].value)) {
            return false;
        }
    }
    return true;
}

/* ---- results ------------------------------------------------------------------------------------
 */

static struct sim_job *job_of(struct sim *sim, const cJSON *result)
{
    const cJSON *source = cJSON_GetObjectItemCaseSensitive(result, "source");
    const cJSON *partition = cJSON_GetObjectItemCaseSensitive(source, "partition");
    const cJSON *offset = cJSON_GetObjectItemCaseSensitive(source, "offset");
    if (!cJSON_IsNumber(partition) || !cJSON_IsNumber(offset)) {
        return NULL;
    }
    return sim_job_at(sim, partition->valueint, (int64_t)offset->valuedouble);
}

static const char *text_of(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return text == NULL ? "" : text;
}

static const char *result_problem(struct sim *sim, const cJSON *result, struct sim_message *message)
{
    const struct sim_job *job = message->job;
    char text[512] = "";
    size_t used = 0;
    for (int32_t channel = 1; channel <= job->audio.channels; channel++) {
        used += (size_t)snprintf(text + used, sizeof text - used,
                                 "%srecording %" PRId32 " channel %" PRId32,
                                 channel == 1 ? "" : "\n", job->recording, channel);
    }
    const char *operation = text_of(cJSON_GetObjectItemCaseSensitive(result, "operation"), "id");
    int32_t number = sim_api_operation(sim, operation, strlen(operation));
    if (strcmp(text_of(result, "id"), job->id_text) != 0) {
        return "its result has another id";
    }
    if (strcmp(text_of(result, "text"), text) != 0) {
        return "its result has another recording's text";
    }
    if (number < 0 || sim->operations[number].job != job) {
        return "its result is another job's operation";
    }
    if (strcmp(text_of(cJSON_GetObjectItemCaseSensitive(result, "audio"), "uri"), job->uri) != 0) {
        return "its result names another recording";
    }
    const cJSON *transcript = cJSON_GetObjectItemCaseSensitive(result, "transcript");
    const char *problem = transcript == NULL ? NULL : sim_transcript_problem(sim, job, transcript);
    (void)snprintf(message->transcript, sizeof message->transcript, "%s",
                   text_of(transcript, "sha256"));
    if (problem != NULL) {
        return problem;
    }
    bool whole = cJSON_HasObjectItem(result, "chunks");
    if (whole == (transcript != NULL)) {
        return whole ? "its result is whole and names a transcript" : "its result is not whole";
    }
    struct bs_bytes key = job->message->message.key;
    struct bs_bytes id = {.data = (const uint8_t *)job->id_text, .size = strlen(job->id_text)};
    if (!same_bytes(message->message.key, key.data == NULL ? id : key)) {
        return "its result has another key";
    }
    return keeps_headers(message, job) ? NULL : "its result has lost a header of the job's";
}

void sim_judge_result(struct sim *sim, struct sim_message *message)
{
    struct bs_bytes value = message->message.value;
    struct bs_buffer plain = {0};
    bool gzipped = find_header(message, "content-encoding") != NULL;
    if (gzipped) {
        sim_seen(sim, SIM_GZIPPED);
        if (!bs_gunzip(value, RESULT_MAX, &plain)) {
            sim_fail(sim, NULL, "a result that calls itself gzip is none");
        }
        value = (struct bs_bytes){.data = plain.data, .size = plain.size};
    }
    cJSON *result =
        value.data == NULL ? NULL : cJSON_ParseWithLength((const char *)value.data, value.size);
    message->job = result == NULL ? NULL : job_of(sim, result);
    if (message->job == NULL) {
        sim_fail(sim, NULL, "a result that is no job's: %.*s", (int)(value.size % 200),
                 (const char *)value.data);
    } else {
        const char *problem = result_problem(sim, result, message);
        if (problem != NULL) {
            sim_fail(sim, message->job, "%s", problem);
        }
    }
    if ((int64_t)message->message.value.size > sim->config.results.inline_bytes) {
        sim_fail(sim, message->job, "its result is larger than results.inline_bytes");
    }
    cJSON_Delete(result);
    bs_buffer_free(&plain);
}

/* ---- dead letters
 * --------------------------------------------------------------------------------
 */

static bool read_header(const struct sim_message *message, const char *name, char *text,
                        size_t size)
{
    const struct bs_header *header = find_header(message, name);
    if (header == NULL || header->value.data == NULL || header->value.size >= size) {
        return false;
    }
    memcpy(text, header->value.data, header->value.size);
    text[header->value.size] = '\0';
    return true;
}

static bool has_conflict(const struct sim *sim, const struct sim_job *job)
{
    for (int32_t i = 0; i < sim->options.jobs; i++) {
        if (sim_same_id(job, &sim->jobs[i]) && !sim_same_request(job, &sim->jobs[i])) {
            return true;
        }
    }
    return false;
}

/* The service had accepted it, and gives the result to nobody any more. */
static bool lost_at_service(const struct sim *sim, const struct sim_job *job)
{
    for (int32_t i = sim->operation_count; i-- > 0;) {
        const struct sim_operation *operation = &sim->operations[i];
        if (operation->job == job && !sim_api_knows(sim, i)) {
            return true;
        }
    }
    return false;
}

/* Whether a job of this kind may end so. */
static bool may_end_with(const struct sim *sim, const struct sim_worker *worker,
                         const struct sim_job *job, enum bs_dead_letter_code code, bool probing)
{
    enum sim_nature nature = job->nature;
    enum bs_dead_letter_code refusal = sim_recording_refusal(&sim->options, &job->audio);
    switch (code) {
    case BS_DEAD_INVALID_JOB:
        return nature == SIM_INVALID;
    case BS_DEAD_AUDIO_NOT_FOUND:
        return nature == SIM_INVALID || refusal == code ||
               (sim->recordings_mended && refusal != BS_DEAD_NONE);
    case BS_DEAD_AUDIO_FORBIDDEN:
    case BS_DEAD_AUDIO_TOO_LARGE:
    case BS_DEAD_AUDIO_TOO_LONG:
    case BS_DEAD_UNSUPPORTED_AUDIO:
        return nature == SIM_INVALID || refusal == code;
    case BS_DEAD_ID_CONFLICT:
        return has_conflict(sim, job);
    case BS_DEAD_INVALID_ARGUMENT:
        return nature == SIM_REFUSED || nature == SIM_HUGE;
    case BS_DEAD_RECOGNITION_FAILED:
        return nature == SIM_FAILS || nature == SIM_FAILS_AGAIN;
    case BS_DEAD_SUBMISSION_UNKNOWN:
        return sim->options.core.dead_letter_unknown_submissions;
    case BS_DEAD_JOB_DEADLINE_PASSED:
        return job->deadline != 0 && (job->deadline <= sim_worker_now(sim, worker).wall ||
                                      sim->options.likelihood[SIM_CLOCK_JUMP] > 0);
    case BS_DEAD_RESULT_EXPIRED:
        return lost_at_service(sim, job);
    case BS_DEAD_UNEXPECTED_RESPONSE:
        /* What is denied may fail in other ways between. */
        return probing ? refusal == code || refusal == BS_DEAD_AUDIO_FORBIDDEN
                       : sim->options.likelihood[SIM_GARBLED] > 0;
    default:
        return false;
    }
}

static void note_code(struct sim *sim, enum bs_dead_letter_code code)
{
    if (code == BS_DEAD_RESULT_EXPIRED) {
        sim_seen(sim, SIM_EXPIRED);
    } else if (code == BS_DEAD_ID_CONFLICT) {
        sim_seen(sim, SIM_CONFLICT);
    } else if (code == BS_DEAD_JOB_DEADLINE_PASSED) {
        sim_seen(sim, SIM_DEADLINE);
    }
}

static enum bs_dead_letter_code code_of(const char *name)
{
    for (int code = 1; code < BS_DEAD_CODES; code++) {
        if (strcmp(bs_dead_letter_code_name((enum bs_dead_letter_code)code), name) == 0) {
            return (enum bs_dead_letter_code)code;
        }
    }
    return BS_DEAD_NONE;
}

void sim_judge_dead_letter(struct sim *sim, const struct sim_worker *worker,
                           struct sim_message *message)
{
    char source[100], code[64], stage[32], omitted[32];
    int partition;
    long long offset;
    if (!read_header(message, "backscribe-source", source, sizeof source) ||
        sscanf(source, SIM_JOBS_TOPIC "/%d/%lld", &partition, &offset) != 2 ||
        (message->job = sim_job_at(sim, partition, offset)) == NULL) {
        sim_fail(sim, NULL, "a dead letter that is no job's");
        return;
    }
    const struct sim_job *job = message->job;
    const struct bs_message *own = &job->message->message;
    bool has_code = read_header(message, "backscribe-error-code", code, sizeof code);
    message->code = has_code ? (int32_t)code_of(code) : BS_DEAD_NONE;
    note_code(sim, (enum bs_dead_letter_code)message->code);
    bool probing = read_header(message, "backscribe-error-stage", stage, sizeof stage) &&
                   strcmp(stage, "probe") == 0;
    if (probing && message->code != BS_DEAD_JOB_DEADLINE_PASSED) {
        sim_seen(sim, SIM_LOOK_REFUSED);
    }
    if (!may_end_with(sim, worker, job, (enum bs_dead_letter_code)message->code, probing)) {
        sim_fail(sim, job, "it ends as %s without a reason", has_code ? code : "nothing");
    }
    if (!same_bytes(message->message.key, own->key) || !keeps_headers(message, job)) {
        sim_fail(sim, job, "its dead letter has not the message's key and headers");
    }
    bool left_out = read_header(message, "backscribe-value-omitted", omitted, sizeof omitted);
    if (left_out) {
        sim_seen(sim, SIM_VALUE_OMITTED);
    }
    if (left_out ? (message->message.value.data != NULL || atoi(omitted) != (int)own->value.size)
                 : !same_bytes(message->message.value, own->value)) {
        sim_fail(sim, job, "its dead letter has not the message's value");
    }
}
