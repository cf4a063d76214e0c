"""Every job is answered once, where and how the contract says."""

import gzip
import json

from harness.account import result_body
from harness.murmur2 import partition_of
from harness.topics import job_value
from harness.waiting import wait_until


def test_each_of_2000_jobs_over_8_partitions_and_3_workers_is_answered_once(scene):
    scene.create_topics(partitions=8)
    scene.start_standin(duration_ms=700)
    jobs = scene.enqueue(1000)
    workers = scene.start_workers(3)
    jobs += scene.enqueue(1000, prefix="later")
    scene.wait_for_answers(2000, 120)

    scene.account.expect_only_results(jobs)
    assert scene.account.repeated() == {}
    assert len(scene.account.accepted_by_recording()) == 2000
    shares = [worker.metric("results_total") for worker in workers]
    assert sum(shares) == 2000 and all(shares), shares
    scene.stop_workers()


def test_the_metrics_balance_with_the_account(scene):
    scene.create_topics(partitions=2)
    standin = scene.start_standin(duration_ms=300)
    jobs = scene.enqueue(50) + [scene.enqueue_value(b"no job")]
    (worker,) = scene.start_workers(1)
    scene.wait_for_answers(50, 60, dead_letters=1)
    scene.account.expect_one_answer_each(jobs)

    wait_until(lambda: worker.metric("results_total") == 50, 10, scene.situation)
    assert worker.metric("jobs_received_total") == 51
    assert worker.metric("jobs_skipped_total") == 0
    assert worker.metric("dead_letters_total", stage="intake", code="invalid_job") == 1
    assert worker.metric("dead_letters_total") == 1
    assert worker.metric("submissions_total", outcome="accepted") == 50
    assert worker.metric("submissions_total", outcome="unknown") == 0
    assert worker.metric("checks_total") == standin.arrived("checks")
    assert worker.metric("checks_total", outcome="done") == 50
    assert worker.metric("checks_per_result_count") == 50
    assert worker.metric("job_duration_seconds_count") == 50
    assert worker.metric("operations_in_flight") == 0
    assert worker.metric("ready") == 1
    scene.stop_workers()


def test_status_and_health_are_told_and_hold_no_secret(scene):
    scene.create_topics(partitions=1)
    scene.start_standin()
    (worker,) = scene.start_workers(1)
    assert worker.get("/healthz")[0] == 200
    assert worker.get("/nothing-here")[0] == 404
    status = worker.status()
    assert isinstance(status, dict) and status
    key = scene.key_file.read_text().strip()
    for path in ("/metrics", "/status", "/readyz", "/healthz"):
        assert key not in worker.get(path)[1]
    scene.stop_workers()


def test_a_result_goes_to_the_partition_that_the_java_client_chooses_for_its_key(scene):
    scene.create_topics(partitions=2, answers_partitions=7)
    scene.start_standin(duration_ms=200)
    jobs = scene.enqueue(60)
    jobs.append(scene.enqueue_value(b"no job", key="Ключ".encode()))
    scene.start_workers(1)
    scene.wait_for_answers(60, 60, dead_letters=1)

    results, dead_letters = scene.account.expect_one_answer_each(jobs)
    answers = [message for message, _ in results.values()] + list(dead_letters.values())
    assert len({message.partition for message in answers}) > 3
    for message in answers:
        assert message.partition == partition_of(message.key, 7), message.key
    scene.stop_workers()


def test_a_result_has_the_key_the_headers_and_the_labels_of_its_job(scene):
    scene.create_topics(partitions=1)
    scene.start_standin(duration_ms=200)
    headers = (
        ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("binary", bytes(range(256))),
        ("repeated", b"1"),
        ("repeated", b"2"),
        ("empty", b""),
        ("null", None),
    )
    job = scene.enqueue_value(
        job_value("s3://recordings/a.ogg", labels={"case": "дело 7"}), b"its key", headers
    )
    without_key = scene.enqueue_value(job_value("s3://recordings/b.ogg", id="named"), key=None)
    neither = scene.enqueue_value(job_value("s3://recordings/c.ogg"), key=None)
    scene.start_workers(1)
    scene.wait_for_answers(3, 60)

    results = scene.account.expect_only_results([job, without_key, neither])
    message, body = results[job.source]
    assert message.key == b"its key"
    assert message.headers == headers
    assert body["labels"] == {"case": "дело 7"}
    assert results[without_key.source][0].key == b"named"
    made_up = f"{neither.topic}-{neither.partition}-{neither.offset}"
    assert results[neither.source][1]["id"] == made_up
    assert results[neither.source][0].key == made_up.encode()
    scene.stop_workers()


