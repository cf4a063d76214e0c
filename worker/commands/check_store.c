/* Credentials, and what they may do at the object store. */
#include <stdlib.h>
#include <string.h>

#include "commands/check.h"
#include "edges/objects.h"

#define CREDENTIALS_LIMIT_MS 20000
#define CALL_LIMIT_MS        15000
#define OBJECTS_LOOKED_AT    10
/* Always the same one: where it may not be deleted, it stays alone. */
#define PROBE_NAME "backscribe-check"
#define PROBE_TEXT "backscribe check was here\n"

struct bs_tokens *bs_check_credentials(struct bs_check_report *report,
                                       const struct bs_config *config, const struct bs_auth *auth)
{
    static const char *const got[] = {
        [BS_AUTH_ABSENT] = "", /* not called for it */
        [BS_AUTH_NONE] = "none is needed",
        [BS_AUTH_API_KEY_FILE] = "the credential can be read",
        [BS_AUTH_IAM_TOKEN_FILE] = "the credential can be read",
        [BS_AUTH_STATIC_KEY_FILE] = "the credential can be read",
        [BS_AUTH_AUTHORIZED_KEY_FILE] = "IAM gave a token for the authorized key",
        [BS_AUTH_METADATA_SERVICE] = "the metadata service gave an IAM token",
    };
    struct bs_error error = BS_NO_ERROR;
    struct bs_tokens *tokens = bs_tokens_create(NULL, config, auth, NULL, NULL);
    if (bs_tokens_wait(tokens, CREDENTIALS_LIMIT_MS, &error) != BS_OK) {
        bs_check_say(report, BS_CHECK_LINE_FAIL, "%s", error.message);
        return tokens;
    }
    char until[BS_RFC3339_SIZE] = "";
    bs_wall_ms expires = bs_tokens_expiry(tokens);
    if (expires != 0) {
        bs_rfc3339_format(expires, until);
    }
    bs_check_say(report, BS_CHECK_LINE_OK, "%s: %s%s%s",
                 auth == &config->objects.auth ? "objects.auth" : "speechkit.auth", got[auth->kind],
                 expires != 0 ? ", good until " : "", until);
    return tokens;
}

/* ---- buckets that recordings stand in ---- */

/* A first object to read from. */
struct first {
    struct bs_object_name name; /* key NULL: none with a byte came */
    int looked_at;
};

static bool take_first(void *context, const struct bs_listed_object *object)
{
    struct first *first = context;
    if (object->size_bytes > 0) {
        first->name.key = strdup(object->key);
        BS_ASSERT(first->name.key != NULL);
        return false;
    }
    return ++first->looked_at < OBJECTS_LOOKED_AT;
}

static void read_one(struct bs_check_report *report, struct bs_objects *objects,
                     const struct bs_object_name *name)
{
    struct bs_error error = BS_NO_ERROR;
    struct bs_buffer byte = {0};
    enum bs_error_code code =
        bs_objects_get_range(objects, name, 0, 1, NULL, CALL_LIMIT_MS, &byte, &error);
    if (code == BS_OK) {
        bs_check_say(report, BS_CHECK_LINE_OK, "bucket %s: may be listed and read", name->bucket);
    } else {
        bs_check_say(report, BS_CHECK_LINE_FAIL, "bucket %s: may be listed, but not read%s (%s)",
                     name->bucket,
                     code == BS_ERROR_DENIED ? ": give the service account the role "
                                               "storage.uploader, and kms.keys.decrypter where "
                                               "the bucket is encrypted"
                                             : "",
                     error.message);
    }
    bs_buffer_free(&byte);
}

static void check_bucket(struct bs_check_report *report, struct bs_objects *objects,
                         const char *bucket)
{
    struct bs_error error = BS_NO_ERROR;
    char name[64];
    (void)strncpy(name, bucket, sizeof name - 1);
    name[sizeof name - 1] = '\0';
    struct first first = {.name.bucket = name};
    switch (bs_objects_list(objects, bucket, "", NULL, OBJECTS_LOOKED_AT, CALL_LIMIT_MS, take_first,
                            &first, &error)) {
    case BS_OK:
        if (first.name.key == NULL) {
            bs_check_say(report, BS_CHECK_LINE_OK,
                         "bucket %s: may be listed; nothing to read was found in it", bucket);
        } else {
            read_one(report, objects, &first.name);
        }
        break;
    case BS_ERROR_NOT_FOUND:
        bs_check_say(report, BS_CHECK_LINE_FAIL,
                     "bucket %s: there is none at objects.endpoint: mend objects.buckets (%s)",
                     bucket, error.message);
        break;
    case BS_ERROR_DENIED:
        bs_check_say(report, BS_CHECK_LINE_FAIL,
                     "bucket %s: may not be listed: is objects.auth right, and has the service "
                     "account the role storage.uploader? (%s)",
                     bucket, error.message);
        break;
    default:
        bs_check_say(report, BS_CHECK_LINE_FAIL, "bucket %s: %s", bucket, error.message);
    }
    free(first.name.key);
}

