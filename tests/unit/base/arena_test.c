/* Bounded memory: what was taken is counted, what is given back is counted back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"

static void what_is_given_back_is_no_longer_counted(void **state)
{
    (void)state;
    struct bs_arena arena;
    bs_arena_init(&arena, 1000);
    void *small = bs_arena_take(&arena, 1), *large = bs_arena_take(&arena, 500);
    assert_in_range(arena.used_bytes, 501, 560);
    bs_arena_give_back(&arena, small, 1);
    bs_arena_give_back(&arena, large, 500);
    bs_arena_give_back(&arena, NULL, 10);
    assert_int_equal(arena.used_bytes, 0);
}

static void memory_comes_zeroed_also_where_an_array_grows(void **state)
{
    (void)state;
    struct bs_arena arena;
    bs_arena_init(&arena, 1 << 20);
    uint32_t *numbers = bs_arena_grow(&arena, NULL, 0, 4, sizeof *numbers);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(numbers[i], 0);
        numbers[i] = i + 1;
    }
    numbers = bs_arena_grow(&arena, numbers, 4, 1000, sizeof *numbers);
    assert_int_equal(numbers[3], 4);
    for (uint32_t i = 4; i < 1000; i++) {
        assert_int_equal(numbers[i], 0);
    }
    bs_arena_give_back(&arena, numbers, 1000 * sizeof *numbers);
    assert_int_equal(arena.used_bytes, 0);
}

static void it_is_full_at_its_limit_and_still_gives_what_is_under_way(void **state)
{
    (void)state;
    struct bs_arena arena;
    bs_arena_init(&arena, 100);
    assert_false(bs_arena_full(&arena));
    bs_arena_charge(&arena, 100);
    assert_true(bs_arena_full(&arena));
    void *memory = bs_arena_take(&arena, 50);
    assert_non_null(memory);
    bs_arena_give_back(&arena, memory, 50);
    bs_arena_discharge(&arena, 1);
    assert_false(bs_arena_full(&arena));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_given_back_is_no_longer_counted),
        cmocka_unit_test(memory_comes_zeroed_also_where_an_array_grows),
        cmocka_unit_test(it_is_full_at_its_limit_and_still_gives_what_is_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
