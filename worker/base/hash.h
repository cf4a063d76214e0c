/* 64-bit hashing and a small seeded generator. Neither is for secrets. */
#ifndef BS_BASE_HASH_H
#define BS_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* The finalizer of SplitMix64: every input bit reaches every output bit. */
static inline uint64_t bs_mix64(uint64_t value)
{
    value += 0x9e3779b97f4a7c15u;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

/* FNV-1a over the bytes, then mixed; chain calls by passing the last value as the seed. */
static inline uint64_t bs_hash64(uint64_t seed, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    uint64_t hash = seed ^ 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ at[i]) * 0x100000001b3u;
    }
    return bs_mix64(hash);
}

/* SplitMix64: the same seed gives the same numbers. */
struct bs_random {
    uint64_t state;
};

static inline uint64_t bs_random_next(struct bs_random *random)
{
    uint64_t value = bs_mix64(random->state);
    random->state += 0x9e3779b97f4a7c15u;
    return value;
}

/* Uniform in [0, bound); 0 for a bound of 0 or less. */
static inline int64_t bs_random_below(struct bs_random *random, int64_t bound)
{
    return bound <= 0 ? 0 : (int64_t)(bs_random_next(random) % (uint64_t)bound);
}

#endif
