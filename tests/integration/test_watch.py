"""Watching: what /status tells of a worker, and what `backscribe watch` makes of it and of Kafka."""

import json
import pathlib

import jsonschema

from harness.scene import NO_QUOTAS
from harness.topics import job_value
from harness.waiting import wait_until
from harness.worker import merged

PARTITIONS = 4
SCHEMAS = pathlib.Path(__file__).parents[2] / "schemas"


def schema(name):
    return jsonschema.Draft202012Validator(json.loads((SCHEMAS / f"{name}.schema.json").read_text()))


# ---- /status


def test_status_keeps_its_schema_and_tells_of_the_last_minutes_and_the_oldest_operation(scene):
    scene.create_topics(partitions=2)
    standin = scene.start_standin(duration_ms=300_000)
    starting = scene.start_worker()
    wait_until(starting.status, 30, starting.situation)
    schema("status").validate(starting.status())
    scene.enqueue(4)
    scene.enqueue_value(b"no job")
    scene.wait_for_submissions(4)
    scene.wait_for_answers(results=0, dead_letters=1, timeout_seconds=30)
    wait_until(lambda: starting.status()["operations"]["running"] == 4, 30, scene.situation)
    status = starting.status()
    schema("status").validate(status)
    oldest = status["oldestOperation"]
    assert oldest["id"].startswith("call-") and oldest["state"] == "running", oldest
    assert oldest["operationId"] in {each.operation for each in standin.accepted_submissions()}
    for rate in status["rates"]:
        assert (rate["submissions"], rate["results"], rate["deadLetters"]) == (4, 0, 1), rate
        assert 0 < rate["seconds"] <= status["uptimeSeconds"] + 1

    standin.end_running()
    scene.wait_for_answers(results=4, timeout_seconds=60)
    wait_until(lambda: starting.status()["oldestOperation"] is None, 30, scene.situation)
    status = starting.status()
    schema("status").validate(status)
    assert [rate["results"] for rate in status["rates"]] == [4, 4, 4]
    assert status["checksPerResult"]["count"] == status["detectionDelay"]["count"] == 4
    assert status["rates"][0]["checks"] == sum(status["counters"]["checks"].values())
    scene.stop_workers()


# ---- watch


def of(workers):
    """--worker for each of them."""
    return [
        part for worker in workers for part in ("--worker", f"127.0.0.1:{worker.port}")
    ]


def look(scene, workers=(), changes=None):
    """What `watch --once --json` says."""
    arguments = ["watch", "--once", "--json", *of(workers)]
    status, command = scene.run_command(arguments, changes)
    assert status == 0, command.situation()
    facts = json.loads(command.output)
    schema("watch").validate(facts)
    return facts


def enqueue_evenly(scene, count, prefix):
    for partition in range(PARTITIONS):
        scene.enqueue(count // PARTITIONS, prefix=f"{prefix}-{partition}", partition=partition)


def start_backlog(scene, in_flight=32, waiting=48, changes=None, **options):
    """Two workers that hold as many operations, and no more: what is known of them stands still.
    Each partition may spend its part of the quota only, so each has as many jobs."""
    scene.create_topics(partitions=PARTITIONS)
    scene.start_standin(duration_ms=600_000, **options)
    for value in (b"no job", b"[]", b"{"):
        scene.enqueue_value(value)
    for name in ("a", "b"):
        scene.enqueue_value(job_value(f"https://example.com/{name}.ogg", id=name))
    enqueue_evenly(scene, in_flight, "early")
    changes = merged({"quotas": {**NO_QUOTAS, "submissions": in_flight}}, changes or {})
    workers = scene.start_workers(2, changes)
    scene.wait_for_submissions(in_flight)
    scene.wait_for_answers(results=0, dead_letters=5, timeout_seconds=60)
    enqueue_evenly(scene, waiting, "late")
    return workers, changes


def test_once_tells_exactly_how_many_wait_are_in_flight_done_and_failed(scene):
    workers, changes = start_backlog(scene)
    wait_until(lambda: look(scene, workers, changes)["jobs"]["exact"], 60, scene.situation, 0.5)
    facts = look(scene, workers, changes)
    assert facts["jobs"] == {
        "total": 85, "backlog": 48, "inFlight": 32, "answered": 5, "done": 0, "exact": True,
    }
    assert facts["failed"]["byCode"] == {"invalid_job": 3, "audio_forbidden": 2}
    assert facts["failed"]["complete"] and facts["failed"]["total"] == 5
    assert facts["quotas"]["submissions"]["left"] == 0
    assert facts["quotas"]["submissions"]["used"] == 32
    assert facts["oldestOperation"]["id"].startswith("early-")
    assert facts["kafka"]["members"] == 2 and facts["kafka"]["partitions"] == 4
    assert sorted(worker["address"] for worker in facts["workers"]) == sorted(
        f"127.0.0.1:{worker.port}" for worker in workers
    )
    # What is left takes 48 submissions of 32 an hour, none of which is left.
    assert facts["timeLeft"]["lowSeconds"] == 5400 and facts["timeLeft"]["kind"] == "at_least"
    assert "quota" in facts["timeLeft"]["reason"]

    scene.standin.end_running()
    scene.wait_for_answers(results=32, timeout_seconds=60)
    wait_until(lambda: look(scene, workers, changes)["jobs"]["done"] == 32, 60, scene.situation)
    facts = look(scene, workers, changes)
    assert facts["jobs"] == {
        "total": 85, "backlog": 48, "inFlight": 0, "answered": 37, "done": 32, "exact": True,
    }
    assert sum(worker["results"] for worker in facts["workers"]) == 32
    scene.stop_workers()


def test_without_workers_kafka_tells_how_far_it_is(scene):
    workers, changes = start_backlog(scene, in_flight=20, waiting=12)
    scene.stop_workers()
    facts = look(scene, workers, changes)
    assert facts["failed"]["byCode"] == {"invalid_job": 3, "audio_forbidden": 2}
    assert facts["jobs"]["total"] == 37 and not facts["jobs"]["exact"]
    assert facts["jobs"]["inFlight"] >= 20 and facts["jobs"]["backlog"] == 12, facts
    assert [worker["answers"] for worker in facts["workers"]] == [False, False]
    assert all(worker["problem"] for worker in facts["workers"])
    assert facts["quotas"]["submissions"]["left"] is None and facts["oldestOperation"] is None
    assert facts["timeLeft"]["kind"] in ("at_least", "unknown")


def test_show(scene, request):
    import os, time
    from harness.terminal import Terminal
    from harness.worker import command_environment
    workers, changes = start_backlog(scene, changes={"price": {"billed_hour": 60.5, "currency": "RUB"}, "limits": {"billed_hours": 2}})
    scene.standin.end_running()
    scene.wait_for_answers(results=10, timeout_seconds=60)
    time.sleep(14)
    cfg = scene.directory / "w.json"
    cfg.write_text(json.dumps(scene.configuration(changes)))
    for columns, rows, locale in ((80, 24, "C.UTF-8"), (80, 24, "C"), (200, 50, "C.UTF-8"), (50, 40, "C.UTF-8"), (120,40,"C.UTF-8")):
        t = Terminal([os.environ["BACKSCRIBE_WORKER"], "watch", "--config", cfg, *of(workers)], columns, rows, {"LC_ALL": locale, **command_environment()})
        t.wait_for("Worker")
        t.wait_for("1 h")
        print("-" * columns); print(t.text()); print("-" * columns)
        t.type(b"\x03")
        print(t.wait_for_end(), t.cursor_hidden)
        t.close()
    assert 0
