/* The pages of the admin endpoint, as text made from facts. Private to the edge; admin.c serves
 * them. */
#ifndef BS_EDGES_ADMIN_PAGES_H
#define BS_EDGES_ADMIN_PAGES_H

#include <stdbool.h>

#include "edges/admin.h"
#include "formats/message.h"

/* Prometheus text format 0.0.4; docs/reference/metrics.md tells what each metric means. Appends. */
void bs_admin_write_metrics(const struct bs_admin_facts *facts, struct bs_buffer *page);

/* JSON, one object (schemas/status.schema.json): what `watch` shows. Appends. */
void bs_admin_write_status(const struct bs_admin_facts *facts, struct bs_now now,
                           struct bs_buffer *page);

/* "ready", or a line `reason: text` for each reason. Appends; returns whether the worker is ready.
 */
bool bs_admin_write_readiness(const struct bs_admin_facts *facts, struct bs_buffer *page);

/* Appends as printf does. */
void bs_admin_print(struct bs_buffer *page, const char *format, ...) BS_PRINTF(2, 3);

#endif
