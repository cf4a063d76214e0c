/* When the service asks us to hold back, or does not work at all. One gate for submissions, one for
 * checks, and three for the object store. An open gate lets everything through; a closed one lets a
 * single request try, at growing intervals, until one is answered usefully. Nothing is given up
 * meanwhile. */
#include <stdio.h>
#include <string.h>

#include "core/internal.h"

#define FAILURES_TO_CLOSE 3
#define LONGEST_WAIT_MS   60000

/* google.rpc.Code, as far as it says something about the service rather than about a request. */
enum {
    GRPC_CANCELLED = 1,
    GRPC_UNKNOWN = 2,
    GRPC_DEADLINE_EXCEEDED = 4,
    GRPC_NOT_FOUND = 5,
    GRPC_PERMISSION_DENIED = 7,
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_ABORTED = 10,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14,
    GRPC_UNAUTHENTICATED = 16
};

int64_t bs_backoff_ms(struct bs_core *core, int32_t attempts, int64_t limit_ms)
{
    int32_t doublings = attempts < 1 ? 0 : attempts > 20 ? 20 : attempts - 1;
    int64_t bound = (int64_t)1000 << doublings;
    return bs_random_below(&core->random, bound < limit_ms ? bound : limit_ms) + 1;
}

static bool is_service(enum bs_gate_kind kind)
{
    return kind == BS_GATE_SUBMIT || kind == BS_GATE_CHECK;
}

static int32_t under_way(const struct bs_core *core, enum bs_gate_kind kind)
{
    switch (kind) {
    case BS_GATE_SUBMIT:
        return core->submits_under_way;
    case BS_GATE_CHECK:
        return core->checks_under_way;
    case BS_GATE_READ:
        return core->objects_under_way[BS_OBJECT_PROBE];
    case BS_GATE_WRITE:
        return core->objects_under_way[BS_OBJECT_STAGE] + core->objects_under_way[BS_OBJECT_STORE];
    case BS_GATE_DELETE:
        return core->objects_under_way[BS_OBJECT_UNSTAGE];
    case BS_GATES:
        break;
    }
    BS_ASSERT(false);
    return 0;
}

bool bs_gate_allows(const struct bs_core *core, enum bs_gate_kind kind)
{
    bool clock_allows = !is_service(kind) || bs_clock_allows(core);
    return clock_allows && under_way(core, kind) < bs_gate_width(core, kind);
}

int32_t bs_gate_width(const struct bs_core *core, enum bs_gate_kind kind)
{
    const struct bs_gate *gate = &core->gates[kind];
    if (!is_service(kind)) {
        return core->now.mono < gate->open_at ? 0
               : gate->level > 0              ? 1
                                              : core->options.object_tasks;
    }
    if (core->credentials_awaited || core->now.mono < gate->open_at ||
        (core->clock.off && core->now.mono < core->clock.retry_at)) {
        return 0;
    }
    if (gate->level > 0 || !core->clock.known || core->clock.off) {
        return 1;
    }
    return gate->width > 0 ? (int32_t)gate->width : core->options.connections;
}

bs_mono_ms bs_gate_next(const struct bs_core *core, enum bs_gate_kind kind)
{
    const struct bs_gate *gate = &core->gates[kind];
    bs_mono_ms next = gate->open_at;
    if (is_service(kind)) {
        bool clock_asks = !core->clock.known || core->clock.off;
        if (core->credentials_awaited ||
            (clock_asks && !bs_clock_allows(core) && core->now.mono >= core->clock.retry_at)) {
            return BS_NEVER; /* an answer decides */
        }
        if (core->clock.off && core->clock.retry_at > next) {
            next = core->clock.retry_at;
        }
    }
    int32_t width = bs_gate_width(core, kind);
    return next <= core->now.mono && under_way(core, kind) >= width ? BS_NEVER : next;
}

