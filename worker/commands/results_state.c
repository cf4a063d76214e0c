/* How far the results topic was written: a small file that the next run of the same command goes on
 * from, in the output folder or where --state says. It counts only for the same topic and options,
 * and names what is surely written. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands/identity.h"
#include "commands/results.h"
#include "edges/loop.h"

#define MAGIC          "backscribe results 1"
#define ROOT           "root="
#define PARTITIONS_MAX 100000

/* Everything on which it depends what is written, on one line. */
static char *identify(const struct bs_results *results)
{
    const struct bs_transcript_writing *writing = &results->writing;
    const struct bs_results_filter *filter = &results->filter;
    char columns[4 * BS_TRANSCRIPT_COLUMNS_MAX + 1] = "";
    char *identity = bs_text_print("topic=%s/%s", bs_identity_brokers(results->config),
                                   results->config->topics.results);
    bs_identity_add(&identity, "format", bs_transcript_extension(writing->format));
    for (size_t i = 0; i < writing->column_count; i++) {
        (void)snprintf(columns + strlen(columns), 5, "%u,", writing->columns[i]);
    }
    bs_identity_add(&identity, "columns", columns);
    bs_identity_add(&identity, "spreadsheet", writing->spreadsheet ? "yes" : "no");
    for (size_t i = 0; i < filter->ids.count; i++) {
        bs_identity_add(&identity, "id", filter->ids.list[i]);
    }
    for (size_t i = 0; i < filter->labels.count; i++) {
        bs_identity_add(&identity, "label", filter->labels.list[i]);
    }
    bs_identity_add(&identity, "since", filter->since_given);
    bs_identity_add(&identity, "until", filter->until_given);
    for (char *at = identity; *at != '\0'; at++) {
        *at = *at == '\n' ? ' ' : *at;
    }
    return identity;
}

/* ---- reading ---- */

static void note(struct bs_results_state *state, int32_t partition, int64_t next)
{
    if (partition >= state->count) {
        int32_t count = partition + 1;
        state->next = realloc(state->next, (size_t)count * sizeof *state->next);
        state->held = realloc(state->held, (size_t)count * sizeof *state->held);
        BS_ASSERT(state->next != NULL && state->held != NULL);
        for (int32_t i = state->count; i < count; i++) {
            state->next[i] = 0;
            state->held[i] = false;
        }
        state->count = count;
    }
    state->next[partition] = next;
}

/* The lines behind the first two: "since TIME", "partition next" of each, then "end". */
static bool read_offsets(struct bs_results_state *state, FILE *file)
{
    int32_t partition;
    int64_t next;
    if (fscanf(file, "since %" SCNd64, &state->since) != 1) {
        return false;
    }
    while (fscanf(file, "%" SCNd32 " %" SCNd64, &partition, &next) == 2) {
        if (partition < 0 || partition >= PARTITIONS_MAX || next < 0) {
            return false;
        }
        note(state, partition, next);
    }
    char end[4] = "";
    return fscanf(file, "%3s", end) == 1 && strcmp(end, "end") == 0;
}

/* The next line without its end, which the caller frees; NULL: there is none. */
static char *read_line(FILE *file)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t length = getline(&line, &room, file);
    if (length <= 0 || line[length - 1] != '\n') {
        free(line);
        return NULL;
    }
    line[length - 1] = '\0';
    return line;
}

/* A folder stays as it was begun, whatever the options and the configuration are by now. */
static bool read_root(struct bs_results *results, FILE *file)
{
    char *magic = read_line(file), *root = read_line(file);
    bool good = magic != NULL && strcmp(magic, MAGIC) == 0 && root != NULL &&
                strncmp(root, ROOT, strlen(ROOT)) == 0;
    if (good && results->folder.path != NULL) {
        free(results->folder.root);
        results->folder.root =
            root[strlen(ROOT)] == '\0' ? NULL : bs_text_print("%s", root + strlen(ROOT));
    }
    free(magic);
    free(root);
    return good;
}

/* Whether the file is of these options and whole; what it has is noted. */
static bool read_state(struct bs_results *results, FILE *file)
{
    struct bs_results_state *state = &results->state;
    char *identity = read_root(results, file) ? read_line(file) : NULL;
    bool same = identity != NULL && strcmp(identity, state->identity) == 0;
    free(identity);
    if (results->from_start) {
        return false;
    }
    if (!same) {
        bs_results_say("%s is of another topic, or of other options: all is written anew",
                       state->path);
        return false;
    }
    if (!read_offsets(state, file)) {
        bs_results_say("%s is not whole: all is written anew", state->path);
        state->count = 0;
        return false;
    }
    return true;
}

/* Of the only bucket that jobs may name, the keys need no more than themselves. */
static void choose_root(struct bs_results *results)
{
    const struct bs_config *config = results->config;
    if (results->folder.path != NULL && config->objects.bucket_count == 1) {
        results->folder.root = bs_text_print("%s", config->objects.buckets[0]);
    }
}

/* Never through a link that is there. */
static FILE *open_fresh(const char *path)
{
    (void)unlink(path);
    return fopen(path, "wxe");
}

