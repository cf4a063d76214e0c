#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

void bs_assert_failed(const char *expression, const char *file, int line)
{
    fprintf(stderr, "backscribe: assertion failed: %s at %s:%d\n", expression, file, line);
    abort();
}
