/* The admin endpoint as a client sees it: raw requests from a thread, the endpoint on the loop. */
#include <arpa/inet.h>
#include <ctype.h>
#include <math.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "base/check.h"
#include "edges/admin.h"

#define PAGE_BYTES ((size_t)131072)

/* ---- a worker to look at ---------------------------------------------------------------- */

static struct bs_counters counters;
static struct bs_admin_facts worker;

/* Core's, for the partitions of the made-up worker. */
void bs_core_view_partition(const struct bs_core *core, int32_t index,
                            struct bs_partition_view *view)
{
    (void)core;
    *view = (struct bs_partition_view){
        .partition = 3 + index,
        .state = index == 0 ? "serving" : "stopped",
        .watermark = 100,
        .published = 90,
        .position = 120,
        .held = 7,
        .reason = index == 0 ? NULL : "key \"o:1\"\\\n\x01 is \xd0 odd, \xd0\xba is not",
    };
}

static void fill(struct bs_histogram *histogram)
{
    static const double bounds[] = {0.5, 1, 2.5};
    *histogram = (struct bs_histogram){
        .bounds = bounds, .bound_count = 3, .counts = {4, 0, 3, 2}, .sum = 12.25, .total = 9};
}

static int prepare(void **state)
{
    static const int32_t partitions[] = {3, 4};
    static const int64_t waiting[] = {1200, -1};
    (void)state;
    counters = (struct bs_counters){.jobs_received = 42, .results = 17, .audio_seconds = 1e9 + 0.5};
    counters.jobs_skipped[BS_SKIP_DONE] = 2;
    counters.submissions[BS_SUBMISSION_UNKNOWN] = 1;
    counters.dead_letters[BS_STAGE_PUBLISH][BS_DEAD_INVALID_ARGUMENT] = 5;
    fill(&counters.detection_delay_seconds);
    fill(&counters.unrecorded_seconds);
    fill(&counters.job_duration_seconds);
    fill(&counters.checks_per_result);
    worker = (struct bs_admin_facts){
        .core = {.counters = &counters,
                 .waiting = 1,
                 .submitting = 2,
                 .running = 3,
                 .checking = 4,
                 .ended = 5,
                 .done = 6,
                 .memory_bytes = 1000,
                 .oldest_operation_seconds = 61.5,
                 .oldest_submitted_seconds = 30.5,
                 .partition_count = 2},
        .worker = "pod-\"1\"",
        .group = "back\\scribe \"1\"",
        .credentials_failed = 3,
        .version = "0.1.0",
        .librdkafka = "2.0.2",
        .libcurl = "7.88.1",
        .started = 1783332000000,
        .http_connections = 12,
        .jobs_waiting_count = 2,
        .jobs_waiting_partition = partitions,
        .jobs_waiting = waiting,
        .loop_longest_turn_ms = 12,
    };
    worker.core.quota_share[BS_QUOTA_CHECKS] = 2500;
    worker.core.budget = 86400;
    worker.core.budget_share = 43200;
    worker.core.budget_spent = 40000;
    worker.core.budget_available = 3200;
    return 0;
}

static void look(void *context, struct bs_admin_facts *facts)
{
    (void)context;
    *facts = worker;
}

/* ---- a client --------------------------------------------------------------------------- */

struct visit {
    struct bs_loop *loop;
    struct bs_bell *bell;
    uint16_t port;
    const char *request;
    char *answer;
};

static int connect_to(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    BS_ASSERT(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

static void *visit_thread(void *context)
{
    struct visit *visit = context;
    int fd = connect_to(visit->port);
    size_t size = strlen(visit->request), used = 0;
    BS_ASSERT(send(fd, visit->request, size, MSG_NOSIGNAL) == (ssize_t)size);
    ssize_t part;
    while ((part = recv(fd, visit->answer + used, PAGE_BYTES - 1 - used, 0)) > 0) {
        used += (size_t)part;
    }
    visit->answer[used] = '\0';
    (void)close(fd);
    bs_bell_ring(visit->bell);
    return NULL;
}

static void visit_ended(void *context, uint32_t events)
{
    (void)events;
    bs_loop_stop(context);
}

static struct bs_admin *open_admin(struct bs_loop *loop)
{
    struct bs_error error = BS_NO_ERROR;
    struct bs_admin *admin = bs_admin_create(loop, "127.0.0.1", 0, look, NULL, &error);
    assert_non_null(admin);
    assert_int_not_equal(bs_admin_port(admin), 0);
    return admin;
}

/* The whole answer; the caller frees it. */
static char *ask(struct bs_loop *loop, struct bs_admin *admin, const char *request)
{
    struct visit visit = {.loop = loop, .port = bs_admin_port(admin), .request = request};
    visit.answer = calloc(1, PAGE_BYTES);
    BS_ASSERT(visit.answer != NULL);
    visit.bell = bs_bell_create(loop, visit_ended, loop);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, visit_thread, &visit), 0);
    bs_loop_run(loop, NULL, NULL);
    (void)pthread_join(thread, NULL);
    bs_bell_destroy(visit.bell);
    return visit.answer;
}

