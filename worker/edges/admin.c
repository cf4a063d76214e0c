#include "edges/admin.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/list.h"
#include "edges/admin_pages.h"

#define CONNECTIONS_AT_MOST 32U
#define IDLE_LIMIT_SECONDS  10U
/* From accept to close: a client that sends or reads a byte now and then holds its place no longer.
 */
#define CONNECTION_LIMIT_MS     30000
#define CONNECTION_MEMORY_BYTES ((size_t)16384)

struct client {
    struct bs_link link; /* in the endpoint's `clients`, oldest first */
    int fd;
    bs_mono_ms accepted;
};

struct bs_admin {
    struct bs_loop *loop;
    struct MHD_Daemon *daemon;
    struct bs_watch *watch;
    struct bs_timer *timer;        /* when the daemon wants to run without an event */
    struct bs_timer *client_timer; /* when the oldest client's time is over */
    struct bs_list clients;
    bs_admin_look *look;
    void *context;
    uint16_t port;
};

void bs_admin_print(struct bs_buffer *page, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    BS_ASSERT(length >= 0 && (size_t)length < sizeof text);
    bs_buffer_append(page, text, (size_t)length);
}

/* ---- the pages ------------------------------------------------------------------------ */

bool bs_admin_write_readiness(const struct bs_admin_facts *facts, struct bs_buffer *page)
{
    bool ready = true;
    for (int i = 0; i < BS_NOT_READY_REASONS; i++) {
        if (!facts->core.not_ready[i]) {
            continue;
        }
        ready = false;
        char text[BS_MESSAGE_MAX];
        (void)snprintf(text, sizeof text, "%s", facts->core.not_ready_text[i]);
        for (char *at = text; *at != '\0'; at++) {
            *at = (unsigned char)*at < ' ' ? ' ' : *at; /* a reason is one line */
        }
        bs_admin_print(page, "%s: %s\n", bs_not_ready_name((enum bs_not_ready)i), text);
    }
    if (ready) {
        bs_admin_print(page, "ready\n");
    }
    return ready;
}

/* The facts are large (each reason has its text), so they live on the heap and not on the stack. */
static struct bs_admin_facts *look(struct bs_admin *admin)
{
    struct bs_admin_facts *facts = calloc(1, sizeof *facts);
    BS_ASSERT(facts != NULL);
    admin->look(admin->context, facts);
    return facts;
}

static unsigned int write_page(struct bs_admin *admin, const char *path, struct bs_buffer *page,
                               const char **type)
{
    *type = "text/plain; charset=utf-8";
    if (strcmp(path, "/healthz") == 0) {
        bs_admin_print(page, "ok\n");
        return MHD_HTTP_OK;
    }
    if (strcmp(path, "/readyz") != 0 && strcmp(path, "/metrics") != 0 &&
        strcmp(path, "/status") != 0) {
        bs_admin_print(page, "not found; there are /healthz, /readyz, /metrics and /status\n");
        return MHD_HTTP_NOT_FOUND;
    }
    unsigned int status = MHD_HTTP_OK;
    struct bs_admin_facts *facts = look(admin);
    if (strcmp(path, "/readyz") == 0) {
        status = bs_admin_write_readiness(facts, page) ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
    } else if (strcmp(path, "/metrics") == 0) {
        *type = "text/plain; version=0.0.4; charset=utf-8";
        bs_admin_write_metrics(facts, page);
    } else {
        *type = "application/json";
        bs_admin_write_status(facts, bs_clock_now(), page);
    }
    free(facts);
    return status;
}

/* ---- what libmicrohttpd calls --------------------------------------------------------- */

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **request)
{
    struct bs_admin *admin = context;
    struct bs_buffer page = {0};
    const char *type = "text/plain; charset=utf-8";
    (void)version;
    (void)upload;
    (void)request;
    *upload_size = 0; /* whatever is sent to us is thrown away */
    unsigned int status = MHD_HTTP_METHOD_NOT_ALLOWED;
    if (strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0) {
        status = write_page(admin, path, &page, &type);
    } else {
        bs_admin_print(&page, "only GET and HEAD\n");
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer(page.size, page.data, MHD_RESPMEM_MUST_COPY);
    bs_buffer_free(&page);
    if (response == NULL) {
        return MHD_NO;
    }
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED) {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    }
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static void watch_oldest_client(struct bs_admin *admin)
{
    struct bs_link *first = bs_list_first(&admin->clients);
    bs_timer_set(admin->client_timer,
                 first == NULL
                     ? BS_NEVER
                     : BS_CONTAINER_OF(first, struct client, link)->accepted + CONNECTION_LIMIT_MS);
}

static void client_came_or_went(void *context, struct MHD_Connection *connection, void **slot,
                                enum MHD_ConnectionNotificationCode what)
{
    struct bs_admin *admin = context;
    struct client *client = *slot;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        client = calloc(1, sizeof *client);
        BS_ASSERT(client != NULL && info != NULL);
        client->fd = info->connect_fd;
        client->accepted = bs_clock_now().mono;
        bs_list_append(&admin->clients, &client->link);
        *slot = client;
    } else if (client != NULL) {
        bs_list_remove(&client->link);
        free(client);
        *slot = NULL;
    }
    watch_oldest_client(admin);
}

