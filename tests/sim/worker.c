#include "worker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/result.h"
#include "simulation.h"

#define RESTART_MS  20000
#define SHUTDOWN_MS 25000
#define PAUSE_MS    40000
#define ISOLATED_MS 60000
#define SECOND_MS   1000

static struct sim_worker *worker_of(struct bs_worker *process)
{
    return BS_CONTAINER_OF(process, struct sim_worker, process);
}

/* ---- clocks -------------------------------------------------------------------------------------
 */

/* Whose process runs at the moment: the edges' one function without a context. */
static struct sim *running_sim;
static struct sim_worker *running_worker;

struct bs_now sim_worker_now(const struct sim *sim, const struct sim_worker *worker)
{
    return (struct bs_now){.mono = worker->mono_base + sim->now_ms,
                           .wall = sim->wall_base + sim->now_ms + worker->clock_ms};
}

struct bs_now bs_clock_now(void)
{
    return sim_worker_now(running_sim, running_worker);
}

struct sim_worker *sim_worker_running(void)
{
    return running_worker;
}

static void runs(struct sim *sim, struct sim_worker *worker)
{
    running_sim = sim;
    running_worker = worker;
}

bool sim_worker_clock_wrong(const struct sim *sim, const struct sim_worker *worker)
{
    int64_t tolerance_ms = sim->options.core.window_ms / 60;
    tolerance_ms = tolerance_ms < 2000 ? 2000 : tolerance_ms;
    return worker->clock_ms > tolerance_ms || worker->clock_ms < -tolerance_ms;
}

void sim_worker_enter(struct sim *sim, int32_t worker)
{
    runs(sim, &sim->workers[worker]);
}

static void mend_clock(struct sim *sim, struct sim_entry *entry)
{
    struct sim_worker *worker = &sim->workers[entry->numbers[0]];
    sim_trace(sim, "w%" PRId32 "'s wall clock is set right", worker->index);
    worker->clock_ms = worker->skew_ms;
}

void sim_worker_jump_clock(struct sim *sim, struct sim_worker *worker)
{
    static const int64_t most_ms[] = {5000, 120000, 3 * 3600000, 10 * 24 * 3600 * (int64_t)1000};
    int64_t most = most_ms[bs_random_below(&sim->random, 4)];
    worker->clock_ms = sim_between(&sim->random, -most, most);
    sim_trace(sim, "w%" PRId32 "'s wall clock jumps to %+" PRId64 " ms", worker->index,
              worker->clock_ms);
    sim_later(
        sim, sim_between(&sim->random, 1, 600) * SECOND_MS,
        (struct sim_entry){.run = mend_clock, .worker = SIM_NOBODY, .numbers = {worker->index}});
}

/* ---- the edges' small change
 * ---------------------------------------------------------------------
 */

static void turn(struct sim *sim, struct sim_entry *entry)
{
    (void)sim;
    struct sim_worker *worker = &sim->workers[entry->worker];
    struct bs_worker *process = &worker->process;
    worker->bell_rung = false;
    bs_worker_answer_unsent(process);
    bs_worker_answer_unserved(process);
    if (process->batch_refused) {
        process->batch_refused = false;
        bs_worker_kafka_callbacks.transaction(process, BS_TRANSACTION_ABORTED,
                                              "not a member of the group at present");
    }
}

void bs_bell_ring(struct bs_bell *bell)
{
    if (!bell->worker->bell_rung) {
        bell->worker->bell_rung = true;
        sim_later(bell->sim, 0,
                  (struct sim_entry){
                      .run = turn, .worker = bell->worker->index, .life = bell->worker->life});
    }
}

struct bs_event bs_worker_new_event(enum bs_event_kind kind)
{
    return (struct bs_event){.kind = kind, .now = bs_clock_now()};
}

void bs_worker_stop(struct bs_worker *process, const char *why)
{
    (void)why;
    struct bs_event event = bs_worker_new_event(BS_EVENT_STOP);
    bs_worker_event(process, &event);
}

void bs_worker_fail(struct bs_worker *process, const char *message)
{
    (void)message;
    worker_of(process)->dying = true;
}

/* ---- credentials
 * ---------------------------------------------------------------------------------
 */

/* The object store's own: faults of these show in the store's answers. */
struct bs_tokens *bs_tokens_create(struct bs_loop *loop, const struct bs_config *config,
                                   const struct bs_auth *auth,
                                   void (*changed)(void *context, bool available), void *context)
{
    static struct bs_tokens tokens;
    (void)loop, (void)config, (void)auth, (void)changed, (void)context;
    return &tokens;
}

enum bs_error_code bs_tokens_wait(struct bs_tokens *tokens, int64_t limit_ms,
                                  struct bs_error *error)
{
    (void)tokens, (void)limit_ms, (void)error;
    return BS_OK;
}

