/* Credentials for the API: what goes into the Authorization header. */
#ifndef BS_EDGES_TOKENS_H
#define BS_EDGES_TOKENS_H

#include <stdbool.h>

#include "base/error.h"
#include "base/time.h"
#include "edges/loop.h"
#include "formats/config.h"

struct bs_tokens;

/* Whether this version can get such a credential: from an api_key_file, an iam_token_file, or none.
 * `run` and `check` refuse the other kinds at start. Any thread. */
bool bs_auth_supported(const struct bs_auth *auth);

/* Reads the credential once; a file that cannot be read is not an error here (it may come), but
 * bs_tokens_authorization is NULL until it does. `changed` is called on the loop's thread whenever
 * a new credential was read (true) or is gone (false). The file is looked at every second (its
 * inode, time and size), so that a rotated secret serves without a restart. */
struct bs_tokens *bs_tokens_create(struct bs_loop *loop, const struct bs_auth *auth,
                                   void (*changed)(void *context, bool available), void *context);
void bs_tokens_destroy(struct bs_tokens *tokens);

/* "Api-Key …" or "Bearer …"; "" where auth is none; NULL when there is none to be had. Valid until
 * the loop runs on. */
const char *bs_tokens_authorization(struct bs_tokens *tokens);
/* Why there is none; "" when there is. */
const char *bs_tokens_problem(const struct bs_tokens *tokens);
/* Reads it anew now and calls `changed` from the loop, later. */
void bs_tokens_refresh(struct bs_tokens *tokens);
/* What serves now, for any thread: a copy, wiped and freed by bs_credential_free. */
struct bs_credential {
    char *authorization; /* the header's value; "" with none; NULL with a static key */
    char *access_key_id; /* of a static key, else NULL */
    char *secret_access_key;
};
/* DENIED with the reason where there is none to be had. Any thread. */
BS_MUST_CHECK enum bs_error_code
bs_tokens_copy(struct bs_tokens *tokens, struct bs_credential *credential, struct bs_error *error);
void bs_credential_free(struct bs_credential *credential);
/* The service refused this credential (401, an expired token): a newer one is fetched soon, if one
 * can be. Any thread. */
void bs_tokens_refused(struct bs_tokens *tokens);
/* Waits until there is a credential, or it is known that none can be had. Any thread but the
 * loop's. */
BS_MUST_CHECK enum bs_error_code bs_tokens_wait(struct bs_tokens *tokens, int64_t limit_ms,
                                                struct bs_error *error);

/* When the credential ends; 0 = not known. */
bs_wall_ms bs_tokens_expiry(const struct bs_tokens *tokens);

/* Reads a secret's file: trailing white space removed; at most 64 KiB, no NUL, not empty. The
 * caller frees it, after explicit_bzero. NULL: NOT_FOUND, DENIED, INVALID or TEMPORARY, with the
 * path in the message. Any thread. */
BS_MUST_CHECK char *bs_secret_read(const char *path, struct bs_error *error);

#endif
