#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "edges/admin_pages.h"

/* The text format of Prometheus: each family has HELP and TYPE once, then its samples in a row. */
static void family(struct bs_buffer *page, const char *name, const char *type, const char *help)
{
    bs_admin_print(page, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void value_text(double value, char text[32])
{
    if (isfinite(value)) {
        (void)snprintf(text, 32, "%.15g", value);
    } else {
        (void)snprintf(text, 32, "%s", isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
    }
}

static void sample(struct bs_buffer *page, const char *name, double value)
{
    char text[32];
    value_text(value, text);
    bs_admin_print(page, "%s %s\n", name, text);
}

/* The label's value is one of our own names: nothing in it needs an escape. */
static void labelled(struct bs_buffer *page, const char *name, const char *label, const char *of,
                     double value)
{
    char text[32];
    value_text(value, text);
    bs_admin_print(page, "%s{%s=\"%s\"} %s\n", name, label, of, text);
}

/* The label's value is somebody else's word: escaped as the format has it. */
static void print_label(struct bs_buffer *page, const char *label, const char *text)
{
    bs_admin_print(page, "%s=\"", label);
    for (; *text != '\0'; text++) {
        const char *escaped = *text == '"'    ? "\\\""
                              : *text == '\\' ? "\\\\"
                              : *text == '\n' ? "\\n"
                                              : NULL;
        bs_buffer_append(page, escaped == NULL ? text : escaped, escaped == NULL ? 1 : 2);
    }
    bs_admin_print(page, "\"");
}

static void counter(struct bs_buffer *page, const char *name, const char *help, double value)
{
    family(page, name, "counter", help);
    sample(page, name, value);
}

static void gauge(struct bs_buffer *page, const char *name, const char *help, double value)
{
    family(page, name, "gauge", help);
    sample(page, name, value);
}

static void distribution(struct bs_buffer *page, const char *name, const char *help,
                         const struct bs_histogram *histogram)
{
    char text[32];
    uint64_t below = 0;
    family(page, name, "histogram", help);
    for (int32_t i = 0; i < histogram->bound_count; i++) {
        below += histogram->counts[i];
        value_text(histogram->bounds[i], text);
        bs_admin_print(page, "%s_bucket{le=\"%s\"} %llu\n", name, text, (unsigned long long)below);
    }
    unsigned long long total = (unsigned long long)histogram->total;
    bs_admin_print(page, "%s_bucket{le=\"+Inf\"} %llu\n", name, total);
    value_text(histogram->sum, text);
    bs_admin_print(page, "%s_sum %s\n%s_count %llu\n", name, text, name, total);
}

/* ---- jobs ----------------------------------------------------------------------------- */

static void write_jobs(const struct bs_counters *counters, struct bs_buffer *page)
{
    counter(page, "backscribe_jobs_received_total", "Job messages taken from Kafka.",
            (double)counters->jobs_received);
    family(page, "backscribe_jobs_skipped_total", "counter",
           "Job messages whose id is in flight or was done before.");
    for (int i = 0; i < BS_SKIP_REASONS; i++) {
        labelled(page, "backscribe_jobs_skipped_total", "reason",
                 bs_skip_reason_name((enum bs_skip_reason)i), (double)counters->jobs_skipped[i]);
    }
    counter(page, "backscribe_jobs_lost_total",
            "Offsets that Kafka had deleted before they were read.", (double)counters->jobs_lost);
    counter(page, "backscribe_ids_forgotten_total",
            "Remembered ids that were dropped early because of limits.remembered_ids.",
            (double)counters->ids_forgotten);
    counter(page, "backscribe_restored_total", "Operations taken over from the state topic.",
            (double)counters->restored);
}

static void write_requests(const struct bs_counters *counters, struct bs_buffer *page)
{
    family(page, "backscribe_submissions_total", "counter",
           "Submissions by outcome; unknown means that the answer was lost.");
    for (int i = 0; i < BS_SUBMISSION_OUTCOMES; i++) {
        labelled(page, "backscribe_submissions_total", "outcome",
                 bs_submission_outcome_name((enum bs_submission_outcome)i),
                 (double)counters->submissions[i]);
    }
    family(page, "backscribe_checks_total", "counter", "Checks of operations by outcome.");
    for (int i = 0; i < BS_CHECK_OUTCOMES; i++) {
        labelled(page, "backscribe_checks_total", "outcome",
                 bs_check_outcome_name((enum bs_check_outcome)i), (double)counters->checks[i]);
    }
    family(page, "backscribe_object_tasks_total", "counter",
           "Work at the object store by kind and outcome: looks into recordings (probe), staged "
           "copies made and deleted, transcripts stored.");
    for (int work = 0; work < BS_OBJECT_WORKS; work++) {
        for (int i = 0; i < BS_OBJECT_OUTCOMES; i++) {
            bs_admin_print(page, "backscribe_object_tasks_total{work=\"%s\",outcome=\"%s\"} %llu\n",
                           bs_object_work_name((enum bs_object_work)work),
                           bs_object_outcome_name((enum bs_object_outcome)i),
                           (unsigned long long)counters->objects[work][i]);
        }
    }
}

/* A counter that appears with its first count cannot be alerted on, so every pair of stage and code
 * that the ordinary stages produce stands here from the start; others appear when they occur. */
static bool shown_at_zero(int stage, int code)
{
    static const struct {
        enum bs_stage stage;
        enum bs_dead_letter_code code;
    } pairs[] = {
        {BS_STAGE_INTAKE, BS_DEAD_INVALID_JOB},
        {BS_STAGE_INTAKE, BS_DEAD_ID_CONFLICT},
        {BS_STAGE_INTAKE, BS_DEAD_UNSUPPORTED_AUDIO},
        {BS_STAGE_INTAKE, BS_DEAD_AUDIO_TOO_LONG},
        {BS_STAGE_INTAKE, BS_DEAD_AUDIO_TOO_LARGE},
        {BS_STAGE_INTAKE, BS_DEAD_AUDIO_FORBIDDEN},
        {BS_STAGE_PROBE, BS_DEAD_INVALID_JOB},
        {BS_STAGE_PROBE, BS_DEAD_UNSUPPORTED_AUDIO},
        {BS_STAGE_PROBE, BS_DEAD_AUDIO_TOO_LONG},
        {BS_STAGE_PROBE, BS_DEAD_AUDIO_TOO_LARGE},
        {BS_STAGE_PROBE, BS_DEAD_AUDIO_NOT_FOUND},
        {BS_STAGE_PROBE, BS_DEAD_AUDIO_FORBIDDEN},
        {BS_STAGE_PROBE, BS_DEAD_JOB_DEADLINE_PASSED},
        {BS_STAGE_PROBE, BS_DEAD_UNEXPECTED_RESPONSE},
        {BS_STAGE_SUBMIT, BS_DEAD_INVALID_ARGUMENT},
        {BS_STAGE_SUBMIT, BS_DEAD_SUBMISSION_UNKNOWN},
        {BS_STAGE_SUBMIT, BS_DEAD_JOB_DEADLINE_PASSED},
        {BS_STAGE_SUBMIT, BS_DEAD_UNEXPECTED_RESPONSE},
        {BS_STAGE_CHECK, BS_DEAD_RECOGNITION_FAILED},
        {BS_STAGE_CHECK, BS_DEAD_RESULT_EXPIRED},
        {BS_STAGE_CHECK, BS_DEAD_UNEXPECTED_RESPONSE},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        if ((int)pairs[i].stage == stage && (int)pairs[i].code == code) {
            return true;
        }
    }
    return false;
}

static void write_ends(const struct bs_counters *counters, struct bs_buffer *page)
{
    counter(page, "backscribe_results_total", "Results published.", (double)counters->results);
    family(page, "backscribe_dead_letters_total", "counter",
           "Dead letters published, by the stage that gave up and the error code.");
    for (int stage = 0; stage <= BS_STAGE_PUBLISH; stage++) {
        for (int code = BS_DEAD_NONE + 1; code < BS_DEAD_CODES; code++) {
            uint64_t count = counters->dead_letters[stage][code];
            if (count > 0 || shown_at_zero(stage, code)) {
                bs_admin_print(page,
                               "backscribe_dead_letters_total{stage=\"%s\",code=\"%s\"} %llu\n",
                               bs_stage_name((enum bs_stage)stage),
                               bs_dead_letter_code_name((enum bs_dead_letter_code)code),
                               (unsigned long long)count);
            }
        }
    }
    static const char *const outcomes[] = {
        [BS_TRANSACTION_COMMITTED] = "committed",
        [BS_TRANSACTION_ABORTED] = "aborted",
        [BS_TRANSACTION_TOO_LARGE] = "too_large",
        [BS_TRANSACTION_FATAL] = "fatal",
    };
    family(page, "backscribe_transactions_total", "counter", "Kafka transactions by outcome.");
    for (int i = 0; i <= BS_TRANSACTION_FATAL; i++) {
        labelled(page, "backscribe_transactions_total", "outcome", outcomes[i],
                 (double)counters->transactions[i]);
    }
    counter(page, "backscribe_audio_seconds_total", "Length of the recordings with a result.",
            counters->audio_seconds);
    counter(page, "backscribe_billed_seconds_total",
            "Billed length of the recordings with a result, by the service's rule.",
            counters->billed_seconds);
}

static void write_durations(const struct bs_counters *counters, struct bs_buffer *page)
{
    distribution(page, "backscribe_detection_delay_seconds",
                 "From the operation's last change at the service to our knowing of its end.",
                 &counters->detection_delay_seconds);
    distribution(page, "backscribe_unrecorded_seconds",
                 "From sending a submission that was accepted to the commit of its record: a kill "
                 "within it has it submitted again.",
                 &counters->unrecorded_seconds);
    distribution(page, "backscribe_check_lateness_seconds",
                 "From the moment that a check fell due, also at a former owner, to its sending.",
                 &counters->check_lateness_seconds);
    distribution(page, "backscribe_job_duration_seconds",
                 "From taking a job message to publishing its result.",
                 &counters->job_duration_seconds);
    distribution(page, "backscribe_checks_per_result", "Checks that a result took.",
                 &counters->checks_per_result);
}

/* ---- the present state ---------------------------------------------------------------- */

static void write_operations(const struct bs_admin_facts *facts, struct bs_buffer *page)
{
    const struct bs_view *view = &facts->core;
    gauge(page, "backscribe_operations_in_flight", "Jobs taken and not yet published.",
          (double)(view->preparing + view->waiting + view->submitting + view->running +
                   view->checking + view->finishing + view->ended));
    family(page, "backscribe_operations", "gauge",
           "Jobs taken and not yet published, by what is done with them now; waiting is for the "
           "quota, running at the service.");
    labelled(page, "backscribe_operations", "state", "preparing", (double)view->preparing);
    labelled(page, "backscribe_operations", "state", "waiting", (double)view->waiting);
    labelled(page, "backscribe_operations", "state", "submitting", (double)view->submitting);
    labelled(page, "backscribe_operations", "state", "running", (double)view->running);
    labelled(page, "backscribe_operations", "state", "checking", (double)view->checking);
    labelled(page, "backscribe_operations", "state", "finishing", (double)view->finishing);
    labelled(page, "backscribe_operations", "state", "ended", (double)view->ended);
    gauge(page, "backscribe_oldest_operation_age_seconds",
          "Since the oldest submission that the service accepted and that has no result or dead "
          "letter yet.",
          view->oldest_submitted_seconds);
    gauge(page, "backscribe_oldest_job_age_seconds",
          "Since the oldest job in flight was taken from Kafka; it may have waited for the quota.",
          view->oldest_operation_seconds);
    gauge(page, "backscribe_results_expiring",
          "Operations that are done at the service and not fetched for over two days.",
          (double)view->results_expiring);
    family(page, "backscribe_jobs_waiting", "gauge",
           "Job messages not yet read, of the partitions of this worker.");
    for (int64_t i = 0; i < facts->jobs_waiting_count; i++) {
        if (facts->jobs_waiting[i] >= 0) {
            char partition[16];
            (void)snprintf(partition, sizeof partition, "%d", facts->jobs_waiting_partition[i]);
            labelled(page, "backscribe_jobs_waiting", "partition", partition,
                     (double)facts->jobs_waiting[i]);
        }
    }
    gauge(page, "backscribe_restore_duration_seconds", "How long the last restore took.",
          facts->restore_duration_seconds);
}

static void write_quotas(const struct bs_view *view, struct bs_buffer *page)
{
    family(page, "backscribe_quota_available", "gauge",
           "What this worker may spend now of its part of the quota.");
    for (int i = 0; i < BS_QUOTA_KINDS; i++) {
        labelled(page, "backscribe_quota_available", "kind",
                 bs_quota_kind_name((enum bs_quota_kind)i), view->quota_available[i]);
    }
    family(page, "backscribe_quota_share", "gauge",
           "This worker's part of the fleet's quota, by its partitions.");
    for (int i = 0; i < BS_QUOTA_KINDS; i++) {
        labelled(page, "backscribe_quota_share", "kind", bs_quota_kind_name((enum bs_quota_kind)i),
                 view->quota_share[i]);
    }
    gauge(page, "backscribe_budget_billed_seconds",
          "limits.billed_hours in seconds, of the whole fleet; 0: there is no budget.",
          (double)view->budget);
    gauge(page, "backscribe_budget_spent_seconds",
          "What this worker's partitions were ever billed.", (double)view->budget_spent);
    gauge(page, "backscribe_budget_available_seconds",
          "What this worker may still spend of the budget; 0 also where there is none.",
          (double)view->budget_available);
    family(page, "backscribe_throttled_seconds_total", "counter",
           "Time in which work was due and had to wait.");
    for (int i = 0; i < BS_THROTTLE_REASONS; i++) {
        labelled(page, "backscribe_throttled_seconds_total", "reason",
                 bs_throttle_reason_name((enum bs_throttle_reason)i),
                 view->counters->throttled_seconds[i]);
    }
}

static void write_readiness(const struct bs_view *view, struct bs_buffer *page)
{
    bool ready = true;
    family(page, "backscribe_not_ready", "gauge", "1 for each reason why the worker is not ready.");
    for (int i = 0; i < BS_NOT_READY_REASONS; i++) {
        ready = ready && !view->not_ready[i];
        labelled(page, "backscribe_not_ready", "reason", bs_not_ready_name((enum bs_not_ready)i),
                 view->not_ready[i] ? 1 : 0);
    }
    gauge(page, "backscribe_ready", "1 when the worker is ready.", ready ? 1 : 0);
}

static void write_worker(const struct bs_admin_facts *facts, struct bs_buffer *page)
{
    gauge(page, "backscribe_http_connections", "Open connections to the service.",
          facts->http_connections);
    gauge(page, "backscribe_loop_longest_turn_seconds",
          "The longest time that the event loop took for one turn since the last look.",
          (double)facts->loop_longest_turn_ms / 1000);
    gauge(page, "backscribe_loop_longest_turn_cpu_seconds",
          "The CPU time of the turn that took most of it since the last look.",
          (double)facts->loop_longest_turn_cpu_us / 1e6);
    family(page, "backscribe_credentials_expiry_timestamp_seconds", "gauge",
           "When the credential ends; absent where its end is not known.");
    if (facts->credentials_expiry != 0) {
        sample(page, "backscribe_credentials_expiry_timestamp_seconds",
               (double)facts->credentials_expiry / 1000);
    }
    family(page, "backscribe_credentials_renewals_total", "counter",
           "Attempts to get a credential: of a file when it changed, of a token before it ends.");
    labelled(page, "backscribe_credentials_renewals_total", "outcome", "obtained",
             (double)facts->credentials_obtained);
    labelled(page, "backscribe_credentials_renewals_total", "outcome", "failed",
             (double)facts->credentials_failed);
    family(page, "backscribe_worker_info", "gauge",
           "1, with the consumer group and whether the worker stands or ends when all is done.");
    bs_admin_print(page, "backscribe_worker_info{mode=\"%s\",",
                   facts->until_drained ? "until_drained" : "standing");
    print_label(page, "group", facts->group);
    bs_admin_print(page, "} 1\n");
    family(page, "backscribe_build_info", "gauge", "1, with the versions of what runs here.");
    bs_admin_print(page,
                   "backscribe_build_info{version=\"%s\",librdkafka=\"%s\",libcurl=\"%s\"} 1\n",
                   facts->version, facts->librdkafka, facts->libcurl);
}

/* ---- the process ---------------------------------------------------------------------- */

/* -1 where /proc cannot be read; the descriptor that reads it is not counted. */
static int64_t open_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL) {
        return -1;
    }
    int64_t count = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        count += entry->d_name[0] != '.';
    }
    (void)closedir(folder);
    return count - 1;
}

