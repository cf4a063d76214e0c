#include "formats/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/json_scan.h"

bool bs_json_check(const uint8_t *text, size_t size, struct bs_json_problem *problem)
{
    bool doubles;
    return bs_json_scan(text, size, NULL, NULL, &doubles, problem);
}

/* What the scanner let through and cJSON refuses can only be for want of memory. */
static cJSON *build(const uint8_t *text, size_t size, struct bs_json_problem *problem)
{
    cJSON *tree = cJSON_ParseWithLength((const char *)text, size);
    if (tree == NULL) {
        *problem = (struct bs_json_problem){.offset = 0, .reason = "not enough memory to read it"};
    }
    return tree;
}

cJSON *bs_json_parse(const uint8_t *text, size_t size, struct bs_json_problem *problem)
{
    return bs_json_check(text, size, problem) ? build(text, size, problem) : NULL;
}

struct member {
    cJSON *item;
    size_t index;
};

static int by_name(const void *left, const void *right)
{
    const struct member *a = left, *b = right;
    int order = strcmp(a->item->string, b->item->string);
    return order != 0 ? order : (a->index > b->index) - (a->index < b->index);
}

/* Leaves the first of the members that have one name, in every object of the tree. */
static void drop_doubles(cJSON *item)
{
    size_t count = 0;
    for (cJSON *child = item->child; child != NULL; child = child->next) {
        drop_doubles(child);
        count++;
    }
    if (!cJSON_IsObject(item) || count < 2) {
        return;
    }
    struct member *members = malloc(count * sizeof *members);
    BS_ASSERT(members != NULL);
    count = 0;
    for (cJSON *child = item->child; child != NULL; child = child->next, count++) {
        members[count] = (struct member){.item = child, .index = count};
    }
    qsort(members, count, sizeof *members, by_name);
    for (size_t i = 1, first = 0; i < count; i++) {
        if (strcmp(members[first].item->string, members[i].item->string) != 0) {
            first = i;
        } else {
            cJSON_Delete(cJSON_DetachItemViaPointer(item, members[i].item));
        }
    }
    free(members);
}

void bs_json_mend_encoding(const uint8_t *text, size_t size, struct bs_buffer *out)
{
    static const uint8_t byte_order_mark[] = {0xef, 0xbb, 0xbf};
    if (size >= 3 && memcmp(text, byte_order_mark, 3) == 0) {
        text += 3;
        size -= 3;
    }
    bs_utf8_repair(text, size, out);
    bs_buffer_append(out, "", 1); /* never empty, so that there is something to point at */
}

cJSON *bs_json_parse_tolerant(const uint8_t *text, size_t size, struct bs_json_problem *problem)
{
    struct bs_buffer copy = {0};
    bs_json_mend_encoding(text, size, &copy);
    cJSON *tree = NULL;
    bool doubles;
    if (bs_json_scan(copy.data, copy.size - 1, copy.data, NULL, &doubles, problem)) {
        tree = build(copy.data, copy.size - 1, problem);
    }
    bs_buffer_free(&copy);
    if (tree != NULL && doubles) {
        drop_doubles(tree);
    }
    return tree;
}

const cJSON *bs_json_member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

const char *bs_json_text(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(bs_json_member(object, name));
}

bool bs_json_int64(const cJSON *item, int64_t *value)
{
    if (cJSON_IsNumber(item)) {
        double number = item->valuedouble;
        if (!(number >= -9223372036854775808.0 && number < 9223372036854775808.0) ||
            floor(number) < number) {
            return false;
        }
        *value = (int64_t)number;
        return true;
    }
    if (!cJSON_IsString(item)) {
        return false;
    }
    const char *digits = item->valuestring[0] == '-' ? item->valuestring + 1 : item->valuestring;
    size_t length = strlen(digits);
    if (length == 0 || length > 18 || strspn(digits, "0123456789") != length) {
        return false;
    }
    *value = strtoll(item->valuestring, NULL, 10);
    return true;
}

void bs_buffer_append_text(struct bs_buffer *buffer, const char *text)
{
    bs_buffer_append(buffer, text, strlen(text));
}

void bs_json_append_characters(struct bs_buffer *buffer, const uint8_t *text, size_t size)
{
    static const char hex[] = "0123456789abcdef";
    const uint8_t *end = text + size;
    for (const uint8_t *start = text;;) {
        const uint8_t *at = start;
        while (at < end && *at >= 0x20 && *at != '"' && *at != '\\') {
            at++;
        }
        bs_buffer_append(buffer, start, (size_t)(at - start));
        if (at == end) {
            return;
        }
        if (*at == '"' || *at == '\\') {
            bs_buffer_append(buffer, (char[]){'\\', (char)*at}, 2);
        } else {
            bs_buffer_append(buffer, (char[]){'\\', 'u', '0', '0', hex[*at >> 4], hex[*at & 15]},
                             6);
        }
        start = at + 1;
    }
}

void bs_json_append_string(struct bs_buffer *buffer, const char *text)
{
    bs_buffer_append(buffer, "\"", 1);
    bs_json_append_characters(buffer, (const uint8_t *)text, strlen(text));
    bs_buffer_append(buffer, "\"", 1);
}

