/* Intrusive doubly linked list: the element carries its links, the list owns nothing. */
#ifndef BS_BASE_LIST_H
#define BS_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/check.h"

struct bs_link {
    struct bs_link *previous;
    struct bs_link *next;
};

/* The list's own head; an empty list points at itself. */
struct bs_list {
    struct bs_link head;
};

#define BS_CONTAINER_OF(pointer, type, member)                                                     \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

static inline void bs_list_init(struct bs_list *list)
{
    list->head.previous = &list->head;
    list->head.next = &list->head;
}

static inline bool bs_list_empty(const struct bs_list *list)
{
    return list->head.next == &list->head;
}

static inline bool bs_link_in_list(const struct bs_link *link)
{
    return link->next != NULL;
}

/* `place` stands in a list, or is its head. */
static inline void bs_list_insert_after(struct bs_link *place, struct bs_link *link)
{
    BS_ASSERT(place->next != NULL);
    link->previous = place;
    link->next = place->next;
    place->next->previous = link;
    place->next = link;
}

static inline void bs_list_append(struct bs_list *list, struct bs_link *link)
{
    bs_list_insert_after(list->head.previous, link);
}

/* Tolerates a link that is in no list. */
static inline void bs_list_remove(struct bs_link *link)
{
    if (link->next == NULL) {
        return;
    }
    link->previous->next = link->next;
    link->next->previous = link->previous;
    link->previous = NULL;
    link->next = NULL;
}

/* NULL when empty. */
static inline struct bs_link *bs_list_first(const struct bs_list *list)
{
    return bs_list_empty(list) ? NULL : list->head.next;
}

/* Removes the first element; NULL when empty. */
static inline struct bs_link *bs_list_take_first(struct bs_list *list)
{
    struct bs_link *link = bs_list_first(list);
    if (link != NULL) {
        list->head.next = link->next;
        link->next->previous = &list->head;
        link->previous = NULL;
        link->next = NULL;
    }
    return link;
}

/* Appends all elements of `from` to `to`; `from` is empty then. */
static inline void bs_list_move_all(struct bs_list *from, struct bs_list *to)
{
    if (bs_list_empty(from)) {
        return;
    }
    from->head.next->previous = to->head.previous;
    to->head.previous->next = from->head.next;
    from->head.previous->next = &to->head;
    to->head.previous = from->head.previous;
    bs_list_init(from);
}

/* The element after `link`, or NULL at the end. */
static inline struct bs_link *bs_list_next(const struct bs_list *list, const struct bs_link *link)
{
    return link->next == &list->head ? NULL : link->next;
}

#endif
