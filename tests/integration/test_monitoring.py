"""What monitoring sees of workers: pages that promtool accepts, series that stay few, alerts and a
dashboard that a real Prometheus answers."""

import pytest
from harness.prometheus import complaints
from harness.topics import job_value
from harness.waiting import wait_until


def page(worker):
    code, body = worker.get("/metrics")
    assert code == 200, code
    return body


def series(worker):
    return {(name, labels) for name, labels in worker.metrics()}


def is_ready(worker):
    return worker.get("/readyz")[0] == 200


def waiting(worker):
    return {each for each in series(worker) if each[0] == "jobs_waiting"}


def test_promtool_has_no_complaint_at_start_under_work_and_at_the_end(scene):
    scene.create_topics(partitions=2)
    scene.start_standin(duration_ms=300)
    worker = scene.start_worker()
    wait_until(lambda: worker.get("/metrics")[0] == 200, 60, worker.situation)
    assert complaints(page(worker)) == ""
    worker.wait_until_ready()
    assert complaints(page(worker)) == ""
    scene.enqueue(40)
    scene.enqueue_value(b"not a job")
    scene.wait_for_submissions(1)
    assert complaints(page(worker)) == ""
    scene.wait_for_answers(40, 60, dead_letters=1)
    assert complaints(page(worker)) == ""
    scene.stop_workers()


def test_series_are_as_many_as_partitions_and_a_few_whatever_the_jobs_are(scene):
    """Ids, labels, buckets and errors that no two jobs share."""
    scene.create_topics(partitions=50)
    scene.start_standin(duration_ms=100)
    first = scene.start_worker()
    wait_until(lambda: len(waiting(first)) == 50 and is_ready(first), 60, scene.situation)
    assert waiting(first) == {("jobs_waiting", (("partition", str(p)),)) for p in range(50)}
    few = series(first) - waiting(first)
    assert len(few) < 250
    jobs = []
    for number in range(60):
        uri, labels = f"s3://recordings/{number}.ogg", {f"label-{number}": "x"}
        jobs.append((b"%d" % number, job_value(uri, id=f"id-{number}", labels=labels), (), None))
        uri = f"s3://bucket-{number}/call.ogg"
        jobs.append((b"%d" % number, job_value(uri, id=f"foreign-{number}"), (), None))
        jobs.append((b'\n"{}\\', b'hostile \xff\n"{} %d' % number, (), None))
    scene.cluster.produce(scene.topics["jobs"], jobs)
    scene.wait_for_answers(60, 60, dead_letters=120)
    assert series(first) - waiting(first) == few and len(waiting(first)) == 50
    second = scene.start_worker()
    wait_until(
        lambda: len(waiting(first)) == len(waiting(second)) == 25 and is_ready(second),
        60,
        scene.situation,
    )
    assert not waiting(first) & waiting(second)
    assert series(first) - waiting(first) == few == series(second) - waiting(second)
    scene.stop_workers()
