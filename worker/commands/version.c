#include "commands/version.h"

#include <stdio.h>

#include "commands/commands.h"
#include "edges/http.h"
#include "edges/kafka_client.h"
#include "edges/objects.h"
#include "formats/gzip.h"

void bs_print_version(void)
{
    printf("backscribe %s\nlibrdkafka %s\nlibcurl %s\nlibs3 %s\nzlib %s\ncJSON %s\n", BS_VERSION,
           bs_librdkafka_version(), bs_curl_version(), bs_libs3_version(), bs_zlib_version(),
           bs_cjson_version());
}
