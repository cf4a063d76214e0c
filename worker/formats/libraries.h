/* The versions of the libraries of this room that the process runs on, static. Any thread. */
#ifndef BS_FORMATS_LIBRARIES_H
#define BS_FORMATS_LIBRARIES_H

const char *bs_zlib_version(void);
const char *bs_cjson_version(void);
const char *bs_openssl_version(void);
const char *bs_protobuf_c_version(void);

#endif
