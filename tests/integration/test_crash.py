"""Workers that die, join, leave, hang or meet their double: nothing is lost, nothing known to be
paid is paid twice."""

import signal

from harness.waiting import wait_until

# Requests that a worker may have under way when it is killed.
CONNECTIONS = 16
# A dead worker's session ends, its open transaction is swept, and state is restored.
HANDOVER_SECONDS = 90
# The submission is accepted, and paid; the connection breaks before the answer.
LOST_ANSWER = {"fault": "reset", "on": "submit", "after": True, "uri": "/call-0.ogg", "next": 1}


def test_a_killed_worker_that_starts_again_repeats_no_recorded_operation(scene):
    scene.create_topics(partitions=8)
    scene.start_standin(duration_ms=4000)
    jobs = scene.enqueue(1500)
    changes = {"limits": {"connections": CONNECTIONS, "in_flight": 400}}
    killed, _ = scene.start_workers(2, changes)
    scene.wait_for_submissions(500)
    killed.kill()
    killed.start()
    scene.wait_for_answers(1500, HANDOVER_SECONDS + 60)
    scene.stop_workers()

    scene.account.expect_only_results(jobs)
    scene.account.expect_no_recorded_operation_repeated(unrecorded_at_most=CONNECTIONS)


def test_killed_again_and_again_in_the_middle_of_its_work(scene):
    scene.create_topics(partitions=2)
    scene.start_standin(duration_ms=3000)
    jobs = scene.enqueue(600)
    # A static member takes up its partitions and its transactional id at once.
    changes = {
        "kafka": {"group.instance.id": "the-one"},
        "limits": {"connections": CONNECTIONS, "in_flight": 100},
    }
    (worker,) = scene.start_workers(1, changes)
    kills = 3
    for number in range(kills):
        scene.wait_for_submissions(100 * (number + 1), HANDOVER_SECONDS)
        worker.kill()
        worker.start()
    scene.wait_for_answers(600, HANDOVER_SECONDS)
    scene.stop_workers()

    scene.account.expect_only_results(jobs)
    scene.account.expect_no_recorded_operation_repeated(unrecorded_at_most=kills * CONNECTIONS)


def test_a_worker_killed_after_everything_was_submitted_leaves_nothing_to_repeat(scene):
    scene.create_topics(partitions=4)
    standin = scene.start_standin(duration_ms=15000)
    jobs = scene.enqueue(300)
    changes = {"checks": {"first_guess_seconds": 15}}
    (worker,) = scene.start_workers(1, changes)
    scene.wait_for_submissions(300)
    # Recorded means: a read_committed reader sees each operation's id in the state topic.
    operations = [each.operation.encode() for each in standin.accepted_submissions()]

    def all_recorded():
        state = b"".join(each.value or b"" for each in scene.cluster.read(scene.topics["state"]))
        return all(operation in state for operation in operations)

    wait_until(all_recorded, 30, scene.situation)
    worker.kill()
    successor = scene.start_worker(changes)
    successor.wait_until_ready(HANDOVER_SECONDS)
    assert successor.metric("restored_total") >= 300
    scene.wait_for_answers(300, HANDOVER_SECONDS)
    scene.stop_workers()

    scene.account.expect_only_results(jobs)
    assert scene.account.repeated() == {}


def test_a_fourth_worker_joins_and_one_leaves_and_nothing_is_repeated(scene):
    scene.create_topics(partitions=8)
    scene.start_standin(duration_ms=3000)
    jobs = scene.enqueue(2000)
    changes = {"limits": {"connections": CONNECTIONS, "in_flight": 150}}
    workers = scene.start_workers(3, changes)
    scene.wait_for_submissions(500)
    fourth = scene.start_worker(changes)
    fourth.wait_until_ready()
    wait_until(lambda: fourth.metric("submissions_total") > 0, 60, scene.situation)
    assert workers[0].stop() == 0
    scene.wait_for_answers(2000, 180)
    scene.stop_workers()

    scene.account.expect_only_results(jobs)
    assert scene.account.repeated() == {}


def test_a_worker_suspended_past_its_session_repeats_and_publishes_nothing_twice(scene):
    scene.create_topics(partitions=4)
    scene.start_standin(duration_ms=3000)
    jobs = scene.enqueue(600)
    changes = {"limits": {"connections": CONNECTIONS, "in_flight": 100}}
    asleep, other = scene.start_workers(2, changes)
    scene.wait_for_submissions(150)
    asleep.suspend()
    # The session ends and the other takes everything over.
    wait_until(
        lambda: len(other.status().get("partitions", [])) == 4, HANDOVER_SECONDS, scene.situation
    )
    scene.wait_for_answers(300, HANDOVER_SECONDS)
    asleep.resume()
    scene.wait_for_answers(600, HANDOVER_SECONDS)

    scene.account.expect_only_results(jobs)
    scene.account.expect_no_recorded_operation_repeated(unrecorded_at_most=CONNECTIONS)
    scene.stop_workers()


