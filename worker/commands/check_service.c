#include <stdlib.h>
#include <string.h>

#include "commands/check.h"
#include "commands/version.h"
#include "edges/http.h"

#define CONNECT_LIMIT_MS 5000
#define REQUEST_LIMIT_MS 15000
#define ANSWER_BYTES     ((size_t)1048576)
#define HEADER_BYTES     ((size_t)65536)
/* An operation that nobody has: the service looks at the credentials before it says so. */
#define NO_OPERATION "/operations/backscribe-check"

struct visit {
    struct bs_check_report *report;
    const struct bs_config *config;
    struct bs_loop *loop;
    const char *url;
    const char *setting; /* where the URL stands in the configuration */
    bool judged;         /* the answer's status tells whether the credential is accepted */
    bool secret;         /* a credential was sent */
};

/* Quotas are counted by the service's clock. */
static void judge_clock(struct visit *visit, const struct bs_http_answer *answer)
{
    if (answer->date == 0) {
        return;
    }
    int64_t allowed_ms = visit->config->quotas.window_seconds * 1000 / 60;
    allowed_ms = allowed_ms < 2000 ? 2000 : allowed_ms;
    int64_t ahead_ms = bs_clock_now().wall - answer->date;
    if (llabs(ahead_ms) > allowed_ms) {
        bs_check_say(visit->report, BS_CHECK_LINE_WARN,
                     "clock: this machine's is %lld s %s the service's: set it right (NTP)",
                     llabs(ahead_ms) / 1000, ahead_ms > 0 ? "ahead of" : "behind");
    }
}

static void answered(void *context, const struct bs_http_answer *answer)
{
    struct visit *visit = context;
    bs_loop_stop(visit->loop);
    if (answer->outcome != BS_HTTP_ANSWERED) {
        bs_check_say(visit->report, BS_CHECK_LINE_FAIL, "%s: %s: %s", visit->setting, visit->url,
                     answer->message);
        return;
    }
    if (!visit->judged) {
        bs_check_say(visit->report, BS_CHECK_LINE_OK, "%s: %s answers", visit->setting, visit->url);
        return;
    }
    if (answer->status == 401) {
        bs_check_say(visit->report, BS_CHECK_LINE_FAIL,
                     "speechkit.auth: the service does not accept this credential (401)");
    } else if (answer->status == 403) {
        bs_check_say(
            visit->report, BS_CHECK_LINE_FAIL,
            "speechkit.auth: the service account lacks the role ai.speechkit-stt.user (403)");
    } else if (answer->status >= 500) {
        bs_check_say(visit->report, BS_CHECK_LINE_WARN, "%s: %s answers with %d: try again later",
                     visit->setting, visit->url, answer->status);
    } else {
        bs_check_say(visit->report, BS_CHECK_LINE_OK, "%s: %s answers%s", visit->setting,
                     visit->url, visit->secret ? ", the credential is accepted" : "");
    }
    judge_clock(visit, answer);
}

static void visit_url(struct visit *visit, struct bs_http *http, const char *base, const char *path,
                      const char *authorization)
{
    size_t size = strlen(base) + strlen(path) + 1;
    char *url = malloc(size);
    BS_ASSERT(url != NULL);
    memcpy(stpcpy(url, base), path, strlen(path) + 1);
    visit->url = base;
    visit->judged = authorization != NULL;
    visit->secret = authorization != NULL && authorization[0] != '\0';
    struct bs_http_request request = {.url = url,
                                      .authorization = visit->secret ? authorization : NULL};
    bs_http_send(http, &request, answered, visit);
    bs_loop_run(visit->loop, NULL, NULL);
    free(url);
}

static void visit_service(struct bs_check_report *report, const struct bs_config *config,
                          struct bs_loop *loop, struct bs_tokens *tokens)
{
    struct bs_http_options options = {
        .connections = 1,
        .connect_limit_ms = CONNECT_LIMIT_MS,
        .request_limit_ms = REQUEST_LIMIT_MS,
        .stall_limit_ms = REQUEST_LIMIT_MS,
        .answer_limit_bytes = ANSWER_BYTES,
        .held_limit_bytes = ANSWER_BYTES,
        .header_limit_bytes = HEADER_BYTES,
        .user_agent = "backscribe/" BS_VERSION,
        .verify_certificates = true,
    };
    struct bs_error error = BS_NO_ERROR;
    struct bs_http *http = bs_http_create(loop, &options, &error);
    if (http == NULL) {
        bs_check_say(report, BS_CHECK_LINE_FAIL, "speechkit: %s", error.message);
        return;
    }
    struct visit visit = {.report = report, .config = config, .loop = loop};
    /* A GET submits nothing; any answer shows that somebody is there. */
    visit.setting = "speechkit.transcribe_url";
    visit_url(&visit, http, config->speechkit.transcribe_url, "/", NULL);
    visit.setting = "speechkit.operation_url";
    visit_url(&visit, http, config->speechkit.operation_url, NO_OPERATION,
              bs_tokens_authorization(tokens));
    bs_http_destroy(http);
}

void bs_check_service(struct bs_check_report *report, const struct bs_config *config,
                      struct bs_tokens *tokens)
{
    struct bs_loop *loop = bs_loop_create();
    visit_service(report, config, loop, tokens);
    bs_loop_destroy(loop);
}
