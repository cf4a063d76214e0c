/* Asks Kafka and the workers, once an interval, on a thread of its own. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "commands/watch.h"
#include "edges/loop.h"
#include "edges/status_client.h"
#include "formats/plain_text.h"
#include "formats/url.h"

#define KAFKA_LIMIT_MS   5000
#define WORKER_LIMIT_MS  3000
#define MEMBERS_LIMIT_MS 3000
#define MEMBERS_EVERY_MS 10000
#define LOOK_MS          100
#define JOIN_SECONDS     1
#define PORT_DEFAULT     9464

struct bs_watch_gatherer {
    struct bs_watch_options options;
    void (*gathered)(void *context);
    void *context;
    pthread_t thread;
    atomic_bool stopping;
    pthread_mutex_t mutex; /* guards `newest` and `any` */
    struct bs_watch_facts newest;
    bool any;

    /* the thread's own */
    struct bs_kafka_client *client;
    struct bs_status_client *workers;
    struct bs_watch_reader *reader;
    struct bs_group_members members;
    bool members_known;
    bs_mono_ms members_at;
    struct bs_rates *published;
    struct bs_counters moved; /* what the watermarks stood at */
    int64_t published_at_first;
    struct bs_watch_facts facts; /* those of the last round */
};

static bool goes_on(void *context)
{
    const struct bs_watch_gatherer *gatherer = context;
    return !atomic_load(&gatherer->stopping);
}

/* ---- Kafka ------------------------------------------------------------------------------------
 */

static void note_published(struct bs_watch_gatherer *gatherer, bs_mono_ms now)
{
    struct bs_watch_facts *facts = &gatherer->facts;
    int64_t published = 0;
    for (int32_t i = 0; i < facts->progress.count; i++) {
        const struct bs_partition_progress *partition = &facts->progress.partitions[i];
        published += partition->published > 0 ? partition->published : 0;
    }
    if (gatherer->published == NULL) {
        gatherer->published = bs_rates_create(now);
        gatherer->published_at_first = published;
    }
    int64_t moved = published - gatherer->published_at_first;
    gatherer->moved.results = moved > 0 ? (uint64_t)moved : 0;
    bs_rates_note(gatherer->published, now, &gatherer->moved);
    for (int i = 0; i < BS_RATE_WINDOWS; i++) {
        bs_rates_over(gatherer->published, now, &gatherer->moved, bs_rate_windows_seconds[i],
                      &facts->published[i]);
    }
}

static void ask_kafka(struct bs_watch_gatherer *gatherer)
{
    struct bs_watch_facts *facts = &gatherer->facts;
    struct bs_group_progress progress;
    struct bs_error error = BS_NO_ERROR;
    enum bs_error_code code =
        bs_kafka_group_progress(gatherer->client, KAFKA_LIMIT_MS, &progress, &error);
    bs_plain_text_copy(error.message, facts->kafka_problem, sizeof facts->kafka_problem);
    if (code == BS_OK) {
        struct bs_now now = bs_clock_now();
        bs_group_progress_free(&facts->progress);
        facts->progress = progress;
        facts->progress_at = now.wall;
        facts->kafka_problem[0] = '\0';
        note_published(gatherer, now.mono);
    }
}

static void ask_for_members(struct bs_watch_gatherer *gatherer)
{
    struct bs_error error = BS_NO_ERROR;
    bs_mono_ms now = bs_clock_now().mono;
    if (gatherer->members_at != 0 && now - gatherer->members_at < MEMBERS_EVERY_MS) {
        return;
    }
    gatherer->members_at = now;
    bs_group_members_free(&gatherer->members);
    gatherer->members_known = bs_kafka_group_members(gatherer->client, MEMBERS_LIMIT_MS,
                                                     &gatherer->members, &error) == BS_OK;
}

/* ---- workers ----------------------------------------------------------------------------------
 */

static uint16_t admin_port(const struct bs_config *config)
{
    return config->admin_port != 0 ? config->admin_port : PORT_DEFAULT;
}

static void add_place(struct bs_status_place *places, size_t *count, const char *host,
                      uint16_t port)
{
    for (size_t i = 0; i < *count; i++) {
        if (strcmp(places[i].host, host) == 0 && places[i].port == port) {
            return;
        }
    }
    if (host[0] != '\0' && *count < BS_STATUS_ADDRESSES_MAX) {
        (void)snprintf(places[*count].host, sizeof places[*count].host, "%s", host);
        places[(*count)++].port = port;
    }
}

