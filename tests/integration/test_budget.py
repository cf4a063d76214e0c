"""limits.billed_hours: what the fleet may spend in its whole life, kept in Kafka."""

import json

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewPartitions

from harness.topics import Cluster
from harness.waiting import wait_until

HOUR = 3600


def settings(hours, **more):
    """A budget, and operations of an hour's recordings that are asked about at once."""
    return {
        "limits": {"billed_hours": hours, **more},
        "checks": {"seconds_per_audio_minute": 0},
        "price": {"billed_hour": 36.5, "currency": "RUB"},
    }


def alone(hours, **more):
    """The same for the only worker: whoever follows it has its partitions at once."""
    return {**settings(hours, **more), "kafka": {"group.instance.id": "pod-1"}}


def enqueue_hours(scene, count, prefix="call"):
    return scene.enqueue(count, prefix=prefix, audio={"durationSeconds": HOUR})


def accepted(scene):
    return len(scene.standin.accepted_submissions())


def serving(worker):
    return sum(each["state"] == "serving" for each in worker.status().get("partitions", []))


def told_by_check(scene, changes):
    _, command = scene.run_command(["check"], changes)
    (line,) = [each for each in command.output.decode().splitlines() if " budget: " in each]
    return line


def test_submissions_stop_at_the_budget_and_a_raised_number_finishes_the_rest(scene):
    scene.create_topics(partitions=4)
    scene.start_standin(duration_ms=300)
    jobs = enqueue_hours(scene, 9)
    assert told_by_check(scene, settings(6)).startswith("ok    budget: spent 0 h of 6 h, 6 h left")

    worker = scene.start_worker(alone(6))
    scene.wait_for_answers(6, 60)  # what was submitted ends, whatever the budget says
    text = worker.wait_until_not_ready("budget_spent")
    assert "the budget of 6 billed hours (limits.billed_hours) is spent: 6 h are gone" in text
    assert "too little for any of 3 waiting jobs; raise it to go on" in text
    assert accepted(scene) == 6
    budget = worker.status()["budget"]
    assert budget == {"billedSeconds": 6 * HOUR, "share": 6 * HOUR, "spent": 6 * HOUR, "available": 0}
    assert worker.metric("budget_billed_seconds") == 6 * HOUR
    assert worker.metric("budget_spent_seconds") == 6 * HOUR
    assert worker.metric("budget_available_seconds") == 0
    line = told_by_check(scene, settings(6))
    assert line == (
        "warn  budget: spent 6 h of 6 h, 0 h left (219.00 of 219.00 RUB): "
        "raise limits.billed_hours to go on"
    )

    worker.kill()  # what is spent stands in Kafka
    drained = scene.start_worker(alone(6), ["--until-drained", "--give-up-after", "3s"])
    assert drained.wait_for_end(60) == 5, drained.situation()
    assert accepted(scene) == 6

    drained = scene.start_worker(alone(8.5), ["--until-drained", "--give-up-after", "3s"])
    assert drained.wait_for_end(60) == 5, drained.situation()
    assert accepted(scene) == 8
    lowered = scene.start_worker(alone(7), ["--until-drained", "--give-up-after", "3s"])
    assert lowered.wait_for_end(60) == 5, lowered.situation()
    assert accepted(scene) == 8

    drained = scene.start_worker(alone(10), ["--until-drained"])
    assert drained.wait_for_end(60) == 0, drained.situation()
    scene.account.expect_only_results(jobs)
    assert scene.account.repeated() == {}
    assert told_by_check(scene, settings(10)).startswith(
        "ok    budget: spent 9 h of 10 h, 1 h left (328.50 of 365.00 RUB)"
    )
    line = told_by_check(scene, settings(0))
    assert line == "ok    budget: none (limits.billed_hours); 9 h were billed so far (328.50 RUB)"


def test_a_shorter_job_is_done_while_longer_ones_wait_for_the_budget(scene):
    scene.create_topics(partitions=1)
    scene.start_standin(duration_ms=300)
    enqueue_hours(scene, 3)
    short = scene.enqueue(1, prefix="short", audio={"durationSeconds": 60})
    (worker,) = scene.start_workers(1, settings(1.5))
    scene.wait_for_answers(2, 60)
    assert any(source.endswith(f"/{short[0].offset}") for source in scene.account.results())
    worker.wait_until_not_ready("budget_spent")
    assert worker.status()["budget"]["available"] == HOUR // 2 - 60
    scene.stop_workers()


def test_workers_that_are_killed_again_and_again_never_spend_more_than_the_budget(scene):
    scene.create_topics(partitions=4)
    scene.start_standin(duration_ms=300)
    jobs = enqueue_hours(scene, 200)
    changes = alone(120, connections=4)
    for kill in range(3):
        worker = scene.start_worker(changes)
        scene.wait_for_submissions(accepted(scene) + 10)
        worker.kill()
    worker = scene.start_worker(changes)
    worker.wait_until_not_ready("budget_spent", 90)
    assert worker.stop() == 0
    spent = accepted(scene)
    assert spent <= 120
    # A kill loses what was reserved, of eight submissions at most, and the answers to four.
    assert spent >= 120 - 3 * (8 + 4)
    worker = scene.start_worker(alone(300), ["--until-drained"])
    assert worker.wait_for_end(120) == 0, worker.situation()
    scene.account.expect_only_results(jobs)


