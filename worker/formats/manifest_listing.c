/* JSON of a listing, as `aws s3api list-objects-v2` (or list-objects, list-object-versions, or
 * another program with the same members in its own spelling) prints it, however long: one object
 * is held at a time, and what belongs to a page that has not named its bucket yet. */
#include <stdlib.h>
#include <string.h>

#include "formats/manifest_parts.h"

#define WORD_MAX 4096 /* of a member's name and of Name, EncodingType */

struct held_object {
    size_t at, size;
    int64_t line;
};

/* The page's member that was named last. */
static const char *member_name(const struct bs_manifest_listing *listing)
{
    return listing->name.size == 0 ? "" : (const char *)listing->name.data;
}

static bool broken(struct bs_manifest *manifest, const char *problem)
{
    (void)bs_manifest_emit_problem(manifest, manifest->line, problem);
    manifest->stopped = true;
    return false;
}

/* ---- an object of the list -------------------------------------------------------------- */

static const cJSON *member(const cJSON *object, const char *name)
{
    const cJSON *item;
    if (!cJSON_IsObject(object)) {
        return NULL;
    }
    cJSON_ArrayForEach(item, object)
    {
        if (bs_name_is(item->string, name)) {
            return item;
        }
    }
    return NULL;
}

/* NULL, or why it is none; the link stands in `text` then. */
static const char *read_object(struct bs_manifest *manifest, const cJSON *object,
                               struct bs_manifest_entry *entry)
{
    const struct bs_manifest_listing *listing = &manifest->listing;
    const char *key = cJSON_GetStringValue(member(object, "key"));
    const char *modified = cJSON_GetStringValue(member(object, "lastmodified"));
    const cJSON *size = member(object, "size");
    const char *bucket = listing->bucket != NULL ? listing->bucket : manifest->options.bucket;
    manifest->text.size = 0;
    manifest->key.size = 0;
    if (key == NULL) {
        return "expected an object of a listing: with Key, Size and ETag";
    }
    if (bucket == NULL) {
        return "the listing does not name its bucket: give it with --bucket";
    }
    if (listing->url_encoded) {
        if (!bs_manifest_decode_key(key, &manifest->key)) {
            return "Key: not encoded as EncodingType says";
        }
        key = (const char *)manifest->key.data;
    }
    if (!bs_manifest_uri(bucket, key, &manifest->text)) {
        return "bucket and Key are no object's";
    }
    if (size != NULL && (!bs_json_int64(size, &entry->size_bytes) || entry->size_bytes < 0)) {
        return "Size: expected an integer";
    }
    if (modified != NULL && !bs_rfc3339_parse(modified, strlen(modified), &entry->modified)) {
        entry->modified = 0; /* other spellings of a time are not worth a refusal */
    }
    entry->outdated = cJSON_IsFalse(member(object, "islatest"));
    entry->version = cJSON_GetStringValue(member(object, "etag"));
    entry->text = (struct bs_bytes){manifest->text.data, manifest->text.size};
    return NULL;
}

static bool take_object(struct bs_manifest *manifest, struct bs_bytes text, int64_t line)
{
    struct bs_json_problem json_problem;
    struct bs_manifest_entry entry = {.line = line, .listed = true, .size_bytes = -1};
    cJSON *object = bs_json_parse(text.data, text.size, &json_problem);
    const char *problem =
        object == NULL ? json_problem.reason : read_object(manifest, object, &entry);
    bool more = problem == NULL ? bs_manifest_emit(manifest, entry)
                                : bs_manifest_emit_problem(manifest, line, problem);
    cJSON_Delete(object);
    return more;
}

static bool release_held(struct bs_manifest *manifest)
{
    struct bs_manifest_listing *listing = &manifest->listing;
    bool more = true;
    for (size_t at = 0; more && at < listing->held_at.size; at += sizeof(struct held_object)) {
        struct held_object held;
        memcpy(&held, listing->held_at.data + at, sizeof held);
        struct bs_bytes text = {listing->held.data + held.at, held.size};
        more = take_object(manifest, text, held.line);
    }
    listing->held.size = 0;
    listing->held_at.size = 0;
    return more;
}

static bool end_object(struct bs_manifest *manifest)
{
    struct bs_manifest_listing *listing = &manifest->listing;
    struct bs_bytes text = {listing->object.data, listing->object.size};
    bool more = true;
    if (listing->object_too_long) {
        more = bs_manifest_emit_problem(manifest, listing->object_line,
                                        "larger than limits.job_bytes");
    } else if (listing->holds) {
        struct held_object held = {listing->held.size, text.size, listing->object_line};
        bs_buffer_append(&listing->held, text.data, text.size);
        bs_buffer_append(&listing->held_at, &held, sizeof held);
        if (listing->held.size > BS_MANIFEST_HELD_MAX) {
            listing->holds = false;
            more = release_held(manifest);
        }
    } else {
        more = take_object(manifest, text, listing->object_line);
    }
    listing->object.size = 0;
    listing->object_too_long = false;
    return more;
}

/* ---- the page around them --------------------------------------------------------------- */

/* A member of the page that is a string. */
static bool take_word(struct bs_manifest *manifest)
{
    struct bs_manifest_listing *listing = &manifest->listing;
    struct bs_json_problem problem;
    const char *name = member_name(listing);
    cJSON *word = bs_json_parse(listing->word.data, listing->word.size, &problem);
    const char *text = cJSON_GetStringValue(word);
    bool good = true;
    if (text != NULL && bs_name_is(name, "name")) {
        free(listing->bucket);
        listing->bucket = strdup(text);
        BS_ASSERT(listing->bucket != NULL);
        const char *given = manifest->options.bucket;
        good = (given == NULL || strcmp(given, text) == 0) ||
               broken(manifest, "the listing is of another bucket than --bucket says");
    } else if (text != NULL && bs_name_is(name, "encodingtype") && strcmp(text, "url") == 0) {
        listing->url_encoded = true;
        good = listing->holds ||
               broken(manifest, "EncodingType stands behind too many objects: list them in pages, "
                                "or without --encoding-type");
    }
    cJSON_Delete(word);
    return good;
}

