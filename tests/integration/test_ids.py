"""Remembered ids: within `results.remember_seconds` an id is paid for once in its partition, over
crashes and owners; a dead-lettered one is free again."""

import json
import signal

from harness.topics import Tail, job_value
from harness.waiting import wait_until

HANDOVER_SECONDS = 90
# A static member's place is taken up at once, which spares these scenarios the session's end.
ALONE = {"kafka": {"group.instance.id": "alone"}}


def message(job_id, name=None, key=b"key", partition=0, **fields):
    value = job_value(f"s3://recordings/{name or job_id}.ogg", id=job_id, **fields)
    return (key, value, (), partition)


def produce(scene, *messages):
    return scene.cluster.produce(scene.topics["jobs"], messages)


def submissions_of(scene, name):
    """How often a recording was accepted."""
    return sum(f"/{name}.ogg" in each.uri for each in scene.standin.accepted_submissions())


def wait_for_skips(scene, count, timeout_seconds=60, **labels):
    wait_until(
        lambda: scene.metric("jobs_skipped_total", **labels) >= count,
        timeout_seconds,
        scene.situation,
    )


def wait_until_read(scene, jobs, timeout_seconds=60):
    """Until the group has committed past every one of them."""
    ends = {}
    for job in jobs:
        place = (job.topic, job.partition)
        ends[place] = max(ends.get(place, 0), job.offset + 1)

    def read():
        committed = scene.cluster.committed_offsets(scene.group)
        return all(committed.get(place, -1) >= end for place, end in ends.items())

    wait_until(read, timeout_seconds, scene.situation)


def produced_like_redrive(scene, dead_letter):
    """The same value, key and headers less the error headers."""
    headers = [each for each in dead_letter.headers if not each[0].startswith("backscribe-")]
    again = (dead_letter.key, dead_letter.value, headers, 0)
    return scene.cluster.produce(scene.topics["jobs"], [again])[0]


def dead_letters(scene, count, timeout_seconds=60):
    with Tail(scene.cluster, scene.topics["dead_letters"]) as tail:
        return list(tail.wait_for(count, timeout_seconds, scene.situation))


# ---- duplicates


def test_duplicates_in_one_batch_are_skipped_and_counted(scene):
    scene.create_topics(partitions=1)
    standin = scene.start_standin(duration_ms=500)
    jobs = produce(scene, *[message(f"call-{number % 10}") for number in range(50)])
    (worker,) = scene.start_workers(1)
    scene.wait_for_answers(10, 60)
    wait_for_skips(scene, 40)
    scene.account.expect_one_answer_each(jobs, skipped=40)
    assert len(standin.accepted_submissions()) == 10
    assert worker.metric("jobs_skipped_total") == 40
    scene.stop_workers()


def test_an_id_of_200_characters_is_one_id_in_any_alphabet(scene):
    scene.create_topics(partitions=1)
    standin = scene.start_standin(duration_ms=300)
    longest = "ы" * 199 + "😀"
    other = "ы" * 199 + "😁"  # the same but for its end
    produce(
        scene,
        message(longest, "a"),
        message(longest, "a"),
        message(other, "b"),
        message(longest + "я", "c"),  # 201 characters
        message("e\u0301", "d"),  # not the same id as its composed form
        message("\u00e9", "e"),
    )
    scene.start_workers(1)
    scene.wait_for_answers(4, 60, dead_letters=1)
    wait_for_skips(scene, 1)
    (refused,) = dead_letters(scene, 1)
    assert refused.header("backscribe-error-code") == "invalid_job"
    assert len(standin.accepted_submissions()) == 4
    scene.stop_workers()


def test_the_same_id_in_two_partitions_is_two_ids(scene):
    scene.create_topics(partitions=2)
    scene.start_standin(duration_ms=300)
    jobs = produce(scene, message("twin", partition=0), message("twin", partition=1))
    scene.start_workers(1)
    scene.wait_for_answers(2, 60)
    scene.account.expect_only_results(jobs)
    assert submissions_of(scene, "twin") == 2
    scene.stop_workers()


def test_an_id_that_looks_like_a_made_up_one_is_an_id_of_its_own(scene):
    scene.create_topics(partitions=1)
    scene.start_standin(duration_ms=300)
    nameless = (b"key", job_value("s3://recordings/nameless.ogg"), (), 0)
    jobs = produce(scene, nameless, nameless, message(f"{scene.topics['jobs']}-0-0", "named"))
    (worker,) = scene.start_workers(1)
    scene.wait_for_answers(3, 60)
    scene.account.expect_only_results(jobs)
    assert submissions_of(scene, "nameless") == 2  # made-up ids are not remembered
    assert worker.metric("jobs_skipped_total") == 0
    # Only the named one stands in the state topic.
    state = scene.cluster.read(scene.topics["state"])
    assert len({each.key for each in state if each.key.startswith(b"i:")}) == 1
    scene.stop_workers()


