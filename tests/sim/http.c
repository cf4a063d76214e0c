/* The worker's HTTP client, as edges/http.h has it, and the network between it and the service. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulation.h"

#define CONNECT_LIMIT_MS 10000
#define LIMIT_MS(sim)    ((sim)->options.core.request_limit_ms)

void sim_request_free(void *object)
{
    struct sim_request *request = object;
    if (request != NULL) {
        free(request->body);
        bs_buffer_free(&request->text);
        free(request);
    }
}

static void deliver(struct sim *sim, struct sim_entry *entry)
{
    struct sim_request *request = entry->object;
    struct sim_worker *worker = &sim->workers[entry->worker];
    worker->requests--;
    worker->submissions -= !request->check;
    worker->dates_told += request->answer.date != 0;
    request->answer.body = (struct bs_bytes){
        .data = request->text.data == NULL ? (const uint8_t *)"" : request->text.data,
        .size = request->text.size};
    sim_observe_answer(sim, worker, request);
    request->callback(request->context, &request->answer);
}

void sim_http_reply(struct sim *sim, struct sim_request *request, int64_t delay_ms)
{
    int64_t limit_ms = request->sent_ms + sim->options.core.request_limit_ms - sim->now_ms;
    if (delay_ms >= limit_ms && request->answer.outcome != BS_HTTP_NOT_SENT) {
        delay_ms = limit_ms > 0 ? limit_ms : 0;
        request->answer = (struct bs_http_answer){.outcome = BS_HTTP_LOST, .message = "time limit"};
        request->accepted = -1;
    }
    sim_later(sim, delay_ms,
              (struct sim_entry){.run = deliver,
                                 .worker = request->worker,
                                 .life = request->life,
                                 .object = request,
                                 .drop = sim_request_free});
}

void sim_http_lose(struct sim *sim, struct sim_request *request)
{
    request->answer = (struct bs_http_answer){.outcome = BS_HTTP_LOST, .message = "reset by peer"};
    request->accepted = -1;
    sim_http_reply(sim, request, sim_latency(sim));
}

static void arrive(struct sim *sim, struct sim_entry *entry)
{
    struct sim_request *request = entry->object;
    const struct sim_worker *worker = &sim->workers[request->worker];
    bool orphaned = !worker->alive || worker->life != request->life;
    entry->object = NULL;
    if (orphaned && sim_chance(&sim->random, 500)) {
        sim_request_free(request); /* it had not left the machine yet */
        return;
    }
    sim_observe_arrival(sim, request);
    request->answer.outcome = BS_HTTP_ANSWERED;
    request->answer.date = (sim->wall_base + sim->now_ms) / 1000 * 1000;
    sim_api_take(sim, request);
}

static void not_sent(struct sim *sim, struct sim_request *request, const char *why)
{
    request->answer = (struct bs_http_answer){.outcome = BS_HTTP_NOT_SENT, .message = why};
    sim_http_reply(sim, request, 0);
}

/* There is a connection: the request goes out, if it still may. */
static void leave(struct sim *sim, struct sim_entry *entry)
{
    struct sim_request *request = entry->object;
    const struct sim_worker *worker = &sim->workers[entry->worker];
    entry->object = NULL;
    if (sim_fault(sim, SIM_NOT_SENT)) {
        not_sent(sim, request, "connection refused");
        return;
    }
    int64_t delay_ms = sim_latency(sim), left_ms = request->sent_ms + LIMIT_MS(sim) - sim->now_ms;
    if (left_ms <= 0) {
        not_sent(sim, request, "time limit");
        return;
    }
    if (request->send_before != 0 && sim_worker_now(sim, worker).mono >= request->send_before) {
        sim_seen(sim, SIM_LATE);
        not_sent(sim, request, "too late");
        return;
    }
    sim_observe_request(sim, worker, request);
    if (sim_fault(sim, SIM_SLOW)) {
        delay_ms = sim_between(&sim->random, 1, left_ms);
    }
    sim_later(
        sim, delay_ms < left_ms ? delay_ms : left_ms,
        (struct sim_entry){
            .run = arrive, .worker = SIM_NOBODY, .object = request, .drop = sim_request_free});
}

