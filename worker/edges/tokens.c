/* The credential that serves now, and the thread that keeps it fresh. */
#include "edges/tokens.h"

#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"
#include "edges/tokens_internal.h"
#include "formats/credential.h"
#include "formats/url.h"

#define LOOK_EVERY_MS    1000
#define BACKOFF_LEAST_MS 1000
#define BACKOFF_MOST_MS  60000
#define ASK_PAUSE_MS     5000 /* tokens are not asked for more often when they are refused */

#define IAM_PATH      "/iam/v1/tokens"
#define METADATA_HOST "169.254.169.254"
#define METADATA_PATH "/computeMetadata/v1/instance/service-accounts/default/token"

struct bs_tokens {
    const char *setting; /* where the configuration names it */
    struct bs_token_source source;
    void (*changed)(void *context, bool available);
    void *context;
    struct bs_bell *bell; /* NULL where there is no loop */
    pthread_t thread;
    bool started;

    pthread_mutex_t mutex; /* all below, down to the thread's own */
    pthread_cond_t news;   /* for the thread: a wish; for those who wait: an outcome */
    struct bs_obtained now;
    bool available, known; /* known: an attempt has ended, well or not */
    enum bs_error_code problem_code;
    char problem[sizeof((struct bs_error *)NULL)->message];
    bool doubted; /* the last attempt failed */
    bool wanted;  /* a newer one was asked for */
    bool report;  /* `changed` is owed */
    bool stopping;
    uint64_t obtained, failed; /* attempts so far */

    /* The thread's own. */
    struct bs_file_identity seen;
    struct bs_random random;
    bs_mono_ms due;   /* of the next attempt; BS_NEVER */
    bs_mono_ms asked; /* the last one's begin */
    int64_t backoff_ms;

    /* The loop's own: what it was told last. */
    char *told_authorization;
    char told_problem[sizeof((struct bs_error *)NULL)->message];
};

/* ---- installing what was got (under the mutex) ---- */

static bool same_text(const char *a, const char *b)
{
    return (a == NULL) == (b == NULL) && (a == NULL || strcmp(a, b) == 0);
}

static bool same_credential(const struct bs_credential *a, const struct bs_credential *b)
{
    return same_text(a->authorization, b->authorization) &&
           same_text(a->access_key_id, b->access_key_id) &&
           same_text(a->secret_access_key, b->secret_access_key);
}

static void tell(struct bs_tokens *tokens, bool report)
{
    tokens->report |= report;
    pthread_cond_broadcast(&tokens->news);
    if (tokens->bell != NULL) {
        bs_bell_ring(tokens->bell);
    }
}

static void drop(struct bs_tokens *tokens)
{
    bs_obtained_free(&tokens->now);
    tokens->available = false;
}

/* Takes `obtained` over, or the reason why there is none: a token that still serves stays. */
static void install(struct bs_tokens *tokens, enum bs_error_code code, struct bs_obtained *obtained,
                    const struct bs_error *error)
{
    bool was_available = tokens->available, was_known = tokens->known;
    bool other = false;
    *(code == BS_OK ? &tokens->obtained : &tokens->failed) += 1;
    if (code == BS_OK) {
        other = !same_credential(&tokens->now.credential, &obtained->credential);
        bs_obtained_free(&tokens->now);
        tokens->now = *obtained;
        tokens->available = true;
        tokens->problem[0] = '\0';
        tokens->doubted = false;
    } else {
        memcpy(tokens->problem, error->message, sizeof tokens->problem);
        /* Somebody may be writing the file this moment: a second look decides. */
        if (!bs_token_source_fetches(&tokens->source) && tokens->doubted) {
            drop(tokens);
        }
        tokens->doubted = true;
    }
    tokens->problem_code = code;
    tokens->known = true;
    tell(tokens, other || tokens->wanted || was_available != tokens->available || !was_known);
    tokens->wanted = false;
}

/* ---- when to try (the thread's) ---- */

/* Uniform in [0.8, 0.9) of a token's life: a fleet that was started together does not ask together,
 * and what is left is time enough to wait out a service that is down. */
static bs_mono_ms renewal(struct bs_tokens *tokens, bs_mono_ms asked, bs_mono_ms until)
{
    if (until == BS_NEVER) {
        return BS_NEVER;
    }
    int64_t life_ms = until - asked;
    bs_mono_ms due = asked + life_ms / 10 * 8 + bs_random_below(&tokens->random, life_ms / 10);
    return due > asked + BACKOFF_LEAST_MS ? due : asked + BACKOFF_LEAST_MS;
}

