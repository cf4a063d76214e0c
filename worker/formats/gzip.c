#include "formats/gzip.h"

#include <string.h>
#include <zlib.h>

#define GZIP_WINDOW_BITS (MAX_WBITS + 16)
#define PIECE_SIZE       65536

void bs_gzip(struct bs_bytes plain, struct bs_buffer *out)
{
    z_stream stream = {0};
    int status =
        deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW_BITS, 8,
                     Z_DEFAULT_STRATEGY); /* without a name and time: always the same bytes */
    BS_ASSERT(status == Z_OK && plain.size <= UINT32_MAX);
    stream.next_in = (Bytef *)(uintptr_t)plain.data; /* zlib only reads it */
    stream.avail_in = (uInt)plain.size;
    do {
        stream.next_out = bs_buffer_extend(out, PIECE_SIZE);
        stream.avail_out = PIECE_SIZE;
        status = deflate(&stream, Z_FINISH);
        out->size -= stream.avail_out;
    } while (status == Z_OK);
    BS_ASSERT(status == Z_STREAM_END);
    (void)deflateEnd(&stream);
}

bool bs_gunzip(struct bs_bytes packed, size_t limit, struct bs_buffer *out)
{
    z_stream stream = {0};
    if (packed.size > UINT32_MAX) {
        return false;
    }
    int status = inflateInit2(&stream, GZIP_WINDOW_BITS);
    BS_ASSERT(status == Z_OK);
    stream.next_in = (Bytef *)(uintptr_t)packed.data;
    stream.avail_in = (uInt)packed.size;
    size_t start = out->size;
    do {
        stream.next_out = bs_buffer_extend(out, PIECE_SIZE);
        stream.avail_out = PIECE_SIZE;
        status = inflate(&stream, Z_NO_FLUSH);
        out->size -= stream.avail_out;
    } while (status == Z_OK && out->size - start <= limit);
    bool whole = status == Z_STREAM_END && stream.avail_in == 0 && out->size - start <= limit;
    (void)inflateEnd(&stream);
    return whole;
}

bool bs_gunzip_head(struct bs_bytes packed, size_t size, struct bs_buffer *out)
{
    z_stream stream = {0};
    if (packed.size > UINT32_MAX || size > UINT32_MAX) {
        return false;
    }
    int status = inflateInit2(&stream, GZIP_WINDOW_BITS);
    BS_ASSERT(status == Z_OK);
    stream.next_in = (Bytef *)(uintptr_t)packed.data;
    stream.avail_in = (uInt)packed.size;
    stream.next_out = bs_buffer_extend(out, size);
    stream.avail_out = (uInt)size;
    (void)inflate(&stream, Z_SYNC_FLUSH); /* as much as there is room for */
    bool whole = stream.avail_out == 0;
    out->size -= stream.avail_out;
    (void)inflateEnd(&stream);
    return whole;
}
