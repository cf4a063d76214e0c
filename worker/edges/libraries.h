/* The versions of libraries that the process runs on, beside those that their own headers here tell
 * (librdkafka, libcurl, libs3). Static. Any thread. */
#ifndef BS_EDGES_LIBRARIES_H
#define BS_EDGES_LIBRARIES_H

/* Of the library that libcurl has its TLS from, with its name: "OpenSSL/3.0.17". */
const char *bs_curl_tls_version(void);
const char *bs_microhttpd_version(void);
/* As libxml2 tells it: 20914 is 2.9.14; behind it may stand what it was built from. */
const char *bs_libxml2_version(void);

#endif
