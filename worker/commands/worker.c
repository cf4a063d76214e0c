/* The worker's life: connect, wait for the topics, work, and end in order. */
#include "commands/worker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands/version.h"
#include "formats/result.h"

#define CONNECT_LIMIT_MS   10000
#define LEASE_MS           5000 /* less than the shortest session that the configuration allows */
#define REQUEST_LIMIT_MS   30000
#define STALL_LIMIT_MS     20000
#define ANSWER_LIMIT_BYTES 67108864 /* ten times what 4 hours of speech come to */
#define ANSWER_LEAST_BYTES 16777216 /* refused below this, a paid result could be lost */
#define HEADER_LIMIT_BYTES (64 * 1024)
#define DELIVERED_A_TURN   256
#define CLOSE_LIMIT_MS     8000 /* librdkafka 2.0.2 may hang while it leaves the group */

struct bs_event bs_worker_new_event(enum bs_event_kind kind)
{
    return (struct bs_event){.kind = kind, .now = bs_clock_now()};
}

/* ---- stopping ---- */

static void close_kafka(struct bs_worker *worker)
{
    if (worker->kafka != NULL) {
        bs_kafka_close(worker->kafka);
    } else {
        worker->stop_loop = true;
    }
}

void bs_worker_stop(struct bs_worker *worker, const char *why)
{
    if (worker->stopping) {
        return;
    }
    worker->stopping = true;
    worker->stop_by = bs_clock_now().mono + worker->config->shutdown_seconds * 1000;
    bs_log(BS_LOG_INFO, NULL, "stopping: %s", why);
    bs_notify_stopping(worker->notify, "Stopping: what is under way ends and is committed");
    if (worker->core == NULL) {
        worker->stopped = true;
        worker->stop_loop = true;
        return;
    }
    struct bs_event event = bs_worker_new_event(BS_EVENT_STOP);
    bs_worker_event(worker, &event);
}

void bs_worker_fail(struct bs_worker *worker, const char *message)
{
    bs_log(BS_LOG_ERROR, NULL, "%s", message);
    bs_notify_stopping(worker->notify, "Stopping after a failure");
    worker->failed = true;
    worker->stopping = true;
    worker->stopped = true; /* nothing more can be committed */
    worker->stop_by = bs_clock_now().mono + CLOSE_LIMIT_MS;
    close_kafka(worker);
}

static void on_signal(void *context, int signal_number)
{
    struct bs_worker *worker = context;
    worker->interrupted = !worker->drained;
    bs_worker_stop(worker, strsignal(signal_number));
}

static int exit_status(const struct bs_worker *worker)
{
    if (worker->failed || !worker->stopped) {
        return BS_EXIT_FAILED;
    }
    if (worker->gave_up) {
        return BS_EXIT_GAVE_UP;
    }
    if (worker->options.until_drained && worker->interrupted) {
        return BS_EXIT_INTERRUPTED;
    }
    if (worker->options.fail_on_dead_letter && worker->core != NULL) {
        struct bs_view view;
        bs_core_view(worker->core, bs_clock_now(), &view);
        for (int stage = 0; stage <= BS_STAGE_PUBLISH; stage++) {
            for (int code = 0; code < BS_DEAD_CODES; code++) {
                if (view.counters->dead_letters[stage][code] > 0) {
                    return BS_EXIT_DEAD_LETTERS;
                }
            }
        }
    }
    return BS_EXIT_OK;
}

/* ---- core's actions ---- */

