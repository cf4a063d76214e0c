"""One worker with a million operations in flight, through every phase of its life; Markdown.

CPU and memory come from /proc. The event loop's longest turns are the worker's own metrics (nothing
else can see them): as time, and as CPU time of the loop's thread, since this machine's cores are
shared with the broker and the stand-in and a thread that waits for a core is not a stall of ours."""

import argparse
import contextlib
import pathlib
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "integration"))

from harness.broker import Broker  # noqa: E402
from harness.scene import Scene  # noqa: E402
from harness.topics import job_value  # noqa: E402
from harness.waiting import wait_until  # noqa: E402

import measure  # noqa: E402

PARTITIONS = 8
CONNECTIONS = 256
LIMIT_SECONDS = 3600
DAY_MS = 24 * 3_600_000
ENQUEUED_AT_A_TIME = 50_000
LOOK_SECONDS = 0.5

STALL_AIM = 0.050
IDLE_AIM = 0.02
RESTORE_AIM = 15
MEMORY_AIM = 1 << 30


def say(text):
    print(text, file=sys.stderr, flush=True)


class Phase:
    """What one worker did between two moments."""

    def __init__(self, name, worker):
        self.name = name
        self.worker = worker
        self.turn = self.turn_cpu = 0.0
        self.began = time.monotonic()
        self.cpu_before = measure.cpu_seconds(worker.pid)
        self.seconds = self.cpu = self.resident = self.peak = 0
        self.note = ""

    def look(self):
        metrics = self.worker.metrics()
        self.turn = max(self.turn, metrics.get(("loop_longest_turn_seconds", ()), 0))
        self.turn_cpu = max(self.turn_cpu, metrics.get(("loop_longest_turn_cpu_seconds", ()), 0))

    def end(self):
        self.seconds = time.monotonic() - self.began
        self.cpu = measure.cpu_seconds(self.worker.pid) - self.cpu_before
        self.resident = measure.resident_bytes(self.worker.pid)
        self.peak = measure.peak_resident_bytes(self.worker.pid)

    def row(self):
        share = self.cpu / self.seconds if self.seconds > 0 else 0
        cells = [
            self.name,
            f"{self.seconds:.1f} s",
            f"{self.cpu:.1f} s",
            f"{share:.1%}",
            mib(self.resident),
            f"{self.turn * 1000:.0f} ms",
            f"{self.turn_cpu * 1000:.0f} ms",
            self.note,
        ]
        say("  " + ", ".join(cells))
        return "| " + " | ".join(cells) + " |"


@contextlib.contextmanager
def phase(phases, name, worker, look_seconds=LOOK_SECONDS):
    """Looks at the worker now and then; the first look forgets what was before."""
    worker.metrics()
    measured = Phase(name, worker)
    over = threading.Event()

    def watch():
        while not over.wait(look_seconds):
            measured.look()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield measured
    finally:
        over.set()
        watcher.join()
    measured.end()
    measured.look()
    phases.append(measured)
    measured.row()


def enqueue(scene, count):
    for first in range(0, count, ENQUEUED_AT_A_TIME):
        jobs = []
        for number in range(first, min(first + ENQUEUED_AT_A_TIME, count)):
            job_id = f"call-{number:07}"
            value = job_value(
                f"s3://recordings/2026/07/14/office-42/incoming/{job_id}-79161234567.ogg",
                id=job_id,
                audio={"sizeBytes": 240_000},
                labels={
                    "office": "42",
                    "direction": "incoming",
                    "queue": "second-line",
                    "agent": "a.n.other",
                    "campaign": "summer-2026-renewals-by-telephone",
                },
            )
            jobs.append((job_id.encode(), value, (), None))
        scene.cluster.produce(scene.topics["jobs"], jobs)
        say(f"  {min(first + ENQUEUED_AT_A_TIME, count):,} jobs enqueued")


