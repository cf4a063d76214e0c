#include "formats/specification.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define TEXT_LENGTH_MAX 100

static const char *const encoding_names[BS_ENCODINGS] = {
    [BS_ENCODING_LINEAR16_PCM] = "LINEAR16_PCM",
    [BS_ENCODING_OGG_OPUS] = "OGG_OPUS",
    [BS_ENCODING_MP3] = "MP3",
};

enum field_kind { FIELD_TEXT, FIELD_FLAG, FIELD_NUMBER, FIELD_ENCODING };

/* In the order in which they are written. */
static const struct field {
    const char *name;
    enum field_kind kind;
    size_t place; /* in struct bs_specification */
    int64_t highest;
    const char *problem; /* what to say of a wrong value */
} fields[] = {
    {"languageCode", FIELD_TEXT, offsetof(struct bs_specification, language_code), 0,
     "expected a string of 1 to 100 characters"},
    {"model", FIELD_TEXT, offsetof(struct bs_specification, model), 0,
     "expected a string of 1 to 100 characters"},
    {"profanityFilter", FIELD_FLAG, offsetof(struct bs_specification, profanity_filter), 0,
     "expected true or false"},
    {"literature_text", FIELD_FLAG, offsetof(struct bs_specification, literature_text), 0,
     "expected true or false"},
    {"audioEncoding", FIELD_ENCODING, offsetof(struct bs_specification, encoding), 0,
     "expected LINEAR16_PCM, OGG_OPUS or MP3"},
    {"sampleRateHertz", FIELD_NUMBER, offsetof(struct bs_specification, sample_rate_hertz),
     BS_SAMPLE_RATE_MAX, "expected an integer from 1 to 999999999, or a string of it"},
    {"audioChannelCount", FIELD_NUMBER, offsetof(struct bs_specification, channel_count),
     BS_CHANNELS_MAX, "expected an integer from 1 to 999, or a string of it"},
    {"rawResults", FIELD_FLAG, offsetof(struct bs_specification, raw_results), 0,
     "expected true or false"},
};
#define FIELD_COUNT (sizeof fields / sizeof fields[0])

/* proto3 JSON knows this field by both names; the documentation writes the other one. */
#define LITERATURE_TEXT_SECOND_NAME "literatureText"

const char *bs_encoding_name(enum bs_encoding encoding)
{
    return encoding_names[encoding];
}

static const struct field *find_field(const char *name)
{
    if (strcmp(name, LITERATURE_TEXT_SECOND_NAME) == 0) {
        name = "literature_text";
    }
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (strcmp(name, fields[i].name) == 0) {
            return &fields[i];
        }
    }
    return NULL;
}

int bs_specification_field_type(const char *name)
{
    const struct field *field = find_field(name);
    if (field == NULL) {
        return 0;
    }
    return field->kind == FIELD_FLAG     ? cJSON_True
           : field->kind == FIELD_NUMBER ? cJSON_Number
                                         : cJSON_String;
}

static bool read_text(const cJSON *item, const char **out)
{
    const char *text = cJSON_GetStringValue(item);
    if (text == NULL || text[0] == '\0' || bs_utf8_length(text) > TEXT_LENGTH_MAX) {
        return false;
    }
    *out = text;
    return true;
}

static bool read_flag(const cJSON *item, enum bs_flag *out)
{
    *out = cJSON_IsTrue(item) ? BS_FLAG_TRUE : BS_FLAG_FALSE;
    return cJSON_IsBool(item);
}

static bool read_number(const cJSON *item, int64_t highest, uint32_t *out)
{
    int64_t value;
    if (!bs_json_int64(item, &value) || value < 1 || value > highest) {
        return false;
    }
    if (cJSON_IsString(item) && item->valuestring[0] == '0') {
        return false; /* as the schema's pattern has it */
    }
    *out = (uint32_t)value;
    return true;
}