static void perform(struct bs_worker *worker, const struct bs_action *action)
{
    switch (action->kind) {
    case BS_ACTION_RESTORE:
        bs_kafka_restore(worker->kafka, action->partition, action->epoch);
        break;
    case BS_ACTION_CONSUME:
        bs_log(BS_LOG_INFO, NULL, "partition %d: restored, jobs from offset %lld",
               action->partition, (long long)action->offset);
        bs_kafka_consume(worker->kafka, action->partition, action->epoch, action->offset);
        break;
    case BS_ACTION_UNASSIGN:
        bs_log(BS_LOG_INFO, NULL, "partition %d: given up", action->partition);
        bs_kafka_unassign(worker->kafka, action->partition);
        break;
    case BS_ACTION_SUBMIT:
        bs_worker_submit(worker, action->operation, action->operation_epoch, action->send_before);
        break;
    case BS_ACTION_CHECK:
        bs_worker_check(worker, action->operation, action->operation_epoch, action->send_before);
        break;
    case BS_ACTION_OBJECT:
        bs_worker_object(worker, action->operation, action->work);
        break;
    case BS_ACTION_COMMIT:
        bs_worker_commit(worker, &action->batch);
        break;
    case BS_ACTION_RELEASE_PAYLOAD:
        bs_payload_free(action->payload);
        break;
    case BS_ACTION_REFRESH_CREDENTIALS:
        bs_tokens_refresh(worker->tokens);
        break;
    case BS_ACTION_NOTICE:
        bs_worker_log(worker, action->notice);
        break;
    case BS_ACTION_STOPPED:
        worker->stopped = true;
        close_kafka(worker);
        break;
    case BS_ACTION_FAILED:
        bs_worker_fail(worker, action->notice->text);
        break;
    }
}

void bs_worker_event(struct bs_worker *worker, struct bs_event *event)
{
    struct bs_step step = bs_core_step(worker->core, event);
    worker->deadline = step.deadline;
    for (size_t i = 0; i < step.action_count; i++) {
        perform(worker, &step.actions[i]);
    }
}

/* ---- turns of the loop ---- */

static void tick(void *context, uint32_t events)
{
    (void)events;
    struct bs_worker *worker = context;
    if (worker->core != NULL) {
        struct bs_event event = bs_worker_new_event(BS_EVENT_TICK);
        bs_worker_event(worker, &event);
    }
}

static bool wants_jobs(void *context)
{
    const struct bs_worker *worker = context;
    return bs_core_wants_jobs(worker->core);
}

/* --until-drained: every partition is published up to the end that it had at our start. */
static void look_whether_drained(struct bs_worker *worker)
{
    if (!worker->options.until_drained || worker->stopping) {
        return;
    }
    for (int32_t i = 0; i < worker->jobs_partitions; i++) {
        int64_t own = bs_core_published(worker->core, i);
        int64_t published = own > worker->published[i] ? own : worker->published[i];
        bool nothing_there = worker->ends[i] == 0;
        if (worker->ends[i] < 0 || (!nothing_there && published < worker->ends[i])) {
            return;
        }
    }
    worker->drained = true;
    bs_worker_stop(worker, "drained");
}

static void before_wait(void *context)
{
    struct bs_worker *worker = context;
    if (worker->core != NULL) {
        bool left = bs_kafka_deliver(worker->kafka, DELIVERED_A_TURN, wants_jobs);
        bs_worker_answer_unsent(worker);
        bs_worker_answer_unserved(worker);
        if (worker->batch_refused) {
            worker->batch_refused = false;
            bs_worker_kafka_callbacks.transaction(worker, BS_TRANSACTION_ABORTED,
                                                  "not a member of the group at present");
        }
        look_whether_drained(worker);
        if (left && bs_core_wants_jobs(worker->core)) {
            bs_bell_ring(worker->more);
        }
        bs_timer_set(worker->timer, worker->deadline);
    }
    if (worker->stop_loop) {
        bs_loop_stop(worker->loop);
    }
}

static void nothing(void *context, uint32_t events)
{
    (void)context;
    (void)events; /* the work is done before the next wait */
}

