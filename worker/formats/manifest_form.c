/* Which form a manifest has, told by its first bytes. */
#include <string.h>

#include "formats/manifest_parts.h"
#include "formats/url.h"

bool bs_name_is(const char *name, const char *wanted)
{
    for (; *name != '\0'; name++) {
        char c = *name >= 'A' && *name <= 'Z' ? (char)(*name | 0x20) : *name;
        if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && (uint8_t)c < 0x80) {
            continue;
        }
        if (c != *wanted) {
            return false;
        }
        wanted++;
    }
    return *wanted == '\0';
}

bool bs_manifest_is_bucket(const char *text)
{
    struct bs_buffer uri = {0};
    bool good = bs_manifest_uri(text, "k", &uri);
    bs_buffer_free(&uri);
    return good;
}

/* ---- JSON ------------------------------------------------------------------------------- */

enum member { MEMBER_OTHER, MEMBER_AUDIO, MEMBER_LISTING, MEMBER_INVENTORY };

static enum member member_of(const uint8_t *name, size_t size)
{
    static const char *const listing[] = {
        "contents",      "versions",  "deletemarkers",     "commonprefixes",        "istruncated",
        "maxkeys",       "keycount",  "encodingtype",      "requestcharged",        "nextmarker",
        "nextkeymarker", "nexttoken", "continuationtoken", "nextcontinuationtoken", "startafter",
        "name",          "prefix"};
    char text[32];
    if (size >= sizeof text) {
        return MEMBER_OTHER;
    }
    memcpy(text, name, size);
    text[size] = '\0';
    if (strcmp(text, "audio") == 0) {
        return MEMBER_AUDIO;
    }
    if (bs_name_is(text, "sourcebucket")) {
        return MEMBER_INVENTORY;
    }
    for (size_t i = 0; i < sizeof listing / sizeof *listing; i++) {
        if (bs_name_is(text, listing[i])) {
            return MEMBER_LISTING;
        }
    }
    return MEMBER_OTHER;
}

/* The most telling name among an object's own members; `*ended`: the whole object was seen. */
static enum member scan_object(struct bs_bytes text, bool *ended)
{
    enum member most = MEMBER_OTHER;
    int depth = 0;
    size_t string = 0, string_end = 0; /* the last string at depth 1 */
    *ended = false;
    for (size_t at = 0; at < text.size && !*ended; at++) {
        uint8_t c = text.data[at];
        if (c == '"') {
            size_t begin = ++at;
            while (at < text.size && text.data[at] != '"') {
                at += text.data[at] == '\\' ? 2 : 1;
            }
            string = begin;
            string_end = depth == 1 ? at : begin;
        } else if (c == ':' && depth == 1 && string_end <= text.size) {
            enum member member = member_of(text.data + string, string_end - string);
            most = most == MEMBER_AUDIO || member == MEMBER_OTHER ? most : member;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            *ended = --depth == 0;
        }
    }
    return most;
}

static enum bs_manifest_form tell_json(struct bs_bytes text, bool all, const char **problem)
{
    if (text.data[0] == '[') {
        return BS_FORM_LISTING;
    }
    bool ended;
    enum member member = scan_object(text, &ended);
    if (!ended && !all && member != MEMBER_AUDIO) {
        return BS_FORM_UNKNOWN;
    }
    if (member == MEMBER_INVENTORY) {
        *problem = "the manifest.json of an S3 Inventory lists only its data files: give those";
        return BS_FORM_NONE;
    }
    return member == MEMBER_LISTING ? BS_FORM_LISTING : BS_FORM_LINES;
}

/* ---- CSV -------------------------------------------------------------------------------- */

/* The text's first record, as this delimiter has it; false when it is not whole. */
static bool first_record(struct bs_bytes text, bool all, char delimiter, struct bs_csv *csv)
{
    bool whole;
    *csv = (struct bs_csv){.delimiter = delimiter, .limit = BS_MANIFEST_HEAD_MAX, .line = 1};
    size_t read = bs_csv_read(csv, text.data, text.size, &whole);
    BS_ASSERT(read <= text.size);
    return whole || (all && bs_csv_end(csv));
}

static enum bs_manifest_form tell_csv(struct bs_bytes text, bool all, char *delimiter)
{
    static const char delimiters[] = ",;\t";
    struct bs_columns columns;
    enum bs_manifest_form form = BS_FORM_LINES;
    for (size_t i = 0; i < 3 && form == BS_FORM_LINES; i++) {
        struct bs_csv csv;
        *delimiter = delimiters[i];
        if (!first_record(text, all, *delimiter, &csv)) {
            form = all ? BS_FORM_LINES : BS_FORM_UNKNOWN;
        } else if (bs_columns_read(&csv, &columns)) {
            form = BS_FORM_CSV;
            bs_columns_free(&columns);
        } else if (bs_inventory_is(&csv)) {
            form = BS_FORM_INVENTORY;
        }
        bs_csv_free(&csv);
    }
    return form;
}

/* ---- all of them ------------------------------------------------------------------------ */

static bool begins_with(struct bs_bytes text, const char *beginning)
{
    size_t size = strlen(beginning);
    return text.size >= size && memcmp(text.data, beginning, size) == 0;
}

/* What is no text that we read, by its first bytes. */
static const char *foreign(struct bs_bytes head)
{
    if (begins_with(head, "\xff\xfe") || begins_with(head, "\xfe\xff")) {
        return "the text is UTF-16: save it as UTF-8";
    }
    if (begins_with(head, "PAR1") || begins_with(head, "ORC")) {
        return "Parquet and ORC are not read: have the inventory written as CSV";
    }
    if (begins_with(head, "PK\x03\x04")) {
        return "ZIP (and a spreadsheet) is not read: give the text itself, or gzip";
    }
    return NULL;
}

/* Behind the byte order mark, empty lines and remarks. False when there may be more of them. */
static bool skip(struct bs_bytes head, bool all, size_t *begin)
{
    size_t at = begins_with(head, "\xef\xbb\xbf") ? 3 : 0;
    for (;;) {
        *begin = at;
        while (at < head.size && strchr(" \t\r\n", head.data[at]) != NULL &&
               head.data[at] != '\0') {
            at++;
            *begin = head.data[at - 1] == '\n' ? at : *begin;
        }
        if (at == head.size || head.data[at] != '#') {
            return at < head.size || all;
        }
        const uint8_t *newline = memchr(head.data + at, '\n', head.size - at);
        if (newline == NULL) {
            return all;
        }
        at = (size_t)(newline - head.data) + 1;
    }
}

enum bs_manifest_form bs_manifest_tell(struct bs_bytes head, bool whole, size_t *begin,
                                       char *delimiter, const char **problem)
{
    bool all = whole || head.size >= BS_MANIFEST_HEAD_MAX;
    *begin = 0;
    if (head.size == 0) {
        return whole ? BS_FORM_LINES : BS_FORM_UNKNOWN;
    }
    *problem = foreign(head);
    if (*problem != NULL) {
        return BS_FORM_NONE;
    }
    if (!skip(head, all, begin)) {
        return BS_FORM_UNKNOWN;
    }
    struct bs_bytes text = {head.data + *begin, head.size - *begin};
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text.data++;
        text.size--;
    }
    if (text.size == 0 || text.data[0] == '#' || begins_with(text, "s3:") ||
        begins_with(text, "http:") || begins_with(text, "https:")) {
        return BS_FORM_LINES;
    }
    return text.data[0] == '{' || text.data[0] == '[' ? tell_json(text, all, problem)
                                                      : tell_csv(text, all, delimiter);
}