static void plan_next(struct bs_tokens *tokens, enum bs_error_code code, bs_mono_ms until)
{
    if (code == BS_OK) {
        tokens->backoff_ms = BACKOFF_LEAST_MS;
        tokens->due = renewal(tokens, tokens->asked, until);
        return;
    }
    int64_t pause_ms =
        tokens->backoff_ms / 2 + bs_random_below(&tokens->random, tokens->backoff_ms / 2 + 1);
    tokens->due = bs_clock_now().mono + pause_ms;
    tokens->backoff_ms =
        tokens->backoff_ms * 2 < BACKOFF_MOST_MS ? tokens->backoff_ms * 2 : BACKOFF_MOST_MS;
}

/* A file is read when it changed, and every second while it cannot be; a token is asked for when it
 * is time. `wanted` makes it time, within bounds. */
static bool is_time(const struct bs_tokens *tokens, bool wanted, bool doubted)
{
    bs_mono_ms now = bs_clock_now().mono;
    bool changed = false;
    if (tokens->source.path != NULL) {
        struct bs_file_identity identity = bs_file_identify(tokens->source.path);
        changed = !bs_file_is_same(&identity, &tokens->seen);
    }
    if (!bs_token_source_fetches(&tokens->source)) {
        return changed || wanted || doubted;
    }
    return changed || now >= tokens->due || (wanted && now >= tokens->asked + ASK_PAUSE_MS);
}

static void warn(const struct bs_tokens *tokens, const struct bs_error *error)
{
    if (tokens->bell != NULL && bs_token_source_fetches(&tokens->source) &&
        !atomic_load(&tokens->source.cancelled)) {
        bs_log(BS_LOG_WARN, NULL, "%s: %s", tokens->setting, error->message);
    }
}

/* One attempt; the mutex is not held meanwhile. */
static void attempt(struct bs_tokens *tokens)
{
    struct bs_obtained obtained;
    struct bs_error error = BS_NO_ERROR;
    tokens->asked = bs_clock_now().mono;
    if (tokens->source.path != NULL) {
        /* Before reading: a change while we read is then seen as one at the next look. */
        tokens->seen = bs_file_identify(tokens->source.path);
    }
    enum bs_error_code code = bs_token_obtain(&tokens->source, &obtained, &error);
    plan_next(tokens, code, obtained.until);
    if (code != BS_OK) {
        warn(tokens, &error);
    }
    pthread_mutex_lock(&tokens->mutex);
    install(tokens, code, &obtained, &error);
    pthread_mutex_unlock(&tokens->mutex);
}

/* Until there is news, a second at most (under the mutex). */
static void rest(struct bs_tokens *tokens, int64_t limit_ms)
{
    struct timespec until;
    int64_t wait_ms = limit_ms < LOOK_EVERY_MS ? limit_ms : LOOK_EVERY_MS;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t nanoseconds = until.tv_nsec + (wait_ms < 1 ? 1 : wait_ms) * 1000000;
    until.tv_sec += nanoseconds / 1000000000;
    until.tv_nsec = nanoseconds % 1000000000;
    (void)pthread_cond_timedwait(&tokens->news, &tokens->mutex, &until);
}

static void expire(struct bs_tokens *tokens)
{
    if (tokens->available && bs_clock_now().mono >= tokens->now.until) {
        drop(tokens);
        if (tokens->problem[0] == '\0') { /* this machine slept */
            tokens->problem_code = BS_ERROR_TEMPORARY;
            (void)snprintf(tokens->problem, sizeof tokens->problem,
                           "the IAM token has ended and a new one is on its way");
        }
        tell(tokens, true);
    }
}

static void *run(void *context)
{
    struct bs_tokens *tokens = context;
    pthread_mutex_lock(&tokens->mutex);
    while (!tokens->stopping) {
        bool wanted = tokens->wanted, doubted = tokens->doubted;
        pthread_mutex_unlock(&tokens->mutex);
        if (is_time(tokens, wanted, doubted)) {
            attempt(tokens);
        }
        pthread_mutex_lock(&tokens->mutex);
        expire(tokens);
        if (!tokens->stopping) {
            bool fetches = bs_token_source_fetches(&tokens->source);
            rest(tokens, fetches ? tokens->due - bs_clock_now().mono : LOOK_EVERY_MS);
        }
    }
    pthread_mutex_unlock(&tokens->mutex);
    return NULL;
}

/* ---- the loop ---- */

