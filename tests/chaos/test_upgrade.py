"""A new worker takes over what a worker of an earlier release left behind when it was killed."""

import pathlib

import corpus
import pytest
from harness.topics import job_value

KEPT = sorted((pathlib.Path(__file__).parent / "fixtures").glob("state-*.json"))
# However old a corpus is by now, its remembered ids count.
FOR_EVER = {"results": {"remember_seconds": 315_360_000}}


@pytest.fixture(params=KEPT, ids=[path.stem for path in KEPT])
def kept(request):
    return corpus.Corpus(request.param)


def take_over(scene, kept, with_offsets):
    """All that was under way has ended at the service meanwhile; it knows the operations by the
    old ids, and the topics hold what they held. Returns the jobs that are not answered yet."""
    scene.topics.update(corpus.TOPICS)
    scene.group = corpus.GROUP
    scene.create_topics(kept.partitions)
    scene.start_standin(duration_ms=0, ids_seed=corpus.IDS_SEED)
    for uri, operation in zip(kept.accepted, kept.operations, strict=True):
        assert scene.standin.submit(uri) == operation
    jobs = kept.produce(scene, with_offsets)
    return [job for job in jobs if job.source not in kept.results | kept.dead_letters]


def submitted_by_worker(scene, kept):
    return [each.uri for each in scene.standin.accepted_submissions()[len(kept.accepted) :]]


def uri_of(job_id):
    return f"https://storage.yandexcloud.net/recordings/{job_id}.ogg"


@pytest.mark.parametrize("with_offsets", [True, False], ids=["offsets", "offsets_forgotten"])
def test_what_an_earlier_release_was_paid_for_is_published_and_not_paid_again(
    scene_with_own_broker, kept, with_offsets
):
    scene = scene_with_own_broker
    scene.broker.start()
    open_jobs = take_over(scene, kept, with_offsets)
    (worker,) = scene.start_workers(1, FOR_EVER)
    scene.wait_for_answers(len(open_jobs), 90)
    scene.account.expect_only_results(open_jobs)
    # Of all, one alone had not been submitted.
    assert submitted_by_worker(scene, kept) == [uri_of("stuck-1")]
    assert worker.metric("restored_total") >= len(open_jobs) - 1
    scene.stop_workers()


def test_what_an_earlier_release_remembered_is_remembered(scene_with_own_broker, kept):
    scene = scene_with_own_broker
    scene.broker.start()
    open_jobs = take_over(scene, kept, with_offsets=True)
    again = ["quick-0", "quick-5", "behind-quick-4"]
    for job_id, partition in zip(again, (0, 0, 1), strict=True):
        value = job_value(f"s3://recordings/{job_id}.ogg", id=job_id)
        scene.enqueue_value(value, job_id.encode(), partition=partition)
    other = job_value("s3://recordings/another.ogg", id="quick-1")
    conflict = scene.enqueue_value(other, b"quick-1", partition=0)
    # Only a result is remembered: what was refused is free to run again.
    refused = job_value("s3://recordings/refused-0.ogg", id="refused-0")
    free = scene.enqueue_value(refused, b"refused-0", partition=0)
    # What runs is known by its id, whoever submitted it.
    running = job_value("s3://recordings/long-0.ogg", id="long-0")
    scene.enqueue_value(running, b"long-0", partition=0)

    (worker,) = scene.start_workers(1, FOR_EVER)
    scene.wait_for_answers(len(open_jobs) + 1, 90, dead_letters=1)
    results, dead_letters = scene.account.results(), scene.account.dead_letters()
    assert results.keys() == {job.source for job in [*open_jobs, free]}
    assert dead_letters.keys() == {conflict.source}
    assert sorted(submitted_by_worker(scene, kept)) == [uri_of("refused-0"), uri_of("stuck-1")]
    assert worker.metric("jobs_skipped_total") == len(again) + 1
    scene.stop_workers()
