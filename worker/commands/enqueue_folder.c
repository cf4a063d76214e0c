#include "commands/enqueue_folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "commands/enqueue.h"

/* A folder that we are in. */
struct inside {
    const struct inside *outer;
    dev_t device;
    ino_t number;
};

static char *copy(const char *text)
{
    char *copied = strdup(text);
    BS_ASSERT(copied != NULL);
    return copied;
}

static char *join(const char *folder, const char *name)
{
    char *path;
    size_t length = strlen(folder);
    const char *slash = length == 0 || folder[length - 1] == '/' ? "" : "/";
    BS_ASSERT(asprintf(&path, "%s%s%s", folder, slash, name) >= 0);
    return path;
}

static void add_file(struct bs_local_files *files, const char *path, const char *name,
                     const struct stat *facts, bool named)
{
    if (files->count == files->capacity) {
        files->capacity = files->capacity == 0 ? 64 : 2 * files->capacity;
        files->list = realloc(files->list, files->capacity * sizeof *files->list);
        BS_ASSERT(files->list != NULL);
    }
    files->list[files->count++] = (struct bs_local_file){
        .path = copy(path),
        .name = copy(name),
        .size_bytes = facts->st_size,
        .modified = (int64_t)facts->st_mtim.tv_sec * 1000 + facts->st_mtim.tv_nsec / 1000000,
        .named = named};
}

static void tell_unreadable(struct bs_local_files *files, const char *path)
{
    bs_enqueue_say("%s: %s", path, strerror(errno));
    files->unreadable++;
}

static void add_folder(struct bs_local_files *files, const char *path, const char *name,
                       const struct inside *inside);

static void add_entry(struct bs_local_files *files, const char *path, const char *name,
                      const struct inside *inside)
{
    struct stat facts;
    if (stat(path, &facts) != 0) {
        tell_unreadable(files, path);
    } else if (S_ISREG(facts.st_mode)) {
        add_file(files, path, name, &facts, false);
    } else if (S_ISDIR(facts.st_mode)) {
        const struct inside here = {
            .outer = inside, .device = facts.st_dev, .number = facts.st_ino};
        for (const struct inside *each = inside; each != NULL; each = each->outer) {
            if (each->device == here.device && each->number == here.number) {
                files->passed_over++; /* a link back to where we are */
                return;
            }
        }
        add_folder(files, path, name, &here);
    } else {
        files->passed_over++;
    }
}

static void add_folder(struct bs_local_files *files, const char *path, const char *name,
                       const struct inside *inside)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    if (folder == NULL) {
        tell_unreadable(files, path);
        return;
    }
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.') {
            bool itself = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
            files->passed_over += !itself;
            continue;
        }
        char *inner = join(path, entry->d_name), *inner_name = join(name, entry->d_name);
        add_entry(files, inner, inner_name, inside);
        free(inner);
        free(inner_name);
    }
    (void)closedir(folder);
}

bool bs_local_files_add(struct bs_local_files *files, const char *path)
{
    struct stat facts;
    if (stat(path, &facts) != 0) {
        bs_enqueue_say("%s: %s", path, strerror(errno));
        return false;
    }
    if (S_ISDIR(facts.st_mode)) {
        const struct inside here = {.device = facts.st_dev, .number = facts.st_ino};
        add_folder(files, path, "", &here);
        return true;
    }
    if (!S_ISREG(facts.st_mode)) {
        bs_enqueue_say("%s: neither a file nor a folder", path);
        return false;
    }
    const char *slash = strrchr(path, '/');
    add_file(files, path, slash == NULL ? path : slash + 1, &facts, true);
    return true;
}

static int compare(const void *left, const void *right)
{
    const struct bs_local_file *one = left, *other = right;
    return strcmp(one->name, other->name);
}

const char *bs_local_files_sort(struct bs_local_files *files)
{
    if (files->count > 1) {
        qsort(files->list, files->count, sizeof *files->list, compare);
    }
    for (size_t i = 1; i < files->count; i++) {
        if (strcmp(files->list[i - 1].name, files->list[i].name) == 0) {
            return files->list[i].name;
        }
    }
    return NULL;
}

void bs_local_files_free(struct bs_local_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        free(files->list[i].path);
        free(files->list[i].name);
    }
    free(files->list);
}

bool bs_local_file_is_audio(const char *name)
{
    static const char *const extensions[] = {
        ".wav",  ".wave", ".ogg",  ".oga", ".opus", ".mp3", ".mp2", ".mpga", ".raw",  ".pcm",
        ".lpcm", ".flac", ".m4a",  ".m4b", ".aac",  ".amr", ".awb", ".aif",  ".aiff", ".aifc",
        ".wma",  ".weba", ".webm", ".spx", ".gsm",  ".au",  ".snd", ".caf",  ".ape",  ".wv",
        ".ac3",  ".dts",  ".3gp",  ".mka", ".vox",  ".al",  ".ul"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot != NULL && i < sizeof extensions / sizeof *extensions; i++) {
        if (strcasecmp(dot, extensions[i]) == 0) {
            return true;
        }
    }
    return false;
}
