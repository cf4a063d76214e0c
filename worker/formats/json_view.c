#include "formats/json_view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The answer, its response, chunks, a chunk, its alternatives, an alternative: what lies in a
 * container within those, words, is folded. */
#define FOLD_DEPTH 6
/* In shorter texts the nodes' memory is nothing, and to read words twice is work. */
#define FOLD_OVER_BYTES 262144

/* ---- reading ---- */

/* Names given twice: only a tree can leave out all but the first. */
static bool read_without_doubles(struct bs_json_view *view, const uint8_t *text, size_t size,
                                 struct bs_json_problem *problem)
{
    cJSON *tree = bs_json_parse_tolerant(text, size, problem);
    if (tree == NULL) {
        return false;
    }
    view->mended.size = 0;
    bs_json_append_item(&view->mended, tree);
    cJSON_Delete(tree);
    view->text = view->mended.data;
    view->nodes.count = 0;
    bool doubles;
    return bs_json_scan(view->mended.data, view->mended.size, view->mended.data, &view->nodes,
                        &doubles, problem);
}

static bool read_mended(struct bs_json_view *view, const uint8_t *text, size_t size,
                        struct bs_json_problem *problem)
{
    bs_json_mend_encoding(text, size, &view->mended);
    view->text = view->mended.data;
    view->nodes.count = view->nodes.fold_depth = 0;
    bool doubles;
    if (!bs_json_scan(view->mended.data, view->mended.size - 1, view->mended.data, &view->nodes,
                      &doubles, problem)) {
        return false;
    }
    return !doubles || read_without_doubles(view, text, size, problem);
}

bool bs_json_view_read(struct bs_json_view *view, const uint8_t *text, size_t size,
                       struct bs_json_problem *problem)
{
    *view = (struct bs_json_view){.text = text,
                                  .nodes = {.fold_depth = size > FOLD_OVER_BYTES ? FOLD_DEPTH : 0}};
    bool doubles;
    return bs_json_scan(text, size, NULL, &view->nodes, &doubles, problem) ||
           read_mended(view, text, size, problem);
}

void bs_json_view_free(struct bs_json_view *view)
{
    free(view->nodes.list);
    bs_buffer_free(&view->mended);
    *view = (struct bs_json_view){0};
}

const struct bs_json_node *bs_json_view_unfold(const struct bs_json_view *view,
                                               const struct bs_json_node *value,
                                               struct bs_json_view *inside,
                                               const struct bs_json_view **where)
{
    *where = view;
    if (value == NULL || !value->folded) {
        return value;
    }
    struct bs_json_problem problem;
    bool doubles;
    inside->text = view->text + value->start;
    inside->nodes.count = 0;
    if (!bs_json_scan(inside->text, value->end - value->start, NULL, &inside->nodes, &doubles,
                      &problem)) {
        return NULL;
    }
    *where = inside;
    return bs_json_view_root(inside);
}

/* ---- finding ---- */

const struct bs_json_node *bs_json_view_root(const struct bs_json_view *view)
{
    return view->nodes.count == 0 ? NULL : view->nodes.list;
}

static uint8_t kind(const struct bs_json_view *view, const struct bs_json_node *value)
{
    return value == NULL ? 0 : view->text[value->start];
}

bool bs_json_view_is_object(const struct bs_json_view *view, const struct bs_json_node *value)
{
    return kind(view, value) == '{';
}

bool bs_json_view_is_array(const struct bs_json_view *view, const struct bs_json_node *value)
{
    return kind(view, value) == '[';
}

bool bs_json_view_is_string(const struct bs_json_view *view, const struct bs_json_node *value)
{
    return kind(view, value) == '"';
}

bool bs_json_view_is_true(const struct bs_json_view *view, const struct bs_json_node *value)
{
    return kind(view, value) == 't';
}

bool bs_json_view_is_null(const struct bs_json_view *view, const struct bs_json_node *value)
{
    return kind(view, value) == 'n';
}