def configuration(count, first_guess_seconds, **quotas):
    return {
        "limits": {
            "connections": CONNECTIONS,
            "in_flight": count + count // 10,
            "memory_bytes": MEMORY_AIM,
        },
        "checks": {"first_guess_seconds": first_guess_seconds},
        "quotas": quotas,
        "shutdown_seconds": 60,
    }


class Rounds:
    def __init__(self, scene, chosen):
        self.scene = scene
        self.count = chosen.operations
        self.pause = chosen.pause
        self.phases = []
        self.restore_seconds = self.restore_cpu = 0
        self.empty = 0
        self.worker = None

    def in_flight(self):
        return self.worker.metric("operations_in_flight")

    def submit(self):
        self.worker = self.scene.start_worker(configuration(self.count, 86_400))
        self.worker.wait_until_ready()
        self.empty = measure.resident_bytes(self.worker.pid)
        say("submitting")
        with phase(self.phases, "submitting", self.worker) as measured:
            wait_until(
                lambda: self.scene.standin.stats()["submissions"]["served"] >= self.count,
                LIMIT_SECONDS,
                self.scene.situation,
                pause_seconds=2,
            )
        measured.note = f"{self.count / measured.seconds:,.0f} jobs a second"
        time.sleep(5)  # the last ones are recorded
        assert self.in_flight() == self.count, self.in_flight()

    def wait(self, name):
        with phase(self.phases, name, self.worker, look_seconds=15):
            time.sleep(self.pause)

    def stop(self):
        began = time.monotonic()
        with phase(self.phases, "stopping", self.worker, look_seconds=0.02) as measured:
            self.worker.send(15)
            wait_until(
                lambda: "stopping" in self.worker.log, 10, "the worker begins to stop", 0.005
            )
        status = self.worker.wait_for_end(90)
        assert status == 0, self.worker.situation()
        measured.note = f"exit after {time.monotonic() - began:.1f} s"

    @contextlib.contextmanager
    def restoring(self, name, first_guess_seconds, **quotas):
        """From the start of a worker until it is ready, and what else is done then."""
        self.worker = self.scene.start_worker(
            configuration(self.count, first_guess_seconds, **quotas)
        )
        wait_until(lambda: self.worker.metrics(), 30, "the worker's metrics", 0.02)
        with phase(self.phases, name, self.worker, look_seconds=0.2) as measured:
            measured.cpu_before = 0
            wait_until(
                lambda: self.worker.get("/readyz")[0] == 200
                and self.worker.metric("restored_total") >= self.count * 0.99,
                LIMIT_SECONDS,
                self.scene.situation,
                pause_seconds=0.2,
            )
            yield measured

    def restore(self):
        with self.restoring("restoring", 86_400) as measured:
            pass
        measured.note = f"peak {mib(measured.peak)}"
        self.restore_seconds, self.restore_cpu = measured.seconds, measured.cpu

    def check_to_the_quota(self):
        """All are due at once; the quota lets a fortieth of them be asked about, then none."""
        quota = max(self.count // 40, 1000)
        name = "restoring, and checking all that the quota lets"
        with self.restoring(name, 1, window_seconds=600, checks=quota) as measured:
            time.sleep(self.pause)
        checks = self.scene.standin.arrived("checks")
        measured.note = f"{checks:,} checks of {quota:,}"

    def finish(self):
        self.scene.standin.end_running()
        with self.restoring("restoring, and publishing what is done", 1) as measured:
            time.sleep(self.pause)
        done = self.worker.metric("results_total")
        measured.note = f"{done:,.0f} results"

    def hand_over(self):
        """A second worker takes half of the partitions, and gives them back."""
        second = self.scene.start_worker(configuration(self.count, 86_400))
        with phase(self.phases, "handing half over", self.worker, look_seconds=0.2) as measured:
            wait_until(
                lambda: second.get("/readyz")[0] == 200 and second.metric("restored_total") > 0,
                120,
                self.scene.situation,
                pause_seconds=0.2,
            )
        measured.note = f"{second.metric('restored_total'):,.0f} operations"
        with phase(self.phases, "taking it back", self.worker, look_seconds=0.2):
            assert second.stop() == 0, second.situation()
            wait_until(
                lambda: self.in_flight() >= self.count and self.worker.get("/readyz")[0] == 200,
                120,
                self.scene.situation,
                pause_seconds=0.2,
            )

    def run(self):
        say("starting")
        self.scene.create_topics(PARTITIONS)
        self.scene.start_standin(duration_ms=DAY_MS)
        enqueue(self.scene, self.count)
        self.submit()
        say("waiting")
        self.wait("waiting")
        self.stop()
        say("restoring")
        self.restore()
        self.wait("waiting after the restore")
        self.hand_over()
        self.stop()
        say("checking")
        self.check_to_the_quota()
        self.stop()
        say("finishing")
        self.finish()
        self.scene.stop_workers()


def mib(size_bytes):
    return f"{size_bytes / (1 << 20):,.0f} MiB"


def judge(rounds):
    """(what, reached, aim, good) of each aim."""
    phases = rounds.phases
    idle = max(each.cpu / each.seconds for each in phases if each.name.startswith("waiting"))
    resident = max(each.resident for each in phases)
    slowest = max(phases, key=lambda each: each.turn_cpu)
    each_bytes = (phases[0].resident - rounds.empty) / rounds.count
    yield (
        f"resident with {rounds.count:,} in flight, at most",
        mib(resident),
        "under 1,024 MiB",
        resident < MEMORY_AIM,
    )
    yield (
        "memory an operation, the whole process less the empty one",
        f"{each_bytes:,.0f} bytes",
        "under 1,024 bytes",
        each_bytes < 1024,
    )
    yield ("CPU while they wait", f"{idle:.1%} of a core", "under 2 %", idle < IDLE_AIM)
    yield (
        "restore, start to ready",
        f"{rounds.restore_seconds:.1f} s ({rounds.restore_cpu:.1f} s of CPU)",
        f"under {RESTORE_AIM} s",
        rounds.restore_seconds < RESTORE_AIM,
    )
    yield (
        "longest turn of the loop, CPU",
        f"{slowest.turn_cpu * 1000:.0f} ms ({slowest.name})",
        "under 50 ms",
        slowest.turn_cpu < STALL_AIM,
    )


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--operations", type=int, default=1_000_000)
    parser.add_argument("--pause", type=int, default=60, help="seconds of each steady phase")
    parser.add_argument("--quick", action="store_true", help="100,000 operations, 20 seconds")
    parser.add_argument("--assert", dest="strict", action="store_true", help="1 if an aim is missed")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.operations, chosen.pause = 100_000, 20
    return chosen


def report(rounds):
    print(f"{measure.machine()}\n")
    print(f"### {rounds.count:,} operations in flight in one worker\n")
    print("| what | reached | aim | |\n| --- | ---: | ---: | --- |")
    verdicts = list(judge(rounds))
    for what, reached, aim, good in verdicts:
        print(f"| {what} | {reached} | {aim} | {'' if good else 'missed'} |")
    print("\n| phase | took | CPU | of a core | resident | longest turn | its CPU | |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |")
    for each in rounds.phases:
        print(each.row())
    return all(good for _, _, _, good in verdicts)


def main():
    chosen = options()
    with tempfile.TemporaryDirectory(prefix="backscribe-scale-") as folder:
        directory = pathlib.Path(folder)
        broker = Broker(directory / "broker")
        scene = None
        try:
            broker.start()
            (directory / "scene").mkdir()
            scene = Scene(broker, directory / "scene")
            rounds = Rounds(scene, chosen)
            rounds.run()
            met = report(rounds)
        finally:
            if scene is not None:
                scene.close()
            broker.kill()
    sys.exit(1 if chosen.strict and not met else 0)


if __name__ == "__main__":
    main()