static void watch_readiness(struct bs_worker *worker, bs_mono_ms now)
{
    char reason[512];
    if (bs_worker_ready(worker, reason, sizeof reason)) {
        if (worker->not_ready_since != BS_NEVER) {
            bs_log(BS_LOG_INFO, NULL, "ready");
        }
        worker->not_ready_since = BS_NEVER;
        bs_worker_tell_service(worker, now, NULL);
        return;
    }
    bs_worker_tell_service(worker, now, reason);
    if (worker->not_ready_since == BS_NEVER) {
        worker->not_ready_since = now;
        bs_log(BS_LOG_INFO, NULL, "not ready: %s", reason);
    }
    int64_t limit = worker->options.give_up_after_ms;
    if (limit > 0 && now - worker->not_ready_since >= limit && !worker->stopping) {
        worker->gave_up = true;
        bs_log(BS_LOG_ERROR, NULL, "giving up after %lld s without being ready: %s",
               (long long)(limit / 1000), reason);
        bs_worker_stop(worker, "given up");
    }
}

static void every_second(void *context, uint32_t events)
{
    (void)events;
    struct bs_worker *worker = context;
    bs_mono_ms now = bs_clock_now().mono;
    tick(worker, 0); /* so that a gap between core's steps means that we stood still */
    watch_readiness(worker, now);
    bs_worker_note_rates(worker, now);
    if (worker->core != NULL) {
        bs_worker_look_after_objects(worker);
    }
    if (worker->stopping && now >= worker->stop_by) {
        /* Waiting longer brings nothing: a broker that does not answer, or librdkafka that hangs.
         */
        bs_log(worker->stopped ? BS_LOG_WARN : BS_LOG_ERROR, NULL, "%s",
               worker->stopped ? "left without Kafka's goodbye"
                               : "ended before everything was committed");
        _exit(exit_status(worker));
    }
    bs_timer_set(worker->second, now + 1000);
}

static void on_credentials(void *context, bool available)
{
    struct bs_worker *worker = context;
    bs_log(available ? BS_LOG_INFO : BS_LOG_ERROR, NULL, "%s",
           available ? "credentials read" : bs_tokens_problem(worker->tokens));
    if (worker->core != NULL) {
        struct bs_event event = bs_worker_new_event(BS_EVENT_CREDENTIALS);
        event.credentials = available;
        bs_worker_event(worker, &event);
    }
}

/* ---- start ---- */

/* A budget of less than a second is none that could be spent, but it is one. */
static int64_t budget_seconds(const struct bs_config *config)
{
    int64_t seconds = (int64_t)(config->limits.billed_hours * 3600.0 + 1e-6);
    return config->limits.billed_hours > 0 && seconds < 1 ? 1 : seconds;
}

static struct bs_core_options core_options(const struct bs_worker *worker)
{
    const struct bs_config *config = worker->config;
    struct bs_now now = bs_clock_now();
    bool has_store = worker->objects != NULL;
    return (struct bs_core_options){
        .random_seed = (uint64_t)now.mono * 1000003u + (uint64_t)getpid(),
        .state_partitions = worker->state_partitions,
        .window_ms = config->quotas.window_seconds * 1000,
        .submissions = config->quotas.submissions,
        .checks = config->quotas.checks,
        .billed_seconds_per_day = (int64_t)(config->quotas.billed_hours_per_day * 3600.0),
        .budget_seconds = budget_seconds(config),
        .lease_ms = LEASE_MS,
        .request_limit_ms = REQUEST_LIMIT_MS,
        .in_flight = config->limits.in_flight,
        .memory_bytes = (size_t)config->limits.memory_bytes,
        .connections = (int32_t)config->limits.connections,
        .submissions_per_job = (int32_t)config->limits.submissions_per_job,
        .refusals_in_a_row = (int32_t)config->limits.refusals_in_a_row,
        .remembered_ids = config->limits.remembered_ids,
        .remember_ms = config->results.remember_seconds * 1000,
        .check_seconds_per_audio_minute = config->checks.seconds_per_audio_minute,
        .check_first_guess_seconds = config->checks.first_guess_seconds,
        .dead_letter_unknown_submissions = config->speechkit.dead_letter_unknown,
        .object_tasks = BS_OBJECT_THREADS,
        .staging = has_store && config->objects.staging[0] != '\0',
        .transcripts = has_store && config->objects.transcripts[0] != '\0',
    };
}

