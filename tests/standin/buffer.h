/* Bytes that grow: what answers, log lines and transcripts are written into. */
#ifndef STANDIN_BUFFER_H
#define STANDIN_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "base/check.h"

/* All zero is an empty one. `bytes` is owned; it is not NUL-terminated. */
struct buffer {
    char *bytes;
    size_t size;
    size_t room;
};

/* Room for `size` more bytes behind those that are there; aborts when memory is out. */
char *buffer_reserve(struct buffer *buffer, size_t size);
void buffer_add(struct buffer *buffer, const void *bytes, size_t size);
void buffer_text(struct buffer *buffer, const char *text);
void buffer_format(struct buffer *buffer, const char *format, ...) BS_PRINTF(2, 3);
/* A decimal number; much cheaper than buffer_format. */
void buffer_number(struct buffer *buffer, int64_t number);
/* A JSON string with its quotes; the bytes are taken as UTF-8. */
void buffer_json(struct buffer *buffer, const char *text);
/* A protobuf Duration as JSON: decimal seconds and "s", quoted: "1.159999992s". */
void buffer_duration(struct buffer *buffer, int64_t nanoseconds);
/* Forgets the first `size` bytes. */
void buffer_consume(struct buffer *buffer, size_t size);
void buffer_free(struct buffer *buffer);

#endif
