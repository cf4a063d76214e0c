#include "formats/gunzip.h"

#include <stdlib.h>
#include <zlib.h>

#define GZIP_WINDOW_BITS (MAX_WBITS + 16)
#define PIECE_SIZE       65536

struct bs_gunzip {
    z_stream stream;
    bs_gunzip_sink *sink;
    void *context;
    bool between; /* a packed file has ended, and no other has begun */
    uint8_t piece[PIECE_SIZE];
};

struct bs_gunzip *bs_gunzip_create(bs_gunzip_sink *sink, void *context)
{
    struct bs_gunzip *gunzip = calloc(1, sizeof *gunzip);
    BS_ASSERT(gunzip != NULL && inflateInit2(&gunzip->stream, GZIP_WINDOW_BITS) == Z_OK);
    gunzip->sink = sink;
    gunzip->context = context;
    return gunzip;
}

void bs_gunzip_free(struct bs_gunzip *gunzip)
{
    if (gunzip != NULL) {
        (void)inflateEnd(&gunzip->stream);
        free(gunzip);
    }
}

enum bs_gunzip_outcome bs_gunzip_feed(struct bs_gunzip *gunzip, const uint8_t *bytes, size_t size)
{
    z_stream *stream = &gunzip->stream;
    BS_ASSERT(size <= UINT32_MAX);
    stream->next_in = (Bytef *)(uintptr_t)bytes; /* zlib only reads it */
    stream->avail_in = (uInt)size;
    do {
        if (gunzip->between && stream->avail_in > 0) {
            BS_ASSERT(inflateReset(stream) == Z_OK);
            gunzip->between = false;
        }
        if (gunzip->between) {
            return BS_GUNZIP_GOOD;
        }
        stream->next_out = gunzip->piece;
        stream->avail_out = PIECE_SIZE;
        int status = inflate(stream, Z_NO_FLUSH);
        size_t made = PIECE_SIZE - stream->avail_out;
        if (made > 0 && !gunzip->sink(gunzip->context, gunzip->piece, made)) {
            return BS_GUNZIP_STOPPED;
        }
        if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
            return BS_GUNZIP_WRONG;
        }
        gunzip->between = status == Z_STREAM_END;
    } while (stream->avail_in > 0 || stream->avail_out == 0);
    return BS_GUNZIP_GOOD;
}

bool bs_gunzip_whole(const struct bs_gunzip *gunzip)
{
    return gunzip->between;
}
