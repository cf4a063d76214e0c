/* The object store: blocking calls on libs3, and the few threads that make them.
 *
 * Each call makes one or several requests, repeats what can pass (with backoff, within
 * `limit_ms`), and says in its error's message what the server itself said (its code and text).
 * Every request checks certificates, is signed with Signature V4 or carries the bearer token,
 * follows no redirect and takes no proxy from the environment. A body that was cut is an error.
 *
 * Errors: NOT_FOUND (no such object or bucket), DENIED (an operator must act: credentials, none at
 * all, rights, a certificate that nobody vouches for, a region or endpoint that is another's),
 * INVALID (the request or an answer is wrong: another try gives the same), TEMPORARY (tried until
 * the limit), LIMIT (the sink wants no more), FATAL (cancelled). */
#ifndef BS_EDGES_OBJECTS_H
#define BS_EDGES_OBJECTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/error.h"
#include "base/time.h"
#include "edges/loop.h"
#include "edges/tokens.h"
#include "formats/config.h"
#include "formats/message.h"
#include "formats/object_name.h"

struct bs_objects;

#define BS_ETAG_SIZE 96

struct bs_object_facts {
    int64_t size_bytes;
    char etag[BS_ETAG_SIZE]; /* without its quotes; "" = not told */
    bs_wall_ms modified;     /* 0 = not told */
    char sha256[65];         /* hex: what bs_objects_put noted in the object's metadata; "" = not */
};

/* `config` and `tokens` outlive it. `tokens` are those of objects.auth, or of speechkit.auth where
 * there is no other. Never NULL. Once a process, on the main thread, before any other call. */
struct bs_objects *bs_objects_create(const struct bs_config *config, struct bs_tokens *tokens);
void bs_objects_destroy(struct bs_objects *objects);
/* From now on every call, also one that is under way, ends soon with FATAL. Any thread. */
void bs_objects_cancel(struct bs_objects *objects);

/* ---- calls: any thread but the loop's; thread-safe ---- */

/* Takes a piece of a body; false ends the call with LIMIT. */
typedef bool bs_objects_sink(void *context, const uint8_t *bytes, size_t size);
/* Fills `room` bytes at most; the number written, or -1: the source cannot go on, which ends the
 * call with INVALID. Every repetition of the request begins with `offset` 0 again. */
typedef int64_t bs_objects_source(void *context, int64_t offset, uint8_t *bytes, size_t room);

BS_MUST_CHECK enum bs_error_code bs_objects_head(struct bs_objects *objects,
                                                 const struct bs_object_name *name,
                                                 int64_t limit_ms, struct bs_object_facts *facts,
                                                 struct bs_error *error);
/* `length` bytes from `offset` on, appended to `out`: exactly as many, unless the object ends
 * before. `etag` other than NULL: INVALID when the object is another one by now. */
BS_MUST_CHECK enum bs_error_code
bs_objects_get_range(struct bs_objects *objects, const struct bs_object_name *name, int64_t offset,
                     size_t length, const char *etag, int64_t limit_ms, struct bs_buffer *out,
                     struct bs_error *error);
/* The whole object, piece by piece, never repeated once a piece was handed over (TEMPORARY then).
 * What arrived is compared with Content-Length. */
BS_MUST_CHECK enum bs_error_code bs_objects_get(struct bs_objects *objects,
                                                const struct bs_object_name *name, int64_t limit_ms,
                                                bs_objects_sink *sink, void *context,
                                                struct bs_error *error);
/* Puts exactly `size_bytes` from `source`. `sha256` (hex, of these very bytes) is noted in the
 * object's metadata, and the server checks what arrived against it where the request is signed;
 * NULL: neither. Bytes that differ, and a source that cannot go on, are INVALID. An object that is
 * there already is replaced at once, or not at all. */
BS_MUST_CHECK enum bs_error_code
bs_objects_put(struct bs_objects *objects, const struct bs_object_name *name,
               const char *content_type, int64_t size_bytes, const char *sha256, int64_t limit_ms,
               bs_objects_source *source, void *context, struct bs_error *error);
/* One that is not there is no error. */
BS_MUST_CHECK enum bs_error_code bs_objects_delete(struct bs_objects *objects,
                                                   const struct bs_object_name *name,
                                                   int64_t limit_ms, struct bs_error *error);

struct bs_listed_object {
    const char *key; /* as it is, not encoded */
    int64_t size_bytes;
    const char *etag;    /* without its quotes; "" = not told */
    bs_wall_ms modified; /* 0 = not told */
};

/* False ends the listing, which then is BS_OK. */
typedef bool bs_objects_each(void *context, const struct bs_listed_object *object);

/* Every object whose key begins with `prefix` ("" = all) and comes after `after` (NULL = from the
 * first), in the order of keys, over as many pages as there are; each page within `page_limit_ms`.
 * `page_size` 0 = the server's own. */
BS_MUST_CHECK enum bs_error_code bs_objects_list(struct bs_objects *objects, const char *bucket,
                                                 const char *prefix, const char *after,
                                                 int page_size, int64_t page_limit_ms,
                                                 bs_objects_each *each, void *context,
                                                 struct bs_error *error);

const char *bs_libs3_version(void);

/* ---- threads that make the calls for the loop ---- */

struct bs_pool;

/* `run` is called on one of the pool's threads, then `done` on the loop's. */
struct bs_task {
    void (*run)(void *context);
    void (*done)(void *context);
    void *context;
};

struct bs_pool *bs_pool_create(struct bs_loop *loop, int threads, int queue_limit);
/* False when the queue is full: nothing of it is done. Loop's thread. */
BS_MUST_CHECK bool bs_pool_run(struct bs_pool *pool, const struct bs_task *task);
/* Tasks that were not begun are not begun any more; waits for those that are (cancel the store
 * first). `done` is called for every task that was given, before it returns. Loop's thread. */
void bs_pool_destroy(struct bs_pool *pool);

#endif
