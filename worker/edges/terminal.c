#include "edges/terminal.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/check.h"

#define COLUMNS_DEFAULT 80
#define COLUMNS_LEAST   20
#define COLUMNS_MOST    1000

struct bs_terminal {
    int signals;
    int bell;
    bool is_terminal;
    bool can_draw;
    bool drawing;     /* the cursor is hidden, what is typed is not shown */
    bool quiet_input; /* the terminal's own mode stands in `before` */
    struct termios before;
    int lines; /* drawn last, above the cursor */
};

static const int watched[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGTSTP, SIGCONT};

struct bs_terminal *bs_terminal_create(void)
{
    struct bs_terminal *terminal = calloc(1, sizeof *terminal);
    BS_ASSERT(terminal != NULL);
    const char *name = getenv("TERM");
    terminal->is_terminal = isatty(STDOUT_FILENO) == 1;
    terminal->can_draw =
        terminal->is_terminal && name != NULL && name[0] != '\0' && strcmp(name, "dumb") != 0;
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof watched / sizeof *watched; i++) {
        bool of_drawing = watched[i] == SIGTSTP || watched[i] == SIGCONT;
        if (!of_drawing || terminal->can_draw) {
            sigaddset(&set, watched[i]);
        }
    }
    BS_ASSERT(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
    terminal->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    terminal->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    BS_ASSERT(terminal->signals >= 0 && terminal->bell >= 0);
    return terminal;
}

bool bs_terminal_is_one(const struct bs_terminal *terminal)
{
    return terminal->is_terminal;
}

bool bs_terminal_can_draw(const struct bs_terminal *terminal)
{
    return terminal->can_draw;
}

static int bounded(int columns)
{
    return columns < COLUMNS_LEAST  ? COLUMNS_LEAST
           : columns > COLUMNS_MOST ? COLUMNS_MOST
                                    : columns;
}

void bs_terminal_size(const struct bs_terminal *terminal, int *columns, int *rows)
{
    struct winsize size = {0};
    *columns = COLUMNS_DEFAULT;
    *rows = INT_MAX;
    if (terminal->is_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        *columns = size.ws_col < COLUMNS_MOST ? size.ws_col : COLUMNS_MOST;
        *rows = size.ws_row > 0 ? size.ws_row : INT_MAX;
        return;
    }
    const char *told = getenv("COLUMNS");
    if (told != NULL && told[0] >= '0' && told[0] <= '9') {
        long number = strtol(told, NULL, 10);
        *columns = bounded(number < COLUMNS_MOST ? (int)number : COLUMNS_MOST);
    }
}

/* ---- writing -------------------------------------------------------------------------------- */

bool bs_terminal_write(struct bs_terminal *terminal, struct bs_bytes text)
{
    (void)terminal;
    size_t written = 0;
    while (written < text.size) {
        ssize_t part = write(STDOUT_FILENO, text.data + written, text.size - written);
        if (part < 0 && errno != EINTR) {
            return false;
        }
        written += part < 0 ? 0 : (size_t)part;
    }
    return true;
}

static bool write_text(struct bs_terminal *terminal, const char *text)
{
    return bs_terminal_write(
        terminal, (struct bs_bytes){.data = (const uint8_t *)text, .size = strlen(text)});
}

/* A job in the background must not touch the terminal's mode: it would be stopped for it. */
static bool owns_input(void)
{
    return isatty(STDIN_FILENO) == 1 && tcgetpgrp(STDIN_FILENO) == getpgrp();
}

static void enter(struct bs_terminal *terminal)
{
    terminal->drawing = true;
    if (owns_input() && tcgetattr(STDIN_FILENO, &terminal->before) == 0) {
        struct termios quiet = terminal->before;
        quiet.c_lflag &= ~(tcflag_t)(ECHO | ICANON);
        quiet.c_cc[VMIN] = 0;
        quiet.c_cc[VTIME] = 0;
        terminal->quiet_input = tcsetattr(STDIN_FILENO, TCSANOW, &quiet) == 0;
    }
    (void)write_text(terminal, "\x1b[?25l");
}

void bs_terminal_leave(struct bs_terminal *terminal)
{
    if (!terminal->drawing) {
        return;
    }
    (void)write_text(terminal, "\x1b[0m\x1b[?25h");
    if (terminal->quiet_input && owns_input()) {
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &terminal->before);
    }
    terminal->quiet_input = false;
    terminal->drawing = false;
}

