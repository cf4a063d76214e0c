/* The scanner: decides what is JSON before cJSON builds a tree of it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/json_scan.h"

/* A few million values are over a million words: far above any recording's transcript, and as many
 * as may be held while an answer is read. */
#define NODES_MAX 4000000u
/* Up to so many names, comparing each with each is quicker than sorting. */
#define FEW_NAMES 12

/* A member's name, unescaped: in the text itself, or (one with escapes) in `unescaped`. */
struct name {
    size_t at, size;
    bool unescaped;
};

struct scanner {
    const uint8_t *text;
    size_t size, at;
    uint8_t *repair; /* the same text, where strings and numbers may be mended; NULL = strict */
    size_t depth, depth_limit;
    const char *reason;
    bool doubles;                                   /* tolerant: an object has a name twice */
    bool spaced;                                    /* white space between values */
    bool escaped;                                   /* a string, but a name, with an escape */
    struct bs_json_nodes *nodes;                    /* NULL: not wanted */
    uint32_t open_node[BS_JSON_DEPTH_MAX_TOLERANT]; /* of the container at that depth */
    struct name member;                             /* the one whose value comes next */

    bool is_object[BS_JSON_DEPTH_MAX_TOLERANT];
    size_t first_name[BS_JSON_DEPTH_MAX_TOLERANT]; /* of the object open at that depth */
    struct name *names;                            /* of all open objects */
    size_t name_count, name_capacity;
    struct bs_buffer unescaped;
};

static bool fail(struct scanner *scanner, const char *reason)
{
    scanner->reason = reason;
    return false;
}

static void skip_space(struct scanner *scanner)
{
    while (scanner->at < scanner->size) {
        uint8_t c = scanner->text[scanner->at];
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
            return;
        }
        scanner->spaced = true;
        scanner->at++;
    }
}

