/* Local recordings: files that were named, and those below folders. */
#ifndef BS_COMMANDS_ENQUEUE_FOLDER_H
#define BS_COMMANDS_ENQUEUE_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/time.h"

struct bs_local_file {
    char *path; /* to open it by */
    char *name; /* below the folder that was given: what its key ends in */
    int64_t size_bytes;
    bs_wall_ms modified;
    bool named; /* itself, on the command line: whatever it is called, it is meant */
};

struct bs_local_files {
    struct bs_local_file *list; /* in the order of names */
    size_t count, capacity;
    int64_t passed_over; /* hidden, or no regular file */
    int64_t unreadable;  /* told on standard error */
};

/* Adds a file, or everything below a folder. Links are followed, but not back to a folder that we
 * are in. Hidden files and folders are passed over, unless they are named. False when there is no
 * such path: told. */
BS_MUST_CHECK bool bs_local_files_add(struct bs_local_files *files, const char *path);
/* To be called at the end. NULL, or a name that occurs twice. */
const char *bs_local_files_sort(struct bs_local_files *files);
void bs_local_files_free(struct bs_local_files *files);

/* Whether the name ends as recordings' names do. */
bool bs_local_file_is_audio(const char *name);

#endif
