"""Partitions that must not be worked on stop loudly; the others go on."""

from confluent_kafka import Producer

from harness.waiting import wait_until


def jobs_on(scene, partition, count, prefix):
    return scene.enqueue(count, prefix=prefix, partition=partition)


# A partition that is new by growth spends nothing in its first window.
WINDOW_SECONDS = 10


def growing(scene):
    return {"quotas": {"window_seconds": WINDOW_SECONDS}}


def test_new_partitions_stay_untouched_until_the_state_topic_has_grown_and_work_then(scene):
    scene.create_topics(partitions=2)
    standin = scene.start_standin(duration_ms=200)
    jobs = jobs_on(scene, 0, 5, "old")
    (worker,) = scene.start_workers(1, growing(scene))
    scene.wait_for_answers(5, 60)
    scene.cluster.add_partitions(scene.topics["jobs"], 3)
    jobs += jobs_on(scene, 2, 5, "new")
    text = worker.wait_until_not_ready("partition_stopped", 60)
    assert "check --create-topics" in text, text
    jobs += jobs_on(scene, 1, 5, "old-too")
    scene.wait_for_answers(10, 60)
    assert len(standin.accepted_submissions()) == 10

    status, command = scene.run_command(["check", "--create-topics"])
    assert status == 0, command.situation()
    assert scene.cluster.partitions(scene.topics["state"]) == 3
    # The same worker takes it up.
    worker.wait_until_ready(60)
    scene.wait_for_answers(15, 60)
    scene.account.expect_only_results(jobs)
    assert len(standin.accepted_submissions()) == 15
    scene.stop_workers()


def test_jobs_that_grow_in_the_middle_of_a_run_are_answered_once_each_by_a_fleet(scene):
    scene.create_topics(partitions=4)
    submissions, checks = 800, 8000  # in a window
    changes = {
        "quotas": {"window_seconds": WINDOW_SECONDS, "submissions": submissions, "checks": checks}
    }
    standin = scene.start_standin(duration_ms=1000, window_seconds=WINDOW_SECONDS)
    jobs = scene.enqueue(400, prefix="before")
    workers = scene.start_workers(3, changes)
    scene.wait_for_submissions(200)
    scene.cluster.add_partitions(scene.topics["jobs"], 8)
    jobs += scene.enqueue(400, prefix="between")
    wait_until(
        lambda: any("partition_stopped" in worker.not_ready_reasons() for worker in workers),
        60,
        scene.situation,
    )
    # One worker is killed, and one joins, while some partitions have no state.
    workers[0].kill()
    status, command = scene.run_command(["check", "--create-topics"])
    assert status == 0, command.situation()
    workers[1:1] = [scene.start_worker(changes)]
    jobs += scene.enqueue(400, prefix="after")
    for worker in workers[1:]:
        worker.wait_until_ready(90)
    scene.wait_for_answers(1200, 180)
    scene.account.expect_only_results(jobs)
    scene.account.expect_no_recorded_operation_repeated(unrecorded_at_most=64)
    # Nor was the quota ever more than it is, while workers divided it by different numbers.
    stats = standin.stats()
    assert stats["peakSubmissionsInWindow"] <= submissions, stats
    assert stats["peakChecksInWindow"] <= checks, stats
    owned = [
        each["partition"] for worker in workers[1:] for each in worker.status()["partitions"]
    ]
    assert sorted(owned) == list(range(8))
    scene.stop_workers()


def test_a_worker_that_starts_with_too_few_state_partitions_serves_those_that_are_there(scene):
    scene.create_topics(partitions=2)
    scene.cluster.add_partitions(scene.topics["jobs"], 3)
    standin = scene.start_standin(duration_ms=200)
    jobs = jobs_on(scene, 0, 5, "old") + jobs_on(scene, 2, 5, "new")
    worker = scene.start_worker(growing(scene))
    text = worker.wait_until_not_ready("partition_stopped", 60)
    assert "no partition 2" in text, text
    scene.wait_for_answers(5, 60)
    assert len(standin.accepted_submissions()) == 5
    scene.cluster.add_partitions(scene.topics["state"], 3)
    worker.wait_until_ready(60)
    scene.wait_for_answers(10, 60)
    scene.account.expect_only_results(jobs)
    scene.stop_workers()


