/* The scanner behind json.h. Internal to formats. */
#ifndef BS_FORMATS_JSON_SCAN_H
#define BS_FORMATS_JSON_SCAN_H

#include "formats/json.h"

/* Whether the text is one JSON value. `repair` NULL: strict, as bs_json_check says. Otherwise it is
 * `text` itself, valid UTF-8, and what bs_json_parse_tolerant tolerates is mended in place; names
 * given twice cannot be, `doubles` tells of them. */
BS_MUST_CHECK bool bs_json_scan(const uint8_t *text, size_t size, uint8_t *repair, bool *doubles,
                                struct bs_json_problem *problem);

#endif
