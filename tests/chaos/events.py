"""What is done to the parts of a run, as it is done: a journal, a JSON object a line, milliseconds
since 1970. The account explains repeated submissions by it."""

import contextlib
import json
import threading
import time


def now_ms():
    return int(time.time() * 1000)


class Events:
    def __init__(self, path, tell=lambda text: None):
        self._journal = open(path, "a", buffering=1)
        self._lock = threading.Lock()
        self._tell = tell

    def _write(self, **line):
        with self._lock:
            self._journal.write(json.dumps(line) + "\n")

    def note(self, what, worker=None, **more):
        """Something that happened at a moment, and may have taken an unfinished record along."""
        moment = now_ms()
        self._tell(f"{what} {worker or ''} {more or ''}")
        self._write(at=moment, until=moment, what=what, worker=worker, **more)

    @contextlib.contextmanager
    def trouble(self, what, worker=None, explains=True):
        """From the moment that it begins to the moment that it is over. What explains nothing is
        told, and is no entry of the journal."""
        begin = now_ms()
        self._tell(f"{what} {worker or ''}")
        try:
            yield
        finally:
            if explains:
                self._write(at=begin, until=now_ms(), what=what, worker=worker)

    def close(self):
        self._journal.close()
