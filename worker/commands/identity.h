/* What a file that a later run goes on from belongs to: everything on which the outcome depends, as
 * one text. Any thread. */
#ifndef BS_COMMANDS_IDENTITY_H
#define BS_COMMANDS_IDENTITY_H

#include "base/check.h"
#include "formats/config.h"

/* As printf does, into a text that the caller frees. */
BS_MUST_CHECK char *bs_text_print(const char *format, ...) BS_PRINTF(1, 2);

/* Adds `name=value`, the value with its size, which keeps two of them apart; NULL is empty. The old
 * text is freed. */
void bs_identity_add(char **identity, const char *name, const char *value);

/* kafka.bootstrap.servers, or "". */
const char *bs_identity_brokers(const struct bs_config *config);

#endif