def test_two_workers_together_spend_the_budget_and_no_more(scene):
    scene.create_topics(partitions=4)
    scene.start_standin(duration_ms=300)
    workers = scene.start_workers(2, settings(8))
    wait_until(lambda: [serving(worker) for worker in workers] == [2, 2], 60, scene.situation)
    enqueue_hours(scene, 60)
    texts = [worker.wait_until_not_ready("budget_spent") for worker in workers]
    scene.wait_for_submissions(8)
    assert accepted(scene) == 8
    for worker, text in zip(workers, texts):
        assert "this worker's part, 4 h, of the budget of 8 billed hours" in text
        assert worker.status()["budget"]["spent"] == 4 * HOUR
    workers[0].kill()  # whoever has all partitions then finds all of it spent
    wait_until(lambda: serving(workers[1]) == 4, 60, scene.situation)
    assert workers[1].status()["budget"] == {
        "billedSeconds": 8 * HOUR,
        "share": 8 * HOUR,
        "spent": 8 * HOUR,
        "available": 0,
    }
    assert accepted(scene) == 8
    assert workers[1].stop() == 0


def test_what_was_spent_before_a_budget_was_set_counts(scene):
    scene.create_topics(partitions=2)
    scene.start_standin(duration_ms=300)
    enqueue_hours(scene, 3)
    worker = scene.start_worker(settings(0), ["--until-drained"])
    assert worker.wait_for_end(60) == 0, worker.situation()
    enqueue_hours(scene, 3, prefix="later")
    (worker,) = scene.start_workers(1, settings(4))
    worker.wait_until_not_ready("budget_spent")
    scene.stop_workers()  # answers under way are waited for
    assert accepted(scene) == 4


def forget_offsets(scene):
    """As Kafka does a week after the last worker has gone."""
    admin = AdminClient({"bootstrap.servers": scene.broker.bootstrap})

    def gone():
        try:
            admin.delete_consumer_groups([scene.group])[scene.group].result()
        except KafkaException as error:
            assert error.args[0].code() == KafkaError.NON_EMPTY_GROUP, error
            return False
        return True

    wait_until(gone, 60, scene.situation)


def grow(scene, count):
    admin = AdminClient({"bootstrap.servers": scene.broker.bootstrap})
    for topic in (scene.topics["state"], scene.topics["jobs"]):
        admin.create_partitions([NewPartitions(topic, count)])[topic].result()
        wait_until(
            lambda: len(admin.list_topics(topic).topics[topic].partitions) == count,
            60,
            scene.situation,
        )
    scene.cluster = Cluster(scene.broker.bootstrap, scene.broker.replication)


def enqueue_to(scene, partition, count, prefix):
    scene.enqueue(count, prefix=prefix, partition=partition, audio={"durationSeconds": HOUR})


def test_what_comes_by_growth_has_no_part_though_the_offsets_have_expired(scene):
    scene.create_topics(partitions=2)
    scene.start_standin(duration_ms=300)
    enqueue_to(scene, 0, 2, "first")
    (worker,) = scene.start_workers(1, settings(4))
    scene.wait_for_answers(2, 60)
    scene.stop_workers()
    forget_offsets(scene)

    line = told_by_check(scene, settings(4))
    assert line.startswith("warn  budget: what is spent is not known: the group's offsets have ")
    _, watch = scene.run_command(["watch", "--once", "--json"], settings(4))
    told = json.loads(watch.output.decode().splitlines()[-1])
    assert told["billed"]["seconds"] is None
    assert told["budget"]["leftHours"] is None

    grow(scene, 4)
    for partition in (1, 2, 3):
        enqueue_to(scene, partition, 4, f"later-{partition}")
    workers = [scene.start_worker(settings(4)) for _ in range(2)]
    wait_until(lambda: sum(map(serving, workers)) == 4, 60, scene.situation)
    shares = [worker.status()["budget"]["share"] for worker in workers]
    assert sum(shares) == 4 * HOUR
    for worker in workers:
        assert worker.stop() == 0
    (worker,) = scene.start_workers(1, settings(4))
    worker.wait_until_not_ready("budget_spent")
    scene.wait_for_submissions(4)
    scene.stop_workers()  # answers under way are waited for
    assert accepted(scene) == 4
    assert told_by_check(scene, settings(4)).startswith("warn  budget: spent 4 h of 4 h, 0 h left")


def test_a_worker_with_a_lowered_number_learns_what_others_spent_afterwards(scene):
    def pod(number, hours):
        return {**settings(hours), "kafka": {"group.instance.id": f"pod-{number}"}}

    def owns(worker):
        told = worker.status().get("partitions", [])
        return [each["partition"] for each in told if each["state"] == "serving"]

    scene.create_topics(partitions=2)
    scene.start_standin(duration_ms=300)
    pods = {number: scene.start_worker(pod(number, 10)) for number in (1, 2)}
    wait_until(lambda: sorted(map(owns, pods.values())) == [[0], [1]], 60, scene.situation)
    first = next(number for number in pods if owns(pods[number]) == [0])
    assert pods[first].stop() == 0
    lowered = scene.start_worker(pod(first, 4))
    wait_until(lambda: owns(lowered) == [0], 60, scene.situation)
    enqueue_to(scene, 1, 9, "other")
    scene.wait_for_answers(5, 60)  # the other one's part of 10 hours
    wait_until(lambda: lowered.status()["budget"]["available"] == 0, 60, scene.situation)
    enqueue_to(scene, 0, 2, "own")
    lowered.wait_until_not_ready("budget_spent")
    assert accepted(scene) == 5
