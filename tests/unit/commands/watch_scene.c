#include "watch_scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

static char group[] = "backscribe", currency[] = "RUB";

static void fill_worker(struct bs_watch_worker *worker, int32_t index)
{
    struct bs_worker_status *status = &worker->status;
    *worker = (struct bs_watch_worker){.answered = true};
    (void)snprintf(worker->address, sizeof worker->address, "10.0.0.%d:9464", 4 + index);
    (void)snprintf(status->worker, sizeof status->worker, "backscribe-%d", index);
    (void)snprintf(status->group, sizeof status->group, "%s", group);
    (void)snprintf(status->version, sizeof status->version, "0.1.0");
    status->uptime_seconds = 273600 + 60 * index;
    status->ready = true;
    status->unsubmitted = 25;
    status->in_flight = 200;
    status->oldest.known = true;
    (void)snprintf(status->oldest.id, sizeof status->oldest.id, "archive/2019/call-%d.ogg", index);
    (void)snprintf(status->oldest.state, sizeof status->oldest.state, "running");
    (void)snprintf(status->oldest.operation_id, sizeof status->oldest.operation_id, "e03s%d",
                   index);
    status->oldest.checks = 3 + index;
    status->oldest.age_seconds = 7380 + 600 * index;
    status->results = 49000;
    status->dead_letters = 1000;
    status->billed_seconds = 2250000;
    static const double seconds[] = {60, 600, 3600}, results[] = {4, 41, 250};
    for (int i = 0; i < BS_STATUS_RATES; i++) {
        status->rates[i] = (struct bs_status_rate){.seconds = seconds[i],
                                                   .results = results[i],
                                                   .dead_letters = i == 2 ? 5 : 0,
                                                   .submissions = results[i],
                                                   .checks = 2 * results[i],
                                                   .billed_seconds = results[i] * 45};
    }
    status->detection_delay.count = 49000;
    status->detection_delay.mean = 8 + 4 * index;
    status->detection_delay.p99 = 75 + index;
    status->checks_per_result.count = 49000;
    status->checks_per_result.sum = 61250;
    status->quotas[BS_QUOTA_SUBMISSIONS] = (struct bs_status_quota){250, 5};
    status->quotas[BS_QUOTA_CHECKS] = (struct bs_status_quota){1250, 750};
    status->quotas[BS_QUOTA_BILLED_SECONDS] = (struct bs_status_quota){18000000, 17730000};
    status->partitions = calloc(1, sizeof *status->partitions);
    BS_ASSERT(status->partitions != NULL);
    status->partition_count = 1;
    status->partitions[0] =
        (struct bs_status_partition){.partition = index, .position = 50225, .restored = true};
}

void watch_scene_begin(struct watch_scene *scene)
{
    memset(scene, 0, sizeof *scene);
    struct bs_config *config = &scene->config;
    config->group = group;
    config->quotas.window_seconds = 3600;
    config->quotas.submissions = 500;
    config->quotas.checks = 2500;
    config->quotas.billed_hours_per_day = 10000;
    config->price.currency = currency;
    struct bs_watch_facts *facts = &scene->facts;
    facts->config = config;
    facts->at = 1783332000000; /* 2026-07-06T10:00:00Z */
    facts->progress_at = facts->at - 200;
    facts->members = 2;
    facts->progress.count = 2;
    facts->progress.partitions = calloc(2, sizeof *facts->progress.partitions);
    facts->workers = calloc(2, sizeof *facts->workers);
    BS_ASSERT(facts->progress.partitions != NULL && facts->workers != NULL);
    for (int32_t i = 0; i < 2; i++) {
        facts->progress.partitions[i] = (struct bs_partition_progress){.committed = 50200,
                                                                       .log_start = 0,
                                                                       .log_end = 100000,
                                                                       .published = 49990,
                                                                       .billed_seconds = 2259000};
        fill_worker(&facts->workers[i], i);
    }
    facts->worker_count = 2;
    facts->failures.complete = true;
    facts->failures.part = 1;
    facts->failures.by_code[BS_DEAD_AUDIO_NOT_FOUND] = 1500;
    facts->failures.by_code[BS_DEAD_UNSUPPORTED_AUDIO] = 466;
    facts->failures.by_code[BS_DEAD_INVALID_JOB] = 34;
}

void watch_scene_end(struct watch_scene *scene)
{
    bs_watch_facts_free(&scene->facts);
}

struct bs_worker_status *watch_scene_worker(struct watch_scene *scene, size_t index)
{
    return &scene->facts.workers[index].status;
}

void watch_scene_without_workers(struct watch_scene *scene)
{
    for (size_t i = 0; i < scene->facts.worker_count; i++) {
        bs_worker_status_free(&scene->facts.workers[i].status);
    }
    scene->facts.worker_count = 0;
    scene->facts.members = 0;
}
