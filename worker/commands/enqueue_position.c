/* How far a manifest was enqueued: a small file below $XDG_STATE_HOME (~/.local/state), one a
 * manifest, topic and options, which an interrupted run leaves behind and the next one of the same
 * command goes on from. It counts only while the manifest and the topic are the same. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "commands/enqueue.h"
#include "commands/identity.h"
#include "edges/loop.h"

#define WRITE_EVERY_MS 1000
#define QUESTION_MS    10000
#define FLUSH_LIMIT_MS 330000
#define LOOK_EVERY     256 /* entries */
#define MAGIC          "backscribe enqueue 1"

/* Everything on which it depends what the manifest's n-th entry becomes. */
static char *identify(const struct bs_enqueue *enqueue, const char *path, const struct stat *facts)
{
    char number[96];
    char *identity = bs_text_print("topic=%s/%s manifest=%s", bs_identity_brokers(enqueue->config),
                                   enqueue->config->topics.jobs, path);
    (void)snprintf(number, sizeof number, "%lld/%lld.%09ld", (long long)facts->st_size,
                   (long long)facts->st_mtim.tv_sec, facts->st_mtim.tv_nsec);
    bs_identity_add(&identity, "file", number);
    for (size_t i = 0; i < enqueue->filter.include.count; i++) {
        bs_identity_add(&identity, "include", enqueue->filter.include.list[i]);
    }
    for (size_t i = 0; i < enqueue->filter.exclude.count; i++) {
        bs_identity_add(&identity, "exclude", enqueue->filter.exclude.list[i]);
    }
    for (size_t i = 0; i < enqueue->defaults.label_count; i++) {
        bs_identity_add(&identity, "label", enqueue->labels[i].name);
        bs_identity_add(&identity, "value", enqueue->labels[i].value);
    }
    bs_identity_add(&identity, "language", enqueue->defaults.language);
    bs_identity_add(&identity, "model", enqueue->defaults.model);
    bs_identity_add(&identity, "bucket", enqueue->bucket);
    bs_identity_add(&identity, "newer", enqueue->newer_than);
    (void)snprintf(number, sizeof number, "%" PRId64, enqueue->limit);
    bs_identity_add(&identity, "limit", number);
    for (char *at = identity; *at != '\0'; at++) {
        *at = *at == '\n' ? ' ' : *at;
    }
    return identity;
}

/* Makes the folder; NULL where there is no home. */
static char *folder(void)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char *path;
    if (state != NULL && state[0] == '/') {
        path = bs_text_print("%s/backscribe", state);
    } else if (home != NULL && home[0] == '/') {
        path = bs_text_print("%s/.local/state/backscribe", home);
    } else {
        return NULL;
    }
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0700); /* what is there already, or cannot be made, shows at the end */
        *slash = '/';
    }
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        free(path);
        return NULL;
    }
    return path;
}

static void read_position(struct bs_enqueue_position *position)
{
    FILE *file = fopen(position->path, "re");
    char *line = NULL;
    size_t room = 0;
    struct bs_enqueue_position read = {0};
    if (file == NULL) {
        return;
    }
    bool same = getline(&line, &room, file) > 0 && strcmp(line, MAGIC "\n") == 0;
    ssize_t length = same ? getline(&line, &room, file) : -1;
    same = length > 0 && line[length - 1] == '\n' &&
           strlen(position->identity) == (size_t)length - 1 &&
           memcmp(line, position->identity, (size_t)length - 1) == 0;
    if (same && fscanf(file, "%" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " end", &read.entries,
                       &read.jobs, &read.line, &read.topic_end) == 4) {
        position->entries = read.entries;
        position->jobs = read.jobs;
        position->line = read.line;
        position->topic_end = read.topic_end;
    }
    free(line);
    (void)fclose(file);
}

static bool write_position(const struct bs_enqueue_position *position)
{
    char *fresh = bs_text_print("%s.new", position->path);
    FILE *file = fopen(fresh, "we");
    bool good = file != NULL &&
                fprintf(file, MAGIC "\n%s\n%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " end\n",
                        position->identity, position->entries, position->jobs, position->line,
                        position->topic_end) > 0;
    good = (file == NULL || fclose(file) == 0) && good && rename(fresh, position->path) == 0;
    free(fresh);
    return good;
}

/* Whether a position can be kept: of a regular file, with a home, and a topic whose end is known.
 */
static bool find_place(struct bs_enqueue *enqueue)
{
    struct bs_enqueue_position *position = &enqueue->position;
    struct bs_error error = BS_NO_ERROR;
    struct stat facts;
    char *path = realpath(enqueue->manifest, NULL), *directory = NULL;
    if (path != NULL && fstat(enqueue->file, &facts) == 0 && S_ISREG(facts.st_mode) &&
        bs_kafka_topic_end(enqueue->client, enqueue->config->topics.jobs, QUESTION_MS,
                           &position->end_at_start, &error) == BS_OK) {
        directory = folder();
    }
    if (directory != NULL) {
        position->identity = identify(enqueue, path, &facts);
        position->path =
            bs_text_print("%s/enqueue-%016" PRIx64, directory,
                          bs_hash64(0, position->identity, strlen(position->identity)));
    }
    free(directory);
    free(path);
    return position->path != NULL;
}

void bs_enqueue_position_open(struct bs_enqueue *enqueue)
{
    struct bs_enqueue_position *position = &enqueue->position;
    position->written = bs_clock_now().mono;
    if (!find_place(enqueue)) {
        return;
    }
    read_position(position);
    if (position->entries > 0 &&
        (enqueue->from_start || position->end_at_start < position->topic_end)) {
        bs_enqueue_say("%s: begins anew%s", enqueue->manifest,
                       enqueue->from_start ? "" : ", for the topic is another one by now");
        position->entries = position->jobs = 0;
    }
    if (position->entries > 0) {
        bs_enqueue_say("%s: goes on behind line %" PRId64 ", up to which %" PRId64
                       " jobs were enqueued (--from-start begins anew)",
                       enqueue->manifest, position->line, position->jobs);
    }
    position->skip = position->entries;
    position->jobs_before = position->jobs;
    enqueue->counts.jobs = position->jobs;
}

bool bs_enqueue_position_advance(struct bs_enqueue *enqueue, bool at_once)
{
    struct bs_enqueue_position *position = &enqueue->position;
    struct bs_error error = BS_NO_ERROR;
    if (position->path == NULL || enqueue->entries <= position->entries) {
        return true;
    }
    if (!at_once && (enqueue->entries % LOOK_EVERY != 0 ||
                     bs_clock_now().mono - position->written < WRITE_EVERY_MS)) {
        return true;
    }
    if (bs_kafka_client_flush(enqueue->client, FLUSH_LIMIT_MS, &error) != BS_OK) {
        bs_enqueue_say("%s", error.message);
        return false;
    }
    position->entries = enqueue->entries;
    position->line = enqueue->line;
    position->jobs = enqueue->counts.jobs;
    position->topic_end = position->end_at_start + position->jobs - position->jobs_before;
    position->written = bs_clock_now().mono;
    if (!write_position(position)) {
        bs_enqueue_say("%s: %s: an interrupted run will begin anew", position->path,
                       strerror(errno));
        bs_enqueue_position_free(position);
    }
    return true;
}

void bs_enqueue_position_remove(struct bs_enqueue *enqueue)
{
    if (enqueue->position.path != NULL) {
        (void)unlink(enqueue->position.path);
    }
}

void bs_enqueue_position_free(struct bs_enqueue_position *position)
{
    free(position->path);
    free(position->identity);
    position->path = position->identity = NULL;
}