def test_a_state_topic_that_grew_first_loses_and_stops_nothing(scene):
    scene.create_topics(partitions=2)
    scene.cluster.add_partitions(scene.topics["state"], 4)
    scene.start_standin(duration_ms=200)
    jobs = scene.enqueue(20)
    (worker,) = scene.start_workers(1, growing(scene))
    scene.wait_for_answers(20, 60)
    scene.cluster.add_partitions(scene.topics["jobs"], 4)
    jobs += jobs_on(scene, 3, 5, "new")
    scene.wait_for_answers(25, 60)
    assert worker.get("/readyz")[0] == 200
    scene.account.expect_only_results(jobs)
    scene.stop_workers()


def test_jobs_deleted_before_they_were_read_stop_their_partition_with_their_number(scene):
    scene.create_topics(partitions=2)
    scene.start_standin(duration_ms=200)
    jobs = jobs_on(scene, 0, 5, "read") + jobs_on(scene, 1, 5, "other")
    scene.start_workers(1)
    scene.wait_for_answers(10, 60)
    scene.stop_workers()
    lost = jobs_on(scene, 0, 7, "lost")
    after = jobs_on(scene, 0, 3, "after")
    scene.cluster.delete_records(scene.topics["jobs"], 0, after[0].offset)
    jobs += jobs_on(scene, 1, 5, "other-still")

    worker = scene.start_worker()
    text = worker.wait_until_not_ready("partition_stopped")
    assert str(len(lost)) in text, text
    assert any("level=error" in line and "7" in line for line in worker.log.splitlines())
    scene.wait_for_answers(15, 60)
    scene.account.expect_one_answer_each(jobs)
    scene.stop_workers()


def test_a_state_record_that_cannot_be_read_stops_its_partition(scene):
    scene.create_topics(partitions=2)
    standin = scene.start_standin(duration_ms=200)
    scene.cluster.produce(scene.topics["state"], [(b"o:0", b"\xff\xff of a later version", (), 1)])
    jobs = jobs_on(scene, 0, 5, "fine")
    untouched = jobs_on(scene, 1, 5, "untouched")
    worker = scene.start_worker()
    worker.wait_until_not_ready("partition_stopped")
    scene.wait_for_answers(5, 60)
    results, _ = scene.account.expect_one_answer_each(jobs + untouched, skipped=5)
    assert results.keys() == {job.source for job in jobs}
    assert len(standin.accepted_submissions()) == 5
    committed = scene.cluster.committed_offsets(scene.group)
    assert committed.get((scene.topics["jobs"], 1), -1) <= 0
    scene.stop_workers()


def test_a_stopped_partition_ends_until_drained_with_1(scene):
    scene.create_topics(partitions=2)
    scene.start_standin(duration_ms=200)
    scene.cluster.produce(scene.topics["state"], [(b"?", b"unreadable", (), 1)])
    jobs_on(scene, 0, 5, "fine")
    worker = scene.start_worker(arguments=["--until-drained"])
    assert worker.wait_for_end(90) == 1, worker.situation()


def test_gaps_of_transactions_and_aborted_messages_are_bridged(scene):
    scene.create_topics(partitions=1)
    scene.start_standin(duration_ms=200)
    jobs = jobs_on(scene, 0, 3, "plain")
    producer = Producer(
        {"bootstrap.servers": scene.broker.bootstrap, "transactional.id": f"{scene.group}-jobs"}
    )
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(scene.topics["jobs"], b'{"audio":{"uri":"s3://recordings/no.ogg"}}')
    producer.flush(30)
    producer.abort_transaction(30)
    (worker,) = scene.start_workers(1)
    scene.wait_for_answers(3, 60)
    # The committed offset passes the aborted message and its marker: nothing is left behind.
    wait_until(
        lambda: scene.cluster.committed_offsets(scene.group).get((scene.topics["jobs"], 0)) == 5,
        30,
        lambda: str(scene.cluster.committed_offsets(scene.group)),
    )
    assert worker.metric("jobs_waiting") == 0
    scene.account.expect_only_results(jobs)
    scene.stop_workers()
