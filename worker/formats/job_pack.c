#include "formats/job_pack.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state.pb-c.h"

typedef Backscribe__State__V1__Job packed_job;
typedef Backscribe__State__V1__Header packed_header;
typedef Backscribe__State__V1__Specification packed_specification;

void bs_job_default_id(const char *topic, int32_t partition, int64_t offset, struct bs_buffer *out)
{
    char tail[48];
    (void)snprintf(tail, sizeof tail, "-%" PRId32 "-%" PRId64, partition, offset);
    bs_buffer_append_text(out, topic);
    bs_buffer_append(out, tail, strlen(tail) + 1);
}

/* ---- packing ----------------------------------------------------------------------------------
 */

/* protobuf-c's structs are not const, but packing only reads. */
static ProtobufCBinaryData borrow(struct bs_bytes bytes)
{
    return (ProtobufCBinaryData){.len = bytes.size, .data = (uint8_t *)(uintptr_t)bytes.data};
}

static char *borrow_text(const char *text)
{
    return (char *)(uintptr_t)text;
}

static void fill_flag(enum bs_flag flag, protobuf_c_boolean *present, protobuf_c_boolean *value)
{
    *present = flag != BS_FLAG_ABSENT;
    *value = flag == BS_FLAG_TRUE;
}

static void fill_specification(const struct bs_specification *from, packed_specification *to)
{
    to->language_code = borrow_text(from->language_code);
    to->model = borrow_text(from->model);
    fill_flag(from->profanity_filter, &to->has_profanity_filter, &to->profanity_filter);
    fill_flag(from->literature_text, &to->has_literature_text, &to->literature_text);
    fill_flag(from->raw_results, &to->has_raw_results, &to->raw_results);
    to->has_audio_encoding = from->encoding != BS_ENCODING_ABSENT;
    to->audio_encoding = (Backscribe__State__V1__Encoding)from->encoding; /* the same numbers */
    to->has_sample_rate_hertz = from->sample_rate_hertz != 0;
    to->sample_rate_hertz = from->sample_rate_hertz;
    to->has_audio_channel_count = from->channel_count != 0;
    to->audio_channel_count = from->channel_count;
}

static void fill_message(const struct bs_message *message, packed_job *job, packed_header *headers,
                         packed_header **pointers)
{
    job->has_key = message->key.data != NULL;
    job->key = borrow(message->key);
    job->has_value = message->value.data != NULL;
    job->value = borrow(message->value);
    job->n_headers = message->header_count;
    job->headers = pointers;
    for (size_t i = 0; i < message->header_count; i++) {
        backscribe__state__v1__header__init(&headers[i]);
        headers[i].name = borrow_text(message->headers[i].name);
        headers[i].has_value = message->headers[i].value.data != NULL;
        headers[i].value = borrow(message->headers[i].value);
        pointers[i] = &headers[i];
    }
}

static void *take_array(size_t count, size_t size)
{
    void *array = calloc(count == 0 ? 1 : count, size);
    BS_ASSERT(array != NULL);
    return array;
}

