/* What the object store says in XML: a page of a listing, or an error. */
#include <string.h>

#include "edges/objects_internal.h"
#include "fuzz.h"

static void check_listing(struct bs_bytes body)
{
    struct bs_listing listing;
    if (!bs_listing_read(body, &listing)) {
        return;
    }
    for (size_t i = 0; i < listing.count; i++) {
        const struct bs_listed_object *object = &listing.objects[i];
        BS_ASSERT(object->key != NULL && object->key[0] != '\0');
        BS_ASSERT(object->size_bytes >= 0 && object->modified >= 0);
        BS_ASSERT(object->etag != NULL && strlen(object->etag) < BS_ETAG_SIZE);
    }
    BS_ASSERT(listing.next_marker != NULL);
    bs_listing_free(&listing);
}

static void check_words(const char *text, size_t room)
{
    BS_ASSERT(strnlen(text, room) < room);
    BS_ASSERT(fuzz_is_utf8(text, strlen(text)));
    for (; *text != '\0'; text++) {
        BS_ASSERT((unsigned char)*text >= ' ' && *text != 0x7f);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bs_s3_refusal refusal;
    struct bs_bytes body = fuzz_copy(data, size);
    check_listing(body);
    bs_s3_refusal_read(body, &refusal);
    check_words(refusal.code, sizeof refusal.code);
    check_words(refusal.message, sizeof refusal.message);
    fuzz_free(body);
    return 0;
}