static bool is_loopback(const char *host)
{
    char text[300];
    bool ipv6 = strchr(host, ':') != NULL && host[0] != '[';
    struct bs_url url;
    (void)snprintf(text, sizeof text, ipv6 ? "http://[%.250s]" : "http://%.250s", host);
    return bs_url_parse(text, &url) && bs_url_is_loopback(&url);
}

/* Those that were named; else the one of this machine, where workers listen there only; else each
 * member of the group, where it talks to Kafka from. */
static size_t choose_places(const struct bs_watch_gatherer *gatherer,
                            struct bs_status_place *places)
{
    const struct bs_config *config = gatherer->options.config;
    uint16_t port = admin_port(config);
    size_t count = 0;
    for (size_t i = 0; i < gatherer->options.worker_count; i++) {
        struct bs_status_place place;
        if (bs_status_place_parse(gatherer->options.workers[i], port, &place)) {
            add_place(places, &count, place.host, place.port);
        }
    }
    if (gatherer->options.worker_count > 0 || config->admin_host[0] == '\0') {
        return count;
    }
    if (is_loopback(config->admin_host)) {
        add_place(places, &count, config->admin_host, port);
        return count;
    }
    for (int32_t i = 0; i < gatherer->members.count; i++) {
        add_place(places, &count, gatherer->members.list[i].host, port);
    }
    return count;
}

static void take_answer(struct bs_watch_gatherer *gatherer, const struct bs_status_answer *answer,
                        struct bs_watch_worker *worker)
{
    const char *group = gatherer->options.config->group;
    struct bs_error error = BS_NO_ERROR;
    bs_plain_text_copy(answer->address, worker->address, sizeof worker->address);
    bs_plain_text_copy(answer->problem, worker->problem, sizeof worker->problem);
    if (!answer->answered) {
        return;
    }
    const struct bs_bytes page = {.data = answer->page.data, .size = answer->page.size};
    if (!bs_worker_status_read(page, &worker->status, &error)) {
        (void)snprintf(worker->problem, sizeof worker->problem, "%.250s", error.message);
    } else if (strcmp(worker->status.group, group) != 0) {
        (void)snprintf(worker->problem, sizeof worker->problem,
                       "is a worker of another group, %.200s", worker->status.group);
    } else {
        worker->answered = true;
    }
}

/* One that was reached by two addresses. */
static bool is_known(const struct bs_watch_facts *facts, const struct bs_watch_worker *worker)
{
    for (size_t i = 0; i < facts->worker_count && worker->answered; i++) {
        const struct bs_watch_worker *other = &facts->workers[i];
        double older = other->status.uptime_seconds - worker->status.uptime_seconds;
        if (other->answered && strcmp(other->status.worker, worker->status.worker) == 0 &&
            older > -2 && older < 2) {
            return true;
        }
    }
    return false;
}

static void forget_workers(struct bs_watch_facts *facts)
{
    for (size_t i = 0; i < facts->worker_count; i++) {
        bs_worker_status_free(&facts->workers[i].status);
    }
    free(facts->workers);
    facts->workers = NULL;
    facts->worker_count = 0;
}

static void ask_workers(struct bs_watch_gatherer *gatherer)
{
    struct bs_watch_facts *facts = &gatherer->facts;
    struct bs_status_place *places = calloc(BS_STATUS_ADDRESSES_MAX, sizeof *places);
    BS_ASSERT(places != NULL);
    size_t count = choose_places(gatherer, places);
    struct bs_status_answers answers;
    bs_status_ask(gatherer->workers, places, count, WORKER_LIMIT_MS, &answers);
    forget_workers(facts);
    facts->workers = calloc(answers.count + 1, sizeof *facts->workers);
    BS_ASSERT(facts->workers != NULL);
    for (size_t i = 0; i < answers.count; i++) {
        struct bs_watch_worker *worker = &facts->workers[facts->worker_count];
        take_answer(gatherer, &answers.list[i], worker);
        if (is_known(facts, worker)) {
            bs_worker_status_free(&worker->status);
            memset(worker, 0, sizeof *worker);
        } else {
            facts->worker_count++;
        }
    }
    facts->workers_left_out = answers.left_out;
    facts->members = gatherer->members_known ? gatherer->members.count : -1;
    bs_status_answers_free(&answers);
    free(places);
}

/* ---- rounds -----------------------------------------------------------------------------------
 */

/* Workers first: what they read in the meantime would be missing, if the ends were the older. */
static void gather(struct bs_watch_gatherer *gatherer)
{
    ask_for_members(gatherer);
    ask_workers(gatherer);
    ask_kafka(gatherer);
    bs_watch_reader_look(gatherer->reader, &gatherer->facts.failures);
    gatherer->facts.at = bs_clock_now().wall;
}

