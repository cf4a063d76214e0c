/* A few threads that do blocking work for a command, and a short queue before them. */
#ifndef BS_COMMANDS_CREW_H
#define BS_COMMANDS_CREW_H

struct bs_crew;

/* `run` is called on one of the threads for each item. Never NULL. */
struct bs_crew *bs_crew_create(int threads, void (*run)(void *context, void *item), void *context);
/* Waits while the queue is full. One thread. */
void bs_crew_give(struct bs_crew *crew, void *item);
/* Waits until everything that was given is done, and frees the crew; NULL does nothing. */
void bs_crew_finish(struct bs_crew *crew);

#endif
