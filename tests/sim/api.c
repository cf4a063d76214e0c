#include "api.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulation.h"

#define RETENTION_MS (3 * 24 * 3600 * (int64_t)1000)

enum grpc_code {
    INVALID_ARGUMENT = 3,
    NOT_FOUND = 5,
    RESOURCE_EXHAUSTED = 8,
    INTERNAL = 13,
    UNAVAILABLE = 14,
    UNAUTHENTICATED = 16,
};

/* An answer under way, with the texts that it points at. */
struct delivery {
    struct sim_request request;
    struct bs_answer answer;
    char operation_id[32];
};

static void name_operation(int32_t operation, char name[32])
{
    (void)snprintf(name, 32, "op%" PRId32, operation);
}

static int32_t operation_of(const struct sim *sim, const char *name)
{
    char *end;
    if (strncmp(name, "op", 2) != 0) {
        return -1;
    }
    long number = strtol(name + 2, &end, 10);
    return *end == '\0' && number >= 0 && number < sim->operation_count ? (int32_t)number : -1;
}

bool sim_api_lives(const struct sim *sim, const char *operation_id)
{
    int32_t at = operation_of(sim, operation_id);
    if (at < 0) {
        return false;
    }
    const struct sim_operation *operation = &sim->operations[at];
    bool failed = operation->failed && sim->now_ms >= operation->ends_ms;
    return !failed && sim->now_ms < operation->ends_ms + RETENTION_MS;
}

static void deliver(struct sim *sim, struct sim_entry *entry)
{
    const struct delivery *delivery = entry->object;
    const struct sim_request *request = &delivery->request;
    struct sim_worker *worker = &sim->workers[entry->worker];
    struct bs_event event = {.kind = request->check ? BS_EVENT_CHECKED : BS_EVENT_SUBMITTED};
    event.request.operation = request->operation;
    event.request.partition = request->partition;
    event.request.epoch = request->epoch;
    event.request.offset = request->offset;
    event.request.number = request->number;
    event.request.sent = request->sent;
    event.request.answer = delivery->answer;
    struct bs_answer *answer = &event.request.answer;
    answer->operation_id = delivery->operation_id[0] == '\0' ? NULL : delivery->operation_id;
    if (request->check && answer->kind == BS_ANSWER_DONE) {
        answer->payload_size = (size_t)sim_between(&sim->random, 1, sim->options.result_bytes);
        answer->payload = sim_worker_payload(worker, answer->payload_size);
    }
    sim_observe_answer(sim, worker, request, answer);
    sim_worker_event(sim, worker, &event);
}

/* The worker gets `answer` after a while, or gives up at its own time limit. */
static void reply(struct sim *sim, const struct sim_request *request, struct bs_answer answer,
                  const char *operation_id, int64_t delay_ms)
{
    struct delivery *delivery = calloc(1, sizeof *delivery);
    BS_ASSERT(delivery != NULL);
    delivery->request = *request;
    delivery->answer = answer;
    int64_t limit_ms = request->sent_ms + sim->options.core.request_limit_ms - sim->now_ms;
    if (delay_ms >= limit_ms) {
        delay_ms = limit_ms > 0 ? limit_ms : 0;
        delivery->answer = (struct bs_answer){.kind = BS_ANSWER_LOST};
    } else if (operation_id != NULL) {
        (void)snprintf(delivery->operation_id, sizeof delivery->operation_id, "%s", operation_id);
    }
    sim_later(
        sim, delay_ms,
        (struct sim_entry){
            .run = deliver, .worker = request->worker, .life = request->life, .object = delivery});
}

static void refuse(struct sim *sim, const struct sim_request *request, int32_t grpc_code,
                   int32_t http_status)
{
    struct bs_answer answer = {.kind = BS_ANSWER_ERROR,
                               .grpc_code = grpc_code,
                               .http_status = http_status,
                               .message = "simulated"};
    if (grpc_code == RESOURCE_EXHAUSTED && sim_chance(&sim->random, 500)) {
        answer.retry_after_ms = sim_between(&sim->random, 1, 60) * 1000;
    }
    reply(sim, request, answer, NULL, sim_latency(sim));
}

static void lose(struct sim *sim, const struct sim_request *request)
{
    reply(sim, request, (struct bs_answer){.kind = BS_ANSWER_LOST}, NULL, sim_latency(sim));
}

/* Faults that hit either kind of request after it arrived and before it is worked on. */
static bool troubled(struct sim *sim, const struct sim_request *request)
{
    static const int32_t codes[][2] = {{UNAVAILABLE, 503}, {INTERNAL, 500}, {4, 504}, {2, 502}};
    const struct sim_faults *faults = &sim->options.faults;
    if (sim->now_ms < sim->credentials_bad_until_ms) {
        refuse(sim, request, UNAUTHENTICATED, 401);
    } else if (sim_fault(sim, faults->lost_before)) {
        lose(sim, request);
    } else if (sim_fault(sim, faults->unavailable)) {
        const int32_t *code = codes[bs_random_below(&sim->random, 4)];
        refuse(sim, request, code[0], code[1]);
    } else if (sim_fault(sim, faults->too_many)) {
        refuse(sim, request, RESOURCE_EXHAUSTED, 429);
    } else {
        return false;
    }
    return true;
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
    operation->ends_ms = sim->now_ms + sim_between(&sim->random, 1, sim->options.recognition_ms);
    operation->failed = job->nature == SIM_FAILS || job->nature == SIM_FAILS_AGAIN;
    operation->grpc_code = job->nature == SIM_FAILS ? INVALID_ARGUMENT : INTERNAL;
    return sim->operation_count++;
}

