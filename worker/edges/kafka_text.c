/* Between librdkafka's shapes and ours: messages, headers, the text of a committed offset, who we
 * are in the group. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edges/kafka_internal.h"

rd_kafka_headers_t *bs_kafka_headers(const struct bs_message *message)
{
    if (message->header_count == 0) {
        return NULL;
    }
    rd_kafka_headers_t *headers = rd_kafka_headers_new(message->header_count);
    for (size_t i = 0; i < message->header_count; i++) {
        const struct bs_header *header = &message->headers[i];
        rd_kafka_header_add(headers, header->name, -1, header->value.data,
                            (ssize_t)header->value.size);
    }
    return headers;
}

struct bs_message bs_kafka_message(const rd_kafka_message_t *received,
                                   struct bs_header_scratch *scratch)
{
    struct bs_message message = {
        .key = {received->key, received->key_len},
        .value = {received->payload, received->len},
    };
    rd_kafka_headers_t *headers = NULL;
    if (rd_kafka_message_headers(received, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return message;
    }
    size_t count = rd_kafka_header_cnt(headers);
    if (count > scratch->capacity) {
        scratch->headers = realloc(scratch->headers, count * sizeof(*scratch->headers));
        BS_ASSERT(scratch->headers != NULL);
        scratch->capacity = count;
    }
    for (size_t i = 0; i < count; i++) {
        struct bs_header *header = &scratch->headers[i];
        const void *value = NULL;
        size_t size = 0;
        rd_kafka_resp_err_t found =
            rd_kafka_header_get_all(headers, i, &header->name, &value, &size);
        BS_ASSERT(found == RD_KAFKA_RESP_ERR_NO_ERROR);
        header->value = (struct bs_bytes){value, size};
    }
    message.headers = scratch->headers;
    message.header_count = count;
    return message;
}

void bs_header_scratch_free(struct bs_header_scratch *scratch)
{
    free(scratch->headers);
    *scratch = (struct bs_header_scratch){0};
}

void bs_offset_text_format(const struct bs_offset_text *told, char text[BS_OFFSET_TEXT_SIZE])
{
    int size = snprintf(text, BS_OFFSET_TEXT_SIZE, "published=%" PRId64 ";partitions=%" PRId32,
                        told->published, told->partitions);
    if (told->billed >= 0) {
        snprintf(text + size, BS_OFFSET_TEXT_SIZE - (size_t)size, ";billed=%" PRId64, told->billed);
    }
}

/* The number after `name`, which must be a whole field of the text; -1 = there is none. */
static int64_t number_of(const char *text, size_t size, const char *name)
{
    size_t length = strlen(name);
    const char *end = text + size;
    while (text != NULL && text < end) {
        const char *separator = memchr(text, ';', (size_t)(end - text));
        const char *field_end = separator == NULL ? end : separator;
        if ((size_t)(field_end - text) > length && memcmp(text, name, length) == 0) {
            int64_t number = 0;
            for (const char *at = text + length; at < field_end; at++) {
                if (*at < '0' || *at > '9' || number > (INT64_MAX - 9) / 10) {
                    return -1;
                }
                number = number * 10 + (*at - '0');
            }
            return number;
        }
        text = separator == NULL ? NULL : separator + 1;
    }
    return -1;
}

struct bs_offset_text bs_offset_text_parse(const char *text, size_t size)
{
    int64_t partitions = number_of(text, size, "partitions=");
    return (struct bs_offset_text){
        .published = number_of(text, size, "published="),
        .billed = number_of(text, size, "billed="),
        .partitions = partitions < 0 || partitions > INT32_MAX ? 0 : (int32_t)partitions,
    };
}

/* The form (rdkafka_cgrp.c, the same in 2.0 to 2.8): "CGMDv2:", the generation as an int32 of the
 * machine, the group's id and the member's id, each with its NUL, then the instance id. */
static bool parse_membership(const char *bytes, size_t size, char member_id[BS_MEMBER_ID_SIZE])
{
    static const char magic[] = {'C', 'G', 'M', 'D', 'v', '2', ':'};
    int32_t generation = -1;
    if (size < sizeof(magic) + sizeof(generation) || memcmp(bytes, magic, sizeof(magic)) != 0) {
        return false;
    }
    memcpy(&generation, bytes + sizeof(magic), sizeof(generation));
    const char *at = bytes + sizeof(magic) + sizeof(generation);
    const char *end = bytes + size;
    const char *group_end = memchr(at, '\0', (size_t)(end - at));
    if (generation < 0 || group_end == NULL) {
        return false;
    }
    const char *member = group_end + 1;
    const char *member_end = memchr(member, '\0', (size_t)(end - member));
    size_t length = member_end == NULL ? 0 : (size_t)(member_end - member);
    if (length == 0 || length >= BS_MEMBER_ID_SIZE) {
        return false;
    }
    memcpy(member_id, member, length + 1);
    return true;
}

bool bs_kafka_membership(const rd_kafka_consumer_group_metadata_t *metadata,
                         char member_id[BS_MEMBER_ID_SIZE])
{
    void *bytes = NULL;
    size_t size = 0;
    if (metadata == NULL) {
        return false;
    }
    rd_kafka_error_t *failed = rd_kafka_consumer_group_metadata_write(metadata, &bytes, &size);
    if (failed != NULL) {
        rd_kafka_error_destroy(failed);
        return false;
    }
    bool member = parse_membership(bytes, size, member_id);
    rd_kafka_mem_free(NULL, bytes);
    return member;
}

const char *bs_kafka_missing_right(rd_kafka_resp_err_t code)
{
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        return "a right on the topic is missing (Describe, Read on jobs and state, Write on "
               "results, dead letters and state)";
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        return "the right Read on the group is missing";
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
        return "the rights Describe and Write on the transactional id's prefix (the group's name) "
               "are missing";
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        return "the right IdempotentWrite on the cluster is missing";
    default:
        return NULL;
    }
}

void bs_kafka_show_key(struct bs_bytes key, char shown[BS_KEY_SHOWN_SIZE])
{
    size_t size = key.size < BS_KEY_SHOWN_SIZE - 1 ? key.size : BS_KEY_SHOWN_SIZE - 1;
    for (size_t i = 0; i < size; i++) {
        shown[i] = (char)(key.data[i] > ' ' && key.data[i] <= '~' ? key.data[i] : '?');
    }
    shown[size] = '\0';
}
