/* /standin/…: what goes wrong from now on, and what has happened so far. */
#include <cjson/cJSON.h>
#include <string.h>

#include "service.h"

static const char *outage_name(enum outage outage)
{
    return outage == OUTAGE_NONE ? "none" : outage == OUTAGE_REFUSE ? "refuse" : "close";
}

static void write_faults(const struct service *service, struct answer *answer)
{
    buffer_format(&answer->body,
                  "{\"outage\":\"%s\",\"submissions_quota\":%lld,"
                  "\"checks_quota\":%lld,\"rules\":",
                  outage_name(server_outage(service->server)),
                  (long long)service->submissions.quota, (long long)service->checks.quota);
    faults_write(&service->faults, &answer->body);
    buffer_text(&answer->body, "}\n");
}

/* "outage": true, "refuse", "close", "none" or false. */
static void set_outage(struct service *service, const cJSON *outage, const cJSON *ms,
                       struct bs_now now)
{
    enum outage wanted = OUTAGE_NONE;
    if (cJSON_IsTrue(outage) ||
        (cJSON_IsString(outage) && strcmp(outage->valuestring, "refuse") == 0)) {
        wanted = OUTAGE_REFUSE;
    } else if (cJSON_IsString(outage) && strcmp(outage->valuestring, "close") == 0) {
        wanted = OUTAGE_CLOSE;
    }
    server_set_outage(service->server, wanted, cJSON_IsNumber(ms) ? (int64_t)ms->valuedouble : 0,
                      now);
}

static void set_quota(const cJSON *item, struct window *window)
{
    if (cJSON_IsNumber(item)) {
        window->quota = (int64_t)item->valuedouble;
    }
}

/* "end_running": true: the operations that run are done from now on. */
static void end_running(struct service *service, bs_wall_ms now)
{
    for (size_t i = 0; i < service->operations.count; i++) {
        struct operation *operation = service->operations.list[i];
        if (operation->state == OPERATION_RUNNING && operation->done_at > now) {
            operation->done_at = now;
        }
    }
}

/* A misspelt name would make a test prove nothing. */
static const char *unknown_field(const cJSON *body)
{
    static const char *const names[] = {
        "rules", "add", "outage", "outage_ms", "submissions_quota", "checks_quota", "end_running"};
    for (const cJSON *item = body->child; item != NULL; item = item->next) {
        bool known = false;
        for (size_t i = 0; i < sizeof names / sizeof *names && !known; i++) {
            known = strcmp(item->string, names[i]) == 0;
        }
        if (!known) {
            return item->string;
        }
    }
    return NULL;
}

static void set_faults(struct service *service, const struct request *request, struct bs_now now,
                       struct answer *answer)
{
    struct bs_error error = BS_NO_ERROR;
    cJSON *body = cJSON_ParseWithLength(request->body, request->body_size);
    const char *unknown = body == NULL ? NULL : unknown_field(body);
    if (unknown != NULL) {
        bs_error_set(&error, BS_ERROR_INVALID, "no such field: %s", unknown);
    } else if (faults_read(&service->faults, request->body, request->body_size, &error) == BS_OK) {
        const cJSON *outage = cJSON_GetObjectItemCaseSensitive(body, "outage");
        if (outage != NULL) {
            set_outage(service, outage, cJSON_GetObjectItemCaseSensitive(body, "outage_ms"), now);
        }
        set_quota(cJSON_GetObjectItemCaseSensitive(body, "submissions_quota"),
                  &service->submissions);
        set_quota(cJSON_GetObjectItemCaseSensitive(body, "checks_quota"), &service->checks);
        if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(body, "end_running"))) {
            end_running(service, now.wall);
        }
    }
    if (error.code != BS_OK) {
        answer_error(answer, 3, error.message);
    } else {
        write_faults(service, answer);
    }
    cJSON_Delete(body);
}

static void write_counts(const struct service *service, struct buffer *out)
{
    static const char *const kinds[] = {"submissions", "checks", "cancels", "tokens", "objects"};
    static const char *const outcomes[] = {"served", "refused", "quota", "fault"};
    for (int kind = 0; kind < REQUEST_KINDS; kind++) {
        int64_t arrived = 0;
        buffer_format(out, "\"%s\":{", kinds[kind]);
        for (int outcome = 0; outcome < OUTCOMES; outcome++) {
            arrived += service->counts[kind][outcome];
            buffer_format(out, "\"%s\":%lld,", outcomes[outcome],
                          (long long)service->counts[kind][outcome]);
        }
        buffer_format(out, "\"arrived\":%lld},", (long long)arrived);
    }
}

static void write_stats(struct service *service, struct bs_now now, struct answer *answer)
{
    int64_t states[OPERATION_STATES] = {0};
    for (size_t i = 0; i < service->operations.count; i++) {
        operation_settle(service->operations.list[i], now.wall);
        states[service->operations.list[i]->state]++;
    }
    struct server_counts server = server_counts(service->server);
    struct buffer *out = &answer->body;
    buffer_text(out, "{");
    write_counts(service, out);
    buffer_format(out,
                  "\"operations\":{\"running\":%lld,\"done\":%lld,\"failed\":%lld,"
                  "\"cancelled\":%lld},",
                  (long long)states[OPERATION_RUNNING], (long long)states[OPERATION_DONE],
                  (long long)states[OPERATION_FAILED], (long long)states[OPERATION_CANCELLED]);
    buffer_format(out,
                  "\"checksThatToldTheEnd\":%lld,\"uris\":%lld,\"arrivedPerUriMax\":%lld,"
                  "\"acceptedPerUriMax\":%lld,",
                  (long long)service->checks_done, (long long)service->uris.count,
                  (long long)service->uris.arrived_max, (long long)service->uris.accepted_max);
    buffer_format(out,
                  "\"peakSubmissionsInWindow\":%lld,\"peakChecksInWindow\":%lld,"
                  "\"requests\":%lld,\"connectionsOpen\":%lld,\"connectionsOpened\":%lld}\n",
                  (long long)service->submissions.peak, (long long)service->checks.peak,
                  (long long)server.requests, (long long)server.connections_open,
                  (long long)server.connections_opened);
}

void control_serve(struct service *service, const struct request *request, struct bs_now now,
                   struct answer *answer)
{
    if (strcmp(request->target, "/standin/faults") == 0) {
        if (strcmp(request->method, "POST") == 0) {
            set_faults(service, request, now, answer);
        } else {
            write_faults(service, answer);
        }
    } else if (strcmp(request->target, "/standin/stats") == 0) {
        write_stats(service, now, answer);
    } else {
        answer_error(answer, 5, "/standin/faults or /standin/stats");
    }
}