/* The topics are there and fit: work begins. */
static void begin(struct bs_worker *worker, const struct bs_topics *topics)
{
    struct bs_error error = BS_NO_ERROR;
    worker->jobs_partitions = topics->jobs_partitions;
    worker->state_partitions = topics->state_partitions;
    size_t count = (size_t)topics->jobs_partitions;
    worker->ends = calloc(count, sizeof *worker->ends);
    worker->published = calloc(count, sizeof *worker->published);
    BS_ASSERT(worker->ends != NULL && worker->published != NULL);
    for (size_t i = 0; i < count; i++) {
        worker->ends[i] = worker->published[i] = -1;
    }
    struct bs_core_options options = core_options(worker);
    worker->core = bs_core_create(&options);
    worker->deadline = BS_NEVER;
    worker->kafka = bs_kafka_create(worker->loop, worker->config, worker->state_partitions,
                                    &bs_worker_kafka_callbacks, worker, &error);
    if (worker->kafka == NULL) {
        bs_worker_fail(worker, error.message);
        return;
    }
    if (worker->options.until_drained) {
        bs_kafka_note_ends(worker->kafka);
    }
}

static void on_topics(void *context, enum bs_error_code outcome, const struct bs_topics *topics,
                      const struct bs_error *error)
{
    struct bs_worker *worker = context;
    if (worker->stopping) {
        return;
    }
    if (outcome == BS_ERROR_TEMPORARY) {
        (void)snprintf(worker->waiting_for, sizeof worker->waiting_for, "%.390s", error->message);
        bs_log(BS_LOG_WARN, NULL, "waiting for Kafka: %s", error->message);
        return;
    }
    if (outcome != BS_OK) {
        bs_log(BS_LOG_ERROR, NULL, "%s", error->message);
        worker->unfit = true;
        worker->stopped = true;
        worker->stop_loop = true;
        return;
    }
    begin(worker, topics);
}

static bool open_edges(struct bs_worker *worker, struct bs_error *error)
{
    const struct bs_config *config = worker->config;
    worker->loop = bs_loop_create();
    bs_loop_on_signal(worker->loop, on_signal, worker);
    worker->timer = bs_timer_create(worker->loop, tick, worker);
    worker->second = bs_timer_create(worker->loop, every_second, worker);
    worker->more = bs_bell_create(worker->loop, nothing, worker);
    worker->notify = bs_notify_create(worker->loop);
    size_t for_answers = (size_t)config->limits.memory_bytes / 8;
    size_t an_answer = for_answers > ANSWER_LIMIT_BYTES   ? ANSWER_LIMIT_BYTES
                       : for_answers < ANSWER_LEAST_BYTES ? ANSWER_LEAST_BYTES
                                                          : for_answers;
    struct bs_http_options http = {.connections = (int32_t)config->limits.connections,
                                   .connect_limit_ms = CONNECT_LIMIT_MS,
                                   .request_limit_ms = REQUEST_LIMIT_MS,
                                   .stall_limit_ms = STALL_LIMIT_MS,
                                   .answer_limit_bytes = an_answer,
                                   .held_limit_bytes = for_answers,
                                   .header_limit_bytes = HEADER_LIMIT_BYTES,
                                   .user_agent = "backscribe/" BS_VERSION,
                                   .verify_certificates = true};
    worker->http = bs_http_create(worker->loop, &http, error);
    if (worker->http == NULL) {
        return false;
    }
    worker->tokens =
        bs_tokens_create(worker->loop, config, &config->speechkit.auth, on_credentials, worker);
    struct bs_error none = BS_NO_ERROR;
    enum bs_error_code credentials = bs_tokens_wait(worker->tokens, 0, &none);
    if (credentials != BS_OK) {
        bs_log(credentials == BS_ERROR_TEMPORARY ? BS_LOG_INFO : BS_LOG_ERROR, NULL,
               "no credentials yet: %s", none.message);
    }
    bs_worker_open_objects(worker);
    if (config->admin_host[0] != '\0') {
        worker->admin = bs_admin_create(worker->loop, config->admin_host, config->admin_port,
                                        bs_worker_look, worker, error);
        if (worker->admin == NULL) {
            return false;
        }
        bs_log(BS_LOG_INFO, NULL, "admin endpoint at http://%s:%u", config->admin_host,
               (unsigned)bs_admin_port(worker->admin));
    }
    return true;
}