# ---- crashes and owners


def test_a_duplicate_after_kill_9_while_the_first_is_in_flight_is_skipped(scene):
    scene.create_topics(partitions=1)
    scene.start_standin(duration_ms=8000)
    jobs = produce(scene, *[message(f"call-{number}") for number in range(20)])
    (worker,) = scene.start_workers(1, {**ALONE, "checks": {"first_guess_seconds": 8}})
    scene.wait_for_submissions(20)
    wait_until_read(scene, jobs)  # committed: each has its record
    worker.kill()
    jobs += produce(scene, *[message(f"call-{number}") for number in range(20)])
    scene.start_workers(1, ALONE)
    scene.wait_for_answers(20, HANDOVER_SECONDS)
    wait_for_skips(scene, 20)
    scene.account.expect_one_answer_each(jobs, skipped=20)
    assert scene.account.repeated() == {}
    scene.stop_workers()


def test_a_duplicate_after_kill_9_and_after_the_first_is_done_is_skipped(scene):
    scene.create_topics(partitions=1)
    standin = scene.start_standin(duration_ms=300)
    jobs = produce(scene, *[message(f"call-{number}") for number in range(20)])
    (worker,) = scene.start_workers(1, ALONE)
    scene.wait_for_answers(20, 60)
    worker.kill()
    jobs += produce(scene, *[message(f"call-{number}") for number in range(20)])
    jobs += produce(scene, message("new"))
    (successor,) = scene.start_workers(1, ALONE)
    scene.wait_for_answers(21, HANDOVER_SECONDS)
    scene.account.expect_one_answer_each(jobs, skipped=20)
    assert len(standin.accepted_submissions()) == 21
    assert successor.metric("jobs_skipped_total", reason="done") == 20
    scene.stop_workers()


def test_a_duplicate_is_known_to_the_new_owner_after_a_rebalance(scene):
    scene.create_topics(partitions=4)
    scene.start_standin(duration_ms=10_000)
    changes = {"checks": {"first_guess_seconds": 10}}
    names = [(f"call-{number}", number % 4) for number in range(40)]
    jobs = produce(scene, *[message(name, partition=place) for name, place in names])
    (first,) = scene.start_workers(1, changes)
    scene.wait_for_submissions(40)
    second = scene.start_worker(changes)
    wait_until(lambda: len(second.status().get("partitions", [])) == 2, 60, scene.situation)
    second.wait_until_ready()
    # In flight at two owners now; once more when all are done, and a third owner has some of them.
    jobs += produce(scene, *[message(name, partition=place) for name, place in names])
    wait_for_skips(scene, 40, reason="in_flight")
    scene.wait_for_answers(40, 90)
    assert first.stop() == 0
    jobs += produce(scene, *[message(name, partition=place) for name, place in names])
    wait_for_skips(scene, 40, reason="done")
    scene.account.expect_one_answer_each(jobs, skipped=80)
    assert scene.account.repeated() == {}
    scene.stop_workers()


def test_a_duplicate_of_a_result_whose_transaction_is_cut_off_by_kill_9_is_paid_once(scene):
    scene.create_topics(partitions=1)
    scene.start_standin(duration_ms=1500)
    jobs = produce(scene, *[message(f"call-{number}") for number in range(300)])
    (worker,) = scene.start_workers(1, ALONE)
    # Killed in the middle of publishing: some result is in a transaction that is never committed.
    with Tail(scene.cluster, scene.topics["results"], "read_uncommitted") as tail:
        tail.wait_for(100, 60, scene.situation)
    worker.kill()
    jobs += produce(scene, *[message(f"call-{number}") for number in range(300)])
    scene.start_workers(1, ALONE)
    scene.wait_for_answers(300, HANDOVER_SECONDS)
    wait_until_read(scene, jobs)
    scene.account.expect_one_answer_each(jobs, skipped=300)
    scene.account.expect_no_recorded_operation_repeated(unrecorded_at_most=64)
    scene.stop_workers()


def test_a_suspended_owner_s_duplicates_are_paid_once_when_it_wakes(scene):
    scene.create_topics(partitions=1)
    scene.start_standin(duration_ms=300)
    first, second = [scene.start_worker() for _ in range(2)]
    first.wait_until_ready()
    second.wait_until_ready()
    owner = first if first.status()["partitions"] else second
    other = second if owner is first else first
    jobs = produce(scene, message("before"))
    scene.wait_for_answers(1, 60)
    owner.suspend()
    jobs += produce(scene, message("before"), message("meanwhile"))
    wait_until(lambda: other.status().get("partitions"), HANDOVER_SECONDS, scene.situation)
    scene.wait_for_answers(2, HANDOVER_SECONDS)
    owner.resume()
    jobs += produce(scene, message("before"), message("meanwhile"), message("after"))
    scene.wait_for_answers(3, 60)
    wait_until_read(scene, jobs)
    scene.account.expect_one_answer_each(jobs, skipped=3)
    assert scene.account.repeated() == {}
    scene.stop_workers()