/* The text after `before` in the request, up to `end`; it must be there. */
static bool cut_out(const char *text, const char *before, char end, char *out, size_t size)
{
    const char *from = strstr(text, before);
    if (from == NULL) {
        return false;
    }
    from += strlen(before);
    const char *to = strchr(from, end);
    size_t length = to == NULL ? strlen(from) : (size_t)(to - from);
    if (length >= size) {
        return false;
    }
    memcpy(out, from, length);
    out[length] = '\0';
    return true;
}

/* What is asked for must be the job's own: its recording, or its operation. */
static void judge(struct sim *sim, struct sim_request *request, const struct bs_http_request *http)
{
    char text[256];
    if (request->check) {
        const char *before = "https://operation.api.cloud.yandex.net/operations/";
        if (!cut_out(http->url, before, '?', text, sizeof text)) {
            sim_fail(sim, request->job, "a check of %s", http->url);
            return;
        }
        request->operation = sim_api_operation(sim, text, strlen(text));
        if (request->operation >= 0 && sim->operations[request->operation].job != request->job) {
            sim_fail(sim, request->job, "%s is asked about, which is another job's", text);
        }
        return;
    }
    if (strcmp(http->url,
               "https://transcribe.api.cloud.yandex.net/speech/stt/v2/longRunningRecognize") != 0 ||
        !cut_out(request->body, "\"uri\":\"", '"', text, sizeof text)) {
        sim_fail(sim, request->job, "its submission is %s of no recording: %.200s", http->url,
                 request->body);
    } else {
        sim_judge_link(sim, request, text);
    }
}

void bs_http_send(struct bs_http *http, const struct bs_http_request *asked,
                  bs_http_callback *callback, void *context)
{
    struct sim *sim = http->sim;
    struct sim_worker *worker = http->worker;
    const struct bs_request *of_worker = context;
    struct sim_request *request = calloc(1, sizeof *request);
    BS_ASSERT(request != NULL);
    *request = (struct sim_request){
        .check = of_worker->kind == BS_EVENT_CHECKED,
        .worker = worker->index,
        .life = worker->life,
        .sent_ms = sim->now_ms,
        .job = sim_job_at(sim, of_worker->partition, of_worker->offset),
        .operation = -1,
        .blind = worker->began_wrong &&
                 (worker->dates_told < 2 || sim_observe_not_ready(sim, worker, BS_NOT_READY_CLOCK)),
        .number = of_worker->number,
        .epoch = of_worker->epoch,
        .accepted = -1,
        .callback = callback,
        .context = context,
    };
    if (asked->body != NULL) {
        request->body = strndup(asked->body, asked->body_size);
    }
    worker->requests++;
    worker->submissions += !request->check;
    if (request->job == NULL) {
        sim_fail(sim, NULL, "a request for %" PRId32 ":%" PRId64 ", where no job is",
                 of_worker->partition, of_worker->offset);
        sim_request_free(request);
        return;
    }
    request->send_before = asked->send_before;
    judge(sim, request, asked);
    sim_observe_sending(sim, worker, request);
    /* On a kept connection it leaves at once; a new one takes its time. */
    int64_t delay_ms = sim_chance(&sim->random, 500) ? 0 : sim_latency(sim);
    if (sim_fault(sim, SIM_SLOW_CONNECTION)) {
        delay_ms = sim_between(&sim->random, 1, CONNECT_LIMIT_MS);
    }
    sim_later(sim, delay_ms,
              (struct sim_entry){.run = leave,
                                 .worker = worker->index,
                                 .life = worker->life,
                                 .object = request,
                                 .drop = sim_request_free});
}