static char *ask_once(const char *method, const char *path)
{
    char request[256];
    (void)snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: localhost\r\n\r\n", method,
                   path);
    struct bs_loop *loop = bs_loop_create();
    struct bs_admin *admin = open_admin(loop);
    char *answer = ask(loop, admin, request);
    bs_admin_destroy(admin);
    bs_loop_destroy(loop);
    return answer;
}

static const char *body_of(const char *answer)
{
    const char *end = strstr(answer, "\r\n\r\n");
    assert_non_null(end);
    return end + 4;
}

static void assert_answer(const char *method, const char *path, const char *status,
                          const char *body)
{
    char *answer = ask_once(method, path);
    assert_memory_equal(answer, status, strlen(status));
    assert_string_equal(body_of(answer), body);
    free(answer);
}

/* ---- the pages -------------------------------------------------------------------------- */

static void a_worker_that_answers_is_healthy(void **state)
{
    (void)state;
    assert_answer("GET", "/healthz", "HTTP/1.1 200 ", "ok\n");
    assert_answer("HEAD", "/healthz", "HTTP/1.1 200 ", "");
}

static void readiness_names_each_reason_on_a_line(void **state)
{
    (void)state;
    assert_answer("GET", "/readyz", "HTTP/1.1 200 ", "ready\n");
    worker.core.not_ready[BS_NOT_READY_GROUP] = true;
    (void)snprintf(worker.core.not_ready_text[BS_NOT_READY_GROUP], BS_MESSAGE_MAX,
                   "not joined\nyet");
    worker.core.not_ready[BS_NOT_READY_CREDENTIALS] = true;
    (void)snprintf(worker.core.not_ready_text[BS_NOT_READY_CREDENTIALS], BS_MESSAGE_MAX, "401");
    char expected[256];
    (void)snprintf(expected, sizeof expected, "%s: not joined yet\n%s: 401\n",
                   bs_not_ready_name(BS_NOT_READY_GROUP),
                   bs_not_ready_name(BS_NOT_READY_CREDENTIALS));
    assert_answer("GET", "/readyz", "HTTP/1.1 503 ", expected);
}

static void only_get_and_head_of_known_pages_are_served(void **state)
{
    (void)state;
    assert_answer("GET", "/", "HTTP/1.1 404 ",
                  "not found; there are /healthz, /readyz, /metrics and /status\n");
    assert_answer("GET", "/metrics/", "HTTP/1.1 404 ",
                  "not found; there are /healthz, /readyz, /metrics and /status\n");
    assert_answer("DELETE", "/healthz", "HTTP/1.1 405 ", "only GET and HEAD\n");
    char *answer = ask_once("POST", "/metrics");
    assert_memory_equal(answer, "HTTP/1.1 405 ", 13);
    assert_non_null(strstr(answer, "\r\nAllow: GET, HEAD\r\n"));
    free(answer);
}

static double number_at(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    assert_true(cJSON_IsNumber(item));
    return item->valuedouble;
}

static const char *string_at(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    assert_true(cJSON_IsString(item));
    return item->valuestring;
}

