/* The intrusive list: order is kept, and an element can leave from anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"

struct element {
    int number;
    struct bs_link link;
};

static void expect(const struct bs_list *list, const int *numbers, int count)
{
    struct bs_link *link = bs_list_first(list);
    for (int i = 0; i < count; i++) {
        assert_non_null(link);
        assert_int_equal(BS_CONTAINER_OF(link, struct element, link)->number, numbers[i]);
        link = bs_list_next(list, link);
    }
    assert_null(link);
}

static void elements_stand_in_the_order_in_which_they_came(void **state)
{
    (void)state;
    struct bs_list list;
    struct element elements[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
    bs_list_init(&list);
    assert_true(bs_list_empty(&list));
    for (int i = 0; i < 3; i++) {
        bs_list_append(&list, &elements[i].link);
    }
    expect(&list, (const int[]){0, 1, 2}, 3);
    struct element between = {.number = 9};
    bs_list_insert_after(&elements[0].link, &between.link);
    expect(&list, (const int[]){0, 9, 1, 2}, 4);
}

static void an_element_leaves_from_anywhere_and_only_once(void **state)
{
    (void)state;
    struct bs_list list;
    struct element elements[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
    bs_list_init(&list);
    for (int i = 0; i < 3; i++) {
        bs_list_append(&list, &elements[i].link);
    }
    assert_true(bs_link_in_list(&elements[1].link));
    bs_list_remove(&elements[1].link);
    bs_list_remove(&elements[1].link);
    assert_false(bs_link_in_list(&elements[1].link));
    expect(&list, (const int[]){0, 2}, 2);
    bs_list_remove(&elements[2].link);
    bs_list_remove(&elements[0].link);
    assert_true(bs_list_empty(&list));
    bs_list_append(&list, &elements[1].link);
    expect(&list, (const int[]){1}, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_stand_in_the_order_in_which_they_came),
        cmocka_unit_test(an_element_leaves_from_anywhere_and_only_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
