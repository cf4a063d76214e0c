"""The broker goes away and comes back: the worker waits, says so, and goes on."""

from harness.waiting import wait_until

OUTAGE_RECOVERY_SECONDS = 120
CONNECTIONS = 16


def test_a_broker_that_restarts_in_the_middle_loses_nothing_and_repeats_nothing_recorded(
    scene_with_own_broker,
):
    scene = scene_with_own_broker
    scene.broker.start()
    scene.create_topics(partitions=8)
    scene.start_standin(duration_ms=3000)
    jobs = scene.enqueue(2000)
    changes = {"limits": {"connections": CONNECTIONS, "in_flight": 150}}
    scene.start_workers(3, changes)
    scene.wait_for_submissions(500, 60)
    scene.broker.stop()
    scene.broker.start()
    scene.wait_for_answers(2000, OUTAGE_RECOVERY_SECONDS)
    scene.stop_workers()

    # A session that ends meanwhile may bring a partition to another worker, who cannot know what was
    # accepted and not recorded. Each such operation is told, by the worker that submitted it.
    scene.account.expect_only_results(jobs)
    scene.account.expect_no_recorded_operation_repeated(unrecorded_at_most=3 * CONNECTIONS)
    told = [
        line
        for worker in scene.workers
        for line in worker.log.splitlines()
        if "submission unknown" in line
    ]
    for operations in scene.account.repeated().values():
        for operation in operations[:-1]:
            assert any(f"op={operation}" in line for line in told), (operation, told)


def test_a_broker_that_is_killed_and_away_longer_than_a_session_costs_nothing(
    scene_with_own_broker,
):
    scene = scene_with_own_broker
    scene.broker.start()
    scene.create_topics(partitions=2)
    scene.start_standin(duration_ms=1000)
    jobs = scene.enqueue(400)
    (worker,) = scene.start_workers(1, {"limits": {"in_flight": 50}})
    scene.wait_for_submissions(100, 60)
    scene.broker.kill()
    wait_until(lambda: worker.get("/readyz")[0] == 503, 60, scene.situation)
    assert worker.get("/healthz")[0] == 200
    scene.broker.start()
    scene.wait_for_answers(400, OUTAGE_RECOVERY_SECONDS)
    worker.wait_until_ready()
    scene.stop_workers()

    # The outage outlasts the session, so the partitions were lost meanwhile; what was accepted and
    # could not be recorded is taken up again by the worker that still knows of it.
    scene.account.expect_only_results(jobs)
    assert scene.account.repeated() == {}


def test_a_worker_that_starts_before_its_broker_waits_and_says_so(scene_with_own_broker):
    scene = scene_with_own_broker
    scene.broker.start()
    scene.create_topics(partitions=1)
    jobs = scene.enqueue(5)
    scene.broker.stop()
    scene.start_standin(duration_ms=200)

    worker = scene.start_worker()
    wait_until(lambda: scene.broker.bootstrap in worker.log, 30, scene.situation)
    assert worker.running, worker.situation()
    assert worker.get("/readyz")[0] != 200
    scene.broker.start()
    worker.wait_until_ready(OUTAGE_RECOVERY_SECONDS)
    scene.wait_for_answers(5, OUTAGE_RECOVERY_SECONDS)
    scene.account.expect_only_results(jobs)
    scene.stop_workers()
