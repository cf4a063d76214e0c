"""The quota is the fleet's: counted where the requests arrive, no window ever holds more."""

WINDOW_SECONDS = 10
SUBMISSIONS = 40
CHECKS = 120
QUOTAS = {"window_seconds": WINDOW_SECONDS, "submissions": SUBMISSIONS, "checks": CHECKS}


def expect_within_quota(standin):
    stats = standin.stats()
    assert stats["peakSubmissionsInWindow"] <= SUBMISSIONS
    assert stats["peakChecksInWindow"] <= CHECKS


def test_from_one_to_eight_workers_through_kills_and_suspensions(scene):
    scene.create_topics(partitions=8)
    standin = scene.start_standin(duration_ms=500, window_seconds=WINDOW_SECONDS)
    jobs = scene.enqueue(2 * SUBMISSIONS + 20)
    first = scene.start_worker({"quotas": QUOTAS})
    # A fleet that was idle uses its whole window at once...
    scene.wait_for_submissions(SUBMISSIONS, 60)
    times = [each.at for each in standin.accepted_submissions()]
    assert times[SUBMISSIONS - 1] - times[0] < WINDOW_SECONDS
    # ...and whoever joins, or comes after a kill, has only what is left of it.
    others = scene.start_workers(7, {"quotas": QUOTAS})
    first.kill()
    others[0].kill()
    others[1].suspend()
    scene.start_worker({"quotas": QUOTAS}).wait_until_ready()
    scene.wait_for_submissions(SUBMISSIONS + 5, 120)
    for worker in others[2:6]:
        worker.kill()
    others[1].resume()
    scene.wait_for_answers(len(jobs), 300)
    expect_within_quota(standin)
    scene.account.expect_only_results(jobs)
    scene.stop_workers()


def test_workers_killed_again_and_again_have_not_a_submission_too_many(scene):
    scene.create_topics(partitions=2)
    standin = scene.start_standin(duration_ms=300, window_seconds=WINDOW_SECONDS)
    scene.enqueue(4 * SUBMISSIONS)
    for kills in range(1, 6):
        worker = scene.start_worker({"quotas": QUOTAS})
        worker.wait_until_ready()
        before = len(standin.accepted_submissions())
        if before < SUBMISSIONS - 1:
            # In the middle of a burst: some are accepted and not recorded, some are under way.
            scene.wait_for_submissions(min(before + 3, SUBMISSIONS - 1), 60)
        worker.kill()
        expect_within_quota(standin)
    assert len(standin.accepted_submissions()) <= 2 * SUBMISSIONS
    expect_within_quota(standin)