/* The next byte, or -1 at the end. */
static int peek(const struct scanner *scanner)
{
    return scanner->at < scanner->size ? scanner->text[scanner->at] : -1;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* ---- nodes, for who wants them ---- */

static bool is_within_folded(const struct scanner *scanner)
{
    return scanner->nodes->fold_depth > 0 && scanner->depth > scanner->nodes->fold_depth;
}

static bool add_node(struct scanner *scanner, size_t start, bool plain)
{
    struct bs_json_nodes *nodes = scanner->nodes;
    scanner->escaped = scanner->escaped || !plain;
    if (nodes == NULL || is_within_folded(scanner)) {
        return true;
    }
    if (nodes->count == nodes->capacity) {
        if (nodes->count >= NODES_MAX) {
            return fail(scanner, "more values than a transcript has");
        }
        nodes->capacity = nodes->capacity == 0 ? 256 : nodes->capacity * 2;
        nodes->list = realloc(nodes->list, nodes->capacity * sizeof *nodes->list);
        BS_ASSERT(nodes->list != NULL);
    }
    bool member = scanner->depth > 0 && scanner->is_object[scanner->depth - 1];
    nodes->list[nodes->count] = (struct bs_json_node){
        .start = (uint32_t)start,
        .end = (uint32_t)scanner->at,
        .name = member ? (uint32_t)scanner->member.at : 0,
        .name_size = member ? (uint32_t)scanner->member.size : 0,
        .next = nodes->count + 1,
        .plain = plain,
        .name_plain = !scanner->member.unescaped,
    };
    nodes->count++;
    return true;
}

/* The container that ends here. */
static void close_node(struct scanner *scanner)
{
    if (scanner->nodes != NULL && !is_within_folded(scanner)) {
        struct bs_json_node *node = &scanner->nodes->list[scanner->open_node[scanner->depth]];
        node->folded = scanner->depth == scanner->nodes->fold_depth && scanner->depth > 0;
        node->end = (uint32_t)scanner->at;
        node->next = scanner->nodes->count;
    }
}

/* ---- characters ---- */

/* The four hexadecimal digits at `at`, or -1. */
static int32_t code_unit(const struct scanner *scanner, size_t at)
{
    if (scanner->size - at < 4) {
        return -1;
    }
    int32_t unit = 0;
    for (size_t i = 0; i < 4; i++) {
        int digit = hex_digit(scanner->text[at + i]);
        if (digit < 0) {
            return -1;
        }
        unit = unit * 16 + digit;
    }
    return unit;
}

static void append_code_point(struct bs_buffer *buffer, int32_t point)
{
    uint8_t bytes[4];
    size_t size = bs_utf8_encode((uint32_t)point, bytes);
    bs_buffer_append(buffer, bytes, size);
}

/* A flaw in \uXXXX whose digits stand at `digits`: mended, or the end of it. */
static bool mend_unit(struct scanner *scanner, size_t digits, const char *reason, int32_t *point)
{
    if (scanner->repair == NULL) {
        return fail(scanner, reason);
    }
    memcpy(scanner->repair + digits, "fffd", 4);
    *point = 0xfffd;
    return true;
}

/* Behind "\u". Takes both halves of a surrogate pair. */
static bool scan_unicode_escape(struct scanner *scanner, int32_t *point)
{
    size_t digits = scanner->at;
    *point = code_unit(scanner, digits);
    if (*point < 0) {
        return fail(scanner, "\\u needs four hexadecimal digits");
    }
    scanner->at += 4;
    if (*point == 0) {
        return mend_unit(scanner, digits, "a string contains NUL", point);
    }
    if (*point >= 0xdc00 && *point <= 0xdfff) {
        return mend_unit(scanner, digits, "a lone surrogate", point);
    }
    if (*point < 0xd800 || *point > 0xdbff) {
        return true;
    }
    bool pair = scanner->size - scanner->at >= 6 && scanner->text[scanner->at] == '\\' &&
                scanner->text[scanner->at + 1] == 'u';
    int32_t low = pair ? code_unit(scanner, scanner->at + 2) : -1;
    if (low < 0xdc00 || low > 0xdfff) {
        return mend_unit(scanner, digits, "a lone surrogate", point);
    }
    scanner->at += 6;
    *point = 0x10000 + ((*point - 0xd800) << 10) + (low - 0xdc00);
    return true;
}

/* Behind the backslash. The character goes to `unescaped` where a name is read. */
static bool scan_escape(struct scanner *scanner, struct bs_buffer *unescaped)
{
    static const char letters[] = "\"\\/bfnrtu";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    int c = peek(scanner);
    const char *letter = c <= 0 ? NULL : strchr(letters, c);
    if (letter == NULL) {
        return fail(scanner, "an escape that does not exist");
    }
    scanner->at++;
    int32_t point;
    if (*letter == 'u') {
        if (!scan_unicode_escape(scanner, &point)) {
            return false;
        }
    } else {
        point = (unsigned char)meanings[letter - letters];
    }
    if (unescaped != NULL) {
        append_code_point(unescaped, point);
    }
    return true;
}

/* Behind the opening quote. `unescaped` NULL: the text is only checked. `plain` tells whether the
 * string had no escape. */
static bool scan_string(struct scanner *scanner, struct bs_buffer *unescaped, bool *plain)
{
    *plain = true;
    while (scanner->at < scanner->size) {
        uint8_t c = scanner->text[scanner->at];
        if (unescaped == NULL && c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
            scanner->at++;
            continue;
        }
        if (c == '"') {
            scanner->at++;
            return true;
        }
        if (c == '\\') {
            scanner->at++;
            *plain = false;
            if (!scan_escape(scanner, unescaped)) {
                return false;
            }
            continue;
        }
        if (c < 0x20) {
            if (scanner->repair == NULL) {
                return fail(scanner, "a control character in a string");
            }
            scanner->repair[scanner->at] = ' ';
        }
        size_t length =
            c < 0x80 ? 1
                     : bs_utf8_sequence(scanner->text + scanner->at, scanner->size - scanner->at);
        if (length == 0) {
            return fail(scanner, "not UTF-8");
        }
        if (unescaped != NULL) {
            bs_buffer_append(unescaped, scanner->text + scanner->at, length);
        }
        scanner->at += length;
    }
    return fail(scanner, "a string does not end");
}

/* Behind the opening quote of a member's name: notes it for its value and for the search for
 * doubles. */
static bool scan_name(struct scanner *scanner)
{
    size_t start = scanner->at, unescaped_start = scanner->unescaped.size;
    bool plain;
    if (!scan_string(scanner, NULL, &plain)) {
        return false;
    }
    if (scanner->name_count == scanner->name_capacity) {
        scanner->name_capacity = scanner->name_capacity == 0 ? 32 : scanner->name_capacity * 2;
        scanner->names = realloc(scanner->names, scanner->name_capacity * sizeof *scanner->names);
        BS_ASSERT(scanner->names != NULL);
    }
    struct name *name = &scanner->names[scanner->name_count++];
    *name = (struct name){.at = start, .size = scanner->at - 1 - start, .unescaped = !plain};
    scanner->member = *name;
    if (!plain) {
        scanner->at = start;
        BS_ASSERT(scan_string(scanner, &scanner->unescaped, &plain));
        name->at = unescaped_start;
        name->size = scanner->unescaped.size - unescaped_start;
    }
    return true;
}

static const uint8_t *name_bytes(const struct scanner *scanner, const struct name *name)
{
    return (name->unescaped ? scanner->unescaped.data : scanner->text) + name->at;
}

static int compare_names(const void *left, const void *right, void *context)
{
    const struct scanner *scanner = context;
    const struct name *a = left, *b = right;
    int order = memcmp(name_bytes(scanner, a), name_bytes(scanner, b),
                       a->size < b->size ? a->size : b->size);
    return order != 0 ? order : (a->size > b->size) - (a->size < b->size);
}

static bool same_names(const struct scanner *scanner, const struct name *a, const struct name *b)
{
    return a->size == b->size &&
           memcmp(name_bytes(scanner, a), name_bytes(scanner, b), a->size) == 0;
}

static bool double_among_few(const struct scanner *scanner, const struct name *names, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (same_names(scanner, &names[i], &names[j])) {
                return true;
            }
        }
    }
    return false;
}

