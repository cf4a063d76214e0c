#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/time.h"

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static enum bs_log_level configured_level = BS_LOG_INFO;
static enum bs_log_format configured_format = BS_LOG_LOGFMT;

#define LINE_SIZE 16384
/* A value is cut, a key (which is short) never is, so that a cut line still reads as its format. */
#define ROOM_FOR_KEYS    256
#define ROOM_FOR_MESSAGE 2048

struct line {
    char bytes[LINE_SIZE];
    size_t used;
    size_t limit; /* where values end */
};

void bs_log_configure(enum bs_log_level level, enum bs_log_format format)
{
    configured_level = level;
    configured_format = format;
}

bool bs_log_enabled(enum bs_log_level level)
{
    return level <= configured_level;
}

bool bs_log_level_parse(const char *name, enum bs_log_level *level)
{
    for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *level = (enum bs_log_level)i;
            return true;
        }
    }
    return false;
}

/* Room for the closing brace and newline is always kept. */
static void put(struct line *line, char byte)
{
    if (line->used < LINE_SIZE - 4) {
        line->bytes[line->used++] = byte;
    }
}

static void put_text(struct line *line, const char *text)
{
    while (*text != '\0') {
        put(line, *text++);
    }
}

static void put_escaped(struct line *line, const char *text)
{
    for (; *text != '\0' && line->used < line->limit; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\') {
            put(line, '\\');
            put(line, (char)byte);
        } else if (byte == '\n') {
            put_text(line, "\\n");
        } else if (byte < 0x20 || byte == 0x7f) {
            char escape[8];
            (void)snprintf(escape, sizeof escape, "\\u%04x", byte);
            put_text(line, escape);
        } else {
            put(line, (char)byte);
        }
    }
}

static bool needs_quotes(const char *text)
{
    if (*text == '\0') {
        return true;
    }
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte <= ' ' || byte == '"' || byte == '=' || byte == '\\' || byte == 0x7f) {
            return true;
        }
    }
    return false;
}

static void put_field(struct line *line, const char *key, const char *value)
{
    if (value == NULL || line->used > line->limit + ROOM_FOR_KEYS / 2) {
        return;
    }
    bool json = configured_format == BS_LOG_JSON;
    if (line->used > 0) {
        put(line, json ? ',' : ' ');
    }
    if (json) {
        put(line, line->used == 0 ? '{' : '"');
        if (line->used == 1) {
            put(line, '"');
        }
        put_text(line, key);
        put_text(line, "\":\"");
        put_escaped(line, value);
        put(line, '"');
        return;
    }
    put_text(line, key);
    put(line, '=');
    bool quoted = needs_quotes(value);
    if (quoted) {
        put(line, '"');
    }
    put_escaped(line, value);
    if (quoted) {
        put(line, '"');
    }
}

void bs_log(enum bs_log_level level, const struct bs_log_field *fields, const char *format, ...)
{
    if (!bs_log_enabled(level)) {
        return;
    }
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    char time_text[BS_RFC3339_SIZE];
    bs_rfc3339_format((bs_wall_ms)now.tv_sec * 1000 + now.tv_nsec / 1000000, time_text);

    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);

    struct line line = {.used = 0, .limit = LINE_SIZE - ROOM_FOR_MESSAGE};
    put_field(&line, "time", time_text);
    put_field(&line, "level", level_names[level]);
    for (; fields != NULL && fields->key != NULL; fields++) {
        put_field(&line, fields->key, fields->value);
    }
    line.limit = LINE_SIZE - ROOM_FOR_KEYS;
    put_field(&line, "msg", message);
    if (configured_format == BS_LOG_JSON) {
        line.bytes[line.used++] = '}';
    }
    line.bytes[line.used++] = '\n';
    ssize_t written = write(STDERR_FILENO, line.bytes, line.used);
    (void)written; /* nowhere to report it */
}
