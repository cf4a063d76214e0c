/* A message of the results topic, as `results` reads it. The first byte says what it is: "z" is
 * packed here, "g" is handed over as gzip as it stands, anything else is the value itself. */
#include <string.h>

#include "formats/gzip.h"
#include "formats/transcript.h"
#include "fuzz.h"

static const struct bs_header encoding = {
    .name = "content-encoding",
    .value = {.data = (const uint8_t *)"gzip", .size = 4},
};

/* Packed and unpacked it is the same, and a limit below its size is kept. */
static void check_gzip(struct bs_bytes plain, struct bs_buffer *packed)
{
    struct bs_buffer again = {0};
    bs_gzip(plain, packed);
    struct bs_bytes bytes = {.data = packed->data, .size = packed->size};
    BS_ASSERT(bs_gunzip(bytes, plain.size, &again) && again.size == plain.size);
    BS_ASSERT(plain.size == 0 || memcmp(again.data, plain.data, plain.size) == 0);
    again.size = 0;
    BS_ASSERT(plain.size == 0 || !bs_gunzip(bytes, plain.size - 1, &again));
    bytes.size--;
    again.size = 0;
    BS_ASSERT(!bs_gunzip(bytes, plain.size, &again));
    bs_buffer_free(&again);
}

/* A person's terminal: nothing in it commands. */
static void check_text(const struct bs_buffer *out)
{
    BS_ASSERT(fuzz_is_utf8(out->data, out->size));
    for (size_t i = 0; i < out->size; i++) {
        BS_ASSERT(out->data[i] == '\n' || (out->data[i] >= 0x20 && out->data[i] != 0x7f));
        BS_ASSERT(i == 0 || out->data[i - 1] != 0xc2 || out->data[i] >= 0xa0);
    }
}

static void render(const struct bs_message *message, size_t plain_size)
{
    for (int i = BS_TRANSCRIPT_TEXT; i <= BS_TRANSCRIPT_JSONL; i++) {
        enum bs_transcript_format format = (enum bs_transcript_format)i;
        struct bs_buffer out = {0};
        struct bs_error error = BS_NO_ERROR;
        fuzz_memory_begin();
        bool good = bs_transcript_render(format, message, &out, &error);
        fuzz_memory_end(plain_size, 200, 1048576);
        if (!good) {
            BS_ASSERT(fuzz_is_message(error.message, sizeof error.message));
            BS_ASSERT(error.message[0] != '\0' && out.size == 0);
        } else if (format == BS_TRANSCRIPT_TEXT) {
            check_text(&out);
        } else {
            BS_ASSERT(memchr(out.data, '\n', out.size) == out.data + out.size - 1);
        }
        bs_buffer_free(&out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bs_bytes rest = fuzz_copy(data, size);
    struct bs_bytes value = {.data = rest.data + (size > 0), .size = size - (size > 0)};
    struct bs_buffer packed = {0};
    struct bs_message message = {.value = rest, .headers = &encoding};
    size_t plain_size = size;
    if (size > 0 && data[0] == 'z') {
        check_gzip(value, &packed);
        message.value = (struct bs_bytes){.data = packed.data, .size = packed.size};
        message.header_count = 1;
    } else if (size > 0 && data[0] == 'g') {
        message.value = value;
        message.header_count = 1;
        plain_size = size * 1032; /* the most that deflate packs */
    }
    render(&message, plain_size);
    bs_buffer_free(&packed);
    fuzz_free(rest);
    return 0;
}
