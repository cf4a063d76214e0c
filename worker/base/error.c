#include "base/error.h"

#include <stdio.h>

enum bs_error_code bs_error_set(struct bs_error *error, enum bs_error_code code, const char *format,
                                ...)
{
    if (error != NULL) {
        error->code = code;
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
    }
    return code;
}
