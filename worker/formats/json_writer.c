#include "formats/json_writer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "formats/json.h"

static void put(struct bs_json_writer *json, const char *text)
{
    bs_buffer_append(json->out, text, strlen(text));
}

/* A message may have been cut inside of a character. */
static void put_string(struct bs_json_writer *json, const char *text)
{
    struct bs_buffer valid = {0};
    bs_utf8_repair((const uint8_t *)text, strlen(text), &valid);
    put(json, "\"");
    bs_json_append_characters(json->out, valid.data, valid.size);
    put(json, "\"");
    bs_buffer_free(&valid);
}

/* What stands before a value: its comma, and in an object its name. */
static void begin_value(struct bs_json_writer *json, const char *name)
{
    if (json->comma) {
        put(json, ",");
    }
    json->comma = true;
    if (name != NULL) {
        put_string(json, name);
        put(json, ":");
    }
}

void bs_json_open(struct bs_json_writer *json, const char *name, const char *bracket)
{
    begin_value(json, name);
    put(json, bracket);
    json->comma = false;
}

void bs_json_close(struct bs_json_writer *json, const char *bracket)
{
    put(json, bracket);
    json->comma = true;
}

void bs_json_string(struct bs_json_writer *json, const char *name, const char *text)
{
    begin_value(json, name);
    if (text == NULL) {
        put(json, "null");
    } else {
        put_string(json, text);
    }
}

void bs_json_integer(struct bs_json_writer *json, const char *name, int64_t value)
{
    begin_value(json, name);
    char text[32];
    (void)snprintf(text, sizeof text, "%lld", (long long)value);
    put(json, text);
}

void bs_json_number(struct bs_json_writer *json, const char *name, double value)
{
    begin_value(json, name);
    if (isfinite(value)) {
        char text[32];
        (void)snprintf(text, sizeof text, "%.15g", value);
        put(json, text);
    } else {
        put(json, "null");
    }
}

void bs_json_boolean(struct bs_json_writer *json, const char *name, bool value)
{
    begin_value(json, name);
    put(json, value ? "true" : "false");
}

void bs_json_moment(struct bs_json_writer *json, const char *name, bs_wall_ms value)
{
    char text[BS_RFC3339_SIZE];
    if (value != 0) {
        bs_rfc3339_format(value, text);
    }
    bs_json_string(json, name, value == 0 ? NULL : text);
}
