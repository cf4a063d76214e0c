/* A file's content. */
#ifndef STANDIN_FILE_H
#define STANDIN_FILE_H

#include <stddef.h>

/* The whole content, with room for a NUL behind it; NULL when it cannot be read. The caller frees.
 */
char *file_read(const char *path, size_t *size);

#endif
