/* The fake group coordinator: members, generations, cooperative rebalances. A partition moves only
 * after its owner gave it up or was expelled; each rebalance starts a new generation. */
#ifndef SIM_GROUP_H
#define SIM_GROUP_H

#include <stdbool.h>
#include <stdint.h>

struct sim;
struct sim_worker;

struct sim_group {
    int64_t generation;
    int64_t members;      /* ids given out so far */
    bool rebalance_asked; /* one is on its way */
    bool held_up;         /* one waits for somebody */
};

/* The worker joins as a new member. */
void sim_group_join(struct sim *sim, struct sim_worker *worker);
/* It leaves in order (after STOPPED): its partitions are free at once. */
void sim_group_leave(struct sim *sim, struct sim_worker *worker);
/* Its process is gone: the membership stays until its session times out. */
void sim_group_died(struct sim *sim, struct sim_worker *worker);
/* It is silent from now on (paused): expelled after the session time-out, unless it is heard of
 * before. */
void sim_group_silent(struct sim *sim, struct sim_worker *worker);
/* It notices by itself when nothing was heard from the coordinator for as long as a session. */
void sim_group_expect_lost(struct sim *sim, struct sim_worker *worker);
/* It is heard of again: a member still, or about to learn that it is not. */
void sim_group_heard(struct sim *sim, struct sim_worker *worker);
/* Core's UNASSIGN. */
void sim_group_unassign(struct sim *sim, struct sim_worker *worker, int32_t partition);
/* What the broker checks of a transaction's offsets: member and generation. */
bool sim_group_accepts(const struct sim *sim, int64_t member, int64_t generation);
/* A rebalance for no reason that a worker could see. */
void sim_group_shuffle(struct sim *sim);

#endif
