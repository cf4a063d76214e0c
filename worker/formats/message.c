#include "formats/message.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

uint8_t *bs_buffer_extend(struct bs_buffer *buffer, size_t size)
{
    if (buffer->data == NULL || size > buffer->capacity - buffer->size) {
        BS_ASSERT(size <= SIZE_MAX / 4 && buffer->size <= SIZE_MAX / 4);
        size_t capacity = buffer->capacity < 64 ? 64 : buffer->capacity;
        while (capacity < buffer->size + size) {
            capacity *= 2;
        }
        uint8_t *grown = realloc(buffer->data, capacity);
        BS_ASSERT(grown != NULL);
        buffer->data = grown;
        buffer->capacity = capacity;
    }
    uint8_t *place = buffer->data + buffer->size;
    buffer->size += size;
    return place;
}

void bs_buffer_reserve(struct bs_buffer *buffer, size_t size)
{
    if (size > buffer->capacity) {
        buffer->data = realloc(buffer->data, size);
        BS_ASSERT(buffer->data != NULL);
        buffer->capacity = size;
    }
}

void bs_buffer_append(struct bs_buffer *buffer, const void *bytes, size_t size)
{
    if (size > 0) {
        memcpy(bs_buffer_extend(buffer, size), bytes, size);
    }
}

void bs_buffer_free(struct bs_buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct bs_buffer){0};
}
