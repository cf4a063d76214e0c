"""Under a service manager (sd_notify): when the worker counts as started, what it says of itself, and
that it is taken for dead only when it is."""

import os
import socket
import time

import pytest

from harness.waiting import wait_until


class Manager:
    """The manager's end of NOTIFY_SOCKET: at a path, or at an abstract name."""

    def __init__(self, name):
        self.name = name
        self.messages = []  # (monotonic time, text)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(name.replace("@", "\0", 1))
        self._socket.setblocking(False)

    def hear(self):
        while True:
            try:
                datagram = self._socket.recv(65536)
            except BlockingIOError:
                return self.messages
            self.messages.append((time.monotonic(), datagram.decode()))

    def lines(self):
        return [line for _, text in self.hear() for line in text.splitlines()]

    def wait_for(self, what, timeout_seconds=60):
        def found():
            return next((line for line in self.lines() if what in line), None)

        return wait_until(found, timeout_seconds, lambda: f"{what} of {self.lines()}")

    def close(self):
        self._socket.close()


@pytest.fixture
def manager(request, tmp_path):
    """At a path; with the parameter "abstract" at a name without a file."""
    abstract = getattr(request, "param", "path") == "abstract"
    manager = Manager(f"@backscribe-{os.getpid()}" if abstract else f"{tmp_path}/notify")
    yield manager
    manager.close()


def start_under(manager, scene, changes=None, **environment):
    worker = scene.new_worker(changes)
    worker.add_environment(NOTIFY_SOCKET=manager.name, **environment)
    return worker.start()


def test_a_worker_has_started_when_its_loop_runs_and_says_what_it_waits_for(scene, manager):
    scene.create_topics(partitions=1)
    scene.start_standin(duration_ms=200)
    key = scene.key_file.read_text()
    scene.key_file.unlink()
    worker = start_under(manager, scene)
    manager.wait_for("READY=1")
    manager.wait_for("STATUS=Not ready: credentials_rejected: ")
    assert worker.get("/healthz")[0] == 200
    jobs = scene.enqueue(3)

    scene.key_file.write_text(key)
    manager.wait_for("STATUS=Ready: ")
    scene.wait_for_answers(len(jobs), 60)
    manager.wait_for("STATUS=Ready: 0 in flight, 0 to be submitted, 3 results, 0 dead letters")

    assert worker.stop() == 0
    lines = manager.lines()
    assert lines.count("READY=1") == 1 and lines.count("STOPPING=1") == 1
    assert lines[0] == "READY=1", "nothing is told before"
    assert lines[-2] == "STOPPING=1" and lines[-1].startswith("STATUS=Stopping"), lines[-4:]
    assert not any(line.startswith("WATCHDOG") for line in lines), "nobody asked for it"
    assert all(one != other for one, other in zip(lines, lines[1:])), "only what has changed"


def test_a_worker_that_cannot_start_never_says_that_it_has(scene, manager):
    scene.create_topics(partitions=1)
    scene.start_standin()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        worker = scene.new_worker(arguments=["--set", f"admin.listen={listen}"])
        worker.add_environment(NOTIFY_SOCKET=manager.name)
        assert worker.start().wait_for_end(30) == 1, worker.situation()
    assert manager.lines() == []


@pytest.mark.parametrize("manager", ["abstract"], indirect=True)
def test_signs_of_life_come_in_time_while_it_works_and_end_when_it_stands_still(scene, manager):
    scene.create_topics(partitions=2)
    scene.start_standin(duration_ms=500)
    jobs = scene.enqueue(200)
    period = 2.0
    worker = start_under(manager, scene, WATCHDOG_USEC=str(int(period * 1e6)))

    def signs():
        return [when for when, text in manager.hear() if text == "WATCHDOG=1"]

    wait_until(lambda: len(signs()) >= 5, 60, worker.situation)
    scene.wait_for_answers(len(jobs), 60)
    wait_until(lambda: len(signs()) >= 8, 60, worker.situation)
    pauses = [later - earlier for earlier, later in zip(signs(), signs()[1:])]
    assert max(pauses) < period, pauses
    assert min(pauses) > period / 4, pauses

    worker.suspend()
    still = len(signs())
    until = time.monotonic() + 2 * period
    wait_until(lambda: time.monotonic() > until, 3 * period, "two periods")
    assert len(signs()) == still
    worker.resume()
    wait_until(lambda: len(signs()) > still, 30, worker.situation)
    assert worker.stop() == 0
