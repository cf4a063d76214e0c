"""The workers of a run, each in a slot that starts it again when it has ended by itself, as an
orchestrator does."""

import signal
import threading
import time

from harness.waiting import wait_until

LOOK_SECONDS = 0.3
GRACEFUL_SECONDS = 40
RETURN_SECONDS = 1.0


class Slot:
    """One worker's place. The lock is held by whoever does something to its process."""

    def __init__(self, name, worker, events):
        self.name = name
        self.worker = worker
        self.lock = threading.Lock()
        self.wanted = False
        self.ended_by_itself = []  # exit statuses
        self._events = events

    def start(self):
        self.worker.start()
        self.wanted = True

    def kill(self):
        """The moment of death is known, and what was under way is lost."""
        self.wanted = False
        with self._events.trouble("killed", self.name):
            self.worker.kill()

    def stop(self):
        """SIGTERM; the exit status."""
        self.wanted = False
        with self._events.trouble("asked to stop", self.name, explains=False):
            self.worker.send(signal.SIGTERM)
            return self.worker.wait_for_end(GRACEFUL_SECONDS)

    def look(self):
        """Starts it again if it has ended although it is wanted."""
        if not self.lock.acquire(blocking=False):
            return
        try:
            if self.wanted and not self.worker.running:
                status = self.worker.wait_for_end(1)
                self.ended_by_itself.append(status)
                self._events.note("ended by itself", self.name, status=status)
                self.worker.start()
        finally:
            self.lock.release()


class Fleet:
    def __init__(self, slots):
        self.slots = slots
        self.problem = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self):
        for slot in self.slots:
            slot.start()
        for slot in self.slots:
            slot.worker.wait_until_ready()
        self._thread.start()

    def _watch(self):
        while not self._ending.wait(LOOK_SECONDS):
            try:
                for slot in self.slots:
                    slot.look()
            except AssertionError as problem:  # a sanitizer's report
                self.problem = problem
                return

    def end_watch(self):
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()

    def stop(self):
        """All of them, in order; {name: exit status} of those that did not end well."""
        self.end_watch()
        return {
            slot.name: status for slot in self.slots if (status := slot.stop()) != 0
        }

    def kill(self):
        self.end_watch()
        for slot in self.slots:
            slot.worker.kill()


def restart_one_after_another(slots):
    for slot in slots:
        with slot.lock:
            slot.stop()
            slot.start()
            wait_until(
                lambda slot=slot: slot.worker.get("/healthz")[0] == 200 or not slot.worker.running,
                60,
                slot.worker.situation,
            )


def kill_for_a_while(slots, seconds):
    """All at once; they come back together."""
    for slot in slots:
        slot.lock.acquire()
    try:
        for slot in slots:
            slot.kill()
        time.sleep(seconds)  # how long they are away is the plan's, nothing waits for it
        for slot in slots:
            slot.start()
    finally:
        for slot in slots:
            slot.lock.release()
