/* What goes wrong, when asked to: rules that match requests or the operations that they make.
 *
 * A rule as JSON: {"fault": NAME, "on": "submit"|"check"|"cancel"|"token"|"object"|"any",
 *   "uri": SUBSTRING, "probability": 0..1, "next": N, "first_per_uri": N, "after": bool,
 *   "code": N, "message": TEXT, "ms": N, "bytes": N, "location": URL, "retry_after": SECONDS,
 *   "wrapped": bool, "code_as_string": bool}; all but "fault" optional. README.md has the list. */
#ifndef STANDIN_FAULTS_H
#define STANDIN_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/hash.h"
#include "buffer.h"

enum fault_kind {
    FAULT_NONE,
    /* of requests */
    FAULT_ERROR,           /* an error answer with `code` */
    FAULT_RESET,           /* RST, no byte */
    FAULT_CUT,             /* half of the body, then the end */
    FAULT_GARBLE,          /* 200 and a body that is no JSON */
    FAULT_HANG,            /* no answer; the end after `ms`, 0 = never */
    FAULT_SLOW,            /* the answer comes after `ms` */
    FAULT_HUGE,            /* a body of `bytes` bytes */
    FAULT_ENDLESS_HEADERS, /* headers for ever */
    FAULT_REDIRECT,        /* 307 to `location` */
    FAULT_HTML,            /* 502 with a page, as a proxy has it */
    /* of operations: decided when they are accepted */
    FAULT_FAIL,              /* ends with an error of `code` */
    FAULT_NEVER_DONE,        /* runs for ever */
    FAULT_ERROR_BEFORE_DONE, /* carries `code` for `ms` before done turns true */
    FAULT_YOUNG_NOT_FOUND,   /* 404 for the first `ms` */
    FAULT_EXPIRE,            /* its result is gone as soon as it is there */
    FAULT_EMPTY,             /* nothing was said: no chunks */
    FAULT_WRONG_SHAPE,       /* done, with neither response nor error */
    FAULT_HUGE_RESULT,       /* a text of about `bytes` bytes */
    FAULT_DURATION,          /* takes `ms` */
};

enum request_kind {
    REQUEST_SUBMIT,
    REQUEST_CHECK,
    REQUEST_CANCEL,
    REQUEST_TOKEN,
    REQUEST_OBJECT,
    REQUEST_KINDS,
    REQUEST_ANY = REQUEST_KINDS,
};

struct fault {
    enum fault_kind kind;
    enum request_kind on; /* of a request's fault */
    char *uri;            /* NULL = any */
    double probability;
    int64_t left;          /* how often it may still strike; -1 = for ever */
    int64_t first_per_uri; /* only the first so many times of each recording; 0 = always */
    bool after;            /* the request does its work first (it is accepted, and paid) */
    bool wrapped;          /* the error in the shape of v3's gateway */
    bool code_as_string;
    int code;
    char *message;
    int64_t ms;
    int64_t bytes;
    char *location;
    int64_t retry_after_seconds; /* 0 = not told */
    int64_t hits;
};

struct faults {
    struct fault *rules;
    size_t count;
    struct bs_random random;
};

/* Reads {"rules":[…]} (these replace all others) or {"add":[…]}. Nothing is changed on an error. */
BS_MUST_CHECK enum bs_error_code faults_read(struct faults *faults, const char *json, size_t size,
                                             struct bs_error *error);
void faults_free(struct faults *faults);

/* The rules as a JSON array, with what is left of each and how often it struck. */
void faults_write(const struct faults *faults, struct buffer *out);

const char *faults_name(enum fault_kind kind);

/* The first rule that strikes, counted as a hit, or NULL. `uri` may be "" where none is known;
 * `times` counts this recording's requests of that kind, this one included. */
const struct fault *faults_strike_request(struct faults *faults, enum request_kind on,
                                          const char *uri, int64_t times);
const struct fault *faults_strike_operation(struct faults *faults, const char *uri, int64_t times);

#endif
