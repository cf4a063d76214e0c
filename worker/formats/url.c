#include "formats/url.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter_or_digit(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Decimal without leading zeros, at most 65535. */
static bool read_port(const char *text, size_t length, uint16_t *port)
{
    if (length == 0 || length > 5 || (length > 1 && text[0] == '0')) {
        return false;
    }
    uint32_t value = 0;
    for (size_t i = 0; i < length; i++) {
        if (!is_digit(text[i])) {
            return false;
        }
        value = value * 10 + (uint32_t)(text[i] - '0');
    }
    *port = (uint16_t)value;
    return value <= 65535;
}

/* The length of the host at `text`: a name, an IPv4 address, or an IPv6 one in brackets; 0 = none.
 */
static size_t host_length(const char *text)
{
    if (text[0] == '[') {
        size_t inner = strspn(text + 1, "0123456789abcdefABCDEF:.");
        return inner > 0 && text[inner + 1] == ']' ? inner + 2 : 0;
    }
    size_t length = 0;
    while (is_letter_or_digit(text[length]) ||
           (text[length] != '\0' && strchr("._-", text[length]))) {
        length++;
    }
    return length;
}

/* Printable ASCII that may stand in the path of a configured URL as it is. */
static bool is_path(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text <= ' ' || *text > '~' || strchr("?#\"<>\\^`{|}", *text) != NULL) {
            return false;
        }
    }
    return true;
}

bool bs_url_parse(const char *text, struct bs_url *url)
{
    url->https = strncmp(text, "https://", 8) == 0;
    if (!url->https && strncmp(text, "http://", 7) != 0) {
        return false;
    }
    url->host = text + (url->https ? 8 : 7);
    url->host_length = host_length(url->host);
    url->port = url->https ? 443 : 80;
    const char *rest = url->host + url->host_length;
    if (url->host_length == 0) {
        return false;
    }
    if (*rest == ':') {
        size_t length = strcspn(rest + 1, "/");
        if (!read_port(rest + 1, length, &url->port) || url->port == 0) {
            return false;
        }
        rest += 1 + length;
    }
    url->path = rest;
    return (*rest == '\0' || *rest == '/') && is_path(rest);
}

/* Four decimal parts without leading zeros, the first 127. */
static bool is_ipv4_loopback(const char *text, size_t length)
{
    if (length < 4 || strncmp(text, "127.", 4) != 0) {
        return false;
    }
    int parts = 0;
    for (size_t at = 3; at < length; parts++) {
        size_t digits = 0;
        while (at + 1 + digits < length && is_digit(text[at + 1 + digits])) {
            digits++;
        }
        uint16_t part;
        if (text[at] != '.' || !read_port(text + at + 1, digits, &part) || part > 255) {
            return false;
        }
        at += 1 + digits;
    }
    return parts == 3;
}

bool bs_url_is_loopback(const struct bs_url *url)
{
    static const char *const names[] = {"localhost", "[::1]"};
    for (size_t i = 0; i < 2; i++) {
        if (url->host_length == strlen(names[i]) &&
            strncmp(url->host, names[i], url->host_length) == 0) {
            return true;
        }
    }
    return is_ipv4_loopback(url->host, url->host_length);
}

bool bs_listen_parse(const char *text, size_t *length, uint16_t *port)
{
    *length = host_length(text);
    return *length > 0 && text[*length] == ':' &&
           read_port(text + *length + 1, strlen(text + *length + 1), port);
}

/* The length of the bucket's name at `text`; 0 = none. Letters of either case: old buckets exist.
 */
static size_t bucket_length(const char *text)
{
    size_t length = 0;
    while (is_letter_or_digit(text[length]) ||
           (length > 0 && text[length] != '\0' && strchr("._-", text[length]) != NULL)) {
        length++;
    }
    return length >= 2 && length <= 63 ? length : 0;
}

static bool has_control_character(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((uint8_t)*text < 0x20 || *text == 0x7f) {
            return true;
        }
    }
    return false;
}

bool bs_s3_uri_parse(const char *text, bool key_needed, size_t *length, const char **key)
{
    if (strncmp(text, "s3://", 5) != 0) {
        return false;
    }
    *length = bucket_length(text + 5);
    const char *rest = text + 5 + *length;
    if (*length == 0 || (*rest != '/' && (key_needed || *rest != '\0')) ||
        has_control_character(rest)) {
        return false;
    }
    *key = *rest == '/' ? rest + 1 : rest;
    return !key_needed || **key != '\0';
}

/* ---- links ------------------------------------------------------------------------------------
 */

static int hex_value(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c == '\0' ? NULL : strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);
    return at == NULL ? -1 : (int)(at - digits);
}