static void copy_facts(const struct bs_watch_facts *from, struct bs_watch_facts *to)
{
    *to = *from;
    size_t size = (size_t)from->progress.count * sizeof *from->progress.partitions;
    to->progress.partitions = malloc(size + 1);
    to->workers = malloc((from->worker_count + 1) * sizeof *to->workers);
    BS_ASSERT(to->progress.partitions != NULL && to->workers != NULL);
    if (size > 0) {
        memcpy(to->progress.partitions, from->progress.partitions, size);
    }
    for (size_t i = 0; i < from->worker_count; i++) {
        const struct bs_worker_status *status = &from->workers[i].status;
        to->workers[i] = from->workers[i];
        size_t owned = (size_t)status->partition_count * sizeof *status->partitions;
        to->workers[i].status.partitions = malloc(owned + 1);
        BS_ASSERT(to->workers[i].status.partitions != NULL);
        if (owned > 0) {
            memcpy(to->workers[i].status.partitions, status->partitions, owned);
        }
    }
}

static void publish(struct bs_watch_gatherer *gatherer)
{
    BS_ASSERT(pthread_mutex_lock(&gatherer->mutex) == 0);
    bs_watch_facts_free(&gatherer->newest);
    copy_facts(&gatherer->facts, &gatherer->newest);
    gatherer->any = true;
    BS_ASSERT(pthread_mutex_unlock(&gatherer->mutex) == 0);
    gatherer->gathered(gatherer->context);
}

static void *run(void *context)
{
    struct bs_watch_gatherer *gatherer = context;
    while (goes_on(gatherer)) {
        bs_mono_ms began = bs_clock_now().mono;
        gather(gatherer);
        if (goes_on(gatherer)) {
            publish(gatherer);
        }
        while (goes_on(gatherer) && bs_clock_now().mono - began < gatherer->options.interval_ms) {
            const struct timespec moment = {.tv_nsec = LOOK_MS * 1000000L};
            nanosleep(&moment, NULL);
        }
    }
    return NULL;
}

struct bs_watch_gatherer *bs_watch_gatherer_start(const struct bs_watch_options *options,
                                                  void (*gathered)(void *context), void *context,
                                                  struct bs_error *error)
{
    struct bs_kafka_client *client = bs_kafka_client_create(options->config, error);
    if (client == NULL) {
        return NULL;
    }
    struct bs_watch_gatherer *gatherer = calloc(1, sizeof *gatherer);
    BS_ASSERT(gatherer != NULL);
    gatherer->options = *options;
    gatherer->gathered = gathered;
    gatherer->context = context;
    gatherer->client = client;
    gatherer->facts.config = options->config;
    gatherer->facts.members = -1;
    gatherer->facts.asked_for = options->worker_count > 0;
    gatherer->workers = bs_status_client_create(goes_on, gatherer);
    gatherer->reader = bs_watch_reader_start(options->config);
    BS_ASSERT(pthread_mutex_init(&gatherer->mutex, NULL) == 0);
    BS_ASSERT(pthread_create(&gatherer->thread, NULL, run, gatherer) == 0);
    return gatherer;
}

bool bs_watch_gatherer_look(struct bs_watch_gatherer *gatherer, struct bs_watch_facts *facts)
{
    BS_ASSERT(pthread_mutex_lock(&gatherer->mutex) == 0);
    bool any = gatherer->any;
    if (any) {
        copy_facts(&gatherer->newest, facts);
        bs_watch_reader_look(gatherer->reader, &facts->failures);
    }
    BS_ASSERT(pthread_mutex_unlock(&gatherer->mutex) == 0);
    return any;
}

bool bs_watch_gatherer_end(struct bs_watch_gatherer *gatherer)
{
    struct timespec until;
    atomic_store(&gatherer->stopping, true);
    bs_watch_reader_stop(gatherer->reader);
    BS_ASSERT(clock_gettime(CLOCK_REALTIME, &until) == 0);
    until.tv_sec += JOIN_SECONDS;
    if (pthread_timedjoin_np(gatherer->thread, NULL, &until) != 0 ||
        !bs_watch_reader_join(gatherer->reader)) {
        return false;
    }
    bs_kafka_client_destroy(gatherer->client);
    bs_status_client_destroy(gatherer->workers);
    bs_group_members_free(&gatherer->members);
    bs_rates_destroy(gatherer->published);
    bs_watch_facts_free(&gatherer->facts);
    bs_watch_facts_free(&gatherer->newest);
    (void)pthread_mutex_destroy(&gatherer->mutex);
    free(gatherer);
    return true;
}
