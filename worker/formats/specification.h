/* The API's recognition settings (`config.specification`), as a job or speechkit.defaults gives
 * them. Internal to formats. Any thread. */
#ifndef BS_FORMATS_SPECIFICATION_H
#define BS_FORMATS_SPECIFICATION_H

#include <stdbool.h>
#include <stdint.h>

#include "formats/json.h"

/* Round, far above what the API takes. */
#define BS_SAMPLE_RATE_MAX 999999999
#define BS_CHANNELS_MAX    999

enum bs_encoding {
    BS_ENCODING_ABSENT,
    BS_ENCODING_LINEAR16_PCM,
    BS_ENCODING_OGG_OPUS,
    BS_ENCODING_MP3,
    BS_ENCODINGS
};

/* The API's name; NULL for ABSENT. */
const char *bs_encoding_name(enum bs_encoding encoding);

/* A field that was not given is NULL, 0 or BS_FLAG_ABSENT. */
enum bs_flag { BS_FLAG_ABSENT, BS_FLAG_FALSE, BS_FLAG_TRUE };

/* Strings are borrowed. */
struct bs_specification {
    const char *language_code;
    const char *model;
    enum bs_flag profanity_filter;
    enum bs_flag literature_text;
    enum bs_encoding encoding;
    uint32_t sample_rate_hertz;
    uint32_t channel_count;
    enum bs_flag raw_results;
};

/* Called for each mistake: the field ("" = the object itself) and what is wrong with it. */
typedef void bs_specification_report(void *context, const char *field, const char *problem);

/* Reads every field of `object`; what is unknown or of a wrong type is reported. False when
 * anything was. The strings are the object's. */
BS_MUST_CHECK bool bs_specification_read(const cJSON *object, struct bs_specification *out,
                                         bs_specification_report *report, void *context);
/* The JSON type of a field: cJSON_String, cJSON_Number or cJSON_True (a boolean); 0 = no field. */
int bs_specification_field_type(const char *field);

/* Fields that `specification` lacks are taken from `defaults`. */
void bs_specification_fill(struct bs_specification *specification,
                           const struct bs_specification *defaults);

/* Appends the JSON object: the fields that are given, in one fixed order. */
void bs_specification_write(const struct bs_specification *specification, struct bs_buffer *out);

#endif
