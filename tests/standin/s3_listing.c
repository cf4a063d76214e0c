#include "s3_listing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "s3_encoding.h"

#define PAGE_MAX 1000

void s3_xml_text(const char *text, struct buffer *out)
{
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte < ' ' || strchr("<>&\"'", *text) != NULL) {
            buffer_format(out, "&#%u;", byte);
        } else {
            buffer_add(out, text, 1);
        }
    }
}

/* What is asked for; texts are owned. */
struct listing {
    bool second; /* version 2 */
    bool encoded;
    long page;
    char *prefix;
    char *after; /* marker, start-after or continuation-token */
    char *delimiter;
    const char *bucket;
};

static void set(char **text, char *value)
{
    free(*text);
    *text = value;
}

static bool take_parameter(struct listing *listing, const char *name, char *value)
{
    char *end;
    if (strcmp(name, "prefix") == 0) {
        set(&listing->prefix, value);
        return true;
    }
    if (strcmp(name, "delimiter") == 0) {
        set(&listing->delimiter, value);
        return true;
    }
    if (strcmp(name, listing->second ? "start-after" : "marker") == 0 &&
        listing->after[0] == '\0') {
        set(&listing->after, value);
        return true;
    }
    bool well = false;
    if (strcmp(name, "continuation-token") == 0) {
        char *after = s3_decode(value, strlen(value), false);
        free(value);
        if (after != NULL) {
            set(&listing->after, after);
        }
        return after != NULL;
    }
    if (strcmp(name, "max-keys") == 0) {
        listing->page = strtol(value, &end, 10);
        well = *value != '\0' && *end == '\0' && listing->page >= 0;
    } else if (strcmp(name, "encoding-type") == 0) {
        listing->encoded = strcmp(value, "url") == 0;
        well = listing->encoded;
    } else {
        well = strcmp(name, "list-type") == 0 || strcmp(name, "fetch-owner") == 0 ||
               strcmp(name, "start-after") == 0;
    }
    free(value);
    return well;
}

/* The sorted query has continuation-token before start-after, which it outdoes. */
static bool read_query(const char *query, struct listing *listing)
{
    bool well = true;
    listing->second = strstr(query, "list-type=2") != NULL;
    listing->page = PAGE_MAX;
    set(&listing->prefix, strdup(""));
    set(&listing->after, strdup(""));
    set(&listing->delimiter, strdup(""));
    for (const char *at = query; *at != '\0' && well;) {
        size_t length = strcspn(at, "&");
        size_t name_length = strcspn(at, "=");
        char *name = strndup(at, name_length);
        char *value = s3_decode(at + name_length + 1, length - name_length - 1, false);
        BS_ASSERT(name != NULL && value != NULL);
        well = take_parameter(listing, name, value);
        free(name);
        at += length + (at[length] == '&' ? 1 : 0);
    }
    if (listing->page > PAGE_MAX) {
        listing->page = PAGE_MAX;
    }
    return well;
}

static void add_element(const struct listing *listing, const char *name, const char *text,
                        struct buffer *out)
{
    buffer_format(out, "<%s>", name);
    if (listing->encoded) {
        s3_encode(text, "/", out);
    } else {
        s3_xml_text(text, out);
    }
    buffer_format(out, "</%s>", name);
}

static void add_object(struct s3_files *files, const struct listing *listing, const char *key,
                       struct buffer *out)
{
    struct s3_object object;
    char modified[40];
    struct tm parts;
    if (s3_object_find(files, listing->bucket, key, false, &object) != S3_OK) {
        return; /* deleted since */
    }
    gmtime_r(&object.modified, &parts);
    strftime(modified, sizeof modified, "%Y-%m-%dT%H:%M:%S.000Z", &parts);
    buffer_text(out, "<Contents>");
    add_element(listing, "Key", key, out);
    buffer_format(out,
                  "<LastModified>%s</LastModified><ETag>&quot;%s&quot;</ETag>"
                  "<Size>%lld</Size><StorageClass>STANDARD</StorageClass>",
                  modified, object.etag, (long long)object.size);
    buffer_text(out,
                "<Owner><ID>standin</ID><DisplayName>standin</DisplayName></Owner></Contents>");
    s3_object_free(&object);
}