def test_a_large_result_is_gzipped_and_its_header_says_so(scene):
    scene.create_topics(partitions=1)
    scene.start_standin(duration_ms=200, audio_seconds=600)
    scene.enqueue(1)
    scene.start_workers(1, {"results": {"compress_over_bytes": 2000}})
    scene.wait_for_answers(1, 60)

    (message,) = scene.cluster.read(scene.topics["results"])
    assert message.header("content-encoding") == "gzip"
    assert message.value[:2] == b"\x1f\x8b"
    body = json.loads(gzip.decompress(message.value))
    assert len(body["text"].split()) >= 400
    assert [channel["text"] for channel in body["channels"]] == body["text"].split("\n")
    scene.stop_workers()


def test_a_jobs_content_encoding_is_not_told_of_its_result(scene):
    scene.create_topics(partitions=1)
    scene.start_standin(duration_ms=200, audio_seconds=600)
    headers = (("content-encoding", b"identity"), ("a", b"1"), ("content-encoding", b"gzip"))
    value = job_value("s3://recordings/a.ogg")
    scene.enqueue_value(value, b"small", headers)
    scene.start_workers(1, {"kafka": {"group.instance.id": "alone"}})
    scene.wait_for_answers(1, 60)
    scene.stop_workers()
    scene.enqueue_value(value, b"large", headers)
    changes = {"results": {"compress_over_bytes": 2000}, "kafka": {"group.instance.id": "alone"}}
    scene.start_workers(1, changes)
    scene.wait_for_answers(2, 60)
    found = {message.key: message for message in scene.cluster.read(scene.topics["results"])}
    assert found[b"small"].headers == (("a", b"1"),)
    assert found[b"large"].headers == (("a", b"1"), ("content-encoding", b"gzip"))
    scene.stop_workers()


def test_a_small_result_is_plain_and_without_words_where_they_are_not_wanted(scene):
    scene.create_topics(partitions=1)
    scene.start_standin(duration_ms=200)
    scene.enqueue(1)
    scene.start_workers(1, {"results": {"words": False}})
    scene.wait_for_answers(1, 60)

    (message,) = scene.cluster.read(scene.topics["results"])
    assert message.header("content-encoding") is None
    body = result_body(message)
    alternatives = [each for chunk in body["chunks"] for each in chunk["alternatives"]]
    assert alternatives and not any("words" in each for each in alternatives)
    scene.stop_workers()


def test_a_second_message_with_the_same_id_is_skipped_in_flight_and_when_done(scene):
    scene.create_topics(partitions=1)
    standin = scene.start_standin(duration_ms=1500)
    first = scene.enqueue(1)[0]
    scene.start_workers(1)
    scene.wait_for_submissions(1, 30)
    again = scene.enqueue(1)
    wait_until(lambda: scene.metric("jobs_skipped_total") == 1, 30, scene.situation)
    scene.wait_for_answers(1, 30)
    again += scene.enqueue(1)
    wait_until(lambda: scene.metric("jobs_skipped_total") == 2, 30, scene.situation)
    scene.stop_workers()

    # What was remembered survives the worker: state records, not its memory, know the id.
    scene.start_workers(1)
    again += scene.enqueue(1)
    wait_until(lambda: scene.metric("jobs_skipped_total") == 1, 30, scene.situation)
    scene.stop_workers()
    results, _ = scene.account.expect_one_answer_each([first, *again], skipped=3)
    assert list(results) == [first.source]
    assert len(standin.accepted_submissions()) == 1


def test_force_submits_a_done_id_again(scene):
    scene.create_topics(partitions=1)
    standin = scene.start_standin(duration_ms=200)
    jobs = scene.enqueue(1)
    scene.start_workers(1)
    scene.wait_for_answers(1, 60)
    jobs += scene.enqueue(1, force=True)
    scene.wait_for_answers(2, 60)
    scene.account.expect_only_results(jobs)
    assert len(standin.accepted_submissions()) == 2
    scene.stop_workers()


def test_a_failed_operation_is_submitted_again_and_its_result_tells(scene):
    scene.create_topics(partitions=1)
    standin = scene.start_standin(duration_ms=200)
    standin.faults({"fault": "fail", "code": 13, "uri": "/call-0.ogg", "next": 1})
    jobs = scene.enqueue(1)
    scene.start_workers(1)
    scene.wait_for_answers(1, 90)
    results = scene.account.expect_only_results(jobs)
    assert results[jobs[0].source][1]["timing"]["submissions"] == 2
    assert len(standin.accepted_submissions()) == 2
    scene.stop_workers()


def test_submissions_carry_the_key_an_idempotency_key_and_a_request_id(scene):
    scene.create_topics(partitions=1)
    standin = scene.start_standin(duration_ms=200)
    scene.enqueue(20)
    scene.start_workers(1)
    scene.wait_for_answers(20, 60)
    submissions = standin.accepted_submissions()
    assert len({each.idempotency_key for each in submissions} - {None}) == 20
    assert len({each.client_request_id for each in submissions} - {None}) == 20
    scene.stop_workers()
