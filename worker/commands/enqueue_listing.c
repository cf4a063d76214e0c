/* Recordings that an object store lists below a prefix, and the store itself. */
#include <string.h>

#include "commands/enqueue.h"

#define CREDENTIALS_LIMIT_MS 20000
#define PAGE_LIMIT_MS        60000

bool bs_enqueue_open_store(struct bs_enqueue *enqueue)
{
    const struct bs_config *config = enqueue->config;
    struct bs_error error = BS_NO_ERROR;
    const struct bs_auth *auth = config->objects.auth.kind == BS_AUTH_ABSENT
                                     ? &config->speechkit.auth
                                     : &config->objects.auth;
    enqueue->tokens = bs_tokens_create(NULL, config, auth, NULL, NULL);
    enqueue->objects = bs_objects_create(config, enqueue->tokens);
    if (bs_tokens_wait(enqueue->tokens, CREDENTIALS_LIMIT_MS, &error) != BS_OK) {
        bs_enqueue_say("the object store's credentials: %s", error.message);
        return false;
    }
    return true;
}

void bs_enqueue_close_store(struct bs_enqueue *enqueue)
{
    if (enqueue->objects != NULL) {
        bs_objects_destroy(enqueue->objects);
        bs_tokens_destroy(enqueue->tokens);
        enqueue->objects = NULL;
    }
}

/* ---- a listing -------------------------------------------------------------------------- */

struct listing {
    struct bs_enqueue *enqueue;
    const struct bs_object_name *below;
    struct bs_buffer uri;
    int64_t number;
};

static bool take(void *context, const struct bs_listed_object *object)
{
    struct listing *listing = context;
    const struct bs_object_name name = {.bucket = listing->below->bucket,
                                        .key = (char *)(uintptr_t)object->key};
    listing->uri.size = 0;
    bs_object_name_uri(&name, &listing->uri);
    const struct bs_manifest_entry entry = {
        .number = ++listing->number,
        .text = {.data = listing->uri.data, .size = listing->uri.size - 1},
        .listed = true,
        .version = object->etag,
        .size_bytes = object->size_bytes,
        .modified = object->modified};
    return bs_enqueue_take(listing->enqueue, &entry);
}

void bs_enqueue_from_listing(struct bs_enqueue *enqueue)
{
    struct bs_error error = BS_NO_ERROR;
    struct listing listing = {.enqueue = enqueue, .below = &enqueue->place};
    enum bs_error_code code =
        bs_objects_list(enqueue->objects, enqueue->place.bucket, enqueue->place.key, NULL, 0,
                        PAGE_LIMIT_MS, take, &listing, &error);
    bs_buffer_free(&listing.uri);
    if (code != BS_OK && !bs_enqueue_interrupted()) {
        bs_enqueue_say("%s", error.message);
        enqueue->broken = true;
    }
}
