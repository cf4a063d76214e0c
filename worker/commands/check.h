/* backscribe check: a line for each thing that the configuration names.
 *
 *   check.c          the command, and the lines
 *   check_topics.c   topics: what they are, making those that are missing
 *   check_budget.c   what is spent and what is left
 *   check_service.c  the API
 *   check_store.c    credentials and the object store */
#ifndef BS_COMMANDS_CHECK_H
#define BS_COMMANDS_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "edges/kafka_client.h"
#include "edges/tokens.h"
#include "formats/config.h"

enum bs_check_line { BS_CHECK_LINE_OK, BS_CHECK_LINE_WARN, BS_CHECK_LINE_FAIL };

/* What has been found so far; each finding is one line on standard output, at once. */
struct bs_check_report {
    int failures;
};

void bs_check_say(struct bs_check_report *report, enum bs_check_line kind, const char *format, ...)
    BS_PRINTF(3, 4);

/* Looks at the four topics. With `create` it makes the missing ones before (jobs with `partitions`)
 * and lets state grow to as many partitions as jobs. True when all four are there and as they must
 * be, so that what works on them can be tried. */
bool bs_check_topics(struct bs_check_report *report, struct bs_kafka_client *client,
                     const struct bs_config *config, bool create, int32_t partitions);

/* What the fleet has spent, by the group's committed offsets, and what is left of the budget. */
void bs_check_budget(struct bs_check_report *report, struct bs_kafka_client *client,
                     const struct bs_config *config);

/* Gets the credentials of `auth`, one of the configuration's two, and says how that went. The
 * caller destroys them. Blocks up to 20 s. */
struct bs_tokens *bs_check_credentials(struct bs_check_report *report,
                                       const struct bs_config *config, const struct bs_auth *auth);

/* The service's two addresses, with those credentials; submits nothing. Blocks up to half a minute.
 */
void bs_check_service(struct bs_check_report *report, const struct bs_config *config,
                      struct bs_tokens *tokens);

/* The object store: each bucket is listed and read from, a small object is put, read and deleted
 * where copies and transcripts will stand. `tokens` are speechkit.auth's. Blocks up to a minute for
 * each of them when nobody answers. */
void bs_check_store(struct bs_check_report *report, const struct bs_config *config,
                    struct bs_tokens *tokens);

#endif
