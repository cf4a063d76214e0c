"""How a fleet hands its operations over, on a real broker, all on this machine; a Markdown table.

Every figure is taken from outside: from the stand-in's journal, and from the processes' ends. Checks
fall due evenly over the whole measurement, so the longest time in which a partition sent none, less
its usual one, is what a handover delays a due check by."""

import argparse
import collections
import pathlib
import random
import signal
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "integration"))

from harness.broker import Broker  # noqa: E402
from harness.scene import Scene  # noqa: E402
from harness.topics import job_value  # noqa: E402
from harness.waiting import wait_until  # noqa: E402

import measure  # noqa: E402

PARTITIONS = 16
CONNECTIONS = 32
# An operation is asked about for the first time so long after its acceptance.
FIRST_DUE_SECONDS = 60
SECONDS_PER_AUDIO_MINUTE = 10
SETTLE_SECONDS = 15
LIMIT_SECONDS = 1800


def say(text):
    print(text, file=sys.stderr, flush=True)


def enqueue(scene, count, spread_seconds, prefix="call"):
    """Recordings of such lengths that their checks fall due evenly over `spread_seconds`.
    Returns {job's id: partition}."""
    say(f"  enqueueing {count} jobs")
    chance = random.Random(1)
    jobs = []
    for number in range(count):
        job_id = f"{prefix}-{number:07}"
        due = FIRST_DUE_SECONDS + chance.random() * spread_seconds
        value = job_value(
            f"s3://recordings/2026/07/14/{job_id}.ogg",
            id=job_id,
            audio={"durationSeconds": round(due * 60 / SECONDS_PER_AUDIO_MINUTE, 1)},
        )
        jobs.append((job_id.encode(), value, (), number % PARTITIONS))
    written = scene.cluster.produce(scene.topics["jobs"], jobs)
    names = [key.decode() for key, _, _, _ in jobs]
    return {name: job.partition for name, job in zip(names, written, strict=True)}


def configuration(instance=None):
    static = {} if instance is None else {"group.instance.id": instance}
    return {
        "kafka": static,
        "limits": {"connections": CONNECTIONS, "in_flight": 400_000, "memory_bytes": 4 << 30},
        "checks": {"seconds_per_audio_minute": SECONDS_PER_AUDIO_MINUTE},
        "shutdown_seconds": 25,
    }


class Fleet:
    """Workers with operations in flight whose checks fall due all the time."""

    def __init__(self, scene, count, operations, spread_seconds, static):
        self.scene = scene
        scene.create_topics(PARTITIONS)
        self.standin = scene.start_standin(duration_ms=1000)
        names = [f"pod-{number}" for number in range(count)]
        self.workers = [
            scene.start_worker(configuration(name if static else None), name=name) for name in names
        ]
        for worker in self.workers:
            worker.wait_until_ready()
        self.partition_of_job = enqueue(scene, operations, spread_seconds)
        started = time.time()
        wait_until(
            lambda: self.standin.stats()["submissions"]["arrived"] >= operations,
            LIMIT_SECONDS,
            scene.situation,
            pause_seconds=1,
        )
        ended = time.time()
        say(f"  {operations} in flight after {ended - started:.0f} s")
        # From then on the first and the last to be accepted are asked about side by side.
        flowing = ended + FIRST_DUE_SECONDS * 1.1 + 5
        wait_until(lambda: time.time() > flowing, 600, "checks flow")

    def settle(self):
        until = time.time() + SETTLE_SECONDS
        wait_until(lambda: time.time() >= until, 2 * SETTLE_SECONDS, "the fleet settles")

    def partitions_of(self, worker):
        return {each["partition"] for each in worker.status().get("partitions", [])}

    def restart(self, worker, how):
        """(seconds to the end, seconds from the new start until it is ready, the start's time)"""
        began = time.time()
        if how == signal.SIGTERM:
            status = worker.stop()
            assert status == 0, worker.situation()
        else:
            worker.kill()
        ended = time.time()
        worker.start()
        worker.wait_until_ready()
        return ended - began, time.time() - ended, ended

    def check_times(self):
        """{partition: times of its checks, ascending}, as the service saw them"""
        job_of = {each.operation: each.uri for each in self.standin.accepted_submissions()}
        times = collections.defaultdict(list)
        for check in self.standin.checks():
            name = job_of[check.operation].rpartition("/")[2].removesuffix(".ogg")
            times[self.partition_of_job[name]].append(check.at)
        return times

    def gaps(self, begin, end):
        """{partition: its longest time without a check} in this span."""
        found = {}
        for partition, times in self.check_times().items():
            inside = [begin, *(at for at in times if begin <= at <= end), end]
            found[partition] = max(b - a for a, b in zip(inside, inside[1:], strict=False))
        return found

    def checks_a_result(self):
        checks = self.standin.checks()
        done = sum(check.outcome == "done" for check in checks)
        return len(checks) / done


