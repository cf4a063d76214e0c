#include "objects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "clock.h"
#include "file.h"

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    digit = (char)(digit | 0x20);
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

bool objects_decode(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0' && *from != '?'; from++) {
        char byte = *from;
        if (byte == '%') {
            int high = hex_digit(from[1]);
            int low = high < 0 ? -1 : hex_digit(from[2]);
            if (low < 0 || high * 16 + low == 0) {
                return false;
            }
            byte = (char)(high * 16 + low);
            from += 2;
        }
        *to++ = byte;
    }
    *to = '\0';
    return true;
}

static bool climbs(const char *path)
{
    for (const char *segment = path; segment != NULL;) {
        const char *end = strchrnul(segment, '/');
        size_t length = (size_t)(end - segment);
        if (length == 2 && memcmp(segment, "..", 2) == 0) {
            return true;
        }
        segment = *end == '\0' ? NULL : end + 1;
    }
    return false;
}

char *objects_path(const char *folder, const char *target)
{
    char *key = strdup(target);
    BS_ASSERT(key != NULL);
    char *path = NULL;
    if (key[0] == '/' && objects_decode(key) && key[1] != '\0' && !climbs(key)) {
        int length = asprintf(&path, "%s%s", folder, key);
        BS_ASSERT(length > 0);
    }
    free(key);
    struct stat facts;
    if (path != NULL && (stat(path, &facts) != 0 || !S_ISREG(facts.st_mode))) {
        free(path);
        path = NULL;
    }
    return path;
}

static void answer_missing(struct answer *answer)
{
    answer->status = 404;
    answer->content_type = "application/xml";
    buffer_text(&answer->body, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchKey"
                               "</Code><Message>The specified key does not exist.</Message>"
                               "</Error>");
}

/* Narrows first and last to what "bytes=…" asks for. False: it cannot be satisfied. */
static bool narrow(const char *range, size_t size, size_t *first, size_t *last)
{
    unsigned long long from = 0;
    unsigned long long to = 0;
    if (strncmp(range, "bytes=-", 7) == 0) {
        to = strtoull(range + 7, NULL, 10);
        *first = to < size ? size - (size_t)to : 0;
        return to > 0 && size > 0;
    }
    switch (sscanf(range, "bytes=%llu-%llu", &from, &to)) {
    case 2:
        *last = to < size ? (size_t)to : size - 1;
        *first = (size_t)from;
        break;
    case 1:
        *first = (size_t)from;
        break;
    default:
        return true; /* not understood: the whole object, as the standard says */
    }
    return *first < size && *first <= *last;
}

static void add_facts(const struct stat *facts, struct answer *answer)
{
    char text[64];
    uint64_t tag = bs_mix64((uint64_t)facts->st_size ^ bs_mix64((uint64_t)facts->st_mtime));
    snprintf(text, sizeof text, "\"%016llx\"", (unsigned long long)tag);
    answer_header(answer, "ETag", text);
    clock_http_date((bs_wall_ms)facts->st_mtime * 1000, text);
    answer_header(answer, "Last-Modified", text);
    answer_header(answer, "Accept-Ranges", "bytes");
}

void objects_serve(const char *folder, const struct request *request, struct answer *answer)
{
    answer->body_omitted = strcmp(request->method, "HEAD") == 0;
    char *path = objects_path(folder, request->target);
    struct stat facts;
    size_t size = 0;
    char *bytes = path == NULL || stat(path, &facts) != 0 ? NULL : file_read(path, &size);
    free(path);
    if (bytes == NULL) {
        answer_missing(answer);
        return;
    }
    size_t first = 0;
    size_t last = size == 0 ? 0 : size - 1;
    const char *range = request_header(request, "Range");
    answer->content_type = "application/octet-stream";
    add_facts(&facts, answer);
    if (range != NULL && !narrow(range, size, &first, &last)) {
        answer->status = 416;
    } else if (size > 0) {
        buffer_add(&answer->body, bytes + first, last - first + 1);
    }
    if (range != NULL && answer->status == 200) {
        char text[96];
        answer->status = 206;
        snprintf(text, sizeof text, "bytes %zu-%zu/%zu", first, last, size);
        answer_header(answer, "Content-Range", text);
    }
    free(bytes);
}
