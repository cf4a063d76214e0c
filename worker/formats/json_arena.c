#include "formats/json_arena.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define FIRST_BLOCK_BYTES ((size_t)32 * 1024) /* each further one is twice as large */
#define ALIGNMENT         16

/* The address sanitizer is told what of a block may be touched: each piece as long as it was asked
 * for and until it was released, with a gap before it that holds its size. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifdef SANITIZED
#include <sanitizer/asan_interface.h>
#define GAP ALIGNMENT
#else
#define GAP                                     0
#define ASAN_POISON_MEMORY_REGION(from, size)   ((void)(from), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(from, size) ((void)(from), (void)(size))
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
    block->bytes[0] = 0; /* for gcc 14, which takes poisoning for reading */
    block->older = arena.newest;
    block->size = size;
    block->used = 0;
    arena.newest = block;
    ASAN_POISON_MEMORY_REGION(block->bytes, size);
    return block;
}

/* The piece's own size, in the gap before it. */
static void note_size(uint8_t *piece, size_t size)
{
    if (GAP > 0) {
        ASAN_UNPOISON_MEMORY_REGION(piece - GAP, sizeof size);
        memcpy(piece - GAP, &size, sizeof size);
        ASAN_POISON_MEMORY_REGION(piece - GAP, sizeof size);
    }
}

static void forbid(uint8_t *piece)
{
    size_t size = 0;
    if (GAP > 0) {
        ASAN_UNPOISON_MEMORY_REGION(piece - GAP, sizeof size);
        memcpy(&size, piece - GAP, sizeof size);
        ASAN_POISON_MEMORY_REGION(piece - GAP, sizeof size);
        ASAN_POISON_MEMORY_REGION(piece, size);
    }
}

static void *allocate(size_t size)
{
    if (arena.depth == 0) {
        return malloc(size);
    }
    size_t rounded = GAP + (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    struct block *block = arena.newest;
    if (block == NULL || block->size - block->used < rounded) {
        block = add_block(rounded);
    }
    uint8_t *piece = block->bytes + block->used + GAP;
    block->used += rounded;
    note_size(piece, size);
    ASAN_UNPOISON_MEMORY_REGION(piece, size);
    return piece;
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
    if (memory == NULL) {
        return;
    }
    if (is_ours(memory)) {
        forbid(memory);
    } else {
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
    arena.depth++;
}

void bs_json_arena_end(void)
{
    BS_ASSERT(arena.depth > 0);
    if (--arena.depth > 0) {
        return;
    }
    while (arena.newest != NULL) {
        struct block *older = arena.newest->older;
        free(arena.newest);
        arena.newest = older;
    }
}
