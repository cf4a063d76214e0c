#include "formats/worker_status.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "formats/json.h"
#include "formats/plain_text.h"

#define NUMBER_MAX 9e15 /* what a double and an int64_t both hold exactly */

/* ---- values, each bounded ------------------------------------------------------------------ */

/* NAN where there is no number, or none that a count or a duration could be. */
static double number_of(const cJSON *object, const char *name)
{
    const cJSON *item = bs_json_member(object, name);
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= NUMBER_MAX)) {
        return NAN;
    }
    return item->valuedouble;
}

static double amount_of(const cJSON *object, const char *name)
{
    double number = number_of(object, name);
    return isnan(number) ? 0 : number;
}

static int64_t count_of(const cJSON *object, const char *name)
{
    return (int64_t)amount_of(object, name);
}

static void text_of(const cJSON *object, const char *name, char *out, size_t room)
{
    const char *text = bs_json_text(object, name);
    bs_plain_text_copy(text == NULL ? "" : text, out, room);
}

/* A sum of an object's counts. */
static int64_t sum_of(const cJSON *object)
{
    double sum = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
    {
        bool counts = cJSON_IsNumber(item) && item->valuedouble >= 0;
        sum += counts ? item->valuedouble : 0;
    }
    return sum <= NUMBER_MAX ? (int64_t)sum : 0;
}

/* ---- the parts ------------------------------------------------------------------------------ */

static void read_readiness(const cJSON *page, struct bs_worker_status *status)
{
    const cJSON *first = cJSON_GetArrayItem(bs_json_member(page, "notReady"), 0);
    status->ready = cJSON_IsTrue(bs_json_member(page, "ready"));
    text_of(first, "reason", status->reason, sizeof status->reason);
    text_of(first, "text", status->reason_text, sizeof status->reason_text);
}

static void read_operations(const cJSON *page, struct bs_worker_status *status)
{
    const cJSON *held = bs_json_member(page, "operations");
    static const char *const unsubmitted[] = {"preparing", "waiting"};
    static const char *const in_flight[] = {"submitting", "running", "checking", "finishing",
                                            "ended"};
    for (size_t i = 0; i < sizeof unsubmitted / sizeof *unsubmitted; i++) {
        status->unsubmitted += count_of(held, unsubmitted[i]);
    }
    for (size_t i = 0; i < sizeof in_flight / sizeof *in_flight; i++) {
        status->in_flight += count_of(held, in_flight[i]);
    }
    const cJSON *oldest = bs_json_member(page, "oldestOperation");
    if (cJSON_IsObject(oldest)) {
        status->oldest.known = true;
        text_of(oldest, "id", status->oldest.id, sizeof status->oldest.id);
        text_of(oldest, "state", status->oldest.state, sizeof status->oldest.state);
        text_of(oldest, "operationId", status->oldest.operation_id,
                sizeof status->oldest.operation_id);
        status->oldest.partition = (int32_t)fmin(amount_of(oldest, "partition"), INT32_MAX);
        status->oldest.offset = count_of(oldest, "offset");
        status->oldest.checks = count_of(oldest, "checks");
        status->oldest.age_seconds = amount_of(oldest, "ageSeconds");
    }
}

static void read_counters(const cJSON *page, struct bs_worker_status *status)
{
    const cJSON *counters = bs_json_member(page, "counters");
    status->results = count_of(counters, "results");
    status->dead_letters = count_of(counters, "deadLettersTotal");
    status->skipped = sum_of(bs_json_member(counters, "jobsSkipped"));
    status->billed_seconds = amount_of(counters, "billedSeconds");
    const cJSON *delay = bs_json_member(page, "detectionDelay");
    status->detection_delay.count = count_of(delay, "count");
    status->detection_delay.mean = number_of(delay, "mean");
    status->detection_delay.p99 = number_of(delay, "p99");
    const cJSON *checks = bs_json_member(page, "checksPerResult");
    status->checks_per_result.count = amount_of(checks, "count");
    status->checks_per_result.sum = amount_of(checks, "sum");
}

static void read_rates(const cJSON *page, struct bs_worker_status *status)
{
    const cJSON *rates = bs_json_member(page, "rates");
    for (int i = 0; i < BS_STATUS_RATES; i++) {
        const cJSON *told = cJSON_GetArrayItem(rates, i);
        status->rates[i] = (struct bs_status_rate){
            .seconds = amount_of(told, "seconds"),
            .results = amount_of(told, "results"),
            .dead_letters = amount_of(told, "deadLetters"),
            .submissions = amount_of(told, "submissions"),
            .checks = amount_of(told, "checks"),
            .billed_seconds = amount_of(told, "billedSeconds"),
        };
    }
}

static void read_quotas(const cJSON *page, struct bs_worker_status *status)
{
    const cJSON *quotas = bs_json_member(page, "quotas");
    for (int i = 0; i < BS_QUOTA_KINDS; i++) {
        const cJSON *quota = bs_json_member(quotas, bs_quota_kind_name((enum bs_quota_kind)i));
        status->quotas[i].share = number_of(quota, "share");
        status->quotas[i].available = number_of(quota, "available");
    }
}

static void read_partitions(const cJSON *page, struct bs_worker_status *status)
{
    const cJSON *list = bs_json_member(page, "partitions"), *item;
    int count = cJSON_GetArraySize(list);
    count = count < BS_STATUS_PARTITIONS_MAX ? count : BS_STATUS_PARTITIONS_MAX;
    status->partitions = calloc((size_t)count + 1, sizeof *status->partitions);
    BS_ASSERT(status->partitions != NULL);
    cJSON_ArrayForEach(item, list)
    {
        if (status->partition_count == count) {
            break;
        }
        double partition = number_of(item, "partition"), position = number_of(item, "position");
        const char *state = bs_json_text(item, "state");
        state = state == NULL ? "" : state;
        if (partition <= INT32_MAX) {
            status->partitions[status->partition_count++] = (struct bs_status_partition){
                .partition = (int32_t)partition,
                .position = isnan(position) ? -1 : (int64_t)position,
                .restored = strcmp(state, "restoring") != 0,
                .stopped = strcmp(state, "stopped") == 0,
            };
        }
    }
}

bool bs_worker_status_read(struct bs_bytes text, struct bs_worker_status *status,
                           struct bs_error *error)
{
    struct bs_json_problem problem;
    memset(status, 0, sizeof *status);
    cJSON *page = NULL;
    if (text.size > 0 && text.size <= BS_STATUS_BYTES_MAX) {
        page = bs_json_parse(text.data, text.size, &problem);
    }
    const char *group = bs_json_text(page, "group");
    if (group == NULL || !cJSON_IsObject(bs_json_member(page, "operations"))) {
        cJSON_Delete(page);
        (void)bs_error_set(error, BS_ERROR_INVALID, "its answer is no worker's status");
        return false;
    }
    text_of(page, "worker", status->worker, sizeof status->worker);
    text_of(page, "group", status->group, sizeof status->group);
    text_of(page, "version", status->version, sizeof status->version);
    status->uptime_seconds = amount_of(page, "uptimeSeconds");
    read_readiness(page, status);
    read_operations(page, status);
    read_counters(page, status);
    read_rates(page, status);
    read_quotas(page, status);
    read_partitions(page, status);
    cJSON_Delete(page);
    return true;
}

void bs_worker_status_free(struct bs_worker_status *status)
{
    free(status->partitions);
    status->partitions = NULL;
    status->partition_count = 0;
}
