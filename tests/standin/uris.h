/* What was asked for each recording: who was paid for twice shows here. */
#ifndef STANDIN_URIS_H
#define STANDIN_URIS_H

#include <stddef.h>
#include <stdint.h>

struct uri {
    char *text;
    uint64_t hash;
    int64_t arrived;  /* submissions that came in */
    int64_t accepted; /* operations that were made */
};

struct uris {
    struct uri **table; /* open addressing; the size is a power of two */
    size_t room;
    size_t count;
    int64_t arrived_max;
    int64_t accepted_max;
};

/* The record of `text`, made when it is new. Valid as long as the table. */
struct uri *uris_find(struct uris *uris, const char *text);
void uris_count_arrival(struct uris *uris, struct uri *uri);
void uris_count_acceptance(struct uris *uris, struct uri *uri);
void uris_free(struct uris *uris);

#endif
