#include "formats/file_name.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "formats/json.h"
#include "formats/object_name.h"

#define HASH_DIGITS 16
#define HASH_SIZE   (HASH_DIGITS + 1) /* with its ~ */
#define OWN_PREFIX  ".backscribe"     /* our own files in the folder */

/* A path while it is put together. */
struct path {
    struct bs_buffer *out;
    const char *extension;
    bool portable;
    bool altered;
};

/* ---- characters ---- */

static bool turns_direction(const uint8_t *text, size_t length)
{
    /* U+200B to U+200F, U+202A to U+202E, U+2066 to U+2069, U+FEFF, U+061C */
    if (length == 2) {
        return text[0] == 0xd8 && text[1] == 0x9c;
    }
    if (length != 3) {
        return false;
    }
    bool general = text[0] == 0xe2 && text[1] == 0x80 &&
                   ((text[2] >= 0x8b && text[2] <= 0x8f) || (text[2] >= 0xa8 && text[2] <= 0xae));
    bool isolates = text[0] == 0xe2 && text[1] == 0x81 && text[2] >= 0xa0 && text[2] <= 0xaf;
    return general || isolates || (text[0] == 0xef && text[1] == 0xbb && text[2] == 0xbf);
}

static bool is_safe(const struct path *path, const uint8_t *text, size_t length)
{
    if (length == 0 || turns_direction(text, length)) {
        return false;
    }
    if (length > 1) {
        return length != 2 || text[0] != 0xc2 || text[1] >= 0xa0; /* C1 controls */
    }
    return text[0] >= 0x20 && text[0] != 0x7f && text[0] != '\\' && text[0] != '/' &&
           !(path->portable && strchr(":*?\"<>|", text[0]) != NULL);
}

static bool has_cases(const uint8_t *text, size_t length)
{
    return length > 1 || (text[0] >= 'A' && text[0] <= 'Z');
}

/* ---- parts ---- */

/* One part of the path, as safe as the header promises; `room` for its bytes. */
static void append_part(struct path *path, const uint8_t *text, size_t size, size_t room)
{
    struct bs_buffer *out = path->out;
    size_t start = out->size;
    bool cut = false;
    for (size_t at = 0; at < size && !cut;) {
        size_t length = bs_utf8_sequence(text + at, size - at);
        bool safe = is_safe(path, text + at, length);
        bool cased = path->portable && has_cases(text + at, length == 0 ? 1 : length);
        cut = out->size - start + (safe ? length : 1) > room;
        if (!cut) {
            bs_buffer_append(out, safe ? (const char *)text + at : "_", safe ? length : 1);
        }
        path->altered = path->altered || !safe || cased || cut;
        at += length == 0 ? 1 : length;
    }
    if (out->size == start) {
        bs_buffer_append_text(out, "_");
        path->altered = true;
    }
    uint8_t *end = out->data + out->size - 1;
    if (*end == '.' || *end == ' ') {
        *end = '_'; /* so it is not "." or ".." either */
        path->altered = true;
    }
    if (out->size - start >= strlen(OWN_PREFIX) &&
        memcmp(out->data + start, OWN_PREFIX, strlen(OWN_PREFIX)) == 0) {
        out->data[start] = '_';
        path->altered = true;
    }
}

/* Whether the part that begins there ends as our own do where a key was altered. */
static bool looks_altered(const struct bs_buffer *out, size_t start)
{
    if (out->size - start < HASH_SIZE || out->data[out->size - HASH_SIZE] != '~') {
        return false;
    }
    for (size_t i = out->size - HASH_DIGITS; i < out->size; i++) {
        if (strchr("0123456789abcdef", out->data[i]) == NULL) {
            return false;
        }
    }
    return true;
}

static void append_folder(struct path *path, const uint8_t *text, size_t size)
{
    struct bs_buffer *out = path->out;
    size_t start = out->size, ending = strlen(path->extension);
    append_part(path, text, size, BS_FILE_NAME_MAX - 1);
    if (out->size - start >= ending &&
        strncasecmp((char *)out->data + out->size - ending, path->extension, ending) == 0) {
        bs_buffer_append_text(out, "_"); /* a file may have that name */
        path->altered = true;
    }
    bs_buffer_append_text(out, "/");
}