static void close_edges(struct bs_worker *worker)
{
    bs_topics_watch_end(worker->topics_watch);
    bs_worker_close_objects(worker);
    if (worker->http != NULL) {
        bs_http_destroy(worker->http); /* what is under way is dropped: its owner asks again */
    }
    bs_worker_forget_requests(worker);
    bs_core_destroy(worker->core, bs_payload_free);
    bs_kafka_destroy(worker->kafka);
    bs_admin_destroy(worker->admin);
    bs_notify_destroy(worker->notify);
    bs_rates_destroy(worker->rates);
    bs_tokens_destroy(worker->tokens);
    bs_bell_destroy(worker->more);
    bs_timer_destroy(worker->timer);
    bs_timer_destroy(worker->second);
    bs_loop_destroy(worker->loop);
    bs_buffer_free(&worker->scratch);
    free(worker->ends);
    free(worker->published);
}

/* librdkafka may hang also while its handles are destroyed; all that mattered is committed then. */
static volatile sig_atomic_t final_status;

static void end_now(int signal_number)
{
    (void)signal_number;
    _exit(final_status);
}

static void bound_closing(int status)
{
    final_status = status;
    (void)signal(SIGALRM, end_now);
    (void)alarm(CLOSE_LIMIT_MS / 1000);
}

static void name_worker(struct bs_worker *worker)
{
    if (worker->config->group_instance_id != NULL) {
        (void)snprintf(worker->name, sizeof worker->name, "%.120s",
                       worker->config->group_instance_id);
        return;
    }
    char host[100] = "";
    (void)gethostname(host, sizeof host - 1);
    (void)snprintf(worker->name, sizeof worker->name, "%s-%ld", host, (long)getpid());
}

int bs_worker_run(const struct bs_worker_options *options)
{
    struct bs_worker worker = {.options = *options,
                               .config = options->config,
                               .started = bs_clock_now().wall,
                               .rates = bs_rates_create(bs_clock_now().mono),
                               .deadline = BS_NEVER,
                               .stop_by = BS_NEVER,
                               .not_ready_since = BS_NEVER,
                               .waiting_for = "connecting"};
    bs_list_init(&worker.requests);
    bs_list_init(&worker.object_tasks);
    name_worker(&worker);
    struct bs_error error = BS_NO_ERROR;
    int status = BS_EXIT_FAILED;
    if (open_edges(&worker, &error)) {
        worker.topics_watch = bs_topics_watch_begin(worker.loop, worker.config, on_topics, &worker);
        bs_timer_set(worker.second, bs_clock_now().mono + 1000);
        bs_loop_run(worker.loop, before_wait, &worker);
        status = worker.unfit ? BS_EXIT_USAGE : exit_status(&worker);
        bs_log(BS_LOG_INFO, NULL, "ended with status %d", status);
    } else {
        bs_log(BS_LOG_ERROR, NULL, "%s", error.message);
    }
    bound_closing(status);
    close_edges(&worker);
    (void)alarm(0);
    return status;
}
