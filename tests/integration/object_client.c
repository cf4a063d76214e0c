/* The object store's edge on the command line, for tests that drive it against a real server:
 *
 *   backscribe-object-client [--limit-ms N] CONFIGURATION COMMAND ...
 *
 *   head BUCKET KEY                               prints size, modified (ms), sha256, etag
 *   get BUCKET KEY                                writes the object
 *   get-range BUCKET KEY OFFSET LENGTH [ETAG]     writes that part
 *   put BUCKET KEY FILE [SHA256]
 *   copy BUCKET KEY OTHER-KEY                     in parts, read while they are put
 *   delete BUCKET KEY
 *   list BUCKET PREFIX [AFTER [PAGE-SIZE]]        prints size, modified, key in hex, etag
 *   heads BUCKET KEY COUNT THREADS                prints requests a second
 *
 * Status 0, or 1 with the error's code and message on standard error. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edges/objects.h"

#define PART_BYTES ((int64_t)4 << 20)

struct client {
    struct bs_objects *objects;
    int64_t limit_ms;
    struct bs_object_name name;
    int argument_count;
    char **arguments; /* behind bucket and key */
    struct bs_error error;
};

static int64_t number(const struct client *client, int index, int64_t otherwise)
{
    return index < client->argument_count ? atoll(client->arguments[index]) : otherwise;
}

static const char *text(const struct client *client, int index)
{
    return index < client->argument_count ? client->arguments[index] : NULL;
}

static enum bs_error_code head(struct client *client)
{
    struct bs_object_facts facts;
    enum bs_error_code code =
        bs_objects_head(client->objects, &client->name, client->limit_ms, &facts, &client->error);
    if (code == BS_OK) {
        printf("%lld %lld %s %s\n", (long long)facts.size_bytes, (long long)facts.modified,
               facts.sha256[0] != '\0' ? facts.sha256 : "-", facts.etag);
    }
    return code;
}

static bool write_piece(void *context, const uint8_t *bytes, size_t size)
{
    (void)context;
    return fwrite(bytes, 1, size, stdout) == size;
}

static enum bs_error_code get(struct client *client)
{
    return bs_objects_get(client->objects, &client->name, client->limit_ms, write_piece, NULL,
                          &client->error);
}

static enum bs_error_code get_range(struct client *client)
{
    struct bs_buffer part = {0};
    enum bs_error_code code = bs_objects_get_range(
        client->objects, &client->name, number(client, 0, 0), (size_t)number(client, 1, 1),
        text(client, 2), client->limit_ms, &part, &client->error);
    if (part.size > 0) {
        (void)fwrite(part.data, 1, part.size, stdout);
    }
    bs_buffer_free(&part);
    return code;
}

static int64_t read_file(void *context, int64_t offset, uint8_t *bytes, size_t room)
{
    FILE *file = context;
    if (fseek(file, (long)offset, SEEK_SET) != 0) {
        return -1;
    }
    size_t size = fread(bytes, 1, room, file);
    return ferror(file) ? -1 : (int64_t)size;
}

static enum bs_error_code put(struct client *client)
{
    FILE *file = fopen(text(client, 0), "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        return bs_error_set(&client->error, BS_ERROR_INVALID, "%s", text(client, 0));
    }
    enum bs_error_code code =
        bs_objects_put(client->objects, &client->name, "application/octet-stream", ftell(file),
                       text(client, 1), client->limit_ms, read_file, file, &client->error);
    (void)fclose(file);
    return code;
}

struct copying {
    struct client *client;
    struct bs_object_facts facts;
    struct bs_buffer part;
    int64_t part_begin;
};

static int64_t read_object(void *context, int64_t offset, uint8_t *bytes, size_t room)
{
    struct copying *copying = context;
    struct client *client = copying->client;
    int64_t part_end = copying->part_begin + (int64_t)copying->part.size;
    if (offset < copying->part_begin || offset >= part_end) {
        copying->part.size = 0;
        copying->part_begin = offset;
        if (bs_objects_get_range(client->objects, &client->name, offset, PART_BYTES,
                                 copying->facts.etag, client->limit_ms, &copying->part,
                                 &client->error) != BS_OK) {
            return -1;
        }
        part_end = offset + (int64_t)copying->part.size;
    }
    size_t size = (size_t)(part_end - offset);
    size = size < room ? size : room;
    memcpy(bytes, copying->part.data + (offset - copying->part_begin), size);
    return (int64_t)size;
}

static enum bs_error_code copy(struct client *client)
{
    struct copying copying = {.client = client};
    enum bs_error_code code = bs_objects_head(client->objects, &client->name, client->limit_ms,
                                              &copying.facts, &client->error);
    if (code == BS_OK) {
        struct bs_object_name other = {client->name.bucket, client->arguments[0]};
        code = bs_objects_put(client->objects, &other, "audio/x-pcm", copying.facts.size_bytes,
                              NULL, client->limit_ms, read_object, &copying, &client->error);
    }
    bs_buffer_free(&copying.part);
    return code;
}

