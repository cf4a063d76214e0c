/* What the tests of formats share: a configuration, a job message, an operation. */
#ifndef BS_TESTS_FORMATS_FIXTURE_H
#define BS_TESTS_FORMATS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/config.h"
#include "formats/job.h"

/* The least configuration that is valid, with `settings` ("path=value", NULL at the end) on top. */
struct bs_config *fixture_config(const char *const *settings);

struct bs_bytes fixture_bytes(const char *text);
/* Whether `part` stands in the bytes. */
bool fixture_contains(struct bs_bytes bytes, const char *part);

/* A job's text, decoded as the message at jobs/3/41, with its packed job. */
struct fixture_job {
    struct bs_job_event event;
    struct bs_buffer scratch;
    struct bs_job job;
    struct bs_operation operation; /* accepted as operation e03abc */
};
void fixture_job_make(struct fixture_job *fixture, const struct bs_config *config,
                      const char *text);
void fixture_job_free(struct fixture_job *fixture);

#endif