static bool memory_pages(unsigned long *virtual_pages, unsigned long *resident_pages)
{
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL) {
        return false;
    }
    bool read = fscanf(file, "%lu %lu", virtual_pages, resident_pages) == 2;
    (void)fclose(file);
    return read;
}

static void write_process(bs_wall_ms started, struct bs_buffer *page)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        counter(page, "process_cpu_seconds_total", "CPU time of user and system.",
                (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                    (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    }
    unsigned long virtual_pages, resident_pages;
    if (memory_pages(&virtual_pages, &resident_pages)) {
        double page_bytes = (double)sysconf(_SC_PAGESIZE);
        gauge(page, "process_resident_memory_bytes", "Resident memory.",
              (double)resident_pages * page_bytes);
        gauge(page, "process_virtual_memory_bytes", "Virtual memory.",
              (double)virtual_pages * page_bytes);
    }
    int64_t descriptors = open_descriptors();
    if (descriptors >= 0) {
        gauge(page, "process_open_fds", "Open file descriptors.", (double)descriptors);
    }
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        gauge(page, "process_max_fds", "File descriptors that may be open.",
              limit.rlim_cur == RLIM_INFINITY ? INFINITY : (double)limit.rlim_cur);
    }
    gauge(page, "process_start_time_seconds", "When the process began, since 1970.",
          (double)started / 1000);
}

void bs_admin_write_metrics(const struct bs_admin_facts *facts, struct bs_buffer *page)
{
    const struct bs_counters *counters = facts->core.counters;
    write_jobs(counters, page);
    write_requests(counters, page);
    write_ends(counters, page);
    write_durations(counters, page);
    write_operations(facts, page);
    write_quotas(&facts->core, page);
    write_readiness(&facts->core, page);
    write_worker(facts, page);
    write_process(facts->started, page);
}