static void take_news(struct bs_tokens *tokens)
{
    bs_secret_free(tokens->told_authorization);
    tokens->told_authorization = NULL;
    if (tokens->available) {
        const char *header = tokens->now.credential.authorization;
        tokens->told_authorization = strdup(header == NULL ? "" : header);
        BS_ASSERT(tokens->told_authorization != NULL);
    }
    memcpy(tokens->told_problem, tokens->problem, sizeof tokens->told_problem);
}

static void news_came(void *context, uint32_t events)
{
    struct bs_tokens *tokens = context;
    (void)events;
    pthread_mutex_lock(&tokens->mutex);
    bool report = tokens->report, available = tokens->available;
    tokens->report = false;
    take_news(tokens);
    pthread_mutex_unlock(&tokens->mutex);
    if (report) {
        tokens->changed(tokens->context, available);
    }
}

/* ---- life ---- */

/* The metadata service's address is fixed. As in other programs GCE_METADATA_HOST names another
 * one, here only on the loopback: a token that somebody else gives would be sent to the service,
 * and an address in the environment must lead nobody away. */
static char *metadata_url(void)
{
    const char *named = getenv("GCE_METADATA_HOST");
    char url[512];
    struct bs_url parts;
    (void)snprintf(url, sizeof url, "http://%.200s", named == NULL ? "" : named);
    bool loopback = named != NULL && strlen(named) <= 200 && bs_url_parse(url, &parts) &&
                    parts.path[0] == '\0' && bs_url_is_loopback(&parts);
    (void)snprintf(url, sizeof url, "http://%s" METADATA_PATH, loopback ? named : METADATA_HOST);
    char *copy = strdup(url);
    BS_ASSERT(copy != NULL);
    return copy;
}

static char *iam_url(const struct bs_config *config)
{
    size_t size = strlen(config->speechkit.iam_url) + sizeof IAM_PATH;
    char *url = malloc(size);
    BS_ASSERT(url != NULL);
    (void)snprintf(url, size, "%s%s", config->speechkit.iam_url, IAM_PATH);
    return url;
}

static void name_source(struct bs_tokens *tokens, const struct bs_config *config,
                        const struct bs_auth *auth)
{
    tokens->setting = auth == &config->objects.auth ? "objects.auth" : "speechkit.auth";
    tokens->source.kind = auth->kind;
    if (auth->path != NULL) {
        tokens->source.path = strdup(auth->path);
        BS_ASSERT(tokens->source.path != NULL);
    }
    tokens->source.url = auth->kind == BS_AUTH_METADATA_SERVICE      ? metadata_url()
                         : auth->kind == BS_AUTH_AUTHORIZED_KEY_FILE ? iam_url(config)
                                                                     : NULL;
}

/* Signals are for the loop's thread. */
static void start_thread(struct bs_tokens *tokens)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&tokens->thread, NULL, run, tokens);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    BS_ASSERT(failed == 0);
    tokens->started = true;
}

static void begin(struct bs_tokens *tokens)
{
    if (tokens->source.kind == BS_AUTH_NONE) {
        tokens->now.credential.authorization = strdup("");
        BS_ASSERT(tokens->now.credential.authorization != NULL);
        tokens->available = tokens->known = true;
    } else if (bs_token_source_fetches(&tokens->source)) {
        tokens->problem_code = BS_ERROR_TEMPORARY;
        (void)snprintf(tokens->problem, sizeof tokens->problem,
                       "the first IAM token is on its way");
        start_thread(tokens);
    } else {
        attempt(tokens);
        tokens->report = false;
        start_thread(tokens);
    }
    pthread_mutex_lock(&tokens->mutex);
    take_news(tokens);
    pthread_mutex_unlock(&tokens->mutex);
}

