/* What the object store says in XML: errors, and pages of listings. libs3's own reader cuts keys of
 * 1,024 bytes, takes times for local ones and loses IsTruncated, so libxml2 is asked directly. */
#include <errno.h>
#include <libxml/xmlreader.h>
#include <stdlib.h>
#include <string.h>

#include "edges/objects_internal.h"

/* An element's place: its depth and the names on the way, as far as anything here asks. */
#define DEPTH 3

struct walk {
    xmlTextReader *reader;
    int depth; /* of the element that was read: the root has 0 */
    const char *name;
    const char *parent; /* at depth 2; "" elsewhere */
    const char *root;
    char names[DEPTH][32];
};

static bool walk_begin(struct walk *walk, struct bs_bytes body)
{
    memset(walk, 0, sizeof *walk);
    if (body.size == 0 || body.size > INT32_MAX) {
        return false;
    }
    walk->reader = xmlReaderForMemory((const char *)body.data, (int)body.size, NULL, NULL,
                                      XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
                                          XML_PARSE_NOCDATA);
    return walk->reader != NULL;
}

/* 1: an element with text or with elements begins; 0: the document's end; -1: it is broken. */
static int walk_next(struct walk *walk)
{
    int more;
    while ((more = xmlTextReaderRead(walk->reader)) == 1) {
        if (xmlTextReaderNodeType(walk->reader) != XML_READER_TYPE_ELEMENT) {
            continue;
        }
        walk->depth = xmlTextReaderDepth(walk->reader);
        if (walk->depth >= DEPTH) {
            continue;
        }
        (void)snprintf(walk->names[walk->depth], sizeof walk->names[0], "%s",
                       (const char *)xmlTextReaderConstLocalName(walk->reader));
        walk->name = walk->names[walk->depth];
        walk->root = walk->names[0];
        walk->parent = walk->depth == 2 ? walk->names[1] : "";
        return 1;
    }
    return more;
}

/* The element's text; the caller frees it by xmlFree. NULL: none. */
static char *walk_text(struct walk *walk)
{
    return (char *)xmlTextReaderReadString(walk->reader);
}

/* ---- errors ------------------------------------------------------------------------------- */

static void keep_printable(char *kept, size_t capacity, const char *text)
{
    size_t size = strlen(text);
    if (size > capacity - 1) {
        size = capacity - 1;
        while (size > 0 && ((unsigned char)text[size] & 0xC0) == 0x80) {
            size--; /* not within a character */
        }
    }
    for (size_t i = 0; i < size; i++) {
        kept[i] = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? ' ' : text[i];
    }
    kept[size] = '\0';
}

void bs_s3_refusal_read(struct bs_bytes body, struct bs_s3_refusal *refusal)
{
    struct walk walk;
    refusal->code[0] = refusal->message[0] = '\0';
    if (!walk_begin(&walk, body)) {
        return;
    }
    while (walk_next(&walk) == 1) {
        if (walk.depth != 1 || strcmp(walk.root, "Error") != 0) {
            continue;
        }
        bool is_code = strcmp(walk.name, "Code") == 0;
        if (!is_code && strcmp(walk.name, "Message") != 0) {
            continue;
        }
        char *text = walk_text(&walk);
        if (text != NULL && is_code) {
            keep_printable(refusal->code, sizeof refusal->code, text);
        } else if (text != NULL) {
            keep_printable(refusal->message, sizeof refusal->message, text);
        }
        xmlFree(text);
    }
    xmlFreeTextReader(walk.reader);
}

/* ---- listings ----------------------------------------------------------------------------- */

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    int letter = digit | 0x20;
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

/* In place; a plus is a space there. False: a percent sign without its two digits, or a NUL. */
static bool percent_decode(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (*from != '%') {
            *to++ = (char)(*from == '+' ? ' ' : *from);
            continue;
        }
        int high = hex_value(from[1]);
        int low = high < 0 ? -1 : hex_value(from[2]);
        if (low < 0 || (high == 0 && low == 0)) {
            return false;
        }
        *to++ = (char)(high * 16 + low);
        from += 2;
    }
    *to = '\0';
    return true;
}

static char *copy_text(const char *text)
{
    char *copy = strdup(text);
    BS_ASSERT(copy != NULL);
    return copy;
}

