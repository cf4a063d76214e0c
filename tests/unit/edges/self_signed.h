/* A server whose certificate nobody vouches for, made for this run alone. */
#ifndef BS_TESTS_UNIT_EDGES_SELF_SIGNED_H
#define BS_TESTS_UNIT_EDGES_SELF_SIGNED_H

#include "fault_server.h"

/* Fixtures of a cmocka group. */
int self_signed_make(void **state);
int self_signed_free(void **state);

/* Answers a request over TLS with "{}"; counts what it could read of it. */
void self_signed_serve(struct fault_connection *connection);
extern int self_signed_bytes_read;

#endif
