#include "api.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulation.h"

#define RETENTION_MS (3 * 24 * 3600 * (int64_t)1000)
#define YOUNG_MS     300000

enum grpc_code {
    INVALID_ARGUMENT = 3,
    NOT_FOUND = 5,
    PERMISSION_DENIED = 7,
    RESOURCE_EXHAUSTED = 8,
    INTERNAL = 13,
    UNAVAILABLE = 14,
    UNAUTHENTICATED = 16,
};

int32_t sim_api_operation(const struct sim *sim, const char *name, size_t size)
{
    char text[32], *end;
    if (size < 3 || size >= sizeof text || memcmp(name, "op", 2) != 0) {
        return -1;
    }
    memcpy(text, name, size);
    text[size] = '\0';
    long number = strtol(text + 2, &end, 10);
    return *end == '\0' && number >= 0 && number < sim->operation_count ? (int32_t)number : -1;
}

bool sim_api_knows(const struct sim *sim, int32_t at)
{
    const struct sim_operation *operation = &sim->operations[at];
    return !operation->forgotten && sim->now_ms < operation->ends_ms + RETENTION_MS;
}

bool sim_api_lives(const struct sim *sim, int32_t at)
{
    if (at < 0 || !sim_api_knows(sim, at)) {
        return false;
    }
    const struct sim_operation *operation = &sim->operations[at];
    return !operation->failed || sim->now_ms < operation->ends_ms;
}

/* ---- answers in bytes ---------------------------------------------------------------------------
 */

static void add(struct sim_request *request, const char *format, ...) BS_PRINTF(2, 3);

static void add(struct sim_request *request, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    BS_ASSERT(size >= 0 && (size_t)size < sizeof text);
    bs_buffer_append(&request->text, text, (size_t)size);
}

static void refuse(struct sim *sim, struct sim_request *request, int32_t grpc_code, int32_t status)
{
    request->answer.status = status;
    if (sim_chance(&sim->random, 500)) {
        add(request, "{\"code\":%" PRId32 ",\"message\":\"simulated\",\"details\":[]}", grpc_code);
    } else {
        add(request,
            "{\"error\":{\"grpcCode\":%" PRId32 ",\"httpCode\":%" PRId32
            ",\"message\":\"simulated\",\"httpStatus\":\"x\",\"details\":[]}}",
            grpc_code, status);
    }
    if (grpc_code == RESOURCE_EXHAUSTED && sim_chance(&sim->random, 500)) {
        request->answer.retry_after_ms = sim_between(&sim->random, 1, 60) * 1000;
    }
    sim_http_reply(sim, request, sim_latency(sim));
}

/* A page of something on the way that is not the service. */
static void answer_page(struct sim *sim, struct sim_request *request, int32_t status)
{
    request->answer.status = status;
    add(request, "<html><body>%" PRId32 "</body></html>", status);
    sim_http_reply(sim, request, sim_latency(sim));
}

static void add_moment(const struct sim *sim, struct sim_request *request, const char *name,
                       int64_t at_ms)
{
    char text[BS_RFC3339_SIZE];
    bs_rfc3339_format((sim->wall_base + at_ms) / 1000 * 1000, text);
    add(request, ",\"%s\":\"%s\"", name, text);
}

/* Each channel says which recording it is of, so that a transcript in the wrong place shows. */
static void add_response(const struct sim *sim, struct sim_request *request,
                         const struct sim_job *job)
{
    int32_t words = sim_job_words(sim, job);
    add(request, ",\"response\":{\"@type\":\"type.googleapis.com/yandex.cloud.ai.stt.v2."
                 "LongRunningRecognitionResponse\",\"chunks\":[");
    for (int32_t channel = 1; channel <= job->audio.channels; channel++) {
        add(request,
            "%s{\"channelTag\":\"%" PRId32 "\",\"alternatives\":[{\"confidence\":1,\"text\":"
            "\"recording %" PRId32 " channel %" PRId32 "\",\"words\":[",
            channel == 1 ? "" : ",", channel, job->recording, channel);
        for (int32_t word = 0; word < words; word++) {
            add(request,
                "%s{\"startTime\":\"%" PRId32 ".100s\",\"endTime\":\"%" PRId32
                ".900s\",\"word\":\"слово%" PRId32 "\",\"confidence\":1}",
                word == 0 ? "" : ",", word, word, word);
        }
        add(request, "]}]}");
    }
    add(request, "]}");
}