# ---- conflict, force, time and number


def test_another_recording_or_specification_under_the_same_id_is_a_conflict(scene):
    scene.create_topics(partitions=1)
    standin = scene.start_standin(duration_ms=4000)
    in_flight = produce(scene, message("x", "first"))
    worker = scene.start_workers(1, {**ALONE, "checks": {"first_guess_seconds": 4}})[0]
    scene.wait_for_submissions(1)
    specification = {"config": {"specification": {"model": "deferred-general"}}}
    conflicts = [message("x", "second"), message("x", "first", **specification)]
    while_in_flight = produce(scene, *conflicts)
    assert len(dead_letters(scene, 2)) == 2
    scene.wait_for_answers(1, 60, dead_letters=2)
    after_done = produce(scene, *conflicts)
    assert len(dead_letters(scene, 4)) == 4
    worker.kill()
    after_restart = produce(scene, *conflicts, message("x", "first"))
    (worker,) = scene.start_workers(1, ALONE)
    letters = dead_letters(scene, 6, HANDOVER_SECONDS)
    wait_for_skips(scene, 1)
    codes = {each.header("backscribe-error-code") for each in letters}
    assert codes == {"id_conflict"}
    assert all(each.header("backscribe-error-stage") == "intake" for each in letters)
    everything = in_flight + while_in_flight + after_done + after_restart
    scene.account.expect_one_answer_each(everything, skipped=1)
    assert len(standin.accepted_submissions()) == 1
    scene.stop_workers()


def test_force_submits_what_was_done_and_not_what_is_in_flight(scene):
    scene.create_topics(partitions=1)
    scene.start_standin(duration_ms=3000)
    jobs = produce(scene, message("again"))
    (worker,) = scene.start_workers(1, {**ALONE, "checks": {"first_guess_seconds": 3}})
    scene.wait_for_submissions(1)
    jobs += produce(scene, message("again", force=True))
    wait_for_skips(scene, 1, reason="in_flight")
    scene.wait_for_answers(1, 60)
    jobs += produce(scene, message("again"), message("again", force=True))
    scene.wait_for_submissions(2)
    jobs += produce(scene, message("again"))  # the forced one is in flight
    wait_for_skips(scene, 2, reason="in_flight")
    scene.wait_for_answers(2, 60)
    worker.kill()
    jobs += produce(scene, message("again"), message("again", force=True))
    scene.start_workers(1, ALONE)
    scene.wait_for_answers(3, HANDOVER_SECONDS)
    scene.account.expect_one_answer_each(jobs, skipped=4)
    assert submissions_of(scene, "again") == 3
    scene.stop_workers()


def test_an_id_is_free_again_after_its_time(scene):
    scene.create_topics(partitions=1)
    scene.start_standin(duration_ms=200)
    changes = {"results": {"remember_seconds": 8}}
    jobs = produce(scene, message("old"))
    (worker,) = scene.start_workers(1, changes)
    scene.wait_for_answers(1, 60)
    jobs += produce(scene, message("old"))
    wait_for_skips(scene, 1, reason="done")
    tries = 0

    def paid_again():
        nonlocal tries, jobs
        tries += 1
        jobs += produce(scene, message("old"))
        wait_until_read(scene, jobs)
        return submissions_of(scene, "old") == 2

    wait_until(paid_again, 60, scene.situation, pause_seconds=1)
    assert tries > 2
    scene.wait_for_answers(2, 60)
    scene.account.expect_one_answer_each(jobs, skipped=tries)
    # What was forgotten goes from the state topic too: one id, one live record.
    newest = {each.key: each.value for each in scene.cluster.read(scene.topics["state"])}
    live = [key for key, value in newest.items() if key.startswith(b"i:") and value is not None]
    assert len(live) == 1
    assert worker.metric("ids_forgotten_total") == 0  # none before its time
    scene.stop_workers()


