#include "formats/json_arena.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/check.h"

#define FIRST_BLOCK_BYTES ((size_t)32 * 1024) /* each further one is twice as large */
#define ALIGNMENT         16

/* The address sanitizer sees every node's bounds and lifetime with malloc, and none of them here.
 */
#if defined(__SANITIZE_ADDRESS__)
#define ARENA_USED false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_USED false
#endif
#endif
#ifndef ARENA_USED
#define ARENA_USED true
#endif

struct block {
    struct block *older;
    size_t size; /* of bytes */
    size_t used;
    _Alignas(ALIGNMENT) uint8_t bytes[];
};

struct arena {
    struct block *newest;
    int depth; /* of begins */
};

static _Thread_local struct arena arena;

static struct block *add_block(size_t at_least)
{
    size_t size = arena.newest == NULL ? FIRST_BLOCK_BYTES : arena.newest->size * 2;
    size = size < at_least ? at_least : size;
    struct block *block = malloc(sizeof *block + size);
    BS_ASSERT(block != NULL);
    block->older = arena.newest;
    block->size = size;
    block->used = 0;
    arena.newest = block;
    return block;
}

static void *allocate(size_t size)
{
    if (arena.depth == 0) {
        return malloc(size);
    }
    size_t rounded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    struct block *block = arena.newest;
    if (block == NULL || block->size - block->used < rounded) {
        block = add_block(rounded);
    }
    void *memory = block->bytes + block->used;
    block->used += rounded;
    return memory;
}

static bool is_ours(const void *memory)
{
    uintptr_t address = (uintptr_t)memory;
    for (const struct block *block = arena.newest; block != NULL; block = block->older) {
        uintptr_t first = (uintptr_t)block->bytes;
        if (address >= first && address < first + block->size) {
            return true;
        }
    }
    return false;
}

static void release(void *memory)
{
    if (memory != NULL && !is_ours(memory)) {
        free(memory);
    }
}

/* Before main, so that no thread can be in the middle of something. Outside of begin and end these
 * are malloc and free. */
__attribute__((constructor)) static void take_over(void)
{
    cJSON_Hooks hooks = {.malloc_fn = allocate, .free_fn = release};
    cJSON_InitHooks(&hooks);
}

void bs_json_arena_begin(void)
{
    arena.depth += ARENA_USED ? 1 : 0;
}

void bs_json_arena_end(void)
{
    BS_ASSERT(!ARENA_USED || arena.depth > 0);
    if (!ARENA_USED || --arena.depth > 0) {
        return;
    }
    while (arena.newest != NULL) {
        struct block *older = arena.newest->older;
        free(arena.newest);
        arena.newest = older;
    }
}