static bs_wall_ms whole_second(const struct sim *sim, int64_t at_ms)
{
    return (sim->wall_base + at_ms) / 1000 * 1000;
}

static void submission_arrives(struct sim *sim, const struct sim_request *request)
{
    const struct sim_faults *faults = &sim->options.faults;
    enum sim_nature nature = request->job->nature;
    if (troubled(sim, request)) {
        return;
    }
    if (nature == SIM_REFUSED || nature == SIM_HUGE) {
        refuse(sim, request, INVALID_ARGUMENT, 400);
        return;
    }
    int32_t operation = accept(sim, request->job);
    char name[32];
    name_operation(operation, name);
    sim_trace_job(sim, request->job, "api: accepts %s from w%" PRId32, name, request->worker);
    if (sim_fault(sim, faults->lost_after)) {
        lose(sim, request);
        return;
    }
    if (sim_fault(sim, faults->unreadable)) {
        reply(sim, request, (struct bs_answer){.kind = BS_ANSWER_UNREADABLE, .http_status = 200},
              NULL, sim_latency(sim));
        return;
    }
    int64_t delay_ms = sim_latency(sim);
    if (sim_fault(sim, faults->hangs)) {
        delay_ms = sim->options.core.request_limit_ms;
    }
    struct bs_answer answer = {.kind = BS_ANSWER_RUNNING, .http_status = 200};
    answer.created = answer.modified = whole_second(sim, sim->now_ms);
    reply(sim, request, answer, name, delay_ms);
}

static void check_arrives(struct sim *sim, const struct sim_request *request)
{
    const struct sim_faults *faults = &sim->options.faults;
    if (troubled(sim, request)) {
        return;
    }
    if (request->service_operation < 0) {
        refuse(sim, request, NOT_FOUND, 404);
        return;
    }
    const struct sim_operation *operation = &sim->operations[request->service_operation];
    int64_t age_ms = sim->now_ms - operation->accepted_ms;
    if (sim->now_ms >= operation->ends_ms + RETENTION_MS ||
        (age_ms < 300000 && sim_fault(sim, faults->young_not_found))) {
        refuse(sim, request, NOT_FOUND, 404);
        return;
    }
    if (sim_fault(sim, faults->unreadable)) {
        reply(sim, request, (struct bs_answer){.kind = BS_ANSWER_UNREADABLE, .http_status = 200},
              NULL, sim_latency(sim));
        return;
    }
    struct bs_answer answer = {.kind = BS_ANSWER_RUNNING, .http_status = 200};
    answer.created = answer.modified = whole_second(sim, operation->accepted_ms);
    if (sim->now_ms >= operation->ends_ms) {
        answer.kind = operation->failed ? BS_ANSWER_FAILED : BS_ANSWER_DONE;
        answer.grpc_code = operation->failed ? operation->grpc_code : 0;
        answer.message = operation->failed ? "simulated" : NULL;
        answer.modified = whole_second(sim, operation->ends_ms);
    }
    bool hangs = sim_fault(sim, faults->hangs) || sim_fault(sim, faults->lost_after);
    reply(sim, request, answer, NULL,
          hangs ? sim->options.core.request_limit_ms : sim_latency(sim));
}

static void arrive(struct sim *sim, struct sim_entry *entry)
{
    const struct sim_request *request = entry->object;
    const struct sim_worker *worker = &sim->workers[request->worker];
    bool orphaned = !worker->alive || worker->life != request->life;
    if (orphaned && sim_chance(&sim->random, 500)) {
        return; /* it had not left the machine yet */
    }
    sim_observe_arrival(sim, request);
    if (request->check) {
        check_arrives(sim, request);
    } else {
        submission_arrives(sim, request);
    }
}

void sim_api_send(struct sim *sim, struct sim_worker *worker, const struct bs_action *action)
{
    const struct bs_operation *operation = action->operation;
    struct sim_request request = {
        .check = action->kind == BS_ACTION_CHECK,
        .worker = worker->index,
        .life = worker->life,
        .operation = operation->self,
        .partition = operation->partition,
        .epoch = action->operation_epoch,
        .offset = operation->offset,
        .number = operation->number,
        .sent = sim->wall_base + sim->now_ms,
        .sent_ms = sim->now_ms,
        .job = sim_job_of(sim, operation->job, operation->job_size),
        .service_operation = -1,
    };
    if (request.job == NULL || request.job->partition != request.partition ||
        request.job->offset != request.offset) {
        sim_fail(sim, NULL, "a request for %" PRId32 ":%" PRId64 " carries another job's bytes",
                 request.partition, request.offset);
        return;
    }
    if (request.check) {
        request.service_operation = operation_of(sim, operation->operation_id);
    }
    if (!request.check) {
        sim_observe_submission(sim, worker, &request);
    }
    request.sending = sim_observe_sending(sim, worker, &request);
    if (sim_fault(sim, sim->options.faults.not_sent)) {
        reply(sim, &request, (struct bs_answer){.kind = BS_ANSWER_NOT_SENT, .message = "simulated"},
              NULL, sim_latency(sim));
        return;
    }
    struct sim_request *travelling = malloc(sizeof *travelling);
    BS_ASSERT(travelling != NULL);
    *travelling = request;
    sim_later(sim, sim_latency(sim),
              (struct sim_entry){.run = arrive, .worker = SIM_NOBODY, .object = travelling});
}

void sim_api_destroy(struct sim *sim)
{
    free(sim->operations);
}
