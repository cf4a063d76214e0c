/* A hash of slots that grows by one bucket at a time (linear hashing): with millions of elements no
 * step stands still to hash them all again. Chains go through the elements themselves. */
#include "core/internal.h"

#define SEGMENT_HEADS 4096u

static uint32_t *head_at(const struct bs_index *index, uint32_t bucket)
{
    return &index->segments[bucket / SEGMENT_HEADS][bucket % SEGMENT_HEADS];
}

/* Buckets up to `whole` are addressed by so many bits, those of the next round that exist already
 * by one more. */
static uint32_t bucket_of(const struct bs_index *index, uint32_t hash)
{
    uint32_t bucket = hash & (index->whole * 2 - 1);
    return bucket < index->buckets ? bucket : hash & (index->whole - 1);
}

uint32_t bs_index_first(const struct bs_index *index, uint32_t hash)
{
    return index->buckets == 0 ? 0 : *head_at(index, bucket_of(index, hash));
}

static void add_bucket(struct bs_core *core, struct bs_index *index)
{
    if (index->buckets % SEGMENT_HEADS == 0) {
        uint32_t count = index->buckets / SEGMENT_HEADS;
        index->segments = bs_arena_grow(&core->arena, index->segments, count, (size_t)count + 1,
                                        sizeof *index->segments);
        index->segments[count] = bs_arena_take(&core->arena, SEGMENT_HEADS * sizeof(uint32_t));
    }
    index->buckets++;
}

/* The elements of one old bucket are shared out between it and the new one. */
static void split(struct bs_core *core, struct bs_index *index)
{
    uint32_t from = index->buckets - index->whole;
    add_bucket(core, index);
    uint32_t next = *head_at(index, from);
    *head_at(index, from) = 0;
    while (next != 0) {
        uint32_t slot = next - 1, *link = index->link(core, slot);
        next = *link;
        uint32_t bucket =
            (index->hash(core, slot) & index->whole) != 0 ? from + index->whole : from;
        uint32_t *head = head_at(index, bucket);
        *link = *head;
        *head = slot + 1;
    }
    if (index->buckets == index->whole * 2) {
        index->whole *= 2;
    }
}

void bs_index_add(struct bs_core *core, struct bs_index *index, uint32_t slot)
{
    index->count++;
    if (index->buckets == 0) {
        add_bucket(core, index);
        index->whole = 1;
    } else if (index->count > index->buckets) {
        split(core, index);
    }
    uint32_t *head = head_at(index, bucket_of(index, index->hash(core, slot))),
             *link = index->link(core, slot);
    *link = *head;
    *head = slot + 1;
}

void bs_index_remove(struct bs_core *core, struct bs_index *index, uint32_t slot)
{
    uint32_t *link = head_at(index, bucket_of(index, index->hash(core, slot)));
    while (*link != slot + 1) {
        BS_ASSERT(*link != 0);
        link = index->link(core, *link - 1);
    }
    *link = *index->link(core, slot);
    index->count--;
}

void bs_index_destroy(struct bs_core *core, struct bs_index *index)
{
    uint32_t count = (index->buckets + SEGMENT_HEADS - 1) / SEGMENT_HEADS;
    for (uint32_t i = 0; i < count; i++) {
        bs_arena_give_back(&core->arena, index->segments[i], SEGMENT_HEADS * sizeof(uint32_t));
    }
    bs_arena_give_back(&core->arena, index->segments, count * sizeof *index->segments);
}
