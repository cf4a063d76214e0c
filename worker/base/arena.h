/* Bounded memory: every byte that core holds for jobs comes out of one budget.
 *
 * A bs_arena counts what was taken from it against a limit. Soft use: `bs_arena_take` always
 * gives memory (work under way must never fail for want of it) and `bs_arena_full` tells intake
 * to stop before the limit is passed by more than what is already under way. Not thread-safe. */
#ifndef BS_BASE_ARENA_H
#define BS_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bs_arena {
    size_t limit_bytes;
    size_t used_bytes; /* includes an estimate of the allocator's own cost */
};

void bs_arena_init(struct bs_arena *arena, size_t limit_bytes);

/* `size` bytes, zeroed, owned by the caller until bs_arena_give_back. Aborts when the system is
 * out of memory: with `limit_bytes` honoured that is a wrong configuration of the machine. */
void *bs_arena_take(struct bs_arena *arena, size_t size);

/* `size` is what was asked for. NULL is tolerated. */
void bs_arena_give_back(struct bs_arena *arena, void *memory, size_t size);

/* Grows an array of `old_count` elements to `new_count`; the new part is zeroed. */
void *bs_arena_grow(struct bs_arena *arena, void *memory, size_t old_count, size_t new_count,
                    size_t element_size);

/* Accounts for bytes that somebody else holds on our behalf (an answer being published). */
void bs_arena_charge(struct bs_arena *arena, size_t size);
void bs_arena_discharge(struct bs_arena *arena, size_t size);

static inline bool bs_arena_full(const struct bs_arena *arena)
{
    return arena->used_bytes >= arena->limit_bytes;
}

#endif