void bs_tokens_destroy(struct bs_tokens *tokens)
{
    (void)tokens;
}

const char *bs_tokens_authorization(struct bs_tokens *tokens)
{
    return tokens->gone ? NULL : "Api-Key simulated";
}

const char *bs_tokens_problem(struct bs_tokens *tokens)
{
    return tokens->gone ? "the file is gone" : "";
}

static void changed(struct sim *sim, struct sim_entry *entry)
{
    struct sim_worker *worker = &sim->workers[entry->worker];
    struct bs_event event = bs_worker_new_event(BS_EVENT_CREDENTIALS);
    event.credentials = !worker->tokens.gone;
    bs_worker_event(&worker->process, &event);
}

void sim_worker_read_credentials(struct sim *sim, struct sim_worker *worker)
{
    sim_later(sim, bs_random_below(&sim->random, SECOND_MS),
              (struct sim_entry){.run = changed, .worker = worker->index, .life = worker->life});
}

void bs_tokens_refresh(struct bs_tokens *tokens)
{
    sim_worker_read_credentials(tokens->sim, tokens->worker);
}

static void find_credentials(struct sim *sim, struct sim_entry *entry)
{
    struct sim_worker *worker = &sim->workers[entry->numbers[0]];
    worker->tokens.gone = false;
    if (worker->alive) {
        sim_worker_read_credentials(sim, worker);
    }
}

void sim_worker_lose_credentials(struct sim *sim, struct sim_worker *worker)
{
    worker->tokens.gone = true;
    sim_trace(sim, "w%" PRId32 "'s credentials are gone", worker->index);
    sim_worker_read_credentials(sim, worker);
    sim_later(sim, sim_between(&sim->random, 1, 300) * SECOND_MS,
              (struct sim_entry){
                  .run = find_credentials, .worker = SIM_NOBODY, .numbers = {worker->index}});
}

/* ---- life and death
 * ------------------------------------------------------------------------------
 */

static struct sim_worker *releasing; /* bs_core_destroy tells no context */

static void release(void *payload)
{
    releasing->payloads--;
    bs_payload_free(payload);
}

void sim_worker_destroy(struct sim *sim, struct sim_worker *worker)
{
    struct bs_worker *process = &worker->process;
    if (process->core != NULL) {
        releasing = worker;
        runs(sim, worker);
        bs_worker_close_objects(process);
        bs_worker_forget_requests(process);
        bs_core_destroy(process->core, release);
        bs_buffer_free(&process->scratch);
        process->core = NULL;
    }
    worker->alive = worker->dying = false;
    worker->life++;
}

static void start_again(struct sim *sim, struct sim_entry *entry)
{
    struct sim_worker *worker = &sim->workers[entry->numbers[0]];
    if (worker->alive || worker->life != entry->numbers[1]) {
        return;
    }
    if (sim->nobody_until_ms > sim->now_ms) {
        sim_later(sim, sim->nobody_until_ms - sim->now_ms, *entry);
    } else {
        sim_worker_start(sim, worker);
    }
}

static void end_process(struct sim *sim, struct sim_worker *worker)
{
    sim_worker_destroy(sim, worker);
    if (worker->payloads != 0) {
        sim_fail(sim, NULL, "w%" PRId32 " ends without giving a payload back", worker->index);
    }
    sim_later(sim, bs_random_below(&sim->random, RESTART_MS),
              (struct sim_entry){.run = start_again,
                                 .worker = SIM_NOBODY,
                                 .numbers = {worker->index, worker->life}});
}

void sim_worker_start(struct sim *sim, struct sim_worker *worker)
{
    struct bs_core_options options = sim->options.core;
    struct bs_worker *process = &worker->process;
    options.random_seed = bs_random_next(&sim->random);
    worker->life++;
    worker->alive = true;
    worker->paused = worker->stopping = worker->polling = worker->silent = false;
    worker->bell_rung = worker->dying = false;
    worker->transaction = 0;
    worker->payloads = 0;
    worker->requests = worker->submissions = 0;
    worker->dates_told = 0;
    worker->began = worker->began_wrong = false;
    worker->tick_ms = BS_NEVER;
    worker->mono_base = sim_between(&sim->random, 1, INT32_MAX);
    memset(worker->flows, 0, sizeof worker->flows);
    memset(worker->objects_under_way, 0, sizeof worker->objects_under_way);
    worker->deletions_failed = 0;
    worker->kafka = (struct bs_kafka){sim, worker, sim->options.partitions};
    worker->http = (struct bs_http){sim, worker};
    worker->bell = (struct bs_bell){sim, worker};
    worker->tokens.sim = sim;
    worker->tokens.worker = worker;
    *process = (struct bs_worker){.config = &sim->config,
                                  .kafka = &worker->kafka,
                                  .http = &worker->http,
                                  .tokens = &worker->tokens,
                                  .more = &worker->bell,
                                  .jobs_partitions = sim->options.partitions,
                                  .state_partitions = sim->options.partitions};
    (void)snprintf(worker->name, sizeof worker->name, "w%" PRId32, worker->index);
    (void)snprintf(process->name, sizeof process->name, "%s", worker->name);
    bs_list_init(&process->requests);
    bs_list_init(&process->object_tasks);
    runs(sim, worker);
    bs_worker_open_objects(process);
    process->core = bs_core_create(&options);
    sim_trace(sim, "w%" PRId32 " starts, life %" PRIu32, worker->index, worker->life);
    if (sim->options.static_members) {
        sim_broker_fence(sim, worker);
    }
    sim_group_join(sim, worker);
}