/* The byte that %XX at `text` stands for; -1 when it does not stand for one, or for NUL. */
static int percent_byte(const char *text)
{
    int high = hex_value(text[1]), low = high < 0 ? -1 : hex_value(text[2]);
    return low < 0 || high * 16 + low == 0 ? -1 : high * 16 + low;
}

static const char *after_scheme(const char *text)
{
    if (strncmp(text, "https://", 8) == 0) {
        return text + 8;
    }
    return strncmp(text, "http://", 7) == 0 ? text + 7 : NULL;
}

bool bs_link_well_formed(const char *text)
{
    size_t bucket;
    const char *key;
    if (strncmp(text, "s3://", 5) == 0) {
        return bs_s3_uri_parse(text, true, &bucket, &key);
    }
    const char *authority = after_scheme(text);
    if (authority == NULL || has_control_character(authority)) {
        return false;
    }
    size_t length = 0;
    while (authority[length] > ' ' && strchr("/?#", authority[length]) == NULL) {
        length++; /* a byte over ASCII is negative, or above '~' */
        if ((uint8_t)authority[length - 1] > '~') {
            return false;
        }
    }
    if (length == 0 || authority[length] != '/') {
        return false;
    }
    const char *path = authority + length + 1, *at = path;
    for (; *at != '\0' && *at != '?' && *at != '#'; at++) {
        if (*at == '%' && percent_byte(at) < 0) {
            return false;
        }
    }
    return at > path;
}

/* Where an object stands: pieces of a text. */
struct place {
    const char *bucket, *key;
    size_t bucket_length, key_length;
    bool bucket_in_host; /* so that its letters' case says nothing */
};

static enum bs_dead_letter_code forbid(char *message, const char *reason, const char *what,
                                       size_t length)
{
    int shown = length > 100 ? 100 : (int)length;
    (void)snprintf(message, BS_MESSAGE_MAX, "audio.uri: %s%.*s", reason, shown, what);
    return BS_DEAD_AUDIO_FORBIDDEN;
}

static bool is_bucket(const char *name)
{
    return name[0] != '\0' && bucket_length(name) == strlen(name);
}

static bool same_host(const char *left, const char *right, size_t length)
{
    return strncasecmp(left, right, length) == 0;
}

/* The authority must be the endpoint, or the bucket's name, a dot and the endpoint. `path` is
 * decoded, behind its first slash. */
static enum bs_dead_letter_code locate(const struct bs_url *endpoint, const char *text,
                                       struct bs_buffer *path, struct place *place, char *message)
{
    const char *authority = after_scheme(text);
    size_t length = strcspn(authority, "/");
    if (memchr(authority, '@', length) != NULL) {
        return forbid(message, "a link must not carry a user or a password", "", 0);
    }
    if (endpoint->https != (strncmp(text, "https:", 6) == 0)) {
        return forbid(message, "the link is not ", endpoint->https ? "https" : "http", 5);
    }
    size_t host = host_length(authority);
    uint16_t port = endpoint->https ? 443 : 80;
    bool port_given = host < length && authority[host] == ':';
    if (host == 0 || (host < length && !port_given) ||
        (port_given && !read_port(authority + host + 1, length - host - 1, &port)) ||
        port != endpoint->port || host < endpoint->host_length ||
        !same_host(authority + host - endpoint->host_length, endpoint->host,
                   endpoint->host_length)) {
        return forbid(message, "the recording is not at objects.endpoint but at ", authority,
                      length);
    }
    const char *start = path->size == 0 ? "" : (const char *)path->data;
    if (host == endpoint->host_length) {
        const char *slash = memchr(start, '/', path->size);
        place->bucket = start;
        place->bucket_length = slash == NULL ? path->size : (size_t)(slash - start);
        place->key = slash == NULL ? start + path->size : slash + 1;
    } else {
        size_t prefix = host - endpoint->host_length;
        if (authority[prefix - 1] != '.') {
            return forbid(message, "the recording is not at objects.endpoint but at ", authority,
                          length);
        }
        place->bucket = authority;
        place->bucket_length = prefix - 1;
        place->bucket_in_host = true;
        place->key = start;
    }
    place->key_length = (size_t)(start + path->size - place->key);
    return BS_DEAD_NONE;
}

/* The path of an http(s) link without query and fragment, %XX decoded. Never empty. */
static void decode_path(const char *text, struct bs_buffer *out)
{
    const char *at = strchr(after_scheme(text), '/') + 1;
    for (; *at != '\0' && *at != '?' && *at != '#'; at++) {
        uint8_t byte = (uint8_t)*at;
        if (*at == '%') {
            byte = (uint8_t)percent_byte(at);
            at += 2;
        }
        bs_buffer_append(out, &byte, 1);
    }
}