/* ---- the daemon on the loop ----------------------------------------------------------- */

static void run(struct bs_admin *admin)
{
    (void)MHD_run(admin->daemon);
    MHD_UNSIGNED_LONG_LONG delay_ms;
    bool wanted = MHD_get_timeout(admin->daemon, &delay_ms) == MHD_YES;
    bs_timer_set(admin->timer, wanted ? bs_clock_now().mono + (bs_mono_ms)delay_ms : BS_NEVER);
}

static void daemon_ready(void *context, uint32_t events)
{
    (void)events;
    run(context);
}

static void client_time_is_up(void *context, uint32_t events)
{
    struct bs_admin *admin = context;
    bs_mono_ms now = bs_clock_now().mono;
    (void)events;
    struct bs_link *link = bs_list_first(&admin->clients);
    for (; link != NULL; link = bs_list_next(&admin->clients, link)) {
        struct client *client = BS_CONTAINER_OF(link, struct client, link);
        if (client->accepted + CONNECTION_LIMIT_MS > now) {
            break;
        }
        /* The daemon sees its end on the next turn and closes the descriptor itself. */
        (void)shutdown(client->fd, SHUT_RDWR);
        client->accepted = now;
    }
    run(admin);
}

/* ---- creation ------------------------------------------------------------------------- */

static int listen_on(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    int yes = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, 64) != 0) {
        int problem = errno;
        (void)close(fd);
        errno = problem;
        return -1;
    }
    return fd;
}

/* The listening socket, or -1. */
static int open_address(const char *host, uint16_t port, struct bs_error *error)
{
    char service[8];
    (void)snprintf(service, sizeof service, "%u", port);
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *addresses = NULL;
    int problem = getaddrinfo(host, service, &hints, &addresses);
    if (problem != 0) {
        (void)bs_error_set(error, BS_ERROR_INVALID, "admin.listen: %s: %s", host,
                           gai_strerror(problem));
        return -1;
    }
    int fd = -1;
    for (struct addrinfo *at = addresses; at != NULL && fd < 0; at = at->ai_next) {
        fd = listen_on(at);
    }
    if (fd < 0) {
        (void)bs_error_set(error, BS_ERROR_INVALID, "admin.listen: %s port %u: %s", host, port,
                           strerror(errno));
    }
    freeaddrinfo(addresses);
    return fd;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    char service[8] = "0";
    if (getsockname(fd, (struct sockaddr *)&address, &size) == 0) {
        (void)getnameinfo((struct sockaddr *)&address, size, NULL, 0, service, sizeof service,
                          NI_NUMERICSERV);
    }
    return (uint16_t)strtoul(service, NULL, 10);
}

/* libmicrohttpd tells here of clients that went away: nothing an operator could act on. */
static void ignore_log(void *context, const char *format, va_list arguments)
{
    (void)context;
    (void)format;
    (void)arguments;
}

struct bs_admin *bs_admin_create(struct bs_loop *loop, const char *host, uint16_t port,
                                 bs_admin_look *look_callback, void *context,
                                 struct bs_error *error)
{
    int fd = open_address(host, port, error);
    if (fd < 0) {
        return NULL;
    }
    struct bs_admin *admin = calloc(1, sizeof *admin);
    BS_ASSERT(admin != NULL);
    admin->loop = loop;
    admin->look = look_callback;
    admin->context = context;
    admin->port = port_of(fd);
    bs_list_init(&admin->clients);
    admin->timer = bs_timer_create(loop, daemon_ready, admin);
    admin->client_timer = bs_timer_create(loop, client_time_is_up, admin);
    admin->daemon = MHD_start_daemon(
        MHD_USE_EPOLL, 0, NULL, NULL, answer, admin, MHD_OPTION_EXTERNAL_LOGGER, ignore_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_AT_MOST,
        MHD_OPTION_CONNECTION_TIMEOUT, IDLE_LIMIT_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        CONNECTION_MEMORY_BYTES, MHD_OPTION_NOTIFY_CONNECTION, client_came_or_went, admin,
        MHD_OPTION_END);
    if (admin->daemon == NULL) {
        (void)bs_error_set(error, BS_ERROR_FATAL, "admin.listen: libmicrohttpd does not start");
        (void)close(fd);
        bs_admin_destroy(admin);
        return NULL;
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(admin->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    BS_ASSERT(info != NULL);
    admin->watch = bs_loop_add(loop, info->epoll_fd, EPOLLIN, daemon_ready, admin);
    return admin;
}

void bs_admin_destroy(struct bs_admin *admin)
{
    if (admin == NULL) {
        return;
    }
    bs_loop_remove(admin->loop, admin->watch);
    if (admin->daemon != NULL) {
        MHD_stop_daemon(admin->daemon); /* calls client_came_or_went for those that are left */
    }
    bs_timer_destroy(admin->timer);
    bs_timer_destroy(admin->client_timer);
    free(admin);
}

uint16_t bs_admin_port(const struct bs_admin *admin)
{
    return admin->port;
}