struct bs_tokens *bs_tokens_create(struct bs_loop *loop, const struct bs_config *config,
                                   const struct bs_auth *auth,
                                   void (*changed)(void *context, bool available), void *context)
{
    struct bs_tokens *tokens = calloc(1, sizeof *tokens);
    pthread_condattr_t monotonic;
    BS_ASSERT(tokens != NULL && auth->kind != BS_AUTH_ABSENT);
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    name_source(tokens, config, auth);
    tokens->changed = changed;
    tokens->context = context;
    tokens->now.until = BS_NEVER;
    tokens->backoff_ms = BACKOFF_LEAST_MS;
    tokens->random.state =
        (uint64_t)bs_clock_now().mono ^ (uint64_t)(uintptr_t)tokens ^ (uint64_t)getpid() << 32;
    pthread_mutex_init(&tokens->mutex, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&tokens->news, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    tokens->bell = loop == NULL ? NULL : bs_bell_create(loop, news_came, tokens);
    begin(tokens);
    return tokens;
}

void bs_tokens_destroy(struct bs_tokens *tokens)
{
    if (tokens == NULL) {
        return;
    }
    if (tokens->started) {
        atomic_store(&tokens->source.cancelled, true);
        pthread_mutex_lock(&tokens->mutex);
        tokens->stopping = true;
        pthread_cond_broadcast(&tokens->news);
        pthread_mutex_unlock(&tokens->mutex);
        (void)pthread_join(tokens->thread, NULL);
    }
    if (tokens->bell != NULL) {
        bs_bell_destroy(tokens->bell);
    }
    bs_obtained_free(&tokens->now);
    bs_secret_free(tokens->told_authorization);
    pthread_cond_destroy(&tokens->news);
    pthread_mutex_destroy(&tokens->mutex);
    free(tokens->source.path);
    free(tokens->source.url);
    free(tokens);
    curl_global_cleanup();
}

/* ---- what others ask ---- */

/* Without a loop nobody rings: what is told is taken at once. */
static void take_news_now(struct bs_tokens *tokens)
{
    if (tokens->bell == NULL) {
        pthread_mutex_lock(&tokens->mutex);
        take_news(tokens);
        pthread_mutex_unlock(&tokens->mutex);
    }
}

const char *bs_tokens_authorization(struct bs_tokens *tokens)
{
    take_news_now(tokens);
    return tokens->told_authorization;
}

const char *bs_tokens_problem(struct bs_tokens *tokens)
{
    take_news_now(tokens);
    return tokens->told_authorization != NULL ? "" : tokens->told_problem;
}

static void wish(struct bs_tokens *tokens)
{
    tokens->wanted = true;
    pthread_cond_broadcast(&tokens->news);
}

void bs_tokens_refresh(struct bs_tokens *tokens)
{
    pthread_mutex_lock(&tokens->mutex);
    if (tokens->started) {
        wish(tokens);
    } else {
        tell(tokens, true);
    }
    pthread_mutex_unlock(&tokens->mutex);
}

void bs_tokens_refused(struct bs_tokens *tokens)
{
    pthread_mutex_lock(&tokens->mutex);
    wish(tokens);
    pthread_mutex_unlock(&tokens->mutex);
}

static char *copy_text(const char *text)
{
    char *copy = text == NULL ? NULL : strdup(text);
    BS_ASSERT((copy == NULL) == (text == NULL));
    return copy;
}

enum bs_error_code bs_tokens_copy(struct bs_tokens *tokens, struct bs_credential *credential,
                                  struct bs_error *error)
{
    enum bs_error_code code = BS_OK;
    *credential = (struct bs_credential){0};
    pthread_mutex_lock(&tokens->mutex);
    if (tokens->available) {
        const struct bs_credential *now = &tokens->now.credential;
        credential->authorization = copy_text(now->authorization);
        credential->access_key_id = copy_text(now->access_key_id);
        credential->secret_access_key = copy_text(now->secret_access_key);
    } else {
        bool passes = tokens->problem_code == BS_ERROR_TEMPORARY;
        code = bs_error_set(error, passes ? BS_ERROR_TEMPORARY : BS_ERROR_DENIED, "%s: %s",
                            tokens->setting, tokens->problem);
    }
    pthread_mutex_unlock(&tokens->mutex);
    return code;
}

enum bs_error_code bs_tokens_wait(struct bs_tokens *tokens, int64_t limit_ms,
                                  struct bs_error *error)
{
    bs_mono_ms until = bs_clock_now().mono + limit_ms;
    pthread_mutex_lock(&tokens->mutex);
    while (!tokens->available && tokens->problem_code == BS_ERROR_TEMPORARY &&
           bs_clock_now().mono < until) {
        rest(tokens, until - bs_clock_now().mono);
    }
    bool available = tokens->available;
    pthread_mutex_unlock(&tokens->mutex);
    if (available) {
        return BS_OK;
    }
    struct bs_credential none;
    enum bs_error_code code = bs_tokens_copy(tokens, &none, error);
    bs_credential_free(&none);
    return code;
}

bs_wall_ms bs_tokens_expiry(struct bs_tokens *tokens)
{
    pthread_mutex_lock(&tokens->mutex);
    bs_wall_ms expires = tokens->available ? tokens->now.expires : 0;
    pthread_mutex_unlock(&tokens->mutex);
    return expires;
}

void bs_tokens_attempts(struct bs_tokens *tokens, uint64_t *obtained, uint64_t *failed)
{
    pthread_mutex_lock(&tokens->mutex);
    *obtained = tokens->obtained;
    *failed = tokens->failed;
    pthread_mutex_unlock(&tokens->mutex);
}