/* The parts of a key, the last one without the extension. */
static void append_key(struct path *path, const uint8_t *key, size_t size)
{
    for (;;) {
        const uint8_t *slash = size == 0 ? NULL : memchr(key, '/', size);
        if (slash == NULL) {
            break;
        }
        size_t length = (size_t)(slash - key);
        append_folder(path, key, length);
        key += length + 1;
        size -= length + 1;
    }
    size_t start = path->out->size;
    append_part(path, key, size, BS_FILE_NAME_MAX - HASH_SIZE - strlen(path->extension));
    path->altered = path->altered || looks_altered(path->out, start);
}

/* ---- where a recording stands ---- */

struct origin {
    struct bs_buffer bucket, key;
    bool known; /* an object of the configured store */
};

static int hex_value(char c)
{
    const char *digits = "0123456789abcdef", *found = c == '\0' ? NULL : strchr(digits, c | 0x20);
    return found == NULL ? -1 : (int)(found - digits);
}

static void append_decoded(const char *text, size_t size, struct bs_buffer *out)
{
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (c == '%' && i + 2 < size && hex_value(text[i + 1]) >= 0 &&
            hex_value(text[i + 2]) >= 0) {
            c = (char)(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
            i += 2;
        }
        bs_buffer_append(out, &c, 1);
    }
}

/* A link to somewhere else, taken as host/bucket/key. */
static void split_link(const char *uri, struct origin *origin)
{
    const char *rest = strstr(uri, "://");
    rest = rest == NULL ? uri : rest + 3;
    if (strncmp(uri, "s3://", 5) != 0) {
        rest += strcspn(rest, "/?#");
        rest += *rest == '/' ? 1 : 0;
    }
    size_t bucket = strcspn(rest, "/?#");
    append_decoded(rest, bucket, &origin->bucket);
    rest += bucket;
    if (*rest == '/') {
        append_decoded(rest + 1, strcspn(rest + 1, "?#"), &origin->key);
    }
}

static void locate(const struct bs_config *config, const char *uri, const char *id,
                   struct origin *origin)
{
    struct bs_object_name name;
    origin->known = bs_object_name_of_link(config, uri, &name);
    if (origin->known) {
        bs_buffer_append_text(&origin->bucket, name.bucket);
        bs_buffer_append_text(&origin->key, name.key);
        bs_object_name_free(&name);
        return;
    }
    split_link(uri, origin);
    if (origin->key.size == 0) {
        origin->bucket.size = 0;
        bs_buffer_append_text(&origin->key, id);
    }
}

/* Of all that tells this recording from another one. */
static void append_hash(const struct origin *origin, const char *uri, struct bs_buffer *out)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    char hex[HASH_SIZE + 1] = "~";
    struct bs_buffer all = {0};
    bs_buffer_append(&all, origin->bucket.data, origin->bucket.size);
    bs_buffer_append(&all, "", 1);
    bs_buffer_append(&all, origin->key.data, origin->key.size);
    bs_buffer_append(&all, "", 1);
    bs_buffer_append_text(&all, origin->known ? "" : uri);
    (void)SHA256(all.data, all.size, digest);
    bs_buffer_free(&all);
    for (size_t i = 0; i < HASH_DIGITS / 2; i++) {
        (void)snprintf(hex + 1 + 2 * i, 3, "%02x", digest[i]);
    }
    bs_buffer_append(out, hex, HASH_SIZE);
}

static bool is_root(const char *root, const struct origin *origin)
{
    return root != NULL && strlen(root) == origin->bucket.size &&
           memcmp(root, origin->bucket.data, origin->bucket.size) == 0;
}

void bs_file_name_append(const struct bs_config *config, const char *root, const char *uri,
                         const char *id, const char *extension, bool portable,
                         struct bs_buffer *out)
{
    struct origin origin = {0};
    struct path path = {.out = out, .extension = extension, .portable = portable};
    size_t start = out->size;
    locate(config, uri, id, &origin);
    path.altered = !origin.known;
    if (origin.bucket.size > 0 && !is_root(root, &origin)) {
        append_folder(&path, origin.bucket.data, origin.bucket.size);
        /* One of the root's keys may begin with this bucket's name. */
        path.altered = path.altered || root != NULL;
    }
    append_key(&path, origin.key.data, origin.key.size);
    if (out->size - start > BS_FILE_PATH_MAX - HASH_SIZE - strlen(extension) - 1) {
        out->size = start;
        bs_buffer_append_text(out, "_");
        path.altered = true;
    }
    if (path.altered) {
        append_hash(&origin, uri, out);
    }
    bs_buffer_append_text(out, extension);
    bs_buffer_append(out, "", 1);
    bs_buffer_free(&origin.bucket);
    bs_buffer_free(&origin.key);
}
