/* The whole of a result that was too large for its message, from the object store. */
#include "commands/results.h"

/* For one object, with what is tried again. */
#define FETCH_LIMIT_MS 120000

struct fetch {
    struct bs_buffer *stored;
    int64_t most;
};

static bool take_piece(void *context, const uint8_t *bytes, size_t size)
{
    struct fetch *fetch = context;
    bs_buffer_append(fetch->stored, bytes, size);
    return (int64_t)fetch->stored->size <= fetch->most;
}

static bool open_store(struct bs_results *results, struct bs_error *error)
{
    const struct bs_config *config = results->config;
    if (!bs_config_has_store(config)) {
        (void)bs_error_set(error, BS_ERROR_DENIED,
                           "the configuration names no credentials for the object store "
                           "(objects.auth)");
        return false;
    }
    if (results->store == NULL) {
        const struct bs_auth *own = &config->objects.auth;
        const struct bs_auth *auth = own->kind == BS_AUTH_ABSENT ? &config->speechkit.auth : own;
        results->tokens = bs_tokens_create(NULL, config, auth, NULL, NULL);
        results->store = bs_objects_create(config, results->tokens);
        bs_results_interrupt_store(results->store);
    }
    return true;
}

void bs_results_close_store(struct bs_results *results)
{
    if (results->store != NULL) {
        bs_results_interrupt_store(NULL);
    }
    bs_objects_destroy(results->store);
    if (results->tokens != NULL) {
        bs_tokens_destroy(results->tokens);
    }
}

struct bs_transcript *bs_results_fetch(struct bs_results *results,
                                       const struct bs_transcript_reference *reference,
                                       struct bs_buffer *stored, struct bs_error *error)
{
    static const struct bs_header gzipped = {.name = "content-encoding",
                                             .value = {.data = (const uint8_t *)"gzip", .size = 4}};
    struct bs_object_name name;
    struct fetch fetch = {.stored = stored, .most = reference->size_bytes};
    if (!open_store(results, error)) {
        return NULL;
    }
    if (!bs_object_name_of_uri(reference->uri, &name)) {
        (void)bs_error_set(error, BS_ERROR_INVALID, "transcript.uri names no object");
        return NULL;
    }
    bool good =
        bs_objects_get(results->store, &name, FETCH_LIMIT_MS, take_piece, &fetch, error) == BS_OK;
    bs_object_name_free(&name);
    struct bs_message whole = {.value = {.data = stored->data, .size = stored->size},
                               .headers = &gzipped,
                               .header_count = 1};
    if (!good || !bs_transcript_is_stored(reference, whole.value, error)) {
        return NULL;
    }
    return bs_transcript_read(&whole, error);
}