/* ---- places of our own ---- */

static int64_t give_text(void *context, int64_t offset, uint8_t *bytes, size_t room)
{
    (void)context;
    size_t left = strlen(PROBE_TEXT) - (size_t)offset;
    size_t part = left < room ? left : room;
    memcpy(bytes, PROBE_TEXT + offset, part);
    return (int64_t)part;
}

static bool put_and_read(struct bs_check_report *report, struct bs_objects *objects,
                         const char *setting, const struct bs_object_name *name)
{
    struct bs_error error = BS_NO_ERROR;
    size_t size = strlen(PROBE_TEXT);
    enum bs_error_code code = bs_objects_put(objects, name, "text/plain", (int64_t)size, NULL,
                                             CALL_LIMIT_MS, give_text, NULL, &error);
    if (code != BS_OK) {
        bs_check_say(report, BS_CHECK_LINE_FAIL, "%s: nothing can be put there%s (%s)", setting,
                     code == BS_ERROR_DENIED
                         ? ": give the service account the role storage.uploader (and "
                           "storage.configurer and kms.keys.encrypter where the bucket is "
                           "encrypted)"
                     : code == BS_ERROR_NOT_FOUND ? ": there is no such bucket"
                                                  : "",
                     error.message);
        return false;
    }
    struct bs_buffer back = {0};
    code = bs_objects_get_range(objects, name, 0, size, NULL, CALL_LIMIT_MS, &back, &error);
    bool same = code == BS_OK && back.size == size && memcmp(back.data, PROBE_TEXT, size) == 0;
    bs_buffer_free(&back);
    if (!same) {
        bs_check_say(report, BS_CHECK_LINE_FAIL, "%s: what was put there cannot be read%s (%s)",
                     setting,
                     code == BS_ERROR_DENIED
                         ? ": the service account lacks kms.keys.decrypter where the bucket is "
                           "encrypted"
                         : "",
                     code == BS_OK ? "it has changed" : error.message);
    }
    return same;
}

static void check_place(struct bs_check_report *report, struct bs_objects *objects,
                        const char *setting, const char *place, bool deletes)
{
    if (place[0] == '\0') {
        return;
    }
    struct bs_error error = BS_NO_ERROR;
    struct bs_object_name name;
    bs_object_name_below(place, PROBE_NAME, &name);
    if (put_and_read(report, objects, setting, &name)) {
        enum bs_error_code code = bs_objects_delete(objects, &name, CALL_LIMIT_MS, &error);
        if (code == BS_OK) {
            bs_check_say(report, BS_CHECK_LINE_OK, "%s: %s: put, read and deleted", setting, place);
        } else if (code == BS_ERROR_DENIED && deletes) {
            bs_check_say(report, BS_CHECK_LINE_WARN,
                         "%s: %s: copies may be put there but not deleted: give the service "
                         "account the role storage.editor, or the bucket a lifecycle rule for "
                         "that prefix (%s)",
                         setting, place, error.message);
        } else if (code == BS_ERROR_DENIED) {
            bs_check_say(report, BS_CHECK_LINE_OK,
                         "%s: %s: put and read (" PROBE_NAME
                         " stays there: it may not be deleted, and transcripts never are)",
                         setting, place);
        } else {
            bs_check_say(report, BS_CHECK_LINE_FAIL, "%s: %s: %s", setting, place, error.message);
        }
    }
    bs_object_name_free(&name);
}

/* ---- the store ---- */

static void visit_store(struct bs_check_report *report, const struct bs_config *config,
                        struct bs_tokens *tokens)
{
    struct bs_error error = BS_NO_ERROR;
    if (bs_tokens_wait(tokens, 0, &error) != BS_OK) {
        return; /* said already */
    }
    struct bs_objects *objects = bs_objects_create(config, tokens);
    for (size_t i = 0; i < config->objects.bucket_count; i++) {
        check_bucket(report, objects, config->objects.buckets[i]);
    }
    if (config->objects.bucket_count == 0) {
        bs_check_say(report, BS_CHECK_LINE_OK,
                     "objects.buckets: empty, so jobs may name any bucket; none was tried");
    }
    check_place(report, objects, "objects.staging", config->objects.staging, true);
    check_place(report, objects, "objects.transcripts", config->objects.transcripts, false);
    bs_objects_destroy(objects);
}

void bs_check_store(struct bs_check_report *report, const struct bs_config *config,
                    struct bs_tokens *tokens)
{
    if (!bs_config_has_store(config)) {
        bs_check_say(report, BS_CHECK_LINE_OK,
                     "objects: no credentials for the store, so recordings are submitted without a "
                     "look into them; objects.auth would name some");
        return;
    }
    struct bs_tokens *own = NULL;
    if (config->objects.auth.kind != BS_AUTH_ABSENT) {
        own = bs_check_credentials(report, config, &config->objects.auth);
    }
    visit_store(report, config, own == NULL ? tokens : own);
    bs_tokens_destroy(own);
}
