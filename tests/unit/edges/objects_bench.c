#include "objects_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"

const struct bs_object_name bench_name = {"recordings", "call one+.wav"};

static void write_file(const char *path, const char *text)
{
    char fresh[160];
    (void)snprintf(fresh, sizeof fresh, "%s.new", path);
    FILE *file = fopen(fresh, "we");
    BS_ASSERT(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
    BS_ASSERT(rename(fresh, path) == 0);
}

void bench_write_token(const struct bench *bench, const char *token)
{
    write_file(bench->key_file, token);
}

static struct bs_config *make_config(const struct bench *bench, const char *scheme,
                                     enum bench_auth auth)
{
    char credential[200] = "\"none\": true";
    char text[800];
    if (auth != BENCH_NONE) {
        (void)snprintf(credential, sizeof credential, "\"%s\": \"%s\"",
                       auth == BENCH_KEY ? "static_key_file" : "iam_token_file", bench->key_file);
    }
    int size = snprintf(text, sizeof text,
                        "{\"kafka\": {\"bootstrap.servers\": \"127.0.0.1:1\"},"
                        "\"speechkit\": {\"auth\": {\"api_key_file\": \"/unused\"}},"
                        "\"objects\": {\"endpoint\": \"%s://127.0.0.1:%d\", \"region\": \"mars-1\","
                        "\"auth\": {%s}}}",
                        scheme, fault_server_port(bench->server), credential);
    struct bs_config_errors errors = {0};
    struct bs_config *config = bs_config_parse(text, (size_t)size, NULL, 0, &errors);
    if (config == NULL) {
        (void)fprintf(stderr, "%s\n", errors.lines[0]);
    }
    BS_ASSERT(config != NULL);
    return config;
}

struct bench bench_open(fault_script *script, const char *scheme, enum bench_auth auth)
{
    struct bench bench = {.error = BS_NO_ERROR};
    (void)snprintf(bench.folder, sizeof bench.folder, "/tmp/backscribe-objects-XXXXXX");
    BS_ASSERT(mkdtemp(bench.folder) != NULL);
    (void)snprintf(bench.key_file, sizeof bench.key_file, "%s/key", bench.folder);
    write_file(bench.key_file, auth == BENCH_KEY ? "{\"access_key_id\": \"the-key\","
                                                   "\"secret_access_key\": \"the-secret\"}"
                                                 : "the-first-token");
    bench.server = fault_server_start(script);
    bench.config = make_config(&bench, scheme, auth);
    bench.tokens = bs_tokens_create(NULL, bench.config, &bench.config->objects.auth, NULL, NULL);
    bench.objects = bs_objects_create(bench.config, bench.tokens);
    return bench;
}

void bench_close(struct bench *bench)
{
    bs_objects_destroy(bench->objects);
    bs_tokens_destroy(bench->tokens);
    bs_config_free(bench->config);
    fault_server_stop(bench->server);
    (void)unlink(bench->key_file);
    (void)rmdir(bench->folder);
}

enum bs_error_code bench_head(struct bench *bench, int64_t limit_ms, struct bs_object_facts *facts)
{
    return bs_objects_head(bench->objects, &bench_name, limit_ms, facts, &bench->error);
}

enum bs_error_code bench_get_range(struct bench *bench, int64_t offset, size_t length,
                                   const char *etag, int64_t limit_ms, char part[256])
{
    struct bs_buffer out = {0};
    enum bs_error_code code = bs_objects_get_range(bench->objects, &bench_name, offset, length,
                                                   etag, limit_ms, &out, &bench->error);
    BS_ASSERT(out.size < 256);
    if (out.size > 0) {
        memcpy(part, out.data, out.size);
    }
    part[out.size] = '\0';
    bs_buffer_free(&out);
    return code;
}