void sim_worker_kill(struct sim *sim, struct sim_worker *worker)
{
    (void)sim;
    worker->dying = true;
}

static void bury(struct sim *sim, struct sim_worker *worker)
{
    bool in_order = worker->process.stopped;
    sim_trace(sim, "w%" PRId32 " %s", worker->index, in_order ? "ends in order" : "is killed");
    sim_broker_abandon(sim, worker);
    if (in_order && !sim->options.static_members) {
        sim_group_leave(sim, worker);
    } else {
        sim_group_died(sim, worker);
    }
    end_process(sim, worker);
}

void sim_workers_bury(struct sim *sim)
{
    for (int32_t w = 0; w < sim->options.workers; w++) {
        if (sim->workers[w].dying && sim->workers[w].alive) {
            bury(sim, &sim->workers[w]);
        }
    }
}

/* Unless it is paused, or cut off, all the same. */
static void be_heard(struct sim *sim, struct sim_worker *worker)
{
    if (!worker->paused && worker->isolated_until_ms <= sim->now_ms) {
        sim_group_heard(sim, worker);
    }
}

static void resume(struct sim *sim, struct sim_entry *entry)
{
    struct sim_worker *worker = &sim->workers[entry->numbers[0]];
    if (worker->alive && worker->life == entry->numbers[1]) {
        sim_trace(sim, "w%" PRId32 " resumes", worker->index);
        worker->paused = false;
        be_heard(sim, worker);
    }
}

void sim_worker_pause(struct sim *sim, struct sim_worker *worker)
{
    int64_t length_ms = sim_between(&sim->random, 1, PAUSE_MS);
    sim_trace(sim, "w%" PRId32 " is paused for %" PRId64 " ms", worker->index, length_ms);
    worker->paused = true;
    worker->resumes_ms = sim->now_ms + length_ms;
    sim_group_silent(sim, worker);
    sim_later(sim, length_ms,
              (struct sim_entry){
                  .run = resume, .worker = SIM_NOBODY, .numbers = {worker->index, worker->life}});
}

static void connect_again(struct sim *sim, struct sim_entry *entry)
{
    struct sim_worker *worker = &sim->workers[entry->numbers[0]];
    if (worker->alive && worker->isolated_until_ms <= sim->now_ms) { /* also in its next life */
        sim_trace(sim, "w%" PRId32 " reaches Kafka again", worker->index);
        be_heard(sim, worker);
    }
}

void sim_worker_isolate(struct sim *sim, struct sim_worker *worker)
{
    int64_t length_ms = sim_between(&sim->random, 1, ISOLATED_MS);
    sim_trace(sim, "w%" PRId32 " is cut off from Kafka for %" PRId64 " ms", worker->index,
              length_ms);
    worker->isolated_until_ms = sim->now_ms + length_ms;
    sim_group_silent(sim, worker);
    sim_group_expect_lost(sim, worker);
    sim_later(
        sim, length_ms,
        (struct sim_entry){.run = connect_again, .worker = SIM_NOBODY, .numbers = {worker->index}});
}

/* shutdown_seconds is over: the process ends in any case. */
static void shut_down_hard(struct sim *sim, struct sim_entry *entry)
{
    struct sim_worker *worker = &sim->workers[entry->worker];
    if (worker->stopping) {
        sim_worker_kill(sim, worker);
    }
}

static void stop(struct sim *sim, struct sim_entry *entry)
{
    struct sim_worker *worker = &sim->workers[entry->worker];
    if (!worker->stopping) {
        worker->stopping = true;
        sim_later(sim, SHUTDOWN_MS,
                  (struct sim_entry){
                      .run = shut_down_hard, .worker = worker->index, .life = worker->life});
        bs_worker_stop(&worker->process, "a signal");
    }
}

void sim_worker_stop(struct sim *sim, struct sim_worker *worker)
{
    sim_trace(sim, "w%" PRId32 " is asked to stop", worker->index);
    sim_later(sim, 0,
              (struct sim_entry){.run = stop, .worker = worker->index, .life = worker->life});
}