/* Billionths, where that is exactly the number: six digits before the point and nine behind it are
 * fewer than the fifteen that a double always keeps. */
static bool append_billionths(struct bs_buffer *buffer, double number)
{
    double billionths = nearbyint(number * 1e9);
    if (!(number >= 0 && number < 1e6) || billionths / 1e9 != number) {
        return false;
    }
    uint64_t whole = (uint64_t)billionths / 1000000000u;
    uint32_t rest = (uint32_t)((uint64_t)billionths % 1000000000u);
    char text[24];
    size_t at = sizeof text;
    int digits = 9;
    for (; digits > 0 && rest % 10 == 0; digits--) {
        rest /= 10;
    }
    for (; digits > 0; digits--, rest /= 10) {
        text[--at] = (char)('0' + rest % 10);
        if (digits == 1) {
            text[--at] = '.';
        }
    }
    do {
        text[--at] = (char)('0' + whole % 10);
        whole /= 10;
    } while (whole > 0);
    bs_buffer_append(buffer, text + at, sizeof text - at);
    return true;
}

void bs_json_append_number(struct bs_buffer *buffer, double number)
{
    char text[40];
    if (append_billionths(buffer, number)) {
        return;
    }
    (void)snprintf(text, sizeof text, "%.15g", number);
    if (strtod(text, NULL) != number) {
        (void)snprintf(text, sizeof text, "%.17g", number);
    }
    bs_buffer_append_text(buffer, text);
}

void bs_json_append_item(struct bs_buffer *buffer, const cJSON *item)
{
    char *text = cJSON_PrintUnformatted(item);
    BS_ASSERT(text != NULL);
    bs_buffer_append_text(buffer, text);
    cJSON_free(text);
}

static bool continues(const uint8_t *text, size_t size, size_t index)
{
    return index < size && (text[index] & 0xc0) == 0x80;
}

size_t bs_utf8_sequence(const uint8_t *text, size_t size)
{
    if (size == 0) {
        return 0;
    }
    uint8_t first = text[0];
    if (first < 0x80) {
        return 1;
    }
    if (first < 0xc2 || first > 0xf4 || !continues(text, size, 1)) {
        return 0;
    }
    if (first < 0xe0) {
        return 2;
    }
    uint8_t second = text[1];
    bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
    bool surrogate = first == 0xed && second > 0x9f;
    bool beyond = first == 0xf4 && second > 0x8f;
    if (overlong || surrogate || beyond || !continues(text, size, 2)) {
        return 0;
    }
    if (first < 0xf0) {
        return 3;
    }
    return continues(text, size, 3) ? 4 : 0;
}

size_t bs_utf8_encode(uint32_t point, uint8_t bytes[4])
{
    if (point < 0x80) {
        bytes[0] = (uint8_t)point;
        return 1;
    }
    if (point < 0x800) {
        bytes[0] = (uint8_t)(0xc0 | point >> 6);
        bytes[1] = (uint8_t)(0x80 | (point & 0x3f));
        return 2;
    }
    if (point < 0x10000) {
        bytes[0] = (uint8_t)(0xe0 | point >> 12);
        bytes[1] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
        bytes[2] = (uint8_t)(0x80 | (point & 0x3f));
        return 3;
    }
    bytes[0] = (uint8_t)(0xf0 | point >> 18);
    bytes[1] = (uint8_t)(0x80 | (point >> 12 & 0x3f));
    bytes[2] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
    bytes[3] = (uint8_t)(0x80 | (point & 0x3f));
    return 4;
}

size_t bs_utf8_length(const char *text)
{
    size_t length = 0;
    for (; *text != '\0'; text++) {
        length += ((uint8_t)*text & 0xc0) != 0x80;
    }
    return length;
}

void bs_utf8_repair(const uint8_t *text, size_t size, struct bs_buffer *out)
{
    size_t start = 0, at = 0;
    while (at < size) {
        size_t length = bs_utf8_sequence(text + at, size - at);
        if (length > 0) {
            at += length;
            continue;
        }
        bs_buffer_append(out, text + start, at - start);
        bs_buffer_append(out, "\xef\xbf\xbd", 3);
        start = ++at;
    }
    bs_buffer_append(out, text + start, size - start);
}

void bs_utf8_copy_cut(const char *text, size_t size, char *out, size_t room)
{
    BS_ASSERT(room > 0);
    const uint8_t *bytes = (const uint8_t *)text;
    size_t used = 0;
    for (size_t at = 0; at < size;) {
        size_t length = bs_utf8_sequence(bytes + at, size - at);
        bool control = length == 1 && (bytes[at] < 0x20 || bytes[at] == 0x7f);
        bool c1_control = length == 2 && bytes[at] == 0xc2 && bytes[at + 1] < 0xa0;
        const char *from = control || c1_control ? " " : length == 0 ? "\xef\xbf\xbd" : text + at;
        size_t width = control || c1_control ? 1 : length == 0 ? 3 : length;
        if (width >= room - used) {
            break;
        }
        memcpy(out + used, from, width);
        used += width;
        at += length == 0 ? 1 : length;
    }
    out[used] = '\0';
}
