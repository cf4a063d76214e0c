/* A server on a raw socket whose script decides every byte and every close: faults stand exactly
 * where a test wants them. One thread accepts, one thread serves each connection. */
#ifndef BS_TESTS_UNIT_EDGES_FAULT_SERVER_H
#define BS_TESTS_UNIT_EDGES_FAULT_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fault_server;

/* One accepted connection; `number` counts from 1. Belongs to its thread. */
struct fault_connection {
    struct fault_server *server;
    int fd;
    int number;
};

/* Serves one connection; when it returns, the connection is closed in order. */
typedef void fault_script(struct fault_connection *connection);

/* Listens on a free port of the loopback address. */
struct fault_server *fault_server_start(fault_script *script);
/* Ends every connection, waits for the threads, frees the server. */
void fault_server_stop(struct fault_server *server);

int fault_server_port(const struct fault_server *server);
/* "<scheme>://127.0.0.1:<port><path>"; valid until the next call. */
const char *fault_server_url(struct fault_server *server, const char *scheme, const char *path);
/* Whole requests that were read, and connections that were accepted, so far. Any thread. */
int fault_server_requests(struct fault_server *server);
int fault_server_connections(struct fault_server *server);
/* The text of the last whole request, up to 8 KiB. The caller holds it until the next request. */
const char *fault_server_last_request(struct fault_server *server);
/* From now on new connections are refused; those that stand go on. */
void fault_server_refuse(struct fault_server *server);

/* Reads one request with its body (by Content-Length) and counts it; false at the end. */
bool fault_read_request(struct fault_connection *connection);
/* False when the peer is gone. */
bool fault_write(struct fault_connection *connection, const char *text);
bool fault_write_bytes(struct fault_connection *connection, const void *bytes, size_t size);
/* A whole answer that keeps the connection. */
bool fault_answer(struct fault_connection *connection, int status, const char *headers,
                  const char *body);
/* Returns when the peer has closed or the server stops: a server that hangs. */
void fault_wait_for_close(struct fault_connection *connection);
/* Sends a reset instead of an orderly close when the script returns. */
void fault_reset_on_close(struct fault_connection *connection);
void fault_sleep_ms(int delay_ms);

#endif
