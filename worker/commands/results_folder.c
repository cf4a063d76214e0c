/* One file a recording, below one folder that nothing leads out of. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "commands/results.h"

/* What is written now: it gets its name when it is whole. Of two runs one has the lock. */
#define FRESH ".backscribe-new"
#define PROBE ".backscribe-Case"

#define NANOSECONDS_PER_MS 1000000

/* ---- the folder ---- */

static bool tells_cases(int folder)
{
    int file = openat(folder, PROBE, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0) {
        return true; /* what is wrong shows at the first file */
    }
    (void)close(file);
    struct stat facts;
    bool found = fstatat(folder, ".BACKSCRIBE-CASE", &facts, AT_SYMLINK_NOFOLLOW) == 0;
    (void)unlinkat(folder, PROBE, 0);
    return !found;
}

/* With those that it is to stand in; what cannot be made shows when it is opened. */
static void make(const char *path)
{
    char *part = strdup(path);
    BS_ASSERT(part != NULL);
    for (char *at = part; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        (void)mkdir(part, 0777); /* also "", of an absolute path */
        *at = '/';
    }
    (void)mkdir(part, 0777);
    free(part);
}

bool bs_results_open_folder(struct bs_results_folder *folder)
{
    make(folder->path);
    folder->file = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder->file < 0) {
        bs_results_say("%s: %s", folder->path, strerror(errno));
        return false;
    }
    if (flock(folder->file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        bs_results_say("%s: another run writes there", folder->path);
        return false;
    }
    folder->portable = !tells_cases(folder->file);
    return true;
}

void bs_results_close_folder(struct bs_results_folder *folder)
{
    free(folder->root);
    folder->root = NULL;
    if (folder->file >= 0) {
        (void)unlinkat(folder->file, FRESH, 0);
        (void)close(folder->file);
        folder->file = -1;
    }
}

void bs_results_settle_folder(const struct bs_results_folder *folder)
{
    (void)syncfs(folder->file); /* what a disk could not keep shows at the next write */
}

/* ---- a file ---- */

/* Told with the part of the path that is meant. */
static bool fail(const struct bs_results_folder *folder, const char *path, size_t size)
{
    bs_results_say("%s/%.*s: %s", folder->path, (int)size, path,
                   errno == ELOOP || errno == ENOTDIR
                       ? "it is a symbolic link or a file, and a folder is wanted"
                       : strerror(errno));
    return false;
}

/* The folder that the last part of `path` is to stand in, which the caller closes; -1: told. */
static int open_parent(const struct bs_results_folder *folder, const char *path)
{
    int parent = dup(folder->file);
    const char *part = path;
    for (const char *slash = strchr(part, '/'); parent >= 0 && slash != NULL;
         slash = strchr(part, '/')) {
        char name[256];
        (void)snprintf(name, sizeof name, "%.*s", (int)(slash - part), part);
        const int how = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
        int next = openat(parent, name, how);
        if (next < 0 && errno == ENOENT && (mkdirat(parent, name, 0777) == 0 || errno == EEXIST)) {
            next = openat(parent, name, how);
        }
        int error = errno;
        (void)close(parent);
        errno = error;
        parent = next;
        if (next < 0) {
            (void)fail(folder, path, (size_t)(slash - path));
            return -1;
        }
        part = slash + 1;
    }
    if (parent < 0) {
        (void)fail(folder, "", 0);
    }
    return parent;
}

/* To the nanosecond, so that two results of the same millisecond have an order too. */
static struct timespec date_of(bs_wall_ms moment, const char *id)
{
    moment = moment < 0 ? 0 : moment;
    long more = (long)(bs_hash64(0, id, strlen(id)) % NANOSECONDS_PER_MS);
    return (struct timespec){.tv_sec = moment / 1000,
                             .tv_nsec = moment % 1000 * NANOSECONDS_PER_MS + more};
}

static bool is_later(const struct timespec *left, const struct timespec *right)
{
    return left->tv_sec != right->tv_sec ? left->tv_sec > right->tv_sec
                                         : left->tv_nsec > right->tv_nsec;
}

/* Never through a name that is there already: it might be a link to another file. */
static int open_fresh(const struct bs_results_folder *folder)
{
    const int how = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int file = openat(folder->file, FRESH, how, 0666);
    if (file < 0 && errno == EEXIST && unlinkat(folder->file, FRESH, 0) == 0) {
        file = openat(folder->file, FRESH, how, 0666);
    }
    return file;
}

/* As bs_file_name_append promises: whoever made it, no part leads up or to nowhere. */
static bool leads_down(const char *path)
{
    for (;;) {
        size_t size = strcspn(path, "/");
        if (size == 0 || (size == 1 && path[0] == '.') ||
            (size == 2 && memcmp(path, "..", 2) == 0)) {
            return false;
        }
        if (path[size] == '\0') {
            return true;
        }
        path += size + 1;
    }
}

static bool write_fresh(const struct bs_results_folder *folder, struct bs_bytes content,
                        const struct timespec *date)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, *date};
    int file = open_fresh(folder);
    if (file < 0) {
        return false;
    }
    bool good =
        bs_results_write_all(file, content.data, content.size) && futimens(file, times) == 0;
    int error = errno;
    good = close(file) == 0 && good;
    if (!good) {
        (void)unlinkat(folder->file, FRESH, 0);
        errno = error != 0 ? error : errno;
    }
    return good;
}

bool bs_results_write_file(const struct bs_results_folder *folder, const char *path,
                           struct bs_bytes content, bs_wall_ms moment, const char *id, bool *newer)
{
    const struct timespec date = date_of(moment, id);
    const char *slash = strrchr(path, '/'), *name = slash == NULL ? path : slash + 1;
    struct stat there;
    BS_ASSERT(leads_down(path));
    int parent = open_parent(folder, path);
    if (parent < 0) {
        return false;
    }
    *newer = fstatat(parent, name, &there, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(there.st_mode) &&
             is_later(&there.st_mtim, &date);
    bool good = *newer || (write_fresh(folder, content, &date) &&
                           renameat(folder->file, FRESH, parent, name) == 0);
    int error = errno;
    (void)close(parent);
    errno = error;
    return good || fail(folder, path, strlen(path));
}
