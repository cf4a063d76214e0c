/* Hashes and the seeded generator: spread well enough for tables, and repeat. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"

static void the_same_seed_gives_the_same_numbers(void **state)
{
    (void)state;
    struct bs_random a = {.state = 42}, b = {.state = 42}, other = {.state = 43};
    int equal = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t number = bs_random_next(&a);
        assert_int_equal(number, bs_random_next(&b));
        equal += number == bs_random_next(&other);
    }
    assert_int_equal(equal, 0);
}

static void numbers_stay_below_their_bound_and_reach_all_of_it(void **state)
{
    (void)state;
    struct bs_random random = {.state = 7};
    int seen[10] = {0};
    for (int i = 0; i < 10000; i++) {
        int64_t number = bs_random_below(&random, 10);
        assert_in_range(number, 0, 9);
        seen[number]++;
    }
    for (int i = 0; i < 10; i++) {
        assert_in_range(seen[i], 800, 1200);
    }
    assert_int_equal(bs_random_below(&random, 0), 0);
    assert_int_equal(bs_random_below(&random, -5), 0);
}

static void neighbours_fall_into_different_buckets(void **state)
{
    (void)state;
    int buckets[64] = {0};
    for (uint64_t key = 0; key < 64000; key++) {
        buckets[bs_hash64(0, &key, sizeof key) % 64]++;
    }
    for (int i = 0; i < 64; i++) {
        assert_in_range(buckets[i], 850, 1150);
    }
}

static void a_chained_hash_depends_on_each_part(void **state)
{
    (void)state;
    uint64_t ab = bs_hash64(bs_hash64(0, "a", 1), "b", 1);
    assert_int_not_equal(ab, bs_hash64(bs_hash64(0, "b", 1), "a", 1));
    assert_int_not_equal(ab, bs_hash64(bs_hash64(1, "a", 1), "b", 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_numbers),
        cmocka_unit_test(numbers_stay_below_their_bound_and_reach_all_of_it),
        cmocka_unit_test(neighbours_fall_into_different_buckets),
        cmocka_unit_test(a_chained_hash_depends_on_each_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