static void status_tells_of_the_last_minutes_and_of_the_oldest_operation(void **state)
{
    (void)state;
    struct bs_operation oldest = {.partition = 3,
                                  .offset = 99,
                                  .state = BS_OPERATION_RUNNING,
                                  .submitted = 1783332001000,
                                  .checks = 4,
                                  .operation_id = "e03-oldest"};
    struct bs_counters before = {.results = 10};
    bs_mono_ms now = bs_clock_now().mono;
    struct bs_rates *rates = bs_rates_create(now - 120000);
    bs_rates_note(rates, now - 50000, &before);
    worker.rates = rates;
    worker.oldest = &oldest;
    (void)snprintf(worker.oldest_id, sizeof worker.oldest_id, "call \"9\"");
    char *answer = ask_once("GET", "/status");
    cJSON *status = cJSON_ParseWithOpts(body_of(answer), NULL, true);
    assert_non_null(status);
    const cJSON *told = cJSON_GetObjectItem(status, "rates");
    assert_int_equal(cJSON_GetArraySize(told), 3);
    const cJSON *minute = cJSON_GetArrayItem(told, 0), *hour = cJSON_GetArrayItem(told, 2);
    assert_true(number_at(minute, "windowSeconds") == 60 && number_at(minute, "results") == 7);
    assert_true(number_at(minute, "seconds") >= 50 && number_at(minute, "seconds") < 60);
    assert_true(number_at(minute, "deadLetters") == 5);
    assert_true(number_at(hour, "windowSeconds") == 3600 && number_at(hour, "results") == 17);
    assert_true(number_at(hour, "seconds") >= 120 && number_at(hour, "seconds") < 130);
    const cJSON *delay = cJSON_GetObjectItem(status, "detectionDelay");
    assert_true(number_at(delay, "count") == 9 &&
                fabs(number_at(delay, "mean") - 12.25 / 9) < 1e-9);
    assert_true(number_at(delay, "median") == 1 + 1.5 * 0.5 / 3); /* the half in the third bucket */
    assert_true(number_at(delay, "p99") == 2.5);                  /* beyond the last bound */
    assert_true(number_at(cJSON_GetObjectItem(status, "checksPerResult"), "sum") == 12.25);
    const cJSON *named = cJSON_GetObjectItem(status, "oldestOperation");
    assert_string_equal(string_at(named, "id"), "call \"9\"");
    assert_string_equal(string_at(named, "state"), "running");
    assert_string_equal(string_at(named, "operationId"), "e03-oldest");
    assert_true(number_at(named, "offset") == 99 && number_at(named, "ageSeconds") == 61.5);
    cJSON_Delete(status);
    free(answer);
    bs_rates_destroy(rates);
}

static void status_is_one_json_object(void **state)
{
    (void)state;
    worker.core.not_ready[BS_NOT_READY_PARTITION_STOPPED] = true;
    (void)snprintf(worker.core.not_ready_text[BS_NOT_READY_PARTITION_STOPPED], BS_MESSAGE_MAX,
                   "partition 4");
    worker.core.quota_available[BS_QUOTA_CHECKS] = 0.0 / 0.0;
    char *answer = ask_once("GET", "/status");
    assert_memory_equal(answer, "HTTP/1.1 200 ", 13);
    assert_non_null(strstr(answer, "\r\nContent-Type: application/json\r\n"));
    cJSON *status = cJSON_ParseWithOpts(body_of(answer), NULL, true);
    assert_non_null(status);
    assert_string_equal(string_at(status, "worker"), "pod-\"1\"");
    assert_string_equal(string_at(status, "startedAt"), "2026-07-06T10:00:00.000Z");
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(status, "credentialsExpireAt")));
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(status, "ready")));
    const cJSON *reason = cJSON_GetArrayItem(cJSON_GetObjectItem(status, "notReady"), 0);
    assert_string_equal(string_at(reason, "text"), "partition 4");
    assert_true(number_at(cJSON_GetObjectItem(status, "operations"), "checking") == 4);
    const cJSON *counted = cJSON_GetObjectItem(status, "counters");
    assert_true(number_at(counted, "jobsReceived") == 42);
    assert_true(number_at(counted, "deadLettersTotal") == 5);
    assert_true(number_at(cJSON_GetObjectItem(counted, "deadLetters"), "invalid_argument") == 5);
    const cJSON *checks =
        cJSON_GetObjectItem(cJSON_GetObjectItem(status, "quotas"), bs_quota_kind_name(1));
    assert_true(number_at(checks, "share") == 2500);
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(checks, "available")));
    const cJSON *budget = cJSON_GetObjectItem(status, "budget");
    assert_true(number_at(budget, "billedSeconds") == 86400);
    assert_true(number_at(budget, "share") == 43200);
    assert_true(number_at(budget, "spent") == 40000);
    assert_true(number_at(budget, "available") == 3200);
    const cJSON *partitions = cJSON_GetObjectItem(status, "partitions");
    assert_int_equal(cJSON_GetArraySize(partitions), 2);
    assert_true(number_at(cJSON_GetArrayItem(partitions, 0), "jobsWaiting") == 1200);
    const cJSON *stopped = cJSON_GetArrayItem(partitions, 1);
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(stopped, "jobsWaiting")));
    assert_string_equal(string_at(stopped, "reason"),
                        "key \"o:1\"\\\n\x01 is \xef\xbf\xbd odd, \xd0\xba is not");
    cJSON_Delete(status);
    free(answer);
}

