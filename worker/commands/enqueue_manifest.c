/* Recordings from a manifest: a file, or standard input. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "commands/enqueue.h"

#define PIECE_SIZE 65536

static bool take(void *context, const struct bs_manifest_entry *entry)
{
    return bs_enqueue_take(context, entry);
}

static void tell_ignored(void *context, const char *columns)
{
    struct bs_enqueue *enqueue = context;
    fprintf(stderr,
            "%s: these columns mean nothing here (label.NAME hands one on to the result): %s\n",
            enqueue->manifest, columns);
}

static void read_all(struct bs_enqueue *enqueue)
{
    const struct bs_manifest_options options = {.entry_bytes =
                                                    (size_t)enqueue->config->limits.job_bytes,
                                                .bucket = enqueue->bucket,
                                                .each = take,
                                                .ignored = tell_ignored,
                                                .context = enqueue};
    struct bs_manifest *manifest = bs_manifest_create(&options);
    static uint8_t piece[PIECE_SIZE];
    bool more = true;
    while (more && !bs_enqueue_interrupted()) {
        ssize_t size = read(enqueue->file, piece, sizeof piece);
        if (size < 0 && errno != EINTR) {
            bs_enqueue_say("%s: %s", enqueue->manifest, strerror(errno));
            enqueue->broken = true;
            more = false;
        } else if (size == 0) {
            bs_manifest_end(manifest);
            more = false;
        } else if (size > 0) {
            more = bs_manifest_feed(manifest, piece, (size_t)size);
        }
    }
    bs_manifest_free(manifest);
}

bool bs_enqueue_open_manifest(struct bs_enqueue *enqueue)
{
    bool standard_input = strcmp(enqueue->manifest, "-") == 0;
    enqueue->file = standard_input ? STDIN_FILENO : open(enqueue->manifest, O_RDONLY | O_CLOEXEC);
    if (enqueue->file < 0) {
        bs_enqueue_say("%s: %s", enqueue->manifest, strerror(errno));
    }
    return enqueue->file >= 0;
}

void bs_enqueue_from_manifest(struct bs_enqueue *enqueue)
{
    if (!enqueue->dry_run) {
        bs_enqueue_position_open(enqueue);
    }
    read_all(enqueue);
}

void bs_enqueue_close_manifest(struct bs_enqueue *enqueue)
{
    if (enqueue->file > STDIN_FILENO) {
        (void)close(enqueue->file);
    }
}