const struct bs_json_node *bs_json_view_next(const struct bs_json_view *view,
                                             const struct bs_json_node *container,
                                             const struct bs_json_node *value)
{
    return value->next < container->next ? view->nodes.list + value->next : NULL;
}

const struct bs_json_node *bs_json_view_first(const struct bs_json_view *view,
                                              const struct bs_json_node *container)
{
    bool has_any = container != NULL && container + 1 < view->nodes.list + container->next;
    return has_any ? container + 1 : NULL;
}

static int hex_value(uint8_t c)
{
    return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

static uint32_t code_unit(const uint8_t *digits)
{
    uint32_t unit = 0;
    for (int i = 0; i < 4; i++) {
        unit = unit << 4 | (uint32_t)hex_value(digits[i]);
    }
    return unit;
}

static void append_code_point(struct bs_buffer *out, uint32_t point)
{
    uint8_t bytes[4];
    size_t size = bs_utf8_encode(point, bytes);
    bs_buffer_append(out, bytes, size);
}

/* Escapes of a scanned text are whole, and surrogates come in pairs. */
static void append_unescaped(const uint8_t *text, size_t size, struct bs_buffer *out)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    for (size_t at = 0; at < size;) {
        const uint8_t *escape = memchr(text + at, '\\', size - at);
        size_t end = escape == NULL ? size : (size_t)(escape - text);
        bs_buffer_append(out, text + at, end - at);
        if (escape == NULL) {
            return;
        }
        at = end + 2;
        if (escape[1] != 'u') {
            bs_buffer_append(out, &meanings[strchr(letters, escape[1]) - letters], 1);
            continue;
        }
        uint32_t point = code_unit(escape + 2);
        at += 4;
        if (point >= 0xd800 && point <= 0xdbff) {
            point = 0x10000 + ((point - 0xd800) << 10) + (code_unit(escape + 8) - 0xdc00);
            at += 6;
        }
        append_code_point(out, point);
    }
}

static bool has_name(const struct bs_json_view *view, const struct bs_json_node *value,
                     const char *name, size_t size)
{
    const uint8_t *bytes = view->text + value->name;
    if (value->name_plain) {
        return value->name_size == size && memcmp(bytes, name, size) == 0;
    }
    struct bs_buffer unescaped = {0};
    append_unescaped(bytes, value->name_size, &unescaped);
    bool same = unescaped.size == size && memcmp(unescaped.data, name, size) == 0;
    bs_buffer_free(&unescaped);
    return same;
}

const struct bs_json_node *bs_json_view_member(const struct bs_json_view *view,
                                               const struct bs_json_node *object, const char *name)
{
    size_t size = strlen(name);
    const struct bs_json_node *value =
        bs_json_view_is_object(view, object) ? bs_json_view_first(view, object) : NULL;
    while (value != NULL && !has_name(view, value, name, size)) {
        value = bs_json_view_next(view, object, value);
    }
    return value;
}

/* ---- values ---- */

static struct bs_bytes between_quotes(const struct bs_json_view *view,
                                      const struct bs_json_node *value)
{
    return (struct bs_bytes){.data = view->text + value->start + 1,
                             .size = value->end - value->start - 2};
}

struct bs_bytes bs_json_view_string(const struct bs_json_view *view,
                                    const struct bs_json_node *value, struct bs_buffer *scratch)
{
    if (!bs_json_view_is_string(view, value)) {
        return (struct bs_bytes){.data = NULL, .size = 0};
    }
    struct bs_bytes raw = between_quotes(view, value);
    if (value->plain) {
        return raw;
    }
    size_t start = scratch->size;
    append_unescaped(raw.data, raw.size, scratch);
    return (struct bs_bytes){.data = scratch->data + start, .size = scratch->size - start};
}