static enum bs_error_code delete_object(struct client *client)
{
    return bs_objects_delete(client->objects, &client->name, client->limit_ms, &client->error);
}

static bool print_object(void *context, const struct bs_listed_object *object)
{
    (void)context;
    printf("%lld %lld ", (long long)object->size_bytes, (long long)object->modified);
    for (const char *at = object->key; *at != '\0'; at++) {
        printf("%02x", (unsigned char)*at);
    }
    printf(" %s\n", object->etag);
    return true;
}

static enum bs_error_code list(struct client *client)
{
    return bs_objects_list(client->objects, client->name.bucket, client->name.key, text(client, 0),
                           (int)number(client, 1, 0), client->limit_ms, print_object, NULL,
                           &client->error);
}

static void *ask_heads(void *context)
{
    struct client *client = context;
    struct client own = *client;
    for (int64_t i = number(client, 0, 1); i > 0; i--) {
        struct bs_object_facts facts;
        if (bs_objects_head(own.objects, &own.name, own.limit_ms, &facts, &own.error) != BS_OK) {
            (void)fprintf(stderr, "%s\n", own.error.message);
            exit(1);
        }
    }
    return NULL;
}

static enum bs_error_code heads(struct client *client)
{
    int64_t thread_count = number(client, 1, 1);
    pthread_t threads[64];
    bs_mono_ms begin = bs_clock_now().mono;
    for (int64_t i = 0; i < thread_count && i < 64; i++) {
        BS_ASSERT(pthread_create(&threads[i], NULL, ask_heads, client) == 0);
    }
    for (int64_t i = 0; i < thread_count && i < 64; i++) {
        BS_ASSERT(pthread_join(threads[i], NULL) == 0);
    }
    double seconds = (double)(bs_clock_now().mono - begin) / 1000;
    printf("%.0f\n", (double)(number(client, 0, 1) * thread_count) / seconds);
    return BS_OK;
}

static const struct {
    const char *name;
    enum bs_error_code (*run)(struct client *client);
    int arguments; /* behind bucket and key, at least */
} commands[] = {
    {"head", head, 0}, {"get", get, 0},   {"get-range", get_range, 2},  {"put", put, 1},
    {"copy", copy, 1}, {"list", list, 0}, {"delete", delete_object, 0}, {"heads", heads, 2},
};

static enum bs_error_code run(struct client *client, const char *command)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(commands[i].name, command) == 0 &&
            client->argument_count >= commands[i].arguments) {
            return commands[i].run(client);
        }
    }
    return bs_error_set(&client->error, BS_ERROR_INVALID, "no such command: %s", command);
}

static void ignore_change(void *context, bool available)
{
    (void)context;
    (void)available;
}

int main(int argument_count, char **arguments)
{
    static const char *const names[] = {
        [BS_OK] = "OK",
        [BS_ERROR_INVALID] = "INVALID",
        [BS_ERROR_TEMPORARY] = "TEMPORARY",
        [BS_ERROR_DENIED] = "DENIED",
        [BS_ERROR_NOT_FOUND] = "NOT_FOUND",
        [BS_ERROR_LIMIT] = "LIMIT",
        [BS_ERROR_FATAL] = "FATAL",
    };
    struct client client = {.limit_ms = 30000};
    int at = 1;
    if (argument_count > 2 && strcmp(arguments[1], "--limit-ms") == 0) {
        client.limit_ms = atoll(arguments[2]);
        at = 3;
    }
    if (argument_count < at + 4) {
        (void)fprintf(stderr, "usage: [--limit-ms N] CONFIGURATION COMMAND BUCKET KEY ...\n");
        return 2;
    }
    struct bs_config_errors errors = {0};
    struct bs_config *config = bs_config_load(arguments[at], NULL, 0, &errors);
    if (config == NULL) {
        (void)fprintf(stderr, "%s\n", errors.count > 0 ? errors.lines[0] : "no configuration");
        return 2;
    }
    struct bs_loop *loop = bs_loop_create();
    struct bs_tokens *tokens =
        bs_tokens_create(loop, config, &config->objects.auth, ignore_change, NULL);
    client.objects = bs_objects_create(config, tokens);
    client.name = (struct bs_object_name){arguments[at + 2], arguments[at + 3]};
    client.argument_count = argument_count - at - 4;
    client.arguments = arguments + at + 4;
    enum bs_error_code code = run(&client, arguments[at + 1]);
    if (code != BS_OK) {
        (void)fprintf(stderr, "%s %s\n", names[code], client.error.message);
    }
    bs_objects_destroy(client.objects);
    bs_tokens_destroy(tokens);
    bs_loop_destroy(loop);
    bs_config_free(config);
    return code == BS_OK ? 0 : 1;
}