/* After a 429 the service is asked for less at a time; each success earns a little back. */
static void narrow(const struct bs_core *core, struct bs_gate *gate)
{
    double width = gate->width > 0 ? gate->width : (double)core->options.connections;
    gate->width = width / 2 < 1 ? 1 : width / 2;
}

static void widen(const struct bs_core *core, struct bs_gate *gate)
{
    if (gate->width > 0) {
        gate->width += 1 / gate->width;
        gate->width = gate->width < core->options.connections ? gate->width : 0;
    }
}

static bool needs_people(enum bs_not_ready reason)
{
    return reason == BS_NOT_READY_CREDENTIALS || reason == BS_NOT_READY_PERMISSION ||
           reason == BS_NOT_READY_ENDPOINT || reason == BS_NOT_READY_REFUSALS ||
           reason == BS_NOT_READY_RECORDINGS || reason == BS_NOT_READY_STORE;
}

void bs_gates_step(struct bs_core *core)
{
    bool told_to_wait = false;
    for (int kind = 0; kind < BS_GATES; kind++) {
        const struct bs_gate *gate = &core->gates[kind];
        told_to_wait = told_to_wait || (gate->level > 0 && gate->reason == BS_NOT_READY_QUOTA);
    }
    bs_core_throttled(core, BS_THROTTLE_429, told_to_wait);
}

bool bs_gate_tells(const struct bs_gate *gate)
{
    return gate->level >= 3 || (gate->level > 0 && needs_people(gate->reason));
}

static const char *gate_name(enum bs_gate_kind kind)
{
    static const char *const names[BS_GATES] = {
        [BS_GATE_SUBMIT] = "submissions",
        [BS_GATE_CHECK] = "checks",
        [BS_GATE_READ] = "looks into recordings",
        [BS_GATE_WRITE] = "staged copies and transcripts",
        [BS_GATE_DELETE] = "deletions of staged copies",
    };
    return names[kind];
}

void bs_gate_success(struct bs_core *core, enum bs_gate_kind kind)
{
    struct bs_gate *gate = &core->gates[kind];
    if (gate->level > 0) {
        bs_core_notice(core, BS_LOG_INFO, NULL, NULL, "%s go on: the %s answers again",
                       gate_name(kind), is_service(kind) ? "service" : "object store");
    }
    if (gate->level == 0) {
        widen(core, gate);
    }
    gate->level = 0;
    gate->failures = 0;
    gate->open_at = core->now.mono;
    if (is_service(kind)) {
        core->credentials_refreshed = false;
    }
}

void bs_gate_close(struct bs_core *core, enum bs_gate_kind kind, enum bs_not_ready reason,
                   int64_t retry_after_ms, const struct bs_answer *answer)
{
    struct bs_gate *gate = &core->gates[kind];
    if (core->now.mono < gate->open_at) {
        return; /* an answer to a request that was sent before it closed */
    }
    bool tells = bs_gate_tells(gate) && gate->reason == reason;
    gate->level = gate->level < 30 ? gate->level + 1 : gate->level;
    gate->reason = reason;
    if (reason == BS_NOT_READY_QUOTA) {
        narrow(core, gate);
    }
    int64_t wait_ms = bs_backoff_ms(core, gate->level, LONGEST_WAIT_MS);
    gate->open_at = core->now.mono + (wait_ms > retry_after_ms ? wait_ms : retry_after_ms);
    (void)snprintf(gate->text, sizeof gate->text, "%s: %.300s", gate_name(kind),
                   answer != NULL && answer->message != NULL ? answer->message : "no answer");
    if (!tells && bs_gate_tells(gate)) {
        bs_core_notice(core, needs_people(reason) ? BS_LOG_ERROR : BS_LOG_WARN, NULL, answer,
                       "%s wait (%s): %.300s", gate_name(kind), bs_not_ready_name(reason),
                       answer != NULL && answer->message != NULL ? answer->message : "no answer");
    }
}

