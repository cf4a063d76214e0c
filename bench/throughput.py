"""The worker against the stand-in on a real broker, all on this machine; a Markdown table.

Every figure is taken from outside: CPU and memory from /proc, requests and delays from the
stand-in's journal, answers from the results topic. What is shared by all (two cores for the
worker, the broker, the stand-in and Java) is shared here too."""

import argparse
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "integration"))

from harness.broker import Broker  # noqa: E402
from harness.scene import Scene  # noqa: E402
from harness.topics import Tail, job_value  # noqa: E402
from harness.waiting import wait_until  # noqa: E402

import measure  # noqa: E402

PARTITIONS = 8
CONNECTIONS = 64
ROUND_SECONDS = 1800
HOUR_MS = 3_600_000


def say(text):
    print(text, file=sys.stderr, flush=True)


def enqueue(scene, count, audio_seconds=None, prefix="call"):
    """Jobs of about 300 bytes, as an archive's would be; None: their length is not known."""
    say(f"  enqueueing {count} jobs")
    known = {} if audio_seconds is None else {"durationSeconds": audio_seconds}
    jobs = []
    for number in range(count):
        job_id = f"{prefix}-{number:07}"
        value = job_value(
            f"s3://recordings/2026/07/14/office-42/incoming/{job_id}-79161234567.ogg",
            id=job_id,
            audio={"sizeBytes": 240_000, **known},
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
    return sum(len(value) for _, value, _, _ in jobs) / count


def configuration(**checks):
    return {
        "limits": {"connections": CONNECTIONS, "in_flight": 200_000, "memory_bytes": 4 << 30},
        "checks": checks,
        "results": {"remember_seconds": 3600},
    }


def wait_for_results(scene, count):
    with Tail(scene.cluster, scene.topics["results"]) as tail:
        tail.wait_for(count, ROUND_SECONDS, scene.situation)


def answered_round(scene, jobs, duration_ms, audio_seconds, **checks):
    """A whole round, from the worker's start until every job is answered."""
    scene.create_topics(PARTITIONS)
    standin = scene.start_standin(duration_ms=duration_ms)
    enqueue(scene, jobs, audio_seconds)
    started = time.monotonic()
    worker = scene.start_worker(configuration(**checks))
    wait_for_results(scene, jobs)
    elapsed = time.monotonic() - started
    cpu = measure.cpu_seconds(worker.pid)
    wait_until(
        lambda: sum(check.outcome == "done" for check in standin.checks()) >= jobs,
        10,
        "the stand-in's journal is complete",
    )
    submissions, checks = standin.submissions(), standin.checks()
    requests = len(submissions) + len(checks)
    delays = measure.detection_delays(checks)
    mean, half, nearly_all = measure.histogram(worker.metrics(), "unrecorded_seconds")
    scene.stop_workers()
    return {
        "jobs a second": f"{jobs / elapsed:,.0f}",
        "requests a second": f"{requests / elapsed:,.0f}",
        "CPU-s per 1,000 jobs": f"{cpu / jobs * 1000:.2f}",
        "CPU µs a request": f"{cpu / requests * 1e6:.0f}",
        "checks a result": f"{len(checks) / jobs:.2f}",
        "delay of detection, mean / p50 / p99": " / ".join(
            f"{value:.2f} s"
            for value in (
                measure.mean(delays),
                measure.percentile(delays, 0.5),
                measure.percentile(delays, 0.99),
            )
        ),
        "sent to recorded, mean / p50 / p99": f"{mean * 1000:.0f} ms / at most {half * 1000:.0f} ms "
        f"/ at most {nearly_all * 1000:.0f} ms",
        "submitted more than once": f"{len(scene.account.repeated())}",
    }


def load_generator(scene, requests):
    """What h2load reaches on the same stand-in: the floor under the worker's requests."""
    scene.create_topics(1)
    standin = scene.start_standin(duration_ms=HOUR_MS)
    body = scene.directory / "submission.json"
    body.write_bytes(
        job_value(
            "https://storage.yandexcloud.net/recordings/load.ogg",
            config={"specification": {"languageCode": "ru-RU", "model": "general"}},
        )
    )
    submit = f"{standin.url}/speech/stt/v2/longRunningRecognize"
    key = standin.authorization
    rates = {"submissions": measure.h2load(submit, requests, CONNECTIONS, key, body)}
    operation = wait_until(standin.accepted_submissions, 10, standin.situation)[0].operation
    check = f"{standin.url}/operations/{operation}"
    rates["checks"] = measure.h2load(check, requests, CONNECTIONS, key)
    return rates


def submitted(scene, worker, count):
    """Until so many operations are accepted and their records committed."""
    wait_until(
        lambda: (
            len(scene.standin.accepted_submissions()) >= count
            and worker.metric("operations_in_flight") >= count
        ),
        ROUND_SECONDS,
        scene.situation,
        pause_seconds=1,
    )
    recorded = set()

    def all_recorded():
        for message in tail.poll():
            if message.key.startswith(b"o:") and message.value is not None:
                recorded.add((message.partition, message.key))
        tail.messages.clear()
        return len(recorded) >= count

    with Tail(scene.cluster, scene.topics["state"]) as tail:
        wait_until(all_recorded, ROUND_SECONDS, scene.situation, pause_seconds=0.5)


def restored(scene, worker, count, started):
    wait_until(
        lambda: worker.metric("restored_total") >= count and worker.metric("ready") == 1,
        ROUND_SECONDS,
        scene.situation,
        pause_seconds=0.1,
    )
    return time.monotonic() - started


def in_flight_round(scene, in_flight, restore):
    """Memory of operations in flight, a kill -9 with all of them, and the restore of many."""
    scene.create_topics(PARTITIONS)
    standin = scene.start_standin(duration_ms=HOUR_MS)
    # Nothing is due for a check before the round ends.
    changes = configuration(first_guess_seconds=3000)
    worker = scene.start_worker(changes)
    worker.wait_until_ready()
    empty = measure.resident_bytes(worker.pid)
    job_bytes = enqueue(scene, in_flight)
    submitted(scene, worker, in_flight)
    full = measure.resident_bytes(worker.pid)

    say("  kill -9")
    worker.kill()
    started = time.monotonic()
    worker.start()
    restored(scene, worker, in_flight, started)
    after_kill = time.monotonic() - started
    enqueue(scene, restore - in_flight, prefix="more")
    submitted(scene, worker, restore)
    again = len(standin.accepted_submissions()) - restore
    at_restore = measure.resident_bytes(worker.pid)

    say("  an orderly stop, and the restore")
    assert worker.stop() == 0, worker.situation()
    started = time.monotonic()
    worker.start()
    elapsed = restored(scene, worker, restore, started)
    cpu = measure.cpu_seconds(worker.pid)
    scene.stop_workers()
    held = f"{in_flight:,} in flight"
    each_kib = (full - empty) / in_flight / 1024
    return {
        f"memory an operation at {held} ({job_bytes:.0f}-byte jobs)": f"{each_kib:.2f} KiB",
        "resident when ready and empty": mib(empty),
        f"resident at {held}": mib(full),
        f"resident at {restore:,} in flight": mib(at_restore),
        "submitted again after kill -9": f"{again} of {in_flight:,}",
        f"ready again after kill -9 with {held}": f"{after_kill:.1f} s",
        f"restore of {restore:,} operations, from start to ready": f"{elapsed:.1f} s",
        "CPU of that restore": f"{cpu:.2f} s",
    }


def mib(size_bytes):
    return f"{size_bytes / (1 << 20):.0f} MiB"


def table(title, rows):
    lines = [f"### {title}", "", "| what | reached |", "| --- | ---: |"]
    lines += [f"| {name} | {value} |" for name, value in rows.items()]
    return "\n".join(lines) + "\n"


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=20_000, help="jobs of each round")
    parser.add_argument("--in-flight", type=int, default=20_000)
    parser.add_argument("--restore", type=int, default=100_000, help="operations to restore")
    parser.add_argument("--requests", type=int, default=100_000, help="of the load generator")
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    chosen = parser.parse_args()
    if chosen.quick:
        for name in ("jobs", "in_flight", "restore", "requests"):
            setattr(chosen, name, getattr(chosen, name) // 10)
    return chosen


def main():
    chosen = options()
    rounds = {
        # A first guess that is too early by two thirds makes six checks a job, as many as the
        # known figures' fixed five seconds.
        f"{chosen.jobs:,} jobs of 30 s, as many checks as one each 5 s": lambda scene: (
            answered_round(scene, chosen.jobs, 30_000, None, first_guess_seconds=10)
        ),
        f"{chosen.jobs:,} jobs of 30 s, length known, the worker's own schedule": lambda scene: (
            answered_round(scene, chosen.jobs, 30_000, 180)
        ),
        f"{chosen.jobs:,} jobs that are done at the first check": lambda scene: answered_round(
            scene, chosen.jobs, 0, 1
        ),
        "Operations in flight": lambda scene: in_flight_round(
            scene, chosen.in_flight, chosen.restore
        ),
    }
    with tempfile.TemporaryDirectory(prefix="backscribe-bench-") as folder:
        directory = pathlib.Path(folder)
        broker = Broker(directory / "broker")
        try:
            broker.start()
            print(f"{measure.machine()}\n", flush=True)
            for number, (title, measured) in enumerate(rounds.items()):
                say(title)
                reached = in_a_scene(broker, directory / str(number), measured)
                print(table(title, reached), flush=True)
            say("h2load")
            rates = in_a_scene(
                broker, directory / "h2load", lambda scene: load_generator(scene, chosen.requests)
            )
            print(
                table(
                    f"h2load, HTTP/1.1, {CONNECTIONS} connections, on the same stand-in",
                    {
                        f"{kind}: requests a second, CPU µs a request": f"{rate:,.0f}, {cpu:.0f}"
                        for kind, (rate, cpu) in rates.items()
                    },
                )
            )
        finally:
            broker.kill()


def in_a_scene(broker, directory, measured):
    directory.mkdir()
    scene = Scene(broker, directory)
    try:
        return measured(scene)
    finally:
        scene.close()


if __name__ == "__main__":
    main()
