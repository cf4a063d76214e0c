#include "edges/status_client.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/worker_status.h"

#define POLL_MS 100

struct bs_status_client {
    CURLM *multi;
    CURL *asking[BS_STATUS_ADDRESSES_MAX]; /* by the answer's index; NULL: not under way */
    bool (*go_on)(void *context);
    void *context;
};

/* ---- which addresses ------------------------------------------------------------------------ */

static bool parse_port(const char *text, uint16_t *port)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    *port = (uint16_t)number;
    return *text >= '0' && *text <= '9' && *end == '\0' && number > 0 && number <= UINT16_MAX;
}

bool bs_status_place_parse(const char *text, uint16_t port, struct bs_status_place *place)
{
    const char *host = text, *end, *rest;
    place->port = port;
    if (*text == '[') {
        host = text + 1;
        end = strchr(host, ']');
        rest = end == NULL ? NULL : end + 1;
    } else {
        end = strchr(text, ':');
        bool is_ipv6 = end != NULL && strchr(end + 1, ':') != NULL;
        end = end == NULL || is_ipv6 ? text + strlen(text) : end;
        rest = end;
    }
    size_t size = end == NULL ? 0 : (size_t)(end - host);
    if (size == 0 || size >= sizeof place->host || memchr(host, '/', size) != NULL ||
        memchr(host, '@', size) != NULL) {
        return false;
    }
    memcpy(place->host, host, size);
    place->host[size] = '\0';
    return *rest == '\0' || (*rest == ':' && parse_port(rest + 1, &place->port));
}

static struct bs_status_answer *add_answer(struct bs_status_answers *answers, size_t place)
{
    if (answers->count == BS_STATUS_ADDRESSES_MAX) {
        answers->left_out++;
        return NULL;
    }
    struct bs_status_answer *answer = &answers->list[answers->count++];
    *answer = (struct bs_status_answer){.place = place};
    return answer;
}

static bool has_address(const struct bs_status_answers *answers, const char *address)
{
    for (size_t i = 0; i < answers->count; i++) {
        if (strcmp(answers->list[i].address, address) == 0) {
            return true;
        }
    }
    return false;
}

static void add_address(struct bs_status_answers *answers, size_t place,
                        const struct addrinfo *found, uint16_t port)
{
    char host[256], address[300];
    if (getnameinfo(found->ai_addr, found->ai_addrlen, host, sizeof host, NULL, 0,
                    NI_NUMERICHOST) != 0) {
        return;
    }
    bool ipv6 = found->ai_family == AF_INET6;
    (void)snprintf(address, sizeof address, ipv6 ? "[%s]:%u" : "%s:%u", host, (unsigned)port);
    struct bs_status_answer *answer =
        has_address(answers, address) ? NULL : add_answer(answers, place);
    if (answer != NULL) {
        memcpy(answer->address, address, sizeof address);
        answer->ipv6 = ipv6;
    }
}

static void look_up(struct bs_status_answers *answers, const struct bs_status_place *place,
                    size_t index)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int problem = getaddrinfo(place->host, NULL, &hints, &found);
    if (problem != 0) {
        struct bs_status_answer *answer = add_answer(answers, index);
        if (answer != NULL) {
            (void)snprintf(answer->address, sizeof answer->address, "%s:%u", place->host,
                           (unsigned)place->port);
            (void)snprintf(answer->problem, sizeof answer->problem, "%s", gai_strerror(problem));
        }
        return;
    }
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next) {
        add_address(answers, index, at, place->port);
    }
    freeaddrinfo(found);
}

/* ---- asking -----------------------------------------------------------------------------------
 */

static size_t take(char *bytes, size_t size, size_t count, void *context)
{
    struct bs_status_answer *answer = context;
    if (answer->page.size + size * count > BS_STATUS_BYTES_MAX) {
        return 0; /* ends the transfer */
    }
    bs_buffer_append(&answer->page, bytes, size * count);
    return size * count;
}

static void begin(struct bs_status_client *client, struct bs_status_answers *answers, size_t index,
                  int32_t limit_ms)
{
    struct bs_status_answer *answer = &answers->list[index];
    char url[400];
    CURL *easy = curl_easy_init();
    BS_ASSERT(easy != NULL);
    client->asking[index] = easy;
    (void)snprintf(url, sizeof url, "http://%s/status", answer->address);
    (void)curl_easy_setopt(easy, CURLOPT_URL, url);
    (void)curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)limit_ms);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, answer);
    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, answer);
    BS_ASSERT(curl_multi_add_handle(client->multi, easy) == CURLM_OK);
}

