/* A message of the results topic, as `results` reads it. The first byte says what it is: "z" is
 * packed here, "g" is handed over as gzip as it stands, anything else is the value itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/file_name.h"
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
    for (size_t i = 0; i < out->size; i++) {
        BS_ASSERT(out->data[i] == '\n' || (out->data[i] >= 0x20 && out->data[i] != 0x7f));
        BS_ASSERT(i == 0 || out->data[i - 1] != 0xc2 || out->data[i] >= 0xa0);
    }
}

/* Two digits and more, ':', … as milliseconds; `at` moves behind it. */
static int64_t read_moment(const char **at, char point)
{
    int hours, minutes, seconds, ms, size = 0;
    char found;
    BS_ASSERT(sscanf(*at, "%d:%2d:%2d%c%3d%n", &hours, &minutes, &seconds, &found, &ms, &size) ==
              5);
    BS_ASSERT(found == point && minutes < 60 && seconds < 60);
    *at += size;
    return ((hours * INT64_C(60) + minutes) * 60 + seconds) * 1000 + ms;
}

/* Number, times, one line or two, each block behind an empty line or at the beginning. */
static void check_subtitles(char *text, bool is_vtt)
{
    int64_t number = 0, last = 0;
    while (*text != '\0') {
        char *end = strstr(text, "\n\n");
        if (end != NULL) {
            *end = '\0';
        }
        const char *at = strchr(text, '\n');
        BS_ASSERT(at != NULL && strtoll(text, NULL, 10) == ++number);
        at++;
        int64_t start = read_moment(&at, is_vtt ? '.' : ',');
        BS_ASSERT(strncmp(at, " --> ", 5) == 0);
        at += 5;
        int64_t stop = read_moment(&at, is_vtt ? '.' : ',');
        BS_ASSERT(start >= last && stop - start >= 1000 && stop - start <= 7000);
        last = start;
        BS_ASSERT(*at++ == '\n' && *at != '\0' && strstr(at, "-->") == NULL);
        const char *second = strchr(at, '\n');
        BS_ASSERT(second == NULL || strchr(second + 1, '\n') == NULL || end == NULL);
        text = end == NULL ? text + strlen(text) : end + 2;
    }
}

static void check_written(enum bs_transcript_format format, struct bs_buffer *out)
{
    BS_ASSERT(out->size == 0 || fuzz_is_utf8(out->data, out->size));
    BS_ASSERT(out->size == 0 || out->data[out->size - 1] == '\n');
    if (format == BS_TRANSCRIPT_TEXT) {
        check_text(out);
    } else if (format == BS_TRANSCRIPT_JSONL) {
        BS_ASSERT(memchr(out->data, '\n', out->size) == out->data + out->size - 1);
    } else if (format == BS_TRANSCRIPT_SRT || format == BS_TRANSCRIPT_VTT) {
        check_text(out);
        bs_buffer_append(out, "", 1);
        char *text = (char *)out->data;
        if (format == BS_TRANSCRIPT_VTT) {
            BS_ASSERT(strncmp(text, "WEBVTT\n", 7) == 0);
            text += text[7] == '\n' ? 8 : 7;
        }
        check_subtitles(text, format == BS_TRANSCRIPT_VTT);
    }
}

/* Where it would stand: below the folder, whatever its key is. */
static void check_name(const struct bs_transcript *transcript)
{
    static struct bs_config *config;
    struct bs_buffer name = {0};
    if (config == NULL) {
        config = fuzz_config((const char *const[]){NULL});
    }
    bs_file_name_append(config, "b", bs_transcript_uri(transcript), bs_transcript_id(transcript),
                        ".srt", false, &name);
    const char *text = (const char *)name.data;
    BS_ASSERT(name.size == strlen(text) + 1 && name.size <= BS_FILE_PATH_MAX);
    BS_ASSERT(fuzz_is_message(text, BS_FILE_PATH_MAX + 1));
    for (const char *part = text; part != NULL; part = strchr(part, '/')) {
        part += part > text ? 1 : 0;
        size_t size = strcspn(part, "/");
        BS_ASSERT(size > 0 && size <= BS_FILE_NAME_MAX && part[size - 1] != '.');
    }
    bs_buffer_free(&name);
}

static void write_all(const struct bs_message *message, size_t plain_size)
{
    for (int i = 0; i < BS_TRANSCRIPT_FORMATS; i++) {
        struct bs_transcript_writing writing = {.format = (enum bs_transcript_format)i};
        struct bs_buffer out = {0};
        struct bs_error error = BS_NO_ERROR;
        BS_ASSERT(bs_transcript_columns_parse(NULL, &writing, &error));
        fuzz_memory_begin();
        struct bs_transcript *transcript = bs_transcript_read(message, &error);
        if (transcript != NULL) {
            bs_transcript_begin(&writing, &out);
            bs_transcript_write(&writing, transcript, &out);
        }
        fuzz_memory_end(plain_size, 400, 1048576);
        if (transcript == NULL) {
            BS_ASSERT(fuzz_is_message(error.message, sizeof error.message));
            BS_ASSERT(error.message[0] != '\0');
        } else {
            check_written(writing.format, &out);
            check_name(transcript);
        }
        bs_transcript_free(transcript);
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
    write_all(&message, plain_size);
    bs_buffer_free(&packed);
    fuzz_free(rest);
    return 0;
}