/* ---- the metrics' format ------------------------------------------------------------------ */

struct exposition {
    char family[128], type[16];
    char seen_families[8192], seen_series[32768];
    double bucket, count;
    bool has_infinity;
};

static void remember_once(char *seen, size_t capacity, const char *what)
{
    char entry[512];
    (void)snprintf(entry, sizeof entry, "\n%s\n", what);
    assert_null(strstr(seen, entry));
    size_t used = strlen(seen);
    BS_ASSERT(used + strlen(entry) < capacity);
    (void)snprintf(seen + used, capacity - used, "%s", entry);
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

static void check_comment(struct exposition *exposition, const char *line)
{
    char name[128], type[16];
    if (sscanf(line, "# HELP %127s", name) == 1) {
        assert_true(strlen(line) > strlen("# HELP  ") + strlen(name));
        remember_once(exposition->seen_families, sizeof exposition->seen_families, name);
        (void)snprintf(exposition->family, sizeof exposition->family, "%s", name);
        exposition->type[0] = '\0';
        return;
    }
    assert_int_equal(sscanf(line, "# TYPE %127s %15s", name, type), 2);
    assert_string_equal(name, exposition->family);
    assert_string_equal(exposition->type, "");
    (void)snprintf(exposition->type, sizeof exposition->type, "%s", type);
    bool counter = strcmp(type, "counter") == 0;
    assert_true(counter || strcmp(type, "gauge") == 0 || strcmp(type, "histogram") == 0);
    assert_int_equal(counter, ends_with(name, "_total"));
    exposition->bucket = 0;
    exposition->has_infinity = false;
}

static void check_bucket(struct exposition *exposition, const char *series, double value)
{
    assert_true(value >= exposition->bucket); /* buckets are cumulative */
    exposition->bucket = value;
    exposition->has_infinity = strstr(series, "le=\"+Inf\"") != NULL;
}

static void check_sample(struct exposition *exposition, const char *line)
{
    char series[256], name[128];
    const char *space = strrchr(line, ' ');
    assert_non_null(space);
    (void)snprintf(series, sizeof series, "%.*s", (int)(space - line), line);
    char *end;
    double value = strtod(space + 1, &end);
    assert_true(end != space + 1 && *end == '\0');
    remember_once(exposition->seen_series, sizeof exposition->seen_series, series);
    size_t length = strcspn(series, "{");
    (void)snprintf(name, sizeof name, "%.*s", (int)length, series);
    for (const char *at = name; *at != '\0'; at++) {
        assert_true(islower((unsigned char)*at) || isdigit((unsigned char)*at) || *at == '_');
    }
    assert_true(series[length] == '\0' || ends_with(series, "\"}"));
    if (strcmp(exposition->type, "histogram") != 0) {
        assert_string_equal(name, exposition->family);
        assert_true(strcmp(exposition->type, "counter") != 0 || value >= 0);
        return;
    }
    assert_memory_equal(name, exposition->family, strlen(exposition->family));
    const char *suffix = name + strlen(exposition->family);
    if (strcmp(suffix, "_bucket") == 0) {
        check_bucket(exposition, series, value);
    } else if (strcmp(suffix, "_count") == 0) {
        assert_true(exposition->has_infinity && value == exposition->bucket);
    } else {
        assert_string_equal(suffix, "_sum");
    }
}

static void metrics_keep_the_rules_of_the_text_format(void **state)
{
    (void)state;
    char *answer = ask_once("GET", "/metrics");
    assert_memory_equal(answer, "HTTP/1.1 200 ", 13);
    assert_non_null(strstr(answer, "\r\nContent-Type: text/plain; version=0.0.4"));
    char *page = strdup(body_of(answer));
    BS_ASSERT(page != NULL);
    assert_true(ends_with(page, "\n"));
    struct exposition *exposition = calloc(1, sizeof *exposition);
    BS_ASSERT(exposition != NULL);
    int lines = 0;
    for (char *line = strtok(page, "\n"); line != NULL; line = strtok(NULL, "\n"), lines++) {
        if (line[0] == '#') {
            check_comment(exposition, line);
        } else {
            check_sample(exposition, line);
        }
    }
    assert_true(lines > 150);
    free(exposition);
    free(page);
    free(answer);
}

static void metrics_have_the_names_that_alerts_are_written_for(void **state)
{
    (void)state;
    static const char *const wanted[] = {
        "backscribe_jobs_received_total 42\n",
        "backscribe_jobs_skipped_total{reason=\"done\"} 2\n",
        "backscribe_submissions_total{outcome=\"accepted\"} 0\n",
        "backscribe_submissions_total{outcome=\"refused\"} 0\n",
        "backscribe_submissions_total{outcome=\"retried\"} 0\n",
        "backscribe_submissions_total{outcome=\"unknown\"} 1\n",
        "backscribe_checks_total{outcome=\"done\"} 0\n",
        "backscribe_results_total 17\n",
        "backscribe_dead_letters_total{stage=\"intake\",code=\"invalid_job\"} 0\n",
        "backscribe_dead_letters_total{stage=\"publish\",code=\"invalid_argument\"} 5\n",
        "backscribe_operations_in_flight 15\n",
        "backscribe_operations{state=\"running\"} 3\n",
        "backscribe_oldest_operation_age_seconds 30.5\n",
        "backscribe_oldest_job_age_seconds 61.5\n",
        "backscribe_results_expiring 0\n",
        "backscribe_jobs_waiting{partition=\"3\"} 1200\n",
        "backscribe_restored_total 0\n",
        "backscribe_restore_duration_seconds 0\n",
        "backscribe_detection_delay_seconds_bucket{le=\"2.5\"} 7\n",
        "backscribe_detection_delay_seconds_bucket{le=\"+Inf\"} 9\n",
        "backscribe_unrecorded_seconds_count 9\n",
        "backscribe_job_duration_seconds_sum 12.25\n",
        "backscribe_checks_per_result_count 9\n",
        "backscribe_quota_available{kind=\"submissions\"} 0\n",
        "backscribe_quota_share{kind=\"checks\"} 2500\n",
        "backscribe_budget_billed_seconds 86400\n",
        "backscribe_budget_spent_seconds 40000\n",
        "backscribe_budget_available_seconds 3200\n",
        "backscribe_throttled_seconds_total{reason=\"quota\"} 0\n",
        "backscribe_transactions_total{outcome=\"committed\"} 0\n",
        "backscribe_audio_seconds_total 1000000000.5\n",
        "backscribe_billed_seconds_total 0\n",
        "backscribe_http_connections 12\n",
        "backscribe_ready 1\n",
        "backscribe_not_ready{reason=\"group_not_joined\"} 0\n",
        "# TYPE backscribe_credentials_expiry_timestamp_seconds gauge\n",
        "backscribe_credentials_renewals_total{outcome=\"failed\"} 3\n",
        "backscribe_worker_info{mode=\"standing\",group=\"back\\\\scribe \\\"1\\\"\"} 1\n",
        "backscribe_build_info{version=\"0.1.0\",librdkafka=\"2.0.2\",libcurl=\"7.88.1\"} 1\n",
        "\nprocess_cpu_seconds_total ",
        "\nprocess_resident_memory_bytes ",
        "\nprocess_open_fds ",
        "\nprocess_max_fds ",
        "\nprocess_start_time_seconds 1783332000\n",
    };
    char *answer = ask_once("GET", "/metrics");
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        if (strstr(answer, wanted[i]) == NULL) {
            fail_msg("missing: %s", wanted[i]);
        }
    }
    assert_null(strstr(answer, "jobs_waiting{partition=\"4\"}"));
    free(answer);
}

