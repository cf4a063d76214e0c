#include "formats/object_name.h"

#include <inttypes.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/url.h"

/* Of SHA-256: enough that two jobs of the same topic's name, partition and offset (another cluster,
 * a topic made anew) do not meet. */
#define HASH_BYTES 8

bool bs_object_name_of_link(const struct bs_config *config, const char *link,
                            struct bs_object_name *name)
{
    char message[BS_MESSAGE_MAX];
    *name = (struct bs_object_name){0};
    return strncmp(link, "s3://", 5) != 0 && bs_link_well_formed(link) &&
           bs_link_locate(config, link, name, message) == BS_DEAD_NONE;
}

static bool read_uri(const char *uri, bool key_needed, struct bs_object_name *name)
{
    size_t bucket_length;
    const char *key;
    *name = (struct bs_object_name){0};
    if (!bs_s3_uri_parse(uri, key_needed, &bucket_length, &key)) {
        return false;
    }
    name->bucket = strndup(uri + strlen("s3://"), bucket_length);
    name->key = strdup(key);
    BS_ASSERT(name->bucket != NULL && name->key != NULL);
    return true;
}

bool bs_object_name_of_uri(const char *uri, struct bs_object_name *name)
{
    return read_uri(uri, true, name);
}

bool bs_object_name_of_place(const char *uri, struct bs_object_name *name)
{
    return read_uri(uri, false, name);
}

/* The bucket of a configured place, and its prefix without slashes at the end. */
static void split_place(const char *place, size_t *bucket_length, const char **prefix,
                        size_t *prefix_length)
{
    bool valid = bs_s3_uri_parse(place, false, bucket_length, prefix);
    BS_ASSERT(valid); /* the configuration's */
    *prefix_length = strlen(*prefix);
    while (*prefix_length > 0 && (*prefix)[*prefix_length - 1] == '/') {
        (*prefix_length)--;
    }
}

void bs_object_name_below(const char *place, const char *last, struct bs_object_name *name)
{
    size_t bucket_length, prefix_length;
    const char *prefix;
    split_place(place, &bucket_length, &prefix, &prefix_length);
    size_t size = prefix_length + strlen(last) + 2;
    name->bucket = strndup(place + strlen("s3://"), bucket_length);
    name->key = malloc(size);
    BS_ASSERT(name->bucket != NULL && name->key != NULL);
    (void)snprintf(name->key, size, "%.*s%s%s", (int)prefix_length, prefix,
                   prefix_length == 0 ? "" : "/", last);
}

void bs_object_name_free(struct bs_object_name *name)
{
    free(name->bucket);
    free(name->key);
    *name = (struct bs_object_name){0};
}

void bs_object_name_link(const struct bs_config *config, const struct bs_object_name *name,
                         struct bs_buffer *link)
{
    bs_link_append(config, name, link);
    bs_buffer_append(link, "", 1);
}

void bs_object_name_uri(const struct bs_object_name *name, struct bs_buffer *uri)
{
    bs_buffer_append(uri, "s3://", 5);
    bs_buffer_append(uri, name->bucket, strlen(name->bucket));
    bs_buffer_append(uri, "/", 1);
    bs_buffer_append(uri, name->key, strlen(name->key) + 1);
}

/* Hex, of everything that tells one job message of one group from every other. */
static void hash_job(const struct bs_config *config, const char *cluster_id,
                     const struct bs_job *job, char hex[2 * HASH_BYTES + 1])
{
    char numbers[96];
    (void)snprintf(numbers, sizeof numbers, "%" PRId32 "/%" PRId64 "/%" PRId64, job->partition,
                   job->offset, job->timestamp);
    const char *const parts[] = {cluster_id, config->group, job->topic, numbers};
    struct bs_buffer all = {0};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        bs_buffer_append(&all, parts[i], strlen(parts[i]) + 1); /* the NUL keeps them apart */
    }
    uint8_t digest[SHA256_DIGEST_LENGTH];
    (void)SHA256(all.data, all.size, digest);
    bs_buffer_free(&all);
    for (size_t i = 0; i < HASH_BYTES; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    }
}

/* For people who look into the bucket: <topic>-<partition>-<offset>-<hash>… Topics' names are of
 * letters, digits, '.', '_' and '-'; what is none of those has no place in a key. */
static void name_after_job(const struct bs_config *config, const char *place,
                           const char *cluster_id, const struct bs_job *job, const char *extension,
                           struct bs_object_name *name)
{
    char hash[2 * HASH_BYTES + 1], last[400];
    hash_job(config, cluster_id, job, hash);
    (void)snprintf(last, sizeof last, "%.249s-%" PRId32 "-%" PRId64 "-%s%s", job->topic,
                   job->partition, job->offset, hash, extension);
    for (char *at = last; *at != '\0'; at++) {
        bool safe = (*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'z') ||
                    (*at >= 'A' && *at <= 'Z') || strchr("._-", *at) != NULL;
        *at = safe ? *at : '_';
    }
    bs_object_name_below(place, last, name);
}

void bs_object_name_staged(const struct bs_config *config, const char *cluster_id,
                           const struct bs_job *job, struct bs_object_name *name)
{
    name_after_job(config, config->objects.staging, cluster_id, job, ".raw", name);
}

void bs_object_name_transcript(const struct bs_config *config, const char *cluster_id,
                               const struct bs_job *job, const char *sha256,
                               struct bs_object_name *name)
{
    char extension[32];
    (void)snprintf(extension, sizeof extension, "-%.16s.json.gz", sha256);
    name_after_job(config, config->objects.transcripts, cluster_id, job, extension, name);
}

bool bs_object_name_is_below(const char *place, const char *bucket, const char *key)
{
    size_t bucket_length, prefix_length;
    const char *prefix;
    if (place[0] == '\0') {
        return false;
    }
    split_place(place, &bucket_length, &prefix, &prefix_length);
    return strlen(bucket) == bucket_length &&
           strncmp(place + strlen("s3://"), bucket, bucket_length) == 0 &&
           strncmp(key, prefix, prefix_length) == 0 &&
           (prefix_length == 0 || key[prefix_length] == '/');
}

bool bs_config_has_store(const struct bs_config *config)
{
    enum bs_auth_kind own = config->objects.auth.kind, shared = config->speechkit.auth.kind;
    return own != BS_AUTH_ABSENT || shared == BS_AUTH_IAM_TOKEN_FILE ||
           shared == BS_AUTH_AUTHORIZED_KEY_FILE || shared == BS_AUTH_METADATA_SERVICE;
}