static struct bs_listed_object *add_object(struct bs_listing *listing)
{
    if (listing->count == listing->capacity) {
        listing->capacity = listing->capacity == 0 ? 1024 : listing->capacity * 2;
        listing->objects =
            realloc(listing->objects, listing->capacity * sizeof(struct bs_listed_object));
        BS_ASSERT(listing->objects != NULL);
    }
    struct bs_listed_object *object = &listing->objects[listing->count++];
    *object = (struct bs_listed_object){.size_bytes = -1};
    return object;
}

static bool read_size(const char *text, int64_t *size)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || value < 0) {
        return false;
    }
    *size = value;
    return true;
}

static void unquote(char *text)
{
    size_t length = strlen(text);
    if (length >= 2 && text[0] == '"' && text[length - 1] == '"') {
        memmove(text, text + 1, length - 2);
        text[length - 2] = '\0';
    }
}

/* One of an object's own elements. False: it cannot be. */
static bool read_object_element(struct bs_listed_object *object, const char *name, char *text)
{
    if (strcmp(name, "Key") == 0) {
        free((char *)object->key);
        object->key = copy_text(text);
    } else if (strcmp(name, "Size") == 0) {
        return read_size(text, &object->size_bytes);
    } else if (strcmp(name, "ETag") == 0) {
        unquote(text);
        free((char *)object->etag);
        object->etag = copy_text(strlen(text) < BS_ETAG_SIZE ? text : "");
    } else if (strcmp(name, "LastModified") == 0) {
        if (!bs_rfc3339_parse(text, strlen(text), &object->modified) || object->modified < 0) {
            object->modified = 0;
        }
    }
    return true;
}

static bool read_page_element(struct bs_listing *listing, const char *name, const char *text,
                              bool *encoded)
{
    if (strcmp(name, "IsTruncated") == 0) {
        listing->truncated = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    } else if (strcmp(name, "EncodingType") == 0) {
        *encoded = strcmp(text, "url") == 0;
    } else if (strcmp(name, "NextMarker") == 0) {
        free(listing->next_marker);
        listing->next_marker = copy_text(text);
    }
    return true;
}

static bool read_element(struct bs_listing *listing, struct walk *walk, bool *encoded)
{
    if (strcmp(walk->root, "ListBucketResult") != 0) {
        return false;
    }
    bool of_object = strcmp(walk->parent, "Contents") == 0;
    if (walk->depth == 1 && strcmp(walk->name, "Contents") == 0) {
        (void)add_object(listing);
        return true;
    }
    if (walk->depth == 0 || (walk->depth == 2 && !of_object)) {
        return true;
    }
    char *text = walk_text(walk);
    bool good = true;
    if (text != NULL) {
        good = of_object
                   ? read_object_element(&listing->objects[listing->count - 1], walk->name, text)
                   : read_page_element(listing, walk->name, text, encoded);
    }
    xmlFree(text);
    return good;
}

/* Every object has a key and a size; encoded names are decoded. */
static bool complete(struct bs_listing *listing, bool encoded)
{
    if (listing->next_marker == NULL) {
        listing->next_marker = copy_text("");
    }
    bool good = !encoded || percent_decode(listing->next_marker);
    for (size_t i = 0; i < listing->count; i++) {
        struct bs_listed_object *object = &listing->objects[i];
        if (object->etag == NULL) {
            object->etag = copy_text("");
        }
        good &= object->key != NULL && object->key[0] != '\0' && object->size_bytes >= 0 &&
                (!encoded || percent_decode((char *)object->key));
    }
    return good;
}

bool bs_listing_read(struct bs_bytes body, struct bs_listing *listing)
{
    struct walk walk;
    memset(listing, 0, sizeof *listing);
    if (!walk_begin(&walk, body)) {
        return false;
    }
    bool encoded = false;
    bool good = true;
    bool any = false;
    int more;
    while ((more = walk_next(&walk)) == 1 && good) {
        any = true;
        good = read_element(listing, &walk, &encoded);
    }
    xmlFreeTextReader(walk.reader);
    if (!good || more != 0 || !any || !complete(listing, encoded)) {
        bs_listing_free(listing);
        return false;
    }
    return true;
}

void bs_listing_free(struct bs_listing *listing)
{
    for (size_t i = 0; i < listing->count; i++) {
        free((char *)listing->objects[i].key);
        free((char *)listing->objects[i].etag);
    }
    free(listing->objects);
    free(listing->next_marker);
    memset(listing, 0, sizeof *listing);
}
