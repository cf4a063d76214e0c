#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

/* glibc keeps 8 bytes before a block and rounds to 16. */
static size_t real_size(size_t size)
{
    return (size + 8 + 15) / 16 * 16;
}

void bs_arena_init(struct bs_arena *arena, size_t limit_bytes)
{
    arena->limit_bytes = limit_bytes;
    arena->used_bytes = 0;
}

void *bs_arena_take(struct bs_arena *arena, size_t size)
{
    void *memory = calloc(1, size == 0 ? 1 : size);
    BS_ASSERT(memory != NULL);
    arena->used_bytes += real_size(size);
    return memory;
}

void bs_arena_give_back(struct bs_arena *arena, void *memory, size_t size)
{
    if (memory == NULL) {
        return;
    }
    BS_ASSERT(arena->used_bytes >= real_size(size));
    arena->used_bytes -= real_size(size);
    free(memory);
}

void *bs_arena_grow(struct bs_arena *arena, void *memory, size_t old_count, size_t new_count,
                    size_t element_size)
{
    BS_ASSERT(new_count > old_count);
    void *grown = realloc(memory, new_count * element_size);
    BS_ASSERT(grown != NULL);
    memset((char *)grown + old_count * element_size, 0, (new_count - old_count) * element_size);
    if (memory != NULL) {
        arena->used_bytes -= real_size(old_count * element_size);
    }
    arena->used_bytes += real_size(new_count * element_size);
    return grown;
}

void bs_arena_charge(struct bs_arena *arena, size_t size)
{
    arena->used_bytes += size;
}

void bs_arena_discharge(struct bs_arena *arena, size_t size)
{
    BS_ASSERT(arena->used_bytes >= size);
    arena->used_bytes -= size;
}
