"""A program on a terminal, seen through an emulator that is not ours (pyte)."""

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios

import pyte

from harness.waiting import wait_until

# Every control sequence that a picture may consist of: colours, moves up, erasing, the cursor.
KNOWN = re.compile(rb"\x1b\[(\d*m|\d+A|K|J|2J|H|\?25[lh])|[\r\n]")


class Terminal:
    """Its size is the emulator's. A second emulator, far wider, sees the same bytes: as long as no
    line wraps, both show the same."""

    def __init__(self, command, columns, rows, environment):
        self._screens = [pyte.Screen(columns, rows), pyte.Screen(4 * columns, rows)]
        self._streams = [pyte.ByteStream(screen) for screen in self._screens]
        self._master, slave = os.openpty()
        self._resize(columns, rows)
        self.mode_before = termios.tcgetattr(self._master)
        self.bytes = b""
        self._process = subprocess.Popen(
            [str(part) for part in command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm", **environment},
            preexec_fn=lambda: os.login_tty(slave),
        )
        os.close(slave)

    def _resize(self, columns, rows):
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns, rows):
        """As a window manager does it; the kernel sends SIGWINCH."""
        for screen, width in zip(self._screens, (columns, 4 * columns), strict=True):
            screen.resize(rows, width)
        self._resize(columns, rows)

    def read(self):
        """Takes what the program has written."""
        while select.select([self._master], [], [], 0)[0]:
            try:
                part = os.read(self._master, 65536)
            except OSError:  # the program has ended
                return
            if not part:
                return
            self.bytes += part
            for stream in self._streams:
                stream.feed(part)

    def lines(self):
        self.read()
        return [line.rstrip() for line in self._screens[0].display]

    def text(self):
        return "\n".join(self.lines()).rstrip()

    def pictures(self):
        """How many were drawn whole: the last thing of each is to erase what stands below."""
        self.read()
        return self.bytes.count(b"\x1b[J")

    def drawn_after(self, sequence):
        """Whether a picture was drawn whole since the program wrote that."""
        self.read()
        return b"\x1b[J" in self.bytes.rpartition(sequence)[2] and sequence in self.bytes

    def wait_for(self, text, timeout_seconds=30):
        wait_until(
            lambda: text in self.text(), timeout_seconds, lambda: f"{text!r} in\n{self.text()}"
        )

    def expect_no_wrap(self):
        self.read()
        wide = [line.rstrip() for line in self._screens[1].display]
        assert self.lines() == wide, "\n".join(["a line wraps:", *self.lines(), "wide:", *wide])

    def expect_only_known_sequences(self, ascii_only):
        rest = KNOWN.sub(b"", self.bytes)
        text = rest.decode("ascii" if ascii_only else "utf-8")
        text = text.replace("\u202f", " ")  # between thousands
        assert text.isprintable(), ascii(text)

    @property
    def cursor_hidden(self):
        self.read()
        return self._screens[0].cursor.hidden

    @property
    def cursor_row(self):
        return self._screens[0].cursor.y

    def mode(self):
        return termios.tcgetattr(self._master)

    def type(self, keys):
        os.write(self._master, keys)

    def send(self, which=signal.SIGTERM):
        self._process.send_signal(which)

    def wait_for_end(self, timeout_seconds=30):
        def ended():
            self.read()
            return self._process.poll() is not None

        wait_until(ended, timeout_seconds, lambda: f"the end; on the screen:\n{self.text()}")
        self.read()
        return self._process.returncode

    def close(self):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._master)
