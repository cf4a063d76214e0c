/* The room that all answers' bodies have together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "exchange.h"
#include "fault_server.h"

#define LARGE 90000
#define ROOM  100000
#define CROWD 8

static char large_body[LARGE];

/* Whole answers of LARGE bytes, in two halves, so that several are under way at once. */
static void serve_large(struct fault_connection *connection)
{
    while (fault_read_request(connection) &&
           fault_write(connection, "HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n") &&
           fault_write_bytes(connection, large_body, LARGE / 2)) {
        fault_sleep_ms(100);
        (void)fault_write_bytes(connection, large_body, LARGE / 2);
    }
}

struct crowd {
    struct client client;
    const char *url;
    int answered, whole, told_why;
    size_t most_held;
};

static void note_held(void *context)
{
    struct crowd *crowd = context;
    size_t held = bs_http_held_bytes(crowd->client.http);
    crowd->most_held = held > crowd->most_held ? held : crowd->most_held;
}

static void answered(void *context, const struct bs_http_answer *answer)
{
    struct crowd *crowd = context;
    crowd->whole += answer->outcome == BS_HTTP_ANSWERED && answer->body.size == LARGE;
    crowd->told_why += answer->message != NULL && strstr(answer->message, "room") != NULL;
    if (++crowd->answered == CROWD) {
        bs_loop_stop(crowd->client.loop);
    }
}

static void send_crowd(struct crowd *crowd, fault_script *script, int64_t limit_ms)
{
    struct fault_server *server = fault_server_start(script);
    struct bs_http_options options = exchange_options();
    options.request_limit_ms = limit_ms;
    options.stall_limit_ms = limit_ms;
    options.connect_limit_ms = 5000;
    options.held_limit_bytes = ROOM;
    crowd->client = client_open(&options);
    struct bs_http_request request = {.url = fault_server_url(server, "http", "/")};
    for (int i = 0; i < CROWD; i++) {
        bs_http_send(crowd->client.http, &request, answered, crowd);
    }
    bs_loop_run(crowd->client.loop, note_held, crowd);
    assert_int_equal(bs_http_held_bytes(crowd->client.http), 0);
    client_close(&crowd->client);
    fault_server_stop(server);
}

static void answers_that_do_not_fit_together_come_one_after_the_other(void **state)
{
    (void)state;
    struct crowd crowd = {0};
    send_crowd(&crowd, serve_large, 20000);
    assert_int_equal(crowd.whole, CROWD);
    /* the room, the one that goes on in any case, and what never waits */
    assert_in_range(crowd.most_held, LARGE / 2, ROOM + LARGE + CROWD * 16384);
}

/* Half of an answer, and then nothing. */
static void serve_half(struct fault_connection *connection)
{
    if (fault_read_request(connection) &&
        fault_write(connection, "HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n")) {
        (void)fault_write_bytes(connection, large_body, LARGE / 2);
        fault_wait_for_close(connection);
    }
}

static void answers_that_find_no_room_end_at_their_limit_and_say_so(void **state)
{
    (void)state;
    struct crowd crowd = {0};
    send_crowd(&crowd, serve_half, 1500);
    assert_int_equal(crowd.whole, 0);
    assert_in_range(crowd.told_why, 1, CROWD);
    assert_in_range(crowd.most_held, LARGE / 2, ROOM + LARGE + CROWD * 16384);
}

struct small {
    struct crowd crowd;
    enum bs_http_outcome outcome;
};

static void small_answered(void *context, const struct bs_http_answer *answer)
{
    struct small *small = context;
    small->outcome = answer->outcome;
    bs_loop_stop(small->crowd.client.loop);
}

static void ignored(void *context, const struct bs_http_answer *answer)
{
    (void)context;
    (void)answer;
}

static void serve_small(struct fault_connection *connection)
{
    while (fault_read_request(connection)) {
        (void)fault_answer(connection, 200, "", "{\"id\":\"e03\"}");
    }
}

/* Sends the small request once the room is full. */
struct filled {
    struct small *small;
    const char *url;
    bool sent;
};

static void send_when_full(void *context)
{
    struct filled *filled = context;
    struct bs_http *http = filled->small->crowd.client.http;
    if (!filled->sent && bs_http_held_bytes(http) + 16384 > ROOM) {
        struct bs_http_request request = {.url = filled->url};
        filled->sent = true;
        bs_http_send(http, &request, small_answered, filled->small);
    }
}

static void a_small_answer_does_not_wait_for_large_ones(void **state)
{
    (void)state;
    struct fault_server *large = fault_server_start(serve_half);
    struct fault_server *other = fault_server_start(serve_small);
    struct bs_http_options options = exchange_options();
    struct small small = {.outcome = BS_HTTP_LOST};
    options.held_limit_bytes = ROOM;
    options.request_limit_ms = options.stall_limit_ms = options.connect_limit_ms = 10000;
    small.crowd.client = client_open(&options);
    char url[200];
    (void)snprintf(url, sizeof url, "%s", fault_server_url(other, "http", "/"));
    struct bs_http_request request = {.url = fault_server_url(large, "http", "/")};
    for (int i = 0; i < CROWD; i++) {
        bs_http_send(small.crowd.client.http, &request, ignored, NULL);
    }
    struct filled filled = {.small = &small, .url = url};
    bs_loop_run(small.crowd.client.loop, send_when_full, &filled);
    assert_int_equal(small.outcome, BS_HTTP_ANSWERED);
    assert_int_equal(bs_http_under_way(small.crowd.client.http), CROWD);
    client_close(&small.crowd.client);
    fault_server_stop(large);
    fault_server_stop(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_that_do_not_fit_together_come_one_after_the_other),
        cmocka_unit_test(answers_that_find_no_room_end_at_their_limit_and_say_so),
        cmocka_unit_test(a_small_answer_does_not_wait_for_large_ones),
    };
    return cmocka_run_group_tests_name("http room", tests, NULL, NULL);
}
