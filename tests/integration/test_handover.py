"""Partitions change hands without a gap: by a rolling restart, after kill -9, and to a static member
that comes back. Checks fall due all the time, so a handover shows in the service's journal."""

import collections
import signal
import time

from harness.topics import job_value
from harness.waiting import wait_until

PARTITIONS = 6
FIRST_DUE_SECONDS = 5
CHECKS_A_SECOND = 50
# A check that is due may wait for a rebalance, the restore of its partition, and the machine.
FEW_SECONDS = 8
SESSION_SECONDS = 10
# The session's end is noticed, and a transaction that was open is ended by its time.
RESTORE_SECONDS = 10
STATIC_SECONDS = 3


def settings(instance=None):
    kafka = {} if instance is None else {"group.instance.id": instance}
    return {"kafka": kafka, "limits": {"connections": 16, "in_flight": 50_000}}


class Fleet:
    """Workers, and operations that are each done by the time of their first check; these are spread
    evenly over a while."""

    def __init__(self, scene, count, spread_seconds, static=False):
        self.scene = scene
        self.operations = spread_seconds * CHECKS_A_SECOND
        scene.create_topics(PARTITIONS)
        scene.start_standin(duration_ms=1000)
        names = [f"pod-{number}" for number in range(count)]
        self.workers = [
            scene.start_worker(settings(name if static else None), name=name) for name in names
        ]
        for worker in self.workers:
            worker.wait_until_ready()
        wait_until(self.is_spread, 60, scene.situation)
        messages = []
        for number in range(self.operations):
            due = FIRST_DUE_SECONDS + number / CHECKS_A_SECOND
            # The service is expected to take 10 s for each minute.
            value = job_value(
                f"s3://recordings/call-{number}.ogg",
                id=f"call-{number}",
                audio={"durationSeconds": round(due * 6, 1)},
            )
            messages.append((f"call-{number}".encode(), value, (), number % PARTITIONS))
        self.jobs = scene.cluster.produce(scene.topics["jobs"], messages)
        scene.wait_for_submissions(self.operations, 60)
        wait_until(lambda: scene.standin.arrived("checks") > 100, 60, scene.situation)

    def is_spread(self):
        return all(self.partitions_of(worker) for worker in self.workers)

    def partitions_of(self, worker):
        return {each["partition"] for each in worker.status().get("partitions", [])}

    def check_times(self):
        """{partition: when its checks arrived}"""
        recording = {each.operation: each.uri for each in self.scene.standin.submissions()}
        times = collections.defaultdict(list)
        for check in self.scene.standin.checks():
            number = int(recording[check.operation].rpartition("-")[2].removesuffix(".ogg"))
            times[number % PARTITIONS].append(check.at)
        return times

    def first_checks(self, partitions, begin):
        """Seconds from `begin` to the first check of each; None while there is none."""
        times = self.check_times()
        first = [min((at for at in times[each] if at > begin), default=None) for each in partitions]
        return None if None in first else [at - begin for at in first]

    def wait_for_first_checks(self, partitions, begin, timeout_seconds=60):
        wait_until(
            lambda: self.first_checks(partitions, begin), timeout_seconds, self.scene.situation
        )
        return self.first_checks(partitions, begin)

    def longest_gap(self, begin, end):
        """The longest time in which some partition was not asked about."""
        longest = 0
        for times in self.check_times().values():
            inside = [begin, *(at for at in times if begin < at < end), end]
            longest = max(longest, *(b - a for a, b in zip(inside, inside[1:], strict=False)))
        return longest