void bs_job_pack(const struct bs_job_facts *facts, struct bs_buffer *out)
{
    size_t count = facts->message->header_count;
    packed_header *headers = take_array(count, sizeof *headers);
    packed_header **pointers = take_array(count, sizeof(packed_header *));
    packed_job job = BACKSCRIBE__STATE__V1__JOB__INIT;
    packed_specification specification = BACKSCRIBE__STATE__V1__SPECIFICATION__INIT;

    fill_message(facts->message, &job, headers, pointers);
    job.topic = borrow_text(facts->source->topic);
    job.has_partition = facts->source->partition != 0;
    job.partition = (uint32_t)facts->source->partition;
    job.has_offset = facts->source->offset != 0;
    job.offset = (uint64_t)facts->source->offset;
    job.has_timestamp_ms = facts->source->timestamp != -1;
    job.timestamp_ms = facts->source->timestamp;
    job.id = borrow_text(facts->id);
    job.uri = borrow_text(facts->uri);
    if (facts->specification != NULL) {
        fill_specification(facts->specification, &specification);
        job.specification = &specification;
    }
    if (facts->folder_id != NULL && facts->folder_id[0] != '\0') {
        job.folder_id = borrow_text(facts->folder_id);
    }
    job.labels_json = borrow_text(facts->labels_json);
    job.has_duration_seconds = facts->duration_seconds > 0;
    job.duration_seconds = facts->duration_seconds;
    job.has_size_bytes = facts->size_bytes >= 0;
    job.size_bytes = (uint64_t)facts->size_bytes;

    size_t size = backscribe__state__v1__job__get_packed_size(&job);
    (void)backscribe__state__v1__job__pack(&job, bs_buffer_extend(out, size));
    free(headers);
    free(pointers);
}

/* ---- unpacking --------------------------------------------------------------------------------
 */

/* What a struct bs_job points into. */
struct storage {
    packed_job *packed;
    struct bs_header *headers;
    struct bs_buffer texts; /* the id and the specification, one after the other with their NULs */
};

static struct bs_bytes bytes_of(bool present, const ProtobufCBinaryData *data)
{
    if (!present) {
        return (struct bs_bytes){.data = NULL, .size = 0};
    }
    return (struct bs_bytes){
        .data = data->data == NULL ? (const uint8_t *)"" : data->data,
        .size = data->len,
    };
}

static enum bs_flag flag_of(protobuf_c_boolean present, protobuf_c_boolean value)
{
    return !present ? BS_FLAG_ABSENT : value ? BS_FLAG_TRUE : BS_FLAG_FALSE;
}

static struct bs_specification specification_of(const packed_specification *from)
{
    /* one that is not known may be any 32 bits */
    bool known = from->has_audio_encoding && (uint32_t)from->audio_encoding < BS_ENCODINGS;
    return (struct bs_specification){
        .language_code = from->language_code,
        .model = from->model,
        .profanity_filter = flag_of(from->has_profanity_filter, from->profanity_filter),
        .literature_text = flag_of(from->has_literature_text, from->literature_text),
        .raw_results = flag_of(from->has_raw_results, from->raw_results),
        .encoding = known ? (enum bs_encoding)from->audio_encoding : BS_ENCODING_ABSENT,
        .sample_rate_hertz = from->has_sample_rate_hertz ? from->sample_rate_hertz : 0,
        .channel_count = from->has_audio_channel_count ? from->audio_channel_count : 0,
    };
}

static void take_message(struct storage *storage, struct bs_message *message)
{
    const packed_job *packed = storage->packed;
    storage->headers = take_array(packed->n_headers, sizeof *storage->headers);
    for (size_t i = 0; i < packed->n_headers; i++) {
        const packed_header *header = packed->headers[i];
        storage->headers[i] = (struct bs_header){
            .name = header->name,
            .value = bytes_of(header->has_value, &header->value),
        };
    }
    *message = (struct bs_message){
        .key = bytes_of(packed->has_key, &packed->key),
        .value = bytes_of(packed->has_value, &packed->value),
        .headers = storage->headers,
        .header_count = packed->n_headers,
    };
}

static void take_texts(struct storage *storage, struct bs_job *job)
{
    const packed_job *packed = storage->packed;
    struct bs_buffer *texts = &storage->texts;
    if (packed->id == NULL) {
        bs_job_default_id(job->topic, job->partition, job->offset, texts);
    } else {
        bs_buffer_append(texts, packed->id, strlen(packed->id) + 1);
    }
    size_t specification = texts->size;
    if (packed->specification == NULL) {
        bs_buffer_append_text(texts, "{}");
    } else {
        struct bs_specification fields = specification_of(packed->specification);
        bs_specification_write(&fields, texts);
    }
    bs_buffer_append(texts, "", 1);
    job->id = (char *)texts->data;
    job->specification_json = (char *)texts->data + specification;
}

