#include "commands/identity.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *bs_text_print(const char *format, ...)
{
    char *text;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    BS_ASSERT(length >= 0);
    return text;
}

void bs_identity_add(char **identity, const char *name, const char *value)
{
    value = value == NULL ? "" : value;
    char *longer = bs_text_print("%s %s=%zu:%s", *identity, name, strlen(value), value);
    free(*identity);
    *identity = longer;
}

const char *bs_identity_brokers(const struct bs_config *config)
{
    for (size_t i = 0; i < config->kafka_count; i++) {
        if (strcmp(config->kafka[i].name, "bootstrap.servers") == 0) {
            return config->kafka[i].value == NULL ? "" : config->kafka[i].value;
        }
    }
    return "";
}
