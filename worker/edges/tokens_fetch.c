/* IAM tokens over the network: from the IAM service for a signed request, or from the metadata
 * service of a virtual machine. */
#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edges/tokens_internal.h"
#include "formats/credential.h"

#define CONNECT_LIMIT_MS   5000L
#define REQUEST_LIMIT_MS   15000L
#define ANSWER_LIMIT_BYTES 65536
/* A request that is signed for so long into the future or the past is refused by the service. */
#define CLOCK_LIMIT_MS 60000

#define SET(easy, option, value) BS_ASSERT(curl_easy_setopt(easy, option, value) == CURLE_OK)

struct fetch {
    struct bs_token_source *source;
    uint8_t body[ANSWER_LIMIT_BYTES];
    size_t size;
    bs_wall_ms date; /* the answer's; 0 = none */
    char problem[CURL_ERROR_SIZE];
};

static size_t body_arrived(char *bytes, size_t one, size_t size, void *context)
{
    struct fetch *fetch = context;
    if (size > sizeof fetch->body - fetch->size) {
        return 0;
    }
    memcpy(fetch->body + fetch->size, bytes, one * size);
    fetch->size += size;
    return size;
}

static size_t header_arrived(char *bytes, size_t one, size_t size, void *context)
{
    struct fetch *fetch = context;
    char line[64];
    if (size > 5 && size < sizeof line && strncasecmp(bytes, "date:", 5) == 0) {
        memcpy(line, bytes + 5, size - 5);
        line[size - 5] = '\0';
        time_t seconds = curl_getdate(line, NULL);
        fetch->date = seconds > 0 ? (bs_wall_ms)seconds * 1000 : 0;
    }
    return one * size;
}

static int look_whether_cancelled(void *context, curl_off_t a, curl_off_t b, curl_off_t c,
                                  curl_off_t d)
{
    const struct fetch *fetch = context;
    (void)a, (void)b, (void)c, (void)d;
    return atomic_load(&fetch->source->cancelled) ? 1 : 0;
}

