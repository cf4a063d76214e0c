/* Requests to SpeechKit API v2. */
#include "formats/speechkit.h"

#include <inttypes.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "formats/json.h"

void bs_speechkit_encode_submission(const struct bs_job *job, struct bs_buffer *out)
{
    bs_buffer_append_text(out, "{\"config\":{\"specification\":");
    bs_buffer_append_text(out, job->specification_json);
    if (job->folder_id[0] != '\0') {
        bs_buffer_append_text(out, ",\"folderId\":");
        bs_json_append_string(out, job->folder_id);
    }
    bs_buffer_append_text(out, "},\"audio\":{\"uri\":");
    bs_json_append_string(out, job->staged_uri[0] != '\0' ? job->staged_uri : job->uri);
    bs_buffer_append_text(out, "}}");
}

static void format_uuid(uint8_t bytes[16], uint8_t version, char uuid[BS_UUID_SIZE])
{
    static const char hex[] = "0123456789abcdef";
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | version << 4);
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80); /* the variant of RFC 9562 */
    char *at = uuid;
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *at++ = '-';
        }
        *at++ = hex[bytes[i] >> 4];
        *at++ = hex[bytes[i] & 15];
    }
    *at = '\0';
}

void bs_speechkit_idempotency_key(const char *cluster_id, const struct bs_job *job, uint32_t number,
                                  char uuid[BS_UUID_SIZE])
{
    /* backscribe's own namespace, drawn once: changing it changes every key */
    static const uint8_t name_space[16] = {0x8b, 0x1e, 0x5c, 0x7a, 0x2f, 0x44, 0x4d, 0x0b,
                                           0x9a, 0x63, 0x51, 0xd8, 0x0e, 0xc7, 0x36, 0xf2};
    char numbers[128];
    (void)snprintf(numbers, sizeof numbers, "/%" PRId32 "/%" PRId64 "/%" PRId64 "/%" PRIu32,
                   job->partition, job->offset, job->timestamp, number);
    struct bs_buffer name = {0};
    bs_buffer_append(&name, name_space, sizeof name_space);
    bs_buffer_append_text(&name, cluster_id);
    bs_buffer_append_text(&name, "/");
    bs_buffer_append_text(&name, job->topic);
    bs_buffer_append_text(&name, numbers);
    uint8_t digest[SHA_DIGEST_LENGTH];
    (void)SHA1(name.data, name.size, digest);
    bs_buffer_free(&name);
    format_uuid(digest, 5, uuid);
}

void bs_speechkit_request_id(char uuid[BS_UUID_SIZE])
{
    uint8_t bytes[16];
    int drawn = RAND_bytes(bytes, sizeof bytes);
    BS_ASSERT(drawn == 1);
    format_uuid(bytes, 4, uuid);
}