/* What one page has. */
struct page {
    struct buffer contents;
    struct buffer prefixes;
    char *last; /* the last key or common prefix, owned; NULL = none */
    long count;
    bool truncated;
};

/* The common prefix that hides a key, owned by the caller; NULL: it stands for itself. */
static char *common_prefix(const struct listing *listing, const char *key)
{
    const char *rest = key + strlen(listing->prefix);
    const char *found = listing->delimiter[0] == '\0' ? NULL : strstr(rest, listing->delimiter);
    return found == NULL ? NULL : strndup(key, (size_t)(found - key) + strlen(listing->delimiter));
}

static void fill(struct s3_files *files, const struct listing *listing, const struct s3_keys *keys,
                 struct page *page)
{
    size_t prefix_length = strlen(listing->prefix);
    for (size_t i = 0; i < keys->count && !page->truncated; i++) {
        const char *key = keys->list[i];
        if (strncmp(key, listing->prefix, prefix_length) != 0) {
            continue;
        }
        char *common = common_prefix(listing, key);
        const char *name = common == NULL ? key : common;
        bool seen = page->last != NULL && strcmp(page->last, name) == 0;
        if (strcmp(name, listing->after) <= 0 || seen) {
            free(common);
            continue;
        }
        page->truncated = page->count == listing->page;
        if (!page->truncated) {
            page->count++;
            set(&page->last, strdup(name));
            if (common == NULL) {
                add_object(files, listing, key, &page->contents);
            } else {
                buffer_text(&page->prefixes, "<CommonPrefixes>");
                add_element(listing, "Prefix", common, &page->prefixes);
                buffer_text(&page->prefixes, "</CommonPrefixes>");
            }
        }
        free(common);
    }
}

static void write_document(const struct listing *listing, const struct page *page,
                           struct buffer *out)
{
    buffer_text(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult "
                     "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>");
    buffer_format(out, "%s</Name>", listing->bucket);
    add_element(listing, "Prefix", listing->prefix, out);
    if (listing->delimiter[0] != '\0') {
        add_element(listing, "Delimiter", listing->delimiter, out);
    }
    if (!listing->second) {
        add_element(listing, "Marker", listing->after, out);
    }
    buffer_format(out, "<MaxKeys>%ld</MaxKeys>", listing->page);
    if (listing->encoded) {
        buffer_text(out, "<EncodingType>url</EncodingType>");
    }
    buffer_format(out, "<IsTruncated>%s</IsTruncated>", page->truncated ? "true" : "false");
    if (listing->second) {
        buffer_format(out, "<KeyCount>%ld</KeyCount>", page->count);
    }
    if (page->truncated && page->last != NULL && listing->second) {
        buffer_text(out, "<NextContinuationToken>");
        s3_encode(page->last, "", out); /* a token is opaque: any bytes come through so */
        buffer_text(out, "</NextContinuationToken>");
    } else if (page->truncated && page->last != NULL && listing->delimiter[0] != '\0') {
        add_element(listing, "NextMarker", page->last, out);
    }
    buffer_add(out, page->contents.bytes, page->contents.size);
    buffer_add(out, page->prefixes.bytes, page->prefixes.size);
    buffer_text(out, "</ListBucketResult>");
}

enum s3_error s3_list(struct s3_files *files, const char *bucket, const char *query,
                      struct buffer *out)
{
    struct listing listing = {.bucket = bucket};
    struct s3_keys keys = {0};
    enum s3_error error = s3_keys_read(files, bucket, &keys);
    if (error == S3_OK && !read_query(query, &listing)) {
        error = S3_NOT_IMPLEMENTED;
    }
    if (error == S3_OK) {
        struct page page = {0};
        fill(files, &listing, &keys, &page);
        write_document(&listing, &page, out);
        buffer_free(&page.contents);
        buffer_free(&page.prefixes);
        free(page.last);
    }
    s3_keys_free(&keys);
    free(listing.prefix);
    free(listing.after);
    free(listing.delimiter);
    return error;
}