def test_a_second_worker_with_the_same_instance_id_fences_the_first(scene):
    scene.create_topics(partitions=2)
    scene.start_standin(duration_ms=1000)
    changes = {"kafka": {"group.instance.id": "twin"}}
    jobs = scene.enqueue(50)
    (first,) = scene.start_workers(1, changes)
    second = scene.start_worker(changes)
    assert first.wait_for_end(60) == 1
    assert "fenced" in first.log.lower(), first.situation()
    second.wait_until_ready(HANDOVER_SECONDS)
    jobs += scene.enqueue(50, prefix="later")
    scene.wait_for_answers(100, 60)
    assert second.stop() == 0

    scene.account.expect_only_results(jobs)
    scene.account.expect_no_recorded_operation_repeated(unrecorded_at_most=64)


def test_offsets_that_kafka_has_forgotten_replay_nothing(scene):
    scene.create_topics(partitions=2)
    standin = scene.start_standin(duration_ms=200)
    jobs = scene.enqueue(100)
    scene.start_workers(1)
    scene.wait_for_answers(100, 60)
    scene.stop_workers()
    # What the group's coordinator does by itself after an idle week.
    scene.cluster.delete_group(scene.group)

    jobs += scene.enqueue(10, prefix="later")
    (worker,) = scene.start_workers(1)
    scene.wait_for_answers(110, 60)
    scene.account.expect_only_results(jobs)
    assert len(standin.accepted_submissions()) == 110
    assert worker.metric("jobs_received_total") == 10
    scene.stop_workers()


def test_a_lost_answer_is_counted_as_unknown_and_submitted_again(scene):
    scene.create_topics(partitions=1)
    standin = scene.start_standin(duration_ms=200)
    standin.faults(LOST_ANSWER)
    jobs = scene.enqueue(5)
    (worker,) = scene.start_workers(1)
    scene.wait_for_answers(5, 60)
    scene.account.expect_only_results(jobs)
    assert worker.metric("submissions_total", outcome="unknown") == 1
    (repeated,) = scene.account.repeated().values()
    assert len(repeated) == 2 and len(standin.accepted_submissions()) == 6
    scene.stop_workers()


def test_a_lost_answer_is_left_to_a_person_where_that_is_wanted(scene):
    scene.create_topics(partitions=1)
    standin = scene.start_standin(duration_ms=200)
    standin.faults(LOST_ANSWER)
    jobs = scene.enqueue(5)
    scene.start_workers(1, {"speechkit": {"on_unknown_submission": "dead_letter"}})
    scene.wait_for_answers(4, 60, dead_letters=1)
    _, dead_letters = scene.account.expect_one_answer_each(jobs)
    (message,) = dead_letters.values()
    assert message.header("backscribe-error-code") == "submission_unknown"
    assert scene.account.repeated() == {}
    scene.stop_workers()


def test_sigterm_waits_for_submissions_under_way_and_records_them(scene):
    scene.create_topics(partitions=2)
    standin = scene.start_standin(duration_ms=2000)
    standin.faults({"fault": "slow", "on": "submit", "ms": 300})
    jobs = scene.enqueue(400)
    changes = {"limits": {"connections": CONNECTIONS}}
    (worker,) = scene.start_workers(1, changes)
    scene.wait_for_submissions(100)
    assert worker.stop() == 0
    scene.start_workers(1, changes)
    scene.wait_for_answers(400, 120)
    scene.stop_workers()

    scene.account.expect_only_results(jobs)
    assert scene.account.repeated() == {}


def test_a_second_signal_ends_the_worker_at_once(scene):
    scene.create_topics(partitions=1)
    standin = scene.start_standin(duration_ms=2000)
    standin.faults({"fault": "hang", "on": "submit", "ms": 15_000})
    scene.enqueue(1)
    (worker,) = scene.start_workers(1)
    wait_until(lambda: standin.arrived("submissions") > 0, 30, scene.situation)
    worker.send(signal.SIGTERM)
    wait_until(lambda: "stopping" in worker.not_ready_reasons(), 10, scene.situation)
    worker.send(signal.SIGTERM)
    assert worker.wait_for_end(3) == 1