static bool is_text(const char *text)
{
    size_t size = text == NULL ? 0 : strlen(text), length;
    for (size_t at = 0; at < size; at += length) {
        length = bs_utf8_sequence((const uint8_t *)text + at, size - at);
        if (length == 0) {
            return false;
        }
    }
    return true;
}

/* Whether requests, results and dead letters can be made of it: a record may be damaged, or be
 * somebody else's. */
static bool is_sane(const packed_job *packed)
{
    const packed_specification *specification = packed->specification;
    const char *labels = packed->labels_json;
    struct bs_json_problem problem;
    bool texts = is_text(packed->topic) && is_text(packed->id) && is_text(packed->uri) &&
                 is_text(packed->staged_uri) && is_text(packed->folder_id);
    bool settings = specification == NULL ||
                    (is_text(specification->language_code) && is_text(specification->model) &&
                     specification->sample_rate_hertz <= BS_SAMPLE_RATE_MAX &&
                     specification->audio_channel_count <= BS_CHANNELS_MAX);
    bool labelled = labels == NULL || (labels[0] == '{' && bs_json_check((const uint8_t *)labels,
                                                                         strlen(labels), &problem));
    bool found = packed->probed_sample_rate_hertz <= BS_SAMPLE_RATE_MAX &&
                 packed->probed_channels <= BS_CHANNELS_MAX;
    return texts && settings && labelled && found && packed->partition <= INT32_MAX &&
           packed->offset <= INT64_MAX && packed->size_bytes <= INT64_MAX &&
           packed->duration_seconds >= 0 && packed->duration_seconds <= BS_JOB_SECONDS_MAX;
}

/* One that is not known may be any 32 bits. */
static const char *encoding_name_of(const packed_job *packed)
{
    uint32_t encoding = (uint32_t)packed->probed_encoding;
    return encoding < BS_ENCODINGS ? bs_encoding_name((enum bs_encoding)encoding) : NULL;
}

bool bs_job_unpack(const uint8_t *packed, size_t size, struct bs_job *job)
{
    static char none[] = "";
    *job = (struct bs_job){0};
    packed_job *message = backscribe__state__v1__job__unpack(NULL, size, packed);
    if (message == NULL) {
        return false;
    }
    if (!is_sane(message)) {
        backscribe__state__v1__job__free_unpacked(message, NULL);
        return false;
    }
    struct storage *storage = take_array(1, sizeof *storage);
    storage->packed = message;
    job->storage = storage;
    job->topic = message->topic;
    job->partition = (int32_t)message->partition;
    job->offset = (int64_t)message->offset;
    job->timestamp = message->has_timestamp_ms ? message->timestamp_ms : -1;
    job->uri = message->uri == NULL ? none : message->uri;
    job->staged_uri = message->staged_uri == NULL ? none : message->staged_uri;
    job->encoding = message->has_probed_encoding ? encoding_name_of(message) : NULL;
    job->sample_rate_hertz =
        message->has_probed_sample_rate_hertz ? message->probed_sample_rate_hertz : 0;
    job->channels = message->has_probed_channels ? message->probed_channels : 0;
    job->folder_id = message->folder_id == NULL ? none : message->folder_id;
    job->labels_json = message->labels_json;
    job->duration_seconds = message->has_duration_seconds ? message->duration_seconds : 0;
    job->size_bytes = message->has_size_bytes ? (int64_t)message->size_bytes : -1;
    take_message(storage, &job->message);
    take_texts(storage, job);
    return true;
}

void bs_job_free(struct bs_job *job)
{
    struct storage *storage = job->storage;
    if (storage != NULL) {
        backscribe__state__v1__job__free_unpacked(storage->packed, NULL);
        free(storage->headers);
        bs_buffer_free(&storage->texts);
        free(storage);
    }
    *job = (struct bs_job){0};
}