def seconds(values):
    ordered = sorted(values)
    return f"{measure.percentile(ordered, 0.5):.1f} s / {ordered[-1]:.1f} s"


def rolling(fleet, rows, title):
    say(f"  {title}")
    began = time.time()
    exits, readies, starts = [], [], []
    for worker in fleet.workers:
        owned = fleet.partitions_of(worker)
        exit_seconds, ready_seconds, started = fleet.restart(worker, signal.SIGTERM)
        exits.append(exit_seconds)
        readies.append(ready_seconds)
        starts.append((started, owned))
    fleet.settle()
    gaps = fleet.gaps(began, time.time() - 1)
    rows[f"{title}: SIGTERM to exit, median / longest"] = seconds(exits)
    rows[f"{title}: start to ready, median / longest"] = seconds(readies)
    rows[f"{title}: a partition without a check, median / longest"] = seconds(gaps.values())
    return starts


def undisturbed(fleet, rows):
    say("  undisturbed")
    began = time.time()
    fleet.settle()
    gaps = fleet.gaps(began, time.time() - 1)
    rows["undisturbed: a partition without a check, median / longest"] = seconds(gaps.values())


def first_checks(fleet, started, owned):
    times = fleet.check_times()
    return [min(at for at in times[partition] if at >= started) - started for partition in owned]


def kill(fleet, rows, title):
    victim = fleet.workers[0]
    owned = fleet.partitions_of(victim)
    say(f"  {title}, {len(owned)} partitions")
    victim.kill()
    killed = time.time()
    wait_until(
        lambda: sum(len(fleet.partitions_of(each)) for each in fleet.workers[1:]) == PARTITIONS,
        120,
        fleet.scene.situation,
    )
    fleet.settle()
    rows[f"{title}: its partitions' first check, median / longest"] = seconds(
        first_checks(fleet, killed, owned)
    )


def dynamic_members(scene, chosen, rows):
    fleet = Fleet(scene, chosen.workers, chosen.operations, chosen.spread, static=False)
    undisturbed(fleet, rows)
    rolling(fleet, rows, "rolling restart")
    kill(fleet, rows, "kill -9")
    fleet.workers[0].start()
    fleet.workers[0].wait_until_ready()
    wait_until(lambda: fleet.partitions_of(fleet.workers[0]), 60, scene.situation)
    fleet.settle()
    more = enqueue(scene, chosen.operations // 5, chosen.spread, prefix="more")
    fleet.partition_of_job.update(more)
    arrived = fleet.standin.stats()["submissions"]["arrived"]
    wait_until(
        lambda: fleet.standin.stats()["submissions"]["arrived"] > arrived + len(more) // 10,
        60,
        scene.situation,
    )
    kill(fleet, rows, "kill -9 while it submits")
    rows["checks a result (1.0: none was repeated by a handover)"] = f"{fleet.checks_a_result():.3f}"


def static_members(scene, chosen, rows):
    fleet = Fleet(scene, chosen.workers, chosen.operations, chosen.spread, static=True)
    starts = rolling(fleet, rows, "static members, rolling restart")
    first = [each for started, owned in starts for each in first_checks(fleet, started, owned)]
    rows["static members: start to a partition's first check, median / longest"] = seconds(first)
    victim = fleet.workers[0]
    owned = fleet.partitions_of(victim)
    say("  kill -9 and start")
    _, ready_seconds, started = fleet.restart(victim, signal.SIGKILL)
    fleet.settle()
    rows["static member, kill -9: start to ready"] = f"{ready_seconds:.1f} s"
    rows["static member, kill -9: start to first check, median / longest"] = seconds(
        first_checks(fleet, started, owned)
    )


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--operations", type=int, default=100_000, help="in flight")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument(
        "--spread", type=int, default=600, help="seconds over which the checks fall due"
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the operations")
    parser.add_argument("--only", choices=["dynamic", "static"])
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.operations //= 10
        chosen.spread //= 2
    return chosen


def main():
    chosen = options()
    measured = {"dynamic": dynamic_members, "static": static_members}
    rows = {}
    with tempfile.TemporaryDirectory(prefix="backscribe-handover-") as folder:
        directory = pathlib.Path(folder)
        broker = Broker(directory / "broker")
        try:
            broker.start()
            for name, function in measured.items():
                if chosen.only in (None, name):
                    say(f"{name} members")
                    (directory / name).mkdir()
                    scene = Scene(broker, directory / name)
                    try:
                        function(scene, chosen, rows)
                    finally:
                        scene.close()
        finally:
            broker.kill()
    print(f"{measure.machine()}\n")
    title = f"{chosen.workers} workers, {chosen.operations:,} operations in flight"
    lines = [f"### {title}", "", "| what | reached |", "| --- | ---: |"]
    print("\n".join([*lines, *(f"| {name} | {value} |" for name, value in rows.items())]))


if __name__ == "__main__":
    main()