void bs_gate_failure(struct bs_core *core, enum bs_gate_kind kind, const struct bs_answer *answer)
{
    struct bs_gate *gate = &core->gates[kind];
    if (++gate->failures >= FAILURES_TO_CLOSE) {
        enum bs_not_ready reason = kind == BS_GATE_READ ? BS_NOT_READY_RECORDINGS
                                   : is_service(kind)   ? BS_NOT_READY_API_UNREACHABLE
                                                        : BS_NOT_READY_STORE;
        bs_gate_close(core, kind, reason, answer->retry_after_ms, answer);
    }
}

void bs_gate_unauthenticated(struct bs_core *core, const struct bs_answer *answer)
{
    if (core->credentials_awaited) {
        return;
    }
    if (!core->credentials_refreshed) {
        core->credentials_refreshed = true;
        core->credentials_awaited = true;
        bs_core_act(core, BS_ACTION_REFRESH_CREDENTIALS);
        return;
    }
    bs_gate_close(core, BS_GATE_SUBMIT, BS_NOT_READY_CREDENTIALS, 0, answer);
    bs_gate_close(core, BS_GATE_CHECK, BS_NOT_READY_CREDENTIALS, 0, answer);
}

void bs_gate_credentials(struct bs_core *core, bool available)
{
    core->credentials_awaited = false;
    for (int kind = BS_GATE_SUBMIT; kind <= BS_GATE_CHECK; kind++) {
        struct bs_gate *gate = &core->gates[kind];
        if (available && gate->level > 0 && gate->reason == BS_NOT_READY_CREDENTIALS) {
            gate->open_at = core->now.mono; /* one request tries them */
        } else if (!available) {
            struct bs_answer none = {.message = "no credentials to send"};
            bs_gate_close(core, (enum bs_gate_kind)kind, BS_NOT_READY_CREDENTIALS, 0, &none);
        }
    }
}

bool bs_gate_answer(struct bs_core *core, enum bs_gate_kind kind, const struct bs_answer *answer)
{
    switch (answer->kind) {
    case BS_ANSWER_NO_CREDENTIALS:
        bs_gate_unauthenticated(core, answer);
        return true;
    case BS_ANSWER_NOT_SENT:
        bs_gate_failure(core, kind, answer);
        return true;
    case BS_ANSWER_ERROR:
        break;
    default:
        return false;
    }
    if (answer->http_status >= 300 && answer->http_status < 400) {
        /* Never followed: something stands where the service should be. */
        bs_gate_close(core, kind, BS_NOT_READY_ENDPOINT, answer->retry_after_ms, answer);
        return true;
    }
    switch (answer->grpc_code) {
    case GRPC_UNAUTHENTICATED:
        bs_gate_unauthenticated(core, answer);
        return true;
    case GRPC_PERMISSION_DENIED:
        bs_gate_close(core, kind, BS_NOT_READY_PERMISSION, answer->retry_after_ms, answer);
        return true;
    case GRPC_RESOURCE_EXHAUSTED:
        bs_gate_close(core, kind, BS_NOT_READY_QUOTA, answer->retry_after_ms, answer);
        return true;
    case GRPC_UNIMPLEMENTED:
        bs_gate_close(core, kind, BS_NOT_READY_ENDPOINT, answer->retry_after_ms, answer);
        return true;
    case GRPC_NOT_FOUND:
        if (kind == BS_GATE_CHECK) {
            return false; /* about one operation */
        }
        bs_gate_close(core, kind, BS_NOT_READY_ENDPOINT, answer->retry_after_ms, answer);
        return true;
    case GRPC_CANCELLED:
    case GRPC_DEADLINE_EXCEEDED:
    case GRPC_ABORTED:
    case GRPC_INTERNAL:
    case GRPC_UNAVAILABLE:
        bs_gate_failure(core, kind, answer);
        return true;
    case GRPC_UNKNOWN:
        if (answer->http_status >= 500) {
            bs_gate_failure(core, kind, answer);
            return true;
        }
        return false;
    default:
        return false;
    }
}
