/* A Kafka message as plain bytes: what formats make and edges carry. */
#ifndef BS_FORMATS_MESSAGE_H
#define BS_FORMATS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Borrowed or owned as the holder says. `data` NULL is Kafka's null (a tombstone as a value, no
 * key as a key); an empty one has a non-NULL pointer and size 0. */
struct bs_bytes {
    const uint8_t *data;
    size_t size;
};

struct bs_header {
    const char *name; /* NUL-terminated */
    struct bs_bytes value;
};

struct bs_message {
    struct bs_bytes key;
    struct bs_bytes value;
    const struct bs_header *headers;
    size_t header_count;
};

/* Bytes that grow; owned by whoever holds the struct, freed with bs_buffer_free. All zero is an
 * empty one. Out of memory aborts. */
struct bs_buffer {
    uint8_t *data;
    size_t size;
    size_t capacity;
};

void bs_buffer_append(struct bs_buffer *buffer, const void *bytes, size_t size);
/* Grows by `size` bytes that the caller writes; where they begin (valid until the next growth). */
uint8_t *bs_buffer_extend(struct bs_buffer *buffer, size_t size);
/* Room for `size` bytes in all, and no more: for what is large and whose size is known before. */
void bs_buffer_reserve(struct bs_buffer *buffer, size_t size);
void bs_buffer_free(struct bs_buffer *buffer);

#endif
