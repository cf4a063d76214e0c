/* The API's answers, read where they stand: no tree, no copies, and what goes on into a result is
 * copied as the bytes that it is. Tolerant, as bs_json_parse_tolerant is. Internal to formats. */
#ifndef BS_FORMATS_JSON_VIEW_H
#define BS_FORMATS_JSON_VIEW_H

#include "formats/json_scan.h"

/* A read text. `text` is the caller's, or `mended` where it had a flaw. In a long one without flaws
 * the words' nodes would take more than the text itself: containers that deep inside are folded. */
struct bs_json_view {
    const uint8_t *text;
    struct bs_json_nodes nodes;
    struct bs_buffer mended;
};

/* Reads `size` bytes, which must outlive the view. False with the problem where they are not JSON
 * even after mending. The caller frees with bs_json_view_free in either case. */
BS_MUST_CHECK bool bs_json_view_read(struct bs_json_view *view, const uint8_t *text, size_t size,
                                     struct bs_json_problem *problem);
void bs_json_view_free(struct bs_json_view *view);
/* The container `value` of `view` to look into: itself, or where it is folded what `inside` makes
 * of it (all zero before its first use; used again it keeps its memory; freed by the caller).
 * `*where` is the view that the returned value belongs to. NULL for what is no container, and for
 * one of more values than a transcript has. */
const struct bs_json_node *bs_json_view_unfold(const struct bs_json_view *view,
                                               const struct bs_json_node *value,
                                               struct bs_json_view *inside,
                                               const struct bs_json_view **where);

/* Values are pointers into the view; NULL is none, and every function takes it for one. */
const struct bs_json_node *bs_json_view_root(const struct bs_json_view *view);
const struct bs_json_node *bs_json_view_member(const struct bs_json_view *view,
                                               const struct bs_json_node *object, const char *name);
/* The first value in an array or object, and the one behind it; NULL ends. */
const struct bs_json_node *bs_json_view_first(const struct bs_json_view *view,
                                              const struct bs_json_node *container);
const struct bs_json_node *bs_json_view_next(const struct bs_json_view *view,
                                             const struct bs_json_node *container,
                                             const struct bs_json_node *value);

bool bs_json_view_is_object(const struct bs_json_view *view, const struct bs_json_node *value);
bool bs_json_view_is_array(const struct bs_json_view *view, const struct bs_json_node *value);
bool bs_json_view_is_string(const struct bs_json_view *view, const struct bs_json_node *value);
bool bs_json_view_is_true(const struct bs_json_view *view, const struct bs_json_node *value);
bool bs_json_view_is_null(const struct bs_json_view *view, const struct bs_json_node *value);

/* A string's characters, unescaped: in the text, or appended to `scratch` (then valid until that
 * changes). `data` is NULL where the value is no string. */
struct bs_bytes bs_json_view_string(const struct bs_json_view *view,
                                    const struct bs_json_node *value, struct bs_buffer *scratch);
/* As bs_json_int64. */
BS_MUST_CHECK bool bs_json_view_int64(const struct bs_json_view *view,
                                      const struct bs_json_node *value, int64_t *number);

/* Appends what stands between a string's quotes, escaped as JSON needs it. */
void bs_json_view_append_characters(const struct bs_json_view *view,
                                    const struct bs_json_node *value, struct bs_buffer *out);
/* Appends the value, unformatted; objects' members of the name `without` (NULL: none) are left out,
 * at any depth. */
void bs_json_view_append(const struct bs_json_view *view, const struct bs_json_node *value,
                         const char *without, struct bs_buffer *out);

#endif
