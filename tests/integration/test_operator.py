"""What an operator can mend dead-letters nothing: the worker waits, says why, and goes on."""

import time

from harness.scene import API_KEY
from harness.waiting import wait_until


def expect_nothing_lost(scene, jobs, timeout_seconds=120):
    scene.wait_for_answers(len(jobs), timeout_seconds)
    scene.account.expect_only_results(jobs)


def test_revoked_credentials_lose_nothing_and_a_new_key_is_taken_up_alone(scene):
    scene.create_topics(partitions=2)
    standin = scene.start_standin(duration_ms=1000)
    jobs = scene.enqueue(100)
    (worker,) = scene.start_workers(1, {"limits": {"in_flight": 30}})
    scene.wait_for_submissions(30, 30)
    standin.accept_key("another-key")
    reason = worker.wait_until_not_ready("credentials_rejected")
    assert API_KEY not in reason
    jobs += scene.enqueue(20, prefix="meanwhile")
    assert scene.account.dead_letters() == {}

    # Stopped means stopped: no storm of refused requests.
    def requests():
        return standin.arrived("submissions") + standin.arrived("checks")

    refused = requests()
    wait_until(lambda: worker.get("/healthz")[0] == 200, 10, scene.situation)
    time_to_watch = time.monotonic() + 3
    wait_until(lambda: time.monotonic() > time_to_watch, 5, "three seconds of watching")
    assert requests() - refused < 30

    scene.key_file.write_text("another-key\n")
    worker.wait_until_ready()
    expect_nothing_lost(scene, jobs)
    assert scene.account.repeated() == {}
    scene.stop_workers()


def test_a_credential_file_that_comes_later_is_waited_for(scene):
    scene.create_topics(partitions=1)
    scene.start_standin(duration_ms=200)
    jobs = scene.enqueue(5)
    scene.key_file.unlink()
    worker = scene.start_worker()
    worker.wait_until_not_ready("credentials_rejected")
    scene.key_file.write_text(API_KEY)
    worker.wait_until_ready()
    expect_nothing_lost(scene, jobs)
    scene.stop_workers()


def test_a_missing_role_loses_nothing(scene):
    scene.create_topics(partitions=1)
    standin = scene.start_standin(duration_ms=200)
    standin.faults({"fault": "forbidden", "on": "submit"})
    jobs = scene.enqueue(50)
    (worker,) = [scene.start_worker()]
    worker.wait_until_not_ready("permission_denied")
    standin.faults()
    worker.wait_until_ready(120)
    expect_nothing_lost(scene, jobs)
    scene.stop_workers()


def test_a_minute_without_the_api_loses_nothing(scene):
    scene.create_topics(partitions=2)
    standin = scene.start_standin(duration_ms=2000)
    jobs = scene.enqueue(200)
    (worker,) = scene.start_workers(1, {"limits": {"in_flight": 60}})
    scene.wait_for_submissions(60, 30)
    standin.faults({"fault": "unavailable"})
    down_until = time.monotonic() + 60
    worker.wait_until_not_ready("api_unreachable")
    assert worker.get("/healthz")[0] == 200
    wait_until(lambda: time.monotonic() > down_until, 70, "the end of the minute")
    assert scene.account.dead_letters() == {}
    standin.faults()
    expect_nothing_lost(scene, jobs)
    worker.wait_until_ready()
    assert scene.account.repeated() == {}
    scene.stop_workers()


def test_an_api_that_refuses_connections_loses_nothing_and_leaves_nothing_unknown(scene):
    scene.create_topics(partitions=1)
    standin = scene.start_standin(duration_ms=500)
    standin.outage("refuse")
    jobs = scene.enqueue(30)
    (worker,) = [scene.start_worker()]
    worker.wait_until_not_ready("api_unreachable")
    standin.outage("none")
    worker.wait_until_ready(120)
    expect_nothing_lost(scene, jobs)
    # A connection that was refused carried no request: nothing is unknown, nothing repeated.
    assert worker.metric("submissions_total", outcome="unknown") == 0
    assert scene.account.repeated() == {}
    scene.stop_workers()


def test_an_exhausted_quota_slows_the_worker_and_loses_nothing(scene):
    scene.create_topics(partitions=1)
    standin = scene.start_standin(duration_ms=500)
    jobs = scene.enqueue(60)
    standin.faults({"fault": "quota", "on": "submit"})
    worker = scene.start_worker()
    wait_until(lambda: standin.arrived("submissions") >= 1, 60, scene.situation)
    wait_until(
        lambda: worker.metric("throttled_seconds_total", reason="too_many_requests") > 0,
        60,
        scene.situation,
    )
    standin.faults()
    expect_nothing_lost(scene, jobs)
    scene.stop_workers()


def test_a_wrong_model_for_all_jobs_trips_the_breaker(scene):
    scene.create_topics(partitions=2)
    standin = scene.start_standin(duration_ms=200)
    standin.faults({"fault": "refuse", "on": "submit", "message": "unknown model"})
    jobs = scene.enqueue(500)
    worker = scene.start_worker({"limits": {"refusals_in_a_row": 10, "connections": 4}})
    worker.wait_until_not_ready("refusals_in_a_row")
    # Those under way when it tripped may still be refused; they wait with the others.
    assert 10 <= standin.arrived("submissions") <= 10 + 4
    scene.wait_for_answers(0, 30, dead_letters=10)
    dead = scene.account.dead_letters()
    assert len(dead) == 10
    assert {each.header("backscribe-error-code") for each in dead.values()} == {"invalid_argument"}
    assert worker.get("/healthz")[0] == 200

    # Mended by a person, who restarts the worker with the right model: the rest goes on.
    scene.stop_workers()
    standin.faults()
    scene.start_workers(1)
    dead = scene.account.dead_letters()
    scene.wait_for_answers(len(jobs) - len(dead), 60)
    scene.account.expect_one_answer_each(jobs)
    scene.stop_workers()


def test_an_empty_key_and_a_key_of_several_lines_are_never_shown(scene):
    scene.create_topics(partitions=1)
    standin = scene.start_standin(duration_ms=200)
    jobs = scene.enqueue(3)
    scene.key_file.write_text("")
    worker = scene.start_worker(arguments=["--log-level", "debug"])
    worker.wait_until_not_ready("credentials_rejected")
    scene.key_file.write_text("half-of-a-secret\r\nsecond-half")
    worker.wait_until_not_ready("credentials_rejected")
    scene.key_file.write_text(API_KEY)
    expect_nothing_lost(scene, jobs)
    assert "half-of-a-secret" not in worker.log and "second-half" not in worker.log
    assert standin.accepted_submissions()
    everything = [scene.cluster.read(topic) for topic in scene.topics.values()]
    for message in sum(everything, []):
        assert API_KEY.encode() not in (message.value or b"") + repr(message.headers).encode()
    scene.stop_workers()
