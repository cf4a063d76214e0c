/* A group that is watched: facts as Kafka and two workers would tell them. */
#ifndef BS_TESTS_WATCH_SCENE_H
#define BS_TESTS_WATCH_SCENE_H

#include "commands/watch.h"

struct watch_scene {
    struct bs_config config;
    struct bs_watch_facts facts;
    struct bs_watch_sums sums;
};

/* 200,000 jobs in two partitions, half of them answered, 400 in flight at two workers that answer
 * 500 an hour. */
void watch_scene_begin(struct watch_scene *scene);
void watch_scene_end(struct watch_scene *scene);
struct bs_worker_status *watch_scene_worker(struct watch_scene *scene, size_t index);
/* No worker is asked. */
void watch_scene_without_workers(struct watch_scene *scene);

#endif
