"""Limits and quotas hold where the requests arrive; credentials go nowhere else."""

import socket

WINDOW_SECONDS = 10


def test_two_workers_and_a_restart_stay_within_the_fleets_quota(scene):
    scene.create_topics(partitions=4)
    standin = scene.start_standin(duration_ms=500, window_seconds=WINDOW_SECONDS)
    jobs = scene.enqueue(45)
    quotas = {"window_seconds": WINDOW_SECONDS, "submissions": 20, "checks": 40}
    workers = scene.start_workers(2, {"quotas": quotas})
    scene.wait_for_submissions(25, 120)
    assert workers[0].stop() == 0
    scene.start_worker({"quotas": quotas})
    scene.wait_for_answers(len(jobs), 240)
    scene.account.expect_only_results(jobs)
    stats = standin.stats()
    assert stats["peakSubmissionsInWindow"] <= 20
    assert stats["peakChecksInWindow"] <= 40
    scene.stop_workers()


def test_what_does_not_fit_the_limits_waits_in_kafka(scene):
    scene.create_topics(partitions=4)
    standin = scene.start_standin(duration_ms=1500)
    jobs = scene.enqueue(200)
    scene.start_workers(1, {"limits": {"in_flight": 25}})
    scene.wait_for_answers(len(jobs), 120)
    scene.account.expect_only_results(jobs)

    begun = [(each.at, 1) for each in standin.accepted_submissions()]
    told = [(each.at, -1) for each in standin.checks() if each.outcome == "done"]
    at_once = most = 0
    for _, change in sorted(begun + told):
        at_once += change
        most = max(most, at_once)
    assert 5 <= most <= 25
    scene.stop_workers()


def test_no_more_connections_than_configured(scene):
    scene.create_topics(partitions=2)
    standin = scene.start_standin(duration_ms=500)
    standin.faults({"fault": "slow", "ms": 50})
    jobs = scene.enqueue(200)
    scene.start_workers(1, {"limits": {"connections": 5}})
    scene.wait_for_answers(len(jobs), 120)
    # Kept alive and used again: the whole round needs no more than a few. One is the test's own.
    assert standin.stats()["connectionsOpen"] <= 5 + 1
    scene.account.expect_only_results(jobs)
    scene.stop_workers()


def test_a_redirect_takes_no_credentials_anywhere(scene):
    scene.create_topics(partitions=1)
    standin = scene.start_standin(duration_ms=200)
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        location = f"http://127.0.0.1:{elsewhere.getsockname()[1]}/"
        standin.faults(
            {"fault": "redirect", "on": "submit", "location": location, "next": 2},
            {"fault": "redirect", "on": "check", "location": location, "next": 2},
        )
        jobs = scene.enqueue(5)
        worker = scene.start_worker()
        worker.wait_until_not_ready("endpoint_wrong")
        scene.wait_for_answers(len(jobs), 120)
        elsewhere.setblocking(False)
        try:
            connection, _ = elsewhere.accept()
            connection.close()
            raise AssertionError("the redirect was followed")
        except BlockingIOError:
            pass
    scene.account.expect_only_results(jobs)
    assert worker.stop() == 0
