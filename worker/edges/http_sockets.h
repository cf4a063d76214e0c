/* A curl multi handle's sockets and timer on the loop. */
#ifndef BS_EDGES_HTTP_SOCKETS_H
#define BS_EDGES_HTTP_SOCKETS_H

#include <curl/curl.h>
#include <stdint.h>

#include "edges/loop.h"

struct bs_http_sockets;

/* `moved` is called on the loop's thread whenever transfers may have gone on or ended. A connection
 * whose bytes nobody acknowledges for `request_limit_ms` is given up by the kernel. */
struct bs_http_sockets *bs_http_sockets_create(struct bs_loop *loop, CURLM *multi,
                                               int64_t request_limit_ms,
                                               void (*moved)(void *context), void *context);
/* After the multi handle, which closes its connections. */
void bs_http_sockets_destroy(struct bs_http_sockets *sockets);

/* Connections that stand, the kept ones too. */
int32_t bs_http_sockets_open(const struct bs_http_sockets *sockets);

/* CURLOPT_OPENSOCKETFUNCTION and CURLOPT_CLOSESOCKETFUNCTION; the context is the sockets. */
curl_socket_t bs_http_socket_opened(void *context, curlsocktype purpose,
                                    struct curl_sockaddr *address);
int bs_http_socket_closed(void *context, curl_socket_t fd);

#endif