bool bs_terminal_draw(struct bs_terminal *terminal, struct bs_bytes lines)
{
    struct bs_buffer out = {0};
    if (!terminal->drawing) {
        enter(terminal);
    }
    if (terminal->lines > 0) {
        char up[24];
        int size = snprintf(up, sizeof up, "\x1b[%dA\r", terminal->lines);
        bs_buffer_append(&out, up, (size_t)size);
    } else if (terminal->lines < 0) { /* after another size nobody knows where they stand */
        bs_buffer_append(&out, "\x1b[H\x1b[2J", 7);
    }
    terminal->lines = 0;
    const uint8_t *at = lines.data, *end = lines.data + lines.size;
    while (at < end) {
        const uint8_t *newline = memchr(at, '\n', (size_t)(end - at));
        BS_ASSERT(newline != NULL);
        bs_buffer_append(&out, at, (size_t)(newline - at));
        bs_buffer_append(&out, "\x1b[K\r\n", 5); /* the rest of what stood there goes */
        terminal->lines++;
        at = newline + 1;
    }
    bs_buffer_append(&out, "\x1b[J", 3);
    bool good = bs_terminal_write(terminal, (struct bs_bytes){out.data, out.size});
    bs_buffer_free(&out);
    return good;
}

/* ---- waiting ------------------------------------------------------------------------------- */

/* As any program would: the terminal is given back, and taken again when we go on. */
static void stop_ourselves(struct bs_terminal *terminal)
{
    bs_terminal_leave(terminal);
    (void)raise(SIGSTOP);
    terminal->lines = 0; /* the shell has written below */
}

static bool take_signal(struct bs_terminal *terminal, enum bs_terminal_event *event)
{
    struct signalfd_siginfo told;
    if (read(terminal->signals, &told, sizeof told) != (ssize_t)sizeof told) {
        return false;
    }
    switch ((int)told.ssi_signo) {
    case SIGWINCH:
        terminal->lines = terminal->drawing ? -1 : 0;
        *event = BS_TERMINAL_CHANGED;
        break;
    case SIGTSTP:
        stop_ourselves(terminal);
        *event = BS_TERMINAL_CHANGED;
        break;
    case SIGCONT:
        bs_terminal_leave(terminal); /* the shell may have changed its mode, and has written */
        terminal->lines = 0;
        *event = BS_TERMINAL_CHANGED;
        break;
    default:
        *event = BS_TERMINAL_INTERRUPTED;
        break;
    }
    return true;
}

static bool quit_pressed(void)
{
    char keys[64];
    ssize_t count = read(STDIN_FILENO, keys, sizeof keys);
    return count > 0 &&
           (memchr(keys, 'q', (size_t)count) != NULL || memchr(keys, 'Q', (size_t)count) != NULL);
}

enum bs_terminal_event bs_terminal_wait(struct bs_terminal *terminal, int64_t limit_ms)
{
    struct pollfd files[] = {{.fd = terminal->signals, .events = POLLIN},
                             {.fd = terminal->bell, .events = POLLIN},
                             {.fd = terminal->quiet_input ? STDIN_FILENO : -1, .events = POLLIN}};
    int limit = limit_ms > INT_MAX ? INT_MAX : limit_ms < 0 ? 0 : (int)limit_ms;
    if (poll(files, 3, limit) <= 0) {
        return BS_TERMINAL_TIME; /* an interrupted one, too: no signal of ours interrupts it */
    }
    enum bs_terminal_event event;
    if (files[0].revents != 0 && take_signal(terminal, &event)) {
        return event;
    }
    uint64_t rings;
    if (files[1].revents != 0 && read(terminal->bell, &rings, sizeof rings) > 0) {
        return BS_TERMINAL_WOKEN;
    }
    if (files[2].revents != 0) {
        if (quit_pressed() || (files[2].revents & (POLLHUP | POLLERR)) != 0) {
            return BS_TERMINAL_INTERRUPTED;
        }
    }
    return BS_TERMINAL_CHANGED;
}

void bs_terminal_wake(struct bs_terminal *terminal)
{
    uint64_t one = 1;
    ssize_t written = write(terminal->bell, &one, sizeof one);
    BS_ASSERT(written > 0 || errno == EAGAIN);
}

void bs_terminal_destroy(struct bs_terminal *terminal)
{
    if (terminal != NULL) {
        bs_terminal_leave(terminal);
        (void)close(terminal->signals);
        (void)close(terminal->bell);
        free(terminal);
    }
}
