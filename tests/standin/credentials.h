/* Who may ask: an API key out of a file, or an IAM token that was given out here. */
#ifndef STANDIN_CREDENTIALS_H
#define STANDIN_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "answer.h"
#include "base/time.h"
#include "request.h"

#define TOKENS_REMEMBERED 64
#define TOKEN_SIZE        40

struct credentials {
    const char *key_file; /* NULL = everybody may */
    char key[256];        /* "" = nobody may, until the file can be read */
    struct {
        char text[TOKEN_SIZE];
        bs_wall_ms expires;
    } tokens[TOKENS_REMEMBERED]; /* a ring */
    int64_t tokens_given;
};

void credentials_init(struct credentials *credentials, const char *key_file);
/* Reads the file again. */
void credentials_refresh(struct credentials *credentials);

/* False: the answer is 401. */
bool credentials_accept(const struct credentials *credentials, const struct request *request,
                        bs_wall_ms now, struct answer *answer);

/* POST /iam/v1/tokens: any well-formed JWT gets a token. False: it was refused. */
bool credentials_give_token(struct credentials *credentials, const struct request *request,
                            int64_t token_seconds, uint64_t random, bs_wall_ms now,
                            struct answer *answer);

#endif
