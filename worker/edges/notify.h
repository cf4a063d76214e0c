/* The service manager's side of a worker (sd_notify(3)): datagrams to the socket that NOTIFY_SOCKET
 * names, and a sign of life from the loop where WATCHDOG_USEC asks for it. Without NOTIFY_SOCKET it
 * does nothing. Loop's thread only. */
#ifndef BS_EDGES_NOTIFY_H
#define BS_EDGES_NOTIFY_H

#include "edges/loop.h"

struct bs_notify;

/* READY=1 is told from the loop, on its first turn. A socket that cannot be used is logged. */
struct bs_notify *bs_notify_create(struct bs_loop *loop);
void bs_notify_destroy(struct bs_notify *notify); /* NULL does nothing */

/* What the process does at present: one line, UTF-8, at most 400 bytes with its NUL. It is told
 * when it has changed, and not before READY=1. */
#define BS_NOTIFY_STATUS_MAX 400
void bs_notify_status(struct bs_notify *notify, const char *text);

/* STOPPING=1, once, with a last line. */
void bs_notify_stopping(struct bs_notify *notify, const char *text);

#endif
