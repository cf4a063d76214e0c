#include "formats/job_fields.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "formats/url.h"

#define FOLDER_LENGTH_MAX    100
#define EXACT_INTEGERS_BELOW 9007199254740992.0 /* 2^53 */

struct reader {
    struct bs_job_fields *fields;
    char *problem;
    size_t room;
};

static bool wrong(struct reader *reader, const char *format, ...) BS_PRINTF(2, 3);

static bool wrong(struct reader *reader, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    bs_utf8_copy_cut(text, strlen(text), reader->problem, reader->room);
    return false;
}

/* A member that, if it is there, must be a text of so many characters. */
static bool read_text(struct reader *reader, const cJSON *object, const char *name,
                      const char *path, size_t shortest, size_t longest, const char **out)
{
    const cJSON *item = bs_json_member(object, name);
    *out = cJSON_GetStringValue(item);
    if (item == NULL) {
        return true;
    }
    size_t length = *out == NULL ? 0 : bs_utf8_length(*out);
    if (*out == NULL || length < shortest || length > longest) {
        return wrong(reader, "%s: expected a string of %zu to %zu characters", path, shortest,
                     longest);
    }
    return true;
}

static bool read_audio(struct reader *reader, const cJSON *audio)
{
    struct bs_job_fields *fields = reader->fields;
    if (!cJSON_IsObject(audio)) {
        return wrong(reader, "audio: expected an object");
    }
    if (!read_text(reader, audio, "uri", "audio.uri", 1, BS_JOB_URI_LENGTH_MAX, &fields->uri)) {
        return false;
    }
    if (fields->uri == NULL) {
        return wrong(reader, "audio.uri: missing");
    }
    if (!bs_link_well_formed(fields->uri)) {
        return wrong(reader, "audio.uri: expected s3://bucket/key or an https link to an object");
    }
    const cJSON *duration = bs_json_member(audio, "durationSeconds");
    if (duration != NULL && !(cJSON_IsNumber(duration) && duration->valuedouble > 0)) {
        return wrong(reader, "audio.durationSeconds: expected a number above 0");
    }
    fields->duration_seconds = duration == NULL ? 0 : duration->valuedouble;
    const cJSON *size = bs_json_member(audio, "sizeBytes");
    double bytes = size == NULL ? -1 : cJSON_IsNumber(size) ? size->valuedouble : NAN;
    if (size != NULL && (!(bytes >= 0 && bytes < EXACT_INTEGERS_BELOW) || floor(bytes) < bytes)) {
        return wrong(reader, "audio.sizeBytes: expected an integer from 0 to 2^53 - 1");
    }
    fields->size_bytes = (int64_t)bytes;
    return true;
}

static void note_specification(void *context, const char *field, const char *problem)
{
    struct reader *reader = context;
    if (reader->problem[0] == '\0') {
        (void)wrong(reader, "config.specification%s%.80s: %s", field[0] == '\0' ? "" : ".", field,
                    problem);
    }
}

static bool read_config(struct reader *reader, const cJSON *config)
{
    if (config == NULL) {
        return true;
    }
    if (!cJSON_IsObject(config)) {
        return wrong(reader, "config: expected an object");
    }
    const cJSON *specification = bs_json_member(config, "specification");
    if (specification != NULL &&
        !bs_specification_read(specification, &reader->fields->specification, note_specification,
                               reader)) {
        return false;
    }
    return read_text(reader, config, "folderId", "config.folderId", 0, FOLDER_LENGTH_MAX,
                     &reader->fields->folder_id);
}

static bool read_labels(struct reader *reader, const cJSON *labels)
{
    if (labels == NULL) {
        return true;
    }
    if (!cJSON_IsObject(labels)) {
        return wrong(reader, "labels: expected an object");
    }
    const cJSON *label;
    cJSON_ArrayForEach(label, labels)
    {
        if (!cJSON_IsString(label)) {
            return wrong(reader, "labels.%.80s: expected a string", label->string);
        }
    }
    reader->fields->labels = labels;
    return true;
}

static bool read_deadline(struct reader *reader, const cJSON *item)
{
    const char *text = cJSON_GetStringValue(item);
    if (item == NULL) {
        return true;
    }
    if (text == NULL || !bs_rfc3339_parse(text, strlen(text), &reader->fields->deadline)) {
        return wrong(reader, "deadline: expected an RFC 3339 time such as 2027-01-31T18:00:00Z");
    }
    if (reader->fields->deadline <= 0) {
        reader->fields->deadline = 1; /* long past, but given */
    }
    return true;
}

bool bs_job_fields_read(const cJSON *json, struct bs_job_fields *fields, char *problem, size_t room)
{
    struct reader reader = {.fields = fields, .problem = problem, .room = room};
    *fields = (struct bs_job_fields){.size_bytes = -1};
    problem[0] = '\0';
    if (!cJSON_IsObject(json)) {
        return wrong(&reader, "expected a JSON object");
    }
    const cJSON *audio = bs_json_member(json, "audio"), *force = bs_json_member(json, "force");
    if (audio == NULL) {
        return wrong(&reader, "audio: missing");
    }
    if (force != NULL && !cJSON_IsBool(force)) {
        return wrong(&reader, "force: expected true or false");
    }
    fields->force = cJSON_IsTrue(force);
    return read_text(&reader, json, "id", "id", 1, BS_JOB_ID_LENGTH_MAX, &fields->id) &&
           read_audio(&reader, audio) && read_config(&reader, bs_json_member(json, "config")) &&
           read_labels(&reader, bs_json_member(json, "labels")) &&
           read_deadline(&reader, bs_json_member(json, "deadline"));
}

bool bs_job_fields_tell_all(const struct bs_job_fields *fields)
{
    const struct bs_specification *own = &fields->specification;
    bool lpcm = own->encoding == BS_ENCODING_LINEAR16_PCM;
    return own->encoding != BS_ENCODING_ABSENT && fields->duration_seconds > 0 &&
           (!lpcm ||
            (own->sample_rate_hertz != 0 && own->channel_count != 0 && fields->size_bytes >= 0));
}