/* A credential travels here, so: no redirect, no proxy, no netrc, certificates are checked. */
static void set_options(CURL *easy, struct fetch *fetch)
{
    SET(easy, CURLOPT_URL, fetch->source->url);
    SET(easy, CURLOPT_ERRORBUFFER, fetch->problem);
    SET(easy, CURLOPT_NOSIGNAL, 1L);
    SET(easy, CURLOPT_QUICK_EXIT, 1L); /* a name server that hangs holds nobody up */
    SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
    SET(easy, CURLOPT_PROXY, "");
    SET(easy, CURLOPT_NOPROXY, "*");
    SET(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    SET(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    SET(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    SET(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_LIMIT_MS);
    SET(easy, CURLOPT_TIMEOUT_MS, REQUEST_LIMIT_MS);
    SET(easy, CURLOPT_WRITEFUNCTION, body_arrived);
    SET(easy, CURLOPT_WRITEDATA, fetch);
    SET(easy, CURLOPT_HEADERFUNCTION, header_arrived);
    SET(easy, CURLOPT_HEADERDATA, fetch);
    SET(easy, CURLOPT_NOPROGRESS, 0L);
    SET(easy, CURLOPT_XFERINFOFUNCTION, look_whether_cancelled);
    SET(easy, CURLOPT_XFERINFODATA, fetch);
}

/* The service judges a signed request by its own clock. */
static void blame_clock(const struct fetch *fetch, char *text, size_t room)
{
    int64_t ahead_ms = bs_clock_now().wall - fetch->date;
    text[0] = '\0';
    if (fetch->date != 0 && llabs(ahead_ms) > CLOCK_LIMIT_MS) {
        (void)snprintf(text, room,
                       "; this machine's clock is %" PRId64
                       " s %s the service's, and so is the request's date: set it right (NTP)",
                       (int64_t)llabs(ahead_ms) / 1000, ahead_ms > 0 ? "ahead of" : "behind");
    }
}

static enum bs_error_code refused(const struct fetch *fetch, long status, bool by_metadata,
                                  struct bs_error *error)
{
    char said[200], clock[160];
    bs_refusal_text(fetch->body, fetch->size, said, sizeof said);
    blame_clock(fetch, clock, sizeof clock);
    bool passes = status == 429 || status >= 500;
    const char *hint = passes                          ? ""
                       : status >= 300 && status < 400 ? ": a redirect, which is never followed"
                       : by_metadata && status == 404
                           ? ": has this virtual machine a service account?"
                       : by_metadata ? ""
                                     : ": is the key still one of the service account?";
    return bs_error_set(error, passes ? BS_ERROR_TEMPORARY : BS_ERROR_DENIED,
                        "%s answers %ld%s%s%s%s%s", fetch->source->url, status, hint,
                        said[0] == '\0' ? "" : " (", said, said[0] == '\0' ? "" : ")",
                        by_metadata ? "" : clock);
}

/* When it ends on our own clock, however wrong that is: from the answer's date on. */
static enum bs_error_code judge_life(const struct fetch *fetch, struct bs_token_answer *answer,
                                     struct bs_obtained *obtained, struct bs_error *error)
{
    struct bs_now now = bs_clock_now();
    bs_wall_ms theirs = fetch->date != 0 ? fetch->date : now.wall;
    int64_t life_ms = answer->expires != 0 ? answer->expires - theirs : answer->life_ms;
    if (life_ms <= 0) {
        return bs_error_set(error, BS_ERROR_TEMPORARY, "%s gave a token that has ended already",
                            fetch->source->url);
    }
    obtained->expires = answer->expires != 0 ? answer->expires : theirs + life_ms;
    obtained->until = now.mono + life_ms;
    static const char scheme[] = "Bearer ";
    size_t size = sizeof scheme + strlen(answer->token);
    obtained->credential.authorization = malloc(size);
    BS_ASSERT(obtained->credential.authorization != NULL);
    (void)snprintf(obtained->credential.authorization, size, "%s%s", scheme, answer->token);
    return BS_OK;
}

static enum bs_error_code answered(const struct fetch *fetch, long status, bool by_metadata,
                                   struct bs_obtained *obtained, struct bs_error *error)
{
    if (status != 200) {
        return refused(fetch, status, by_metadata, error);
    }
    struct bs_token_answer answer;
    struct bs_error problem = BS_NO_ERROR;
    enum bs_error_code code =
        by_metadata ? bs_metadata_answer_read(fetch->body, fetch->size, &answer, &problem)
                    : bs_iam_answer_read(fetch->body, fetch->size, &answer, &problem);
    if (code != BS_OK) {
        /* Something else stands there for now. */
        return bs_error_set(error, BS_ERROR_TEMPORARY, "%s: %s", fetch->source->url,
                            problem.message);
    }
    code = judge_life(fetch, &answer, obtained, error);
    bs_secret_free(answer.token);
    return code;
}

enum bs_error_code bs_token_fetch(struct bs_token_source *source, const char *body,
                                  struct bs_obtained *obtained, struct bs_error *error)
{
    struct fetch *fetch = calloc(1, sizeof *fetch);
    CURL *easy = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(
        NULL, body == NULL ? "Metadata-Flavor: Google" : "Content-Type: application/json");
    BS_ASSERT(fetch != NULL && easy != NULL && headers != NULL);
    fetch->source = source;
    set_options(easy, fetch);
    SET(easy, CURLOPT_HTTPHEADER, headers);
    if (body != NULL) {
        SET(easy, CURLOPT_POSTFIELDS, body); /* not copied */
        SET(easy, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
    }
    CURLcode result = curl_easy_perform(easy);
    long status = 0;
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    enum bs_error_code code =
        result == CURLE_OK
            ? answered(fetch, status, body == NULL, obtained, error)
            : bs_error_set(error, BS_ERROR_TEMPORARY, "%s: %s", source->url,
                           result == CURLE_WRITE_ERROR ? "its answer is no token: it is too long"
                           : fetch->problem[0] != '\0' ? fetch->problem
                                                       : curl_easy_strerror(result));
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
    explicit_bzero(fetch, sizeof *fetch);
    free(fetch);
    return code;
}
