#include "uris.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"

static struct uri **place(struct uri **table, size_t room, const char *text, uint64_t hash)
{
    size_t at = hash & (room - 1);
    while (table[at] != NULL && (table[at]->hash != hash || strcmp(table[at]->text, text) != 0)) {
        at = (at + 1) & (room - 1);
    }
    return &table[at];
}

static void grow(struct uris *uris)
{
    size_t room = uris->room == 0 ? 1024 : uris->room * 2;
    struct uri **table = calloc(room, sizeof(struct uri *));
    BS_ASSERT(table != NULL);
    for (size_t i = 0; i < uris->room; i++) {
        if (uris->table[i] != NULL) {
            *place(table, room, uris->table[i]->text, uris->table[i]->hash) = uris->table[i];
        }
    }
    free(uris->table);
    uris->table = table;
    uris->room = room;
}

struct uri *uris_find(struct uris *uris, const char *text)
{
    if (uris->count * 2 >= uris->room) {
        grow(uris);
    }
    uint64_t hash = bs_hash64(0, text, strlen(text));
    struct uri **slot = place(uris->table, uris->room, text, hash);
    if (*slot == NULL) {
        *slot = calloc(1, sizeof **slot);
        BS_ASSERT(*slot != NULL);
        (*slot)->text = strdup(text);
        BS_ASSERT((*slot)->text != NULL);
        (*slot)->hash = hash;
        uris->count++;
    }
    return *slot;
}

void uris_count_arrival(struct uris *uris, struct uri *uri)
{
    uri->arrived++;
    if (uri->arrived > uris->arrived_max) {
        uris->arrived_max = uri->arrived;
    }
}

void uris_count_acceptance(struct uris *uris, struct uri *uri)
{
    uri->accepted++;
    if (uri->accepted > uris->accepted_max) {
        uris->accepted_max = uri->accepted;
    }
}

void uris_free(struct uris *uris)
{
    for (size_t i = 0; i < uris->room; i++) {
        if (uris->table[i] != NULL) {
            free(uris->table[i]->text);
            free(uris->table[i]);
        }
    }
    free(uris->table);
    *uris = (struct uris){0};
}
