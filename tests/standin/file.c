#include "file.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/check.h"

char *file_read(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rbe");
    struct stat facts;
    if (file == NULL || fstat(fileno(file), &facts) != 0) {
        if (file != NULL) {
            fclose(file);
        }
        return NULL;
    }
    *size = (size_t)facts.st_size;
    char *bytes = malloc(*size + 1);
    BS_ASSERT(bytes != NULL);
    bool whole = fread(bytes, 1, *size, file) == *size;
    fclose(file);
    if (!whole) {
        free(bytes);
        return NULL;
    }
    return bytes;
}
