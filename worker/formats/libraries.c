#include "formats/libraries.h"

#include <cjson/cJSON.h>
#include <openssl/crypto.h>
#include <protobuf-c/protobuf-c.h>
#include <zlib.h>

const char *bs_zlib_version(void)
{
    return zlibVersion();
}

const char *bs_cjson_version(void)
{
    return cJSON_Version();
}

const char *bs_openssl_version(void)
{
    return OpenSSL_version(OPENSSL_VERSION_STRING);
}

const char *bs_protobuf_c_version(void)
{
    return protobuf_c_version();
}