static void end(CURL *easy, CURLcode code)
{
    struct bs_status_answer *answer = NULL;
    long status = 0;
    (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &answer);
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (code == CURLE_WRITE_ERROR) {
        (void)snprintf(answer->problem, sizeof answer->problem, "its answer is too large");
    } else if (code != CURLE_OK) {
        (void)snprintf(answer->problem, sizeof answer->problem, "does not answer: %s",
                       curl_easy_strerror(code));
    } else if (status != 200) {
        (void)snprintf(answer->problem, sizeof answer->problem, "answers with HTTP status %ld",
                       status);
    } else {
        answer->answered = true;
    }
}

static void forget(struct bs_status_client *client, CURL *easy)
{
    for (size_t i = 0; i < BS_STATUS_ADDRESSES_MAX; i++) {
        if (client->asking[i] == easy) {
            client->asking[i] = NULL;
        }
    }
    (void)curl_multi_remove_handle(client->multi, easy);
    curl_easy_cleanup(easy);
}

static void end_finished(struct bs_status_client *client)
{
    const CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
        CURL *easy = message->easy_handle; /* the message goes with it */
        end(easy, message->data.result);
        forget(client, easy);
    }
}

static void end_all(struct bs_status_client *client)
{
    for (size_t i = 0; i < BS_STATUS_ADDRESSES_MAX; i++) {
        if (client->asking[i] != NULL) {
            end(client->asking[i], CURLE_ABORTED_BY_CALLBACK);
            forget(client, client->asking[i]);
        }
    }
}

/* Of a name with addresses of both families (a service with two stacks, localhost) the family that
 * nobody listens on says nothing about a worker. */
static bool is_of_the_silent_family(const struct bs_status_answers *answers, size_t index)
{
    const struct bs_status_answer *answer = &answers->list[index];
    bool other_answers = false, own_answers = false;
    for (size_t i = 0; i < answers->count; i++) {
        const struct bs_status_answer *at = &answers->list[i];
        if (at->place == answer->place && at->answered) {
            own_answers = own_answers || at->ipv6 == answer->ipv6;
            other_answers = other_answers || at->ipv6 != answer->ipv6;
        }
    }
    return other_answers && !own_answers;
}

static void leave_out_the_silent_family(struct bs_status_answers *answers)
{
    bool silent[BS_STATUS_ADDRESSES_MAX];
    for (size_t i = 0; i < answers->count; i++) {
        silent[i] = is_of_the_silent_family(answers, i);
    }
    size_t kept = 0;
    for (size_t i = 0; i < answers->count; i++) {
        if (silent[i]) {
            bs_buffer_free(&answers->list[i].page);
        } else {
            answers->list[kept++] = answers->list[i];
        }
    }
    answers->count = kept;
}

struct bs_status_client *bs_status_client_create(bool (*go_on)(void *context), void *context)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    struct bs_status_client *client = calloc(1, sizeof *client);
    BS_ASSERT(client != NULL);
    client->multi = curl_multi_init();
    BS_ASSERT(client->multi != NULL);
    client->go_on = go_on;
    client->context = context;
    return client;
}

void bs_status_client_destroy(struct bs_status_client *client)
{
    if (client != NULL) {
        (void)curl_multi_cleanup(client->multi);
        curl_global_cleanup();
        free(client);
    }
}

void bs_status_ask(struct bs_status_client *client, const struct bs_status_place *places,
                   size_t count, int32_t limit_ms, struct bs_status_answers *answers)
{
    *answers = (struct bs_status_answers){0};
    answers->list = calloc(BS_STATUS_ADDRESSES_MAX, sizeof *answers->list);
    BS_ASSERT(answers->list != NULL);
    for (size_t i = 0; i < count && client->go_on(client->context); i++) {
        look_up(answers, &places[i], i);
    }
    int running = 0;
    for (size_t i = 0; i < answers->count; i++) {
        if (answers->list[i].problem[0] == '\0') {
            begin(client, answers, i, limit_ms);
        }
    }
    do {
        (void)curl_multi_perform(client->multi, &running);
        end_finished(client);
        if (running > 0) {
            (void)curl_multi_poll(client->multi, NULL, 0, POLL_MS, NULL);
        }
    } while (running > 0 && client->go_on(client->context));
    end_all(client);
    leave_out_the_silent_family(answers);
}

void bs_status_answers_free(struct bs_status_answers *answers)
{
    for (size_t i = 0; i < answers->count; i++) {
        bs_buffer_free(&answers->list[i].page);
    }
    free(answers->list);
    *answers = (struct bs_status_answers){0};
}
