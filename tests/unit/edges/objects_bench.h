/* A store at a fault server, for the tests of the object store's edge. */
#ifndef BS_TESTS_UNIT_EDGES_OBJECTS_BENCH_H
#define BS_TESTS_UNIT_EDGES_OBJECTS_BENCH_H

#include "edges/objects.h"
#include "fault_server.h"

struct bench {
    char folder[64];
    char key_file[128]; /* the credential's file */
    struct bs_config *config;
    struct bs_tokens *tokens;
    struct bs_objects *objects;
    struct fault_server *server;
    struct bs_error error;
};

extern const struct bs_object_name bench_name; /* s3://recordings/call one+.wav */

enum bench_auth { BENCH_NONE, BENCH_TOKEN, BENCH_KEY };

/* `scheme` "http" or "https"; the token's file holds "the-first-token". */
struct bench bench_open(fault_script *script, const char *scheme, enum bench_auth auth);
void bench_close(struct bench *bench);
void bench_write_token(const struct bench *bench, const char *token);

enum bs_error_code bench_head(struct bench *bench, int64_t limit_ms, struct bs_object_facts *facts);
/* The part's text, NUL-terminated. */
enum bs_error_code bench_get_range(struct bench *bench, int64_t offset, size_t length,
                                   const char *etag, int64_t limit_ms, char part[256]);

#endif