def test_over_the_limit_the_oldest_ids_are_forgotten_and_counted(scene):
    scene.create_topics(partitions=2)
    scene.start_standin(duration_ms=100)
    changes = {"limits": {"remembered_ids": 100}}
    old = [message(f"old-{number}", partition=1) for number in range(50)]
    new = [message(f"new-{number}", partition=0) for number in range(1000)]
    jobs = produce(scene, *old)
    (worker,) = scene.start_workers(1, changes)
    scene.wait_for_answers(50, 60)
    jobs += produce(scene, *new)
    scene.wait_for_answers(1050, 90)
    # One more, so that a transaction follows the last result.
    jobs += produce(scene, message("last", partition=0))
    scene.wait_for_answers(1051, 60)

    def within_limit():
        newest = {
            (each.partition, each.key): each.value
            for each in scene.cluster.read(scene.topics["state"])
        }
        live = [
            place
            for place, value in newest.items()
            if place[1].startswith(b"i:") and value is not None
        ]
        # The oldest are those of the partition that is idle now.
        return len(live) <= 101 and all(place[0] == 0 for place in live)

    wait_until(within_limit, 30, scene.situation)
    assert worker.metric("ids_forgotten_total") >= 950
    jobs += produce(scene, old[0], message("last", partition=0))
    scene.wait_for_answers(1052, 60)  # the oldest is paid for again
    wait_for_skips(scene, 1, reason="done")
    scene.account.expect_one_answer_each(jobs, skipped=1)
    scene.stop_workers()


# ---- dead letters are free again


def test_a_redriven_dead_letter_runs_again_and_its_id_counts_from_its_result(scene):
    scene.create_topics(partitions=1)
    standin = scene.start_standin(duration_ms=300)
    standin.faults({"fault": "refuse", "on": "submit", "uri": "/mended.ogg"})
    produce(scene, (b"k", message("mended")[1], (("traceparent", b"00-1"),), 0))
    (worker,) = scene.start_workers(1, ALONE)
    (letter,) = dead_letters(scene, 1)
    assert letter.header("backscribe-error-code") == "invalid_argument"
    standin.faults()
    worker.kill()  # what the next owner knows comes from the state topic alone
    again = produced_like_redrive(scene, letter)
    scene.start_workers(1, ALONE)
    scene.wait_for_answers(1, HANDOVER_SECONDS)
    results = scene.account.results()
    assert list(results) == [again.source]
    answer, _ = results[again.source]
    assert answer.key == b"k" and answer.header("traceparent") == "00-1"
    produced_like_redrive(scene, letter)
    wait_for_skips(scene, 1, reason="done")
    assert submissions_of(scene, "mended") == 1
    scene.stop_workers()


def test_a_dead_letter_redriven_at_once_is_never_lost_to_the_one_that_is_ending(scene):
    """Whoever follows the dead letters sees each as soon as it is committed, which the worker may
    not know yet."""
    scene.create_topics(partitions=1)
    standin = scene.start_standin(duration_ms=200)
    count = 300
    standin.faults({"fault": "fail", "uri": "/call-", "code": 3, "first_per_uri": 1})
    produce(scene, *[message(f"call-{number}") for number in range(count)])
    scene.start_workers(1)
    redriven = []
    with Tail(scene.cluster, scene.topics["dead_letters"]) as tail:

        def follow():
            for letter in tail.poll()[len(redriven) :]:
                redriven.append(produced_like_redrive(scene, letter))
            return len(redriven) == count

        wait_until(follow, 120, scene.situation, pause_seconds=0)
    scene.wait_for_answers(count, 60)
    assert scene.account.results().keys() == {job.source for job in redriven}
    assert scene.metric("jobs_skipped_total") == 0
    scene.stop_workers()


def test_a_conflict_does_not_free_the_id_that_it_conflicts_with(scene):
    scene.create_topics(partitions=1)
    standin = scene.start_standin(duration_ms=300)
    jobs = produce(scene, message("x", "first"))
    scene.start_workers(1)
    scene.wait_for_answers(1, 60)
    jobs += produce(scene, message("x", "second"))
    (letter,) = dead_letters(scene, 1)
    jobs.append(produced_like_redrive(scene, letter))
    jobs += produce(scene, message("x", "first"))
    assert len(dead_letters(scene, 2)) == 2
    wait_for_skips(scene, 1, reason="done")
    scene.account.expect_one_answer_each(jobs, skipped=1)
    assert len(standin.accepted_submissions()) == 1
    scene.stop_workers()


def test_ids_are_those_of_the_jobs_not_of_the_keys(scene):
    scene.create_topics(partitions=1)
    standin = scene.start_standin(duration_ms=300)
    jobs = produce(
        scene, message("a", key=b"one"), message("a", key=b"two"), message("b", key=b"one")
    )
    (worker,) = scene.start_workers(1)
    scene.wait_for_answers(2, 60)
    wait_for_skips(scene, 1)
    results, _ = scene.account.expect_one_answer_each(jobs, skipped=1)
    assert {json.loads(answer.value)["id"] for answer, _ in results.values()} == {"a", "b"}
    assert len(standin.accepted_submissions()) == 2
    worker.send(signal.SIGTERM)
    assert worker.wait_for_end(30) == 0
