/* Stands in for an object store in the quickstart and in a first trial: path-style S3 over a
 * folder, which checks who asks. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "s3_server.h"

#define BUCKETS_MAX 64

static const char help[] =
    "Usage: backscribe-standin-objects --directory DIR [OPTION]...\n"
    "Stands in for an object store: path-style S3 (HEAD, GET, PUT, DELETE, ListObjects).\n"
    "\n"
    "  --listen HOST:PORT   an IPv4 address; port 0 = any free one (127.0.0.1:0)\n"
    "  --directory DIR      where the objects are kept: DIR/<bucket>/<key, percent-encoded>\n"
    "  --bucket NAME        is made where it is not there; may be repeated\n"
    "  --key-file FILE      requests must be signed (V4) with this static key (JSON:\n"
    "                       access_key_id, secret_access_key)\n"
    "  --token-file FILE    or carry this bearer token; without either file everybody may ask\n"
    "  --region NAME        that signatures must be for (ru-central1)\n"
    "  --log FILE           append one JSON line for each request\n"
    "  --help\n"
    "\n"
    "Prints \"listening on HOST:PORT\" once it serves.\n";

struct options {
    char host[16];
    uint16_t port;
    const char *directory;
    const char *buckets[BUCKETS_MAX];
    size_t bucket_count;
    const char *key_file, *token_file, *region, *log;
};

static const struct option long_options[] = {
    {"listen", required_argument, NULL, 'l'},
    {"directory", required_argument, NULL, 'd'},
    {"bucket", required_argument, NULL, 'b'},
    {"key-file", required_argument, NULL, 'k'},
    {"token-file", required_argument, NULL, 't'},
    {"region", required_argument, NULL, 'r'},
    {"log", required_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static bool read_address(const char *text, struct options *options)
{
    unsigned port;
    int end = 0;
    if (sscanf(text, "%15[0-9.]:%u%n", options->host, &port, &end) != 2 || text[end] != '\0' ||
        port > 65535) {
        return false;
    }
    options->port = (uint16_t)port;
    return true;
}

static bool take(struct options *options, int option, const char *value)
{
    const char **texts[] = {['d'] = &options->directory,
                            ['k'] = &options->key_file,
                            ['t'] = &options->token_file,
                            ['r'] = &options->region,
                            ['j'] = &options->log};
    if (option == 'l') {
        return read_address(value, options);
    }
    if (option == 'b') {
        if (options->bucket_count == BUCKETS_MAX || !s3_bucket_valid(value)) {
            return false;
        }
        options->buckets[options->bucket_count++] = value;
        return true;
    }
    *texts[option] = value;
    return true;
}

/* The exit status that it is over with, or -1. */
static int read_options(int count, char **arguments, struct options *options)
{
    int option;
    int place = 0;
    *options = (struct options){.host = "127.0.0.1", .region = "ru-central1"};
    while ((option = getopt_long(count, arguments, "", long_options, &place)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return 0;
        }
        if (option == '?') {
            return 2;
        }
        if (!take(options, option, optarg)) {
            fprintf(stderr, "backscribe-standin-objects: --%s: wrong value: %s\n",
                    long_options[place].name, optarg);
            return 2;
        }
    }
    if (optind < count || options->directory == NULL) {
        fputs("backscribe-standin-objects: --directory is needed, and options only\n", stderr);
        return 2;
    }
    return -1;
}

static enum bs_error_code start(struct s3_server *server, struct options *options,
                                struct bs_error *error)
{
    s3_files_init(&server->files, options->directory);
    server->credentials.region = options->region;
    if (s3_credentials_read(&server->credentials, options->key_file, options->token_file, error) !=
            BS_OK ||
        journal_open(&server->journal, options->log, error) != BS_OK) {
        return error->code;
    }
    for (size_t i = 0; i < options->bucket_count; i++) {
        enum s3_error made = s3_bucket_create(&server->files, options->buckets[i]);
        if (made != S3_OK && made != S3_BUCKET_EXISTS) {
            return bs_error_set(error, BS_ERROR_INVALID, "the bucket %s cannot be made below %s",
                                options->buckets[i], options->directory);
        }
    }
    return s3_server_start(server, options->host, &options->port, error);
}

int main(int count, char **arguments)
{
    struct options options;
    int status = read_options(count, arguments, &options);
    if (status >= 0) {
        return status;
    }
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL); /* threads inherit it */
    (void)signal(SIGPIPE, SIG_IGN);
    struct bs_error error = BS_NO_ERROR;
    struct s3_server server = {.journal.fd = -1};
    if (start(&server, &options, &error) != BS_OK) {
        fprintf(stderr, "backscribe-standin-objects: %s\n", error.message);
        s3_server_stop(&server);
        return 1;
    }
    printf("listening on %s:%u\n", options.host, options.port);
    fflush(stdout);
    int received;
    sigwait(&signals, &received);
    s3_server_stop(&server);
    return 0;
}