/* Sorted, not hashed, so that no input is slow. */
static bool double_among_many(struct scanner *scanner, struct name *names, size_t count)
{
    qsort_r(names, count, sizeof *names, compare_names, scanner);
    for (size_t i = 1; i < count; i++) {
        if (same_names(scanner, &names[i - 1], &names[i])) {
            return true;
        }
    }
    return false;
}

/* At the end of an object: no name twice. */
static bool names_differ(struct scanner *scanner)
{
    size_t first = scanner->first_name[scanner->depth - 1];
    size_t count = scanner->name_count - first;
    scanner->name_count = first;
    if (count < 2) {
        return true;
    }
    struct name *names = scanner->names + first;
    bool found = count <= FEW_NAMES ? double_among_few(scanner, names, count)
                                    : double_among_many(scanner, names, count);
    if (found && scanner->repair == NULL) {
        return fail(scanner, "an object has the same name twice");
    }
    scanner->doubles = scanner->doubles || found;
    return true;
}

static bool scan_digits(struct scanner *scanner)
{
    size_t start = scanner->at;
    while (peek(scanner) >= '0' && peek(scanner) <= '9') {
        scanner->at++;
    }
    return scanner->at > start;
}

/* Numbers that cJSON would not read as they stand. */
static bool fit_number(struct scanner *scanner, size_t start, bool exponent)
{
    size_t length = scanner->at - start;
    if (length <= BS_JSON_NUMBER_LENGTH_MAX && !exponent) {
        return true; /* 63 digits are far below the greatest double */
    }
    if (length > BS_JSON_NUMBER_LENGTH_MAX && scanner->repair == NULL) {
        return fail(scanner, "a number of over 63 characters");
    }
    char *digits = strndup((const char *)scanner->text + start, length);
    BS_ASSERT(digits != NULL);
    double value = strtod(digits, NULL);
    free(digits);
    if (isinf(value) && scanner->repair == NULL) {
        return fail(scanner, "a number that no double holds");
    }
    if (isinf(value) || length > BS_JSON_NUMBER_LENGTH_MAX) {
        char shorter[BS_JSON_NUMBER_LENGTH_MAX + 1];
        int size = snprintf(shorter, sizeof shorter, "%.17g", value);
        memset(scanner->repair + start, ' ', length);
        if (isinf(value)) {
            memcpy(scanner->repair + start, "null", 4); /* the shortest such number is 1e309 */
        } else {
            memcpy(scanner->repair + start, shorter, (size_t)size);
        }
    }
    return true;
}

static bool scan_number(struct scanner *scanner)
{
    static const char wrong[] = "a number is malformed";
    size_t start = scanner->at;
    bool exponent = false;
    if (peek(scanner) == '-') {
        scanner->at++;
    }
    if (peek(scanner) == '0') {
        scanner->at++;
    } else if (!scan_digits(scanner)) {
        return fail(scanner, wrong);
    }
    if (peek(scanner) == '.') {
        scanner->at++;
        if (!scan_digits(scanner)) {
            return fail(scanner, wrong);
        }
    }
    if (peek(scanner) == 'e' || peek(scanner) == 'E') {
        exponent = true;
        scanner->at++;
        if (peek(scanner) == '+' || peek(scanner) == '-') {
            scanner->at++;
        }
        if (!scan_digits(scanner)) {
            return fail(scanner, wrong);
        }
    }
    return fit_number(scanner, start, exponent);
}

static bool scan_word(struct scanner *scanner, const char *word)
{
    size_t length = strlen(word);
    if (scanner->size - scanner->at < length ||
        memcmp(scanner->text + scanner->at, word, length) != 0) {
        return fail(scanner, "no value begins like this");
    }
    scanner->at += length;
    return true;
}