def test_a_rolling_restart_delays_no_due_check_by_more_than_a_few_seconds(scene):
    fleet = Fleet(scene, 3, spread_seconds=30)
    began = time.time()
    for worker in fleet.workers:
        started = time.time()
        assert worker.stop() == 0, worker.situation()
        assert time.time() - started < FEW_SECONDS
        worker.start()
        worker.wait_until_ready()
    restarted = time.time()
    fleet.wait_for_first_checks(range(PARTITIONS), restarted)
    assert fleet.longest_gap(began, time.time()) < FEW_SECONDS
    # No check was repeated, and the worker's own word agrees: none was late.
    checked = collections.Counter(check.operation for check in scene.standin.checks())
    again = sum(count - 1 for count in checked.values())
    assert again <= len(checked) / 20, f"{again} of {len(checked)} checks were repeated"
    for worker in fleet.workers:
        metrics = worker.metrics()  # one look: they go on counting
        within = metrics["check_lateness_seconds_bucket", (("le", "10"),)]
        assert metrics["check_lateness_seconds_count", ()] == within, metrics
    scene.wait_for_answers(fleet.operations, 120)
    scene.account.expect_only_results(fleet.jobs)
    assert scene.account.repeated() == {}
    scene.stop_workers()


def test_a_killed_worker_s_partitions_are_served_again_within_the_session_and_a_restore(scene):
    fleet = Fleet(scene, 3, spread_seconds=30)
    victim = fleet.workers[0]
    owned = fleet.partitions_of(victim)
    others = set(range(PARTITIONS)) - owned
    victim.kill()
    killed = time.time()
    waited = fleet.wait_for_first_checks(owned, killed)
    assert max(waited) < SESSION_SECONDS + RESTORE_SECONDS, waited
    # The others' are not disturbed by it for longer than by any rebalance.
    times = fleet.check_times()
    for partition in others:
        inside = [killed, *(at for at in times[partition] if at > killed)]
        gaps = [b - a for a, b in zip(inside, inside[1:], strict=False)]
        assert max(gaps) < FEW_SECONDS, (partition, max(gaps))
    scene.wait_for_answers(fleet.operations, 150)
    scene.account.expect_only_results(fleet.jobs)
    assert scene.account.repeated() == {}
    scene.stop_workers()


def test_a_static_member_takes_its_partitions_up_again_at_once_and_nobody_else_does(scene):
    fleet = Fleet(scene, 2, spread_seconds=20, static=True)
    worker, other = fleet.workers
    owned = fleet.partitions_of(worker)
    kept = fleet.partitions_of(other)
    for which in (signal.SIGTERM, signal.SIGKILL):
        worker.send(which)
        worker.wait_for_end(30)
        worker.start()
        started = time.time()
        worker.wait_until_ready()
        ready = time.time() - started
        first = fleet.wait_for_first_checks(owned, started)
        assert ready < STATIC_SECONDS, (which, ready)
        assert max(first) < STATIC_SECONDS, (which, first)
        assert fleet.partitions_of(worker) == owned
    assert fleet.partitions_of(other) == kept
    assert "given up" not in other.log and "lost" not in other.log
    scene.wait_for_answers(fleet.operations, 150)
    scene.account.expect_only_results(fleet.jobs)
    assert scene.account.repeated() == {}
    scene.stop_workers()


def test_sigterm_ends_the_worker_within_shutdown_seconds_also_when_the_service_hangs(scene):
    scene.create_topics(partitions=2)
    standin = scene.start_standin(duration_ms=300)
    (worker,) = scene.start_workers(1, {"shutdown_seconds": 4})
    standin.faults({"fault": "hang", "on": "any", "ms": 60_000})
    scene.enqueue(20)
    wait_until(lambda: standin.arrived("submissions") > 0, 30, scene.situation)
    worker.send(signal.SIGTERM)
    started = time.time()
    assert worker.wait_for_end(30) == 1
    assert time.time() - started < 4 + 2


def test_sigterm_ends_the_worker_within_shutdown_seconds_without_a_broker(scene_with_own_broker):
    scene = scene_with_own_broker
    scene.broker.start()
    scene.create_topics(partitions=2)
    scene.start_standin(duration_ms=60_000)
    scene.enqueue(50)
    (worker,) = scene.start_workers(1, {"shutdown_seconds": 4})
    scene.wait_for_submissions(50)
    scene.broker.send(signal.SIGSTOP)
    worker.send(signal.SIGTERM)
    started = time.time()
    worker.wait_for_end(60)
    taken = time.time() - started
    scene.broker.send(signal.SIGCONT)
    assert taken < 4 + 2
