#include "buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *buffer_reserve(struct buffer *buffer, size_t size)
{
    size_t needed = buffer->size + size;
    if (needed > buffer->room) {
        size_t room = buffer->room < 256 ? 256 : buffer->room;
        while (room < needed) {
            room *= 2;
        }
        buffer->bytes = realloc(buffer->bytes, room);
        BS_ASSERT(buffer->bytes != NULL);
        buffer->room = room;
    }
    return buffer->bytes + buffer->size;
}

void buffer_add(struct buffer *buffer, const void *bytes, size_t size)
{
    if (size > 0) {
        memcpy(buffer_reserve(buffer, size), bytes, size);
        buffer->size += size;
    }
}

void buffer_text(struct buffer *buffer, const char *text)
{
    buffer_add(buffer, text, strlen(text));
}

void buffer_format(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = NULL;
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    BS_ASSERT(length >= 0);
    buffer_add(buffer, text, (size_t)length);
    free(text);
}

void buffer_number(struct buffer *buffer, int64_t number)
{
    char digits[20];
    size_t at = sizeof digits;
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (number < 0) {
        buffer_add(buffer, "-", 1);
    }
    buffer_add(buffer, digits + at, sizeof digits - at);
}

void buffer_json(struct buffer *buffer, const char *text)
{
    buffer_add(buffer, "\"", 1);
    for (const char *at = text; *at != '\0'; at++) {
        unsigned char byte = (unsigned char)*at;
        if (byte == '"' || byte == '\\') {
            char escaped[2] = {'\\', *at};
            buffer_add(buffer, escaped, sizeof escaped);
        } else if (byte < 0x20) {
            buffer_format(buffer, "\\u%04x", (unsigned)byte);
        } else {
            buffer_add(buffer, at, 1);
        }
    }
    buffer_add(buffer, "\"", 1);
}

void buffer_duration(struct buffer *buffer, int64_t nanoseconds)
{
    buffer_add(buffer, "\"", 1);
    buffer_number(buffer, nanoseconds / 1000000000);
    int64_t fraction = nanoseconds % 1000000000;
    char digits[10] = ".";
    for (int place = 9; place >= 1; place--) {
        digits[place] = (char)('0' + fraction % 10);
        fraction /= 10;
    }
    /* Protobuf writes none, three, six or nine digits. */
    size_t length = sizeof digits;
    while (length > 1 && memcmp(digits + length - 3, "000", 3) == 0) {
        length -= 3;
    }
    buffer_add(buffer, digits, length > 1 ? length : 0);
    buffer_add(buffer, "s\"", 2);
}

void buffer_consume(struct buffer *buffer, size_t size)
{
    BS_ASSERT(size <= buffer->size);
    buffer->size -= size;
    if (buffer->size > 0 && size > 0) {
        memmove(buffer->bytes, buffer->bytes + size, buffer->size);
    }
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (struct buffer){0};
}