static bool end_page(struct bs_manifest *manifest)
{
    struct bs_manifest_listing *listing = &manifest->listing;
    bool more = release_held(manifest);
    free(listing->bucket);
    listing->bucket = NULL;
    listing->url_encoded = false;
    listing->holds = true;
    listing->closed = true;
    return more;
}

static bool open_bracket(struct bs_manifest *manifest, uint8_t bracket)
{
    struct bs_manifest_listing *listing = &manifest->listing;
    if (listing->depth == BS_JSON_DEPTH_MAX) {
        return broken(manifest, "nested too deeply");
    }
    listing->open[++listing->depth] = (char)bracket;
    listing->closed = false;
    if (listing->list_depth > 0) {
        if (listing->depth == listing->list_depth + 1) {
            listing->object_line = manifest->line;
        }
    } else if (bracket == '[' &&
               (listing->depth == 1 || (listing->depth == 2 && listing->expects_value &&
                                        (bs_name_is(member_name(listing), "contents") ||
                                         bs_name_is(member_name(listing), "versions"))))) {
        listing->list_depth = listing->depth;
    }
    listing->expects_value = false;
    return true;
}

static bool close_bracket(struct bs_manifest *manifest, uint8_t bracket)
{
    struct bs_manifest_listing *listing = &manifest->listing;
    if (listing->depth == 0 || listing->open[listing->depth] != (bracket == '}' ? '{' : '[')) {
        return broken(manifest, "not JSON: a bracket that does not belong here");
    }
    listing->depth--;
    listing->expects_value = false;
    if (listing->depth < listing->list_depth) {
        listing->list_depth = 0;
    } else if (listing->list_depth > 0 && listing->depth == listing->list_depth) {
        return end_object(manifest);
    }
    return listing->depth > 0 || end_page(manifest);
}

/* A string has ended outside the list. */
static bool end_string(struct bs_manifest *manifest)
{
    struct bs_manifest_listing *listing = &manifest->listing;
    if (listing->depth != 1 || listing->open[1] != '{') {
        return true;
    }
    if (listing->expects_value) {
        listing->expects_value = false;
        return take_word(manifest);
    }
    listing->name.size = 0;
    if (listing->word.size >= 2) { /* without its quotes */
        bs_buffer_append(&listing->name, listing->word.data + 1, listing->word.size - 2);
    }
    bs_buffer_append(&listing->name, "", 1);
    return true;
}

/* ---- bytes ------------------------------------------------------------------------------ */

static void keep(struct bs_manifest *manifest, uint8_t byte)
{
    struct bs_manifest_listing *listing = &manifest->listing;
    if (listing->list_depth > 0 && listing->depth > listing->list_depth) {
        if (listing->object.size < manifest->options.entry_bytes) {
            bs_buffer_append(&listing->object, &byte, 1);
        } else {
            listing->object_too_long = true;
        }
    } else if (listing->in_string && listing->word.size < WORD_MAX) {
        bs_buffer_append(&listing->word, &byte, 1);
    }
}

static bool take_in_string(struct bs_manifest *manifest, uint8_t byte)
{
    struct bs_manifest_listing *listing = &manifest->listing;
    keep(manifest, byte);
    if (listing->escaped) {
        listing->escaped = false;
    } else if (byte == '\\') {
        listing->escaped = true;
    } else if (byte == '"') {
        listing->in_string = false;
        return listing->list_depth > 0 || end_string(manifest);
    }
    return true;
}

static bool take(struct bs_manifest *manifest, uint8_t byte)
{
    struct bs_manifest_listing *listing = &manifest->listing;
    if (listing->in_string) {
        return take_in_string(manifest, byte);
    }
    if (listing->list_depth > 0 && listing->depth == listing->list_depth &&
        strchr("{[]}, \t\r\n", byte) == NULL) {
        return broken(manifest, "expected objects with Key, Size and ETag");
    }
    switch (byte) {
    case '{':
    case '[':
        if (!open_bracket(manifest, byte)) {
            return false;
        }
        keep(manifest, byte);
        return true;
    case '}':
    case ']':
        keep(manifest, byte);
        return close_bracket(manifest, byte);
    case '"':
        listing->in_string = true;
        listing->word.size = 0;
        break;
    case ':':
        listing->expects_value = listing->depth == 1 || listing->expects_value;
        break;
    case ',':
        listing->expects_value = listing->depth > 1 && listing->expects_value;
        break;
    default:
        break;
    }
    bool blank = byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
    if (listing->depth == 0 && !blank) {
        return broken(manifest, "expected the JSON of a listing");
    }
    keep(manifest, byte);
    return true;
}

bool bs_manifest_feed_listing(struct bs_manifest *manifest, struct bs_bytes bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        if (!take(manifest, bytes.data[i])) {
            return false;
        }
        manifest->line += bytes.data[i] == '\n';
    }
    return true;
}

void bs_manifest_end_listing(struct bs_manifest *manifest)
{
    if (!manifest->listing.closed) {
        (void)broken(manifest, "the JSON of the listing ends too early");
    }
}

void bs_manifest_listing_free(struct bs_manifest_listing *listing)
{
    bs_buffer_free(&listing->word);
    bs_buffer_free(&listing->name);
    bs_buffer_free(&listing->object);
    bs_buffer_free(&listing->held);
    bs_buffer_free(&listing->held_at);
    free(listing->bucket);
}