/* ---- steps --------------------------------------------------------------------------------------
 */

static void tick(struct sim *sim, struct sim_entry *entry)
{
    struct sim_worker *worker = &sim->workers[entry->worker];
    if (worker->tick_ms == entry->numbers[0]) { /* else another deadline came in between */
        worker->tick_ms = BS_NEVER;
        struct bs_event event = bs_worker_new_event(BS_EVENT_TICK);
        bs_worker_event(&worker->process, &event);
    }
}

static void want_tick(struct sim *sim, struct sim_worker *worker, bs_mono_ms deadline)
{
    if (deadline == BS_NEVER) {
        worker->tick_ms = BS_NEVER;
        return;
    }
    int64_t at_ms = deadline - worker->mono_base;
    if (at_ms <= sim->now_ms) {
        at_ms = sim->now_ms + 1; /* the clock has moved by the time that a process comes round */
    }
    if (worker->tick_ms != at_ms) {
        worker->tick_ms = at_ms;
        sim_later(
            sim, at_ms - sim->now_ms,
            (struct sim_entry){
                .run = tick, .worker = worker->index, .life = worker->life, .numbers = {at_ms}});
    }
}

static void perform(struct sim_worker *worker, const struct bs_action *action)
{
    struct bs_worker *process = &worker->process;
    switch (action->kind) {
    case BS_ACTION_RESTORE:
        bs_kafka_restore(process->kafka, action->partition, action->epoch);
        break;
    case BS_ACTION_CONSUME:
        bs_kafka_consume(process->kafka, action->partition, action->epoch, action->offset);
        break;
    case BS_ACTION_UNASSIGN:
        bs_kafka_unassign(process->kafka, action->partition);
        break;
    case BS_ACTION_SUBMIT:
        bs_worker_submit(process, action->operation, action->operation_epoch, action->send_before);
        break;
    case BS_ACTION_CHECK:
        bs_worker_check(process, action->operation, action->operation_epoch, action->send_before);
        break;
    case BS_ACTION_OBJECT:
        sim_observe_object(worker->kafka.sim, worker, action);
        bs_worker_object(process, action->operation, action->work);
        break;
    case BS_ACTION_COMMIT:
        bs_worker_commit(process, &action->batch);
        break;
    case BS_ACTION_RELEASE_PAYLOAD:
        worker->payloads--;
        bs_payload_free(action->payload);
        break;
    case BS_ACTION_REFRESH_CREDENTIALS:
        bs_tokens_refresh(process->tokens);
        break;
    case BS_ACTION_NOTICE:
        sim_observe_notice(worker->kafka.sim, worker, action->notice);
        break;
    case BS_ACTION_STOPPED:
        process->stopped = true;
        worker->dying = true;
        break;
    case BS_ACTION_FAILED:
        bs_worker_fail(process, action->notice->text);
        break;
    }
}

/* What core has given back already is not its any more. */
static void release_rest(struct sim_worker *worker, const struct bs_step *step, size_t from)
{
    for (size_t i = from; i < step->action_count; i++) {
        if (step->actions[i].kind == BS_ACTION_RELEASE_PAYLOAD) {
            worker->payloads--;
            bs_payload_free(step->actions[i].payload);
        }
    }
}

void bs_worker_event(struct bs_worker *process, struct bs_event *event)
{
    struct sim_worker *worker = worker_of(process);
    struct sim *sim = worker->kafka.sim;
    void *payload = event->kind == BS_EVENT_CHECKED  ? event->request.answer.payload
                    : event->kind == BS_EVENT_OBJECT ? event->object.answer.payload
                                                     : NULL;
    if (worker->dying) { /* killed earlier in this turn */
        bs_payload_free(payload);
        return;
    }
    worker->payloads += payload != NULL;
    if (event->kind == BS_EVENT_OBJECT) {
        worker->objects_under_way[event->object.work]--;
        sim_observe_object_answer(sim, worker, event);
    }
    worker->began_wrong = worker->began ? worker->began_wrong : sim_worker_clock_wrong(sim, worker);
    worker->began = true;
    sim_trace_event(sim, worker, event);
    struct bs_step step = bs_core_step(process->core, event);
    for (size_t i = 0; i < step.action_count; i++) {
        /* It may die between any two actions. */
        worker->dying = worker->dying || sim_fault(sim, SIM_CRASH) || sim->failed;
        if (worker->dying) {
            release_rest(worker, &step, i);
            return;
        }
        sim_trace_action(sim, worker, &step.actions[i]);
        perform(worker, &step.actions[i]);
    }
    want_tick(sim, worker, step.deadline);
    sim_worker_poll(sim, worker);
}