/* One series a partition that this worker has, and as many others whatever it did. */
static void a_thousand_partitions_are_a_thousand_series_more(void **state)
{
    (void)state;
    int before = 0, after = 0;
    char *answer = ask_once("GET", "/metrics");
    for (const char *at = answer; (at = strstr(at, "\nbackscribe_")) != NULL; at++, before++) {
    }
    free(answer);
    static int32_t partitions[1000];
    static int64_t waiting[1000];
    for (int32_t i = 0; i < 1000; i++) {
        partitions[i] = i;
        waiting[i] = 7;
    }
    worker.jobs_waiting_count = 1000;
    worker.jobs_waiting_partition = partitions;
    worker.jobs_waiting = waiting;
    answer = ask_once("GET", "/metrics");
    for (const char *at = answer; (at = strstr(at, "\nbackscribe_")) != NULL; at++, after++) {
    }
    free(answer);
    assert_int_equal(after, before - 1 + 1000); /* one of the two before was known */
    assert_in_range(before, 100, 250);
}

/* ---- clients that mean harm ----------------------------------------------------------------- */

static void clients_that_say_nothing_do_not_hold_the_endpoint(void **state)
{
    (void)state;
    struct bs_loop *loop = bs_loop_create();
    struct bs_admin *admin = open_admin(loop);
    int silent[20];
    for (int i = 0; i < 20; i++) {
        silent[i] = connect_to(bs_admin_port(admin));
        assert_int_equal(send(silent[i], "GET /sta", 8, MSG_NOSIGNAL), 8);
    }
    bs_mono_ms began = bs_clock_now().mono;
    char *answer = ask(loop, admin, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_memory_equal(answer, "HTTP/1.1 200 ", 13);
    assert_true(bs_clock_now().mono - began < 2000);
    free(answer);
    bs_admin_destroy(admin); /* with all of them still connected */
    bs_loop_destroy(loop);
    for (int i = 0; i < 20; i++) {
        (void)close(silent[i]);
    }
}

static void what_is_not_http_is_refused(void **state)
{
    (void)state;
    struct bs_loop *loop = bs_loop_create();
    struct bs_admin *admin = open_admin(loop);
    char *answer = ask(loop, admin, "\x16\x03\x01 garbage\r\n\r\n");
    assert_null(strstr(answer, " 200 "));
    free(answer);
    answer = ask(loop, admin, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_memory_equal(answer, "HTTP/1.1 200 ", 13);
    free(answer);
    bs_admin_destroy(admin);
    bs_loop_destroy(loop);
}

static void an_address_that_is_taken_is_an_error_with_its_reason(void **state)
{
    (void)state;
    struct bs_loop *loop = bs_loop_create();
    struct bs_admin *admin = open_admin(loop);
    struct bs_error error = BS_NO_ERROR;
    assert_null(bs_admin_create(loop, "127.0.0.1", bs_admin_port(admin), look, NULL, &error));
    assert_int_equal(error.code, BS_ERROR_INVALID);
    assert_non_null(strstr(error.message, "admin.listen: 127.0.0.1 port "));
    assert_non_null(strstr(error.message, "in use"));
    bs_admin_destroy(admin);
    bs_loop_destroy(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_worker_that_answers_is_healthy, prepare),
        cmocka_unit_test_setup(readiness_names_each_reason_on_a_line, prepare),
        cmocka_unit_test_setup(only_get_and_head_of_known_pages_are_served, prepare),
        cmocka_unit_test_setup(status_is_one_json_object, prepare),
        cmocka_unit_test_setup(status_tells_of_the_last_minutes_and_of_the_oldest_operation,
                               prepare),
        cmocka_unit_test_setup(metrics_keep_the_rules_of_the_text_format, prepare),
        cmocka_unit_test_setup(metrics_have_the_names_that_alerts_are_written_for, prepare),
        cmocka_unit_test_setup(a_thousand_partitions_are_a_thousand_series_more, prepare),
        cmocka_unit_test_setup(clients_that_say_nothing_do_not_hold_the_endpoint, prepare),
        cmocka_unit_test_setup(what_is_not_http_is_refused, prepare),
        cmocka_unit_test_setup(an_address_that_is_taken_is_an_error_with_its_reason, prepare),
    };
    return cmocka_run_group_tests_name("admin", tests, NULL, NULL);
}