bool bs_key_has_dot_segment(const char *key)
{
    for (const char *at = key;; at++) {
        size_t size = strcspn(at, "/");
        if ((size == 1 && at[0] == '.') || (size == 2 && at[0] == '.' && at[1] == '.')) {
            return true;
        }
        at += size;
        if (*at == '\0') {
            return false;
        }
    }
}

static bool bucket_allowed(const struct bs_config *config, const char *bucket)
{
    for (size_t i = 0; i < config->objects.bucket_count; i++) {
        if (strcmp(config->objects.buckets[i], bucket) == 0) {
            return true;
        }
    }
    return config->objects.bucket_count == 0;
}

static void append_encoded(struct bs_buffer *out, const char *key, size_t length)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < length; i++) {
        char c = key[i];
        if (is_letter_or_digit(c) || (c != '\0' && strchr("-_.~/", c) != NULL)) {
            bs_buffer_append(out, &c, 1);
        } else {
            bs_buffer_append(out, (char[]){'%', hex[(uint8_t)c >> 4], hex[(uint8_t)c & 15]}, 3);
        }
    }
}

bool bs_bucket_in_host(const struct bs_config *config, const char *bucket)
{
    if (!config->objects.virtual_host_style) {
        return false;
    }
    size_t length = strlen(bucket);
    for (const char *at = bucket; *at != '\0'; at++) {
        if (!is_digit(*at) && !(*at >= 'a' && *at <= 'z') && *at != '-') {
            return false;
        }
    }
    return bucket[length - 1] != '-';
}

void bs_link_append(const struct bs_config *config, const struct bs_object_name *name,
                    struct bs_buffer *link)
{
    const char *base = config->objects.endpoint;
    if (bs_bucket_in_host(config, name->bucket)) {
        const char *host = after_scheme(base);
        bs_buffer_append(link, base, (size_t)(host - base));
        bs_buffer_append(link, name->bucket, strlen(name->bucket));
        bs_buffer_append(link, ".", 1);
        bs_buffer_append(link, host, strlen(host));
    } else {
        bs_buffer_append(link, base, strlen(base));
        bs_buffer_append(link, "/", 1);
        bs_buffer_append(link, name->bucket, strlen(name->bucket));
    }
    bs_buffer_append(link, "/", 1);
    append_encoded(link, name->key, strlen(name->key));
}

static void own(const struct place *place, struct bs_object_name *name)
{
    name->bucket = strndup(place->bucket, place->bucket_length);
    name->key = strndup(place->key, place->key_length);
    BS_ASSERT(name->bucket != NULL && name->key != NULL);
    for (char *at = name->bucket; place->bucket_in_host && *at != '\0'; at++) {
        *at = *at >= 'A' && *at <= 'Z' ? (char)(*at - 'A' + 'a') : *at;
    }
}

enum bs_dead_letter_code bs_link_locate(const struct bs_config *config, const char *text,
                                        struct bs_object_name *name, char *message)
{
    struct bs_url endpoint;
    struct bs_buffer path = {0};
    struct place place = {0};
    enum bs_dead_letter_code refusal = BS_DEAD_NONE;
    *name = (struct bs_object_name){0};
    BS_ASSERT(bs_url_parse(config->objects.endpoint, &endpoint));
    if (bs_s3_uri_parse(text, true, &place.bucket_length, &place.key)) {
        place.bucket = text + 5;
        place.key_length = strlen(place.key);
    } else {
        decode_path(text, &path);
        refusal = locate(&endpoint, text, &path, &place, message);
    }
    if (refusal != BS_DEAD_NONE) {
        bs_buffer_free(&path);
        return refusal;
    }
    own(&place, name);
    bs_buffer_free(&path);
    if (!is_bucket(name->bucket) || name->key[0] == '\0') {
        refusal = forbid(message, "the link names no object in a bucket", "", 0);
    } else if (bs_key_has_dot_segment(name->key)) {
        refusal = forbid(message, "a key with a segment . or .. could lead elsewhere", "", 0);
    } else if (!bucket_allowed(config, name->bucket)) {
        refusal =
            forbid(message, "objects.buckets does not list ", name->bucket, strlen(name->bucket));
    }
    if (refusal != BS_DEAD_NONE) {
        bs_object_name_free(name);
    }
    return refusal;
}

enum bs_dead_letter_code bs_link_normalise(const struct bs_config *config, const char *text,
                                           struct bs_buffer *link, char *message)
{
    struct bs_object_name name;
    enum bs_dead_letter_code refusal = bs_link_locate(config, text, &name, message);
    if (refusal == BS_DEAD_NONE) {
        bs_link_append(config, &name, link);
        bs_object_name_free(&name);
    }
    return refusal;
}
