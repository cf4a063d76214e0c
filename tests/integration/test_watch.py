"""Watching: what /status tells of a worker, and what `backscribe watch` makes of it and of Kafka."""

import json
import pathlib

import jsonschema

from harness.waiting import wait_until

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