bool bs_json_view_int64(const struct bs_json_view *view, const struct bs_json_node *value,
                        int64_t *number)
{
    char text[BS_JSON_NUMBER_LENGTH_MAX + 1];
    uint8_t first = kind(view, value);
    bool is_string = first == '"';
    if (!is_string && first != '-' && !(first >= '0' && first <= '9')) {
        return false;
    }
    size_t start = value->start + (is_string ? 1 : 0);
    size_t size = value->end - value->start - (is_string ? 2 : 0);
    if (size >= sizeof text || (is_string && !value->plain)) {
        return false;
    }
    memcpy(text, view->text + start, size);
    text[size] = '\0';
    cJSON item = {.type = is_string ? cJSON_String : cJSON_Number,
                  .valuestring = text,
                  .valuedouble = is_string ? 0 : strtod(text, NULL)};
    return bs_json_int64(&item, number);
}

/* ---- writing ---- */

void bs_json_view_append_characters(const struct bs_json_view *view,
                                    const struct bs_json_node *value, struct bs_buffer *out)
{
    struct bs_bytes raw = between_quotes(view, value);
    if (value->plain) {
        bs_buffer_append(out, raw.data, raw.size);
        return;
    }
    struct bs_buffer text = {0};
    append_unescaped(raw.data, raw.size, &text);
    bs_json_append_characters(out, text.data, text.size);
    bs_buffer_free(&text);
}

static void append_scalar(const struct bs_json_view *view, const struct bs_json_node *value,
                          struct bs_buffer *out)
{
    if (value->plain) {
        bs_buffer_append(out, view->text + value->start, value->end - value->start);
        return;
    }
    bs_buffer_append(out, "\"", 1);
    bs_json_view_append_characters(view, value, out);
    bs_buffer_append(out, "\"", 1);
}

static void append_value(const struct bs_json_view *view, const struct bs_json_node *value,
                         const char *without, size_t without_size, struct bs_buffer *out);

static void append_folded(const struct bs_json_view *view, const struct bs_json_node *value,
                          const char *without, size_t without_size, struct bs_buffer *out)
{
    struct bs_json_view inside = {0};
    const struct bs_json_view *where;
    const struct bs_json_node *container = bs_json_view_unfold(view, value, &inside, &where);
    if (container == NULL) {
        bs_buffer_append(out, view->text + value->start, value->end - value->start);
    } else {
        append_value(where, container, without, without_size, out);
    }
    bs_json_view_free(&inside);
}

/* As deep as the scanner lets through. */
static void append_value(const struct bs_json_view *view, const struct bs_json_node *value,
                         const char *without, size_t without_size, struct bs_buffer *out)
{
    uint8_t open = view->text[value->start];
    if (open != '{' && open != '[') {
        append_scalar(view, value, out);
        return;
    }
    if (value->folded) {
        append_folded(view, value, without, without_size, out);
        return;
    }
    bool begun = false;
    bs_buffer_append(out, &open, 1);
    for (const struct bs_json_node *each = bs_json_view_first(view, value); each != NULL;
         each = bs_json_view_next(view, value, each)) {
        if (open == '{' && without != NULL && has_name(view, each, without, without_size)) {
            continue;
        }
        bs_buffer_append(out, ",", begun ? 1 : 0);
        begun = true;
        if (open == '{') { /* the name as it stands, with its quotes */
            bs_buffer_append(out, view->text + each->name - 1, (size_t)each->name_size + 2);
            bs_buffer_append(out, ":", 1);
        }
        append_value(view, each, without, without_size, out);
    }
    bs_buffer_append(out, open == '{' ? "}" : "]", 1);
}

void bs_json_view_append(const struct bs_json_view *view, const struct bs_json_node *value,
                         const char *without, struct bs_buffer *out)
{
    if (without == NULL && view->nodes.tidy) {
        bs_buffer_append(out, view->text + value->start, value->end - value->start);
    } else {
        append_value(view, value, without, without == NULL ? 0 : strlen(without), out);
    }
}
