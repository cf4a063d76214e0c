/* One request to the object store, and what came of it. Private to the object store's edge.
 *
 * libs3 composes a request and keeps the handles, objects_transport.c decides how it travels and
 * reads what comes back, objects_answer.c says what that means, objects.c asks again. */
#ifndef BS_EDGES_OBJECTS_INTERNAL_H
#define BS_EDGES_OBJECTS_INTERNAL_H

#include <curl/curl.h>
#include <libs3.h>
#include <pthread.h>
#include <stdatomic.h>

#include "edges/http_headers.h"
#include "edges/objects.h"

/* What S3 allows, in bytes. */
#define BS_KEY_BYTES_MAX 1024

struct bs_objects {
    const struct bs_config *config;
    struct bs_tokens *tokens;
    bool https;
    bool sent_plainly; /* objects.auth is none: nothing is signed */
    char *authority;   /* "host" or "host:port", without the scheme's own port */
    char *signing;     /* for CURLOPT_AWS_SIGV4 */
    atomic_bool cancelled;
    pthread_mutex_t mutex; /* of `rung` */
    pthread_cond_t rung;   /* cancelled while somebody waits between two tries */
};

enum bs_exchange_verb {
    BS_EXCHANGE_HEAD,
    BS_EXCHANGE_GET,
    BS_EXCHANGE_PUT,
    BS_EXCHANGE_DELETE,
    BS_EXCHANGE_LIST
};

/* The first thing that was wrong with an answer whose transport was in order. */
struct bs_exchange_fault {
    enum bs_error_code code; /* BS_OK = none */
    const char *text;
};

struct bs_exchange {
    /* ---- what is asked for; borrowed ---- */
    struct bs_objects *objects;
    enum bs_exchange_verb verb;
    bool ranged; /* GET of `range_size` bytes from `range_begin` on */
    const char *bucket;
    const char *key;   /* "" of a listing */
    const char *query; /* canonical, of a listing; else "" */
    int64_t range_begin;
    int64_t range_size;
    const char *etag; /* GET: only while it is this object; or NULL */
    /* GET and LIST: who takes the body; with neither it is dropped. */
    bs_objects_sink *sink;
    void *sink_context;
    struct bs_buffer *into; /* each try begins anew at its `into_begin` */
    size_t into_begin;
    const char *content_type; /* PUT: or NULL */
    const char *sha256;       /* PUT: hex, or NULL */
    int64_t size_bytes;       /* PUT */
    bs_objects_source *source;
    void *source_context;
    bs_mono_ms deadline;
    struct bs_credential credential; /* of this try */

    /* ---- the transport's own ---- */
    struct bs_exchange *outer; /* under way on this thread: one asked within its source */
    CURL *easy;
    CURLU *url;
    bool composing; /* libs3 has not come to curl */

    /* ---- what came of the try ---- */
    bool performed; /* else libs3 refused to send it */
    bool chunked;
    bool looked_at; /* the headers were judged */
    S3Status libs3_status;
    CURLcode curl_code;
    char problem[CURL_ERROR_SIZE];
    long status;
    struct bs_http_headers headers;
    struct bs_object_facts facts;             /* size_bytes -1 = no Content-Length */
    int64_t part_begin, part_end, whole_size; /* of Content-Range; -1 = none */
    int64_t received_bytes, sent_bytes;
    struct bs_exchange_fault fault;
    struct bs_buffer refusal; /* the body of an answer that is not 2xx, its beginning */
};

/* ---- objects_transport.c ---- */

/* The request's URL, canonically encoded; the caller frees it. */
char *bs_exchange_url(const struct bs_exchange *exchange);
/* Appended: everything but A-Z a-z 0-9 - _ . ~ (and '/', where it is kept) as %XX. No NUL. */
void bs_percent_encode(struct bs_buffer *out, const char *text, bool keep_slashes);
/* Makes the request once and fills what came of it. Any thread, also within a source. */
void bs_exchange_perform(struct bs_exchange *exchange);
/* Judges the headers of a 2xx answer to a GET; false: `fault` says why it is none. */
bool bs_exchange_look(struct bs_exchange *exchange);

/* ---- objects_answer.c ---- */

/* What the server said in an error's body; "" where it said nothing that is understood. Printable:
 * they go into messages. */
struct bs_s3_refusal {
    char code[64];
    char message[200];
};

enum bs_verdict_step {
    BS_VERDICT_FINAL,   /* another try gives the same */
    BS_VERDICT_REPEAT,  /* it can pass */
    BS_VERDICT_REFRESH, /* it can pass with a newer credential */
};

struct bs_verdict {
    enum bs_error_code code; /* BS_OK: it was done */
    enum bs_verdict_step step;
};

/* Judges a try that has ended; `refusal` is filled where the server answered with an error. */
struct bs_verdict bs_exchange_judge(const struct bs_exchange *exchange,
                                    struct bs_s3_refusal *refusal);
/* The error of a call that ends with this verdict; `tries` is how many requests were made. */
enum bs_error_code bs_exchange_error(const struct bs_exchange *exchange,
                                     const struct bs_verdict *verdict,
                                     const struct bs_s3_refusal *refusal, int tries,
                                     struct bs_error *error);
/* "get s3://bucket/key", shortened and printable. */
void bs_exchange_subject(const struct bs_exchange *exchange, char *text, size_t capacity);

/* ---- objects_xml.c ---- */

void bs_s3_refusal_read(struct bs_bytes body, struct bs_s3_refusal *refusal);

/* A page of a listing; `texts` holds the strings. */
struct bs_listing {
    struct bs_listed_object *objects;
    size_t count;
    size_t capacity;
    bool truncated;
    char *next_marker; /* "" = not told */
};

/* False when the body is no whole listing. */
BS_MUST_CHECK bool bs_listing_read(struct bs_bytes body, struct bs_listing *listing);
void bs_listing_free(struct bs_listing *listing);

/* ---- objects_tries.c ---- */

/* Asks until it is done, cannot be done, or the time is over. Any thread. */
BS_MUST_CHECK enum bs_error_code bs_exchange_carry_out(struct bs_exchange *exchange,
                                                       int64_t limit_ms, struct bs_error *error);

#endif
