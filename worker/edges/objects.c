/* The store's calls. What they ask for stands here, how it is asked in objects_tries.c. */
#include "edges/objects.h"

#include <libxml/parser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "edges/objects_internal.h"
#include "formats/url.h"

/* Encoded names take three bytes for one. */
#define QUERY_NUMBER_SIZE 16

/* ---- the store ---------------------------------------------------------------------------- */

/* The endpoint's host as curl and the signature name it: without the scheme's own port. */
static void set_endpoint(struct bs_objects *objects)
{
    struct bs_url url;
    BS_ASSERT(bs_url_parse(objects->config->objects.endpoint, &url));
    objects->https = url.https;
    int length = (int)url.host_length;
    int written = url.port == (url.https ? 443 : 80)
                      ? asprintf(&objects->authority, "%.*s", length, url.host)
                      : asprintf(&objects->authority, "%.*s:%u", length, url.host, url.port);
    BS_ASSERT(written > 0);
    BS_ASSERT(asprintf(&objects->signing, "aws:amz:%s:s3", objects->config->objects.region) > 0);
}

struct bs_objects *bs_objects_create(const struct bs_config *config, struct bs_tokens *tokens)
{
    struct bs_objects *objects = calloc(1, sizeof *objects);
    BS_ASSERT(objects != NULL);
    objects->config = config;
    objects->tokens = tokens;
    atomic_init(&objects->cancelled, false);
    set_endpoint(objects);
    BS_ASSERT(pthread_mutex_init(&objects->mutex, NULL) == 0);
    pthread_condattr_t attributes;
    BS_ASSERT(pthread_condattr_init(&attributes) == 0);
    BS_ASSERT(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    BS_ASSERT(pthread_cond_init(&objects->rung, &attributes) == 0);
    (void)pthread_condattr_destroy(&attributes);
    xmlInitParser();
    BS_ASSERT(S3_initialize("backscribe", S3_INIT_ALL, NULL) == S3StatusOK);
    return objects;
}

void bs_objects_destroy(struct bs_objects *objects)
{
    if (objects == NULL) {
        return;
    }
    S3_deinitialize();
    (void)pthread_cond_destroy(&objects->rung);
    (void)pthread_mutex_destroy(&objects->mutex);
    free(objects->authority);
    free(objects->signing);
    free(objects);
}

void bs_objects_cancel(struct bs_objects *objects)
{
    BS_ASSERT(pthread_mutex_lock(&objects->mutex) == 0);
    atomic_store(&objects->cancelled, true);
    BS_ASSERT(pthread_cond_broadcast(&objects->rung) == 0);
    BS_ASSERT(pthread_mutex_unlock(&objects->mutex) == 0);
}

/* The header tells no version; the build looked that it is this one. */
const char *bs_libs3_version(void)
{
    return "2.0";
}

/* ---- calls -------------------------------------------------------------------------------- */

static struct bs_exchange about(struct bs_objects *objects, enum bs_exchange_verb verb,
                                const struct bs_object_name *name)
{
    return (struct bs_exchange){
        .objects = objects,
        .verb = verb,
        .bucket = name->bucket,
        .key = name->key,
        .query = "",
    };
}

enum bs_error_code bs_objects_head(struct bs_objects *objects, const struct bs_object_name *name,
                                   int64_t limit_ms, struct bs_object_facts *facts,
                                   struct bs_error *error)
{
    struct bs_exchange exchange = about(objects, BS_EXCHANGE_HEAD, name);
    enum bs_error_code code = bs_exchange_carry_out(&exchange, limit_ms, error);
    *facts = exchange.facts;
    if (code == BS_OK && facts->size_bytes < 0) {
        return bs_error_set(error, BS_ERROR_INVALID,
                            "head s3://%.100s/%.200s: the server does not say how long the object "
                            "is (no Content-Length)",
                            name->bucket, name->key);
    }
    return code;
}

enum bs_error_code bs_objects_get_range(struct bs_objects *objects,
                                        const struct bs_object_name *name, int64_t offset,
                                        size_t length, const char *etag, int64_t limit_ms,
                                        struct bs_buffer *out, struct bs_error *error)
{
    BS_ASSERT(offset >= 0 && length <= INT64_MAX / 2);
    if (length == 0) {
        return BS_OK;
    }
    struct bs_exchange exchange = about(objects, BS_EXCHANGE_GET, name);
    exchange.ranged = true;
    exchange.range_begin = offset;
    exchange.range_size = (int64_t)length;
    exchange.etag = etag;
    exchange.into = out;
    exchange.into_begin = out->size;
    enum bs_error_code code = bs_exchange_carry_out(&exchange, limit_ms, error);
    if (code != BS_OK) {
        out->size = exchange.into_begin;
    }
    return code;
}

enum bs_error_code bs_objects_get(struct bs_objects *objects, const struct bs_object_name *name,
                                  int64_t limit_ms, bs_objects_sink *sink, void *context,
                                  struct bs_error *error)
{
    struct bs_exchange exchange = about(objects, BS_EXCHANGE_GET, name);
    exchange.sink = sink;
    exchange.sink_context = context;
    return bs_exchange_carry_out(&exchange, limit_ms, error);
}

enum bs_error_code bs_objects_put(struct bs_objects *objects, const struct bs_object_name *name,
                                  const char *content_type, int64_t size_bytes, const char *sha256,
                                  int64_t limit_ms, bs_objects_source *source, void *context,
                                  struct bs_error *error)
{
    BS_ASSERT(size_bytes >= 0 && (sha256 == NULL || strlen(sha256) == 64));
    struct bs_exchange exchange = about(objects, BS_EXCHANGE_PUT, name);
    exchange.content_type = content_type;
    exchange.size_bytes = size_bytes;
    exchange.sha256 = sha256;
    exchange.source = source;
    exchange.source_context = context;
    return bs_exchange_carry_out(&exchange, limit_ms, error);
}

enum bs_error_code bs_objects_delete(struct bs_objects *objects, const struct bs_object_name *name,
                                     int64_t limit_ms, struct bs_error *error)
{
    struct bs_exchange exchange = about(objects, BS_EXCHANGE_DELETE, name);
    enum bs_error_code code = bs_exchange_carry_out(&exchange, limit_ms, error);
    return code == BS_ERROR_NOT_FOUND ? BS_OK : code;
}

/* ---- listings ----------------------------------------------------------------------------- */

static void add_parameter(struct bs_buffer *query, const char *name, const char *value)
{
    if (query->size > 0) {
        bs_buffer_append(query, "&", 1);
    }
    bs_buffer_append(query, name, strlen(name));
    bs_buffer_append(query, "=", 1);
    bs_percent_encode(query, value, false);
}

/* In the order of names, as the signature wants them. Keys come percent-encoded, where the server
 * can do that: XML has no way to write some that S3 allows. */
static void make_query(struct bs_buffer *query, const char *prefix, const char *after,
                       int page_size)
{
    char number[QUERY_NUMBER_SIZE];
    query->size = 0;
    add_parameter(query, "encoding-type", "url");
    if (after != NULL) {
        add_parameter(query, "marker", after);
    }
    if (page_size > 0) {
        (void)snprintf(number, sizeof number, "%d", page_size);
        add_parameter(query, "max-keys", number);
    }
    if (prefix[0] != '\0') {
        add_parameter(query, "prefix", prefix);
    }
    bs_buffer_append(query, "", 1);
}

static enum bs_error_code get_page(struct bs_objects *objects, const char *bucket,
                                   const char *query, int64_t limit_ms, struct bs_listing *page,
                                   struct bs_error *error)
{
    struct bs_buffer body = {0};
    struct bs_exchange exchange = {
        .objects = objects,
        .verb = BS_EXCHANGE_LIST,
        .bucket = bucket,
        .key = "",
        .query = query,
        .into = &body,
    };
    enum bs_error_code code = bs_exchange_carry_out(&exchange, limit_ms, error);
    if (code == BS_OK && !bs_listing_read((struct bs_bytes){body.data, body.size}, page)) {
        code = bs_error_set(error, BS_ERROR_INVALID,
                            "list s3://%.100s: the answer is no whole listing", bucket);
    }
    bs_buffer_free(&body);
    return code;
}

/* Where the next page begins: moves on, or the listing would never end. */
static enum bs_error_code move_on(const struct bs_listing *page, const char *bucket, char **marker,
                                  struct bs_error *error)
{
    const char *next = page->count > 0 ? page->objects[page->count - 1].key : page->next_marker;
    if (next[0] == '\0' || (*marker != NULL && strcmp(next, *marker) == 0)) {
        return bs_error_set(error, BS_ERROR_INVALID,
                            "list s3://%.100s: the server repeats a page of the listing", bucket);
    }
    free(*marker);
    *marker = strdup(next);
    BS_ASSERT(*marker != NULL);
    return BS_OK;
}

enum bs_error_code bs_objects_list(struct bs_objects *objects, const char *bucket,
                                   const char *prefix, const char *after, int page_size,
                                   int64_t page_limit_ms, bs_objects_each *each, void *context,
                                   struct bs_error *error)
{
    struct bs_buffer query = {0};
    char *marker = after == NULL ? NULL : strdup(after);
    enum bs_error_code code = BS_OK;
    bool more = true;
    while (code == BS_OK && more) {
        struct bs_listing page;
        make_query(&query, prefix, marker, page_size);
        code = get_page(objects, bucket, (const char *)query.data, page_limit_ms, &page, error);
        if (code != BS_OK) {
            break;
        }
        more = page.truncated;
        if (more) {
            code = move_on(&page, bucket, &marker, error);
        }
        for (size_t i = 0; code == BS_OK && i < page.count; i++) {
            if (!each(context, &page.objects[i])) {
                more = false;
                break;
            }
        }
        bs_listing_free(&page);
    }
    bs_buffer_free(&query);
    free(marker);
    return code;
}
