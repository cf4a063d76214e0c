/* The scanner behind json.h and json_view.h. Internal to formats. */
#ifndef BS_FORMATS_JSON_SCAN_H
#define BS_FORMATS_JSON_SCAN_H

#include "formats/json.h"

/* A value of a scanned text, by its place there. A container's node stands before those in it. */
struct bs_json_node {
    uint32_t start, end;      /* quotes and brackets included */
    uint32_t name, name_size; /* of an object's member, between the quotes; else 0 */
    uint32_t next;            /* index of the first node behind this one and all that is in it */
    bool plain;               /* a string without an escape */
    bool name_plain;          /* false: its name is to be unescaped before it is compared */
    bool folded;              /* a container whose own values have no nodes */
};

struct bs_json_nodes {
    struct bs_json_node *list;
    uint32_t count, capacity;
    uint32_t fold_depth; /* containers within so many others are folded; 0 = none are */
    bool tidy;           /* no white space between values, and no string that has an escape */
};

/* Whether the text is one JSON value. `repair` NULL: strict, as bs_json_check says. Otherwise it is
 * `text` itself, valid UTF-8, and what bs_json_parse_tolerant tolerates is mended in place; names
 * given twice cannot be, `doubles` tells of them. `nodes` (NULL: none) gets every value; the caller
 * frees its list also after a failure. */
BS_MUST_CHECK bool bs_json_scan(const uint8_t *text, size_t size, uint8_t *repair,
                                struct bs_json_nodes *nodes, bool *doubles,
                                struct bs_json_problem *problem);

#endif
