#include "credentials.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "clock.h"

void credentials_init(struct credentials *credentials, const char *key_file)
{
    *credentials = (struct credentials){.key_file = key_file};
    credentials_refresh(credentials);
}

void credentials_refresh(struct credentials *credentials)
{
    if (credentials->key_file == NULL) {
        return;
    }
    FILE *file = fopen(credentials->key_file, "re");
    char key[sizeof credentials->key] = "";
    if (file != NULL) {
        size_t length = fread(key, 1, sizeof key - 1, file);
        key[length] = '\0';
        key[strcspn(key, " \t\r\n")] = '\0';
        fclose(file);
    }
    memcpy(credentials->key, key, sizeof key);
}

static bool token_lives(const struct credentials *credentials, const char *token, bs_wall_ms now)
{
    for (size_t i = 0; i < TOKENS_REMEMBERED; i++) {
        if (credentials->tokens[i].expires > now &&
            strcmp(credentials->tokens[i].text, token) == 0) {
            return true;
        }
    }
    return false;
}

bool credentials_accept(const struct credentials *credentials, const struct request *request,
                        bs_wall_ms now, struct answer *answer)
{
    if (credentials->key_file == NULL) {
        return true;
    }
    const char *authorization = request_header(request, "Authorization");
    const char *key = NULL;
    if (authorization != NULL && strncmp(authorization, "Api-Key ", 8) == 0) {
        key = authorization + 8;
    } else if (authorization != NULL && strncmp(authorization, "Bearer ", 7) == 0) {
        key = authorization + 7;
        if (token_lives(credentials, key, now)) {
            return true;
        }
    }
    if (key != NULL && credentials->key[0] != '\0' && strcmp(key, credentials->key) == 0) {
        return true;
    }
    answer_error(answer, 16, key == NULL ? "no credentials" : "The token is invalid");
    return false;
}

/* Three parts with dots between. */
static bool looks_like_jwt(const cJSON *jwt)
{
    if (!cJSON_IsString(jwt)) {
        return false;
    }
    const char *first = strchr(jwt->valuestring, '.');
    const char *second = first == NULL ? NULL : strchr(first + 1, '.');
    return second != NULL && first > jwt->valuestring && second > first + 1 && second[1] != '\0';
}

bool credentials_give_token(struct credentials *credentials, const struct request *request,
                            int64_t token_seconds, uint64_t random, bs_wall_ms now,
                            struct answer *answer)
{
    cJSON *body = cJSON_ParseWithLength(request->body, request->body_size);
    bool well = looks_like_jwt(cJSON_GetObjectItemCaseSensitive(body, "jwt"));
    cJSON_Delete(body);
    if (!well) {
        answer_error(answer, 3, "jwt: a JSON web token was expected");
        return false;
    }
    size_t place = (size_t)(credentials->tokens_given++ % TOKENS_REMEMBERED);
    char *token = credentials->tokens[place].text;
    snprintf(token, TOKEN_SIZE, "t1.standin-%016llx", (unsigned long long)bs_mix64(random));
    credentials->tokens[place].expires = now + token_seconds * 1000;
    char expires[BS_RFC3339_SIZE];
    clock_rfc3339(credentials->tokens[place].expires, true, expires);
    buffer_format(&answer->body, "{\"iamToken\":\"%s\",\"expiresAt\":\"%s\"}", token, expires);
    return true;
}
