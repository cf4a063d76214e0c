/* What credentials are made of: key files, the signed request for an IAM token, the answers. No
 * message shows anything that was read. Any thread. */
#ifndef BS_FORMATS_CREDENTIAL_H
#define BS_FORMATS_CREDENTIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/error.h"
#include "base/time.h"

/* Wipes and frees; NULL is fine. */
void bs_secret_free(char *secret);

/* Whether it can stand in a header as it is: printable ASCII without a space, not empty. */
bool bs_secret_fits_a_header(const char *secret);

/* Whether the secret of a header's value ("Bearer …": what stands behind the scheme) occurs in what
 * a service has sent. Nothing occurs where there is no secret. */
BS_MUST_CHECK bool bs_secret_occurs(const char *header, const void *bytes, size_t size);
/* Overwrites it, wherever it occurs, also where the end cuts it, with asterisks: a service that
 * quotes what it was sent must not bring it into a log or a message. */
void bs_secret_hide(const char *header, void *bytes, size_t size);

/* ---- authorized keys: a service account's key for IAM ---- */

/* Owned; bs_authorized_key_free wipes it. */
struct bs_authorized_key {
    char *id, *service_account_id;
    char *private_key; /* PEM, perhaps with a line of warning before it */
};

/* The file's text: JSON with id, service_account_id and private_key. INVALID else. */
BS_MUST_CHECK enum bs_error_code
bs_authorized_key_read(const char *text, struct bs_authorized_key *key, struct bs_error *error);
void bs_authorized_key_free(struct bs_authorized_key *key);

/* The body of the request for an IAM token: {"jwt":"…"}, a JWT signed with PS256 (RSASSA-PSS of
 * SHA-256, MGF1 of the same, a salt of 32 bytes) that is good for an hour from `now` on. Its
 * audience is the service's documented name, whatever address leads there. NULL and INVALID when
 * the private key is none that RSA takes. The caller frees with bs_secret_free. */
BS_MUST_CHECK char *bs_authorized_key_request(const struct bs_authorized_key *key, bs_wall_ms now,
                                              struct bs_error *error);

/* ---- answers with a token ---- */

/* Owned: bs_secret_free of `token`. One of the times is told, the other 0. */
struct bs_token_answer {
    char *token;
    bs_wall_ms expires; /* IAM: by its own clock */
    int64_t life_ms;    /* the metadata service: from now on */
};

/* {"iamToken", "expiresAt"}. INVALID when it is no such answer. */
BS_MUST_CHECK enum bs_error_code bs_iam_answer_read(const uint8_t *body, size_t size,
                                                    struct bs_token_answer *answer,
                                                    struct bs_error *error);
/* {"access_token", "expires_in", "token_type"}. INVALID when it is no such answer. */
BS_MUST_CHECK enum bs_error_code bs_metadata_answer_read(const uint8_t *body, size_t size,
                                                         struct bs_token_answer *answer,
                                                         struct bs_error *error);
/* What a refusal says about its cause, as text for people: the `message` of its JSON, cut, without
 * words that are so long that they could be a token. "" when it says nothing. */
void bs_refusal_text(const uint8_t *body, size_t size, char *text, size_t room);

/* ---- static keys: Signature V4 ---- */

struct bs_static_key {
    char *access_key_id, *secret_access_key;
};

/* The file's text: JSON with access_key_id and secret_access_key. INVALID else. */
BS_MUST_CHECK enum bs_error_code bs_static_key_read(const char *text, struct bs_static_key *key,
                                                    struct bs_error *error);
void bs_static_key_free(struct bs_static_key *key);

#endif
