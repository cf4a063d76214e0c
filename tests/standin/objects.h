/* The files of a folder as an object store's: /<bucket>/<key>. */
#ifndef STANDIN_OBJECTS_H
#define STANDIN_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>

#include "answer.h"
#include "request.h"

/* Percent-decodes in place, up to a '?'. False for a bad escape or a NUL. */
BS_MUST_CHECK bool objects_decode(char *text);

/* The file of a path (percent-encoded, query ignored) below `folder`; NULL for a path that names
 * none or climbs out of the folder. The caller frees. */
char *objects_path(const char *folder, const char *target);

/* Answers GET (with a single range) and HEAD. */
void objects_serve(const char *folder, const struct request *request, struct answer *answer);

#endif