static bool read_encoding(const cJSON *item, enum bs_encoding *out)
{
    const char *name = cJSON_GetStringValue(item);
    for (int i = BS_ENCODING_LINEAR16_PCM; name != NULL && i < BS_ENCODINGS; i++) {
        if (strcmp(name, encoding_names[i]) == 0) {
            *out = (enum bs_encoding)i;
            return true;
        }
    }
    return false;
}

static bool read_field(const struct field *field, const cJSON *item, struct bs_specification *out)
{
    void *place = (char *)out + field->place;
    switch (field->kind) {
    case FIELD_TEXT:
        return read_text(item, place);
    case FIELD_FLAG:
        return read_flag(item, place);
    case FIELD_NUMBER:
        return read_number(item, field->highest, place);
    case FIELD_ENCODING:
        return read_encoding(item, place);
    }
    return false;
}

bool bs_specification_read(const cJSON *object, struct bs_specification *out,
                           bs_specification_report *report, void *context)
{
    *out = (struct bs_specification){0};
    if (!cJSON_IsObject(object)) {
        report(context, "", "expected an object");
        return false;
    }
    bool good = true;
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
    {
        const struct field *field = find_field(item->string);
        if (field == NULL) {
            report(context, item->string, "the API has no such field");
            good = false;
        } else if (!read_field(field, item, out)) {
            report(context, item->string, field->problem);
            good = false;
        }
    }
    if (bs_json_member(object, "literature_text") != NULL &&
        bs_json_member(object, LITERATURE_TEXT_SECOND_NAME) != NULL) {
        report(context, LITERATURE_TEXT_SECOND_NAME,
               "the same field as literature_text, which is given too");
        good = false;
    }
    return good;
}

void bs_specification_fill(struct bs_specification *specification,
                           const struct bs_specification *defaults)
{
#define FILL(member)                                                                               \
    if (!specification->member) {                                                                  \
        specification->member = defaults->member;                                                  \
    }
    FILL(language_code)
    FILL(model)
    FILL(profanity_filter)
    FILL(literature_text)
    FILL(encoding)
    FILL(sample_rate_hertz)
    FILL(channel_count)
    FILL(raw_results)
#undef FILL
}

/* Appends the field's value; false when it was not given. */
static bool write_value(const struct field *field, const struct bs_specification *specification,
                        struct bs_buffer *out)
{
    const void *place = (const char *)specification + field->place;
    char digits[16];
    switch (field->kind) {
    case FIELD_TEXT: {
        const char *text = *(const char *const *)place;
        if (text != NULL) {
            bs_json_append_string(out, text);
        }
        return text != NULL;
    }
    case FIELD_FLAG: {
        enum bs_flag flag = *(const enum bs_flag *)place;
        bs_buffer_append_text(out, flag == BS_FLAG_TRUE ? "true" : "false");
        return flag != BS_FLAG_ABSENT;
    }
    case FIELD_NUMBER: {
        uint32_t number = *(const uint32_t *)place;
        (void)snprintf(digits, sizeof digits, "%u", number);
        bs_buffer_append_text(out, digits);
        return number != 0;
    }
    case FIELD_ENCODING: {
        enum bs_encoding encoding = *(const enum bs_encoding *)place;
        if (encoding != BS_ENCODING_ABSENT) {
            bs_json_append_string(out, encoding_names[encoding]);
        }
        return encoding != BS_ENCODING_ABSENT;
    }
    }
    return false;
}

void bs_specification_write(const struct bs_specification *specification, struct bs_buffer *out)
{
    size_t start = out->size;
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        size_t before = out->size;
        bs_buffer_append_text(out, before == start ? "{" : ",");
        bs_json_append_string(out, fields[i].name);
        bs_buffer_append_text(out, ":");
        if (!write_value(&fields[i], specification, out)) {
            out->size = before;
        }
    }
    bs_buffer_append_text(out, out->size == start ? "{}" : "}");
}
