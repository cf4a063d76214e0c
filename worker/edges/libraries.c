#include "edges/libraries.h"

#include <curl/curl.h>
#include <libxml/parser.h>
#include <microhttpd.h>
#include <stddef.h>

const char *bs_curl_tls_version(void)
{
    const char *version = curl_version_info(CURLVERSION_NOW)->ssl_version;
    return version == NULL ? "no TLS" : version;
}

const char *bs_microhttpd_version(void)
{
    return MHD_get_version();
}

const char *bs_libxml2_version(void)
{
    return xmlParserVersion;
}
