/* How one credential is got: what tokens.c calls on its thread, and when the source is made. */
#ifndef BS_EDGES_TOKENS_INTERNAL_H
#define BS_EDGES_TOKENS_INTERNAL_H

#include <stdatomic.h>
#include <sys/stat.h>

#include "edges/tokens.h"

/* What tells one content of a file from another without reading it. The inode is among it: a
 * Kubernetes secret changes by a symbolic link that is swung to another folder. */
struct bs_file_identity {
    bool exists;
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
};

struct bs_file_identity bs_file_identify(const char *path);
bool bs_file_is_same(const struct bs_file_identity *a, const struct bs_file_identity *b);

struct bs_token_source {
    enum bs_auth_kind kind;
    char *path; /* of the kinds with a file, else NULL */
    char *url;  /* that gives tokens, of the kinds that fetch, else NULL */
    atomic_bool cancelled;
};

/* What was got. Wiped by bs_obtained_free. */
struct bs_obtained {
    struct bs_credential credential;
    bs_wall_ms expires; /* as its giver says; 0 = not known */
    bs_mono_ms until;   /* the same on our clock; BS_NEVER = not known */
};

/* Whether it comes over the network. */
bool bs_token_source_fetches(const struct bs_token_source *source);
/* Reads the file, or asks for a token; blocks up to 15 s then. TEMPORARY where another try may do
 * better. */
BS_MUST_CHECK enum bs_error_code bs_token_obtain(struct bs_token_source *source,
                                                 struct bs_obtained *obtained,
                                                 struct bs_error *error);
void bs_obtained_free(struct bs_obtained *obtained);

/* ---- tokens_fetch.c ---- */

/* Asks `source->url` for a token: with `body` (JSON) at the IAM service, with NULL at the metadata
 * service. */
BS_MUST_CHECK enum bs_error_code bs_token_fetch(struct bs_token_source *source, const char *body,
                                                struct bs_obtained *obtained,
                                                struct bs_error *error);

#endif