/* As the real service writes it: the end first, then the operation's own members. */
static void add_operation(const struct sim *sim, struct sim_request *request, int32_t number,
                          bool with_response)
{
    const struct sim_operation *operation = &sim->operations[number];
    bool ended = sim->now_ms >= operation->ends_ms;
    add(request, "{\"done\":%s", ended ? "true" : "false");
    if (ended && operation->failed) {
        add(request, ",\"error\":{\"code\":%" PRId32 ",\"message\":\"simulated\"}",
            operation->grpc_code);
    } else if (ended && with_response) {
        add_response(sim, request, operation->job);
    }
    add(request, ",\"id\":\"op%" PRId32 "\"", number);
    add_moment(sim, request, "createdAt", operation->accepted_ms);
    add_moment(sim, request, "modifiedAt", ended ? operation->ends_ms : operation->accepted_ms);
    add(request, ",\"createdBy\":\"simulated\"}");
}

/* An answer of success that says nothing: cut, of another kind, or about something else. */
static void garble(struct sim *sim, struct sim_request *request)
{
    static const char *const bodies[] = {"",
                                         "null",
                                         "[]",
                                         "{}",
                                         "<html></html>",
                                         "{\"id\":\"../other\",\"done\":true}",
                                         "\xff\xfe\x01",
                                         "{\"done\":true}"};
    int64_t way = bs_random_below(&sim->random, 2);
    if (way == 0 && request->text.size > 1) {
        request->text.size = (size_t)bs_random_below(&sim->random, (int64_t)request->text.size - 1);
    } else {
        const char *body = bodies[bs_random_below(&sim->random, sizeof bodies / sizeof *bodies)];
        request->text.size = 0;
        bs_buffer_append(&request->text, body, strlen(body));
    }
    request->accepted = -1;
}

/* ---- trouble
 * -------------------------------------------------------------------------------------
 */

void sim_api_trouble(struct sim *sim, enum sim_kind kind)
{
    int64_t most_ms = kind == SIM_OUTAGE ? 4 * 3600000 : 300000;
    int64_t length_ms = sim_between(&sim->random, 1000, most_ms);
    sim_trace(sim, "api: %s for %" PRId64 " ms", sim_kind_facts[kind].name, length_ms);
    sim->trouble_kind = kind;
    sim->trouble_until_ms = sim->now_ms + length_ms;
    for (int32_t w = 0; kind == SIM_REVOKED && w < sim->options.workers; w++) {
        sim_renew_credentials(sim, length_ms + 1000, w);
    }
}

/* Something stands in the way of everybody's requests for a while. */
static bool in_trouble(struct sim *sim, struct sim_request *request)
{
    static const int32_t pages[] = {302, 301, 404, 403};
    if (!sim->faulty || sim->now_ms >= sim->trouble_until_ms) {
        return false;
    }
    if (sim->trouble_kind == SIM_REVOKED) {
        refuse(sim, request, UNAUTHENTICATED, 401);
    } else if (sim->trouble_kind == SIM_WRONG_ENDPOINT) {
        int32_t page = pages[bs_mix64((uint64_t)sim->trouble_until_ms) % 4];
        if (page == 404 && request->check) {
            page = 302; /* a 404 is an answer about one operation */
        }
        answer_page(sim, request, page);
    } else if (sim_chance(&sim->random, 500)) {
        sim_http_lose(sim, request);
    } else {
        answer_page(sim, request, 503);
    }
    return true;
}

/* Faults that hit either kind of request after it arrived and before it is worked on. */
static bool troubled(struct sim *sim, struct sim_request *request)
{
    static const int32_t codes[][2] = {{UNAVAILABLE, 503}, {INTERNAL, 500}, {4, 504}, {2, 502}};
    if (in_trouble(sim, request)) {
        return true;
    }
    if (sim_fault(sim, SIM_LOST_BEFORE)) {
        sim_http_lose(sim, request);
    } else if (sim_fault(sim, SIM_UNAVAILABLE)) {
        const int32_t *code = codes[bs_random_below(&sim->random, 4)];
        refuse(sim, request, code[0], code[1]);
    } else if (sim_fault(sim, SIM_TOO_MANY)) {
        refuse(sim, request, RESOURCE_EXHAUSTED, 429);
    } else {
        return false;
    }
    return true;
}

/* ---- operations
 * ----------------------------------------------------------------------------------
 */

