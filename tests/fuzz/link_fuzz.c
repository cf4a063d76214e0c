/* URLs: a configured service, an address to listen on, a place in a bucket, a job's link. */
#include <stdlib.h>
#include <string.h>

#include "formats/object_name.h"
#include "formats/url.h"
#include "fuzz.h"

static void check_url(const char *text)
{
    struct bs_url url;
    if (!bs_url_parse(text, &url)) {
        return;
    }
    BS_ASSERT(url.host > text && url.host_length >= 1 && url.port >= 1);
    BS_ASSERT(url.path >= url.host + url.host_length && url.path <= text + strlen(text));
    BS_ASSERT(url.path[0] == '\0' || url.path[0] == '/');
    BS_ASSERT(memchr(url.host, '@', url.host_length) == NULL && strpbrk(text, "?#\\ ") == NULL);
    if (bs_url_is_loopback(&url)) {
        BS_ASSERT(strncmp(url.host, "127.", 4) == 0 || strncmp(url.host, "[::1]", 5) == 0 ||
                  strncmp(url.host, "localhost", 9) == 0);
    }
}

static void check_listen(const char *text)
{
    size_t length;
    uint16_t port;
    if (bs_listen_parse(text, &length, &port)) {
        BS_ASSERT(length >= 1 && text[length] == ':' && atoi(text + length + 1) == port);
    }
}

static void check_place(const char *text)
{
    size_t length;
    const char *key;
    if (bs_s3_uri_parse(text, true, &length, &key)) {
        BS_ASSERT(length >= 2 && length <= 63 && key == text + 5 + length + 1 && key[0] != '\0');
        BS_ASSERT(bs_s3_uri_parse(text, false, &length, &key) && bs_link_well_formed(text));
    }
}

/* The link leads to the endpoint and to a bucket that is allowed, and says so again when it is
 * given as a job's link itself. */
static void check_link(const struct bs_config *config, const char *text)
{
    struct bs_buffer link = {0}, again = {0};
    char message[BS_MESSAGE_MAX] = "";
    if (!bs_link_well_formed(text)) {
        return;
    }
    if (bs_link_normalise(config, text, &link, message) != BS_DEAD_NONE) {
        BS_ASSERT(link.size == 0 && message[0] != '\0');
        BS_ASSERT(fuzz_is_message(message, sizeof message));
        return;
    }
    bs_buffer_append(&link, "", 1);
    const char *out = (const char *)link.data;
    const char *prefix = config->objects.virtual_host_style ? "https://recordings.s.example:8443/"
                                                            : "https://s.example:8443/recordings/";
    BS_ASSERT(strncmp(out, prefix, strlen(prefix)) == 0 && strlen(out) > strlen(prefix));
    const char *key = out + strlen(prefix);
    BS_ASSERT(strpbrk(key, "?#@\\ \"") == NULL && strstr(key, "/../") == NULL);
    BS_ASSERT(strncmp(key, "../", 3) != 0);
    BS_ASSERT(strlen(key) <= 3 * strlen(text));
    for (const char *at = key; *at != '\0'; at++) {
        BS_ASSERT(*at > ' ' && *at <= '~');
    }
    BS_ASSERT(bs_link_well_formed(out));
    BS_ASSERT(bs_link_normalise(config, out, &again, message) == BS_DEAD_NONE);
    BS_ASSERT(again.size == strlen(out) && memcmp(again.data, out, again.size) == 0);
    struct bs_object_name name;
    BS_ASSERT(bs_object_name_of_link(config, out, &name));
    BS_ASSERT(strcmp(name.bucket, "recordings") == 0 && name.key[0] != '\0');
    again.size = 0;
    bs_object_name_link(config, &name, &again);
    BS_ASSERT(strcmp((const char *)again.data, out) == 0);
    bs_object_name_free(&name);
    bs_buffer_free(&link);
    bs_buffer_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct bs_config *by_path, *by_host;
    if (by_path == NULL) {
        const char *path[] = {"objects.endpoint=https://s.example:8443",
                              "objects.buckets=[\"recordings\"]", NULL};
        const char *host[] = {"objects.endpoint=https://s.example:8443",
                              "objects.buckets=[\"recordings\"]", "objects.style=virtual_host",
                              NULL};
        by_path = fuzz_config(path);
        by_host = fuzz_config(host);
    }
    char *text = fuzz_text((struct bs_bytes){.data = data, .size = size});
    check_url(text);
    check_listen(text);
    check_place(text);
    check_link(by_path, text);
    check_link(by_host, text);
    free(text);
    return 0;
}
