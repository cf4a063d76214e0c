#include "fault_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"

#define CONNECTIONS_AT_MOST 256
#define REQUEST_BYTES       8192

struct served {
    struct fault_connection connection;
    pthread_t thread;
};

struct fault_server {
    fault_script *script;
    int listener;
    int port;
    pthread_t acceptor;
    atomic_int requests;
    atomic_int connections;
    atomic_bool stopping;
    pthread_mutex_t mutex; /* of `last_request` and of the descriptors in `served` */
    char last_request[REQUEST_BYTES];
    struct served served[CONNECTIONS_AT_MOST];
    char url[256];
};

static void close_connection(struct fault_connection *connection)
{
    pthread_mutex_lock(&connection->server->mutex);
    (void)close(connection->fd);
    connection->fd = -1;
    pthread_mutex_unlock(&connection->server->mutex);
}

static void *serve(void *context)
{
    struct served *served = context;
    served->connection.server->script(&served->connection);
    close_connection(&served->connection);
    return NULL;
}

static void *accept_all(void *context)
{
    struct fault_server *server = context;
    while (!atomic_load(&server->stopping)) {
        int fd = accept(server->listener, NULL, NULL);
        if (fd < 0) {
            break;
        }
        int number = atomic_fetch_add(&server->connections, 1) + 1;
        BS_ASSERT(number <= CONNECTIONS_AT_MOST);
        struct served *served = &server->served[number - 1];
        pthread_mutex_lock(&server->mutex);
        served->connection =
            (struct fault_connection){.server = server, .fd = fd, .number = number};
        pthread_mutex_unlock(&server->mutex);
        BS_ASSERT(pthread_create(&served->thread, NULL, serve, served) == 0);
    }
    return NULL;
}

struct fault_server *fault_server_start(fault_script *script)
{
    struct fault_server *server = calloc(1, sizeof *server);
    BS_ASSERT(server != NULL);
    server->script = script;
    BS_ASSERT(pthread_mutex_init(&server->mutex, NULL) == 0);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    BS_ASSERT(bind(server->listener, (struct sockaddr *)&address, sizeof address) == 0);
    BS_ASSERT(listen(server->listener, 128) == 0);
    socklen_t size = sizeof address;
    BS_ASSERT(getsockname(server->listener, (struct sockaddr *)&address, &size) == 0);
    server->port = ntohs(address.sin_port);
    BS_ASSERT(pthread_create(&server->acceptor, NULL, accept_all, server) == 0);
    return server;
}

void fault_server_refuse(struct fault_server *server)
{
    if (!atomic_exchange(&server->stopping, true)) {
        (void)shutdown(server->listener, SHUT_RDWR);
        BS_ASSERT(pthread_join(server->acceptor, NULL) == 0);
        (void)close(server->listener);
    }
}

void fault_server_stop(struct fault_server *server)
{
    fault_server_refuse(server);
    int count = atomic_load(&server->connections);
    for (int i = 0; i < count; i++) {
        pthread_mutex_lock(&server->mutex);
        if (server->served[i].connection.fd >= 0) {
            (void)shutdown(server->served[i].connection.fd, SHUT_RDWR);
        }
        pthread_mutex_unlock(&server->mutex);
        BS_ASSERT(pthread_join(server->served[i].thread, NULL) == 0);
    }
    (void)pthread_mutex_destroy(&server->mutex);
    free(server);
}

int fault_server_port(const struct fault_server *server)
{
    return server->port;
}

const char *fault_server_url(struct fault_server *server, const char *scheme, const char *path)
{
    (void)snprintf(server->url, sizeof server->url, "%s://127.0.0.1:%d%s", scheme, server->port,
                   path);
    return server->url;
}

int fault_server_requests(struct fault_server *server)
{
    return atomic_load(&server->requests);
}

int fault_server_connections(struct fault_server *server)
{
    return atomic_load(&server->connections);
}

const char *fault_server_last_request(struct fault_server *server)
{
    return server->last_request;
}

static size_t body_size(const char *head)
{
    const char *length = strcasestr(head, "\r\nContent-Length:");
    return length == NULL ? 0 : strtoul(length + 17, NULL, 10);
}

bool fault_read_request(struct fault_connection *connection)
{
    char text[REQUEST_BYTES];
    size_t size = 0;
    while (true) {
        ssize_t part = recv(connection->fd, text + size, sizeof text - 1 - size, 0);
        if (part <= 0) {
            return false;
        }
        size += (size_t)part;
        text[size] = '\0';
        const char *end = strstr(text, "\r\n\r\n");
        if (end != NULL && size >= (size_t)(end + 4 - text) + body_size(text)) {
            break;
        }
    }
    struct fault_server *server = connection->server;
    pthread_mutex_lock(&server->mutex);
    memcpy(server->last_request, text, size + 1);
    pthread_mutex_unlock(&server->mutex);
    atomic_fetch_add(&server->requests, 1);
    return true;
}

bool fault_write_bytes(struct fault_connection *connection, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        ssize_t part = send(connection->fd, at, size, MSG_NOSIGNAL);
        if (part <= 0) {
            return false;
        }
        at += part;
        size -= (size_t)part;
    }
    return true;
}

bool fault_write(struct fault_connection *connection, const char *text)
{
    return fault_write_bytes(connection, text, strlen(text));
}

bool fault_answer(struct fault_connection *connection, int status, const char *headers,
                  const char *body)
{
    char text[REQUEST_BYTES];
    int length =
        snprintf(text, sizeof text, "HTTP/1.1 %d Status\r\nContent-Length: %zu\r\n%s\r\n%s", status,
                 strlen(body), headers, body);
    BS_ASSERT(length > 0 && (size_t)length < sizeof text);
    return fault_write_bytes(connection, text, (size_t)length);
}

void fault_wait_for_close(struct fault_connection *connection)
{
    char bytes[1024];
    while (recv(connection->fd, bytes, sizeof bytes, 0) > 0) {
    }
}

void fault_reset_on_close(struct fault_connection *connection)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void fault_sleep_ms(int delay_ms)
{
    struct timespec delay = {.tv_sec = delay_ms / 1000, .tv_nsec = (delay_ms % 1000) * 1000000L};
    (void)nanosleep(&delay, NULL);
}
