/* The object store over HTTP: path-style S3 on buckets in a folder. */
#ifndef STANDIN_S3_SERVER_H
#define STANDIN_S3_SERVER_H

#include <pthread.h>
#include <stdint.h>

#include "base/error.h"
#include "journal.h"
#include "s3_files.h"
#include "s3_signature.h"

struct s3_server {
    struct s3_files files;
    struct s3_credentials credentials;
    struct journal journal;
    pthread_mutex_t journal_lock;
    struct MHD_Daemon *daemon;
};

/* Serves from then on, on threads of its own; `server` is filled in but for the daemon. The port in
 * `*port` becomes the one that is listened on. */
BS_MUST_CHECK enum bs_error_code s3_server_start(struct s3_server *server, const char *host,
                                                 uint16_t *port, struct bs_error *error);
void s3_server_stop(struct s3_server *server);

#endif
