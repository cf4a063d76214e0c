#include "exchange.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"

#define PATIENCE_MS 20000

struct waiting {
    struct exchange exchange;
    struct bs_loop *loop;
    bs_mono_ms began;
};

struct bs_http_options exchange_options(void)
{
    return (struct bs_http_options){
        .connections = 64,
        .connect_limit_ms = 400,
        .request_limit_ms = 3000,
        .stall_limit_ms = 1000,
        .answer_limit_bytes = 100000,
        .held_limit_bytes = 1000000,
        .header_limit_bytes = 16384,
        .user_agent = "backscribe-test",
        .verify_certificates = true,
    };
}

struct client client_open(const struct bs_http_options *options)
{
    struct client client = {.loop = bs_loop_create()};
    struct bs_error error = BS_NO_ERROR;
    client.http = bs_http_create(client.loop, options, &error);
    BS_ASSERT(client.http != NULL);
    return client;
}

void client_close(struct client *client)
{
    bs_http_destroy(client->http);
    bs_loop_destroy(client->loop);
}

static void copy_text(char *copy, size_t capacity, const char *text)
{
    (void)snprintf(copy, capacity, "%s", text == NULL ? "" : text);
}

static void answered(void *context, const struct bs_http_answer *answer)
{
    struct waiting *waiting = context;
    struct exchange *exchange = &waiting->exchange;
    exchange->done = true;
    exchange->calls++;
    exchange->outcome = answer->outcome;
    exchange->status = answer->status;
    exchange->body_size = answer->body.size;
    size_t kept = answer->body.size < sizeof exchange->body - 1 ? answer->body.size
                                                                : sizeof exchange->body - 1;
    if (kept > 0) {
        memcpy(exchange->body, answer->body.data, kept);
    }
    exchange->body[kept] = '\0';
    exchange->retry_after_ms = answer->retry_after_ms;
    copy_text(exchange->request_id, sizeof exchange->request_id, answer->request_id);
    copy_text(exchange->trace_id, sizeof exchange->trace_id, answer->trace_id);
    exchange->date = answer->date;
    copy_text(exchange->message, sizeof exchange->message, answer->message);
    exchange->took_ms = bs_clock_now().mono - waiting->began;
    bs_loop_stop(waiting->loop);
}

static void patience_ended(void *context, uint32_t events)
{
    (void)context;
    (void)events;
    bs_assert_failed("no answer within the test's patience", __FILE__, __LINE__);
}

struct exchange client_send(struct client *client, const struct bs_http_request *request)
{
    struct waiting waiting = {.loop = client->loop, .began = bs_clock_now().mono};
    struct bs_timer *patience = bs_timer_create(client->loop, patience_ended, NULL);
    bs_timer_set(patience, waiting.began + PATIENCE_MS);
    bs_http_send(client->http, request, answered, &waiting);
    BS_ASSERT(!waiting.exchange.done); /* the callback comes later, never from inside of send */
    bs_loop_run(client->loop, NULL, NULL);
    bs_timer_destroy(patience);
    return waiting.exchange;
}

struct exchange client_get(struct client *client, const char *url)
{
    struct bs_http_request request = {.url = url, .authorization = "Api-Key secret-of-the-test"};
    return client_send(client, &request);
}

struct exchange client_post(struct client *client, const char *url)
{
    static const char *const headers[] = {"Idempotency-Key: 6f1c"};
    struct bs_http_request request = {
        .url = url,
        .body = "{\"audio\":{}}",
        .body_size = 12,
        .authorization = "Api-Key secret-of-the-test",
        .headers = headers,
        .header_count = 1,
    };
    return client_send(client, &request);
}
