"""The account itself: it must find what it is there to find."""

import json
import urllib.error

import pytest
from confluent_kafka import Producer
from harness.scene import API_KEY


def result_for(job):
    source = {"topic": job.topic, "partition": job.partition, "offset": job.offset}
    return (job.key, json.dumps({"source": source}).encode(), (), None)


def dead_letter_for(job):
    return (job.key, job.value, (("backscribe-source", job.source.encode()),), None)


@pytest.fixture
def three_jobs(scene):
    scene.create_topics(partitions=1)
    scene.start_standin()
    return scene.enqueue(3)


def test_the_account_accepts_one_answer_each(scene, three_jobs):
    scene.cluster.produce(scene.topics["results"], [result_for(job) for job in three_jobs[:2]])
    scene.cluster.produce(scene.topics["dead_letters"], [dead_letter_for(three_jobs[2])])
    results, dead_letters = scene.account.expect_one_answer_each(three_jobs)
    assert len(results) == 2 and len(dead_letters) == 1
    with pytest.raises(AssertionError, match="dead letters"):
        scene.account.expect_only_results(three_jobs)


def test_the_account_finds_a_job_without_an_answer(scene, three_jobs):
    scene.cluster.produce(scene.topics["results"], [result_for(job) for job in three_jobs[:2]])
    with pytest.raises(AssertionError, match="1 unanswered"):
        scene.account.expect_one_answer_each(three_jobs)


def test_the_account_finds_a_job_that_was_answered_twice(scene, three_jobs):
    scene.cluster.produce(
        scene.topics["results"], [result_for(job) for job in [*three_jobs, three_jobs[0]]]
    )
    with pytest.raises(AssertionError, match="two results"):
        scene.account.expect_one_answer_each(three_jobs)


def test_the_account_finds_a_result_beside_a_dead_letter(scene, three_jobs):
    scene.cluster.produce(scene.topics["results"], [result_for(job) for job in three_jobs])
    scene.cluster.produce(scene.topics["dead_letters"], [dead_letter_for(three_jobs[1])])
    with pytest.raises(AssertionError, match="answered twice"):
        scene.account.expect_one_answer_each(three_jobs)


def test_the_account_sees_only_what_is_committed(scene, three_jobs):
    producer = Producer({"bootstrap.servers": scene.broker.bootstrap, "transactional.id": "open"})
    producer.init_transactions(30)
    producer.begin_transaction()
    key, value, _, _ = result_for(three_jobs[0])
    producer.produce(scene.topics["results"], value, key)
    producer.flush(30)
    assert scene.account.results() == {}
    assert len(scene.cluster.read(scene.topics["results"], "read_uncommitted")) == 1
    producer.abort_transaction(30)
    assert scene.account.results() == {}


def test_the_account_finds_a_recorded_operation_that_was_submitted_again(scene, three_jobs):
    uri = "https://storage.yandexcloud.net/recordings/call-0.ogg"
    first, second = scene.standin.submit(uri), scene.standin.submit(uri)
    assert first != second
    unrecorded = (b"o:0", b"a record of " + second.encode(), (), 0)
    scene.cluster.produce(scene.topics["state"], [unrecorded])
    scene.wait_for_submissions(2, 10)
    assert scene.account.expect_no_recorded_operation_repeated(unrecorded_at_most=1) == 1
    with pytest.raises(AssertionError, match="1 repeated, 0 expected"):
        scene.account.expect_no_recorded_operation_repeated(unrecorded_at_most=0)
    recorded = (b"o:0", b"a record of " + first.encode(), (), 0)
    scene.cluster.produce(scene.topics["state"], [recorded])
    with pytest.raises(AssertionError, match="recorded and submitted again"):
        scene.account.expect_no_recorded_operation_repeated(unrecorded_at_most=1)


def test_the_stand_in_accepts_another_key_when_told_to(scene, three_jobs):
    scene.standin.accept_key("another")
    with pytest.raises(urllib.error.HTTPError, match="401"):
        scene.standin.submit("https://storage.yandexcloud.net/recordings/a.ogg", API_KEY)


def test_a_broker_keeps_its_messages_through_a_restart(scene_with_own_broker):
    scene = scene_with_own_broker
    scene.broker.start()
    scene.create_topics(partitions=2)
    jobs = scene.enqueue(10)
    scene.broker.stop()
    scene.broker.start()
    assert sorted(each.source for each in scene.cluster.read(scene.topics["jobs"])) == sorted(
        job.source for job in jobs
    )
