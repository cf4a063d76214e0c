/* Stands in for SpeechKit's asynchronous recognition in tests, benchmarks and the quickstart. */
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

#include "service.h"

/* Every connection is a descriptor. */
static void allow_many_connections(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* The loop takes them from a descriptor; threads started later inherit the mask. */
static void block_signals(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    int failed = sigprocmask(SIG_BLOCK, &signals, NULL);
    BS_ASSERT(failed == 0);
}

int main(int count, char **arguments)
{
    struct options options;
    switch (options_read(count, arguments, &options)) {
    case OPTIONS_HELP:
        return 0;
    case OPTIONS_WRONG:
        return 2;
    case OPTIONS_RUN:
        break;
    }
    allow_many_connections();
    block_signals();
    struct bs_error error = BS_NO_ERROR;
    struct service *service = service_create(&options, &error);
    if (service == NULL) {
        fprintf(stderr, "backscribe-standin: %s\n", error.message);
        return 1;
    }
    printf("listening on %s:%u\ncontrol on %s:%u\n", options.host, server_port(service->server),
           options.host, server_control_port(service->server));
    fflush(stdout);
    server_run(service->server);
    service_destroy(service);
    return 0;
}
