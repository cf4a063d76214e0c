#include "s3_encoding.h"

#include <stdlib.h>
#include <string.h>

static bool unreserved(char byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
           (byte >= '0' && byte <= '9') || (byte != '\0' && strchr("-_.~", byte) != NULL);
}

void s3_encode(const char *text, const char *plain, struct buffer *out)
{
    for (; *text != '\0'; text++) {
        if (unreserved(*text) || strchr(plain, *text) != NULL) {
            buffer_add(out, text, 1);
        } else {
            buffer_format(out, "%%%02X", (unsigned)(unsigned char)*text);
        }
    }
}

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    digit = (char)(digit | 0x20);
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

char *s3_decode(const char *text, size_t length, bool plus)
{
    char *decoded = malloc(length + 1);
    BS_ASSERT(decoded != NULL);
    char *to = decoded;
    for (size_t i = 0; i < length; i++) {
        char byte = text[i];
        if (byte == '%') {
            int high = i + 2 < length ? hex_digit(text[i + 1]) : -1;
            int low = high < 0 ? -1 : hex_digit(text[i + 2]);
            byte = low < 0 ? '\0' : (char)(high * 16 + low);
            i += 2;
        } else if (byte == '+' && plus) {
            byte = ' ';
        }
        if (byte == '\0') {
            free(decoded);
            return NULL;
        }
        *to++ = byte;
    }
    *to = '\0';
    return decoded;
}
