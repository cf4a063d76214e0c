/* URLs of the configuration and links to recordings. Internal to formats. Any thread. */
#ifndef BS_FORMATS_URL_H
#define BS_FORMATS_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/core.h"
#include "formats/config.h"
#include "formats/message.h"
#include "formats/object_name.h"

/* A configured service: http or https, host, optional port and path. Pieces of the text itself. */
struct bs_url {
    bool https;
    const char *host; /* with the brackets of an IPv6 address */
    size_t host_length;
    uint16_t port;    /* the scheme's own where none is given */
    const char *path; /* "" or begins with a slash; up to the text's end */
};

/* False when the text is not such a URL, or has a user, query or fragment. */
BS_MUST_CHECK bool bs_url_parse(const char *text, struct bs_url *url);
/* localhost, 127.0.0.0/8 or [::1]. */
bool bs_url_is_loopback(const struct bs_url *url);

/* "host:port" to listen on, the port from 0. False when the text is anything else. */
BS_MUST_CHECK bool bs_listen_parse(const char *text, size_t *host_length, uint16_t *port);

/* "s3://bucket/" and a key or prefix; `key_needed`: not an empty one. */
BS_MUST_CHECK bool bs_s3_uri_parse(const char *text, bool key_needed, size_t *bucket_length,
                                   const char **key);

/* Whether the text has the form of a link that a job may give: s3, http or https, as
 * schemas/job.schema.json has it. */
bool bs_link_well_formed(const char *text);
/* Whether a segment of the key is "." or "..": a server that resolves those would be led to another
 * bucket. */
bool bs_key_has_dot_segment(const char *key);

/* Finds the object that a well-formed link names: at the configured endpoint, in a bucket that jobs
 * may name. A bucket in the host's name is told in lower case, for a host's name has no case.
 * Anything but BS_DEAD_NONE is a refusal with its reason in `message` (BS_MESSAGE_MAX bytes), which
 * shows nothing of the query: that may carry a signature; `name` is empty then. The caller frees
 * `name`. */
enum bs_dead_letter_code bs_link_locate(const struct bs_config *config, const char *text,
                                        struct bs_object_name *name, char *message);
/* Whether the bucket stands in the host's name: by the configured style, but one that is no label
 * of a host's name (with a dot it is none: the endpoint's certificate does not cover it) always
 * stands in the path. */
bool bs_bucket_in_host(const struct bs_config *config, const char *bucket);
/* The object's link at the endpoint, the key percent-encoded; without a NUL. */
void bs_link_append(const struct bs_config *config, const struct bs_object_name *name,
                    struct bs_buffer *link);
/* Both: turns a well-formed link, of any form, into the one that the API is given, without query
 * and fragment. Refuses as bs_link_locate does. */
enum bs_dead_letter_code bs_link_normalise(const struct bs_config *config, const char *text,
                                           struct bs_buffer *link, char *message);

#endif
