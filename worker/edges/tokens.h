/* Credentials for the API: what goes into the Authorization header. */
#ifndef BS_EDGES_TOKENS_H
#define BS_EDGES_TOKENS_H

#include <stdbool.h>

#include "base/error.h"
#include "base/time.h"
#include "edges/loop.h"
#include "formats/config.h"

struct bs_tokens;

/* Credentials of `auth`, which is config->speechkit.auth or config->objects.auth; both outlive
 * this. A thread of its own keeps them fresh: it looks at a file every second (its inode, time and
 * size), so that a rotated secret serves without a restart; it fetches IAM tokens, blocking 15 s at
 * most, again when 80 to 90 % of their life is over, and with growing pauses while that fails.
 *
 * A file is read once before this returns; one that cannot be read is not an error here (it may
 * come). A first token is on its way when this returns. `changed` is called on the loop's thread
 * whenever a new credential was got (true), or it turns out that there is none (false). `loop` NULL
 * (and `changed` with it): for commands without one. Main thread. */
struct bs_tokens *bs_tokens_create(struct bs_loop *loop, const struct bs_config *config,
                                   const struct bs_auth *auth,
                                   void (*changed)(void *context, bool available), void *context);
/* Within a second or two, whatever is under way. */
void bs_tokens_destroy(struct bs_tokens *tokens);

/* ---- the loop's thread (or the one that created it, where there is no loop) ---- */

/* "Api-Key …" or "Bearer …"; "" where auth is none or a static key; NULL when there is none to be
 * had. Valid until the loop runs on, or until the next call without a loop. */
const char *bs_tokens_authorization(struct bs_tokens *tokens);
/* Why there is none; "" when there is. Valid as above. */
const char *bs_tokens_problem(struct bs_tokens *tokens);
/* Gets it anew, and calls `changed` from the loop, later: a few seconds when the present token has
 * just come, as long as a fetch takes otherwise. */
void bs_tokens_refresh(struct bs_tokens *tokens);

/* ---- any thread ---- */

/* What serves now: a copy, wiped and freed by bs_credential_free. */
struct bs_credential {
    char *authorization; /* the header's value; "" with none; NULL with a static key */
    char *access_key_id; /* of a static key, else NULL */
    char *secret_access_key;
};
/* DENIED with the reason where there is none to be had; TEMPORARY where it is on its way, or its
 * giver does not answer well. */
BS_MUST_CHECK enum bs_error_code
bs_tokens_copy(struct bs_tokens *tokens, struct bs_credential *credential, struct bs_error *error);
void bs_credential_free(struct bs_credential *credential);
/* The service refused this credential (401, an expired token): a newer one is fetched soon, if one
 * can be. It goes on serving meanwhile. */
void bs_tokens_refused(struct bs_tokens *tokens);
/* Waits until there is a credential, or it is known that none can be had, or the limit is over:
 * fails as bs_tokens_copy. Any thread but the loop's. */
BS_MUST_CHECK enum bs_error_code bs_tokens_wait(struct bs_tokens *tokens, int64_t limit_ms,
                                                struct bs_error *error);
/* When the credential ends; 0 = not known. */
bs_wall_ms bs_tokens_expiry(struct bs_tokens *tokens);

/* How often a credential was got, and how often none could be, since the start. */
void bs_tokens_attempts(struct bs_tokens *tokens, uint64_t *obtained, uint64_t *failed);

/* Reads a secret's file: trailing white space removed; at most 64 KiB, no NUL, not empty. The
 * caller frees it, after explicit_bzero. NULL: NOT_FOUND, DENIED, INVALID or TEMPORARY, with the
 * path in the message. Any thread. */
BS_MUST_CHECK char *bs_secret_read(const char *path, struct bs_error *error);

#endif
