#include "commands/version.h"

#include <stdio.h>

#include "commands/commands.h"
#include "edges/http.h"
#include "edges/kafka_client.h"
#include "edges/libraries.h"
#include "edges/objects.h"
#include "formats/libraries.h"

void bs_print_version(void)
{
    printf("backscribe %s\n", BS_VERSION);
    printf("librdkafka %s\n", bs_librdkafka_version());
    printf("libcurl %s (%s)\n", bs_curl_version(), bs_curl_tls_version());
    printf("libs3 %s\n", bs_libs3_version());
    printf("zlib %s\n", bs_zlib_version());
    printf("cJSON %s\n", bs_cjson_version());
    printf("OpenSSL %s\n", bs_openssl_version());
    printf("protobuf-c %s\n", bs_protobuf_c_version());
    printf("libmicrohttpd %s\n", bs_microhttpd_version());
    printf("libxml2 %s\n", bs_libxml2_version());
}