static int64_t duration_ms(struct sim *sim, const struct sim_job *job)
{
    int64_t most_ms = sim->options.recognition_ms;
    switch (sim->options.durations) {
    case SIM_MOSTLY_SHORT:
        return sim_between(&sim->random, 1,
                           sim_chance(&sim->random, 900) ? most_ms / 20 : 3 * most_ms);
    case SIM_BY_LENGTH:
        return (int64_t)(job->audio_seconds * 1000) / 6 * job->audio.channels + 1;
    case SIM_ALL_AT_ONCE: /* at the next full interval */
        return most_ms - sim->now_ms % most_ms;
    default:
        return sim_between(&sim->random, 1, most_ms);
    }
}

static int32_t accept(struct sim *sim, struct sim_job *job)
{
    if (sim->operation_count == sim->operation_capacity) {
        sim->operation_capacity = sim->operation_capacity == 0 ? 64 : sim->operation_capacity * 2;
        sim->operations =
            realloc(sim->operations, (size_t)sim->operation_capacity * sizeof *sim->operations);
        BS_ASSERT(sim->operations != NULL);
    }
    struct sim_operation *operation = &sim->operations[sim->operation_count];
    *operation = (struct sim_operation){.job = job, .accepted_ms = sim->now_ms};
    operation->ends_ms = sim->now_ms + duration_ms(sim, job);
    if (sim_fault(sim, SIM_DONE_AT_ONCE)) {
        operation->ends_ms = sim->now_ms;
    }
    operation->failed = job->nature == SIM_FAILS || job->nature == SIM_FAILS_AGAIN;
    operation->grpc_code = job->nature == SIM_FAILS ? INVALID_ARGUMENT : INTERNAL;
    return sim->operation_count++;
}

static void take_submission(struct sim *sim, struct sim_request *request)
{
    enum sim_nature nature = request->job->nature;
    if (troubled(sim, request)) {
        return;
    }
    if (nature == SIM_REFUSED || nature == SIM_HUGE) {
        refuse(sim, request, INVALID_ARGUMENT, 400);
        return;
    }
    int32_t operation = accept(sim, request->job);
    sim_observe_accepted(sim, request, operation);
    sim_trace_job(sim, request->job, "api: accepts op%" PRId32 " from w%" PRId32, operation,
                  request->worker);
    request->answer.status = 200;
    request->accepted = operation;
    add_operation(sim, request, operation, false);
    if (sim_fault(sim, SIM_LOST_AFTER)) {
        sim_http_lose(sim, request);
        return;
    }
    if (sim_fault(sim, SIM_GATEWAY_AFTER)) {
        request->text.size = 0;
        request->accepted = -1;
        answer_page(sim, request, sim_chance(&sim->random, 500) ? 504 : 502);
        return;
    }
    if (sim_fault(sim, SIM_GARBLED)) {
        garble(sim, request);
    }
    bool hangs = sim_fault(sim, SIM_HANGS);
    sim_http_reply(sim, request, hangs ? sim->options.core.request_limit_ms : sim_latency(sim));
}

static void take_check(struct sim *sim, struct sim_request *request)
{
    if (troubled(sim, request)) {
        return;
    }
    if (request->operation < 0) {
        refuse(sim, request, NOT_FOUND, 404);
        return;
    }
    struct sim_operation *operation = &sim->operations[request->operation];
    int64_t age_ms = sim->now_ms - operation->accepted_ms;
    operation->forgotten = operation->forgotten || sim_fault(sim, SIM_FORGOTTEN);
    if (operation->forgotten || sim->now_ms >= operation->ends_ms + RETENTION_MS ||
        (age_ms < YOUNG_MS && sim_fault(sim, SIM_YOUNG_NOT_FOUND))) {
        refuse(sim, request, NOT_FOUND, 404);
        return;
    }
    request->answer.status = 200;
    add_operation(sim, request, request->operation, true);
    if (sim_fault(sim, SIM_GARBLED)) {
        garble(sim, request);
    }
    bool hangs = sim_fault(sim, SIM_HANGS) || sim_fault(sim, SIM_LOST_AFTER);
    sim_http_reply(sim, request, hangs ? sim->options.core.request_limit_ms : sim_latency(sim));
}

void sim_api_take(struct sim *sim, struct sim_request *request)
{
    if (request->check) {
        take_check(sim, request);
    } else {
        take_submission(sim, request);
    }
}

void sim_api_destroy(struct sim *sim)
{
    free(sim->operations);
}