/* Of two runs one has it. It is removed at the end: what was locked may have no name by then. */
static bool lock(struct bs_results_state *state)
{
    struct stat facts = {0};
    state->lock_path = bs_text_print("%s.lock", state->path);
    while (facts.st_nlink == 0) {
        if (state->lock >= 0) {
            (void)close(state->lock);
        }
        state->lock = open(state->lock_path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (state->lock < 0) {
            bs_results_say("%s: %s", state->lock_path, strerror(errno));
            return false;
        }
        if (flock(state->lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
            bs_results_say("%s: another run goes on from there", state->path);
            return false;
        }
        BS_ASSERT(fstat(state->lock, &facts) == 0);
    }
    state->locked = true;
    return true;
}

/* What --state names must be a file that can be written, which shows before the first result is
 * printed: a link leads to where it is written, and what else stands there is not replaced. */
static bool prepare(struct bs_results_state *state)
{
    struct stat facts;
    char *real = realpath(state->path, NULL);
    if (real == NULL && lstat(state->path, &facts) == 0) {
        bs_results_say("%s: %s", state->path, strerror(errno)); /* a link to nowhere */
        return false;
    }
    if (real != NULL) {
        free(state->path);
        state->path = real;
    }
    if (real != NULL && stat(real, &facts) == 0 && !S_ISREG(facts.st_mode)) {
        bs_results_say("%s: it is no file", real);
        return false;
    }
    if (!lock(state)) {
        return false;
    }
    char *fresh = bs_text_print("%s.new", state->path);
    FILE *file = open_fresh(fresh);
    if (file == NULL) {
        bs_results_say("%s: %s", fresh, strerror(errno));
    } else {
        (void)fclose(file);
        (void)unlink(fresh);
    }
    free(fresh);
    return file != NULL;
}

bool bs_results_open_state(struct bs_results *results, const char *path)
{
    struct bs_results_state *state = &results->state;
    const char *folder = results->folder.path;
    if (path == NULL && folder == NULL) {
        return true;
    }
    state->path = path != NULL
                      ? bs_text_print("%s", path)
                      : bs_text_print("%s/.backscribe-results-%s", folder, /* found by no *.srt */
                                      bs_transcript_extension(results->writing.format) + 1);
    state->identity = identify(results);
    state->written = bs_clock_now().mono;
    choose_root(results);
    if (path != NULL && !prepare(state)) {
        return false;
    }
    FILE *file = fopen(state->path, "re");
    if (file == NULL) {
        int error = errno;
        state->since = results->filter.since;
        if (error != ENOENT) {
            bs_results_say("%s: %s", state->path, strerror(error));
        }
        return error == ENOENT;
    }
    state->found = read_state(results, file);
    (void)fclose(file);
    if (state->found) {
        results->filter.since = state->since; /* "12h ago" was another time, then */
    }
    state->since = results->filter.since;
    return true;
}

/* ---- writing ---- */

void bs_results_state_advance(struct bs_results_state *state, int32_t partition, int64_t next)
{
    bool held = partition < state->count && state->held[partition];
    if (state->path != NULL && !held) {
        note(state, partition, next);
        state->changed = true;
    }
}

void bs_results_state_hold(struct bs_results_state *state, int32_t partition)
{
    if (state->path != NULL) {
        note(state, partition, partition < state->count ? state->next[partition] : 0);
        state->held[partition] = true;
    }
}

int64_t *bs_results_state_copy(const struct bs_results_state *state)
{
    int64_t *copy = calloc((size_t)state->count + 1, sizeof *copy);
    BS_ASSERT(copy != NULL);
    if (state->count > 0) {
        memcpy(copy, state->next, (size_t)state->count * sizeof *copy);
    }
    return copy;
}

static bool print_state(const struct bs_results *results, FILE *file)
{
    const struct bs_results_state *state = &results->state;
    const char *root = results->folder.root == NULL ? "" : results->folder.root;
    bool good = fprintf(file, MAGIC "\n" ROOT "%s\n%s\nsince %" PRId64 "\n", root, state->identity,
                        state->since) > 0;
    for (int32_t i = 0; i < state->count && good; i++) {
        good = fprintf(file, "%" PRId32 " %" PRId64 "\n", i, state->next[i]) > 0;
    }
    return good && fprintf(file, "end\n") > 0 && fflush(file) == 0 && fsync(fileno(file)) == 0;
}

bool bs_results_write_state(struct bs_results *results)
{
    struct bs_results_state *state = &results->state;
    char *fresh = bs_text_print("%s.new", state->path);
    FILE *file = open_fresh(fresh);
    bool good = file != NULL && print_state(results, file);
    int error = errno;
    if (file != NULL && fclose(file) != 0) {
        error = good ? errno : error;
        good = false;
    }
    if (good && rename(fresh, state->path) != 0) {
        error = errno;
        good = false;
    }
    if (!good) {
        bs_results_say("%s: %s", state->path, strerror(error));
        (void)unlink(fresh);
    } else {
        state->changed = false;
    }
    state->written = bs_clock_now().mono;
    free(fresh);
    return good;
}

void bs_results_state_free(struct bs_results_state *state)
{
    if (state->locked) {
        (void)unlink(state->lock_path);
    }
    if (state->lock >= 0) {
        (void)close(state->lock);
    }
    free(state->lock_path);
    free(state->path);
    free(state->identity);
    free(state->next);
    free(state->held);
    *state = (struct bs_results_state){.lock = -1};
}
