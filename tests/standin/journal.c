#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define PENDING_MAX_BYTES ((size_t)256 * 1024)

enum bs_error_code journal_open(struct journal *journal, const char *path, struct bs_error *error)
{
    *journal = (struct journal){.fd = -1};
    if (path == NULL) {
        return BS_OK;
    }
    journal->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (journal->fd < 0) {
        return bs_error_set(error, BS_ERROR_INVALID, "cannot write %s: %s", path, strerror(errno));
    }
    return BS_OK;
}

void journal_line(struct journal *journal, const char *event, bs_wall_ms at,
                  const struct journal_field *fields, size_t count)
{
    if (journal->fd < 0) {
        return;
    }
    struct buffer *line = &journal->pending;
    buffer_text(line, "{\"event\":\"");
    buffer_text(line, event);
    buffer_text(line, "\",\"at\":");
    buffer_number(line, at);
    for (size_t i = 0; i < count; i++) {
        if (fields[i].text != NULL && fields[i].text[0] == '\0') {
            continue;
        }
        buffer_text(line, ",\"");
        buffer_text(line, fields[i].name);
        buffer_text(line, "\":");
        if (fields[i].text != NULL) {
            buffer_json(line, fields[i].text);
        } else {
            buffer_number(line, fields[i].number);
        }
    }
    buffer_text(line, "}\n");
    if (line->size > PENDING_MAX_BYTES) {
        journal_flush(journal);
    }
}

void journal_flush(struct journal *journal)
{
    size_t written = 0;
    while (written < journal->pending.size) {
        ssize_t count =
            write(journal->fd, journal->pending.bytes + written, journal->pending.size - written);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            fprintf(stderr, "backscribe-standin: the log cannot be written: %s\n", strerror(errno));
            break;
        }
        written += (size_t)count;
    }
    journal->pending.size = 0;
}

void journal_close(struct journal *journal)
{
    if (journal->fd >= 0) {
        journal_flush(journal);
        close(journal->fd);
    }
    buffer_free(&journal->pending);
}