static bool open_container(struct scanner *scanner, bool is_object)
{
    if (scanner->depth == scanner->depth_limit) {
        return fail(scanner, "nested too deeply");
    }
    if (!add_node(scanner, scanner->at, true)) {
        return false;
    }
    scanner->open_node[scanner->depth] = scanner->nodes == NULL ? 0 : scanner->nodes->count - 1;
    scanner->is_object[scanner->depth] = is_object;
    scanner->first_name[scanner->depth] = scanner->name_count;
    scanner->depth++;
    scanner->at++;
    return true;
}

static bool close_container(struct scanner *scanner)
{
    bool is_object = scanner->is_object[scanner->depth - 1];
    if (peek(scanner) != (is_object ? '}' : ']')) {
        return fail(scanner, is_object ? "expected a comma or }" : "expected a comma or ]");
    }
    if (is_object && !names_differ(scanner)) {
        return false;
    }
    scanner->at++;
    scanner->depth--;
    close_node(scanner);
    return true;
}

/* A string, a number or a word. */
static bool scan_scalar(struct scanner *scanner, bool *plain)
{
    *plain = true;
    switch (peek(scanner)) {
    case '"':
        scanner->at++;
        return scan_string(scanner, NULL, plain);
    case 't':
        return scan_word(scanner, "true");
    case 'f':
        return scan_word(scanner, "false");
    case 'n':
        return scan_word(scanner, "null");
    default:
        return peek(scanner) == '-' || (peek(scanner) >= '0' && peek(scanner) <= '9')
                   ? scan_number(scanner)
                   : fail(scanner, "no value begins like this");
    }
}

/* A value, or the beginning of an object or array. */
static bool scan_value(struct scanner *scanner)
{
    int c = peek(scanner);
    size_t start = scanner->at;
    bool plain;
    if (c < 0) {
        return fail(scanner, "the text ends too early");
    }
    if (c == '{' || c == '[') {
        return open_container(scanner, c == '{');
    }
    return scan_scalar(scanner, &plain) && add_node(scanner, start, plain);
}

/* A name, its colon and what follows, up to the value. */
static bool scan_member_start(struct scanner *scanner)
{
    if (peek(scanner) != '"') {
        return fail(scanner, "expected a name in quotes");
    }
    scanner->at++;
    if (!scan_name(scanner)) {
        return false;
    }
    skip_space(scanner);
    if (peek(scanner) != ':') {
        return fail(scanner, "expected a colon");
    }
    scanner->at++;
    skip_space(scanner);
    return true;
}

/* One element of the innermost container, or its end; `begun`: it has elements already. */
static bool scan_element(struct scanner *scanner, bool begun)
{
    bool is_object = scanner->is_object[scanner->depth - 1];
    if (begun) {
        if (peek(scanner) != ',') {
            return close_container(scanner);
        }
        scanner->at++;
        skip_space(scanner);
    } else if (peek(scanner) == (is_object ? '}' : ']')) {
        return close_container(scanner);
    }
    return (!is_object || scan_member_start(scanner)) && scan_value(scanner);
}

static bool scan_document(struct scanner *scanner)
{
    skip_space(scanner);
    if (!scan_value(scanner)) {
        return false;
    }
    bool begun = scanner->depth == 0;
    for (;;) {
        skip_space(scanner);
        if (scanner->depth == 0) {
            return scanner->at == scanner->size || fail(scanner, "something follows the value");
        }
        size_t depth = scanner->depth;
        if (!scan_element(scanner, begun)) {
            return false;
        }
        begun = scanner->depth <= depth;
    }
}

bool bs_json_scan(const uint8_t *text, size_t size, uint8_t *repair, struct bs_json_nodes *nodes,
                  bool *doubles, struct bs_json_problem *problem)
{
    struct scanner scanner = {
        .text = text,
        .size = size,
        .repair = repair,
        .depth_limit = repair == NULL ? BS_JSON_DEPTH_MAX : BS_JSON_DEPTH_MAX_TOLERANT,
        .nodes = nodes,
    };
    bool fits = nodes == NULL || size < UINT32_MAX;
    bool good = fits ? scan_document(&scanner) : fail(&scanner, "too large");
    *problem = (struct bs_json_problem){.offset = scanner.at, .reason = good ? "" : scanner.reason};
    *doubles = scanner.doubles;
    if (nodes != NULL) {
        nodes->tidy = !scanner.spaced && !scanner.escaped;
    }
    free(scanner.names);
    bs_buffer_free(&scanner.unescaped);
    return good;
}
